//! Files that are something else than their names say: one finding names the cause of everything that an engine says of one.

use std::collections::BTreeMap;

use airtight_engine::ask::EngineDiagnostic;
use airtight_finding::{Code, Finding, Owner, Severity, plural};
use airtight_hcl::{Place, Sources};
use airtight_provider::text_file;
use airtight_provider::unlikely_text::UnlikelyText;
use camino::{Utf8Path, Utf8PathBuf};

/// A larger file is not looked into.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Takes the errors out of `errors` that are about such files, and returns one finding for each file.
pub(crate) fn take(root_module: &Utf8Path, sources: &Sources, errors: &mut Vec<&EngineDiagnostic>) -> Vec<Finding> {
    let mut causes: BTreeMap<Utf8PathBuf, (UnlikelyText, usize, String)> = BTreeMap::new();
    let mut seen: BTreeMap<Utf8PathBuf, Option<UnlikelyText>> = BTreeMap::new();
    errors.retain(|error| {
        let Some(place) = &error.place else { return true };
        let path = root_module.join(&place.file);
        let Some(unlikely) = *seen.entry(path.clone()).or_insert_with(|| unlikely(&path)) else { return true };
        causes.entry(path).or_insert_with(|| (unlikely, 0, error.summary.clone())).1 += 1;
        false
    });
    let one = |(path, (unlikely, count, first)): (Utf8PathBuf, (UnlikelyText, usize, String))| {
        let name = path.file_name().unwrap_or(path.as_str());
        let code = if name == airtight_provider::lock_file::FILE_NAME {
            Code::LockFileInvalid
        } else {
            Code::ConfigurationInvalid
        };
        Finding::new(code, Severity::Error, Owner::Repository, format!("`{name}` {unlikely}"))
            .detail(format!("The engine prints {} about this file: {first}.", plural(count, "error")))
            .help(unlikely.fix(path.as_str()))
            .at(place(&path, unlikely, sources), "")
    };
    causes.into_iter().map(one).collect()
}

fn unlikely(path: &Utf8Path) -> Option<UnlikelyText> {
    let bytes = text_file::read_bytes(path, LIMIT_BYTES).ok()?;
    if path.extension() == Some("json") { UnlikelyText::of_json(&bytes) } else { UnlikelyText::of(&bytes) }
}

/// The line of the first merge marker; else the file, whose lines show nothing.
fn place(path: &Utf8Path, unlikely: UnlikelyText, sources: &Sources) -> Place {
    let UnlikelyText::MergeMarkers { line } = unlikely else { return Place::file(path) };
    let Some(text) = sources.get(path) else { return Place::file(path) };
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let end = start + text[start..].lines().next().unwrap_or_default().len();
    Place::in_text(path, text, start..end)
}
