//! Which file holds the state of the selected workspace, if one does.
//!
//! Sources: OpenTofu `internal/command/meta.go` `Workspace`, `meta_backend.go` `backendFromConfig`, `backendFromState`,
//! `selectWorkspace`; `internal/backend/local/backend.go` `StatePaths`.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::Deserialize;

use super::super::configuration::Backend;
use super::migration;
use crate::init_arguments::InitArguments;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::json_error;
use airtight_provider::text_file;
use airtight_provider::text_file::TextFileError;
use airtight_provider::{Engine, EngineName, Quoted};

pub(super) const STATE_FILE: &str = "terraform.tfstate";
const WORKSPACE_DIRECTORY: &str = "terraform.tfstate.d";
const DEFAULT_WORKSPACE: &str = "default";
const CLOUD: &str = "cloud";

pub(super) const INVALID_WORKSPACE: &str = "Invalid workspace name set using TF_WORKSPACE";

/// Of the data directory's small files.
const LIMIT_BYTES: u64 = 1024 * 1024;

/// Where the state is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// The file may be missing: then there is no state yet.
    File(Utf8PathBuf),
    Unseen(String),
    Invalid(Problem),
    /// The lock file is read before it comes to this.
    InvalidBehindLock(Problem),
}

/// The backend that an earlier `init` recorded.
struct Recorded {
    kind: String,
    /// Its settings, if it is local.
    local: Local,
    /// Of the block that it was made from.
    hash: Option<u64>,
}

/// A local backend's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Local {
    path: Option<String>,
    workspace_dir: Option<String>,
}

impl Local {
    #[cfg(test)]
    pub(super) fn at(path: &str) -> Self {
        Self { path: Some(path.to_owned()), workspace_dir: None }
    }

    /// The default workspace's state.
    pub(super) fn default_state(&self, root_module: &Utf8Path) -> Utf8PathBuf {
        root_module.join(self.path.as_deref().filter(|path| !path.is_empty()).unwrap_or(STATE_FILE))
    }
}

/// As `init` selects it: by the configuration's backend, where the data directory records no other one.
pub(super) fn with_backend(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    workspace: Option<&str>,
    backend: Option<&Backend>,
    init: &InitArguments,
    engine: &Engine,
) -> Selection {
    // The block and the arguments are judged before what an earlier `init` recorded.
    let local = match backend.map(|backend| settings(root_module, backend, init, engine)) {
        Some(Err(refusal @ Selection::Invalid(_))) => return refusal,
        local => local,
    };
    let recorded = match recorded_backend(data_dir, engine.name) {
        Ok(recorded) => recorded.filter(|_| !init.reconfigure),
        Err(refusal) => return refusal,
    };
    let Some(backend) = backend else {
        return match recorded {
            None => local_state(root_module, data_dir, workspace, &Local::default()),
            Some(Recorded { kind, .. }) if init.migrate_state || kind == CLOUD => Selection::Unseen(format!(
                "the data directory records a `{kind}` backend that the configuration no longer has"
            )),
            Some(_) => Selection::Invalid(changed(data_dir)),
        };
    };
    if let Some(Recorded { kind, .. }) = &recorded
        && *kind != backend.kind
        && !init.migrate_state
        && ![kind, &backend.kind].contains(&&CLOUD.to_owned())
    {
        return Selection::Invalid(changed(data_dir));
    }
    if backend.kind != "local" {
        return remote(root_module, workspace, &backend.kind);
    }
    let local = match local {
        Some(Err(refusal)) => return refusal,
        Some(Ok(local)) => local,
        None => Local::default(),
    };
    let error = first_error(backend, &init.backend_config);
    let in_local = |local: &Local| match existing_workspace(root_module, data_dir, workspace, local) {
        Ok(workspace) => local_state(root_module, data_dir, workspace.as_deref().or(Some(DEFAULT_WORKSPACE)), local),
        Err(selection) => selection,
    };
    let Some(recorded) = recorded else {
        // It prepares the local backend first, from which states may have to be copied.
        if let Some(problem) = invalid_workspace(root_module, workspace) {
            return Selection::Invalid(problem);
        }
        let stop = match error {
            Some(problem) => {
                let refused = Selection::Invalid(problem.clone());
                Some(migration::unreadable(root_module, engine).unwrap_or(refused))
            }
            None => migration::stop(root_module, &local, init, engine),
        };
        return match stop.unwrap_or_else(|| in_local(&local)) {
            Selection::Invalid(problem) => Selection::InvalidBehindLock(problem),
            selection => selection,
        };
    };
    // Without those arguments a block that is as it was counts for nothing: what is recorded does.
    if init.backend_config.is_empty() && error.is_none() && recorded.hash == Some(hash(backend)) {
        return in_local(&recorded.local);
    }
    if error.is_none() && recorded.local == local {
        return in_local(&local);
    }
    if !init.migrate_state {
        return Selection::Invalid(changed(data_dir));
    }
    Selection::Unseen("the data directory records another `local` backend, whose state would be migrated".to_owned())
}

/// The settings of a local block; of another nothing, and why it is refused by itself.
fn settings(
    root_module: &Utf8Path,
    backend: &Backend,
    init: &InitArguments,
    engine: &Engine,
) -> Result<Local, Selection> {
    if is_unsupported(&backend.kind, engine) {
        return Err(Selection::Invalid(Problem {
            summary: super::UNSUPPORTED_BACKEND.to_owned(),
            detail: format!("There is no backend type named {}.", Quoted(&backend.kind)),
            place: backend.place.clone(),
        }));
    }
    if let Some(problem) = init.backend_config.iter().find_map(|argument| unread_file(root_module, argument)) {
        return Err(Selection::Invalid(problem));
    }
    if backend.kind == "local" { overridden(backend, &init.backend_config) } else { Ok(Local::default()) }
}

/// What an earlier `init` recorded of a local block, by which it knows the block again.
///
/// Source: OpenTofu `internal/configs/backend.go` `Hash`; zclconf/go-cty `cty/set_internals.go` `makeSetHashBytes`.
fn hash(backend: &Backend) -> u64 {
    let text = |value: &Option<String>| value.as_ref().map_or_else(|| "~".to_owned(), |text| Quoted(text).to_string());
    let bytes = format!("<\"local\";<{};{};>;>", text(&backend.path), text(&backend.workspace_dir));
    let mut sum = flate2::Crc::new();
    sum.update(bytes.as_bytes());
    u64::from(sum.sum())
}

/// What is wrong with the block. Beside arguments of the command line it may hold what the backend does not have, and
/// any value for what they replace.
///
/// Source: OpenTofu `internal/configs/config_body.go` `MergeBodies`.
fn first_error<'a>(backend: &'a Backend, arguments: &[String]) -> Option<&'a Problem> {
    let is_replaced = |name: &str| arguments.iter().any(|argument| argument.split('=').next() == Some(name));
    let mut errors = backend.errors.iter().filter(|(name, _)| match name {
        None => arguments.is_empty(),
        Some(name) => !is_replaced(name),
    });
    errors.next().map(|(_, problem)| problem)
}

/// A local backend's settings, those of `-backend-config` over those of its block.
///
/// Source: OpenTofu `internal/command/init.go` `backendConfigOverrideBody`.
fn overridden(backend: &Backend, arguments: &[String]) -> Result<Local, Selection> {
    let mut local = Local { path: backend.path.clone(), workspace_dir: backend.workspace_dir.clone() };
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=') else {
            return Err(Selection::Unseen(format!("the backend's settings are in `{argument}`, which is not read")));
        };
        match name {
            "path" => local.path = Some(value.to_owned()),
            "workspace_dir" => local.workspace_dir = Some(value.to_owned()),
            _ => {
                return Err(Selection::Invalid(Problem {
                    summary: "Invalid backend configuration argument".to_owned(),
                    detail: format!(
                        "The backend configuration argument {} given on the command line is not expected for the \
                         selected backend type.",
                        Quoted(name)
                    ),
                    place: backend.place.clone(),
                }));
            }
        }
    }
    Ok(local)
}

/// What the engine says of an argument without `=`, which names a file, where it cannot read that file.
///
/// Source: OpenTofu `internal/command/init.go` `backendConfigOverrideBody`; `internal/configs/parser.go` `LoadHCLFile`.
fn unread_file(root_module: &Utf8Path, argument: &str) -> Option<Problem> {
    if argument.is_empty() || argument.contains('=') {
        return None;
    }
    let path = root_module.join(argument);
    let error = text_file::read_bytes(&path, LIMIT_BYTES).err().filter(|error| !error.is_ours())?;
    Some(Problem {
        summary: super::UNREAD_SETTINGS.to_owned(),
        detail: format!("The file {} could not be read: {error}.", Quoted(argument)),
        place: Place::file(path),
    })
}

/// Whether the engine has no backend of this name. Versions that are later than those known here may have more.
///
/// Source: OpenTofu and Terraform `internal/backend/init/init.go`.
fn is_unsupported(kind: &str, engine: &Engine) -> bool {
    const KNOWN: [&str; 14] = [
        "azurerm",
        "cloud",
        "consul",
        "cos",
        "gcs",
        "http",
        "inmem",
        "kubernetes",
        "local",
        "oci",
        "oss",
        "pg",
        "remote",
        "s3",
    ];
    const REMOVED: [&str; 6] = ["artifactory", "azure", "etcd", "etcdv3", "manta", "swift"];
    let is_later = match engine.name {
        EngineName::Tofu => engine.is_at_least(1, 13, 0),
        EngineName::Terraform => engine.is_at_least(1, 16, 0),
    };
    REMOVED.contains(&kind) || (!is_later && !KNOWN.contains(&kind))
}

fn changed(data_dir: &Utf8Path) -> Problem {
    Problem {
        summary: "Backend configuration changed".to_owned(),
        detail: "A change in the backend configuration has been detected, which may require migrating existing \
                 state.\n\nIf you wish to attempt automatic migration of the state, use \"init -migrate-state\".\nIf you \
                 wish to store the current configuration with no changes to the state, use \"init -reconfigure\"."
            .to_owned(),
        place: Place::file(data_dir.join(STATE_FILE)),
    }
}

/// As `init -backend=false` selects it: by the backend that the data directory records, else locally.
pub(super) fn without_backend(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    workspace: Option<&str>,
    engine: EngineName,
) -> Selection {
    let selection = match recorded_backend(data_dir, engine) {
        Ok(None) => local_state(root_module, data_dir, workspace, &Local::default()),
        Ok(Some(recorded)) if recorded.kind == "local" => {
            local_state(root_module, data_dir, workspace, &recorded.local)
        }
        Ok(Some(recorded)) => remote(root_module, workspace, &recorded.kind),
        Err(refusal) => refusal,
    };
    match selection {
        Selection::Invalid(problem) if engine == EngineName::Terraform && problem.summary == INVALID_WORKSPACE => {
            Selection::Invalid(Problem {
                summary: format!("Error selecting workspace: {INVALID_WORKSPACE}"),
                ..problem
            })
        }
        selection => selection,
    }
}

fn remote(root_module: &Utf8Path, workspace: Option<&str>, kind: &str) -> Selection {
    match invalid_workspace(root_module, workspace) {
        Some(problem) => Selection::Invalid(problem),
        None => Selection::Unseen(format!("the state is in the `{kind}` backend")),
    }
}

/// What every engine says of a name that the variable gives and that is none, whatever the backend.
pub(super) fn invalid_workspace(root_module: &Utf8Path, variable: Option<&str>) -> Option<Problem> {
    variable.filter(|name| !is_valid_workspace(name)).map(|_| Problem {
        summary: INVALID_WORKSPACE.to_owned(),
        detail: String::new(),
        place: Place::file(root_module),
    })
}

fn local_state(root_module: &Utf8Path, data_dir: &Utf8Path, workspace: Option<&str>, local: &Local) -> Selection {
    if let Some(problem) = invalid_workspace(root_module, workspace) {
        return Selection::Invalid(problem);
    }
    let selected = match selected_workspace(data_dir, workspace) {
        Ok(selected) => selected,
        Err(selection) => return selection,
    };
    if selected.name == DEFAULT_WORKSPACE {
        return Selection::File(local.default_state(root_module));
    }
    let directory = workspace_directory(root_module, local).join(&selected.name);
    match selected.unprintable {
        Some(problem) if !directory.is_dir() => Selection::Unseen(problem.summary),
        _ => Selection::File(directory.join(STATE_FILE)),
    }
}

pub(super) fn workspace_directory(root_module: &Utf8Path, local: &Local) -> Utf8PathBuf {
    root_module.join(local.workspace_dir.as_deref().filter(|path| !path.is_empty()).unwrap_or(WORKSPACE_DIRECTORY))
}

/// The workspace that counts.
struct Selected {
    name: String,
    is_from_variable: bool,
    /// Why the name must not be printed: it may be the text of any file.
    unprintable: Option<Problem>,
}

/// The selected workspace, or why it is not known.
fn selected_workspace(data_dir: &Utf8Path, variable: Option<&str>) -> Result<Selected, Selection> {
    if let Some(workspace) = variable.filter(|workspace| !workspace.is_empty()) {
        return Ok(Selected { name: workspace.to_owned(), is_from_variable: true, unprintable: None });
    }
    let path = data_dir.join("environment");
    let saved = match text_file::read_bytes(&path, LIMIT_BYTES) {
        Err(error) if error.is_ours() => {
            return Err(Selection::Unseen(format!("the selected workspace is not known: {path}: {error}")));
        }
        // A file that cannot be read is as good as none.
        saved => saved.unwrap_or_default(),
    };
    let saved = String::from_utf8_lossy(&saved);
    let saved = saved.trim();
    let name = if saved.is_empty() { DEFAULT_WORKSPACE } else { saved };
    let is_link = |path: &Utf8Path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    let detail = if is_link(&path) || is_link(data_dir) {
        Some("It is a link, so its text is not shown.")
    } else if !is_valid_workspace(name) {
        Some("Its text cannot be a workspace's name, so it is not shown.")
    } else {
        None
    };
    let unprintable = detail.map(|detail| Problem {
        summary: format!("`{path}` does not hold the name of a workspace that exists"),
        detail: format!("{detail} Remove the file, or select a workspace."),
        place: Place::file(&path),
    });
    Ok(Selected { name: name.to_owned(), is_from_variable: false, unprintable })
}

/// With a `backend` block the workspace must exist; the only one there is is taken instead of one that does not, except
/// where the variable insists. Null: the default one.
fn existing_workspace(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    variable: Option<&str>,
    local: &Local,
) -> Result<Option<String>, Selection> {
    if let Some(problem) = invalid_workspace(root_module, variable) {
        return Err(Selection::Invalid(problem));
    }
    let Selected { name, is_from_variable, unprintable } = selected_workspace(data_dir, variable)?;
    let mut others = Vec::new();
    for entry in fs::read_dir(workspace_directory(root_module, local)).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|file_type| file_type.is_dir()) {
            others.push(entry.file_name());
        }
    }
    if name == DEFAULT_WORKSPACE || others.iter().any(|other| *other == *name) {
        return Ok(Some(name));
    }
    if others.is_empty() {
        return Ok(is_from_variable.then_some(name));
    }
    Err(Selection::Invalid(unprintable.unwrap_or_else(|| Problem {
        summary: format!("Currently selected workspace {name:?} does not exist"),
        detail: String::new(),
        place: Place::file(root_module),
    })))
}

/// What escaping for a path of a URL leaves alone.
///
/// Source: Go `net/url` `PathEscape`.
fn is_valid_workspace(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~$&+:=@".contains(&byte))
}

fn recorded_backend(data_dir: &Utf8Path, engine: EngineName) -> Result<Option<Recorded>, Selection> {
    #[derive(Deserialize)]
    struct File {
        backend: Option<Backend>,
    }
    #[derive(Deserialize)]
    struct Backend {
        #[serde(rename = "type")]
        kind: Option<String>,
        config: Option<serde_json::Value>,
        hash: Option<u64>,
    }
    let path = data_dir.join(STATE_FILE);
    let bytes = match text_file::read_bytes(&path, LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(TextFileError::Missing) => return Ok(None),
        Err(error) if error.is_ours() => {
            return Err(Selection::Unseen(format!("the backend that was initialized is not known: {path}: {error}")));
        }
        Err(error) => return Err(unreadable(&path, &error)),
    };
    if bytes.is_empty() {
        // Terraform 1.11.4 stops at it, OpenTofu takes it for none.
        return match engine {
            EngineName::Tofu => Ok(None),
            EngineName::Terraform => Err(unreadable(&path, &"it is empty")),
        };
    }
    let recorded: File = serde_json::from_slice(&bytes).map_err(|error| unreadable(&path, &json_error(&error)))?;
    let Some(backend) = recorded.backend else { return Ok(None) };
    let Some(kind) = backend.kind.filter(|kind| !kind.is_empty()) else { return Ok(None) };
    let setting = |name: &str| {
        backend.config.as_ref().and_then(|config| config.get(name)).and_then(|value| value.as_str()).map(str::to_owned)
    };
    let local = Local { path: setting("path"), workspace_dir: setting("workspace_dir") };
    Ok(Some(Recorded { kind, local, hash: backend.hash }))
}

fn unreadable(path: &Utf8Path, error: &dyn std::fmt::Display) -> Selection {
    Selection::Invalid(Problem {
        summary: "Failed to load state".to_owned(),
        detail: error.to_string(),
        place: Place::file(path),
    })
}

#[cfg(test)]
mod tests;
