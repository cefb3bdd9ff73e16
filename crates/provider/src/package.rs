//! A provider package: one version for one platform, in one of the two layouts of a filesystem mirror.

use std::fmt;

use serde::Serialize;

use super::address::ProviderAddress;
use super::platform::Platform;
use super::version::Version;

/// What identifies a package, in any place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId {
    pub address: ProviderAddress,
    pub version: Version,
    pub platform: Platform,
}

impl PackageId {
    /// The place of its directory below a mirror or below `.terraform/providers`, `/`-separated.
    ///
    /// Source: OpenTofu `internal/getproviders/filesystem_search.go` `UnpackedDirectoryPathForPackage`.
    pub fn unpacked_path(&self) -> String {
        format!(
            "{}/{}/{}/{}/{}",
            self.address.host(),
            self.address.namespace(),
            self.address.provider_type(),
            self.version,
            self.platform
        )
    }

    /// The place of its archive below a mirror, `/`-separated.
    ///
    /// Source: OpenTofu `internal/getproviders/filesystem_search.go` `PackedFilePathForPackage`.
    pub fn packed_path(&self) -> String {
        format!(
            "{}/{}/{}/terraform-provider-{}_{}_{}.zip",
            self.address.host(),
            self.address.namespace(),
            self.address.provider_type(),
            self.address.provider_type(),
            self.version,
            self.platform
        )
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} ({})", self.address, self.version, self.platform)
    }
}

/// How a package is stored in a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A release archive, `terraform-provider-TYPE_VERSION_TARGET.zip`.
    Packed,
    /// A directory, `VERSION/TARGET/`.
    Unpacked,
}

impl Layout {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Unpacked => "unpacked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_lies_where_the_engines_look_for_it() {
        let id = PackageId {
            address: "registry.opentofu.org/hashicorp/null".parse().unwrap(),
            version: "3.2".parse().unwrap(),
            platform: "linux_amd64".parse().unwrap(),
        };
        assert_eq!(id.unpacked_path(), "registry.opentofu.org/hashicorp/null/3.2.0/linux_amd64");
        assert_eq!(
            id.packed_path(),
            "registry.opentofu.org/hashicorp/null/terraform-provider-null_3.2.0_linux_amd64.zip"
        );
        assert_eq!(id.to_string(), "registry.opentofu.org/hashicorp/null 3.2.0 (linux_amd64)");
    }
}
