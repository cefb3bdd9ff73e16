//! The lock file against what is required.

use super::lock_fixes::entry_removal;
use airtight_engine::configuration::Module;
use airtight_engine::predict::{Facts, Prediction, ProviderPrediction};
use airtight_finding::{Claim, Code, Finding, Owner, Severity};
use airtight_hcl::Problem;
use airtight_provider::lock_file::LockFile;

/// Entries that nothing requires, and what is not read of the file.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_unused = |provider: &&ProviderPrediction| !provider.requirement.is_needed && is_read_fully(facts);
    for provider in prediction.providers.iter().filter(is_unused) {
        let Some(lock) = facts.lock.lock_for(&provider.requirement.address) else { continue };
        // With `-lockfile=readonly` the engine fails on it, which the prediction says.
        if facts.init.lockfile_readonly {
            continue;
        }
        let unseen = facts.state.unseen.is_some();
        let claim = Claim {
            noun: "provider",
            of_one: "is locked, but nothing requires it",
            of_many: "are locked, but nothing requires them",
        };
        let subject = format!("`{}`", lock.address);
        let finding = Finding::about(Code::LockEntryUnused, Severity::Warning, Owner::Repository, subject, claim);
        findings.push(
            finding
                .detail(if unseen {
                    "Neither the configuration nor the part of the state that can be seen requires it. `init` removes such entries, \
                     unless the rest of the state requires them."
                } else {
                    "`init` removes such entries from the lock file."
                })
                .help(match entry_removal(&facts.lock, &lock.address).filter(|_| !unseen) {
                    Some(command) => format!("Remove the entry, and commit the lock file: {command}"),
                    None => format!(
                        "Run `{} init` on a machine with network access, and commit the lock file.",
                        facts.engine.name
                    ),
                })
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
    findings.extend(not_understood(&facts.lock));
    findings
}

/// Whether everything that could require a provider was read.
fn is_read_fully(facts: &Facts) -> bool {
    let root = &facts.configuration.root;
    let children = facts.configuration.children.values();
    let is_read = |module: &Module| module.not_understood.is_empty();
    let tests = &facts.configuration.tests;
    is_read(root)
        && !root.files.is_empty()
        && tests.not_understood.is_empty()
        && children.map(|child| child.module.as_ref()).all(|module| module.is_some_and(is_read))
}

/// What is not read of a lock file proves nothing, so it refuses although the engine may go on.
pub fn not_understood(lock: &LockFile) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        Finding::new(
            Code::LockFileInvalid,
            Severity::Error,
            Owner::Repository,
            format!("this lock file cannot prove anything here: {}", problem.summary),
        )
        .detail(problem.detail.clone())
        .help("Let the engine's `init` or `providers lock` write the lock file, and commit it unchanged.")
        .at(problem.place.clone(), "")
    };
    lock.not_understood.iter().map(finding).collect()
}
