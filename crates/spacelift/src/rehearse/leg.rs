//! The messages between the rehearsal and the process inside the container: one JSON value a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::causes::Cause;
use super::installation::Installation;
use super::progress::{Part, Progress};
use super::witness::Asked;

/// One container's part of a run: from its start to its end or to a pause.
#[derive(Debug, Serialize, Deserialize)]
pub struct Leg {
    /// From 1.
    pub number: u32,
    /// The workspace on disk.
    pub workspace: Utf8PathBuf,
    /// Where the run sees it.
    pub workspace_root: Utf8PathBuf,
    /// Below `source`; empty for its root.
    pub project_root: Utf8PathBuf,
    pub home: Utf8PathBuf,
    /// What the worker writes to `~/.terraformrc`.
    pub terraformrc: String,
    /// What must stay visible.
    pub keep: Vec<Utf8PathBuf>,
    pub environment: BTreeMap<String, String>,
    pub steps: Vec<Step>,
    /// Null if the stack has a backend of its own.
    pub state: Option<ServedState>,
    /// How long a phase may go on that has asked for a host.
    pub grace_milliseconds: u64,
    pub has_namespaces: bool,
    /// Name each execution that the kernel denies.
    pub watches_executions: bool,
    /// Run the phases as Spacelift's user; else as this one.
    pub becomes_run_user: bool,
}

/// The state behind the worker's backend, the same one on every leg.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServedState {
    /// Empty for none yet.
    pub text: String,
    /// Of the loopback.
    pub port: u16,
    pub password: String,
}

/// One script of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// A workflow command, `perform`, or a hook point.
    pub name: String,
    /// The run's state, such as `PLANNING`.
    ///
    /// Source: Spacelift `concepts/run/README.md`.
    pub run_state: String,
    pub script: String,
    /// What the script's parts are, by the numbers that it marks them with.
    pub parts: Vec<Part>,
    /// What people see of it: the command without the hooks around it.
    pub command: String,
    /// The file in the project root that takes what it prints, where the worker reads it back.
    pub captured: Option<String>,
    pub when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Nothing has failed before.
    Cleared,
    /// The plan has something to apply.
    Changes,
    /// The step before this one failed, which was expected: `workspaceNew` after `workspaceSelect`.
    PreviousFailed,
    /// The apply was begun, whatever came of it: the destroy of a module's test.
    Applied,
    /// Nothing comes after this leg: something failed, or the plan has nothing to apply.
    Over,
    /// Whatever happened, unless the run was interrupted.
    Always,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Passed,
    Failed,
    /// Ended by us: it had asked for a host, which is all there is to learn.
    Stopped,
    /// Ended because the rehearsal was.
    Interrupted,
    Skipped,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// From inside.
#[derive(Debug, Serialize, Deserialize)]
pub enum Event {
    /// New namespaces were made; their users are still to be mapped.
    Unshared,
    /// The container is ready, with what it lacks.
    Ready {
        notes: Vec<String>,
    },
    Started {
        index: usize,
    },
    Ended {
        index: usize,
        result: Box<StepResult>,
    },
    /// The leg is over.
    Finished {
        state: Option<String>,
        has_changes: bool,
    },
    /// The container cannot be made, or nothing can be run in it.
    Broken {
        reason: String,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepResult {
    pub status: Status,
    pub elapsed_milliseconds: u64,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub hosts: Vec<Asked>,
    /// What the engine installs from by the CLI configuration of this phase. Null if no host was asked for.
    pub installation: Option<Installation>,
    pub progress: Progress,
    /// Empty if executions are not watched.
    pub watched: Watched,
    /// Why a file that the failed command names was not started.
    pub causes: Vec<Cause>,
    /// The code of the first error of an airtight inside, if one refused.
    pub refusal: Option<String>,
    /// It succeeded, but what the worker reads back is no JSON.
    pub prints_no_json: bool,
    /// The last of what was printed.
    pub output: String,
}

/// An execution that was denied with "permission denied".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Denied {
    /// As the process named it.
    pub file: String,
    /// The name of the program that wanted it.
    pub process: String,
}

/// What was seen during a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    pub denied: BTreeSet<Denied>,
    /// Real-time signals that did not reach their process. What such a process did then may be this watch's doing.
    pub lost_signals: u32,
}

impl StepResult {
    /// Whether `next` exists for this failure: an engine that does not find a workspace ends with 1, and `workspaceNew`
    /// follows. Any other exit code is no answer of the engine's.
    pub(crate) fn is_expected_failure(&self, next: Option<&Step>) -> bool {
        let is_awaited = next.is_some_and(|next| next.when == When::PreviousFailed);
        is_awaited && self.status == Status::Failed && self.exit_code == Some(1)
    }
}

/// Whether the settings let a host through. Entries are `HOST` or `HOST:PORT`.
pub fn is_declared(asked: &Asked, reachable: &[String]) -> bool {
    let host = |text: &str| text.trim_matches(['[', ']']).eq_ignore_ascii_case(&asked.host);
    reachable.iter().any(|entry| {
        if host(entry) {
            return true;
        }
        let Some((name, port)) = entry.rsplit_once(':') else { return false };
        // A name that was only looked up leads to its port.
        host(name) && asked.port.is_none_or(|asked| port.parse() == Ok(asked))
    })
}

#[cfg(test)]
mod tests {
    use super::super::witness::Protocol;
    use super::*;

    #[test]
    fn a_host_is_declared_with_its_port_or_with_every_port() {
        let asked = |host: &str, port| Asked { host: host.to_owned(), port, protocol: Protocol::Tcp, process: None };
        let reachable = ["vault.example:8200".to_owned(), "STS.example".to_owned(), "[2001:db8::1]:443".to_owned()];
        for (host, port, expected) in [
            ("vault.example", Some(8200), true),
            ("vault.example", Some(443), false),
            ("vault.example", None, true),
            ("sts.example", Some(443), true),
            ("sts.example", None, true),
            ("a.sts.example", Some(443), false),
            ("2001:db8::1", Some(443), true),
            ("2001:db8::1", Some(80), false),
        ] {
            assert_eq!(is_declared(&asked(host, port), &reachable), expected, "{host} {port:?}");
        }
    }
}
