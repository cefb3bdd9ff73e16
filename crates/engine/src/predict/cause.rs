//! What exactly a failure comes from: the kinds that decide its fix.

use crate::state::StateProblemKind;
use airtight_provider::unlikely_text::UnlikelyText;
use airtight_provider::{PackageProblem, ProviderAddress};

/// The cause of a failure, where its code alone does not decide the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    State(StateProblemKind),
    /// The file that names the workspace, which is judged by itself.
    WorkspaceFile,
    /// An address without namespace that only the state has.
    LegacyInState(ProviderAddress),
    Package(PackageProblem),
    /// A file of the executable's name lies in a directory of the archive, where no engine finds it.
    ExecutableBelow(String),
    /// The package is what the lock file wants, but for these files of archivers.
    Leftovers(Vec<String>),
    /// Something else has got into the place of the lock file.
    LockFile(UnlikelyText),
    /// The lock file would have to change: providers without an entry, and entries that nothing needs.
    LockSet {
        unlocked: Vec<ProviderAddress>,
        unused: Vec<ProviderAddress>,
    },
}
