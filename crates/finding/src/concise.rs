//! One line per finding, as editors and `grep` like it, then the verdict's line.

use std::fmt::Write as _;

use super::report::{Report, ReportFinding};
use super::{escape, heading};

/// `./PATH:LINE:COLUMN: error[CODE]: SUMMARY (OWNER; fix: HELP)` per finding. A relative path starts with `./`, a
/// finding without a place with `airtight`, so that no line starts with text from outside.
pub fn render(report: &Report) -> String {
    let mut rendered = findings(&report.findings);
    for exception in &report.exceptions {
        let _ = writeln!(rendered, "airtight: {}", escape::line(&heading::exception(exception)));
    }
    rendered.push_str(&heading::closing(report));
    rendered.push('\n');
    rendered.extend(heading::way_out(report).map(|line| format!("{line}\n")));
    rendered
}

/// The findings' lines alone.
pub fn findings(found: &[ReportFinding]) -> String {
    let mut rendered = String::new();
    for finding in found {
        let line = format!(
            "{}: {}[{}]: {} ({}{})",
            place(finding),
            finding.severity,
            finding.code,
            one_line(&finding.summary),
            finding.owner,
            fix(&finding.help)
        );
        rendered.push_str(&escape::line(&line));
        rendered.push('\n');
    }
    rendered
}

/// `./versions.tf:3:5`, as much of it as is known; `airtight` without a place.
pub(super) fn place(finding: &ReportFinding) -> String {
    let Some(location) = finding.locations.first() else { return "airtight".to_owned() };
    let start = if ["/", "./", "../"].iter().any(|start| location.path.starts_with(start)) { "" } else { "./" };
    let mut place = format!("{start}{}", location.path);
    for number in [location.line, location.column].into_iter().flatten() {
        write!(place, ":{number}").expect("writing to a String does not fail");
    }
    place
}

/// The help on one line, its commands between backticks.
fn fix(help: &str) -> String {
    let lines: Vec<String> = help
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| if line.starts_with("    ") { format!("`{}`", line.trim()) } else { one_line(line) })
        .collect();
    if lines.is_empty() { String::new() } else { format!("; fix: {}", lines.join(" ")) }
}

/// White space as single spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Code, Finding, Owner, Severity, report, sample};
    use super::*;
    use airtight_hcl::Place;

    #[test]
    fn prints_one_line_per_finding() {
        insta::assert_snapshot!(render(&sample::refused().report));
    }

    #[test]
    fn prints_the_verdict_alone_where_nothing_is_found() {
        let report = sample::cleared();
        assert_eq!(render(&report), heading::closing(&report) + "\n");
    }

    proptest! {
        #[test]
        fn no_line_starts_with_foreign_text(path in "(::|[\r\n :a\u{1b}]){1,6}", text in "(::|[\r\n :a\u{1b}]){0,6}") {
            let finding = Finding::new(Code::StateInvalid, Severity::Error, Owner::Image, text.as_str())
                .at(Place::file(path), text.as_str())
                .help(text.as_str());
            let mut report = sample::cleared();
            report.findings = report::findings(&[finding]);
            let rendered = render(&report);
            prop_assert_eq!(rendered.lines().count(), 2);
            prop_assert!(rendered.lines().all(|line| line.starts_with("./") || line.starts_with("airtight: ")));
            prop_assert!(!rendered.replace('\n', "").contains(escape::is_escaped));
        }
    }
}
