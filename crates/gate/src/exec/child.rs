//! The engine's `init` as a child: its streams pass through untouched and at once, signals are passed on, and it ends
//! with us ([`airtight_engine::bound`]).

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use airtight_engine::ask::interrupt::Held;
use airtight_engine::bound;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::guard::Guard;
use super::invocation::{Invocation, StartError};
use crate::check::Cleared;

/// How much of the engine's error output is kept for the explanation: its last part.
const KEPT_BYTES: usize = 256 * 1024;

/// How the child ended.
#[derive(Debug)]
pub struct Ended {
    /// The engine's exit code; 128 + N where signal N killed it.
    pub code: u8,
    /// The end of what it printed on stderr; empty if stderr is a terminal, which the engine then has to itself.
    pub error_output: String,
}

/// Runs the invocation to its end.
///
/// The child has a process group of its own, so that an interrupt reaches it exactly once, through us: a second one
/// makes the engines give up without tidying.
///
/// With a guard, the engine and what it starts can start the image's programs only.
///
/// # Errors
/// Fails if the engine cannot be started or waited for.
pub fn run(invocation: &Invocation, _cleared: &Cleared, guard: Option<&Guard>) -> Result<Ended, StartError> {
    let Some(guard) = guard else { return run_here(invocation) };
    // A thread cannot leave its domain, and this process goes on after `init`.
    let confined = || {
        guard.try_clone().and_then(Guard::enter).map_err(StartError::NotGuarded)?;
        run_here(invocation)
    };
    thread::scope(|scope| scope.spawn(confined).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run_here(invocation: &Invocation) -> Result<Ended, StartError> {
    let fail = |error| StartError::new(&invocation.program, error);
    // Before the child starts, so that no signal falls between.
    let _held = Held::begin();
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(fail)?;
    let mut command = invocation.bound_command();
    command.process_group(0);
    if !io::IsTerminal::is_terminal(&io::stderr()) {
        command.stderr(Stdio::piped());
    }
    invocation.log("starting the engine as a child");
    let started = Instant::now();
    let mut child = command.spawn().map_err(fail)?;
    let handle = signals.handle();
    forward(signals, &child);
    let kept = child.stderr.take().map(|stream| thread::spawn(move || pass_through(stream)));
    let status = bound::wait(&mut child).map_err(fail);
    handle.close();
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(status = ?status.as_ref().ok(), elapsed_ms, "the engine has ended");
    let error_output = kept.and_then(|thread| thread.join().ok()).unwrap_or_default();
    Ok(Ended { code: code_of(status?), error_output })
}

fn forward(mut signals: Signals, child: &Child) {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    thread::spawn(move || {
        for number in signals.forever() {
            let signal = match number {
                SIGHUP => Signal::HUP,
                SIGINT => Signal::INT,
                _ => Signal::TERM,
            };
            // The child may just have ended; then there is nobody left to tell.
            let _ = kill_process(pid, signal);
        }
    });
}

fn pass_through(mut stream: impl Read) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        // Whoever reads our stderr may be gone; the engine's work goes on.
        let _ = io::stderr().write_all(&buffer[..count]);
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * KEPT_BYTES {
            kept.drain(..kept.len() - KEPT_BYTES);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

pub(crate) fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
