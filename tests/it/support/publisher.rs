//! OpenPGP keys and signatures of publishers that exist in tests alone.

use pgp::composed::{
    ArmorOptions, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails as _, Password, Timestamp};
use rand::thread_rng;

/// A publisher's key.
pub(crate) struct Publisher {
    secret: SignedSecretKey,
}

impl Publisher {
    /// Made a hundred days ago.
    pub(crate) fn new(name: &str) -> Self {
        let created = Timestamp::from_secs(Timestamp::now().as_secs() - 100 * 86_400);
        let mut parameters = SecretKeyParamsBuilder::default();
        parameters
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .created_at(created)
            .primary_user_id(format!("{name} <{name}@example.com>"));
        Self { secret: parameters.build().unwrap().generate(thread_rng()).unwrap() }
    }

    /// The same key, which has been expired for fifty days.
    pub(crate) fn expired(mut self) -> Self {
        let key = &self.secret.primary_key;
        let mut flags = KeyFlags::default();
        flags.set_sign(true);
        let mut config = SignatureConfig::v4(SignatureType::Key, key.algorithm(), HashAlgorithm::Sha256);
        let data = [
            SubpacketData::SignatureCreationTime(Timestamp::from_secs(Timestamp::now().as_secs() + 5)),
            SubpacketData::IssuerFingerprint(key.fingerprint()),
            SubpacketData::KeyExpirationTime(Duration::from_secs(50 * 86_400)),
            SubpacketData::KeyFlags(flags),
        ];
        config.hashed_subpackets = data.into_iter().map(|data| Subpacket::regular(data).unwrap()).collect();
        let own = config.sign_key(key, &Password::empty(), key.public_key()).unwrap();
        self.secret.details.direct_signatures.push(own);
        self
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.secret.primary_key.fingerprint().to_string().to_uppercase()
    }

    /// Armoured.
    pub(crate) fn public_key(&self) -> String {
        SignedPublicKey::from(self.secret.clone()).to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// Binary, made now.
    pub(crate) fn sign(&self, data: &[u8]) -> Vec<u8> {
        let key = &self.secret.primary_key;
        let signature =
            DetachedSignature::sign_binary_data(thread_rng(), key, &Password::empty(), HashAlgorithm::Sha256, data);
        signature.unwrap().to_bytes().unwrap()
    }
}
