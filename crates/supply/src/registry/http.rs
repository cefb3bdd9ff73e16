//! HTTPS: requests that are tried again where that helps, redirects that leak no token, downloads that are continued.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::Url;

use super::credentials::Credentials;
use super::failure::{HttpError, Limited, Role, host};
use super::pauses::{self, Pauses};
use super::proxy::ClientOptions;
use super::resolver::OwnResolver;
use super::services::HostServices;
use crate::network;
use crate::reach;

/// As many as Go follows.
const MAXIMUM_REDIRECTS: usize = 10;

/// Documents of registries have kilobytes; a larger one shall not fill the memory.
const MAXIMUM_DOCUMENT_BYTES: u64 = 16_000_000;

/// A whole document takes at most so many times what one wait may take.
const DOCUMENT_WAITS: u32 = 4;

const MAXIMUM_HEAD_BYTES: usize = 64 * 1024;

/// A download that is continued more often than this never ends.
const MAXIMUM_CONNECTIONS: u32 = 200;

/// As many jobs as anybody runs find their connection open.
const IDLE_CONNECTIONS: usize = 16;

const COPY_BYTES: usize = 256 * 1024;

/// Says where a package of modules is, as an address that go-getter reads.
const PACKAGE_HEADER: &str = "X-Terraform-Get";

/// A document.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// Where it came from in the end.
    pub(crate) url: Url,
    /// The `X-Terraform-Get` header.
    pub(crate) package: Option<String>,
}

/// A download to a file that may hold its beginning already.
pub struct Download<'a> {
    pub url: &'a Url,
    /// The host whose token goes along, as long as no redirect leads elsewhere.
    pub token_host: Option<&'a str>,
    pub file: &'a File,
    /// Told of bytes as they are written.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// An HTTPS client. May be shared by threads.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    options: ClientOptions,
    credentials: Credentials,
    services: HostServices,
    /// Every host that was asked for anything.
    asked: Mutex<BTreeSet<String>>,
    pauses: Pauses,
    /// Hosts that no try has reached: others need not wait for the same.
    closed: Mutex<BTreeMap<String, HttpError>>,
}

impl Client {
    /// # Errors
    /// No certificate authorities on this machine.
    pub fn new(options: ClientOptions, credentials: Credentials, services: HostServices) -> Result<Self, HttpError> {
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
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .max_response_header_size(MAXIMUM_HEAD_BYTES)
            .proxy(None)
            .user_agent(concat!("airtight/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(options.timeout))
            .timeout_recv_response(Some(options.timeout))
            .timeout_per_read(Some(options.timeout))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), OwnResolver);
        Ok(Self {
            agent,
            options,
            credentials,
            services,
            asked: Mutex::default(),
            pauses: Pauses::default(),
            closed: Mutex::default(),
        })
    }

    /// The hosts that were asked so far, in the order of their names; behind a proxy too.
    pub fn asked_hosts(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// What the CLI configuration names for a host.
    pub(super) const fn services(&self) -> &HostServices {
        &self.services
    }

    /// The address with the user and password that `.netrc` has for its host, as engines send them to servers of archives.
    pub(crate) fn with_login(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Some((user, password)) = self.credentials.login_for(&url) {
            // An https address takes both.
            let _ = url.set_username(user);
            let _ = url.set_password(Some(password));
        }
        url
    }

    /// A whole document, with the URL that it came from in the end.
    ///
    /// `token_host`: the host whose token goes along, as long as no redirect leads elsewhere.
    pub fn document(&self, url: &Url, token_host: Option<&str>) -> Result<(Vec<u8>, Url), HttpError> {
        let answer = self.answer(url, token_host)?;
        Ok((answer.body, answer.url))
    }

    /// The same, with where a registry of modules says that a package is. An answer without contents is one, too.
    pub(crate) fn answer(&self, url: &Url, token_host: Option<&str>) -> Result<Answer, HttpError> {
        let token = token_host.and_then(|host| self.credentials.token_for(host));
        let role = token_host.map_or(Role::File, |_| Role::Service { has_token: token.is_some() });
        self.again(|| {
            let patience = Some(self.options.timeout.saturating_mul(DOCUMENT_WAITS));
            let (mut response, url, role) = self.request(url, token, role, 0, patience)?;
            if response.status() != StatusCode::NO_CONTENT {
                check_status(&response, &url, role)?;
            }
            let package = response.headers().get(PACKAGE_HEADER).and_then(|value| value.to_str().ok());
            let package = package.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
            let limited = response.body_mut().with_config().limit(MAXIMUM_DOCUMENT_BYTES);
            let body = limited.read_to_vec().map_err(|error| HttpError::of_request(&url, &error))?;
            Ok(Answer { body, url, package })
        })
    }

    /// How many bytes a download would have, where the server says so.
    pub fn size(&self, url: &Url) -> Result<Option<u64>, HttpError> {
        self.again(|| {
            let (response, url, role) = self.request(url, None, Role::File, 0, None)?;
            check_status(&response, &url, role)?;
            Ok(response.body().content_length())
        })
    }

    /// Fills a file, from its end on where the server can. On an error the file stays, to be continued.
    ///
    /// What it holds is not judged: a file that was begun with other contents is a mixture.
    pub fn download(&self, download: &Download<'_>) -> Result<(), HttpError> {
        let deadline = Instant::now() + self.options.package_time;
        let mut attempt = 1;
        let mut had = length(download.file);
        for _ in 0..MAXIMUM_CONNECTIONS {
            let result = self.download_once(download, deadline);
            let has = length(download.file);
            match result {
                Err(error) if error.is_temporary() && attempt < self.options.tries => {
                    // A connection that breaks again and again, but brings something each time, ends some day.
                    if has > had {
                        attempt = 1;
                    }
                    had = had.max(has);
                    self.pauses.after(attempt, &error)?;
                    attempt += 1;
                }
                result => return result.map_err(|error| self.diagnosed(error)),
            }
        }
        Err(refused(download.url, &format!("the download broke {MAXIMUM_CONNECTIONS} times")))
    }

    fn download_once(&self, download: &Download<'_>, deadline: Instant) -> Result<(), HttpError> {
        let unwritable = |error: io::Error| HttpError::Write(error.to_string());
        let mut file = download.file;
        let from = file.seek(SeekFrom::End(0)).map_err(unwritable)?;
        let token = download.token_host.and_then(|host| self.credentials.token_for(host));
        let (mut response, url, role) = self.request(download.url, token, Role::File, from, None)?;
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
                return Err(HttpError::Failed { host: host(&url), reason: "the download started again".to_owned() });
            }
            StatusCode::PARTIAL_CONTENT => {
                file.set_len(0).map_err(unwritable)?;
                return Err(HttpError::Failed { host: host(&url), reason: "it sent another part".to_owned() });
            }
            _ => check_status(&response, &url, role)?,
        }
        file.set_len(start).map_err(unwritable)?;
        file.seek(SeekFrom::Start(start)).map_err(unwritable)?;
        let announced = response.body().content_length();
        let limit_bytes = self.options.package_bytes;
        // Nothing of it is kept: what is too large now is too large the next time.
        let too_large = || match download.file.set_len(0) {
            Ok(()) => HttpError::TooLarge { host: host(&url), what: Limited::Package, limit_bytes },
            Err(error) => unwritable(error),
        };
        if start.saturating_add(announced.unwrap_or_default()) > limit_bytes {
            return Err(too_large());
        }
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
            if start + written + count as u64 > limit_bytes {
                return Err(too_large());
            }
            file.write_all(&buffer[..count]).map_err(unwritable)?;
            written += count as u64;
            if Instant::now() > deadline {
                return Err(HttpError::TooSlow { host: host(&url), limit: self.options.package_time });
            }
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

    /// Sends one request and follows where it leads. `patience` is for all of it, the body included.
    fn request(
        &self,
        url: &Url,
        mut token: Option<&str>,
        mut role: Role,
        from: u64,
        patience: Option<Duration>,
    ) -> Result<(Response<Body>, Url, Role), HttpError> {
        let mut url = url.clone();
        for _ in 0..=MAXIMUM_REDIRECTS {
            if url.scheme() != "https" {
                return Err(refused(&url, "only https is used"));
            }
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(host(&url));
            if let Some(error) = self.closed.lock().unwrap_or_else(PoisonError::into_inner).get(&host(&url)) {
                return Err(error.clone());
            }
            self.pauses.respect(&host(&url));
            let mut request = self.agent.get(url.as_str());
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            if from > 0 {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            let request = request.config().proxy(self.options.proxy_for(&url)).timeout_global(patience).build();
            tracing::debug!(host = host(&url), path = url.path(), from, "GET");
            let response = request.call().map_err(|error| HttpError::of_request(&url, &error))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, url, role));
            }
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok());
            let next = next.ok_or_else(|| refused(&url, "it redirects to nowhere"))?;
            if next.origin() != url.origin() {
                (token, role) = (None, Role::File);
            }
            url = next;
        }
        Err(refused(&url, &format!("more than {MAXIMUM_REDIRECTS} redirects")))
    }

    /// Tries again what may be better the next time.
    fn again<T>(&self, request: impl Fn() -> Result<T, HttpError>) -> Result<T, HttpError> {
        let mut attempt = 1;
        loop {
            match request() {
                Err(error) if error.is_temporary() && attempt < self.options.tries => {
                    tracing::debug!(%error, attempt, "trying again");
                    self.pauses.after(attempt, &error)?;
                    attempt += 1;
                }
                result => return result.map_err(|error| self.diagnosed(error)),
            }
        }
    }

    /// Tries the host once more, step by step, to say which step fails and what must be opened.
    fn diagnosed(&self, error: HttpError) -> HttpError {
        let HttpError::Unreached { host, reason, help: None, .. } = error else { return error };
        let options = reach::Options { timeout: self.options.timeout, proxies: self.options.proxies().clone() };
        let endpoint = format!("https://{host}").parse().ok();
        let attempt = endpoint.and_then(|endpoint| reach::reach(&[endpoint], &options).pop());
        match attempt.map(|attempt| attempt.outcome) {
            Some(reach::Outcome::Closed { trouble, .. }) => {
                let (reason, help) = (trouble.reason, Some(trouble.help));
                let error = HttpError::Unreached { host: host.clone(), reason, help, is_temporary: false };
                self.closed.lock().unwrap_or_else(PoisonError::into_inner).insert(host, error.clone());
                error
            }
            _ => HttpError::Unreached { host, reason, help: None, is_temporary: false },
        }
    }
}

fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

fn check_status(response: &Response<Body>, url: &Url, role: Role) -> Result<(), HttpError> {
    if response.status() == StatusCode::OK {
        return Ok(());
    }
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    Err(HttpError::of_status(url, response.status(), role, asked.and_then(pauses::retry_after)))
}

fn refused(url: &Url, reason: &str) -> HttpError {
    HttpError::Refused { host: host(url), reason: reason.to_owned() }
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
        let error = HttpError::of_request(&url, &ureq::Error::BadUri(url.to_string()));
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let environment = Environment::from_vars([("HTTPS_PROXY".into(), "http://u:s3cret@p:1".into())]).unwrap();
        let options = ClientOptions::new(&environment).unwrap();
        assert!(!format!("{options:?}").contains("s3cret"), "{options:?}");
        let environment = Environment::from_vars([("HTTPS_PROXY".into(), "::s3cret".into())]).unwrap();
        let error = ClientOptions::new(&environment).unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(start_of("bytes 5-9/10"), Some(5));
        assert_eq!(size_of("bytes */10"), Some(10));
        assert_eq!((start_of("x"), size_of("bytes 5-9/10")), (None, None));
    }
}
