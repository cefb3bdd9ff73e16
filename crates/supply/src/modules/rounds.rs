//! The rounds of a build: what is wanted, what came of it, and what that calls in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::address::{Address, AddressError};
use super::build::{Built, Event, FetchError, Options, Outcome, SourceResult, write};
use super::fetch::{self, Fetcher};
use super::graph::{Caller, Graph, Node, RowKey, WantKey};
use super::paths::joined;
use super::request::{Arrived, Brought, How, Place, Request, grouped};
use super::tidy::Tidied;
use super::wanted::{Unread, UnreadWhy, Wanted, normalized, package_name, place_text, unknown};
use crate::mirror::place::Hold;
use crate::registry::{ModulePackage, ModuleRegistry, RegistryError};
use airtight_engine::configuration::ModuleSource;
use airtight_engine::configuration::calls;
use airtight_hcl::Sources;
use airtight_provider::CoreConstraints;
use airtight_provider::modules::manifest::{Manifest, StoredSource, StoredTree};
use airtight_provider::modules::{ModuleStore, expanded, split_subdirectory};
/// A package to look for, and the directories in it that are called.
pub(super) struct Want {
    pub key: WantKey,
    pub source: ModuleSource,
    pub callers: BTreeSet<(Caller, String)>,
}

pub(super) struct Work<'a> {
    pub options: &'a Options<'a>,
    pub graph: Graph,
    pub rows: BTreeMap<RowKey, Arrived>,
    pub failed: BTreeMap<WantKey, FetchError>,
    pub unread: BTreeSet<Unread>,
    pub visited: BTreeSet<Node>,
    /// Packages that were asked for in an earlier round.
    pub done: BTreeSet<WantKey>,
    /// The addresses with what is secret, by name.
    pub secrets: BTreeMap<String, ModuleSource>,
    /// What registries list, by host and path.
    pub versions: Mutex<BTreeMap<(String, String), Result<Vec<String>, RegistryError>>>,
}

impl Work<'_> {
    pub(super) fn first(&mut self, wanted: Vec<Wanted>) -> Vec<Want> {
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
    pub(super) fn round(
        &mut self,
        waiting: Vec<Want>,
        fetcher: &Fetcher<'_>,
        registry: Option<&ModuleRegistry<'_>>,
    ) -> Vec<Want> {
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
        let groups = grouped(wanted_rows.into_values().collect());
        let mut groups: Vec<_> = groups.into_iter().collect();
        // The largest first, so that no thread is left alone with it at the end.
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let brought: Vec<Brought> = groups
            .into_par_iter()
            .with_max_len(1)
            .flat_map_iter(|group| {
                let brought = fetcher.bring(group);
                for _ in &brought {
                    (self.options.event)(&Event::Done);
                }
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
            let whole = joined(&arrived.subdirectory, subdirectory);
            match expanded(&root, &whole) {
                Some(directory) => {
                    let node = Node { tree: arrived.tree.path.clone(), directory: directory.into() };
                    self.graph.modules.entry(caller.clone()).or_default().insert(node.clone());
                    let is_own = arrived.tree.origin.starts_with("file:");
                    self.read(&root, &node, is_own, next);
                }
                None => drop(self.failed.insert(key.clone(), FetchError::Subdirectory(whole))),
            }
        }
    }

    /// `is_own`: the tree is of this machine, so it may name others of it.
    fn read(&mut self, root: &Utf8Path, node: &Node, is_own: bool, next: &mut BTreeMap<WantKey, Want>) {
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
                    self.read(root, &below, is_own, next);
                }
                ModuleSource::Unknown => {
                    let unread = unknown(&call);
                    self.unread.insert(Unread { at: self.below(&unread.at), ..unread });
                }
                source if !is_own && is_of_this_machine(source) => {
                    let why = UnreadWhy::ThisMachine { call: call.name.clone() };
                    self.unread.insert(Unread { at: self.below(&place_text(&call.place)), why });
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
                Ok(vec![Request {
                    row,
                    place: Place::Address(address),
                    subdirectory: String::new(),
                    part: String::new(),
                }])
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
                Request {
                    row,
                    place: Place::Direct { url, token_host },
                    subdirectory: String::new(),
                    part: String::new(),
                }
            }
            ModulePackage::Address(text) => {
                let (address, subdirectory) = fetch::address_of(&text, self.options)?;
                Request { row, place: Place::Address(address), subdirectory, part: String::new() }
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
    pub(super) fn finish(
        self,
        former: Option<&ModuleStore>,
        repositories: &BTreeSet<String>,
        hold: Option<&Hold>,
    ) -> anyhow::Result<Built> {
        let needed = self.graph.needed_by();
        let mut built = Built { unread: self.unread, ..Built::default() };
        let is_whole = self.failed.is_empty();
        let former_sources = former.map(|store| store.manifest.sources.as_slice()).unwrap_or_default();
        let mut sources: BTreeMap<RowKey, StoredSource> = former_sources
            .iter()
            .map(|source| {
                let mut source = source.clone();
                // Behind what failed, nobody looked who calls what.
                source.needed_by.retain(|name| !is_whole || !repositories.contains(name));
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
            let mut manifest = Manifest {
                serial: self.options.serial,
                sources: sources.into_values().collect(),
                trees: trees.into_values().collect(),
            };
            built.removed = write(&mut manifest, &self.options.store, hold)?;
        }
        Ok(built)
    }
}

fn is_of_this_machine(source: &ModuleSource) -> bool {
    let address = normalized(source).map(|text| Address::parse(&split_subdirectory(text).0));
    matches!(address.map(|address| address.and_then(Address::of_network)), Some(Err(AddressError::ThisMachine)))
}

/// A directory below a tree, if the path leads to one, without links.
pub(super) fn inside(root: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let root = root.canonicalize_utf8().ok()?;
    let real = path.canonicalize_utf8().ok().filter(|real| real.is_dir())?;
    real.strip_prefix(&root).ok().map(Utf8Path::to_owned)
}
