//! `JUnit` XML, for CI systems that show tests: a finding is a test case, an error a failed one.

use std::fmt::Write as _;

use super::report::{Report, ReportFinding, ReportProvider};
use super::{Severity, Status, concise, escape, heading};

/// One suite. Each proven provider is a test that passes, so that a cleared report is not an empty one; warnings and
/// notes pass and say what they have to say in `system-out`.
pub fn render(report: &Report) -> String {
    render_all(&[report], report.elapsed_ms)
}

/// One suite for each report.
pub(super) fn render_all(reports: &[&Report], elapsed_ms: u64) -> String {
    let tests = reports.iter().map(|report| tests(report)).sum();
    let failures = reports.iter().map(|report| failures(report)).sum();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"airtight\" {}>\n",
        totals(tests, failures, elapsed_ms)
    );
    for report in reports {
        push_suite(&mut xml, report);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn totals(tests: usize, failures: usize, elapsed_ms: u64) -> String {
    let (seconds, thousandths) = (elapsed_ms / 1000, elapsed_ms % 1000);
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds}.{thousandths:03}\"")
}

fn proven(report: &Report) -> impl Iterator<Item = &ReportProvider> {
    report.providers.iter().filter(|provider| provider.status == Status::Proven)
}

fn tests(report: &Report) -> usize {
    report.findings.len() + proven(report).count() + usize::from(report.is_cleared())
}

fn failures(report: &Report) -> usize {
    report.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
}

fn push_suite(xml: &mut String, report: &Report) {
    let totals = totals(tests(report), failures(report), report.elapsed_ms);
    let subject = report.subject.name();
    let name = if subject.is_empty() { "airtight".to_owned() } else { format!("airtight {}", attribute(&subject)) };
    writeln!(xml, "  <testsuite name=\"{name}\" {totals}>").expect("writing to a String does not fail");
    if !report.exceptions.is_empty() {
        xml.push_str("    <properties>\n");
        for exception in &report.exceptions {
            let said = attribute(&heading::exception(exception));
            writeln!(xml, "      <property name=\"exception\" value=\"{said}\"/>")
                .expect("writing to a String does not fail");
        }
        xml.push_str("    </properties>\n");
    }
    if report.is_cleared() {
        passed(xml, "verdict", report.verdict.as_str());
    }
    for provider in proven(report) {
        let version = provider.version.as_deref().unwrap_or_default();
        passed(xml, "provider", &format!("{} {version}", provider.address));
    }
    for finding in &report.findings {
        push_finding(xml, finding);
    }
    xml.push_str("  </testsuite>\n");
}

fn passed(xml: &mut String, class: &str, name: &str) {
    writeln!(xml, "    <testcase classname=\"airtight.{class}\" name=\"{}\"/>", attribute(name))
        .expect("writing to a String does not fail");
}

fn push_finding(xml: &mut String, finding: &ReportFinding) {
    let name = format!("{}: {}", concise::place(finding), finding.summary);
    let (open, close) = if finding.severity == Severity::Error {
        (format!("<failure type=\"{}\" message=\"{}\">", finding.code, attribute(&finding.summary)), "</failure>")
    } else {
        ("<system-out>".to_owned(), "</system-out>")
    };
    let mut said = format!("{}[{}]: {}\n", finding.severity, finding.code, finding.summary);
    for location in &finding.locations {
        let numbers = [location.line, location.column].into_iter().flatten().map(|number| format!(":{number}"));
        let _ = writeln!(said, "at {}{}", escape::line(&location.path), numbers.collect::<String>());
    }
    for (name, text) in [("", &finding.detail), ("fix: ", &finding.help)] {
        if !text.is_empty() {
            let _ = writeln!(said, "{name}{text}");
        }
    }
    let _ = write!(said, "owner: {}", finding.owner);
    write!(
        xml,
        "    <testcase classname=\"airtight.{}\" name=\"{}\">\n      {open}\n{}      {close}\n    </testcase>\n",
        finding.code,
        attribute(&name),
        content(&escape::indented(&said, "        ")),
    )
    .expect("writing to a String does not fail");
}

/// Text between double quotes.
fn attribute(text: &str) -> String {
    content(&escape::line(text))
}

/// Markup characters as entities. The two characters that XML cannot hold, and that are no controls, become U+FFFD;
/// controls must have been escaped.
fn content(text: &str) -> String {
    let mut content = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => content.push_str("&amp;"),
            '<' => content.push_str("&lt;"),
            '>' => content.push_str("&gt;"),
            '"' => content.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => content.push('\u{fffd}'),
            _ => content.push(character),
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Code, Finding, Owner, Severity, report, sample};
    use super::*;
    use airtight_hcl::Place;

    #[test]
    fn counts_agree_with_the_cases() {
        for report in [sample::cleared(), sample::refused().report] {
            let xml = render(&report);
            let document = roxmltree::Document::parse(&xml).unwrap();
            let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
            let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count().to_string();
            assert_eq!(suite.attribute("tests"), Some(count("testcase").as_str()));
            assert_eq!(suite.attribute("failures"), Some(count("failure").as_str()));
            assert!(suite.attribute("time").unwrap().parse::<f64>().is_ok());
        }
    }

    #[test]
    fn a_cleared_report_holds_a_test_for_each_provider() {
        insta::assert_snapshot!(render(&sample::cleared()));
    }

    #[test]
    fn an_error_is_a_failure() {
        let mut report = sample::refused().report;
        report.findings.retain(|finding| finding.code == Code::PackageNotExecutable);
        insta::assert_snapshot!(render(&report));
    }

    proptest! {
        #[test]
        fn any_text_makes_well_formed_xml(text in any::<String>(), odd in "[\u{0}-\u{20}<>&\"'\u{fffe}\u{ffff}\u{85}]*") {
            let finding = Finding::new(Code::StateInvalid, Severity::Error, Owner::Image, text.as_str())
                .at(Place::file(odd.as_str()), "")
                .detail(odd.as_str())
                .help(text.as_str());
            let mut report = sample::cleared();
            report.findings = report::findings(&[finding]);
            let xml = render(&report);
            let document = roxmltree::Document::parse(&xml).unwrap();
            let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
            let expected = escape::line(&report.findings[0].summary).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
            prop_assert_eq!(failure.attribute("message"), Some(expected.as_str()));
            prop_assert!(xml.lines().all(|line| line.trim_start().is_empty() || line.starts_with('<') || line.trim_start().starts_with('<') || line.trim_start().starts_with("| ")));
        }
    }
}
