//! The fast path behind a seal: what is sealed was hashed when the image was built, so that here a `stat` is enough.
//!
//! It is taken only where all of this holds, and everything is hashed as without a seal where it does not:
//!
//! 1. The image's own settings pin the seal's digest, or name a public key and the seal is signed with its private key
//!    (and its serial number is not below the settings' minimum).
//! 2. The mirror, its parents, its seal and the key belong to root, are no symbolic links, and can be written neither by
//!    others (of parents a sticky `/tmp` may) nor by the user that asks: for root itself only on a read-only mount.
//! 3. Each package that matters lists the sealed files and nothing else, these have the sealed sizes and permissions, and
//!    they and the directories on the way belong to root, and others cannot write them. Before `init`, which selects, the
//!    directories on the way list what is sealed as well, and nothing else but names that no engine looks at.
//!
//! What a `stat` does not see: a file of the same size that root put there after sealing, or a damaged disk. Whoever can
//! do the former can replace airtight as well. The rest of the mirror is not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::context::{Context, real};
use crate::settings::Seal;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::Digests;
use airtight_provider::PackageId;
use airtight_provider::mirror;
use airtight_provider::mirror::{Mirror, MirrorPackage};
use airtight_provider::owner::is_root_or_outside;
use airtight_provider::seal::{self, MANIFEST, Manifest, SIGNATURE, SealedPackage};
use airtight_provider::sealed_files::{Listings, Ownership, differences, why_writable};

/// The seals of the settings' mirrors.
#[derive(Debug, Default)]
pub struct Seals {
    trusted: Vec<TrustedSeal>,
    /// Why a seal is not used.
    pub findings: Vec<Finding>,
}

/// A valid seal of a protected mirror.
#[derive(Debug)]
pub struct TrustedSeal {
    path: Utf8PathBuf,
    base: Utf8PathBuf,
    manifest: Manifest,
}

impl Seals {
    /// Reads the seals, if the settings ask for one.
    pub fn open(context: &Context<'_>) -> Self {
        let mut seals = Self::default();
        let Some(setting) = &context.settings.seal else { return seals };
        for path in &context.settings.mirror {
            match open(path, setting) {
                Ok(seal) => seals.trusted.push(seal),
                Err(finding) => seals.findings.push(*finding),
            }
        }
        seals
    }

    /// The seal of a mirror, by the path that the settings or the CLI configuration have for it.
    pub fn of(&self, path: &Utf8Path) -> Option<&TrustedSeal> {
        let base = (!self.trusted.is_empty()).then(|| real(path))?;
        self.trusted.iter().find(|seal| seal.base == base)
    }

    pub fn trusted(&self) -> &[TrustedSeal] {
        &self.trusted
    }

    /// The digests of sealed mirrors, for the handover.
    pub fn digest(&self) -> Option<String> {
        let digests: Vec<&str> = self.trusted.iter().map(|seal| seal.manifest.digest()).collect();
        (!digests.is_empty()).then(|| digests.join(","))
    }
}

/// The seal of a mirror, if the settings accept it.
fn vouched(path: &Utf8Path, setting: &Seal) -> Result<Manifest, Box<Finding>> {
    let invalid = |reason: &str| Box::new(invalid(path, reason));
    let manifest = Manifest::read(path).map_err(|error| invalid(&format!("{error:#}")))?;
    let manifest = manifest.ok_or_else(|| invalid("the settings require a sealed mirror, but this one has no seal"))?;
    accepts(setting, &manifest, path).map_err(|reason| invalid(&reason))?;
    Ok(manifest)
}

/// Whether a setting accepts a mirror's seal.
///
/// # Errors
/// Says why not, as a fragment.
pub fn accepts(setting: &Seal, manifest: &Manifest, mirror: &Utf8Path) -> Result<(), String> {
    match setting {
        Seal::Digests(pinned) => manifest.check_digest(pinned),
        Seal::PublicKey { path, minimum } => {
            manifest.check_signature(mirror, path)?;
            seal::check_serial(manifest.serial().map_err(|error| error.to_string())?, *minimum)
        }
    }
}

/// Checks a whole mirror, for image builds: whether the settings accept its seal, and it is as it was
/// sealed. Who could write it is not asked.
///
/// # Errors
/// The finding that the gate would have.
pub fn examine(path: &Utf8Path, setting: &Seal) -> Result<Manifest, Box<Finding>> {
    let manifest = vouched(path, setting)?;
    let packages = manifest.packages(|_| true);
    let (all, packages) = packages.map_err(|error| Box::new(invalid(path, &format!("{error:#}"))))?;
    let addresses = all.iter().map(ToString::to_string).collect();
    let listings = Listings::Complete { all: &all, addresses: &addresses };
    let differences = differences(&real(path), &packages, &listings, Ownership::Anybodys);
    if differences.is_empty() { Ok(manifest) } else { Err(Box::new(differs(path, &differences))) }
}

fn open(path: &Utf8Path, setting: &Seal) -> Result<TrustedSeal, Box<Finding>> {
    let manifest = vouched(path, setting)?;
    // By the names of the settings: a link on the way could lead elsewhere once the engine follows it.
    let mut evidence = vec![path.join(MANIFEST)];
    if let Seal::PublicKey { path: key, .. } = setting {
        evidence.extend([path.join(SIGNATURE), key.clone()]);
    }
    match evidence.iter().find_map(|place| why_unprotected(place, path)) {
        Some(why) => Err(Box::new(unprotected(path, &why))),
        None => Ok(TrustedSeal { path: path.to_owned(), base: real(path), manifest }),
    }
}

/// Why the run's user could have put something else at an absolute path.
fn why_unprotected(path: &Utf8Path, mirror: &Utf8Path) -> Option<String> {
    const STICKY: u32 = 0o1000;
    for place in path.ancestors() {
        let metadata = match fs::symlink_metadata(place) {
            Ok(metadata) => metadata,
            Err(error) => return Some(format!("`{place}`: {error}")),
        };
        // In a sticky directory above the mirror nobody but root replaces what belongs to root.
        let is_above = place != mirror && mirror.starts_with(place);
        let is_sticky = is_above && metadata.mode() & STICKY != 0 && is_root_or_outside(metadata.uid());
        if !is_sticky && let Some(why) = why_writable(place, &metadata).or_else(|| why_writable_here(place)) {
            return Some(why);
        }
    }
    None
}

/// Whether the system lets this very user write a place of root's, as it lets root itself.
pub(crate) fn why_writable_here(path: &Utf8Path) -> Option<String> {
    let may_write = accessat(CWD, path.as_std_path(), Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    may_write.then(|| format!("`{path}` can be written by the user of this run"))
}

impl TrustedSeal {
    /// The mirror as it was sealed, in the engine's order; nothing of it is looked at.
    ///
    /// # Errors
    /// Fails if the manifest was not written by airtight.
    pub fn mirror(&self) -> anyhow::Result<Mirror> {
        self.mirror_of(self.manifest.all()?)
    }

    fn mirror_of(&self, packages: Vec<SealedPackage>) -> anyhow::Result<Mirror> {
        let packages = packages.into_iter().map(|package| {
            Ok(MirrorPackage { id: package.id()?, layout: package.layout(), path: self.base.join(&package.path) })
        });
        let mut packages = packages.collect::<anyhow::Result<Vec<_>>>()?;
        mirror::sort(&mut packages);
        Ok(Mirror { path: self.path.clone(), base: self.base.clone(), packages, ..Mirror::default() })
    }

    /// The packages of some providers and their hashes, if the files there are the sealed ones.
    ///
    /// # Errors
    /// A finding that says what differs.
    pub fn view(&self, addresses: &BTreeSet<String>) -> Result<(Mirror, Digests), Box<Finding>> {
        let packages = self.manifest.packages(|address| addresses.contains(address));
        let (all, packages) = packages.map_err(|error| Box::new(self.broken(&error)))?;
        let listings = Listings::Complete { all: &all, addresses };
        self.seen(packages, &listings)
    }

    /// The same of single packages; what else there is of their providers is not looked at.
    ///
    /// # Errors
    /// A finding that says what differs.
    pub(crate) fn view_packages(&self, ids: &BTreeSet<PackageId>) -> Result<(Mirror, Digests), Box<Finding>> {
        let packages = self.manifest.packages_of(ids);
        self.seen(packages.map_err(|error| Box::new(self.broken(&error)))?, &Listings::OfPackages)
    }

    fn seen(&self, packages: Vec<SealedPackage>, listings: &Listings<'_>) -> Result<(Mirror, Digests), Box<Finding>> {
        let differences = differences(&self.base, &packages, listings, Ownership::Roots);
        if !differences.is_empty() {
            return Err(Box::new(differs(&self.path, &differences)));
        }
        let digests = seal::digests(&self.base, &packages).map_err(|error| Box::new(self.broken(&error)))?;
        Ok((self.mirror_of(packages).map_err(|error| Box::new(self.broken(&error)))?, digests))
    }

    fn broken(&self, error: &anyhow::Error) -> Finding {
        invalid(&self.path, &format!("{error:#}"))
    }
}

/// The settings do not accept the mirror's seal.
pub fn invalid(path: &Utf8Path, reason: &str) -> Finding {
    Finding::new(
        Code::SealInvalid,
        Severity::Error,
        Owner::Image,
        format!("the mirror's seal is not valid: {reason}"),
    )
    .detail("The seal in the image's settings does not match this mirror's seal, or the mirror has none.")
    .help(format!(
        "In the image's build, after the last change of the mirror, run `airtight mirror seal --mirror {path}` and pin \
             the digest that it prints in /etc/airtight/settings.yml, or sign the seal again."
    ))
    .at(Place::file(path.join(MANIFEST)), "")
}

fn unprotected(path: &Utf8Path, why: &str) -> Finding {
    Finding::new(
        Code::SealUnprotected,
        Severity::Warning,
        Owner::Image,
        format!("the mirror is sealed, but everything is hashed: {why}"),
    )
    .detail("A seal replaces hashing only if nobody but root could have changed the mirror since.")
    .help(format!(
        "In the image's build, as root: `chown -R root:root {path} && chmod -R go-w {path}`. No \
         parent directory may be writable by others. Do not run as root."
    ))
    .at(Place::file(path), "")
}

/// The mirror's contents differ from the seal.
pub fn differs(path: &Utf8Path, differences: &[String]) -> Finding {
    const MOST_SHOWN: usize = 8;
    let mut detail = differences.iter().take(MOST_SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if differences.len() > MOST_SHOWN {
        detail.push_str(&format!("; and {} more", differences.len() - MOST_SHOWN));
    }
    Finding::new(Code::SealDiffers, Severity::Error, Owner::Image, "the mirror differs from its seal")
        .detail(format!("{detail}."))
        .help(format!(
            "Find out who changed the mirror after it was sealed; if it was you, run `airtight mirror seal --mirror \
             {path}` after the last change, and pin or sign the new seal."
        ))
        .at(Place::file(path), "")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_seal_that_the_user_can_write_or_replace_is_unprotected() {
        let directory = tempfile::tempdir().unwrap();
        let mirror = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let seal = mirror.join("seal.json");
        let why = |path: &Utf8Path| why_unprotected(path, &mirror).unwrap_or_default();
        assert!(why(&seal).contains("No such file"), "{}", why(&seal));
        fs::write(&seal, "").unwrap();
        // By root the first, by everybody else the second.
        let own = ["can be written by the user of this run", "does not belong to root"];
        assert!(own.iter().any(|own| why(&seal).contains(own)), "{}", why(&seal));
        symlink(&seal, mirror.join("link")).unwrap();
        assert!(!why(&mirror.join("link")).is_empty());
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(&seal, fs::Permissions::from_mode(0o646)).unwrap();
            assert!(why(&seal).contains("can be written by others than root"), "{}", why(&seal));
            assert!(why(&mirror.join("link")).contains("is a symbolic link"));
        } else {
            // The kernel's own files belong to root, and nobody can write them.
            assert_eq!(why_unprotected("/proc/version".into(), "/proc".into()), None);
        }
    }
}
