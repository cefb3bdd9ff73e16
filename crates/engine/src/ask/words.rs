//! What the engines' texts mean: the only file that knows their words.
//!
//! Source: OpenTofu and Terraform `internal/command/init.go` and `internal/command/views/init.go`. The recordings in
//! `tests/fixtures/ask` hold these texts of every version that was tried.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::answer::{Answer, EngineDiagnostic, EngineRequirement, Failure, Loaded, Refused, Severity};
use super::environment::CLOSED_PROXY;
use super::secrets::Secrets;
use airtight_provider::{EngineName, ProviderAddress};

/// What an engine printed: its diagnostics, and its other messages in their order.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    pub diagnostics: Vec<EngineDiagnostic>,
    pub lines: Vec<String>,
}

/// Before the number of a line in plain text.
pub(super) const LINE: &str = " line ";

/// A provider as the engine names it, and what it says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sought<'a> {
    provider: &'a str,
    constraints: Option<&'a str>,
    from_lock: bool,
}

/// The first line of a diagnostic in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heading<'a> {
    pub severity: Severity,
    pub summary: &'a str,
    /// The detail, if it begins on the same line.
    pub detail: Option<&'a str>,
}

/// `Error: SUMMARY`, `Warning: SUMMARY`, or an error of older versions about states: `Error refreshing state: DETAIL`.
pub(super) fn heading(line: &str) -> Option<Heading<'_>> {
    let error = |summary, detail| Heading { severity: Severity::Error, summary, detail };
    if let Some(summary) = line.strip_prefix("Error: ") {
        return Some(error(summary, None));
    }
    if let Some(summary) = line.strip_prefix("Warning: ") {
        return Some(Heading { severity: Severity::Warning, ..error(summary, None) });
    }
    let (summary, detail) = line.strip_prefix("Error ").and_then(|_| line.split_once(": "))?;
    Some(error(summary, Some(detail)))
}

/// Whether a line tells of the work, so that a diagnostic before it is complete.
pub(super) fn is_progress(line: &str) -> bool {
    line.starts_with("Initializing ") || sought(line).is_some()
}

/// Whether the lines from here to the next empty one say where the problem is.
pub(super) fn is_about_place(line: &str) -> bool {
    line.starts_with("  on ") || line.starts_with("  with ")
}

pub(super) fn after_on(line: &str) -> Option<&str> {
    line.strip_prefix("  on ")
}

/// The errors of a transcript.
pub(super) fn errors(mut transcript: Transcript, secrets: &Secrets) -> Vec<EngineDiagnostic> {
    transcript.mask(secrets);
    sorted(transcript.diagnostics).errors
}

/// An end without anything that can be read.
pub(super) fn failure(status: ExitStatus) -> Failure {
    match status.signal() {
        Some(signal) => Failure::Killed { signal },
        None => Failure::Unreadable { code: status.code().unwrap_or_default() },
    }
}

impl Transcript {
    fn mask(&mut self, secrets: &Secrets) {
        for diagnostic in &mut self.diagnostics {
            secrets.mask(&mut diagnostic.summary);
            secrets.mask(&mut diagnostic.detail);
        }
    }
}

/// What the engine answered.
pub(super) fn judge(mut transcript: Transcript, status: ExitStatus, engine: EngineName, secrets: &Secrets) -> Answer {
    let Some(code) = status.code() else { return Answer::Failed(failure(status)) };
    transcript.mask(secrets);
    let Diagnostics { errors, warnings } = sorted(transcript.diagnostics);
    let is_complete = if code == 0 { transcript.lines.iter().any(|line| is_success(line)) } else { !errors.is_empty() };
    if !is_complete {
        return Answer::Failed(failure(status));
    }
    let mut requirements = Requirements::of(engine);
    for found in transcript.lines.iter().filter_map(|line| sought(line)) {
        requirements.add(found);
    }
    let mut others = Vec::new();
    for error in errors {
        if is_about_arguments(&error) {
            return Answer::Failed(Failure::ArgumentsRefused { reason: error.detail });
        }
        if !requirements.explain(&error) && !is_about_unchanged_lock(&error) {
            others.push(error);
        }
    }
    // An engine looks for providers only after it has read the whole configuration.
    if code == 0 || others.is_empty() || requirements.is_any() {
        return Answer::Loads(requirements.into_loaded(others, warnings));
    }
    // Without network a download fails whatever the configuration is like. Other errors are its own.
    let (downloads, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_about_download);
    let of_local_modules = others.iter().filter(|error| is_about_local_fetch(error)).cloned().collect();
    if let ([], Some(download)) = (&others[..], downloads.first()) {
        return Answer::Failed(Failure::ModuleNotDownloaded { place: download.place.clone() });
    }
    Answer::Refused(Refused { errors: others, of_local_modules, warnings })
}

struct Diagnostics {
    errors: Vec<EngineDiagnostic>,
    warnings: Vec<EngineDiagnostic>,
}

/// Each diagnostic once, without the heading of others.
fn sorted(diagnostics: Vec<EngineDiagnostic>) -> Diagnostics {
    let mut sorted = Diagnostics { errors: Vec::new(), warnings: Vec::new() };
    for mut diagnostic in diagnostics {
        diagnostic.shorten_summary();
        let kind = match diagnostic.severity {
            Severity::Error => &mut sorted.errors,
            Severity::Warning => &mut sorted.warnings,
        };
        if !kind.contains(&diagnostic) {
            kind.push(diagnostic);
        }
    }
    if sorted.errors.len() > 1 {
        sorted.errors.retain(|error| error.place.is_some() || !error.summary.contains(PROBLEMS));
    }
    sorted
}

/// In the heading that Terraform prints as an error of its own.
const PROBLEMS: &str = "encountered problems during initiali";

/// The end of an `init` that had nothing to complain about.
fn is_success(line: &str) -> bool {
    line.contains("has been successfully initialized!") || line.contains("initialized in an empty directory!")
}

/// The engine does not know a flag that we passed.
fn is_about_arguments(error: &EngineDiagnostic) -> bool {
    error.place.is_none() && error.summary.starts_with("Failed to parse command-line")
}

/// A module could not be downloaded, or an API not be asked about its source.
fn is_about_download(error: &EngineDiagnostic) -> bool {
    const SUMMARIES: [&str; 2] = ["Error accessing remote module registry", "Failed to download module"];
    let is_download = SUMMARIES.contains(&error.summary.as_str()) && !is_about_local_fetch(error);
    is_download || error.detail.contains(CLOSED_PROXY)
}

/// A module that comes from this machine could not be fetched: the network is not the reason.
fn is_about_local_fetch(error: &EngineDiagnostic) -> bool {
    let source = || error.detail.split_once("source code from").map(|(_, source)| source.trim_start());
    match error.summary.as_str() {
        "Failed to download module" => source().is_some_and(|source| {
            ["\"git::file://", "\"file://"].iter().any(|beginning| source.starts_with(beginning))
        }),
        "Failed to expand subdir globs" => true,
        _ => false,
    }
}

/// Whether a backend's error comes before it connects to anything: it names a place in a file, or an argument that is missing
/// or unknown.
pub(super) fn is_before_connecting(error: &EngineDiagnostic) -> bool {
    const SUMMARIES: [&str; 3] =
        ["Invalid backend configuration argument", "address argument is required", "Hostname is required"];
    const ENDS: [&str; 1] = ["required field is not set"];
    let is_closed = error.summary.contains(CLOSED_PROXY) || error.detail.contains(CLOSED_PROXY);
    (error.place.is_some() && !is_closed)
        || SUMMARIES.iter().any(|summary| error.summary.starts_with(summary))
        || ENDS.iter().any(|end| error.summary.ends_with(end))
}

/// `-lockfile=readonly` is ours: with it, an `init` that needs no provider ends with this, because the lock file has
/// entries that nothing needs.
fn is_about_unchanged_lock(error: &EngineDiagnostic) -> bool {
    error.place.is_none() && error.summary == "Provider dependency changes detected"
}

/// A message that the engine prints before it looks for a provider.
fn sought(line: &str) -> Option<Sought<'_>> {
    let line = line.strip_prefix("- ").unwrap_or(line);
    let any = |provider| Sought { provider, constraints: None, from_lock: false };
    let constrained = |provider, constraints| Sought { constraints: Some(constraints), ..any(provider) };
    let locked = |provider| Sought { from_lock: true, ..any(provider) };
    let around = |start: &str, end: &str| line.strip_prefix(start)?.strip_suffix(end);
    let found = around("Finding latest version of ", "...")
        .or_else(|| around("", ": Finding latest version..."))
        .map(any)
        .or_else(|| {
            let text = around("Finding matching versions for provider: ", "\"")?;
            text.split_once(", version_constraint: \"").map(|(provider, text)| constrained(provider, text))
        })
        .or_else(|| {
            let text = around("Finding ", "\"...")?;
            text.split_once(" versions matching \"").map(|(provider, text)| constrained(provider, text))
        })
        .or_else(|| {
            around("Reusing previous version of ", " from the dependency lock file")
                .or_else(|| around("", ": Reusing previous version from the dependency lock file"))
                .map(locked)
        })?;
    (!found.provider.contains(char::is_whitespace)).then_some(found)
}

/// The provider that an error of a search is about, and the rest of its detail.
fn search_error(error: &EngineDiagnostic) -> Option<(&str, &str)> {
    const SUMMARIES: [&str; 2] = ["Failed to query available provider packages", "Failed to resolve provider packages"];
    const BEGINNINGS: [&str; 2] =
        ["Could not retrieve the list of available versions for provider ", "Could not resolve provider "];
    if !SUMMARIES.contains(&error.summary.as_str()) {
        return None;
    }
    let rest = BEGINNINGS.iter().find_map(|beginning| error.detail.strip_prefix(beginning))?;
    rest.split_once(": ").filter(|(provider, _)| !provider.contains(char::is_whitespace))
}

/// The answer of a mirror that is empty.
const NOT_FOUND: &str = "was not found in any of the search locations";

/// The constraints that a locked version does not satisfy.
fn unsatisfied(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once(" does not match configured version constraint ")?;
    rest.split_once("; must use ").map(|(constraints, _)| constraints).filter(|text| !text.is_empty())
}

/// The providers that an engine named, by the name that it gives them.
struct Requirements {
    engine: EngineName,
    by_name: BTreeMap<String, Named>,
}

#[derive(Default)]
struct Named {
    constraints: Option<String>,
    from_lock: bool,
    refusal: Option<EngineDiagnostic>,
}

impl Requirements {
    const fn of(engine: EngineName) -> Self {
        Self { engine, by_name: BTreeMap::new() }
    }

    fn is_any(&self) -> bool {
        !self.by_name.is_empty()
    }

    fn add(&mut self, found: Sought<'_>) {
        let named = self.by_name.entry(found.provider.to_owned()).or_default();
        named.from_lock |= found.from_lock;
        if let Some(constraints) = found.constraints {
            named.constraints = Some(constraints.to_owned());
        }
    }

    /// Takes an error about one provider; false if it is about something else.
    fn explain(&mut self, error: &EngineDiagnostic) -> bool {
        let Some((provider, reason)) = search_error(error) else { return false };
        let named = self.by_name.entry(provider.to_owned()).or_default();
        if let Some(constraints) = unsatisfied(reason) {
            named.constraints = Some(constraints.to_owned());
        }
        if !reason.contains(NOT_FOUND) {
            named.refusal = Some(error.clone());
        }
        true
    }

    fn into_loaded(self, other_errors: Vec<EngineDiagnostic>, warnings: Vec<EngineDiagnostic>) -> Loaded {
        let mut loaded = Loaded { other_errors, warnings, ..Loaded::default() };
        for (name, named) in self.by_name {
            let Ok(address) = ProviderAddress::from_display(self.engine, &name) else {
                loaded.unreadable.push(name);
                continue;
            };
            let Named { constraints, from_lock, refusal } = named;
            loaded.requirements.push(EngineRequirement { address, constraints, from_lock, refusal });
        }
        loaded.requirements.sort_by(|one, other| one.address.cmp(&other.address));
        loaded
    }
}

#[cfg(test)]
mod tests;
