//! The workspace as the worker lays it out: the source, then the mounted files over it.
//!
//! Source: Spacelift `concepts/configuration/environment.md`.

use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::hooks::MountedFile;

/// Where the worker has its workspace.
///
/// Source: Spacelift `concepts/configuration/environment.md`.
pub const WORKSPACE_ROOT: &str = "/mnt/workspace";

/// A temporary directory with a workspace in it, gone with this value.
#[derive(Debug)]
pub struct Workspace {
    directory: Utf8PathBuf,
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
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let directory = temporary.join(format!("airtight-rehearsal-{}-{}", std::process::id(), now.as_nanos()));
        fs::create_dir(&directory)?;
        let workspace = Self { directory, owner };
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
    pub fn copy_source(&self, repository: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
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
                    fs::copy(entry.path(), &target)?;
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
                "the mounted file `{}` lies outside {WORKSPACE_ROOT}, where a rehearsal writes nothing",
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
        // A directory that was made unreadable inside is opened first.
        let mut waiting = vec![self.directory.clone()];
        while let Some(directory) = waiting.pop() {
            let _ = fs::set_permissions(&directory, PermissionsExt::from_mode(0o700));
            let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
            let is_directory = |entry: &camino::Utf8DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            waiting.extend(entries.filter(is_directory).map(camino::Utf8DirEntry::into_path));
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
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
