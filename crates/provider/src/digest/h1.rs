//! `h1:` of a package: of its directory and of its archive.
//!
//! One line per file, sorted by the bytes of the names: the file's SHA-256 in hexadecimal, two spaces, the name. The
//! hash is the SHA-256 of these lines. Modes, times and owners do not count, nor do empty directories; but an archive's
//! explicit directory entries do, so such an archive has another hash than the directory that it extracts to.
//!
//! Source: `golang.org/x/mod` `sumdb/dirhash`; OpenTofu `internal/getproviders/hash.go` `PackageHashV1`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::archive::{Archive, ArchiveError, Entry};
use super::cache::{Cache, Digested, Stamp};
use super::os_error::describe;
use super::stream::{self, Progress, Sum};
use crate::Layout;

/// An entry that claims more is inflated and hashed by two threads.
const OVERLAPPED_FROM_BYTES: u64 = 4 * 1024 * 1024;

/// Of an unpacked package's directory, which may be a symbolic link. Links in it count as the files that they lead to.
pub(super) fn of_directory(path: &Utf8Path, cache: Option<&Cache>, progress: Progress<'_>) -> Result<Sum, String> {
    let sums = sums_of_directory(path, cache, progress)?;
    summarize(sums.iter().map(|(name, sum)| (name.as_slice(), Ok(*sum))))
}

/// Each file's name with its sum, sorted by name.
pub(super) fn sums_of_directory(
    path: &Utf8Path,
    cache: Option<&Cache>,
    progress: Progress<'_>,
) -> Result<Vec<(Vec<u8>, Sum)>, String> {
    let directory = resolve(path)?;
    let mut names = Vec::new();
    if fs::symlink_metadata(&directory).is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(format!("{} is not a directory", directory.display()));
    }
    collect_files(&directory, &mut Vec::new(), &mut names)?;
    names.sort_unstable();
    let sums: Vec<Result<Sum, String>> = names
        .par_iter()
        .map(|name| {
            refuse_newline(name)?;
            of_file(&directory.join(std::ffi::OsStr::from_bytes(name)), cache, progress)
        })
        .collect();
    // The error of the first name that has one.
    names.into_iter().zip(sums).map(|(name, sum)| Ok((name, sum?))).collect()
}

/// Of an archive's entries, every one of them, the last of several with one name as often as the name occurs.
pub(super) fn of_archive(path: &Utf8Path, cache: Option<&Cache>, progress: Progress<'_>) -> Result<Sum, String> {
    let path = resolve(path)?;
    let archive = Archive::open(&path).map_err(|error| error.to_string())?;
    let stamp_now = || archive.metadata().map(|metadata| Stamp::of(&metadata)).ok();
    let stamp = stamp_now();
    if let Some(sum) = cache.zip(stamp).and_then(|(cache, stamp)| cache.get(Digested::Entries, stamp)) {
        progress(archive.metadata().map_or(0, |metadata| metadata.len()));
        return Ok(sum);
    }

    let mut last_of_name = HashMap::new();
    for (place, entry) in archive.entries.iter().enumerate() {
        last_of_name.insert(entry.name.as_slice(), place);
    }
    let mut names: Vec<&[u8]> = archive.entries.iter().map(|entry| entry.name.as_slice()).collect();
    names.sort_unstable();
    let mut distinct = names.clone();
    distinct.dedup();
    let sums: HashMap<&[u8], Result<Sum, String>> = distinct
        .into_par_iter()
        .map(|name| {
            let sum = refuse_newline(name).and_then(|()| {
                of_entry(&archive, &archive.entries[last_of_name[name]], progress).map_err(|error| error.to_string())
            });
            (name, sum)
        })
        .collect();
    let sum = summarize(names.into_iter().map(|name| (name, sums[name].clone())))?;
    if let Some((cache, stamp)) = cache.zip(stamp.filter(|stamp| stamp_now() == Some(*stamp))) {
        cache.put(Digested::Entries, stamp, sum);
    }
    Ok(sum)
}

/// The hash that a package would have without what archivers left in it.
pub(super) fn without_leftovers(
    path: &Utf8Path,
    layout: Layout,
    cache: Option<&Cache>,
    progress: Progress<'_>,
) -> Result<Sum, String> {
    let mut sums = match layout {
        Layout::Unpacked => sums_of_directory(path, cache, progress)?,
        Layout::Packed => {
            let archive = Archive::open(&resolve(path)?).map_err(|error| error.to_string())?;
            let entries = archive.entries.iter().filter(|entry| !super::is_leftover(&entry.name));
            let sum = |entry: &Entry| of_entry(&archive, entry, progress).map_err(|error| error.to_string());
            entries.map(|entry| Ok((entry.name.clone(), sum(entry)?))).collect::<Result<_, String>>()?
        }
    };
    sums.retain(|(name, _)| !super::is_leftover(name));
    sums.sort();
    summarize(sums.iter().map(|(name, sum)| (name.as_slice(), Ok(*sum))))
}

/// SHA-256 of a file's bytes, remembered. What is no file is refused rather than waited for, as the engines would.
pub(super) fn of_file(path: &Path, cache: Option<&Cache>, progress: Progress<'_>) -> Result<Sum, String> {
    let metadata = fs::metadata(path).map_err(|error| describe("open", path, &error))?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(format!("read {}: not a regular file", path.display()));
    }
    let stamp = Stamp::of(&metadata);
    if let Some(sum) = cache.and_then(|cache| cache.get(Digested::Bytes, stamp)) {
        progress(metadata.len());
        return Ok(sum);
    }
    let mut file = fs::File::open(path).map_err(|error| describe("open", path, &error))?;
    let sum =
        stream::sum(&mut file, metadata.len(), progress).map_err(|error: io::Error| describe("read", path, &error))?;
    if let Some(cache) = cache
        && file.metadata().is_ok_and(|after| Stamp::of(&after) == stamp)
    {
        cache.put(Digested::Bytes, stamp, sum);
    }
    Ok(sum)
}

/// The path without symbolic links, or what Go says where there is none.
pub(super) fn resolve(path: &Utf8Path) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| describe("lstat", path.as_std_path(), &error))
}

pub(super) fn of_entry(archive: &Archive, entry: &Entry, progress: Progress<'_>) -> Result<Sum, ArchiveError> {
    let mut reader = archive.read(entry, progress)?;
    if entry.uncompressed_bytes >= OVERLAPPED_FROM_BYTES {
        stream::sum_overlapped(move |buffer| reader.read(buffer))
    } else {
        stream::sum_inline(move |buffer| reader.read(buffer))
    }
}

/// Names of all files below a directory, `/`-separated, from that directory on. No symbolic link is followed.
fn collect_files(directory: &Path, prefix: &mut Vec<u8>, names: &mut Vec<Vec<u8>>) -> Result<(), String> {
    let mut entries = fs::read_dir(directory)
        .map_err(|error| describe("open", directory, &error))?
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| describe("readdirent", directory, &error))?;
    // The order in which Go walks decides which of several errors comes first.
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let metadata = entry.metadata().map_err(|error| describe("lstat", &path, &error))?;
        let length = prefix.len();
        prefix.extend_from_slice(entry.file_name().as_bytes());
        if metadata.is_dir() {
            prefix.push(b'/');
            collect_files(&path, prefix, names)?;
        } else {
            names.push(prefix.clone());
        }
        prefix.truncate(length);
    }
    Ok(())
}

pub(super) fn refuse_newline(name: &[u8]) -> Result<(), String> {
    if name.contains(&b'\n') { Err("dirhash: filenames with newlines are not supported".to_owned()) } else { Ok(()) }
}

/// The hash of sorted names with their sums, or the error of the first name that has one.
pub(super) fn summarize<'a>(lines: impl Iterator<Item = (&'a [u8], Result<Sum, String>)>) -> Result<Sum, String> {
    let mut hasher = Sha256::new();
    for (name, sum) in lines {
        hasher.update(super::hexadecimal(sum?));
        hasher.update(b"  ");
        hasher.update(name);
        hasher.update(b"\n");
    }
    Ok(hasher.finalize().into())
}
