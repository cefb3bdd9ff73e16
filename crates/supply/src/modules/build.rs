//! `modules build`: what repositories call, in rounds: a round fetches what the one before was found to call.
//!
//! Of a registry's module the version is selected as an engine would select it now. A reference that should not move (a tag,
//! a registry's version, an archive's address) and no longer means what the store has is an error, unless it is accepted
//! by name: no engine has a lock file for modules, so this store is the only place that notices.
//!
//! A killed build leaves whole trees, which the manifest lists soon after they are there; the next one continues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::address::AddressError;
use super::archive::{ExtractError, TreeLimits};
use super::fetch::Fetcher;
use super::git::{Git, RepositoryError};
use super::graph::Graph;
use super::rounds::Work;
use super::tidy::Tidied;
use super::wanted::{Unread, Wanted};
use crate::mirror::place::Hold;
use crate::registry::{Client, HttpError, ModuleRegistry, RegistryError};
use airtight_provider::Engine;
use airtight_provider::modules::ModuleStore;
use airtight_provider::modules::manifest::{Manifest, StoredTree};

/// Modules that call modules, so deep.
const MAXIMUM_ROUNDS: usize = 32;

/// How much of a killed build's work is fetched again. Each writing waits for the disk.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// What is built, and how.
pub struct Options<'a> {
    /// The store, which may be there already.
    pub store: Utf8PathBuf,
    pub engine: &'a Engine,
    /// Or why there is none, such as a machine without certificate authorities: only what needs it fails.
    pub client: Result<&'a Client, &'a HttpError>,
    /// Sources whose references may have moved, by their names in the manifest.
    pub accept_moved: BTreeSet<String>,
    /// Of a registry's module so many of the newest versions that a constraint allows.
    pub newest: usize,
    /// For the manifest.
    pub serial: Option<u64>,
    /// Say what would be fetched, and change nothing.
    pub dry_run: bool,
    /// Repositories and archives at a time.
    pub jobs: usize,
    pub limits: TreeLimits,
    /// How long a git server may send nothing.
    pub git_wait: Duration,
    /// For one call of git.
    pub git_limit: Duration,
    /// Of git against a server.
    pub git_tries: u32,
    /// For a dry run: a directory that is not there, and that the caller removes.
    pub scratch: Utf8PathBuf,
    /// Told what happens.
    pub event: &'a (dyn Fn(&Event<'_>) + Sync),
}

impl Options<'_> {
    pub(super) fn no_client(&self) -> FetchError {
        self.client.err().map_or(FetchError::Bug, |error| error.clone().into())
    }
}

/// What happens during a build.
pub enum Event<'a> {
    /// So many packages are asked for now.
    Round(usize),
    Asking(&'a str),
    Fetching(&'a str),
    Bytes(u64),
    Stored(&'a StoredTree),
    /// A package is done, whether it could be fetched or not.
    Done,
}

/// Why a package could not be fetched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("{0}")]
    Extract(String),
    #[error("{0}")]
    Disk(String),
    #[error("its address leads to {0}")]
    Page(&'static str),
    #[error("what was downloaded is no zip, tar.gz, tar.xz or tar.bz2 archive")]
    UnknownArchive,
    #[error("what was downloaded does not have the checksum that its address names")]
    Checksum,
    #[error("the file of checksums that its address names has none for it")]
    NoChecksum,
    #[error("it has no single directory `{0}`")]
    Subdirectory(String),
    /// The last part of the fix is the command's.
    #[error(
        "it has moved: the store has {from}, its origin now has {to}. If that is meant, accept it by name: --accept-moved \
         '{source_name}'"
    )]
    Moved { source_name: String, from: String, to: String },
    #[error("`{0}` is no version constraint")]
    Constraint(String),
    #[error("no version of it is allowed by `{constraint}`; the newest is {newest}")]
    NoVersion { constraint: String, newest: String },
    #[error("its registry has no version of it")]
    NoVersions,
    #[error("it is called through more than {MAXIMUM_ROUNDS} other packages")]
    Deep,
    #[error("internal error, please report it")]
    Bug,
}

impl FetchError {
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn disk(error: std::io::Error) -> Self {
        Self::Disk(error.to_string())
    }

    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn tree(error: airtight_provider::modules::tree::TreeProblem) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<ExtractError> for FetchError {
    fn from(error: ExtractError) -> Self {
        Self::Extract(error.to_string())
    }
}

/// What became of a source.
#[derive(Clone, Debug)]
pub struct SourceResult {
    pub source: String,
    /// Of a registry's module; of one that failed, the constraint is in the source's place of it.
    pub version: Option<String>,
    pub constraint: Option<String>,
    pub needed_by: Vec<String>,
    pub outcome: Outcome,
    pub noticed: Tidied,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was there, and is what its origin has.
    Kept(StoredTree),
    Fetched(StoredTree),
    /// It means another package than before: a branch, or what was accepted.
    Moved {
        from: Option<String>,
        tree: StoredTree,
    },
    /// A dry run would fetch it.
    Planned(StoredTree),
    Failed(FetchError),
}

/// A build's result.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// By source and version.
    pub results: Vec<SourceResult>,
    /// Calls in fetched modules that name no package.
    pub unread: BTreeSet<Unread>,
    /// Trees that nothing names any more, and that were removed.
    pub removed: Vec<String>,
}

/// Builds a store, or adds to one.
///
/// # Errors
/// A store that cannot be read or written. What a single source keeps from coming is in its result.
pub fn build(wanted: Vec<Wanted>, repositories: &BTreeSet<String>, options: &Options<'_>) -> anyhow::Result<Built> {
    let hold = if options.dry_run { None } else { Some(Hold::take(&options.store)?) };
    // Not before: another build may have ended meanwhile.
    let former = ModuleStore::read(&options.store)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs.max(1)).build()?;
    let manifest =
        Mutex::new((former.as_ref().map(|store| store.manifest.clone()).unwrap_or_default(), None::<Instant>));
    let write_error: Mutex<Option<std::io::Error>> = Mutex::new(None);
    let event = |event: &Event<'_>| {
        if let Event::Stored(tree) = event {
            let mut guard = manifest.lock().unwrap_or_else(PoisonError::into_inner);
            let (manifest, written) = &mut *guard;
            manifest.trees.retain(|known| known.path != tree.path);
            manifest.trees.push((*tree).clone());
            if written.is_none_or(|written| written.elapsed() >= WRITE_INTERVAL) {
                if let Err(error) = manifest.write(&options.store) {
                    *write_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                *written = Some(Instant::now());
            }
        }
        (options.event)(event);
    };
    let inner = Options {
        store: options.store.clone(),
        accept_moved: options.accept_moved.clone(),
        scratch: options.scratch.clone(),
        event: &event,
        ..*options
    };
    let fetcher = Fetcher {
        options: &inner,
        git: Git::new(options.git_wait, options.git_limit),
        hold: hold.as_ref(),
        former: former.as_ref(),
        number: AtomicUsize::new(0),
        placed: Mutex::default(),
    };
    let mut work = Work {
        options: &inner,
        graph: Graph::default(),
        rows: BTreeMap::new(),
        failed: BTreeMap::new(),
        unread: BTreeSet::new(),
        visited: BTreeSet::new(),
        done: BTreeSet::new(),
        secrets: BTreeMap::new(),
        versions: Mutex::default(),
    };
    let mut waiting = work.first(wanted);
    let registry = options.client.ok().map(|client| ModuleRegistry::new(client, options.engine.name));
    for round in 0.. {
        if waiting.is_empty() {
            break;
        }
        if round == MAXIMUM_ROUNDS {
            for want in waiting {
                work.failed.insert(want.key, FetchError::Deep);
            }
            break;
        }
        (options.event)(&Event::Round(waiting.len()));
        waiting = pool.install(|| work.round(waiting, &fetcher, registry.as_ref()));
    }
    if let Some(error) = write_error.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error.into());
    }
    let built = work.finish(former.as_ref(), repositories, hold.as_ref())?;
    if let Some(hold) = hold {
        hold.finish(false)?;
    }
    Ok(built)
}

/// Writes a manifest with the trees that its sources name, and removes the others, whose paths it gives.
pub(super) fn write(manifest: &mut Manifest, store: &Utf8Path, hold: &Hold) -> anyhow::Result<Vec<String>> {
    let named: BTreeSet<&String> = manifest.sources.iter().map(|source| &source.tree).collect();
    let (kept, removed): (Vec<_>, Vec<_>) =
        std::mem::take(&mut manifest.trees).into_iter().partition(|tree| named.contains(&tree.path));
    manifest.trees = kept;
    manifest.write(store)?;
    let aside = hold.scratch().join("removed");
    let mut paths = Vec::new();
    for tree in removed {
        let place = Utf8Path::new(&tree.path);
        if hold.mirror.file_type(place)?.is_some() {
            hold.take_away(place, &aside)?;
        }
        let mut above = place.parent();
        while let Some(directory) = above.filter(|directory| !directory.as_str().is_empty()) {
            if !hold.mirror.remove_if_empty(directory).unwrap_or(false) {
                break;
            }
            above = directory.parent();
        }
        paths.push(tree.path);
    }
    paths.sort();
    Ok(paths)
}
