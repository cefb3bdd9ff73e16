//! Nothing planted runs: each entry of the data directory's `providers` is a link into the mirror, or equals the
//! package that the mirror has.
//!
//! A repository can commit `.terraform/providers`, and an engine uses a package there if it matches any locked
//! hash, the attacker's included.

use std::collections::BTreeMap;

use camino::Utf8Path;

use airtight_finding::{Claim, Code, Finding, Owner, Severity, shell_word};
use airtight_hcl::Place;
use airtight_provider::installed::{Installed, InstalledEntry, InstalledKind};
use airtight_provider::lock_file::{LockFile, ProviderLock};
use airtight_provider::mirror::{Mirror, MirrorPackage};
use airtight_provider::{DigestKind, DigestRequest, Digests};
use airtight_provider::{Hash, HashScheme, Layout, PackageId, Platform, ProviderAddress};

/// The package that the engine takes for an identity: the first mirror that has it, there the first of equal ones.
pub(crate) fn package_for<'a>(mirrors: &'a [&'a Mirror], id: &PackageId) -> Option<&'a MirrorPackage> {
    // What differs most is compared first.
    let is_it = |package: &&MirrorPackage| {
        package.id.address.provider_type() == id.address.provider_type() && package.id == *id
    };
    mirrors.iter().find_map(|mirror| mirror.packages.iter().find(is_it))
}

/// Whether an installed entry is a link to the very directory of the mirror.
fn is_link_to(entry: &InstalledEntry, package: &MirrorPackage) -> bool {
    match &entry.kind {
        // A platform directory of the mirror may itself be a link; the engine links to it, not to where it leads.
        InstalledKind::Link { target, resolved } => {
            package.layout == Layout::Unpacked
                && (*target == package.path || resolved.get().is_some_and(|resolved| *resolved == package.path))
        }
        _ => false,
    }
}

/// The hashes that [`check`] needs: of copies and of the packages that they should equal. Links need none.
pub fn wanted_digests(installed: &Installed, mirrors: &[&Mirror]) -> Vec<DigestRequest> {
    let mut wanted = Vec::new();
    for entry in &installed.entries {
        match package_for(mirrors, &entry.id) {
            Some(package) if is_link_to(entry, package) || !can_be_hashed(entry) => {}
            Some(package) => {
                wanted.push(contents(&entry.path, Layout::Unpacked));
                wanted.push(contents(&package.path, package.layout));
            }
            // A further method of the settings may have installed it.
            None if entry.kind == InstalledKind::Directory => wanted.push(contents(&entry.path, Layout::Unpacked)),
            None => {}
        }
    }
    wanted
}

fn can_be_hashed(entry: &InstalledEntry) -> bool {
    match &entry.kind {
        InstalledKind::Directory => true,
        InstalledKind::Link { resolved, .. } => resolved.get().is_some(),
        InstalledKind::Other => false,
    }
}

/// The `h1:` of what a package holds once it is installed, however it is stored.
pub fn contents(path: &Utf8Path, layout: Layout) -> DigestRequest {
    let kind = match layout {
        Layout::Packed => DigestKind::Extracted { over: None },
        Layout::Unpacked => DigestKind::H1,
    };
    DigestRequest { path: path.to_owned(), layout, kind }
}

/// One `package-planted` for each entry that is neither a link into the mirror nor equal to its package. A provider that a
/// further method of the settings installs (`is_installed_otherwise`) may be a copy of no package of the mirror; then only
/// the lock file proves it, in [`check_locked`].
pub fn check(
    installed: &Installed,
    mirrors: &[&Mirror],
    digests: &Digests,
    platform: &Platform,
    is_installed_otherwise: &dyn Fn(&ProviderAddress) -> bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in &installed.strange {
        findings.push(planted(path, "engines install nothing at this place"));
    }
    for entry in &installed.entries {
        if entry.id.platform != *platform {
            findings.push(of_another_platform(entry, platform));
            continue;
        }
        let is_of_mirror = package_for(mirrors, &entry.id).is_some();
        if !is_of_mirror && entry.kind == InstalledKind::Directory && is_installed_otherwise(&entry.id.address) {
            continue;
        }
        if let Some(why) = why_planted(entry, mirrors, digests) {
            findings.push(planted(&entry.path, &why));
        }
    }
    findings
}

/// Whether a copy was hashed and is where it may be: it has the contents of the mirror's package, or a further method of the
/// settings has installed it. Whether the lock file proves it is for [`check_locked`] to say.
pub(crate) fn is_hashed_copy(
    entry: &InstalledEntry,
    mirrors: &[&Mirror],
    digests: &Digests,
    is_installed_otherwise: &dyn Fn(&ProviderAddress) -> bool,
) -> bool {
    let is_otherwise = || {
        package_for(mirrors, &entry.id).is_none()
            && is_installed_otherwise(&entry.id.address)
            && digests.get(&contents(&entry.path, Layout::Unpacked)).is_some_and(Result::is_ok)
    };
    why_planted(entry, mirrors, digests).is_none() || (entry.kind == InstalledKind::Directory && is_otherwise())
}

fn why_planted(entry: &InstalledEntry, mirrors: &[&Mirror], digests: &Digests) -> Option<String> {
    let Some(package) = package_for(mirrors, &entry.id) else {
        return Some(format!("the mirror has no package of {}", entry.id));
    };
    if is_link_to(entry, package) {
        return None;
    }
    match &entry.kind {
        InstalledKind::Other => return Some("it is neither a directory nor a link to one".to_owned()),
        InstalledKind::Link { target, resolved } if resolved.get().is_none() => {
            return Some(format!("it is a link to `{target}`, which does not exist"));
        }
        _ => {}
    }
    let ours = digests.get(&contents(&entry.path, Layout::Unpacked));
    let mirrored = digests.get(&contents(&package.path, package.layout));
    match (ours, mirrored) {
        (Some(Ok(ours)), Some(Ok(mirrored))) if ours == mirrored => None,
        (Some(Ok(ours)), Some(Ok(mirrored))) => {
            Some(format!("its contents are {ours}, those of the mirror's `{}` are {mirrored}", package.path))
        }
        (Some(Err(reason)), _) => Some(format!("it cannot be hashed: {reason}")),
        (_, Some(Err(reason))) => Some(format!("the mirror's `{}` cannot be hashed: {reason}", package.path)),
        _ => Some("it was not compared with the mirror".to_owned()),
    }
}

/// No engine looks into another platform's directory, and what is there cannot run here.
fn of_another_platform(entry: &InstalledEntry, platform: &Platform) -> Finding {
    Finding::new(
        Code::PackagePlanted,
        Severity::Warning,
        Owner::Repository,
        format!("`{}` is installed for {}, and this is {platform}", entry.id.address, entry.id.platform),
    )
    .detail("The engine does not look at it. It is there because the data directory was committed, or copied along.")
    .help(format!(
        "Remove it: `rm -r {}`. If git has it, `git rm -r --cached .terraform`, and write `.terraform/` into `.gitignore`.",
        shell_word(entry.path.as_str())
    ))
    .at(Place::file(&entry.path), "")
}

fn planted(path: &Utf8Path, why: &str) -> Finding {
    Finding::new(
        Code::PackagePlanted,
        Severity::Error,
        Owner::Repository,
        format!("this installed provider does not come from the mirror: {why}"),
    )
    .detail(
        "The engine would run it if it matches any hash in the lock file, and whoever put it here could also write that \
         hash.",
    )
    .help(
        "Remove the data directory's `providers` (usually `.terraform/providers`), also from the repository, and run \
         `init` again.",
    )
    .at(Place::file(path), "")
}

/// Whether a locked hash proves a package, by the engines' rules for its layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    By(Hash),
    /// No hash that says anything about this layout.
    NoUsableHash,
    Mismatch,
    /// It could not be computed; the text is the reason.
    Unreadable(String),
}

/// Hashes that [`prove`] needs.
pub(crate) fn proof_digests(lock: &ProviderLock, package: &MirrorPackage) -> Vec<DigestRequest> {
    let has = |scheme: &HashScheme| lock.hashes.iter().any(|hash| hash.scheme() == *scheme);
    let h1 = has(&HashScheme::H1).then_some(DigestKind::H1);
    let zh = (package.layout == Layout::Packed && has(&HashScheme::Zh)).then_some(DigestKind::Zh);
    // The archive's own hash is far cheaper than that of its contents.
    zh.into_iter()
        .chain(h1)
        .map(|kind| DigestRequest { path: package.path.clone(), layout: package.layout, kind })
        .collect()
}

/// The first locked hash that the package matches.
pub fn prove(lock: &ProviderLock, package: &MirrorPackage, digests: &Digests) -> Proof {
    let mut result = Proof::NoUsableHash;
    for request in proof_digests(lock, package) {
        match digests.get(&request) {
            Some(Ok(hash)) if lock.hashes.contains(hash) => return Proof::By(hash.clone()),
            Some(Ok(_)) => result = Proof::Mismatch,
            Some(Err(reason)) => result = Proof::Unreadable(reason.clone()),
            None => result = Proof::Unreadable("it was not read".to_owned()),
        }
    }
    result
}

/// What [`check_locked`] judges.
#[derive(Clone, Copy)]
pub struct Locked<'a> {
    /// The lock file as it is now.
    pub now: &'a LockFile,
    /// The lock file as it was before `init`, as far as that is known.
    pub before: &'a LockFile,
    pub installed: &'a Installed,
    pub mirrors: &'a [&'a Mirror],
    pub digests: &'a Digests,
    pub platform: &'a Platform,
    /// What of the state needs a provider, if that is known.
    pub resources: &'a BTreeMap<ProviderAddress, Vec<String>>,
    /// Whether a further method of the settings installs a provider.
    pub is_installed_otherwise: &'a dyn Fn(&ProviderAddress) -> bool,
}

/// What every later command will use, judged by the lock file as it was before `init`: each entry of the lock file as
/// it is now must be installed, and proven by what was locked then. Each finding with the provider that it is about.
pub(crate) fn check_locked(locked: &Locked<'_>) -> Vec<(ProviderAddress, Finding)> {
    let mut findings = Vec::new();
    for lock in &locked.now.locks {
        let address = &lock.address;
        let id =
            PackageId { address: address.clone(), version: lock.version.clone(), platform: locked.platform.clone() };
        let Some(entry) = locked.installed.entries.iter().find(|entry| entry.id == id) else {
            findings.push((address.clone(), not_installed(lock, &id)));
            continue;
        };
        let earlier = locked.before.lock_for(address).filter(|earlier| earlier.version == lock.version);
        let (proof, path, layout) = match package_for(locked.mirrors, &id) {
            Some(package) => {
                let proof = earlier.map_or(Proof::NoUsableHash, |earlier| prove(earlier, package, locked.digests));
                (proof, &package.path, package.layout)
            }
            None if (locked.is_installed_otherwise)(address) => {
                (prove_copy(entry, lock, earlier, locked.digests), &entry.path, Layout::Unpacked)
            }
            // Without a package in the mirror it is planted, which is said already.
            None => continue,
        };
        let Some(mut finding) = unproven(lock, locked.before, path, layout, &proof) else { continue };
        if let Some(resources) = locked.resources.get(address) {
            let shown = resources.iter().take(8).map(|resource| format!("`{resource}`")).collect::<Vec<_>>().join(", ");
            finding.detail.push_str(&format!(" The state needs it for {shown}."));
        }
        findings.push((address.clone(), finding));
    }
    findings
}

/// Whether a copy that a further method installed is what the lock file names.
///
/// If only `zh:` hashes were locked, the engine has compared the archive with them while it installed, and added the `h1:`
/// of what it extracted. That counts if all earlier hashes are still there.
fn prove_copy(entry: &InstalledEntry, now: &ProviderLock, earlier: Option<&ProviderLock>, digests: &Digests) -> Proof {
    let Some(earlier) = earlier else { return Proof::NoUsableHash };
    match digests.get(&contents(&entry.path, Layout::Unpacked)) {
        Some(Ok(hash)) if earlier.hashes.contains(hash) => Proof::By(hash.clone()),
        Some(Ok(hash)) => {
            let has_h1 = earlier.hashes.iter().any(|hash| hash.scheme() == HashScheme::H1);
            let is_extended = earlier.hashes.iter().all(|hash| now.hashes.contains(hash));
            if !has_h1 && !earlier.hashes.is_empty() && is_extended && now.hashes.contains(hash) {
                Proof::By(hash.clone())
            } else {
                Proof::Mismatch
            }
        }
        Some(Err(reason)) => Proof::Unreadable(reason.clone()),
        None => Proof::Unreadable("it was not read".to_owned()),
    }
}

fn not_installed(lock: &ProviderLock, id: &PackageId) -> Finding {
    let claim =
        Claim { noun: "package", of_one: "is locked and not installed", of_many: "are locked and not installed" };
    Finding::about(Code::PackageNotInstalled, Severity::Error, Owner::Administrator, id.to_string(), claim)
        .detail("The engine would stop: there is no package for it cached in the data directory's `providers`.")
        .help("Let `init` run in this run, before this phase.")
        .at(lock.place.clone(), "locked here")
}

const NOT_LOCKED: Claim = Claim {
    noun: "provider",
    of_one: "was installed, but it is not in the repository's lock file",
    of_many: "were installed, but they are not in the repository's lock file",
};

const NO_USABLE_HASH: Claim = Claim {
    noun: "provider",
    of_one: "is installed, and no hash of the repository's lock file can prove it",
    of_many: "are installed, and no hash of the repository's lock file can prove them",
};

const MISMATCH: Claim = Claim {
    noun: "provider",
    of_one: "is installed from a package that matches none of the hashes in the lock file",
    of_many: "are installed from packages that match none of the hashes in the lock file",
};

fn unproven(lock: &ProviderLock, before: &LockFile, path: &Utf8Path, layout: Layout, proof: &Proof) -> Option<Finding> {
    let address = || format!("`{}`", lock.address);
    let finding = match proof {
        Proof::By(_) => return None,
        Proof::NoUsableHash if before.lock_for(&lock.address).is_none() => Finding::about(
            Code::ProviderNotLocked,
            Severity::Error,
            Owner::Repository,
            address(),
            NOT_LOCKED,
        )
        .detail(
            "`init` found that the configuration or the state needs it, and took it from the mirror without any proof.",
        ),
        Proof::NoUsableHash => {
            let detail = format!("The package is {}; a `zh:` hash proves only an archive.", layout.as_str());
            Finding::about(Code::ProviderNotLocked, Severity::Error, Owner::Repository, address(), NO_USABLE_HASH)
                .detail(detail)
        }
        Proof::Mismatch => {
            let subject = format!("`{}` (`{path}`)", lock.address);
            Finding::about(Code::PackageMismatch, Severity::Error, Owner::Image, subject, MISMATCH)
        }
        Proof::Unreadable(reason) => Finding::new(
            Code::PackageUnreadable,
            Severity::Error,
            Owner::Image,
            format!("`{path}` cannot be read: {reason}"),
        ),
    };
    Some(
        finding
            .help(
                "On a machine with network access, add the provider to `required_providers`, run `providers lock` for the \
                 runner's platform, and commit the lock file. If a package differs, rebuild the mirror.",
            )
            .at(lock.place.clone(), ""),
    )
}

#[cfg(test)]
mod tests {
    use airtight_provider::{EngineName, lock_file};

    use super::*;

    const GENUINE: &str = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const OTHER: &str = "h1:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=";

    fn id() -> PackageId {
        PackageId {
            address: "registry.opentofu.org/hashicorp/null".parse().unwrap(),
            version: "3.2.1".parse().unwrap(),
            platform: "linux_amd64".parse().unwrap(),
        }
    }

    fn mirror() -> Mirror {
        let package = MirrorPackage { id: id(), layout: Layout::Unpacked, path: "/providers/null".into() };
        Mirror { packages: vec![package], ..Mirror::default() }
    }

    fn installed(kind: InstalledKind) -> Installed {
        let entry = InstalledEntry { id: id(), path: "/data/null".into(), kind };
        Installed { entries: vec![entry], ..Installed::default() }
    }

    /// What is installed and what the mirror has.
    fn digests(copy: &str, package: &str) -> Digests {
        let of = |path: &str, hash: &str| (contents(path.into(), Layout::Unpacked), Ok(hash.parse().unwrap()));
        [of("/data/null", copy), of("/providers/null", package)].into()
    }

    fn codes(installed: &Installed, digests: &Digests) -> Vec<Code> {
        let findings = check(installed, &[&mirror()], digests, &id().platform, &|_| false);
        findings.into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_is_neither_a_link_into_the_mirror_nor_equal_to_its_package_is_planted() {
        let link = |target: &str, real: &str| InstalledKind::Link {
            target: target.into(),
            resolved: Some(camino::Utf8PathBuf::from(real)).into(),
        };
        for (kind, digests, is_planted) in [
            (link("/providers/null", "/elsewhere"), Digests::new(), false),
            (link("../providers/null", "/providers/null"), Digests::new(), false),
            (link("/planted", "/planted"), digests(OTHER, GENUINE), true),
            (link("/nowhere", "/nowhere"), Digests::new(), true),
            (InstalledKind::Directory, digests(GENUINE, GENUINE), false),
            (InstalledKind::Directory, digests(OTHER, GENUINE), true),
            (InstalledKind::Directory, Digests::new(), true),
            (InstalledKind::Other, Digests::new(), true),
        ] {
            let expected = if is_planted { vec![Code::PackagePlanted] } else { vec![] };
            assert_eq!(codes(&installed(kind.clone()), &digests), expected, "{kind:?}");
        }
        let other = Installed { strange: vec!["/data/registry.opentofu.org".into()], ..Installed::default() };
        assert_eq!(codes(&other, &Digests::new()), [Code::PackagePlanted]);
    }

    /// The hash that the lock file had before `init`, and the one that it has now.
    fn locked(before: &str, now: &str) -> Vec<Code> {
        let lock = |hash: &str| {
            let hashes = if hash.is_empty() { String::new() } else { format!("\n  hashes = [\"{hash}\"]") };
            let text = format!("provider \"{}\" {{\n  version = \"3.2.1\"{hashes}\n}}\n", id().address);
            let directory = tempfile::tempdir().unwrap();
            let root_module = Utf8Path::from_path(directory.path()).unwrap();
            std::fs::write(root_module.join(".terraform.lock.hcl"), text).unwrap();
            lock_file::read(root_module, EngineName::Tofu, &mut airtight_hcl::Sources::default())
        };
        let link = InstalledKind::Link { target: "/providers/null".into(), resolved: None.into() };
        let findings = check_locked(&Locked {
            now: &lock(now),
            before: &lock(before),
            installed: &installed(link),
            mirrors: &[&mirror()],
            digests: &digests(GENUINE, GENUINE),
            platform: &id().platform,
            resources: &BTreeMap::new(),
            is_installed_otherwise: &|_| false,
        });
        findings.into_iter().map(|(_, finding)| finding.code).collect()
    }

    #[test]
    fn only_the_lock_file_as_it_was_before_init_proves_a_package() {
        assert_eq!(locked(GENUINE, GENUINE), []);
        assert_eq!(locked(OTHER, GENUINE), [Code::PackageMismatch]);
        assert_eq!(locked("", GENUINE), [Code::ProviderNotLocked]);
        let only_zh = format!("zh:{}", "0".repeat(64));
        assert_eq!(locked(&only_zh, GENUINE), [Code::ProviderNotLocked]);
    }
}
