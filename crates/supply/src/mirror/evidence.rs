//! What a mirror keeps below `.airtight/` to prove its packages with, where no engine looks.
//!
//! - `archives/HOST/NAMESPACE/TYPE/terraform-provider-TYPE_VERSION_OS_ARCH.zip`: release archives of packages that lie
//!   unpacked in the mirror;
//! - `evidence/HOST/NAMESPACE/TYPE/VERSION/SHA256SUMS`: the release's own list of archives and their SHA-256;
//! - next to it `SHA256SUMS.sig`, its detached OpenPGP signature, and `keys.asc`, the keys as the registry gave them;
//! - the same three files in `evidence/HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/`, if a registry has a list of its own for that
//!   platform;
//! - next to these `evidence.json`: who signed, and of each package its hashes, where it came from and when;
//! - `seal.json` and `seal.sig`: see [`airtight_provider::seal`];
//! - `hold.lock`, `scratch/`, `partial/`: only while a command changes the mirror.
//!
//! Nothing here is reached through a link, neither for reading nor for writing.
//!
//! Keys in the mirror prove nothing by themselves: whoever can replace a package there can replace a key next to it. Keys
//! that prove something come from the user of the command.

use std::collections::BTreeMap;
use std::io::Cursor;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::signature;
use crate::signature::{Keys, Signed, checksums};
use airtight_provider::directory::Directory;
use airtight_provider::{Hash, PackageId, ProviderAddress, Timestamp, Version};

/// Below a mirror; the name starts with a dot, so that no engine looks at it.
pub const DIRECTORY: &str = ".airtight";

pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const SIGNATURE: &str = "SHA256SUMS.sig";
pub(super) const KEYS: &str = "keys.asc";
pub(super) const RECORD: &str = "evidence.json";

/// The files of a release's evidence.
pub(super) const FILES: [&str; 4] = [SUMS, SIGNATURE, KEYS, RECORD];

pub(super) const SCHEMA: &str = "airtight/evidence/1";

const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Where the release archive of an unpacked package is kept, below the mirror.
pub(crate) fn archive_path(id: &PackageId) -> Utf8PathBuf {
    Utf8Path::new(DIRECTORY).join("archives").join(id.packed_path())
}

/// Where the evidence of one version of a provider is kept, below the mirror.
pub fn directory(address: &ProviderAddress, version: &Version) -> Utf8PathBuf {
    Utf8Path::new(DIRECTORY).join("evidence").join(address.to_string()).join(version.to_string())
}

/// Where a list of sums is kept that is for one platform alone, below the mirror.
pub(crate) fn platform_directory(id: &PackageId) -> Utf8PathBuf {
    directory(&id.address, &id.version).join(id.platform.to_string())
}

/// The directory with the list of sums that is for a package, below the mirror: the platform's own if there is one, else
/// the release's.
///
/// # Errors
/// A link on the way to it, which is not followed.
pub(crate) fn sums_directory(mirror: &Directory, id: &PackageId) -> std::io::Result<Utf8PathBuf> {
    let own = platform_directory(id);
    Ok(if mirror.has_file(&own.join(SUMS))? { own } else { directory(&id.address, &id.version) })
}

/// Where a package's list of sums and its signature are kept, below the mirror.
///
/// # Errors
/// A link on the way to them, which is not followed.
pub(crate) fn signed_sums(mirror: &Directory, id: &PackageId) -> std::io::Result<[Utf8PathBuf; 2]> {
    let directory = sums_directory(mirror, id)?;
    Ok([directory.join(SUMS), directory.join(SIGNATURE)])
}

/// The SHA-256 of the archive that an unpacked package was extracted from, in hexadecimal, as its evidence has it: what was
/// recorded for exactly these contents, and is in the list of sums if there is one.
pub fn recorded_archive(mirror: &Utf8Path, id: &PackageId, h1: &str) -> Option<String> {
    let recorded = Record::read(mirror, &id.address, &id.version).ok()??.packages.remove(&id.platform.to_string())?;
    let zh = recorded.zh.filter(|_| recorded.h1 == h1)?;
    let sums = Sums::read(mirror, id).ok()?;
    let is_listed = sums.is_none_or(|sums| sums.archive(id).is_some_and(|listed| listed.as_str() == zh));
    is_listed.then(|| zh.trim_start_matches("zh:").to_owned())
}

/// The release archive that a mirror keeps of an unpacked package, if it keeps one.
///
/// # Errors
/// A link on the way to it, which is not followed.
pub fn kept_archive(mirror: &Utf8Path, id: &PackageId) -> anyhow::Result<Option<Utf8PathBuf>> {
    let path = archive_path(id);
    let is_kept = Directory::open(mirror)?.has_file(&path)?;
    Ok(is_kept.then(|| mirror.join(path)))
}

/// `evidence.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) schema: String,
    /// `host/namespace/type`.
    pub(super) address: String,
    pub(super) version: String,
    /// Null if nobody signed, or no registry was asked.
    pub(super) signed_by: Option<Signer>,
    /// By platform.
    pub(super) packages: BTreeMap<String, RecordedPackage>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signer {
    pub(super) fingerprint: String,
    pub(super) user_id: Option<String>,
    /// RFC 3339.
    pub(super) signed: String,
}

/// A package's part of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedPackage {
    pub(super) h1: String,
    /// Null for one that was copied unpacked.
    pub(super) zh: Option<String>,
    /// A registry's host, a network mirror's, or a directory.
    pub(super) source: String,
    /// RFC 3339.
    pub(super) fetched: String,
    /// Who signed the platform's own list of sums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signed_by: Option<Signer>,
}

impl Record {
    /// Reads a release's record: nothing if there is none.
    ///
    /// # Errors
    /// Fails if it exists and cannot be read.
    pub(super) fn read(
        mirror: &Utf8Path,
        address: &ProviderAddress,
        version: &Version,
    ) -> anyhow::Result<Option<Self>> {
        let path = directory(address, version).join(RECORD);
        let Some(text) = read_small(mirror, &path)? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&text)
            .map_err(|error| anyhow::anyhow!("`{path}` is no record of a release: {error}"))?;
        anyhow::ensure!(record.schema == SCHEMA, "`{path}` has the schema {:?}, not {SCHEMA:?}", record.schema);
        Ok(Some(record))
    }
}

/// A release's list of archives, with its signature if there is one.
#[derive(Clone, Debug)]
pub struct Sums {
    mirror: Utf8PathBuf,
    pub path: Utf8PathBuf,
    text: String,
    signature: Option<Vec<u8>>,
    archives: BTreeMap<String, Hash>,
}

impl Sums {
    /// Reads the list that is for a package: nothing if there is none.
    ///
    /// # Errors
    /// Fails if a file is there and cannot be read, or is no such list.
    pub fn read(mirror: &Utf8Path, id: &PackageId) -> anyhow::Result<Option<Self>> {
        let [sums, signature] = signed_sums(&Directory::open(mirror)?, id)?;
        let Some(text) = read_small(mirror, &sums)? else { return Ok(None) };
        let path = mirror.join(sums);
        let text = String::from_utf8(text).map_err(|_| anyhow::anyhow!("`{path}` is not UTF-8"))?;
        let archives = parse(&text).map_err(|reason| anyhow::anyhow!("`{path}`: {reason}"))?;
        let signature = read_small(mirror, &signature)?;
        Ok(Some(Self { mirror: mirror.to_owned(), path, text, signature, archives }))
    }

    /// What the list says of a package's archive, as `zh:`.
    pub fn archive(&self, id: &PackageId) -> Option<&Hash> {
        let path = id.packed_path();
        self.archives.get(path.rsplit('/').next().unwrap_or_default())
    }

    pub(crate) fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Whose signature it bears, if that is one of the keys'.
    ///
    /// # Errors
    /// Says why the list proves nothing.
    pub fn verify(&self, keys: &Keys, now: Timestamp) -> Result<Signed, String> {
        let signature =
            self.signature.as_ref().ok_or_else(|| format!("`{}` has no signature next to it", self.path))?;
        if keys.is_empty() {
            return Err(format!("no trusted key is given to verify the signature of `{}` with", self.path));
        }
        signature::verify(keys, signature, &mut Cursor::new(self.text.as_bytes()), now)
            .map_err(|error| format!("the signature of `{}`: {error}", self.path))
    }

    /// The keys that are kept next to it, which only show that list and signature belong together.
    ///
    /// # Errors
    /// Fails if they are there and cannot be read.
    pub(super) fn kept_keys(&self) -> anyhow::Result<Option<Keys>> {
        let path = self.path.with_file_name(KEYS);
        let relative = path.strip_prefix(&self.mirror)?;
        let Some(bytes) = read_small(&self.mirror, relative)? else { return Ok(None) };
        Keys::parse(&bytes).map(Some).map_err(|error| anyhow::anyhow!("`{path}`: {error}"))
    }
}

/// A file of a mirror's evidence: nothing if it is not there. Links are not followed.
pub(super) fn read_small(mirror: &Utf8Path, relative: &Utf8Path) -> anyhow::Result<Option<Vec<u8>>> {
    Ok(Directory::open(mirror)?.read(relative, LIMIT_BYTES)?)
}

/// By name. A name with two sums says nothing, and so does a file without any.
fn parse(text: &str) -> Result<BTreeMap<String, Hash>, String> {
    let mut archives = BTreeMap::new();
    for (name, hash) in checksums::lines(text) {
        if archives.insert(name.to_owned(), hash.clone()).is_some_and(|earlier| earlier != hash) {
            return Err(format!("it has two sums for {name}"));
        }
    }
    if archives.is_empty() { Err("it is no list of SHA-256 sums and names".to_owned()) } else { Ok(archives) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_sums_says_one_thing_of_a_name() {
        let (sum, other) = ("A".repeat(64), "b".repeat(64));
        let archives = parse(&format!("{sum}  a.zip\n{sum} *b.zip\n\n{sum}  a.zip\n")).unwrap();
        assert_eq!(archives["a.zip"].to_string(), format!("zh:{}", "a".repeat(64)));
        assert_eq!(archives.len(), 2);
        assert!(parse(&format!("{sum}  a.zip\n{other}  a.zip\n")).unwrap_err().contains("two sums for a.zip"));
        assert!(parse("<html>\n").unwrap_err().contains("no list"));
    }
}
