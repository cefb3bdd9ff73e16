//! The state that a rehearsal starts with, and whether the worker's backend holds it.

use camino::Utf8Path;
use fs_err as fs;

use super::RehearsalError;
use super::leg::ServedState;
use airtight_engine::configuration;
use airtight_hcl::Sources;
use airtight_provider::{Engine, EngineName, Version, text_file};

/// Of a state file.
const STATE_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// Whether the root module says itself where its state is.
pub(super) fn declares_backend(project: &Utf8Path, engine: Option<&Engine>) -> bool {
    // Which engine reads it matters little for one block.
    let version: Version = "1.12.0".parse().expect("a version");
    let fallback = Engine::new(EngineName::Tofu, version);
    let engine = engine.unwrap_or(&fallback);
    let mut sources = Sources::default();
    let read = configuration::read(project, &project.join(".terraform"), "tests", engine, &mut sources);
    read.root.backend.is_some()
}

/// The state behind the worker's backend: the given file's, else none yet.
///
/// # Errors
/// Fails if the file cannot be read.
pub(super) fn read(
    given: Option<&Utf8Path>,
    port: u16,
    notes: &mut Vec<String>,
) -> Result<ServedState, RehearsalError> {
    let mut text = String::new();
    if let Some(path) = given {
        text = text_file::read(path, STATE_LIMIT_BYTES)
            .map_err(|error| RehearsalError::Usage(format!("the state `{path}` cannot be read: {error}")))?;
        let is_state = serde_json::from_str::<serde_json::Value>(&text)
            .is_ok_and(|state| state.get("serial").is_some() && state.get("lineage").is_some());
        if !is_state {
            notes.push(format!("`{path}` is no state file, so the rehearsal starts without a state"));
            text.clear();
        }
    }
    let random = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(anyhow::Error::new)?;
    Ok(ServedState { text, port, password: random.trim().to_owned() })
}
