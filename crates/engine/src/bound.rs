//! A program that ends when this process ends, however this process ends.
//!
//! The kernel's parent death signal must be set by the child itself, and code between fork and exec would need `unsafe`.
//! So the child is this binary first ([`become_program`]): it sets the signal, checks that its parent is still there, and
//! becomes the program. Process number, streams, process group and exit code are the program's own.
//!
//! The signal comes when the *thread* that started the child ends. Start and wait in one thread.
//!
//! The same intermediate process, which has one thread as the kernel demands, can leave the network behind.
//!
//! Source: `prctl(2)` `PR_SET_PDEATHSIG`, `user_namespaces(7)`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Child, Command, ExitCode, ExitStatus};

/// The first argument of the intermediate process; parent's process number, program and arguments follow.
const STAGE: &str = "become-bound-program";

/// The intermediate process's name. Exec replaces it, so a process that ended under this name never became the program.
#[cfg(target_os = "linux")]
const STAGE_NAME: &std::ffi::CStr = c"airtight-start";

#[cfg(target_os = "linux")]
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Which network a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Open,
    /// A network namespace without any route, if the kernel permits one.
    Closed,
}

#[cfg(target_os = "linux")]
impl Network {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "network-open",
            Self::Closed => "network-closed",
        }
    }
}

/// A command that starts `program`, bound to this process. Arguments, environment and streams are for the caller to add.
///
/// End it with [`wait`]: only this knows whether the program was started at all. Without `/proc`, and outside Linux, the
/// program is started directly, is not bound, and has the network.
pub fn command(program: impl AsRef<OsStr>, network: Network) -> Command {
    #[cfg(target_os = "linux")]
    if std::path::Path::new(OWN_PROGRAM).exists() {
        let mut command = Command::new(OWN_PROGRAM);
        command.arg(STAGE).arg(std::process::id().to_string()).arg(network.as_str()).arg(program);
        return command;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = network;
    Command::new(program)
}

/// Waits for the end of a child that [`command`] made.
///
/// # Errors
/// With the reason if the program could not be executed.
pub fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    let was_started = ended_as_program(child)?;
    let status = child.wait()?;
    match status.code() {
        Some(number) if !was_started => Err(io::Error::from_raw_os_error(number)),
        _ => Ok(status),
    }
}

/// The intermediate process: `arguments` are all of this process's. `None` if they are not those of [`command`].
/// Otherwise returns only if the program cannot be executed, with the system's error number for [`wait`].
pub fn become_program(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if arguments.nth(1)? != STAGE {
        return None;
    }
    let parent = arguments.next()?;
    let network = arguments.next()?;
    let program = arguments.next()?;
    Some(ExitCode::from(stage(&parent, &network, &program, arguments)))
}

#[cfg(target_os = "linux")]
fn stage(parent: &OsStr, network: &OsStr, program: &OsStr, arguments: impl Iterator<Item = OsString>) -> u8 {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let number =
        |error: io::Error| error.raw_os_error().and_then(|number| u8::try_from(number).ok()).unwrap_or(u8::MAX);
    let prepared = rustix::thread::set_name(STAGE_NAME).map_err(io::Error::from).and_then(|()| {
        if network == Network::Closed.as_str() {
            leave_network()?;
        }
        // After the namespace, whose capabilities would clear it.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)
    });
    if let Err(error) = prepared {
        return number(error);
    }
    // The parent may have ended before the signal was set.
    let is_bound = getppid().is_some_and(|pid| parent.to_str() == Some(&pid.as_raw_pid().to_string()));
    if !is_bound {
        return number(io::Error::from(rustix::io::Errno::SRCH));
    }
    number(Command::new(program).args(arguments).exec())
}

#[cfg(not(target_os = "linux"))]
fn stage(_: &OsStr, _: &OsStr, _: &OsStr, _: impl Iterator<Item = OsString>) -> u8 {
    u8::MAX
}

/// Gives this process a network namespace without any route: directly if it is privileged, else in a user namespace of its
/// own, in which it stays the same user. If neither is permitted, it keeps the network.
#[cfg(target_os = "linux")]
fn leave_network() -> io::Result<()> {
    use rustix::process::{getegid, geteuid};
    use rustix::thread::UnshareFlags;

    #[expect(deprecated, reason = "unsound only with threads that share file descriptors; this process has one thread")]
    let unshare = |flags| rustix::thread::unshare(flags);
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    if unshare(UnshareFlags::NEWNET).is_ok() {
        return Ok(());
    }
    // Without the map this process would be nobody, and cannot come back.
    let can_map = fs_err::OpenOptions::new().write(true).open("/proc/self/uid_map").is_ok();
    if !can_map || unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).is_err() {
        return Ok(());
    }
    fs_err::write("/proc/self/setgroups", "deny")?;
    fs_err::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs_err::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Waits until the child has ended, and leaves it to be reaped. Whether it had become the program.
#[cfg(target_os = "linux")]
pub(crate) fn ended_as_program(child: &Child) -> io::Result<bool> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return Ok(true) };
    rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT))?;
    let name = fs_err::read(format!("/proc/{}/comm", child.id())).unwrap_or_default();
    Ok(name.trim_ascii_end() != STAGE_NAME.to_bytes())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn ended_as_program(_: &Child) -> io::Result<bool> {
    Ok(true)
}
