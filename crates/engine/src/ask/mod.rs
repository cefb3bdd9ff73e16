//! Asking the engine: does this configuration load, and which providers does it need?
//!
//! Only the engine knows what it accepts. [`ask`] runs its `init` once, in a scratch data directory, with one empty
//! filesystem mirror and no backend. The engine then ends with the errors of the configuration, or with one error for
//! each provider that it needs and cannot find. Nothing is installed, and nothing in the workspace changes.
//! [`ask_state`] does the same with the backend and also has the engine read the state. [`ask_backend`] asks, without
//! network, what is wrong with the backend's own arguments.
//!
//! ```no_run
//! # use airtight_provider::{Engine, EngineName, Version};
//! # use airtight_engine::{ask, init_arguments::InitArguments};
//! let engine = Engine::new(EngineName::Tofu, Version::release(1, 12, 6));
//! let question = ask::Question {
//!     program: "/usr/bin/tofu".into(),
//!     engine: &engine,
//!     root_module: "/repository/stack".into(),
//!     data_dir: "/repository/stack/.terraform".into(),
//!     repository: "/repository".into(),
//!     init: &InitArguments::default(),
//!     environment: std::env::vars_os().collect(),
//!     modules: ask::Modules::AtHand,
//!     module_records: None,
//!     local_state: ask::LocalState::Counts,
//!     workspace_dir: None,
//!     cli_blocks: "",
//!     temporary: "/tmp".into(),
//!     confine: None,
//!     limit: ask::LIMIT,
//! };
//! match ask::ask(&question) {
//!     ask::Answer::Loads(loaded) => println!("needs {} providers", loaded.requirements.len()),
//!     ask::Answer::Refused(refused) => println!("{}", refused.errors[0].summary),
//!     other => println!("{}", other.why_unknown().unwrap_or_default()),
//! }
//! ```
//!
//! What the caller must know:
//!
//! - **Modules.** The probe sees the modules that `modules.json` of the real data directory records. A module that the
//!   engine would have to download must not be asked for: say [`Modules::NeedNetwork`], and the engine is not started.
//! - **A lock entry hides constraints.** For a locked provider the engine prints no constraints
//!   ([`EngineRequirement::from_lock`]), unless the locked version does not satisfy them.
//! - **`-upgrade` is not passed on**: it would download the modules again. Without it, a locked version that does not
//!   satisfy the constraints is a [`EngineRequirement::refusal`]; with the caller's `-upgrade` it is none.
//! - **A local state file may count**: providers that only `terraform.tfstate` in the root module needs are among the
//!   requirements with [`LocalState::Counts`]. If the state is elsewhere, the file is a leftover: [`LocalState::Ignored`].
//! - **A broken lock file** is a refusal too: its place is the lock file. The engine then asks for no provider.
//!
//! - **`main` starts with [`crate::bound::become_program`]**, since the engine is started by way of this program.
//!
//! Only [`words`] knows the engines' texts. Everything else works on its types.
//!
//! Source: OpenTofu and Terraform `internal/command/init.go`, `internal/command/views/init.go`,
//! `internal/command/views/json/diagnostic.go`; tried with Terraform 1.6 to 1.15 and OpenTofu 1.6 to 1.12.

mod answer;
mod backend;
mod environment;
pub mod interrupt;
mod json;
mod plain;
mod process;
mod question;
mod scratch;
mod secrets;
mod state;
mod words;

pub use answer::{
    Answer, EngineDiagnostic, EnginePlace, EngineRequirement, Failure, Loaded, NotAsked, Refused, Severity,
};
pub use backend::ask_backend;
pub use question::{BACKEND_LIMIT, Confine, LIMIT, LocalState, Modules, Question, STATE_LIMIT};
pub use state::{PulledState, StateAnswer, ask_state};

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use airtight_provider::Engine;
use process::{Run, Stopped};
use scratch::Scratch;
use secrets::Secrets;

use crate::bound::Network;

/// How much `init` may print: a megabyte holds thousands of providers.
const OUTPUT_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// Asks the engine whether the configuration loads, and which providers it needs.
///
/// The engine runs in a network namespace without any route, if the kernel permits one to this user. If not, its proxy
/// settings lead nowhere, and `git` gets no protocol but `file`.
/// SIGHUP, SIGINT and SIGTERM end the engine, remove the scratch directory, and then end this process.
#[tracing::instrument(skip_all, fields(engine = %question.engine, root_module = %question.root_module))]
pub fn ask(question: &Question<'_>) -> Answer {
    if let Some(reason) = question.not_asked() {
        tracing::debug!(%reason, "the engine is not asked");
        return Answer::NotAsked(reason);
    }
    let mut arguments = question.init_arguments();
    arguments.push("-backend=false".to_owned());
    session(question, |scratch| {
        if question.local_state == LocalState::Ignored
            && let Err(failure) = scratch.hide_state(question)
        {
            return Ok(failure.into());
        }
        let run = Run { network: Network::Closed, ..Run::of(question, scratch, arguments, question.limit) };
        init(question, run)
    })
}

/// Gives a job a scratch directory; a signal that arrives meanwhile ends the job, and then this process.
fn session<T: From<Failure>>(question: &Question<'_>, job: impl FnOnce(&Scratch) -> Result<T, Stopped>) -> T {
    let held = interrupt::Held::begin();
    let result = match Scratch::create(question) {
        Ok(scratch) => job(&scratch),
        Err(failure) => return failure.into(),
    };
    // The scratch directory is gone by now.
    let interrupted = interrupt::arrived();
    drop(held);
    if let Some(signal) = interrupted {
        // Does not return for the signals that are caught.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    match result {
        Ok(answer) => answer,
        Err(Stopped::Interrupted { signal }) => Failure::Interrupted { signal }.into(),
        Err(Stopped::TimedOut { limit }) => Failure::TimedOut { limit }.into(),
        Err(Stopped::TooMuchOutput { limit_bytes }) => Failure::TooMuchOutput { limit_bytes }.into(),
        Err(Stopped::NotStarted { program, reason }) => Failure::NotStarted { program, reason }.into(),
    }
}

/// Runs `init` and reads its answer.
fn init(question: &Question<'_>, run: Run<'_>) -> Result<Answer, Stopped> {
    let started = Instant::now();
    let ended = process::run(run)?;
    let secrets = Secrets::of(question);
    let answer = judge(&ended.stdout, &ended.stderr, ended.status, question.engine, &secrets);
    log(&answer, started.elapsed());
    Ok(answer)
}

fn judge(stdout: &[u8], stderr: &[u8], status: ExitStatus, engine: &Engine, secrets: &Secrets) -> Answer {
    let read = if engine.answers_init_in_json() { json::read } else { plain::read };
    words::judge(read(stdout, stderr), status, engine.name, secrets)
}

/// What an engine means that ended with exit code 1 and printed this, none of which is secret.
pub fn read_answer(stdout: &[u8], stderr: &[u8], engine: &Engine) -> Answer {
    judge(stdout, stderr, ExitStatus::from_raw(1 << 8), engine, &Secrets::from(std::iter::empty()))
}

fn log(answer: &Answer, elapsed: Duration) {
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match answer {
        Answer::Loads(loaded) => tracing::debug!(
            elapsed_ms,
            requirements = loaded.requirements.len(),
            warnings = loaded.warnings.len(),
            "the engine loads the configuration"
        ),
        Answer::Refused(refused) => {
            tracing::debug!(elapsed_ms, errors = refused.errors.len(), "the engine refuses the configuration");
        }
        other => {
            tracing::debug!(elapsed_ms, reason = other.why_unknown().unwrap_or_default(), "the engine gives no answer");
        }
    }
}
