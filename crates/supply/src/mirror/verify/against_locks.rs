//! Lock files: whatever they lock is there, and proven by them.

use super::{Request, Verification};
use crate::mirror::locks;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::lock_file;
use airtight_provider::lock_file::ProviderLock;
use airtight_provider::mirror::Mirror;
use airtight_provider::{EngineName, HashScheme, Layout};

pub(super) fn check(request: &Request<'_>, mirror: &Mirror, verification: &mut Verification) -> anyhow::Result<()> {
    for root_module in locks::find(request.locks)? {
        let lock_file = lock_file::read(&root_module, EngineName::Tofu, &mut verification.sources);
        for problem in lock_file.errors.iter().chain(&lock_file.not_understood) {
            verification.findings.push(
                Finding::new(Code::LockFileInvalid, Severity::Error, Owner::Repository, problem.summary.clone())
                    .detail(problem.detail.clone())
                    .at(problem.place.clone(), ""),
            );
        }
        for lock in &lock_file.locks {
            check_one(request, mirror, verification, lock, lock_file.path.as_str());
        }
    }
    Ok(())
}

fn check_one(request: &Request<'_>, mirror: &Mirror, verification: &mut Verification, lock: &ProviderLock, file: &str) {
    let Verification { findings, packages, .. } = verification;
    let missing = |code, what: &str| {
        Finding::new(code, Severity::Error, Owner::Image, format!("`{}` {} {what}", lock.address, lock.version))
            .help("Add the package to the mirror, or take the lock file out of what the mirror is verified for.")
            .at(lock.version_place.clone(), "locked here")
            .at(Place::file(&mirror.path), "")
    };
    let of_provider: Vec<_> = packages.iter_mut().filter(|package| package.id.address == lock.address).collect();
    if of_provider.is_empty() {
        return findings
            .push(missing(Code::ProviderMissing, "is locked, and the mirror has no package of this provider"));
    }
    let of_version: Vec<_> = of_provider.into_iter().filter(|package| package.id.version == lock.version).collect();
    if of_version.is_empty() {
        return findings
            .push(missing(Code::ProviderVersionMissing, "is locked, and the mirror has only other versions"));
    }
    let mut has_platform = false;
    for verified in of_version {
        has_platform |= verified.id.platform == *request.platform;
        let package = &verified.package;
        let hashes = [Some(&package.h1), package.extracted.as_ref(), package.zh.as_ref()];
        let proof = lock.hashes.iter().find(|hash| hashes.iter().flatten().any(|found| *found == hash.as_str()));
        // The kept archive has been compared with what is unpacked.
        let zh = package.kept_archive().map(|archive| format!("zh:{}", archive.sha256));
        let archive_proof = lock.hashes.iter().find(|hash| Some(hash.as_str()) == zh.as_deref());
        if let Some(hash) = proof.or(archive_proof) {
            verified.proven_by.push(format!("{file} ({hash})"));
        }
        // Other platforms' packages may have hashes that no engine has recorded yet.
        if proof.is_some() || verified.id.platform != *request.platform {
            continue;
        }
        verified.is_refuted |= lock.hashes.iter().any(|hash| hash.scheme() == HashScheme::H1);
        let package = &verified.package;
        let is_usable = |scheme: HashScheme| {
            scheme == HashScheme::H1 || scheme == HashScheme::Zh && package.layout() == Layout::Packed
        };
        let (code, owner, summary, help) = if lock.hashes.iter().any(|hash| is_usable(hash.scheme())) {
            (
                Code::PackageMismatch,
                Owner::Image,
                format!("{} matches none of the hashes that are locked for it", verified.id),
                "Find out which of the two is the publisher's package; download it again on a machine with network access.",
            )
        } else {
            (
                Code::ProviderNotLocked,
                Owner::Repository,
                format!("{} is locked without a hash that could prove it unpacked", verified.id),
                "Run `airtight lock complete` in the root module: it adds the hash where it is proven.",
            )
        };
        findings.push(
            Finding::new(code, Severity::Error, owner, summary)
                .help(help)
                .at(lock.place.clone(), "locked here")
                .at(Place::file(mirror.base.join(&package.path)), ""),
        );
    }
    if !has_platform {
        let what = format!("is locked, and the mirror has no package of it for {}", request.platform);
        findings.push(missing(Code::ProviderPlatformMissing, &what));
    }
}
