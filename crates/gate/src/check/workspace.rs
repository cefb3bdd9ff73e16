//! Directories of the workspace that `init` writes into, and cannot.

use super::judgement::capitalized;
use airtight_engine::predict::{Facts, Prediction};
use airtight_finding::{Code, Finding, Owner, Severity, shell_word};
use airtight_hcl::Place;
use airtight_provider::directory_access::NotWritable;

/// An error in a run, whose `init` fails. A warning for `check`: the run may have another user, and another mount.
pub fn check(facts: &Facts, prediction: &Prediction) -> Option<Finding> {
    const CODE: Code = Code::DirectoryUnwritable;
    let failure = prediction.failures.iter().find(|failure| failure.code == CODE);
    let (severity, said) = match failure {
        Some(failure) => (Severity::Error, format!("{}: {}", failure.summary, failure.detail)),
        None => (
            Severity::Warning,
            prediction.assumptions.iter().find(|open| open.code == CODE).map(|open| open.text.clone())?,
        ),
    };
    let workspace = &facts.workspace;
    let in_data_dir = [&workspace.packages, &workspace.module_records, &workspace.backend_record]
        .into_iter()
        .find_map(Option::as_ref);
    let NotWritable { directory, reason } = in_data_dir.or(workspace.root_module.as_ref())?;
    let program = facts.engine.name;
    let (would, help) = if severity == Severity::Error {
        ("would fail", "")
    } else {
        (
            "would fail here",
            "Nothing needs a fix if the run has a checkout of its own, which its user can write. Else: ",
        )
    };
    let word = shell_word(directory.as_str());
    let fix = if *reason == "permission denied" {
        format!("give the directory to the run's user (1983 in Spacelift): `chown -R 1983 {word}`.")
    } else {
        "mount it so that it can be written, or work on a copy of it.".to_owned()
    };
    let fix = if help.is_empty() { capitalized(&fix) } else { fix };
    let data = if in_data_dir.is_some() {
        " With a complete lock file it is enough if TF_DATA_DIR names a directory that can be written."
    } else {
        " Or commit a complete lock file: then `init` does not write it."
    };
    Some(
        Finding::new(CODE, severity, Owner::Administrator, format!("`init` cannot write into `{directory}`: {reason}"))
            .detail(format!("`{program} init` {would}: {said}"))
            .help(format!("{help}{fix}{data}"))
            .at(Place::file(directory), ""),
    )
}
