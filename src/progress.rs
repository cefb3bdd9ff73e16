//! Signs of life during long hashing: a bar on a terminal, a line at least every ten seconds elsewhere. Seven silent
//! minutes kill a job.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;

const WHAT: &str = "hashing providers";

const INTERVAL: Duration = Duration::from_secs(9);

/// Hashing that takes less shows nothing.
const PATIENCE: Duration = Duration::from_millis(700);

/// Reports how many bytes were read.
pub(super) struct Progress {
    started: Instant,
    bytes: AtomicU64,
    last_line: Mutex<Instant>,
    shown: Shown,
}

enum Shown {
    /// The streams are the engine's.
    Nothing,
    Bar(ProgressBar),
    Lines,
}

impl Progress {
    pub(super) fn new() -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::no_length();
            let template = format!("airtight: {WHAT}, {{bytes}} ({{bytes_per_sec}})");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            bar.set_draw_target(ProgressDrawTarget::hidden());
            Shown::Bar(bar)
        } else {
            Shown::Lines
        };
        Self::showing(shown)
    }

    pub(super) fn silent() -> Self {
        Self::showing(Shown::Nothing)
    }

    fn showing(shown: Shown) -> Self {
        let now = Instant::now();
        Self { started: now, bytes: AtomicU64::new(0), last_line: Mutex::new(now), shown }
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
                    output::error_line(&format!("{WHAT}, {} MB so far", bytes / 1_000_000));
                }
            }
        }
    }

    pub(super) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
