//! Lock files: whatever they lock is there, and proven by them.

use super::{Request, Verification};
use crate::mirror::locks;
use airtight_finding::{Claim, Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::lock_file;
use airtight_provider::lock_file::ProviderLock;
use airtight_provider::mirror::Mirror;
use airtight_provider::{EngineName, HashScheme, Layout};

const fn claim(noun: &'static str, of_one: &'static str, of_many: &'static str) -> Claim {
    Claim { noun, of_one, of_many }
}

const NO_PACKAGE: Claim =
    claim("provider", "is locked and has no package in the mirror", "are locked and have no package in the mirror");
const OTHER_VERSIONS: Claim = claim(
    "provider",
    "is locked, and the mirror has only other versions",
    "are locked, and the mirror has only other versions",
);
const MISMATCH: Claim = claim(
    "package",
    "matches none of the hashes that are locked for it",
    "match none of the hashes that are locked for them",
);
const NO_USABLE_HASH: Claim = claim(
    "package",
    "is locked without a hash that could prove it unpacked",
    "are locked without a hash that could prove them unpacked",
);

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
    let missing = |code, subject: String, claim| {
        Finding::about(code, Severity::Error, Owner::Image, subject, claim)
            .help("Add the package to the mirror, or take the lock file out of what the mirror is verified for.")
            .at(lock.version_place.clone(), "locked here")
            .at(Place::file(&mirror.path), "")
    };
    let subject = format!("`{}` {}", lock.address, lock.version);
    let of_provider: Vec<_> = packages.iter_mut().filter(|package| package.id.address == lock.address).collect();
    if of_provider.is_empty() {
        return findings.push(missing(Code::ProviderMissing, subject, NO_PACKAGE));
    }
    let of_version: Vec<_> = of_provider.into_iter().filter(|package| package.id.version == lock.version).collect();
    if of_version.is_empty() {
        return findings.push(missing(Code::ProviderVersionMissing, subject, OTHER_VERSIONS));
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
        let (code, owner, claim, help) = if lock.hashes.iter().any(|hash| is_usable(hash.scheme())) {
            (
                Code::PackageMismatch,
                Owner::Image,
                MISMATCH,
                "Find out which of the two is the publisher's package; download it again on a machine with network access.",
            )
        } else {
            (
                Code::ProviderNotLocked,
                Owner::Repository,
                NO_USABLE_HASH,
                "Run `airtight lock complete` in the root module: it adds the hash where it is proven.",
            )
        };
        findings.push(
            Finding::about(code, Severity::Error, owner, verified.id.to_string(), claim)
                .help(help)
                .at(lock.place.clone(), "locked here")
                .at(Place::file(mirror.base.join(&package.path)), ""),
        );
    }
    if !has_platform {
        let subject = format!("{subject} ({})", request.platform);
        findings.push(missing(Code::ProviderPlatformMissing, subject, NO_PACKAGE));
    }
}
