//! State: which providers its resources name, and what else of it cannot be seen.

use camino::{Utf8Path, Utf8PathBuf};

use super::Problem;
use crate::domain::{Engine, ProviderAddress};

/// The state that `init` will read.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub path: Option<Utf8PathBuf>,
    /// Each resource's provider with the resource's address, such as `module.a.null_resource.x`.
    pub needs: Vec<StateNeed>,
    /// What the engine stops at.
    pub errors: Vec<Problem>,
    /// Why the state, or a part of it, could not be seen: a remote backend, an encrypted file.
    pub unseen: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateNeed {
    pub address: ProviderAddress,
    pub resource: String,
}

/// Reads the state of the selected workspace.
pub fn read(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    workspace: Option<&str>,
    backend: Option<&super::configuration::Backend>,
    use_backend: bool,
    engine: &Engine,
) -> State {
    let _ = (root_module, data_dir, workspace, backend, use_backend, engine);
    State::default()
}

pub fn read_file(path: &Utf8Path, engine: &Engine) -> State {
    let _ = (path, engine);
    State::default()
}

impl State {
    /// Adds what another state needs.
    pub fn add(&mut self, other: Self) {
        self.needs.extend(other.needs);
        self.errors.extend(other.errors);
    }
}

/// Parses a state file (version 4; 3 is legacy) or the output of `show -json`.
pub fn parse(path: &Utf8Path, bytes: &[u8], engine: &Engine) -> State {
    todo!()
}
