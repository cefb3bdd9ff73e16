//! Running the engine within limits: time, output, network.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::iterator::{Handle, Signals};

use super::environment;
use super::interrupt::{self, SIGNALS};
use super::question::{Confine, Question};
use super::scratch::Scratch;
use crate::bound::{self, Network};

/// Between two looks at a process that has closed its output and has not ended yet.
const PAUSE: Duration = Duration::from_millis(1);

/// A process to run. Its standard input is empty, its process group its own, and it ends with this process.
pub(super) struct Run<'a> {
    pub program: Utf8PathBuf,
    pub arguments: Vec<String>,
    pub directory: Utf8PathBuf,
    /// All of it.
    pub environment: Vec<(OsString, OsString)>,
    pub network: Network,
    pub confine: Option<&'a dyn Confine>,
    pub limit: Duration,
    /// For each of the two streams.
    pub output_limit_bytes: usize,
}

impl<'a> Run<'a> {
    /// The engine of the question, with these arguments, with network.
    pub(super) fn of(question: &Question<'a>, scratch: &Scratch, arguments: Vec<String>, limit: Duration) -> Self {
        Self {
            program: question.program.to_owned(),
            arguments,
            directory: question.root_module.to_owned(),
            environment: environment::of_engine(&question.environment, scratch),
            network: Network::Open,
            confine: question.confine,
            limit,
            output_limit_bytes: super::OUTPUT_LIMIT_BYTES,
        }
    }
}

/// A process that ended by itself.
pub(super) struct Ended {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub status: ExitStatus,
}

/// Why it did not. It and its process group are gone by then.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    NotStarted { program: Utf8PathBuf, reason: String },
    TimedOut { limit: Duration },
    TooMuchOutput { limit_bytes: usize },
    Interrupted { signal: i32 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Error,
}

enum Event {
    Closed(Stream, Vec<u8>),
    TooMuch,
    Signal(i32),
}

pub(super) fn run(run: Run<'_>) -> Result<Ended, Stopped> {
    // A thread cannot leave what confines it, and what it has started ends with it.
    let confined = || {
        if let Some(confine) = run.confine {
            let fail = |reason| Stopped::NotStarted { program: run.program.clone(), reason };
            confine.enter(run.network).map_err(fail)?;
        }
        run_here(run)
    };
    thread::scope(|scope| scope.spawn(confined).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run_here(mut run: Run<'_>) -> Result<Ended, Stopped> {
    let deadline = Instant::now() + run.limit;
    let (sender, events) = mpsc::channel();
    // Before the engine starts, so that no signal falls between.
    let watch = Watch::start(sender.clone());
    if let Some(signal) = interrupt::arrived() {
        return Err(Stopped::Interrupted { signal });
    }
    if run.network == Network::Closed {
        environment::without_network(&mut run.environment);
    }
    tracing::debug!(program = %run.program, command = run.arguments.first(), "asking the engine");
    let fail = |error: io::Error| Stopped::NotStarted {
        program: run.program.clone(),
        reason: airtight_provider::digest::os_error::reason(&error),
    };
    let mut child = spawn(&run).map_err(fail)?;
    listen(Stream::Out, child.stdout.take(), run.output_limit_bytes, &sender);
    listen(Stream::Error, child.stderr.take(), run.output_limit_bytes, &sender);
    drop(sender);
    let outcome = follow(&run, &child, &events, deadline);
    // While the child is not waited for, its group's number is not given to another.
    end_group(&child);
    if outcome.is_err() {
        // It may have left its group.
        let _ = child.kill();
    }
    let status = bound::wait(&mut child);
    drop(watch);
    let (stdout, stderr) = outcome?;
    Ok(Ended { stdout, stderr, status: status.map_err(fail)? })
}

/// Collects both streams until the process has ended.
fn follow(
    run: &Run<'_>,
    child: &Child,
    events: &Receiver<Event>,
    deadline: Instant,
) -> Result<(Vec<u8>, Vec<u8>), Stopped> {
    let timed_out = || Stopped::TimedOut { limit: run.limit };
    let (mut out, mut error) = (None, None);
    while out.is_none() || error.is_none() {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Closed(Stream::Out, bytes)) => out = Some(bytes),
            Ok(Event::Closed(Stream::Error, bytes)) => error = Some(bytes),
            Ok(Event::TooMuch) => return Err(Stopped::TooMuchOutput { limit_bytes: run.output_limit_bytes }),
            Ok(Event::Signal(signal)) => return Err(Stopped::Interrupted { signal }),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(timed_out()),
        }
    }
    while !has_ended(child) {
        if let Ok(Event::Signal(signal)) = events.recv_timeout(PAUSE) {
            return Err(Stopped::Interrupted { signal });
        }
        if Instant::now() >= deadline {
            return Err(timed_out());
        }
    }
    Ok((out.unwrap_or_default(), error.unwrap_or_default()))
}

/// Without reaping it.
fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    pid(child).is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}

fn end_group(child: &Child) {
    if let Some(pid) = pid(child) {
        // Nobody is left, as a rule.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn spawn(run: &Run<'_>) -> io::Result<Child> {
    let mut command = bound::command(&run.program, run.network);
    command.args(&run.arguments).current_dir(&run.directory).env_clear();
    command.envs(run.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    command.spawn()
}

/// Reads a stream to its end, or to the limit. Not joined: a process that left its group may keep the stream open.
fn listen(stream: Stream, source: Option<impl Read + Send + 'static>, limit_bytes: usize, sender: &Sender<Event>) {
    let sender = sender.clone();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX);
        if let Some(source) = source {
            // What is read before an error is all there is.
            let _ = source.take(limit + 1).read_to_end(&mut bytes);
        }
        let is_too_much = bytes.len() > limit_bytes;
        // Nobody may be listening any more.
        let _ = sender.send(if is_too_much { Event::TooMuch } else { Event::Closed(stream, bytes) });
    });
}

/// Passes signals on as events, while it lives.
struct Watch(Option<Handle>);

impl Watch {
    fn start(sender: Sender<Event>) -> Self {
        let Ok(mut signals) = Signals::new(SIGNALS) else { return Self(None) };
        let handle = signals.handle();
        thread::spawn(move || {
            for signal in signals.forever() {
                let _ = sender.send(Event::Signal(signal));
            }
        });
        Self(Some(handle))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.close();
        }
    }
}
