//! Whether a store is what its manifest says: every tree, nothing beside them, nothing that others could change.

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::tidy::stays_inside;
use airtight_provider::modules::tree::TreeProblem;
use airtight_provider::modules::{MANIFEST, ModuleStore};
use airtight_provider::sealed_files::why_writable;
use airtight_provider::shell_word;

/// What is wrong with a store. Paths are below it.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    #[error("{0}")]
    Tree(TreeProblem),
    #[error("`{0}` is not in the manifest; if you do not need it, remove it: `rm -r {1}`")]
    Stray(String, String),
    #[error("a build was stopped and left `{0}`; build again into the same directory, or remove it: `rm -r {1}`")]
    Leftover(String, String),
    #[error("the link `{0}` leads out of its tree")]
    LinkOut(String),
    #[error("{0}")]
    Writable(String),
    #[error("`{path}` cannot be read: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("its digest is {found}, not {expected}")]
    Digest { found: String, expected: String },
}

/// Whether the files have to belong to root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// As in an image.
    Root,
    /// While the store is built by somebody else, only the modes are looked at.
    Anybody,
}

/// Reads the whole store. Faults are in the order of their paths.
pub fn verify(store: &ModuleStore, expected_digest: Option<&str>, owners: Owners) -> Vec<StoreFault> {
    use rayon::prelude::*;
    let mut faults = Vec::new();
    if let Some(expected) = expected_digest.filter(|expected| *expected != store.digest) {
        faults.push(StoreFault::Digest { found: store.digest.clone(), expected: expected.to_owned() });
    }
    let trees = &store.manifest.trees;
    let broken: Vec<StoreFault> =
        trees.par_iter().filter_map(|tree| store.check_tree(tree).err()).map(StoreFault::Tree).collect();
    faults.extend(broken);
    for tree in trees {
        for (path, target) in &tree.contents.links {
            if !stays_inside(Utf8Path::new(path), Utf8Path::new(target)) {
                faults.push(StoreFault::LinkOut(format!("{}/{path}", tree.path)));
            }
        }
    }
    let mut look = Look { store, owners, faults, ways: BTreeSet::new(), trees: BTreeSet::new() };
    for tree in trees {
        look.trees.insert(tree.path.as_str());
        look.ways.extend(tree.path.match_indices('/').map(|(end, _)| &tree.path[..end]));
    }
    look.directory(Utf8Path::new(""));
    look.faults
}

struct Look<'a> {
    store: &'a ModuleStore,
    owners: Owners,
    faults: Vec<StoreFault>,
    /// Directories above trees.
    ways: BTreeSet<&'a str>,
    trees: BTreeSet<&'a str>,
}

impl Look<'_> {
    fn directory(&mut self, below: &Utf8Path) {
        let place =
            if below.as_str().is_empty() { self.store.directory.clone() } else { self.store.directory.join(below) };
        let unreadable = |error| StoreFault::Unreadable { path: below.to_string(), error };
        self.judge(&place, below);
        let entries = match fs::read_dir(&place).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.faults.push(unreadable(error)),
        };
        let mut paths: Vec<(Utf8PathBuf, bool)> = Vec::new();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            paths.push((below.join(name), entry.file_type().is_ok_and(|kind| kind.is_dir())));
        }
        paths.sort();
        let is_in_tree = below.ancestors().any(|above| self.trees.contains(above.as_str()));
        for (path, is_directory) in paths {
            let text = path.as_str();
            let is_ours = text == ".airtight" || below.as_str() == ".airtight";
            let is_known = is_in_tree || is_ours || self.trees.contains(text) || self.ways.contains(text);
            let place = || shell_word(self.store.directory.join(&path).as_str());
            if [".airtight/scratch", ".airtight/partial"].contains(&text) {
                self.faults.push(StoreFault::Leftover(text.to_owned(), place()));
            } else if !is_known || (below.as_str() == ".airtight" && !is_store_file(text)) {
                self.faults.push(StoreFault::Stray(text.to_owned(), place()));
            } else if is_directory {
                self.directory(&path);
            } else {
                let place = self.store.directory.join(&path);
                self.judge(&place, &path);
            }
        }
    }

    /// Who could change what is at a path.
    fn judge(&mut self, place: &Utf8Path, below: &Utf8Path) {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = match fs::symlink_metadata(place) {
            Ok(metadata) => metadata,
            Err(error) => {
                return self.faults.push(StoreFault::Unreadable { path: below.to_string(), error });
            }
        };
        // A link's own mode says nothing, and where it leads is in the manifest.
        if metadata.is_symlink() {
            return;
        }
        match self.owners {
            Owners::Root => self.faults.extend(why_writable(place, &metadata).map(StoreFault::Writable)),
            Owners::Anybody if metadata.mode() & 0o002 != 0 => {
                self.faults.push(StoreFault::Writable(format!("`{place}` can be written by everybody")));
            }
            Owners::Anybody => {}
        }
    }
}

/// What airtight itself keeps beside the manifest.
fn is_store_file(path: &str) -> bool {
    path == MANIFEST || path == airtight_provider::modules::SIGNATURE || path == ".airtight/hold.lock"
}
