//! The dependency lock file, `.terraform.lock.hcl`.
//!
//! Source: OpenTofu `internal/depsfile/locks_file.go`.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::Problem;
use crate::domain::{EngineName, Hash, ProviderAddress, Version};
use crate::finding::{Place, Sources};

pub const FILE_NAME: &str = ".terraform.lock.hcl";

/// What the engine makes of the file. Missing and empty files are the same to it: no locks.
#[derive(Clone, Debug)]
pub struct LockFile {
    pub path: Utf8PathBuf,
    pub exists: bool,
    /// In the file's order; only sound entries.
    pub locks: Vec<ProviderLock>,
    /// Any one of these and the engine queries no provider at all.
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
    pub text: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderLock {
    pub address: ProviderAddress,
    pub version: Version,
    /// Canonical text; empty where there is none.
    pub constraints: String,
    /// Sorted and deduplicated, as the engine holds them; unknown schemes included.
    pub hashes: Vec<Hash>,
    /// The block's label.
    pub place: Place,
    pub version_place: Place,
    /// The `hashes` attribute, where there is one.
    pub hashes_place: Option<Place>,
}

impl LockFile {
    pub fn lock_for(&self, address: &ProviderAddress) -> Option<&ProviderLock> {
        self.locks.iter().find(|lock| lock.address == *address)
    }
}

/// Reads `.terraform.lock.hcl` of a root module. A file that cannot be read is a problem in `errors`, as for the engine.
pub fn read(root_module: &Utf8Path, engine: EngineName, sources: &mut Sources) -> LockFile {
    todo!()
}
