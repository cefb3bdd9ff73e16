//! From packed to unpacked: the same contents, nine times faster at `init`.
//!
//! A package changes its layout at once or not at all: it is extracted beside, hashed again from the disk, and renamed.
//! The engines take the unpacked one if both exist, so an interruption between the two renames does no
//! harm, and the next call ends what was begun.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::evidence;
use super::extract::{ExtractError, extract};
use super::place::Hold;
use super::vet::{Limits, vet};
use airtight_provider::digest;
use airtight_provider::digest::archive::Archive;
use airtight_provider::digest::{Content, Progress, Subject};
use airtight_provider::executable;
use airtight_provider::mirror;
use airtight_provider::mirror::MirrorPackage;
use airtight_provider::{EngineName, Hash, Layout, PackageId};

/// What to do with an archive after it was unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archives {
    /// Moved to `.airtight/archives`, as evidence.
    Kept,
    Discarded,
}

/// One archive of the mirror.
#[derive(Clone, Debug)]
pub struct Unpacked {
    pub id: PackageId,
    pub archive: Utf8PathBuf,
    pub directory: Utf8PathBuf,
    /// The hash that archive and directory share, or why the archive stays as it is.
    pub outcome: Result<Hash, String>,
}

/// Unpacks every archive of a mirror that is fit for it; one that is not stays, and says why.
///
/// # Errors
/// Fails if the mirror cannot be read or written; packages are never left half done.
pub fn unpack(
    path: &Utf8Path,
    archives: Archives,
    limits: Limits,
    progress: Progress<'_>,
) -> anyhow::Result<Vec<Unpacked>> {
    let hold = Hold::take(path)?;
    let walked = mirror::walk(path, EngineName::Tofu);
    if let Some(error) = walked.error {
        anyhow::bail!("{error}");
    }
    let packed = walked.packages.iter().filter(|package| package.layout == Layout::Packed);
    let mut all = Vec::new();
    for package in packed {
        let directory = walked.base.join(package.id.unpacked_path());
        let work = Work { base: &walked.base, hold: &hold, package, directory: &directory, limits, progress };
        let outcome = work.run()?;
        if outcome.is_ok() {
            work.put_away(archives)?;
        }
        all.push(Unpacked { id: package.id.clone(), archive: package.path.clone(), directory, outcome });
    }
    hold.finish(true)?;
    Ok(all)
}

/// What is unpacked from an archive without one at its top level is a package that no engine can use.
fn has_executable(archive: &Archive, provider_type: &str) -> Result<(), String> {
    if executable::name_in_archive(archive, provider_type).is_some() {
        return Ok(());
    }
    let below = executable::below_in_archive(archive, provider_type);
    let below = below.map(|name| format!("; `{name}` is in a directory")).unwrap_or_default();
    Err(format!("{}{below}", executable::missing_text(provider_type)))
}

/// One package on its way.
struct Work<'a> {
    base: &'a Utf8Path,
    hold: &'a Hold,
    package: &'a MirrorPackage,
    directory: &'a Utf8Path,
    limits: Limits,
    progress: Progress<'a>,
}

impl Work<'_> {
    /// The outer error is the disk's, the inner one the archive's.
    fn run(&self) -> anyhow::Result<Result<Hash, String>> {
        let path = &self.package.path;
        if fs::symlink_metadata(path)?.is_symlink() {
            return Ok(Err("it is a symbolic link; unpack where the archive itself is".to_owned()));
        }
        // Before its hash, which inflates everything.
        let is_fit = Archive::open(path.as_std_path()).map_err(|error| error.to_string()).and_then(|archive| {
            has_executable(&archive, self.package.id.address.provider_type())?;
            vet(&archive, self.limits).map(drop)
        });
        let expected = match is_fit.and_then(|()| self.hash(path, Layout::Packed)) {
            Ok(hash) => hash,
            Err(reason) => return Ok(Err(reason)),
        };
        if fs::symlink_metadata(self.directory).is_ok() {
            return Ok(match self.hash(self.directory, Layout::Unpacked) {
                Ok(found) if found == expected => Ok(expected),
                Ok(found) => Err(format!(
                    "`{}` is there already with other contents ({found}, the archive has {expected})",
                    self.directory
                )),
                Err(reason) => Err(format!("`{}` is there already and cannot be hashed: {reason}", self.directory)),
            });
        }
        let ready = self.hold.scratch().join("ready");
        self.hold.mirror.remove(&ready)?;
        match extract(path, self.package.id.address.provider_type(), self.limits, &self.hold.mirror, &ready) {
            Ok(()) => {}
            Err(ExtractError::Archive(reason)) => return Ok(Err(reason)),
            Err(error @ ExtractError::Disk(_)) => {
                return Err(anyhow::Error::new(error).context(format!("`{path}` cannot be unpacked")));
            }
        }
        match self.hash(&self.hold.mirror.path_of(&ready), Layout::Unpacked) {
            Ok(found) if found == expected => {}
            Ok(found) => return Ok(Err(format!("extracting it gives {found}, not the archive's own {expected}"))),
            Err(reason) => return Ok(Err(reason)),
        }
        self.hold.put(&ready, Utf8Path::new(&self.package.id.unpacked_path()), &self.aside())?;
        Ok(Ok(expected))
    }

    fn aside(&self) -> Utf8PathBuf {
        self.hold.scratch().join("aside")
    }

    fn hash(&self, path: &Utf8Path, layout: Layout) -> Result<Hash, String> {
        let subject = Subject { path: path.to_owned(), layout, content: Content::H1 };
        let mut results = digest::compute(&[subject], None, self.progress);
        results.pop().unwrap_or_else(|| Err("nothing was computed".to_owned()))
    }

    fn put_away(&self, archives: Archives) -> anyhow::Result<()> {
        let path = self.package.path.strip_prefix(self.base)?;
        match archives {
            Archives::Discarded => self.hold.mirror.remove(path)?,
            Archives::Kept => self.hold.put(path, &evidence::archive_path(&self.package.id), &self.aside())?,
        }
        Ok(())
    }
}
