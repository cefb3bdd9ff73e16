//! Provider versions, by the rules of go-versions: not those of Semantic Versioning.

use std::fmt;
use std::str::FromStr;

/// An exact version. Prints in canonical form, `1.2.3-pre+meta`.
///
/// `Eq` includes build metadata, as locks and mirrors compare; `Ord` is go-versions' precedence, then the metadata's
/// text, so that it stays consistent with `Eq`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub prerelease: String,
    pub metadata: String,
}

impl Version {
    pub const fn release(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, prerelease: String::new(), metadata: String::new() }
    }

    /// Order without build metadata.
    pub fn cmp_precedence(&self, other: &Self) -> std::cmp::Ordering {
        todo!()
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.cmp_precedence(other).then_with(|| self.metadata.cmp(&other.metadata))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// Why a text is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VersionError(pub String);

impl FromStr for Version {
    type Err = VersionError;

    /// As go-versions `ParseVersion` reads a mirror's directory name: missing numbers are 0, leading zeros are allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        todo!()
    }
}
