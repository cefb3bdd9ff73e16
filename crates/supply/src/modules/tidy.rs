//! A fetched tree made ready for a store: the same modes and times on every machine, no `.git`, no link that leads out.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::archive::{ExtractError, TreeLimits};

/// 1980-01-01, for what has no time: the earliest that a zip archive knows.
const NO_TIME_SECONDS: u64 = 315_532_800;

/// How deep directories may be nested.
const MAXIMUM_DEPTH: usize = 100;

/// A file that only names a larger one, which Git LFS would fetch.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const LFS_POINTER_BYTES: u64 = 1024;

/// What was noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Links that led out of the tree, and are left out. By path.
    pub links_out: Vec<String>,
    /// Files that are pointers of Git LFS, because it is not installed here.
    pub lfs_pointers: Vec<String>,
}

/// Makes a tree ready. `seconds` is the time of all its files.
pub(super) fn tidy(tree: &Utf8Path, seconds: Option<u64>, limits: TreeLimits) -> Result<Tidied, ExtractError> {
    let mut walk = Walk {
        tree,
        seconds: seconds.unwrap_or(NO_TIME_SECONDS),
        limits,
        bytes: 0,
        files: 0,
        links: Vec::new(),
        found: Tidied::default(),
    };
    walk.directory(Utf8Path::new(""), 0)?;
    walk.chains_of_links()?;
    walk.found.links_out.sort();
    walk.found.lfs_pointers.sort();
    Ok(walk.found)
}

struct Walk<'a> {
    tree: &'a Utf8Path,
    seconds: u64,
    limits: TreeLimits,
    bytes: u64,
    files: usize,
    /// By path.
    links: Vec<Utf8PathBuf>,
    found: Tidied,
}

impl Walk<'_> {
    fn directory(&mut self, below: &Utf8Path, depth: usize) -> Result<(), ExtractError> {
        let entry_error = |why| ExtractError::Entry { name: below.to_string(), why };
        if depth > MAXIMUM_DEPTH {
            return Err(entry_error("is nested too deep"));
        }
        let place = self.tree.join(below);
        fs::set_permissions(&place, Permissions::from_mode(0o755))?;
        for entry in fs::read_dir(&place)? {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().filter(|name| !name.chars().any(char::is_control));
            let name = name.ok_or_else(|| entry_error("holds a name that is not UTF-8, or has a control character"))?;
            let path = below.join(&name);
            let place = self.tree.join(&path);
            let metadata = entry.metadata()?;
            if name.eq_ignore_ascii_case(".git") {
                if metadata.is_dir() { fs::remove_dir_all(&place)? } else { fs::remove_file(&place)? }
            } else if metadata.is_dir() {
                self.directory(&path, depth + 1)?;
            } else if metadata.is_symlink() {
                self.link(&path)?;
            } else if metadata.is_file() {
                self.file(&path, &metadata)?;
            } else {
                return Err(ExtractError::Entry { name: path.into_string(), why: "is a device or a pipe" });
            }
        }
        self.stamp(&place)
    }

    fn link(&mut self, path: &Utf8Path) -> Result<(), ExtractError> {
        self.files += 1;
        let place = self.tree.join(path);
        let target = Utf8PathBuf::from_path_buf(fs::read_link(&place)?).ok();
        if target.is_some_and(|target| stays_inside(path, &target)) {
            self.links.push(path.to_owned());
            return self.stamp(&place);
        }
        self.leave_out(path)
    }

    fn leave_out(&mut self, path: &Utf8Path) -> Result<(), ExtractError> {
        fs::remove_file(self.tree.join(path))?;
        self.found.links_out.push(path.to_string());
        Ok(())
    }

    /// A link that stays inside by its text may pass another one, and lead out from there.
    fn chains_of_links(&mut self) -> Result<(), ExtractError> {
        let tree = fs::canonicalize(self.tree)?;
        for path in std::mem::take(&mut self.links) {
            if fs::canonicalize(self.tree.join(&path)).is_ok_and(|real| !real.starts_with(&tree)) {
                self.leave_out(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Utf8Path, metadata: &fs::Metadata) -> Result<(), ExtractError> {
        self.files += 1;
        self.bytes += metadata.len();
        if self.files > self.limits.files {
            return Err(ExtractError::TooMany(self.limits.files));
        }
        if self.bytes > self.limits.bytes {
            return Err(ExtractError::TooLarge(self.limits.bytes));
        }
        let place = self.tree.join(path);
        let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        fs::set_permissions(&place, Permissions::from_mode(mode))?;
        if metadata.len() <= LFS_POINTER_BYTES && fs::read(&place)?.starts_with(LFS_POINTER) {
            self.found.lfs_pointers.push(path.to_string());
        }
        self.stamp(&place)
    }

    fn stamp(&self, place: &Utf8Path) -> Result<(), ExtractError> {
        let time = Timespec { tv_sec: i64::try_from(self.seconds).unwrap_or_default(), tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, place.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
        Ok(())
    }
}

/// Whether a link at a path below a tree leads to a place in the tree, whatever is there.
pub(super) fn stays_inside(path: &Utf8Path, target: &Utf8Path) -> bool {
    let mut depth = path.components().count() - 1;
    for component in target.components() {
        match component {
            Utf8Component::Normal(_) => depth += 1,
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn a_tree_is_the_same_on_every_machine() {
        let directory = tempfile::tempdir().unwrap();
        let tree = &Utf8Path::from_path(directory.path()).unwrap().join("tree");
        for path in ["sub/.git/hooks", ".GIT"] {
            fs::create_dir_all(tree.join(path)).unwrap();
        }
        for (path, mode) in [("main.tf", 0o600), ("sub/run.sh", 0o700), ("sub/.git/config", 0o644), ("sub/deep", 0o444)]
        {
            fs::write(tree.join(path), path).unwrap();
            fs::set_permissions(tree.join(path), Permissions::from_mode(mode)).unwrap();
        }
        fs::write(tree.parent().unwrap().join("main.tf"), "").ok();
        fs::write(tree.join("large.bin"), b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
            .unwrap();
        for (target, path) in [
            ("../main.tf", "sub/in"),
            ("../../etc", "sub/out"),
            ("/etc/passwd", "absolute"),
            ("none", "dangling"),
            ("..", "sub/up"),
            ("sub/up/../main.tf", "chain"),
        ] {
            symlink(target, tree.join(path)).unwrap();
        }
        let found = tidy(tree, Some(1_700_000_000), TreeLimits::default()).unwrap();
        assert_eq!(found.links_out, ["absolute", "chain", "sub/out"]);
        assert_eq!(found.lfs_pointers, ["large.bin"]);
        for (path, mode) in [("main.tf", 0o644), ("sub/run.sh", 0o755), ("sub/deep", 0o644), ("sub", 0o755)] {
            let metadata = fs::metadata(tree.join(path)).unwrap();
            assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (mode, 1_700_000_000), "{path}");
        }
        for gone in ["sub/.git", ".GIT", "absolute"] {
            assert!(fs::symlink_metadata(tree.join(gone)).is_err(), "{gone}");
        }
        let small = TreeLimits { bytes: 10, ..TreeLimits::default() };
        assert!(matches!(tidy(tree, None, small), Err(ExtractError::TooLarge(10))));
        assert!(matches!(
            tidy(tree, None, TreeLimits { files: 2, ..TreeLimits::default() }),
            Err(ExtractError::TooMany(2))
        ));
    }

    #[test]
    fn links_are_judged_by_where_they_lead() {
        for (path, target, expected) in [
            ("a/b", "../c", true),
            ("a/b", "../../c", false),
            ("a", "../c", false),
            ("a", "/c", false),
            ("a", "b/../c", true),
            ("a", "b/../../c", false),
        ] {
            assert_eq!(stays_inside(path.into(), target.into()), expected, "{path} -> {target}");
        }
    }
}
