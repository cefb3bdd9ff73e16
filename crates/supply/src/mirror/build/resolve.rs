//! Versions for root modules without a lock file: the newest that every constraint allows.
//!
//! As `init` would choose them, at the first source that knows the provider. Nothing was locked, so a publisher's
//! signature is all that can prove such a package.

use camino::Utf8Path;

use super::{Demand, Need, Source};
use crate::registry::{Client, Registry, RegistryError};
use airtight_engine::init_arguments::InitArguments;
use airtight_engine::predict;
use airtight_engine::predict::Facts;
use airtight_engine::{configuration, state};
use airtight_finding::Code;
use airtight_hcl::Sources;
use airtight_provider::{Engine, Platform, ProviderAddress, Version, VersionConstraints};
use airtight_provider::{installed, lock_file};

/// What the configuration of a root module requires, child modules included.
///
/// # Errors
/// A configuration that `init` refuses, that we cannot read whole, or whose modules are not installed.
pub fn requirements(
    root_module: &Utf8Path,
    engine: &Engine,
) -> anyhow::Result<Vec<(ProviderAddress, VersionConstraints)>> {
    let data_dir = root_module.join(".terraform");
    let mut sources = Sources::default();
    let init = InitArguments { backend: false, ..InitArguments::default() };
    let facts = Facts {
        engine: engine.clone(),
        platform: Platform::current(),
        configuration: configuration::read(root_module, &data_dir, &init.test_directory, engine, &mut sources),
        lock: lock_file::read(root_module, engine.name, &mut sources),
        state: state::State::default(),
        sources: predict::ProviderSources::default(),
        installed: installed::Installed::default(),
        reattached: Vec::new(),
        plugin_cache: None,
        reachable: Vec::new(),
        state_translation_off: false,
        root_module: root_module.to_owned(),
        init,
    };
    let selection = predict::select(&facts);
    if !selection.reaches_providers {
        match selection.failures.first() {
            Some(failure) => anyhow::bail!("`{root_module}`: {}: {}", failure.summary, failure.detail),
            None => anyhow::bail!("`{root_module}` has no configuration"),
        }
    }
    if let Some(assumption) = selection.assumptions.iter().find(|assumption| assumption.code != Code::StateUnseen) {
        anyhow::bail!("`{root_module}` cannot be resolved without a lock file: {}", assumption.text);
    }
    let needed = selection.requirements.into_iter().filter(|requirement| requirement.is_needed);
    Ok(needed.map(|requirement| (requirement.address, requirement.constraints)).collect())
}

/// Chooses a version and adds it to the demand.
///
/// # Errors
/// A source that cannot be asked, and a provider that no source has an acceptable version of.
pub fn resolve(
    demand: &mut Demand,
    (address, constraints): &(ProviderAddress, VersionConstraints),
    root_module: &Utf8Path,
    sources: &[Source],
    client: Option<&Client>,
    engine: &Engine,
) -> anyhow::Result<Version> {
    let mut known = false;
    for source in sources {
        let versions = versions(source, client, address)?;
        known |= !versions.is_empty();
        let acceptable = versions.into_iter().filter(|version| constraints.allows(version, engine));
        let Some(newest) = acceptable.max_by(Version::cmp_precedence) else { continue };
        let need = Need { root_module: root_module.to_owned(), is_locked: false, hashes: Vec::new() };
        let needs = demand.versions.entry((address.clone(), newest.clone())).or_default();
        if !needs.contains(&need) {
            needs.push(need);
        }
        return Ok(newest);
    }
    if known {
        anyhow::bail!("no source has a version of {address} that `{root_module}` accepts: {constraints}");
    }
    anyhow::bail!("no source has {address}, which `{root_module}` needs")
}

/// Empty where the source does not know the provider.
fn versions(source: &Source, client: Option<&Client>, address: &ProviderAddress) -> anyhow::Result<Vec<Version>> {
    let found = match (source, client) {
        (Source::Directory(mirror), _) => {
            let packages = mirror.packages.iter().filter(|package| package.id.address == *address);
            return Ok(packages.map(|package| package.id.version.clone()).collect());
        }
        (Source::NetworkMirror(mirror), Some(client)) => mirror.versions(client, address),
        (Source::Origin, Some(client)) => Registry::new(client).versions(address),
        (_, None) => return Ok(Vec::new()),
    };
    match found {
        Err(RegistryError::Unknown { .. }) => Ok(Vec::new()),
        result => Ok(result?),
    }
}
