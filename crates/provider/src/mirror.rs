//! The walk over a filesystem mirror as the engine does it: what it uses, what it ignores and why, what fails.
//!
//! The engine visits everything below the mirror, package contents included, in the byte order of the names of each
//! directory, follows no symbolic link but the base, and gives up at the first directory that it cannot read: then no
//! provider is found at all. What it skips without a word is reported here, except for files that belong beside
//! packages: `*.json` and `*.lock` files, and everything whose name starts with a dot.
//!
//! Source: OpenTofu `internal/getproviders/filesystem_search.go` `SearchLocalDirectory`; Go `filepath.Walk`.

use std::ffi::{OsStr, OsString};
// Not `fs_err`: the engine's texts need the number of the error, which it hides.
use std::fs::{self, FileType};
use std::io;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::digest::os_error;
use crate::{EngineName, Layout, PackageId, Platform, ProviderAddress, Version};

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
    /// Nothing is where it should be, which is the error.
    pub is_missing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorPackage {
    pub id: PackageId,
    pub layout: Layout,
    /// Absolute if the base is.
    pub path: Utf8PathBuf,
}

/// An entry that the engine silently skips. The contents of a skipped directory are not listed.
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
    /// Something at a depth where the engine ignores everything, such as an archive in a version directory.
    Misplaced,
    /// The mirror itself: a file, or a link that leads nowhere.
    MirrorIsNoDirectory,
    /// `stat` failed.
    Unreadable(String),
}

/// Walks a mirror as the engine does.
pub fn walk(path: &Utf8Path, engine: EngineName) -> Mirror {
    let started = std::time::Instant::now();
    // A base that cannot be resolved is walked as it is written.
    let base = fs::canonicalize(path).unwrap_or_else(|_| path.as_std_path().to_owned());
    let seen = match fs::symlink_metadata(&base) {
        Ok(metadata) if metadata.is_dir() => visit(engine, &base, &Level::Base),
        Ok(_) => Seen {
            ignored: vec![IgnoredEntry { path: path.to_owned(), why: Ignored::MirrorIsNoDirectory }],
            ..Seen::default()
        },
        Err(error) => Seen { error: Some(cannot_search(&base, "lstat", &error)), ..Seen::default() },
    };
    let is_missing = fs::symlink_metadata(&base).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let mut mirror = Mirror {
        path: path.to_owned(),
        base: to_utf8(&base),
        packages: seen.packages,
        ignored: seen.ignored,
        error: seen.error,
        is_missing,
    };
    sort(&mut mirror.packages);
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (packages, ignored) = (mirror.packages.len(), mirror.ignored.len());
    tracing::debug!(mirror = ?path, packages, ignored, readable = mirror.error.is_none(), elapsed_ms, "mirror walked");
    mirror
}

/// The order in which the engine picks, for packages in the order of their paths: stable and blind to build metadata, as
/// `PackageMetaList.Sort` is.
pub fn sort(packages: &mut [MirrorPackage]) {
    packages.sort_by(|left, right| {
        let (left, right) = (&left.id, &right.id);
        (left.address.cmp(&right.address))
            .then_with(|| left.platform.cmp(&right.platform))
            .then_with(|| left.version.cmp_precedence(&right.version))
    });
}

/// What a directory is, by the names that lead to it.
enum Level {
    Base,
    Host(String),
    Namespace(String, String),
    Type(ProviderAddress),
    Version(ProviderAddress, Version),
    /// A package's contents, or something that the engine ignores. Only errors in it matter.
    Inside,
}

/// What a part of the walk has found.
#[derive(Default)]
struct Seen {
    packages: Vec<MirrorPackage>,
    ignored: Vec<IgnoredEntry>,
    error: Option<String>,
}

/// Visits a directory. Providers are visited in parallel, and put together in the engine's order.
fn visit(engine: EngineName, directory: &Path, level: &Level) -> Seen {
    let entries = match sorted_entries(directory) {
        Ok(entries) => entries,
        Err(error) => return Seen { error: Some(error), ..Seen::default() },
    };
    let visit_entry = |(name, file_type): &(OsString, FileType)| {
        let mut seen = Seen::default();
        let path = directory.join(name);
        let below = seen.classify(engine, &path, *file_type, level);
        if file_type.is_dir() {
            seen.append(visit(engine, &path, &below));
        }
        seen
    };
    let mut all = Seen::default();
    if matches!(level, Level::Base | Level::Host(_) | Level::Namespace(..)) {
        entries.par_iter().map(visit_entry).collect::<Vec<_>>().into_iter().for_each(|seen| all.append(seen));
    } else {
        for entry in &entries {
            all.append(visit_entry(entry));
            if all.error.is_some() {
                break;
            }
        }
    }
    all
}

impl Seen {
    /// Adds what was found next, unless the walk had ended before.
    fn append(&mut self, next: Self) {
        if self.error.is_none() {
            self.packages.extend(next.packages);
            self.ignored.extend(next.ignored);
            self.error = next.error;
        }
    }

    /// Records an entry, and says what it is as a directory.
    fn classify(&mut self, engine: EngineName, path: &Path, file_type: FileType, level: &Level) -> Level {
        let file_name = path.file_name().unwrap_or_default();
        let part = |level, host, namespace, provider_type| {
            address_part(engine, file_type, level, [host, namespace, provider_type])
        };
        let result = match (file_name.to_str(), level) {
            (_, Level::Inside) => Ok(Level::Inside),
            (Some(name), Level::Base) => part("host", name, "x", "x").map(|_| Level::Host(name.to_owned())),
            (Some(name), Level::Host(host)) => {
                part("namespace", host, name, "x").map(|_| Level::Namespace(host.clone(), name.to_owned()))
            }
            (Some(name), Level::Namespace(host, namespace)) => part("type", host, namespace, name).map(Level::Type),
            (Some(name), Level::Type(address)) => self.package_or_version(path, name, file_type, address),
            (Some(name), Level::Version(address, version)) => {
                self.package_directory(path, name, file_type, address, version)
            }
            (None, _) if file_type.is_dir() => Err(Ignored::DirectoryName("the name is not UTF-8".to_owned())),
            (None, _) => Err(Ignored::Misplaced),
        };
        result.unwrap_or_else(|why| {
            if !is_expected(file_name, file_type) {
                self.ignored.push(IgnoredEntry { path: to_utf8(path), why });
            }
            Level::Inside
        })
    }

    /// Below a type: an archive, which may be a symbolic link, or a version directory, which may not.
    fn package_or_version(
        &mut self,
        path: &Path,
        name: &str,
        file_type: FileType,
        address: &ProviderAddress,
    ) -> Result<Level, Ignored> {
        let is_directory = is_directory(path, file_type)?;
        if is_directory && file_type.is_symlink() {
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
        file_type: FileType,
        address: &ProviderAddress,
        version: &Version,
    ) -> Result<Level, Ignored> {
        if !is_directory(path, file_type)? {
            return Err(Ignored::Misplaced);
        }
        let platform = parse_platform(name).map_err(Ignored::DirectoryName)?;
        self.add(path, address, version.clone(), platform, Layout::Unpacked);
        Ok(Level::Inside)
    }

    fn add(&mut self, path: &Path, address: &ProviderAddress, version: Version, platform: Platform, layout: Layout) {
        let id = PackageId { address: address.clone(), version, platform };
        self.packages.push(MirrorPackage { id, layout, path: to_utf8(path) });
    }
}

/// One of the three levels that together are an address; a level not yet known is given as `x`.
fn address_part(
    engine: EngineName,
    file_type: FileType,
    level: &'static str,
    [host, namespace, provider_type]: [&str; 3],
) -> Result<ProviderAddress, Ignored> {
    if file_type.is_symlink() {
        return Err(Ignored::SymbolicLink);
    }
    if !file_type.is_dir() {
        return Err(Ignored::Misplaced);
    }
    ProviderAddress::from_directories(engine, host, namespace, provider_type)
        .map_err(|error| Ignored::InvalidName { level, reason: error.to_string() })
}

/// Version and platform of an archive's name; fields after the architecture are ignored.
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

/// Whether an entry that the engine skips is meant to be there.
fn is_expected(name: &OsStr, file_type: FileType) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") || !file_type.is_dir() && (name.ends_with(b".json") || name.ends_with(b".lock"))
}

/// Whether an entry is a directory or a symbolic link to one.
fn is_directory(path: &Path, file_type: FileType) -> Result<bool, Ignored> {
    if !file_type.is_symlink() {
        return Ok(file_type.is_dir());
    }
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(error) => Err(Ignored::Unreadable(os_error::describe("stat", path, &error))),
    }
}

/// What a directory holds, by the bytes of the names.
///
/// The engine calls `lstat` for each entry. Where the directory may not be searched it fails for the first one already,
/// so one call is enough; the types come with the names.
fn sorted_entries(directory: &Path) -> Result<Vec<(OsString, FileType)>, String> {
    let mut entries = fs::read_dir(directory)
        .map_err(|error| cannot_search(directory, "open", &error))?
        .map(|entry| entry.map(|entry| (entry.file_name(), entry.file_type())))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| cannot_search(directory, "readdirent", &error))?;
    entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
    let lstat_failed = |name: &OsStr, error: &io::Error| {
        let path = directory.join(name);
        cannot_search(&path, "lstat", error)
    };
    if let Some((name, _)) = entries.first() {
        fs::symlink_metadata(directory.join(name)).map_err(|error| lstat_failed(name, &error))?;
    }
    let typed = |(name, file_type): (OsString, io::Result<FileType>)| match file_type {
        Ok(file_type) => Ok((name, file_type)),
        Err(error) => Err(lstat_failed(&name, &error)),
    };
    entries.into_iter().map(typed).collect()
}

fn cannot_search(path: &Path, operation: &str, error: &io::Error) -> String {
    format!("cannot search {}: {}", path.display(), os_error::describe(operation, path, error))
}

/// For printing; names that are not UTF-8 are always ignored.
fn to_utf8(path: &Path) -> Utf8PathBuf {
    Utf8PathBuf::from(path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
