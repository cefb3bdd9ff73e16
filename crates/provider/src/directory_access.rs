//! Whether this process can put something into a directory that may not be there yet.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::Access;
use rustix::io::Errno;

/// The directory that refuses, and the reason in the words of the engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWritable {
    pub directory: Utf8PathBuf,
    pub reason: &'static str,
}

/// Null if something can be put there, or if that cannot be found out.
pub fn why_not_writable(path: &Utf8Path) -> Option<NotWritable> {
    let directory = nearest(path);
    let reason = match rustix::fs::access(directory.as_std_path(), Access::WRITE_OK | Access::EXEC_OK).err()? {
        Errno::ROFS => "read-only file system",
        Errno::ACCESS => "permission denied",
        _ => return None,
    };
    Some(NotWritable { directory: directory.to_owned(), reason })
}

/// Why a file that is not there yet cannot be made. Null if it is there.
pub fn why_not_made(file: &Utf8Path) -> Option<NotWritable> {
    if fs::symlink_metadata(file).is_ok() {
        return None;
    }
    why_not_writable(file.parent()?)
}

/// The path, or the directory nearest to it that is there.
pub fn nearest(path: &Utf8Path) -> &Utf8Path {
    path.ancestors().find(|path| fs::symlink_metadata(path).is_ok()).unwrap_or(path)
}
