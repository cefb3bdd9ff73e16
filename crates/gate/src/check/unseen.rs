//! Reports inputs that could not be read, instead of guessing them.

use airtight_engine::predict::{Facts, Prediction};
use airtight_engine::root_modules;
use airtight_engine::state::Unseen;
use airtight_finding::{Code, Finding, Owner, Severity, shell_word};
use airtight_hcl::Place;

/// Notes for what nobody can see here, warnings for what airtight could not read, and for missing inputs.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    let mut findings = Vec::new();
    for assumption in &prediction.assumptions {
        let finding = Finding::new(assumption.code, Severity::Note, Owner::Administrator, assumption.text.clone());
        if matches!(
            assumption.code,
            Code::ConfigurationNotUnderstood | Code::InitArgumentsInvalid | Code::DirectoryUnwritable
        ) {
            continue;
        }
        findings.push(match assumption.code {
            Code::StateUnseen => finding
                .detail(if matches!(facts.state.unseen, Some(Unseen::Backend { .. })) {
                    "`init` reads the state with the network and the credentials of the run, and also installs what only the \
                     state needs. Neither is seen here."
                } else {
                    "`init` also installs what only the state needs, and that is not seen here."
                })
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
        findings.push(without_configuration(facts));
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

/// The engine does nothing here. Terragrunt's units and directories above the root modules look like this.
fn without_configuration(facts: &Facts) -> Finding {
    let directory = &facts.root_module;
    let finding = |summary: &str| {
        Finding::new(Code::ConfigurationMissing, Severity::Warning, Owner::Administrator, summary)
            .detail("The engine ends with exit code 0 here, and the next phase fails.")
    };
    let terragrunt = ["terragrunt.hcl", "terragrunt.hcl.json", "terragrunt.stack.hcl"];
    if let Some(file) = terragrunt.into_iter().map(|name| directory.join(name)).find(|path| path.is_file()) {
        return finding("this is a unit of Terragrunt, and the engine does not read `terragrunt.hcl`")
            .help(
                "Let Terragrunt run the engine, by a stack of the Terragrunt vendor. Or check what it generates: `terragrunt \
                 init` prints the directory below `.terragrunt-cache`, for `airtight check DIR`.",
            )
            .at(Place::file(file), "");
    }
    let below = root_modules::below(std::slice::from_ref(directory)).unwrap_or_default();
    let finding = finding("this directory holds no configuration, so `init` would do nothing");
    let finding = match below.as_slice() {
        [] => finding.help("Name the directory that holds the configuration: the stack's project root, or `airtight check DIR`."),
        [only] => finding.help(format!(
            "The one root module below is `{}`: set the stack's project root to it, or name it to `airtight check`.",
            only.directory
        )),
        [first, ..] => finding.help(format!(
            "{} root modules are below: check them with `airtight check --recursive {}`, or set the stack's project root to one \
             of them, such as `{}`.",
            below.len(),
            shell_word(directory.as_str()),
            first.directory
        )),
    };
    finding.at(Place::file(directory), "")
}
