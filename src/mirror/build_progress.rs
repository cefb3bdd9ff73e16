//! How far a build is: packages of all, bytes that were fetched and bytes that were hashed, and the time that is left.
//!
//! On a terminal one line that is redrawn; elsewhere a line at least every ten seconds.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;
use crate::sizes::size;
use airtight_finding::escape;
use airtight_provider::PackageId;

const BEAT: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_secs(9);

pub(super) struct BuildProgress {
    total: usize,
    started: Instant,
    done: AtomicUsize,
    fetched_bytes: AtomicU64,
    hashed_bytes: AtomicU64,
    /// The package that was started last.
    current: Mutex<String>,
}

impl BuildProgress {
    pub(super) fn new(total: usize) -> Self {
        Self {
            total,
            started: Instant::now(),
            done: AtomicUsize::new(0),
            fetched_bytes: AtomicU64::new(0),
            hashed_bytes: AtomicU64::new(0),
            current: Mutex::default(),
        }
    }

    pub(super) fn fetched(&self, bytes: u64) {
        self.fetched_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn hashed(&self, bytes: u64) {
        self.hashed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn begun(&self, id: &PackageId) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = id.to_string();
    }

    pub(super) fn ended(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn text(&self, elapsed: Duration) -> String {
        let done = self.done.load(Ordering::Relaxed);
        let mut text = format!(
            "{done} of {} packages, fetched {}, hashed {}",
            self.total,
            size(self.fetched_bytes.load(Ordering::Relaxed)),
            size(self.hashed_bytes.load(Ordering::Relaxed)),
        );
        if let Some(left) = left(elapsed, done, self.total) {
            text += &format!(", about {left} left");
        }
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !current.is_empty() {
            text += &format!(": {}", escape::line(&current));
        }
        text
    }

    /// Runs the work and shows its progress.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let (done, waiting) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                let bar = std::io::stderr().is_terminal().then(|| {
                    let style = ProgressStyle::with_template("airtight: {msg}").ok();
                    let bar = ProgressBar::no_length();
                    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
                });
                let mut last = Instant::now();
                while waiting.recv_timeout(BEAT) == Err(mpsc::RecvTimeoutError::Timeout) {
                    match &bar {
                        Some(bar) => bar.set_message(self.text(self.started.elapsed())),
                        None if last.elapsed() >= INTERVAL => {
                            last = Instant::now();
                            output::error_line(&self.text(self.started.elapsed()));
                        }
                        None => {}
                    }
                }
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
            });
            let result = work();
            drop(done);
            result
        })
    }
}

/// Assumes that the remaining packages take as long as the finished ones.
fn left(elapsed: Duration, done: usize, total: usize) -> Option<String> {
    if done == 0 || done >= total {
        return None;
    }
    let (done, rest) = (u32::try_from(done).ok()?, u32::try_from(total - done).ok()?);
    let seconds = (elapsed / done).saturating_mul(rest).as_secs();
    Some(if seconds < 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_it_is_and_what_it_does() {
        let progress = BuildProgress::new(10);
        assert_eq!(progress.text(Duration::ZERO), "0 of 10 packages, fetched 0 bytes, hashed 0 bytes");
        progress.fetched(12_300_000);
        progress.hashed(2_000);
        progress.ended();
        progress.begun(&PackageId {
            address: "e.com/acme/dog".parse().unwrap(),
            version: "1.2.3".parse().unwrap(),
            platform: "linux_amd64".parse().unwrap(),
        });
        let text = progress.text(Duration::from_secs(20));
        assert!(text.starts_with("1 of 10 packages, fetched 12.3 MB, hashed 2.0 kB, about 3 min left: "), "{text}");
        assert!(text.contains("acme/dog") && text.contains("1.2.3"), "{text}");
        assert_eq!(left(Duration::from_secs(5), 10, 10), None);
    }
}
