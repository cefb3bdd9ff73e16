//! How a prediction comes about, for people: one short paragraph for each provider.

use std::fmt::Write as _;

use super::modules::at;
use super::{Facts, Install, Origin, Prediction, ProviderPrediction, Status};
use airtight_provider::{ProviderAddress, Version};

/// Explains where a provider is required, what is locked, what the sources hold and how `init` ends with it. Full sentences,
/// on one line, always the same for the same facts.
pub fn derivation(facts: &Facts, prediction: &Prediction, provider: &ProviderPrediction) -> String {
    let address = &provider.requirement.address;
    let mut sentences = vec![required(provider)];
    sentences.extend(locked(facts, address));
    sentences.extend(sources(facts, address));
    sentences.push(outcome(facts, prediction, provider));
    sentences.join(" ")
}

/// More places than these are only counted.
const SHOWN: usize = 4;

fn required(provider: &ProviderPrediction) -> String {
    let requirement = &provider.requirement;
    let mut by: Vec<String> = requirement.origins.iter().filter_map(origin).collect();
    by.dedup();
    if by.is_empty() {
        return format!("Only the lock file has `{}`; init removes it from there.", requirement.address);
    }
    let more = by.len().saturating_sub(SHOWN);
    by.truncate(SHOWN);
    if more > 0 {
        by.push(format!("{more} more"));
    }
    let mut sentence = format!("`{}` is required by {}", requirement.address, join(&by));
    let is_constraint = |origin: &&Origin| matches!(origin, Origin::Configuration { constraint: Some(_), .. });
    if requirement.origins.iter().filter(is_constraint).count() > 1 {
        let _ = write!(sentence, ", in all `{}`", requirement.constraints);
    }
    sentence.push('.');
    sentence
}

fn origin(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Configuration { place, constraint: Some(constraint), .. } => {
            Some(format!("`{}` (`{}`)", at(place), constraint.trim()))
        }
        Origin::Configuration { place, what, constraint: None, .. } => Some(format!("`{}` (`{what}`)", at(place))),
        Origin::State { resource } => Some(format!("the state (`{resource}`)")),
        Origin::Test { place } => Some(format!("the test file `{}`", at(place))),
        Origin::Engine => Some("the engine's own answer".to_owned()),
        Origin::Lock { .. } => None,
    }
}

fn locked(facts: &Facts, address: &ProviderAddress) -> Option<String> {
    let own = facts.lock.lock_for(address);
    let lock = own.or_else(|| super::locks::predecessor(facts, address))?;
    let adopted = if own.is_none() {
        " (by the entry of registry.terraform.io, without its hashes)"
    } else if facts.init.upgrade {
        ", which -upgrade passes over"
    } else {
        ""
    };
    Some(format!("The lock file selects {}{adopted}.", lock.version))
}

/// What each walked mirror that is asked has of the provider.
fn sources(facts: &Facts, address: &ProviderAddress) -> Vec<String> {
    let accepting = facts.sources.methods.iter().filter(|source| source.method.accepts(address));
    accepting
        .filter_map(|source| source.mirror.as_ref())
        .map(|mirror| {
            if let Some(error) = &mirror.error {
                return format!("`{}` cannot be searched: {error}.", mirror.path);
            }
            let packages = || mirror.packages.iter().filter(|package| package.id.address == *address);
            let mut here: Vec<&Version> = packages()
                .filter(|package| package.id.platform == facts.platform)
                .map(|package| &package.id.version)
                .collect();
            let mut elsewhere: Vec<&Version> =
                packages().map(|package| &package.id.version).filter(|version| !here.contains(version)).collect();
            for versions in [&mut here, &mut elsewhere] {
                versions.sort();
                versions.dedup();
            }
            let (path, platform) = (&mirror.path, &facts.platform);
            match (here.is_empty(), elsewhere.is_empty()) {
                (true, true) => format!("`{path}` has no package of it."),
                (false, true) => format!("`{path}` holds {} for {platform}.", list(&here)),
                (true, false) => format!("`{path}` holds {}, but not for {platform}.", list(&elsewhere)),
                (false, false) => format!(
                    "`{path}` holds {} for {platform}, and {} for other platforms only.",
                    list(&here),
                    list(&elsewhere)
                ),
            }
        })
        .collect()
}

fn outcome(facts: &Facts, prediction: &Prediction, provider: &ProviderPrediction) -> String {
    let address = &provider.requirement.address;
    if let Some(failure) = prediction.failures.iter().find(|failure| failure.providers.contains(address)) {
        return format!("init would fail with `{}`.", failure.summary);
    }
    if facts.reattached.contains(address) {
        return "init does not install it: TF_REATTACH_PROVIDERS names it.".to_owned();
    }
    let Some(selected) = &provider.selected else {
        return if provider.requirement.is_needed {
            "It is not known what init selects.".to_owned()
        } else {
            "init installs nothing for it.".to_owned()
        };
    };
    let version = &selected.id.version;
    let path = selected.package.as_ref().map(|package| format!(" `{}`", package.path)).unwrap_or_default();
    let proof = match (&provider.proven_by, provider.status) {
        (Some(hash), _) => format!(", proven by `{hash}`"),
        (None, Status::Unproven) => ", without comparing any hash".to_owned(),
        (None, _) => String::new(),
    };
    match provider.install {
        Some(Install::Link) => format!("init selects {version} and links{path}{proof}."),
        Some(Install::Extract) => format!("init selects {version} and extracts{path}{proof}."),
        Some(Install::Reuse) => format!("init selects {version} and uses what is installed{proof}."),
        None => format!("init selects {version}; the result of installing it is not known."),
    }
}

fn list(versions: &[&Version]) -> String {
    join(&versions.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
