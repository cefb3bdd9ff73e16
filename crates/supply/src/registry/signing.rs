//! Whether the checksums of a release are its publisher's.

use super::protocol::{Announcement, Registry, RegistryError};
use crate::signature::{Keys, Signed, checksums, verify};
use airtight_provider::Timestamp;

/// What proves a package behind the gap as it does here.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// `SHA256SUMS` of the release.
    pub checksums: String,
    pub signature: Vec<u8>,
    /// The keys that the registry gave, armoured, one after the other.
    pub keys: String,
    pub authenticity: Authenticity,
}

/// What proves the checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticity {
    Signed(Signed),
    /// The registry gives no key for this publisher, which OpenTofu's allows: only TLS proves them.
    Unsigned,
}

/// Fetches checksums and signature, and verifies them: the signature is of one of the registry's keys, or, where
/// `allowed` is given, of one of those alone; the checksums have the announced archive.
///
/// # Errors
/// Anything that does not match. A registry without keys is one where `allowed` is given.
pub(crate) fn authenticate(
    registry: &Registry<'_>,
    announcement: &Announcement,
    allowed: Option<&Keys>,
    now: Timestamp,
) -> Result<Evidence, RegistryError> {
    let not_authentic = |reason: String| RegistryError::NotAuthentic(reason);
    let (document, _) = registry.client.document(&announcement.checksums, None)?;
    let checksums = String::from_utf8(document).map_err(|_| not_authentic("SHA256SUMS is not UTF-8".to_owned()))?;
    let keys = announcement.keys.join("\n");
    let file_name = &announcement.file_name;
    match checksums::find(&checksums, file_name) {
        Some(listed) if listed == announcement.zh => {}
        Some(_) => {
            return Err(not_authentic(format!("SHA256SUMS has another SHA-256 of {file_name} than the registry says")));
        }
        None => return Err(not_authentic(format!("SHA256SUMS does not list {file_name}"))),
    }
    if keys.trim().is_empty() && allowed.is_none() {
        return Ok(Evidence { checksums, signature: Vec::new(), keys, authenticity: Authenticity::Unsigned });
    }
    let (signature, _) = registry.client.document(&announcement.signature, None)?;
    let counting = match allowed {
        Some(allowed) => allowed.clone(),
        None => Keys::parse(keys.as_bytes()).map_err(|error| not_authentic(error.to_string()))?,
    };
    let signed = verify(&counting, &signature, &mut std::io::Cursor::new(checksums.as_bytes()), now)
        .map_err(|error| not_authentic(format!("SHA256SUMS: {error}")))?;
    Ok(Evidence { checksums, signature, keys, authenticity: Authenticity::Signed(signed) })
}
