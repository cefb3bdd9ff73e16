//! A mirror against everything that speaks of it: its evidence, its seal, its index files, lock files. Both ways: what
//! is missing, which packages no lock file needs, which files the engines ignore.

mod against_evidence;
mod against_index;
mod against_locks;
mod against_seal;

use camino::{Utf8Path, Utf8PathBuf};

use super::machine;
use super::seal::{self, Names};
use crate::signature::Keys;
use airtight_finding::{Claim, Code, Finding, Owner, Severity, merged};
use airtight_gate::check::mirror_entries;
use airtight_gate::check::provider_policy::{self, NamedPolicy};
use airtight_gate::settings::Seal;
use airtight_hcl::{Place, Sources};
use airtight_provider::digest::Progress;
use airtight_provider::mirror;
use airtight_provider::mirror::Mirror;
use airtight_provider::seal::SealedPackage;
use airtight_provider::{Engine, EngineName, PackageId, Platform, Timestamp, Version};

/// What is asked for.
pub struct Request<'a> {
    pub mirror: &'a Utf8Path,
    /// Lock files, or directories to look for them in.
    pub locks: &'a [Utf8PathBuf],
    /// The platforms that the lock files need: packages of others may be missing.
    pub platform: &'a Platform,
    /// Keys that lists of sums have to be signed with; without any, signatures only have to fit the keys that are kept
    /// next to them.
    pub keys: &'a Keys,
    pub now: Timestamp,
    /// What must prove the seal; without it, a seal is only compared.
    pub seal: Option<&'a Seal>,
    /// Of the settings.
    pub policies: &'a [NamedPolicy],
    pub progress: Progress<'a>,
}

#[derive(Clone, Debug, Default)]
pub struct Verification {
    pub findings: Vec<Finding>,
    pub sources: Sources,
    pub packages: Vec<VerifiedPackage>,
    /// The digest of the seal, if there is one and the mirror is as it says.
    pub seal: Option<String>,
}

#[derive(Clone, Debug)]
pub struct VerifiedPackage {
    pub id: PackageId,
    pub package: SealedPackage,
    /// In words: a signed list, a seal that is vouched for, a lock file. Empty if anything speaks against it.
    pub proven_by: Vec<String>,
    /// Something says that it is another package.
    pub is_refuted: bool,
}

/// Verifies a mirror.
///
/// # Errors
/// Fails if lock files cannot be looked for.
pub fn verify(request: &Request<'_>) -> anyhow::Result<Verification> {
    let walked = mirror::walk(request.mirror, EngineName::Tofu);
    let mut verification = Verification::default();
    let findings = &mut verification.findings;
    if let Some(error) = &walked.error {
        let finding = Finding::new(Code::MirrorUnreadable, Severity::Error, Owner::Image, error.clone());
        findings.push(finding.help("Make the whole mirror readable.").at(Place::file(&walked.path), ""));
    }
    findings.extend(mirror_entries::check(&walked, &[]).into_iter().map(|ignored| ignored.severity(Severity::Error)));
    let (packages, problems) = seal::measure(&walked, Names::AsEnginesRead, request.progress);
    findings.extend(problems.into_iter().map(|problem| {
        Finding::new(Code::PackageUnreadable, Severity::Error, Owner::Image, problem)
            .help("Put the package there again, as plain files.")
            .at(Place::file(&walked.path), "")
    }));
    for package in packages {
        let id = package.id()?;
        let path = walked.base.join(&package.path);
        if let Err(reason) = machine::check(&path, package.layout(), &id) {
            verification.findings.push(
                Finding::new(Code::PackageWrongMachine, Severity::Error, Owner::Image, reason)
                    .help("Replace the package with the one for the right platform.")
                    .at(Place::file(&path), ""),
            );
        }
        verification.packages.push(VerifiedPackage { id, package, proven_by: Vec::new(), is_refuted: false });
    }
    against_evidence::check(request, &walked, &mut verification);
    against_seal::check(request, &walked, &mut verification);
    against_index::check(&walked, &mut verification);
    against_locks::check(request, &walked, &mut verification)?;
    if !request.policies.is_empty() {
        // Its version decides nothing about constraints of releases.
        let engine = Engine::new(EngineName::Tofu, Version::release(1, 12, 6));
        for verified in &verification.packages {
            let path = walked.base.join(&verified.package.path);
            let place = Some((path.as_path(), verified.package.layout()));
            let finding = provider_policy::judge(request.policies, &verified.id, place, &engine);
            verification
                .findings
                .extend(finding.map(|finding| finding.at(Place::file(&path), "the package").owner(Owner::Image)));
        }
    }
    for verified in &mut verification.packages {
        if verified.is_refuted {
            verified.proven_by.clear();
        } else if verified.proven_by.is_empty() {
            let claim = Claim {
                noun: "package",
                of_one: "is not verified: there is nothing to compare it with",
                of_many: "are not verified: there is nothing to compare them with",
            };
            let subject = verified.id.to_string();
            verification.findings.push(
                Finding::about(Code::PackageUnverified, Severity::Warning, Owner::Image, subject, claim)
                    .help("Name a lock file (--lock), the publisher's keys (--allow-key), or the seal (--seal-digest, --seal-key).")
                    .at(Place::file(walked.base.join(&verified.package.path)), ""),
            );
        }
    }
    let proven = verification.packages.iter().filter(|verified| !verified.proven_by.is_empty()).count();
    tracing::debug!(packages = verification.packages.len(), proven, findings = verification.findings.len(), "verified");
    verification.findings = merged(std::mem::take(&mut verification.findings));
    Ok(verification)
}

/// A package that differs from what somebody says of it.
fn mismatch(mirror: &Mirror, package: &SealedPackage, summary: String) -> Finding {
    Finding::new(Code::PackageMismatch, Severity::Error, Owner::Image, summary)
        .help("On a machine with network access, download the package from its origin registry again, and find out what changed it.")
        .at(Place::file(mirror.base.join(&package.path)), "")
}
