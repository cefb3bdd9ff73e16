//! The signature next to a seal, in the forms that `cosign sign-blob` and OpenSSL write.
//!
//! - plain: the DER of an ECDSA signature (`openssl dgst -sign`), also in base64 (cosign before version 3);
//! - a Sigstore bundle: JSON with a `messageSignature` (cosign from version 3);
//! - cosign's own older bundle: JSON with a `base64Signature`.
//!
//! Of a bundle only the signature is read. Certificates and entries of transparency logs prove nothing here: the key that
//! counts is in the image.
//!
//! Source: Sigstore `protobuf-specs`, `sigstore_bundle.proto`, version 0.3.

use base64::Engine as _;
use p256::ecdsa::Signature;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    message_signature: Option<MessageSignature>,
    dsse_envelope: Option<serde_json::Value>,
    base64_signature: Option<String>,
}

#[derive(Deserialize)]
struct MessageSignature {
    signature: String,
}

/// Reads a signature.
///
/// # Errors
/// Says what the text is instead, as a fragment after its file's name.
pub(crate) fn parse(bytes: &[u8]) -> Result<Signature, &'static str> {
    const NONE: &str = "is no ECDSA signature (DER, also in base64), and no Sigstore bundle";
    if let Ok(signature) = Signature::from_der(bytes) {
        return Ok(signature);
    }
    let plain = std::str::from_utf8(bytes).map_err(|_| NONE)?.trim();
    if !plain.starts_with('{') {
        return der(plain).ok_or(NONE);
    }
    let bundle: Bundle = serde_json::from_str(plain).map_err(|_| "is JSON, but no Sigstore bundle")?;
    let encoded = match (bundle.message_signature, bundle.base64_signature, bundle.dsse_envelope) {
        (Some(message), _, _) => message.signature,
        (None, Some(signature), _) => signature,
        (None, None, Some(_)) => return Err("is a bundle of an attestation; sign the seal with `cosign sign-blob`"),
        (None, None, None) => return Err("is a bundle without a `messageSignature`"),
    };
    der(&encoded).ok_or("is a bundle whose signature is none of an ECDSA key")
}

fn der(encoded: &str) -> Option<Signature> {
    let der = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    Signature::from_der(&der).ok()
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::{Signer as _, Verifier as _};
    use p256::ecdsa::{SigningKey, VerifyingKey};
    use p256::pkcs8::DecodePublicKey as _;

    use super::*;

    /// `cosign sign-blob --key cosign.key --signing-config no-services.json --bundle BUNDLE FILE`, cosign 3.1.3.
    #[test]
    fn a_bundle_that_cosign_made_is_read() {
        const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIIyLVmJWgI7DNauf9CfAXYyr7x1G\n\
            Lc8pXlYPX/EyHL6U3RTbRrOF93YD9cCaabmXg9SoUG1fyGb1Nv2scn+RCA==\n-----END PUBLIC KEY-----\n";
        const BUNDLE: &[u8] = br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial":{"publicKey":{"hint":"stoRuKle/x/UAzB9TR74RYafAxUtgYIMd2TofrgBpPg="}}, "messageSignature":{"messageDigest":{"algorithm":"SHA2_256", "digest":"t5zd9wNLapa0OVLq8bPwRQnk/v3lwABunofaKfZdX94="}, "signature":"MEUCIFgX14oRjGQNuXqG/9fbGSHrYz2VbiL+1f1ZBmGtU47pAiEAvMvQgJx28yqH6hqbdoMY9ibwkcNoJ/4EjFnPCK2ZSC0="}}"#;
        let signature = parse(BUNDLE).unwrap();
        VerifyingKey::from_public_key_pem(KEY).unwrap().verify(b"airtight", &signature).unwrap();
    }

    #[test]
    fn every_form_holds_the_same_signature() {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let signature: Signature = key.sign(b"x");
        let encoded = base64::engine::general_purpose::STANDARD.encode(signature.to_der().as_bytes());
        for text in [format!("{encoded}\n"), format!("{{\"base64Signature\":\"{encoded}\"}}")] {
            assert_eq!(parse(text.as_bytes()), Ok(signature), "{text}");
        }
        assert_eq!(parse(signature.to_der().as_bytes()), Ok(signature));
        for (text, expected) in [
            ("", "no ECDSA signature"),
            ("AAAA", "no ECDSA signature"),
            ("{", "no Sigstore bundle"),
            ("{}", "without a `messageSignature`"),
            ("{\"dsseEnvelope\":{}}", "an attestation"),
            ("{\"messageSignature\":{\"signature\":\"AAAA\"}}", "none of an ECDSA key"),
        ] {
            assert!(parse(text.as_bytes()).unwrap_err().contains(expected), "{text}");
        }
    }
}
