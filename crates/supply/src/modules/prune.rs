//! Removing what no repository needs any more.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::build::write;
use super::paths::joined;
use super::wanted::{Found, normalized, package_name};
use crate::mirror::place::Hold;
use airtight_engine::configuration::ModuleSource;
use airtight_engine::configuration::calls;
use airtight_hcl::Sources;
use airtight_provider::modules::manifest::StoredSource;
use airtight_provider::modules::{ModuleStore, Stored, expanded, split_subdirectory};
use airtight_provider::{CoreConstraints, Engine};

/// What prune did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    pub kept: Vec<StoredSource>,
    pub removed: Vec<StoredSource>,
    /// Paths of trees.
    pub removed_trees: Vec<String>,
    /// What is called and not stored. By source.
    pub missing: BTreeSet<String>,
}

/// Keeps what the found repositories call, directly or through stored modules, as an engine would be served; of a registry's
/// module the newest version that each constraint allows.
///
/// # Errors
/// A store that cannot be written.
pub fn prune(store: &ModuleStore, found: &Found, engine: &Engine, dry_run: bool) -> anyhow::Result<Pruned> {
    let mut keep = Keep { store, engine, needed: BTreeMap::new(), missing: BTreeSet::new() };
    for wanted in &found.wanted {
        for repository in &wanted.needed_by {
            keep.source(&wanted.source, wanted.version.as_deref(), repository);
        }
    }
    let mut pruned = Pruned { missing: keep.missing, ..Pruned::default() };
    for source in &store.manifest.sources {
        let needed = keep.needed.get(&(source.source.clone(), source.version.clone()));
        match needed {
            Some(by) => {
                pruned.kept.push(StoredSource { needed_by: by.iter().cloned().collect(), ..source.clone() });
            }
            None => pruned.removed.push(source.clone()),
        }
    }
    if dry_run {
        let kept: BTreeSet<&String> = pruned.kept.iter().map(|source| &source.tree).collect();
        let gone = store.manifest.trees.iter().filter(|tree| !kept.contains(&tree.path));
        pruned.removed_trees = gone.map(|tree| tree.path.clone()).collect();
        return Ok(pruned);
    }
    let hold = Hold::take(&store.directory)?;
    if ModuleStore::read(&store.directory)?.is_none_or(|now| now.digest != store.digest) {
        anyhow::bail!("another airtight has changed `{}` meanwhile; run this again", store.directory);
    }
    let mut manifest = store.manifest.clone();
    manifest.sources.clone_from(&pruned.kept);
    pruned.removed_trees = write(&mut manifest, &store.directory, &hold)?;
    hold.finish(false)?;
    Ok(pruned)
}

struct Keep<'a> {
    store: &'a ModuleStore,
    engine: &'a Engine,
    /// Repositories by source and version.
    needed: BTreeMap<(String, Option<String>), BTreeSet<String>>,
    missing: BTreeSet<String>,
}

impl Keep<'_> {
    fn source(&mut self, source: &ModuleSource, version: Option<&str>, repository: &str) {
        let (mut waiting, mut seen) = (vec![(source.clone(), version.map(str::to_owned))], BTreeSet::new());
        while let Some((source, version)) = waiting.pop() {
            let Some(text) = normalized(&source) else { continue };
            let (name, subdirectory) = (package_name(text), split_subdirectory(text).1);
            if !seen.insert((name.clone(), version.clone(), subdirectory.clone())) {
                continue;
            }
            let constraints = version.as_deref().and_then(|text| CoreConstraints::parse(text).ok());
            let Stored::Found(found) = self.store.find(&name, constraints.as_ref()) else {
                self.missing.insert(name);
                continue;
            };
            let key = (found.source.clone(), found.version.clone());
            self.needed.entry(key).or_default().insert(repository.to_owned());
            let root = self.store.directory.join(&found.tree);
            if let Some(directory) = expanded(&root, &joined(&found.subdirectory, &subdirectory)) {
                let mut visited = BTreeSet::new();
                self.calls(&root, &root.join(directory), &mut visited, &mut waiting);
            }
        }
    }

    fn calls(
        &self,
        root: &Utf8Path,
        directory: &Utf8Path,
        visited: &mut BTreeSet<String>,
        waiting: &mut Vec<(ModuleSource, Option<String>)>,
    ) {
        let Ok(real) = directory.canonicalize_utf8() else { return };
        if !root.canonicalize_utf8().is_ok_and(|root| real.starts_with(root)) || !visited.insert(real.to_string()) {
            return;
        }
        for call in calls::read(&real, None, self.engine, &mut Sources::default()).calls {
            match &call.source {
                ModuleSource::Local(path) => self.calls(root, &real.join(path), visited, waiting),
                _ => waiting.push((call.source, call.version)),
            }
        }
    }
}
