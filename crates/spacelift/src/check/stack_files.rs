//! What is wrong with the files that shape a run: the workflow file, the runtime configuration, plugins, contexts.

use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::{Place, Problem};
use airtight_provider::text_file::{self, TextFileError};
use camino::Utf8Path;

use super::workflow_file;
use crate::workflow::{self, Origin, WorkflowFile};
use crate::{plugin_manifest as manifest, runtime_configuration as configuration};

/// Of plugins in a repository, such as `plugin.yml` at its root.
const PLUGIN_PATHS: [&str; 2] = ["plugin.yml", ".spacelift/plugin.yml"];

/// Everything that is wrong with Spacelift's files in a repository. Whether a stack uses them is not known here, so that nothing
/// is more than a warning. Paths begin with the repository's own.
pub fn of_repository(repository: &Utf8Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = repository.join(workflow::PATH);
    match text_file::read_document(&path, workflow::LIMIT_BYTES) {
        Ok(text) => findings.extend(workflow_file(&WorkflowFile::parse(&path, &text, Origin::Source))),
        Err(TextFileError::Missing) => {
            let lookalikes = workflow::lookalikes(repository, Utf8Path::new(""));
            findings.extend((!lookalikes.is_empty()).then(|| workflow_file::missing(repository, &lookalikes)));
        }
        Err(error) => findings.push(unreadable_workflow(&path, &error)),
    }
    let path = repository.join(configuration::PATH);
    match text_file::read_document(&path, configuration::LIMIT_BYTES) {
        Ok(text) => {
            findings.push(replaceable_configuration(&path));
            match configuration::parse(&path, &text) {
                Ok(configuration) => findings.extend(runtime_configuration(&configuration.problems)),
                Err(problem) => findings.extend(runtime_configuration(&[problem])),
            }
        }
        Err(TextFileError::Missing) => {}
        Err(error) => findings.push(unreadable_configuration(&path, &error)),
    }
    for path in PLUGIN_PATHS.map(|path| repository.join(path)) {
        let Ok(text) = text_file::read(&path, configuration::LIMIT_BYTES) else { continue };
        // Other tools have files of that name.
        match manifest::parse(&path, &text) {
            Ok(manifest) if manifest.problems.is_empty() => {}
            Ok(manifest) if text.contains("contexts:") || text.contains("webhooks:") => {
                findings.extend(plugin_manifest(&manifest.problems));
            }
            Ok(_) | Err(_) => {}
        }
    }
    for finding in &mut findings {
        finding.severity = finding.severity.max(Severity::Warning);
    }
    findings
}

/// A workflow file, and that a branch can replace it.
pub fn workflow_file(file: &WorkflowFile) -> Vec<Finding> {
    let mut findings = workflow_file::findings(file);
    if file.origin == Origin::Source {
        findings.push(
            Finding::new(
                Code::RunReplaceable,
                Severity::Warning,
                Owner::Administrator,
                "a branch can replace the workflow tool's commands",
            )
            .detail("The workflow file is the repository's own: what it calls, a pull request can change.")
            .help(
                "Mount it at `source/.spacelift/workflow.yml`, by the stack or a context, and rehearse it with `--workflow \
                 FILE`: a mounted file wins.",
            )
            .at(Place::file(&file.path), ""),
        );
    }
    findings
}

/// A workflow file that cannot be read.
pub(crate) fn unreadable_workflow(path: &Utf8Path, error: &TextFileError) -> Finding {
    let summary = format!("the workflow file cannot be read: {error}");
    let help = error.fix(path).unwrap_or_else(|| "Write the whole file again: `airtight render workflow`.".to_owned());
    Finding::new(Code::WorkflowFileInvalid, Severity::Error, Owner::Repository, summary)
        .help(help)
        .at(Place::file(path), "")
}

/// A runtime configuration that cannot be read.
pub(crate) fn unreadable_configuration(path: &Utf8Path, error: &TextFileError) -> Finding {
    let summary = format!("the runtime configuration cannot be read: {error}");
    let help = error.fix(path).unwrap_or_else(|| "Put a file in UTF-8 into its place, or remove it.".to_owned());
    Finding::new(Code::RuntimeConfigurationInvalid, Severity::Warning, Owner::Repository, summary)
        .help(help)
        .at(Place::file(path), "")
}

/// That a runtime configuration is in the repository.
pub(crate) fn replaceable_configuration(path: &Utf8Path) -> Finding {
    Finding::new(
        Code::RunReplaceable,
        Severity::Warning,
        Owner::Administrator,
        "a branch can change hooks, variables and the image of its own runs",
    )
    .detail("The repository has a runtime configuration, which Spacelift reads from the branch that it runs.")
    .help("Give the stack the label `feature:ignore_runtime_config`, and rehearse it with `--ignore-runtime-configuration`.")
    .at(Place::file(path), "")
}

/// Something in `.spacelift/config.yml` that Spacelift does not document.
pub fn runtime_configuration(problems: &[Problem]) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        new(Code::RuntimeConfigurationInvalid, Owner::Repository, problem)
            .help("Correct `.spacelift/config.yml`; airtight ignored what it does not understand.")
    };
    problems.iter().map(finding).collect()
}

/// A stack that the file does not name, while it names one that is written almost alike.
#[cfg(feature = "rehearsal")]
pub(crate) fn misspelt_stack(read: &configuration::RuntimeConfiguration, slug: &str) -> Option<Finding> {
    let known: Vec<&str> = read.stacks.keys().map(String::as_str).collect();
    let nearest = airtight_gate::yaml_document::nearest(slug, &known).filter(|nearest| *nearest != slug)?;
    let summary =
        format!("the runtime configuration has no settings for the stack `{slug}`. Did you mean `{nearest}`?");
    Some(
        Finding::new(Code::RuntimeConfigurationInvalid, Severity::Warning, Owner::Repository, summary)
            .help(format!("If they are for this stack, name them `{slug}` below `stacks`."))
            .at(Place::file(configuration::PATH), ""),
    )
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
