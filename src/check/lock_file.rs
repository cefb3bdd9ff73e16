//! The lock file against what is required.

use crate::finding::{Code, Finding, Owner, Severity};
use crate::predict::{Facts, Prediction};

/// Entries that nothing requires, and a lock file that is not there.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    let mut findings = Vec::new();
    for provider in prediction.providers.iter().filter(|provider| !provider.requirement.is_needed) {
        let Some(lock) = facts.lock.lock_for(&provider.requirement.address) else { continue };
        // With `-lockfile=readonly` the engine fails on it, which the prediction says.
        if facts.init.lockfile_readonly {
            continue;
        }
        let unseen = facts.state.unseen.is_some();
        let finding = Finding::new(
            Code::LockEntryUnused,
            Severity::Warning,
            Owner::Repository,
            format!("nothing requires `{}`", lock.address),
        );
        findings.push(
            finding
                .detail(if unseen {
                    "Neither the configuration nor what is seen of the state needs it; `init` would remove the entry \
                     unless the state behind the backend does."
                } else {
                    "`init` would remove the entry from the lock file."
                })
                .help(format!("Run `{} init` where there is network, and commit the lock file.", facts.engine.name))
                .at(lock.place.clone(), ""),
        );
    }
    for warning in &facts.lock.warnings {
        findings.push(
            Finding::new(Code::LockFileInvalid, Severity::Warning, Owner::Repository, warning.summary.clone())
                .detail(warning.detail.clone())
                .at(warning.place.clone(), ""),
        );
    }
    findings
}
