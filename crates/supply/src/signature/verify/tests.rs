use std::io::Cursor;

use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::packet::{KeyFlags, SignatureConfig, Subpacket};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, Password, SigningKey};
use rand::thread_rng;

use super::*;

const DATA: &[u8] = b"the release";
const NOW: Timestamp = Timestamp(1_700_000_000);
const DAY: u64 = 86_400;

fn key(with_subkey: bool) -> SignedSecretKey {
    key_of(KeyType::Ed25519Legacy, with_subkey)
}

fn key_of(key_type: KeyType, with_subkey: bool) -> SignedSecretKey {
    let created = pgp::types::Timestamp::from_secs(u32::try_from(NOW.0 - 100 * DAY).unwrap());
    let mut parameters = SecretKeyParamsBuilder::default();
    parameters
        .key_type(key_type)
        .can_certify(true)
        .can_sign(!with_subkey)
        .created_at(created)
        .primary_user_id("Publisher <p@example.com>".into());
    if with_subkey {
        let mut subkey = SubkeyParamsBuilder::default();
        subkey.key_type(KeyType::Ed25519Legacy).can_sign(true).can_encrypt(EncryptionCaps::None).created_at(created);
        parameters.subkeys(vec![subkey.build().unwrap()]);
    }
    parameters.build().unwrap().generate(thread_rng()).unwrap()
}

fn config(signer: &impl SigningKey, typ: SignatureType, at: u64, more: Vec<SubpacketData>) -> SignatureConfig {
    let mut config = SignatureConfig::v4(typ, signer.algorithm(), HashAlgorithm::Sha256);
    let created = pgp::types::Timestamp::from_secs(u32::try_from(at).unwrap());
    let own = [SubpacketData::SignatureCreationTime(created), SubpacketData::IssuerFingerprint(signer.fingerprint())];
    config.hashed_subpackets = own.into_iter().chain(more).map(|data| Subpacket::regular(data).unwrap()).collect();
    config
}

fn sign(signer: &impl SigningKey, at: u64) -> Vec<u8> {
    bytes(config(signer, SignatureType::Binary, at, Vec::new()).sign(signer, &Password::empty(), DATA).unwrap())
}

fn bytes(signature: Signature) -> Vec<u8> {
    DetachedSignature::new(signature).to_bytes().unwrap()
}

fn public(key: &SignedSecretKey) -> Keys {
    Keys::parse(&SignedPublicKey::from(key.clone()).to_bytes().unwrap()).unwrap()
}

/// Adds what the key says about itself, newer than what it said when it was made.
fn expiring(mut key: SignedSecretKey, after_seconds: u64) -> SignedSecretKey {
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    let more = vec![
        SubpacketData::KeyExpirationTime(Duration::from_secs(u32::try_from(after_seconds).unwrap())),
        SubpacketData::KeyFlags(flags),
    ];
    let later = pgp::types::Timestamp::now().as_secs() + 10;
    let config = config(&key.primary_key, SignatureType::Key, later.into(), more);
    let own = config.sign_key(&key.primary_key, &Password::empty(), key.primary_key.public_key()).unwrap();
    key.details.direct_signatures.push(own);
    key
}

fn revoked(mut key: SignedSecretKey, reason: RevocationCode, at: u64) -> SignedSecretKey {
    let more = vec![SubpacketData::RevocationReason(reason, bytes::Bytes::new())];
    let config = config(&key.primary_key, SignatureType::KeyRevocation, at, more);
    let own = config.sign_key(&key.primary_key, &Password::empty(), key.primary_key.public_key()).unwrap();
    key.details.revocation_signatures.push(own);
    key
}

fn verified(key: &SignedSecretKey, signature: &[u8]) -> Result<Signed, SignatureError> {
    verify(&public(key), signature, &mut Cursor::new(DATA), NOW)
}

#[test]
fn a_signature_tells_its_maker_and_time() {
    let key = key(false);
    let signed = verified(&key, &sign(&key.primary_key, NOW.0 - DAY)).unwrap();
    assert_eq!(signed.fingerprint, Fingerprint::of(&key.primary_key));
    assert_eq!(signed.user_id.as_deref(), Some("Publisher <p@example.com>"));
    assert_eq!((signed.at, signed.key_expired), (Timestamp(NOW.0 - DAY), None));
}

#[test]
fn armour_and_binary_are_read_alike() {
    let key = key(false);
    let signature = config(&key.primary_key, SignatureType::Binary, NOW.0 - DAY, Vec::new())
        .sign(&key.primary_key, &Password::empty(), DATA)
        .unwrap();
    let armoured = DetachedSignature::new(signature).to_armored_bytes(ArmorOptions::default()).unwrap();
    let public = SignedPublicKey::from(key.clone()).to_armored_bytes(ArmorOptions::default()).unwrap();
    let two =
        [self::key(false)].map(|other| SignedPublicKey::from(other).to_armored_bytes(ArmorOptions::default()).unwrap());
    let keys = Keys::parse(&[two[0].as_slice(), &public].concat()).unwrap();
    assert_eq!(keys.fingerprints().len(), 2);
    assert!(verify(&keys, &armoured, &mut Cursor::new(DATA), NOW).is_ok());
}

#[test]
fn a_subkey_signs_for_its_owner() {
    let key = key(true);
    let signature = sign(&key.secret_subkeys[0].key, NOW.0 - DAY);
    assert_eq!(verified(&key, &signature).unwrap().fingerprint, Fingerprint::of(&key.primary_key));
    // The primary key itself is not made for it.
    assert!(matches!(verified(&key, &sign(&key.primary_key, NOW.0 - DAY)), Err(SignatureError::NotForSigning(_))));
    // A subkey of somebody else's, put below a key that counts.
    let mut thief = self::key(true);
    thief.secret_subkeys = key.secret_subkeys.clone();
    assert!(matches!(verified(&thief, &signature), Err(SignatureError::NotForSigning(_))));
}

#[test]
fn other_bytes_other_keys_and_nonsense_are_told_apart() {
    let (key, other) = (key(false), key(false));
    let signature = sign(&key.primary_key, NOW.0 - DAY);
    let changed = verify(&public(&key), &signature, &mut Cursor::new(b"another release"), NOW);
    assert!(matches!(changed, Err(SignatureError::Mismatch(_))), "{changed:?}");
    let unknown = verified(&other, &signature);
    assert!(matches!(unknown, Err(SignatureError::UnknownKey { .. })), "{unknown:?}");
    assert!(matches!(verified(&key, b"nonsense"), Err(SignatureError::NoSignature(_))));
    assert!(matches!(verified(&key, b""), Err(SignatureError::NoSignature(_))));
    for nonsense in [b"" as &[u8], b"nonsense", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"] {
        assert!(matches!(Keys::parse(nonsense), Err(SignatureError::NoKey(_))));
    }
    assert!(public(&key).allowed_by(&public(&other)).is_empty());
    assert!(!public(&key).only(&Fingerprint::of(&key.primary_key)).is_empty());
}

#[test]
fn one_signature_that_counts_is_enough() {
    let (key, other) = (key(false), key(false));
    let both = [sign(&other.primary_key, NOW.0 - DAY), sign(&key.primary_key, NOW.0 - DAY)].concat();
    assert!(verified(&key, &both).is_ok());
}

#[test]
fn a_key_vouches_for_what_it_signed_while_it_was_valid() {
    let made = NOW.0 - 100 * DAY;
    for (expires_after, signed, expected) in [
        (200 * DAY, NOW.0 - DAY, Ok(None)),
        (50 * DAY, made + 40 * DAY, Ok(Some(Timestamp(made + 50 * DAY)))),
        (50 * DAY, made + 60 * DAY, Err("had expired on")),
    ] {
        let key = expiring(key(false), expires_after);
        let result = verified(&key, &sign(&key.primary_key, signed));
        match (expected, &result) {
            (Ok(expired), Ok(signed)) => assert_eq!(signed.key_expired, expired),
            (Err(text), Err(error)) => assert!(error.to_string().contains(text), "{error}"),
            _ => panic!("{expected:?} {result:?}"),
        }
    }
}

#[test]
fn a_revoked_key_vouches_for_nothing_but_what_it_signed_before_it_was_retired() {
    let revoked_at = NOW.0 - 10 * DAY;
    for (reason, signed, counts) in [
        (RevocationCode::KeyCompromised, revoked_at - DAY, false),
        (RevocationCode::NoReason, revoked_at - DAY, false),
        (RevocationCode::KeySuperseded, revoked_at - DAY, true),
        (RevocationCode::KeyRetired, revoked_at + DAY, false),
    ] {
        let key = revoked(key(false), reason, revoked_at);
        let result = verified(&key, &sign(&key.primary_key, signed));
        assert_eq!(result.is_ok(), counts, "{reason:?} {result:?}");
        assert!(counts || matches!(result, Err(SignatureError::KeyRevoked(_))));
    }
}

#[test]
fn times_and_digests_that_cannot_be_are_refused() {
    let key = key(false);
    for (at, expected) in [(NOW.0 + 3 * DAY, "in the future"), (NOW.0 - 101 * DAY, "before the key was made")] {
        let error = verified(&key, &sign(&key.primary_key, at)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let more = vec![SubpacketData::SignatureExpirationTime(Duration::from_secs(60))];
    let short = config(&key.primary_key, SignatureType::Binary, NOW.0 - DAY, more);
    let short = bytes(short.sign(&key.primary_key, &Password::empty(), DATA).unwrap());
    assert!(matches!(verified(&key, &short), Err(SignatureError::SignatureExpired { .. })));
    // The one algorithm of keys that signs such digests at all.
    let key = key_of(KeyType::Rsa(2048), false);
    let mut weak = config(&key.primary_key, SignatureType::Binary, NOW.0 - DAY, Vec::new());
    weak.hash_alg = HashAlgorithm::Sha1;
    let weak = bytes(weak.sign(&key.primary_key, &Password::empty(), DATA).unwrap());
    assert!(matches!(verified(&key, &weak), Err(SignatureError::WeakDigest { .. })));
}

#[test]
fn a_disk_that_cannot_be_read_is_not_a_wrong_signature() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is broken"))
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    let key = key(false);
    let result = verify(&public(&key), &sign(&key.primary_key, NOW.0), &mut Broken, NOW);
    assert_eq!(result, Err(SignatureError::Read("the disk is broken".to_owned())));
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = Keys::parse(&bytes);
        let _ = parse(&bytes);
    }
}

#[test]
fn of_several_copies_of_a_key_the_renewed_one_counts_and_a_revocation_always_does() {
    let key = key(false);
    let old = expiring(key.clone(), 10 * DAY);
    let signature = sign(&key.primary_key, NOW.0 - DAY);
    assert!(matches!(verified(&old, &signature), Err(SignatureError::KeyExpired { .. })));
    let both = |first: &SignedSecretKey, second: &SignedSecretKey| {
        let mut keys = public(first);
        keys.extend(public(second));
        verify(&keys, &signature, &mut Cursor::new(DATA), NOW)
    };
    assert!(both(&old, &key).is_ok() && both(&key, &old).is_ok());
    let revoked = revoked(key.clone(), RevocationCode::KeyCompromised, NOW.0 - 20 * DAY);
    for (first, second) in [(&key, &revoked), (&revoked, &key)] {
        assert!(matches!(both(first, second), Err(SignatureError::KeyRevoked(_))));
    }
}
