//! Versions for root modules without a lock file: the newest that every constraint allows.
//!
//! As `init` would choose them, at the first source that knows the provider. Nothing was locked, so a publisher's
//! signature is all that can prove such a package.

use camino::Utf8Path;

use super::{Demand, Need, Source};
use crate::registry::{Client, ListedVersion, Registry, RegistryError};
use airtight_engine::configuration::{ChildModule, GivenVariables, Surroundings};
use airtight_engine::init_arguments::InitArguments;
use airtight_engine::module_stores::ModuleStores;
use airtight_engine::predict;
use airtight_engine::predict::Facts;
use airtight_engine::{configuration, state};
use airtight_finding::Code;
use airtight_hcl::Sources;
use airtight_provider::{Engine, Platform, ProviderAddress, Version, VersionConstraints};
use airtight_provider::{installed, lock_file};

/// What the configuration of a root module requires, child modules included: those that are installed, and those of the
/// stores.
///
/// # Errors
/// A configuration that `init` refuses, that we cannot read whole, or whose modules are not installed.
pub fn requirements(
    root_module: &Utf8Path,
    engine: &Engine,
    modules: &ModuleStores,
) -> anyhow::Result<Vec<(ProviderAddress, VersionConstraints)>> {
    let data_dir = root_module.join(".terraform");
    let mut sources = Sources::default();
    let surroundings =
        Surroundings { variables: GivenVariables::default(), modules, data_dir: Utf8Path::new(".terraform") };
    let init = InitArguments { backend: false, ..InitArguments::default() };
    let facts = Facts {
        engine: engine.clone(),
        platform: Platform::current(),
        configuration: configuration::read_with(
            root_module,
            &data_dir,
            &init.test_directory,
            engine,
            &surroundings,
            &mut sources,
        ),
        lock: lock_file::read(root_module, engine.name, &mut sources),
        state: state::State::default(),
        sources: predict::ProviderSources::default(),
        installed: installed::Installed::default(),
        reattached: Vec::new(),
        plugin_cache: None,
        reachable: Vec::new(),
        workspace: predict::Workspace::default(),
        state_translation_off: false,
        backend_host: None,
        asked: None,
        root_module: root_module.to_owned(),
        init,
    };
    let selection = predict::select(&facts);
    if !selection.reaches_providers {
        match selection.failures.first() {
            Some(failure) if failure.code == Code::ModuleNeedsNetwork => {
                anyhow::bail!("`{root_module}`: {}; {}", failure.summary, install_modules(engine))
            }
            Some(failure) => anyhow::bail!("`{root_module}`: {}: {}", failure.summary, failure.detail),
            None => anyhow::bail!("`{root_module}` has no configuration"),
        }
    }
    if let Some(assumption) = selection.assumptions.iter().find(|assumption| assumption.code != Code::StateUnseen) {
        // A repository or an archive on this machine needs no network, but is only read once it is installed or stored.
        let is_copied = |child: &ChildModule| child.module.is_none() && child.missing.is_none();
        let lacks_modules =
            assumption.code == Code::ModuleNeedsNetwork || facts.configuration.children.values().any(is_copied);
        let help = if lacks_modules { install_modules(engine) } else { String::new() };
        let separator = if help.is_empty() { "" } else { "; " };
        anyhow::bail!("`{root_module}` cannot be resolved without a lock file: {}{separator}{help}", assumption.text);
    }
    let needed = selection.requirements.into_iter().filter(|requirement| requirement.is_needed);
    Ok(needed.map(|requirement| (requirement.address, requirement.constraints)).collect())
}

fn install_modules(engine: &Engine) -> String {
    format!(
        "name a store that has its modules by --modules, or install them with `{} get` in that directory, on a machine with \
         network access",
        engine.name
    )
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
    platforms: &[Platform],
) -> anyhow::Result<Version> {
    let mut known = false;
    for source in sources {
        let versions = versions(source, client, address)?;
        known |= !versions.is_empty();
        let acceptable = versions.into_iter().filter(|listed| constraints.allows(&listed.version, engine));
        let newest = acceptable.max_by(|left, right| left.version.cmp_precedence(&right.version));
        let Some(listed) = newest else { continue };
        // As `init` would: it chooses by the version alone, and fails if that has no package for the platform.
        if let Some(platform) = platforms.iter().find(|platform| !listed.may_have(platform)) {
            anyhow::bail!(
                "the newest version of {address} that `{root_module}` accepts, {}, has no package for {platform}",
                listed.version
            );
        }
        let newest = listed.version;
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

/// Empty if the source does not know the provider.
fn versions(source: &Source, client: Option<&Client>, address: &ProviderAddress) -> anyhow::Result<Vec<ListedVersion>> {
    let found = match (source, client) {
        (Source::Directory(mirror), _) => {
            let packages = mirror.packages.iter().filter(|package| package.id.address == *address);
            return Ok(packages.map(|package| unlisted(package.id.version.clone())).collect());
        }
        (Source::NetworkMirror(mirror), Some(client)) => {
            mirror.versions(client, address).map(|versions| versions.into_iter().map(unlisted).collect())
        }
        (Source::Origin, Some(client)) => Registry::new(client).versions(address),
        (_, None) => return Ok(Vec::new()),
    };
    match found {
        Err(RegistryError::Unknown { .. }) => Ok(Vec::new()),
        result => Ok(result?),
    }
}

/// Such sources name versions without platforms.
const fn unlisted(version: Version) -> ListedVersion {
    ListedVersion { version, platforms: Vec::new() }
}
