//! Which executions the kernel denied during a phase, and to whom: what `execute: image` will stop in the image.
//!
//! A denied execution leaves no trace of its own: no process, no event of fanotify or inotify (they come after the
//! check), no line but the program's own words; the kernel's audit log is for the machine's root. So the phases are traced. A
//! seccomp filter stops a process at `execve` alone, so everything else runs at full speed. The tracer reads the path, lets
//! the call go on, and looks at what it returned. This works for any reason of a denial (Landlock, a mount without
//! execution, a missing permission), needs no privilege, and asks nothing of `/proc`.
//!
//! What it cannot do: hand on real-time signals, which its library has no names for ([`Watched::lost_signals`]); stop a
//! process for job control; let a phase trace by itself. Programs for another architecture are killed. So it is only done
//! if it is asked for.
//!
//! Source: ptrace(2), seccomp(2), landlock(7).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use camino::Utf8Path;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, wait};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::leg::{Denied, Watched};

/// The first argument of the process that becomes a traced program.
const STAGE: &str = "become-traced-program";

/// Between two looks for a child, while there is none.
const IDLE: Duration = Duration::from_millis(2);

/// Longer than any path.
const LONGEST_PATH: usize = 4096;

/// The tracer of everything that this process starts by [`Watcher::command`].
pub(super) struct Watcher {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    ended: BTreeMap<u32, ExitStatus>,
    watched: Watched,
}

impl Watcher {
    /// Starts the thread that traces, for as long as this process lives: what a phase leaves behind dies with its tracer.
    pub(super) fn start() -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let of_thread = shared.clone();
        thread::spawn(move || Tracer { shared: of_thread, ..Tracer::default() }.follow());
        Self { shared }
    }

    /// A command that will be traced. It is waited for by [`Watcher::ended`] alone.
    pub(super) fn command(program: &str) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.args([STAGE, program]);
        command
    }

    pub(super) fn ended(&self, child: &Child) -> Option<ExitStatus> {
        lock(&self.shared).ended.remove(&child.id())
    }

    /// What was seen since this was called last.
    pub(super) fn take(&self) -> Watched {
        std::mem::take(&mut lock(&self.shared).watched)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In the child: waits for its tracer, and becomes the program. None if `arguments`, all of this process's, are not those
/// of [`Watcher::command`].
pub fn become_traced(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if arguments.nth(1)? != STAGE {
        return None;
    }
    let program = arguments.next()?;
    let started = signal::raise(Signal::SIGSTOP).map_err(io::Error::from).and_then(|()| {
        if is_traced() {
            filter()?;
        }
        Err::<(), io::Error>(Command::new(program).args(arguments).exec())
    });
    // As a shell that is not found.
    Some(ExitCode::from(if started.is_ok() { 0 } else { 127 }))
}

/// Without a tracer, a filter that wants one would forbid every execution.
fn is_traced() -> bool {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}

/// Stops this process, and those that it will start, at each execution.
fn filter() -> io::Result<()> {
    let rules = [(libc::SYS_execve, Vec::new()), (libc::SYS_execveat, Vec::new())].into();
    let architecture = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(0), architecture)
        .map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

#[derive(Default)]
struct Tracer {
    shared: Arc<Mutex<Shared>>,
    /// The processes that we attached to, whose end somebody waits for.
    roots: BTreeSet<i32>,
    traced: BTreeSet<i32>,
    /// What each thread's program is called.
    names: BTreeMap<i32, String>,
    /// Threads in the middle of an execution, with its path.
    executing: BTreeMap<i32, String>,
}

impl Tracer {
    fn follow(&mut self) {
        loop {
            match wait(WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) => self.hear(pid.as_raw_pid(), status.as_raw()),
                Err(rustix::io::Errno::CHILD) => thread::sleep(IDLE),
                _ => {}
            }
        }
    }

    fn hear(&mut self, number: i32, status: i32) {
        let pid = Pid::from_raw(number);
        if !libc::WIFSTOPPED(status) {
            self.forget(number);
            if self.roots.remove(&number)
                && let Ok(id) = u32::try_from(number)
            {
                lock(&self.shared).ended.insert(id, ExitStatus::from_raw(status));
            }
            return;
        }
        let stopped_by = libc::WSTOPSIG(status);
        let event = status >> 16;
        if event == 0 && stopped_by == libc::SIGSTOP && !self.traced.contains(&number) {
            self.attach(pid);
            return;
        }
        self.traced.insert(number);
        // A process that is gone by now is heard of again.
        let _ = match event {
            libc::PTRACE_EVENT_SECCOMP => {
                if let Some(path) = path_of_execution(pid) {
                    self.executing.insert(number, path);
                }
                // Up to the end of the call.
                ptrace::syscall(pid, None)
            }
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                let child = ptrace::getevent(pid).ok().and_then(|child| i32::try_from(child).ok());
                if let (Some(child), Some(name)) = (child, self.names.get(&number).cloned()) {
                    self.names.insert(child, name);
                }
                ptrace::cont(pid, None)
            }
            0 if stopped_by == libc::SIGTRAP | 0x80 => {
                self.executed(pid);
                ptrace::cont(pid, None)
            }
            0 => {
                let signal = Signal::try_from(stopped_by).ok();
                lock(&self.shared).watched.lost_signals += u32::from(signal.is_none());
                ptrace::cont(pid, signal)
            }
            _ => ptrace::cont(pid, None),
        };
    }

    /// Follows a child that has stopped itself for that, and everything that it will start.
    fn attach(&mut self, pid: Pid) {
        let options = Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_EXITKILL;
        if ptrace::seize(pid, options).is_ok() {
            self.traced.insert(pid.as_raw());
        }
        self.roots.insert(pid.as_raw());
        let _ = signal::kill(pid, Signal::SIGCONT);
    }

    /// An execution has returned.
    fn executed(&mut self, pid: Pid) {
        let Some(file) = self.executing.remove(&pid.as_raw()) else { return };
        let name = Utf8Path::new(&file).file_name().unwrap_or(&file).to_owned();
        let denied = |file: String, process: Option<&String>| Denied {
            file,
            process: process.cloned().unwrap_or_else(|| "an unknown process".to_owned()),
        };
        match result_of_call(pid) {
            Some(0) => {
                // A search along PATH may have been denied before.
                let old = self.names.insert(pid.as_raw(), name.clone());
                lock(&self.shared).watched.denied.retain(|one| {
                    let is_same_search =
                        Utf8Path::new(&one.file).file_name() == Some(&name) && Some(&one.process) == old.as_ref();
                    !is_same_search
                });
            }
            Some(result) if result == -i64::from(libc::EACCES) => {
                let denied = denied(file, self.names.get(&pid.as_raw()));
                lock(&self.shared).watched.denied.insert(denied);
            }
            _ => {}
        }
    }

    fn forget(&mut self, number: i32) {
        self.traced.remove(&number);
        self.names.remove(&number);
        self.executing.remove(&number);
    }
}

/// The path that a process at the beginning of an execution names.
#[cfg(target_arch = "x86_64")]
fn path_of_execution(pid: Pid) -> Option<String> {
    let registers = ptrace::getregs(pid).ok()?;
    let is_execve = i64::try_from(registers.orig_rax) == Ok(libc::SYS_execve);
    text_at(pid, if is_execve { registers.rdi } else { registers.rsi })
}

#[cfg(target_arch = "x86_64")]
fn result_of_call(pid: Pid) -> Option<i64> {
    Some(ptrace::getregs(pid).ok()?.rax.cast_signed())
}

#[cfg(target_arch = "aarch64")]
fn path_of_execution(pid: Pid) -> Option<String> {
    let registers = ptrace::getregset::<ptrace::regset::NT_PRSTATUS>(pid).ok()?.regs;
    let is_execve = i64::try_from(registers[8]) == Ok(libc::SYS_execve);
    text_at(pid, if is_execve { registers[0] } else { registers[1] })
}

#[cfg(target_arch = "aarch64")]
fn result_of_call(pid: Pid) -> Option<i64> {
    Some(ptrace::getregset::<ptrace::regset::NT_PRSTATUS>(pid).ok()?.regs[0].cast_signed())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn path_of_execution(_: Pid) -> Option<String> {
    None
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn result_of_call(_: Pid) -> Option<i64> {
    None
}

/// Up to its zero byte, word by word.
fn text_at(pid: Pid, address: u64) -> Option<String> {
    let mut bytes = Vec::new();
    let mut address = usize::try_from(address).ok()?;
    while bytes.len() < LONGEST_PATH {
        let word = ptrace::read(pid, address as ptrace::AddressType).ok()?.to_ne_bytes();
        let end = word.iter().position(|byte| *byte == 0);
        bytes.extend(&word[..end.unwrap_or(word.len())]);
        if end.is_some() {
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        address += word.len();
    }
    None
}
