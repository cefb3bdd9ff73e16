//! Signals that would end this process before it has removed its temporary files.
//!
//! The library that catches signals never gives them back to the kernel's default. So the default is imitated while
//! nobody holds the signals.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The signals that are caught.
pub const SIGNALS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

struct Caught {
    /// The signals do what they do by default.
    is_default: Arc<AtomicBool>,
    /// The last one that came while they did not; 0 for none.
    last: Arc<AtomicUsize>,
    holders: Mutex<usize>,
}

static CAUGHT: LazyLock<Caught> = LazyLock::new(|| {
    let caught = Caught { is_default: Arc::new(AtomicBool::new(true)), last: Arc::default(), holders: Mutex::new(0) };
    for signal in SIGNALS {
        // These fail for no signal of ours.
        let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&caught.is_default));
        let number = usize::try_from(signal).unwrap_or_default();
        let _ = signal_hook::flag::register_usize(signal, Arc::clone(&caught.last), number);
    }
    caught
});

/// While it lives, [`SIGNALS`] do not end this process. Code that handles them itself holds one meanwhile.
#[derive(Debug)]
pub struct Held(());

impl Held {
    pub fn begin() -> Self {
        let mut holders = CAUGHT.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if *holders == 0 {
            CAUGHT.last.store(0, Ordering::SeqCst);
        }
        *holders += 1;
        CAUGHT.is_default.store(false, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut holders = CAUGHT.holders.lock().unwrap_or_else(PoisonError::into_inner);
        *holders -= 1;
        CAUGHT.is_default.store(*holders == 0, Ordering::SeqCst);
    }
}

/// The last signal that came while somebody held them.
pub(super) fn arrived() -> Option<i32> {
    i32::try_from(CAUGHT.last.load(Ordering::SeqCst)).ok().filter(|signal| *signal != 0)
}
