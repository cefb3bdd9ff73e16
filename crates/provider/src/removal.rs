//! Removes the contents of a directory, and nothing that a link leads to.

use std::ffi::CStr;
use std::io;

use camino::Utf8Path;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::directory::{Directory, named};

impl Directory {
    /// Removes a file, a link, or a directory with everything in it; nothing if it is not there.
    ///
    /// # Errors
    /// A link above it ([`crate::directory::LinkInTheWay`]), and what may not be removed.
    pub fn remove(&self, relative: &Utf8Path) -> io::Result<()> {
        let (parent, name) = match self.parent_of(relative) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result?,
        };
        let name = std::ffi::CString::new(name)?;
        remove(&parent, &name)
    }

    /// Removes a directory if it is empty, and says whether it was.
    ///
    /// # Errors
    /// A link above it ([`crate::directory::LinkInTheWay`]).
    pub fn remove_if_empty(&self, relative: &Utf8Path) -> io::Result<bool> {
        let (parent, name) = self.parent_of(relative)?;
        Ok(unlinkat(&parent.handle, name, AtFlags::REMOVEDIR).is_ok())
    }
}

fn remove(parent: &Directory, name: &CStr) -> io::Result<()> {
    let path = parent.path.join(name.to_string_lossy().as_ref());
    match unlinkat(&parent.handle, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // Linux says that it is a directory, POSIX that it is not permitted.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(named("remove", &path, error)),
    }
    let directory = parent.step(parent, name)?;
    for entry in directory.entries()? {
        remove(&directory, &entry)?;
    }
    unlinkat(&parent.handle, name, AtFlags::REMOVEDIR).map_err(|error| named("remove", &path, error))
}
