//! Whether the run's user could have changed what is at a path. What only root can change is the image's; what the run's
//! user can change proves nothing, because code that an earlier phase ran was this user.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::owner::is_root_or_outside;

/// Others than root may write.
const WRITABLE: u32 = 0o022;
/// In such a directory nobody replaces what belongs to somebody else.
const STICKY: u32 = 0o1000;

/// Why something is not protected.
#[derive(Debug, thiserror::Error)]
pub enum Unprotected {
    #[error("`{0}` does not belong to root")]
    NotRoots(Utf8PathBuf),
    #[error("users other than root can write `{0}`")]
    WritableByMode(Utf8PathBuf),
    #[error("the user of this run can write `{0}`")]
    WritableHere(Utf8PathBuf),
    #[error("`{0}` cannot be looked at: {1}")]
    Unreadable(Utf8PathBuf, io::Error),
}

/// Checks that only root can change or replace what is at an absolute path: the file or directory itself, and each
/// directory above it. Links are judged as links; a path that must be followed has to be resolved first.
///
/// For root itself only files on a read-only file system are protected.
///
/// # Errors
/// The first place from the path upwards that the run's user could change.
pub fn check(path: &Utf8Path) -> Result<(), Unprotected> {
    Protection::here().check(path)
}

/// The same, from owners and modes only, for image builds that run as root: what a user without privileges cannot change.
///
/// # Errors
/// The first place from the path upwards that others than root could change.
pub fn check_by_mode(path: &Utf8Path) -> Result<(), Unprotected> {
    Protection::by_mode().check(path)
}

/// Checks many paths, and looks at each directory above them once.
#[derive(Debug)]
pub struct Protection {
    check_place: fn(&Utf8Path) -> Result<(), Unprotected>,
    /// Places that are protected, with all above them.
    known: BTreeSet<Utf8PathBuf>,
}

impl Protection {
    /// As [`check`] does.
    pub fn here() -> Self {
        Self { check_place: check_writable_here, known: BTreeSet::new() }
    }

    /// As [`check_by_mode`] does.
    pub fn by_mode() -> Self {
        Self { check_place: |_| Ok(()), known: BTreeSet::new() }
    }

    /// # Errors
    /// The first place from the path upwards that is not protected.
    pub fn check(&mut self, path: &Utf8Path) -> Result<(), Unprotected> {
        let passed = walk(path, self.check_place, &self.known)?;
        self.known.extend(passed);
        Ok(())
    }
}

/// The places that passed; of a sticky directory only its contents did.
fn walk(
    path: &Utf8Path,
    check_place: fn(&Utf8Path) -> Result<(), Unprotected>,
    known: &BTreeSet<Utf8PathBuf>,
) -> Result<Vec<Utf8PathBuf>, Unprotected> {
    let mut below_is_roots = false;
    let mut passed = Vec::new();
    for place in path.ancestors() {
        if known.contains(place) {
            break;
        }
        let metadata = fs::symlink_metadata(place).map_err(|error| Unprotected::Unreadable(place.to_owned(), error))?;
        if !is_root_or_outside(metadata.uid()) {
            return Err(Unprotected::NotRoots(place.to_owned()));
        }
        // Nobody else can replace what root has in a sticky directory.
        let is_sticky = below_is_roots && metadata.mode() & STICKY != 0;
        // The mode of a link says nothing.
        if !is_sticky && !metadata.is_symlink() {
            if metadata.mode() & WRITABLE != 0 {
                return Err(Unprotected::WritableByMode(place.to_owned()));
            }
            check_place(place)?;
        }
        if !is_sticky {
            passed.push(place.to_owned());
        }
        below_is_roots = true;
    }
    Ok(passed)
}

/// By an access list, or as root.
fn check_writable_here(place: &Utf8Path) -> Result<(), Unprotected> {
    match accessat(CWD, place.as_std_path(), Access::WRITE_OK, AtFlags::EACCESS) {
        Ok(()) => Err(Unprotected::WritableHere(place.to_owned())),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_the_user_can_write_is_not_protected() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("file");
        fs::write(&path, "").unwrap();
        // By root `WritableHere`, by everybody else `NotRoots`.
        assert!(matches!(check(&path), Err(Unprotected::WritableHere(_) | Unprotected::NotRoots(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(check(&path), Err(Unprotected::WritableByMode(_) | Unprotected::NotRoots(_))));
        assert!(matches!(check(&path.with_file_name("none")), Err(Unprotected::Unreadable(..))));
    }

    #[test]
    fn what_nobody_can_write_is_protected() {
        // For root too: the kernel's own files have no owner who could change them.
        assert!(check("/proc/version".into()).is_ok() || rustix::process::geteuid().is_root());
        assert!(check("/proc/self/exe".into()).is_err() || !rustix::process::geteuid().is_root());
    }
}
