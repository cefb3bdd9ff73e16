//! The lock file afterwards, byte for byte.
//!
//! Source: OpenTofu `internal/command/init.go` `getProviders`, `internal/depsfile/locks_file.go` `SaveLocksToBytes`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::installation::LockUpdate;
use super::locks::{self, Lock};
use super::{Cause, Facts, Failure, ProviderPrediction, Requirement, Stage, requirements};
use airtight_finding::Code;
use airtight_provider::{EngineName, ProviderAddress};

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
    /// `-lockfile=readonly`: whether the set of providers would change depends on what was not seen.
    Unknown,
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
            (LockUpdate::Refreshed, Some(lock)) => Lock { version, constraints, ..lock.clone() },
            _ => {
                let mut hashes = selected.locked_hashes.clone();
                hashes.push(h1.clone());
                hashes.sort();
                hashes.dedup();
                Lock { version, constraints, hashes, is_sorted: true }
            }
        };
        after.insert(address.clone(), entry);
    }
    if facts.init.lockfile_readonly {
        let is_same_set = after.keys().eq(before.keys());
        if lacks_certainly || (is_known && !is_same_set) {
            return LockChange::Refused(refused(facts, providers, &before));
        }
        if !is_same_set {
            return LockChange::Unknown;
        }
        return if !is_known || is_equal(&before, &after) { LockChange::None } else { LockChange::Withheld };
    }
    if updates_are_missing(facts, providers, updates) || is_equal(&before, &after) {
        return LockChange::None;
    }
    let text = text(facts.engine.name, &after);
    // OpenTofu writes the same again and again where it adopted an entry that it does not need.
    if *text == *facts.lock.text { LockChange::None } else { LockChange::Written(text) }
}

fn updates_are_missing(
    facts: &Facts,
    providers: &[ProviderPrediction],
    updates: &BTreeMap<ProviderAddress, LockUpdate>,
) -> bool {
    providers.iter().any(|provider| {
        requirements::is_installed(facts, &provider.requirement) && !updates.contains_key(&provider.requirement.address)
    })
}

/// `constraints` are not compared; hashes are, in the order in which the file has them.
fn is_equal(before: &BTreeMap<ProviderAddress, Lock>, after: &BTreeMap<ProviderAddress, Lock>) -> bool {
    before.len() == after.len()
        && before.iter().zip(after).all(|((one, before), (other, after))| {
            one == other && before.is_sorted && before.version == after.version && before.hashes == after.hashes
        })
}

/// Names the providers that have no entry, and the entries that nothing needs.
fn refused(facts: &Facts, providers: &[ProviderPrediction], before: &BTreeMap<ProviderAddress, Lock>) -> Failure {
    let mut failure = Failure::new(
        Stage::LockFile,
        Code::LockFileReadonly,
        "Provider dependency changes detected",
        format!(
            "Changes to the required provider dependencies were detected, but the lock file is read-only. To use and \
             record these requirements, run \"{} init\" without the \"-lockfile=readonly\" flag.",
            facts.engine.name
        ),
    );
    let requirements = || providers.iter().map(|provider| &provider.requirement);
    let is_missing = |requirement: &&Requirement| {
        requirements::is_installed(facts, requirement) && !before.contains_key(&requirement.address)
    };
    let unlocked = requirements().filter(is_missing).map(|one| one.address.clone()).collect::<Vec<_>>();
    let unused = requirements().filter(|requirement| !requirement.is_needed);
    let unused = unused.map(|one| one.address.clone()).collect::<Vec<_>>();
    let entries = unused.iter().filter_map(|address| facts.lock.lock_for(address));
    failure.places = entries.map(|lock| lock.place.clone()).collect();
    failure.providers.clone_from(&unlocked);
    failure.because(Cause::LockSet { unlocked, unused })
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

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Outcome, Stage};
    use super::*;
    use crate::state::Unseen;

    const RANDOM: &str = "registry.terraform.io/hashicorp/random";

    /// `null` locked and in the mirror, read-only.
    fn readonly() -> Case {
        let mut case = Case::null_locked("1.0.0", &[A]);
        case.facts.init.lockfile_readonly = true;
        case.unpacked(NULL, "1.0.0", Ok(A));
        case
    }

    #[test]
    fn readonly_lets_hashes_differ_and_refuses_another_set_of_providers() {
        let case = readonly();
        assert_eq!(case.predict().init, Outcome::Success);
        assert!(!case.predict().withholds_lock_changes);

        let mut case = readonly();
        case.facts.lock.locks[0].hashes = hashes(&[ZIP]);
        let prediction = case.predict();
        assert_eq!((prediction.init, prediction.lock_after), (Outcome::Success, None));
        assert!(prediction.withholds_lock_changes);

        let mut missing = readonly();
        missing.require("random", None, None);
        missing.unpacked(RANDOM, "3.0.0", Ok(B));
        let mut only_in_state = readonly();
        only_in_state.need_in_state(RANDOM);
        only_in_state.unpacked(RANDOM, "3.0.0", Ok(B));
        let mut extra = readonly();
        extra.lock(RANDOM, "3.0.0", "", &[B]);
        let mut no_lock_file = readonly();
        no_lock_file.facts.lock.locks.clear();
        for case in [missing, only_in_state, extra, no_lock_file] {
            let prediction = case.predict();
            assert_eq!(prediction.init, Outcome::Failure);
            assert_eq!(prediction.failures[0].summary, "Provider dependency changes detected");
            assert_eq!(prediction.failures[0].stage, Stage::LockFile);
        }
    }

    #[test]
    fn an_extra_entry_is_no_failure_where_an_unseen_state_may_need_it() {
        let mut case = readonly();
        case.lock(RANDOM, "3.0.0", "", &[B]);
        case.facts.state.unseen = Some(Unseen::Backend { kind: "s3".to_owned() });
        assert_eq!(case.predict().init, Outcome::Unknown);
    }

    #[test]
    fn extra_entries_go_and_constraints_alone_do_not_rewrite() {
        let mut case = Case::null_locked("1.0.0", &[A]);
        case.require("null", Some("hashicorp/null"), Some("~> 1.0"));
        case.unpacked(NULL, "1.0.0", Ok(A));
        assert_eq!(case.predict().lock_after, None);
        case.lock("registry.terraform.io/hashicorp/aws", "5.0.0", "", &["zh:zz"]);
        let expected = format!(
            "# This file is maintained automatically by \"terraform init\".\n# Manual edits may be lost in future \
             updates.\n\nprovider \"{NULL}\" {{\n  version     = \"1.0.0\"\n  constraints = \"~> 1.0\"\n  hashes = [\n    \
             \"{A}\",\n  ]\n}}\n"
        );
        assert_eq!(case.predict().lock_after.as_deref(), Some(expected.as_str()));
    }

    #[test]
    fn tofu_writes_what_it_adopted_only_where_bytes_change() {
        let mut case = Case::new(tofu("1.12.6"));
        case.require("null", Some(NULL), None);
        case.lock(NULL, "3.2.1", "", &[A]);
        case.unpacked(NULL, "3.2.1", Ok(A));
        let rewritten = case.predict().lock_after.expect("the adopted entry is dropped again");
        assert!(rewritten.starts_with("# This file is maintained automatically by \"tofu init\"."));
        case.facts.lock.text = rewritten.into();
        assert_eq!(case.predict().lock_after, None);
        case.facts.init.lockfile_readonly = true;
        assert_eq!(case.predict().init, Outcome::Failure);
    }

    #[test]
    fn tofu_selects_the_predecessors_version_without_its_hashes() {
        let mut case = Case::new(tofu("1.12.6"));
        case.require("null", None, None);
        case.lock(NULL, "3.2.1", "", &[B]);
        let own = "registry.opentofu.org/hashicorp/null";
        case.unpacked(own, "3.2.2", Ok(B));
        case.unpacked(own, "3.2.1", Ok(A));
        let prediction = case.predict();
        assert_eq!(prediction.init, Outcome::Success, "{:?}", prediction.failures);
        let text = prediction.lock_after.unwrap();
        assert!(text.contains(&format!("provider \"{own}\" {{\n  version = \"3.2.1\"\n  hashes = [\n    \"{A}\",")));
        assert!(!text.contains(NULL));
        case.facts.engine = tofu("1.9.4");
        assert!(case.predict().lock_after.unwrap().contains("3.2.2"));
    }

    #[test]
    fn reattached_providers_keep_their_entries() {
        let mut case = Case::null_locked("1.0.0", &["h2:x"]);
        case.facts.reattached.push(address(NULL));
        let prediction = case.predict();
        assert_eq!((prediction.init, prediction.lock_after), (Outcome::Success, None));
    }

    #[test]
    fn hash_texts_are_escaped_as_string_literals() {
        assert_eq!(quoted("zh:${a}%{b}\"\\\n$"), "\"zh:$${a}%%{b}\\\"\\\\\\n$\"");
    }
}
