//! `airtight run`: checks, then becomes the engine for one workflow command.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::arguments::RunArguments;
use super::progress::Progress;
use super::resolve::Resolved;
use super::{ExitCode, Stop, session, workflow_arguments};
use airtight_finding::Finding;
use airtight_gate::check::{Cleared, Verdict};
use airtight_gate::cli_sources::CliConfigChoice;
use airtight_gate::context::Context;
use airtight_gate::engine::FoundEngine;
use airtight_gate::exec::{Invocation, child, explanation, state_pull};
use airtight_gate::gather::{Gathered, Question};
use airtight_gate::init;
use airtight_gate::later;
use airtight_gate::later::{AfterInit, Demand};
use airtight_gate::prepared;
use airtight_gate::prepared::CliConfiguration;
use airtight_gate::render;
use airtight_hcl::Sources;
use airtight_provider::WorkflowCommand;
use airtight_provider::text_file;

const TEMPLATE_LIMIT_BYTES: u64 = 64 * 1024;

pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode, Stop> {
    let [command, rest @ ..] = arguments.command.as_slice() else {
        return Err(Stop::Usage("`run` needs a workflow command".to_owned()));
    };
    let command = command.to_str().and_then(|text| text.parse::<WorkflowCommand>().ok()).ok_or_else(|| {
        let names = WorkflowCommand::ALL.iter().map(|command| command.as_str()).collect::<Vec<_>>().join(", ");
        Stop::Usage(format!(
            "`{}` is not a workflow command; they are {names}. Options stand before it.",
            command.to_string_lossy().escape_default()
        ))
    })?;
    let values = workflow_arguments::parse(command, rest, arguments.encoded).map_err(Stop::Usage)?;
    let resolved = Resolved::new(&arguments.common, None)?;
    let overrides = overrides(command, resolved.settings.templates.as_deref())?;
    let engine_arguments =
        render::command_arguments(command, &values, &overrides).map_err(|error| Stop::Usage(error.to_string()))?;
    let found = resolved.engine()?;
    let progress = if command.is_read_back() { Progress::silent() } else { Progress::new() };
    let add = |count| progress.add(count);
    let run = Run {
        resolved: &resolved,
        context: session::context(&resolved, &found.engine, &add),
        found: &found,
        progress: &progress,
        arguments: engine_arguments,
    };
    match command {
        WorkflowCommand::Init => run.init(),
        WorkflowCommand::GetOutputs => run.read_back(),
        WorkflowCommand::ShowState | WorkflowCommand::ShowPlan => run.show(),
        WorkflowCommand::WorkspaceSelect
        | WorkflowCommand::WorkspaceNew
        | WorkflowCommand::Plan
        | WorkflowCommand::Apply
        | WorkflowCommand::Destroy => run.later(command),
    }
}

/// The template of the image's settings that replaces ours, where there is one.
fn overrides(command: WorkflowCommand, directory: Option<&Utf8Path>) -> Result<BTreeMap<String, String>, Stop> {
    let Some(directory) = directory else { return Ok(BTreeMap::new()) };
    let name = render::command_template(command);
    let path = directory.join(&name);
    match text_file::read(&path, TEMPLATE_LIMIT_BYTES) {
        Ok(text) => Ok([(name, text)].into()),
        Err(text_file::TextFileError::Missing) if directory.is_dir() => Ok(BTreeMap::new()),
        Err(text_file::TextFileError::Missing) => {
            Err(Stop::Usage(format!("templates `{directory}`: the directory of the settings is not there")))
        }
        Err(error) => Err(Stop::Usage(format!("template `{path}`: {error}"))),
    }
}

struct Run<'a> {
    resolved: &'a Resolved,
    context: Context<'a>,
    found: &'a FoundEngine,
    progress: &'a Progress,
    arguments: Vec<String>,
}

impl Run<'_> {
    fn invocation(&self, configuration: &CliConfiguration, cleared: &Cleared) -> Result<Invocation, Stop> {
        let environment = configuration.write(&self.context, cleared).map_err(session::refuse)?;
        Ok(Invocation { program: self.program(), arguments: self.arguments.clone(), environment })
    }

    fn program(&self) -> Utf8PathBuf {
        self.found.program.clone()
    }

    fn become_engine(&self, configuration: &CliConfiguration, cleared: &Cleared) -> Result<ExitCode, Stop> {
        let invocation = self.invocation(configuration, cleared)?;
        Err(Stop::Start(invocation.become_engine(cleared)))
    }

    fn init(&self) -> Result<ExitCode, Stop> {
        let question = Question { cli_config: &CliConfigChoice::Generated, init_arguments: &self.arguments[1..] };
        let (gathered, mut findings) = init::judge(&self.context, &question)?;
        let (configuration, found) = prepared::collect(&self.context);
        findings.extend(found);
        self.progress.finish();
        let verdict = session::decide(self.resolved, &mut findings);
        let report = session::report_on(self.resolved, &gathered, &findings);
        session::save(self.resolved, &report)?;
        session::tell(self.resolved, &report, &findings, &gathered.sources);
        let Verdict::Cleared(cleared) = verdict else { return Ok(ExitCode::Refused) };
        if let Ok(runtime) = self.context.runtime {
            init::keep_lock_file(&self.context, runtime, &gathered.facts.lock, &cleared)?;
        }
        let invocation = self.invocation(&configuration, &cleared)?;
        let ended = child::run(&invocation, &cleared).map_err(Stop::Start)?;
        if ended.code != 0 {
            let findings = explanation::explain(&gathered, &invocation, &ended.error_output);
            self.tell(&findings, &gathered.sources);
            return Ok(ExitCode::Engine(ended.code));
        }
        self.after_init(&gathered, &invocation)
    }

    /// Judges what `init` installed by the lock file as it was before; only then it is handed over.
    fn after_init(&self, gathered: &Gathered, invocation: &Invocation) -> Result<ExitCode, Stop> {
        let resources = || {
            let state = state_pull::pull(invocation, &self.found.engine);
            state.as_ref().map(explanation::resources).unwrap_or_default()
        };
        let after = AfterInit { lock: &gathered.facts.lock, resources: &resources };
        let mut later = later::judge(&self.context, Some(&after), Demand::Installed)?;
        let mut findings = std::mem::take(&mut later.findings);
        airtight_gate::check::rules::apply(&self.resolved.settings, &mut findings, &Resolved::today());
        let verdict = airtight_gate::check::verdict::judge(&findings, self.resolved.settings.policy);
        self.tell(&findings, &later.sources);
        match verdict {
            Verdict::Cleared(cleared) => {
                later.hand_over(&self.context, &cleared)?;
                session::remember_leg(&self.context, true);
                Ok(ExitCode::Engine(0))
            }
            Verdict::Refused => {
                session::remember_leg(&self.context, false);
                Ok(ExitCode::Refused)
            }
        }
    }

    /// Tells findings, where there are any.
    fn tell(&self, findings: &[Finding], sources: &Sources) {
        if !findings.is_empty() {
            let report =
                session::report_later(self.resolved, &self.found.engine, "the next command", Vec::new(), findings);
            session::tell(self.resolved, &report, findings, sources);
        }
    }

    fn later(&self, command: WorkflowCommand) -> Result<ExitCode, Stop> {
        let mut later = later::judge(&self.context, None, Demand::Installed)?;
        let mut findings = std::mem::take(&mut later.findings);
        let (configuration, found) = prepared::collect(&self.context);
        findings.extend(found);
        self.progress.finish();
        let verdict = session::decide(self.resolved, &mut findings);
        let report = session::report_later(
            self.resolved,
            &self.found.engine,
            command.as_str(),
            later.providers.clone(),
            &findings,
        );
        session::save(self.resolved, &report)?;
        session::remember_leg(&self.context, matches!(verdict, Verdict::Cleared(_)));
        let Verdict::Cleared(cleared) = verdict else {
            session::tell(self.resolved, &report, &findings, &later.sources);
            return Ok(ExitCode::Refused);
        };
        // Selecting a workspace is expected to fail before it is made: no words of ours around it.
        if !matches!(command, WorkflowCommand::WorkspaceSelect | WorkflowCommand::WorkspaceNew) {
            session::tell(self.resolved, &report, &findings, &later.sources);
        }
        if later.should_hand_over(&self.context) {
            later.hand_over(&self.context, &cleared)?;
        }
        self.become_engine(&configuration, &cleared)
    }

    /// Reading back is not gated. Silent: both streams are the engine's.
    fn read_back(&self) -> Result<ExitCode, Stop> {
        let (configuration, _) = prepared::collect(&self.context);
        self.become_engine(&configuration, &Cleared::for_reading_back())
    }

    /// `show` may start providers, so it wants this leg's earlier result, or makes one. Silent where it is cleared.
    fn show(&self) -> Result<ExitCode, Stop> {
        if session::leg_is_cleared(&self.context) {
            return self.read_back();
        }
        let mut later = later::judge(&self.context, None, Demand::Whatever)?;
        let mut findings = std::mem::take(&mut later.findings);
        let verdict = session::decide(self.resolved, &mut findings);
        session::remember_leg(&self.context, matches!(verdict, Verdict::Cleared(_)));
        match verdict {
            Verdict::Cleared(_) => self.read_back(),
            Verdict::Refused => {
                self.tell(&findings, &later.sources);
                Ok(ExitCode::Refused)
            }
        }
    }
}
