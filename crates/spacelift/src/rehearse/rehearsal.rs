//! A rehearsal from its options to its report: prepares, runs leg after leg, judges.

use std::io::{self, ErrorKind, Write as _};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::conduct::{self, LegEnd, LegError};
use super::environment;
use super::janitor::Janitor;
use super::judge::{self, Ended, Known};
use super::leg::{Event, Leg, ServedState, Status, Step};
use super::namespaces::{self, RUN_USER};
use super::preparing::{self, Prepared, Request};
use super::report::{Isolation, IsolationKind, Report, ReportPhase, Subject};
use super::run::Run;
use super::workspace::{WORKSPACE_ROOT, Workspace};
use super::{RehearsalError, commit, served_state, visible};
use airtight_engine::environment::Environment;
use airtight_finding::{Code, Finding, Severity};
use airtight_gate::check;
use airtight_gate::engine::FoundEngine;
use airtight_gate::settings::{Effective, Execute};
use airtight_provider::Engine;

/// Of the loopback of a namespace, where no other port is taken.
const STATE_PORT: u16 = 61_983;

/// Shorter ones occur in ordinary text.
const SHORTEST_SECRET: usize = 4;

/// What is wanted.
pub struct Asked {
    pub request: Request,
    /// Without what only preparing finds out.
    pub run: Run,
    /// Whose the state's backend is, if it was said.
    pub is_managed: Option<bool>,
    pub has_workspace: bool,
    pub grace_milliseconds: u64,
    pub watches_executions: bool,
}

/// What is around: the image, its settings, this process.
pub struct Around<'a> {
    pub started: Instant,
    pub environment: &'a Environment,
    pub settings: &'a Effective,
    /// What the settings themselves give rise to.
    pub findings: &'a [Finding],
    /// Options as variables, as the phases see them.
    pub given: Vec<(&'static str, String)>,
    pub today: String,
    /// None where the commands do not need one.
    pub engine: Option<FoundEngine>,
}

pub struct Rehearsal<'a> {
    around: &'a Around<'a>,
    asked: &'a Asked,
    prepared: Prepared,
    /// Removes the workspace if this process is killed.
    _janitor: Janitor,
    legs: Vec<Vec<Step>>,
    state: Option<ServedState>,
    isolation: Isolation,
    phases: Vec<ReportPhase>,
    /// Each with the number of its phase.
    ended: Vec<(usize, Ended)>,
    notes: Vec<String>,
}

impl<'a> Rehearsal<'a> {
    /// Lays out the workspace, and decides what will be run.
    ///
    /// # Errors
    /// Fails if the source cannot be copied, or the options do not fit it.
    pub fn new(around: &'a Around<'a>, asked: &'a Asked, prepared: LaidOut) -> Result<Self, RehearsalError> {
        let LaidOut { prepared, janitor } = prepared;
        let project = prepared.workspace.source().join(&prepared.project_root);
        if !project.is_dir() {
            let root = &prepared.project_root;
            return Err(RehearsalError::Usage(format!("the project root `{root}` is no directory of the source")));
        }
        let engine = around.engine.as_ref().map(|engine| &engine.engine);
        let is_managed = asked.is_managed.unwrap_or_else(|| !served_state::declares_backend(&project, engine));
        let mut notes = prepared.notes.clone();
        let directory = prepared.workspace.directory();
        if prepared.workspace.forbids_execution() {
            notes.push(format!(
                "`{directory}` is on a file system that is mounted noexec, so what `init` extracts there cannot start. Set TMPDIR \
                 to a directory on another one"
            ));
        }
        let state = is_managed
            .then(|| served_state::read(around.settings.state.as_deref(), STATE_PORT, &mut notes))
            .transpose()?;
        let run = Run {
            has_workspace: !is_managed && asked.has_workspace,
            commands: prepared.commands.clone(),
            contexts: asked.request.contexts.clone(),
            hooks: prepared.hooks.clone(),
            ..asked.run.clone()
        };
        let mut findings = prepared.findings.clone();
        findings.extend(around.findings.iter().cloned());
        let is_refused = ruled(around, &mut findings);
        tracing::debug!(is_refused, findings = findings.len(), "run prepared");
        let phase = ReportPhase::preparing(&findings, milliseconds(around.started));
        Ok(Self {
            around,
            asked,
            // A run that is refused while it is prepared comes to no container.
            legs: if is_refused { Vec::new() } else { run.legs() },
            state,
            isolation: Isolation {
                kind: IsolationKind::None,
                proven: true,
                witnessed: false,
                reason: "no phase was run".to_owned(),
            },
            prepared,
            _janitor: janitor,
            phases: vec![phase],
            ended: Vec::new(),
            notes,
        })
    }

    /// Runs leg after leg. Returns the signal that ended it, if one did.
    ///
    /// # Errors
    /// Fails if nothing can be run without a way out.
    pub fn conduct(&mut self) -> Result<Option<i32>, RehearsalError> {
        let legs = self.legs.clone();
        if !Utf8Path::new("/mnt").is_dir() {
            self.notes.push("there is no /mnt here, so the workspace is not at /mnt/workspace".to_owned());
        }
        for (index, steps) in legs.iter().filter(|steps| !steps.is_empty()).enumerate() {
            if index == 0 {
                self.isolation = Isolation {
                    kind: IsolationKind::Namespaces,
                    proven: true,
                    witnessed: true,
                    reason:
                        "own user, mount, network and process namespaces, in which every address leads to the witness and \
                             everything outside the copy is read-only: nothing left this machine"
                            .to_owned(),
                };
            }
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let end = match self.run_leg(number, steps, self.isolation.witnessed) {
                Err(LegError::Container(reason)) if number == 1 && self.isolation.witnessed => {
                    self.without_namespaces(&reason)?;
                    self.run_leg(number, steps, false)
                }
                end => end,
            };
            let end = end.map_err(|error| anyhow::anyhow!("the rehearsal's container cannot be run: {error}"))?;
            if let (Some(state), Some(text)) = (&mut self.state, end.state) {
                state.text = text;
            }
            if end.interrupted.is_some() {
                return Ok(end.interrupted);
            }
            let has_failed =
                self.ended.iter().any(|(_, ended)| ended.result.status != Status::Passed && !ended.is_expected);
            if has_failed || !end.has_changes {
                for steps in legs.iter().skip(index + 1) {
                    let started = milliseconds(self.around.started);
                    self.phases.extend(steps.iter().map(|step| ReportPhase::skipped(number + 1, step, started)));
                }
                break;
            }
        }
        Ok(None)
    }

    /// Falls back to the surrounding container if it has no route out. What its user can write is not protected there.
    fn without_namespaces(&mut self, reason: &str) -> Result<(), RehearsalError> {
        namespaces::no_way_out().map_err(|way| {
            anyhow::anyhow!(
                "nothing is run, because it could reach out: no namespaces can be made here ({reason}), and {way}. Run it in a \
                 container without network (`--network none`), or where a user may make namespaces"
            )
        })?;
        let unprotected = "commands of the repository can change every file here that their user can write";
        // Before anything runs.
        let _ = writeln!(io::stderr(), "airtight: no namespaces can be made here, so the {unprotected}");
        self.isolation = Isolation {
            kind: IsolationKind::Surroundings,
            proven: true,
            witnessed: false,
            reason: format!(
                "no namespaces can be made here ({reason}); no route leads out of the surroundings, so nothing left them. Which \
                 hosts were asked for could not be witnessed, the temporary directories are shared by all legs, and the \
                 {unprotected}"
            ),
        };
        if let Some(state) = &mut self.state {
            state.port = free_port().map_err(anyhow::Error::new)?;
        }
        Ok(())
    }

    fn run_leg(&mut self, number: u32, steps: &[Step], has_namespaces: bool) -> Result<LegEnd, LegError> {
        let leg = self.leg(number, steps, has_namespaces);
        let started = self.around.started;
        let (phases, ended, notes) = (&mut self.phases, &mut self.ended, &mut self.notes);
        let reachable = &self.around.settings.reachable;
        let mut begun = 0;
        let mut next = 0;
        conduct::run(&leg, |event| match event {
            Event::Ready { notes: lacks } => {
                for lack in lacks {
                    if !notes.contains(lack) {
                        notes.push(lack.clone());
                    }
                }
            }
            Event::Started { index } => {
                tracing::debug!(leg = number, phase = steps[*index].name, "phase started");
                begun = milliseconds(started);
                phases.extend((next..*index).map(|index| ReportPhase::skipped(number, &steps[index], begun)));
                next = index + 1;
            }
            Event::Ended { index, result } => {
                let is_expected = result.is_expected_failure(steps.get(index + 1));
                let (hosts, elapsed_ms) = (result.hosts.len(), result.elapsed_milliseconds);
                let phase = &steps[*index].name;
                tracing::debug!(phase, status = %result.status, code = result.exit_code, hosts, elapsed_ms, "phase ended");
                phases.push(ReportPhase::of_step(number, &steps[*index], result, begun, is_expected, reachable));
                let step = Ended { step: steps[*index].clone(), result: (**result).clone(), is_expected };
                ended.push((phases.len() - 1, step));
            }
            _ => {}
        })
        .inspect(|_| {
            let now = milliseconds(started);
            phases.extend(steps.iter().skip(next).map(|step| ReportPhase::skipped(number, step, now)));
        })
    }

    /// Finds what is wrong in the phases, by the rules of the settings.
    pub fn judge(&mut self) {
        let settings = self.around.settings;
        let has_entries = |path: &&Utf8PathBuf| path.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some());
        let known = Known {
            reachable: &settings.reachable,
            mirrors: settings.mirror.iter().filter(has_entries).cloned().collect(),
        };
        let ended: Vec<Ended> = self.ended.iter().map(|(_, ended)| ended.clone()).collect();
        for ((phase, _), mut findings) in self.ended.iter().zip(judge::findings(&ended, &known)) {
            ruled(self.around, &mut findings);
            self.phases[*phase].set_findings(&findings);
        }
    }

    fn leg(&self, number: u32, steps: &[Step], has_namespaces: bool) -> Leg {
        let workspace = self.prepared.workspace.path();
        let workspace_root: Utf8PathBuf =
            if has_namespaces && Utf8Path::new("/mnt").is_dir() { WORKSPACE_ROOT.into() } else { workspace.clone() };
        let home = if has_namespaces {
            environment::home(self.around.environment)
        } else {
            workspace.with_file_name(format!("home-{number}"))
        };
        let environment = environment::of_phases(
            self.around.environment,
            &self.around.given,
            &self.asked.request,
            self.asked.run.run_type,
            &self.prepared,
            &workspace_root,
            &home,
        );
        Leg {
            number,
            keep: visible::paths(self.around.settings, self.around.engine.as_ref(), &environment),
            environment,
            workspace,
            workspace_root,
            project_root: self.prepared.project_root.clone(),
            home,
            terraformrc: self.prepared.terraformrc.clone(),
            steps: steps.to_vec(),
            state: self.state.clone(),
            grace_milliseconds: self.asked.grace_milliseconds,
            has_namespaces,
            watches_executions: has_namespaces
                && (self.asked.watches_executions || self.around.settings.execute == Execute::Image),
            becomes_run_user: namespaces::is_root(),
        }
    }

    /// Secrets of contexts and plugins do not leave with the report.
    fn mask(&self, phases: &mut [ReportPhase]) {
        let secrets: Vec<&str> = (self.prepared.variables.values())
            .filter(|variable| variable.is_sensitive && variable.value.len() >= SHORTEST_SECRET)
            .map(|variable| variable.value.as_str())
            .collect();
        let mask = |text: &mut String| {
            for secret in &secrets {
                if text.contains(secret) {
                    *text = text.replace(secret, "***");
                }
            }
        };
        for phase in phases {
            phase.command.as_mut().map(mask);
            for finding in &mut phase.findings {
                [&mut finding.summary, &mut finding.detail, &mut finding.help].into_iter().for_each(mask);
            }
        }
    }

    pub fn report(&self, was_interrupted: bool) -> Report {
        let mut phases = self.phases.clone();
        self.mask(&mut phases);
        let engine: Option<&Engine> = self.around.engine.as_ref().map(|found| &found.engine);
        let request = &self.asked.request;
        let subject = Subject {
            repository: request.repository.file_name().unwrap_or("/").to_owned(),
            project_root: self.prepared.project_root.to_string(),
            commit: commit::checked_out(&request.repository),
            date: self.around.today.clone(),
        };
        Report::new(
            subject,
            self.asked.run.run_type,
            self.prepared.has_workflow_file,
            self.isolation.clone(),
            engine,
            phases,
            self.notes.clone(),
            was_interrupted,
            milliseconds(self.around.started),
        )
    }
}

/// A workspace with what was read from it.
pub struct LaidOut {
    pub prepared: Prepared,
    janitor: Janitor,
}

/// Makes the workspace, whose removal is certain before anything is copied into it.
///
/// # Errors
/// Fails if it cannot be written, or the source not be read.
pub fn lay_out(request: &Request) -> anyhow::Result<LaidOut> {
    let wrong = |error: io::Error| anyhow::Error::new(error).context("the workspace cannot be laid out");
    let workspace = Workspace::new(namespaces::is_root().then_some((RUN_USER, RUN_USER))).map_err(wrong)?;
    let directory = workspace.directory().to_owned();
    let janitor = Janitor::watch(&directory).map_err(wrong)?;
    let prepared = preparing::prepare(request, workspace).map_err(|error| {
        if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return wrong(error);
        }
        let parent = directory.parent().unwrap_or(&directory);
        wrong(error).context(format!(
            "the copy of `{}` does not fit into `{parent}`: set TMPDIR to a directory with more free space",
            request.repository
        ))
    })?;
    Ok(LaidOut { prepared, janitor })
}

/// Applies the settings' rules. Whether an error is left.
fn ruled(around: &Around<'_>, findings: &mut Vec<Finding>) -> bool {
    check::rules::apply(around.settings, findings, &around.today);
    // A rule that matches nothing in one phase may match in another.
    findings.retain(|finding| finding.code != Code::RuleUnmatched);
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
