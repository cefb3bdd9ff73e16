//! What exactly a failure comes from: the kinds that decide its fix.

use crate::configuration::{InstallationRecord, PathMistake, RepositoryProblem};
use crate::modules_manifest::ModuleRecord;
use crate::state::StateProblemKind;
use airtight_provider::unlikely_text::UnlikelyText;
use airtight_provider::{PackageProblem, ProviderAddress};

/// Why a called module needs the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleCause {
    /// Neither the workspace nor a store has it.
    NotHere,
    /// The same, and its source is of a kind that no store is built from: `hg`, `s3`, `gcs`, `oci`.
    NotFetched,
    /// `-upgrade` fetches it although it is here.
    Upgraded,
    /// OpenTofu asks bitbucket.org's API whenever it reads the source.
    AskedOnEveryReading,
}

/// The cause of a failure, if its code alone does not decide the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    State(StateProblemKind),
    Module(ModuleCause),
    /// The data directory records another backend.
    RecordedBackend,
    /// The file that names the workspace, which is judged by itself.
    WorkspaceFile,
    /// An address without namespace that only the state has.
    LegacyInState(ProviderAddress),
    Package(PackageProblem),
    /// The executable is in a directory of the archive, where no engine finds it.
    ExecutableBelow(String),
    /// The package matches the lock file, except for these files that an archiver added.
    Leftovers(Vec<String>),
    /// The `cloud` block or `remote` backend asks this host.
    BackendHost(String),
    /// An argument of `init`, which the remark about it names.
    Argument,
    /// A record of `modules.json` that does not fit the call.
    ModuleRecord {
        record: ModuleRecord,
        state: InstallationRecord,
    },
    /// Why a module cannot be fetched from a repository on this machine.
    Repository(RepositoryProblem),
    /// A module's name, or those on the way to it, are too long for a file's name.
    ModuleNameTooLong,
    /// Why a module's local path leads to no directory.
    ModulePath(PathMistake),
    /// The lock file is something else, such as a page of a proxy.
    LockFile(UnlikelyText),
    /// The lock file would have to change: providers without an entry, and entries that nothing needs.
    LockSet {
        unlocked: Vec<ProviderAddress>,
        unused: Vec<ProviderAddress>,
    },
}
