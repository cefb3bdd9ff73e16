//! A rehearsal and its report.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::isolation::{Isolated, airtight, reachable};
use super::stack::{Stack, stderr, stdout};
use super::tree::Workspace;

/// What a rehearsal came to.
pub(crate) struct Rehearsed {
    pub code: i32,
    pub report: Value,
    pub stderr: String,
}

impl Rehearsed {
    /// Runs a rehearsal that prints JSON.
    #[track_caller]
    pub(crate) fn of(command: &Isolated) -> Self {
        let output = command.run();
        let (text, stderr) = (stdout(&output), stderr(&output));
        let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{stderr}"));
        Self { code: output.status.code().unwrap(), report, stderr }
    }

    /// The first phase of that name.
    #[track_caller]
    pub(crate) fn phase(&self, name: &str) -> &Value {
        let mut phases = self.report["phases"].as_array().unwrap().iter();
        phases.find(|phase| phase["name"] == name).unwrap_or_else(|| panic!("no phase {name}: {}", self.report))
    }

    /// `init passed 1`, with the leg.
    pub(crate) fn timeline(&self) -> Vec<String> {
        let phases = self.report["phases"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        phases.map(|phase| format!("{} {} {}", text(&phase["name"]), text(&phase["status"]), phase["leg"])).collect()
    }

    /// The codes of all findings, errors alone.
    pub(crate) fn errors(&self) -> Vec<&str> {
        let phases = self.report["phases"].as_array().unwrap().iter();
        let findings = phases.flat_map(|phase| phase["findings"].as_array().unwrap());
        findings
            .filter(|finding| finding["severity"] == "error")
            .map(|finding| finding["code"].as_str().unwrap())
            .collect()
    }
}

/// This program, where every user can start it.
pub(crate) fn client() -> Utf8PathBuf {
    reachable(Utf8Path::from_path(&std::env::current_exe().unwrap()).unwrap())
}

/// A directory to rehearse in, without an engine.
pub(crate) struct BareStack {
    workspace: Workspace,
}

pub(crate) fn bare_stack() -> BareStack {
    let workspace = Workspace::new();
    fs_err::create_dir_all(workspace.path("stack")).unwrap();
    fs_err::create_dir_all(workspace.path("home")).unwrap();
    for path in ["", "stack", "home"] {
        fs_err::set_permissions(workspace.path(path), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    BareStack { workspace }
}

impl BareStack {
    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.workspace.path(path)
    }

    pub(crate) fn rehearse<'a>(&self, options: impl IntoIterator<Item = &'a str>) -> Isolated {
        // What the tests themselves start must be seen inside, wherever it lies.
        let client = client();
        let own = client.parent().unwrap();
        let command = Isolated::new(airtight(), &self.workspace.path("stack"))
            .arguments(["rehearse", "--format", "json"])
            .arguments(options)
            .environment("PATH", format!("/usr/bin:/bin:{own}"))
            .environment("HOME", self.workspace.path("home"));
        Isolated { offline: false, ..command }
    }
}

/// A rehearsal of a stack with a real engine.
pub(crate) fn rehearse<'a>(stack: &Stack, options: impl IntoIterator<Item = &'a str>) -> Isolated {
    let command = stack.airtight(["rehearse", "--format", "json"].into_iter().chain(options));
    Isolated { offline: false, ..command }
}
