//! The one line that says it all: the verdict, the counts, the time and the next step.

use std::collections::BTreeSet;

use super::escape;
use super::prose::plural;
use super::report::{Counts, Report, ReportException};
use super::{Code, Outcome, Severity, Status};
use airtight_provider::EngineName;

/// The last line of a report; the only one if nothing was found. Never starts with text from outside.
///
/// `airtight: cleared: 3 providers proven, init will succeed (OpenTofu 1.12.6, linux_amd64) in 12 ms`, or
/// `airtight: refused: 3 errors, 1 warning in 41 ms; next: airtight explain provider-not-locked`.
pub fn closing(report: &Report) -> String {
    let mut parts = Vec::new();
    if report.is_cleared() {
        parts.push(proven(report));
        parts.push(match report.phase {
            Some(phase) => format!("{phase} may run ({})", engine(report)),
            None => format!("{} ({})", expected(report), engine(report)),
        });
        if report.is_confined {
            parts.push("only the image's programs can start".to_owned());
        }
    }
    parts.extend(counts(report.counts));
    let next = next_code(report).map_or_else(String::new, |code| format!("; next: airtight explain {code}"));
    format!("airtight: {}: {} in {}{next}", report.verdict, parts.join(", "), elapsed(report.elapsed_ms))
}

/// What the engine's `init` will do, and unless what.
pub fn expected(report: &Report) -> String {
    match report.prediction.init {
        Outcome::Success => match unless(report) {
            None => "init will succeed".to_owned(),
            Some(unless) => format!("init will succeed unless {unless}"),
        },
        Outcome::Failure => "init will fail".to_owned(),
        Outcome::Unknown => "init cannot be predicted".to_owned(),
    }
}

/// What an assumption leaves open, each kind once.
fn unless(report: &Report) -> Option<String> {
    let mut open = Vec::new();
    for assumption in &report.prediction.assumptions {
        let text = match assumption.code {
            Code::StateUnseen => "the state needs a provider that is not listed",
            Code::ConfigurationNotAsked => "the engine refuses the configuration",
            _ => "what was not seen says otherwise",
        };
        if !open.contains(&text) {
            open.push(text);
        }
    }
    (!open.is_empty()).then(|| open.join(" or "))
}

/// `OpenTofu 1.12.6, linux_amd64`.
pub fn engine(report: &Report) -> String {
    let name = report.engine.name.parse::<EngineName>();
    let name = name.as_ref().map_or(report.engine.name.as_str(), |name| name.title());
    escape::line(&format!("{name} {}, {}", report.engine.version, report.platform)).into_owned()
}

/// `3 errors`, `1 warning`; nothing for what there is none of.
pub fn counts(counts: Counts) -> Vec<String> {
    [(counts.errors, "error"), (counts.warnings, "warning"), (counts.notes, "note")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| plural(count, noun))
        .collect()
}

fn proven(report: &Report) -> String {
    let of_providers = proven_providers(report);
    modules(report).map_or_else(|| of_providers.clone(), |of_modules| format!("{of_providers}, {of_modules}"))
}

/// `3 modules proven by /modules`; null if no store has said anything of one.
pub(super) fn modules(report: &Report) -> Option<String> {
    let all = report.modules.iter().filter(|module| module.status.is_some()).count();
    let proven = || report.modules.iter().filter(|module| module.status == Some(Status::Proven));
    let stores: BTreeSet<&str> = proven().filter_map(|module| module.store.as_deref()).collect();
    let by = stores.into_iter().collect::<Vec<_>>().join(" and ");
    match proven().count() {
        0 => None,
        count if count == all => Some(format!("{} proven by {}", plural(all, "module"), escape::line(&by))),
        count => Some(format!("{count} of {} proven by {}", plural(all, "module"), escape::line(&by))),
    }
}

fn proven_providers(report: &Report) -> String {
    let all = report.providers.len();
    let proven = report.providers.iter().filter(|provider| provider.status == Status::Proven).count();
    match all {
        0 => "no providers needed".to_owned(),
        _ if proven == all => format!("{} proven", plural(all, "provider")),
        _ => {
            let mut parts = vec![format!("{proven} of {} proven", plural(all, "provider"))];
            parts.extend(report.exceptions.iter().filter(|exception| is_of_proof(exception)).map(allowed));
            parts.join(", ")
        }
    }
}

/// Whether it lets an unproven provider through.
fn is_of_proof(exception: &ReportException) -> bool {
    let of_proof = [Code::PackageMismatch, Code::PackageUnreadable, Code::ProviderNotLocked];
    exception.code.is_some_and(|code| of_proof.contains(&code))
}

/// `allowed until 2026-12-01: INC-4711`.
fn allowed(exception: &ReportException) -> String {
    format!("allowed{}", end_and_reason(exception))
}

/// ` until 2026-12-01: INC-4711`, as far as they are given.
fn end_and_reason(exception: &ReportException) -> String {
    let until = exception.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    let reason = exception.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{until}{reason}")
}

/// One sentence: ``exception in force: `provider-not-locked` is only a warning (1 finding), by /etc/airtight/settings.yml until
/// 2026-12-01: INC-4711``.
pub fn exception(exception: &ReportException) -> String {
    let what = match exception.code {
        Some(code) => {
            let level = if exception.level == "warn" { "only a warning" } else { "allowed" };
            format!("`{code}` is {level} ({})", plural(exception.findings, "finding"))
        }
        None => format!("nothing is refused ({})", plural(exception.findings, "error")),
    };
    format!("exception in force: {what}, by {}{}", exception.from, end_and_reason(exception))
}

/// Where a refused report sends whoever must go on.
pub fn way_out(report: &Report) -> Option<&'static str> {
    let is_observed = report.exceptions.iter().any(|exception| exception.code.is_none());
    (!report.is_cleared() && !is_observed)
        .then_some("airtight: if this run must go through now: airtight explain exceptions")
}

/// The code of the finding to read first: of an error that `init` fails on first, else of the first of the worst findings.
fn next_code(report: &Report) -> Option<Code> {
    let is_error = |code: &Code| {
        report.findings.iter().any(|finding| finding.code == *code && finding.severity == Severity::Error)
    };
    let first_failure = report.prediction.reasons.iter().map(|reason| reason.code).find(is_error);
    first_failure.or_else(|| {
        [Severity::Error, Severity::Warning, Severity::Note]
            .into_iter()
            .find_map(|severity| report.findings.iter().find(|finding| finding.severity == severity))
            .map(|finding| finding.code)
    })
}

pub(super) fn elapsed(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::ReportAssumption;
    use super::super::report::{ModuleOrigin, ReportModule};
    use super::super::sample;
    use super::*;

    #[test]
    fn a_cleared_run_is_one_line() {
        assert_eq!(
            closing(&sample::cleared()),
            "airtight: cleared: 3 providers proven, init will succeed (OpenTofu 1.12.6, linux_amd64) in 12 ms"
        );
    }

    #[test]
    fn exceptions_and_the_kernel_s_limit_are_said() {
        let mut report = sample::cleared();
        report.providers.truncate(1);
        report.providers[0].status = Status::Unproven;
        report.exceptions = vec![sample::exception()];
        report.is_confined = true;
        report.phase = Some("plan");
        assert_eq!(
            closing(&report),
            "airtight: cleared: 0 of 1 provider proven, allowed until 2026-12-01: INC-4711, plan may run (OpenTofu 1.12.6, \
             linux_amd64), only the image's programs can start in 12 ms"
        );
    }

    #[test]
    fn modules_are_counted_if_a_store_proves_some() {
        let mut report = sample::cleared();
        let module = |status: Option<Status>| ReportModule {
            key: "a".to_owned(),
            source: "h.example/a/b/c".to_owned(),
            version: None,
            origin: ModuleOrigin::Store,
            store: status.map(|_| "/modules".to_owned()),
            tree: None,
            status,
            dir: None,
        };
        report.modules = vec![module(Some(Status::Proven)), module(None)];
        assert!(
            closing(&report).starts_with("airtight: cleared: 3 providers proven, 1 module proven by /modules, init")
        );
        report.modules.push(module(Some(Status::Unproven)));
        assert!(closing(&report).contains(", 1 of 2 modules proven by /modules, "));
        report.modules.retain(|module| module.status != Some(Status::Proven));
        assert!(closing(&report).starts_with("airtight: cleared: 3 providers proven, init"));
    }

    #[test]
    fn a_refused_run_counts_and_names_the_next_step() {
        let mut report = sample::refused().report;
        report.elapsed_ms = 12_345;
        assert_eq!(
            closing(&report),
            "airtight: refused: 3 errors, 1 warning, 1 note in 12.3 s; next: airtight explain mirror-missing"
        );
    }

    #[test]
    fn the_next_step_is_what_fails_first() {
        let mut report = sample::refused().report;
        report.prediction.reasons[0].code = Code::ProviderNotLocked;
        assert!(closing(&report).ends_with("; next: airtight explain provider-not-locked"), "{}", closing(&report));
        report.prediction.reasons.clear();
        assert!(closing(&report).ends_with("; next: airtight explain mirror-missing"), "{}", closing(&report));
    }

    #[test]
    fn what_is_not_proven_or_not_predicted_is_said() {
        let mut report = sample::cleared();
        report.providers[0].status = Status::Unproven;
        report.prediction.init = Outcome::Unknown;
        assert_eq!(
            closing(&report),
            "airtight: cleared: 2 of 3 providers proven, init cannot be predicted (OpenTofu 1.12.6, linux_amd64) in \
             12 ms"
        );
        report.prediction.init = Outcome::Success;
        for code in [Code::ConfigurationNotAsked, Code::StateUnseen, Code::StateUnseen] {
            report.prediction.assumptions.push(ReportAssumption { code, text: String::new() });
        }
        assert_eq!(
            closing(&report),
            "airtight: cleared: 2 of 3 providers proven, init will succeed unless the engine refuses the configuration \
             or the state needs a provider that is not listed (OpenTofu 1.12.6, linux_amd64) in 12 ms"
        );
        report.providers.clear();
        assert!(closing(&report).starts_with("airtight: cleared: no providers needed, "));
    }
}
