//! TLS as the engines speak it: this machine's authorities, the host's name, no client certificate.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned,
};

use super::certificate;
use crate::network;
use crate::network::NoAuthorities;
use airtight_provider::Timestamp;

/// Whom this machine trusts.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    verifier: Result<Arc<WebPkiServerVerifier>, NoAuthorities>,
}

/// Why there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TlsTrouble {
    NoAuthorities(String),
    /// The authority that signed is not among those trusted.
    UnknownAuthority {
        issuer: Option<String>,
    },
    Expired {
        since: Option<Timestamp>,
    },
    NotYetValid {
        from: Option<Timestamp>,
    },
    WrongName {
        names: Vec<String>,
    },
    /// Anything else about the certificate.
    Certificate(String),
    /// The server ended it, in the words of TLS.
    Refused(String),
    /// What came back was not TLS.
    NotSpoken,
    /// The connection was closed, or broke, at the first message.
    Closed,
    Silent,
    Other(String),
}

impl Trust {
    pub(super) fn of_this_machine() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = network::authorities().and_then(|authorities| {
            let mut roots = RootCertStore::empty();
            // Go skips what it cannot read, too.
            roots.add_parsable_certificates(authorities);
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| NoAuthorities::new(&error.to_string()))
        });
        Self { provider, verifier }
    }

    /// Shakes hands over a stream.
    pub(super) fn handshake<S: Read + Write>(
        &self,
        mut stream: S,
        host: &str,
    ) -> Result<(StreamOwned<ClientConnection, S>, Option<String>), TlsTrouble> {
        let other = |error: &dyn std::fmt::Display| TlsTrouble::Other(error.to_string());
        let verifier = self.verifier.as_ref().map_err(|error| TlsTrouble::NoAuthorities(error.to_string()))?;
        let recording = Arc::new(Recording { inner: verifier.clone(), issuer: Mutex::default() });
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| other(&error))?
            .dangerous()
            .with_custom_certificate_verifier(recording.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(|error| other(&error))?;
        let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|error| other(&error))?;
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(&mut stream) {
                return Err(trouble(&error, recording.issuer()));
            }
        }
        let issuer = recording.issuer();
        Ok((StreamOwned::new(connection, stream), issuer))
    }
}

fn trouble(error: &io::Error, issuer: Option<String>) -> TlsTrouble {
    let seconds = |time: &UnixTime| Some(Timestamp(time.as_secs()));
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(error)) => match error {
            CertificateError::UnknownIssuer => TlsTrouble::UnknownAuthority { issuer },
            CertificateError::Expired => TlsTrouble::Expired { since: None },
            CertificateError::ExpiredContext { not_after, .. } => TlsTrouble::Expired { since: seconds(not_after) },
            CertificateError::NotValidYet => TlsTrouble::NotYetValid { from: None },
            CertificateError::NotValidYetContext { not_before, .. } => {
                TlsTrouble::NotYetValid { from: seconds(not_before) }
            }
            CertificateError::NotValidForName => TlsTrouble::WrongName { names: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                TlsTrouble::WrongName { names: presented.iter().map(|name| plain_name(name)).collect() }
            }
            other => TlsTrouble::Certificate(other.to_string()),
        },
        Some(Error::AlertReceived(alert)) => TlsTrouble::Refused(format!("{alert:?}")),
        Some(Error::InvalidMessage(_)) => TlsTrouble::NotSpoken,
        Some(other) => TlsTrouble::Other(other.to_string()),
        None => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TlsTrouble::Silent,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => TlsTrouble::Closed,
            _ => TlsTrouble::Other(error.to_string()),
        },
    }
}

/// `DnsName("a.example")` is only a name to people.
fn plain_name(name: &str) -> String {
    name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name).trim_matches('"').to_owned()
}

/// Verifies as usual, and remembers who signed.
#[derive(Debug)]
struct Recording {
    inner: Arc<WebPkiServerVerifier>,
    issuer: Mutex<Option<String>>,
}

impl Recording {
    fn issuer(&self) -> Option<String> {
        self.issuer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The last of the chain is nearest to the authority that is missing.
        let nearest = intermediates.last().unwrap_or(end_entity);
        *self.issuer.lock().unwrap_or_else(PoisonError::into_inner) = certificate::issuer(nearest);
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
