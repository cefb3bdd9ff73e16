//! The report, `airtight/report/1`: the one value that every output format prints. Its field names are an interface:
//! more may follow, none of these goes.

use serde::Serialize;

/// The schema's name.
pub const SCHEMA: &str = "airtight/report/1";

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub engine: ReportEngine,
    pub platform: String,
    /// `cleared` or `refused`.
    pub verdict: &'static str,
    pub counts: Counts,
    pub elapsed_ms: u64,
    pub prediction: ReportPrediction,
    pub providers: Vec<ReportProvider>,
    pub findings: Vec<ReportFinding>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportEngine {
    pub name: String,
    pub version: String,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportPrediction {
    /// `success`, `failure` or `unknown`.
    pub init: &'static str,
    /// Order of no meaning.
    pub reasons: Vec<ReportReason>,
    /// What was not seen.
    pub assumptions: Vec<ReportAssumption>,
    /// The lock file's text afterwards; null on failure and where its bytes stay.
    pub lock_after: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportReason {
    pub code: String,
    pub summary: String,
    pub providers: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportAssumption {
    pub code: String,
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportProvider {
    /// Always `host/namespace/type`.
    pub address: String,
    pub version: Option<String>,
    pub constraints: Vec<ReportConstraint>,
    /// `configuration`, `lock`, `state`.
    pub needed_by: Vec<&'static str>,
    pub package: Option<ReportPackage>,
    /// `link`, `extract`, `reuse` or null.
    pub install: Option<&'static str>,
    pub proven_by: Option<String>,
    /// `proven`, `unproven`, `mismatch`, `missing` or `unknown`.
    pub status: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportConstraint {
    pub from: String,
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportPackage {
    /// `packed` or `unpacked`.
    pub layout: &'static str,
    pub path: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportFinding {
    pub code: String,
    pub severity: &'static str,
    pub summary: String,
    pub detail: String,
    pub locations: Vec<ReportLocation>,
    pub help: String,
    /// `repository`, `image` or `administrator`.
    pub owner: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportLocation {
    pub path: String,
    /// From 1, or null.
    pub line: Option<u32>,
    pub column: Option<u32>,
}
