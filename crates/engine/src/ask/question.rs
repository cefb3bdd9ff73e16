//! What the engine is asked, and how.

use std::ffi::OsString;
use std::time::Duration;

use camino::Utf8Path;

use super::answer::NotAsked;
use crate::bound::Network;
use crate::init_arguments::InitArguments;
use airtight_provider::Engine;

/// How long [`super::ask`] waits. An engine needs 50 ms, and much longer on a machine that is busy.
pub const LIMIT: Duration = Duration::from_secs(30);

/// How long [`super::ask_state`] waits for each of its steps: the backend may be slow.
pub const STATE_LIMIT: Duration = Duration::from_mins(2);

/// How long [`super::ask_backend`] waits: what it asks for is known before the engine connects to anything.
pub const BACKEND_LIMIT: Duration = Duration::from_secs(3);

/// A question about one root module.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The engine's executable, as an absolute path.
    pub program: &'a Utf8Path,
    /// What it is.
    pub engine: &'a Engine,
    /// Absolute. `-chdir` is applied already.
    pub root_module: &'a Utf8Path,
    /// The real data directory, whose `modules.json` and selected workspace count. It is only read.
    pub data_dir: &'a Utf8Path,
    /// No file of the data directory is read through a link that leads out of it.
    pub repository: &'a Utf8Path,
    /// The arguments of the `init` that the answer is for.
    pub init: &'a InitArguments,
    /// What the engine would get. Variables that would change the question are left out.
    pub environment: Vec<(OsString, OsString)>,
    pub modules: Modules,
    /// The text of `modules.json` in place of the real one's, if modules are not installed yet.
    pub module_records: Option<&'a str>,
    pub local_state: LocalState,
    /// The local backend's setting, if it has one: the engine makes a directory there for a workspace that is new.
    pub workspace_dir: Option<&'a str>,
    /// Further blocks of the CLI configuration, such as `credentials` and `host`, as text. Only [`super::ask_state`] uses
    /// them; none may be `provider_installation`.
    pub cli_blocks: &'a str,
    /// Where the scratch directory is made, such as `/tmp`.
    pub temporary: &'a Utf8Path,
    /// What the engine may do, if not everything that this process may.
    pub confine: Option<&'a dyn Confine>,
    /// How long to wait; [`LIMIT`], [`STATE_LIMIT`] or [`BACKEND_LIMIT`].
    pub limit: Duration,
}

/// Limits a thread, and what it starts, for good.
pub trait Confine: std::fmt::Debug + Sync {
    /// Limits the calling thread. What it starts will have this network.
    ///
    /// # Errors
    /// The reason; then nothing is started.
    fn enter(&self, network: Network) -> Result<(), String>;
}

/// Whether the engine can load every called module without network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Modules {
    /// All are local, or installed and recorded in the data directory.
    AtHand,
    /// `module`, such as `network.subnets`, would have to be downloaded.
    NeedNetwork { module: String },
    /// `module` is one of the modules that call it.
    NoEnd { module: String },
}

/// Whether the providers of `terraform.tfstate` in the root module count. Only [`super::ask`] looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalState {
    /// The configuration has no backend, so `init` reads that file.
    Counts,
    /// The state is elsewhere, and a file there is a leftover that `init` does not read.
    Ignored,
}

impl Question<'_> {
    pub(super) fn not_asked(&self) -> Option<NotAsked> {
        if self.init.from_module.is_some() {
            return Some(NotAsked::CopiesModule);
        }
        match &self.modules {
            Modules::AtHand => None,
            // With `-get=false` nothing is downloaded.
            Modules::NeedNetwork { .. } if !self.init.get => None,
            Modules::NoEnd { module } => Some(NotAsked::ModuleWithoutEnd { module: module.clone() }),
            Modules::NeedNetwork { module } => Some(NotAsked::ModuleNeedsNetwork { module: module.clone() }),
        }
    }

    /// `init` with what decides how the configuration is read. `-lockfile=readonly` keeps the lock file as it is, even if
    /// `init` succeeds because nothing needs a provider.
    pub(super) fn init_arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["init", "-input=false", "-no-color", "-lockfile=readonly"].map(str::to_owned).into();
        if self.engine.answers_init_in_json() {
            arguments.push("-json".to_owned());
        }
        if !self.init.get {
            arguments.push("-get=false".to_owned());
        }
        if self.init.test_directory != InitArguments::default().test_directory {
            arguments.push(format!("-test-directory={}", self.init.test_directory));
        }
        arguments.extend(self.init.variables.iter().cloned());
        arguments
    }

    /// The same with the backend, as the caller configures it. No lock is taken.
    pub(super) fn backend_arguments(&self) -> Vec<String> {
        let mut arguments = self.init_arguments();
        arguments.push("-lock=false".to_owned());
        if self.init.reconfigure {
            arguments.push("-reconfigure".to_owned());
        }
        arguments.extend(self.init.backend_config.iter().map(|value| format!("-backend-config={}", value.text())));
        arguments
    }
}
