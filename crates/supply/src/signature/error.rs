//! Why a signature is not valid.

use airtight_provider::Timestamp;

/// What is wrong with a key, a signature, or the two together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("no OpenPGP public key: {0}")]
    NoKey(String),
    #[error("no OpenPGP signature: {0}")]
    NoSignature(String),
    /// `wanted` is what the signature says about its maker: key ids or fingerprints.
    #[error("signed by {}, which is none of the keys that count: {}", list(.wanted), list(.known))]
    UnknownKey { wanted: Vec<String>, known: Vec<String> },
    #[error("the signature of {0} does not match: these are not the bytes that were signed")]
    Mismatch(String),
    #[error("the key {fingerprint} had expired on {expired}, before it signed on {signed}")]
    KeyExpired { fingerprint: String, expired: Timestamp, signed: Timestamp },
    #[error("the signature of {fingerprint} expired on {expired}")]
    SignatureExpired { fingerprint: String, expired: Timestamp },
    #[error("the key {0} is revoked")]
    KeyRevoked(String),
    #[error("the signature of {fingerprint} is from {signed}, which is {reason}")]
    WrongTime { fingerprint: String, signed: Timestamp, reason: &'static str },
    #[error("the signature of {fingerprint} uses {algorithm}, which can be forged")]
    WeakDigest { fingerprint: String, algorithm: String },
    #[error("the key {0} is not made for signing, or its owner has not signed it")]
    NotForSigning(String),
    #[error("{0}")]
    Read(String),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}
