//! Tables for a terminal: what fails first, then what the image could lose, and one line at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use airtight_finding::{Code, Severity, catalogue, escape, heading, plural};
use airtight_provider::EngineName;
use unicode_width::UnicodeWidthStr as _;

use crate::report::{AuditReport, ReportStack, megabytes};

/// Longer tables are cut; the other formats hold every row.
const ROWS: usize = 40;

/// The whole report.
pub fn render(report: &AuditReport) -> String {
    let mut text = format!("{}\n", title(report));
    stacks(&mut text, report);
    lacking(&mut text, report);
    changes(&mut text, report);
    upgrades(&mut text, report);
    unused(&mut text, report);
    other_findings(&mut text, report);
    left_out(&mut text, report);
    text.push_str("\nNot seen\n");
    for assumption in &report.assumptions {
        let _ = writeln!(text, "{}", guarded(&format!("  {}", escape::line(&assumption.text))));
    }
    let _ = writeln!(text, "\n{}", closing(report));
    text
}

/// `12 stacks in 3 repositories, against /providers (...)`.
pub(crate) fn title(report: &AuditReport) -> String {
    let mut repositories: Vec<&str> = report.stacks.iter().map(|stack| stack.repository.as_str()).collect();
    repositories.sort_unstable();
    repositories.dedup();
    let count = repositories.len();
    let repositories = if count == 1 { "1 repository".to_owned() } else { format!("{count} repositories") };
    let name = report.engine.name.parse::<EngineName>();
    let engine = name.as_ref().map_or(report.engine.name.as_str(), |name| name.title());
    let title = format!(
        "{} in {repositories}, against {} ({}, {}), {engine} {}, {}",
        plural(report.stacks.len(), "stack"),
        report.image.name,
        plural(report.image.packages, "package"),
        megabytes(report.image.size_bytes),
        report.engine.version,
        report.platform
    );
    escape::line(&title).into_owned()
}

/// `2 would fail, 1 would be refused, 9 would work`.
pub(crate) fn states(report: &AuditReport) -> String {
    let states = report.states;
    let parts = [
        (states.fails, "would fail"),
        (states.refused, "would be refused"),
        (states.unknown, "unknown"),
        (states.works, "would work"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() { "no stack was found".to_owned() } else { parts.join(", ") }
}

fn closing(report: &AuditReport) -> String {
    let mut parts = vec![states(report)];
    parts.extend(heading::counts(report.counts));
    format!("airtight: {}: {}", report.verdict, parts.join(", "))
}

fn stacks(text: &mut String, report: &AuditReport) {
    let rows = causes(report).into_iter();
    let rows =
        rows.map(|(code, count)| vec![code.to_string(), count.to_string(), catalogue::sentence(code).to_owned()]);
    table(text, "Why stacks would not run", &["code", "stacks", "means"], rows.collect());
    let rows: Vec<Vec<String>> = ["fails", "refused", "unknown"]
        .iter()
        .flat_map(|state| report.stacks.iter().filter(move |stack| stack.state == *state))
        .map(|stack| vec![stack.state.to_owned(), stack.path.clone(), because(report, stack)])
        .collect();
    table(text, "Stacks that would not run, or may not", &["state", "stack", "because"], rows);
}

/// The errors of a stack: each code once, with the first of its findings in their own words.
pub(crate) fn because(report: &AuditReport, stack: &ReportStack) -> String {
    const SHOWN: usize = 3;
    let mut codes: Vec<(Code, &str, usize)> = Vec::new();
    let found = report.findings[stack.findings.clone()].iter();
    for found in found.filter(|found| found.finding.severity == Severity::Error) {
        match codes.iter_mut().find(|(code, _, _)| *code == found.finding.code) {
            Some((_, _, count)) => *count += 1,
            None => codes.push((found.finding.code, &found.finding.summary, 1)),
        }
    }
    if codes.is_empty() {
        return stack.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    }
    let more = codes.len().saturating_sub(SHOWN);
    let one = |(code, summary, count): &(Code, &str, usize)| {
        let others = if *count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        format!("{code}: {summary}{others}")
    };
    let mut errors: Vec<String> = codes.iter().take(SHOWN).map(one).collect();
    if more > 0 {
        errors.push(format!("{more} more"));
    }
    errors.join("; ")
}

/// How many stacks have errors with each code, the most frequent first.
pub(crate) fn causes(report: &AuditReport) -> Vec<(Code, usize)> {
    let mut causes: BTreeMap<Code, usize> = BTreeMap::new();
    for stack in &report.stacks {
        let errors = report.findings[stack.findings.clone()].iter();
        let errors = errors.filter(|found| found.finding.severity == Severity::Error);
        for code in errors.map(|found| found.finding.code).collect::<BTreeSet<_>>() {
            *causes.entry(code).or_default() += 1;
        }
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    causes
}

fn lacking(text: &mut String, report: &AuditReport) {
    let rows = report.lacking.iter().map(|lacking| {
        let version =
            lacking.version.clone().unwrap_or_else(|| format!("any {}", lacking.constraints).trim_end().to_owned());
        vec![lacking.address.clone(), version, few(&lacking.needed_by)]
    });
    table(text, "What the image lacks", &["provider", "version", "needed by"], rows.collect());
    let rows = report.lacking_modules.iter().map(|lacking| {
        vec![lacking.source.clone(), lacking.version.clone().unwrap_or_default(), few(&lacking.needed_by)]
    });
    table(text, "Modules that the image lacks", &["source", "version", "needed by"], rows.collect());
}

fn changes(text: &mut String, report: &AuditReport) {
    let Some(baseline) = &report.baseline else { return };
    let rows = report.changes.iter().map(|change| {
        let versions = change.versions.iter().map(|version| {
            let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "nothing".to_owned());
            format!("{} {} to {}", version.address, word(&version.from), word(&version.to))
        });
        let before = if change.before == change.after {
            change.after.to_string()
        } else {
            format!("{} to {}", change.before, change.after)
        };
        vec![before, change.path.clone(), versions.collect::<Vec<_>>().join("; ")]
    });
    let rows: Vec<_> = rows.collect();
    let title = format!("What changes from {}", baseline.name);
    if rows.is_empty() {
        let _ = writeln!(text, "\n{}\n  nothing, for any stack", escape::line(&title));
    }
    table(text, &title, &["init", "stack", "versions"], rows);
}

fn upgrades(text: &mut String, report: &AuditReport) {
    let mut upgrades: Vec<_> =
        report.providers.iter().filter_map(|provider| Some((provider, provider.upgrade.as_ref()?))).collect();
    upgrades.sort_by_key(|(_, upgrade)| std::cmp::Reverse((upgrade.drop.len(), upgrade.saved_bytes)));
    let rows = upgrades.into_iter().map(|(provider, upgrade)| {
        vec![
            provider.address.clone(),
            upgrade.keep.join(", "),
            upgrade.drop.join(", "),
            plural(upgrade.moves.len(), "stack"),
            megabytes(upgrade.saved_bytes),
        ]
    });
    table(text, "Where fewer versions would do", &["provider", "keep", "drop", "to move", "saves"], rows.collect());
}

fn unused(text: &mut String, report: &AuditReport) {
    let mut providers: Vec<(&str, Vec<&str>, u64)> = Vec::new();
    for provider in &report.providers {
        let unused: Vec<_> = provider.versions.iter().filter(|version| version.used_by.is_empty()).collect();
        if !unused.is_empty() {
            let bytes = unused.iter().map(|version| version.size_bytes).sum();
            providers.push((&provider.address, unused.iter().map(|version| version.version.as_str()).collect(), bytes));
        }
    }
    providers.sort_by_key(|(address, _, bytes)| (std::cmp::Reverse(*bytes), *address));
    let count = providers.iter().map(|(_, versions, _)| versions.len()).sum();
    let bytes = providers.iter().map(|(_, _, bytes)| bytes).sum();
    let title = format!("What no stack uses: {}, {}", plural(count, "version"), megabytes(bytes));
    let rows = providers
        .into_iter()
        .map(|(address, versions, bytes)| vec![address.to_owned(), megabytes(bytes), versions.join(", ")]);
    table(text, &title, &["provider", "size", "versions"], rows.collect());
    let rows = report.modules.iter().filter(|module| module.used_by.is_empty());
    let rows = rows.map(|module| vec![module.source.clone(), module.version.clone().unwrap_or_default()]);
    table(text, "Modules of the image that no stack calls", &["source", "version"], rows.collect());
}

/// Warnings and errors that no table above shows.
fn other_findings(text: &mut String, report: &AuditReport) {
    // The errors of stacks are in the first table.
    let shown = report.findings.iter().filter(|found| match found.finding.severity {
        Severity::Error => found.stack.is_none(),
        Severity::Warning => true,
        Severity::Note => false,
    });
    let rows = shown.map(|found| {
        vec![
            found.finding.severity.to_string(),
            found.stack.clone().unwrap_or_else(|| "the image".to_owned()),
            format!("{}: {}", found.finding.code, found.finding.summary),
        ]
    });
    table(text, "Further findings", &["severity", "of", "finding"], rows.collect());
}

/// Counted by reason. Only those that somebody may miss are named.
fn left_out(text: &mut String, report: &AuditReport) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for left_out in &report.left_out {
        *counts.entry(left_out.why).or_default() += 1;
    }
    if counts.is_empty() {
        return;
    }
    let counts: Vec<String> = counts.iter().map(|(why, count)| format!("{count} {why}")).collect();
    let _ =
        writeln!(text, "\nLeft out, as these directories are no stacks: {}; name one to include it", counts.join(", "));
    let named = report.left_out.iter().filter(|left_out| left_out.why == "module");
    let rows = named.map(|left_out| vec![left_out.path.clone(), left_out.text.clone()]);
    table(text, "Modules that nobody here calls", &["directory", "it is"], rows.collect());
}

/// The first few paths.
pub(crate) fn few(paths: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = paths.iter().take(SHOWN).cloned().collect();
    if paths.len() > SHOWN {
        shown.push(format!("{} more", paths.len() - SHOWN));
    }
    shown.join(", ")
}

/// Nothing if there are no rows. Each line starts with two spaces and a mark or a word of ours.
fn table(text: &mut String, title: &str, heading: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let cut = rows.len().saturating_sub(ROWS);
    let heading = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let escaped = |row: Vec<String>| row.iter().map(|cell| escape::line(cell).into_owned()).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows.into_iter().take(ROWS).map(escaped)).collect();
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let _ = writeln!(text, "\n{}", escape::line(title));
    for row in &rows {
        let mut line = String::from("  ");
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
        }
        let _ = writeln!(text, "{}", guarded(line.trim_end()));
    }
    if cut > 0 {
        let _ = writeln!(text, "  and {cut} more; --format csv and --format json hold all");
    }
}

/// A name from outside that a worker or a forge would obey at the start of a line gets the mark before it.
fn guarded(line: &str) -> String {
    let rest = line.trim_start();
    if rest.starts_with([':', '#', '/']) { format!("  {}{rest}", escape::MARK) } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::sample;

    proptest! {
        #[test]
        fn foreign_text_starts_no_line(text in "(::|[\r\n /`#|>a\u{1b}@<=]|    ){0,12}") {
            for line in render(&sample(&text)).split('\n') {
                prop_assert!(!line.trim_start().starts_with([':', '#', '/']), "{line:?}");
                prop_assert!(!line.contains(escape::is_escaped));
            }
        }
    }
}
