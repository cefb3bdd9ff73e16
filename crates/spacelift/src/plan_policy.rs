//! What a plan policy of Spacelift gets to know of a run: a file in the project root, written before each plan, and the policy that
//! reads it.
//!
//! Spacelift puts `KEY.custom.spacelift.json` of the project root into the input of plan policies, as
//! `third_party_metadata.custom.KEY`. It is an ordinary file of the workspace: what the run's user starts after the gate can write
//! it again.

use std::io;

use airtight_finding::report::{Counts, Report, ReportException};
use airtight_finding::{Code, Owner, Ruling, Severity, Status, escape};
use airtight_gate::settings::Policy;
use airtight_provider::atomic_file;
use camino::Utf8Path;
use serde::Serialize;

/// In the project root; Spacelift looks for the ending.
pub const FILE_NAME: &str = "airtight.custom.spacelift.json";

/// The schema's name.
pub const SCHEMA: &str = "airtight/spacelift/1";

/// Spacelift's id of the run, in every phase.
pub const RUN_ID: &str = "TF_VAR_spacelift_run_id";

/// A plan policy in Rego.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rego {
    V0,
    V1,
}

/// The policy that reads the file.
pub const fn policy(rego: Rego) -> &'static str {
    match rego {
        Rego::V0 => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/policy-v0.rego")),
        Rego::V1 => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/policy.rego")),
    }
}

#[derive(Serialize)]
struct Input<'a> {
    schema: &'static str,
    run_id: &'a str,
    verdict: Ruling,
    policy: &'static str,
    /// The kernel lets the engine start the image's programs only.
    confined: bool,
    engine: String,
    platform: &'a str,
    counts: Counts,
    providers: Vec<InputProvider<'a>>,
    exceptions: &'a [ReportException],
    findings: Vec<InputFinding<'a>>,
}

#[derive(Serialize)]
struct InputProvider<'a> {
    address: &'a str,
    version: Option<&'a str>,
    status: Status,
}

#[derive(Serialize)]
struct InputFinding<'a> {
    code: Code,
    severity: Severity,
    summary: &'a str,
    owner: Owner,
}

/// The file's text for the report of a phase.
pub fn input(report: &Report, run_id: &str, policy: Policy) -> serde_json::Result<String> {
    let input = Input {
        schema: SCHEMA,
        run_id,
        verdict: report.verdict,
        policy: policy.as_str(),
        confined: report.is_confined,
        engine: format!("{} {}", report.engine.name, report.engine.version),
        platform: &report.platform,
        counts: report.counts,
        providers: report
            .providers
            .iter()
            .map(|provider| InputProvider {
                address: &provider.address,
                version: provider.version.as_deref(),
                status: provider.status,
            })
            .collect(),
        exceptions: &report.exceptions,
        findings: report
            .findings
            .iter()
            .map(|finding| InputFinding {
                code: finding.code,
                severity: finding.severity,
                summary: &finding.summary,
                owner: finding.owner,
            })
            .collect(),
    };
    serde_json::to_string_pretty(&input).map(|text| escape::json(&text) + "\n")
}

/// Removes whatever has the file's name in the project root, such as a file or a link of the repository, and writes the file there
/// if there is something to write. No link is followed.
///
/// # Errors
/// Fails if the old file cannot be removed, or the new one cannot be written. A directory of that name is an error, since a policy
/// cannot read it anyway.
pub fn put(project_root: &Utf8Path, text: Option<&str>) -> io::Result<()> {
    let path = project_root.join(FILE_NAME);
    match fs_err::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match text {
        Some(text) => atomic_file::write_for_now(&path, text.as_bytes(), 0o644),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_repository_put_there_is_gone_and_no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (file, outside) = (root.join(FILE_NAME), root.join("outside"));
        fs_err::write(&outside, "kept").unwrap();
        fs_err::os::unix::fs::symlink("outside", &file).unwrap();
        put(root, Some("{}\n")).unwrap();
        assert!(fs_err::symlink_metadata(&file).unwrap().is_file());
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "{}\n");
        assert_eq!(fs_err::read_to_string(&outside).unwrap(), "kept");
        put(root, None).unwrap();
        assert!(!file.exists());
        put(root, None).unwrap();
        fs_err::create_dir(&file).unwrap();
        assert!(put(root, Some("{}")).is_err());
    }
}
