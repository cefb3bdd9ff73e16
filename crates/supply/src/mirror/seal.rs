//! Making a seal: what every package of a mirror is, measured once.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rayon::prelude::*;

use super::evidence;
use super::place::Hold;
use super::vet::{Limits, vet};
use airtight_gate::check::mirror_entries;
use airtight_provider::digest;
use airtight_provider::digest::archive::{Archive, Entry};
use airtight_provider::digest::{Content, Progress, Subject};
use airtight_provider::directory::Directory;
use airtight_provider::executable;
use airtight_provider::executable::ExecutableKind;
use airtight_provider::mirror;
use airtight_provider::mirror::{Mirror, MirrorPackage};
use airtight_provider::seal;
use airtight_provider::seal::{MANIFEST, Manifest, SealedEvidence, SealedExecutable, SealedFile, SealedPackage};
use airtight_provider::sealed_files::permissions;
use airtight_provider::{EngineName, Layout, PackageId};

/// Measures a mirror, and writes its seal.
///
/// # Errors
/// Names everything that keeps the mirror from being sealed: entries that no engine sees, links, names that are not
/// canonical, packages that cannot be read. Nothing is written then.
pub fn seal(path: &Utf8Path, serial: Option<u64>, progress: Progress<'_>) -> anyhow::Result<Manifest> {
    let hold = Hold::take(path)?;
    let walked = mirror::walk(path, EngineName::Tofu);
    let (packages, mut problems) = measure(&walked, Names::Canonical, progress);
    problems.extend(mirror_entries::check(&walked, &[]).iter().map(|ignored| {
        let path = ignored.places.first().map_or("", |label| label.place.path.as_str());
        format!("`{path}`: {}", ignored.summary)
    }));
    problems.extend(walked.error);
    if !problems.is_empty() {
        anyhow::bail!("the mirror cannot be sealed:\n  {}", problems.join("\n  "));
    }
    let manifest = Manifest::new(seal::print(&packages, serial)?);
    hold.write(Utf8Path::new(MANIFEST), manifest.text().as_bytes())?;
    hold.finish(true)?;
    Ok(manifest)
}

/// Which names of packages are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Those that the engines write. A seal finds its packages by them.
    Canonical,
    /// Every name that the engines read as a package's, in capitals too.
    AsEnginesRead,
}

/// Every package by path, and why others cannot be measured.
pub fn measure(mirror: &Mirror, names: Names, progress: Progress<'_>) -> (Vec<SealedPackage>, Vec<String>) {
    let results: Vec<Result<SealedPackage, String>> =
        mirror.packages.par_iter().map(|package| measure_one(&mirror.base, package, names, progress)).collect();
    let (mut packages, mut problems) = (Vec::new(), Vec::new());
    for (result, package) in results.into_iter().zip(&mirror.packages) {
        match result {
            Ok(sealed) => packages.push(sealed),
            Err(reason) => problems.push(format!("`{}`: {reason}", package.path)),
        }
    }
    let mut seen = BTreeSet::new();
    for package in &mirror.packages {
        if !seen.insert(&package.id) {
            problems.push(format!("{} is there twice; the engines take one of them", package.id));
        }
    }
    packages.sort_by(|left, right| left.path.cmp(&right.path));
    (packages, problems)
}

fn measure_one(
    base: &Utf8Path,
    package: &MirrorPackage,
    names: Names,
    progress: Progress<'_>,
) -> Result<SealedPackage, String> {
    let MirrorPackage { id, layout, path } = package;
    let canonical = match layout {
        Layout::Packed => id.packed_path(),
        Layout::Unpacked => id.unpacked_path(),
    };
    let relative = path.strip_prefix(base).map_err(|error| error.to_string())?;
    if names == Names::Canonical && relative != canonical {
        return Err(format!("the engines read this name, and write `{canonical}`; rename it"));
    }
    let is_packed = *layout == Layout::Packed;
    let mut wanted = vec![Content::H1];
    let mut extracts_to_same_hash = is_packed;
    if is_packed {
        wanted.push(Content::Zh);
        // Before its hash, which inflates everything.
        let archive = Archive::open(path.as_std_path()).map_err(|error| error.to_string())?;
        vet(&archive, Limits { directories: true, ..Limits::default() })?;
        if archive.entries.iter().any(Entry::is_directory) {
            extracts_to_same_hash = false;
            wanted.push(Content::Extracted { over: None });
        }
    }
    let subjects: Vec<_> =
        wanted.into_iter().map(|content| Subject { path: path.clone(), layout: *layout, content }).collect();
    let hashes = digest::compute(&subjects, None, progress).into_iter();
    let mut hashes =
        hashes.map(|result| result.map(|hash| hash.to_string())).collect::<Result<Vec<_>, _>>()?.into_iter();
    let h1 = hashes.next().ok_or("nothing was computed")?;
    let zh = hashes.next();
    let extracted = if extracts_to_same_hash { Some(h1.clone()) } else { hashes.next() };
    let mut files = Vec::new();
    collect(base, path, &mut files)?;
    files.sort();
    Ok(SealedPackage {
        address: id.address.to_string(),
        evidence: evidence_of(base, id, progress)?,
        executable: executable_of(package)?,
        extracted,
        files,
        h1,
        layout: layout.as_str().to_owned(),
        path: relative.to_string(),
        platform: id.platform.to_string(),
        version: id.version.to_string(),
        zh,
    })
}

/// Plain files below a path, or the path itself.
fn collect(base: &Utf8Path, path: &Utf8Path, files: &mut Vec<SealedFile>) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let before = files.len();
        for entry in path.read_dir_utf8().map_err(failed)? {
            collect(base, entry.map_err(failed)?.path(), files)?;
        }
        return if files.len() > before { Ok(()) } else { Err(format!("`{path}` is empty; remove it")) };
    }
    if !metadata.is_file() {
        return Err(format!("`{path}` is a link or no ordinary file, and could become another one unseen"));
    }
    let relative = path.strip_prefix(base).map_err(|error| error.to_string())?.to_string();
    files.push(SealedFile { mode: permissions(&metadata), path: relative, size: metadata.len() });
    Ok(())
}

fn executable_of(package: &MirrorPackage) -> Result<Option<SealedExecutable>, String> {
    let found = executable::find(&package.path, package.layout, package.id.address.provider_type())?;
    Ok(found.map(|executable| {
        let (class_bits, interpreter, machine) = match executable.kind {
            ExecutableKind::Elf(elf) => {
                (Some(elf.class_bits), elf.interpreter.map(|interpreter| interpreter.path), Some(elf.machine))
            }
            ExecutableKind::Script(interpreter) => (None, Some(interpreter.path), None),
            _ => (None, None, None),
        };
        let name = executable.path.file_name().unwrap_or_default().to_owned();
        SealedExecutable { class_bits, interpreter, machine, name }
    }))
}

fn evidence_of(base: &Utf8Path, id: &PackageId, progress: Progress<'_>) -> Result<Vec<SealedEvidence>, String> {
    // What records when something was fetched is no proof, and differs from one build of a mirror to the next.
    let mirror = Directory::open(base).map_err(|error| error.to_string())?;
    let [sums, signature] = evidence::signed_sums(&mirror, id).map_err(|error| error.to_string())?;
    let paths: [Utf8PathBuf; 3] = [evidence::archive_path(id), sums, signature];
    let mut found = Vec::new();
    for path in paths {
        if !mirror.has_file(&path).map_err(|error| error.to_string())? {
            continue;
        }
        let subject = Subject { path: base.join(&path), layout: Layout::Packed, content: Content::Zh };
        let hash =
            digest::compute(&[subject], None, progress).pop().unwrap_or_else(|| Err("nothing was computed".into()))?;
        let sha256 = hash.as_str().trim_start_matches("zh:").to_owned();
        found.push(SealedEvidence { path: path.into_string(), sha256 });
    }
    found.sort();
    Ok(found)
}
