//! The report of a rehearsal, `airtight/rehearsal/1`. Its field names are an interface: more may follow, none goes.

use serde::Serialize;

use super::leg::{Status, Step, StepResult, is_declared};
use super::run::RunType;
use super::witness::{Asked, CHECKPOINT};
use airtight_finding::Severity;
use airtight_finding::report::{Counts, ReportEngine, ReportFinding, findings};
use airtight_finding::{Code, Finding, escape};
use airtight_provider::{Engine, EngineName};

/// The schema's name.
pub const SCHEMA: &str = "airtight/rehearsal/1";

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    /// What was rehearsed, and when.
    pub subject: Subject,
    pub verdict: RehearsalVerdict,
    pub run_type: RunType,
    /// The commands are those of a workflow file; else the engine's own.
    pub has_workflow_file: bool,
    pub isolation: Isolation,
    /// Null if none is here.
    pub engine: Option<ReportEngine>,
    pub phases: Vec<ReportPhase>,
    /// Every host of every phase.
    pub hosts: Vec<ReportHost>,
    pub counts: Counts,
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
}

/// What a rehearsal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RehearsalVerdict {
    Cleared,
    Refused,
    /// It stopped for hosts that are declared reachable, or was interrupted.
    Incomplete,
}

impl RehearsalVerdict {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Refused => "refused",
            Self::Incomplete => "incomplete",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// The name of its directory.
    pub repository: String,
    /// Below the repository; empty for its root.
    pub project_root: String,
    /// What is checked out, as git has it. Changes that are not committed are rehearsed too.
    pub commit: Option<String>,
    /// `2026-01-31`, in UTC.
    pub date: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Isolation {
    pub kind: IsolationKind,
    /// Nothing could leave.
    pub proven: bool,
    /// Hosts that were asked for were seen; else nothing is known of them.
    pub witnessed: bool,
    pub reason: String,
}

/// What keeps a rehearsal from reaching anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IsolationKind {
    /// The rehearsal's own.
    Namespaces,
    /// The container around it, which has no route out.
    Surroundings,
    /// No phase was run.
    None,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportPhase {
    /// `preparing`, a workflow command, `perform` or a hook point.
    pub name: String,
    /// The run's state, such as `PLANNING`.
    pub run_state: String,
    /// The container, from 1.
    pub leg: u32,
    /// Null for `preparing`.
    pub command: Option<String>,
    /// Since the rehearsal's start.
    pub started_ms: u64,
    pub elapsed_ms: u64,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub status: Status,
    /// It failed, and the next one exists for that: `workspaceNew` after `workspaceSelect`.
    pub is_expected_failure: bool,
    pub findings: Vec<ReportFinding>,
    pub hosts: Vec<ReportHost>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportHost {
    pub host: String,
    /// Null if only its name was looked up.
    pub port: Option<u16>,
    /// `tcp`, `udp`, `icmp`, `dns`, or `text` where only the phase's own words name it.
    pub protocol: &'static str,
    /// The name of its phase.
    pub phase: String,
    /// Null if it is not known.
    pub process: Option<String>,
    /// The settings' `reachable` has it.
    pub declared: bool,
}

impl ReportHost {
    fn new(phase: &str, asked: &Asked, reachable: &[String]) -> Self {
        Self {
            host: asked.host.clone(),
            port: asked.port,
            protocol: asked.protocol.as_str(),
            phase: phase.to_owned(),
            process: asked.process.clone(),
            declared: is_declared(asked, reachable),
        }
    }

    /// `registry.opentofu.org:443`.
    pub fn place(&self) -> String {
        match self.port {
            Some(port) if self.host.contains(':') => format!("[{}]:{port}", self.host),
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// `registry.opentofu.org:443 during init by tofu`.
    pub fn sentence(&self) -> String {
        let place = self.place();
        let process = self.process.as_deref().map(|process| format!(" by {process}")).unwrap_or_default();
        escape::line(&format!("{place} during {}{process}", self.phase)).into_owned()
    }
}

impl ReportPhase {
    /// The part of the run before any script.
    pub fn preparing(found: &[Finding], elapsed_ms: u64) -> Self {
        let is_refused = Counts::of(found).errors > 0;
        Self {
            name: "preparing".to_owned(),
            run_state: "PREPARING".to_owned(),
            leg: 1,
            command: None,
            started_ms: 0,
            elapsed_ms,
            exit_code: None,
            signal: None,
            status: if is_refused { Status::Failed } else { Status::Passed },
            is_expected_failure: false,
            findings: findings(found),
            hosts: Vec::new(),
        }
    }

    pub(crate) fn of_step(
        leg: u32,
        step: &Step,
        result: &StepResult,
        started_ms: u64,
        is_expected_failure: bool,
        reachable: &[String],
    ) -> Self {
        Self {
            name: step.name.clone(),
            run_state: step.run_state.clone(),
            leg,
            command: Some(step.command.clone()),
            started_ms,
            elapsed_ms: result.elapsed_milliseconds,
            exit_code: result.exit_code,
            signal: result.signal,
            status: result.status,
            is_expected_failure,
            findings: Vec::new(),
            hosts: result.hosts.iter().map(|asked| ReportHost::new(&step.name, asked, reachable)).collect(),
        }
    }

    /// Everything that was found in it.
    pub(crate) fn set_findings(&mut self, found: &[Finding]) {
        self.findings = findings(found);
    }

    pub fn skipped(leg: u32, step: &Step, started_ms: u64) -> Self {
        Self {
            name: step.name.clone(),
            run_state: step.run_state.clone(),
            leg,
            command: Some(step.command.clone()),
            started_ms,
            elapsed_ms: 0,
            exit_code: None,
            signal: None,
            status: Status::Skipped,
            is_expected_failure: false,
            findings: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

impl Report {
    /// Judges: an error refuses; a phase that stopped for declared hosts, or was interrupted, leaves it incomplete.
    #[expect(clippy::too_many_arguments, reason = "each is a field")]
    pub fn new(
        subject: Subject,
        run_type: RunType,
        has_workflow_file: bool,
        isolation: Isolation,
        engine: Option<&Engine>,
        phases: Vec<ReportPhase>,
        notes: Vec<String>,
        was_interrupted: bool,
        elapsed_ms: u64,
    ) -> Self {
        let mut counts = Counts::default();
        let mut stopped = was_interrupted;
        for finding in phases.iter().flat_map(|phase| &phase.findings) {
            match finding.severity {
                Severity::Error => counts.errors += 1,
                Severity::Warning => counts.warnings += 1,
                Severity::Note => counts.notes += 1,
            }
            stopped |= finding.code == Code::HostDeclared;
        }
        Self {
            schema: SCHEMA,
            subject,
            verdict: if counts.errors > 0 {
                RehearsalVerdict::Refused
            } else if stopped {
                RehearsalVerdict::Incomplete
            } else {
                RehearsalVerdict::Cleared
            },
            run_type,
            has_workflow_file,
            isolation,
            engine: engine.map(|engine| ReportEngine {
                name: engine.name.program().to_owned(),
                version: engine.version.to_string(),
            }),
            hosts: phases.iter().flat_map(|phase| phase.hosts.clone()).collect(),
            phases,
            counts,
            notes,
            elapsed_ms,
        }
    }

    /// `OpenTofu 1.12.6`.
    pub(crate) fn engine_title(&self) -> String {
        let Some(engine) = &self.engine else { return "no engine on PATH".to_owned() };
        let name = engine.name.parse::<EngineName>().ok();
        format!("{} {}", name.map_or(engine.name.as_str(), |name| name.title()), engine.version)
    }

    /// What the verdict means, in a sentence without a full stop.
    pub fn meaning(&self) -> String {
        let plural = airtight_finding::plural;
        let undeclared = self.hosts.iter().filter(|host| !host.declared && host.host != CHECKPOINT).count();
        match self.verdict {
            RehearsalVerdict::Cleared if self.isolation.kind == IsolationKind::None => {
                "what Spacelift reads before any phase is in order".to_owned()
            }
            RehearsalVerdict::Cleared => format!("{}{}", self.passed(), self.asked()),
            RehearsalVerdict::Incomplete if self.phases.iter().any(|phase| phase.status == Status::Interrupted) => {
                "interrupted: what follows was not rehearsed".to_owned()
            }
            RehearsalVerdict::Incomplete => {
                "it stopped for hosts that the settings declare reachable; what follows was not rehearsed".to_owned()
            }
            RehearsalVerdict::Refused if undeclared > 0 => {
                format!("{} asked for that the settings do not declare", plural(undeclared, "host"))
            }
            RehearsalVerdict::Refused => "the run would fail".to_owned(),
        }
    }

    /// How the phases of a cleared run ended.
    fn passed(&self) -> String {
        let failed = self.phases.iter().filter(|phase| !matches!(phase.status, Status::Passed | Status::Skipped));
        let (expected, failed): (Vec<_>, Vec<_>) = failed.partition(|phase| phase.is_expected_failure);
        match (failed.len(), expected.first()) {
            (0, None) => "every phase passed".to_owned(),
            (0, Some(phase)) => format!("every phase passed but {}, which may fail", phase.name),
            (count, _) => {
                format!("{} failed, which the settings' rules allow", airtight_finding::plural(count, "phase"))
            }
        }
    }

    /// What a cleared run asked for.
    fn asked(&self) -> String {
        if !self.isolation.witnessed {
            return "; what was asked for could not be witnessed".to_owned();
        }
        let mut names: Vec<&str> = self.hosts.iter().map(|host| host.host.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let count = airtight_finding::plural(names.len(), "host");
        match self.hosts.iter().filter(|host| !host.declared).count() {
            0 if names.is_empty() => ", and no host was asked for".to_owned(),
            0 => format!("; {count} asked for, each declared reachable"),
            _ if names == [CHECKPOINT] => format!("; only {CHECKPOINT} was asked for, without need"),
            _ => format!("; {count} asked for, which the settings' rules allow"),
        }
    }
}

/// As text, such as `1.2 s`.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

/// One JSON object.
///
/// # Errors
/// Never fails on a report.
pub fn json(report: &Report) -> serde_json::Result<String> {
    Ok(escape::json(&serde_json::to_string_pretty(report)?) + "\n")
}

/// A refused rehearsal with something of everything.
#[cfg(test)]
pub(super) fn sample() -> Report {
    use super::judge::{Ended, Known};
    use super::leg::When;
    use super::witness::Protocol;
    use airtight_finding::{Owner, Severity};

    let step = |name: &str, command: &str| Step {
        name: name.to_owned(),
        run_state: "INITIALIZING".to_owned(),
        script: command.to_owned(),
        parts: Vec::new(),
        command: command.to_owned(),
        captured: None,
        when: When::Cleared,
    };
    let asked = Asked {
        host: "registry.opentofu.org".to_owned(),
        port: Some(443),
        protocol: Protocol::Tcp,
        process: Some("tofu".to_owned()),
    };
    let result = StepResult {
        status: Status::Failed,
        elapsed_milliseconds: 1234,
        exit_code: Some(1),
        signal: None,
        hosts: vec![asked],
        installation: None,
        progress: super::progress::Progress::default(),
        watched: super::leg::Watched::default(),
        causes: Vec::new(),
        refusal: None,
        prints_no_json: false,
        output: String::new(),
    };
    let init = step("init", "tofu init -input=false");
    let ended = Ended { step: init.clone(), result: result.clone(), is_expected: false };
    let found = super::judge::findings(&[ended], &Known::default()).remove(0);
    let mut init = ReportPhase::of_step(1, &init, &result, 40, false, &[]);
    init.set_findings(&found);
    let warning =
        Finding::new(Code::ImagePrerequisiteMissing, Severity::Warning, Owner::Image, "no user has the number 1983");
    Report::new(
        Subject {
            repository: "acme/stack".to_owned(),
            project_root: String::new(),
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
            date: "2026-01-31".to_owned(),
        },
        RunType::Tracked,
        true,
        Isolation {
            kind: IsolationKind::Namespaces,
            proven: true,
            witnessed: true,
            reason: "own namespaces".to_owned(),
        },
        Some(&Engine::new(EngineName::Tofu, "1.12.6".parse().unwrap())),
        vec![
            ReportPhase::preparing(&[warning.detail("Expected at a desk.")], 12),
            init,
            ReportPhase::skipped(1, &step("plan", "tofu plan"), 1300),
            ReportPhase::skipped(2, &step("apply", "tofu apply"), 1300),
        ],
        vec!["not copied, as no checkout has it: .git".to_owned()],
        false,
        1400,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_an_interface() {
        insta::assert_snapshot!(json(&sample()).unwrap());
    }

    #[test]
    fn people_read_a_timeline_and_what_was_found() {
        insta::assert_snapshot!(super::super::human::render(&sample(), false));
    }

    #[test]
    fn a_pull_request_reads_tables() {
        insta::assert_snapshot!(super::super::markdown::render(&sample()));
    }

    #[test]
    fn times_are_for_people() {
        for (milliseconds, expected) in [(0, "0 ms"), (999, "999 ms"), (1250, "1.2 s"), (61_000, "1 min 1 s")] {
            assert_eq!(duration(milliseconds), expected);
        }
    }
}
