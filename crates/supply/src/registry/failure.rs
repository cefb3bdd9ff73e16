//! Why a request failed, and what helps.

use std::time::Duration;

use ureq::http::StatusCode;
use url::Url;

/// What was asked for, as far as it decides what a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A registry's or a network mirror's own answer.
    Service { has_token: bool },
    /// A file that a service names or redirects to. No token goes there.
    File,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    Package,
    Document,
}

/// Why a request failed. No variant holds a URL's query or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("{0}")]
    Setup(String),
    #[error("{host} answered {status}{}", explained(*.status, *.role))]
    Status {
        host: String,
        status: u16,
        role: Role,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    #[error(
        "{host} answered {status} and asks to wait {} s, longer than airtight waits; run it again then, or with fewer --jobs",
        .wait.as_secs()
    )]
    Busy { host: String, status: u16, wait: Duration },
    /// There is no connection, or it broke.
    #[error("{host} cannot be reached: {reason}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Unreached { host: String, reason: String, help: Option<String>, is_temporary: bool },
    #[error("{host}: {reason}")]
    Failed { host: String, reason: String },
    #[error("{host}: {reason}")]
    Refused { host: String, reason: String },
    #[error("{host} sends more than {}", limit(*.what, *.limit_bytes))]
    TooLarge { host: String, what: Limited, limit_bytes: u64 },
    #[error(
        "{host} has not sent the whole package within {} minutes, the limit for one (--limit-minutes); what is there is \
         kept, and the next build goes on from it",
        .limit.as_secs().div_ceil(60)
    )]
    TooSlow { host: String, limit: Duration },
    /// The disk, not the network.
    #[error("{0}")]
    Write(String),
}

fn limit(what: Limited, bytes: u64) -> String {
    let megabytes = bytes / 1_000_000;
    match what {
        Limited::Package => format!("{megabytes} MB, the limit for a package (--limit-mb)"),
        Limited::Document => format!("{megabytes} MB, the limit for an answer that is no package"),
    }
}

const fn explained(status: u16, role: Role) -> &'static str {
    match (status, role) {
        (401 | 403, Role::Service { has_token: true }) => {
            ": it does not accept the credentials that are known for it (`credentials` in the CLI configuration, or \
             TF_TOKEN_*)"
        }
        (401 | 403, Role::Service { has_token: false }) => {
            ": no credentials are known for it; set `credentials` in the CLI configuration or TF_TOKEN_*"
        }
        (401 | 403, Role::File) => {
            ": it refuses this file. Credentials of the registry are not sent there: the link may have expired, or the \
             store or a proxy does not let this machine in"
        }
        (404 | 410, _) => ": not found",
        (407, _) => ": the proxy wants credentials; put them into HTTPS_PROXY, as http://USER:PASSWORD@PROXY:PORT",
        (429, _) => ": too many requests; try fewer --jobs",
        (500.., _) => ": the server is at fault; try again later",
        _ => "",
    }
}

impl HttpError {
    /// Whether the server knows no such thing.
    pub(super) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }

    /// Whether a link to a file may have been valid before: stores answer so to a signature that has expired.
    pub(crate) const fn may_have_expired(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 401 | 403 | 404 | 410, role: Role::File, .. })
    }

    pub(super) const fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(*status, 408 | 429 | 500..),
            Self::Unreached { is_temporary, .. } => *is_temporary,
            Self::Failed { .. } => true,
            _ => false,
        }
    }

    /// Whether it concerns every request to the host, not this one alone.
    pub(super) const fn is_busy(&self) -> bool {
        matches!(self, Self::Status { status: 429 | 503, .. })
    }

    /// Without a connection that could say more.
    pub(super) fn of_request(url: &Url, error: &ureq::Error) -> Self {
        let host = host(url);
        let unreached =
            |reason: String, is_temporary| Self::Unreached { host: host.clone(), reason, help: None, is_temporary };
        match error {
            ureq::Error::HostNotFound => {
                unreached("no such host, by /etc/hosts and the name servers of /etc/resolv.conf".to_owned(), false)
            }
            ureq::Error::BadUri(_) => Self::Refused { host, reason: "the URL is not valid".to_owned() },
            ureq::Error::BodyExceedsLimit(limit_bytes) => {
                Self::TooLarge { host, what: Limited::Document, limit_bytes: *limit_bytes }
            }
            ureq::Error::LargeResponseHeader(..) => {
                Self::Refused { host, reason: "the head of its answer is too large".to_owned() }
            }
            // The proxy's decision, which another try does not change.
            ureq::Error::ConnectProxyFailed(reason) => unreached(format!("the proxy refuses: {reason}"), false),
            ureq::Error::Rustls(error) => unreached(format!("TLS: {error}"), !is_of_certificate(error)),
            ureq::Error::Io(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                unreached(error.to_string(), !inner.is_some_and(is_of_certificate))
            }
            ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Tls(_) => {
                unreached(error.to_string(), true)
            }
            error => Self::Failed { host, reason: error.to_string() },
        }
    }

    pub(super) fn of_status(url: &Url, status: StatusCode, role: Role, retry_after: Option<Duration>) -> Self {
        Self::Status { host: host(url), status: status.as_u16(), role, retry_after }
    }
}

/// A certificate is no better the next time.
const fn is_of_certificate(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
}

/// For people: without user, path and query, which may hold secrets.
pub(super) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}
