//! Files that are there whole or not at all: written beside, synced, renamed.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::Utf8Path;
use fs_err as fs;

/// Replaces a file's contents with the given mode. On failure the old file stays as it was and nothing is left over.
///
/// # Errors
/// Fails where the directory cannot be written or is full.
pub fn write(path: &Utf8Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Utf8Path::new("."));
    let name = path.file_name().unwrap_or("file");
    let beside = directory.join(format!(".{name}.{}", std::process::id()));
    // A left-over of a killed process with our number; never a link to follow.
    let _ = fs::remove_file(&beside);
    let result = write_beside(&beside, contents, mode).and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result
}

fn write_beside(beside: &Utf8Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = fs::OpenOptions::from_options(options).open(beside)?;
    file.write_all(contents)?;
    file.sync_all()
}
