//! Kept archives, records, and signed lists of sums.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::FileType;

use super::{Request, Verification, VerifiedPackage, mismatch};
use crate::mirror::evidence;
use crate::mirror::evidence::{Record, Sums};
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::digest;
use airtight_provider::digest::{Content, Subject};
use airtight_provider::directory::Directory;
use airtight_provider::mirror;
use airtight_provider::mirror::Mirror;
use airtight_provider::{EngineName, Layout, PackageId};

pub(super) fn check(request: &Request<'_>, mirror: &Mirror, verification: &mut Verification) {
    let Verification { findings, packages, .. } = verification;
    findings.extend(orphans(mirror, packages));
    let mut releases: BTreeMap<Utf8PathBuf, Release> = BTreeMap::new();
    for verified in packages {
        let directory = Directory::open(&mirror.base).and_then(|base| evidence::sums_directory(&base, &verified.id));
        let directory = directory.unwrap_or_else(|_| evidence::directory(&verified.id.address, &verified.id.version));
        let release = releases
            .entry(mirror.base.join(directory))
            .or_insert_with_key(|directory| Release::read(request, mirror, &verified.id, directory, findings));
        let unlike_archive = check_archive(request, mirror, verified);
        let differences = release.check(mirror, verified, unlike_archive.is_none());
        verified.is_refuted |= release.is_refused
            || differences.iter().chain(&unlike_archive).any(|finding| finding.code == Code::PackageMismatch);
        findings.extend(differences);
        findings.extend(unlike_archive);
    }
}

/// Evidence of packages that are not in the mirror.
fn orphans(mirror: &Mirror, packages: &[VerifiedPackage]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let unreadable = |error: std::io::Error| invalid(&mirror.base, &error.to_string(), Severity::Error);
    let base = match Directory::open(&mirror.base) {
        Ok(base) => base,
        Err(error) => return vec![unreadable(error)],
    };
    // Kept archives lie as in a packed mirror.
    let archives = Utf8Path::new(evidence::DIRECTORY).join("archives");
    match base.file_type(&archives) {
        Ok(Some(FileType::Directory)) => {
            for archive in mirror::walk(&mirror.base.join(&archives), EngineName::Tofu).packages {
                if !packages.iter().any(|package| package.id == archive.id) {
                    let reason = "this archive belongs to no package of the mirror";
                    findings.push(invalid(&archive.path, reason, Severity::Warning));
                }
            }
        }
        Ok(_) => {}
        Err(error) => return vec![unreadable(error)],
    }
    let mut directories = vec![Utf8Path::new(evidence::DIRECTORY).join("evidence")];
    for _ in ["host", "namespace", "type", "version"] {
        let mut below = Vec::new();
        for directory in &directories {
            match base.names(directory) {
                Ok(names) => below.extend(names.iter().map(|name| directory.join(name))),
                // Notes of file managers and the like.
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
                Err(error) => findings.push(unreadable(error)),
            }
        }
        directories = below;
    }
    for directory in directories {
        let is_of =
            |package: &VerifiedPackage| directory == evidence::directory(&package.id.address, &package.id.version);
        if !packages.iter().any(is_of) {
            let reason = "this evidence belongs to no package of the mirror";
            findings.push(invalid(&mirror.base.join(directory), reason, Severity::Warning));
        }
    }
    findings
}

/// An unpacked package has to be what its archive holds.
fn check_archive(request: &Request<'_>, mirror: &Mirror, verified: &VerifiedPackage) -> Option<Finding> {
    verified.package.kept_archive()?;
    let path = mirror.base.join(evidence::archive_path(&verified.id));
    let content = Content::Extracted { over: None };
    let subject = Subject { path: path.clone(), layout: Layout::Packed, content };
    let own = verified.package.extracted.as_ref().unwrap_or(&verified.package.h1);
    match digest::compute(&[subject], None, request.progress).pop()? {
        Ok(found) if found.as_str() == own => None,
        Ok(found) => Some(mismatch(
            mirror,
            &verified.package,
            format!("{} holds {own}, its archive `{path}` holds {found}", verified.id),
        )),
        Err(reason) => Some(invalid(&path, &reason, Severity::Error)),
    }
}

/// What is kept of one version of a provider.
struct Release {
    sums: Option<Sums>,
    /// Of an accepted key.
    signer: Option<String>,
    record: Option<Record>,
    /// Who signed the list of sums when it was fetched.
    recorded_signer: Option<evidence::Signer>,
    /// The signature is not acceptable.
    is_refused: bool,
}

impl Release {
    fn read(
        request: &Request<'_>,
        mirror: &Mirror,
        id: &PackageId,
        directory: &Utf8Path,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut tell = |error: anyhow::Error| findings.push(invalid(directory, &format!("{error:#}"), Severity::Error));
        let record = Record::read(&mirror.base, &id.address, &id.version).unwrap_or_else(|error| {
            tell(error);
            None
        });
        let sums = Sums::read(&mirror.base, id).unwrap_or_else(|error| {
            tell(error);
            None
        });
        let is_own = directory.ends_with(id.platform.to_string());
        let own = record.as_ref().and_then(|record| record.packages.get(&id.platform.to_string()));
        let recorded_signer = match (is_own, own) {
            (true, own) => own.and_then(|own| own.signed_by.clone()),
            (false, _) => record.as_ref().and_then(|record| record.signed_by.clone()),
        };
        let mut release = Self { sums, signer: None, record, recorded_signer, is_refused: false };
        if let Err(error) = release.check_signature(request) {
            release.is_refused = true;
            tell(error);
        }
        release
    }

    fn check_signature(&mut self, request: &Request<'_>) -> anyhow::Result<()> {
        let recorded = self.recorded_signer.as_ref();
        let Some(sums) = &self.sums else {
            anyhow::ensure!(recorded.is_none(), "a signature was recorded, and the signed SHA256SUMS is not there");
            return Ok(());
        };
        let signed = if !request.keys.is_empty() {
            let signed = sums.verify(request.keys, request.now).map_err(anyhow::Error::msg)?;
            self.signer = Some(signed.fingerprint.to_string());
            signed
        } else if let Some(kept) = sums.kept_keys()? {
            sums.verify(&kept, request.now).map_err(anyhow::Error::msg)?
        } else {
            return Ok(());
        };
        match recorded {
            Some(recorded) if recorded.fingerprint != signed.fingerprint.to_string() => anyhow::bail!(
                "it was fetched with a signature of {}, and now bears one of {}",
                recorded.fingerprint,
                signed.fingerprint
            ),
            _ => Ok(()),
        }
    }

    fn check(&self, mirror: &Mirror, verified: &mut VerifiedPackage, is_of_archive: bool) -> Vec<Finding> {
        let VerifiedPackage { id, package, proven_by, .. } = verified;
        let mut findings = Vec::new();
        let differs = |text: String| mismatch(mirror, package, text);
        let kept = package.kept_archive().map(|archive| format!("zh:{}", archive.sha256));
        let zh = package.zh.clone().or(kept);
        let platform = id.platform.to_string();
        let recorded = self.record.as_ref().and_then(|record| record.packages.get(&platform));
        if let Some(recorded) = recorded {
            if recorded.h1 != package.h1 {
                findings.push(differs(format!("{id} holds {}, it was fetched with {}", package.h1, recorded.h1)));
            }
            if let (Some(zh), Some(fetched)) = (&zh, &recorded.zh)
                && zh != fetched
            {
                findings.push(differs(format!("the archive of {id} is {zh}, it was fetched with {fetched}")));
            }
        }
        let Some(sums) = &self.sums else { return findings };
        // Without its archive, only the record says which archive an unpacked package is from.
        let known = zh.as_ref().or(recorded.and_then(|recorded| recorded.zh.as_ref()));
        match (sums.archive(id), known) {
            (None, _) => {
                let reason = format!("it does not list the archive of {id}");
                findings.push(invalid(&sums.path, &reason, Severity::Error));
            }
            (Some(listed), Some(known)) if listed.as_str() != known => {
                findings.push(differs(format!("the archive of {id} is {known}, `{}` says {listed}", sums.path)));
            }
            (Some(_), Some(_)) => {
                let signer = self.signer.as_ref().filter(|_| zh.is_some() && is_of_archive && findings.is_empty());
                proven_by.extend(signer.map(|fingerprint| format!("SHA256SUMS signed by {fingerprint}")));
            }
            (Some(_), None) => {}
        }
        findings
    }
}

fn invalid(path: &Utf8Path, reason: &str, severity: Severity) -> Finding {
    Finding::new(Code::EvidenceInvalid, severity, Owner::Image, format!("this evidence proves nothing: {reason}"))
        .help("Download it again on a machine with network access, or remove it with the package that it was for.")
        .at(Place::file(path), "")
}
