//! The locks as the engine holds them in memory.

use std::collections::BTreeMap;

use super::Facts;
use airtight_provider::lock_file::ProviderLock;
use airtight_provider::{EngineName, Hash, ProviderAddress, Version};

/// A lock entry without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) version: Version,
    /// Canonical text; may be empty.
    pub(super) constraints: String,
    /// Sorted, each once; of every scheme.
    pub(super) hashes: Vec<Hash>,
    /// False if the file has them otherwise: no entry that the installer gives back equals it.
    pub(super) is_sorted: bool,
}

impl Lock {
    /// The hashes that the installer sees: `h1:` and `zh:`.
    pub(super) fn preferred_hashes(&self) -> Vec<Hash> {
        self.hashes.iter().filter(|hash| hash.is_preferred()).cloned().collect()
    }
}

/// The lock file's entries, and those that OpenTofu adds for its own registry: the same version, no hashes.
///
/// Source: OpenTofu `internal/depsfile/locks.go` `UpgradeFromPredecessorProject`.
pub(super) fn locks(facts: &Facts) -> BTreeMap<ProviderAddress, Lock> {
    let mut locks: BTreeMap<_, _> = facts
        .lock
        .locks
        .iter()
        .map(|lock| {
            let (version, constraints, hashes) = (lock.version.clone(), lock.constraints.clone(), lock.hashes.clone());
            (lock.address.clone(), Lock { version, constraints, hashes, is_sorted: lock.hashes_are_sorted })
        })
        .collect();
    if facts.engine.adopts_predecessor_locks() {
        for lock in &facts.lock.locks {
            if lock.address.host() == EngineName::Terraform.default_registry_host()
                && lock.address.namespace() == "hashicorp"
            {
                locks.entry(lock.address.on_host(EngineName::Tofu.default_registry_host())).or_insert_with(|| Lock {
                    version: lock.version.clone(),
                    constraints: lock.constraints.clone(),
                    hashes: Vec::new(),
                    is_sorted: true,
                });
            }
        }
    }
    locks
}

/// The entry for Terraform's registry that [`locks`] takes for a provider of OpenTofu's.
pub(super) fn predecessor<'a>(facts: &'a Facts, address: &ProviderAddress) -> Option<&'a ProviderLock> {
    let is_adopted = facts.engine.adopts_predecessor_locks()
        && address.host() == EngineName::Tofu.default_registry_host()
        && address.namespace() == "hashicorp";
    let predecessor = || address.on_host(EngineName::Terraform.default_registry_host());
    is_adopted.then(predecessor).and_then(|predecessor| facts.lock.lock_for(&predecessor))
}
