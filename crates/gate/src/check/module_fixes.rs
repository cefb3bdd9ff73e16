//! How to fix what is wrong with a called module, and who can.

use airtight_engine::configuration::{InstallationRecord, PathMistake, RepositoryProblem};
use airtight_engine::init_arguments::{ArgumentOrigin, Flag};
use airtight_engine::modules_manifest::ModuleRecord;
use airtight_engine::predict::{Facts, ModuleCause};
use airtight_finding::Owner;
use airtight_finding::shell_word as quoted;

pub(super) fn needs_network(facts: &Facts, cause: ModuleCause) -> (Owner, String) {
    let program = facts.engine.name;
    match cause {
        ModuleCause::NotFetched => (
            Owner::Repository,
            "Put the module into the repository and call it with a local path such as `./modules/NAME`, or into a git repository \
             that `airtight modules build` can fetch. If this air gap lets its host through, list the host under `reachable` in \
             the image's settings."
                .to_owned(),
        ),
        ModuleCause::NotHere => (
            Owner::Image,
            format!(
                "On a machine with network access, in this root module, run `airtight modules build --engine {program} --from \
                 . DIR`, where DIR is the image's store of modules. Or put the module into the repository and call it with a \
                 local path such as `./modules/NAME`. If this air gap lets its host through, list the host under `reachable` \
                 in the image's settings."
            ),
        ),
        ModuleCause::Upgraded => {
            let flag = facts.init.origin(Flag::Upgrade).and_then(ArgumentOrigin::variable);
            let from = flag.map(|variable| format!(" It comes from {variable}.")).unwrap_or_default();
            (
                Owner::Administrator,
                format!("Run `{program} init` without `-upgrade`. New versions come with a new store of modules.{from}"),
            )
        }
        ModuleCause::AskedOnEveryReading => (
            Owner::Repository,
            "Write the address as git has it, `git::https://bitbucket.org/OWNER/REPOSITORY.git?ref=TAG`: it means the same, and \
             nobody is asked for it."
                .to_owned(),
        ),
    }
}

/// The manifest of installed modules, as engines name it below the data directory.
const MODULES: &str = ".terraform/modules/modules.json";

pub(super) fn record(record: &ModuleRecord, state: InstallationRecord) -> String {
    let directory = record.directory.as_str();
    if state != InstallationRecord::DirectoryMissing {
        return "Write what is recorded into the call again. Or, on a machine with network access, run `get` of the engine in \
                this root module, which fetches this module anew, and copy `.terraform/modules` to where it was."
            .to_owned();
    }
    if directory.contains('\\') {
        return format!("Write `/` for each backslash: `sed -i 's#\\\\\\\\#/#g' {MODULES}`");
    }
    match directory.split_once("/.terraform/") {
        Some((before, _)) if record.directory.is_absolute() => format!(
            "Write the directories relative to the root module: `sed -i {} {MODULES}`",
            quoted(&format!("s#\"{before}/.terraform/#\".terraform/#g"))
        ),
        _ => format!("Copy the directory `{directory}` along with `{MODULES}`: one without the other is of no use."),
    }
}

pub(super) fn repository(problem: &RepositoryProblem) -> (Owner, String) {
    match problem {
        RepositoryProblem::Owner { directory } => (
            Owner::Image,
            format!(
                "In the image's build, run `git config --system --add safe.directory {}`, or give the repository to the run's \
                 user (1983 in Spacelift).",
                quoted(directory.as_str())
            ),
        ),
        RepositoryProblem::Reference { .. } => (
            Owner::Repository,
            "Name a branch, tag or commit that the repository has after `?ref=`, or bring the repository up to date."
                .to_owned(),
        ),
        RepositoryProblem::Subdirectory { .. } => {
            (Owner::Repository, "Correct the path after `//`, or the reference after `?ref=`.".to_owned())
        }
    }
}

pub(super) fn path(mistake: &PathMistake) -> String {
    match mistake {
        PathMistake::Query { .. } => {
            "Remove `?` and what follows it: a local path takes no `?ref=`, which is for repositories.".to_owned()
        }
        PathMistake::Archive { path } => format!(
            "A path that begins with `./` or `../` must be a directory, and this is an archive. Unpack it, or name it by its \
             absolute path: `source = \"{path}\"`."
        ),
        PathMistake::File => "Name the directory of the module, not a file in it.".to_owned(),
        PathMistake::Capitals { name } => {
            format!("The directory is called `{name}`: write it with the same capital letters.")
        }
    }
}
