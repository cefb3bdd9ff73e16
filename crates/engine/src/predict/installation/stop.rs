//! Why an installation does not go through, and what that makes of the prediction.

use super::super::selection::unless_unread;
use super::super::{Assumption, Cause, Facts, Failure, Requirement, Selected, Stage, Status};
use airtight_finding::Code;
use airtight_provider::{DigestRequest, Hash, PackageProblem};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A hash that was not computed.
    Needs(DigestRequest),
    /// Something that was not seen; why.
    Unseen(Code, String),
    PlatformMissing,
    Fails {
        code: Code,
        /// The error behind `Error while installing ...`.
        text: String,
        /// From the plugin cache, which has words of its own.
        is_shared: bool,
        /// The hash that was matched before it came to this.
        proven_by: Option<Hash>,
        cause: Option<Box<Cause>>,
    },
}

impl Stop {
    pub(super) fn fails(code: Code, text: impl Into<String>) -> Self {
        Self::Fails { code, text: text.into(), is_shared: false, proven_by: None, cause: None }
    }

    /// The same failure with its cause.
    pub(super) fn because(mut self, why: Cause) -> Self {
        if let Self::Fails { cause, .. } = &mut self {
            *cause = Some(Box::new(why));
        }
        self
    }

    /// A package that cannot be read or extracted; what only we refuse is not predicted.
    pub(super) fn of_problem(problem: &PackageProblem) -> Self {
        if problem.is_ours() {
            return Self::Unseen(Code::PackageUnreadable, problem.to_string());
        }
        Self::fails(Code::PackageUnreadable, problem.to_string()).because(Cause::Package(problem.clone()))
    }

    /// The same failure of a step that is about the plugin cache.
    pub(super) fn shared(mut self) -> Self {
        if let Self::Fails { is_shared, .. } = &mut self {
            *is_shared = true;
        }
        self
    }

    /// The same failure after a hash was matched.
    pub(super) fn proven(mut self, hash: Option<Hash>) -> Self {
        if let Self::Fails { proven_by, .. } = &mut self {
            *proven_by = hash;
        }
        self
    }

    /// The failure or the assumption that it is, and the provider's status.
    pub(crate) fn judge(
        self,
        facts: &Facts,
        requirement: &Requirement,
        selected: &Selected,
    ) -> (Option<Failure>, Option<Assumption>, Status) {
        let status = self.status(selected);
        let failure = match self {
            Self::Needs(request) => {
                let text = format!("`{}` was not hashed", request.path);
                return (None, Some(Assumption { code: Code::PackageUnreadable, text }), status);
            }
            Self::Unseen(code, text) => return (None, Some(Assumption { code, text }), status),
            Self::PlatformMissing => platform_missing(facts, selected),
            Self::Fails { code, text, is_shared, cause, .. } => {
                let id = &selected.id;
                let display = id.address.for_display(facts.engine.name);
                let (summary, detail) = if is_shared {
                    let from = format!(
                        "Error while importing {display} v{} from the shared cache directory: {text}.",
                        id.version
                    );
                    ("Failed to install provider from shared cache", from)
                } else {
                    ("Failed to install provider", format!("Error while installing {display} v{}: {text}", id.version))
                };
                let mut failure = Failure::new(Stage::Providers, code, summary, detail);
                failure.cause = cause.map(|cause| *cause);
                failure
            }
        };
        let mut failure = failure.of(&selected.id.address);
        if failure.code == Code::PackageMismatch {
            let lock = facts.lock.lock_for(&selected.id.address);
            failure.places.extend(lock.map(|lock| lock.hashes_place.clone().unwrap_or_else(|| lock.place.clone())));
        }
        if requirement.is_certain && selected.is_certain {
            (Some(failure), None, status)
        } else {
            (None, Some(unless_unread(&failure)), status)
        }
    }

    fn status(&self, selected: &Selected) -> Status {
        match self {
            Self::PlatformMissing => Status::Missing,
            Self::Fails { code: Code::PackageMismatch, .. } => Status::Mismatch,
            Self::Fails { proven_by: Some(_), .. } => Status::Proven,
            Self::Fails { code: Code::PackageExecutableMissing, .. } if selected.locked_hashes.is_empty() => {
                Status::Unproven
            }
            Self::Needs(_) | Self::Unseen(..) | Self::Fails { .. } => Status::Unknown,
        }
    }
}

fn platform_missing(facts: &Facts, selected: &Selected) -> Failure {
    let id = &selected.id;
    Failure::new(
        Stage::Providers,
        Code::ProviderPlatformMissing,
        "Incompatible provider version",
        format!(
            "Provider {} v{} does not have a package available for your current platform, {}.\n\nProvider releases are \
             separate from {} CLI releases, so not all providers are available for all platforms. Other versions of \
             this provider may have different platforms supported.",
            id.address,
            id.version,
            id.platform,
            facts.engine.name.title()
        ),
    )
}
