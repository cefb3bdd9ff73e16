//! Exit codes. 1 and 2 are never ours: they belong to the engine (`plan -detailed-exitcode` owns 2).

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: cleared, or `unknown` without an error.
    Cleared,
    /// 100: refused, failure predicted, or airtight cannot write one of its files.
    Refused,
    /// 96: usage, settings, a directory that is not there.
    Usage,
    /// 70: our bug.
    Bug,
    /// 126: the engine is there and cannot be executed.
    NotExecutable,
    /// 127: no engine.
    NotFound,
    /// The engine's own code; 128 + N where signal N killed it.
    Engine(u8),
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(match code {
            ExitCode::Cleared => 0,
            ExitCode::Refused => 100,
            ExitCode::Usage => 96,
            ExitCode::Bug => 70,
            ExitCode::NotExecutable => 126,
            ExitCode::NotFound => 127,
            ExitCode::Engine(code) => code,
        })
    }
}
