//! The engine's command as a plain value, and the one place where this process becomes it.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use camino::Utf8PathBuf;

use super::guard::{Guard, NotEnforceable};
use crate::check::Cleared;
use airtight_engine::bound::{self, Network};

/// A command of the engine: no shell reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub program: Utf8PathBuf,
    pub arguments: Vec<String>,
    /// Set for the engine; everything else is inherited as it is.
    pub environment: Vec<(&'static str, String)>,
}

/// Why the engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("`{program}` was not found")]
    NotFound { program: Utf8PathBuf },
    #[error("the kernel did not limit the engine to the image's programs: {0}")]
    NotGuarded(NotEnforceable),
    #[error("`{program}` cannot be executed: {source}")]
    NotExecutable { program: Utf8PathBuf, source: io::Error },
}

impl StartError {
    /// By the shell's own split of 126 and 127.
    pub fn new(program: &Utf8PathBuf, source: io::Error) -> Self {
        let program = program.clone();
        if source.kind() == io::ErrorKind::NotFound && !program.exists() {
            Self::NotFound { program }
        } else {
            Self::NotExecutable { program, source }
        }
    }
}

impl Invocation {
    /// Replaces this process, so that signals, exit code and streams are the engine's; returns only if that fails.
    ///
    /// With a guard, this process and the engine after it can start the image's programs only.
    pub fn become_engine(&self, _cleared: &Cleared, guard: Option<Guard>) -> StartError {
        if let Some(Err(error)) = guard.map(Guard::enter) {
            return StartError::NotGuarded(error);
        }
        self.log("becoming the engine");
        let error = self.command().exec();
        StartError::new(&self.program, error)
    }

    /// The values of arguments may be secrets, and are not logged.
    pub(super) fn log(&self, message: &str) {
        let shown = |argument: &String| match argument.split_once('=') {
            Some((name, _)) => format!("{name}=..."),
            None => argument.clone(),
        };
        let arguments = self.arguments.iter().map(shown).collect::<Vec<_>>().join(" ");
        let variables = self.environment.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        tracing::debug!(program = %self.program, arguments, variables, "{message}");
    }

    fn command(&self) -> Command {
        self.completed(Command::new(&self.program))
    }

    /// As a child that ends with this process. See [`bound`].
    pub(super) fn bound_command(&self) -> Command {
        self.completed(bound::command(&self.program, Network::Open))
    }

    fn completed(&self, mut command: Command) -> Command {
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
