//! `h1:` and `zh:` of packages, streaming and parallel.
//!
//! Gives what the engines would compute for the same package, and where they fail their text. Memory is the same
//! whatever a package's size. This room knows nothing of lock files: it takes [`Subject`]s and gives hashes.

pub mod archive;
mod cache;
mod extracted;
mod h1;
pub mod os_error;
mod stream;

pub use cache::{Cache, Stamp};
pub use stream::{Progress, Sum};

use camino::Utf8PathBuf;
use rayon::prelude::*;

use crate::{Hash, Layout};

/// A hash to compute: of a package's directory or of its archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    pub path: Utf8PathBuf,
    pub layout: Layout,
    pub content: Content,
}

/// What of a package is hashed, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// `h1:` of the directory, or of the archive's entries.
    H1,
    /// `zh:` of the archive.
    Zh,
    /// `h1:` of the directory that extracting the archive leaves behind; files of `over` stay where it replaces none.
    Extracted { over: Option<Utf8PathBuf> },
    /// `h1:` without the files for which [`is_leftover`] holds.
    WithoutLeftovers,
}

/// What macOS and Windows leave next to the files that they touch, at any level of a path.
pub fn is_leftover(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'/').any(|part| {
        part.starts_with(b"._") || [&b"__MACOSX"[..], b".DS_Store", b"Thumbs.db", b"desktop.ini"].contains(&part)
    })
}

/// Computes hashes on all processors; results are in the order of their subjects.
///
/// `progress` gets the number of bytes as they are read (those of an archive compressed), and of a file's whole size where its
/// hash was remembered.
///
/// # Errors
/// The engine's text for the same failure, such as `open X: permission denied` or `zip: not a valid zip file`. A `zh:`
/// of a directory is an error as well.
pub fn compute(subjects: &[Subject], cache: Option<&Cache>, progress: Progress<'_>) -> Vec<Result<Hash, String>> {
    subjects.par_iter().map(|subject| compute_one(subject, cache, progress)).collect()
}

fn compute_one(subject: &Subject, cache: Option<&Cache>, progress: Progress<'_>) -> Result<Hash, String> {
    let path = &subject.path;
    match (&subject.content, subject.layout) {
        (Content::H1 | Content::Extracted { .. }, Layout::Unpacked) => {
            h1::of_directory(path, cache, progress).map(Hash::h1)
        }
        (Content::H1, Layout::Packed) => h1::of_archive(path, cache, progress).map(Hash::h1),
        (Content::WithoutLeftovers, layout) => h1::without_leftovers(path, layout, cache, progress).map(Hash::h1),
        (Content::Extracted { over }, Layout::Packed) => {
            extracted::of_extraction(path, over.as_deref(), cache, progress).map(Hash::h1)
        }
        (Content::Zh, Layout::Packed) => h1::of_file(&h1::resolve(path)?, cache, progress).map(Hash::zh),
        (Content::Zh, Layout::Unpacked) => {
            Err("ziphash scheme (\"zh:\" prefix) is not supported for unpacked provider packages".to_owned())
        }
    }
}

/// Lower case, as both schemes write it.
fn hexadecimal(sum: Sum) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    sum.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests;
