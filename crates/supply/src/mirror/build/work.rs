//! The work itself: packages in parallel, one after the other through its sources and into its place.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::evidence;
use super::fetch::{Fetch, Fetched, NotFetched};
use super::proof::{self, Hashes, Voucher};
use super::{Demand, Need, Options, Outcome, PackageResult, index};
use crate::mirror::evidence::{FILES, archive_path, directory, kept_archive, platform_directory, read_small};
use crate::mirror::extract::extract;
use crate::mirror::machine;
use crate::mirror::place::Hold;
use crate::mirror::vet::Limits;
use crate::registry::{Authenticity, Registry};
use airtight_provider::directory::Directory;
use airtight_provider::{Layout, PackageId};

/// Builds the mirror. Results are in the order of address, version, platform.
///
/// # Errors
/// A mirror that cannot be written at all. What happened to single packages is in the results.
pub fn build(demand: &Demand, options: &Options<'_>) -> anyhow::Result<Vec<PackageResult>> {
    let mut wanted = Vec::new();
    for ((address, version), needs) in &demand.versions {
        for platform in options.platforms {
            let id = PackageId { address: address.clone(), version: version.clone(), platform: platform.clone() };
            wanted.push((id, needs.as_slice()));
        }
    }
    let hold = if options.dry_run { None } else { Some(Hold::take(options.mirror)?) };
    let registry = options.client.map(Registry::new);
    let work = Work { options, registry: registry.as_ref(), hold: hold.as_ref(), keeping: Mutex::default() };
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<PackageResult>>> = wanted.iter().map(|_| Mutex::default()).collect();
    thread::scope(|scope| {
        for _ in 0..options.jobs.clamp(1, wanted.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((id, needs)) = wanted.get(place) else { break };
                    (options.begun)(id);
                    let result = work.package(place, id, needs);
                    (options.ended)();
                    *results[place].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    let results: Vec<PackageResult> = results
        .into_iter()
        .filter_map(|result| result.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
        .collect();
    if let Some(hold) = hold {
        if options.layout == Layout::Packed {
            index::write(&hold, options.progress).context("the index of the packed mirror")?;
        }
        let has_failed = results.iter().any(|result| matches!(result.outcome, Outcome::Failed(_)));
        hold.finish(has_failed)?;
    }
    Ok(results)
}

struct Work<'a> {
    options: &'a Options<'a>,
    registry: Option<&'a Registry<'a>>,
    hold: Option<&'a Hold>,
    /// Evidence of one release is written for one platform at a time.
    keeping: Mutex<()>,
}

impl Work<'_> {
    fn package(&self, number: usize, id: &PackageId, needs: &[Need]) -> PackageResult {
        let mut result = PackageResult {
            id: id.clone(),
            needed_by: needs.iter().map(|need| need.root_module.clone()).collect(),
            outcome: Outcome::Kept,
            without_h1: Vec::new(),
            passed_over: Vec::new(),
        };
        if let Err(reason) = self.check_other_layout(id) {
            result.outcome = Outcome::Failed(vec![reason]);
            return result;
        }
        let in_place = self.in_place(id, needs);
        let hashes = match in_place.as_ref().filter(|hashes| self.counts(id, needs, hashes)) {
            Some(hashes) => Some(hashes.clone()),
            None => self.obtain(number, id, needs, in_place.as_ref(), &mut result),
        };
        if let Some(hashes) = hashes {
            let lacks_h1 = |need: &&Need| need.is_locked && !need.hashes.contains(&hashes.h1);
            result.without_h1 = needs.iter().filter(lacks_h1).map(|need| need.root_module.clone()).collect();
        }
        result
    }

    fn place(&self, id: &PackageId) -> Utf8PathBuf {
        self.place_of(id, self.options.layout)
    }

    fn place_of(&self, id: &PackageId, layout: Layout) -> Utf8PathBuf {
        self.options.mirror.join(relative_place(id, layout))
    }

    /// One package in both layouts is a trap: where the unpacked one does not match, no engine falls back.
    fn check_other_layout(&self, id: &PackageId) -> Result<(), String> {
        let (other, option, way) = match self.options.layout {
            Layout::Packed => (Layout::Unpacked, "unpacked", ""),
            Layout::Unpacked => (Layout::Packed, "packed", ", with this one as a --source"),
        };
        let path = self.place_of(id, other);
        if fs::symlink_metadata(&path).is_err() {
            return Ok(());
        }
        Err(format!(
            "the mirror has it {option} already, as {path}; of both layouts side by side the engines take the unpacked \
             one and never fall back: use `--layout {option}`, or build another mirror{way}"
        ))
    }

    /// The hashes of the files that are already in the package's place; null if they cannot be kept.
    ///
    /// What was recorded when it was put there proves nothing. An unpacked package that lock files do not know by `h1:`
    /// is proven by its archive next to it.
    fn in_place(&self, id: &PackageId, needs: &[Need]) -> Option<Hashes> {
        let Options { mirror, layout, .. } = *self.options;
        let path = self.place(id);
        fs::symlink_metadata(&path).ok()?;
        let archive = if layout == Layout::Unpacked { kept_archive(mirror, id).ok()? } else { None };
        if self.options.keep_archives && layout == Layout::Unpacked && archive.is_none() {
            return None;
        }
        machine::check(&path, layout, id).ok()?;
        let mut hashes = Hashes::compute(&path, layout, self.options.progress).ok()?;
        let is_known_by_h1 = needs.iter().all(|need| need.hashes.contains(&hashes.h1));
        if let Some(archive) = archive.filter(|_| !is_known_by_h1) {
            let of_archive = Hashes::compute(&archive, Layout::Packed, self.options.progress).ok()?;
            hashes.zh = of_archive.zh.filter(|_| of_archive.h1 == hashes.h1);
        }
        Some(hashes)
    }

    /// Whether the package that is already there is proven without asking a source.
    fn counts(&self, id: &PackageId, needs: &[Need], hashes: &Hashes) -> bool {
        let voucher = match self.options.allowed {
            None => Some(Voucher::Nobody),
            Some(allowed) => evidence::voucher(self.options.mirror, id, hashes, allowed, self.options.now),
        };
        voucher.is_some_and(|voucher| proof::check(needs, hashes, voucher).is_ok())
    }

    fn obtain(
        &self,
        number: usize,
        id: &PackageId,
        needs: &[Need],
        in_place: Option<&Hashes>,
        result: &mut PackageResult,
    ) -> Option<Hashes> {
        let partial =
            self.hold.map(|hold| hold.partial().join(format!("{}.part", id.packed_path()))).unwrap_or_default();
        let fetch =
            Fetch { options: self.options, registry: self.registry, id, needs, partial, hold: self.hold, in_place };
        let mut reasons = Vec::new();
        let is_there = fs::symlink_metadata(self.place(id)).is_ok();
        for source in self.options.sources {
            let name = source.name(id);
            let Some(hold) = self.hold else {
                match fetch.look(source) {
                    Ok(offer) => {
                        if !offer.is_in_place {
                            result.outcome = Outcome::WouldFetch { source: name, size_bytes: offer.size_bytes };
                        }
                        return None;
                    }
                    Err(NotFetched::Absent(reason) | NotFetched::Failed(reason) | NotFetched::Disk(reason)) => {
                        reasons.push(reason);
                    }
                }
                continue;
            };
            match fetch.fetch(source) {
                Ok(fetched) => match self.keep(hold, number, (id, needs), &name, &fetched) {
                    Ok(()) if fetched.is_in_place => return Some(fetched.hashes),
                    Ok(()) => {
                        let replaced = is_there
                            && in_place.map_or(!self.options.keep_archives, |before| before.h1 != fetched.hashes.h1);
                        let signed = fetched.evidence.as_ref().and_then(|evidence| match &evidence.authenticity {
                            Authenticity::Signed(signed) => Some(signed.clone()),
                            Authenticity::Unsigned => None,
                        });
                        result.outcome = Outcome::Fetched { source: name, signed, replaced };
                        return Some(fetched.hashes);
                    }
                    Err(error) => {
                        reasons.push(format!("{error:#}"));
                        break;
                    }
                },
                Err(NotFetched::Absent(reason)) => reasons.push(reason),
                Err(NotFetched::Failed(reason)) => {
                    result.passed_over.push(reason.clone());
                    reasons.push(reason);
                }
                Err(NotFetched::Disk(reason)) => {
                    reasons.push(reason);
                    break;
                }
            }
        }
        result.passed_over.clear();
        result.outcome = Outcome::Failed(reasons);
        None
    }

    /// From where it was fetched to, to where it belongs: evidence, then archive, then the package.
    fn keep(
        &self,
        hold: &Hold,
        number: usize,
        (id, needs): (&PackageId, &[Need]),
        source: &str,
        fetched: &Fetched,
    ) -> anyhow::Result<()> {
        if fetched.is_in_place {
            return self.keep_evidence(hold, id, source, fetched);
        }
        let scratch = hold.scratch().join(number.to_string());
        hold.mirror.make(&scratch)?;
        let aside = scratch.join("aside");
        let ready = scratch.join("ready");
        match (fetched.layout, self.options.layout) {
            (Layout::Packed, Layout::Packed) => own(fetched, &hold.mirror, &ready)?,
            (Layout::Packed, Layout::Unpacked) => {
                extract(&fetched.path, id.address.provider_type(), Limits::default(), &hold.mirror, &ready)?;
                let extracted = Hashes::compute(&hold.mirror.path_of(&ready), Layout::Unpacked, self.options.progress)
                    .map_err(anyhow::Error::msg)?;
                anyhow::ensure!(
                    extracted.h1 == fetched.hashes.h1,
                    "extracting the archive gives {}, not the archive's own {}",
                    extracted.h1,
                    fetched.hashes.h1
                );
            }
            (Layout::Unpacked, _) => copy_tree(&fetched.path, &hold.mirror.make(&ready)?)?,
        }
        self.keep_evidence(hold, id, source, fetched)?;
        // Where a lock file lacks the package's `h1:`, or there is none, the archive is what can prove it.
        let lacks_h1 = |need: &Need| !need.hashes.contains(&fetched.hashes.h1);
        let is_wanted = self.options.keep_archives || needs.iter().any(lacks_h1);
        if is_wanted && self.options.layout == Layout::Unpacked && fetched.layout == Layout::Packed {
            let archive = scratch.join("archive");
            own(fetched, &hold.mirror, &archive)?;
            hold.put(&archive, &archive_path(id), &aside)?;
        }
        hold.put(&ready, Utf8Path::new(&relative_place(id, self.options.layout)), &aside)?;
        if fetched.is_ours {
            hold.mirror.remove(fetched.path.strip_prefix(self.options.mirror)?)?;
        }
        hold.mirror.remove(&scratch)?;
        Ok(())
    }

    fn keep_evidence(&self, hold: &Hold, id: &PackageId, source: &str, fetched: &Fetched) -> anyhow::Result<()> {
        let _keeping = self.keeping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(from) = &fetched.from_mirror {
            for place in [directory(&id.address, &id.version), platform_directory(id)] {
                if hold.mirror.file_type(&place)?.is_some() {
                    continue;
                }
                for name in FILES.map(|name| place.join(name)) {
                    if let Some(contents) = read_small(from, &name)? {
                        hold.mirror.make(&place)?;
                        hold.write(&name, &contents)?;
                    }
                }
            }
        }
        evidence::keep(hold, id, &fetched.hashes, source, fetched.evidence.as_ref(), self.options.now)
    }
}

/// Below a mirror.
fn relative_place(id: &PackageId, layout: Layout) -> String {
    match layout {
        Layout::Packed => id.packed_path(),
        Layout::Unpacked => id.unpacked_path(),
    }
}

/// The archive as a file of the mirror's own, synced: moved if it is a download, else copied.
fn own(fetched: &Fetched, mirror: &Directory, ready: &Utf8Path) -> anyhow::Result<()> {
    if !fetched.is_ours {
        return copy_file(&fetched.path, mirror, ready, 0o644);
    }
    mirror.rename(fetched.path.strip_prefix(mirror.path_of(Utf8Path::new("")))?, ready)?;
    let file = mirror.open_file(ready)?.context("a download is no longer there")?;
    // Whatever the umask took away.
    file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    Ok(file.sync_all()?)
}

fn copy_file(from: &Utf8Path, to: &Directory, name: &Utf8Path, mode: u32) -> anyhow::Result<()> {
    let mut source = fs::File::open(from)?;
    let mut target = to.create(name, mode)?;
    io::copy(source.file_mut(), &mut target).with_context(|| format!("cannot copy `{from}`"))?;
    Ok(target.sync_all()?)
}

/// A package of another unpacked mirror: links in it become the files that they lead to, as their hash says.
fn copy_tree(from: &Utf8Path, to: &Directory) -> anyhow::Result<()> {
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        let (path, name) = (entry.path(), Utf8Path::new(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_tree(path, &to.make(name)?)?;
            continue;
        }
        let is_program = fs::metadata(path)?.permissions().mode() & 0o111 != 0
            || entry.file_name().starts_with("terraform-provider-");
        copy_file(path, to, name, if is_program { 0o755 } else { 0o644 })?;
    }
    Ok(to.sync()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_package_can_be_run_and_holds_no_links() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir_all(root.join("a/docs")).unwrap();
        fs::write(root.join("a/terraform-provider-dog"), "x").unwrap();
        fs::write(root.join("a/docs/README"), "y").unwrap();
        fs::os::unix::fs::symlink("docs/README", root.join("a/LINK")).unwrap();
        copy_tree(&root.join("a"), &Directory::open_or_make(&root.join("b")).unwrap()).unwrap();
        let hash = |path: &str| Hashes::compute(&root.join(path), Layout::Unpacked, &|_| {}).unwrap();
        assert_eq!(hash("a"), hash("b"));
        assert!(!fs::symlink_metadata(root.join("b/LINK")).unwrap().is_symlink());
        let mode = fs::metadata(root.join("b/terraform-provider-dog")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}
