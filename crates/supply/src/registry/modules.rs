//! The module registry protocol: versions, and where a version's package is.
//!
//! Source: OpenTofu `website/docs/internals/module-registry-protocol`, `internal/registry/client.go`.

use serde::Deserialize;
use url::Url;

use super::http::Client;
use super::protocol::{Discovery, RegistryError, parse};
use airtight_provider::EngineName;

/// Registries of modules, found by the hosts of addresses.
#[derive(Debug)]
pub(crate) struct ModuleRegistry<'a> {
    client: &'a Client,
    services: Discovery,
    /// Terraform reads the header alone, OpenTofu the body before the header.
    header_first: bool,
}

/// Where a package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModulePackage {
    /// An address as a module call may have it, for instance of a repository.
    Address(String),
    /// An archive that the registry itself has.
    Direct { url: Url, with_token: bool },
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    modules: Vec<ModuleVersions>,
}

#[derive(Deserialize)]
struct ModuleVersions {
    #[serde(default)]
    versions: Option<Vec<VersionEntry>>,
}

#[derive(Deserialize)]
struct VersionEntry {
    version: String,
}

#[derive(Default, Deserialize)]
struct Location {
    #[serde(default)]
    location: Option<String>,
    /// OpenTofu's newer answer: the registry has the archive itself.
    #[serde(default)]
    use_registry_credentials: Option<bool>,
}

const SERVICE: &str = "modules.v1";

impl<'a> ModuleRegistry<'a> {
    pub(crate) fn new(client: &'a Client, engine: EngineName) -> Self {
        Self { client, services: Discovery::default(), header_first: engine == EngineName::Terraform }
    }

    /// Every version that the registry lists, as it writes them. `path`: `NAMESPACE/NAME/SYSTEM`.
    pub(crate) fn versions(&self, host: &str, path: &str) -> Result<Vec<String>, RegistryError> {
        let url = self.url(host, &format!("{path}/versions"))?;
        let (bytes, _) = self.client.document(&url, Some(host)).map_err(|error| {
            let what = format!("module {path}");
            if error.is_not_found() { RegistryError::Unknown { host: host.to_owned(), what } } else { error.into() }
        })?;
        let Versions { modules } = parse(host, &bytes)?;
        let versions = modules.into_iter().next().and_then(|module| module.versions).unwrap_or_default();
        Ok(versions.into_iter().map(|entry| entry.version).collect())
    }

    /// Where a version's package is.
    pub(crate) fn package(&self, host: &str, path: &str, version: &str) -> Result<ModulePackage, RegistryError> {
        let url = self.url(host, &format!("{path}/{version}/download"))?;
        let nonsense = |reason: &str| RegistryError::Nonsense { host: host.to_owned(), reason: reason.to_owned() };
        let answer = self.client.answer(&url, Some(host)).map_err(|error| {
            let what = format!("version {version} of module {path}");
            if error.is_not_found() { RegistryError::Unknown { host: host.to_owned(), what } } else { error.into() }
        })?;
        // A body that is no JSON counts for nothing: the header is the older way.
        let said: Location = serde_json::from_slice(&answer.body).unwrap_or_default();
        let location = said.location.filter(|location| !location.is_empty());
        if let Some(with_token) =
            said.use_registry_credentials.filter(|_| !self.header_first || answer.package.is_none())
        {
            let location = location.ok_or_else(|| nonsense("it does not say where the package is"))?;
            let url = answer.url.join(&location).ok().filter(|url| url.scheme() == "https");
            let url = url.ok_or_else(|| nonsense("`location` is no https URL"))?;
            return Ok(ModulePackage::Direct { url, with_token });
        }
        let text = if self.header_first { answer.package.or(location) } else { location.or(answer.package) };
        let text = text.ok_or_else(|| nonsense("it does not say where the package is (`X-Terraform-Get`)"))?;
        let is_relative = ["/", "./", "../"].iter().any(|start| text.starts_with(start));
        if !is_relative {
            return Ok(ModulePackage::Address(text));
        }
        let joined = answer.url.join(&text).map_err(|_| nonsense("`X-Terraform-Get` is no URL"))?;
        Ok(ModulePackage::Address(joined.into()))
    }

    fn url(&self, host: &str, path: &str) -> Result<Url, RegistryError> {
        let base = self.services.base(self.client, host, SERVICE)?;
        base.join(path).map_err(|error| RegistryError::NoRegistry { host: host.to_owned(), reason: error.to_string() })
    }
}
