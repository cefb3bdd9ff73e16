//! Reports inputs that could not be read, instead of guessing them.

use airtight_engine::predict::{Facts, Prediction};
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;

/// Notes for what nobody can see here, warnings for what airtight could not read, and for missing inputs.
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
            Code::ModuleNeedsNetwork => finding
                .help("If the run can reach the host, nothing needs a fix: airtight checks what `init` installs."),
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
                format!("airtight cannot read this, but the engine may be able to: {}", problem.summary),
            )
            .detail(problem.detail.clone())
            .help("If the engine can read it, nothing needs a fix: the run continues, and airtight checks what `init` installs.")
            .at(problem.place.clone(), ""),
        );
    }
    findings
}
