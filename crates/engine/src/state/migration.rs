//! A backend that is configured for the first time where local states are: the engine asks whether to copy them, and
//! stops where nobody answers.
//!
//! Source: OpenTofu `internal/command/meta_backend.go` `backend_C_r_s`, `meta_backend_migrate.go` `backendMigrateState`.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde_json::Value;

use super::selection::{Local, STATE_FILE, Selection, workspace_directory};
use crate::init_arguments::InitArguments;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::Engine;

/// What keeps the engine from opening a new local backend, if anything does.
pub(super) fn stop(root_module: &Utf8Path, local: &Local, init: &InitArguments, engine: &Engine) -> Option<Selection> {
    if let Some(unreadable) = unreadable(root_module, engine) {
        return Some(unreadable);
    }
    let others = other_workspaces(root_module);
    let default = root_module.join(STATE_FILE);
    if std::iter::once(&default).chain(&others).all(|path| is_empty(path, engine)) {
        return None;
    }
    let is_the_same = || content(&default) == content(&local.default_state(root_module));
    let is_copied = others.is_empty() && (is_empty(&default, engine) || is_the_same());
    if is_copied {
        return None;
    }
    if init.force_copy {
        return Some(Selection::Unseen("the local states are copied to the new backend first".to_owned()));
    }
    let summary = if others.is_empty() {
        "Can't ask approval for state migration when interactive input is disabled."
    } else {
        "Error asking for state migration action"
    };
    Some(Selection::Invalid(Problem {
        summary: summary.to_owned(),
        detail:
            "A backend is configured for the first time, and there is a local state that would have to be copied to \
                 it. Please remove the \"-input=false\" option and try again, or add the \"-force-copy\" flag."
                .to_owned(),
        place: Place::file(default),
    }))
}

/// A local state that cannot be read, which stops the engine before it looks at the new backend.
pub(super) fn unreadable(root_module: &Utf8Path, engine: &Engine) -> Option<Selection> {
    let states = std::iter::once(root_module.join(STATE_FILE)).chain(other_workspaces(root_module));
    let problem = states.flat_map(|path| super::read_file(&path, engine).errors).next()?;
    Some(Selection::Invalid(Problem { summary: "Error reading local state".to_owned(), ..problem }))
}

/// The states of other workspaces than the default one. A directory is a workspace.
fn other_workspaces(root_module: &Utf8Path) -> Vec<Utf8PathBuf> {
    let directory = workspace_directory(root_module, &Local::default());
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|file_type| file_type.is_dir()));
    directories.map(|entry| entry.path().join(STATE_FILE)).collect()
}

fn content(path: &Utf8Path) -> Value {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// A state without outputs, and without resources that the engine can read. Before version 4 outputs are in modules.
fn is_empty(path: &Utf8Path, engine: &Engine) -> bool {
    let state = content(path);
    let modules = state["modules"].as_array().into_iter().flatten();
    let has_outputs = |part: &Value| part["outputs"].as_object().is_some_and(|outputs| !outputs.is_empty());
    super::read_file(path, engine).needs.is_empty() && !modules.chain([&state]).any(has_outputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::EngineName;

    const FULL: &str =
        r#"{"version": 4, "serial": 1, "lineage": "x", "outputs": {"x": {"value": 1, "type": "number"}}}"#;
    const EMPTY: &str = r#"{"version": 4, "serial": 1, "lineage": "x", "resources": []}"#;

    fn stopped(files: &[(&str, &str)], init: &InitArguments) -> Option<String> {
        stopped_in(EngineName::Tofu, files, init)
    }

    fn stopped_in(engine: EngineName, files: &[(&str, &str)], init: &InitArguments) -> Option<String> {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        for (path, text) in files {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let engine = Engine::new(engine, "1.12.6".parse().unwrap());
        match stop(root, &Local::at("states/one.tfstate"), init, &engine)? {
            Selection::Invalid(problem) | Selection::InvalidBehindLock(problem) => Some(problem.summary),
            Selection::Unseen(reason) => Some(reason),
            Selection::File(path) => panic!("{path}"),
        }
    }

    #[test]
    fn only_a_state_that_holds_something_and_is_not_there_already_stops() {
        let init = InitArguments::default();
        for files in [
            &[][..],
            &[("terraform.tfstate", "")],
            &[("terraform.tfstate", EMPTY), ("terraform.tfstate.d/other/terraform.tfstate", EMPTY)],
            &[("terraform.tfstate", FULL), ("states/one.tfstate", FULL)],
        ] {
            assert_eq!(stopped(files, &init), None, "{files:?}");
        }
        for files in [
            &[("terraform.tfstate", FULL)][..],
            &[("terraform.tfstate", FULL), ("states/one.tfstate", EMPTY)],
            &[("terraform.tfstate.d/other/terraform.tfstate", FULL)],
        ] {
            let stopped_by = stopped(files, &init).unwrap();
            assert!(stopped_by.starts_with("Can't ask") || stopped_by.starts_with("Error asking"), "{files:?}");
            let forced = InitArguments { force_copy: true, ..InitArguments::default() };
            assert!(stopped(files, &forced).unwrap().starts_with("the local states are copied"));
        }
        // Terraform reads no resource whose provider it cannot read.
        let odd = r#"{"version": 4, "resources": [{"mode": "data", "type": "a", "name": "b", "provider": "x", "instances": []}]}"#;
        assert_eq!(stopped_in(EngineName::Terraform, &[("terraform.tfstate", odd)], &init), None);
        assert_eq!(stopped(&[("terraform.tfstate", "{")], &init).unwrap(), "Error reading local state");
    }
}
