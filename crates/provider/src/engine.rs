//! The engine: OpenTofu or Terraform, and its version.

use std::fmt;
use std::str::FromStr;

use super::version::Version;

/// Which of the two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineName {
    Terraform,
    Tofu,
}

impl EngineName {
    /// The host that a source address without a host means.
    ///
    /// Source: OpenTofu `internal/addrs` `DefaultProviderRegistryHost`; Terraform the same.
    pub const fn default_registry_host(self) -> &'static str {
        match self {
            Self::Terraform => "registry.terraform.io",
            Self::Tofu => "registry.opentofu.org",
        }
    }

    /// The name of its executable.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::Tofu => "tofu",
        }
    }

    /// The name that people know it by.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::Tofu => "OpenTofu",
        }
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.program())
    }
}

impl FromStr for EngineName {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "terraform" => Ok(Self::Terraform),
            "tofu" | "opentofu" => Ok(Self::Tofu),
            _ => Err(UnknownEngine),
        }
    }
}

/// The text is the name of neither engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `tofu` or `terraform`")]
pub struct UnknownEngine;

/// One engine at one version: what selects the rules of a prediction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Engine {
    pub name: EngineName,
    pub version: Version,
}

impl Engine {
    pub const fn new(name: EngineName, version: Version) -> Self {
        Self { name, version }
    }

    /// Whether the version is this release or a later one; pre-releases of a release count as that release.
    pub fn is_at_least(&self, major: u64, minor: u64, patch: u64) -> bool {
        (self.version.major, self.version.minor, self.version.patch) >= (major, minor, patch)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name.title(), self.version)
    }
}
