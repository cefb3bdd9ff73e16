//! Git repositories, made by the real git.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// A repository with a work tree, on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub path: Utf8PathBuf,
}

impl Repository {
    /// An empty one, whose branch is `main`.
    pub(crate) fn new(path: &Utf8Path) -> Self {
        fs::create_dir_all(path).unwrap();
        let repository = Self { path: path.to_owned() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// `git::file:///PATH`
    pub(crate) fn source(&self) -> String {
        format!("git::file://{}", self.path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> &Self {
        let place = self.path.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
        self
    }

    /// Commits everything, and gives the commit's id.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(crate) fn tag(&self, name: &str) -> &Self {
        self.git(&["tag", "--force", "--annotate", "--message", "x", name]);
        self
    }

    /// Runs git, and gives what it printed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.path, arguments)
    }
}

/// Runs git in a directory, with nobody's configuration, at one time.
pub(crate) fn git(directory: &Utf8Path, arguments: &[&str]) -> String {
    const TIME: &str = "2026-01-02T03:04:05Z";
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_AUTHOR_DATE", TIME).env("GIT_COMMITTER_DATE", TIME);
    for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
        command.env(name, "t@h.example");
    }
    let output = command.env("GIT_ALLOW_PROTOCOL", "file:ext").output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
