//! The target of a package: operating system and processor.

use std::fmt;
use std::str::FromStr;

/// A platform in the engines' words, such as `linux_amd64`. `Ord` is the order of its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: String,
    arch: String,
}

impl Platform {
    /// The platform of this machine.
    pub fn current() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Self { os: os.to_owned(), arch: arch.to_owned() }
    }

    pub fn os(&self) -> &str {
        &self.os
    }

    pub fn arch(&self) -> &str {
        &self.arch
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}_{}", self.os, self.arch)
    }
}

/// The text is not `OS_ARCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `OS_ARCH`, such as `linux_amd64`")]
pub struct PlatformError;

impl FromStr for Platform {
    type Err = PlatformError;

    /// Exactly one `_`, no white space, case kept.
    ///
    /// Source: OpenTofu `internal/getproviders/types.go` `ParsePlatform`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (os, arch) = text.split_once('_').ok_or(PlatformError)?;
        if arch.contains('_') || text.chars().any(char::is_whitespace) {
            return Err(PlatformError);
        }
        Ok(Self { os: os.to_owned(), arch: arch.to_owned() })
    }
}
