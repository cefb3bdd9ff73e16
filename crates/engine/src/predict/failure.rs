//! What stops `init`.

use super::Cause;
use airtight_finding::Code;
use airtight_hcl::{Place, Problem, ProblemKind};
use airtight_provider::ProviderAddress;

/// Something that the engine would stop at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    /// The kind of the problem in an input, if one is the cause.
    pub problem: Option<ProblemKind>,
    pub stage: Stage,
    /// The engine's own summary and text, so that a search for it finds ours.
    pub summary: String,
    pub detail: String,
    pub providers: Vec<ProviderAddress>,
    pub places: Vec<Place>,
    /// What exactly it comes from, for the fix.
    pub cause: Option<Cause>,
}

/// How far `init` comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It asks for no provider.
    Before,
    /// It asks for each provider, and installs what it can.
    Providers,
    /// It has installed them all.
    LockFile,
}

impl Failure {
    pub(super) fn new(stage: Stage, code: Code, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code,
            problem: None,
            stage,
            summary: summary.into(),
            detail: detail.into(),
            providers: Vec::new(),
            places: Vec::new(),
            cause: None,
        }
    }

    /// A problem of an input, before any provider.
    pub(super) fn of_problem(code: Code, problem: &Problem) -> Self {
        let failure = Self::new(Stage::Before, code, &problem.summary, &problem.detail);
        Self { problem: Some(problem.kind), ..failure }.at(&problem.place)
    }

    #[must_use]
    pub(super) fn of(mut self, provider: &ProviderAddress) -> Self {
        self.providers.push(provider.clone());
        self
    }

    #[must_use]
    pub(super) fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    #[must_use]
    pub(super) fn at(mut self, place: &Place) -> Self {
        self.places.push(place.clone());
        self
    }
}
