//! Digests remembered between processes of one container, by what `stat` says of a file.
//!
//! A remembered digest counts while device, inode, size, modification and change time are all the same. What such a
//! comparison cannot see: a change within the clock's grain (files younger than two seconds are not remembered), a
//! change below the file system, and whoever may write the cache file itself; so its directory must belong to the user
//! and to nobody else, which the caller ensures.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::stream::Sum;

const FILE_NAME: &str = "digests";
const HEADER: &str = "airtight digests 1";
/// A file written within this time may be written again without a change that `stat` shows.
const RACY_SECONDS: i64 = 2;
/// Far beyond any mirror; a longer file is not ours.
const MAXIMUM_BYTES: u64 = 32 * 1024 * 1024;

/// What of a file was digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Digested {
    /// Its bytes.
    Bytes,
    /// The entries of the archive that it is, as `h1:` does.
    Entries,
}

/// What `stat` says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
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
    path: Option<Utf8PathBuf>,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    sums: HashMap<(Digested, Stamp), Sum>,
    is_changed: bool,
}

impl Cache {
    /// Reads the cache of a directory, which must be the user's own. A missing, foreign or broken file is an empty cache.
    pub fn load(directory: &Utf8Path) -> Self {
        let path = directory.join(FILE_NAME);
        let sums = read(&path).as_deref().and_then(parse).unwrap_or_default();
        Self { path: Some(path), entries: Mutex::new(Entries { sums, is_changed: false }) }
    }

    /// Writes what was learned, atomically and readable by the user alone; nothing where nothing was learned.
    ///
    /// # Errors
    /// Fails if the file cannot be written; what was computed is right all the same.
    pub fn save(&self) -> anyhow::Result<()> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = self.path.as_ref().filter(|_| entries.is_changed) else { return Ok(()) };
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(print(&entries.sums).as_bytes()))
            .and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        Ok(written?)
    }

    pub(super) fn get(&self, digested: Digested, stamp: Stamp) -> Option<Sum> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).sums.get(&(digested, stamp)).copied()
    }

    pub(super) fn put(&self, digested: Digested, stamp: Stamp, sum: Sum) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs());
        if stamp.is_racy(i64::try_from(now).unwrap_or(0)) {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.sums.insert((digested, stamp), sum);
        entries.is_changed = true;
    }
}

/// The file's text, if it is a regular file of this user that nobody else may write.
fn read(path: &Utf8Path) -> Option<String> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits()).ok()?)
        .open(path)
        .ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file()
        || metadata.uid() != rustix::process::geteuid().as_raw()
        || metadata.mode() & 0o022 != 0
        || metadata.size() > MAXIMUM_BYTES
    {
        return None;
    }
    let mut text = String::new();
    file.take(MAXIMUM_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// One line for each digest: what was digested, the stamp's seven numbers, the digest in hexadecimal.
fn print(sums: &HashMap<(Digested, Stamp), Sum>) -> String {
    let mut sorted: Vec<_> = sums.iter().collect();
    sorted.sort();
    let mut text = format!("{HEADER}\n");
    for ((digested, stamp), sum) in sorted {
        let digested = match digested {
            Digested::Bytes => "bytes",
            Digested::Entries => "entries",
        };
        let Stamp { device, inode, size, modified, changed } = stamp;
        write!(text, "{digested} {device} {inode} {size} ").expect("writing to a String does not fail");
        write!(text, "{} {} {} {} ", modified.0, modified.1, changed.0, changed.1)
            .expect("writing to a String does not fail");
        text.push_str(&super::hexadecimal(*sum));
        text.push('\n');
    }
    text
}

/// Null where a single line is not as [`print`] writes it.
fn parse(text: &str) -> Option<HashMap<(Digested, Stamp), Sum>> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next() != Some(HEADER) {
        return None;
    }
    lines.map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<((Digested, Stamp), Sum)> {
    let mut words = line.split(' ');
    let digested = match words.next()? {
        "bytes" => Digested::Bytes,
        "entries" => Digested::Entries,
        _ => return None,
    };
    let stamp = Stamp {
        device: words.next()?.parse().ok()?,
        inode: words.next()?.parse().ok()?,
        size: words.next()?.parse().ok()?,
        modified: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
        changed: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
    };
    let digits = words.next().filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    if words.next().is_some() {
        return None;
    }
    let mut sum = Sum::default();
    for (byte, place) in sum.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[place..place + 2], 16).ok()?;
    }
    Some(((digested, stamp), sum))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(seed: u64) -> Stamp {
        Stamp { device: seed, inode: 2, size: 3, modified: (-4, 5), changed: (6, 7) }
    }

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    #[test]
    fn remembers_what_was_saved_for_the_user_alone() {
        let (_guard, directory) = directory();
        let cache = Cache::load(&directory);
        cache.put(Digested::Bytes, stamp(1), [7; 32]);
        cache.put(Digested::Entries, stamp(1), [8; 32]);
        cache.save().unwrap();
        let again = Cache::load(&directory);
        assert_eq!(again.get(Digested::Bytes, stamp(1)), Some([7; 32]));
        assert_eq!(again.get(Digested::Entries, stamp(1)), Some([8; 32]));
        assert_eq!(again.get(Digested::Bytes, stamp(2)), None);
        let mode = fs::metadata(directory.join(FILE_NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
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

    #[test]
    fn a_broken_or_writable_file_counts_for_nothing() {
        let line = "bytes 1 2 3 -4 5 6 7 0707070707070707070707070707070707070707070707070707070707070707";
        for (text, expected) in [
            (format!("{HEADER}\n{line}\n"), 1),
            (format!("{HEADER}\n"), 0),
            (format!("{HEADER}\n{line}"), 0),
            (format!("{HEADER}\n{line}\nbytes 1\n"), 0),
            (format!("{HEADER}\n{line} more\n"), 0),
            (format!("{HEADER} and more\n{line}\n"), 0),
            (format!("{HEADER}\n{}\n", line.replace("07", "ü")), 0),
            (String::new(), 0),
        ] {
            assert_eq!(parse(&text).unwrap_or_default().len(), expected, "{text}");
        }
        let (_guard, directory) = directory();
        let path = directory.join(FILE_NAME);
        fs::write(&path, format!("{HEADER}\n{line}\n")).unwrap();
        let set_mode = |mode| {
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        };
        set_mode(0o600);
        assert_eq!(Cache::load(&directory).get(Digested::Bytes, stamp(1)), Some([7; 32]));
        set_mode(0o620);
        assert_eq!(Cache::load(&directory).get(Digested::Bytes, stamp(1)), None);
        fs::rename(&path, directory.join("elsewhere")).unwrap();
        fs::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert_eq!(Cache::load(&directory).get(Digested::Bytes, stamp(1)), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = parse(&format!("{HEADER}\n{text}\n"));
        }

        #[test]
        fn what_is_printed_is_read(device: u64, size: u64, seconds: i64, sum: [u8; 32]) {
            let stamp = Stamp { device, inode: 1, size, modified: (seconds, 9), changed: (0, 0) };
            let sums = HashMap::from([((Digested::Entries, stamp), sum)]);
            prop_assert_eq!(parse(&print(&sums)), Some(sums));
        }
    }
}
