//! The report, `airtight/report/1`: the one value that every output format prints. Its field names are an interface:
//! more may follow, none of these goes.

use std::cmp::Reverse;
use std::time::Duration;

use serde::Serialize;

use super::{Code, Finding, Install, Loading, Need, Outcome, Owner, Ruling, Severity, Status};
use airtight_provider::{Engine, Layout, Platform};

/// The schema's name.
pub const SCHEMA: &str = "airtight/report/1";

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub engine: ReportEngine,
    pub platform: String,
    pub verdict: Ruling,
    pub counts: Counts,
    pub elapsed_ms: u64,
    pub prediction: ReportPrediction,
    pub providers: Vec<ReportProvider>,
    /// Called modules, by key.
    pub modules: Vec<ReportModule>,
    pub findings: Vec<ReportFinding>,
    /// Rules of the settings that lower a finding here, and `policy: observe`.
    pub exceptions: Vec<ReportException>,
    pub subject: ReportSubject,
    /// The phase that is checked, where nothing is predicted: `init` is over.
    #[serde(skip)]
    pub phase: Option<&'static str>,
    /// The kernel will let the engine start the image's programs only.
    #[serde(skip)]
    pub is_confined: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportEngine {
    pub name: String,
    pub version: String,
}

/// What the settings let through here.
#[derive(Clone, Debug, Serialize)]
pub struct ReportException {
    /// The finding's code; null for `policy: observe`, which lets all through.
    pub code: Option<Code>,
    /// `warn`, `allow`, or `observe`.
    pub level: &'static str,
    /// The last day, `YYYY-MM-DD`.
    pub until: Option<String>,
    pub reason: Option<String>,
    /// The file that says so.
    pub from: String,
    /// How many findings it lowers.
    pub findings: usize,
}

/// What the report is about.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReportSubject {
    /// Spacelift's id of the stack, in a run.
    pub stack: Option<String>,
    /// The name of the repository's directory.
    pub repository: String,
    /// The root module, from the repository's root; `.` for the root itself.
    pub root_module: String,
    /// The working directory, from the repository's root with a `/` at its end; empty at the root itself, and outside.
    #[serde(skip)]
    pub prefix: String,
    /// The root of the repository, absolute; empty if it is not known.
    #[serde(skip)]
    pub root: String,
}

impl ReportSubject {
    /// The stack, else the root module's path, which starts with the repository's name.
    pub fn name(&self) -> String {
        match (&self.stack, self.root_module.as_str()) {
            (Some(stack), _) => stack.clone(),
            (None, "." | "") => self.repository.clone(),
            (None, path) => format!("{}/{path}", self.repository),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportPrediction {
    pub init: Outcome,
    /// The engine's own word on the configuration.
    pub configuration: Loading,
    /// Those that `init` comes to first before the others; readers of the report find no meaning in the order.
    pub reasons: Vec<ReportReason>,
    /// What was not seen.
    pub assumptions: Vec<ReportAssumption>,
    /// The lock file's text afterwards; null on failure and if it does not change.
    pub lock_after: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportReason {
    pub code: Code,
    pub summary: String,
    /// The engine's own text.
    pub detail: String,
    pub providers: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportAssumption {
    pub code: Code,
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportModule {
    /// The path of calls, such as `a.b`.
    pub key: String,
    /// As the engine records it, without secrets.
    pub source: String,
    /// Of a registry's module.
    pub version: Option<String>,
    pub origin: ModuleOrigin,
    /// The store that has it; null if none has.
    pub store: Option<String>,
    /// The `h1:` hash of the package in the store; null if no store has it.
    pub tree: Option<String>,
    /// Null for a directory of the repository itself.
    pub status: Option<Status>,
    /// Where the engine reads it, from the root module or absolute; null if it is not there.
    pub dir: Option<String>,
}

/// Where a module comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModuleOrigin {
    /// `init` gets it from the image's store.
    Store,
    /// A path: of the repository, or of the package that the calling module is in.
    Local,
    /// It is in the data directory already.
    Installed,
    /// The engine would fetch it.
    Network,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportProvider {
    /// Always `host/namespace/type`.
    pub address: String,
    pub version: Option<String>,
    pub constraints: Vec<ReportConstraint>,
    pub needed_by: Vec<Need>,
    pub package: Option<ReportPackage>,
    pub install: Option<Install>,
    pub proven_by: Option<String>,
    pub status: Status,
    /// The reasons of the prediction, in sentences; empty if nothing is predicted.
    pub derivation: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportConstraint {
    pub from: String,
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportPackage {
    pub layout: Layout,
    pub path: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportFinding {
    pub code: Code,
    pub severity: Severity,
    pub summary: String,
    pub detail: String,
    pub locations: Vec<ReportLocation>,
    pub help: String,
    pub owner: Owner,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportLocation {
    pub path: String,
    /// From 1, or null.
    pub line: Option<u32>,
    pub column: Option<u32>,
}

impl Report {
    /// Puts the findings in order, counts them and judges: refused with at least one error.
    pub fn new(
        engine: &Engine,
        platform: &Platform,
        prediction: ReportPrediction,
        providers: Vec<ReportProvider>,
        found: &[Finding],
        elapsed: Duration,
    ) -> Self {
        let counts = Counts::of(found);
        Self {
            schema: SCHEMA,
            engine: ReportEngine { name: engine.name.program().to_owned(), version: engine.version.to_string() },
            platform: platform.to_string(),
            verdict: if counts.errors == 0 { Ruling::Cleared } else { Ruling::Refused },
            counts,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            prediction,
            providers,
            modules: Vec::new(),
            findings: findings(found),
            exceptions: Vec::new(),
            subject: ReportSubject::default(),
            phase: None,
            is_confined: false,
        }
    }

    pub fn is_cleared(&self) -> bool {
        self.verdict == Ruling::Cleared
    }
}

impl Counts {
    /// Counts findings, the same one once.
    pub fn of(found: &[Finding]) -> Self {
        let mut counts = Self::default();
        for finding in sorted(found) {
            match finding.severity {
                Severity::Error => counts.errors += 1,
                Severity::Warning => counts.warnings += 1,
                Severity::Note => counts.notes += 1,
            }
        }
        counts
    }
}

/// A mirror that is not there first, as the rest may follow from it; then by path, line, column and code of their first
/// place, those without a place first; equal ones once.
///
/// The order has no other meaning, and does not depend on the order in which they were found.
pub fn sorted(found: &[Finding]) -> Vec<&Finding> {
    let mut sorted: Vec<&Finding> = found.iter().collect();
    sorted.sort_by_key(|finding| {
        let place = finding.places.first().map(|label| &label.place);
        let position = place.and_then(|place| place.position.as_ref());
        (
            !matches!(finding.code, Code::MirrorMissing | Code::MirrorUnreadable),
            place.map(|place| place.path.as_str()),
            position.map(|position| (position.line, position.column)),
            finding.code.as_str(),
            finding.severity,
            &finding.summary,
            &finding.detail,
            // Whoever names more places comes first; only what no reader could tell apart keeps the order it came in.
            Reverse(finding.places.len()),
        )
    });
    sorted.dedup();
    sorted
}

/// The findings as the report holds them, in the order of [`sorted`].
pub fn findings(found: &[Finding]) -> Vec<ReportFinding> {
    sorted(found).into_iter().map(ReportFinding::from).collect()
}

impl From<&Finding> for ReportFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code,
            severity: finding.severity,
            summary: finding.summary.clone(),
            detail: finding.detail.clone(),
            locations: finding
                .places
                .iter()
                .map(|label| {
                    let position = label.place.position.as_ref();
                    ReportLocation {
                        path: label.place.path.to_string(),
                        line: position.map(|position| position.line),
                        column: position.map(|position| position.column),
                    }
                })
                .collect(),
            help: finding.help.clone(),
            owner: finding.owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use airtight_hcl::Place;

    fn finding(code: Code, place: Option<Place>) -> Finding {
        let finding = Finding::new(code, Severity::Error, Owner::Repository, "wrong");
        match place {
            Some(place) => finding.at(place, "here"),
            None => finding,
        }
    }

    fn in_text(path: &str, offset: usize) -> Place {
        Place::in_text(path.into(), "one\ntwo\nthree\n", offset..offset + 1)
    }

    #[test]
    fn findings_are_ordered_by_path_line_column_and_code() {
        let ordered = [
            finding(Code::MirrorMissing, Some(in_text("b.tf", 0))),
            finding(Code::SettingRefused, None),
            finding(Code::StateInvalid, Some(Place::file("a.tf"))),
            finding(Code::ModuleInvalid, Some(in_text("a.tf", 0))),
            finding(Code::ConstraintInvalid, Some(in_text("a.tf", 2))),
            finding(Code::ModuleInvalid, Some(in_text("a.tf", 2))),
            finding(Code::ConstraintInvalid, Some(in_text("a.tf", 4))),
            finding(Code::ConstraintInvalid, Some(in_text("b.tf", 0))),
        ];
        let mut shuffled: Vec<Finding> = ordered.iter().rev().cloned().collect();
        shuffled.extend(ordered.iter().cloned());
        assert_eq!(sorted(&shuffled), ordered.iter().collect::<Vec<_>>());
        assert_eq!(Counts::of(&shuffled).errors, ordered.len());
        assert_eq!(findings(&shuffled).len(), ordered.len());
    }

    proptest! {
        #[test]
        fn the_order_found_in_does_not_matter(
            found in proptest::collection::vec((0..Code::ALL.len(), proptest::option::of(0..14_usize)), 0..12)
        ) {
            let found: Vec<Finding> = found
                .into_iter()
                .map(|(code, offset)| finding(Code::ALL[code], offset.map(|offset| in_text("a.tf", offset))))
                .collect();
            let reversed: Vec<Finding> = found.iter().rev().cloned().collect();
            prop_assert_eq!(sorted(&found), sorted(&reversed));
        }
    }
}
