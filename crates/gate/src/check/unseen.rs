//! What was not seen: told, never guessed.

use airtight_engine::predict::{Facts, Prediction};
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;

/// Notes for what no reader could see, warnings for what ours could not read, and where there is nothing to read.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    let mut findings = Vec::new();
    for assumption in &prediction.assumptions {
        let finding = Finding::new(assumption.code, Severity::Note, Owner::Administrator, assumption.text.clone());
        if matches!(assumption.code, Code::ConfigurationNotUnderstood | Code::InitArgumentsInvalid) {
            continue;
        }
        findings.push(match assumption.code {
            Code::StateUnseen => finding
                .detail("`init` will succeed unless the state needs a provider that is not listed.")
                .help("Give the state to `airtight check --state FILE`: a state file, or the output of `show -json`."),
            Code::ModuleNeedsNetwork => finding.help(
                "Nothing has to be done where the host can be reached from the run: what `init` installs is judged after it.",
            ),
            _ => finding.help(format!("Read what was not seen: `airtight explain {}`", assumption.code)),
        });
    }
    let root = &facts.configuration.root;
    if facts.configuration.is_empty_to(&facts.engine)
        && root.not_understood.is_empty()
        && facts.init.from_module.is_none()
    {
        findings.push(
            Finding::new(
                Code::ConfigurationMissing,
                Severity::Warning,
                Owner::Administrator,
                "this directory holds no configuration, so `init` would do nothing",
            )
            .detail("The engine ends with exit code 0 here, and the next phase fails.")
            .help("Name the directory that holds the configuration: the stack's project root, or `airtight check DIR`.")
            .at(Place::file(&facts.root_module), ""),
        );
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
            .help("Nothing has to be done where the engine reads it: the run goes on, and what `init` installs is judged after it.")
            .at(problem.place.clone(), ""),
        );
    }
    findings
}
