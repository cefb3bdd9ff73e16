//! The CLI configuration that the engine would read by itself: its mistakes end in the internet being asked.

use airtight_engine::cli_config::{CliConfig, CliConfigProblem, Effect, FileOutcome, InheritedFile, MethodKind};
use airtight_engine::predict::Facts;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;

/// Findings about files that were read instead of generated.
pub fn check(facts: &Facts, config: &CliConfig, files: &[InheritedFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let reason = match &file.outcome {
            // Not read is not judged: the gate stops there.
            FileOutcome::Read | FileOutcome::NotRead(_) => continue,
            FileOutcome::Missing => "it does not exist",
            FileOutcome::IsDirectory => "it is a directory",
            FileOutcome::Unreadable(reason) => reason,
        };
        findings.push(
            Finding::new(
                Code::CliConfigMissing,
                Severity::Error,
                Owner::Administrator,
                format!("the CLI configuration cannot be read: {reason}"),
            )
            .detail("The engine only prints a warning, and then asks the internet.")
            .help("Mount the file at the path in TF_CLI_CONFIG_FILE, readable for the run's user.")
            .at(Place::file(&file.path), ""),
        );
    }
    // A file that is not there is said above, in our words.
    let unread = |problem: &CliConfigProblem| {
        files.iter().any(|file| file.outcome != FileOutcome::Read && file.path == problem.problem.place.path)
    };
    findings.extend(config.problems.iter().filter(|problem| !unread(problem)).map(problem));
    for method in config.installation.iter().flat_map(|installation| &installation.methods) {
        let asked = match &method.kind {
            MethodKind::FilesystemMirror { .. } => continue,
            MethodKind::Direct => "the providers' own registries",
            MethodKind::NetworkMirror { .. } => "a network mirror",
            MethodKind::OciMirror { .. } => "an OCI registry",
        };
        findings.push(
            Finding::new(
                Code::CliConfigReachesOut,
                Severity::Warning,
                Owner::Administrator,
                format!("`provider_installation` asks {asked} in addition to any mirror"),
            )
            .detail("The engine asks every method that accepts a provider, even if a mirror has it and the lock file pins it.")
            .help("Remove the method, or let its `include` list only providers that no mirror has.")
            .at(config.path.clone().map_or_else(|| Place::file("provider_installation"), Place::file), ""),
        );
    }
    if config.installation.is_none() {
        let finding = Finding::new(
            Code::CliConfigReachesOut,
            Severity::Warning,
            Owner::Administrator,
            format!("no usable `provider_installation`: {} would ask the internet", facts.engine.name.title()),
        )
        .detail("Without that block the engine uses directories below the home directory, then the registries.")
        .help("Run the engine through `airtight run` or a hook, or write a file with `airtight render cli-config`.");
        findings.push(match &config.path {
            Some(path) => finding.at(Place::file(path), ""),
            None => finding,
        });
    }
    findings
}

fn problem(problem: &CliConfigProblem) -> Finding {
    let (code, severity, effect) = match problem.effect {
        Effect::FileDropped => (
            Code::CliConfigBroken,
            Severity::Error,
            "The engine ignores the whole file and continues with its defaults.",
        ),
        Effect::BlockDropped => {
            (Code::CliConfigBroken, Severity::Error, "The engine ignores the block and continues without it.")
        }
        Effect::MethodDropped => (
            Code::CliConfigMethodDropped,
            Severity::Error,
            "The engine ignores the installation method and continues without it.",
        ),
        Effect::None => (Code::CliConfigBroken, Severity::Warning, "The engine prints this and continues."),
    };
    let said = &problem.problem;
    let detail = if said.detail.is_empty() { effect.to_owned() } else { format!("{} {effect}", said.detail) };
    Finding::new(code, severity, Owner::Administrator, said.summary.clone())
        .detail(detail)
        .help("Correct the CLI configuration; the engines read HCL 1 there.")
        .at(said.place.clone(), "")
}
