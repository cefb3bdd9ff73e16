//! `airtight mirror list`.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::super::{ExitCode, Stop, output, typed};
use super::OneMirror;
use crate::common_arguments::ListFormat;
use airtight_finding::escape;
use airtight_supply::mirror::list;

#[derive(Args, Debug)]
pub(super) struct ListArguments {
    #[command(flatten)]
    mirror: OneMirror,
    /// Format of the list (default: human, or `AIRTIGHT_FORMAT` if it is one of these)
    #[arg(long, value_name = "FORMAT")]
    format: Option<ListFormat>,
}

/// `airtight/mirror-list/1`.
#[derive(Serialize)]
struct ListReport {
    schema: &'static str,
    packages: Vec<ListedPackage>,
}

#[derive(Serialize)]
struct ListedPackage {
    address: String,
    version: String,
    platform: String,
    layout: &'static str,
    path: String,
    size_bytes: u64,
    program: String,
    has_archive: bool,
    has_sums: bool,
    is_shadowed: bool,
}

pub(super) fn run(arguments: &ListArguments) -> Result<ExitCode, Stop> {
    let listed = list::list(&arguments.mirror.path()?)?;
    let packages: Vec<ListedPackage> = listed
        .into_iter()
        .map(|listed| ListedPackage {
            address: listed.package.id.address.to_string(),
            version: listed.package.id.version.to_string(),
            platform: listed.package.id.platform.to_string(),
            layout: listed.package.layout.as_str(),
            path: listed.package.path.to_string(),
            size_bytes: listed.size_bytes,
            program: listed.program,
            has_archive: listed.has_archive,
            has_sums: listed.has_sums,
            is_shadowed: listed.is_shadowed,
        })
        .collect();
    output::data(&match typed::format(arguments.format) {
        ListFormat::Human => table(&packages),
        ListFormat::Json => output::json(&ListReport { schema: "airtight/mirror-list/1", packages })?,
    })?;
    Ok(ExitCode::Cleared)
}

fn table(packages: &[ListedPackage]) -> String {
    let heading = ["provider", "version", "platform", "layout", "size", "program", "evidence"].map(str::to_owned);
    let rows = packages.iter().map(|package| {
        let mut evidence = Vec::new();
        evidence.extend(package.has_sums.then_some("sums"));
        evidence.extend(package.has_archive.then_some("archive"));
        evidence.extend(package.is_shadowed.then_some("(not used: there twice)"));
        let megabytes = format!("{}.{} MB", package.size_bytes / 1_000_000, package.size_bytes % 1_000_000 / 100_000);
        [
            escape::line(&package.address).into_owned(),
            escape::line(&package.version).into_owned(),
            escape::line(&package.platform).into_owned(),
            package.layout.to_owned(),
            megabytes,
            package.program.clone(),
            evidence.join(" "),
        ]
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}
