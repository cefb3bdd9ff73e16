//! Copies of keys that live longer than those that people and registries still hand out.
//!
//! HashiCorp's key expired in April 2026 and was renewed, not exchanged: the same key, with a new signature of its own that
//! says how long it is valid. A copy from before refuses everything that was signed since. The renewed copy adds no trust:
//! it is only used for a key that the caller trusts already.
//!
//! Source: hashicorp/terraform #38422.

use super::{Fingerprint, Keys};

const HASHICORP: &[u8] = include_bytes!("hashicorp.asc");
const HASHICORP_FINGERPRINT: &str = "C874011F0AB405110D02105534365D9472D7468F";

/// The renewed copies of those of the keys that have one.
pub(super) fn copies_of(keys: &Keys) -> Keys {
    let is_hashicorps = |fingerprint: &Fingerprint| fingerprint.to_string() == HASHICORP_FINGERPRINT;
    if !keys.fingerprints().iter().any(is_hashicorps) {
        return Keys::default();
    }
    // It is read by a test.
    Keys::parse(HASHICORP).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::Timestamp;

    #[test]
    fn the_copy_is_hashicorps_key_and_is_used_for_nobody_elses() {
        let keys = Keys::parse(HASHICORP).unwrap();
        let fingerprints: Vec<String> = keys.fingerprints().iter().map(ToString::to_string).collect();
        assert_eq!(fingerprints, [HASHICORP_FINGERPRINT]);
        assert_eq!(copies_of(&keys).fingerprints(), keys.fingerprints());
        assert!(copies_of(&Keys::default()).is_empty());
    }

    /// Of hashicorp/null 3.1.0, signed in 2021 by a subkey that has expired since.
    ///
    /// Source: hashicorp/terraform `internal/getproviders/package_authentication_test.go`.
    #[test]
    fn what_was_signed_before_still_verifies() {
        use base64::Engine as _;
        let signature = base64::engine::general_purpose::STANDARD.decode(include_str!("hashicorp.sig.base64").trim());
        let mut data = std::io::Cursor::new(include_bytes!("hashicorp.sums"));
        let keys = Keys::parse(HASHICORP).unwrap();
        let signed = super::super::verify(&keys, &signature.unwrap(), &mut data, Timestamp(1_795_000_000)).unwrap();
        assert_eq!(signed.fingerprint.to_string(), HASHICORP_FINGERPRINT);
    }
}
