//! Repositories: the commits that references mean, and the files of a commit as the engine's own clone would have them.

mod command;
mod references;

use std::collections::BTreeSet;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

pub(crate) use command::Git;
pub use command::GitError;
use references::{Advertised, Resolved, is_commit};

use airtight_provider::modules::manifest::ReferenceKind;

/// A repository while its packages are fetched. Everything it downloads is in its own directory, which the caller removes.
pub(super) struct Repository {
    git: Git,
    directory: Utf8PathBuf,
    advertised: Advertised,
    /// All branches and tags are here.
    is_whole: bool,
    here: BTreeSet<String>,
    tries: u32,
}

/// A plain address is followed if somebody wrote it, not if an encrypted one redirects to it.
const NO_PLAIN_REDIRECT: &str = "protocol.http.allow=user";

/// Before the second try; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub id: String,
    pub kind: ReferenceKind,
}

/// Why a commit is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{0}")]
    Disk(String),
    #[error("the repository has nothing called `{0}`, neither a branch, a tag nor a commit")]
    NoReference(String),
    #[error("the repository is empty")]
    Empty,
    #[error("the repository has no commit {0}")]
    NoCommit(String),
}

/// Tries again what a server refused: git does not say whether it may be better the next time.
fn again<T>(tries: u32, run: impl Fn() -> Result<T, GitError>) -> Result<T, GitError> {
    let mut attempt = 1;
    loop {
        match run() {
            Err(GitError::Failed(_)) if attempt < tries => {
                std::thread::sleep(FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1));
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn disk(error: &std::io::Error) -> RepositoryError {
    RepositoryError::Disk(error.to_string())
}

impl Repository {
    /// Makes an empty one in `directory`, which is not there yet, and asks the server for its references.
    pub(super) fn open(git: &Git, url: &str, directory: &Utf8Path, tries: u32) -> Result<Self, RepositoryError> {
        fs::create_dir_all(directory).map_err(|error| disk(&error))?;
        git.run(directory, &["init", "--quiet", "--template="])?;
        // By the file, as an argument could be seen by everybody. Relative addresses of submodules begin here.
        let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
        let mut config = std::fs::OpenOptions::new();
        let path = directory.join(".git/config");
        let mut file = config.append(true).mode(0o600).open(&path).map_err(|error| disk(&error))?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(|error| disk(&error))?;
        std::io::Write::write_all(&mut file, format!("[remote \"origin\"]\n\turl = \"{quoted}\"\n").as_bytes())
            .map_err(|error| disk(&error))?;
        // A disk is no better the next time.
        let tries = if url.starts_with("file:") { 1 } else { tries };
        let listed = again(tries, || {
            git.run(directory, &["-c", NO_PLAIN_REDIRECT, "ls-remote", "--quiet", "--symref", "origin"])
        })?;
        Ok(Self {
            git: git.clone(),
            directory: directory.to_owned(),
            advertised: Advertised::parse(&String::from_utf8_lossy(&listed)),
            is_whole: false,
            here: BTreeSet::new(),
            tries,
        })
    }

    /// What a reference means now.
    pub(super) fn resolve(&mut self, reference: Option<&str>, is_shallow: bool) -> Result<Commit, RepositoryError> {
        if let Some(Resolved { commit, kind }) = self.advertised.resolve(reference, is_shallow) {
            return Ok(Commit { id: commit, kind });
        }
        let Some(name) = reference else { return Err(RepositoryError::Empty) };
        if self.advertised.references.is_empty() {
            return Err(RepositoryError::Empty);
        }
        self.fetch_whole()?;
        let none = || RepositoryError::NoReference(name.to_owned());
        let first = self.asked(name).ok_or_else(none)?;
        // The engines check a reference out twice, so `HEAD~1` leads two commits back.
        self.git.run(&self.directory, &["update-ref", "--no-deref", "HEAD", &first])?;
        let second = self.asked(name);
        if let Some(branch) = self.advertised.default_branch.as_deref() {
            self.git.run(&self.directory, &["symbolic-ref", "HEAD", branch])?;
        }
        let id = second.ok_or_else(none)?;
        // A shortened id cannot move; `v1~1` can, with its tag.
        let is_id = id.starts_with(&name.to_ascii_lowercase());
        Ok(Commit { id, kind: if is_id { ReferenceKind::Commit } else { ReferenceKind::Tag } })
    }

    /// What a clone says of a name.
    fn asked(&self, name: &str) -> Option<String> {
        let candidates = [name.to_owned(), format!("refs/remotes/origin/{name}"), format!("refs/tags/{name}")];
        candidates.iter().find_map(|candidate| {
            let wanted = format!("{candidate}^{{commit}}");
            let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
            let output = self.git.run(&self.directory, &arguments).ok()?;
            let id = String::from_utf8_lossy(&output).trim().to_owned();
            is_commit(&id).then_some(id)
        })
    }

    /// Downloads commits without their history, or everything if the server does not give single commits.
    pub(super) fn fetch(&mut self, commits: &BTreeSet<String>) -> Result<(), RepositoryError> {
        let missing: Vec<String> = commits.difference(&self.here).cloned().collect();
        if missing.is_empty() || self.is_whole {
            return Ok(());
        }
        let mut arguments = vec![
            "-c",
            NO_PLAIN_REDIRECT,
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--depth=1",
            "--",
            "origin",
        ];
        arguments.extend(missing.iter().map(String::as_str));
        match self.git.run(&self.directory, &arguments) {
            Ok(_) => {
                self.here.extend(missing);
                Ok(())
            }
            Err(error @ (GitError::Missing | GitError::TooSlow(_))) => Err(error.into()),
            Err(_) => self.fetch_whole(),
        }
    }

    fn fetch_whole(&mut self) -> Result<(), RepositoryError> {
        if self.is_whole {
            return Ok(());
        }
        let branches = "+refs/heads/*:refs/remotes/origin/*";
        let mut arguments = vec!["-c", NO_PLAIN_REDIRECT, "fetch", "--quiet", "--tags", "--no-recurse-submodules"];
        if !self.here.is_empty() {
            arguments.push("--unshallow");
        }
        arguments.extend(["--", "origin", branches]);
        again(self.tries, || self.git.run(&self.directory, &arguments))?;
        // As a clone has it: one local branch, which names such as `main~1` begin at.
        if let Some(name) = self.advertised.default_branch.as_deref()
            && let Some(commit) = self.advertised.references.get(name)
        {
            self.git.run(&self.directory, &["update-ref", "--", name, commit])?;
            self.git.run(&self.directory, &["symbolic-ref", "HEAD", name])?;
        }
        self.is_whole = true;
        Ok(())
    }

    /// Moves the files of a commit to `target`, which is not there yet, with its submodules and without `.git`. Gives the
    /// commit's time in seconds since 1970.
    pub(super) fn checkout(&mut self, commit: &str, target: &Utf8Path) -> Result<u64, RepositoryError> {
        let directory = self.directory.clone();
        let exists = ["cat-file", "-e", &format!("{commit}^{{commit}}")].map(ToOwned::to_owned);
        if self.git.run(&directory, &exists.each_ref().map(String::as_str)).is_err() {
            return Err(RepositoryError::NoCommit(commit.to_owned()));
        }
        self.git.run(&directory, &["reset", "--quiet", "--hard", commit])?;
        if directory.join(".gitmodules").exists() {
            let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
            again(self.tries, || self.git.run(&directory, &update))?;
        }
        let time = self.git.run(&directory, &["show", "--no-patch", "--format=%ct", commit])?;
        let time = String::from_utf8_lossy(&time).trim().parse().unwrap_or_default();
        fs::create_dir_all(target).map_err(|error| disk(&error))?;
        for entry in fs::read_dir(&directory).map_err(|error| disk(&error))? {
            let entry = entry.map_err(|error| disk(&error))?;
            if entry.file_name() != ".git" {
                fs::rename(entry.path(), target.as_std_path().join(entry.file_name())).map_err(|error| disk(&error))?;
            }
        }
        Ok(time)
    }
}
