//! Symbolic links on the way to a local module, resolved as the engines do: a relative path stays relative as long as
//! no link leads to an absolute path.
//!
//! Source: Go `path/filepath` `EvalSymlinks`; OpenTofu `internal/initwd/module_install.go` `installLocalModule`.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// As in Go.
const MOST_LINKS: usize = 255;

/// The path without links, seen from a directory; null if it does not exist.
pub(super) fn eval_symlinks(from: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut links = 0;
    let mut resolved = Utf8PathBuf::new();
    let mut rest: Vec<String> = parts(path);
    rest.reverse();
    if path.is_absolute() {
        resolved.push("/");
    }
    while let Some(part) = rest.pop() {
        if part == ".." {
            let is_above = resolved.as_str().is_empty() || resolved.ends_with("..");
            if is_above {
                resolved.push("..");
            } else {
                resolved.pop();
            }
            continue;
        }
        let next = resolved.join(&part);
        let metadata = fs::symlink_metadata(from.join(&next)).ok()?;
        if !metadata.is_symlink() {
            resolved = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return None;
        }
        let target = Utf8PathBuf::from_path_buf(fs::read_link(from.join(&next)).ok()?).ok()?;
        if target.is_absolute() {
            resolved = "/".into();
        }
        rest.extend(parts(&target).into_iter().rev());
    }
    let path = if resolved.as_str().is_empty() { Utf8PathBuf::from(".") } else { resolved };
    fs::metadata(from.join(&path)).ok().map(|_| path)
}

fn parts(path: &Utf8Path) -> Vec<String> {
    let part = |component: Utf8Component<'_>| match component {
        Utf8Component::Normal(name) => Some(name.to_owned()),
        Utf8Component::ParentDir => Some("..".to_owned()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_relative_path_stays_relative_until_a_link_is_absolute() {
        let directory = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        fs::create_dir_all(base.join("root/real/inner")).unwrap();
        fs::create_dir(base.join("shared")).unwrap();
        let from = base.join("root");
        symlink("real", from.join("link")).unwrap();
        symlink("../shared", from.join("up")).unwrap();
        symlink(base.join("shared"), from.join("absolute")).unwrap();
        symlink("loop", from.join("loop")).unwrap();
        let eval = |path: &str| eval_symlinks(&from, Utf8Path::new(path)).map(Utf8PathBuf::into_string);
        let some = |path: &str| Some(path.to_owned());
        assert_eq!(eval("real/inner"), some("real/inner"));
        assert_eq!(eval("link/inner"), some("real/inner"));
        assert_eq!(eval("link/.."), some("."));
        assert_eq!(eval("."), some("."));
        assert_eq!(eval("up"), some("../shared"));
        assert_eq!(eval("../shared"), some("../shared"));
        assert_eq!(eval("absolute"), some(base.join("shared").as_str()));
        assert_eq!(eval("loop"), None);
        assert_eq!(eval("none"), None);
    }
}
