//! `airtight mirror unpack`.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::super::progress::Progress;
use super::super::{ExitCode, Stop, output};
use super::OneMirror;
use crate::common_arguments::ListFormat;
use airtight_finding::{escape, plural};
use airtight_provider::seal::MANIFEST;
use airtight_supply::mirror::Limits;
use airtight_supply::mirror::unpack;
use airtight_supply::mirror::unpack::Archives;

#[derive(Args, Debug)]
pub(super) struct UnpackArguments {
    #[command(flatten)]
    mirror: OneMirror,
    /// Remove the archives instead of keeping them as evidence
    #[arg(long)]
    discard_archives: bool,
    /// Largest unpacked size of one archive, in megabytes
    #[arg(long, value_name = "NUMBER", default_value_t = 4096)]
    limit_mb: u64,
    /// Format of the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ListFormat,
}

/// `airtight/mirror-unpack/1`.
#[derive(Serialize)]
struct UnpackReport {
    schema: &'static str,
    packages: Vec<UnpackedPackage>,
}

#[derive(Serialize)]
struct UnpackedPackage {
    address: String,
    version: String,
    platform: String,
    archive: String,
    directory: String,
    h1: Option<String>,
    /// Why the archive stays as it is.
    reason: Option<String>,
}

pub(super) fn run(arguments: &UnpackArguments) -> Result<ExitCode, Stop> {
    let mirror = arguments.mirror.path()?;
    let archives = if arguments.discard_archives { Archives::Discarded } else { Archives::Kept };
    let limits = Limits { size_bytes: arguments.limit_mb.saturating_mul(1_000_000), ..Limits::default() };
    let progress = Progress::new();
    let unpacked = unpack::unpack(&mirror, archives, limits, &|count| progress.add(count))?;
    progress.finish();
    let refused = unpacked.iter().filter(|package| package.outcome.is_err()).count();
    let text = match arguments.format {
        ListFormat::Human => {
            let mut text = String::new();
            for package in &unpacked {
                let line = match &package.outcome {
                    Ok(hash) => format!("unpacked: {} {hash}", package.id),
                    Err(reason) => format!("refused: {}: `{}` stays as it is: {reason}", package.id, package.archive),
                };
                let _ = writeln!(text, "{}", escape::line(&line));
            }
            let done = plural(unpacked.len() - refused, "package");
            let _ = writeln!(text, "airtight: {done} unpacked, {refused} refused");
            text
        }
        ListFormat::Json => output::json(&UnpackReport {
            schema: "airtight/mirror-unpack/1",
            packages: unpacked
                .iter()
                .map(|package| UnpackedPackage {
                    address: package.id.address.to_string(),
                    version: package.id.version.to_string(),
                    platform: package.id.platform.to_string(),
                    archive: package.archive.to_string(),
                    directory: package.directory.to_string(),
                    h1: package.outcome.as_ref().ok().map(ToString::to_string),
                    reason: package.outcome.as_ref().err().cloned(),
                })
                .collect(),
        })?,
    };
    output::data(&text)?;
    if refused < unpacked.len() && mirror.join(MANIFEST).exists() {
        super::tell_seal(&mirror, false);
    }
    Ok(if refused == 0 { ExitCode::Cleared } else { ExitCode::Refused })
}
