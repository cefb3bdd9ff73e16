//! A directory by its handle. Nothing that is named below it is ever reached through a link.
//!
//! Paths are walked one name after the other with `O_NOFOLLOW`, so a link that somebody puts into the way between two
//! steps is not followed either.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rustix::fd::OwnedFd;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::path::Arg;

/// A link where none is followed. It is the inner error of an [`io::Error`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{link}` is a symbolic link, and airtight follows none below `{below}`: remove it, or put in its place what it leads to"
)]
pub struct LinkInTheWay {
    pub link: Utf8PathBuf,
    /// The directory below which no link is followed.
    pub below: Utf8PathBuf,
}

/// Whether what is written must survive a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Synced,
    Unsynced,
}

/// A directory, opened. Paths given to its methods are relative to it, with plain names only.
#[derive(Debug)]
pub struct Directory {
    pub(super) handle: OwnedFd,
    /// For errors.
    pub(super) path: Utf8PathBuf,
}

impl Directory {
    /// Opens a directory that the caller names: links that lead to it are followed.
    ///
    /// # Errors
    /// Fails if it is not there, is no directory, or may not be entered.
    pub fn open(path: &Utf8Path) -> io::Result<Self> {
        let handle = fs::open(path.as_std_path(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| named("open", path, error))?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// Opens it, and makes it and what is above it if it is not there.
    ///
    /// # Errors
    /// Fails if it is no directory or cannot be made.
    pub fn open_or_make(path: &Utf8Path) -> io::Result<Self> {
        match Self::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        let parent = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        match path.file_name() {
            // Named as the caller named it.
            Some(name) => Ok(Self { path: path.to_owned(), ..Self::open_or_make(parent)?.make(Utf8Path::new(name))? }),
            None => Self::open(path),
        }
    }

    /// Where a name below it is, for people and for reading.
    pub fn path_of(&self, relative: &Utf8Path) -> Utf8PathBuf {
        if relative.as_str().is_empty() { self.path.clone() } else { self.path.join(relative) }
    }

    /// A directory below this one.
    ///
    /// # Errors
    /// A link on the way ([`LinkInTheWay`]), and whatever is no directory.
    pub fn subdirectory(&self, relative: &Utf8Path) -> io::Result<Self> {
        let mut found = self.same()?;
        for name in names(relative)? {
            found = self.step(&found, name)?;
        }
        Ok(found)
    }

    /// Makes a directory and those above it, which everybody may enter whatever the umask says. They last through a loss
    /// of power once [`Self::sync_all`] was called.
    ///
    /// # Errors
    /// A link on the way ([`LinkInTheWay`]), a file on the way, a disk that cannot be written.
    pub fn make(&self, relative: &Utf8Path) -> io::Result<Self> {
        let mut found = self.same()?;
        for name in names(relative)? {
            let next = match self.step(&found, name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match fs::mkdirat(&found.handle, name, Mode::from_raw_mode(0o755)) {
                        Ok(()) => {
                            let made = self.step(&found, name)?;
                            fs::fchmod(&made.handle, Mode::from_raw_mode(0o755))
                                .map_err(|error| named("change the mode of", &made.path, error))?;
                            made
                        }
                        // Another thread was faster.
                        Err(Errno::EXIST) => self.step(&found, name)?,
                        Err(error) => return Err(named("make", &found.path.join(name), error)),
                    }
                }
                result => result?,
            };
            found = next;
        }
        Ok(found)
    }

    /// What a name is, without following it: nothing if it is not there.
    ///
    /// # Errors
    /// A link above it ([`LinkInTheWay`]), a directory that may not be entered.
    pub fn file_type(&self, relative: &Utf8Path) -> io::Result<Option<FileType>> {
        let (parent, name) = match self.parent_of(relative) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        match fs::statat(&parent.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(FileType::from_raw_mode(status.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(named("look at", &parent.path.join(name), error)),
        }
    }

    /// Whether there is a plain file.
    ///
    /// # Errors
    /// As [`Self::file_type`], and a link in the place of the file.
    pub fn has_file(&self, relative: &Utf8Path) -> io::Result<bool> {
        match self.file_type(relative)? {
            Some(FileType::Symlink) => Err(self.in_the_way(self.path.join(relative))),
            found => Ok(found == Some(FileType::RegularFile)),
        }
    }

    /// The names in a directory, sorted. None if it is not there.
    ///
    /// # Errors
    /// As [`Self::subdirectory`], and a name that is not UTF-8.
    pub fn names(&self, relative: &Utf8Path) -> io::Result<Vec<String>> {
        let directory = match self.subdirectory(relative) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result?,
        };
        let mut names = Vec::new();
        for entry in directory.entries()? {
            let name = entry.into_string().map_err(|name| {
                let text = format!("`{}` holds a name that is not UTF-8: {name:?}", directory.path);
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?;
            names.push(name);
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn entries(&self) -> io::Result<Vec<std::ffi::CString>> {
        let failed = |error| named("read", &self.path, error);
        let mut found = Vec::new();
        for entry in fs::Dir::read_from(&self.handle).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                found.push(entry.file_name().to_owned());
            }
        }
        Ok(found)
    }

    /// Opens a plain file for reading: nothing if it is not there.
    ///
    /// # Errors
    /// A link in its place or above it ([`LinkInTheWay`]), and what is no plain file.
    pub fn open_file(&self, relative: &Utf8Path) -> io::Result<Option<File>> {
        // Without waiting for the other end of a pipe.
        match self.open_with(relative, OFlags::RDONLY | OFlags::NONBLOCK, 0) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a plain file: nothing if it is not there.
    ///
    /// # Errors
    /// As [`Self::open_file`], and a file that is larger than the limit.
    pub fn read(&self, relative: &Utf8Path, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(relative)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit_bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit_bytes {
            let text = format!("`{}` has more than {limit_bytes} bytes", self.path.join(relative));
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(Some(bytes))
    }

    /// Makes a new file for writing, with exactly this mode.
    ///
    /// # Errors
    /// Something that is there already, a link above it ([`LinkInTheWay`]).
    pub fn create(&self, relative: &Utf8Path, mode: u32) -> io::Result<File> {
        let file = self.open_with(relative, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, mode)?;
        // Whatever the umask took away.
        fs::fchmod(&file, Mode::from_raw_mode(mode))
            .map_err(|error| named("change the mode of", &self.path.join(relative), error))?;
        Ok(file)
    }

    /// Opens a plain file for reading and writing, and makes it if it is not there.
    ///
    /// # Errors
    /// A link in its place or above it ([`LinkInTheWay`]), and what is no plain file.
    pub fn open_or_create(&self, relative: &Utf8Path, mode: u32) -> io::Result<File> {
        self.open_with(relative, OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK, mode)
    }

    fn open_with(&self, relative: &Utf8Path, flags: OFlags, mode: u32) -> io::Result<File> {
        let (parent, name) = self.parent_of(relative)?;
        let path = parent.path.join(name);
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle =
            fs::openat(&parent.handle, name, flags, Mode::from_raw_mode(mode)).map_err(|error| match error {
                Errno::LOOP => self.in_the_way(path.clone()),
                error => named("open", &path, error),
            })?;
        let file = File::from(handle);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` is no plain file")));
        }
        Ok(file)
    }

    /// Makes a symbolic link, which is not followed here.
    ///
    /// # Errors
    /// Something that is there already, a link above it ([`LinkInTheWay`]).
    pub fn link(&self, relative: &Utf8Path, target: &Utf8Path) -> io::Result<()> {
        let (parent, name) = self.parent_of(relative)?;
        fs::symlinkat(target.as_str(), &parent.handle, name)
            .map_err(|error| named("make the link", &parent.path.join(name), error))
    }

    /// Replaces a file at once: written beside, and renamed. A link in its place is replaced, not followed.
    ///
    /// # Errors
    /// A link above it ([`LinkInTheWay`]), a disk that cannot be written. The old file is then as it was, and nothing is
    /// left over.
    pub fn replace(&self, relative: &Utf8Path, contents: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
        let (parent, name) = self.parent_of(relative)?;
        let beside = format!(".{name}.{}", std::process::id());
        // What a killed process with our number left; a link is removed, not followed.
        let _ = fs::unlinkat(&parent.handle, beside.as_str(), AtFlags::empty());
        let result = parent.write_new(Utf8Path::new(&beside), contents, mode, durability).and_then(|()| {
            fs::renameat(&parent.handle, beside.as_str(), &parent.handle, name)
                .map_err(|error| named("replace", &parent.path.join(name), error))
        });
        if result.is_err() {
            let _ = fs::unlinkat(&parent.handle, beside.as_str(), AtFlags::empty());
        }
        result?;
        if durability == Durability::Synced { parent.sync() } else { Ok(()) }
    }

    fn write_new(&self, name: &Utf8Path, contents: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
        let mut file = self.create(name, mode)?;
        file.write_all(contents)?;
        if durability == Durability::Synced { file.sync_all() } else { Ok(()) }
    }

    /// Renames something below this directory; what is at the new place is replaced, if `rename` can.
    ///
    /// # Errors
    /// A link above one of them ([`LinkInTheWay`]), and what `rename` refuses. Links themselves are renamed.
    pub fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        let ((from_parent, from_name), (to_parent, to_name)) = (self.parent_of(from)?, self.parent_of(to)?);
        fs::renameat(&from_parent.handle, from_name, &to_parent.handle, to_name)
            .map_err(|error| named("rename", &from_parent.path.join(from_name), error))?;
        to_parent.sync()
    }

    /// Exchanges two names at once.
    ///
    /// # Errors
    /// As [`Self::rename`], and a file system that cannot.
    pub fn exchange(&self, one: &Utf8Path, other: &Utf8Path) -> io::Result<()> {
        let ((one_parent, one_name), (other_parent, other_name)) = (self.parent_of(one)?, self.parent_of(other)?);
        fs::renameat_with(&one_parent.handle, one_name, &other_parent.handle, other_name, RenameFlags::EXCHANGE)
            .map_err(|error| named("rename", &one_parent.path.join(one_name), error))?;
        one_parent.sync()?;
        other_parent.sync()
    }

    /// Makes its entries last.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sync(&self) -> io::Result<()> {
        fs::fsync(&self.handle).map_err(|error| named("sync", &self.path, error))
    }

    /// Makes everything last that was written to its file system. Once at the end, this costs less than syncing each small
    /// file and directory.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sync_all(&self) -> io::Result<()> {
        fs::syncfs(&self.handle).map_err(|error| named("sync", &self.path, error))
    }

    /// The directory that contains a path, and its name there.
    pub(super) fn parent_of<'r>(&self, relative: &'r Utf8Path) -> io::Result<(Self, &'r str)> {
        let name = relative.file_name().ok_or_else(|| no_plain_names(relative))?;
        let parent = relative.parent().unwrap_or(Utf8Path::new(""));
        Ok((self.subdirectory(parent)?, name))
    }

    fn same(&self) -> io::Result<Self> {
        Ok(Self { handle: self.handle.try_clone()?, path: self.path.clone() })
    }

    /// One name down, which may be no text.
    pub(super) fn step(&self, from: &Self, name: impl Arg + Copy) -> io::Result<Self> {
        let path = from.path.join(&*name.to_string_lossy());
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(&from.handle, name, flags, Mode::empty()) {
            Ok(handle) => Ok(Self { handle, path }),
            Err(Errno::NOTDIR | Errno::LOOP) if is_link(&from.handle, name) => Err(self.in_the_way(path)),
            Err(error) => Err(named("open", &path, error)),
        }
    }

    fn in_the_way(&self, link: Utf8PathBuf) -> io::Error {
        io::Error::other(LinkInTheWay { link, below: self.path.clone() })
    }
}

fn is_link(directory: &OwnedFd, name: impl Arg) -> bool {
    fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Symlink)
}

/// Only plain names lead downwards.
fn names(relative: &Utf8Path) -> io::Result<Vec<&str>> {
    let name = |component| match component {
        Utf8Component::Normal(name) => Ok(name),
        _ => Err(no_plain_names(relative)),
    };
    relative.components().map(name).collect()
}

fn no_plain_names(relative: &Utf8Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("`{relative}` is not made of plain names"))
}

/// An error of the system with what was tried, of the same kind.
pub(super) fn named(what: &str, path: &Utf8Path, error: Errno) -> io::Error {
    let error = io::Error::from(error);
    io::Error::new(error.kind(), format!("cannot {what} `{path}`: {error}"))
}

#[cfg(test)]
mod tests;
