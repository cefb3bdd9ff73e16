//! Asking the engine for the state, with its own backend code and credentials.

use camino::Utf8Path;

use super::answer::{Answer, EngineDiagnostic, Failure, Loaded, NotAsked};
use super::process::{self, Run, Stopped};
use super::question::Question;
use super::scratch::Scratch;
use super::secrets::Secrets;
use super::{init, plain, session, words};
use crate::state::{self, State};
use airtight_hcl::Sources;
use airtight_provider::lock_file;

/// A larger state is not read.
const STATE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// What the engine says of the configuration, with the state's providers among the requirements, and the state.
#[derive(Debug)]
pub struct StateAnswer {
    pub answer: Answer,
    pub state: PulledState,
}

/// The state of the selected workspace.
#[derive(Debug)]
pub enum PulledState {
    /// Which providers its resources need. It has no resources if the backend holds no state yet.
    Read(State),
    /// The engine printed errors instead, of the backend for example. At least one.
    Refused(Vec<EngineDiagnostic>),
    /// It was not asked for, because [`StateAnswer::answer`] is no [`Answer::Loads`] or `init` opens no backend.
    NotPulled,
    Failed(Failure),
}

impl From<Failure> for StateAnswer {
    fn from(failure: Failure) -> Self {
        Self { answer: failure.into(), state: PulledState::NotPulled }
    }
}

/// Asks as [`super::ask`] does, but with the backend: the engine opens it with the caller's `-backend-config` and
/// `-reconfigure`, the environment's credentials and the network. Then has it print the state.
///
/// Each step may take [`Question::limit`]. No lock is taken. No state is written: with `-migrate-state` or `-force-copy`
/// the engine is not started.
#[tracing::instrument(skip_all, fields(engine = %question.engine, root_module = %question.root_module))]
pub fn ask_state(question: &Question<'_>) -> StateAnswer {
    let reason = question.not_asked().or_else(|| question.init.migrate_state.then_some(NotAsked::MigratesState));
    if let Some(reason) = reason {
        tracing::debug!(%reason, "the engine is not asked");
        return StateAnswer { answer: Answer::NotAsked(reason), state: PulledState::NotPulled };
    }
    if !question.init.backend {
        return StateAnswer { answer: super::ask(question), state: PulledState::NotPulled };
    }
    session(question, |scratch| with_backend(question, scratch))
}

fn with_backend(question: &Question<'_>, scratch: &Scratch) -> Result<StateAnswer, Stopped> {
    let prepared = scratch.allow_backend(question);
    if let Err(failure) = prepared {
        return Ok(failure.into());
    }
    let arguments = question.backend_arguments();
    let mut answer = init(question, Run::of(question, scratch, arguments.clone(), question.limit))?;
    if let Answer::Loads(loaded) = &mut answer
        && question.engine.installs_state_providers_apart()
        && !loaded.requirements.is_empty()
    {
        // These versions open the backend only after they have found every provider of the configuration.
        let names: Vec<String> = loaded.requirements.iter().map(|needed| needed.address.to_string()).collect();
        if let Err(failure) = scratch.override_providers(question, &names) {
            return Ok(failure.into());
        }
        match init(question, Run::of(question, scratch, arguments, question.limit))? {
            Answer::Loads(second) => merge(loaded, second),
            other => answer = other,
        }
    }
    if let Answer::Loads(loaded) = &mut answer {
        loaded.with_backend = true;
    }
    let state = if matches!(answer, Answer::Loads(_)) { pull(question, scratch)? } else { PulledState::NotPulled };
    Ok(StateAnswer { answer, state })
}

/// Adds what only the state needs.
fn merge(loaded: &mut Loaded, second: Loaded) {
    for requirement in second.requirements {
        if loaded.requirement(&requirement.address).is_none() {
            loaded.requirements.push(requirement);
        }
    }
    loaded.requirements.sort_by(|one, other| one.address.cmp(&other.address));
    loaded.other_errors.extend(second.other_errors);
}

fn pull(question: &Question<'_>, scratch: &Scratch) -> Result<PulledState, Stopped> {
    // Nothing is installed here, and the engines compare every lock entry with what is installed, but not those of
    // overridden providers.
    let lock = lock_file::read(question.root_module, question.engine.name, &mut Sources::default());
    let locked: Vec<String> = lock.locks.iter().map(|lock| lock.address.to_string()).collect();
    if let Err(failure) = scratch.override_providers(question, &locked) {
        return Ok(PulledState::Failed(failure));
    }
    let arguments = ["state", "pull", "-no-color"].map(str::to_owned).into();
    let run = Run::of(question, scratch, arguments, question.limit);
    let started = std::time::Instant::now();
    let ended = process::run(Run { output_limit_bytes: STATE_LIMIT_BYTES, ..run })?;
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(elapsed_ms, bytes = ended.stdout.len(), status = %ended.status, "the engine printed the state");
    if ended.status.success() {
        // The state itself holds secrets; what is kept of it does not.
        return Ok(PulledState::Read(state::parse(Utf8Path::new("(state)"), &ended.stdout, question.engine)));
    }
    let errors = words::errors(plain::read(b"", &ended.stderr), &Secrets::of(question));
    if errors.is_empty() {
        return Ok(PulledState::Failed(words::failure(ended.status)));
    }
    Ok(PulledState::Refused(errors))
}
