//! The engines' own rules as pure functions: what `init` will do here, offline. No files, no environment, no clock.
//!
//! [`select`] chooses versions and packages. The caller looks into these packages ([`Selection::wanted_contents`]) and
//! computes the hashes that are still needed ([`Selection::wanted_digests`], until it names none). [`predict`] says how
//! `init` ends.

mod asked;
mod cause;
mod derivation;
mod failure;
mod installation;
mod lock_after;
mod locks;
mod modules;
mod requirements;
mod selection;
#[cfg(test)]
mod testing;
mod workspace;

pub use airtight_finding::{Install, Outcome, Status};
pub use asked::{Difference, differences};
pub use cause::{Cause, ModuleCause};
pub use derivation::derivation;
pub use failure::{Failure, Stage};
pub use workspace::Workspace;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::ask::Loaded;
use crate::cli_config::Method;
use crate::configuration::Configuration;
use crate::init_arguments::InitArguments;
use crate::state::State;
use airtight_finding::Code;
use airtight_hcl::Place;
use airtight_provider::installed::Installed;
use airtight_provider::lock_file::LockFile;
use airtight_provider::mirror::Mirror;
use airtight_provider::{
    Contents, ContentsRequest, DigestRequest, Digests, Engine, Hash, Layout, PackageId, Platform, ProviderAddress,
    VersionConstraints,
};

/// Everything that was read, as the engine would see it.
#[derive(Clone, Debug)]
pub struct Facts {
    pub engine: Engine,
    pub platform: Platform,
    /// The root module's directory, after `-chdir`.
    pub root_module: Utf8PathBuf,
    pub init: InitArguments,
    pub configuration: Configuration,
    pub lock: LockFile,
    pub state: State,
    pub sources: ProviderSources,
    pub installed: Installed,
    /// Addresses that `TF_REATTACH_PROVIDERS` takes out of the engine's hands.
    pub reattached: Vec<ProviderAddress>,
    pub plugin_cache: Option<PluginCache>,
    /// Hosts that the settings let this air gap reach.
    pub reachable: Vec<String>,
    /// The host that the configuration's `cloud` block or `remote` backend asks, if it is known.
    pub backend_host: Option<String>,
    pub workspace: Workspace,
    /// `OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION=0`.
    pub state_translation_off: bool,
    /// The engine's own requirements, if it was asked: they replace our reading of the configuration.
    pub asked: Option<Loaded>,
}

/// Where the engine will look for packages.
#[derive(Clone, Debug, Default)]
pub struct ProviderSources {
    /// In the order in which they are asked. A filesystem mirror comes with its contents.
    pub methods: Vec<ProviderSource>,
    /// From the CLI configuration; `dev_overrides` change what later commands check, not what `init` installs.
    pub dev_overrides: Vec<ProviderAddress>,
}

impl ProviderSources {
    /// The filesystem mirrors among them, in the order in which they are asked.
    pub fn mirrors(&self) -> Vec<&Mirror> {
        self.methods.iter().filter_map(|source| source.mirror.as_ref()).collect()
    }
}

#[derive(Clone, Debug)]
pub struct ProviderSource {
    pub method: Method,
    pub mirror: Option<Mirror>,
}

/// A configured plugin cache directory.
#[derive(Clone, Debug)]
pub struct PluginCache {
    pub path: Utf8PathBuf,
    /// The place in the CLI configuration that sets it; null for `TF_PLUGIN_CACHE_DIR`.
    pub setting: Option<Place>,
    /// Its packages, read like `.terraform/providers`.
    pub entries: Installed,
    /// The directories in it that a package can be put into, and whether the run's user can add to each. By their paths
    /// relative to the cache; the empty one is the cache itself, or the directory that it would be made in.
    pub directories: BTreeMap<Utf8PathBuf, bool>,
}

impl PluginCache {
    /// Whether the run's user can add a package, and the directories that it takes.
    pub fn can_add(&self, id: &PackageId) -> bool {
        let place = Utf8PathBuf::from(id.unpacked_path());
        place.ancestors().skip(1).find_map(|directory| self.directories.get(directory)).copied().unwrap_or_default()
    }
}

/// Where a requirement comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// `modules/naming/versions.tf:4`, with the constraint's text as written.
    Configuration {
        module: String,
        what: String,
        place: Place,
        constraint: Option<String>,
    },
    Lock {
        place: Place,
    },
    /// A resource's address.
    State {
        resource: String,
    },
    /// A test file.
    Test {
        place: Place,
    },
    /// Only the engine names it.
    Engine,
}

impl Origin {
    /// Where it is written; the state's resources have no place.
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::Configuration { place, .. } | Self::Lock { place } | Self::Test { place } => Some(place),
            Self::State { .. } | Self::Engine => None,
        }
    }
}

/// One provider that `init` needs, or that the lock file names.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub address: ProviderAddress,
    pub constraints: VersionConstraints,
    pub origins: Vec<Origin>,
    /// False if only the lock file names it: `init` drops it.
    pub is_needed: bool,
    /// False if only modules that could not be read fully seem to imply it.
    pub is_certain: bool,
}

/// What would be installed, before any hash is computed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// By address; built-in providers are not here.
    pub requirements: Vec<Requirement>,
    /// One for each needed requirement that a version was chosen for.
    pub selected: BTreeMap<ProviderAddress, Selected>,
    /// In no order yet; those of providers as a set.
    pub failures: Vec<Failure>,
    pub assumptions: Vec<Assumption>,
    /// False if the engine stops, well or badly, before it asks for any provider.
    pub reaches_providers: bool,
}

/// A chosen version, and the package that a source has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    pub id: PackageId,
    /// Null if no source has the version for this platform; an installed copy may still serve.
    pub package: Option<SelectedPackage>,
    /// Hashes of the lock entry whose version is the selected one, `h1:` and `zh:` only, sorted.
    pub locked_hashes: Vec<Hash>,
    /// Other packages of the same identity that lose against this one.
    pub shadowed: Vec<Utf8PathBuf>,
    /// False if the parts of the configuration that could not be read might change the choice.
    pub is_certain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedPackage {
    pub layout: Layout,
    pub path: Utf8PathBuf,
}

/// Something that was not seen, and what is assumed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    pub code: Code,
    pub text: String,
}

/// What the engine's `init` will do.
#[derive(Clone, Debug)]
pub struct Prediction {
    pub init: Outcome,
    /// In no order; the engine stops at one of them and does not come to the others.
    pub failures: Vec<Failure>,
    pub assumptions: Vec<Assumption>,
    /// The lock file's text afterwards; null on failure, and if its bytes stay.
    pub lock_after: Option<String>,
    /// `-lockfile=readonly` keeps new hashes out of the lock file, with no more than a warning.
    pub withholds_lock_changes: bool,
    /// By address: every requirement.
    pub providers: Vec<ProviderPrediction>,
}

impl Prediction {
    pub fn provider(&self, address: &ProviderAddress) -> Option<&ProviderPrediction> {
        let found = self.providers.binary_search_by(|provider| provider.requirement.address.cmp(address));
        found.ok().map(|index| &self.providers[index])
    }

    /// Before anything is known.
    pub const fn unknown() -> Self {
        Self {
            init: Outcome::Unknown,
            failures: Vec::new(),
            assumptions: Vec::new(),
            lock_after: None,
            withholds_lock_changes: false,
            providers: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct ProviderPrediction {
    pub requirement: Requirement,
    pub selected: Option<Selected>,
    pub install: Option<Install>,
    /// The first locked hash that the engine would match.
    pub proven_by: Option<Hash>,
    /// `h1:` of what is installed afterwards.
    pub h1: Option<Hash>,
    pub status: Status,
}

/// The first called module, as its path, that the engine would have to download, or whose source only it can evaluate.
pub fn module_from_network(facts: &Facts) -> Option<String> {
    modules::from_network(facts)
}

/// The first called module, as its path, that the engine would certainly have to download.
pub fn module_to_download(facts: &Facts) -> Option<String> {
    modules::to_download(facts)
}

/// The first called module, as its path, that is one of the modules that call it.
pub fn module_without_end(facts: &Facts) -> Option<String> {
    modules::without_end(facts)
}

/// Predicts which versions and packages `init` selects.
pub fn select(facts: &Facts) -> Selection {
    selection::select(facts)
}

impl Selection {
    /// Every package that [`predict`] has to know the contents of.
    pub fn wanted_contents(&self, facts: &Facts) -> Vec<ContentsRequest> {
        installation::wanted_contents(facts, self)
    }

    /// The hashes that are still to be computed, given those that are: the engine's own order, so that an archive is
    /// not hashed as a whole if its contents prove it. Ask again with the answers until it is empty.
    pub fn wanted_digests(&self, facts: &Facts, contents: &Contents, digests: &Digests) -> Vec<DigestRequest> {
        installation::wanted_digests(facts, self, contents, digests)
    }
}

/// Predicts the outcome of `init`.
pub fn predict(facts: &Facts, selection: &Selection, contents: &Contents, digests: &Digests) -> Prediction {
    let mut failures = selection.failures.clone();
    let mut assumptions = selection.assumptions.clone();
    let missing = selection::missing(selection);
    let mut providers = Vec::new();
    let mut changes = BTreeMap::new();
    for requirement in &selection.requirements {
        let mut provider = ProviderPrediction {
            requirement: requirement.clone(),
            selected: selection.selected.get(&requirement.address).cloned(),
            install: None,
            proven_by: None,
            h1: None,
            status: if missing.contains(&requirement.address) { Status::Missing } else { Status::Unknown },
        };
        if let Some(selected) = &provider.selected {
            let installed = installation::install(facts, selected, contents, digests);
            match installed {
                Ok(installed) => {
                    provider.status = if installed.proven_by.is_some() { Status::Proven } else { Status::Unproven };
                    provider.install = Some(installed.install);
                    provider.proven_by = installed.proven_by;
                    provider.h1 = Some(installed.h1);
                    changes.insert(requirement.address.clone(), installed.lock);
                }
                Err(stop) => {
                    let (failure, assumption, status) = stop.judge(facts, requirement, selected);
                    provider.status = status;
                    failures.extend(failure);
                    assumptions.extend(assumption);
                }
            }
        }
        providers.push(provider);
    }
    let mut lock_after = None;
    let mut withholds_lock_changes = false;
    if selection.reaches_providers && !failures.iter().any(|failure| failure.stage == Stage::Providers) {
        match lock_after::lock_after(facts, &providers, &changes, assumptions.is_empty()) {
            lock_after::LockChange::None => {}
            lock_after::LockChange::Written(text) => lock_after = Some(text),
            lock_after::LockChange::Withheld => withholds_lock_changes = true,
            lock_after::LockChange::Refused(failure) => failures.push(failure),
            lock_after::LockChange::Unknown => assumptions.push(Assumption {
                code: Code::LockFileReadonly,
                text: "the lock file may not change, and has an entry that only what was not seen can need".to_owned(),
            }),
        }
    }
    if failures.is_empty()
        && selection.reaches_providers
        && let Some(failure) = workspace::failure(facts, &providers, lock_after.is_some())
    {
        if facts.workspace.is_of_the_run {
            failures.push(failure);
        } else {
            assumptions
                .push(Assumption { code: failure.code, text: format!("{}: {}", failure.summary, failure.detail) });
        }
    }
    let leaves_success =
        |assumption: &Assumption| matches!(assumption.code, Code::StateUnseen | Code::DirectoryUnwritable);
    let init = if !failures.is_empty() {
        Outcome::Failure
    } else if assumptions.iter().all(leaves_success) {
        Outcome::Success
    } else {
        Outcome::Unknown
    };
    // With requirements that were not all read, nothing certain can be said of the file.
    if init != Outcome::Success {
        lock_after = None;
    }
    if init == Outcome::Failure {
        withholds_lock_changes = false;
    }
    Prediction { init, failures, assumptions, lock_after, withholds_lock_changes, providers }
}
