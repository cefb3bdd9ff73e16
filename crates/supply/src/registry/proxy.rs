//! How requests go out: waits, and the proxy of the environment.

use std::time::Duration;

use ureq::Proxy;
use url::Url;

use super::failure::HttpError;
use crate::network::Proxies;
use airtight_engine::environment::Environment;

/// How the network is used.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Of each wait: for a connection, for an answer, for the next bytes. Not of a whole download.
    pub timeout: Duration,
    /// Of one request, the first included, without any progress between them.
    pub tries: u32,
    /// A package that is larger is not taken.
    pub package_bytes: u64,
    /// For one package, however often the connection breaks.
    pub package_time: Duration,
    proxies: Proxies,
}

impl ClientOptions {
    /// # Errors
    /// A proxy that is no URL.
    pub fn new(environment: &Environment) -> Result<Self, HttpError> {
        let proxies = Proxies::of(environment);
        if proxies.for_https("host.invalid", 443).map(Proxy::new).is_some_and(|proxy| proxy.is_err()) {
            return Err(HttpError::Setup("HTTPS_PROXY is no proxy's URL".to_owned()));
        }
        Ok(Self {
            timeout: Duration::from_mins(1),
            tries: 6,
            package_bytes: 2_000_000_000,
            package_time: Duration::from_hours(2),
            proxies,
        })
    }

    pub(super) const fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// The proxy for a URL; null if there is none, or it is excepted.
    pub(super) fn proxy_for(&self, url: &Url) -> Option<Proxy> {
        let proxy = self.proxies.for_https(url.host_str()?, url.port_or_known_default()?)?;
        Proxy::new(proxy).ok()
    }
}
