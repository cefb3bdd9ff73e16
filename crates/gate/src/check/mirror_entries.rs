//! Reports what the engine only ignores: an entry of a mirror that it skips without a word.

use super::misplaced;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::ProviderAddress;
use airtight_provider::digest::is_leftover;
use airtight_provider::mirror::{Ignored, IgnoredEntry, Mirror};
use camino::{Utf8DirEntry, Utf8Path};

/// One warning for each ignored entry: what it takes to be seen. Not for one that is a package of a provider in `missing`,
/// whose own finding says so.
pub fn check(mirror: &Mirror, missing: &[ProviderAddress]) -> Vec<Finding> {
    let is_said = |entry: &IgnoredEntry| {
        missing.iter().any(|address| misplaced::fix(mirror, &entry.path, Some(address)).is_some())
    };
    mirror
        .ignored
        .iter()
        .filter(|entry| !is_said(entry) && holds_files(&entry.path, DEPTH))
        .map(|entry| {
            let (why, help) = if entry.path.file_name().is_some_and(|name| is_leftover(name.as_bytes())) {
                ("an archiver left it here".to_owned(), "Remove it: no engine and no tool needs it.".to_owned())
            } else {
                words(&entry.why)
            };
            let help = misplaced::fix(mirror, &entry.path, None).unwrap_or(help);
            let (code, subject) = match entry.why {
                Ignored::MirrorIsNoDirectory => (Code::MirrorMissing, "mirror"),
                _ => (Code::MirrorEntryIgnored, "entry"),
            };
            let summary = format!("the engine does not see this {subject}: {why}");
            Finding::new(code, Severity::Warning, Owner::Image, summary).help(help).at(Place::file(&entry.path), "")
        })
        .collect()
}

/// Directories are looked into to this depth.
const DEPTH: usize = 6;

/// Not for what is left when a package was moved to its place: directories without a file.
fn holds_files(path: &Utf8Path, depth: usize) -> bool {
    let Ok(entries) = path.read_dir_utf8() else { return true };
    let is_directory = |entry: &Utf8DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.into_iter().any(|entry| {
        entry.is_ok_and(|entry| depth == 0 || !is_directory(&entry) || holds_files(entry.path(), depth - 1))
    })
}

fn words(why: &Ignored) -> (String, String) {
    match why {
        Ignored::InvalidName { level, reason } => (
            format!("its name is no {level}: {reason}"),
            format!("Name the directory as the {level} of a provider address."),
        ),
        Ignored::SymbolicLink => (
            "it is a symbolic link above the platform directory".to_owned(),
            "Link the mirror's base or the platform directory instead, or copy.".to_owned(),
        ),
        Ignored::ArchiveName(reason) => (
            format!("its name is not that of a package archive: {reason}"),
            "Name it `terraform-provider-TYPE_VERSION_OS_ARCH.zip`, the version without `v`.".to_owned(),
        ),
        Ignored::DirectoryName(reason) => (
            format!("its name is no version or platform: {reason}"),
            "Name version directories like `1.2.3`, platform directories like `linux_amd64`.".to_owned(),
        ),
        Ignored::Misplaced => (
            "the engine ignores everything at this directory level".to_owned(),
            "Put archives into HOST/NAMESPACE/TYPE/, directories at HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/.".to_owned(),
        ),
        Ignored::MirrorIsNoDirectory => (
            "it is no directory, or a link that leads nowhere".to_owned(),
            "Put the mirror's directory there, or name the right one with --mirror.".to_owned(),
        ),
        Ignored::Unreadable(reason) => {
            (reason.clone(), "Make it readable for the run's user, or remove it.".to_owned())
        }
    }
}
