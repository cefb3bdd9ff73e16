//! Digests remembered within one process, by what `stat` says of a file.
//!
//! They are never kept for later processes. Whoever runs as the same user could write what was kept, and then the memory
//! would prove a package that nobody hashed. A sealed mirror is what saves hashing.
//!
//! A remembered digest is valid while device, inode, size, modification and change time are unchanged. Files younger than
//! two seconds are not remembered: they could change within the clock's grain.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::stream::Sum;

/// A file written within this time may be written again without a change that `stat` shows.
const RACY_SECONDS: i64 = 2;

/// What of a file was digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Digested {
    /// Its bytes.
    Bytes,
    /// The entries of the archive that it is, as `h1:` does.
    Entries,
}

/// What `stat` says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_racy(&self, now_seconds: i64) -> bool {
        self.modified.0.max(self.changed.0) + RACY_SECONDS >= now_seconds
    }
}

/// Remembered digests.
#[derive(Debug, Default)]
pub struct Cache {
    sums: Mutex<HashMap<(Digested, Stamp), Sum>>,
}

impl Cache {
    pub(super) fn get(&self, digested: Digested, stamp: Stamp) -> Option<Sum> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).get(&(digested, stamp)).copied()
    }

    pub(super) fn put(&self, digested: Digested, stamp: Stamp, sum: Sum) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs());
        if !stamp.is_racy(i64::try_from(now).unwrap_or(0)) {
            self.sums.lock().unwrap_or_else(PoisonError::into_inner).insert((digested, stamp), sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seed: u64) -> Stamp {
        Stamp { device: seed, inode: 2, size: 3, modified: (-4, 5), changed: (6, 7) }
    }

    #[test]
    fn remembers_by_file_and_by_what_was_digested() {
        let cache = Cache::default();
        cache.put(Digested::Bytes, stamp(1), [7; 32]);
        cache.put(Digested::Entries, stamp(1), [8; 32]);
        assert_eq!(cache.get(Digested::Bytes, stamp(1)), Some([7; 32]));
        assert_eq!(cache.get(Digested::Entries, stamp(1)), Some([8; 32]));
        assert_eq!(cache.get(Digested::Bytes, stamp(2)), None);
    }

    #[test]
    fn a_young_file_is_not_remembered() {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let cache = Cache::default();
        for young in [
            Stamp { modified: (now - 1, 0), ..stamp(1) },
            Stamp { changed: (now, 0), ..stamp(1) },
            Stamp { modified: (now + 60, 0), ..stamp(1) },
        ] {
            cache.put(Digested::Bytes, young, [7; 32]);
            assert_eq!(cache.get(Digested::Bytes, young), None);
        }
    }
}
