//! The walk over a filesystem mirror, with the engine's eyes: what counts, what is ignored and why, what fails.
//!
//! The engine visits everything below the mirror, package contents included, in the byte order of the names of each
//! directory, follows no symbolic link but the base, and gives up at the first directory that it cannot read: then no
//! provider is found at all. What it skips without a word is reported here, except for files that belong beside
//! packages: `*.json` and `*.lock` files, and everything whose name starts with a dot.
//!
//! Source: OpenTofu `internal/getproviders/filesystem_search.go` `SearchLocalDirectory`; Go `filepath.Walk`.

use std::ffi::{OsStr, OsString};
// Not `fs_err`: the engine's texts need the number of the error, which it hides.
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::os_error;
use crate::domain::{EngineName, Layout, PackageId, Platform, ProviderAddress, Version};

/// One walked mirror.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// As configured.
    pub path: Utf8PathBuf,
    /// With the base's symbolic links resolved, as the walk prints and links it.
    pub base: Utf8PathBuf,
    /// In the order in which the engine picks: the first of equal identities wins.
    pub packages: Vec<MirrorPackage>,
    /// In the order of the walk.
    pub ignored: Vec<IgnoredEntry>,
    /// The error that makes the whole source fail for every provider, `cannot search PATH: ...`, in the engine's words.
    /// Packages are then those that were seen before it, which the engine does not use.
    pub error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorPackage {
    pub id: PackageId,
    pub layout: Layout,
    /// Absolute where the base is.
    pub path: Utf8PathBuf,
}

/// An entry that the engine skips without a word. What lies below a skipped directory is not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredEntry {
    pub path: Utf8PathBuf,
    pub why: Ignored,
}

/// Why an entry is skipped; each says what it takes to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// A directory name that is no host, namespace or type; `level` is which of the three.
    InvalidName { level: &'static str, reason: String },
    /// A symbolic link where the walk follows none: above the platform directory.
    SymbolicLink,
    /// An archive whose name is not `terraform-provider-TYPE_VERSION_TARGET.zip`, and why not.
    ArchiveName(String),
    /// A version or platform directory whose name does not parse, and why not.
    DirectoryName(String),
    /// Something at a depth where nothing counts, such as an archive in a version directory.
    Misplaced,
    /// `stat` failed.
    Unreadable(String),
}

/// Walks a mirror as the engine does.
pub fn walk(path: &Utf8Path, engine: EngineName) -> Mirror {
    // A base that cannot be resolved is walked as it is written.
    let base = fs::canonicalize(path).unwrap_or_else(|_| path.as_std_path().to_owned());
    let mut walk = Walk { engine, mirror: Mirror { path: path.to_owned(), base: to_utf8(&base), ..Mirror::default() } };
    let result = match fs::symlink_metadata(&base) {
        Ok(metadata) if metadata.is_dir() => walk.visit(&mut base.clone(), &Level::Base),
        Ok(_) => Ok(()),
        Err(error) => Err(cannot_search(&base, "lstat", &error)),
    };
    let mut mirror = walk.mirror;
    mirror.error = result.err();
    // Stable and blind to build metadata, as `PackageMetaList.Sort` is.
    mirror.packages.sort_by(|left, right| {
        let (left, right) = (&left.id, &right.id);
        (left.address.cmp(&right.address))
            .then_with(|| left.platform.cmp(&right.platform))
            .then_with(|| left.version.cmp_precedence(&right.version))
    });
    mirror
}

/// What a directory is, by the names that lead to it.
enum Level {
    Base,
    Host(String),
    Namespace(String, String),
    Type(ProviderAddress),
    Version(ProviderAddress, Version),
    /// A package's contents, or something that does not count. Only its errors do.
    Inside,
}

struct Walk {
    engine: EngineName,
    mirror: Mirror,
}

impl Walk {
    fn visit(&mut self, directory: &mut PathBuf, level: &Level) -> Result<(), String> {
        for name in sorted_names(directory)? {
            directory.push(&name);
            let metadata =
                fs::symlink_metadata(&*directory).map_err(|error| cannot_search(directory, "lstat", &error))?;
            let below = self.classify(directory, &name, &metadata, level);
            if metadata.is_dir() {
                self.visit(directory, &below)?;
            }
            directory.pop();
        }
        Ok(())
    }

    /// Records an entry, and says what it is as a directory.
    fn classify(&mut self, path: &Path, name: &OsStr, metadata: &Metadata, level: &Level) -> Level {
        if matches!(level, Level::Inside) {
            return Level::Inside;
        }
        let result = match name.to_str() {
            Some(name) => match level {
                Level::Base => {
                    self.address_part(metadata, "host", name, "x", "x").map(|_| Level::Host(name.to_owned()))
                }
                Level::Host(host) => (self.address_part(metadata, "namespace", host, name, "x"))
                    .map(|_| Level::Namespace(host.clone(), name.to_owned())),
                Level::Namespace(host, namespace) => {
                    self.address_part(metadata, "type", host, namespace, name).map(Level::Type)
                }
                Level::Type(address) => self.package_or_version(path, name, metadata, address),
                Level::Version(address, version) => self.package_directory(path, name, metadata, address, version),
                Level::Inside => Ok(Level::Inside),
            },
            None if metadata.is_dir() => Err(Ignored::DirectoryName("the name is not UTF-8".to_owned())),
            None => Err(Ignored::Misplaced),
        };
        result.unwrap_or_else(|why| {
            if !is_expected(name, metadata) {
                self.mirror.ignored.push(IgnoredEntry { path: to_utf8(path), why });
            }
            Level::Inside
        })
    }

    /// One of the three levels that together are an address; the levels not yet known are given as `x`.
    fn address_part(
        &self,
        metadata: &Metadata,
        level: &'static str,
        host: &str,
        namespace: &str,
        provider_type: &str,
    ) -> Result<ProviderAddress, Ignored> {
        if metadata.is_symlink() {
            return Err(Ignored::SymbolicLink);
        }
        if !metadata.is_dir() {
            return Err(Ignored::Misplaced);
        }
        ProviderAddress::from_directories(self.engine, host, namespace, provider_type)
            .map_err(|error| Ignored::InvalidName { level, reason: error.to_string() })
    }

    /// Below a type: an archive, which may be a symbolic link, or a version directory, which may not.
    fn package_or_version(
        &mut self,
        path: &Path,
        name: &str,
        metadata: &Metadata,
        address: &ProviderAddress,
    ) -> Result<Level, Ignored> {
        let is_directory = followed(path, metadata)?.is_dir();
        if is_directory && metadata.is_symlink() {
            return Err(Ignored::SymbolicLink);
        }
        if is_directory {
            let version = parse_version(name).map_err(Ignored::DirectoryName)?;
            return Ok(Level::Version(address.clone(), version));
        }
        if !name.to_lowercase().ends_with(".zip") {
            return Err(Ignored::Misplaced);
        }
        let (version, platform) = parse_archive_name(name, address).map_err(Ignored::ArchiveName)?;
        self.add(path, address, version, platform, Layout::Packed);
        Ok(Level::Inside)
    }

    /// Below a version: a platform directory, which may be a symbolic link.
    fn package_directory(
        &mut self,
        path: &Path,
        name: &str,
        metadata: &Metadata,
        address: &ProviderAddress,
        version: &Version,
    ) -> Result<Level, Ignored> {
        if !followed(path, metadata)?.is_dir() {
            return Err(Ignored::Misplaced);
        }
        let platform = parse_platform(name).map_err(Ignored::DirectoryName)?;
        self.add(path, address, version.clone(), platform, Layout::Unpacked);
        Ok(Level::Inside)
    }

    fn add(&mut self, path: &Path, address: &ProviderAddress, version: Version, platform: Platform, layout: Layout) {
        let id = PackageId { address: address.clone(), version, platform };
        self.mirror.packages.push(MirrorPackage { id, layout, path: to_utf8(path) });
    }
}

/// Version and platform of an archive's name; fields after the architecture do not count.
fn parse_archive_name(name: &str, address: &ProviderAddress) -> Result<(Version, Platform), String> {
    let name = name.to_lowercase();
    let prefix = format!("terraform-provider-{}_", address.provider_type());
    let Some(fields) = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".zip")) else {
        return Err(format!("the name does not begin with `{prefix}`"));
    };
    let mut fields = fields.split('_');
    let (Some(version), Some(os), Some(arch)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("the name does not include version, operating system and architecture".to_owned());
    };
    Ok((parse_version(version)?, parse_platform(&format!("{os}_{arch}"))?))
}

fn parse_version(text: &str) -> Result<Version, String> {
    text.parse().map_err(|error| format!("`{text}` is no version: {error}"))
}

fn parse_platform(text: &str) -> Result<Platform, String> {
    text.parse().map_err(|error| format!("`{text}` is no platform: {error}"))
}

/// Whether an entry that does not count belongs there all the same.
fn is_expected(name: &OsStr, metadata: &Metadata) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") || !metadata.is_dir() && (name.ends_with(b".json") || name.ends_with(b".lock"))
}

/// What a symbolic link leads to; everything else is itself.
fn followed(path: &Path, metadata: &Metadata) -> Result<Metadata, Ignored> {
    if !metadata.is_symlink() {
        return Ok(metadata.clone());
    }
    fs::metadata(path).map_err(|error| Ignored::Unreadable(os_error::describe("stat", path, &error)))
}

fn sorted_names(directory: &Path) -> Result<Vec<OsString>, String> {
    let entries = fs::read_dir(directory).map_err(|error| cannot_search(directory, "open", &error))?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| cannot_search(directory, "readdirent", &error))?;
    names.sort_unstable();
    Ok(names)
}

fn cannot_search(path: &Path, operation: &str, error: &io::Error) -> String {
    format!("cannot search {}: {}", path.display(), os_error::describe(operation, path, error))
}

/// For printing; only names that are UTF-8 ever count.
fn to_utf8(path: &Path) -> Utf8PathBuf {
    Utf8PathBuf::from(path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
