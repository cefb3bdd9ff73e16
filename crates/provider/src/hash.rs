//! Package hashes as a dependency lock file writes them.

use std::fmt;
use std::str::FromStr;

/// The scheme before the colon. Unknown schemes parse and never match, so that a newer lock file is not an error.
///
/// Source: OpenTofu `internal/getproviders/hash.go` `ParseHash`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashScheme {
    /// Hash of a package's contents, however it is stored.
    H1,
    /// SHA-256 of the release archive.
    Zh,
    Other(String),
}

impl HashScheme {
    pub fn as_str(&self) -> &str {
        match self {
            Self::H1 => "h1:",
            Self::Zh => "zh:",
            Self::Other(scheme) => scheme,
        }
    }
}

/// One hash, such as `h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=`. `Ord` is the order of its text, which is the
/// order that the engines sort lock files by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    text: String,
}

impl Hash {
    /// An `h1:` hash from its digest.
    pub fn h1(digest: [u8; 32]) -> Self {
        use base64::Engine as _;
        Self { text: format!("h1:{}", base64::engine::general_purpose::STANDARD.encode(digest)) }
    }

    /// A `zh:` hash from its digest.
    pub fn zh(digest: [u8; 32]) -> Self {
        let mut text = String::with_capacity(67);
        text.push_str("zh:");
        for byte in digest {
            use fmt::Write as _;
            write!(text, "{byte:02x}").expect("writing to a String does not fail");
        }
        Self { text }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn scheme(&self) -> HashScheme {
        if self.text.starts_with("h1:") {
            HashScheme::H1
        } else if self.text.starts_with("zh:") {
            HashScheme::Zh
        } else {
            let end = self.text.find(':').map_or(self.text.len(), |colon| colon + 1);
            HashScheme::Other(self.text[..end].to_owned())
        }
    }

    /// Whether the engines use it at all: unknown schemes are invisible to them.
    pub fn is_preferred(&self) -> bool {
        !matches!(self.scheme(), HashScheme::Other(_))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The text has no scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hash string must start with a scheme keyword followed by a colon")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    /// Needs a non-empty scheme and a colon; the value is not looked at.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.find(':') {
            Some(colon) if colon > 0 => Ok(Self { text: text.to_owned() }),
            _ => Err(HashError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_needs_a_scheme_and_keeps_its_text() {
        for text in ["h1:", "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "zh:00", "h2:x:y", "H1:x"] {
            assert_eq!(text.parse::<Hash>().unwrap().to_string(), text);
        }
        for text in ["", ":x", "47DEQ"] {
            assert_eq!(text.parse::<Hash>(), Err(HashError), "{text:?}");
        }
    }

    #[test]
    fn only_the_two_known_schemes_count() {
        let table = [
            ("h1:x", HashScheme::H1, true),
            ("zh:x", HashScheme::Zh, true),
            ("h2:x:y", HashScheme::Other("h2:".to_owned()), false),
            ("H1:x", HashScheme::Other("H1:".to_owned()), false),
        ];
        for (text, scheme, is_preferred) in table {
            let hash: Hash = text.parse().unwrap();
            assert!(text.starts_with(scheme.as_str()));
            assert_eq!((hash.scheme(), hash.is_preferred()), (scheme, is_preferred), "{text:?}");
        }
    }

    #[test]
    fn digests_print_as_lock_files_write_them() {
        assert_eq!(Hash::h1([0xfb; 32]).as_str(), "h1:+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=");
        assert_eq!(Hash::zh([0x0a; 32]).as_str(), format!("zh:{}", "0a".repeat(32)));
    }
}
