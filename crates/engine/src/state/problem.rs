//! What an engine refuses in a state, and what of a state is not seen: kinds, each with its words.

use std::fmt;

use camino::Utf8PathBuf;

use airtight_hcl::Place;
use airtight_provider::unlikely_text::UnlikelyText;

/// Something in the state, or on the way to it, that stops `init`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProblem {
    pub kind: StateProblemKind,
    /// The state file, or the root module for the workspace's name.
    pub place: Place,
}

/// No kind holds a value of the state other than names of resources and of providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateProblemKind {
    /// `TF_WORKSPACE` holds what is no name of a workspace. Its text is not repeated: it may be a secret.
    WorkspaceName,
    /// The selected workspace is not there, and others are.
    WorkspaceMissing,
    /// The system's reason, such as `permission denied`.
    Unreadable(String),
    /// Something else than a state has got into the file's place.
    Unlikely(UnlikelyText),
    /// The line of the first error.
    NotJson { line: usize },
    /// JSON without what every state has.
    NotAState,
    /// Its format is newer than every format that is known here.
    Newer { format: u64 },
    /// It is encrypted, and nothing says how.
    Encrypted,
    /// OpenTofu reads an address without namespace on its own registry's host only.
    LegacyOnOtherHost { resource: String, provider_type: String },
}

impl StateProblemKind {
    /// The engine's summary for it.
    pub(crate) const fn engine_summary(&self) -> &'static str {
        match self {
            Self::WorkspaceName => "Invalid workspace name set using TF_WORKSPACE",
            Self::WorkspaceMissing => "Currently selected workspace",
            _ => "Error refreshing state",
        }
    }
}

impl fmt::Display for StateProblemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkspaceName => formatter.write_str("TF_WORKSPACE holds no name of a workspace"),
            Self::WorkspaceMissing => formatter.write_str("the selected workspace does not exist, and others do"),
            Self::Unreadable(reason) => write!(formatter, "the state file cannot be read: {reason}"),
            Self::Unlikely(unlikely) => write!(formatter, "the state file {unlikely}"),
            Self::NotJson { line } => write!(formatter, "the state file is not valid JSON (line {line})"),
            Self::NotAState => formatter.write_str("the file does not have the form of a state"),
            Self::Newer { format } => {
                write!(formatter, "the state has format version {format}, which this engine does not know")
            }
            Self::Encrypted => {
                formatter.write_str("the state is encrypted, and the configuration has no `encryption` block")
            }
            Self::LegacyOnOtherHost { resource, provider_type } => {
                write!(formatter, "`{resource}` in the state names the provider `{provider_type}` without a namespace")
            }
        }
    }
}

/// Why the state, or a part of it, is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Behind a backend of this type; `cloud` for a `cloud` block.
    Backend {
        kind: String,
    },
    /// Its settings are in this argument of `-backend-config`, which cannot be read here.
    BackendSettings {
        argument: String,
    },
    /// The data directory records another backend than the configuration has; the engine refuses or migrates.
    OtherBackendRecorded {
        kind: String,
        /// Not the same type with other settings.
        is_another_type: bool,
    },
    /// What the data directory records of the backend cannot be read.
    Record {
        path: Utf8PathBuf,
    },
    /// The engine reads the states of all local workspaces, and copies them to a backend that is new.
    Migration,
    /// The file that names the workspace holds no name, or is not read for the reason given.
    WorkspaceFile {
        path: Utf8PathBuf,
        why: WorkspaceFileProblem,
    },
    Encrypted,
    /// The state file, or the directory of the workspaces.
    NotRead {
        path: Utf8PathBuf,
        why: String,
    },
    /// A resource whose provider cannot be read.
    Provider {
        resource: String,
    },
}

/// Why the file that names the workspace gives no name. Its text is never repeated: an engine would print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceFileProblem {
    /// A link leads out of the repository.
    LeadsOut,
    NotAName,
    /// Not even the name of a directory: the engine cannot make one of it.
    NotADirectoryName,
    /// Too large, or no regular file.
    NotRead,
}

impl fmt::Display for Unseen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend { kind } => write!(formatter, "the state is in the `{kind}` backend"),
            Self::BackendSettings { argument } => {
                write!(formatter, "airtight does not know what `-backend-config` sets by `{argument}`")
            }
            Self::OtherBackendRecorded { kind, .. } => {
                write!(formatter, "the data directory records another `{kind}` backend than the configuration has, and the engine may stop there")
            }
            Self::Record { path } => write!(formatter, "the backend that `{path}` records cannot be read"),
            Self::Migration => formatter.write_str("the engine first reads the states of all local workspaces, to copy them to the new backend, and may stop there"),
            Self::WorkspaceFile { path, why } => match why {
                WorkspaceFileProblem::LeadsOut => {
                    write!(formatter, "`{path}` is a link that leads out of the repository, so it is not read")
                }
                WorkspaceFileProblem::NotAName | WorkspaceFileProblem::NotADirectoryName => {
                    write!(formatter, "`{path}` does not hold the name of a workspace")
                }
                WorkspaceFileProblem::NotRead => {
                    write!(formatter, "`{path}` is not read: it is too large or no regular file")
                }
            },
            Self::Encrypted => formatter.write_str("the state file is encrypted"),
            Self::NotRead { path, why } => write!(formatter, "`{path}` is not read: {why}"),
            Self::Provider { resource } => {
                write!(formatter, "the provider of `{resource}` in the state cannot be read")
            }
        }
    }
}
