//! The CLI configuration that the engine would read by itself: after most mistakes in it the engine asks the internet.

use airtight_engine::cli_config::{
    CliConfig, CliConfigProblem, Effect, FileOutcome, InheritedFile, Method, MethodKind, ProblemKind, UrlMistake,
    url_mistake,
};
use airtight_engine::predict::{Facts, Prediction};
use airtight_finding::{Claim, Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::unlikely_text::UnlikelyText;

const OVERRIDDEN: Claim = Claim {
    noun: "provider",
    of_one: "is replaced with a development build by the CLI configuration",
    of_many: "are replaced with development builds by the CLI configuration",
};

/// Findings about files that were read instead of generated.
pub fn check(facts: &Facts, prediction: &Prediction, config: &CliConfig, files: &[InheritedFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().filter_map(unread).collect();
    findings.extend(config.problems.iter().map(|problem| {
        finding(problem, problem.kind.to_string()).detail(match problem.effect {
            Effect::FileDropped => "The engine prints an error, ignores the whole file and uses its defaults.",
            Effect::BlockDropped => "The engine prints an error and ignores the block.",
            Effect::MethodDropped => "The engine prints an error and ignores the installation method.",
            Effect::None => "The engine prints an error and goes on.",
        })
    }));
    if let Some(installation) = &config.installation {
        for entry in &installation.dev_overrides {
            findings.push(
                Finding::about(
                    Code::CliConfigDevOverrides,
                    Severity::Error,
                    Owner::Administrator,
                    format!("`{}`", entry.address),
                    OVERRIDDEN,
                )
                .detail("Later commands would run that build without checking the lock file.")
                .help("Remove `dev_overrides` from the CLI configuration.")
                .at(entry.place.clone(), ""),
            );
        }
        findings.extend(installation.methods.iter().filter_map(mistaken_url));
    }
    // What the engine does without a file that it drops is said there.
    let is_dropped = config.problems.iter().any(|problem| problem.effect == Effect::FileDropped);
    let is_asked = |method: &Method| {
        !is_dropped && prediction.providers.iter().any(|provider| method.accepts(&provider.requirement.address))
    };
    for source in facts.sources.methods.iter().filter(|source| is_asked(&source.method)) {
        findings.extend(reaching_out(facts, config, &source.method));
    }
    findings
}

/// One cause is one finding: a file or a method that the engine drops explains the providers that it then does not find.
pub(crate) fn explain_missing(config: &CliConfig, findings: &mut [Finding], requirements: &mut Vec<Finding>) {
    let is_drop = |effect: Effect| matches!(effect, Effect::FileDropped | Effect::MethodDropped);
    let Some(problem) = config.problems.iter().find(|problem| is_drop(problem.effect)) else { return };
    let cause = findings.iter_mut().find(|finding| {
        finding.severity == Severity::Error && finding.places.iter().any(|label| label.place == problem.place)
    });
    let Some(cause) = cause else { return };
    let is_consequence = |finding: &Finding| {
        matches!(finding.code, Code::ProviderMissing | Code::CliConfigMethodDropped | Code::CliConfigReachesOut)
    };
    for finding in requirements.extract_if(.., |finding| is_consequence(finding)) {
        if !cause.detail.contains(&finding.detail) {
            cause.detail = format!("{} {}", cause.detail, finding.detail);
        }
        cause.places.extend(finding.places);
    }
}

fn unread(file: &InheritedFile) -> Option<Finding> {
    let reason = match &file.outcome {
        // Without a word of ours: the gate stops if a file is not read.
        FileOutcome::Read | FileOutcome::NotRead(_) => return None,
        FileOutcome::Missing => "it does not exist",
        FileOutcome::IsDirectory => "it is a directory",
        FileOutcome::Unreadable(reason) => reason,
    };
    let summary = format!("the CLI configuration cannot be read: {reason}");
    let finding = Finding::new(Code::CliConfigMissing, Severity::Error, Owner::Administrator, summary)
        .detail("The engine only warns about this, and then uses the internet.")
        .help("Mount the file where TF_CLI_CONFIG_FILE says, readable for the run's user.");
    Some(finding.at(Place::file(&file.path), ""))
}

fn reaching_out(facts: &Facts, config: &CliConfig, method: &Method) -> Option<Finding> {
    let asked = match &method.kind {
        MethodKind::FilesystemMirror { .. } => return None,
        MethodKind::Direct => "the providers' own registries",
        MethodKind::NetworkMirror { .. } => "a network mirror",
        MethodKind::OciMirror { .. } => "an OCI registry",
    };
    let finding = |summary| Finding::new(Code::CliConfigReachesOut, Severity::Warning, Owner::Administrator, summary);
    if config.installation.is_some() {
        let finding = finding(format!("`provider_installation` also asks {asked}"))
            .detail("The engine asks every method that accepts a provider, even if a mirror has it and the lock file pins it.")
            .help("Remove the method, or let it `include` only providers that no mirror has.");
        return Some(match &method.place {
            Some(place) => finding.at(place.clone(), ""),
            None => finding,
        });
    }
    let title = facts.engine.name.title();
    let finding = finding(format!("no usable `provider_installation`: {title} would ask the internet"))
        .detail("Without that block the engine uses directories below the home directory, then the registries.")
        .help("Run the engine with `airtight run` or a hook, or write a file with `airtight render cli-config`.");
    Some(match &config.path {
        Some(path) => finding.at(Place::file(path), ""),
        None => finding,
    })
}

/// The finding for a problem, without what it leads to.
pub fn finding(problem: &CliConfigProblem, summary: String) -> Finding {
    let (code, severity) = match problem.effect {
        Effect::FileDropped | Effect::BlockDropped => (Code::CliConfigBroken, Severity::Error),
        Effect::MethodDropped => (Code::CliConfigMethodDropped, Severity::Error),
        Effect::None => (Code::CliConfigBroken, Severity::Warning),
    };
    Finding::new(code, severity, Owner::Administrator, summary)
        .help(fix(&problem.kind, problem.place.path.as_str()))
        .at(problem.place.clone(), "")
}

fn fix(kind: &ProblemKind, path: &str) -> String {
    match kind {
        ProblemKind::ByteOrderMark => UnlikelyText::ByteOrderMark.fix(path),
        ProblemKind::Utf16 => UnlikelyText::Utf16.fix(path),
        ProblemKind::NotUtf8 => "Save the file as UTF-8.".to_owned(),
        ProblemKind::Escape { .. } => {
            "Write `\\\\` for each backslash, or `/`. Windows paths such as `C:\\Users` need this.".to_owned()
        }
        ProblemKind::MirrorUrlScheme { shown } => {
            let rest = shown.split_once("//").map_or(shown.as_str(), |(_, rest)| rest).trim();
            format!(
                "The engines take only `https:`. Write `https://{}/`, or use the files as a `filesystem_mirror`.",
                rest.trim_end_matches('/')
            )
        }
        ProblemKind::Pattern { .. } => {
            "Write each pattern as `HOST/NAMESPACE/TYPE`, each part a name or `*`.".to_owned()
        }
        ProblemKind::ArgumentTwice => "Remove one of the two.".to_owned(),
        ProblemKind::SecondInstallation => "Keep one `provider_installation` block in all files together.".to_owned(),
        ProblemKind::InstallationAssigned | ProblemKind::MethodAssigned => {
            "Write `NAME {` without `=`. In JSON, put each block in a list: `\"NAME\": [{ ... }]`.".to_owned()
        }
        ProblemKind::InstallationLabelled | ProblemKind::MethodLabelled => "Remove the label.".to_owned(),
        ProblemKind::MethodUnknown { .. } => {
            "The methods are `filesystem_mirror`, `network_mirror`, `direct`, and for OpenTofu from 1.10 `oci_mirror`."
                .to_owned()
        }
        ProblemKind::DevOverridesNotFirst => "Remove `dev_overrides`.".to_owned(),
        _ => "Correct the file. Its language is HCL 1: double quotes, no functions, no expressions. `airtight render \
              cli-config` writes a file that both engines read."
            .to_owned(),
    }
}

/// A URL that the engine takes, though it asks for something else than what was meant.
fn mistaken_url(method: &Method) -> Option<Finding> {
    let MethodKind::NetworkMirror { url } = &method.kind else { return None };
    let (what, asked, meant) = match url_mistake(url)? {
        UrlMistake::Blank { asked, meant } => ("has a blank", asked, meant),
        UrlMistake::NoSlash { asked, meant } => ("does not end in `/`", asked, meant),
    };
    let summary = format!("the URL of the network mirror {what}: the engine asks below `{asked}`");
    let finding = Finding::new(Code::NetworkMirrorUrl, Severity::Warning, Owner::Administrator, summary)
        .help(format!("If that is not what you meant, write `url = \"{meant}\"`."));
    Some(match &method.place {
        Some(place) => finding.at(place.clone(), ""),
        None => finding,
    })
}
