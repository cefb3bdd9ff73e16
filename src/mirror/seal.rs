//! `airtight mirror seal`.

use clap::Args;
use serde::Serialize;

use super::super::progress::Progress;
use super::super::{ExitCode, Stop, output};
use super::OneMirror;
use crate::common_arguments::ListFormat;
use airtight_supply::mirror::seal;

#[derive(Args, Debug)]
pub(super) struct SealArguments {
    #[command(flatten)]
    mirror: OneMirror,
    /// Also verify this store of modules, and print its digest on a second line
    #[arg(long, value_name = "DIR")]
    modules: Option<String>,
    /// Number in the seal that grows with each mirror, for `seal: minimum:` in the settings
    #[arg(long, value_name = "NUMBER")]
    serial: Option<u64>,
    /// Format of the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ListFormat,
}

/// `airtight/mirror-seal/1`.
#[derive(Serialize)]
struct SealReport<'a> {
    schema: &'static str,
    digest: &'a str,
    packages: usize,
    /// The digest of the store of modules.
    modules: Option<&'a str>,
    serial: Option<u64>,
}

pub(super) fn run(arguments: &SealArguments) -> Result<ExitCode, Stop> {
    let mirror = arguments.mirror.path()?;
    let store = arguments.modules.as_deref().map(crate::modules::whole).transpose()?;
    let modules = store.as_ref().map(|store| store.digest.as_str());
    let progress = Progress::new();
    let manifest = seal::seal(&mirror, arguments.serial, &|count| progress.add(count))?;
    progress.finish();
    let packages = manifest.all()?.len();
    let digest = manifest.digest();
    output::data(&match arguments.format {
        ListFormat::Human => {
            let digests: Vec<_> = [Some(digest), modules].into_iter().flatten().collect();
            format!("{}\n", digests.join("\n"))
        }
        ListFormat::Json => output::json(&SealReport {
            schema: "airtight/mirror-seal/1",
            digest,
            packages,
            modules,
            serial: arguments.serial,
        })?,
    })?;
    Ok(ExitCode::Cleared)
}
