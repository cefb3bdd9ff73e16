//! Which file holds the state of the selected workspace, if one does.
//!
//! Only the plain cases are decided: the configuration's backend or none, as the data directory records it or without a
//! record. What an engine does with another record (refuse, migrate, ask) is not judged.
//!
//! Sources: OpenTofu `internal/command/meta.go` `Workspace`, `meta_backend.go` `backendFromConfig`, `backendFromState`,
//! `selectWorkspace`; `internal/backend/local/backend.go` `StatePaths`.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::problem::{StateProblem, StateProblemKind, Unseen, WorkspaceFileProblem};
use super::{LIMIT_BYTES, StateQuestion};
use crate::configuration::Backend;
use airtight_hcl::Place;
use airtight_provider::digest::os_error;
use airtight_provider::text_file::{self, TextFileError};

const STATE_FILE: &str = "terraform.tfstate";
const WORKSPACE_DIRECTORY: &str = "terraform.tfstate.d";
const DEFAULT_WORKSPACE: &str = "default";
const LOCAL: &str = "local";

/// Of the data directory's small files.
const SMALL_BYTES: u64 = 1024 * 1024;

/// Where the state is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// The file may be missing: then there is no state yet. With what else the engine reads before it.
    File(Utf8PathBuf, Option<Unseen>),
    Unseen(Unseen),
    Problem(StateProblem),
}

/// Why no backend, workspace or setting is known; becomes the selection.
type Stop = Selection;

/// A local backend's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Local {
    path: Option<String>,
    workspace_dir: Option<String>,
}

impl Local {
    /// The default workspace's state.
    fn default_state(&self, root_module: &Utf8Path) -> Utf8PathBuf {
        root_module.join(self.path.as_deref().filter(|path| !path.is_empty()).unwrap_or(STATE_FILE))
    }

    fn workspaces(&self, root_module: &Utf8Path) -> Utf8PathBuf {
        workspaces_directory(root_module, self.workspace_dir.as_deref())
    }
}

/// Where a local backend keeps the states of all workspaces but the default one.
pub(crate) fn workspaces_directory(root_module: &Utf8Path, setting: Option<&str>) -> Utf8PathBuf {
    root_module.join(setting.filter(|path| !path.is_empty()).unwrap_or(WORKSPACE_DIRECTORY))
}

/// A backend: its type, and its settings if it is local.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen {
    kind: String,
    local: Local,
}

pub(super) fn select(question: &StateQuestion<'_>) -> Selection {
    selected(question).unwrap_or_else(|stop| stop)
}

fn selected(question: &StateQuestion<'_>) -> Result<Selection, Stop> {
    let init = question.init;
    let recorded = if init.backend && init.reconfigure { None } else { recorded_backend(question)? };
    let mut migration = None;
    let chosen = if init.backend {
        let configured = question.backend.map(|backend| configured(question, backend)).transpose()?;
        if let Some(recorded) = recorded.as_ref().filter(|recorded| configured.as_ref() != Some(*recorded)) {
            let is_another_type = configured.as_ref().is_none_or(|configured| configured.kind != recorded.kind);
            return Err(Selection::Unseen(Unseen::OtherBackendRecorded {
                kind: recorded.kind.clone(),
                is_another_type,
            }));
        }
        if let Some(chosen) = configured.as_ref().filter(|_| recorded.is_none())
            && is_migrated(question, chosen)?
        {
            if init.migrate_state || chosen.kind != LOCAL {
                return Err(Selection::Unseen(Unseen::Migration));
            }
            migration = Some(Unseen::Migration);
        }
        configured
    } else {
        recorded
    };
    let variable = question.workspace.filter(|name| !name.is_empty());
    if variable.is_some_and(|name| !is_valid_workspace(name)) {
        return Err(problem(question, StateProblemKind::WorkspaceName));
    }
    let has_block = init.backend && chosen.is_some();
    let local = match chosen {
        Some(Chosen { kind, .. }) if kind != LOCAL => return Err(Selection::Unseen(Unseen::Backend { kind })),
        chosen => chosen.map(|chosen| chosen.local).unwrap_or_default(),
    };
    let mut selected = match variable {
        Some(name) => name.to_owned(),
        None => saved_workspace(question, has_block)?,
    };
    let workspaces = local.workspaces(question.root_module);
    if has_block {
        let names = workspace_names(&workspaces)?;
        if selected != DEFAULT_WORKSPACE && !names.contains(&selected) {
            if !names.is_empty() {
                return Err(problem(question, StateProblemKind::WorkspaceMissing));
            }
            if variable.is_none() {
                DEFAULT_WORKSPACE.clone_into(&mut selected);
            }
        }
    }
    let file = if selected == DEFAULT_WORKSPACE {
        local.default_state(question.root_module)
    } else {
        workspaces.join(selected).join(STATE_FILE)
    };
    Ok(Selection::File(file, migration))
}

fn problem(question: &StateQuestion<'_>, kind: StateProblemKind) -> Stop {
    Selection::Problem(StateProblem { kind, place: Place::file(question.root_module) })
}

/// Whether local states, of any workspace, may keep a backend that is configured for the first time from being used: the engine
/// reads them all, and copies them.
///
/// A single state that is the new backend's own too is not copied.
///
/// Source: OpenTofu `internal/command/meta_backend.go` `backend_C_r_s`.
fn is_migrated(question: &StateQuestion<'_>, chosen: &Chosen) -> Result<bool, Stop> {
    let before = Local::default();
    let state = before.default_state(question.root_module);
    let is_same = chosen.kind == LOCAL && chosen.local.default_state(question.root_module) == state;
    let workspaces = before.workspaces(question.root_module);
    let names = workspace_names(&workspaces)?;
    let holds = |state: &Utf8Path| match state.as_std_path().metadata() {
        Ok(metadata) => metadata.len() > 0,
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    Ok((!is_same || !names.is_empty()) && holds(&state)
        || names.iter().any(|name| holds(&workspaces.join(name).join(STATE_FILE))))
}

/// The names of a local backend's workspaces, but for the default one. Links are none.
fn workspace_names(workspaces: &Utf8Path) -> Result<Vec<String>, Stop> {
    let unseen = |error: std::io::Error| {
        let why = os_error::reason(&error);
        Selection::Unseen(Unseen::NotRead { path: workspaces.to_owned(), why })
    };
    let entries = match workspaces.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unseen(error)),
    };
    let entries = entries.collect::<Result<Vec<_>, _>>().map_err(unseen)?;
    let directories = entries.iter().filter(|entry| entry.file_type().is_ok_and(|file_type| file_type.is_dir()));
    Ok(directories.map(|entry| entry.file_name().to_owned()).collect())
}

/// The block's backend, with the settings of `-backend-config` over its own.
///
/// Source: OpenTofu `internal/command/init.go` `backendConfigOverrideBody`.
fn configured(question: &StateQuestion<'_>, backend: &Backend) -> Result<Chosen, Stop> {
    let mut local = Local { path: backend.path.clone(), workspace_dir: backend.workspace_dir.clone() };
    if backend.kind != LOCAL {
        return Ok(Chosen { kind: backend.kind.clone(), local: Local::default() });
    }
    if backend.is_unevaluated {
        return Err(Selection::Unseen(Unseen::Backend { kind: backend.kind.clone() }));
    }
    for argument in &question.init.backend_config {
        let unseen = || Selection::Unseen(Unseen::BackendSettings { argument: argument.shown().to_owned() });
        let settings = match argument.setting() {
            Some((name, value)) => vec![(name.to_owned(), value.to_owned())],
            None => argument.file().and_then(|file| settings_of_file(question, file)).ok_or_else(unseen)?,
        };
        for (name, value) in settings {
            match name.as_str() {
                "path" => local.path = Some(value),
                "workspace_dir" => local.workspace_dir = Some(value),
                _ => return Err(unseen()),
            }
        }
    }
    Ok(Chosen { kind: backend.kind.clone(), local })
}

/// The constant texts of a file of settings; null if it holds anything else, or cannot be read here.
fn settings_of_file(question: &StateQuestion<'_>, name: &str) -> Option<Vec<(String, String)>> {
    let path = question.root_module.join(name);
    let text = String::from_utf8(text_file::read_inside(&path, question.repository, SMALL_BYTES).ok()?).ok()?;
    let body: hcl::Body = hcl::parse(&text).ok()?;
    let settings = body.into_iter().map(|structure| match structure {
        hcl::Structure::Attribute(hcl::Attribute { key, expr: hcl::Expression::String(value) }) => {
            Some((key.to_string(), value))
        }
        _ => None,
    });
    settings.collect()
}

/// The workspace that the data directory names. A file that cannot be read is as good as none.
///
/// Its text is used only if it is a valid name and no link leads out of the repository: an engine would print it.
///
/// Without a `backend` block the engine makes a directory of that name, whatever it is.
fn saved_workspace(question: &StateQuestion<'_>, has_block: bool) -> Result<String, Stop> {
    let path = question.data_dir.join("environment");
    let unseen = |why| Selection::Unseen(Unseen::WorkspaceFile { path: path.clone(), why });
    let saved = match text_file::read_inside(&path, question.repository, SMALL_BYTES) {
        Ok(saved) => saved,
        Err(TextFileError::LeadsOut) => return Err(unseen(WorkspaceFileProblem::LeadsOut)),
        Err(error) if error.is_ours() => return Err(unseen(WorkspaceFileProblem::NotRead)),
        Err(_) => Vec::new(),
    };
    match str::from_utf8(saved.trim_ascii()) {
        Ok("") => Ok(DEFAULT_WORKSPACE.to_owned()),
        Ok(name) if is_valid_workspace(name) => Ok(name.to_owned()),
        _ if saved.contains(&0) && !has_block => Err(unseen(WorkspaceFileProblem::NotADirectoryName)),
        _ => Err(unseen(WorkspaceFileProblem::NotAName)),
    }
}

/// The workspace that the data directory's file names, if it holds a name and can be read.
pub(super) fn saved_workspace_name(path: &Utf8Path, repository: &Utf8Path) -> Option<String> {
    let saved = text_file::read_inside(path, repository, SMALL_BYTES).ok()?;
    let name = str::from_utf8(saved.trim_ascii()).ok()?;
    is_valid_workspace(name).then(|| name.to_owned())
}

/// What escaping for a path of a URL leaves alone.
///
/// Source: Go `net/url` `PathEscape`.
fn is_valid_workspace(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~$&+:=@".contains(&byte))
}

/// The backend that an earlier `init` recorded.
fn recorded_backend(question: &StateQuestion<'_>) -> Result<Option<Chosen>, Stop> {
    #[derive(Deserialize)]
    struct File {
        backend: Option<Recorded>,
    }
    #[derive(Deserialize)]
    struct Recorded {
        #[serde(rename = "type")]
        kind: Option<String>,
        config: Option<serde_json::Value>,
    }
    let path = question.data_dir.join(STATE_FILE);
    let bytes = match text_file::read_inside(&path, question.repository, LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(TextFileError::Missing) => return Ok(None),
        Err(_) => return Err(Selection::Unseen(Unseen::Record { path })),
    };
    // Terraform stops at an empty file, OpenTofu takes it for none: neither is judged.
    let Ok(file) = serde_json::from_slice::<File>(&bytes) else {
        return Err(Selection::Unseen(Unseen::Record { path }));
    };
    let Some(recorded) = file.backend else { return Ok(None) };
    let Some(kind) = recorded.kind.filter(|kind| !kind.is_empty()) else { return Ok(None) };
    if kind != LOCAL {
        return Ok(Some(Chosen { kind, local: Local::default() }));
    }
    let config = recorded.config.unwrap_or_default();
    let setting = |name: &str| config.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    Ok(Some(Chosen { kind, local: Local { path: setting("path"), workspace_dir: setting("workspace_dir") } }))
}

#[cfg(test)]
mod tests;
