//! `airtight mirror prune`.

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use clap::Args;
use serde::Serialize;

use super::super::{ExitCode, Stop, output};
use super::OneMirror;
use crate::common_arguments::ListFormat;
use airtight_finding::{escape, plural};
use airtight_provider::Platform;
use airtight_supply::mirror::prune;

#[derive(Args, Debug)]
pub(super) struct PruneArguments {
    #[command(flatten)]
    mirror: OneMirror,
    /// A lock file, or a directory to look for lock files in (repeatable)
    #[arg(long, value_name = "FILE|DIR", required = true)]
    keep_for: Vec<Utf8PathBuf>,
    /// Platform to keep (repeatable; default: every platform)
    #[arg(long, value_name = "OS_ARCH")]
    platform: Vec<Platform>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Format of the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ListFormat,
}

/// `airtight/mirror-prune/1`.
#[derive(Serialize)]
struct PruneReport {
    schema: &'static str,
    dry_run: bool,
    packages: Vec<PrunedPackage>,
}

#[derive(Serialize)]
struct PrunedPackage {
    address: String,
    version: String,
    platform: String,
    path: String,
    /// `kept` or `removed`.
    outcome: &'static str,
    /// The lock files that need it.
    kept_for: Vec<String>,
    /// Evidence and archives that are removed with it.
    evidence: Vec<String>,
}

pub(super) fn run(arguments: &PruneArguments) -> Result<ExitCode, Stop> {
    let mirror = arguments.mirror.path()?;
    if let Some(path) = arguments.keep_for.iter().find(|path| !path.exists()) {
        return Err(Stop::Usage(format!("--keep-for `{path}` does not exist")));
    }
    let pruned = prune::prune(&prune::Request {
        mirror: &mirror,
        keep_for: &arguments.keep_for,
        platforms: &arguments.platform,
        dry_run: arguments.dry_run,
    })?;
    let texts = |paths: &[Utf8PathBuf]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let packages: Vec<PrunedPackage> = pruned
        .packages
        .iter()
        .map(|judged| PrunedPackage {
            address: judged.package.id.address.to_string(),
            version: judged.package.id.version.to_string(),
            platform: judged.package.id.platform.to_string(),
            path: judged.package.path.to_string(),
            outcome: if judged.kept_for.is_empty() { "removed" } else { "kept" },
            kept_for: texts(&judged.kept_for),
            evidence: texts(&judged.evidence),
        })
        .collect();
    output::data(&match arguments.format {
        ListFormat::Human => {
            let mut text = String::new();
            for package in &packages {
                let why = match package.kept_for.as_slice() {
                    [] => "no lock file needs it".to_owned(),
                    [file] => format!("for {file}"),
                    [file, more @ ..] => format!("for {file} and {} more", more.len()),
                };
                let outcome = match (package.outcome, arguments.dry_run) {
                    ("removed", true) => "would remove",
                    (outcome, _) => outcome,
                };
                let line = format!("{outcome}: {}: {why}", package.path);
                let _ = writeln!(text, "{}", escape::line(&line));
            }
            let removed = packages.iter().filter(|package| package.outcome == "removed").count();
            let what = if arguments.dry_run { "would be removed" } else { "removed" };
            let _ =
                writeln!(text, "airtight: {} {what}, {} kept", plural(removed, "package"), packages.len() - removed);
            text
        }
        ListFormat::Json => {
            output::json(&PruneReport { schema: "airtight/mirror-prune/1", dry_run: arguments.dry_run, packages })?
        }
    })?;
    for directory in super::without_lock(&arguments.keep_for)? {
        output::error_line(&format!(
            "warning: `{directory}` has a configuration and no lock file, and no other configuration calls it: nothing is kept \
             for it"
        ));
    }
    if pruned.breaks_seal {
        super::tell_seal(&mirror, arguments.dry_run);
    }
    Ok(ExitCode::Cleared)
}
