//! Provider addresses: as written (`SourceAddress`), fully qualified (`ProviderAddress`), and patterns over them.

use std::fmt;
use std::str::FromStr;

use super::engine::EngineName;

/// A provider's identity: host, namespace, type, normalised. Prints as `host/namespace/type`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderAddress {
    host: String,
    namespace: String,
    provider_type: String,
}

impl ProviderAddress {
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn provider_type(&self) -> &str {
        &self.provider_type
    }

    /// `terraform.io/builtin/TYPE` (OpenTofu from 1.11 also `opentofu.org/builtin/TYPE`): inside the engine.
    pub fn is_built_in(&self) -> bool {
        todo!()
    }

    /// Namespace `-`: a name from before 0.13 that no engine installs.
    pub fn is_legacy(&self) -> bool {
        self.namespace == "-"
    }

    /// What an undeclared local name means: `hashicorp/NAME` on the engine's own host (`terraform` is built in).
    pub fn implied(engine: EngineName, local_name: &str) -> Result<Self, AddressError> {
        todo!()
    }

    /// The same provider on another host.
    pub fn on_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// From the three directory names of a mirror; each is normalised, an invalid one is an error.
    pub fn from_directories(
        engine: EngineName,
        host: &str,
        namespace: &str,
        provider_type: &str,
    ) -> Result<Self, AddressError> {
        todo!()
    }

    /// How the engine prints it: without the host where that is the engine's own.
    pub fn for_display(&self, engine: EngineName) -> String {
        if self.host == engine.default_registry_host() {
            format!("{}/{}", self.namespace, self.provider_type)
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for ProviderAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.host, self.namespace, self.provider_type)
    }
}

impl FromStr for ProviderAddress {
    type Err = AddressError;

    /// All three parts, in normalised form.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        todo!()
    }
}

/// A source address as written, `[HOST/]NAMESPACE/TYPE` or `TYPE`, parsed by the engine's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    host: Option<String>,
    namespace: Option<String>,
    provider_type: String,
}

impl SourceAddress {
    /// Source: `registry-address` `ParseProviderSource`.
    pub fn parse(text: &str, engine: EngineName) -> Result<Self, AddressError> {
        todo!()
    }

    pub fn resolve(&self, engine: EngineName) -> ProviderAddress {
        todo!()
    }
}

/// Why a text is no provider address; a fragment that fits after "invalid provider address: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0}")]
    Invalid(String),
}

/// An `include` or `exclude` pattern of an installation method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPattern {
    host: Option<String>,
    namespace: Option<String>,
    provider_type: Option<String>,
}

impl AddressPattern {
    /// Source: OpenTofu `internal/getproviders/multi_source.go` `ParseMultiSourceMatchingPatterns`.
    pub fn parse(text: &str, engine: EngineName) -> Result<Self, AddressError> {
        todo!()
    }

    pub fn matches(&self, address: &ProviderAddress) -> bool {
        todo!()
    }
}
