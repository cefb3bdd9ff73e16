//! Who signed a certificate: the one thing that TLS libraries do not tell of a certificate that they refuse.

/// The issuer's common name, else its organization; `None` where the bytes are no certificate that has one.
///
/// Source: RFC 5280, section 4.1: `Certificate`, `TBSCertificate` and `Name`.
pub(super) fn issuer(der: &[u8]) -> Option<String> {
    let mut certificate = Reader(Reader(der).take(SEQUENCE)?);
    let mut to_be_signed = Reader(certificate.take(SEQUENCE)?);
    // The version has a default, and may be left out.
    let _ = to_be_signed.take(VERSION);
    to_be_signed.take(INTEGER)?;
    to_be_signed.take(SEQUENCE)?;
    let mut name = Reader(to_be_signed.take(SEQUENCE)?);
    let mut organization = None;
    while let Some(set) = name.take(SET) {
        let mut set = Reader(set);
        while let Some(attribute) = set.take(SEQUENCE) {
            let mut attribute = Reader(attribute);
            let kind = attribute.take(OBJECT_IDENTIFIER)?;
            let (_, value) = attribute.any()?;
            let text = || String::from_utf8_lossy(value).into_owned();
            match kind {
                COMMON_NAME => return Some(text()),
                ORGANIZATION => organization = Some(text()),
                _ => {}
            }
        }
    }
    organization
}

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.4.10
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// The rest of some DER.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next element's contents, if it has this tag; otherwise nothing is taken.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() != Some(&tag) {
            return None;
        }
        self.any().map(|(_, contents)| contents)
    }

    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if first & 0x80 == 0 {
            (usize::from(*first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            let bytes = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
            let length = bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
            (length, &rest[count..])
        };
        let contents = rest.get(..length)?;
        self.0 = &rest[length..];
        Some((*tag, contents))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};

    use super::*;

    fn signed_by(parts: &[(DnType, &str)]) -> Vec<u8> {
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.distinguished_name = DistinguishedName::new();
        for (kind, text) in parts {
            parameters.distinguished_name.push(kind.clone(), *text);
        }
        let issuer = Issuer::new(parameters, KeyPair::generate().unwrap());
        let names = vec!["a.example".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&KeyPair::generate().unwrap(), &issuer);
        certificate.unwrap().der().to_vec()
    }

    #[test]
    fn names_the_issuer() {
        for (parts, expected) in [
            (
                &[(DnType::CommonName, "Example Proxy CA"), (DnType::OrganizationName, "Example")][..],
                Some("Example Proxy CA"),
            ),
            (&[(DnType::OrganizationName, "Exämple"), (DnType::CountryName, "DE")], Some("Exämple")),
            (&[(DnType::CountryName, "DE")], None),
        ] {
            assert_eq!(issuer(&signed_by(parts)).as_deref(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
            let mut der = signed_by(&[(DnType::CommonName, "x")]);
            let index = at.index(der.len());
            der[index] = byte;
            let _ = issuer(&der);
            let _ = issuer(&der[..end.index(der.len())]);
        }
    }
}
