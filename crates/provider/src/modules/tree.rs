//! What is in a tree of modules: its files, and links as links.
//!
//! `h1:` is what Go's `dirhash` computes from the regular files. Modes and links are not part of that hash, and an engine
//! sees both, so they are listed beside it: which files are executable, and where each link leads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Hash;
use crate::digest::os_error::reason;

/// Directories deeper than this are refused.
const MAXIMUM_DEPTH: usize = 100;

const READ_BYTES: usize = 64 * 1024;

/// Why a tree is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum TreeProblem {
    #[error("`{path}`: {}", reason(.error))]
    Unreadable { path: Utf8PathBuf, error: io::Error },
    #[error("a name in `{0}` is not UTF-8 or has a line break, which no hash of modules can hold")]
    Name(Utf8PathBuf),
    #[error("`{0}` is neither a file, a directory nor a link")]
    Special(Utf8PathBuf),
    #[error("the directories in `{0}` are nested more than {MAXIMUM_DEPTH} deep")]
    Deep(Utf8PathBuf),
    #[error("`{directory}` is not what the store's manifest says: {difference}")]
    Differs { directory: Utf8PathBuf, difference: Difference },
}

/// How a tree differs from what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    #[error("its files have the hash {found}, not {expected}")]
    Files { found: String, expected: String },
    #[error("`{0}` may not be executed, or may although it should not")]
    Mode(String),
    #[error("the link `{0}` is missing, is new, or leads elsewhere")]
    Link(String),
}

/// A file or a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Below the tree, `/`-separated.
    pub path: String,
    pub what: EntryKind,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    File { sha256: [u8; 32], bytes: u64, is_executable: bool },
    Link { target: String },
}

/// What is known of a tree. Two trees with equal contents are the same to an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Of its regular files.
    pub bytes: u64,
    /// Paths of the files that may be executed.
    pub executables: BTreeSet<String>,
    /// The number of regular files.
    pub files: u64,
    /// Go's `dirhash` of the regular files.
    pub h1: String,
    /// Where each link leads, as written in it, by the link's path.
    pub links: BTreeMap<String, String>,
}

/// Everything in a directory, sorted by path. No link is followed, but the directory itself may be reached by one.
/// Directories alone do not count.
///
/// # Errors
/// What cannot be read, and what is neither file, directory nor link.
pub fn entries(directory: &Utf8Path) -> Result<Vec<Entry>, TreeProblem> {
    let mut found = Vec::new();
    list(directory, "", 0, &mut found)?;
    found.sort();
    found.into_par_iter().map(|(path, listed)| read(directory, path, listed)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Listed {
    File { is_executable: bool },
    Link,
}

fn list(
    directory: &Utf8Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(String, Listed)>,
) -> Result<(), TreeProblem> {
    let here = if prefix.is_empty() { directory.to_owned() } else { directory.join(prefix) };
    if depth > MAXIMUM_DEPTH {
        return Err(TreeProblem::Deep(directory.to_owned()));
    }
    let unreadable = |path: &Utf8Path| {
        let path = path.to_owned();
        move |error: io::Error| TreeProblem::Unreadable { path, error }
    };
    for entry in fs::read_dir(&here).map_err(unreadable(&here))? {
        let entry = entry.map_err(unreadable(&here))?;
        let name = entry.file_name().into_string().ok().filter(|name| !name.contains('\n'));
        let name = name.ok_or_else(|| TreeProblem::Name(here.clone()))?;
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        // Of the entry itself, not of what a link leads to.
        let metadata = entry.metadata().map_err(unreadable(&directory.join(&path)))?;
        if metadata.is_dir() {
            list(directory, &path, depth + 1, found)?;
        } else if metadata.is_symlink() {
            found.push((path, Listed::Link));
        } else if metadata.is_file() {
            found.push((path, Listed::File { is_executable: metadata.permissions().mode() & 0o100 != 0 }));
        } else {
            return Err(TreeProblem::Special(directory.join(path)));
        }
    }
    Ok(())
}

fn read(directory: &Utf8Path, path: String, listed: Listed) -> Result<Entry, TreeProblem> {
    let place = directory.join(&path);
    let unreadable = |error| TreeProblem::Unreadable { path: place.clone(), error };
    let what = match listed {
        Listed::Link => {
            let target = fs::read_link(&place).map_err(unreadable)?.into_os_string().into_string();
            EntryKind::Link { target: target.map_err(|_| TreeProblem::Name(place.clone()))? }
        }
        Listed::File { is_executable } => {
            let (sha256, bytes) = sha256(&place).map_err(unreadable)?;
            EntryKind::File { sha256, bytes, is_executable }
        }
    };
    Ok(Entry { path, what })
}

/// Opened so that a link that took the file's place is not followed, and a pipe does not make us wait.
fn sha256(path: &Utf8Path) -> io::Result<([u8; 32], u64)> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut file =
        fs::OpenOptions::new().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(path)?;
    let (mut hasher, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; READ_BYTES]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hasher.finalize().into(), bytes)),
            count => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

impl Contents {
    /// Of entries that are sorted by path.
    pub fn of(entries: &[Entry]) -> Self {
        let (mut hasher, mut contents) = (Sha256::new(), Self::empty());
        for entry in entries {
            match &entry.what {
                EntryKind::File { sha256, bytes, is_executable } => {
                    hasher.update(format!("{}  {}\n", hexadecimal(sha256), entry.path));
                    contents.bytes += bytes;
                    contents.files += 1;
                    if *is_executable {
                        contents.executables.insert(entry.path.clone());
                    }
                }
                EntryKind::Link { target } => drop(contents.links.insert(entry.path.clone(), target.clone())),
            }
        }
        let h1 = Hash::h1(hasher.finalize().into()).as_str().to_owned();
        Self { h1, ..contents }
    }

    fn empty() -> Self {
        Self { bytes: 0, executables: BTreeSet::new(), files: 0, h1: String::new(), links: BTreeMap::new() }
    }

    /// The first difference; none if an engine would see no difference.
    pub fn difference_from(&self, expected: &Self) -> Option<Difference> {
        if self.h1 != expected.h1 {
            return Some(Difference::Files { found: self.h1.clone(), expected: expected.h1.clone() });
        }
        if let Some(path) = self.executables.symmetric_difference(&expected.executables).next() {
            return Some(Difference::Mode(path.clone()));
        }
        let here = self.links.iter().find(|(path, target)| expected.links.get(*path) != Some(target));
        let there = || expected.links.iter().find(|(path, _)| !self.links.contains_key(*path));
        here.or_else(there).map(|(path, _)| Difference::Link(path.clone()))
    }
}

/// In lower case.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
