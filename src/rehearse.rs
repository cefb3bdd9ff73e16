//! `airtight rehearse`: a whole Spacelift run, here, without network. The report is the data: stdout.

use std::collections::BTreeMap;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::arguments::Format;
use super::rehearse_arguments::RehearseArguments;
use super::rehearse_request::{self as request, Asked};
use super::resolve::Resolved;
use super::{ExitCode, Stop, output};
use airtight_finding::{Code, Finding, Severity};
use airtight_gate::check;
use airtight_gate::engine::FoundEngine;
use airtight_provider::Engine;
use airtight_provider::atomic_file;
use airtight_spacelift::rehearse::conduct;
use airtight_spacelift::rehearse::conduct::{LegEnd, LegError};
use airtight_spacelift::rehearse::leg::{Event, Leg, ServedState, Status, Step};
use airtight_spacelift::rehearse::preparing;
use airtight_spacelift::rehearse::preparing::Prepared;
use airtight_spacelift::rehearse::report;
use airtight_spacelift::rehearse::report::{Isolation, Report, ReportPhase};
use airtight_spacelift::rehearse::run::Run;
use airtight_spacelift::rehearse::workspace::WORKSPACE_ROOT;
use airtight_spacelift::rehearse::{container, html, human, judge, markdown, namespaces};

/// Of the loopback of a namespace, where no other port is taken.
const STATE_PORT: u16 = 61_983;

/// Shorter ones are words that stand everywhere.
const SHORTEST_SECRET: usize = 4;

/// The hidden subcommand: the processes of a container.
pub(super) fn inside(stage: &str) -> Result<ExitCode, Stop> {
    match stage {
        "namespaces" => container::enter()?,
        "container" => container::run()?,
        _ => return Err(Stop::Usage("`rehearse-inside` is for `airtight rehearse` alone".to_owned())),
    }
    Ok(ExitCode::Cleared)
}

pub(super) fn run(arguments: &RehearseArguments) -> Result<ExitCode, Stop> {
    let resolved = Resolved::new(&arguments.common, arguments.directory.as_deref())?;
    let format = resolved.format.unwrap_or(Format::Human);
    if !matches!(format, Format::Human | Format::Json | Format::Markdown) {
        return Err(Stop::Usage("--format: a rehearsal is reported as human, json or markdown".to_owned()));
    }
    let engine = resolved.engine();
    let asked = request::read(arguments, &resolved, engine.as_ref().ok())?;
    let mut rehearsal = Rehearsal::prepare(arguments, &resolved, &asked, engine)?;
    let interrupted = rehearsal.conduct()?;
    let report = rehearsal.report(interrupted.is_some());
    let json = report::json(&report).map_err(anyhow::Error::new)?;
    let save = |path: &Utf8Path, text: &str| {
        let written = atomic_file::write(path, text.as_bytes(), 0o644);
        written.map_err(|error| anyhow::Error::new(error).context(format!("the report `{path}` cannot be written")))
    };
    if let Some(path) = &resolved.report {
        save(path, &json)?;
    }
    if let Some(path) = &arguments.html {
        save(path, &html::render(&report))?;
    }
    output::data(&match format {
        Format::Json => json,
        Format::Markdown => markdown::render(&report),
        _ => human::render(&report, resolved.colors(&std::io::stdout())),
    })?;
    Ok(match interrupted {
        Some(signal) => ExitCode::Engine(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        None if report.verdict == "refused" => ExitCode::Refused,
        None => ExitCode::Cleared,
    })
}

struct Rehearsal<'a> {
    resolved: &'a Resolved,
    asked: &'a Asked,
    engine: Option<FoundEngine>,
    prepared: Prepared,
    legs: Vec<Vec<Step>>,
    state: Option<ServedState>,
    isolation: Isolation,
    phases: Vec<ReportPhase>,
    notes: Vec<String>,
}

impl<'a> Rehearsal<'a> {
    fn prepare(
        arguments: &RehearseArguments,
        resolved: &'a Resolved,
        asked: &'a Asked,
        engine: Result<FoundEngine, Stop>,
    ) -> Result<Self, Stop> {
        let prepared = preparing::prepare(&asked.request)
            .map_err(|error| anyhow::Error::new(error).context("the workspace cannot be laid out"))?;
        let engine = match engine {
            Ok(engine) => Some(engine),
            // Its commands are the workflow file's business, or there are none.
            Err(Stop::Engine(_)) if prepared.has_workflow_file || asked.run.skips_init => None,
            Err(stop) => return Err(stop),
        };
        let source = prepared.workspace.source();
        let project = source.join(&prepared.project_root);
        let declares_backend = request::declares_backend(&project, engine.as_ref().map(|engine| &engine.engine));
        let is_managed = asked.is_managed.unwrap_or(!declares_backend);
        let mut notes = prepared.notes.clone();
        let state = is_managed.then(|| request::served_state(resolved, STATE_PORT, &mut notes)).transpose()?;
        let run = Run {
            has_workspace: !is_managed && arguments.workspace.is_some(),
            commands: prepared.commands.clone(),
            contexts: asked.request.contexts.clone(),
            hooks: prepared.hooks.clone(),
            ..asked.run.clone()
        };
        let mut findings = prepared.findings.clone();
        if !project.is_dir() {
            return Err(Stop::Usage(format!(
                "the project root `{}` is no directory of the source",
                prepared.project_root
            )));
        }
        findings.extend(resolved.findings.iter().cloned());
        let is_refused = ruled(resolved, &mut findings);
        let phase = ReportPhase::preparing(&findings, milliseconds(resolved.started));
        Ok(Self {
            resolved,
            asked,
            engine,
            // A run that is refused while it is prepared comes to no container.
            legs: if is_refused { Vec::new() } else { run.legs() },
            state,
            isolation: Isolation {
                kind: "none",
                proven: true,
                witnessed: false,
                reason: "no phase was run".to_owned(),
            },
            prepared,
            phases: vec![phase],
            notes,
        })
    }

    /// Runs leg after leg. Returns the signal that ended it, if one did.
    fn conduct(&mut self) -> Result<Option<i32>, Stop> {
        let legs = self.legs.clone();
        if !Utf8Path::new("/mnt").is_dir() {
            self.notes.push("there is no /mnt here, so the workspace is not at /mnt/workspace".to_owned());
        }
        for (index, steps) in legs.iter().filter(|steps| !steps.is_empty()).enumerate() {
            if index == 0 {
                self.isolation = Isolation {
                    kind: "namespaces",
                    proven: true,
                    witnessed: true,
                    reason:
                        "own user, mount, network and process namespaces, in which every address leads to the witness: \
                             nothing left this machine"
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
            let has_failed = self.phases.iter().any(|phase| !matches!(phase.status, "passed" | "skipped"));
            if has_failed || !end.has_changes {
                for steps in legs.iter().skip(index + 1) {
                    let started = milliseconds(self.resolved.started);
                    self.phases.extend(steps.iter().map(|step| ReportPhase::skipped(number + 1, step, started)));
                }
                break;
            }
        }
        Ok(None)
    }

    /// What is around us must do, where it leads nowhere.
    fn without_namespaces(&mut self, reason: &str) -> Result<(), Stop> {
        namespaces::no_way_out().map_err(|way| {
            Stop::Failed(anyhow::anyhow!(
                "nothing is run, because it could reach out: no namespaces can be made here ({reason}), and {way}. Run it in a \
                 container without network (`--network none`), or where a user may make namespaces"
            ))
        })?;
        self.isolation = Isolation {
            kind: "surroundings",
            proven: true,
            witnessed: false,
            reason: format!(
                "no namespaces can be made here ({reason}); no route leads out of the surroundings, so nothing left them. Which \
                 hosts were asked for could not be witnessed, and the temporary directories are shared by all legs"
            ),
        };
        if let Some(state) = &mut self.state {
            state.port = free_port().map_err(anyhow::Error::new)?;
        }
        Ok(())
    }

    fn run_leg(&mut self, number: u32, steps: &[Step], has_namespaces: bool) -> Result<LegEnd, LegError> {
        let leg = self.leg(number, steps, has_namespaces);
        let (resolved, started) = (self.resolved, self.resolved.started);
        let (phases, notes) = (&mut self.phases, &mut self.notes);
        let reachable = &resolved.settings.reachable;
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
                begun = milliseconds(started);
                phases.extend((next..*index).map(|index| ReportPhase::skipped(number, &steps[index], begun)));
                next = index + 1;
            }
            Event::Ended { index, result } => {
                let mut findings = judge::findings(&steps[*index], result, reachable);
                // `workspaceSelect` may fail: then `workspaceNew` follows.
                let is_expected = steps.get(index + 1).is_some_and(|next| next.name == "workspaceNew");
                if is_expected && result.status == Status::Failed {
                    findings.retain(|finding| finding.severity == Severity::Note);
                }
                ruled(resolved, &mut findings);
                phases.push(ReportPhase::of_step(number, &steps[*index], result, begun, &findings, reachable));
            }
            _ => {}
        })
        .inspect(|_| {
            let now = milliseconds(started);
            phases.extend(steps.iter().skip(next).map(|step| ReportPhase::skipped(number, step, now)));
        })
    }

    fn leg(&self, number: u32, steps: &[Step], has_namespaces: bool) -> Leg {
        let workspace = self.prepared.workspace.path();
        let workspace_root: Utf8PathBuf =
            if has_namespaces && Utf8Path::new("/mnt").is_dir() { WORKSPACE_ROOT.into() } else { workspace.clone() };
        let home = if has_namespaces {
            request::home(self.resolved)
        } else {
            workspace.with_file_name(format!("home-{number}"))
        };
        let environment = request::environment(self.resolved, self.asked, &self.prepared, &workspace_root, &home);
        Leg {
            number,
            keep: request::kept(self.resolved, self.engine.as_ref(), &environment),
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

    fn report(&self, was_interrupted: bool) -> Report {
        let mut phases = self.phases.clone();
        self.mask(&mut phases);
        let engine: Option<&Engine> = self.engine.as_ref().map(|found| &found.engine);
        Report::new(
            self.asked.run.run_type,
            self.prepared.has_workflow_file,
            self.isolation.clone(),
            engine,
            phases,
            self.notes.clone(),
            was_interrupted,
            milliseconds(self.resolved.started),
        )
    }
}

/// Applies the settings' rules. Whether an error is left.
fn ruled(resolved: &Resolved, findings: &mut Vec<Finding>) -> bool {
    check::rules::apply(&resolved.settings, findings, &Resolved::today());
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

/// Variables by name.
pub(super) type Variables = BTreeMap<String, String>;
