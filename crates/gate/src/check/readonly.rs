//! A lock file that stays as it is although what `init` installs needs a hash more.

use airtight_engine::predict::{Facts, Prediction};
use airtight_finding::{Claim, Code, Finding, Owner, Severity};
use airtight_provider::HashScheme;

const OTHER_H1: Claim = Claim {
    noun: "provider",
    of_one: "is locked with no `h1:` hash of this package, and `-lockfile=readonly` stops `init` from adding it",
    of_many: "are locked with no `h1:` hash of these packages, and `-lockfile=readonly` stops `init` from adding it",
};

const NO_H1: Claim = Claim {
    noun: "provider",
    of_one: "is locked with no `h1:` hash, and `-lockfile=readonly` stops `init` from adding it",
    of_many: "are locked with no `h1:` hash, and `-lockfile=readonly` stops `init` from adding it",
};

/// One error for each provider that `init` installs with no more than a warning, and that the next command refuses:
/// an installed package is a directory, which only a locked `h1:` can match.
///
/// Source: OpenTofu `internal/command/meta_providers.go` `providerFactories`.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    if !prediction.withholds_lock_changes {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for provider in &prediction.providers {
        let address = &provider.requirement.address;
        let (Some(h1), Some(lock)) = (&provider.h1, facts.lock.lock_for(address)) else { continue };
        let is_checked = lock.hashes.iter().any(airtight_provider::Hash::is_preferred);
        if !is_checked || lock.hashes.contains(h1) {
            continue;
        }
        let holds_h1 = lock.hashes.iter().any(|hash| hash.scheme() == HashScheme::H1);
        let claim = if holds_h1 { OTHER_H1 } else { NO_H1 };
        findings.push(
            Finding::about(
                Code::LockFileReadonly,
                Severity::Error,
                Owner::Repository,
                format!("`{address}` {}", lock.version),
                claim,
            )
            .detail(
                "`init` would succeed with the warning `Provider lock file not updated`, and the next command would \
                 fail: the installed package does not match any of the checksums recorded in the lock file.",
            )
            .help(
                "Add the hash with `airtight lock complete` or, on a machine with network access, with the engine's `providers \
                 lock`, and commit the lock file.",
            )
            .at(lock.hashes_place.clone().unwrap_or_else(|| lock.place.clone()), format!("`{h1}` is missing here")),
        );
    }
    findings
}
