//! What is asked of packages, and what was seen in them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::{Hash, Layout, PackageProblem};

/// A package to look into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentsRequest {
    pub path: Utf8PathBuf,
    pub layout: Layout,
    /// Of the provider, for the name of its executable.
    pub provider_type: String,
}

/// What installing a package depends on, apart from its hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageContents {
    /// The first entry of the package's root, in byte order, that the engine takes for the executable.
    ///
    /// Source: OpenTofu `internal/providercache/cached_provider.go` `ExecutableFile`.
    pub executable: Option<String>,
    /// Of an archive: a file of such a name in one of its directories, where no engine finds it.
    pub executable_below: Option<String>,
    /// Why the directory cannot be listed or the archive cannot be extracted.
    pub problem: Option<PackageProblem>,
    /// Of an archive: extracting it gives a tree with the archive's own `h1:`. Not so with entries for directories,
    /// with a name twice, with absolute names.
    pub extracts_to_same_hash: bool,
    /// Of an archive: the longest path below the package's directory that it extracts to.
    pub longest_path_bytes: usize,
    /// Files that archivers and file managers leave behind, such as `._NAME`, `__MACOSX/`, `.DS_Store`.
    pub leftovers: Vec<String>,
}

/// What was seen in packages, by their paths.
pub type Contents = BTreeMap<Utf8PathBuf, PackageContents>;

/// A hash to compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestRequest {
    /// Of the directory or the archive.
    pub path: Utf8PathBuf,
    pub layout: Layout,
    pub kind: DigestKind,
}

impl Ord for DigestRequest {
    /// Paths as texts: component by component, as paths compare, costs more than the rest of a look-up.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.path.as_str(), self.layout, &self.kind).cmp(&(other.path.as_str(), other.layout, &other.kind))
    }
}

impl PartialOrd for DigestRequest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigestKind {
    /// `h1:` of a directory, or of an archive's entries.
    H1,
    /// `zh:` of an archive.
    Zh,
    /// `h1:` of the directory that extracting the archive leaves behind; over the files of an existing directory where
    /// one is named.
    Extracted { over: Option<Utf8PathBuf> },
    /// `h1:` of the package without what archivers left in it: no hash of an engine's, but an explanation.
    WithoutLeftovers,
}

/// Computed hashes; the error is the engine's text for the same failure.
pub type Digests = BTreeMap<DigestRequest, Result<Hash, String>>;
