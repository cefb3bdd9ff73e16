//! The lock file afterwards, byte for byte.
//!
//! Source: OpenTofu `internal/command/init.go` `getProviders`, `internal/depsfile/locks_file.go` `SaveLocksToBytes`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::installation::LockUpdate;
use super::locks::{self, Lock};
use super::{Facts, Failure, ProviderPrediction, Step, requirements};
use crate::domain::{EngineName, ProviderAddress};
use crate::finding::Code;

/// What becomes of the lock file.
#[derive(Debug)]
pub(super) enum LockChange {
    /// Its bytes stay.
    None,
    Written(String),
    /// `-lockfile=readonly`: only hashes would change, a warning.
    Withheld,
    /// `-lockfile=readonly`: the set of providers would change.
    Refused(Failure),
}

pub(super) fn lock_after(
    facts: &Facts,
    providers: &[ProviderPrediction],
    updates: &BTreeMap<ProviderAddress, LockUpdate>,
    sees_everything: bool,
) -> LockChange {
    let before = locks::locks(facts);
    let mut after = BTreeMap::new();
    let mut is_known = sees_everything;
    let mut lacks_certainly = false;
    for provider in providers {
        let requirement = &provider.requirement;
        let address = &requirement.address;
        let lock = before.get(address);
        if !requirements::is_installed(facts, requirement) {
            if let Some(lock) = lock.filter(|_| requirements::keeps_lock(facts, requirement)) {
                after.insert(address.clone(), lock.clone());
            }
            continue;
        }
        lacks_certainly |= lock.is_none() && requirement.is_certain;
        let Some((update, selected, h1)) = updates
            .get(address)
            .zip(provider.selected.as_ref())
            .zip(provider.h1.as_ref())
            .map(|((update, selected), h1)| (update, selected, h1))
        else {
            is_known = false;
            continue;
        };
        let constraints = requirement.constraints.to_string();
        let version = selected.id.version.clone();
        let entry = match (update, lock) {
            (LockUpdate::Untouched, Some(lock)) => lock.clone(),
            (LockUpdate::Refreshed, Some(lock)) => Lock { version, constraints, hashes: lock.hashes.clone() },
            _ => {
                let mut hashes = selected.locked_hashes.clone();
                hashes.push(h1.clone());
                hashes.sort();
                hashes.dedup();
                Lock { version, constraints, hashes }
            }
        };
        after.insert(address.clone(), entry);
    }
    if facts.init.lockfile_readonly {
        if lacks_certainly || (is_known && !after.keys().eq(before.keys())) {
            return LockChange::Refused(refused(facts));
        }
        return if !is_known || is_equal(&before, &after) { LockChange::None } else { LockChange::Withheld };
    }
    if updates_are_missing(facts, providers, updates) || is_equal(&before, &after) {
        return LockChange::None;
    }
    LockChange::Written(text(facts.engine.name, &after))
}

fn updates_are_missing(
    facts: &Facts,
    providers: &[ProviderPrediction],
    updates: &BTreeMap<ProviderAddress, LockUpdate>,
) -> bool {
    providers.iter().any(|provider| {
        requirements::is_installed(facts, &provider.requirement)
            && !updates.contains_key(&provider.requirement.address)
    })
}

/// `constraints` are not compared.
fn is_equal(before: &BTreeMap<ProviderAddress, Lock>, after: &BTreeMap<ProviderAddress, Lock>) -> bool {
    before.len() == after.len()
        && before.iter().zip(after).all(|((one, before), (other, after))| {
            one == other && before.version == after.version && before.hashes == after.hashes
        })
}

fn refused(facts: &Facts) -> Failure {
    Failure::new(
        Step::LockFile,
        Code::LockFileReadonly,
        "Provider dependency changes detected",
        format!(
            "Changes to the required provider dependencies were detected, but the lock file is read-only. To use and \
             record these requirements, run \"{} init\" without the \"-lockfile=readonly\" flag.",
            facts.engine.name
        ),
    )
}

fn text(engine: EngineName, locks: &BTreeMap<ProviderAddress, Lock>) -> String {
    let mut text = format!(
        "# This file is maintained automatically by \"{engine} init\".\n# Manual edits may be lost in future updates.\n"
    );
    for (address, lock) in locks {
        let _ = write!(text, "\nprovider \"{address}\" {{\n");
        if lock.constraints.is_empty() {
            let _ = writeln!(text, "  version = \"{}\"", lock.version);
        } else {
            let _ = writeln!(text, "  version     = \"{}\"", lock.version);
            let _ = writeln!(text, "  constraints = \"{}\"", lock.constraints);
        }
        if !lock.hashes.is_empty() {
            text.push_str("  hashes = [\n");
            for hash in &lock.hashes {
                let _ = writeln!(text, "    {},", quoted(hash.as_str()));
            }
            text.push_str("  ]\n");
        }
        text.push_str("}\n");
    }
    text
}

/// A string literal of HCL 2. Only hashes need it: their values are whatever the lock file held.
fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '"' | '\\' => literal.extend(['\\', character]),
            '$' | '%' if characters.peek() == Some(&'{') => literal.extend([character, character]),
            _ => literal.push(character),
        }
    }
    literal.push('"');
    literal
}
