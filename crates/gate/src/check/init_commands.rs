//! The repository's own commands that run during `init`: said before they run.

use airtight_engine::init_commands::{InitCommand, InitCommandKind};
use airtight_finding::{Code, Finding, Owner, Severity};

/// One finding for each. A warning: nothing that such a command changes lets an unproven provider start, and legitimate key
/// providers exist. An image that allows none sets the rule `init-runs-command` to `deny`.
pub fn check(commands: &[InitCommand]) -> Vec<Finding> {
    commands.iter().map(one).collect()
}

fn one(command: &InitCommand) -> Finding {
    let what = match command.kind {
        InitCommandKind::ExternalKeyProvider => "the `external` key provider of the `encryption` block",
        InitCommandKind::KubernetesExec => "the `exec` entry of the `kubernetes` backend",
        InitCommandKind::AwsCredentialProcess => "the `credential_process` of the `s3` backend",
    };
    let (owner, summary) = match &command.place {
        Some(_) => (Owner::Repository, format!("`init` will run a command of the repository: {what}")),
        None => (Owner::Administrator, format!("`init` will run a command that `TF_ENCRYPTION` names: {what}")),
    };
    let finding = Finding::new(Code::InitRunsCommand, Severity::Warning, owner, summary)
    .detail(
        "It runs as the run's user, before any provider is installed, with everything that the phase's environment holds. \
         What it changes in the workspace cannot make an unproven provider start.",
    )
    .help("If this stack must not run commands of pull requests, set `rules: {init-runs-command: deny}` in the image's settings.");
    match &command.place {
        Some(place) => finding.at(place.clone(), ""),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use airtight_hcl::Place;

    use super::*;

    #[test]
    fn each_command_is_a_warning_at_its_place() {
        let kinds = [
            (InitCommandKind::ExternalKeyProvider, "encryption"),
            (InitCommandKind::KubernetesExec, "kubernetes"),
            (InitCommandKind::AwsCredentialProcess, "credential_process"),
        ];
        for (kind, word) in kinds {
            let findings = check(&[InitCommand { kind, place: Some(Place::file("main.tf")) }]);
            assert_eq!((findings[0].code, findings[0].severity), (Code::InitRunsCommand, Severity::Warning));
            assert!(findings[0].summary.contains(word) && findings[0].places[0].place.path == "main.tf");
        }
    }
}
