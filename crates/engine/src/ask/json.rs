//! Output of `init -json`: one object a line.
//!
//! Source: OpenTofu and Terraform `internal/command/views/json/diagnostic.go`.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::answer::{EngineDiagnostic, EnginePlace, Severity};
use super::plain;
use super::words::Transcript;

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "@level", default)]
    level: String,
    #[serde(rename = "@message", default)]
    message: String,
    diagnostic: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    severity: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    detail: String,
    range: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    filename: Utf8PathBuf,
    start: Position,
    end: Position,
}

#[derive(Deserialize)]
struct Position {
    line: u32,
    column: u32,
    byte: usize,
}

/// Lines that are no objects, and stderr, are read as plain text: an engine that does not get as far as its JSON output
/// says so there.
pub(super) fn read(stdout: &[u8], stderr: &[u8]) -> Transcript {
    let mut transcript = Transcript::default();
    let mut rest = String::new();
    for line in String::from_utf8_lossy(stdout).lines() {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => match line.diagnostic {
                Some(diagnostic) => transcript.diagnostics.push(diagnostic.into()),
                // Before OpenTofu 1.12, errors about states are messages without a diagnostic.
                None if line.level == "error" => plain::add(&mut transcript, &line.message),
                None => transcript.lines.push(line.message),
            },
            Err(_) => {
                rest += line;
                rest.push('\n');
            }
        }
    }
    plain::add(&mut transcript, &rest);
    plain::add(&mut transcript, &String::from_utf8_lossy(stderr));
    transcript
}

impl From<Diagnostic> for EngineDiagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        let severity = if diagnostic.severity == "warning" { Severity::Warning } else { Severity::Error };
        let place = diagnostic.range.filter(|range| !range.filename.as_str().is_empty()).map(|range| EnginePlace {
            file: range.filename,
            line: range.start.line,
            column: Some(range.start.column),
            bytes: Some((range.start.byte, range.end.byte)),
        });
        Self { severity, summary: diagnostic.summary, detail: diagnostic.detail, place }
    }
}
