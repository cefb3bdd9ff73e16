//! Asking the engine, without network, what is wrong with a backend's arguments.

use super::answer::{Answer, EngineDiagnostic};
use super::environment;
use super::process::Run;
use super::question::Question;
use super::{init, session, words};
use crate::bound::Network;

/// What an engine that opens the backend refuses before it connects to anything: missing or unknown arguments, values that it
/// cannot evaluate. Empty if there is no such thing, or no answer.
///
/// The engine runs as in [`super::ask`], but with the backend and the caller's `-backend-config`. What depends on the network
/// or on credentials is no part of this answer. It may take [`Question::limit`].
#[tracing::instrument(skip_all, fields(engine = %question.engine, root_module = %question.root_module))]
pub fn ask_backend(question: &Question<'_>) -> Vec<EngineDiagnostic> {
    if question.not_asked().is_some() || question.init.migrate_state || !question.init.backend {
        return Vec::new();
    }
    let answer: Answer = session(question, |scratch| {
        if let Err(failure) = scratch.allow_backend(question) {
            return Ok(failure.into());
        }
        let run = Run::of(question, scratch, question.backend_arguments(), question.limit);
        let mut run = Run { network: Network::Closed, ..run };
        environment::without_credentials(&mut run.environment);
        init(question, run)
    });
    let errors = match answer {
        Answer::Refused(refused) => refused.errors,
        Answer::Loads(loaded) => loaded.other_errors,
        Answer::NotAsked(_) | Answer::TimedOut(_) | Answer::Failed(_) => Vec::new(),
    };
    errors.into_iter().filter(words::is_before_connecting).collect()
}
