//! How to fix what is wrong with a state, and the one thing about it that is refused: a name that may be a secret.

use airtight_engine::predict::Facts;
use airtight_engine::state::{StateProblemKind, Unseen, WorkspaceFileProblem};
use airtight_finding::shell_word as quoted;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::{Engine, EngineName, ProviderAddress};
use camino::Utf8Path;

/// Refuses a file of the workspace's name that holds no name: an engine prints its text, which may be a secret.
pub fn check(facts: &Facts) -> Vec<Finding> {
    let Some(Unseen::WorkspaceFile { path, why }) = &facts.state.unseen else { return Vec::new() };
    if *why == WorkspaceFileProblem::NotRead {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::StateInvalid,
        Severity::Error,
        Owner::Repository,
        format!("`{path}` does not hold the name of a workspace"),
    );
    let why = match why {
        WorkspaceFileProblem::LeadsOut => "It is a link that leads out of the repository.",
        _ => "Names have letters, digits and any of `-_.~$&+:=@`.",
    };
    vec![
        finding
            .detail(format!(
                "{why} The engine would print the text of the file, which may be a secret, so it does not start."
            ))
            .help(format!(
                "Remove it, also from the repository: `git rm --cached {0}; rm {0}`",
                quoted(committed(path).as_str())
            ))
            .at(Place::file(path), ""),
    ]
}

/// The data directory if it is a link, behind which the file is somebody else's; else the file.
fn committed(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|directory| directory.is_symlink()).unwrap_or(path)
}

/// Who can fix what is wrong with the state, and how.
pub(super) fn fix(facts: &Facts, kind: &StateProblemKind) -> (Owner, String) {
    let program = facts.engine.name;
    let pull = format!("`{program} state pull`");
    match kind {
        StateProblemKind::WorkspaceName => (
            Owner::Administrator,
            "Unset TF_WORKSPACE in the stack's environment, or name a workspace there: letters, digits and any of \
             `-_.~$&+:=@`."
                .to_owned(),
        ),
        StateProblemKind::WorkspaceMissing => (
            Owner::Repository,
            "Name a workspace that exists in TF_WORKSPACE if it is set. If not, select one (`workspace select`), or remove \
             `environment` from the data directory (usually `.terraform`), also from the repository."
                .to_owned(),
        ),
        StateProblemKind::Unlikely(unlikely) => {
            let path = facts.state.path.as_ref().map_or("terraform.tfstate", |path| path.as_str());
            (Owner::Repository, unlikely.fix(&quoted(path)))
        }
        StateProblemKind::Encrypted => (
            Owner::Repository,
            match program {
                EngineName::Tofu => "Add the `encryption` block that the state was written with, or set TF_ENCRYPTION.",
                EngineName::Terraform => "Run it with OpenTofu, or decrypt the state there first.",
            }
            .to_owned(),
        ),
        StateProblemKind::Newer { .. } => {
            (Owner::Administrator, format!("Use an image with the {} that wrote the state.", program.title()))
        }
        StateProblemKind::LegacyOnOtherHost { provider_type, .. } => {
            (Owner::Administrator, replace_in_text(&facts.engine, provider_type))
        }
        StateProblemKind::Unreadable(_) => {
            (Owner::Administrator, "Make the state file readable for the run's user (1983 in Spacelift).".to_owned())
        }
        _ => (
            Owner::Administrator,
            format!(
                "Look at the state with {pull}, on a machine that can reach it, and restore an earlier version before the run."
            ),
        ),
    }
}

/// The data directory is of an earlier `init`, with another backend.
pub(crate) fn fix_recorded(facts: &Facts) -> String {
    let directory = quoted(facts.root_module.join(".terraform").as_str());
    format!(
        "If the data directory was committed or copied along, remove it, also from the repository: `rm -r {directory}`. If \
         the state is to stay where the configuration says, `init` needs `-reconfigure`; `-migrate-state` moves it."
    )
}

/// The engine's own command works offline, but only in a directory without configuration and lock file.
pub(super) fn fix_legacy(facts: &Facts, address: &ProviderAddress) -> (Owner, String) {
    let (program, name) = (facts.engine.name, address.provider_type());
    let replace =
        format!("{program} -chdir=/tmp/state state replace-provider -auto-approve -- -/{name} hashicorp/{name}");
    let help = match facts.state.path.as_ref().map(|path| quoted(path.as_str())) {
        Some(path) => format!(
            "Change it in a directory with nothing but the state, without network: `mkdir -p /tmp/state && cp {path} \
             /tmp/state/terraform.tfstate && {replace} && cp /tmp/state/terraform.tfstate {path}`. Write the namespace that the \
             provider has today for `hashicorp`."
        ),
        None => format!(
            "In a directory with nothing but the backend's block, pull the state: `{program} init` and `{program} state pull > \
             /tmp/state/terraform.tfstate`. Change it without network: `{replace}` (with the namespace that the provider has \
             today). Then `{program} state push /tmp/state/terraform.tfstate`."
        ),
    };
    (Owner::Administrator, help)
}

/// OpenTofu cannot read such a state, so no command of its own changes it.
fn replace_in_text(engine: &Engine, name: &str) -> String {
    let (program, host) = (engine.name, engine.name.default_registry_host());
    format!(
        "`{program}` cannot read this state, so its text has to change. In a copy of the state run `sed -i \
         's#[a-z.]*/-/{name}\\>#{host}/hashicorp/{name}#' terraform.tfstate` (with the namespace that the provider has today), \
         raise `serial` by one, and put it back."
    )
}
