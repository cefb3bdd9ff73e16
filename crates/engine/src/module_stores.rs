//! What the stores of modules hold, and which of it a module call gets.

use camino::Utf8PathBuf;

use crate::configuration::source::ModuleSource;
use airtight_provider::CoreConstraints;
use airtight_provider::modules::manifest::{StoredSource, StoredTree};
use airtight_provider::modules::{ModuleStore, Stored, expanded, is_pattern, source_name, split_subdirectory};

/// The image's stores, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct ModuleStores {
    pub stores: Vec<ModuleStore>,
}

/// What a call gets.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    pub store: &'a ModuleStore,
    pub source: &'a StoredSource,
    pub tree: &'a StoredTree,
    /// The directory in the tree that the call names, as the engine finds it: relative, perhaps with `..`.
    subdirectory: String,
}

impl<'a> Found<'a> {
    /// Null if the call's directory is a pattern that does not match one directory: the engine fails at it, too.
    fn new(store: &'a ModuleStore, source: &'a StoredSource, subdirectory: &str) -> Option<Self> {
        let tree = store.tree(&source.tree)?;
        let whole = format!("{}/{subdirectory}", source.subdirectory);
        let subdirectory = if is_pattern(subdirectory) { expanded(&store.path_of(tree), &whole)? } else { whole };
        Some(Self { store, source, tree, subdirectory })
    }

    /// Where the tree is on this machine.
    pub fn path(&self) -> Utf8PathBuf {
        self.store.path_of(self.tree)
    }

    /// The called module's directory below the tree, without `.` and `..`; null if it leads out of the tree.
    pub fn directory(&self) -> Option<Utf8PathBuf> {
        let mut directory = Utf8PathBuf::new();
        for part in self.subdirectory.split('/') {
            match part {
                "" | "." => {}
                ".." if directory.pop() => {}
                ".." => return None,
                name => directory.push(name),
            }
        }
        Some(directory)
    }
}

impl ModuleStores {
    pub fn is_empty(&self) -> bool {
        self.stores.is_empty()
    }

    /// What a source means here. A registry's module is the newest version that the constraint allows, as the engine would
    /// select; of two stores with the same version the first has it.
    pub fn find(&self, source: &ModuleSource, constraint: Option<&CoreConstraints>) -> Option<Found<'_>> {
        let (package, subdirectory) = address(source)?;
        let mut best: Option<(&ModuleStore, &StoredSource)> = None;
        for store in &self.stores {
            let Stored::Found(found) = store.find(&package, constraint) else { continue };
            if best.is_none_or(|(_, best)| found.cmp_version(best).is_gt()) {
                best = Some((store, found));
            }
        }
        let (store, source) = best?;
        Found::new(store, source, &subdirectory)
    }

    /// The versions of a registry's module that are here.
    pub fn versions(&self, source: &ModuleSource) -> Vec<&str> {
        let Some((package, _)) = address(source) else { return Vec::new() };
        let sources = self.stores.iter().flat_map(|store| store.versions(&package));
        sources.filter_map(|source| source.version.as_deref()).collect()
    }

    /// What an installed module claims to be, by what the engine recorded of it.
    pub fn recorded(&self, normalized: &str, version: Option<&str>) -> Option<Found<'_>> {
        let (package, subdirectory) = split(normalized);
        let (store, source) = self.stores.iter().find_map(|store| {
            let versions = store.versions(&package).iter();
            let mut found = versions.filter(|source| source.version.as_deref() == version);
            Some((store, found.next()?))
        })?;
        Found::new(store, source, &subdirectory)
    }
}

/// The package as stores name it, and the directory in it.
fn address(source: &ModuleSource) -> Option<(String, String)> {
    match source {
        ModuleSource::Registry { normalized, .. }
        | ModuleSource::Remote { normalized, .. }
        | ModuleSource::LocalCopy(normalized) => Some(split(normalized)),
        ModuleSource::Local(_) | ModuleSource::Unknown => None,
    }
}

fn split(normalized: &str) -> (String, String) {
    let (package, subdirectory) = split_subdirectory(normalized);
    (source_name(&package), subdirectory)
}

/// Stores for tests.
#[cfg(test)]
pub(crate) mod testing {
    use airtight_provider::modules::manifest::{Manifest, TreeKind};
    use camino::Utf8Path;

    use super::*;

    /// Source, version, directory in the tree, tree.
    pub(crate) type Row<'a> = (&'a str, Option<&'a str>, &'a str, &'a str);

    /// Makes a store of directories that are there.
    pub(crate) fn store(directory: &Utf8Path, rows: &[Row<'_>]) -> ModuleStores {
        let mut manifest = Manifest::default();
        for (source, version, subdirectory, tree) in rows {
            manifest.sources.push(StoredSource {
                needed_by: Vec::new(),
                reference: None,
                source: (*source).to_owned(),
                subdirectory: (*subdirectory).to_owned(),
                tree: (*tree).to_owned(),
                version: version.map(str::to_owned),
            });
            if manifest.trees.iter().all(|known| known.path != *tree) {
                manifest.trees.push(StoredTree::measure(directory, tree, TreeKind::Git, "https://h.example").unwrap());
            }
        }
        manifest.write(directory).unwrap();
        ModuleStores { stores: vec![ModuleStore::read(directory).unwrap().unwrap()] }
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::testing::{Row, store};
    use super::*;

    fn of(rows: &[Row<'_>]) -> (tempfile::TempDir, ModuleStores) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        fs_err::create_dir(path.join("tree")).unwrap();
        let stores = store(path, rows);
        (directory, stores)
    }

    fn registry(normalized: &str) -> ModuleSource {
        ModuleSource::Registry { host: "h.example".to_owned(), normalized: normalized.to_owned() }
    }

    fn git(normalized: &str) -> ModuleSource {
        ModuleSource::Remote { scheme: "git".to_owned(), host: None, normalized: normalized.to_owned() }
    }

    #[test]
    fn the_newest_allowed_version_is_served() {
        let rows =
            ["1.0.0", "1.2.0", "1.10.0", "2.0.0-beta1"].map(|version| ("h.example/a/b/c", Some(version), "", "tree"));
        let (_directory, stores) = of(&rows);
        for (constraint, expected) in [
            (None, Some("1.10.0")),
            (Some("~> 1.0.0"), Some("1.0.0")),
            (Some("< 1.10"), Some("1.2.0")),
            (Some(">= 2.0.0-beta1"), None),
            (Some("2.0.0-beta1"), Some("2.0.0-beta1")),
            (Some("3.0.0"), None),
        ] {
            let constraint = constraint.map(|text| CoreConstraints::parse(text).unwrap());
            let source = registry("h.example/a/b/c//d");
            let found = stores.find(&source, constraint.as_ref());
            assert_eq!(found.and_then(|found| found.source.version.as_deref()), expected, "{constraint:?}");
        }
        assert!(stores.find(&registry("h.example/a/b/d"), None).is_none());
        assert_eq!(stores.versions(&registry("h.example/a/b/c//d")).len(), 4);
    }

    #[test]
    fn the_query_belongs_to_the_package_and_the_directory_does_not() {
        let (_directory, stores) = of(&[
            ("git::https://h.example/x.git?ref=v1", None, "", "tree"),
            ("git::https://h.example/x.git", None, "deep", "tree"),
        ]);
        let directory = |text: &str| {
            let source = git(text);
            let found = stores.find(&source, None)?;
            Some((found.source.subdirectory.clone(), found.directory()?.into_string()))
        };
        let some = |base: &str, path: &str| Some((base.to_owned(), path.to_owned()));
        assert_eq!(directory("git::https://h.example/x.git//m/a?ref=v1"), some("", "m/a"));
        assert_eq!(directory("git::https://h.example/x.git?ref=v1"), some("", ""));
        assert_eq!(directory("git::https://h.example/x.git//m"), some("deep", "deep/m"));
        assert_eq!(directory("git::https://h.example/x.git//m?ref=v2"), None);
        assert_eq!(directory("git::https://h.example/y.git"), None);
        assert_eq!(directory("git::https://h.example/x.git//*"), None);
        assert_eq!(directory("git::https://h.example/x.git//../../y"), None);
    }
}
