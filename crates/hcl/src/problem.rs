//! Something that is wrong with an input.

use crate::Place;

/// Something that is wrong with an input, or that airtight cannot read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What decisions depend on; the texts are for people.
    pub kind: ProblemKind,
    pub summary: String,
    pub detail: String,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The text is not in the file's language.
    Syntax,
    /// The text is in UTF-16.
    Utf16,
    /// The file or directory cannot be read.
    Unreadable,
    /// It is larger, deeper or longer than airtight reads.
    Limit,
    /// A value that only the engine can compute.
    Unevaluated,
    /// A block or value whose meaning is not known here.
    Unknown,
    /// A value that the engine refuses.
    Invalid,
}

impl Problem {
    pub fn new(kind: ProblemKind, summary: impl Into<String>, detail: impl Into<String>, place: Place) -> Self {
        Self { kind, summary: summary.into(), detail: detail.into(), place }
    }
}
