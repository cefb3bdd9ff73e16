//! What was not seen: told, never guessed.

use crate::finding::{Code, Finding, Owner, Severity};
use crate::predict::{Facts, Prediction};

/// Notes for what no reader could see, warnings for what ours could not read.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    let mut findings = Vec::new();
    for assumption in &prediction.assumptions {
        let finding = Finding::new(assumption.code, Severity::Note, Owner::Administrator, assumption.text.clone());
        if assumption.code == Code::ConfigurationNotUnderstood {
            continue;
        }
        findings.push(match assumption.code {
            Code::StateUnseen => finding
                .detail("`init` will succeed unless the state needs a provider that is not listed.")
                .help("Give the state to `airtight check --state FILE`: a state file, or the output of `show -json`."),
            _ => finding,
        });
    }
    let modules = std::iter::once(&facts.configuration.root)
        .chain(facts.configuration.children.values().filter_map(|child| child.module.as_ref()));
    let problems = modules.flat_map(|module| &module.not_understood).chain(&facts.configuration.tests.not_understood);
    for problem in problems {
        findings.push(
            Finding::new(
                Code::ConfigurationNotUnderstood,
                Severity::Warning,
                Owner::Repository,
                format!("airtight cannot read this, the engine perhaps can: {}", problem.summary),
            )
            .detail(problem.detail.clone())
            .at(problem.place.clone(), ""),
        );
    }
    findings
}
