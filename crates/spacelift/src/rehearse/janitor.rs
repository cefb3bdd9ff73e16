//! A process that outlives the rehearsal and removes its workspace, however the rehearsal ends.
//!
//! It has a process group of its own, so that neither an interrupt at the terminal nor the end of a job's group reaches
//! it, and holds none of the rehearsal's streams.

use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::workspace;

/// Phases may still be ending while the workspace is removed.
const ATTEMPTS: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(100);

/// The other end of the janitor's input, which the kernel closes with this process.
#[derive(Debug)]
pub struct Janitor {
    _input: std::process::ChildStdin,
}

impl Janitor {
    /// Starts one for a workspace's temporary directory.
    ///
    /// # Errors
    /// Fails if no process can be started.
    pub fn watch(directory: &Utf8Path) -> io::Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .args(["rehearse-inside", "janitor"])
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = serde_json::to_vec(directory)?;
        line.push(b'\n');
        input.write_all(&line)?;
        Ok(Self { _input: input })
    }
}

/// The janitor's own work: reads which directory, waits for the end of the rehearsal, removes it.
///
/// # Errors
/// Fails if something is left after several attempts.
pub fn run() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let directory: Utf8PathBuf = serde_json::from_str(&line)?;
    io::copy(&mut input, &mut io::sink())?;
    for _ in 1..ATTEMPTS {
        if workspace::remove(&directory).is_ok() {
            return Ok(());
        }
        thread::sleep(BETWEEN);
    }
    workspace::remove(&directory)
}
