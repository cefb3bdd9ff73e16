//! `airtight modules prune`.

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use clap::Args;
use serde::Serialize;

use super::{OneStore, named};
use crate::common_arguments::ListFormat;
use crate::downloading::EngineRules;
use crate::{ExitCode, Stop, output};
use airtight_finding::{escape, plural};
use airtight_provider::modules::manifest::StoredSource;
use airtight_supply::modules::{prune, wanted};

#[derive(Args, Debug)]
pub(super) struct PruneArguments {
    #[command(flatten)]
    store: OneStore,
    /// Directory to search for configurations whose modules are kept (repeatable)
    #[arg(long, value_name = "DIR", required = true)]
    keep_for: Vec<Utf8PathBuf>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    rules: EngineRules,
    /// Format of the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ListFormat,
}

/// `airtight/modules-prune/1`.
#[derive(Serialize)]
struct PruneReport<'a> {
    schema: &'static str,
    dry_run: bool,
    kept: &'a [StoredSource],
    removed: &'a [StoredSource],
    removed_trees: &'a [String],
    /// Sources that are called, and that the store does not have.
    missing: Vec<&'a String>,
}

pub(super) fn run(arguments: &PruneArguments) -> Result<ExitCode, Stop> {
    let store = arguments.store.read()?;
    let engine = arguments.rules.engine()?;
    if let Some(path) = arguments.keep_for.iter().find(|path| !path.is_dir()) {
        return Err(Stop::Usage(format!("--keep-for `{path}` is no directory")));
    }
    let found = wanted::of_directories(&arguments.keep_for, &engine)?;
    let pruned = prune::prune(&store, &found, &engine, arguments.dry_run)?;
    output::data(&match arguments.format {
        ListFormat::Json => output::json(&PruneReport {
            schema: "airtight/modules-prune/1",
            dry_run: arguments.dry_run,
            kept: &pruned.kept,
            removed: &pruned.removed,
            removed_trees: &pruned.removed_trees,
            missing: pruned.missing.iter().collect(),
        })?,
        ListFormat::Human => {
            let mut text = String::new();
            let removed = if arguments.dry_run { "would remove" } else { "removed" };
            for source in &pruned.kept {
                let name = named(&source.source, source.version.as_deref());
                let _ = writeln!(text, "kept: {name}, for {}", escape::line(&source.needed_by.join(", ")));
            }
            for source in &pruned.removed {
                let name = named(&source.source, source.version.as_deref());
                let _ = writeln!(text, "{removed}: {name}: no configuration calls it");
            }
            for path in &pruned.removed_trees {
                let _ = writeln!(text, "{removed}: {}", escape::line(path));
            }
            let _ = writeln!(
                text,
                "airtight: {} {}, {} kept",
                plural(pruned.removed.len(), "module source"),
                if arguments.dry_run { "would be removed" } else { "removed" },
                pruned.kept.len()
            );
            text
        }
    })?;
    for source in &pruned.missing {
        output::error_line(&format!(
            "warning: `{source}` is called, and the store has no version that fits; what it calls is not kept for it"
        ));
    }
    Ok(ExitCode::Cleared)
}
