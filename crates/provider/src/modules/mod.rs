//! The store of module sources: what `modules build` writes and `init` is served from.
//!
//! A store is a directory of whole packages, as an engine would have fetched them:
//!
//! - `git/HOST/PATH/COMMIT/`: a repository's files at a commit, submodules included, without any `.git`
//! - `archive/HOST/PATH/SHA256/`: what an archive with this checksum extracts to
//! - `local/PATH/H1/`: a directory that a `file` address names
//! - `.airtight/modules.json`: the [`manifest`], which says for each source and version which package it is
//!
//! A package is kept whole, because a module may call `../other` of the same package. A registry's module is the package
//! that the registry's answer names, so modules of one repository share it.
//!
//! The manifest is the seal: it holds the hash, the links and the executable files of each package ([`tree`]), no clock
//! time and no path of the machine that built it. `sha256sum .airtight/modules.json` is the digest of the store.

mod address;
pub mod manifest;
pub mod tree;

pub use address::{expanded, is_pattern, source_name, split_subdirectory};

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::CoreConstraints;
use crate::text_file::{self, TextFileError};
use manifest::{Manifest, StoredSource, StoredTree};
use tree::TreeProblem;

/// Below a store.
pub const MANIFEST: &str = ".airtight/modules.json";
/// Made with the same commands as a mirror's; below a store.
pub const SIGNATURE: &str = ".airtight/modules.sig";

/// A source has some hundred bytes, a tree as many and a line for each link.
const LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreProblem {
    #[error("`{path}`: {error}")]
    Unreadable { path: Utf8PathBuf, error: TextFileError },
    #[error("`{path}`: {error}")]
    Malformed { path: Utf8PathBuf, error: manifest::ManifestError },
}

/// A store, as far as its manifest goes. Nothing of its trees has been read.
#[derive(Clone, Debug)]
pub struct ModuleStore {
    pub directory: Utf8PathBuf,
    pub manifest: Manifest,
    /// `sha256:` and the manifest's digest in hexadecimal.
    pub digest: String,
    trees: BTreeMap<String, usize>,
    /// Positions of the sources with the same name, which are neighbours.
    sources: BTreeMap<String, std::ops::Range<usize>>,
}

/// What a store has for a module call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'a> {
    Found(&'a StoredSource),
    /// It has the source, and none of its versions is allowed.
    OtherVersions(&'a [StoredSource]),
    Missing,
}

impl ModuleStore {
    /// Reads a store's manifest; null if the directory has none.
    ///
    /// # Errors
    /// A manifest that cannot be read, or that airtight did not write.
    pub fn read(directory: &Utf8Path) -> Result<Option<Self>, StoreProblem> {
        let path = directory.join(MANIFEST);
        let text = match text_file::read(&path, LIMIT_BYTES) {
            Ok(text) => text,
            Err(TextFileError::Missing) => return Ok(None),
            Err(error) => return Err(StoreProblem::Unreadable { path, error }),
        };
        let manifest = Manifest::parse(&text).map_err(|error| StoreProblem::Malformed { path, error })?;
        let digest = format!("sha256:{}", tree::hexadecimal(&Sha256::digest(text.as_bytes())));
        Ok(Some(Self::new(directory, manifest, digest)))
    }

    fn new(directory: &Utf8Path, manifest: Manifest, digest: String) -> Self {
        let trees = manifest.trees.iter().enumerate().map(|(at, tree)| (tree.path.clone(), at)).collect();
        let mut sources: BTreeMap<String, std::ops::Range<usize>> = BTreeMap::new();
        for (at, source) in manifest.sources.iter().enumerate() {
            sources.entry(source.source.clone()).or_insert(at..at).end = at + 1;
        }
        Self { directory: directory.to_owned(), manifest, digest, trees, sources }
    }

    /// Every stored version of a source; one without a version for a source that has none.
    pub fn versions(&self, source: &str) -> &[StoredSource] {
        self.sources.get(source).map_or(&[], |range| &self.manifest.sources[range.clone()])
    }

    /// What an engine would take: of a registry's module the newest version that the constraint allows.
    ///
    /// `source` is the package as the engine records it, without `//` and a directory: `registry.terraform.io/a/b/aws`,
    /// `git::https://h.example/x.git?ref=v1`.
    pub fn find(&self, source: &str, constraint: Option<&CoreConstraints>) -> Stored<'_> {
        let versions = self.versions(source);
        let is_allowed = |stored: &&StoredSource| match (&stored.version, constraint) {
            (Some(version), constraint) => CoreConstraints::selects(constraint, version),
            (None, _) => true,
        };
        match versions.iter().filter(is_allowed).max_by(|left, right| left.cmp_version(right)) {
            Some(found) => Stored::Found(found),
            None if versions.is_empty() => Stored::Missing,
            None => Stored::OtherVersions(versions),
        }
    }

    pub fn tree(&self, path: &str) -> Option<&StoredTree> {
        self.trees.get(path).map(|at| &self.manifest.trees[*at])
    }

    /// Where a tree is on this machine.
    pub fn path_of(&self, tree: &StoredTree) -> Utf8PathBuf {
        self.directory.join(&tree.path)
    }

    /// Reads a tree whole and compares it with the manifest.
    ///
    /// # Errors
    /// The first difference, or what cannot be read.
    pub fn check_tree(&self, tree: &StoredTree) -> Result<(), TreeProblem> {
        let directory = self.path_of(tree);
        let found = tree::Contents::of(&tree::entries(&directory)?);
        match found.difference_from(&tree.contents) {
            None => Ok(()),
            Some(difference) => Err(TreeProblem::Differs { directory, difference }),
        }
    }
}

#[cfg(test)]
mod tests;
