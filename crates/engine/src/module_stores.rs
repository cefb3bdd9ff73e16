//! What the stores of modules hold, and which of it a module call gets.

use camino::{Utf8Path, Utf8PathBuf};

use crate::configuration::ModuleSource;
use airtight_provider::core_constraints::{CoreConstraints, newest_allowed};

/// One source that a store has a tree for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSource {
    /// As an engine records it, without the directory in it: `registry.terraform.io/a/b/aws`,
    /// `git::https://example.com/x.git?ref=v1`.
    pub package: String,
    /// Of a registry's module.
    pub version: Option<String>,
    /// Where the package begins in the tree, if the registry's answer names a directory; else empty.
    pub subdirectory: String,
    pub tree: StoredTree,
}

/// A directory of a store with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTree {
    /// Absolute.
    pub path: Utf8PathBuf,
    /// Of its contents, as the store's manifest has it.
    pub h1: String,
    /// The commit that the reference meant, of a git repository.
    pub commit: Option<String>,
}

/// Every source of every store, the first store's first.
#[derive(Clone, Debug, Default)]
pub struct ModuleStores {
    pub sources: Vec<StoredSource>,
}

/// What a call gets.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub source: &'a StoredSource,
    /// The directory in the package that the call names; empty for all of it.
    pub subdirectory: &'a str,
}

impl Found<'_> {
    /// The called module's directory below the tree, without `.` and `..`; null if it leads out of the tree.
    pub fn directory(&self) -> Option<Utf8PathBuf> {
        let mut directory = Utf8PathBuf::new();
        let parts = [self.source.subdirectory.as_str(), self.subdirectory];
        for part in parts.iter().flat_map(|part| part.split('/')) {
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
        self.sources.is_empty()
    }

    /// What a source means here. A registry's module is the newest version that the constraints allow, as the engine
    /// would select; null if there is none. Patterns in the directory are left to the engine.
    pub fn find<'a>(&'a self, source: &'a ModuleSource, constraints: Option<&CoreConstraints>) -> Option<Found<'a>> {
        let (normalized, is_registry) = match source {
            ModuleSource::Registry { normalized, .. } => (normalized, true),
            ModuleSource::Remote { normalized, .. } | ModuleSource::LocalCopy(normalized) => (normalized, false),
            ModuleSource::Local(_) | ModuleSource::Unknown => return None,
        };
        let (package, subdirectory) = split(normalized);
        if subdirectory.contains(['*', '?', '[', '\\']) {
            return None;
        }
        let mut sources = self.sources.iter().filter(|source| is_package(&source.package, normalized, package));
        let source = if is_registry {
            let sources: Vec<_> = sources.collect();
            let version = newest_allowed(sources.iter().filter_map(|source| source.version.as_deref()), constraints)?;
            sources.into_iter().find(|source| source.version.as_deref() == Some(version))?
        } else {
            sources.find(|source| source.version.is_none())?
        };
        Some(Found { source, subdirectory })
    }

    /// What an installed module claims to be, by what the engine recorded of it.
    pub fn recorded<'a>(&'a self, normalized: &'a str, version: Option<&str>) -> Option<Found<'a>> {
        let (package, subdirectory) = split(normalized);
        let is_it = |source: &&StoredSource| {
            is_package(&source.package, normalized, package) && source.version.as_deref() == version
        };
        Some(Found { source: self.sources.iter().find(is_it)?, subdirectory })
    }

    /// The tree that holds a real path, if it is in one.
    pub fn tree_of(&self, path: &Utf8Path) -> Option<&StoredTree> {
        let trees = self.sources.iter().map(|source| &source.tree);
        trees.filter(|tree| path.starts_with(&tree.path)).max_by_key(|tree| tree.path.as_str().len())
    }
}

/// Packages are compared without the directory, which is before the query: `git::https://h/x.git//dir?ref=v1`.
fn is_package(stored: &str, normalized: &str, package: &str) -> bool {
    let address = stored.split_once('?').map_or(stored, |(address, _)| address);
    let query = stored.strip_prefix(address).unwrap_or_default();
    package == address && normalized.split_once('?').map_or("", |(before, _)| &normalized[before.len()..]) == query
}

/// The address before the directory and the query, and the directory.
fn split(normalized: &str) -> (&str, &str) {
    let address = normalized.split_once('?').map_or(normalized, |(address, _)| address);
    let start = address.find("://").map_or(0, |scheme| scheme + "://".len());
    match address[start..].split_once("//") {
        Some((package, directory)) => (&address[..start + package.len()], directory),
        None => (address, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(package: &str, version: Option<&str>, subdirectory: &str) -> StoredSource {
        StoredSource {
            package: package.to_owned(),
            version: version.map(str::to_owned),
            subdirectory: subdirectory.to_owned(),
            tree: StoredTree {
                path: format!("/modules/{}", version.unwrap_or("x")).into(),
                h1: String::new(),
                commit: None,
            },
        }
    }

    fn registry(normalized: &str) -> ModuleSource {
        ModuleSource::Registry { host: "h.example".to_owned(), normalized: normalized.to_owned() }
    }

    fn git(normalized: &str) -> ModuleSource {
        ModuleSource::Remote { scheme: "git".to_owned(), host: None, normalized: normalized.to_owned() }
    }

    #[test]
    fn the_newest_allowed_version_is_served() {
        let stores = ModuleStores {
            sources: ["1.0.0", "1.2.0", "1.10.0", "2.0.0-beta1"]
                .map(|version| stored("h.example/a/b/c", Some(version), ""))
                .into(),
        };
        for (constraint, expected) in [
            (None, Some("1.10.0")),
            (Some("~> 1.0.0"), Some("1.0.0")),
            (Some("< 1.10"), Some("1.2.0")),
            (Some(">= 2.0.0-beta1"), None),
            (Some("2.0.0-beta1"), Some("2.0.0-beta1")),
            (Some("3.0.0"), None),
        ] {
            let constraints = constraint.map(|text| CoreConstraints::parse(text).unwrap());
            let source = registry("h.example/a/b/c//d");
            let found = stores.find(&source, constraints.as_ref());
            assert_eq!(found.and_then(|found| found.source.version.as_deref()), expected, "{constraint:?}");
        }
        assert!(stores.find(&registry("h.example/a/b/d"), None).is_none());
    }

    #[test]
    fn the_query_belongs_to_the_package_and_the_directory_does_not() {
        let stores = ModuleStores {
            sources: vec![
                stored("git::https://h.example/x.git?ref=v1", None, ""),
                stored("git::https://h.example/x.git", None, "deep"),
            ],
        };
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
