//! Which hashes are missing, and what proves them.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::edit::{self, Additions};
use super::place::Place;
use crate::mirror::evidence::Sums;
use crate::mirror::{evidence, machine};
use crate::signature::Keys;
use airtight_hcl::Sources;
use airtight_provider::ContentsRequest;
use airtight_provider::digest;
use airtight_provider::digest::{Content, Progress, Subject};
use airtight_provider::executable;
use airtight_provider::hashing;
use airtight_provider::lock_file;
use airtight_provider::lock_file::{LockFile, ProviderLock};
use airtight_provider::mirror;
use airtight_provider::mirror::Mirror;
use airtight_provider::{
    EngineName, Hash, HashScheme, Layout, PackageId, Platform, ProviderAddress, Timestamp, Version,
};

/// What is asked for.
pub struct Request<'a> {
    pub root_module: &'a Utf8Path,
    /// Each provider of the lock file is to have a hash for each of these.
    pub platforms: &'a [Platform],
    pub mirrors: &'a [Utf8PathBuf],
    pub keys: &'a Keys,
    pub now: Timestamp,
    pub progress: Progress<'a>,
}

/// The lock file before and after, and why.
#[derive(Clone, Debug)]
pub struct Completion {
    pub path: Utf8PathBuf,
    place: Place,
    pub before: Arc<str>,
    /// Equal to `before` where nothing was proven or missing.
    pub after: String,
    /// By provider in the file's order, then by platform as asked for.
    pub answers: Vec<Answer>,
}

impl Completion {
    /// Writes the completed text.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub fn write(&self) -> anyhow::Result<()> {
        self.place.write(&self.after)
    }
}

/// One provider on one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub address: ProviderAddress,
    pub version: Version,
    pub platform: Platform,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The lock file holds the package's hash already.
    Present(Hash),
    Added {
        /// Usually one; two where the archive has entries for directories, because the engines then compute one before
        /// and another one after they extract it.
        hashes: Vec<Hash>,
        archive: Utf8PathBuf,
        proof: Proof,
    },
    /// Why nothing was added.
    Refused(String),
}

/// What proves an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The lock file holds its `zh:` hash.
    Locked(Hash),
    /// It is in a list that a trusted key signed.
    Signed { sums: Utf8PathBuf, fingerprint: String },
}

/// Completes a lock file in memory.
///
/// # Errors
/// Fails if there is no sound lock file, or where one of its entries cannot be added to.
pub fn complete(request: &Request<'_>) -> anyhow::Result<Completion> {
    // Before it is read: no line of a file outside the repository belongs into an error.
    let place = Place::find(request.root_module)?;
    // Addresses in a lock file are written in full, so that both engines read the same.
    let lock_file = lock_file::read(request.root_module, EngineName::Tofu, &mut Sources::default());
    let path = &lock_file.path;
    if !lock_file.exists {
        anyhow::bail!("`{path}` does not exist; there is nothing to prove a hash with");
    }
    if let Some(problem) = lock_file.errors.iter().chain(&lock_file.not_understood).next() {
        anyhow::bail!("`{path}` cannot be completed: {}: {}", problem.summary, problem.detail);
    }
    if fs::read(path)? != lock_file.text.as_bytes() {
        anyhow::bail!("`{path}` is not UTF-8, so it cannot be kept as it is");
    }
    let mirrors: Vec<Mirror> = request.mirrors.iter().map(|path| mirror::walk(path, EngineName::Tofu)).collect();
    let mut answers = Vec::new();
    let mut additions = Additions::new();
    for lock in &lock_file.locks {
        for platform in request.platforms {
            let id =
                PackageId { address: lock.address.clone(), version: lock.version.clone(), platform: platform.clone() };
            let outcome = Search { request, lock, id: &id, mirrors: &mirrors }.run();
            if let Outcome::Added { hashes, .. } = &outcome {
                additions.entry(lock.address.clone()).or_default().extend(hashes.iter().cloned());
            }
            let PackageId { address, version, platform } = id;
            answers.push(Answer { address, version, platform, outcome });
        }
    }
    let after = edit::with_hashes(&lock_file.text, &additions).map_err(anyhow::Error::msg)?;
    verify(&lock_file, &after, &additions)?;
    Ok(Completion { path: path.clone(), place, before: lock_file.text, after, answers })
}

/// Reads the new text back: the same locks, with the added hashes and nothing else.
fn verify(before: &LockFile, after: &str, additions: &Additions) -> anyhow::Result<()> {
    let after = lock_file::parse(&before.path, after, EngineName::Tofu);
    let is_expected = after.errors.is_empty()
        && after.locks.len() == before.locks.len()
        && before.locks.iter().zip(&after.locks).all(|(before, after)| {
            let mut hashes = before.hashes.clone();
            hashes.extend(additions.get(&before.address).into_iter().flatten().cloned());
            hashes.sort();
            hashes.dedup();
            before.address == after.address
                && before.version == after.version
                && before.constraints == after.constraints
                && before.hashes_are_sorted == after.hashes_are_sorted
                && hashes == after.hashes
        });
    anyhow::ensure!(is_expected, "`{}` is written in a way that hashes cannot be added to safely", before.path);
    Ok(())
}

/// The search for one package's proof.
struct Search<'a> {
    request: &'a Request<'a>,
    lock: &'a ProviderLock,
    id: &'a PackageId,
    mirrors: &'a [Mirror],
}

impl Search<'_> {
    fn run(&self) -> Outcome {
        let mut refusals = Vec::new();
        for (mirror, archive) in self.archives() {
            match self.judge(mirror, &archive) {
                Ok(outcome) => return outcome,
                Err(reason) => refusals.push(reason),
            }
        }
        let unpacked = self.packages(Layout::Unpacked);
        for path in &unpacked {
            match self.digest(path, Layout::Unpacked, Content::H1) {
                Ok(hash) if self.lock.hashes.contains(&hash) => return Outcome::Present(hash),
                Ok(_) => refusals
                    .push(format!("`{path}` is unpacked, which no `zh:` hash can prove; its release archive would")),
                Err(reason) => refusals.push(reason),
            }
        }
        if refusals.is_empty() {
            let mirrors = self.mirrors.iter().map(|mirror| format!("`{}`", mirror.path)).collect::<Vec<_>>().join(", ");
            refusals.push(format!("there is no package of it in {mirrors}"));
        }
        Outcome::Refused(refusals.join("; "))
    }

    fn packages(&self, layout: Layout) -> Vec<Utf8PathBuf> {
        let packages = self.mirrors.iter().flat_map(|mirror| &mirror.packages);
        packages
            .filter(|package| package.layout == layout && package.id == *self.id)
            .map(|package| package.path.clone())
            .collect()
    }

    /// Archives, each with the mirror whose evidence may speak of it.
    fn archives(&self) -> Vec<(&Mirror, Utf8PathBuf)> {
        let mut archives = Vec::new();
        for mirror in self.mirrors {
            let packed = mirror.packages.iter();
            let packed = packed.filter(|package| package.layout == Layout::Packed && package.id == *self.id);
            archives.extend(packed.map(|package| (mirror, package.path.clone())));
            let kept = evidence::kept_archive(&mirror.base, self.id);
            archives.extend(kept.ok().flatten().map(|kept| (mirror, kept)));
        }
        archives
    }

    fn judge(&self, mirror: &Mirror, archive: &Utf8Path) -> Result<Outcome, String> {
        let zh = self.digest(archive, Layout::Packed, Content::Zh)?;
        let proof = self.prove(mirror, archive, zh)?;
        self.check_machine(archive)?;
        let hashes = self.hashes(archive)?;
        let missing: Vec<Hash> = hashes.iter().filter(|hash| !self.lock.hashes.contains(hash)).cloned().collect();
        match (missing.is_empty(), hashes.into_iter().next()) {
            (true, Some(hash)) => Ok(Outcome::Present(hash)),
            _ => Ok(Outcome::Added { hashes: missing, archive: archive.to_owned(), proof }),
        }
    }

    fn prove(&self, mirror: &Mirror, archive: &Utf8Path, zh: Hash) -> Result<Proof, String> {
        if self.lock.hashes.contains(&zh) {
            return Ok(Proof::Locked(zh));
        }
        let has_zh = self.lock.hashes.iter().any(|hash| hash.scheme() == HashScheme::Zh);
        let unlocked = if has_zh {
            format!("`{archive}` is not the archive that was locked: its {zh} is none of the locked `zh:` hashes")
        } else {
            format!("the lock file holds no `zh:` hash that could prove `{archive}`")
        };
        let sums = Sums::read(&mirror.base, self.id).map_err(|error| format!("{error:#}"))?;
        let Some(sums) = sums else {
            return Err(format!("{unlocked}, and the mirror keeps no signed SHA256SUMS of it"));
        };
        match sums.archive(self.id) {
            Some(listed) if *listed == zh => {}
            Some(listed) => return Err(format!("{unlocked}, and `{}` says {listed}", sums.path)),
            None => return Err(format!("{unlocked}, and `{}` does not list it", sums.path)),
        }
        let signed =
            sums.verify(self.request.keys, self.request.now).map_err(|reason| format!("{unlocked}, and {reason}"))?;
        Ok(Proof::Signed { sums: sums.path, fingerprint: signed.fingerprint.to_string() })
    }

    fn check_machine(&self, archive: &Utf8Path) -> Result<(), String> {
        if executable::find(archive, Layout::Packed, self.id.address.provider_type())?.is_none() {
            return Err(format!("`{archive}` holds no provider"));
        }
        machine::check(archive, Layout::Packed, self.id)
    }

    /// The archive's own hash first.
    fn hashes(&self, archive: &Utf8Path) -> Result<Vec<Hash>, String> {
        let wanted = ContentsRequest {
            path: archive.to_owned(),
            layout: Layout::Packed,
            provider_type: self.id.address.provider_type().to_owned(),
        };
        let contents = hashing::contents(&[wanted]).remove(archive).unwrap_or_default();
        if let Some(problem) = contents.problem {
            return Err(format!("no engine can extract `{archive}`: it {}", problem.describe()));
        }
        let mut hashes = vec![self.digest(archive, Layout::Packed, Content::H1)?];
        if !contents.extracts_to_same_hash {
            hashes.push(self.digest(archive, Layout::Packed, Content::Extracted { over: None })?);
            hashes.dedup();
        }
        Ok(hashes)
    }

    fn digest(&self, path: &Utf8Path, layout: Layout, content: Content) -> Result<Hash, String> {
        let subject = Subject { path: path.to_owned(), layout, content };
        let mut results = digest::compute(&[subject], None, self.request.progress);
        results
            .pop()
            .unwrap_or_else(|| Err("nothing was computed".to_owned()))
            .map_err(|reason| format!("`{path}`: {reason}"))
    }
}
