//! `airtight run`: checks, then becomes the engine for one workflow command.

use std::collections::BTreeMap;

use airtight_gate::before_init::BeforeInit;
use airtight_gate::check::{Cleared, Verdict, execution};
use airtight_gate::cli_sources::CliConfigChoice;
use airtight_gate::engine::FoundEngine;
use airtight_gate::exec::guard::Guard;
use airtight_gate::exec::{Invocation, StartError, child, explanation};
use airtight_gate::gather::{Gathered, Question};
use airtight_gate::later::{AfterInit, Demand};
use airtight_gate::pass::{Asking, Judged, Pass};
use airtight_gate::render;
use airtight_provider::{WorkflowCommand, text_file};
use camino::Utf8Path;

use super::arguments::RunArguments;
use super::progress::Progress;
use super::resolve::Resolved;
use super::{ExitCode, Stop, output, session, workflow_arguments};

const TEMPLATE_LIMIT_BYTES: u64 = 64 * 1024;

pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode, Stop> {
    let [command, rest @ ..] = arguments.command.as_slice() else {
        return Err(Stop::Usage("`run` needs a workflow command".to_owned()));
    };
    let command = command.to_str().and_then(|text| text.parse::<WorkflowCommand>().ok()).ok_or_else(|| {
        let names = WorkflowCommand::ALL.iter().map(|command| command.as_str()).collect::<Vec<_>>().join(", ");
        Stop::Usage(format!(
            "`{}` is not a workflow command; they are {names}. Put options before it.",
            command.to_string_lossy().escape_default()
        ))
    })?;
    let values = workflow_arguments::parse(command, rest, arguments.encoded).map_err(Stop::Usage)?;
    let resolved = Resolved::new(&arguments.common, None)?;
    let overrides = overrides(command, resolved.settings.templates.as_deref())?;
    let engine_arguments =
        render::command_arguments(command, &values, &overrides).map_err(|error| Stop::Usage(error.to_string()))?;
    let found = resolved.engine_to_start()?;
    let progress = if command.is_read_back() { Progress::silent() } else { Progress::new() };
    let add = |count| progress.add(count);
    let mut settings_findings = resolved.findings.clone();
    let guard = match session::guard(&resolved, &found.program) {
        Some(Err(reason)) => {
            settings_findings.push(execution::not_enforced(&reason));
            None
        }
        Some(Ok(guard)) => Some(guard),
        None => None,
    };
    let mut pass = session::pass(&resolved, &found.engine, Some(&found.program), guard.as_ref(), &add);
    pass.is_confined = guard.is_some();
    pass.judges_own_init = true;
    pass.settings_findings = &settings_findings;
    let run = Run { resolved: &resolved, pass, found: &found, progress: &progress, arguments: engine_arguments };
    match command {
        WorkflowCommand::Init => run.init(),
        WorkflowCommand::GetOutputs => run.read_back(),
        WorkflowCommand::ShowState | WorkflowCommand::ShowPlan => run.show(command),
        WorkflowCommand::WorkspaceSelect
        | WorkflowCommand::WorkspaceNew
        | WorkflowCommand::Plan
        | WorkflowCommand::Apply
        | WorkflowCommand::Destroy => run.later(command),
    }
}

/// The template of the image's settings that replaces the built-in one, if there is one.
fn overrides(command: WorkflowCommand, directory: Option<&Utf8Path>) -> Result<BTreeMap<String, String>, Stop> {
    let Some(directory) = directory else { return Ok(BTreeMap::new()) };
    let name = render::command_template(command);
    let path = directory.join(&name);
    match text_file::read(&path, TEMPLATE_LIMIT_BYTES) {
        Ok(text) => Ok([(name, text)].into()),
        Err(text_file::TextFileError::Missing) if directory.is_dir() => Ok(BTreeMap::new()),
        Err(text_file::TextFileError::Missing) => {
            Err(Stop::Usage(format!("templates `{directory}`: this directory of the settings does not exist")))
        }
        Err(error) => Err(Stop::Usage(format!("template `{path}`: {error}"))),
    }
}

struct Run<'a> {
    resolved: &'a Resolved,
    pass: Pass<'a>,
    found: &'a FoundEngine,
    progress: &'a Progress,
    arguments: Vec<String>,
}

impl Run<'_> {
    fn invocation(&self, environment: Vec<(&'static str, String)>) -> Invocation {
        Invocation { program: self.found.program.clone(), arguments: self.arguments.clone(), environment }
    }

    /// The kernel's limit, to be entered.
    fn guard(&self) -> Result<Option<Guard>, Stop> {
        let not_guarded = |error| Stop::Start(StartError::NotGuarded(error));
        self.pass.context.guard.map(Guard::try_clone).transpose().map_err(not_guarded)
    }

    fn init(self) -> Result<ExitCode, Stop> {
        let question = Question { cli_config: &CliConfigChoice::Generated, init_arguments: &self.arguments[1..] };
        let judged = self.pass.init(&question, Asking::ToConfirm)?;
        self.progress.finish();
        session::publish(self.resolved, &judged)?;
        let Verdict::Cleared(cleared) = &judged.verdict else { return Ok(ExitCode::Refused) };
        let invocation = self.invocation(self.pass.clear(&judged, cleared)?);
        let before = BeforeInit::remember(self.pass.context.launch_directory, &self.pass.context.data_dir())
            .map_err(anyhow::Error::new)?;
        let ended = child::run(&invocation, cleared, self.pass.context.guard).map_err(Stop::Start)?;
        let Some(gathered) = judged.gathered() else { return Ok(ExitCode::Engine(ended.code)) };
        if ended.code != 0 {
            // An `init` that fails late, or is killed, has added hashes of what it found by then.
            before.put_back_if_changed().map_err(anyhow::Error::new)?;
            let findings = explanation::explain(gathered, &ended.error_output, || self.pass.state_after_init(gathered));
            let report = self.pass.report_on("the next command", &findings);
            session::print_findings(self.resolved, &report, &findings, &judged.sources);
            return Ok(ExitCode::Engine(ended.code));
        }
        self.after_init(gathered, &before)
    }

    /// Judges what `init` installed, with the lock file as it was before; only then it is handed over.
    fn after_init(&self, gathered: &Gathered, before: &BeforeInit) -> Result<ExitCode, Stop> {
        let resources =
            || self.pass.state_after_init(gathered).as_ref().map(explanation::resources).unwrap_or_default();
        let after = AfterInit { lock: &gathered.facts.lock, resources: &resources };
        let judged = self.pass.after_init(&after)?;
        if !judged.findings.is_empty() {
            session::print(self.resolved, &judged);
        }
        match &judged.verdict {
            Verdict::Cleared(cleared) => {
                self.pass.hand_over(&judged, cleared)?;
                Ok(ExitCode::Engine(0))
            }
            Verdict::Refused => {
                session::put_back(&self.pass, &judged, Some(before))?;
                Ok(ExitCode::Refused)
            }
        }
    }

    fn later(self, command: WorkflowCommand) -> Result<ExitCode, Stop> {
        let judged = self.pass.later(command.as_str(), Demand::Installed)?;
        self.progress.finish();
        session::save(self.resolved, &judged.report)?;
        if command == WorkflowCommand::Plan {
            session::inform_policy(self.resolved, &judged.report)?;
        }
        let is_cleared = matches!(judged.verdict, Verdict::Cleared(_));
        // Selecting a workspace is expected to fail before it is made: no words of ours around it.
        let is_about_workspaces = matches!(command, WorkflowCommand::WorkspaceSelect | WorkflowCommand::WorkspaceNew);
        if !(is_cleared && is_about_workspaces) {
            session::print(self.resolved, &judged);
        }
        self.start(&judged)
    }

    /// `show` may start providers, so it is judged like any phase. Silent if it is cleared: both streams are the engine's.
    fn show(self, command: WorkflowCommand) -> Result<ExitCode, Stop> {
        let judged = self.pass.later(command.as_str(), Demand::Whatever)?;
        if matches!(judged.verdict, Verdict::Refused) {
            session::print(self.resolved, &judged);
            output::error_line(
                "nothing is lost: this command only reads. `airtight run getOutputs` prints the outputs, and starts no provider.",
            );
        }
        self.start(&judged)
    }

    fn start(self, judged: &Judged) -> Result<ExitCode, Stop> {
        let Verdict::Cleared(cleared) = &judged.verdict else {
            session::put_back(&self.pass, judged, None)?;
            return Ok(ExitCode::Refused);
        };
        let invocation = self.invocation(self.pass.clear(judged, cleared)?);
        let mut guard = self.guard()?;
        if let Some(guard) = &mut guard {
            let copies = self.pass.verified_copies(judged);
            guard.allow_copies(copies).map_err(|error| Stop::Start(StartError::NotGuarded(error)))?;
        }
        Err(Stop::Start(invocation.become_engine(cleared, guard)))
    }

    /// Reading back is not gated. Silent: both streams are the engine's.
    fn read_back(self) -> Result<ExitCode, Stop> {
        let invocation = self.invocation(self.pass.read_back()?);
        Err(Stop::Start(invocation.become_engine(&Cleared::for_reading_back(), self.guard()?)))
    }
}
