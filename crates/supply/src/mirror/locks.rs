//! Looking for lock files.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use airtight_provider::lock_file::FILE_NAME;

/// The root modules of lock files: those given, and those below given directories, sorted. Links are not followed, and
/// neither `.git` nor data directories of engines are looked into.
///
/// # Errors
/// Fails if a directory cannot be read, or a given path is neither a lock file nor a directory.
pub fn find(paths: &[Utf8PathBuf]) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.file_name() == Some(FILE_NAME) && path.is_file() {
            let directory = path.parent().filter(|parent| !parent.as_str().is_empty());
            found.push(directory.unwrap_or(Utf8Path::new(".")).to_owned());
        } else if path.is_dir() {
            search(path, &mut found)?;
        } else {
            anyhow::bail!("`{path}` is neither a {FILE_NAME} nor a directory");
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn search(directory: &Utf8Path, found: &mut Vec<Utf8PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let file_type = entry.file_type()?;
        if name == FILE_NAME {
            found.push(directory.to_owned());
        } else if file_type.is_dir() && !matches!(name, ".git" | ".terraform") {
            search(&directory.join(name), found)?;
        }
    }
    Ok(())
}
