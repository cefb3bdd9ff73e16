//! HTTPS: requests that are tried again where that helps, redirects that leak no token, downloads that are continued.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use camino::Utf8Path;
use fs_err as fs;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::Url;

use super::credentials::Credentials;
use super::proxy::ClientOptions;
use super::resolver::OwnResolver;
use crate::network;

/// As many as Go follows.
const MAXIMUM_REDIRECTS: usize = 10;

/// Tries of one request, the first included, without any progress between them.
const ATTEMPTS: u32 = 4;

/// Before the second try; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// Documents of registries have kilobytes; a larger one shall not fill the memory.
const MAXIMUM_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;

const COPY_BYTES: usize = 256 * 1024;

/// Why a request failed. No variant holds a URL's query or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("{0}")]
    Setup(String),
    #[error("{host} answered {status}{}", explained(*.status))]
    Status { host: String, status: u16 },
    #[error("{host}: {reason}")]
    Failed { host: String, reason: String },
    #[error("{host}: {reason}")]
    Refused { host: String, reason: String },
    /// The disk, not the network.
    #[error("{0}")]
    Write(String),
}

const fn explained(status: u16) -> &'static str {
    match status {
        401 | 403 => ": it wants other credentials (`credentials` in the CLI configuration, or TF_TOKEN_*)",
        404 => ": not found",
        407 => ": the proxy wants credentials",
        429 => ": too many requests",
        _ => "",
    }
}

impl HttpError {
    /// Whether the server knows no such thing.
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }

    const fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(*status, 408 | 429 | 500..),
            Self::Failed { .. } => true,
            Self::Setup(_) | Self::Refused { .. } | Self::Write(_) => false,
        }
    }
}

/// A download to a file that may hold its beginning already.
pub struct Download<'a> {
    pub url: &'a Url,
    pub file: &'a Utf8Path,
    /// Told of bytes as they are written.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// An HTTPS client. May be shared by threads.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    options: ClientOptions,
    credentials: Credentials,
    /// Every host that was asked for anything.
    asked: Mutex<BTreeSet<String>>,
}

impl Client {
    /// # Errors
    /// No certificate authorities on this machine.
    pub fn new(options: ClientOptions, credentials: Credentials) -> Result<Self, HttpError> {
        let authorities = network::authorities().map_err(|error| HttpError::Setup(error.to_string()))?;
        let authorities: Vec<_> =
            authorities.iter().map(|authority| Certificate::from_der(authority).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::new_with_certs(&authorities))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("airtight/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(options.timeout))
            .timeout_recv_response(Some(options.timeout))
            .timeout_per_read(Some(options.timeout))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), OwnResolver);
        Ok(Self { agent, options, credentials, asked: Mutex::default() })
    }

    /// The hosts that were asked so far, in the order of their names; behind a proxy too.
    pub fn asked_hosts(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// A whole document, with the URL that it came from in the end.
    ///
    /// `token_host`: the host whose token goes along, as long as no redirect leads elsewhere.
    pub fn document(&self, url: &Url, token_host: Option<&str>) -> Result<(Vec<u8>, Url), HttpError> {
        let token = token_host.and_then(|host| self.credentials.token_for(host));
        again(|| {
            let (mut response, url) = self.request(url, token, 0)?;
            check_status(&response, &url)?;
            let limited = response.body_mut().with_config().limit(MAXIMUM_DOCUMENT_BYTES);
            let bytes = limited.read_to_vec().map_err(|error| failed(&url, &error))?;
            Ok((bytes, url))
        })
    }

    /// How many bytes a download would have, where the server says so.
    pub fn size(&self, url: &Url) -> Result<Option<u64>, HttpError> {
        again(|| {
            let (response, url) = self.request(url, None, 0)?;
            check_status(&response, &url)?;
            Ok(response.body().content_length())
        })
    }

    /// Fills a file, from its end on where the server can. On an error the file stays, to be continued.
    ///
    /// What it holds is not judged: a file that was begun with other contents is a mixture.
    pub fn download(&self, download: &Download<'_>) -> Result<(), HttpError> {
        let mut attempt = 1;
        let mut had = length(download.file);
        loop {
            let result = self.download_once(download);
            let has = length(download.file);
            match result {
                Err(error) if error.is_temporary() && attempt < ATTEMPTS => {
                    // A connection that breaks again and again, but brings something each time, ends some day.
                    if has > had {
                        attempt = 1;
                    }
                    had = had.max(has);
                    pause(&mut attempt, &error);
                }
                result => return result,
            }
        }
    }

    fn download_once(&self, download: &Download<'_>) -> Result<(), HttpError> {
        let unwritable = |error: io::Error| HttpError::Write(error.to_string());
        let mut file =
            fs::OpenOptions::from_options(std::fs::OpenOptions::new().create(true).write(true).truncate(false).clone())
                .open(download.file.as_std_path())
                .map_err(unwritable)?;
        let from = file.seek(SeekFrom::End(0)).map_err(unwritable)?;
        let (mut response, url) = self.request(download.url, None, from)?;
        let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let range = range.map(ToOwned::to_owned);
        let mut start = 0;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if range.as_deref().and_then(start_of) == Some(from) => start = from,
            StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => {
                if range.as_deref().and_then(size_of) == Some(from) {
                    return Ok(());
                }
                file.set_len(0).map_err(unwritable)?;
                return Err(HttpError::Failed { host: host(&url), reason: "the download began anew".to_owned() });
            }
            StatusCode::PARTIAL_CONTENT => {
                file.set_len(0).map_err(unwritable)?;
                return Err(HttpError::Failed { host: host(&url), reason: "it sent another part".to_owned() });
            }
            _ => check_status(&response, &url)?,
        }
        file.set_len(start).map_err(unwritable)?;
        file.seek(SeekFrom::Start(start)).map_err(unwritable)?;
        let announced = response.body().content_length();
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; COPY_BYTES];
        let mut written = 0;
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(HttpError::Failed { host: host(&url), reason: format!("the download broke: {error}") });
                }
            };
            file.write_all(&buffer[..count]).map_err(unwritable)?;
            written += count as u64;
            (download.progress)(count as u64);
        }
        match announced {
            Some(announced) if announced != written => Err(HttpError::Failed {
                host: host(&url),
                reason: format!("the download ended after {written} of {announced} bytes"),
            }),
            _ => Ok(()),
        }
    }

    /// Sends one request and follows where it leads.
    fn request(&self, url: &Url, token: Option<&str>, from: u64) -> Result<(Response<Body>, Url), HttpError> {
        let mut url = url.clone();
        let mut token = token;
        for _ in 0..=MAXIMUM_REDIRECTS {
            if url.scheme() != "https" {
                return Err(refused(&url, "only https is used"));
            }
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(host(&url));
            let mut request = self.agent.get(url.as_str());
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            if from > 0 {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            let request = request.config().proxy(self.options.proxy_for(&url)).build();
            tracing::debug!(host = host(&url), path = url.path(), from, "GET");
            let response = request.call().map_err(|error| failed(&url, &error))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, url));
            }
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok());
            let next = next.ok_or_else(|| refused(&url, "it redirects to nowhere"))?;
            if next.origin() != url.origin() {
                token = None;
            }
            url = next;
        }
        Err(refused(&url, "too many redirects"))
    }
}

/// Tries again what may be better the next time.
fn again<T>(request: impl Fn() -> Result<T, HttpError>) -> Result<T, HttpError> {
    let mut attempt = 1;
    loop {
        match request() {
            Err(error) if error.is_temporary() && attempt < ATTEMPTS => pause(&mut attempt, &error),
            result => return result,
        }
    }
}

fn pause(attempt: &mut u32, error: &HttpError) {
    tracing::debug!(%error, attempt, "trying again");
    sleep(FIRST_PAUSE * 2_u32.pow(*attempt - 1));
    *attempt += 1;
}

fn length(file: &Utf8Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

fn check_status(response: &Response<Body>, url: &Url) -> Result<(), HttpError> {
    match response.status().as_u16() {
        200 => Ok(()),
        status => Err(HttpError::Status { host: host(url), status }),
    }
}

/// For people: without user, path and query, which may hold secrets.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn refused(url: &Url, reason: &str) -> HttpError {
    HttpError::Refused { host: host(url), reason: reason.to_owned() }
}

fn failed(url: &Url, error: &ureq::Error) -> HttpError {
    let host = host(url);
    match error {
        ureq::Error::HostNotFound => HttpError::Refused {
            host,
            reason:
                "no such host, by /etc/hosts and the name servers of /etc/resolv.conf; where only a proxy leads out, \
                     set HTTPS_PROXY"
                    .to_owned(),
        },
        ureq::Error::BadUri(_) => HttpError::Refused { host, reason: "the URL is not valid".to_owned() },
        ureq::Error::Rustls(error) => HttpError::Refused { host, reason: format!("TLS: {error}") },
        // A certificate that does not verify arrives inside an I/O error, and is not better the next time.
        error if error.to_string().contains("certificate") => {
            HttpError::Refused { host, reason: format!("TLS: {error}") }
        }
        ureq::Error::Io(error) => HttpError::Failed { host, reason: error.to_string() },
        error => HttpError::Failed { host, reason: error.to_string() },
    }
}

/// `bytes 5-9/10`
fn start_of(content_range: &str) -> Option<u64> {
    content_range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// `bytes */10`
fn size_of(content_range: &str) -> Option<u64> {
    content_range.strip_prefix("bytes */")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_engine::environment::Environment;

    #[test]
    fn errors_and_debug_output_hold_no_secret() {
        let url = Url::parse("https://user:pass@h.example:8443/p?token=s3cret").unwrap();
        assert_eq!(host(&url), "h.example:8443");
        let error = failed(&url, &ureq::Error::BadUri(url.to_string()));
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let environment = Environment::from_vars([("HTTPS_PROXY".into(), "http://u:s3cret@p:1".into())]).unwrap();
        let options = ClientOptions::new(&environment, Duration::from_secs(1)).unwrap();
        assert!(!format!("{options:?}").contains("s3cret"), "{options:?}");
        let environment = Environment::from_vars([("HTTPS_PROXY".into(), "::s3cret".into())]).unwrap();
        let error = ClientOptions::new(&environment, Duration::from_secs(1)).unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(start_of("bytes 5-9/10"), Some(5));
        assert_eq!(size_of("bytes */10"), Some(10));
        assert_eq!((start_of("x"), size_of("bytes 5-9/10")), (None, None));
    }
}
