//! The workspace as the worker lays it out: the source, then the mounted files over it.
//!
//! It is in a temporary directory, which is locked as long as its rehearsal runs. The next rehearsal removes those that
//! nobody holds any more; [`super::janitor`] does so at once.
//!
//! Source: Spacelift `concepts/configuration/environment.md`.

use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt, lchown};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat};
use rustix::io::Errno;

use crate::hooks::MountedFile;

/// Where the worker has its workspace.
///
/// Source: Spacelift `concepts/configuration/environment.md`.
pub const WORKSPACE_ROOT: &str = "/mnt/workspace";

/// Of the names of temporary directories.
const PREFIX: &str = "airtight-rehearsal-";

/// A temporary directory with a workspace in it, gone with this value.
#[derive(Debug)]
pub struct Workspace {
    directory: Utf8PathBuf,
    /// Holds the lock.
    _lock: std::os::fd::OwnedFd,
    /// The user and group that everything in it gets, if not ours.
    owner: Option<(u32, u32)>,
}

impl Workspace {
    /// Makes an empty one.
    ///
    /// # Errors
    /// Fails where the temporary directory cannot be written.
    pub fn new(owner: Option<(u32, u32)>) -> io::Result<Self> {
        let temporary = Utf8PathBuf::from_path_buf(std::env::temp_dir())
            .map_err(|path| io::Error::other(format!("the temporary directory `{}` is not UTF-8", path.display())))?;
        remove_leftovers(&temporary);
        let (directory, lock) = create(&temporary)?;
        let workspace = Self { directory, _lock: lock, owner };
        // The run's user, where it is another one, passes through and sees nothing.
        fs::set_permissions(
            &workspace.directory,
            PermissionsExt::from_mode(if owner.is_some() { 0o711 } else { 0o700 }),
        )?;
        for path in [workspace.path(), workspace.source()] {
            fs::create_dir(&path)?;
            workspace.give(&path)?;
        }
        Ok(workspace)
    }

    /// The temporary directory.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Whether no file in it can be started.
    pub(crate) fn forbids_execution(&self) -> bool {
        rustix::fs::statvfs(self.directory.as_std_path())
            .is_ok_and(|system| system.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC))
    }

    pub fn path(&self) -> Utf8PathBuf {
        self.directory.join("workspace")
    }

    pub fn source(&self) -> Utf8PathBuf {
        self.path().join("source")
    }

    /// Copies a working copy, without what a checkout would not have. Returns what was left out.
    ///
    /// # Errors
    /// Fails at the first file that cannot be read.
    pub(crate) fn copy_source(&self, repository: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
        let mut left_out = Vec::new();
        let mut waiting = vec![Utf8PathBuf::new()];
        while let Some(directory) = waiting.pop() {
            for entry in repository.join(&directory).read_dir_utf8()? {
                let entry = entry?;
                let relative = directory.join(entry.file_name());
                if is_left_out(entry.file_name()) {
                    left_out.push(relative);
                    continue;
                }
                let target = self.source().join(&relative);
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    fs::create_dir(&target)?;
                    waiting.push(relative);
                } else if kind.is_symlink() {
                    fs::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
                } else if kind.is_file() {
                    copy(entry.path(), &target)?;
                } else {
                    // A socket, a pipe, a device: no checkout has one.
                    left_out.push(relative);
                    continue;
                }
                self.give(&target)?;
            }
        }
        left_out.sort();
        Ok(left_out)
    }

    /// Writes a mounted file over what is there. A relative path is one below the workspace.
    ///
    /// # Errors
    /// Fails where the path leads out of the workspace, or cannot be written.
    pub fn mount(&self, file: &MountedFile) -> io::Result<()> {
        let relative = file.path.strip_prefix(WORKSPACE_ROOT).unwrap_or(&file.path);
        let is_inside = relative.components().all(|part| matches!(part, camino::Utf8Component::Normal(_)));
        if !is_inside || relative.as_str().is_empty() {
            return Err(io::Error::other(format!(
                "the mounted file `{}` is outside {WORKSPACE_ROOT}, where a rehearsal writes nothing",
                file.path
            )));
        }
        let target = self.path().join(relative);
        let mut above = self.path();
        for part in relative.parent().into_iter().flat_map(Utf8Path::components) {
            above.push(part);
            if above.is_symlink() {
                return Err(io::Error::other(format!("the mounted file `{}` would lie behind a link", file.path)));
            }
            if !above.is_dir() {
                fs::create_dir(&above)?;
                self.give(&above)?;
            }
        }
        if target.is_symlink() || target.exists() {
            fs::remove_file(&target)?;
        }
        fs::write(&target, &file.content)?;
        self.give(&target)
    }

    fn give(&self, path: &Utf8Path) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            fs::set_permissions(path, PermissionsExt::from_mode(0o755))?;
        }
        let Some((user, group)) = self.owner else { return Ok(()) };
        lchown(path, Some(user), Some(group))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = remove(&self.directory);
    }
}

/// Makes a temporary directory and locks it. A sweep of another rehearsal may take it in between.
fn create(temporary: &Utf8Path) -> io::Result<(Utf8PathBuf, std::os::fd::OwnedFd)> {
    const ATTEMPTS: u32 = 10;
    for attempt in 1.. {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let directory = temporary.join(format!("{PREFIX}{}-{}", std::process::id(), now.as_nanos()));
        fs::create_dir(&directory)?;
        match locked(&directory) {
            Ok(lock) if fstat(&lock)?.st_nlink > 0 => return Ok((directory, lock)),
            Err(error) if attempt == ATTEMPTS => return Err(error.into()),
            _ if attempt == ATTEMPTS => break,
            _ => {}
        }
    }
    Err(io::Error::other(format!("no directory can be kept in `{temporary}`")))
}

fn locked(directory: &Utf8Path) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::open(directory.as_std_path(), flags, Mode::empty())?;
    if fstat(&handle)?.st_uid != rustix::process::geteuid().as_raw() {
        return Err(Errno::PERM);
    }
    flock(&handle, FlockOperation::NonBlockingLockExclusive)?;
    Ok(handle)
}

/// Removes what rehearsals of this user left that were killed.
fn remove_leftovers(temporary: &Utf8Path) {
    for entry in temporary.read_dir_utf8().into_iter().flatten().flatten() {
        if entry.file_name().starts_with(PREFIX)
            && let Ok(_lock) = locked(entry.path())
        {
            // One that cannot be removed is left for the next time.
            let _ = remove(entry.path());
        }
    }
}

/// Removes a workspace's temporary directory.
///
/// # Errors
/// Fails if something of it is left.
pub(super) fn remove(directory: &Utf8Path) -> io::Result<()> {
    // A directory that was made unreadable inside is opened first. Root needs no permission.
    if !rustix::process::geteuid().is_root() {
        let mut waiting = vec![directory.to_owned()];
        while let Some(directory) = waiting.pop() {
            let _ = fs::set_permissions(&directory, PermissionsExt::from_mode(0o700));
            let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
            let is_directory = |entry: &camino::Utf8DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            waiting.extend(entries.filter(is_directory).map(camino::Utf8DirEntry::into_path));
        }
    }
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies a file with its permissions. Holes stay holes.
fn copy(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let mut source = fs::File::open(from)?;
    let metadata = source.metadata()?;
    let target = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut target = fs::File::from_parts(target, to);
    let is_sparse = metadata.blocks() * 512 < metadata.len();
    if is_sparse {
        let mut at = 0;
        while let Ok(data) = rustix::fs::seek(&source, rustix::fs::SeekFrom::Data(at)) {
            let end = rustix::fs::seek(&source, rustix::fs::SeekFrom::Hole(data))?;
            source.seek(io::SeekFrom::Start(data))?;
            target.seek(io::SeekFrom::Start(data))?;
            io::copy(&mut source.file().take(end - data), &mut target.file()).map_err(|error| named(&error, to))?;
            at = end;
        }
        target.set_len(metadata.len())?;
    } else {
        io::copy(&mut source.file(), &mut target.file()).map_err(|error| named(&error, to))?;
    }
    target.set_permissions(metadata.permissions())
}

fn named(error: &io::Error, path: &Utf8Path) -> io::Error {
    io::Error::new(error.kind(), format!("`{path}`: {error}"))
}

/// What git keeps for itself, and what `init` and local states leave behind and a checkout does not have.
fn is_left_out(name: &str) -> bool {
    matches!(name, ".git" | ".terraform" | "terraform.tfstate.d")
        || name == "terraform.tfstate"
        || (name.starts_with("terraform.tfstate.") && name.ends_with("backup"))
        || name == ".terraform.tfstate.lock.info"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_copy_becomes_a_checkout() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Utf8Path::from_path(directory.path()).unwrap();
        for path in
            [".git/config", "stack/.terraform/x", "stack/main.tf", "stack/terraform.tfstate", ".terraform.lock.hcl"]
        {
            fs::create_dir_all(repository.join(path).parent().unwrap()).unwrap();
            fs::write(repository.join(path), path).unwrap();
        }
        fs::os::unix::fs::symlink("main.tf", repository.join("stack/link.tf")).unwrap();
        let workspace = Workspace::new(None).unwrap();
        let left_out = workspace.copy_source(repository).unwrap();
        assert_eq!(left_out, [".git", "stack/.terraform", "stack/terraform.tfstate"]);
        let source = workspace.source();
        assert_eq!(fs::read_to_string(source.join("stack/link.tf")).unwrap(), "stack/main.tf");
        assert_eq!(fs::read_to_string(source.join(".terraform.lock.hcl")).unwrap(), ".terraform.lock.hcl");
        assert!(!source.join("stack/.terraform").exists());
        let path = workspace.path();
        drop(workspace);
        assert!(!path.exists());
    }

    #[test]
    fn a_sparse_file_stays_sparse() {
        use std::io::Write as _;
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
        let mut file = fs::File::create(path("a")).unwrap();
        for at in [0, 1 << 20, (1 << 26) - 3] {
            file.seek(io::SeekFrom::Start(at)).unwrap();
            file.write_all(b"text").unwrap();
        }
        file.set_len(1 << 27).unwrap();
        copy(&path("a"), &path("b")).unwrap();
        assert!(fs::read(path("a")).unwrap() == fs::read(path("b")).unwrap());
        let blocks = |name: &str| fs::metadata(path(name)).unwrap().blocks();
        assert_eq!(blocks("a"), blocks("b"));
    }

    #[test]
    fn what_nobody_holds_is_removed_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let temporary = Utf8Path::from_path(directory.path()).unwrap();
        let path = |name: &str| temporary.join(name);
        for name in ["airtight-rehearsal-1-1/workspace/a", "airtight-rehearsal-2-2", "other", "target"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        fs::os::unix::fs::symlink("target", path("airtight-rehearsal-3-3")).unwrap();
        let held = locked(&path("airtight-rehearsal-2-2")).unwrap();
        remove_leftovers(temporary);
        let left = || {
            let mut names: Vec<_> =
                temporary.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(left(), ["airtight-rehearsal-2-2", "airtight-rehearsal-3-3", "other", "target"]);
        drop(held);
        remove_leftovers(temporary);
        assert_eq!(left(), ["airtight-rehearsal-3-3", "other", "target"]);
    }

    #[test]
    fn a_mounted_file_wins_and_stays_inside() {
        let workspace = Workspace::new(None).unwrap();
        let file = |path: &str| MountedFile { path: path.into(), content: "mounted".to_owned(), is_sensitive: false };
        fs::write(workspace.source().join("a"), "committed").unwrap();
        for path in ["source/a", "/mnt/workspace/source/.spacelift/workflow.yml", "zz.terraformrc"] {
            workspace.mount(&file(path)).unwrap();
        }
        assert_eq!(fs::read_to_string(workspace.source().join("a")).unwrap(), "mounted");
        assert!(workspace.source().join(".spacelift/workflow.yml").is_file());
        assert!(workspace.path().join("zz.terraformrc").is_file());
        fs::os::unix::fs::symlink("/tmp", workspace.source().join("link")).unwrap();
        for path in ["../x", "/etc/passwd", "source/../../x", "source/link/x", "/mnt/workspace"] {
            assert!(workspace.mount(&file(path)).is_err(), "{path}");
        }
    }
}
