//! What is wrong with Spacelift's files.

mod shell_quoting;
pub mod stack_files;
mod workflow_command;
pub mod workflow_file;

use crate::workflow::{Origin, WorkflowFile};
use airtight_finding::{Code, Finding, Owner, Severity};

const LOADING: &str =
    "Spacelift loads the file while it prepares a run, before any hook: the run fails there, and no hook can fix it.";

/// A finding about the workflow file.
fn about(file: &WorkflowFile, code: Code, severity: Severity, summary: impl Into<String>) -> Finding {
    let owner = match file.origin {
        Origin::Source => Owner::Repository,
        Origin::Mounted => Owner::Administrator,
    };
    Finding::new(code, severity, owner, summary)
}
