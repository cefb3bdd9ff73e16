//! What git's own configuration makes of a module's address: `url.BASE.insteadOf` may lead to a repository on the disk.

use std::process::{Command, Stdio};
use std::thread;

use airtight_finding::{Code, Finding, Owner, Severity, shell_word};
use airtight_hcl::Place;
use airtight_provider::lock_file::LockFile;
use camino::Utf8Path;

use airtight_engine::ask::Confine as _;
use airtight_engine::bound::Network;
use airtight_engine::configuration::{Configuration, MissingModule, ModuleSource, NetworkNeed};

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
    // `PATH` may lead to a program that is not the image's.
    let ask = || {
        Confined { guard }.enter(Network::Closed).ok()?;
        let mut git = Command::new("git");
        git.args(["ls-remote", "--get-url", address]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()
    };
    let Some(output) = thread::scope(|scope| scope.spawn(ask).join()).unwrap_or(None) else { return false };
    let rewritten = String::from_utf8_lossy(&output.stdout);
    tracing::debug!(is_rewritten = rewritten.trim() != address, "git asked for the address of a module");
    output.status.success() && rewritten.trim() != address
}

/// The lock file that git ignores: no checkout will have it.
pub(crate) fn ignored_lock_file(lock: &LockFile, repository: &Utf8Path) -> Option<Finding> {
    if !lock.exists || !repository.join(".git").exists() {
        return None;
    }
    let directory = lock.path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let name = lock.path.file_name()?;
    // Of files that git tracks it says nothing.
    let output = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "-C", directory.as_str(), "check-ignore", "--verbose", name])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
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
    use super::repository;

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
}
