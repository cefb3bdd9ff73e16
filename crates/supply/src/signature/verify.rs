//! Whether a detached signature is valid, and whose it is.
//!
//! `pgp` checks the mathematics only; what makes a signature acceptable is here. A key must have been valid when it signed:
//! one that has expired since still proves what it signed before, as releases outlive the keys that signed them.
//!
//! Source: RFC 9580, sections 5.2.3 (subpackets) and 10.1 (what belongs to a key); GnuPG's and OpenTofu's practice.

use std::io::{self, Read, Seek};

use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails as _, Tag};

use super::{Fingerprint, Keys, SignatureError, renewed};
use airtight_provider::Timestamp;

/// How far a signer's clock may be ahead of ours.
const CLOCK_DIFFERENCE_SECONDS: u64 = 24 * 60 * 60;

/// A valid signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Of the primary key.
    pub fingerprint: Fingerprint,
    /// The first user id of the key, which anybody can write into a key.
    pub user_id: Option<String>,
    pub at: Timestamp,
    /// When the key has expired since it signed.
    pub key_expired: Option<Timestamp>,
}

/// Verifies a file of detached signatures, armoured or binary; one valid signature is enough.
///
/// `data` is read from its start, once for each key that the signatures may be of.
pub fn verify(
    keys: &Keys,
    signatures: &[u8],
    data: &mut (impl Read + Seek),
    now: Timestamp,
) -> Result<Signed, SignatureError> {
    let mut all = keys.clone();
    all.extend(renewed::copies_of(keys));
    let mut first_error: Option<SignatureError> = None;
    for signature in parse(signatures)? {
        match verify_one(&all, &signature, data, now) {
            Ok(signed) => return Ok(signed),
            // That a key is known but wrong says more than that another one is unknown.
            Err(error) => match &first_error {
                Some(first) if !matches!(first, SignatureError::UnknownKey { .. }) => {}
                _ => first_error = Some(error),
            },
        }
    }
    Err(first_error.unwrap_or_else(|| SignatureError::NoSignature("the file holds none".to_owned())))
}

fn parse(bytes: &[u8]) -> Result<Vec<Signature>, SignatureError> {
    let wrong = |error: pgp::errors::Error| SignatureError::NoSignature(error.to_string());
    let (found, _) = DetachedSignature::from_reader_many_buf(bytes).map_err(wrong)?;
    found.map(|signature| signature.map(|signature| signature.signature)).collect::<Result<_, _>>().map_err(wrong)
}

/// A primary key or a subkey that a signature may be of.
enum Signer<'a> {
    Primary(&'a SignedPublicKey),
    Subkey(&'a SignedPublicKey, &'a SignedPublicSubKey),
}

impl Signer<'_> {
    fn owner(&self) -> &SignedPublicKey {
        match self {
            Self::Primary(key) | Self::Subkey(key, _) => key,
        }
    }

    fn made(&self, signature: &Signature, data: impl Read) -> bool {
        match self {
            Self::Primary(key) => signature.verify(&key.primary_key, data).is_ok(),
            Self::Subkey(_, subkey) => signature.verify(&subkey.key, data).is_ok(),
        }
    }

    fn may_have_made(&self, signature: &Signature) -> bool {
        let (fingerprint, key_id) = match self {
            Self::Primary(key) => (key.fingerprint(), key.legacy_key_id()),
            Self::Subkey(_, subkey) => (subkey.key.fingerprint(), subkey.key.legacy_key_id()),
        };
        let (fingerprints, key_ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
        (fingerprints.is_empty() && key_ids.is_empty())
            || fingerprints.contains(&&fingerprint)
            || key_ids.contains(&&key_id)
    }
}

fn verify_one(
    keys: &Keys,
    signature: &Signature,
    data: &mut (impl Read + Seek),
    now: Timestamp,
) -> Result<Signed, SignatureError> {
    let primaries = keys.keys.iter().map(Signer::Primary);
    let subkeys = keys.keys.iter().flat_map(|key| key.public_subkeys.iter().map(|subkey| Signer::Subkey(key, subkey)));
    let mut candidates = primaries.chain(subkeys).filter(|candidate| candidate.may_have_made(signature)).peekable();
    let Some(first) = candidates.peek() else {
        return Err(SignatureError::UnknownKey { wanted: issuers(signature), known: names(keys) });
    };
    let named = Fingerprint::of(first.owner()).to_string();
    let read_failed = |error: io::Error| SignatureError::Read(error.to_string());
    // Of one key there may be several copies, from before and after it was renewed or revoked.
    let mut judged: Option<Result<Signed, SignatureError>> = None;
    for candidate in candidates {
        data.rewind().map_err(read_failed)?;
        let mut failure = None;
        let made = candidate.made(signature, Remembering { reader: &mut *data, failure: &mut failure });
        if let Some(error) = failure {
            return Err(read_failed(error));
        }
        if made {
            match (judge(&candidate, signature, now), &judged) {
                // A revocation counts, whatever other copies say.
                (Err(error @ SignatureError::KeyRevoked(_)), _) => return Err(error),
                (result, None | Some(Err(_))) if result.is_ok() || judged.is_none() => judged = Some(result),
                _ => {}
            }
        }
    }
    judged.unwrap_or(Err(SignatureError::Mismatch(named)))
}

/// A reader whose error is not lost behind "does not verify".
struct Remembering<'a, R> {
    reader: R,
    failure: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Remembering<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let told = io::Error::from(error.kind());
            *self.failure = Some(error);
            told
        })
    }
}

/// Whether a matching signature is valid.
fn judge(candidate: &Signer<'_>, signature: &Signature, now: Timestamp) -> Result<Signed, SignatureError> {
    let owner = candidate.owner();
    let fingerprint = Fingerprint::of(owner);
    let name = fingerprint.to_string();
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Err(SignatureError::NoSignature("it is not one over a document".to_owned()));
    }
    let digest = signature.hash_alg().unwrap_or(HashAlgorithm::None);
    if matches!(digest, HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160 | HashAlgorithm::None) {
        return Err(SignatureError::WeakDigest { fingerprint: name, algorithm: digest.to_string() });
    }
    let wrong_time = |signed, reason| SignatureError::WrongTime { fingerprint: name.clone(), signed, reason };
    let Some(signed) = signature.created().map(|created| Timestamp(created.as_secs().into())) else {
        return Err(SignatureError::NoSignature("it does not say when it was made".to_owned()));
    };
    if signed.0 > now.0.saturating_add(CLOCK_DIFFERENCE_SECONDS) {
        return Err(wrong_time(signed, "in the future"));
    }
    let valid_for = signature.signature_expiration_time().map_or(0, pgp::types::Duration::as_secs);
    let until = Timestamp(signed.0 + u64::from(valid_for));
    if valid_for != 0 && until <= now {
        return Err(SignatureError::SignatureExpired { fingerprint: name, expired: until });
    }

    let mut lives = vec![life_of_primary(owner, matches!(candidate, Signer::Primary(_)), signed)?];
    if let Signer::Subkey(_, subkey) = candidate {
        lives.push(life_of_subkey(owner, subkey, signed)?);
    }
    if lives.iter().any(|life| signed < life.from) {
        return Err(wrong_time(signed, "before the key was made"));
    }
    let expires = lives.iter().filter_map(|life| life.until).min();
    if let Some(expired) = expires.filter(|expires| *expires <= signed) {
        return Err(SignatureError::KeyExpired { fingerprint: name, expired, signed });
    }
    let user_id = owner.details.users.first().map(|user| String::from_utf8_lossy(user.id.id()).into_owned());
    Ok(Signed { fingerprint, user_id, at: signed, key_expired: expires.filter(|expires| *expires <= now) })
}

/// From when to when a key is valid.
struct Life {
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Life {
    fn new(created: pgp::types::Timestamp, own_signature: &Signature) -> Self {
        let from = Timestamp(created.as_secs().into());
        let seconds = own_signature.key_expiration_time().map_or(0, pgp::types::Duration::as_secs);
        Self { from, until: (seconds != 0).then(|| Timestamp(from.0 + u64::from(seconds))) }
    }
}

/// What the newest signature of a primary key over itself says.
fn life_of_primary(key: &SignedPublicKey, signs: bool, signed: Timestamp) -> Result<Life, SignatureError> {
    let name = || Fingerprint::of(key).to_string();
    let primary = &key.primary_key;
    let revocations = key.details.revocation_signatures.iter();
    if revocations.filter(|revocation| revocation.verify_key(primary).is_ok()).any(|it| revokes(it, signed)) {
        return Err(SignatureError::KeyRevoked(name()));
    }
    let direct = key.details.direct_signatures.iter().filter(|direct| direct.verify_key(primary).is_ok());
    let certifications = key.details.users.iter().flat_map(|user| {
        let is_own = |signature: &&Signature| {
            signature.typ() != Some(SignatureType::CertRevocation)
                && signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
        };
        user.signatures.iter().filter(is_own)
    });
    let newest = direct.chain(certifications).max_by_key(|signature| signature.created());
    match newest {
        Some(newest) if !signs || may_sign(newest) => Ok(Life::new(primary.created_at(), newest)),
        _ => Err(SignatureError::NotForSigning(name())),
    }
}

/// What the newest signature of the primary key over a subkey says, where the subkey has agreed to it.
fn life_of_subkey(
    key: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    signed: Timestamp,
) -> Result<Life, SignatureError> {
    let primary = &key.primary_key;
    let name = || Fingerprint::of(&subkey.key).to_string();
    let bindings = subkey.signatures.iter().filter(|it| it.verify_subkey_binding(primary, &subkey.key).is_ok());
    let (revocations, bindings): (Vec<&Signature>, Vec<&Signature>) =
        bindings.partition(|it| it.typ() == Some(SignatureType::SubkeyRevocation));
    if revocations.iter().any(|revocation| revokes(revocation, signed)) {
        return Err(SignatureError::KeyRevoked(name()));
    }
    let newest = bindings.into_iter().max_by_key(|signature| signature.created());
    let has_agreed = |binding: &Signature| {
        let back = binding.embedded_signature();
        back.is_some_and(|back| back.verify_primary_key_binding(&subkey.key, primary).is_ok())
    };
    match newest {
        Some(newest) if newest.key_flags().sign() && has_agreed(newest) => {
            Ok(Life::new(subkey.key.created_at(), newest))
        }
        _ => Err(SignatureError::NotForSigning(name())),
    }
}

/// A key that was only replaced or retired still proves what it signed before.
fn revokes(revocation: &Signature, signed: Timestamp) -> bool {
    let is_soft =
        matches!(revocation.revocation_reason_code(), Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired));
    let is_later = revocation.created().is_some_and(|at| u64::from(at.as_secs()) > signed.0);
    !(is_soft && is_later)
}

/// Keys without flags are from before there were any, and may do everything.
fn may_sign(own_signature: &Signature) -> bool {
    let has_flags = own_signature.config().is_some_and(|config| {
        config.hashed_subpackets().any(|subpacket| matches!(subpacket.data, SubpacketData::KeyFlags(_)))
    });
    !has_flags || own_signature.key_flags().sign()
}

fn issuers(signature: &Signature) -> Vec<String> {
    let fingerprints = signature.issuer_fingerprint();
    if fingerprints.is_empty() {
        return signature
            .issuer_key_id()
            .iter()
            .map(|key_id| format!("key id {}", key_id.to_string().to_uppercase()))
            .collect();
    }
    fingerprints.iter().map(|fingerprint| fingerprint.to_string().to_uppercase()).collect()
}

fn names(keys: &Keys) -> Vec<String> {
    keys.fingerprints().iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
