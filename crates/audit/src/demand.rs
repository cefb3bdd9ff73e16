//! What the next mirror and the next module store must hold, so that every stack works.

use std::collections::{BTreeMap, BTreeSet};

use airtight_provider::manifest::{DemandedModule, DemandedProvider, Manifest};

use crate::stack::{self, Stack};

/// The union of what all stacks lock, and of what they need without a lock.
pub fn demand(stacks: &[Stack]) -> Manifest {
    let mut providers: BTreeMap<(String, Option<String>, String), (BTreeSet<String>, BTreeSet<String>)> =
        BTreeMap::new();
    let mut modules: BTreeMap<(String, Option<String>), BTreeSet<String>> = BTreeMap::new();
    for stack in stacks {
        let name = stack::shown(&stack.directory);
        for provider in &stack.providers {
            // What nothing needs, `init` takes out of the lock file. A state that was not seen may need it.
            if !provider.is_needed && !stack.is_state_unseen {
                continue;
            }
            let version = provider.locked.as_ref().map(ToString::to_string);
            let constraints = if version.is_none() { provider.constraints.to_string() } else { String::new() };
            let (hashes, needed_by) =
                providers.entry((provider.address.to_string(), version, constraints)).or_default();
            hashes.extend(provider.hashes.iter().map(ToString::to_string));
            needed_by.insert(name.clone());
        }
        for module in &stack.modules {
            modules.entry((module.source.clone(), module.version.clone())).or_default().insert(name.clone());
        }
    }
    let providers =
        providers.into_iter().map(|((address, version, constraints), (hashes, needed_by))| DemandedProvider {
            address,
            version,
            constraints,
            hashes: hashes.into_iter().collect(),
            needed_by: needed_by.into_iter().collect(),
        });
    let modules = modules.into_iter().map(|((source, version), needed_by)| DemandedModule {
        source,
        version,
        needed_by: needed_by.into_iter().collect(),
    });
    Manifest::new(providers.collect(), modules.collect())
}
