//! Detached OpenPGP signatures, and the checksum files that they sign.
//!
//! Says whose signature is on some bytes, and refuses what must not be accepted: digests that can be forged, keys that had
//! expired or were revoked when they signed, subkeys that the primary key does not own. It knows nothing of registries
//! or archives, and trusts nobody: the caller decides which keys are accepted.

pub mod checksums;
mod error;
mod keys;
mod renewed;
mod verify;

pub use error::SignatureError;
pub use keys::{Fingerprint, Keys};
pub use verify::{Signed, verify};
