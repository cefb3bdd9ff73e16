//! Files that are there whole or not at all: written beside, synced, renamed, and the directory synced.

use std::io;

use camino::Utf8Path;

use crate::directory::{Directory, Durability};

/// Replaces a file's contents with the given mode. On failure the old file stays as it was and nothing is left over.
///
/// The directory may be reached through links, as the path is the caller's own. A link in the place of the file itself is
/// replaced by the file.
///
/// # Errors
/// Fails if the directory cannot be written or is full.
pub fn write(path: &Utf8Path, contents: &[u8], mode: u32) -> io::Result<()> {
    replace(path, contents, mode, Durability::Synced)
}

/// The same for a file that is made again before each use: whole for every reader, but not synced, because a machine that
/// loses its power loses the container too.
///
/// # Errors
/// Fails if the directory cannot be written or is full.
pub fn write_for_now(path: &Utf8Path, contents: &[u8], mode: u32) -> io::Result<()> {
    replace(path, contents, mode, Durability::Unsynced)
}

fn replace(path: &Utf8Path, contents: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` names no file")))?;
    Directory::open(parent)?.replace(Utf8Path::new(name), contents, mode, durability)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use fs_err as fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_and_a_link_in_its_place_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::write(root.join("outside"), "kept").unwrap();
        symlink("outside", root.join("file")).unwrap();
        for (path, contents) in [("file", "one"), ("file", "two"), ("new", "three")] {
            write(&root.join(path), contents.as_bytes(), 0o640).unwrap();
            assert_eq!(fs::read_to_string(root.join(path)).unwrap(), contents);
            let metadata = fs::symlink_metadata(root.join(path)).unwrap();
            assert!(metadata.is_file());
            assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        }
        assert_eq!(fs::read_to_string(root.join("outside")).unwrap(), "kept");
        fs::create_dir(root.join("directory")).unwrap();
        assert!(write(&root.join("directory"), b"x", 0o600).is_err());
        assert!(write(&root.join("missing/file"), b"x", 0o600).is_err());
        assert_eq!(root.read_dir_utf8().unwrap().count(), 4, "something is left over");
    }
}
