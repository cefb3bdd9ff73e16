//! Public keys: armoured or binary, one or many in a file.

use std::fmt;
use std::str::FromStr;

use pgp::composed::{Deserializable as _, SignedPublicKey};

use super::SignatureError;

const ARMOR_BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// The keys whose signatures may be accepted.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub(super) keys: Vec<SignedPublicKey>,
}

impl Keys {
    /// Reads every key of a file, in armour (several blocks too) or binary.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let no_key = |error: pgp::errors::Error| SignatureError::NoKey(error.to_string());
        let mut keys = Vec::new();
        for block in blocks(bytes) {
            let (found, _) = SignedPublicKey::from_reader_many_buf(block).map_err(no_key)?;
            keys.extend(found.collect::<Result<Vec<_>, _>>().map_err(no_key)?);
        }
        if keys.is_empty() { Err(SignatureError::NoKey("the file holds none".to_owned())) } else { Ok(Self { keys }) }
    }

    pub fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Only the key with this fingerprint, which may also be that of one of its subkeys.
    #[must_use]
    pub fn only(mut self, fingerprint: &Fingerprint) -> Self {
        self.keys.retain(|key| {
            Fingerprint::of(key) == *fingerprint
                || key.public_subkeys.iter().any(|subkey| Fingerprint::of(&subkey.key) == *fingerprint)
        });
        self
    }

    /// Of the primary keys.
    pub(crate) fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keys.iter().map(Fingerprint::of).collect()
    }
}

/// Armoured blocks one by one, as the armour reader stops after the first.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let Ok(text) = std::str::from_utf8(bytes) else { return vec![bytes] };
    let starts: Vec<usize> = text.match_indices(ARMOR_BEGIN).map(|(place, _)| place).collect();
    if starts.is_empty() {
        return vec![bytes];
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &bytes[*start..end]).collect()
}

/// A key's whole fingerprint, in upper-case hexadecimal. Key ids are shorter, and can be forged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub(super) fn of(key: &impl pgp::types::KeyDetails) -> Self {
        Self(key.fingerprint().to_string().to_uppercase())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The text is no whole fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the key's whole fingerprint, 40 or 64 hexadecimal digits; a key id is too short to identify a key")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// As `gpg --fingerprint` prints it; blanks and case do not matter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        if matches!(digits.len(), 40 | 64) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(digits.to_uppercase()))
        } else {
            Err(FingerprintError)
        }
    }
}
