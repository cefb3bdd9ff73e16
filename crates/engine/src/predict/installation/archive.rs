//! Extracting an archive: which hash admits it, and what happens to files that are already there.

use camino::Utf8PathBuf;

use super::super::{Install, SelectedPackage};
use super::{Installation, Placed, Stop, existing_directory};
use airtight_finding::Code;
use airtight_provider::DigestKind;
use airtight_provider::installed::{InstalledEntry, InstalledKind};
use airtight_provider::{Hash, HashScheme, PackageContents, PackageProblem};

impl Installation<'_> {
    pub(super) fn extract(&self, package: &SelectedPackage, existing: Option<&InstalledEntry>) -> Result<Placed, Stop> {
        // What we refuse to read has no hash here either.
        if let Some(problem) = self.contents_of(&package.path)?.problem.as_ref().filter(|problem| problem.is_ours()) {
            return Err(Stop::of_problem(problem));
        }
        let proven_by = self.match_archive(package)?;
        self.extract_checked(package, existing, proven_by.as_ref())
            .map_err(|stop| stop.proven(proven_by.clone()))
            .map(|h1| Placed { proven_by, h1, install: Install::Extract })
    }

    /// The first locked hash that the archive has, in the lock's order: `h1:` before `zh:`. None where there are none.
    fn match_archive(&self, package: &SelectedPackage) -> Result<Option<Hash>, Stop> {
        for locked in &self.selected.locked_hashes {
            let kind = match locked.scheme() {
                HashScheme::H1 => DigestKind::H1,
                HashScheme::Zh => DigestKind::Zh,
                HashScheme::Other(_) => continue,
            };
            let computed = self.digest(package, kind)?.map_err(|error| self.checksum_failure(package, &error))?;
            if computed == *locked {
                return Ok(Some(computed));
            }
        }
        if self.selected.locked_hashes.is_empty() { Ok(None) } else { Err(self.mismatch(package, "current", "")) }
    }

    /// Extracts an archive that the lock accepts; what is already there decides how. Returns the tree's hash.
    fn extract_checked(
        &self,
        package: &SelectedPackage,
        existing: Option<&InstalledEntry>,
        proven_by: Option<&Hash>,
    ) -> Result<Hash, Stop> {
        let archive = self.contents_of(&package.path)?;
        let mut over = None;
        if let Some(entry) = existing {
            if self.facts.engine.refuses_differing_target() {
                if let Some(h1) = self.equal_target(package, entry)? {
                    self.require_executable(archive)?;
                    return Ok(h1);
                }
            } else {
                over = Some(self.overwritten_target(entry)?);
            }
        }
        if let Some(problem) = &archive.problem {
            return Err(Stop::of_problem(problem));
        }
        self.check_length(archive)?;
        if let Some(over) = over {
            let h1 = self
                .digest(package, DigestKind::Extracted { over: Some(over.clone()) })?
                .map_err(|error| Stop::fails(Code::PackageUnreadable, error))?;
            if archive.executable.is_none() {
                self.require_executable(self.contents_of(&over)?)?;
            }
            return Ok(h1);
        }
        // The engine extracts, and only then looks for the executable.
        let kind = if archive.extracts_to_same_hash { DigestKind::H1 } else { DigestKind::Extracted { over: None } };
        let is_known = archive.extracts_to_same_hash && proven_by.is_some_and(|hash| hash.scheme() == HashScheme::H1);
        let h1 = match proven_by {
            Some(hash) if is_known => hash.clone(),
            _ => self.digest(package, kind)?.map_err(|error| Stop::fails(Code::PackageUnreadable, error))?,
        };
        self.require_executable(archive)?;
        Ok(h1)
    }

    /// The engine extracts to a path from its directory on; the kernel takes no longer ones.
    fn check_length(&self, archive: &PackageContents) -> Result<(), Stop> {
        /// `PATH_MAX` of Linux, without the zero at its end.
        const LIMIT_BYTES: usize = 4095;
        let place = format!(".terraform/providers/{}/", self.selected.id.unpacked_path());
        if place.len() + archive.longest_path_bytes <= LIMIT_BYTES {
            return Ok(());
        }
        Err(Stop::of_problem(&PackageProblem::PathTooLong))
    }

    /// OpenTofu leaves an equal package in place and refuses any other; an empty directory is as good as none.
    fn equal_target(&self, package: &SelectedPackage, entry: &InstalledEntry) -> Result<Option<Hash>, Stop> {
        const EMPTY: &str = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let there = match existing_directory(entry, self.selected) {
            Some(directory) => self.h1_of_directory(&directory)?,
            None => Err(match &entry.kind {
                InstalledKind::Link { target, .. } => format!("lstat {target}: no such file or directory"),
                InstalledKind::Directory | InstalledKind::Other => format!("{} is not a directory", entry.path),
            }),
        };
        if entry.kind == InstalledKind::Directory && there.as_ref().is_ok_and(|h1| h1.as_str() == EMPTY) {
            return Ok(None);
        }
        let wanted = self.digest(package, DigestKind::H1)?.map_err(|error| {
            let path = &package.path;
            let text =
                format!("failed to calculate checksum for temporary copy of provider package at {path}: {error}");
            Stop::fails(Code::PackageUnreadable, text)
        })?;
        let there = there.map_err(|error| {
            let path = &entry.path;
            let text = format!("failed to calculate checksum for existing cached provider package at {path}: {error}");
            Stop::fails(Code::PackageCacheConflict, text)
        })?;
        if there == wanted {
            return Ok(Some(there));
        }
        let text = format!(
            "existing cached package at {} does not match the content of the downloaded package; does it contain local \
             modifications?",
            entry.path
        );
        Err(Stop::fails(Code::PackageCacheConflict, text))
    }

    /// The others extract over what is there, through a link too, unless that dangles or is refused.
    fn overwritten_target(&self, entry: &InstalledEntry) -> Result<Utf8PathBuf, Stop> {
        match &entry.kind {
            InstalledKind::Directory => Ok(entry.path.clone()),
            InstalledKind::Link { .. } if self.facts.engine.refuses_linked_target() => Err(Stop::fails(
                Code::PackageCacheConflict,
                format!("cannot install package into target directory {} because it is a symlink.", entry.path),
            )),
            InstalledKind::Link { resolved, .. } => resolved
                .get()
                .cloned()
                .ok_or_else(|| Stop::fails(Code::PackageCacheConflict, format!("mkdir {}: file exists", entry.path))),
            InstalledKind::Other => {
                Err(Stop::fails(Code::PackageCacheConflict, format!("mkdir {}: not a directory", entry.path)))
            }
        }
    }
}
