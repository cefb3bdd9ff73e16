//! Outside: starts a leg's processes, hears what happens in them, and ends them.

use std::io::{self, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::leg::{Event, Leg};
use super::namespaces;

/// What of a leg outlives it.
#[derive(Debug)]
pub struct LegEnd {
    /// Null if the stack has a backend of its own.
    pub state: Option<String>,
    pub has_changes: bool,
    /// The signal that ended the rehearsal.
    pub interrupted: Option<i32>,
}

/// Why there is no leg.
#[derive(Debug, thiserror::Error)]
pub enum LegError {
    /// Nothing was run. In words, for people.
    #[error("{0}")]
    Container(String),
    #[error("the container ended by itself")]
    Vanished,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs one leg, and passes on what happens as it happens.
///
/// # Errors
/// Fails where the container cannot be made, or is killed by somebody else.
pub fn run(leg: &Leg, mut hear: impl FnMut(&Event)) -> Result<LegEnd, LegError> {
    // Before anything starts, so that no signal falls between.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let stage = if leg.has_namespaces { "namespaces" } else { "container" };
    let mut child = Command::new("/proc/self/exe")
        .args(["rehearse-inside", stage])
        // An interrupt at the terminal is ours to hear first.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(LegError::Vanished);
    };
    let input = Arc::new(Mutex::new(Some(input)));
    let interrupted = Arc::new(Mutex::new(None));
    let handle = signals.handle();
    listen(signals, input.clone(), interrupted.clone());
    let end = Conducted { leg, child: &child, input: &input }.hear(BufReader::new(output), &mut hear);
    close(&handle, &input);
    child.wait()?;
    let interrupted = *interrupted.lock().unwrap_or_else(PoisonError::into_inner);
    match end {
        Ok(end) => Ok(LegEnd { interrupted, ..end }),
        // Nothing more is heard of a rehearsal that was ended in the middle.
        Err(_) if interrupted.is_some() => Ok(LegEnd { state: None, has_changes: true, interrupted }),
        Err(error) => Err(error),
    }
}

type Input = Arc<Mutex<Option<ChildStdin>>>;

/// The first signal asks for an end; the second brings it about.
fn listen(mut signals: Signals, input: Input, interrupted: Arc<Mutex<Option<i32>>>) {
    thread::spawn(move || {
        for number in signals.forever() {
            let mut interrupted = interrupted.lock().unwrap_or_else(PoisonError::into_inner);
            let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
            if interrupted.replace(number).is_some() {
                *input = None;
            } else if let Some(input) = input.as_mut() {
                let _ = input.write_all(b"stop\n").and_then(|()| input.flush());
            }
        }
    });
}

/// The end of its input ends whatever still runs inside.
fn close(handle: &Handle, input: &Input) {
    handle.close();
    *input.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

struct Conducted<'a> {
    leg: &'a Leg,
    child: &'a Child,
    input: &'a Input,
}

impl Conducted<'_> {
    fn hear(&self, output: impl io::BufRead, hear: &mut impl FnMut(&Event)) -> Result<LegEnd, LegError> {
        if !(self.leg.has_namespaces && namespaces::is_root()) {
            // Who is gone already has said why.
            let _ = self.begin();
        }
        for line in output.lines() {
            let event: Event = serde_json::from_str(&line?).map_err(io::Error::from)?;
            match &event {
                Event::Unshared => {
                    namespaces::map_every_user(self.child.id())
                        .map_err(|error| LegError::Container(format!("its users cannot be mapped: {error}")))?;
                    self.send(b"\n")?;
                    self.begin()?;
                }
                Event::Broken { reason } => return Err(LegError::Container(reason.clone())),
                Event::Finished { state, has_changes } => {
                    return Ok(LegEnd { state: state.clone(), has_changes: *has_changes, interrupted: None });
                }
                Event::Ready { .. } | Event::Started { .. } | Event::Ended { .. } => hear(&event),
            }
        }
        Err(LegError::Vanished)
    }

    fn begin(&self) -> Result<(), LegError> {
        let mut text = serde_json::to_vec(self.leg).map_err(io::Error::from)?;
        text.push(b'\n');
        self.send(&text)
    }

    fn send(&self, bytes: &[u8]) -> Result<(), LegError> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(input) = input.as_mut() else { return Err(LegError::Vanished) };
        Ok(input.write_all(bytes).and_then(|()| input.flush())?)
    }
}
