//! The seal of a mirror: a manifest of every package, and the digest or signature that proves it.
//!
//! Canonical JSON: no white space but one line break after each package, keys in the order of their names, packages in
//! the order of their paths; no times, no owners, no inodes. The digest of a mirror is the SHA-256 of these bytes, so the
//! same packages have the same digest in any directory, and `sha256sum .airtight/seal.json` prints it. A serial number, if
//! the maintainer gives one, orders the seals that were signed with one key.
//!
//! A package has a line of its own that begins with its address, so that a reader who needs fifty of a thousand
//! parses fifty.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::Utf8Path;
use p256::ecdsa::VerifyingKey;
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{seal_signature, text_file};
use crate::{DigestKind, DigestRequest, Digests, Hash, Layout, PackageId};

/// Below a mirror.
pub const MANIFEST: &str = ".airtight/seal.json";
pub const SIGNATURE: &str = ".airtight/seal.sig";

const START: &str = "{\"packages\":[";
const END: &str = "],\"schema\":\"airtight/seal/1\"";
const SERIAL: &str = ",\"serial\":";
/// A bundle with a certificate and entries of logs has some kilobytes.
const SIGNATURE_LIMIT_BYTES: u64 = 1024 * 1024;
/// A package has about a kilobyte.
const LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// One package. Fields in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedPackage {
    pub address: String,
    /// Files below `.airtight` that prove it: its release archive, its list of sums, the list's signature.
    pub evidence: Vec<SealedEvidence>,
    pub executable: Option<SealedExecutable>,
    /// `h1:` of the directory that extraction leaves; null for an unpacked package.
    pub extracted: Option<String>,
    /// Of a packed package the archive alone. By path.
    pub files: Vec<SealedFile>,
    pub h1: String,
    /// `packed` or `unpacked`.
    pub layout: String,
    /// Below the mirror, `/`-separated.
    pub path: String,
    pub platform: String,
    pub version: String,
    /// `zh:`; null for an unpacked package.
    pub zh: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFile {
    /// Permissions, octal with four digits.
    pub mode: String,
    /// Below the mirror, `/`-separated.
    pub path: String,
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedEvidence {
    /// Below the mirror, `/`-separated.
    pub path: String,
    /// Hexadecimal.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedExecutable {
    /// 32 or 64, of an ELF file.
    pub class_bits: Option<u8>,
    /// The dynamic loader that it asks for.
    pub interpreter: Option<String>,
    /// `e_machine` of an ELF file.
    pub machine: Option<u16>,
    /// Within the package.
    pub name: String,
}

impl SealedPackage {
    /// What it is.
    ///
    /// # Errors
    /// Fails if the manifest was not written by airtight.
    pub fn id(&self) -> anyhow::Result<PackageId> {
        Ok(PackageId {
            address: self.address.parse()?,
            version: self.version.parse()?,
            platform: self.platform.parse()?,
        })
    }

    /// Its release archive, where that is kept next to an unpacked package.
    pub fn kept_archive(&self) -> Option<&SealedEvidence> {
        self.evidence.iter().find(|evidence| evidence.path.starts_with(".airtight/archives/"))
    }

    pub fn layout(&self) -> Layout {
        if self.layout == Layout::Packed.as_str() { Layout::Packed } else { Layout::Unpacked }
    }

    /// A hash of it.
    ///
    /// # Errors
    /// Fails if the manifest was not written by airtight.
    pub fn hash(text: &str) -> anyhow::Result<Hash> {
        Ok(text.parse()?)
    }
}

/// The manifest's text for packages, which are sorted by their paths.
pub fn print(packages: &[SealedPackage], serial: Option<u64>) -> serde_json::Result<String> {
    let mut text = START.to_owned();
    for (index, package) in packages.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&serde_json::to_string(package)?);
    }
    text.push('\n');
    text.push_str(END);
    if let Some(serial) = serial {
        let _ = write!(text, "{SERIAL}{serial}");
    }
    text.push_str("}\n");
    Ok(text)
}

/// What sealed packages hash to, by their paths below a mirror.
///
/// # Errors
/// Fails if the manifest was not written by airtight.
pub fn digests(base: &Utf8Path, packages: &[SealedPackage]) -> anyhow::Result<Digests> {
    let mut digests = Digests::new();
    for package in packages {
        let (path, layout) = (base.join(&package.path), package.layout());
        let mut insert = |kind, hash: &str| -> anyhow::Result<()> {
            digests.insert(DigestRequest { path: path.clone(), layout, kind }, Ok(hash.parse()?));
            Ok(())
        };
        insert(DigestKind::H1, &package.h1)?;
        if let Some(zh) = &package.zh {
            insert(DigestKind::Zh, zh)?;
        }
        if let Some(extracted) = &package.extracted {
            insert(DigestKind::Extracted { over: None }, extracted)?;
        }
    }
    Ok(digests)
}

fn wrong() -> anyhow::Error {
    anyhow::anyhow!("the seal is not written as this version of airtight writes it")
}

/// The key after all files of a package.
const PLATFORM: &str = "\"platform\":\"";

/// A manifest as it is stored in a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    text: String,
    /// `sha256:` and the digest in hexadecimal.
    digest: String,
}

impl Manifest {
    pub fn new(text: String) -> Self {
        let mut digest = "sha256:".to_owned();
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(digest, "{byte:02x}");
        }
        Self { text, digest }
    }

    /// Reads a mirror's manifest; null if there is none.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn read(mirror: &Utf8Path) -> anyhow::Result<Option<Self>> {
        Self::read_file(&mirror.join(MANIFEST))
    }

    /// Reads a manifest that is kept elsewhere; null if there is none.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn read_file(path: &Utf8Path) -> anyhow::Result<Option<Self>> {
        match text_file::read(path, LIMIT_BYTES) {
            Ok(text) => Ok(Some(Self::new(text))),
            Err(text_file::TextFileError::Missing) => Ok(None),
            Err(error) => anyhow::bail!("`{path}`: {error}"),
        }
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines of the packages, and the serial number.
    fn parts(&self) -> anyhow::Result<(&str, Option<u64>)> {
        let parts = || {
            let (body, end) = self.text.strip_prefix(START)?.rsplit_once(END)?;
            let serial = match end.strip_suffix("}\n")? {
                "" => None,
                serial => Some(serial.strip_prefix(SERIAL)?.parse().ok()?),
            };
            Some((body, serial))
        };
        parts().ok_or_else(wrong)
    }

    /// The number that orders the seals of one key.
    ///
    /// # Errors
    /// Fails if the manifest was not written by airtight.
    pub fn serial(&self) -> anyhow::Result<Option<u64>> {
        Ok(self.parts()?.1)
    }

    /// The lines with a package each, and the addresses that they begin with.
    fn lines(&self) -> anyhow::Result<Vec<(&str, &str)>> {
        let (body, _) = self.parts()?;
        let lines = body.lines().filter(|line| !line.is_empty());
        let line = |line: &'_ str| -> Option<(usize, usize)> {
            let start = "{\"address\":\"".len();
            line.starts_with("{\"address\":\"").then_some(())?;
            Some((start, start + line[start..].find('"')?))
        };
        lines
            .map(|text| {
                let (start, end) = line(text).ok_or_else(wrong)?;
                Ok((&text[start..end], text.strip_suffix(',').unwrap_or(text)))
            })
            .collect()
    }

    /// The address of every provider, in order, and the packages of those that are asked for.
    ///
    /// # Errors
    /// Fails if the manifest was not written by airtight.
    pub fn packages(&self, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<(Vec<&str>, Vec<SealedPackage>)> {
        let (mut addresses, mut packages) = (Vec::new(), Vec::new());
        for (address, line) in self.lines()? {
            if addresses.last() != Some(&address) {
                addresses.push(address);
            }
            if is_wanted(address) {
                packages.push(serde_json::from_str(line)?);
            }
        }
        Ok((addresses, packages))
    }

    /// Single packages, as far as they are sealed.
    ///
    /// # Errors
    /// Fails if the manifest was not written by airtight.
    pub fn packages_of(&self, ids: &BTreeSet<PackageId>) -> anyhow::Result<Vec<SealedPackage>> {
        // How a line of the package says it, near its end. In texts of JSON every quotation mark has a back-slash before it.
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in ids {
            let said = format!("{PLATFORM}{}\",\"version\":\"{}\",", id.platform, id.version);
            wanted.entry(id.address.to_string()).or_default().push(said);
        }
        let mut packages = Vec::new();
        for (address, line) in self.lines()? {
            let Some(ids) = wanted.get(address) else { continue };
            // Most of a line are its files.
            let end = line.rfind(PLATFORM).map_or("", |at| &line[at..]);
            if ids.iter().any(|id| end.starts_with(id)) {
                packages.push(serde_json::from_str(line)?);
            }
        }
        Ok(packages)
    }

    /// All packages.
    ///
    /// # Errors
    /// Fails if the manifest was not written by airtight.
    pub fn all(&self) -> anyhow::Result<Vec<SealedPackage>> {
        Ok(self.packages(|_| true)?.1)
    }

    /// Whether the digest is one of the pinned ones.
    ///
    /// # Errors
    /// Says which digest it is.
    pub fn check_digest(&self, pinned: &[String]) -> Result<(), String> {
        if pinned.contains(&self.digest) {
            return Ok(());
        }
        Err(format!("its digest is {}, pinned is {}", self.digest, pinned.join(" or ")))
    }

    /// Whether the signature next to it was made with a key: ECDSA P-256 with SHA-256, plain or in a Sigstore bundle, as
    /// `cosign sign-blob --key` writes it.
    ///
    /// # Errors
    /// Says why not.
    pub fn check_signature(&self, mirror: &Utf8Path, public_key: &Utf8Path) -> Result<(), String> {
        check_signature(self.text.as_bytes(), &mirror.join(SIGNATURE), public_key)
    }
}

/// Whether something that is signed is not older than the settings demand.
///
/// # Errors
/// Says what it is instead.
pub fn check_serial(serial: Option<u64>, minimum: Option<u64>) -> Result<(), String> {
    match (serial, minimum) {
        (_, None) => Ok(()),
        (Some(serial), Some(minimum)) if serial >= minimum => Ok(()),
        (Some(serial), Some(minimum)) => Err(format!(
            "its serial number is {serial}, and the settings accept {minimum} and later: it is an older one"
        )),
        (None, Some(minimum)) => Err(format!("it has no serial number, and the settings accept {minimum} and later")),
    }
}

/// Checks the signature of a file, such as the manifest of a store of modules.
///
/// # Errors
/// Says why it does not hold.
pub fn check_signature_of(file: &Utf8Path, signature: &Utf8Path, public_key: &Utf8Path) -> Result<(), String> {
    let bytes = text_file::read_bytes(file, LIMIT_BYTES).map_err(|error| format!("`{file}`: {error}"))?;
    check_signature(&bytes, signature, public_key)
}

fn check_signature(signed: &[u8], path: &Utf8Path, public_key: &Utf8Path) -> Result<(), String> {
    let key = text_file::read(public_key, 64 * 1024).map_err(|error| format!("the key `{public_key}`: {error}"))?;
    let key = VerifyingKey::from_public_key_pem(&key)
        .map_err(|_| format!("`{public_key}` is no ECDSA P-256 public key in PEM"))?;
    let signature = text_file::read_bytes(path, SIGNATURE_LIMIT_BYTES)
        .map_err(|error| format!("the signature `{path}` cannot be read: {error}"))?;
    let signature = seal_signature::parse(&signature).map_err(|reason| format!("`{path}` {reason}"))?;
    key.verify(signed, &signature).map_err(|_| format!("`{path}` was not made for it with the key `{public_key}`"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use fs_err as fs;
    use p256::ecdsa::signature::Signer as _;
    use p256::ecdsa::{Signature, SigningKey};
    use p256::pkcs8::{EncodePublicKey as _, LineEnding};

    use super::*;

    fn package(address: &str, version: &str) -> SealedPackage {
        SealedPackage {
            address: address.to_owned(),
            evidence: vec![SealedEvidence { path: ".airtight/archives/x.zip".to_owned(), sha256: "00".to_owned() }],
            executable: None,
            extracted: None,
            files: vec![SealedFile { mode: "0755".to_owned(), path: "x".to_owned(), size: 3 }],
            h1: "h1:x".to_owned(),
            layout: "unpacked".to_owned(),
            path: format!("{address}/{version}/linux_amd64"),
            platform: "linux_amd64".to_owned(),
            version: version.to_owned(),
            zh: None,
        }
    }

    fn manifest() -> Manifest {
        let packages =
            [package("a.example/b/c", "1.0.0"), package("a.example/b/c", "1.1.0"), package("a.example/b/d", "1.0.0")];
        Manifest::new(print(&packages, None).unwrap())
    }

    #[test]
    fn what_is_printed_is_read_as_far_as_it_is_wanted() {
        let manifest = manifest();
        let (addresses, packages) = manifest.packages(|address| address.ends_with('d')).unwrap();
        assert_eq!(addresses, ["a.example/b/c", "a.example/b/d"]);
        assert_eq!(packages, [package("a.example/b/d", "1.0.0")]);
        assert_eq!(manifest.all().unwrap().len(), 3);
        assert_eq!(Manifest::new(print(&[], None).unwrap()).all().unwrap(), []);
    }

    #[test]
    fn a_serial_number_orders_seals() {
        let sealed = Manifest::new(print(&[package("a.example/b/c", "1.0.0")], Some(7)).unwrap());
        assert_eq!((sealed.serial().unwrap(), sealed.all().unwrap().len()), (Some(7), 1));
        assert_eq!(manifest().serial().unwrap(), None);
        for wrong in ["7,\"x\":1", "-7", "7.0", "", "18446744073709551616"] {
            let text = sealed.text().replace("\"serial\":7", &format!("\"serial\":{wrong}"));
            assert!(Manifest::new(text).serial().is_err(), "{wrong}");
        }
        assert_eq!(check_serial(Some(7), Some(7)), Ok(()));
        assert_eq!(check_serial(None, None), Ok(()));
        assert!(check_serial(Some(6), Some(7)).unwrap_err().contains("serial number is 6"));
        assert!(check_serial(None, Some(7)).unwrap_err().contains("no serial number"));
    }

    #[test]
    fn single_packages_are_found_by_what_they_are() {
        let id = |address: &str, version: &str, platform: &str| PackageId {
            address: address.parse().unwrap(),
            version: version.parse().unwrap(),
            platform: platform.parse().unwrap(),
        };
        let wanted = BTreeSet::from([
            id("a.example/b/c", "1.1.0", "linux_amd64"),
            id("a.example/b/d", "1.1.0", "linux_amd64"),
            id("a.example/b/d", "1.0.0", "linux_arm64"),
        ]);
        assert_eq!(manifest().packages_of(&wanted).unwrap(), [package("a.example/b/c", "1.1.0")]);
    }

    #[test]
    fn is_json_with_its_keys_in_order() {
        fn check(value: &serde_json::Value) {
            if let Some(object) = value.as_object() {
                assert!(object.keys().is_sorted(), "{object:?}");
            }
            let parts = value.as_object().map(|object| object.values().collect::<Vec<_>>());
            parts.or_else(|| Some(value.as_array()?.iter().collect())).into_iter().flatten().for_each(check);
        }
        check(&serde_json::from_str(manifest().text()).unwrap());
    }

    #[test]
    fn a_text_that_airtight_does_not_write_is_refused() {
        let text = manifest().text().to_owned();
        for text in [
            text.replace("airtight/seal/1", "airtight/seal/2"),
            text.trim_end().to_owned(),
            text.replace("\"zh\":null", "\"zh\":null,\"more\":1"),
            text.replace("{\"address\"", "{ \"address\""),
            String::new(),
        ] {
            assert!(Manifest::new(text.clone()).all().is_err(), "{text}");
        }
    }

    #[test]
    fn a_digest_or_a_signature_vouches_for_exactly_these_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let mirror = Utf8Path::from_path(directory.path()).unwrap();
        let sealed = manifest();
        let other = Manifest::new(sealed.text().replace("1.1.0", "1.1.1"));
        let pinned = ["sha256:0".to_owned(), sealed.digest().to_owned()];
        assert_eq!(sealed.check_digest(&pinned), Ok(()));
        assert!(other.check_digest(&pinned).unwrap_err().contains(other.digest()));

        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let path = mirror.join("key.pem");
        fs::write(&path, key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()).unwrap();
        assert!(sealed.check_signature(mirror, &path).unwrap_err().contains("cannot be read"));
        let signature: Signature = key.sign(sealed.text().as_bytes());
        fs::create_dir(mirror.join(".airtight")).unwrap();
        let encoded = base64::engine::general_purpose::STANDARD.encode(signature.to_der().as_bytes());
        fs::write(mirror.join(SIGNATURE), format!("{encoded}\n")).unwrap();
        assert_eq!(sealed.check_signature(mirror, &path), Ok(()));
        assert!(other.check_signature(mirror, &path).unwrap_err().contains("was not made for it"));
        let stranger = SigningKey::from_slice(&[8; 32]).unwrap();
        fs::write(&path, stranger.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()).unwrap();
        assert!(sealed.check_signature(mirror, &path).unwrap_err().contains("was not made for it"));
        fs::write(&path, "no key").unwrap();
        assert!(sealed.check_signature(mirror, &path).unwrap_err().contains("is no ECDSA P-256 public key"));
    }
}
