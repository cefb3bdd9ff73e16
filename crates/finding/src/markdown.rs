//! For a pull request: a table of the findings, then how to fix each.
//!
//! Text from outside stays text: it makes no link, no mention, no image and no HTML, and starts no line, where it might
//! be a command to the forge (`/merge`) or to the worker.

use std::fmt::Write as _;

use super::report::{Report, ReportFinding};
use super::{escape, heading};

/// GitHub's dialect, which GitLab reads as well.
pub fn render(report: &Report) -> String {
    let mut markdown = format!("### {}\n\n{}.\n\n", title(report), prose(&prediction(report)));
    for exception in &report.exceptions {
        write(&mut markdown, format_args!("- {}\n", prose(&heading::exception(exception))));
    }
    for reason in &report.prediction.reasons {
        let providers: Vec<String> = reason.providers.iter().map(|address| code(address)).collect();
        let colon = if providers.is_empty() { "" } else { ": " };
        write(
            &mut markdown,
            format_args!(
                "- because of {}: {}{colon}{}\n",
                code(reason.code.as_str()),
                prose(&reason.summary),
                providers.join(", ")
            ),
        );
    }
    for assumption in &report.prediction.assumptions {
        write(
            &mut markdown,
            format_args!("- not seen, {}: {}\n", code(assumption.code.as_str()), prose(&assumption.text)),
        );
    }
    if report.findings.is_empty() {
        markdown.truncate(markdown.trim_end().len());
        markdown.push('\n');
        return markdown;
    }
    if !markdown.ends_with("\n\n") {
        markdown.push('\n');
    }
    markdown.push_str("| | finding | place | can be fixed by |\n| --- | --- | --- | --- |\n");
    for finding in &report.findings {
        let cells = format!("{}: {}", code(finding.code.as_str()), prose(&finding.summary));
        let place = finding.locations.first().map(|_| code(&place(finding))).unwrap_or_default();
        write(&mut markdown, format_args!("| {} | {} | {} | {} |\n", finding.severity, cells, place, finding.owner));
    }
    markdown.push_str("\n<details><summary>How to fix them</summary>\n");
    for finding in &report.findings {
        write(&mut markdown, format_args!("\n#### {}: {}\n\n", code(finding.code.as_str()), prose(&finding.summary)));
        quote(&mut markdown, "", &finding.detail);
        quote(&mut markdown, "**Fix:** ", &finding.help);
        write(&mut markdown, format_args!("Its page: {}\n", code(&format!("airtight explain {}", finding.code))));
    }
    markdown.push_str("\n</details>\n");
    if heading::way_out(report).is_some() {
        markdown.push_str("\nIf this run must go through now: `airtight explain exceptions`\n");
    }
    markdown
}

fn title(report: &Report) -> String {
    let counts = heading::counts(report.counts);
    let colon = if counts.is_empty() { "" } else { ": " };
    let subject = report.subject.name();
    let subject = if subject.is_empty() { subject } else { format!(" {}", code(&subject)) };
    format!("airtight{subject}: {}{colon}{}", report.verdict, counts.join(", "))
}

fn prediction(report: &Report) -> String {
    format!("With {}, {}", heading::engine(report), heading::expected(report))
}

/// `versions.tf:3`; forges know no columns.
fn place(finding: &ReportFinding) -> String {
    let Some(location) = finding.locations.first() else { return String::new() };
    location.line.map_or_else(|| location.path.clone(), |line| format!("{}:{line}", location.path))
}

/// A quotation, line by line; what is indented by four spaces is a command and stays as it is.
pub fn quote(markdown: &mut String, start: &str, text: &str) {
    let mut start = start;
    let mut is_command = false;
    for line in text.lines() {
        let was_command = std::mem::replace(&mut is_command, line.starts_with("    "));
        if is_command != was_command {
            markdown.push_str(">\n");
        }
        if is_command {
            write(markdown, format_args!("> {}\n", escape::line(line)));
        } else {
            write(markdown, format_args!("> {start}{}\n", prose(line)));
            start = "";
        }
    }
    if !text.is_empty() {
        markdown.push('\n');
    }
}

/// A code span of any text. A bar would end a cell of the table, in a code span too, and has no escape there.
pub fn code(text: &str) -> String {
    let text = escape::line(text);
    if text.contains('|') {
        let mut html = "<code>".to_owned();
        push_text(&mut html, &text);
        return html + "</code>";
    }
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Prose whose pairs of backticks are code; all other markup is text.
pub fn prose(text: &str) -> String {
    let text = escape::line(text);
    let mut prose = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(open) = rest.find('`') {
        push_text(&mut prose, &rest[..open]);
        let after = &rest[open + 1..];
        match after.find('`') {
            Some(length) if length > 0 => {
                prose.push_str(&code(&after[..length]));
                rest = &after[length + 1..];
            }
            _ => {
                prose.push_str("\\`");
                rest = after;
            }
        }
    }
    push_text(&mut prose, rest);
    prose
}

fn push_text(prose: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => prose.push_str("&amp;"),
            '<' => prose.push_str("&lt;"),
            // A comment parts what would be a mention, a reference to an issue, a bare address.
            '@' | '#' => prose.extend([character, '<', '!', '-', '-', ' ', '-', '-', '>']),
            '/' if prose.ends_with(":/") => prose.push_str("<!-- -->/"),
            '.' if prose.ends_with("www") => prose.push_str("<!-- -->."),
            '|' => prose.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '>' | '~' | '$' | '!' => prose.extend(['\\', character]),
            _ => prose.push(character),
        }
    }
}

fn write(markdown: &mut String, arguments: std::fmt::Arguments<'_>) {
    markdown.write_fmt(arguments).expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Code, Finding, Owner, Severity, report, sample};
    use super::*;
    use airtight_hcl::Place;

    #[test]
    fn a_refused_report_for_a_pull_request() {
        insta::assert_snapshot!(render(&sample::refused().report));
    }

    #[test]
    fn a_cleared_report_is_a_heading_and_a_sentence() {
        insta::assert_snapshot!(render(&sample::cleared()));
    }

    #[test]
    fn markup_from_outside_is_text() {
        let cases = [
            ("`tofu init` in a|b", "`tofu init` in a&#124;b"),
            ("`a\\|`b", "<code>a\\\\&#124;</code>b"),
            ("![x](https://a.b) www.a.b", "\\!\\[x\\](https:/<!-- -->/a.b) www<!-- -->.a.b"),
            ("<img src=x> &lt;", "&lt;img src=x\\> &amp;lt;"),
            ("@admin fixes #1", "@<!-- -->admin fixes #<!-- -->1"),
            ("a ` lone", "a \\` lone"),
            ("``two``", "\\``two`\\`"),
            ("a\n/merge", "a\\\\n/merge"),
        ];
        for (text, expected) in cases {
            assert_eq!(prose(text), expected, "{text:?}");
        }
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a"), "`` `a ``");
    }

    proptest! {
        #[test]
        fn foreign_text_starts_no_line(text in "(::|[\r\n /`#|>a\u{1b}@<]|    ){0,12}") {
            let finding = Finding::new(Code::StateInvalid, Severity::Error, Owner::Image, text.as_str())
                .at(Place::file(text.as_str()), "")
                .detail(text.as_str())
                .help(text.as_str());
            let mut report = sample::cleared();
            report.findings = report::findings(&[finding]);
            let ours = ["#", "With ", "| ", "> ", ">", "Its page: ", "<details>", "</details>"];
            for line in render(&report).split('\n') {
                prop_assert!(line.is_empty() || ours.iter().any(|start| line.starts_with(start)), "{line:?}");
                prop_assert!(!line.contains(escape::is_escaped));
                prop_assert!(!line.starts_with("| ") || line.matches('|').count() == 5, "{line:?}");
            }
        }
    }
}
