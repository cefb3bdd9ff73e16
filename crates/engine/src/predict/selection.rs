//! Which version and which package the engine chooses, asking every method that accepts the provider.
//!
//! Source: OpenTofu `internal/providercache/installer.go` `ensureProviderVersionsMightNeed`,
//! `ensureProviderVersionsNeed`; `internal/getproviders/multi_source.go`.

use std::collections::{BTreeMap, BTreeSet};

use super::asked;
use super::locks::{self, Lock};
use super::{
    Assumption, Facts, Failure, ProviderSource, Requirement, Selected, SelectedPackage, Selection, Stage, modules,
    requirements,
};
use crate::cli_config::MethodKind;
use airtight_finding::Code;
use airtight_provider::installed::InstalledKind;
use airtight_provider::mirror::MirrorPackage;
use airtight_provider::{EngineName, PackageId, ProviderAddress, Version};

pub(super) fn select(facts: &Facts) -> Selection {
    let before = modules::before_providers(facts);
    let collected = asked::collect(facts);
    let mut selection = Selection {
        requirements: collected.requirements,
        selected: BTreeMap::new(),
        failures: before.failures,
        assumptions: before.assumptions,
        reaches_providers: true,
    };
    selection.failures.extend(collected.failures);
    selection.assumptions.extend(collected.assumptions);
    selection.reaches_providers = modules::has_configuration(facts)
        && selection.failures.iter().all(|failure| matches!(failure.stage, Stage::Providers | Stage::LockFile));
    let locks = locks::locks(facts);
    let is_read_fully =
        !selection.assumptions.iter().any(|assumption| assumption.code == Code::ConfigurationNotUnderstood);
    for index in 0..selection.requirements.len() {
        let requirement = &selection.requirements[index];
        if !requirements::is_installed(facts, requirement) {
            continue;
        }
        match choose(facts, requirement, locks.get(&requirement.address), is_read_fully) {
            Ok(selected) => {
                selection.selected.insert(requirement.address.clone(), selected);
            }
            Err(Refusal::Failed(failure)) if requirement.is_certain => selection.failures.push(*failure),
            Err(Refusal::Failed(failure)) => selection.assumptions.push(unless_unread(&failure)),
            Err(Refusal::Unseen(assumption)) => selection.assumptions.push(assumption),
        }
    }
    selection
}

/// A failure that depends on parts that could not be read is only an assumption.
pub(super) fn unless_unread(failure: &Failure) -> Assumption {
    let names: Vec<_> = failure.providers.iter().map(|address| format!("`{address}`: ")).collect();
    let (names, summary) = (names.concat(), &failure.summary);
    let text = format!("{names}init fails with `{summary}`, if what could not be read does not change that");
    Assumption { code: Code::ConfigurationNotUnderstood, text }
}

/// The providers that have the status `Status::Missing`, if no version was chosen for them.
pub(super) fn missing(selection: &Selection) -> BTreeSet<ProviderAddress> {
    let is_missing = |failure: &&Failure| {
        matches!(failure.code, Code::ProviderMissing | Code::ProviderVersionMissing | Code::CliConfigMethodDropped)
    };
    selection.failures.iter().filter(is_missing).flat_map(|failure| failure.providers.iter().cloned()).collect()
}

/// Why no version is chosen.
enum Refusal {
    Failed(Box<Failure>),
    Unseen(Assumption),
}

impl Refusal {
    fn failed(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

fn choose(
    facts: &Facts,
    requirement: &Requirement,
    lock: Option<&Lock>,
    is_read_fully: bool,
) -> Result<Selected, Refusal> {
    let address = &requirement.address;
    let locked = lock.filter(|_| !facts.init.upgrade);
    if let Some(lock) = locked {
        if !requirement.constraints.allows(&lock.version, &facts.engine) {
            return Err(Refusal::failed(outside_constraints(facts, requirement, lock)));
        }
        if is_in_plugin_cache(facts, address, &lock.version) && facts.engine.trusts_plugin_cache_without_query() {
            return Ok(selected(facts, address, &lock.version, Some(lock), true));
        }
    } else if facts.engine.explains_unspecified_version() && requirement.constraints.name_only_unspecified() {
        let text = "0.0.0 is not a valid provider version. \nIf the version 0.0.0 is intended to represent a \
                    non-published provider, consider using dev_overrides - \
                    https://opentofu.org/docs/cli/config/config-file/#development-overrides-for-provider-developers";
        return Err(Refusal::failed(query_failure(facts, address, Code::ProviderVersionMissing, text)));
    }
    let available = available(facts, address)?;
    let is_acceptable = |version: &Version| match locked {
        Some(lock) => *version == lock.version,
        None => requirement.constraints.allows(version, &facts.engine),
    };
    let newest = available.iter().filter(|version| is_acceptable(version)).max_by(|a, b| a.cmp_precedence(b));
    let Some(newest) = newest else {
        let text = locked.map_or_else(
            || format!("no available releases match the given constraints {}", requirement.constraints),
            |lock| format!("the previously-selected version {} is no longer available", lock.version),
        );
        let code =
            if facts.sources.methods.is_empty() { Code::CliConfigMethodDropped } else { Code::ProviderVersionMissing };
        return Err(Refusal::failed(query_failure(facts, address, code, &text)));
    };
    let equals: Vec<String> = available
        .iter()
        .filter(|version| is_acceptable(version) && version.cmp_precedence(newest).is_eq())
        .map(ToString::to_string)
        .collect();
    if equals.len() > 1 {
        return Err(Refusal::Unseen(Assumption {
            code: Code::ProviderVersionUnlocked,
            text: format!("`{address}`: {} are equally new, and the engine takes any of them", equals.join(" and ")),
        }));
    }
    Ok(selected(facts, address, newest, lock, is_read_fully || locked.is_some()))
}

/// The package of a chosen version: the first method's that has it for this platform.
fn selected(
    facts: &Facts,
    address: &ProviderAddress,
    version: &Version,
    lock: Option<&Lock>,
    is_certain: bool,
) -> Selected {
    let id = PackageId { address: address.clone(), version: version.clone(), platform: facts.platform.clone() };
    let mut packages = accepting(facts, address)
        .filter_map(|source| source.mirror.as_ref())
        .flat_map(|mirror| &mirror.packages)
        .filter(|package| package.id == id);
    let package = packages
        .next()
        .map(|MirrorPackage { layout, path, .. }| SelectedPackage { layout: *layout, path: path.clone() });
    let shadowed = packages.map(|package| package.path.clone()).collect();
    let locked_hashes = lock.filter(|lock| lock.version == *version).map(Lock::preferred_hashes).unwrap_or_default();
    Selected { id, package, locked_hashes, shadowed, is_certain }
}

fn accepting<'a>(facts: &'a Facts, address: &ProviderAddress) -> impl Iterator<Item = &'a ProviderSource> {
    facts.sources.methods.iter().filter(move |source| source.method.accepts(address))
}

/// All versions of all methods that accept the provider, for whatever platform. A method that does not know the
/// provider is passed over, any other error is final.
fn available(facts: &Facts, address: &ProviderAddress) -> Result<BTreeSet<Version>, Refusal> {
    let mut versions = BTreeSet::new();
    let mut unseen = None;
    for source in accepting(facts, address) {
        match &source.method.kind {
            MethodKind::FilesystemMirror { path } => {
                let Some(mirror) = &source.mirror else {
                    let text = format!("`{address}`: `{path}` was not walked");
                    unseen = Some(Assumption { code: Code::MirrorUnreadable, text });
                    continue;
                };
                if let Some(error) = &mirror.error {
                    let code = if mirror.is_missing { Code::MirrorMissing } else { Code::MirrorUnreadable };
                    return Err(Refusal::failed(query_failure(facts, address, code, error)));
                }
                let found = mirror.packages.iter().filter(|package| package.id.address == *address);
                versions.extend(found.map(|package| package.id.version.clone()));
            }
            MethodKind::Direct => {
                let host = address.host();
                let error = format!("could not connect to {host}: failed to request discovery document");
                reach(facts, address, host, &error, &mut unseen)?;
            }
            MethodKind::NetworkMirror { url } => {
                let error = format!("failed to query provider mirror {url} for {address}");
                reach(facts, address, authority_of(url), &error, &mut unseen)?;
            }
            MethodKind::OciMirror { repository } => {
                let error = format!("could not query OCI registry {repository} for {address}");
                reach(facts, address, authority_of(repository), &error, &mut unseen)?;
            }
        }
    }
    if let Some(assumption) = unseen {
        return Err(Refusal::Unseen(assumption));
    }
    if versions.is_empty() && !facts.sources.methods.is_empty() {
        return Err(Refusal::failed(not_found(facts, address)));
    }
    Ok(versions)
}

/// A method that asks the network fails here, unless the settings let its host through; then we cannot see its answer.
fn reach(
    facts: &Facts,
    address: &ProviderAddress,
    authority: &str,
    error: &str,
    unseen: &mut Option<Assumption>,
) -> Result<(), Refusal> {
    if !is_reachable(&facts.reachable, authority) {
        return Err(Refusal::failed(query_failure(facts, address, Code::CliConfigReachesOut, error)));
    }
    let text = format!("`{address}`: what `{authority}` offers is only known to the engine");
    *unseen = Some(Assumption { code: Code::CliConfigReachesOut, text });
    Ok(())
}

/// Whether the settings let a host through: by its name alone, or with the port.
fn is_reachable(reachable: &[String], authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port),
        _ => (authority, "443"),
    };
    let is_same = |entry: &str| match entry.strip_prefix(host) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':') == Some(port),
        None => false,
    };
    reachable.iter().any(|entry| is_same(entry))
}

/// Host and port of a URL, or of a repository address without a scheme; without user.
fn authority_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn not_found(facts: &Facts, address: &ProviderAddress) -> Failure {
    let display = address.for_display(facts.engine.name);
    let places: Vec<String> = accepting(facts, address)
        .map(|source| match &source.method.kind {
            MethodKind::FilesystemMirror { path } => format!("  - {path}"),
            MethodKind::NetworkMirror { url } => format!("  - provider mirror at {url}"),
            MethodKind::OciMirror { repository } => format!("  - OCI registry {repository}"),
            MethodKind::Direct => format!("  - provider registry {}", address.host()),
        })
        .collect();
    let detail = format!(
        "Could not retrieve the list of available versions for provider {display}: provider {address} was not found in \
         any of the search locations\n\n{}",
        places.join("\n")
    );
    Failure::new(Stage::Providers, Code::ProviderMissing, "Failed to query available provider packages", detail)
        .of(address)
}

/// A query that fails otherwise than by finding nothing; OpenTofu has words of its own for that.
fn query_failure(facts: &Facts, address: &ProviderAddress, code: Code, error: &str) -> Failure {
    let display = address.for_display(facts.engine.name);
    let (summary, detail) = match facts.engine.name {
        EngineName::Terraform => (
            "Failed to query available provider packages",
            format!("Could not retrieve the list of available versions for provider {display}: {error}"),
        ),
        EngineName::Tofu => {
            ("Failed to resolve provider packages", format!("Could not resolve provider {display}: {error}"))
        }
    };
    Failure::new(Stage::Providers, code, summary, detail).of(address)
}

fn outside_constraints(facts: &Facts, requirement: &Requirement, lock: &Lock) -> Failure {
    let address = &requirement.address;
    let text = format!(
        "locked provider {address} {} does not match configured version constraint {}; must use {} init -upgrade to \
         allow selection of new versions",
        lock.version, requirement.constraints, facts.engine.name
    );
    let mut failure = query_failure(facts, address, Code::ProviderVersionUnlocked, &text);
    failure.places = facts.lock.lock_for(address).map(|lock| lock.version_place.clone()).into_iter().collect();
    failure
}

fn is_in_plugin_cache(facts: &Facts, address: &ProviderAddress, version: &Version) -> bool {
    facts.plugin_cache.as_ref().is_some_and(|cache| {
        cache.entries.entries.iter().any(|entry| {
            entry.id.address == *address
                && entry.id.version == *version
                && entry.id.platform == facts.platform
                && match &entry.kind {
                    InstalledKind::Directory => true,
                    InstalledKind::Link { resolved, .. } => resolved.get().is_some(),
                    InstalledKind::Other => false,
                }
        })
    })
}

#[cfg(test)]
mod tests;
