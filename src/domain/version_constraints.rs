//! Version constraints, by both parsers that the engines put every constraint through.

use std::fmt;

use super::engine::Engine;
use super::version::Version;

/// Terms that all have to hold. Prints in the canonical form of lock files, deduplicated and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionConstraints {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Term {}

/// Which of the engines' two parsers refused a constraint, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// Refused while the module is decoded (hashicorp/go-version).
    #[error("this string does not use correct version constraint syntax")]
    Decoding,
    /// Refused while requirements are collected (go-versions); the text is its reason.
    #[error("{0}")]
    Collecting(String),
}

impl VersionConstraints {
    /// As `required_providers` has it: both parsers must accept.
    pub fn parse_requirement(text: &str) -> Result<Self, ConstraintError> {
        todo!()
    }

    /// As a lock file has it: the second parser alone. The empty text is no constraint.
    pub fn parse_locked(text: &str) -> Result<Self, ConstraintError> {
        todo!()
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Both at once.
    pub fn and(&self, other: &Self) -> Self {
        todo!()
    }

    /// Whether the engine would select the version under these constraints (`MeetingConstraints`).
    pub fn allows(&self, version: &Version, engine: &Engine) -> bool {
        todo!()
    }
}

impl fmt::Display for VersionConstraints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// Constraints of `required_version` and of module versions, by hashicorp/go-version's own matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreConstraints {
    text: String,
}

impl CoreConstraints {
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        todo!()
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a term names a pre-release, which `required_version` refuses.
    pub fn names_prerelease(&self) -> bool {
        todo!()
    }

    /// Whether the version (as text, by that library's reading) satisfies every term.
    pub fn allows(&self, version: &str) -> bool {
        todo!()
    }
}
