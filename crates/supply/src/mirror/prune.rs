//! What of a mirror no lock file needs.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::place::Hold;
use super::{evidence, locks};
use airtight_hcl::Sources;
use airtight_provider::lock_file;
use airtight_provider::mirror;
use airtight_provider::mirror::MirrorPackage;
use airtight_provider::{EngineName, PackageId, Platform};

/// What is asked for.
pub struct Request<'a> {
    pub mirror: &'a Utf8Path,
    /// Lock files, or directories to look for them in.
    pub keep_for: &'a [Utf8PathBuf],
    /// Platforms to keep; empty for all.
    pub platforms: &'a [Platform],
    /// Nothing is removed.
    pub dry_run: bool,
}

/// One package and what becomes of it.
#[derive(Clone, Debug)]
pub struct Judged {
    pub package: MirrorPackage,
    /// The lock files that need it; empty for a package that goes.
    pub kept_for: Vec<Utf8PathBuf>,
    /// Its archive and the evidence that go with it.
    pub evidence: Vec<Utf8PathBuf>,
}

/// Judges every package, and removes those that no lock file needs, with their archives and evidence.
///
/// # Errors
/// Fails without a lock file, with one that cannot be read, and where the mirror cannot be read or written: whatever is
/// not understood might need anything.
pub fn prune(request: &Request<'_>) -> anyhow::Result<Vec<Judged>> {
    let hold = if request.dry_run { None } else { Some(Hold::take(request.mirror)?) };
    let needed = needed(request.keep_for)?;
    let walked = mirror::walk(request.mirror, EngineName::Tofu);
    if let Some(error) = walked.error {
        anyhow::bail!("{error}");
    }
    let mut judged: Vec<Judged> = walked
        .packages
        .iter()
        .map(|package| {
            let is_wanted = request.platforms.is_empty() || request.platforms.contains(&package.id.platform);
            let key = (package.id.address.to_string(), package.id.version.to_string());
            let kept_for = needed.get(&key).filter(|_| is_wanted).cloned().unwrap_or_default();
            Judged { package: package.clone(), kept_for, evidence: Vec::new() }
        })
        .collect();
    let kept: Vec<PackageId> =
        judged.iter().filter(|judged| !judged.kept_for.is_empty()).map(|judged| judged.package.id.clone()).collect();
    for judged in judged.iter_mut().filter(|judged| judged.kept_for.is_empty()) {
        let id = &judged.package.id;
        let directory = evidence::directory(&walked.base, &id.address, &id.version);
        let has_sibling = kept.iter().any(|kept| kept.address == id.address && kept.version == id.version);
        let archive = evidence::archive_path(&walked.base, id);
        judged.evidence.extend(Some(archive).filter(|path| path.exists() && !kept.contains(id)));
        judged.evidence.extend(Some(directory).filter(|path| path.exists() && !has_sibling));
        if !request.dry_run {
            remove(&walked.base, judged)?;
        }
    }
    if let Some(hold) = hold {
        hold.finish(true)?;
    }
    Ok(judged)
}

/// The lock files that need a version of a provider.
fn needed(keep_for: &[Utf8PathBuf]) -> anyhow::Result<BTreeMap<(String, String), Vec<Utf8PathBuf>>> {
    let root_modules = locks::find(keep_for)?;
    if root_modules.is_empty() {
        anyhow::bail!("there is no {} to keep anything for", lock_file::FILE_NAME);
    }
    let mut needed: BTreeMap<(String, String), Vec<Utf8PathBuf>> = BTreeMap::new();
    for root_module in root_modules {
        let lock_file = lock_file::read(&root_module, EngineName::Tofu, &mut Sources::default());
        if let Some(problem) = lock_file.errors.iter().chain(&lock_file.not_understood).next() {
            anyhow::bail!("`{}` cannot be read, so that nothing is removed: {}", lock_file.path, problem.summary);
        }
        for lock in lock_file.locks {
            let mut addresses = vec![lock.address.clone()];
            // OpenTofu takes the version of such an entry for its own registry's provider.
            if lock.address.host() == EngineName::Terraform.default_registry_host() {
                addresses.push(lock.address.on_host(EngineName::Tofu.default_registry_host()));
            }
            for address in addresses {
                let key = (address.to_string(), lock.version.to_string());
                needed.entry(key).or_default().push(lock_file.path.clone());
            }
        }
    }
    Ok(needed)
}

fn remove(base: &Utf8Path, judged: &Judged) -> anyhow::Result<()> {
    for path in std::iter::once(&judged.package.path).chain(&judged.evidence) {
        // Another package of this version may have taken shared evidence along. A link goes, not what it leads to.
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path)?,
            Ok(_) => fs::remove_file(path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        }
        // Directories that have become empty go as well; the first that has not ends it.
        for above in path.ancestors().skip(1).take_while(|above| *above != base && above.starts_with(base)) {
            if fs::remove_dir(above).is_err() {
                break;
            }
        }
    }
    Ok(())
}
