//! What git's own configuration makes of a module's address: `url.BASE.insteadOf` may lead to a repository on the disk.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use airtight_finding::{Code, Finding, Owner, Severity, shell_word};
use airtight_hcl::Place;
use airtight_provider::lock_file::LockFile;
use camino::Utf8Path;
use rustix::process::{Pid, Signal, kill_process_group};

use airtight_engine::ask::Confine as _;
use airtight_engine::bound::Network;
use airtight_engine::configuration::{Configuration, MissingModule, ModuleSource, NetworkNeed, RepositoryProblem};

use crate::exec::confined::Confined;
use crate::exec::guard::Guard;

/// Marks called modules whose address git rewrites: only the engine's fetch shows what they bring, and it may need no
/// network. git itself is asked, which reads the system's, the user's and the environment's configuration.
pub(crate) fn mark_rewritten(configuration: &mut Configuration, guard: Option<&Guard>) {
    for child in configuration.children.values_mut() {
        if let Some(MissingModule::NeedsNetwork { why, .. }) = &mut child.missing
            && let ModuleSource::Remote { normalized, .. } = &child.source
            && repository(normalized).is_some_and(|address| is_rewritten(address, guard))
        {
            *why = NetworkNeed::RewrittenByGit;
        }
    }
}

/// The repository's address, without the subdirectory and the query.
fn repository(source: &str) -> Option<&str> {
    let address = source.strip_prefix("git::")?;
    let address = address.split('?').next().unwrap_or(address);
    let path = address.find("://").map_or(0, |scheme| scheme + "://".len());
    let end = address[path..].find("//").map_or(address.len(), |subdirectory| path + subdirectory);
    // git takes what starts with a dash for an option.
    Some(&address[..end]).filter(|address| !address.starts_with('-'))
}

/// Asks git, which opens no connection for this.
fn is_rewritten(address: &str, guard: Option<&Guard>) -> bool {
    let Some(output) = git(&["ls-remote", "--get-url", address], Stdio::piped(), guard) else { return false };
    let rewritten = String::from_utf8_lossy(&output.stdout);
    tracing::debug!(is_rewritten = rewritten.trim() != address, "git asked for the address of a module");
    output.status.success() && rewritten.trim() != address
}

/// What git is given to answer: a repository may hold pipes in the place of files.
const LIMIT: Duration = Duration::from_millis(if cfg!(test) { 1000 } else { 5000 });

/// git without network; null if it does not answer in time. `PATH` may lead to a program that is not the image's.
fn git(arguments: &[&str], stdout: Stdio, guard: Option<&Guard>) -> Option<Output> {
    let run = || {
        Confined { guard }.enter(Network::Closed).ok()?;
        let mut git = Command::new("git");
        let mut git = git
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let started = Instant::now();
        while git.try_wait().ok()?.is_none() {
            if started.elapsed() > LIMIT {
                kill_process_group(Pid::from_child(&git), Signal::KILL).ok()?;
                git.wait().ok()?;
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
        git.wait_with_output().ok()
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or(None)
}

/// Looks into the repositories on this machine that modules come from.
pub(crate) fn mark_local(configuration: &mut Configuration, guard: Option<&Guard>) {
    for child in configuration.children.values_mut() {
        if let (None, None, ModuleSource::LocalCopy(source)) = (&child.missing, &child.module, &child.source)
            && let Some(address) = source.strip_prefix("git::file://")
            && let Some(problem) = problem(address, guard)
        {
            child.missing = Some(MissingModule::Repository(problem));
        }
    }
}

/// `PATH//SUBDIRECTORY?ref=REFERENCE`. Nothing that git might take for an option or a pattern is asked for.
fn problem(address: &str, guard: Option<&Guard>) -> Option<RepositoryProblem> {
    let (address, query) = address.split_once('?').unwrap_or((address, ""));
    let (path, subdirectory) = address.split_once("//").unwrap_or((address, ""));
    let work_tree = Utf8Path::new(path).join(".git");
    let directory = if work_tree.exists() { work_tree } else { path.into() };
    let metadata = directory.metadata().ok().filter(std::fs::Metadata::is_dir)?;
    let succeeds = |arguments: &[&str]| git(arguments, Stdio::null(), guard).map(|output| output.status.success());
    let option = format!("--git-dir={directory}");
    if !succeeds(&["ls-remote", &format!("file://{path}")])? {
        // git also fails over a directory that is no repository.
        let is_repository = succeeds(&[&option, "rev-parse", "--git-dir"])?;
        let is_foreign = metadata.uid() != rustix::process::geteuid().as_raw();
        return (is_repository && is_foreign).then_some(RepositoryProblem::Owner { directory });
    }
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let reference = pairs.find(|(key, _)| *key == "ref").map_or("HEAD", |(_, reference)| reference);
    if reference.starts_with('-') || subdirectory.contains(['*', '?', '[', '%']) || reference.contains(['%', '+']) {
        return None;
    }
    if !succeeds(&[&option, "rev-parse", "--verify", "--quiet", &format!("{reference}^{{commit}}")])? {
        return Some(RepositoryProblem::Reference { name: reference.to_owned() });
    }
    let tree = format!("{reference}:{subdirectory}");
    let has_directory = subdirectory.is_empty() || succeeds(&[&option, "cat-file", "-e", &tree])?;
    (!has_directory).then(|| RepositoryProblem::Subdirectory { name: subdirectory.to_owned() })
}

/// The lock file that git ignores: no checkout will have it.
pub(crate) fn ignored_lock_file(lock: &LockFile, repository: &Utf8Path, guard: Option<&Guard>) -> Option<Finding> {
    if !lock.exists || !repository.join(".git").exists() {
        return None;
    }
    let directory = lock.path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let name = lock.path.file_name()?;
    // Of files that git tracks it says nothing.
    let arguments = ["-c", "core.fsmonitor=false", "-C", directory.as_str(), "check-ignore", "--verbose", name];
    let output = git(&arguments, Stdio::piped(), guard).filter(|output| output.status.success())?;
    let said = String::from_utf8(output.stdout).ok()?;
    // `FILE:LINE:PATTERN<TAB>PATH`
    let (rule, _) = said.split_once('\t')?;
    let mut fields = rule.splitn(3, ':');
    let (file, line, pattern) = (fields.next()?, fields.next()?, fields.next()?);
    if pattern.starts_with('!') {
        return None;
    }
    let path = if Utf8Path::new(file).is_absolute() { file.into() } else { directory.join(file) };
    let path = if path.exists() { path } else { repository.join(file) };
    Some(
        Finding::new(
            Code::LockFileIgnored,
            Severity::Warning,
            Owner::Repository,
            format!("git ignores `{name}`, so no run will have it: line {line} of `{file}`"),
        )
        .detail("It is only in this directory. A run starts from a checkout, without a lock file.")
        .help(format!(
            "Commit it: `git add --force {}`. Ignore the data directory alone: write `.terraform/` in `{file}`.",
            shell_word(lock.path.as_str())
        ))
        .at(Place::file(path), ""),
    )
}

#[cfg(test)]
mod tests {
    use airtight_provider::{EngineName, lock_file};
    use fs_err as fs;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_repository_on_this_machine_is_looked_into() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().to_str().unwrap();
        let run = |arguments: &[&str]| {
            assert!(Command::new("git").args(["-C", at]).args(arguments).status().unwrap().success());
        };
        run(&["init", "--quiet", "-b", "main"]);
        std::fs::create_dir(directory.path().join("a")).unwrap();
        std::fs::write(directory.path().join("a/main.tf"), "").unwrap();
        run(&["add", "."]);
        run(&["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "a"]);
        run(&["tag", "v1"]);
        for fine in ["", "//a", "//a?ref=v1", "?ref=main&depth=1", "?ref=-x", "//a*"] {
            assert_eq!(problem(&format!("{at}{fine}"), None), None, "{fine}");
        }
        let reference = RepositoryProblem::Reference { name: "v9".to_owned() };
        assert_eq!(problem(&format!("{at}//a?ref=v9"), None), Some(reference));
        let subdirectory = RepositoryProblem::Subdirectory { name: "c".to_owned() };
        assert_eq!(problem(&format!("{at}//c?ref=v1"), None), Some(subdirectory));
        assert_eq!(problem(&format!("{at}/a"), None), None);
    }

    #[test]
    fn the_repository_is_what_git_is_asked_for() {
        for (source, expected) in [
            ("git::https://example.com/a/b.git?ref=tags/1", Some("https://example.com/a/b.git")),
            ("git::ssh://git@example.com/a/b//modules/x?ref=v1", Some("ssh://git@example.com/a/b")),
            ("git::--upload-pack=x", None),
            ("https://example.com/a.zip", None),
        ] {
            assert_eq!(repository(source), expected, "{source}");
        }
    }

    /// In git's own call this waits for ever.
    #[test]
    fn nobody_waits_for_a_pipe_in_the_place_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join(lock_file::FILE_NAME), "").unwrap();
        let (pipe, mode) = (root.join(".git/HEAD"), Mode::from_raw_mode(0o644));
        mknodat(CWD, pipe.as_std_path(), FileType::Fifo, mode, 0).unwrap();
        let lock = lock_file::read(&root, EngineName::Tofu, &mut airtight_hcl::Sources::default());
        assert!(ignored_lock_file(&lock, &root, None).is_none());
    }
}
