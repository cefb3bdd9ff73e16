//! Why the engine's own `init` failed, in our words after its own.

use std::collections::{BTreeMap, BTreeSet};

use super::engine_error;
use crate::gather::Gathered;
use airtight_engine::state::State;
use airtight_finding::{Code, Finding, Owner, Severity, catalogue, plural};
use airtight_provider::{Engine, ProviderAddress};

/// Resources are named up to this number.
const SHOWN: usize = 8;

/// Explains a failed `init`. A provider that neither configuration nor lock file names is looked for in the state, for which
/// `state` asks the engine.
pub fn explain(gathered: &Gathered, error_output: &str, state: impl FnOnce() -> Option<State>) -> Vec<Finding> {
    let engine = &gathered.facts.engine;
    let failed = engine_error::failed_providers(error_output, engine.name);
    let named =
        gathered.prediction.providers.iter().map(|provider| &provider.requirement.address).collect::<BTreeSet<_>>();
    let unnamed = failed.iter().filter(|address| !named.contains(address)).collect::<Vec<_>>();
    // With a terminal on stderr the text was the engine's alone; then everything that the state needs is looked at.
    let asks_state = !unnamed.is_empty() || error_output.is_empty();
    let state = if asks_state { state() } else { None };
    let resources = state.as_ref().map(resources).unwrap_or_default();
    let mut findings = Vec::new();
    for (address, resources) in &resources {
        let is_failed = unnamed.contains(&address) || (error_output.is_empty() && !named.contains(address));
        if is_failed {
            findings.push(needed_by_state(engine, gathered, address, resources));
        }
    }
    if findings.is_empty() {
        findings.push(match gathered.prediction.failures.first() {
            Some(failure) => expected(engine, failure.code),
            None => unexplained(engine, error_output),
        });
    }
    findings
}

/// The resources of a state, by the provider that they need.
pub fn resources(state: &State) -> BTreeMap<ProviderAddress, Vec<String>> {
    let mut resources: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for need in &state.needs {
        resources.entry(need.address.clone()).or_default().push(need.resource.clone());
    }
    resources
}

fn needed_by_state(engine: &Engine, gathered: &Gathered, address: &ProviderAddress, resources: &[String]) -> Finding {
    let shown = resources.iter().take(SHOWN).map(|resource| format!("`{resource}`")).collect::<Vec<_>>().join(", ");
    let more = resources.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {}", plural(more, "more resource")) };
    let platform = &gathered.facts.platform;
    Finding::new(
        Code::ProviderMissing,
        Severity::Error,
        Owner::Repository,
        format!("only the state needs `{address}`, and the mirror does not have it"),
    )
    .detail(format!(
        "It is needed by {shown}{more}. Neither the configuration nor the lock file names it, so it was known only after \
         `init` had read the state from its backend."
    ))
    .help(format!(
        "Declare it in `required_providers` ({} = {{ source = \"{}\" }}); then, on a machine with network access, run `{} \
         providers lock -platform={platform}` and `airtight mirror build --from . --platform {platform} DIR`, where DIR is \
         the image's mirror. Or remove the resources from the state.",
        address.provider_type(),
        address.for_display(engine.name),
        engine.name
    ))
}

/// airtight said it before the engine ran.
fn expected(engine: &Engine, code: Code) -> Finding {
    Finding::new(
        Code::EngineFailed,
        Severity::Error,
        Owner::Repository,
        format!("`{} init` failed, as the warning `{code}` above expected", engine.name),
    )
    .detail("The engine's own error is above. It has the last word: if it names another cause, fix that one first.")
    .help(format!("Read the page of the warning: `airtight explain {code}`."))
}

fn unexplained(engine: &Engine, error_output: &str) -> Finding {
    let pages = catalogue::search(error_output);
    let help = match pages.first() {
        Some(code) => format!("Read the page that holds this text: `airtight explain {code}`."),
        None => "Read the engine's own error above.".to_owned(),
    };
    Finding::new(
        Code::EngineFailed,
        Severity::Error,
        Owner::Administrator,
        format!("`{} init` failed on something that airtight does not foresee", engine.name),
    )
    .detail(
        "Backends, credentials and networks are outside what airtight predicts. If the error is about providers, modules \
         or the lock file, the prediction was wrong, and that is a bug of airtight's worth a report.",
    )
    .help(help)
}
