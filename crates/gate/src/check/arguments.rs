//! What is odd about the arguments of `init`. Which ones an engine accepts is its own business: nothing here refuses.

use airtight_engine::init_arguments::{Given, Remark};
use airtight_engine::predict::Facts;
use airtight_finding::{Code, Finding, Owner, Severity};

/// A note for what airtight does not know, a warning for what cannot be meant.
pub fn check(facts: &Facts) -> Vec<Finding> {
    let finding = |remark: &Given<Remark>| {
        let severity = if facts.init.fails_by(remark) {
            Severity::Error
        } else if remark.value.is_certain() {
            Severity::Warning
        } else {
            Severity::Note
        };
        Finding::new(Code::InitArgumentsInvalid, severity, Owner::Administrator, remark.to_string())
            .help(help(facts, remark))
    };
    facts.init.remarks.iter().map(finding).collect()
}

fn help(facts: &Facts, remark: &Given<Remark>) -> String {
    let program = facts.engine.name;
    match &remark.value {
        Remark::Unknown { .. } => format!("Nothing, if `{program} init -help` lists it; otherwise remove it."),
        Remark::Stray { .. } => {
            "Remove it, or write it together with its flag: `-flag=value`. Quote a value that has blanks.".to_owned()
        }
        Remark::QuotedSetting { name } => match remark.origin.variable() {
            Some(variable) => {
                format!("In {variable}, put the quotes around the whole argument: `\"-backend-config={name}=...\"`.")
            }
            None => format!("Remove the inner quotes: `-backend-config={name}=...`."),
        },
        Remark::InitializesNothing { flag } => format!("Remove `{flag}`."),
        Remark::Unsplittable => format!("Close the quotes in {}.", remark.origin.name()),
        Remark::DirectoryMissing { .. } => "Name a directory that exists in `-chdir=DIR`.".to_owned(),
    }
}
