//! Findings are data: what is wrong, where, whose it is and how it is mended.
//!
//! A wrong lock file is a [`Finding`] (all of them are collected); a disk that cannot be read is an error (the first
//! one stops). Rendering is this room's as well, one file per output format; nothing else knows colour.

pub mod catalogue;
pub mod code;
pub mod concise;
pub mod escape;
mod excerpt;
pub mod heading;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod prose;
pub mod report;
#[cfg(test)]
mod sample;
pub mod sarif;

pub use code::Code;
pub use prose::plural;

use std::fmt;

use airtight_hcl::Place;

/// What a finding does to the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// Who writes the configuration and its lock file.
    Repository,
    /// Who builds the runner image and its mirror.
    Image,
    /// Who administers the stack, its environment and its plugins.
    Administrator,
}

impl Owner {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Image => "image",
            Self::Administrator => "administrator",
        }
    }
}

/// One thing found, its texts without the credentials of URLs. The first place is where it is wrong, the others where the demand comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// One line, without a full stop.
    pub summary: String,
    /// Full sentences; may be empty.
    pub detail: String,
    pub places: Vec<Label>,
    /// Imperative; holds a command that can be pasted where there is one.
    pub help: String,
    pub owner: Owner,
}

/// A place and what is to be said about it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub place: Place,
    pub text: String,
}

impl Finding {
    pub fn new(code: Code, severity: Severity, owner: Owner, summary: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            summary: escape::without_credentials(summary.into()),
            detail: String::new(),
            places: Vec::new(),
            help: String::new(),
            owner,
        }
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = escape::without_credentials(detail.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = escape::without_credentials(help.into());
        self
    }

    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Self {
        self.places.push(Label { place, text: escape::without_credentials(text.into()) });
        self
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
