//! Signs of life during long hashing: a bar on a terminal, a line at least every ten seconds elsewhere. Seven silent
//! minutes kill a job.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;

const INTERVAL: Duration = Duration::from_secs(9);

/// Hashing that takes less shows nothing.
const PATIENCE: Duration = Duration::from_millis(700);

/// What is told of bytes that were read.
pub(super) struct Progress {
    started: Instant,
    bytes: AtomicU64,
    last_line: Mutex<Instant>,
    shown: Shown,
    what: &'static str,
}

enum Shown {
    /// The streams are the engine's.
    Nothing,
    Bar(ProgressBar),
    Lines,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self::of("hashing providers")
    }

    /// Of other work than hashing.
    pub(super) fn of(what: &'static str) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::no_length();
            let template = format!("airtight: {what}, {{bytes}} ({{bytes_per_sec}})");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            bar.set_draw_target(ProgressDrawTarget::hidden());
            Shown::Bar(bar)
        } else {
            Shown::Lines
        };
        Self::showing(shown, what)
    }

    pub(super) fn silent() -> Self {
        Self::showing(Shown::Nothing, "")
    }

    fn showing(shown: Shown, what: &'static str) -> Self {
        let now = Instant::now();
        Self { started: now, bytes: AtomicU64::new(0), last_line: Mutex::new(now), shown, what }
    }

    pub(super) fn add(&self, count: u64) {
        let bytes = self.bytes.fetch_add(count, Ordering::Relaxed) + count;
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.inc(count);
                if bar.is_hidden() && self.started.elapsed() > PATIENCE {
                    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
                }
            }
            Shown::Lines => {
                let Ok(mut last) = self.last_line.try_lock() else { return };
                if last.elapsed() >= INTERVAL {
                    *last = Instant::now();
                    output::error_line(&format!("{}, {} MB so far", self.what, bytes / 1_000_000));
                }
            }
        }
    }

    /// Runs work that may wait for others without a byte, and shows all the while that it is alive.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        const BEAT: Duration = Duration::from_secs(1);
        let (done, waiting) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while waiting.recv_timeout(BEAT) == Err(mpsc::RecvTimeoutError::Timeout) {
                    self.add(0);
                }
            });
            let result = work();
            drop(done);
            result
        })
    }

    pub(super) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
