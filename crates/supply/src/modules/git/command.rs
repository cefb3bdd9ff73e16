//! The system's `git`, with its user's configuration and credentials, and without what a repository could make it run.
//!
//! No hooks, no prompts, no `ext::` transport. Addresses and settings go by the environment, not by arguments, so other
//! users of the machine do not see them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;

use airtight_finding::secrets::without_credentials;

/// More of what git prints is not kept: a repository may have some hundred thousand references.
const MAXIMUM_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;
const MAXIMUM_ERROR_BYTES: u64 = 64 * 1024;
/// Of an error's text, the last lines.
const ERROR_LINES: usize = 6;
const POLL: Duration = Duration::from_millis(2);

/// Why git did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    #[error("`git` is not on PATH; install it, as the engines need it too")]
    Missing,
    #[error("`git` cannot be started: {0}")]
    Start(String),
    /// What git itself says, without credentials.
    #[error("{0}")]
    Failed(String),
    #[error("git took longer than {} minutes (--limit-minutes)", .0.as_secs() / 60)]
    TooSlow(Duration),
}

/// How git is run.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    variables: BTreeMap<OsString, OsString>,
    settings: Vec<(String, String)>,
    limit: Duration,
}

/// Settings that hold for every call.
const SETTINGS: [(&str, &str); 7] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("protocol.ext.allow", "never"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("submodule.recurse", "false"),
];

/// Variables that would send git to another repository.
const REMOVED: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_TEMPLATE_DIR",
    // It would win over `protocol.ext.allow`.
    "GIT_ALLOW_PROTOCOL",
];

impl Git {
    /// `wait`: how long a server may send nothing. `limit`: for one call.
    pub(crate) fn new(wait: Duration, limit: Duration) -> Self {
        let mut settings: Vec<(String, String)> =
            SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        settings.push(("http.lowSpeedLimit".to_owned(), "1".to_owned()));
        settings.push(("http.lowSpeedTime".to_owned(), wait.as_secs().max(1).to_string()));
        let variables = BTreeMap::from([("GIT_TERMINAL_PROMPT".into(), "0".into()), ("LC_ALL".into(), "C".into())]);
        Self { variables, settings, limit }
    }

    /// Runs git in a directory and gives what it printed.
    pub(crate) fn run(&self, directory: &Utf8Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let started = Instant::now();
        tracing::debug!(%directory, arguments = arguments.join(" "), "git");
        let mut child = self.command(directory, arguments).spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if directory.is_dir() => GitError::Missing,
            _ => GitError::Start(error.to_string()),
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (status, output, error) = thread::scope(|scope| {
            let read = |limit: u64, pipe: Option<Box<dyn std::io::Read + Send>>| {
                let mut bytes = Vec::new();
                if let Some(mut pipe) = pipe {
                    let _ = pipe.by_ref().take(limit).read_to_end(&mut bytes);
                    // What is not kept is read nonetheless, so that git can go on.
                    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
                }
                bytes
            };
            let output = scope.spawn(move || read(MAXIMUM_OUTPUT_BYTES, stdout.map(|pipe| Box::new(pipe) as _)));
            let error = scope.spawn(move || read(MAXIMUM_ERROR_BYTES, stderr.map(|pipe| Box::new(pipe) as _)));
            let status = self.wait(&mut child, started);
            (status, output.join().unwrap_or_default(), error.join().unwrap_or_default())
        });
        match status? {
            status if status.success() => Ok(output),
            status => Err(GitError::Failed(said(&error, status))),
        }
    }

    fn wait(&self, child: &mut Child, started: Instant) -> Result<ExitStatus, GitError> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if started.elapsed() > self.limit => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(GitError::TooSlow(self.limit));
                }
                Ok(None) => thread::sleep(POLL),
                Err(error) => return Err(GitError::Start(error.to_string())),
            }
        }
    }

    fn command(&self, directory: &Utf8Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in REMOVED {
            command.env_remove(name);
        }
        command.envs(&self.variables);
        // Behind what the caller's environment sets already.
        let number = |text: OsString| text.to_str().and_then(|text| text.parse::<usize>().ok());
        let first = std::env::var_os("GIT_CONFIG_COUNT").and_then(number).unwrap_or_default();
        for (at, (key, value)) in self.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{}", first + at), key);
            command.env(format!("GIT_CONFIG_VALUE_{}", first + at), value);
        }
        command.env("GIT_CONFIG_COUNT", (first + self.settings.len()).to_string());
        // The authorities that airtight's own requests trust.
        if std::env::var_os("GIT_SSL_CAINFO").is_none()
            && let Some(authorities) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty())
        {
            command.env("GIT_SSL_CAINFO", authorities);
        }
        command
    }
}

/// The last lines of git's errors.
fn said(error: &[u8], status: ExitStatus) -> String {
    let text = String::from_utf8_lossy(error);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(ERROR_LINES)..].join("; ");
    if last.is_empty() { format!("git ended with {status}") } else { without_credentials(format!("git says: {last}")) }
}
