//! Packages into their places: whole or not at all, and below the mirror by its handle, so that no link leads out of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::evidence::DIRECTORY;
use airtight_provider::directory::{Directory, Durability};

const LOCK: &str = "hold.lock";
const SCRATCH: &str = "scratch";
const PARTIAL: &str = "partial";

/// As long as it exists, no other airtight changes this mirror.
#[derive(Debug)]
pub(crate) struct Hold {
    _lock: File,
    /// The mirror. What a command changes, it changes through this handle.
    pub(crate) mirror: Directory,
    scratch: Utf8PathBuf,
    partial: Utf8PathBuf,
}

impl Hold {
    /// Takes hold of a mirror, makes it if it is not there, and removes what a killed command left behind.
    ///
    /// # Errors
    /// Fails if the mirror cannot be written, if another command holds it, and if `.airtight` is a link.
    pub(crate) fn take(mirror: &Utf8Path) -> anyhow::Result<Self> {
        let path = mirror;
        let mirror = Directory::open_or_make(path)?;
        mirror.make(Utf8Path::new(DIRECTORY))?;
        let below = |name| Utf8Path::new(DIRECTORY).join(name);
        let hold = Self { _lock: lock(path, &mirror)?, mirror, scratch: below(SCRATCH), partial: below(PARTIAL) };
        hold.mirror.remove(&hold.scratch)?;
        hold.mirror.make(&hold.scratch)?;
        hold.mirror.make(&hold.partial)?;
        Ok(hold)
    }

    /// For what is being made or removed; on the mirror's own file system, where no engine looks. Below the mirror.
    pub(crate) fn scratch(&self) -> &Utf8Path {
        &self.scratch
    }

    /// For downloads, which outlive a killed command. Below the mirror.
    pub(crate) fn partial(&self) -> &Utf8Path {
        &self.partial
    }

    /// Removes what no image should hold.
    ///
    /// # Errors
    /// Fails if it cannot be removed.
    pub(crate) fn finish(self, keep_partial: bool) -> anyhow::Result<()> {
        self.mirror.remove(&self.scratch)?;
        if !keep_partial {
            self.mirror.remove(&self.partial)?;
        }
        Ok(self.mirror.sync_all()?)
    }

    /// Replaces a text file of the mirror, for everybody to read. It is whole for every reader at once, and lasts through a
    /// loss of power after [`Self::finish`]; evidence that is lost before is fetched again.
    ///
    /// # Errors
    /// Fails if it cannot be written; the old one is then as it was.
    pub(crate) fn write(&self, relative: &Utf8Path, contents: &[u8]) -> io::Result<()> {
        self.mirror.replace(relative, contents, 0o644, Durability::Unsynced)
    }

    /// Renames what is ready to its place, and removes what was there before. `aside` is a name in the scratch directory.
    ///
    /// # Errors
    /// Fails if the mirror cannot be written; the old package is then in its place.
    pub(crate) fn put(&self, ready: &Utf8Path, place: &Utf8Path, aside: &Utf8Path) -> io::Result<()> {
        self.mirror.make(place.parent().unwrap_or(Utf8Path::new("")))?;
        if self.mirror.file_type(place)?.is_none() {
            return self.mirror.rename(ready, place);
        }
        // At once, so that an engine always finds one of the two.
        match self.mirror.exchange(ready, place) {
            Ok(()) => self.mirror.remove(ready),
            Err(error) if cannot_move(&error) => {
                self.take_away(place, aside)?;
                self.mirror.rename(ready, place)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a package or its evidence: out of the engines' sight at once, then for good. What a killed command leaves is
    /// removed by the next one. `aside` is a name in the scratch directory.
    ///
    /// # Errors
    /// Fails if it cannot be removed.
    pub(crate) fn take_away(&self, place: &Utf8Path, aside: &Utf8Path) -> io::Result<()> {
        self.mirror.remove(aside)?;
        match self.mirror.rename(place, aside) {
            Ok(()) => self.mirror.remove(aside),
            Err(error) if cannot_move(&error) => self.mirror.remove(place),
            Err(error) => Err(error),
        }
    }
}

/// An overlay file system renames no directory of a lower layer, which is what a mirror is in a later step of an image's
/// build. Such a step leaves nothing behind if it is killed. Other file systems cannot exchange two names.
fn cannot_move(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

impl Drop for Hold {
    /// What cannot be removed is removed by the next command, or is not worth an error.
    fn drop(&mut self) {
        let _ = self.mirror.remove(&self.scratch);
        let _ = self.mirror.remove(&Utf8Path::new(DIRECTORY).join(LOCK));
        // Only if nothing is kept in them.
        let _ = self.mirror.remove_if_empty(&self.partial);
        let _ = self.mirror.remove_if_empty(Utf8Path::new(DIRECTORY));
    }
}

/// The lock file, locked. One that its last holder removed meanwhile keeps nobody out, so it is opened again.
fn lock(path: &Utf8Path, mirror: &Directory) -> anyhow::Result<File> {
    let place = Utf8Path::new(DIRECTORY).join(LOCK);
    loop {
        let file = match mirror.open_or_create(&place, 0o644) {
            // The last holder removed the whole directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                mirror.make(Utf8Path::new(DIRECTORY))?;
                continue;
            }
            result => result?,
        };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                anyhow::bail!("another airtight is changing `{path}`; wait until it has ended, then run this again")
            }
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let own = file.metadata()?;
        let there = mirror.open_file(&place)?.map(|file| file.metadata()).transpose()?;
        if there.is_some_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino())) {
            return Ok(file);
        }
    }
}
