//! The directory of what lives as long as the container: `${XDG_RUNTIME_DIR:-/tmp}/airtight-UID`.
//!
//! It holds the CLI configuration that we write, the hashes of files that were already read, what the engine is, and
//! the lock file as it was before `init`. Mode 0700, owned by the user, never a link: `/tmp` belongs to everyone.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use airtight_engine::environment::Environment;

/// An existing, private directory.
#[derive(Clone, Debug)]
pub struct RuntimeDirectory {
    path: Utf8PathBuf,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirectoryError {
    #[error("`{path}` cannot be made: {source}")]
    Unwritable { path: Utf8PathBuf, source: io::Error },
    #[error("`{path}` is {what}; it must be a directory that only this user can use")]
    NotOurs { path: Utf8PathBuf, what: &'static str },
}

impl RuntimeDirectory {
    /// Where it is for this environment and user, made or not.
    pub fn place(environment: &Environment) -> Utf8PathBuf {
        let base = environment.xdg_runtime_dir.clone().unwrap_or_else(|| Utf8PathBuf::from("/tmp"));
        base.join(format!("airtight-{}", rustix::process::geteuid().as_raw()))
    }

    /// Makes the directory, or makes sure that the existing one is ours alone.
    ///
    /// # Errors
    /// Fails if it cannot be made, or if somebody else owns it.
    pub fn open(environment: &Environment) -> Result<Self, RuntimeDirectoryError> {
        let path = Self::place(environment);
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(RuntimeDirectoryError::Unwritable { path, source }),
        }
        let metadata = fs::symlink_metadata(&path)
            .map_err(|source| RuntimeDirectoryError::Unwritable { path: path.clone(), source })?;
        let what = if metadata.is_symlink() {
            Some("a symbolic link")
        } else if !metadata.is_dir() {
            Some("not a directory")
        } else if metadata.uid() != rustix::process::geteuid().as_raw() {
            Some("owned by another user")
        } else if metadata.permissions().mode() & 0o077 != 0 {
            Some("open to other users")
        } else {
            None
        };
        match what {
            Some(what) => Err(RuntimeDirectoryError::NotOurs { path, what }),
            None => Ok(Self { path }),
        }
    }

    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// A file for one root module: stacks that share a machine do not share it.
    pub(crate) fn file_for(&self, root_module: &Utf8Path, name: &str) -> Utf8PathBuf {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(root_module.as_str().as_bytes());
        let key = digest.iter().take(8).fold(String::new(), |key, byte| format!("{key}{byte:02x}"));
        self.path.join(format!("{key}-{name}"))
    }
}
