//! Asking the engine itself for the state, after an `init` that failed on a provider that nothing else names.

use camino::Utf8Path;

use super::bound;
use super::invocation::Invocation;
use airtight_engine::state;
use airtight_engine::state::State;
use airtight_provider::Engine;

/// Runs the engine's `state pull` and reads which providers its resources need. The state itself is dropped.
///
/// The engines read state without any provider, so this works after a failed `init`. `None` where the engine does not
/// give it (not initialised far enough, no access).
pub fn pull(invocation: &Invocation, engine: &Engine) -> Option<State> {
    let mut command =
        Invocation { arguments: vec!["state".to_owned(), "pull".to_owned()], ..invocation.clone() }.bound_command();
    let output = bound::output(&mut command).ok()?;
    (output.status.success() && !output.stdout.is_empty())
        .then(|| state::parse(Utf8Path::new("(state)"), &output.stdout, engine))
}
