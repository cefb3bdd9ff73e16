//! Detached OpenPGP signatures, and the checksum files that they sign.
//!
//! Says whose signature is on some bytes, and refuses what should not count: digests that can be forged, keys that had
//! expired or were revoked when they signed, subkeys that the primary key does not own. It knows nothing of registries
//! or archives, and trusts nobody: which keys count is the caller's to say.

pub mod checksums;
mod error;
mod keys;
mod renewed;
mod verify;

pub use error::SignatureError;
pub use keys::{Fingerprint, Keys};
pub use verify::{Signed, verify};
