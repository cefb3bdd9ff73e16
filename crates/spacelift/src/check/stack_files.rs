//! What is wrong with the files that shape a run besides the workflow file: the runtime configuration, plugins, contexts.

use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Problem;

/// Something in `.spacelift/config.yml` that Spacelift does not document.
pub fn runtime_configuration(problems: &[Problem]) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        new(Code::RuntimeConfigurationInvalid, Owner::Repository, problem)
            .help("Correct `.spacelift/config.yml`; airtight ignored what it does not understand.")
    };
    problems.iter().map(finding).collect()
}

/// Something in a plugin's manifest, or a context, that does not fit Spacelift's schema.
pub fn plugin_manifest(problems: &[Problem]) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        new(Code::PluginManifestInvalid, Owner::Administrator, problem)
            .help("Correct the file; airtight ignored what it does not understand.")
    };
    problems.iter().map(finding).collect()
}

/// A warning, not an error: Spacelift itself may be content.
fn new(code: Code, owner: Owner, problem: &Problem) -> Finding {
    let mut summary = problem.summary.clone();
    if let Some(first) = summary.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Finding::new(code, Severity::Warning, owner, summary).detail(problem.detail.clone()).at(problem.place.clone(), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plugin_manifest as manifest, runtime_configuration as configuration};

    #[test]
    fn each_problem_is_a_warning_with_its_line() {
        let read = configuration::parse(".spacelift/config.yml".into(), "version: 2\nstack: {}\n").unwrap();
        let [finding] = &runtime_configuration(&read.problems)[..] else { panic!("{:?}", read.problems) };
        assert_eq!((finding.code, finding.severity), (Code::RuntimeConfigurationInvalid, Severity::Warning));
        assert_eq!(finding.summary, "the runtime configuration has something that Spacelift does not document");
        assert!(finding.detail.starts_with("`stack`: it is no key here"), "{}", finding.detail);
        assert_eq!(finding.places[0].place.position.as_ref().map(|position| position.line), Some(2));

        let read = manifest::parse("plugin.yml".into(), "contexts: []\n").unwrap();
        let [finding] = &plugin_manifest(&read.problems)[..] else { panic!("{:?}", read.problems) };
        assert_eq!((finding.code, finding.owner), (Code::PluginManifestInvalid, Owner::Administrator));
    }
}
