//! SHA-256 of a stream of any length in constant memory.

use std::io::{self, Read};
use std::sync::mpsc::sync_channel;
use std::thread;

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
pub type Sum = [u8; 32];

/// Gets the number of bytes of a package's files that were read since its last call. Called from several threads.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Large enough that a system call costs nothing beside its hashing, small enough for a processor's cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// Buffers between the two threads of [`sum_overlapped`].
const BUFFERS_IN_FLIGHT: usize = 4;

/// Hashes a reader to its end. `size_hint` only chooses the buffer's size.
pub(super) fn sum(reader: &mut impl Read, size_hint: u64, progress: Progress<'_>) -> io::Result<Sum> {
    let length = usize::try_from(size_hint).unwrap_or(BUFFER_BYTES).clamp(4096, BUFFER_BYTES);
    let mut buffer = vec![0; length];
    let mut hasher = Sha256::new();
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                progress(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Hashes what `next` yields until it yields 0 bytes, while the thread that called goes on producing: inflating and
/// hashing take turns on two processors instead of one.
pub(super) fn sum_overlapped<E>(mut next: impl FnMut(&mut [u8]) -> Result<usize, E>) -> Result<Sum, E> {
    thread::scope(|scope| {
        let (full_sender, full_receiver) = sync_channel::<(Vec<u8>, usize)>(BUFFERS_IN_FLIGHT);
        let (empty_sender, empty_receiver) = sync_channel::<Vec<u8>>(BUFFERS_IN_FLIGHT);
        let hashing = thread::Builder::new().spawn_scoped(scope, move || {
            let mut hasher = Sha256::new();
            for (buffer, count) in full_receiver {
                hasher.update(&buffer[..count]);
                // The producer may have stopped at an error.
                let _ = empty_sender.try_send(buffer);
            }
            hasher.finalize().into()
        });
        let Ok(hashing) = hashing else {
            // No more threads for this user: slower, not wrong.
            return sum_inline(next);
        };
        let mut buffers_made = 0;
        loop {
            let buffer = if buffers_made < BUFFERS_IN_FLIGHT {
                buffers_made += 1;
                Ok(vec![0; BUFFER_BYTES])
            } else {
                empty_receiver.recv()
            };
            let Ok(mut buffer) = buffer else { break };
            let count = next(&mut buffer)?;
            if count == 0 || full_sender.send((buffer, count)).is_err() {
                break;
            }
        }
        drop(full_sender);
        Ok(hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The same on one thread, for what is too small to be worth a second one.
pub(super) fn sum_inline<E>(mut next: impl FnMut(&mut [u8]) -> Result<usize, E>) -> Result<Sum, E> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut hasher = Sha256::new();
    loop {
        match next(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_way_of_hashing_agrees_and_counts_its_bytes() {
        for length in [0, 1, BUFFER_BYTES - 1, BUFFER_BYTES, 7 * BUFFER_BYTES + 3] {
            let bytes: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            let expected: Sum = Sha256::digest(&bytes).into();
            let told = AtomicU64::new(0);
            let progress = |count| {
                told.fetch_add(count, Ordering::Relaxed);
            };
            assert_eq!(sum(&mut bytes.as_slice(), bytes.len() as u64, &progress).unwrap(), expected);
            assert_eq!(told.into_inner(), bytes.len() as u64);
            let mut reader = bytes.as_slice();
            assert_eq!(sum_overlapped(|buffer| reader.read(buffer)).unwrap(), expected);
            let mut reader = bytes.as_slice();
            assert_eq!(sum_inline(|buffer| reader.read(buffer)).unwrap(), expected);
        }
    }

    #[test]
    fn a_failing_producer_ends_the_hashing() {
        let mut left = 20;
        let result = sum_overlapped(|buffer| {
            left -= 1;
            if left == 0 { Err("broken") } else { Ok(buffer.len()) }
        });
        assert_eq!(result, Err("broken"));
    }
}
