//! Commands without network, as another user, with a clean environment.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use tempfile::TempDir;

/// Spacelift's own.
pub(crate) const UNPRIVILEGED_USER: u32 = 1983;

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether this machine lets us make a network namespace.
pub(crate) fn has_namespaces() -> bool {
    static ANSWER: LazyLock<bool> =
        LazyLock::new(|| namespace().arg("true").output().is_ok_and(|output| output.status.success()));
    *ANSWER
}

/// A new network namespace, which has no interface but a loopback that is down, and mounts of its own.
fn namespace() -> Command {
    let mut command = Command::new("unshare");
    command.arg(if is_root() { "-mn" } else { "-rmn" }).arg("--");
    command
}

/// A command without network. Root's share one namespace: each of its own would take the kernel longer than the command.
fn without_network() -> Command {
    static HOLDER: LazyLock<Option<Child>> = LazyLock::new(|| {
        // It ends with this process, whose side of the pipe is then closed.
        let mut holder = Command::new("unshare");
        holder.args(["-n", "--", "sh", "-c", "echo; read -r line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take()?).read_line(&mut line).ok()?;
        (!line.is_empty()).then_some(holder)
    });
    match HOLDER.as_ref().filter(|_| is_root()) {
        Some(holder) => {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/proc/{}/ns/net", holder.id())).arg("--");
            command
        }
        None => namespace(),
    }
}

/// Whether a command can have an `/etc` of its own.
pub(crate) fn has_own_etc() -> bool {
    static ANSWER: LazyLock<bool> = LazyLock::new(|| {
        let bind = ["sh", "-c", "mount --bind /tmp /etc"];
        is_root() && namespace().args(bind).output().is_ok_and(|output| output.status.success())
    });
    *ANSWER
}

/// Whether the tests themselves run where there is no network, as under `unshare -n`: no namespace for each command then.
fn is_offline() -> bool {
    static ANSWER: LazyLock<bool> = LazyLock::new(|| {
        let devices = fs::read_to_string("/proc/net/dev").unwrap_or_default();
        let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
        let mut devices = devices.lines().skip(2).map(str::trim).peekable();
        devices.peek().is_some()
            && devices.all(|device| device.starts_with("lo:") && device.ends_with(" 0"))
            && routes.lines().count() <= 1
    });
    *ANSWER
}

/// A command that sees nothing of the tests' own environment.
#[derive(Clone, Debug)]
pub(crate) struct Isolated {
    pub program: Utf8PathBuf,
    pub arguments: Vec<String>,
    pub directory: Utf8PathBuf,
    pub environment: BTreeMap<String, String>,
    pub unprivileged: bool,
    pub offline: bool,
    /// A shell command that root of the namespace runs first, such as one that starts a loopback.
    pub before: Option<String>,
    /// Whether it gets a minute and 6 GB at most, because its input is foreign or random.
    pub limited: bool,
}

impl Isolated {
    pub(crate) fn new(program: &Utf8Path, directory: &Utf8Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            directory: directory.to_owned(),
            environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin:/usr/sbin:/sbin".to_owned())]),
            unprivileged: false,
            offline: true,
            before: None,
            limited: false,
        }
    }

    pub(crate) fn arguments<T: Into<String>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn run(&self) -> Output {
        self.command().output().unwrap_or_else(|error| panic!("{}: {error}", self.program))
    }

    /// The same to be started by the test. Each program becomes the next one, so its process is the program's.
    pub(crate) fn command(&self) -> Command {
        let mut command = if self.before.is_some() {
            namespace()
        } else if self.offline && !is_offline() {
            without_network()
        } else {
            Command::new("env")
        };
        if let Some(before) = &self.before {
            command.args(["sh", "-c", &format!("{before} && exec \"$@\""), "sh"]);
        }
        if self.limited {
            command.args(["timeout", "--kill-after=5", "60", "prlimit", "--as=6144000000"]);
        }
        let mut program = self.program.clone();
        if self.unprivileged {
            program = reachable(&program);
            let user = UNPRIVILEGED_USER.to_string();
            command.args(["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"]);
        }
        // Our own PATH finds `unshare` and `setpriv`; `env` then leaves the program with its own.
        command.args(["env", "-i"]).args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(program).args(&self.arguments);
        command.current_dir(&self.directory).stdin(Stdio::null());
        command
    }
}

/// The program where the unprivileged user can reach it: a copy, where it lies behind a closed directory.
pub(crate) fn reachable(program: &Utf8Path) -> Utf8PathBuf {
    static COPIES: LazyLock<Mutex<BTreeMap<Utf8PathBuf, (Utf8PathBuf, TempDir)>>> = LazyLock::new(Mutex::default);
    let is_open = |path: &Utf8Path| fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0);
    if program.ancestors().filter(|path| !path.as_str().is_empty()).all(is_open) {
        return program.to_owned();
    }
    let mut copies = COPIES.lock().unwrap();
    let (copy, _) = copies.entry(program.to_owned()).or_insert_with(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let copy = Utf8PathBuf::try_from(directory.path().join(program.file_name().unwrap())).unwrap();
        // By another process: what another thread starts meanwhile would hold a file that is still open for writing.
        let status = Command::new("cp").args([program, &copy]).status().unwrap();
        assert!(status.success(), "cp {program} {copy}: {status}");
        fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).unwrap();
        (copy, directory)
    });
    copy.clone()
}

/// The binary under test: this build's, or the one that `AIRTIGHT_UNDER_TEST` names, such as a release.
pub(crate) fn airtight() -> &'static Utf8Path {
    static PATH: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
        let built = assert_cmd::cargo::cargo_bin!("airtight").to_str().unwrap();
        std::env::var("AIRTIGHT_UNDER_TEST").unwrap_or_else(|_| built.to_owned()).into()
    });
    &PATH
}
