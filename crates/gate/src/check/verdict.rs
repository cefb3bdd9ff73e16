//! The verdict, and the proof of it without which nothing becomes the engine.

use crate::settings::Policy;
use airtight_finding::{Finding, Severity};

/// What we decide.
#[derive(Debug)]
pub enum Verdict {
    Cleared(Cleared),
    Refused,
}

/// The proof that no check failed, or that the settings only observe.
#[derive(Debug)]
pub struct Cleared {
    _made_here: (),
}

impl Cleared {
    /// Reading back what a run has done is not gated: losing the outputs of a finished apply protects nobody.
    pub const fn for_reading_back() -> Self {
        Self { _made_here: () }
    }
}

/// Refused by at least one error, unless the image only observes.
pub fn judge(findings: &[Finding], policy: Policy) -> Verdict {
    let has_error = findings.iter().any(|finding| finding.severity == Severity::Error);
    if has_error && policy == Policy::Enforce { Verdict::Refused } else { Verdict::Cleared(Cleared { _made_here: () }) }
}
