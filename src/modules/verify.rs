//! `airtight modules verify`.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::OneStore;
use crate::common_arguments::ListFormat;
use crate::{ExitCode, Stop, output};
use airtight_finding::{escape, plural};
use airtight_supply::modules::verify::{Owners, verify};

pub(super) const HELP: &str = "\
Run it as the last step of the image's build: RUN airtight modules verify

This compares the store with its manifest. Only a digest shows that the manifest is the one that `modules build` made: pin the \
digest that `modules build` prints, with --digest here and with `seal` in the image's settings.

Exit codes: 0 the store is whole; 100 it is not; 96 usage.";

#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    store: OneStore,
    /// Required digest of the store
    #[arg(long, value_name = "sha256:...")]
    digest: Option<String>,
    /// Do not ask whether the files belong to root: for a store that is not in an image yet
    #[arg(long)]
    any_owner: bool,
    /// Format of the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ListFormat,
}

/// `airtight/modules-verify/1`.
#[derive(Serialize)]
struct VerifyReport<'a> {
    schema: &'static str,
    digest: &'a str,
    is_whole: bool,
    trees: usize,
    faults: Vec<String>,
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Stop> {
    let store = arguments.store.read()?;
    let owners = if arguments.any_owner { Owners::Anybody } else { Owners::Root };
    let faults: Vec<String> =
        verify(&store, arguments.digest.as_deref(), owners).iter().map(ToString::to_string).collect();
    let (is_whole, trees) = (faults.is_empty(), store.manifest.trees.len());
    output::data(&match arguments.format {
        ListFormat::Json => output::json(&VerifyReport {
            schema: "airtight/modules-verify/1",
            digest: &store.digest,
            is_whole,
            trees,
            faults,
        })?,
        ListFormat::Human => {
            let mut text = String::new();
            for fault in &faults {
                let _ = writeln!(text, "error: {}", escape::line(fault));
            }
            let _ = writeln!(
                text,
                "airtight: {} hashed, {}, digest {}",
                plural(trees, "tree"),
                if is_whole { "all as the manifest says".to_owned() } else { plural(faults.len(), "error") },
                store.digest
            );
            text
        }
    })?;
    Ok(if is_whole { ExitCode::Cleared } else { ExitCode::Refused })
}
