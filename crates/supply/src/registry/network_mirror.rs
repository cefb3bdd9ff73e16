//! The provider network mirror protocol.
//!
//! Source: OpenTofu `website/docs/internals/provider-network-mirror-protocol`, `internal/getproviders/http_mirror_source.go`.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::http::Client;
use super::protocol::{RegistryError, missing_platform, missing_version, parse};
use airtight_provider::{Hash, PackageId, Platform, ProviderAddress, Version};

/// A network mirror by its base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkMirror {
    base: Url,
}

/// Where a mirror has a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorArchive {
    pub url: Url,
    /// What the mirror says of it; it may say nothing.
    pub hashes: Vec<Hash>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    versions: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct VersionIndex {
    #[serde(default)]
    archives: BTreeMap<String, Archive>,
}

#[derive(Deserialize)]
struct Archive {
    url: String,
    #[serde(default)]
    hashes: Option<Vec<String>>,
}

impl NetworkMirror {
    /// # Errors
    /// Text that is no https URL. A missing final `/` is added, where the engines drop the last part of the path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let with_slash = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        let base = Url::parse(&with_slash).map_err(|error| format!("`{text}` is no URL: {error}"))?;
        match (base.scheme(), base.query()) {
            ("https", None) => Ok(Self { base }),
            ("https", Some(_)) => Err("a network mirror's URL has no query".to_owned()),
            _ => Err("a network mirror is used by https only".to_owned()),
        }
    }

    /// Host, with its port.
    pub fn host(&self) -> String {
        let name = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
    }

    /// Every version that it has of a provider.
    pub fn versions(&self, client: &Client, address: &ProviderAddress) -> Result<Vec<Version>, RegistryError> {
        let what = || format!("provider {address}");
        let bytes = self.ask(client, &format!("{address}/index.json"), what)?.0;
        let Index { versions } = parse(&self.host(), &bytes)?;
        Ok(versions.keys().filter_map(|version| version.parse().ok()).collect())
    }

    pub fn archive(&self, client: &Client, id: &PackageId) -> Result<MirrorArchive, RegistryError> {
        let missing = || match self.versions(client, &id.address) {
            Ok(versions) => missing_version(id, versions.iter()),
            Err(_) => format!("provider {}", id.address),
        };
        let (bytes, url) = self.ask(client, &format!("{}/{}.json", id.address, id.version), missing)?;
        let VersionIndex { mut archives } = parse(&self.host(), &bytes)?;
        let archive = archives.remove(&id.platform.to_string()).ok_or_else(|| {
            let others: Vec<Platform> = archives.keys().filter_map(|platform| platform.parse().ok()).collect();
            self.unknown(missing_platform(id, others.iter()))
        })?;
        let url = url.join(&archive.url).map_err(|_| RegistryError::Nonsense {
            host: self.host(),
            reason: format!("the archive of {id} has no URL"),
        })?;
        Ok(MirrorArchive {
            url,
            hashes: archive.hashes.iter().flatten().filter_map(|hash| hash.parse().ok()).collect(),
        })
    }

    fn ask(&self, client: &Client, path: &str, what: impl FnOnce() -> String) -> Result<(Vec<u8>, Url), RegistryError> {
        let url = self.base.join(&format!("./{path}")).map_err(|_| self.unknown(path.to_owned()))?;
        client
            .document(&url, Some(&self.host()))
            .map_err(|error| if error.is_not_found() { self.unknown(what()) } else { error.into() })
    }

    fn unknown(&self, what: String) -> RegistryError {
        RegistryError::Unknown { host: self.host(), what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_mirror_is_an_https_directory() {
        assert_eq!(NetworkMirror::parse("https://m.example/p"), NetworkMirror::parse("https://m.example/p/"));
        assert_eq!(NetworkMirror::parse("https://m.example:8443/p/").unwrap().host(), "m.example:8443");
        for text in ["http://m.example/", "m.example", "https://m.example/?a", "/providers"] {
            assert!(NetworkMirror::parse(text).is_err(), "{text}");
        }
    }
}
