//! Asking the engine before a refusal, and what its answer does to the findings.

use std::time::Duration;

use airtight_engine::ask::{
    self, Answer, EngineDiagnostic, EnginePlace, LocalState, Modules, PulledState, StateAnswer,
};
use airtight_engine::configuration::Backend;
use airtight_engine::modules_manifest;
use airtight_engine::predict;
use airtight_engine::state::{State, Unseen};
use airtight_finding::{Code, Finding, Loading, Owner, Severity};
use airtight_hcl::{Place, Position};
use camino::Utf8PathBuf;

use crate::check::{Judgement, state};
use crate::cli_configuration;
use crate::context::{Context, real};
use crate::exec::confined::Confined;
use crate::file_causes;
use crate::gather::Gathered;
use crate::init;

/// Asks the engine whether the configuration loads, and which providers it needs. None without an engine.
pub(crate) fn ask(context: &Context<'_>, gathered: &Gathered) -> Option<Answer> {
    with_question(context, gathered, "", ask::LIMIT, |question| {
        // Without network the engine finds out what a source means, and what on this machine it leads to.
        let modules = match &question.modules {
            Modules::NeedNetwork { .. } if predict::module_to_download(&gathered.facts).is_none() => {
                predict::module_without_end(&gathered.facts).map_or(Modules::AtHand, |module| Modules::NoEnd { module })
            }
            other => other.clone(),
        };
        ask::ask(&ask::Question { modules, ..question.clone() })
    })
}

/// Asks the same with the backend, and has the engine read the state. What it reads is predicted with.
pub(crate) fn ask_state(context: &Context<'_>, gathered: &mut Gathered) -> Option<(Answer, Vec<Finding>)> {
    let Context { environment, engine, launch_directory, repository, .. } = *context;
    let carried = cli_configuration::carried(environment, engine, launch_directory, repository);
    let StateAnswer { answer, state } =
        with_question(context, gathered, &carried.texts().join("\n"), ask::STATE_LIMIT, ask::ask_state)?;
    let mut findings = Vec::new();
    match state {
        // The engine was not given the name in a workspace's file that is wrong: this is another workspace's state.
        PulledState::Read(_) if has_wrong_workspace(gathered) => {}
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

/// Adds what the engine refuses in the backend's arguments. A host that cannot be reached is no reason to ask; nor are
/// commands of the repository that the backend would start.
pub(crate) fn ask_backend(context: &Context<'_>, gathered: &Gathered, answer: &mut Answer) {
    let facts = &gathered.facts;
    let root = &facts.configuration.root;
    let has_backend = root.backend.is_some() || root.has_encryption;
    let runs_commands = || !init::init_commands(context, gathered).is_empty();
    let Answer::Loads(loaded) = answer else { return };
    if loaded.with_backend || !has_backend || !facts.init.backend || runs_commands() || has_open_socket(gathered) {
        return;
    }
    let asked = with_question(context, gathered, "", ask::BACKEND_LIMIT, ask::ask_backend);
    loaded.backend_errors = asked.unwrap_or_default();
    loaded.with_backend = true;
}

/// Whether the backend connects by other ways than HTTP, which a closed proxy does not stop.
fn has_open_socket(gathered: &Gathered) -> bool {
    let backend = gathered.facts.configuration.root.backend.as_ref();
    backend.is_some_and(|backend| matches!(backend.kind.as_str(), "consul" | "etcdv3" | "kubernetes" | "pg" | "swift"))
}

/// Whether only the engine can say where the state of a local backend is. It needs no network for that.
pub(crate) fn needs_the_engine_for_its_state(gathered: &Gathered) -> bool {
    let facts = &gathered.facts;
    let root = &facts.configuration.root;
    let is_local = root.backend.as_ref().is_some_and(|backend| backend.kind == "local");
    let has_unseen = facts.state.unseen.is_some() && !has_wrong_workspace(gathered);
    is_local && facts.init.backend && has_unseen && !root.has_encryption && !facts.init.migrate_state
}

fn has_wrong_workspace(gathered: &Gathered) -> bool {
    matches!(gathered.facts.state.unseen, Some(Unseen::WorkspaceFile { .. }))
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
    let backend = gathered.facts.configuration.root.backend.as_ref();
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
        local_state: if backend.is_none() { LocalState::Counts } else { LocalState::Ignored },
        workspace_dir: backend.and_then(|backend| backend.workspace_dir.as_deref()),
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
    let stops_at_backend = matches!(answer, Answer::Loads(loaded) if !loaded.backend_errors.is_empty());
    if stops_at_backend || matches!(answer, Answer::Refused(_)) {
        // The engine comes neither to the host nor to the state.
        judgement.engine.retain(|finding| !matches!(finding.code, Code::HostUndeclared | Code::StateUnseen));
    }
    match answer {
        Answer::Loads(loaded) => {
            judgement.engine.retain(|finding| !is_of_configuration(finding.code));
            judgement.engine.extend(loaded.other_errors.iter().map(|error| reported(gathered, error)));
            judgement.engine.extend(loaded.backend_errors.iter().map(|error| reported_of_backend(gathered, error)));
        }
        Answer::Refused(refused) => {
            // What nothing requires is only known once the configuration loads.
            judgement.measured.retain(|finding| finding.code != Code::LockEntryUnused);
            // What airtight found in the state or in the way to a module is the cause of an error that names no place.
            let is_cause = |finding: &Finding| {
                matches!(finding.code, Code::StateInvalid | Code::ModuleInvalid) && finding.severity == Severity::Error
            };
            let has_cause = judgement.engine.iter().any(is_cause);
            let is_local_fetch = |error: &EngineDiagnostic| refused.of_local_modules.contains(error);
            let mut errors: Vec<_> = refused.errors.iter().collect();
            let is_argument =
                |finding: &Finding| finding.code == Code::InitArgumentsInvalid && finding.severity != Severity::Note;
            for finding in judgement.engine.iter_mut().filter(|finding| is_argument(finding)) {
                *finding = finding.clone().severity(Severity::Error);
                errors.retain(|error| error.place.is_some());
            }
            let has_placeless = errors.iter().any(|error| error.place.is_none() || is_local_fetch(error));
            judgement.engine.retain(|finding| {
                !is_of_configuration(finding.code) || (has_placeless && finding.code == Code::ModuleInvalid)
            });
            errors.retain(|error| (error.place.is_some() && !is_local_fetch(error)) || !has_cause);
            let of_lock = |finding: &Finding| finding.code == Code::LockFileInvalid;
            if errors.iter().any(|error| is_of_lock_file(error)) {
                judgement.requirements.retain(|finding| !of_lock(finding));
            }
            let facts = &gathered.facts;
            judgement.engine.extend(file_causes::take(&facts.root_module, &gathered.sources, &mut errors));
            judgement.engine.extend(errors.into_iter().map(|error| reported(gathered, error)));
            judgement.lower_all_about_providers(
                "The engine does not accept the configuration, so `init` ends before it installs any provider. Once that is \
                 corrected:",
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

fn is_of_lock_file(diagnostic: &EngineDiagnostic) -> bool {
    let file = diagnostic.place.as_ref().and_then(|place| place.file.file_name());
    file == Some(airtight_provider::lock_file::FILE_NAME)
}

/// A diagnostic of the engine as a finding: its words, its file and line.
fn reported(gathered: &Gathered, diagnostic: &EngineDiagnostic) -> Finding {
    let program = gathered.facts.engine.name;
    let code = if is_of_lock_file(diagnostic) { Code::LockFileInvalid } else { Code::ConfigurationInvalid };
    let detail = match diagnostic.detail.as_str() {
        "" => format!("These are {}'s words.", program.title()),
        detail => format!("{} says: {detail}", program.title()),
    };
    let finding = Finding::new(code, Severity::Error, Owner::Repository, diagnostic.summary.clone()).detail(detail);
    match &diagnostic.place {
        None if matches!(gathered.facts.state.unseen, Some(Unseen::OtherBackendRecorded { .. })) => {
            finding.help(state::fix_recorded(&gathered.facts))
        }
        None => finding.help("Correct what the engine names. `airtight check` asks it again."),
        Some(place) => {
            let place = in_text(gathered, place);
            let help = if is_variable(gathered, &place) {
                GIVE_A_VALUE
            } else {
                "Correct it there. `airtight check` asks the engine again."
            };
            finding.help(help).at(place, "")
        }
    }
}

const GIVE_A_VALUE: &str = "Give the variable a value that is known before `init`: a default, TF_VAR_NAME in the stack's \
                            environment, or `-var` in TF_CLI_ARGS_init.";

/// Whether a diagnostic is about a variable as a whole: it has no value.
fn is_variable(gathered: &Gathered, place: &Place) -> bool {
    let position = place.position.as_ref();
    let text = position.and_then(|position| gathered.sources.get(&place.path)?.get(position.start..));
    text.is_some_and(|text| text.starts_with("variable "))
}

/// The same for an argument of the backend, which may come from several places.
fn reported_of_backend(gathered: &Gathered, diagnostic: &EngineDiagnostic) -> Finding {
    let finding = reported(gathered, diagnostic);
    let is_in_file_of =
        |backend: &&Backend| finding.places.first().is_none_or(|label| label.place.path == backend.place.path);
    let Some(backend) = gathered.facts.configuration.root.backend.as_ref().filter(is_in_file_of) else {
        return finding.help(GIVE_A_VALUE);
    };
    let has_place = !finding.places.is_empty();
    let finding = finding.help(if backend.kind == "cloud" {
        "Write it in the block, or set TF_CLOUD_ORGANIZATION, TF_CLOUD_HOSTNAME or TF_WORKSPACE in the stack's environment. If \
         Spacelift keeps the state, remove the block."
    } else {
        "Write it in the block, or give it with the arguments of `init`: TF_CLI_ARGS_init in the stack's environment, for the \
         check `airtight check -- -backend-config=NAME=VALUE`."
    });
    if has_place { finding } else { finding.at(backend.place.clone(), "") }
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
