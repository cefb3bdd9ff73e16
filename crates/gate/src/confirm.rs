//! Asking the engine before a refusal, and what its answer does to the findings.

use std::collections::BTreeSet;
use std::time::Duration;

use airtight_engine::ask::{
    self, Answer, EngineDiagnostic, EnginePlace, LocalState, Modules, PulledState, StateAnswer,
};
use airtight_engine::modules_manifest;
use airtight_engine::predict;
use airtight_engine::state::State;
use airtight_finding::{Code, Finding, Loading, Owner, Severity, shell_word};
use airtight_hcl::{Place, Position};
use airtight_provider::text_file;
use airtight_provider::unlikely_text::UnlikelyText;
use camino::Utf8PathBuf;

use crate::check::Judgement;
use crate::cli_configuration;
use crate::context::{Context, real};
use crate::exec::confined::Confined;
use crate::gather::Gathered;

/// Asks the engine whether the configuration loads, and which providers it needs. None without an engine.
pub(crate) fn ask(context: &Context<'_>, gathered: &Gathered) -> Option<Answer> {
    with_question(context, gathered, "", ask::LIMIT, ask::ask)
}

/// Asks the same with the backend, and has the engine read the state. What it reads is predicted with.
pub(crate) fn ask_state(context: &Context<'_>, gathered: &mut Gathered) -> Option<(Answer, Vec<Finding>)> {
    let Context { environment, engine, launch_directory, repository, .. } = *context;
    let carried = cli_configuration::carried(environment, engine, launch_directory, repository);
    let StateAnswer { answer, state } =
        with_question(context, gathered, &carried.texts().join("\n"), ask::STATE_LIMIT, ask::ask_state)?;
    let mut findings = Vec::new();
    match state {
        PulledState::Read(state) => {
            gathered.facts.state.add_given(state);
            gathered.predict(context);
        }
        PulledState::Refused(errors) => findings.extend(errors.iter().map(|error| unread_state(context, error))),
        PulledState::Failed(failure) => {
            findings.push(state_unseen("the engine could not read the state").detail(format!("{failure}.")));
        }
        PulledState::NotPulled => {}
    }
    Some((answer, findings))
}

/// The state behind the backend, after an `init` in this same workspace.
pub(crate) fn state_after_init(context: &Context<'_>, gathered: &Gathered) -> Option<State> {
    let Context { environment, engine, launch_directory, repository, .. } = *context;
    let carried = cli_configuration::carried(environment, engine, launch_directory, repository);
    let ask = |question: &ask::Question<'_>| {
        // What `init` needed from the network it has installed by now.
        ask::ask_state(&ask::Question { modules: Modules::AtHand, ..question.clone() })
    };
    match with_question(context, gathered, &carried.texts().join("\n"), ask::STATE_LIMIT, ask)?.state {
        PulledState::Read(state) => Some(state),
        PulledState::Refused(_) | PulledState::NotPulled | PulledState::Failed(_) => None,
    }
}

fn unread_state(context: &Context<'_>, error: &EngineDiagnostic) -> Finding {
    let title = context.engine.name.title();
    state_unseen(format!("{title} could not read the state: {}", error.summary)).detail(error.detail.clone())
}

fn state_unseen(summary: impl Into<String>) -> Finding {
    Finding::new(Code::StateUnseen, Severity::Warning, Owner::Administrator, summary).help(
        "Run the check on a machine that can reach the backend, with its credentials in the environment, or give it a copy of \
         the state: `airtight check --state FILE`.",
    )
}

fn with_question<T>(
    context: &Context<'_>,
    gathered: &Gathered,
    cli_blocks: &str,
    limit: Duration,
    ask: impl FnOnce(&ask::Question<'_>) -> T,
) -> Option<T> {
    let program = context.program?;
    let modules = match predict::module_from_network(&gathered.facts) {
        Some(module) => Modules::NeedNetwork { module },
        None => match predict::module_without_end(&gathered.facts) {
            Some(module) => Modules::NoEnd { module },
            None => Modules::AtHand,
        },
    };
    let placement = &gathered.facts.configuration.placement;
    let records = (!placement.copies.is_empty()).then(|| modules_manifest::text(&placement.records_in_stores()));
    let local_state = match gathered.facts.configuration.root.backend {
        None => LocalState::Counts,
        Some(_) => LocalState::Ignored,
    };
    Some(ask(&ask::Question {
        program: &real(program),
        engine: context.engine,
        root_module: &real(&gathered.facts.root_module),
        data_dir: &gathered.data_dir,
        repository: context.repository,
        init: &gathered.facts.init,
        environment: std::env::vars_os().collect(),
        modules,
        module_records: records.as_deref(),
        local_state,
        cli_blocks,
        temporary: &temporary(context),
        confine: Some(&Confined { guard: context.guard }),
        limit,
    }))
}

fn temporary(context: &Context<'_>) -> Utf8PathBuf {
    context.runtime.as_ref().map_or_else(|_| "/tmp".into(), |runtime| runtime.path().to_owned())
}

/// The engine's own word on the configuration.
pub(crate) const fn loading(answer: Option<&Answer>) -> Loading {
    match answer {
        Some(Answer::Loads(_)) => Loading::Loads,
        Some(Answer::Refused(_)) => Loading::Refused,
        _ => Loading::NotAsked,
    }
}

/// Lets the answer decide about what airtight only predicts.
///
/// - The configuration loads: what was judged with the engine's own requirements stays, and what airtight expected the
///   engine to refuse goes.
/// - The engine refuses: its diagnostics are the findings. It installs nothing, so nothing about providers refuses a run.
/// - No answer: in a run, the engine says the rest.
pub(crate) fn weigh(answer: &Answer, is_check: bool, gathered: &Gathered, judgement: &mut Judgement) {
    match answer {
        Answer::Loads(loaded) => {
            judgement.engine.retain(|finding| !is_of_configuration(finding.code));
            judgement.engine.extend(loaded.other_errors.iter().map(|error| reported(gathered, error)));
        }
        Answer::Refused(refused) => {
            judgement.engine.retain(|finding| !is_of_configuration(finding.code));
            // What airtight found in the state is the cause of an error that names no place of the configuration.
            let is_of_state =
                |finding: &Finding| finding.code == Code::StateInvalid && finding.severity == Severity::Error;
            let has_state_error = judgement.engine.iter().any(is_of_state);
            let errors = refused.errors.iter().filter(|error| error.place.is_some() || !has_state_error);
            judgement.engine.extend(all_reported(gathered, errors));
            judgement.lower_all_about_providers(
                "The engine does not accept the configuration, so `init` ends before it installs any provider.",
            );
        }
        Answer::NotAsked(_) | Answer::TimedOut(_) | Answer::Failed(_) => {
            let why = answer.why_unknown().unwrap_or_default();
            if is_check {
                judgement.unseen(&why);
            } else {
                judgement.lower_requirements(&format!(
                    "This is airtight's own reading of the configuration, and {why}. So the engine runs, and what it installs \
                     is checked before anything of it starts."
                ));
            }
        }
    }
    if !is_check {
        judgement.leave_to_the_engine();
    }
}

/// Whether the engine's answer about the configuration replaces airtight's finding.
const fn is_of_configuration(code: Code) -> bool {
    matches!(
        code,
        Code::ConfigurationInvalid
            | Code::ConfigurationNotUnderstood
            | Code::ConstraintInvalid
            | Code::EngineVersionRefused
            | Code::ModuleInvalid
            | Code::ProviderAddressInvalid
    )
}

/// Larger files of a configuration are not looked into.
const LIMIT_BYTES: u64 = 1024 * 1024;

/// Diagnostics of the engine as findings. A file that is no text of a configuration is one finding, however many lines of it
/// the engine cannot read.
fn all_reported<'a>(gathered: &Gathered, errors: impl Iterator<Item = &'a EngineDiagnostic>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unlikely_files = BTreeSet::new();
    for error in errors {
        let path = error.place.as_ref().map(|place| gathered.facts.root_module.join(&place.file));
        let bytes = path.as_ref().and_then(|path| text_file::read_bytes(path, LIMIT_BYTES).ok());
        match (path, bytes.and_then(|bytes| UnlikelyText::of(&bytes))) {
            (Some(path), Some(unlikely)) => {
                if unlikely_files.insert(path.clone()) {
                    let summary = format!("`{path}` {unlikely}");
                    findings.push(
                        Finding::new(Code::ConfigurationInvalid, Severity::Error, Owner::Repository, summary)
                            .detail(format!("{} says first: {}", gathered.facts.engine.name.title(), error.summary))
                            .help(unlikely.fix(&shell_word(path.as_str())))
                            .at(Place::file(&path), ""),
                    );
                }
            }
            _ => findings.push(reported(gathered, error)),
        }
    }
    findings
}

/// A diagnostic of the engine as a finding: its words, its file and line.
fn reported(gathered: &Gathered, diagnostic: &EngineDiagnostic) -> Finding {
    let program = gathered.facts.engine.name;
    let is_lock_file = diagnostic
        .place
        .as_ref()
        .is_some_and(|place| place.file.file_name() == Some(airtight_provider::lock_file::FILE_NAME));
    let code = if is_lock_file { Code::LockFileInvalid } else { Code::ConfigurationInvalid };
    let finding = Finding::new(code, Severity::Error, Owner::Repository, diagnostic.summary.clone())
        .detail(format!("{} says: {}", program.title(), diagnostic.detail))
        .help("Correct it there. `airtight check` asks the engine again.");
    match &diagnostic.place {
        None => finding,
        Some(place) => finding.at(in_text(gathered, place), ""),
    }
}

/// The place with its part of the text, if the text was read.
fn in_text(gathered: &Gathered, place: &EnginePlace) -> Place {
    let path = gathered.facts.root_module.join(&place.file);
    let text = gathered.sources.get(&path).unwrap_or_default();
    let line_start = |line: u32| {
        let lines = text.split_inclusive('\n').take((line.max(1) - 1) as usize);
        lines.map(str::len).sum::<usize>()
    };
    let (start, end) = place.bytes.unwrap_or_else(|| {
        let start = line_start(place.line);
        let line = text[start..].lines().next().unwrap_or_default();
        (start + (line.len() - line.trim_start().len()), start + line.trim_end().len())
    });
    let position = Position { line: place.line, column: place.column.unwrap_or(1), start, end };
    Place { position: Some(position), ..Place::file(&path) }
}
