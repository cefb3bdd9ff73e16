//! Whether the contents of a mirror match its seal: names, sizes, permissions and owners.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;

use crate::Layout;
use crate::owner::is_root_or_outside;
use crate::seal::SealedPackage;

/// Whether files have to be root's, as they are in an image, or anybody's, as they are while it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    Roots,
    Anybodys,
}

/// Which directories have to list what is sealed and nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Listings<'a> {
    /// All from the mirror's own down to the packages of some providers.
    Complete { all: &'a [&'a str], addresses: &'a BTreeSet<String> },
    /// Those within packages.
    OfPackages,
}

/// How a mirror differs from its seal, as far as some packages go.
pub fn differences(
    base: &Utf8Path,
    packages: &[SealedPackage],
    listings: &Listings<'_>,
    ownership: Ownership,
) -> Vec<String> {
    let mut look = Look { base, ownership, directories: BTreeMap::new(), differences: Vec::new() };
    let is_complete = match listings {
        Listings::Complete { all, addresses } => {
            look.expect_addresses(all, addresses);
            true
        }
        Listings::OfPackages => false,
    };
    for package in packages {
        look.expect_package(package);
    }
    for (path, directory) in std::mem::take(&mut look.directories) {
        look.directory(&path, &directory, is_complete);
    }
    for file in packages.iter().flat_map(|package| &package.files) {
        look.file(&file.path, file.size, &file.mode);
    }
    look.differences
}

/// A directory by the seal.
#[derive(Default)]
struct Expected {
    names: BTreeSet<String>,
    is_in_package: bool,
}

struct Look<'a> {
    base: &'a Utf8Path,
    ownership: Ownership,
    /// By path below the mirror.
    directories: BTreeMap<String, Expected>,
    differences: Vec<String>,
}

impl Look<'_> {
    /// The hosts, namespaces and types on the way to some providers.
    fn expect_addresses(&mut self, all: &[&str], addresses: &BTreeSet<String>) {
        let ends = addresses.iter().flat_map(|address| address.match_indices('/').map(|(end, _)| &address[..end]));
        let on_the_way: BTreeSet<&str> = ends.collect();
        self.directories.entry(String::new()).or_default();
        for address in all {
            let mut above = "";
            for part in address.split('/') {
                if above.is_empty() || on_the_way.contains(above) {
                    let expected = self.directories.entry(above.to_owned()).or_default();
                    if !expected.names.contains(part) {
                        expected.names.insert(part.to_owned());
                    }
                }
                above = &address[..above.len() + usize::from(!above.is_empty()) + part.len()];
            }
        }
    }

    fn expect_package(&mut self, package: &SealedPackage) {
        for file in &package.files {
            let mut above = "";
            for part in file.path.split('/') {
                let is_in_package = package.layout() == Layout::Unpacked && above.len() >= package.path.len();
                let expected = self.directories.entry(above.to_owned()).or_default();
                expected.is_in_package |= is_in_package;
                expected.names.insert(part.to_owned());
                above = &file.path[..above.len() + usize::from(!above.is_empty()) + part.len()];
            }
        }
    }

    fn directory(&mut self, path: &str, expected: &Expected, is_complete: bool) {
        let place = if path.is_empty() { self.base.to_owned() } else { self.base.join(path) };
        let Some(metadata) = self.metadata(&place) else { return };
        if !metadata.is_dir() {
            self.differences.push(format!("`{place}` is no directory"));
            return;
        }
        if !is_complete && !expected.is_in_package {
            return;
        }
        let entries = match fs::read_dir(&place).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<std::io::Result<Vec<OsString>>>()
        }) {
            Ok(entries) => entries,
            Err(error) => {
                self.differences.push(format!("`{place}`: {error}"));
                return;
            }
        };
        let is_passed_over = |name: &str| {
            let is_index = [".json", ".lock"].iter().any(|end| name.ends_with(end));
            !expected.is_in_package && (name.starts_with('.') || is_index)
        };
        let mut unsealed: Vec<_> = entries
            .iter()
            .map(|name| name.to_string_lossy())
            .filter(|name| !expected.names.contains(&**name) && !is_passed_over(name))
            .collect();
        unsealed.sort();
        self.differences.extend(unsealed.iter().map(|name| format!("`{}` is not sealed", place.join(&**name))));
    }

    fn file(&mut self, path: &str, size: u64, mode: &str) {
        let place = self.base.join(path);
        let Some(metadata) = self.metadata(&place) else { return };
        let found = permissions(&metadata);
        if !metadata.is_file() {
            self.differences.push(format!("`{place}` is no ordinary file"));
        } else if metadata.len() != size {
            self.differences.push(format!("`{place}` has {} bytes, sealed with {size}", metadata.len()));
        } else if found != mode {
            self.differences.push(format!("`{place}` has the permissions {found}, sealed with {mode}"));
        }
    }

    fn metadata(&mut self, place: &Utf8Path) -> Option<Metadata> {
        match fs::symlink_metadata(place) {
            Ok(metadata) => {
                let why = (self.ownership == Ownership::Roots).then(|| why_writable(place, &metadata)).flatten();
                self.differences.extend(why);
                Some(metadata)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.differences.push(format!("`{place}` is sealed and not there"));
                None
            }
            Err(error) => {
                self.differences.push(format!("`{place}`: {error}"));
                None
            }
        }
    }
}

/// Octal, as the manifest has them.
pub fn permissions(metadata: &Metadata) -> String {
    format!("{:04o}", metadata.mode() & 0o7777)
}

/// Why, according to owner and permissions, another user than root could replace the file at a path. Access control lists show
/// in the group's permissions.
pub fn why_writable(path: &Utf8Path, metadata: &Metadata) -> Option<String> {
    if metadata.is_symlink() {
        Some(format!("`{path}` is a symbolic link"))
    } else if !is_root_or_outside(metadata.uid()) {
        Some(format!("`{path}` does not belong to root"))
    } else if metadata.mode() & 0o022 != 0 {
        Some(format!("`{path}` can be written by others than root"))
    } else {
        None
    }
}
