//! Directories by their handles: a gate looks at hundreds of them, and a name that is looked up from its directory costs the
//! kernel less than a whole path.

use std::ffi::CString;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io;
use rustix::path::Arg;

/// Reads one directory after the other into the same buffer.
pub(crate) struct Lister(Vec<u8>);

impl Lister {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(32 * 1024))
    }

    /// The names in a directory but `.` and `..`, and what they are; links are not followed.
    pub(crate) fn list(&mut self, directory: impl AsFd) -> io::Result<Vec<(CString, FileType)>> {
        let mut entries = Vec::new();
        let mut raw = RawDir::new(directory.as_fd(), self.0.spare_capacity_mut());
        while let Some(entry) = raw.next() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                entries.push((entry.file_name().to_owned(), entry.file_type()));
            }
        }
        // Not every file system says what its entries are.
        for (name, file_type) in entries.iter_mut().filter(|(_, file_type)| *file_type == FileType::Unknown) {
            let status = fs::statat(directory.as_fd(), name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)?;
            *file_type = FileType::from_raw_mode(status.st_mode);
        }
        Ok(entries)
    }
}

/// Opens a directory, and no link to one.
pub(crate) fn open_directory(from: impl AsFd, name: impl Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(from, name, flags, Mode::empty())
}
