//! What a mirror keeps below `.airtight/` to prove its packages with, where no engine looks.
//!
//! - `archives/HOST/NAMESPACE/TYPE/terraform-provider-TYPE_VERSION_OS_ARCH.zip`: release archives of packages that lie
//!   unpacked in the mirror;
//! - `evidence/HOST/NAMESPACE/TYPE/VERSION/SHA256SUMS`: the release's own list of archives and their SHA-256;
//! - beside it `SHA256SUMS.sig`, its detached OpenPGP signature, and `keys.asc`, the keys as the registry gave them;
//! - beside these `evidence.json`: who signed, and of each package its hashes, where it came from and when;
//! - `seal.json` and `seal.sig`: see [`airtight_provider::seal`];
//! - `hold.lock`, `scratch/`, `partial/`: only while a command changes the mirror.
//!
//! Keys in the mirror prove nothing by themselves: whoever can replace a package there can replace a key beside it. Those
//! that count come from whoever runs the command.

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::signature;
use crate::signature::{Keys, Signed, checksums};
use airtight_provider::text_file;
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

/// Where the release archive of an unpacked package is kept.
pub fn archive_path(mirror: &Utf8Path, id: &PackageId) -> Utf8PathBuf {
    mirror.join(DIRECTORY).join("archives").join(id.packed_path())
}

/// Where the evidence of one version of a provider is kept.
pub fn directory(mirror: &Utf8Path, address: &ProviderAddress, version: &Version) -> Utf8PathBuf {
    mirror.join(DIRECTORY).join("evidence").join(address.to_string()).join(version.to_string())
}

/// Where a release's list of sums and its signature are kept.
pub fn signed_sums(mirror: &Utf8Path, address: &ProviderAddress, version: &Version) -> [Utf8PathBuf; 2] {
    let directory = directory(mirror, address, version);
    [directory.join(SUMS), directory.join(SIGNATURE)]
}

/// `evidence.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) schema: String,
    /// `host/namespace/type`.
    pub(super) address: String,
    pub(super) version: String,
    /// Null where nobody signed, or no registry was asked.
    pub(super) signed_by: Option<Signer>,
    /// By platform.
    pub(super) packages: BTreeMap<String, RecordedPackage>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
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
}

impl Record {
    /// Reads the record in a release's directory; null where there is none.
    ///
    /// # Errors
    /// Fails where it is there and cannot be read.
    pub(super) fn read(directory: &Utf8Path) -> anyhow::Result<Option<Self>> {
        let path = directory.join(RECORD);
        let text = match text_file::read(&path, LIMIT_BYTES) {
            Ok(text) => text,
            Err(text_file::TextFileError::Missing) => return Ok(None),
            Err(error) => anyhow::bail!("`{path}`: {error}"),
        };
        let record: Self = serde_json::from_str(&text)
            .map_err(|error| anyhow::anyhow!("`{path}` is no record of a release: {error}"))?;
        anyhow::ensure!(record.schema == SCHEMA, "`{path}` has the schema {:?}, not {SCHEMA:?}", record.schema);
        Ok(Some(record))
    }
}

/// A release's list of archives, with its signature where there is one.
#[derive(Clone, Debug)]
pub struct Sums {
    pub path: Utf8PathBuf,
    text: String,
    signature: Option<Vec<u8>>,
    archives: BTreeMap<String, Hash>,
}

impl Sums {
    /// Reads the list of a version; null where there is none.
    ///
    /// # Errors
    /// Fails where a file is there and cannot be read, or is no such list.
    pub fn read(mirror: &Utf8Path, address: &ProviderAddress, version: &Version) -> anyhow::Result<Option<Self>> {
        let [path, signature] = signed_sums(mirror, address, version);
        let text = match text_file::read(&path, LIMIT_BYTES) {
            Ok(text) => text,
            Err(text_file::TextFileError::Missing) => return Ok(None),
            Err(error) => anyhow::bail!("`{path}`: {error}"),
        };
        let archives = parse(&text).map_err(|reason| anyhow::anyhow!("`{path}`: {reason}"))?;
        Ok(Some(Self { signature: read_small(&signature)?, path, text, archives }))
    }

    /// What the list says of a package's archive, as `zh:`.
    pub fn archive(&self, id: &PackageId) -> Option<&Hash> {
        let path = id.packed_path();
        self.archives.get(path.rsplit('/').next().unwrap_or_default())
    }

    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Whose signature it bears, if that is one of the keys'.
    ///
    /// # Errors
    /// Says why the list proves nothing.
    pub fn verify(&self, keys: &Keys, now: Timestamp) -> Result<Signed, String> {
        let signature = self.signature.as_ref().ok_or_else(|| format!("`{}` has no signature beside it", self.path))?;
        if keys.is_empty() {
            return Err(format!("no trusted key is given to verify the signature of `{}` with", self.path));
        }
        signature::verify(keys, signature, &mut Cursor::new(self.text.as_bytes()), now)
            .map_err(|error| format!("the signature of `{}`: {error}", self.path))
    }

    /// The keys that are kept beside it, which only show that list and signature belong together.
    ///
    /// # Errors
    /// Fails where they are there and cannot be read.
    pub(super) fn kept_keys(&self) -> anyhow::Result<Option<Keys>> {
        let path = self.path.with_file_name(KEYS);
        let Some(bytes) = read_small(&path)? else { return Ok(None) };
        Keys::parse(&bytes).map(Some).map_err(|error| anyhow::anyhow!("`{path}`: {error}"))
    }
}

/// Null where there is none.
fn read_small(path: &Utf8Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => anyhow::bail!("`{path}` is no ordinary file"),
        Ok(metadata) if metadata.len() > LIMIT_BYTES => anyhow::bail!("`{path}` has more than {LIMIT_BYTES} bytes"),
        Ok(_) => Ok(Some(fs::read(path)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
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
