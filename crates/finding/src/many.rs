//! Reports about several root modules as one: one summary, one verdict, the root module named with every finding.

use std::time::Duration;

use serde::Serialize;

use super::report::{Counts, Report};
use super::{Outcome, Ruling, concise, escape, heading, junit, markdown, plural, sarif};

/// The schema's name.
pub const SCHEMA: &str = "airtight/reports/1";

/// Several reports, each with its own `subject`.
#[derive(Debug, Serialize)]
pub struct Reports {
    pub schema: &'static str,
    pub verdict: Ruling,
    pub counts: Counts,
    pub elapsed_ms: u64,
    /// Predicted failures count as much as refusals.
    pub failing: Vec<String>,
    pub reports: Vec<Report>,
}

impl Reports {
    /// In the order in which they are given.
    pub fn new(reports: Vec<Report>, elapsed: Duration) -> Self {
        let mut counts = Counts::default();
        for report in &reports {
            counts.errors += report.counts.errors;
            counts.warnings += report.counts.warnings;
            counts.notes += report.counts.notes;
        }
        let failing = reports.iter().filter(|report| !is_fine(report)).map(name).collect::<Vec<_>>();
        Self {
            schema: SCHEMA,
            verdict: if failing.is_empty() { Ruling::Cleared } else { Ruling::Refused },
            counts,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            failing,
            reports,
        }
    }

    /// The line that says it all.
    pub fn closing(&self) -> String {
        /// More names are counted.
        const SHOWN: usize = 5;
        let mut parts = vec![plural(self.reports.len(), "root module")];
        if !self.failing.is_empty() {
            let mut names = self.failing.iter().take(SHOWN).cloned().collect::<Vec<_>>();
            if self.failing.len() > SHOWN {
                names.push(format!("{} more", self.failing.len() - SHOWN));
            }
            parts.push(format!("not cleared: {}", names.join(", ")));
        }
        parts.extend(heading::counts(self.counts));
        let text = format!("airtight: {}: {} in {}", self.verdict, parts.join("; "), heading::elapsed(self.elapsed_ms));
        escape::line(&text).into_owned()
    }

    fn all(&self) -> Vec<&Report> {
        self.reports.iter().collect()
    }

    /// One object with all reports.
    ///
    /// # Errors
    /// None that is known.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| escape::json(&text) + "\n")
    }

    /// One log with one run.
    ///
    /// # Errors
    /// None that is known.
    pub fn sarif(&self) -> serde_json::Result<String> {
        let findings = self
            .reports
            .iter()
            .flat_map(|report| report.findings.iter().map(move |finding| (finding, &report.subject)));
        let findings: Vec<_> = findings.collect();
        let properties = serde_json::json!({ "verdict": self.verdict, "failing": self.failing });
        sarif::log(&findings, "many", &properties)
    }

    /// A suite for each root module.
    pub fn junit(&self) -> String {
        junit::render_all(&self.all(), self.elapsed_ms)
    }

    /// The findings' lines, each with its root module; a line for each verdict; one for all.
    pub fn concise(&self) -> String {
        let mut text = String::new();
        for report in &self.reports {
            for line in concise::findings(&report.findings).lines() {
                text += &escape::line(&format!("{line} [{}]", name(report)));
                text.push('\n');
            }
        }
        for report in &self.reports {
            text += &titled(report);
            text.push('\n');
        }
        text + &self.closing() + "\n"
    }

    /// A section for each root module, after one table.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n| root module | verdict | findings |\n| --- | --- | --- |\n", self.closing());
        for report in &self.reports {
            let counts = heading::counts(report.counts).join(", ");
            text += &format!("| {} | {} | {counts} |\n", markdown::code(&name(report)), report.verdict);
        }
        for report in &self.reports {
            text += &format!("\n## {}\n\n{}", markdown::code(&name(report)), markdown::render(report));
        }
        text
    }
}

/// The verdict's line of one of several, with its root module.
pub fn titled(report: &Report) -> String {
    let closing = heading::closing(report);
    let rest = closing.strip_prefix("airtight: ").unwrap_or(&closing);
    escape::line(&format!("airtight: {}: {rest}", name(report))).into_owned()
}

fn is_fine(report: &Report) -> bool {
    report.is_cleared() && report.prediction.init != Outcome::Failure
}

fn name(report: &Report) -> String {
    report.subject.name()
}
