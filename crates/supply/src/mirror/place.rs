//! Packages into their places: whole or not at all.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::evidence::DIRECTORY;
use super::extract::sync;

const LOCK: &str = "hold.lock";
const SCRATCH: &str = "scratch";

/// While it lives, no other airtight changes this mirror.
#[derive(Debug)]
pub(super) struct Hold {
    _file: fs::File,
    directory: Utf8PathBuf,
}

impl Hold {
    /// Takes hold of a mirror, which is made where it is not there, and removes what a killed command left in the way.
    ///
    /// # Errors
    /// Fails where the mirror cannot be written, or another command holds it.
    pub(super) fn take(mirror: &Utf8Path) -> anyhow::Result<Self> {
        let directory = mirror.join(DIRECTORY);
        make_open(&directory)?;
        let file = lock(mirror, &directory.join(LOCK))?;
        let hold = Self { _file: file, directory };
        remove(&hold.scratch())?;
        make_open(&hold.scratch())?;
        make_open(&hold.partial())?;
        Ok(hold)
    }

    /// For what is being made; on the mirror's own file system.
    pub(super) fn scratch(&self) -> Utf8PathBuf {
        self.directory.join(SCRATCH)
    }

    /// For downloads, which outlive a killed command.
    pub(super) fn partial(&self) -> Utf8PathBuf {
        self.directory.join("partial")
    }

    /// Removes what no image should hold.
    ///
    /// # Errors
    /// Fails where it cannot be removed.
    pub(super) fn finish(self, keep_partial: bool) -> anyhow::Result<()> {
        remove(&self.scratch())?;
        if !keep_partial {
            remove(&self.partial())?;
        }
        Ok(())
    }
}

impl Drop for Hold {
    /// What cannot be removed is removed by the next command, or is not worth an error.
    fn drop(&mut self) {
        let _ = remove(&self.scratch());
        let _ = fs::remove_file(self.directory.join(LOCK));
        // Only where nothing is kept in them.
        let _ = fs::remove_dir(self.partial());
        let _ = fs::remove_dir(&self.directory);
    }
}

/// The lock file, locked. One that its last holder removed meanwhile keeps nobody out, so it is opened again.
fn lock(mirror: &Utf8Path, path: &Utf8Path) -> anyhow::Result<fs::File> {
    loop {
        let mut options = std::fs::OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = fs::OpenOptions::from_options(options).open(path)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => anyhow::bail!(
                "another airtight is changing the mirror `{mirror}`; wait until it has ended, then run this again"
            ),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let own = file.metadata()?;
        match fs::metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (own.dev(), own.ino()) => return Ok(file),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
}

/// Removes a file or a directory with everything in it, or nothing.
pub(super) fn remove(path: &Utf8Path) -> io::Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Renames what is ready to its place. What is there is put aside first, and removed last.
///
/// # Errors
/// Fails where the mirror cannot be written; then the old package is back, or in the scratch directory.
pub(super) fn put(ready: &Utf8Path, place: &Utf8Path, aside: &Utf8Path) -> io::Result<()> {
    let parent = place.parent().unwrap_or(Utf8Path::new("."));
    make_open(parent)?;
    if fs::symlink_metadata(place).is_ok() {
        remove(aside)?;
        fs::rename(place, aside)?;
        if let Err(error) = fs::rename(ready, place) {
            let _ = fs::rename(aside, place);
            return Err(error);
        }
    } else {
        fs::rename(ready, place)?;
    }
    sync(parent)?;
    remove(aside)
}

/// Replaces a text file of a mirror that is held, for everybody to read. Not for several threads at once.
///
/// # Errors
/// Fails where it cannot be written; then the old one is as it was.
pub(super) fn write(mirror: &Utf8Path, path: &Utf8Path, contents: &[u8]) -> io::Result<()> {
    // In the scratch directory, so that nothing of a killed command stays anywhere else.
    let ready = mirror.join(DIRECTORY).join(SCRATCH).join("text");
    fs::write(&ready, contents)?;
    fs::set_permissions(&ready, PermissionsExt::from_mode(0o644))?;
    fs::File::open(&ready)?.sync_all()?;
    fs::rename(&ready, path)?;
    path.parent().map_or(Ok(()), sync)
}

/// Makes a directory and those above it, which everybody may enter whatever the umask: where engines find one that they
/// cannot enter, even one that they ignore, they see no package of the mirror at all.
pub(super) fn make_open(directory: &Utf8Path) -> io::Result<()> {
    let is_missing = |above: &&Utf8Path| !above.as_str().is_empty() && !above.exists();
    let missing: Vec<&Utf8Path> = directory.ancestors().take_while(is_missing).collect();
    for above in missing.into_iter().rev() {
        match super::extract::make_directory(above) {
            // Another thread was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
        if let Some(parent) = above.parent().filter(|parent| !parent.as_str().is_empty()) {
            sync(parent)?;
        }
    }
    Ok(())
}
