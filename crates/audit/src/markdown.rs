//! For a pull request or an issue, such as the one that opens the next mirror build.
//!
//! Text from outside stays text, as in the report of a check.

use std::fmt::Write as _;

use airtight_finding::markdown::{code, prose};
use airtight_finding::{catalogue, plural};

use crate::human::{because, causes, few, states, title};
use crate::report::{AuditReport, megabytes};

/// Longer tables are cut: forges limit the length of a text.
const ROWS: usize = 200;

/// GitHub's dialect, which GitLab reads as well.
pub fn render(report: &AuditReport) -> String {
    let mut text = format!("### airtight: {}: {}\n\n{}.\n", report.verdict, states(report), prose(&title(report)));
    for assumption in &report.assumptions {
        let _ = write!(text, "\n- not seen: {}", prose(&assumption.text));
    }
    text.push('\n');
    let rows = causes(report).into_iter();
    let rows =
        rows.map(|(cause, count)| vec![code(cause.as_str()), count.to_string(), prose(catalogue::sentence(cause))]);
    table(&mut text, "Why stacks would not run", &["code", "stacks", "means"], &rows.collect::<Vec<_>>());
    let broken = report.stacks.iter().filter(|stack| stack.state != "works");
    let rows = broken.map(|stack| vec![stack.state.to_owned(), code(&stack.path), prose(&because(report, stack))]);
    table(
        &mut text,
        "Stacks that would not run, or may not",
        &["state", "stack", "because"],
        &rows.collect::<Vec<_>>(),
    );
    let rows = report.lacking.iter().map(|lacking| {
        let version = lacking
            .version
            .as_ref()
            .map_or_else(|| code(&format!("any {}", lacking.constraints)), |version| code(version));
        vec![code(&lacking.address), version, prose(&few(&lacking.needed_by))]
    });
    table(&mut text, "What the image lacks", &["provider", "version", "needed by"], &rows.collect::<Vec<_>>());
    let rows = report.lacking_modules.iter().map(|lacking| {
        let version = lacking.version.as_deref().map(code).unwrap_or_default();
        vec![code(&lacking.source), version, prose(&few(&lacking.needed_by))]
    });
    table(&mut text, "Modules that the image lacks", &["source", "version", "needed by"], &rows.collect::<Vec<_>>());
    let rows = report.changes.iter().map(|change| {
        let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "nothing".to_owned());
        let versions = change
            .versions
            .iter()
            .map(|version| code(&format!("{} {} to {}", version.address, word(&version.from), word(&version.to))));
        vec![
            format!("{} to {}", change.before, change.after),
            code(&change.path),
            versions.collect::<Vec<_>>().join(", "),
        ]
    });
    table(&mut text, "What changes", &["init", "stack", "versions"], &rows.collect::<Vec<_>>());
    let upgrades = report.providers.iter().filter_map(|provider| Some((provider, provider.upgrade.as_ref()?)));
    let rows = upgrades.map(|(provider, upgrade)| {
        vec![
            code(&provider.address),
            code(&upgrade.keep.join(", ")),
            code(&upgrade.drop.join(", ")),
            plural(upgrade.moves.len(), "stack"),
            megabytes(upgrade.saved_bytes),
        ]
    });
    table(
        &mut text,
        "Where fewer versions would do",
        &["provider", "keep", "drop", "to move", "saves"],
        &rows.collect::<Vec<_>>(),
    );
    let versions =
        report.providers.iter().flat_map(|provider| provider.versions.iter().map(move |version| (provider, version)));
    let unused = versions.filter(|(_, version)| version.used_by.is_empty());
    let rows = unused.map(|(provider, version)| {
        vec![code(&provider.address), code(&version.version), megabytes(version.size_bytes)]
    });
    table(&mut text, "What no stack uses", &["provider", "version", "size"], &rows.collect::<Vec<_>>());
    text
}

fn table(text: &mut String, title: &str, heading: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(text, "\n#### {title}\n\n| {} |\n|{}\n", heading.join(" | "), " --- |".repeat(heading.len()));
    for row in rows.iter().take(ROWS) {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    if rows.len() > ROWS {
        let _ = writeln!(text, "\nAnd {} more.", rows.len() - ROWS);
    }
}

#[cfg(test)]
mod tests {
    use airtight_finding::escape;
    use proptest::prelude::*;

    use super::*;
    use crate::sample::sample;

    proptest! {
        #[test]
        fn foreign_text_starts_no_line(text in "(::|[\r\n /`#|>a\u{1b}@<]|    ){0,12}") {
            let ours = ["###", "| ", "|-", "| -", "- not seen", "1 stack"];
            for line in render(&sample(&text)).split('\n') {
                prop_assert!(line.is_empty() || line.starts_with('|') || ours.iter().any(|start| line.starts_with(start)), "{line:?}");
                prop_assert!(!line.contains(escape::is_escaped));
            }
        }
    }
}
