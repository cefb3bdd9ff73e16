//! The engines' own rules as pure functions: what `init` will do here, offline. No files, no environment, no clock.
//!
//! [`select`] says what would be installed; the caller computes the hashes that [`Selection::wanted_digests`] names;
//! [`predict`] says what comes of it.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::domain::{
    Engine, Hash, HashScheme, Layout, PackageId, Platform, ProviderAddress, Version, VersionConstraints,
};
use crate::finding::{Code, Place};
use crate::read::Problem;
use crate::read::cli_config::Method;
use crate::read::configuration::Configuration;
use crate::read::init_arguments::InitArguments;
use crate::read::installed::Installed;
use crate::read::lock_file::LockFile;
use crate::read::mirror::Mirror;
use crate::read::state::State;

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
    /// `OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION=0`.
    pub state_translation_off: bool,
}

/// Where the engine will look for packages.
#[derive(Clone, Debug, Default)]
pub struct ProviderSources {
    /// In the order in which they are asked. Filesystem mirrors have their walk beside them.
    pub methods: Vec<ProviderSource>,
    /// From the CLI configuration; `dev_overrides` change what later commands check, not what `init` installs.
    pub dev_overrides: Vec<ProviderAddress>,
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
    pub may_break_lock: bool,
    /// Its packages, read like `.terraform/providers`.
    pub entries: Installed,
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
}

/// One provider that `init` needs, or that the lock file names.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub address: ProviderAddress,
    pub constraints: VersionConstraints,
    pub origins: Vec<Origin>,
    /// False where only the lock file names it: `init` drops it.
    pub is_needed: bool,
}

/// What would be installed, before any hash is computed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub requirements: Vec<Requirement>,
    /// One for each needed requirement that a source answered.
    pub selected: BTreeMap<ProviderAddress, Selected>,
    /// Failures so far; with any the engine installs what it can and writes no lock file.
    pub failures: Vec<Failure>,
    pub assumptions: Vec<Assumption>,
    /// False where the engine stops before it asks for any provider.
    pub reaches_providers: bool,
}

#[derive(Clone, Debug)]
pub struct Selected {
    pub version: Version,
    pub id: PackageId,
    pub layout: Layout,
    pub path: Utf8PathBuf,
    /// Hashes of the lock entry whose version is the selected one, `h1:` and `zh:` only, sorted.
    pub locked_hashes: Vec<Hash>,
    /// Other packages of the same identity that lose against this one.
    pub shadowed: Vec<Utf8PathBuf>,
}

/// The first thing that the engine would report, or one of several of equal rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    /// The engine's own summary and text, so that a search for it finds ours.
    pub summary: String,
    pub detail: String,
    pub providers: Vec<ProviderAddress>,
    pub places: Vec<Place>,
}

/// Something that was not seen, and what is assumed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    pub code: Code,
    pub text: String,
}

/// A hash to compute: of an installed or mirrored package directory, or of an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestRequest {
    pub path: Utf8PathBuf,
    pub layout: Layout,
    pub scheme: HashScheme,
}

/// Computed hashes; the error is the engine's text for the same failure.
pub type Digests = BTreeMap<DigestRequest, Result<Hash, String>>;

/// What the engine's `init` will do.
#[derive(Clone, Debug)]
pub struct Prediction {
    pub init: Outcome,
    pub failures: Vec<Failure>,
    pub assumptions: Vec<Assumption>,
    pub lock_after: Option<String>,
    pub providers: Vec<ProviderPrediction>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
    Unknown,
}

#[derive(Clone, Debug)]
pub struct ProviderPrediction {
    pub requirement: Requirement,
    pub selected: Option<Selected>,
    pub install: Option<Install>,
    /// The first locked hash that the engine would match.
    pub proven_by: Option<Hash>,
    /// `h1:` of the package's contents, where it was computed.
    pub h1: Option<Hash>,
    pub status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    Link,
    Extract,
    Reuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Proven,
    Unproven,
    Mismatch,
    Missing,
    Unknown,
}

/// Says what would be selected.
pub fn select(facts: &Facts) -> Selection {
    todo!()
}

impl Selection {
    /// Every hash that [`predict`] and the checks need.
    pub fn wanted_digests(&self, facts: &Facts) -> Vec<DigestRequest> {
        todo!()
    }
}

/// Says what comes of it.
pub fn predict(facts: &Facts, selection: &Selection, digests: &Digests) -> Prediction {
    todo!()
}
