//! What the other side wants, and ending what phases have left.

use std::io;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use super::namespaces;

/// How long processes that were killed may take to end.
const LONGEST_END: Duration = Duration::from_millis(1500);

/// What the other side wants.
#[derive(Default)]
pub(super) struct Control {
    has_namespaces: bool,
    stopped: AtomicBool,
    /// The process group of the running phase, 0 for none.
    group: AtomicI32,
}

impl Control {
    pub(super) fn new(has_namespaces: bool) -> Self {
        Self { has_namespaces, ..Self::default() }
    }

    /// From here on signals go to this child's process group.
    pub(super) fn watch(&self, child: &Child) {
        self.group.store(i32::try_from(child.id()).unwrap_or_default(), Ordering::Relaxed);
    }

    pub(super) fn watch_nothing(&self) {
        self.group.store(0, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A line stops the run; the end of the input ends this process, and with it everything in its namespace.
    pub(super) fn listen(&self, input: &mut impl io::BufRead) {
        let mut line = String::new();
        while input.read_line(&mut line).is_ok_and(|length| length > 0) {
            self.stopped.store(true, Ordering::Relaxed);
            line.clear();
        }
        self.signal(Signal::KILL);
        self.end_everything();
        std::process::exit(0);
    }

    /// What phases left behind. In a namespace of its own it ends with this process; else it is this process's to end,
    /// as orphans become its children.
    pub(super) fn end_everything(&self) {
        if self.has_namespaces {
            return;
        }
        let started = Instant::now();
        loop {
            let children = namespaces::children();
            for child in &children {
                let _ = kill_process(*child, Signal::KILL);
                let _ = waitpid(Some(*child), WaitOptions::empty());
            }
            if children.is_empty() || started.elapsed() > LONGEST_END {
                return;
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.group.load(Ordering::Relaxed)) {
            let _ = kill_process_group(group, signal);
        }
    }
}
