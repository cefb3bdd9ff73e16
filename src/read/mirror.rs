//! The walk over a filesystem mirror, with the engine's eyes: what counts, what is ignored and why, what fails.
//!
//! Source: OpenTofu `internal/getproviders/filesystem_search.go` `SearchLocalDirectory`.

use camino::{Utf8Path, Utf8PathBuf};

use crate::domain::{EngineName, Layout, PackageId};

/// One walked mirror.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// As configured.
    pub path: Utf8PathBuf,
    /// With the base's symbolic links resolved, as the walk prints and links it.
    pub base: Utf8PathBuf,
    /// In the order in which the engine picks: the first of equal identities wins.
    pub packages: Vec<MirrorPackage>,
    pub ignored: Vec<IgnoredEntry>,
    /// The error that makes the whole source fail for every provider, `cannot search PATH: ...`, in the engine's words.
    pub error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorPackage {
    pub id: PackageId,
    pub layout: Layout,
    /// Absolute where the base is.
    pub path: Utf8PathBuf,
}

/// An entry that the engine skips without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredEntry {
    pub path: Utf8PathBuf,
    pub why: Ignored,
}

/// Why an entry is skipped; each says what it takes to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// A directory name that is no host, namespace or type.
    InvalidName { level: &'static str, reason: String },
    /// A symbolic link where the walk follows none.
    SymbolicLink,
    /// An archive whose name is not `terraform-provider-TYPE_VERSION_TARGET.zip`.
    ArchiveName(String),
    /// A version or platform directory whose name does not parse.
    DirectoryName(String),
    /// Something at a depth where nothing counts, such as an archive in a version directory.
    Misplaced,
    /// `stat` failed.
    Unreadable(String),
}

/// Walks a mirror as the engine does.
pub fn walk(path: &Utf8Path, engine: EngineName) -> Mirror {
    todo!()
}
