//! `airtight mirror sbom`.

use clap::Args;

use super::super::progress::Progress;
use super::super::{ExitCode, Stop, output};
use super::OneMirror;
use airtight_gate::context::real;
use airtight_gate::engine;
use airtight_provider::digest::{Content, Subject, compute};
use airtight_provider::mirror;
use airtight_provider::modules::ModuleStore;
use airtight_provider::seal::{Manifest, print};
use airtight_provider::{EngineName, Layout};
use airtight_supply::mirror::evidence;
use airtight_supply::mirror::sbom;
use airtight_supply::mirror::sbom::EngineComponent;
use airtight_supply::mirror::seal::{self, Names};

#[derive(Args, Debug)]
pub(super) struct SbomArguments {
    #[command(flatten)]
    mirror: OneMirror,
    /// Also list this engine: `tofu`, `terraform`, or the path of one
    #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE")]
    engine: Option<String>,
    /// Also list the modules of this store
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MODULES")]
    modules: Option<String>,
}

pub(super) fn run(arguments: &SbomArguments) -> Result<ExitCode, Stop> {
    let path = arguments.mirror.path()?;
    let engine = match arguments.engine.as_deref().filter(|text| !text.is_empty()) {
        Some(asked_for) => Some(engine_component(asked_for)?),
        None => None,
    };
    let modules = match arguments.modules.as_deref().filter(|text| !text.is_empty()) {
        Some(directory) => {
            let store = ModuleStore::read(directory.into()).map_err(anyhow::Error::new)?;
            Some(store.ok_or_else(|| Stop::Usage(format!("`{directory}` is no store of modules")))?)
        }
        None => None,
    };
    let walked = mirror::walk(&path, EngineName::Tofu);
    let progress = Progress::new();
    let (packages, mut problems) = seal::measure(&walked, Names::AsEnginesRead, &|count| progress.add(count));
    progress.finish();
    problems.extend(walked.error.clone());
    if !problems.is_empty() {
        return Err(anyhow::anyhow!("the mirror cannot be listed as a whole:\n  {}", problems.join("\n  ")).into());
    }
    let serial = Manifest::read(&walked.base)?.map(|sealed| sealed.serial()).transpose()?.flatten();
    let manifest = print(&packages, serial).map_err(anyhow::Error::new)?;
    let digest = Manifest::new(manifest).digest().to_owned();
    let archives = packages.iter().filter_map(|package| {
        let sha256 = evidence::recorded_archive(&walked.base, &package.id().ok()?, &package.h1)?;
        Some((package.path.clone(), sha256))
    });
    let text = sbom::print(&packages, &archives.collect(), &digest, engine.as_ref(), modules.as_ref())
        .map_err(anyhow::Error::new)?;
    output::data(&text)?;
    Ok(ExitCode::Cleared)
}

fn engine_component(asked_for: &str) -> Result<EngineComponent, Stop> {
    let path = std::env::var("PATH").ok();
    // It is asked for its version from another directory.
    let asked_for = if asked_for.contains('/') { real(asked_for.into()).into_string() } else { asked_for.to_owned() };
    let found = engine::find(Some(&asked_for), path.as_deref(), None).map_err(Stop::Engine)?;
    // A file's own digest is what `zh:` is of an archive.
    let subject = Subject { path: found.program, layout: Layout::Packed, content: Content::Zh };
    let hash = compute(&[subject], None, &|_| {}).pop().unwrap_or_else(|| Err("nothing was computed".to_owned()));
    let hash = hash.map_err(|reason| anyhow::anyhow!("the engine cannot be hashed: {reason}"))?;
    Ok(EngineComponent { engine: found.engine, sha256: hash.as_str().trim_start_matches("zh:").to_owned() })
}
