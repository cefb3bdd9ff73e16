//! The target of a package: operating system and processor.

use std::fmt;
use std::str::FromStr;

/// A platform in the engines' words, such as `linux_amd64`. `Ord` is by operating system, then by processor.
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

    /// Exactly one `_`, no ASCII white space, case kept; either side may be empty.
    ///
    /// Source: OpenTofu `internal/getproviders/types.go` `ParsePlatform`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (os, arch) = text.split_once('_').ok_or(PlatformError)?;
        if arch.contains('_') || text.contains([' ', '\t', '\n', '\r']) {
            return Err(PlatformError);
        }
        Ok(Self { os: os.to_owned(), arch: arch.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_two_words_joined_by_one_underscore() {
        for text in ["linux_amd64", "Linux_AMD64", "_", "darwin_", "linux_amd64\u{a0}"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for text in ["", "linux", "linux_amd64_v1", "linux _amd64", "linux_amd64 (1)", "linux_\tamd64", "linux-amd64"] {
            assert_eq!(text.parse::<Platform>(), Err(PlatformError), "{text:?}");
        }
    }

    #[test]
    fn this_machine_s_platform_is_one_that_parses() {
        let current = Platform::current();
        assert_eq!(current.to_string().parse(), Ok(current));
    }
}
