//! `modules build`: what repositories call, in rounds: a round fetches what the one before was found to call.
//!
//! Of a registry's module the version is selected as an engine would select it now. A reference that should not move (a tag,
//! a registry's version, an archive's address) and no longer means what the store has is an error, unless it is accepted
//! by name: no engine has a lock file for modules, so this store is the only place that notices.
//!
//! A killed build leaves whole trees, which the manifest lists as soon as they are there; the next one continues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::address::{Address, AddressError};
use super::archive::{ExtractError, TreeLimits};
use super::fetch::{self, Arrived, Brought, Fetcher, How, Place, Request};
use super::git::{Git, RepositoryError};
use super::graph::{Caller, Graph, Node, RowKey, WantKey};
use super::tidy::Tidied;
use super::wanted::{Unread, UnreadWhy, Wanted, normalized, package_name, place_text, unknown};
use crate::mirror::place::Hold;
use crate::registry::{Client, HttpError, ModulePackage, ModuleRegistry, RegistryError};
use airtight_engine::configuration::ModuleSource;
use airtight_engine::configuration::calls;
use airtight_hcl::Sources;
use airtight_provider::modules::manifest::{Manifest, StoredSource, StoredTree};
use airtight_provider::modules::{ModuleStore, split_subdirectory};
use airtight_provider::{CoreConstraints, Engine};

/// Modules that call modules, so deep.
const MAXIMUM_ROUNDS: usize = 32;

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
    fn no_client(&self) -> FetchError {
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
    #[error("what was downloaded is no zip, tar.gz or tar.xz archive")]
    UnknownArchive,
    #[error("what was downloaded does not have the checksum that its address names")]
    Checksum,
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
    let former = ModuleStore::read(&options.store)?;
    let hold = if options.dry_run { None } else { Some(Hold::take(&options.store)?) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs.max(1)).build()?;
    let manifest = Mutex::new(former.as_ref().map(|store| store.manifest.clone()).unwrap_or_default());
    let write_error: Mutex<Option<std::io::Error>> = Mutex::new(None);
    let event = |event: &Event<'_>| {
        if let Event::Stored(tree) = event {
            let mut manifest = manifest.lock().unwrap_or_else(PoisonError::into_inner);
            manifest.trees.retain(|known| known.path != tree.path);
            manifest.trees.push((*tree).clone());
            if let Err(error) = manifest.write(&options.store) {
                *write_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
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

/// A package to look for, and the directories in it that are called.
struct Want {
    key: WantKey,
    source: ModuleSource,
    callers: BTreeSet<(Caller, String)>,
}

struct Work<'a> {
    options: &'a Options<'a>,
    graph: Graph,
    rows: BTreeMap<RowKey, Arrived>,
    failed: BTreeMap<WantKey, FetchError>,
    unread: BTreeSet<Unread>,
    visited: BTreeSet<Node>,
    /// Packages that were asked for in an earlier round.
    done: BTreeSet<WantKey>,
    /// The addresses with what is secret, by name.
    secrets: BTreeMap<String, ModuleSource>,
    /// What registries list, by host and path.
    versions: Mutex<BTreeMap<(String, String), Result<Vec<String>, RegistryError>>>,
}

impl Work<'_> {
    fn first(&mut self, wanted: Vec<Wanted>) -> Vec<Want> {
        let mut wants = BTreeMap::new();
        for Wanted { source, version, needed_by } in wanted {
            for repository in needed_by {
                self.want(&Caller::Repository(repository), &source, version.clone(), &mut wants);
            }
        }
        wants.into_values().collect()
    }

    fn want(
        &mut self,
        caller: &Caller,
        source: &ModuleSource,
        version: Option<String>,
        wants: &mut BTreeMap<WantKey, Want>,
    ) {
        let Some(text) = normalized(source) else { return };
        let key = (package_name(text), version);
        let subdirectory = split_subdirectory(text).1;
        self.graph.wants.entry(caller.clone()).or_default().insert(key.clone());
        let want = wants.entry(key.clone()).or_insert_with(|| Want {
            source: self.secrets.entry(key.0.clone()).or_insert_with(|| source.clone()).clone(),
            key,
            callers: BTreeSet::new(),
        });
        want.callers.insert((caller.clone(), subdirectory));
    }

    /// Fetches what is waiting, and gives what that calls.
    fn round(&mut self, waiting: Vec<Want>, fetcher: &Fetcher<'_>, registry: Option<&ModuleRegistry<'_>>) -> Vec<Want> {
        let new: Vec<&Want> = waiting.iter().filter(|want| !self.done.contains(&want.key)).collect();
        let requests: Vec<(WantKey, Result<Vec<Request>, FetchError>)> =
            new.par_iter().map(|want| (want.key.clone(), self.requests(want, registry))).collect();
        let mut wanted_rows = BTreeMap::new();
        for (key, requests) in requests {
            self.done.insert(key.clone());
            match requests {
                Ok(requests) => {
                    for request in requests {
                        self.graph.rows.entry(key.clone()).or_default().insert(request.row.clone());
                        if !self.rows.contains_key(&request.row) {
                            wanted_rows.entry(request.row.clone()).or_insert(request);
                        }
                    }
                }
                Err(error) => {
                    (self.options.event)(&Event::Done);
                    self.failed.insert(key, error);
                }
            }
        }
        let groups = fetch::grouped(wanted_rows.into_values().collect());
        let mut groups: Vec<_> = groups.into_iter().collect();
        // The largest first, so that no thread is left alone with it at the end.
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let brought: Vec<Brought> = groups
            .into_par_iter()
            .with_max_len(1)
            .flat_map_iter(|group| {
                let brought = fetcher.bring(group);
                brought.iter().for_each(|_| (self.options.event)(&Event::Done));
                brought
            })
            .collect();
        for Brought { row, result } in brought {
            match result {
                Ok(arrived) => drop(self.rows.insert(row, arrived)),
                Err(error) => {
                    let keys =
                        self.graph.rows.iter().filter(|(_, rows)| rows.contains(&row)).map(|(key, _)| key.clone());
                    for key in keys.collect::<Vec<_>>() {
                        self.failed.insert(key, error.clone());
                    }
                }
            }
        }
        let mut next = BTreeMap::new();
        for want in waiting {
            for (caller, subdirectory) in &want.callers {
                self.follow(&want.key, caller, subdirectory, &mut next);
            }
        }
        next.into_values().collect()
    }

    /// Reads what the called directory of a package calls.
    fn follow(&mut self, key: &WantKey, caller: &Caller, subdirectory: &str, next: &mut BTreeMap<WantKey, Want>) {
        for row in self.graph.rows.get(key).cloned().into_iter().flatten() {
            let Some(arrived) = self.rows.get(&row).filter(|arrived| arrived.how != How::Planned) else { continue };
            let root = self.options.store.join(&arrived.tree.path);
            let whole = fetch::joined(&arrived.subdirectory, subdirectory);
            match fetch::expanded(&root, &whole) {
                Ok(directory) => {
                    let node = Node { tree: arrived.tree.path.clone(), directory: directory.into() };
                    self.graph.modules.entry(caller.clone()).or_default().insert(node.clone());
                    self.read(&root, &node, next);
                }
                Err(error) => {
                    self.failed.insert(key.clone(), error);
                }
            }
        }
    }

    fn read(&mut self, root: &Utf8Path, node: &Node, next: &mut BTreeMap<WantKey, Want>) {
        if !self.visited.insert(node.clone()) {
            return;
        }
        let caller = Caller::Module(node.clone());
        let directory = root.join(&node.directory);
        let read = calls::read(&directory, None, self.options.engine, &mut Sources::default());
        for problem in &read.not_understood {
            let at = self.below(&place_text(&problem.place));
            self.unread.insert(Unread { at, why: UnreadWhy::File { summary: problem.summary.clone() } });
        }
        for call in read.calls {
            match &call.source {
                ModuleSource::Local(path) => {
                    let inside = inside(root, &directory.join(path));
                    let Some(directory) = inside else {
                        let why = UnreadWhy::LocalPath { call: call.name.clone(), path: path.clone() };
                        self.unread.insert(Unread { at: self.below(&place_text(&call.place)), why });
                        continue;
                    };
                    let below = Node { tree: node.tree.clone(), directory };
                    self.graph.modules.entry(caller.clone()).or_default().insert(below.clone());
                    self.read(root, &below, next);
                }
                ModuleSource::Unknown => {
                    let unread = unknown(&call);
                    self.unread.insert(Unread { at: self.below(&unread.at), ..unread });
                }
                source => self.want(&caller, source, call.version.clone(), next),
            }
        }
    }

    /// A place in the store without the store's own path.
    fn below(&self, at: &str) -> String {
        let prefix = format!("{}/", self.options.store);
        at.strip_prefix(&prefix).unwrap_or(at).to_owned()
    }

    /// The packages that a source means now.
    fn requests(&self, want: &Want, registry: Option<&ModuleRegistry<'_>>) -> Result<Vec<Request>, FetchError> {
        let (name, constraint) = &want.key;
        match &want.source {
            ModuleSource::Registry { host, normalized } => {
                let (package, _) = split_subdirectory(normalized);
                let path = package.split_once('/').map_or("", |(_, path)| path);
                let registry = registry.ok_or_else(|| self.options.no_client())?;
                let versions = self.selected(registry, host, path, constraint.as_deref())?;
                versions.into_iter().map(|version| self.of_registry(registry, host, path, name, version)).collect()
            }
            source => {
                let text = normalized(source).ok_or(FetchError::Bug)?;
                let address = Address::parse(&split_subdirectory(text).0)?;
                let row = (name.clone(), None);
                Ok(vec![Request { row, place: Place::Address(address), subdirectory: String::new() }])
            }
        }
    }

    fn of_registry(
        &self,
        registry: &ModuleRegistry<'_>,
        host: &str,
        path: &str,
        name: &str,
        version: String,
    ) -> Result<Request, FetchError> {
        let package = registry.package(host, path, &version)?;
        let row = (name.to_owned(), Some(version));
        Ok(match package {
            ModulePackage::Direct { url, with_token } => {
                let token_host = with_token.then(|| host.to_owned());
                Request { row, place: Place::Direct { url, token_host }, subdirectory: String::new() }
            }
            ModulePackage::Address(text) => {
                let (address, subdirectory) = fetch::address_of(&text, self.options)?;
                Request { row, place: Place::Address(address), subdirectory }
            }
        })
    }

    /// The newest versions that a constraint allows, as engines print them.
    fn selected(
        &self,
        registry: &ModuleRegistry<'_>,
        host: &str,
        path: &str,
        constraint: Option<&str>,
    ) -> Result<Vec<String>, FetchError> {
        let constraints = constraint
            .map(|text| CoreConstraints::parse(text).map_err(|_| FetchError::Constraint(text.to_owned())))
            .transpose()?;
        let key = (host.to_owned(), path.to_owned());
        let lock = || self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).cloned();
        let listed = known.unwrap_or_else(|| {
            let listed = registry.versions(host, path);
            lock().insert(key, listed.clone());
            listed
        })?;
        let mut versions: Vec<String> = listed.iter().filter_map(|text| CoreConstraints::print_version(text)).collect();
        versions.sort_by(|left, right| CoreConstraints::cmp_versions(right, left).then_with(|| left.cmp(right)));
        versions.dedup();
        let newest = versions.first().cloned().ok_or(FetchError::NoVersions)?;
        versions.retain(|version| CoreConstraints::selects(constraints.as_ref(), version));
        versions.truncate(self.options.newest.max(1));
        if versions.is_empty() {
            let constraint = constraint.unwrap_or("a release").to_owned();
            return Err(FetchError::NoVersion { constraint, newest });
        }
        Ok(versions)
    }

    /// Writes the manifest, and removes trees that nothing names any more.
    fn finish(
        self,
        former: Option<&ModuleStore>,
        repositories: &BTreeSet<String>,
        hold: Option<&Hold>,
    ) -> anyhow::Result<Built> {
        let needed = self.graph.needed_by();
        let mut built = Built { unread: self.unread, ..Built::default() };
        let former_sources = former.map(|store| store.manifest.sources.as_slice()).unwrap_or_default();
        let mut sources: BTreeMap<RowKey, StoredSource> = former_sources
            .iter()
            .map(|source| {
                let mut source = source.clone();
                source.needed_by.retain(|name| !repositories.contains(name));
                ((source.source.clone(), source.version.clone()), source)
            })
            .collect();
        let mut trees: BTreeMap<String, StoredTree> = former
            .map(|store| store.manifest.trees.iter().map(|tree| (tree.path.clone(), tree.clone())).collect())
            .unwrap_or_default();
        for (row, arrived) in self.rows {
            let was = former_sources.iter().find(|source| (&source.source, &source.version) == (&row.0, &row.1));
            let outcome = match arrived.how {
                How::Planned => Outcome::Planned(arrived.tree.clone()),
                _ if was.is_some_and(|was| was.tree != arrived.tree.path) => {
                    let from = was.and_then(|was| trees.get(&was.tree)).and_then(|tree| tree.id.clone());
                    Outcome::Moved { from, tree: arrived.tree.clone() }
                }
                How::Kept => Outcome::Kept(arrived.tree.clone()),
                How::Fetched => Outcome::Fetched(arrived.tree.clone()),
            };
            let by = needed.get(&row).cloned().unwrap_or_default();
            built.results.push(SourceResult {
                source: row.0.clone(),
                version: row.1.clone(),
                constraint: None,
                needed_by: by.iter().cloned().collect(),
                outcome,
                noticed: arrived.noticed,
            });
            let others = sources.get(&row).map(|source| source.needed_by.clone()).unwrap_or_default();
            let needed_by: BTreeSet<String> = by.into_iter().chain(others).collect();
            // One repository may be reached by several addresses: the least of them is named, whoever came first.
            let tree = trees.entry(arrived.tree.path.clone()).or_insert_with(|| arrived.tree.clone());
            if arrived.how == How::Fetched && arrived.tree.origin <= tree.origin {
                *tree = arrived.tree.clone();
            }
            sources.insert(
                row.clone(),
                StoredSource {
                    needed_by: needed_by.into_iter().collect(),
                    reference: arrived.reference,
                    source: row.0,
                    subdirectory: arrived.subdirectory,
                    tree: arrived.tree.path,
                    version: row.1,
                },
            );
        }
        let wanted_by = self.graph.wanted_by();
        for (key, error) in self.failed {
            let needed_by = wanted_by.get(&key).cloned().unwrap_or_default();
            // The store keeps what it has of it, for those who need it.
            for row in self.graph.rows.get(&key).into_iter().flatten() {
                if let Some(source) = sources.get_mut(row) {
                    let all: BTreeSet<String> = source.needed_by.drain(..).chain(needed_by.iter().cloned()).collect();
                    source.needed_by = all.into_iter().collect();
                }
            }
            built.results.push(SourceResult {
                source: key.0,
                version: None,
                constraint: key.1,
                needed_by: needed_by.into_iter().collect(),
                outcome: Outcome::Failed(error),
                noticed: Tidied::default(),
            });
        }
        built.results.sort_by(|left, right| {
            (&left.source, &left.version, &left.constraint).cmp(&(&right.source, &right.version, &right.constraint))
        });
        if let Some(hold) = hold {
            let mut manifest =
                Manifest { sources: sources.into_values().collect(), trees: trees.into_values().collect() };
            built.removed = write(&mut manifest, &self.options.store, hold)?;
        }
        Ok(built)
    }
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

/// A directory below a tree, if the path leads to one, without links.
fn inside(root: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let root = root.canonicalize_utf8().ok()?;
    let real = path.canonicalize_utf8().ok().filter(|real| real.is_dir())?;
    real.strip_prefix(&root).ok().map(Utf8Path::to_owned)
}
