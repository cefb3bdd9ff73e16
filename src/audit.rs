//! `airtight audit`: many repositories against one image. The report is the data: stdout.

#![expect(clippy::doc_markdown, reason = "these docs are the help, where backticks would be printed")]

use std::time::SystemTime;

use airtight_audit::fleet;
use airtight_audit::image::Image;
use airtight_audit::report::{AuditReport, Material};
use airtight_audit::stack::Question;
use airtight_audit::{csv, demand, findings, html, human, markdown, usage};
use airtight_engine::module_stores::ModuleStores;
use airtight_finding::report::ReportSubject;
use airtight_finding::sarif;
use airtight_provider::Timestamp;
use airtight_provider::modules::ModuleStore;
use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::common_arguments::CommonArguments;
use super::resolve::Resolved;
use super::{ExitCode, Stop, output, typed};

pub(super) const HELP: &str = "\
Examples:
  airtight audit repositories                         against /providers, or --mirror DIR
  airtight audit --seal seal.json repositories        only the seal of the image is here
  airtight audit --seal new.json --baseline old.json repositories
                                                      what changes for whom with the new image
  airtight audit --emit-manifest next.json --html wall.html repositories
  airtight mirror build --manifest next.json providers

Root modules are found by their lock files, and by configurations that nobody calls as a module. Copies in .terraform, \
called modules, examples and tests are left out and listed with the reason; name such a directory to include it.

No engine is asked: every configuration is assumed to load. States in backends are not read. What an earlier `init` left in \
.terraform is not used, because a run starts from a fresh checkout.

Exit codes: 0 every stack works; 100 a stack would fail or be refused, or a rule of the settings denies what was found; 96 \
usage or settings. Rules decide by code, such as `package-unused: deny` or `provider-not-locked: {level: warn, reason: ...}`.";

#[derive(Args, Debug)]
pub(crate) struct AuditArguments {
    /// Directory with the image's provider packages (repeatable, or several separated by `:`; default: /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", value_delimiter = ':')]
    mirror: Vec<String>,
    /// Store of modules in the image (repeatable, or several separated by `:`; default: /modules if it exists)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MODULES", value_delimiter = ':')]
    modules: Vec<String>,
    /// The image's seal, instead of its mirror: DIR/.airtight/seal.json. No package is needed
    #[arg(long, value_name = "FILE", conflicts_with = "mirror")]
    seal: Option<Utf8PathBuf>,
    /// Seal of an earlier image: say what changes for whom
    #[arg(long, value_name = "OLD-SEAL")]
    baseline: Option<Utf8PathBuf>,
    /// Write what the next mirror and store of modules must hold, for `mirror build --manifest` and `modules build --manifest`
    #[arg(long, value_name = "FILE")]
    emit_manifest: Option<Utf8PathBuf>,
    /// Also write the report as a page that needs no server and no network
    #[arg(long, value_name = "FILE")]
    html: Option<Utf8PathBuf>,
    /// Format of the report (default: human, or `AIRTIGHT_FORMAT` if it is one of these)
    #[arg(long, value_enum)]
    format: Option<AuditFormat>,
    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_REPORT")]
    report: Option<String>,
    /// `tofu`, `terraform`, or the path of one (default: the one on PATH; if both are, `tofu`)
    #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE")]
    engine: Option<String>,
    /// Predict for this version of the engine; if --engine is `tofu` or `terraform`, it need not be installed
    #[arg(long, value_name = "X.Y.Z", env = "AIRTIGHT_ENGINE_VERSION")]
    engine_version: Option<String>,
    /// Platform of the image, such as linux_amd64 (default: this machine's)
    #[arg(long, value_name = "OS_ARCH", env = "AIRTIGHT_PLATFORM")]
    platform: Option<String>,
    /// The image's settings, for their rules (default: /etc/airtight/settings.yml if it exists)
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS")]
    settings: Option<String>,
    /// Directories with repositories
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<Utf8PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum AuditFormat {
    #[default]
    Human,
    Json,
    Csv,
    Markdown,
    Sarif,
}

pub(super) fn run(arguments: &AuditArguments) -> Result<ExitCode, Stop> {
    if let Some(directory) = arguments.directories.iter().find(|directory| !directory.is_dir()) {
        return Err(Stop::Usage(format!("`{directory}` is no directory")));
    }
    let resolved = Resolved::new(&arguments.common(), None)?;
    let engine = resolved.engine_to_predict()?;
    let platform = &resolved.platform;
    let settings = &resolved.settings;
    let usage_error = |error: anyhow::Error| Stop::Usage(format!("{error:#}"));
    let of_seal = |file: &Utf8PathBuf| Image::of_seal(file, &settings.also, &engine).map_err(usage_error);
    let image = if let Some(file) = &arguments.seal {
        of_seal(file)?
    } else {
        if let Some(mirror) = settings.mirror.iter().find(|mirror| !mirror.is_dir()) {
            return Err(Stop::Usage(format!(
                "the mirror `{mirror}` is no directory; name one with --mirror DIR, or a seal with --seal FILE"
            )));
        }
        Image::of_mirrors(&settings.mirror, &settings.also, &engine)?
    };
    let baseline = arguments.baseline.as_ref().map(of_seal).transpose()?;
    let mut modules = ModuleStores::default();
    for path in settings.module_stores() {
        match ModuleStore::read(&path) {
            Ok(Some(store)) => modules.stores.push(store),
            // The default path may be something else.
            Ok(None) if settings.modules.is_none() => {}
            Ok(None) => return Err(Stop::Usage(format!("`{path}` holds no store of modules"))),
            Err(error) => return Err(Stop::Usage(format!("the store of modules `{path}`: {error}"))),
        }
    }
    let question = Question {
        engine: &engine,
        platform,
        reachable: &settings.reachable,
        provider_policies: &settings.provider_policies,
        modules: &modules,
        image: &image,
        baseline: baseline.as_ref(),
    };
    let mut fleet = fleet::audit(&question, &arguments.directories)?;
    let usage = usage::usage(image.packages(), &fleet.stacks, &engine, platform);
    fleet.findings.extend(resolved.findings.iter().cloned());
    fleet.findings.extend(image.findings(&settings.provider_policies, &engine));
    let of_modules = usage::of_modules(&modules, &fleet.stacks);
    findings::add(&mut fleet, &usage, &of_modules, &engine, platform);
    fleet.apply_rules(settings, &resolved.today);
    let demand = demand::demand(&fleet.stacks);
    let report = AuditReport::new(&Material {
        engine: &engine,
        platform,
        image: &image,
        baseline: baseline.as_ref(),
        fleet: &fleet,
        usage: &usage,
        modules: &of_modules,
        demand: &demand,
        elapsed: resolved.started.elapsed(),
    });
    if let Some(path) = &arguments.emit_manifest {
        output::file("the manifest", path, &demand.print().map_err(anyhow::Error::new)?)?;
    }
    if let Some(path) = &arguments.html {
        let date = Timestamp::from(SystemTime::now()).date();
        output::file("the page", path, &html::render(&report, &date).map_err(anyhow::Error::new)?)?;
    }
    if let Some(path) = &resolved.report {
        output::file("the report", path, &output::json(&report)?)?;
    }
    output::data(&match typed::format(arguments.format) {
        AuditFormat::Human => human::render(&report),
        AuditFormat::Json => output::json(&report)?,
        AuditFormat::Csv => csv::render(&report),
        AuditFormat::Markdown => markdown::render(&report),
        AuditFormat::Sarif => sarif(&report)?,
    })?;
    Ok(if report.counts.errors == 0 { ExitCode::Cleared } else { ExitCode::Refused })
}

impl AuditArguments {
    fn common(&self) -> CommonArguments {
        CommonArguments {
            mirror: self.mirror.clone(),
            modules: self.modules.clone(),
            engine: self.engine.clone(),
            engine_version: self.engine_version.clone(),
            platform: self.platform.clone(),
            settings: self.settings.clone(),
            report: self.report.clone(),
            ..CommonArguments::default()
        }
    }
}

/// Paths are relative to the working directory, as the directories were given.
fn sarif(report: &AuditReport) -> Result<String, Stop> {
    let subject = |stack: &Option<String>| ReportSubject {
        root_module: stack.clone().unwrap_or_else(|| ".".to_owned()),
        ..ReportSubject::default()
    };
    let subjects: Vec<ReportSubject> = report.findings.iter().map(|found| subject(&found.stack)).collect();
    let found: Vec<_> = report.findings.iter().map(|found| &found.finding).zip(&subjects).collect();
    let properties = json!({
        "engine": &report.engine,
        "platform": &report.platform,
        "verdict": report.verdict,
        "states": report.states,
    });
    Ok(sarif::log(&found, "audit", &properties).map_err(anyhow::Error::new)?)
}
