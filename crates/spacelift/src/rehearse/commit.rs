//! Which commit of the repository is rehearsed, as git has it on the disk.
//!
//! Source: gitrepository-layout(5).

use camino::{Utf8Path, Utf8PathBuf};

use airtight_provider::text_file;

/// Larger than any file that is read here.
const LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// The commit that is checked out. None if it is not a repository of git, or has none yet.
pub(super) fn checked_out(repository: &Utf8Path) -> Option<String> {
    let read = |path: &Utf8Path| text_file::read(path, LIMIT_BYTES).ok();
    let mut directory = repository.join(".git");
    if directory.is_file() {
        // A linked working tree or a submodule.
        let text = read(&directory)?;
        directory = repository.join(text.strip_prefix("gitdir:")?.trim());
    }
    let head = read(&directory.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref:").map(str::trim) else { return commit(&head) };
    let common = match read(&directory.join("commondir")) {
        Some(text) => directory.join(text.trim()),
        None => directory.clone(),
    };
    let loose: Option<String> =
        [&directory, &common].iter().find_map(|directory: &&Utf8PathBuf| read(&directory.join(name)));
    match loose {
        Some(text) => commit(&text),
        None => read(&common.join("packed-refs"))?.lines().find_map(|line| {
            let (hash, packed) = line.split_once(' ')?;
            (packed == name).then(|| commit(hash))?
        }),
    }
}

/// A hash and nothing else.
fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use fs_err as fs;

    use super::*;

    #[test]
    fn the_commit_is_gits() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
        let git = |place: &str, arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
            let output = command.current_dir(path(place)).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        fs::create_dir(path("a")).unwrap();
        assert_eq!(checked_out(&path("a")), None);
        git("a", &["init", "-q"]);
        assert_eq!(checked_out(&path("a")), None);
        git("a", &["commit", "-q", "--allow-empty", "-m", "one"]);
        let head = || Some(git("a", &["rev-parse", "HEAD"]));
        assert_eq!(checked_out(&path("a")), head());
        git("a", &["worktree", "add", "-q", "../linked"]);
        assert_eq!(checked_out(&path("linked")), head());
        git("a", &["pack-refs", "--all"]);
        assert_eq!(checked_out(&path("a")), head());
        assert_eq!(checked_out(&path("linked")), head());
        git("a", &["checkout", "-q", "--detach"]);
        assert_eq!(checked_out(&path("a")), head());
    }
}
