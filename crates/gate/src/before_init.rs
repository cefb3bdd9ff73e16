//! What the workspace held before `init`, to put it back if the check after `init` refuses: otherwise the hashes that
//! `init` added to the lock file would prove what it installed at the next try.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use std::os::unix::fs::PermissionsExt as _;

use airtight_provider::directory::Directory;
use airtight_provider::{atomic_file, lock_file};

/// Larger lock files are not read by anybody.
const LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// The lock file as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    Missing,
    File {
        bytes: Vec<u8>,
        mode: u32,
    },
    /// Engines replace a link with a file.
    Link(Utf8PathBuf),
}

/// What can be put back.
#[derive(Clone, Debug)]
pub struct BeforeInit {
    lock_file: Utf8PathBuf,
    kept: Kept,
    root_module: Utf8PathBuf,
    data_dir: Utf8PathBuf,
}

/// What was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// The lock file had changed.
    pub lock_file: bool,
    /// Providers were installed, and are not any more.
    pub providers: bool,
}

impl BeforeInit {
    /// Remembers the lock file of a root module.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn remember(root_module: &Utf8Path, data_dir: &Utf8Path) -> io::Result<Self> {
        let lock_file = root_module.join(lock_file::FILE_NAME);
        let kept = keep(&lock_file)?;
        Ok(Self { lock_file, kept, root_module: root_module.to_owned(), data_dir: data_dir.to_owned() })
    }

    /// The same with a text that was kept elsewhere; an empty one means no file.
    pub(crate) fn of_text(root_module: &Utf8Path, data_dir: &Utf8Path, text: String) -> Self {
        let kept = if text.is_empty() { Kept::Missing } else { Kept::File { bytes: text.into_bytes(), mode: 0o644 } };
        let lock_file = root_module.join(lock_file::FILE_NAME);
        Self { lock_file, kept, root_module: root_module.to_owned(), data_dir: data_dir.to_owned() }
    }

    /// Does the same as [`Self::put_back`] if the lock file is not as it was.
    ///
    /// # Errors
    /// Fails if a file cannot be read, written or removed.
    pub fn put_back_if_changed(&self) -> io::Result<Option<PutBack>> {
        if keep(&self.lock_file)? == self.kept { Ok(None) } else { self.put_back().map(Some) }
    }

    /// Puts the lock file's bytes back and removes all installed providers, also those that earlier runs installed: the
    /// next `init` installs them again from the mirror.
    ///
    /// No link of the repository is followed: a link in the place of `providers`, of the data directory, or above it in the
    /// root module is removed, and not what it leads to.
    ///
    /// # Errors
    /// Fails if a file cannot be written or removed. The providers are removed first, since nothing runs without them.
    pub fn put_back(&self) -> io::Result<PutBack> {
        let providers = self.remove_providers()?;
        let lock_file = keep(&self.lock_file)? != self.kept;
        if lock_file {
            match &self.kept {
                Kept::Missing => fs::remove_file(&self.lock_file)?,
                Kept::File { bytes, mode } => atomic_file::write(&self.lock_file, bytes, *mode)?,
                Kept::Link(target) => {
                    fs::remove_file(&self.lock_file)?;
                    fs::os::unix::fs::symlink(target, &self.lock_file)?;
                }
            }
        }
        Ok(PutBack { lock_file, providers })
    }
}

impl BeforeInit {
    /// Whether there was something to remove.
    fn remove_providers(&self) -> io::Result<bool> {
        let of_repository = self.data_dir.ancestors().take_while(|place| **place != self.root_module);
        let link = of_repository.filter(|place| place.starts_with(&self.root_module) && place.is_symlink()).last();
        if let Some(link) = link {
            fs::remove_file(link)?;
            return Ok(true);
        }
        let data_dir = match Directory::open(&self.data_dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            result => result?,
        };
        let providers = Utf8Path::new("providers");
        let is_there = data_dir.file_type(providers)?.is_some();
        data_dir.remove(providers)?;
        Ok(is_there)
    }
}

fn keep(path: &Utf8Path) -> io::Result<Kept> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::Missing),
        Err(error) => return Err(error),
    };
    if metadata.is_symlink() {
        let target = Utf8PathBuf::from_path_buf(fs::read_link(path)?);
        return target.map(Kept::Link).map_err(|_| io::Error::other(format!("`{path}`: the link is no text")));
    }
    if !metadata.is_file() || metadata.len() > LIMIT_BYTES {
        return Err(io::Error::other(format!("`{path}` is no file that an engine wrote")));
    }
    Ok(Kept::File { bytes: fs::read(path)?, mode: metadata.permissions().mode() & 0o777 })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Scratch {
        _guard: tempfile::TempDir,
        root: Utf8PathBuf,
        lock: Utf8PathBuf,
        data: Utf8PathBuf,
    }

    impl Scratch {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
            let (lock, data) = (root.join(lock_file::FILE_NAME), root.join(".terraform"));
            Self { _guard: guard, root, lock, data }
        }

        fn remember(&self) -> BeforeInit {
            BeforeInit::remember(&self.root, &self.data).unwrap()
        }

        /// As an engine does: a new file in the old one's place, and a package.
        fn init(&self) {
            atomic_file::write(&self.lock, b"added", 0o644).unwrap();
            fs::create_dir_all(self.data.join("providers/h/n/t/1.0.0/linux_amd64")).unwrap();
            fs::write(self.data.join("providers/h/n/t/1.0.0/linux_amd64/terraform-provider-t"), "x").unwrap();
        }
    }

    #[test]
    fn the_lock_file_has_its_bytes_and_mode_again_and_nothing_is_installed() {
        let scratch = Scratch::new();
        fs::write(&scratch.lock, b"not UTF-8: \xff\r\n").unwrap();
        fs::set_permissions(&scratch.lock, std::fs::Permissions::from_mode(0o640)).unwrap();
        let before = scratch.remember();
        scratch.init();
        assert_eq!(before.put_back().unwrap(), PutBack { lock_file: true, providers: true });
        assert_eq!(fs::read(&scratch.lock).unwrap(), b"not UTF-8: \xff\r\n");
        assert_eq!(fs::metadata(&scratch.lock).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(!scratch.data.join("providers").exists() && scratch.data.exists());
        assert_eq!(before.put_back().unwrap(), PutBack { lock_file: false, providers: false });
        assert_eq!(before.put_back_if_changed().unwrap(), None);
        scratch.init();
        assert!(before.put_back_if_changed().unwrap().is_some());
    }

    #[test]
    fn a_lock_file_that_was_not_there_is_gone_again() {
        let scratch = Scratch::new();
        let before = scratch.remember();
        scratch.init();
        assert_eq!(before.put_back().unwrap(), PutBack { lock_file: true, providers: true });
        assert!(!scratch.lock.exists());
    }

    #[test]
    fn links_are_put_back_as_links_and_never_followed() {
        let scratch = Scratch::new();
        fs::write(scratch.root.join("shared.hcl"), "shared").unwrap();
        symlink("shared.hcl", &scratch.lock).unwrap();
        fs::create_dir_all(scratch.root.join("elsewhere/kept")).unwrap();
        fs::create_dir(&scratch.data).unwrap();
        symlink("../elsewhere", scratch.data.join("providers")).unwrap();
        let before = scratch.remember();
        scratch.init();
        assert_eq!(before.put_back().unwrap(), PutBack { lock_file: true, providers: true });
        assert_eq!(fs::read_link(&scratch.lock).unwrap().to_str(), Some("shared.hcl"));
        assert_eq!(fs::read_to_string(&scratch.lock).unwrap(), "shared");
        assert!(scratch.root.join("elsewhere/kept").exists());
        assert!(fs::symlink_metadata(scratch.data.join("providers")).is_err());
    }

    /// A committed `.terraform` that leads out of the repository: what is there stays.
    #[test]
    fn a_data_directory_behind_a_link_keeps_its_contents() {
        let outside = tempfile::tempdir().unwrap();
        let outside = Utf8Path::from_path(outside.path()).unwrap();
        fs::create_dir_all(outside.join("data/providers/kept")).unwrap();
        for (link, target, data_dir) in [(".terraform", "data", ".terraform"), ("a", "", "a/data")] {
            let scratch = Scratch::new();
            symlink(outside.join(target), scratch.root.join(link)).unwrap();
            let before = BeforeInit::remember(&scratch.root, &scratch.root.join(data_dir)).unwrap();
            assert!(before.put_back().unwrap().providers);
            assert!(outside.join("data/providers/kept").exists() && !scratch.root.join(link).is_symlink());
        }
        // One that the administrator names.
        let scratch = Scratch::new();
        BeforeInit::remember(&scratch.root, &outside.join("data")).unwrap().put_back().unwrap();
        assert!(!outside.join("data/providers").exists());
    }
}
