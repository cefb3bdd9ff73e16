//! The certificate authorities of this machine.

use rustls::pki_types::CertificateDer;

/// Nobody to trust: no server can be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no certificate authorities to check servers against{0}; install `ca-certificates`, or name a file of them by \
     SSL_CERT_FILE"
)]
pub struct NoAuthorities(String);

impl NoAuthorities {
    /// Those that are there are of no use, for this reason.
    pub fn new(reason: &str) -> Self {
        Self(format!(": {reason}"))
    }
}

/// Reads them from where OpenSSL and Go look, `SSL_CERT_FILE` and `SSL_CERT_DIR` included.
///
/// # Errors
/// There are none. A file that cannot be read is no error as long as there are others.
pub fn authorities() -> Result<Vec<CertificateDer<'static>>, NoAuthorities> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reason = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(NoAuthorities(reason));
    }
    Ok(found.certs)
}
