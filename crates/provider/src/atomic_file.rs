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
    replace(path, contents, mode, true)
}

/// The same for a file that is made anew before each use: whole for every reader, not synced, as a machine that loses its
/// power takes the container along.
///
/// # Errors
/// Fails where the directory cannot be written or is full.
pub fn write_for_now(path: &Utf8Path, contents: &[u8], mode: u32) -> io::Result<()> {
    replace(path, contents, mode, false)
}

fn replace(path: &Utf8Path, contents: &[u8], mode: u32, is_synced: bool) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Utf8Path::new("."));
    let name = path.file_name().unwrap_or("file");
    let beside = directory.join(format!(".{name}.{}", std::process::id()));
    // A left-over of a killed process with our number; never a link to follow.
    let _ = fs::remove_file(&beside);
    let result = write_beside(&beside, contents, mode, is_synced).and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result
}

fn write_beside(beside: &Utf8Path, contents: &[u8], mode: u32, is_synced: bool) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = fs::OpenOptions::from_options(options).open(beside)?;
    file.write_all(contents)?;
    if is_synced { file.sync_all() } else { Ok(()) }
}
