//! What of a mirror no lock file needs.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::place::Hold;
use super::{evidence, locks};
use airtight_hcl::Sources;
use airtight_provider::directory::Directory;
use airtight_provider::lock_file;
use airtight_provider::mirror;
use airtight_provider::mirror::MirrorPackage;
use airtight_provider::seal::MANIFEST;
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

/// What became of a mirror.
#[derive(Clone, Debug)]
pub struct Pruned {
    pub packages: Vec<Judged>,
    /// The mirror is sealed, and no longer as it was sealed.
    pub breaks_seal: bool,
}

/// Judges every package, and removes those that no lock file needs, with their archives and evidence.
///
/// # Errors
/// Fails without a lock file, with one that cannot be read, and where the mirror cannot be read or written: whatever is
/// not understood might need anything.
pub fn prune(request: &Request<'_>) -> anyhow::Result<Pruned> {
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
    // Everything is looked at before anything is removed: a link on the way stops it here.
    let base = Directory::open(&walked.base)?;
    for judged in judged.iter_mut().filter(|judged| judged.kept_for.is_empty()) {
        let id = &judged.package.id;
        let has_sibling = kept.iter().any(|kept| kept.address == id.address && kept.version == id.version);
        let archive = Some(evidence::archive_path(id)).filter(|_| !kept.contains(id));
        let directory =
            if has_sibling { evidence::platform_directory(id) } else { evidence::directory(&id.address, &id.version) };
        let directory = Some(directory).filter(|_| !kept.contains(id));
        for path in archive.into_iter().chain(directory) {
            if base.file_type(&path)?.is_some() {
                judged.evidence.push(walked.base.join(path));
            }
        }
    }
    if let Some(hold) = hold {
        for judged in judged.iter().filter(|judged| judged.kept_for.is_empty()) {
            remove(&hold, &walked.base, judged)?;
        }
        hold.finish(true)?;
    }
    let breaks_seal =
        judged.iter().any(|judged| judged.kept_for.is_empty()) && base.file_type(Utf8Path::new(MANIFEST))?.is_some();
    Ok(Pruned { packages: judged, breaks_seal })
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

fn remove(hold: &Hold, base: &Utf8Path, judged: &Judged) -> anyhow::Result<()> {
    let aside = hold.scratch().join("removed");
    for path in std::iter::once(&judged.package.path).chain(&judged.evidence) {
        let path = path.strip_prefix(base)?;
        // Another package of this version may have taken shared evidence along. A link goes, not what it leads to.
        if hold.mirror.file_type(path)?.is_none() {
            continue;
        }
        hold.take_away(path, &aside)?;
        // Directories that have become empty go as well; the first that has not ends it.
        for above in path.ancestors().skip(1).take_while(|above| !above.as_str().is_empty()) {
            if !hold.mirror.remove_if_empty(above)? {
                break;
            }
        }
    }
    Ok(())
}
