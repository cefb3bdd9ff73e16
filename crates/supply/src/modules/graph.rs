//! Who calls what: repositories and stored modules on one side, packages on the other.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

/// What a call names: a package by its name in the manifest, and a constraint.
pub(super) type WantKey = (String, Option<String>);

/// A row of the manifest: source and version.
pub(super) type RowKey = (String, Option<String>);

/// A directory of a stored tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    /// Below the store.
    pub tree: String,
    /// Below the tree; empty for the tree itself.
    pub directory: Utf8PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    Repository(String),
    Module(Node),
}

/// Edges, filled in as modules are found.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// The packages that a caller's configuration names.
    pub wants: BTreeMap<Caller, BTreeSet<WantKey>>,
    /// The rows that a package and a constraint mean.
    pub rows: BTreeMap<WantKey, BTreeSet<RowKey>>,
    /// The modules that a caller reaches, through a package or in its own.
    pub modules: BTreeMap<Caller, BTreeSet<Node>>,
}

impl Graph {
    /// The rows that each repository needs, through modules of any depth.
    pub(super) fn needed_by(&self) -> BTreeMap<RowKey, BTreeSet<String>> {
        let mut needed: BTreeMap<RowKey, BTreeSet<String>> = BTreeMap::new();
        for caller in self.wants.keys() {
            let Caller::Repository(repository) = caller else { continue };
            for key in self.wants_of(caller) {
                for row in self.rows.get(&key).into_iter().flatten() {
                    needed.entry(row.clone()).or_default().insert(repository.clone());
                }
            }
        }
        needed
    }

    /// The repositories from which each package is reached, whether it could be fetched or not.
    pub(super) fn wanted_by(&self) -> BTreeMap<WantKey, BTreeSet<String>> {
        let mut wanted: BTreeMap<WantKey, BTreeSet<String>> = BTreeMap::new();
        for caller in self.wants.keys() {
            let Caller::Repository(repository) = caller else { continue };
            for key in self.wants_of(caller) {
                wanted.entry(key).or_default().insert(repository.clone());
            }
        }
        wanted
    }

    fn wants_of(&self, caller: &Caller) -> BTreeSet<WantKey> {
        let (mut seen, mut waiting, mut found) = (BTreeSet::new(), vec![caller.clone()], BTreeSet::new());
        while let Some(caller) = waiting.pop() {
            found.extend(self.wants.get(&caller).into_iter().flatten().cloned());
            for node in self.modules.get(&caller).into_iter().flatten() {
                if seen.insert(node) {
                    waiting.push(Caller::Module(node.clone()));
                }
            }
        }
        found
    }
}
