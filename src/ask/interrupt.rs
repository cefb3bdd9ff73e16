//! Signals that would end this process while something has to be tidied up first.
//!
//! The library that catches signals never gives them back to the kernel's default. So the default is imitated while
//! nobody holds the signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The signals that are caught.
pub const SIGNALS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

struct Default {
    /// The signals do what they do by default.
    is_on: Arc<AtomicBool>,
    holders: Mutex<usize>,
}

static DEFAULT: LazyLock<Default> = LazyLock::new(|| {
    let is_on = Arc::new(AtomicBool::new(true));
    for signal in SIGNALS {
        // Fails for no signal of ours.
        let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&is_on));
    }
    Default { is_on, holders: Mutex::new(0) }
});

/// While it lives, [`SIGNALS`] do not end this process. Whoever needs to know of them registers for them.
#[derive(Debug)]
pub struct Held(());

impl Held {
    pub fn begin() -> Self {
        let mut holders = DEFAULT.holders.lock().unwrap_or_else(PoisonError::into_inner);
        *holders += 1;
        DEFAULT.is_on.store(false, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut holders = DEFAULT.holders.lock().unwrap_or_else(PoisonError::into_inner);
        *holders -= 1;
        DEFAULT.is_on.store(*holders == 0, Ordering::SeqCst);
    }
}
