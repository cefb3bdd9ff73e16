//! The provider registry protocol: discovery, versions, where a package is.
//!
//! Source: OpenTofu `website/docs/internals/provider-registry-protocol`, `internal/getproviders/registry_client.go`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Deserialize;
use url::Url;

use super::failure::HttpError;
use super::http::Client;
use crate::signature::checksums;
use airtight_provider::{Hash, PackageId, Platform, ProviderAddress, Version};

/// Why a registry did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{host} is no registry: {reason}")]
    NoRegistry { host: String, reason: String },
    /// The provider, the version or the platform.
    #[error("{host} has no {what}")]
    Unknown { host: String, what: String },
    #[error("{host}: {reason}")]
    Nonsense { host: String, reason: String },
    #[error("{0}")]
    NotAuthentic(String),
}

/// What a registry says about a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The archive's name in the checksum file.
    pub file_name: String,
    pub archive: Url,
    /// SHA-256 of the archive.
    pub zh: Hash,
    pub checksums: Url,
    pub signature: Url,
    /// Armoured, as the registry gave them; empty if it has none for this publisher.
    pub keys: Vec<String>,
}

/// Registries, found by the hosts of addresses.
#[derive(Debug)]
pub struct Registry<'a> {
    pub(super) client: &'a Client,
    services: Discovery,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    versions: Option<Vec<VersionEntry>>,
}

#[derive(Deserialize)]
struct VersionEntry {
    version: String,
    #[serde(default)]
    platforms: Option<Vec<PlatformEntry>>,
}

#[derive(Deserialize)]
struct PlatformEntry {
    os: String,
    arch: String,
}

/// A version that a registry lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    pub version: Version,
    /// Empty if the registry does not say.
    pub platforms: Vec<Platform>,
}

impl ListedVersion {
    /// False only if the registry names other platforms.
    pub(crate) fn may_have(&self, platform: &Platform) -> bool {
        self.platforms.is_empty() || self.platforms.contains(platform)
    }
}

#[derive(Deserialize)]
struct Package {
    os: String,
    arch: String,
    filename: String,
    download_url: String,
    shasum: String,
    shasums_url: String,
    shasums_signature_url: String,
    #[serde(default)]
    signing_keys: SigningKeys,
}

#[derive(Default, Deserialize)]
struct SigningKeys {
    #[serde(default)]
    gpg_public_keys: Option<Vec<SigningKey>>,
}

#[derive(Deserialize)]
struct SigningKey {
    ascii_armor: String,
}

impl<'a> Registry<'a> {
    pub fn new(client: &'a Client) -> Self {
        Self { client, services: Discovery::default() }
    }

    /// Every version of a provider. Texts that are not versions are ignored, as by the engines.
    pub fn versions(&self, address: &ProviderAddress) -> Result<Vec<ListedVersion>, RegistryError> {
        let host = address.host();
        let path = format!("{}/{}/versions", address.namespace(), address.provider_type());
        let unknown = || RegistryError::Unknown { host: host.to_owned(), what: format!("provider {address}") };
        let (bytes, _) = self.ask(host, &path, unknown)?;
        let Versions { versions } = parse(host, &bytes)?;
        let listed = |entry: VersionEntry| {
            let platforms = entry.platforms.unwrap_or_default().into_iter();
            let platforms = platforms.filter_map(|entry| format!("{}_{}", entry.os, entry.arch).parse().ok());
            Some(ListedVersion { version: entry.version.parse().ok()?, platforms: platforms.collect() })
        };
        Ok(versions.unwrap_or_default().into_iter().filter_map(listed).collect())
    }

    /// Which part of a package's identity a registry does not have.
    fn missing(&self, id: &PackageId) -> RegistryError {
        let PackageId { address, version, platform } = id;
        let unknown = |what: String| RegistryError::Unknown { host: address.host().to_owned(), what };
        let listed = match self.versions(address) {
            Ok(listed) => listed,
            Err(error @ RegistryError::Unknown { .. }) => return error,
            Err(_) => return unknown(id.to_string()),
        };
        let same = listed.iter().find(|listed| listed.version == *version);
        match same.filter(|listed| !listed.may_have(platform)) {
            Some(listed) => unknown(missing_platform(id, listed.platforms.iter())),
            None if same.is_none() => unknown(missing_version(id, listed.iter().map(|listed| &listed.version))),
            None => unknown(format!("{id}, although it lists it")),
        }
    }

    /// Where a package is, and what it must be.
    pub(crate) fn announcement(&self, id: &PackageId) -> Result<Announcement, RegistryError> {
        let PackageId { address, version, platform } = id;
        let host = address.host();
        let nonsense = |reason: String| RegistryError::Nonsense { host: host.to_owned(), reason };
        let path = format!(
            "{}/{}/{version}/download/{}/{}",
            address.namespace(),
            address.provider_type(),
            platform.os(),
            platform.arch()
        );
        let (bytes, url) = self.ask(host, &path, || self.missing(id))?;
        let package: Package = parse(host, &bytes)?;
        if package.os != platform.os() || package.arch != platform.arch() {
            return Err(nonsense(format!("asked for {platform}, it answered for {}_{}", package.os, package.arch)));
        }
        if package.filename.is_empty() || package.filename.contains(['/', '\\']) || package.filename.starts_with('.') {
            return Err(nonsense("the archive's file name is none".to_owned()));
        }
        let zh = checksums::find(&format!("{}  x", package.shasum), "x")
            .ok_or_else(|| nonsense("`shasum` is no SHA-256".to_owned()))?;
        let join = |name: &str, text: &str| url.join(text).map_err(|_| nonsense(format!("`{name}` is no URL")));
        Ok(Announcement {
            file_name: package.filename,
            archive: join("download_url", &package.download_url)?,
            zh,
            checksums: join("shasums_url", &package.shasums_url)?,
            signature: join("shasums_signature_url", &package.shasums_signature_url)?,
            keys: package
                .signing_keys
                .gpg_public_keys
                .unwrap_or_default()
                .into_iter()
                .map(|key| key.ascii_armor)
                .collect(),
        })
    }

    fn ask(
        &self,
        host: &str,
        path: &str,
        unknown: impl FnOnce() -> RegistryError,
    ) -> Result<(Vec<u8>, Url), RegistryError> {
        let service = self.service(host)?;
        let url = service
            .join(path)
            .map_err(|error| RegistryError::NoRegistry { host: host.to_owned(), reason: error.to_string() })?;
        self.client
            .document(&url, Some(host))
            .map_err(|error| if error.is_not_found() { unknown() } else { error.into() })
    }

    fn service(&self, host: &str) -> Result<Url, RegistryError> {
        self.services.base(self.client, host, "providers.v1")
    }
}

/// The services of hosts, each asked for once.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    /// By host and service.
    bases: Mutex<BTreeMap<(String, &'static str), Url>>,
}

impl Discovery {
    /// The base of a registry's addresses.
    ///
    /// Source: OpenTofu `website/docs/internals/remote-service-discovery`.
    pub(super) fn base(&self, client: &Client, host: &str, name: &'static str) -> Result<Url, RegistryError> {
        // Held while asking, so that many threads ask once.
        let mut bases = self.bases.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (host.to_owned(), name);
        if let Some(base) = bases.get(&key) {
            return Ok(base.clone());
        }
        let none = |reason: String| RegistryError::NoRegistry { host: host.to_owned(), reason };
        let url = Url::parse(&format!("https://{host}/.well-known/terraform.json"))
            .map_err(|_| none("the host is not one of a URL".to_owned()))?;
        let (mut base, url) = if let Some(services) = client.services().of(host) {
            let base = services.get(name).cloned();
            (base.ok_or_else(|| none(format!("its `host` block in the CLI configuration names no `{name}`")))?, url)
        } else {
            let (bytes, url) = client.document(&url, Some(host)).map_err(|error| {
                if error.is_not_found() {
                    none("it has no /.well-known/terraform.json".to_owned())
                } else {
                    error.into()
                }
            })?;
            let services: BTreeMap<String, serde_json::Value> = parse(host, &bytes)?;
            let base = services.get(name).and_then(serde_json::Value::as_str).map(ToOwned::to_owned);
            (base.ok_or_else(|| none(format!("its discovery document names no `{name}`")))?, url)
        };
        if !base.ends_with('/') {
            base.push('/');
        }
        let base = url.join(&base).map_err(|_| none(format!("its `{name}` is no URL")))?;
        bases.insert(key, base.clone());
        Ok(base)
    }
}

/// In words, after `has no`.
pub(super) fn missing_platform<'a>(id: &PackageId, others: impl Iterator<Item = &'a Platform>) -> String {
    let others: Vec<_> = others.map(ToString::to_string).collect();
    let PackageId { address, version, platform } = id;
    format!("package of {address} {version} for {platform}; it has that version for {}", others.join(", "))
}

/// In words, after `has no`.
pub(super) fn missing_version<'a>(id: &PackageId, others: impl Iterator<Item = &'a Version>) -> String {
    let PackageId { address, version, .. } = id;
    match others.max_by(|left, right| left.cmp_precedence(right)) {
        Some(newest) => format!("version {version} of {address}; its newest is {newest}"),
        None => format!("version {version} of {address}, nor any other"),
    }
}

pub(super) fn parse<'de, T: Deserialize<'de>>(host: &str, bytes: &'de [u8]) -> Result<T, RegistryError> {
    serde_json::from_slice(bytes).map_err(|error| RegistryError::Nonsense {
        host: host.to_owned(),
        reason: format!("its answer is not as the protocol has it: {error}"),
    })
}
