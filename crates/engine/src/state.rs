//! State: which providers its resources name, what an engine would refuse in it, and which parts cannot be seen.
//!
//! `init` reads the state of the selected workspace and installs every provider that a resource in it names. Only a state
//! in a file can be read here. Everything else (a remote backend, another backend recorded by an earlier `init`, a state
//! that would be migrated, an encrypted file) is [`Unseen`]; the engine knows it.
//!
//! Sources: OpenTofu `internal/command/init.go` `Run`; `internal/states/statefile` `read.go`, `version4.go`.

mod document;
mod problem;
mod provider_string;
mod selection;

use camino::{Utf8Path, Utf8PathBuf};

use super::configuration::Backend;
use crate::init_arguments::InitArguments;
use airtight_hcl::Place;
use airtight_provider::text_file::{self, TextFileError};
use airtight_provider::{Engine, EngineName, ProviderAddress};
use document::{Document, ResourceV4};
pub use problem::{StateProblem, StateProblemKind, Unseen, WorkspaceFileProblem};
use provider_string::ProviderStringError;
use selection::Selection;
pub(crate) use selection::workspaces_directory;

/// A larger file is not read, so that a planted one cannot fill the memory.
const LIMIT_BYTES: u64 = 32 * 1024 * 1024;

/// The state that `init` will read.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Null if no file holds it.
    pub path: Option<Utf8PathBuf>,
    /// Each resource's provider. Legacy addresses (`-`) are needs like others: the engine refuses them later.
    pub needs: Vec<StateNeed>,
    /// What the engine refuses.
    pub problems: Vec<StateProblem>,
    /// Why the state, or a part of it, could not be seen.
    pub unseen: Option<Unseen>,
}

impl State {
    /// Adds a state that was given instead of what could not be seen.
    pub fn add_given(&mut self, given: Self) {
        self.needs.extend(given.needs);
        self.problems.extend(given.problems);
        self.unseen = given.unseen;
    }
}

/// A resource's provider with the resource's address, such as `module.a.null_resource.x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateNeed {
    pub address: ProviderAddress,
    pub resource: String,
}

/// Where the state is looked for, and by which engine.
#[derive(Clone, Copy, Debug)]
pub struct StateQuestion<'a> {
    pub root_module: &'a Utf8Path,
    pub data_dir: &'a Utf8Path,
    /// No file is read through a link that leads out of it.
    pub repository: &'a Utf8Path,
    /// `TF_WORKSPACE`.
    pub workspace: Option<&'a str>,
    /// The configuration's.
    pub backend: Option<&'a Backend>,
    /// The configuration, or `TF_ENCRYPTION`, says how states are encrypted.
    pub has_encryption: bool,
    pub init: &'a InitArguments,
    pub engine: &'a Engine,
}

/// Reads the state that `init` reads: that of the selected workspace, if a file holds it.
pub fn read(question: &StateQuestion<'_>) -> State {
    match selection::select(question) {
        Selection::File(path, before) => {
            let state = read_file(&path, question);
            State { unseen: before.or(state.unseen), ..state }
        }
        Selection::Unseen(unseen) => State { unseen: Some(unseen), ..State::default() },
        Selection::Problem(problem) => State { problems: vec![problem], ..State::default() },
    }
}

/// Parses a state file (version 4; 3 and older are legacy) or the output of `show -json`, which does not name resources
/// without instances.
pub fn parse(path: &Utf8Path, bytes: &[u8], engine: &Engine) -> State {
    Reader::new(path, engine).parse(bytes, document::Forms::StateOrShown)
}

/// Reads a file that somebody named: a state file, or the output of `show -json`.
///
/// # Errors
/// Fails if the file cannot be read: no engine ever looks at it, so this is no prediction.
pub fn read_given(path: &Utf8Path, engine: &Engine) -> Result<State, TextFileError> {
    text_file::read_bytes(path, LIMIT_BYTES).map(|bytes| parse(path, &bytes, engine))
}

/// The workspace that a file of the data directory names: an engine may print it, so nothing else of the file is ever given
/// to one.
pub(crate) fn saved_workspace_name(path: &Utf8Path, repository: &Utf8Path) -> Option<String> {
    selection::saved_workspace_name(path, repository)
}

/// A missing or empty file is no state.
fn read_file(path: &Utf8Path, question: &StateQuestion<'_>) -> State {
    let mut reader = Reader::new(path, question.engine);
    reader.has_encryption = question.has_encryption;
    // OpenTofu from 1.13 does not look into an encrypted state without its backend.
    reader.passes_over_encrypted = !question.init.backend && question.engine.is_at_least(1, 13, 0);
    match text_file::read_inside(path, question.repository, LIMIT_BYTES) {
        Ok(bytes) => reader.parse(&bytes, document::Forms::State),
        Err(TextFileError::Missing) => State::default(),
        Err(error) if error.is_ours() => {
            State { unseen: Some(Unseen::NotRead { path: path.to_owned(), why: error.to_string() }), ..reader.state }
        }
        Err(error) => reader.failed(StateProblemKind::Unreadable(error.to_string())),
    }
}

struct Reader<'a> {
    engine: &'a Engine,
    has_encryption: bool,
    passes_over_encrypted: bool,
    state: State,
}

impl<'a> Reader<'a> {
    fn new(path: &Utf8Path, engine: &'a Engine) -> Self {
        let state = State { path: Some(path.to_owned()), ..State::default() };
        // A given file replaces the one that the engine would open, whatever the configuration says.
        Self { engine, has_encryption: true, passes_over_encrypted: false, state }
    }

    fn parse(mut self, bytes: &[u8], forms: document::Forms) -> State {
        if bytes.is_empty() {
            return self.state;
        }
        match document::parse(bytes, forms) {
            Ok(Document::Encrypted) if self.engine.name == EngineName::Tofu => {
                if self.has_encryption {
                    self.state.unseen = Some(Unseen::Encrypted);
                } else if !self.passes_over_encrypted {
                    return self.failed(StateProblemKind::Encrypted);
                }
            }
            Ok(Document::Encrypted) => return self.failed(StateProblemKind::Encrypted),
            Ok(Document::V4(resources)) => resources.iter().for_each(|resource| self.add_resource(resource)),
            Ok(Document::Legacy(resources)) => {
                for (resource, provider) in resources {
                    match provider_string::legacy(&provider, self.engine.name) {
                        Some(address) => self.state.needs.push(StateNeed { address, resource }),
                        None => self.state.unseen = Some(Unseen::Provider { resource }),
                    }
                }
            }
            Ok(Document::Shown(resources)) => {
                for (resource, provider) in resources {
                    match provider_string::parse_source(&provider, self.engine.name) {
                        Some(address) => self.state.needs.push(StateNeed { address, resource }),
                        None => self.state.unseen = Some(Unseen::Provider { resource }),
                    }
                }
            }
            Err(kind) => return self.failed(kind),
        }
        if !self.state.problems.is_empty() {
            self.state.needs.clear();
        }
        self.state
    }

    fn failed(mut self, kind: StateProblemKind) -> State {
        self.problem(kind);
        self.state
    }

    fn problem(&mut self, kind: StateProblemKind) {
        let place = Place::file(self.state.path.clone().unwrap_or_default());
        self.state.problems.push(StateProblem { kind, place });
    }

    /// What cannot be read is for the engine to judge.
    fn add_resource(&mut self, resource: &ResourceV4) {
        let reads_instances = self.engine.reads_state_providers_of_instances();
        let mut instances = resource.instance_providers();
        instances.retain(|_| reads_instances);
        let is_own = instances.is_empty();
        if is_own {
            instances.push(resource.provider());
        }
        for text in instances {
            let resource = resource.address();
            match provider_string::parse(text, self.engine.name, !is_own) {
                Ok(address) => {
                    let need = StateNeed { address, resource };
                    if self.state.needs.last() != Some(&need) {
                        self.state.needs.push(need);
                    }
                }
                Err(ProviderStringError::LegacyOnOtherHost { provider_type }) if reads_instances => {
                    self.problem(StateProblemKind::LegacyOnOtherHost { resource, provider_type });
                }
                Err(_) => self.state.unseen = Some(Unseen::Provider { resource }),
            }
        }
    }
}

#[cfg(test)]
mod tests;
