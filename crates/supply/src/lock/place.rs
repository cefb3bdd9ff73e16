//! Where a lock file really is. A link may lead to it within the repository, and not out of it.

use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use airtight_provider::directory::{Directory, Durability};
use airtight_provider::lock_file::FILE_NAME;

/// A lock file's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The repository, or the root module if that is in none; without links.
    repository: Utf8PathBuf,
    /// Of the file itself, below the repository.
    relative: Utf8PathBuf,
}

impl Place {
    /// Finds a root module's lock file.
    ///
    /// # Errors
    /// It is not there, or a link that leaves the repository leads to it.
    pub(super) fn find(root_module: &Utf8Path) -> anyhow::Result<Self> {
        let path = root_module.join(FILE_NAME);
        let root_module = root_module.canonicalize_utf8()?;
        if fs::symlink_metadata(&path).is_err() {
            anyhow::bail!("`{path}` does not exist; there is nothing to prove a hash with");
        }
        let real = path.canonicalize_utf8().map_err(|error| {
            anyhow::anyhow!(
                "`{path}` is a link that leads to no file: {}",
                airtight_provider::digest::os_error::reason(&error)
            )
        })?;
        let repository = root_module.ancestors().find(|above| above.join(".git").exists()).unwrap_or(&root_module);
        match real.strip_prefix(repository) {
            Ok(relative) => Ok(Self { repository: repository.to_owned(), relative: relative.to_owned() }),
            Err(_) => anyhow::bail!(
                "`{path}` is a link that leads to `{real}`, outside the repository `{repository}`, where nothing is \
                 changed: put the file itself in the link's place, or complete it where it is"
            ),
        }
    }

    /// Replaces the file, with its permissions. A link to it stays.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub(super) fn write(&self, text: &str) -> anyhow::Result<()> {
        let repository = Directory::open(&self.repository)?;
        let file = repository.open_file(&self.relative)?;
        let mode =
            file.map(|file| file.metadata()).transpose()?.map_or(0o644, |found| found.permissions().mode() & 0o777);
        Ok(repository.replace(&self.relative, text.as_bytes(), mode, Durability::Synced)?)
    }
}
