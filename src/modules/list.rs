//! `airtight modules list`.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::{OneStore, named};
use crate::common_arguments::ListFormat;
use crate::sizes::size;
use crate::{ExitCode, Stop, output, typed};
use airtight_finding::{escape, plural};
use airtight_provider::modules::manifest::{StoredSource, StoredTree};

#[derive(Args, Debug)]
pub(super) struct ListArguments {
    #[command(flatten)]
    store: OneStore,
    /// Format of the list (default: human, or `AIRTIGHT_FORMAT` if it is one of these)
    #[arg(long, value_name = "FORMAT")]
    format: Option<ListFormat>,
}

/// `airtight/modules-list/1`.
#[derive(Serialize)]
struct ListReport<'a> {
    schema: &'static str,
    digest: &'a str,
    sources: &'a [StoredSource],
    trees: &'a [StoredTree],
}

pub(super) fn run(arguments: &ListArguments) -> Result<ExitCode, Stop> {
    let store = arguments.store.read()?;
    let (sources, trees) = (&store.manifest.sources, &store.manifest.trees);
    output::data(&match typed::format(arguments.format) {
        ListFormat::Json => {
            output::json(&ListReport { schema: "airtight/modules-list/1", digest: &store.digest, sources, trees })?
        }
        ListFormat::Human => {
            let mut text = String::new();
            for source in sources {
                let Some(tree) = store.tree(&source.tree) else { continue };
                let place = if source.subdirectory.is_empty() {
                    tree.path.clone()
                } else {
                    format!("{}//{}", tree.path, source.subdirectory)
                };
                let time = tree.time.as_deref().map(|time| format!(", of {time}")).unwrap_or_default();
                let needed = match source.needed_by.as_slice() {
                    [] => "nobody".to_owned(),
                    names => names.join(", "),
                };
                let _ = writeln!(text, "{}", named(&source.source, source.version.as_deref()));
                let _ = writeln!(text, "  {}{time}", escape::line(&place));
                let _ = writeln!(text, "  needed by {}", escape::line(&needed));
            }
            let bytes = trees.iter().map(|tree| tree.contents.bytes).sum();
            let _ = writeln!(
                text,
                "airtight: {} in {}, {}, digest {}",
                plural(sources.len(), "module source"),
                plural(trees.len(), "tree"),
                size(bytes),
                store.digest
            );
            text
        }
    })?;
    Ok(ExitCode::Cleared)
}
