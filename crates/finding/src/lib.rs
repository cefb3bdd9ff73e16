//! Findings are data: what is wrong, where, who fixes it, and how.
//!
//! A wrong lock file is a [`Finding`] (all of them are collected); a disk that cannot be read is an error (the first
//! one stops). Rendering is this room's as well, one file per output format; nothing else knows colour.
//!
//! - [`code`], [`catalogue`]: the codes and their pages
//! - [`report`]: the one value that every format prints; [`human`], [`concise`], [`json`], [`sarif`], [`junit`], [`markdown`]
//! - [`many`]: several reports as one
//! - [`Claim`], [`merged`]: one reason, several subjects, one finding
//! - [`heading`], [`prose`]: sentences that formats share; [`escape`], [`secrets`]: text from outside

pub mod catalogue;
mod claim;
pub mod code;
pub mod concise;
pub mod escape;
mod excerpt;
pub mod heading;
pub mod human;
pub mod json;
pub mod junit;
pub mod many;
pub mod markdown;
pub mod prose;
pub mod report;
#[cfg(test)]
mod sample;
pub mod sarif;
pub mod secrets;
mod terms;

pub use airtight_provider::shell_word;
pub use claim::{Claim, merged};
pub use code::Code;
pub use prose::plural;
pub use terms::{Install, Loading, Need, Outcome, Owner, Ruling, Severity, Status};

use airtight_hcl::{Place, Sources};
use camino::Utf8Path;

/// One thing found, its texts without the credentials of addresses. The first place is where it is wrong, the others where
/// the demand comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// One line, without a full stop.
    pub summary: String,
    /// Full sentences; may be empty.
    pub detail: String,
    pub places: Vec<Label>,
    /// Imperative; if there is a command that fixes it, holds that command, ready to paste.
    pub help: String,
    pub owner: Owner,
    claimed: Option<claim::Claimed>,
}

/// A place and what is to be said about it there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    pub place: Place,
    pub text: String,
}

/// What is said of a file whose text must not be quoted.
pub fn summary_of_withheld(path: &Utf8Path) -> String {
    format!("something is wrong in `{path}`, whose text is not shown")
}

impl Finding {
    pub fn new(code: Code, severity: Severity, owner: Owner, summary: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            summary: secrets::without_credentials(summary.into()),
            detail: String::new(),
            places: Vec::new(),
            help: String::new(),
            owner,
            claimed: None,
        }
    }

    /// A finding about one subject (`subject` as it is printed), which [`merged`] makes one with others that say the same.
    pub fn about(code: Code, severity: Severity, owner: Owner, subject: impl Into<String>, claim: Claim) -> Self {
        let claimed = claim::Claimed::of_one(claim, subject.into());
        Self { summary: claimed.summary(), claimed: Some(claimed), ..Self::new(code, severity, owner, "") }
    }

    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = secrets::without_credentials(detail.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = secrets::without_credentials(help.into());
        self
    }

    /// The finding without a word of the files that must not be quoted.
    #[must_use]
    pub fn without_quotations(mut self, sources: &Sources) -> Self {
        let mut paths = self.places.iter().map(|label| &label.place.path);
        if let Some((path, said)) = paths.find_map(|path| Some((path, sources.withheld(path)?))) {
            self.summary = summary_of_withheld(path);
            self.detail = said.to_owned();
            self.help =
                format!("Replace the link with a file of the repository, then run `airtight explain {}`.", self.code);
            self.places.iter_mut().for_each(|label| label.text.clear());
            self.claimed = None;
        }
        self
    }

    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Self {
        let label = Label { place, text: secrets::without_credentials(text.into()) };
        if !self.places.contains(&label) {
            self.places.push(label);
        }
        self
    }
}
