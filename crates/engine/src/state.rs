//! State: which providers its resources name, and what else of it cannot be seen.
//!
//! `init` reads the state of the selected workspace before anything else and installs every provider that a resource in
//! it names, needed by the configuration or not. Only a state in a file can be read here; one behind a remote backend,
//! or encrypted, is said to be unseen.
//!
//! Sources: OpenTofu `internal/command/init.go` `Run`; `internal/states/statefile` `read.go`, `version4.go`.

mod document;
mod migration;
mod provider_string;
mod selection;

use camino::{Utf8Path, Utf8PathBuf};

use super::configuration::Backend;
use crate::init_arguments::InitArguments;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::digest::os_error;
use airtight_provider::text_file;
use airtight_provider::text_file::TextFileError;
use airtight_provider::{Engine, EngineName, ProviderAddress};
use document::{Document, ResourceV4};
use selection::Selection;

/// The engines' summary for a backend that they do not have, which early Terraform 1.15 looks for before anything else.
pub const UNSUPPORTED_BACKEND: &str = "Unsupported backend type";

/// The engines' summary for a file of `-backend-config` that cannot be read.
pub const UNREAD_SETTINGS: &str = "Failed to read file";

/// A larger file is not read, so that a planted one cannot fill the memory.
const LIMIT_BYTES: u64 = 32 * 1024 * 1024;

/// The state that `init` will read.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Null where no file holds it.
    pub path: Option<Utf8PathBuf>,
    /// Each resource's provider with the resource's address, such as `module.a.null_resource.x`.
    pub needs: Vec<StateNeed>,
    /// A name of a workspace that OpenTofu refuses while it reads the root module.
    pub workspace_errors: Vec<Problem>,
    /// What keeps the engine from opening the backend that holds it.
    pub backend_errors: Vec<Problem>,
    /// The lock file is read before it comes to those.
    pub is_behind_lock: bool,
    /// What the engine stops at when it reads it.
    pub errors: Vec<Problem>,
    /// Why the state, or a part of it, could not be seen: a remote backend, an encrypted file.
    pub unseen: Option<String>,
}

/// A resource's provider. Legacy addresses (`-`) are needs like others: the engine refuses them later.
impl State {
    /// Adds a state that was given instead of what could not be seen.
    pub fn add_given(&mut self, given: Self) {
        self.needs.extend(given.needs);
        self.errors.extend(given.errors);
        self.unseen = given.unseen;
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateNeed {
    pub address: ProviderAddress,
    pub resource: String,
}

/// Reads the state that `init` reads: that of the selected workspace, where a file holds it.
///
/// `workspace` is `TF_WORKSPACE`; `backend` is the configuration's, `init` has the flags about it.
pub fn read(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    workspace: Option<&str>,
    backend: Option<&Backend>,
    init: &InitArguments,
    engine: &Engine,
) -> State {
    let selection = if init.backend {
        selection::with_backend(root_module, data_dir, workspace, backend, init, engine)
    } else {
        selection::without_backend(root_module, data_dir, workspace, engine.name)
    };
    let early = selection::invalid_workspace(root_module, workspace).filter(|_| refuses_workspaces_early(engine));
    let mut state = match selection {
        Selection::Invalid(problem) if early.as_ref() == Some(&problem) => State::default(),
        Selection::File(path) => read_file(&path, engine),
        Selection::Unseen(reason) => State { unseen: Some(reason), ..State::default() },
        // Without opening a backend, Terraform comes to the workspace only when it reads the state.
        Selection::Invalid(problem) if !init.backend && problem.summary.contains(selection::INVALID_WORKSPACE) => {
            State { errors: vec![problem], ..State::default() }
        }
        Selection::Invalid(problem) => State { backend_errors: vec![problem], ..State::default() },
        Selection::InvalidBehindLock(problem) => {
            State { backend_errors: vec![problem], is_behind_lock: true, ..State::default() }
        }
    };
    state.workspace_errors.extend(early);
    state
}

/// Parses a state file (version 4; 3 and older are legacy) or the output of `show -json`, which does not name resources
/// without instances.
pub fn parse(path: &Utf8Path, bytes: &[u8], engine: &Engine) -> State {
    Reader::new(path, engine).parse(bytes, document::Forms::StateOrShown)
}

/// Reads a file that somebody named: a state file, or the output of `show -json`.
///
/// # Errors
/// Fails where the file cannot be read: no engine ever looks at it, so this is no prediction.
pub fn read_given(path: &Utf8Path, engine: &Engine) -> Result<State, TextFileError> {
    text_file::read_bytes(path, LIMIT_BYTES).map(|bytes| parse(path, &bytes, engine))
}

/// A missing or empty file is no state.
fn read_file(path: &Utf8Path, engine: &Engine) -> State {
    let reader = Reader::new(path, engine);
    match text_file::read_bytes(path, LIMIT_BYTES) {
        Ok(bytes) => reader.parse(&bytes, document::Forms::State),
        Err(TextFileError::Missing) => State::default(),
        Err(TextFileError::Directory) => reader.failed(&[format!(
            "Failed to read state file: The state file could not be read: read {path}: is a directory"
        )]),
        Err(TextFileError::Unreadable(error)) => {
            reader.failed(&[os_error::describe("open", path.as_std_path(), &error)])
        }
        Err(error) => {
            State { unseen: Some(format!("the state file `{path}` is not read: {error}")), ..State::default() }
        }
    }
}

struct Reader<'a> {
    engine: &'a Engine,
    state: State,
    /// Each with its summary before it.
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(path: &Utf8Path, engine: &'a Engine) -> Self {
        Self { engine, state: State { path: Some(path.to_owned()), ..State::default() }, problems: Vec::new() }
    }

    fn parse(mut self, bytes: &[u8], forms: document::Forms) -> State {
        if bytes.is_empty() {
            return self.state;
        }
        match document::parse(bytes, forms, self.engine) {
            Ok(Document::Encrypted) => self.state.unseen = Some("the state file is encrypted".to_owned()),
            Ok(Document::V4(resources)) => resources.iter().for_each(|resource| self.add_resource(resource)),
            Ok(Document::Legacy(resources)) => {
                for (resource, provider) in resources {
                    self.add_legacy(&provider, resource);
                }
            }
            Ok(Document::Shown(resources)) => {
                for (resource, provider) in resources {
                    match provider_string::parse_source(&provider, self.engine.name) {
                        Some(address) => self.state.needs.push(StateNeed { address, resource }),
                        None => self.state.unseen = Some(format!("`{resource}` names no provider that can be read")),
                    }
                }
            }
            Err(problems) => self.problems = problems,
        }
        if self.problems.is_empty() {
            return self.state;
        }
        let problems = std::mem::take(&mut self.problems);
        self.failed(&problems)
    }

    /// The engine joins all problems in one message.
    fn failed(mut self, problems: &[String]) -> State {
        let detail = match problems {
            [problem] => problem.clone(),
            lines => format!("{} problems:\n\n- {}", lines.len(), lines.join("\n- ")),
        };
        let place = Place::file(self.state.path.clone().unwrap_or_default());
        self.state.needs.clear();
        self.state.errors = vec![Problem { summary: "Error refreshing state".to_owned(), detail, place }];
        self.state
    }

    fn problem(&mut self, summary: &str, detail: &str) {
        self.problems.push(format!("{summary}: {detail}"));
    }

    fn add_resource(&mut self, resource: &ResourceV4) {
        let name = resource.address();
        if !matches!(resource.mode(), "managed" | "data") {
            let detail = format!(
                "State contains a resource with mode {:?} ({:?} {:?}) which is not supported.",
                resource.mode(),
                resource.resource_type(),
                resource.name()
            );
            self.problem("Invalid resource mode in state", &detail);
            return;
        }
        let reads_instances = reads_providers_of_instances(self.engine);
        let instances = if reads_instances { resource.instance_providers() } else { Vec::new() };
        if resource.provider().is_empty() && reads_instances {
            // Without any instance either, OpenTofu 1.12 crashes instead.
            if instances.is_empty() || instances.iter().any(Option::is_none) {
                let detail = format!(
                    "Resource {name} is missing a provider address, both on the resource and the resource instances."
                );
                self.problem("Provider field missing state", &detail);
            }
        } else if let Some(address) = self.parse_provider(resource.provider(), false)
            && instances.iter().flatten().next().is_none()
        {
            self.state.needs.push(StateNeed { address, resource: name.clone() });
        }
        // All instances must name the same provider; where they do not the engine keeps the last and refuses the state.
        let mut addresses: Vec<ProviderAddress> = Vec::new();
        for provider in instances.into_iter().flatten() {
            addresses.extend(self.parse_provider(provider, true));
        }
        addresses.dedup();
        if let [first, second, ..] = &addresses[..] {
            let detail = format!(
                "Resource {name} has instances with different provider addresses: \"{first}\" != \"{second}\"."
            );
            self.problem("Provider instance field conflict in state", &detail);
        }
        if let Some(address) = addresses.pop() {
            self.state.needs.push(StateNeed { address, resource: name });
        }
    }

    /// The address, or a problem where this engine makes one of it.
    fn parse_provider(&mut self, text: &str, allows_instance_key: bool) -> Option<ProviderAddress> {
        match provider_string::parse(text, self.engine.name, allows_instance_key) {
            Ok(address) => Some(address),
            Err(detail) => {
                if self.engine.refuses_unreadable_state_providers() {
                    self.problem("Invalid provider configuration address", &detail);
                }
                None
            }
        }
    }

    fn add_legacy(&mut self, provider: &str, resource: String) {
        match provider_string::legacy(provider, self.engine.name) {
            Some(address) => self.state.needs.push(StateNeed { address, resource }),
            None => self.problem(
                "State format upgrade failed",
                &format!(
                    "Error upgrading state file format from version 3 to version 4: invalid provider config \
                     reference {provider:?} for {resource}."
                ),
            ),
        }
    }
}

/// What the configuration may refer to is evaluated from the start, the workspace's name among it.
///
/// Source: OpenTofu `internal/command/meta_config.go` `rootModuleCall`, from 1.8 on.
fn refuses_workspaces_early(engine: &Engine) -> bool {
    engine.name == EngineName::Tofu && engine.evaluates_module_sources()
}

/// A provider may stand at each instance, with the key of a provider that has `for_each`.
///
/// Source: OpenTofu's changelog, 1.9.0.
fn reads_providers_of_instances(engine: &Engine) -> bool {
    engine.name == EngineName::Tofu && engine.is_at_least(1, 9, 0)
}

#[cfg(test)]
mod tests;
