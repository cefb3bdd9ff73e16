//! The resolver of [`crate::network`], for `ureq`.

use std::net::SocketAddr;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::network;

/// `ureq` keeps no more.
const MAXIMUM_ADDRESSES: usize = 16;

#[derive(Debug)]
pub(super) struct OwnResolver;

impl Resolver for OwnResolver {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or_else(|| ureq::Error::BadUri(uri.to_string()))?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let addresses = network::resolve(host, None).map_err(|_| ureq::Error::HostNotFound)?;
        let mut found = self.empty();
        for address in addresses.into_iter().take(MAXIMUM_ADDRESSES) {
            found.push(SocketAddr::new(address, port));
        }
        Ok(found)
    }
}
