//! One row for each provider of each stack, for a spreadsheet.
//!
//! RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe before it, which it shows as text.

use airtight_finding::escape;

use crate::human::because;
use crate::report::AuditReport;

const HEADING: [&str; 12] = [
    "repository",
    "stack",
    "state",
    "because",
    "provider",
    "constraints",
    "locked",
    "selected",
    "status",
    "newer",
    "needed",
    "lock_file",
];

/// The whole table, with its heading.
pub fn render(report: &AuditReport) -> String {
    let mut csv = String::new();
    row(&mut csv, &HEADING);
    for stack in &report.stacks {
        let because = because(report, stack);
        let lock_file = if stack.has_lock_file { "yes" } else { "no" };
        let empty = String::new();
        if stack.providers.is_empty() {
            row(
                &mut csv,
                &[&stack.repository, &stack.path, stack.state, &because, "", "", "", "", "", "", "", lock_file],
            );
        }
        for provider in &stack.providers {
            row(
                &mut csv,
                &[
                    &stack.repository,
                    &stack.path,
                    stack.state,
                    &because,
                    &provider.address,
                    &provider.constraints,
                    provider.locked.as_ref().unwrap_or(&empty),
                    provider.version.as_ref().unwrap_or(&empty),
                    provider.status.as_str(),
                    provider.newer.as_ref().unwrap_or(&empty),
                    if provider.needed { "yes" } else { "no" },
                    lock_file,
                ],
            );
        }
    }
    csv
}

fn row(csv: &mut String, cells: &[&str]) {
    for (number, text) in cells.iter().enumerate() {
        if number > 0 {
            csv.push(',');
        }
        csv.push_str(&cell(text));
    }
    csv.push_str("\r\n");
}

/// Always harmless: quoted if need be, and no formula.
fn cell(text: &str) -> String {
    let text = escape::line(text);
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '|', '%']);
    let text = if is_formula { format!("'{text}") } else { text.into_owned() };
    if text.contains([',', '"', ' ', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_ends_its_row() {
        for (text, expected) in [
            ("plain", "plain"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            (" =1", "\"' =1\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\t=1", "\\t=1"),
            ("a,b", "\"a,b\""),
            ("a\r\nb", "a\\r\\nb"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_row_stays_a_row(text in "([=+@,\"'\r\n\t ;-]|\\PC){0,12}") {
            let cell = cell(&text);
            prop_assert!(!cell.contains(['\r', '\n']));
            let quoted = cell.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let bare = quoted.unwrap_or(&cell).replace("\"\"", "\"");
            prop_assert!(!bare.trim_start().starts_with(['=', '+', '-', '@']), "{cell:?}");
        }
    }
}
