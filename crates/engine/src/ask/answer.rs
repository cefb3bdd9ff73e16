//! What the engine answered.

use std::time::Duration;

use camino::Utf8PathBuf;

use airtight_provider::{ConstraintError, ProviderAddress, VersionConstraints};

/// The engine's answer about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The engine read the configuration and came as far as its providers.
    Loads(Loaded),
    /// The engine ended with errors before it came to the providers.
    Refused(Refused),
    /// The engine was not started.
    NotAsked(NotAsked),
    /// The engine was stopped at the limit.
    TimedOut(Duration),
    /// No answer, for another reason.
    Failed(Failure),
}

impl Answer {
    /// Why neither [`Self::Loads`] nor [`Self::Refused`]: a sentence without its full stop.
    pub fn why_unknown(&self) -> Option<String> {
        match self {
            Self::Loads(_) | Self::Refused(_) => None,
            Self::NotAsked(reason) => Some(reason.to_string()),
            Self::TimedOut(limit) => Some(Failure::TimedOut { limit: *limit }.to_string()),
            Self::Failed(failure) => Some(failure.to_string()),
        }
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TimedOut { limit } => Self::TimedOut(limit),
            other => Self::Failed(other),
        }
    }
}

/// A configuration that loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Sorted by address, each once; built-in providers are not among them.
    pub requirements: Vec<EngineRequirement>,
    /// Providers as the engine names them that are no addresses by the rules that we know.
    pub unreadable: Vec<String>,
    /// Errors after the configuration was read that are about no provider of [`Self::requirements`].
    pub other_errors: Vec<EngineDiagnostic>,
    /// Errors in the backend's own arguments, if the engine was asked about them.
    pub backend_errors: Vec<EngineDiagnostic>,
    /// The engine has opened the backend, or at least read its arguments.
    pub with_backend: bool,
    pub warnings: Vec<EngineDiagnostic>,
}

impl Loaded {
    pub fn requirement(&self, address: &ProviderAddress) -> Option<&EngineRequirement> {
        self.requirements.iter().find(|requirement| requirement.address == *address)
    }
}

/// A provider that the engine needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRequirement {
    pub address: ProviderAddress,
    /// The merged constraints of all modules, as the engine prints them. None if there are none, or if
    /// [`Self::from_lock`] and the engine does not tell them.
    pub constraints: Option<String>,
    /// The lock file selects its version.
    pub from_lock: bool,
    /// The engine's error, if it is another one than that the empty mirror does not have the provider: for example that
    /// the locked version does not satisfy the constraints.
    pub refusal: Option<EngineDiagnostic>,
}

impl EngineRequirement {
    /// The constraints as a value.
    ///
    /// # Errors
    /// Fails if the engine's syntax is newer than ours.
    pub fn version_constraints(&self) -> Result<Option<VersionConstraints>, ConstraintError> {
        self.constraints.as_deref().map(VersionConstraints::parse_requirement).transpose()
    }
}

/// A configuration, or a lock file, that the engine does not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// At least one.
    pub errors: Vec<EngineDiagnostic>,
    /// Those of them that are about fetching a module from this machine.
    pub of_local_modules: Vec<EngineDiagnostic>,
    pub warnings: Vec<EngineDiagnostic>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// An error or a warning in the engine's words. It is text from outside: escape it before you print it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineDiagnostic {
    pub severity: Severity,
    pub summary: String,
    /// Paragraphs; empty if the summary says it all.
    pub detail: String,
    pub place: Option<EnginePlace>,
}

impl EngineDiagnostic {
    /// Moves all but the first line of the summary to the detail: some errors of the engines are nothing but a summary.
    pub(super) fn shorten_summary(&mut self) {
        let Some((first, rest)) = self.summary.trim().split_once('\n') else { return };
        let detail = format!("{}\n{}", rest.trim_start(), self.detail);
        (self.summary, self.detail) = (first.to_owned(), detail.trim_end().to_owned());
    }
}

/// A place in a file, as the engine names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnginePlace {
    /// Relative to the root module, or absolute.
    pub file: Utf8PathBuf,
    /// From 1.
    pub line: u32,
    /// From 1; engines that answer in plain text do not tell it.
    pub column: Option<u32>,
    /// Byte offsets into the file.
    pub bytes: Option<(usize, usize)>,
}

/// Why the engine was not started. Each is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    #[error("the engine was not asked, because module `{module}` would have to be downloaded")]
    ModuleNeedsNetwork { module: String },
    #[error(
        "the engine was not asked, because module `{module}` calls itself, directly or through others, and an engine may \
             follow such calls until the memory is full"
    )]
    ModuleWithoutEnd { module: String },
    #[error("the engine was not asked, because `-from-module` would write into the root module")]
    CopiesModule,
    #[error("the engine was not asked, because `-migrate-state` or `-force-copy` would write a state")]
    MigratesState,
}

/// Why there is no answer. Each is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the engine `{program}` cannot be started: {reason}")]
    NotStarted { program: Utf8PathBuf, reason: String },
    #[error("no scratch directory for the engine can be made in `{path}`: {reason}")]
    NoScratch { path: Utf8PathBuf, reason: String },
    #[error("the engine did not answer within {} s and was stopped", limit.as_secs_f32())]
    TimedOut { limit: Duration },
    #[error("the engine printed more than {} MiB and was stopped", limit_bytes / (1024 * 1024))]
    TooMuchOutput { limit_bytes: usize },
    #[error("signal {signal} stopped the engine's answer")]
    Interrupted { signal: i32 },
    #[error("the engine was killed by signal {signal} before it answered")]
    Killed { signal: i32 },
    #[error("the engine could not download the module that {} calls", caller(place.as_ref()))]
    ModuleNotDownloaded { place: Option<EnginePlace> },
    #[error("the engine does not accept the arguments of the question: {reason}")]
    ArgumentsRefused { reason: String },
    #[error("the engine ended with exit code {code}, and its output cannot be read")]
    Unreadable { code: i32 },
}

fn caller(place: Option<&EnginePlace>) -> String {
    place.map_or_else(|| "the configuration".to_owned(), |place| format!("`{}:{}`", place.file, place.line))
}
