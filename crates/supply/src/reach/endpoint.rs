//! What to reach: a host, a port, and what is spoken there.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`, and with a scheme before it `https://`, `http://` or `tcp://`. The port is 443
/// where it is not given, 80 with `http://`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Lower case, without brackets.
    pub host: String,
    pub port: u16,
    pub protocol: Protocol,
}

/// What is to be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Without a scheme: TLS on port 443; on another port TLS where it is spoken, else a connection is enough.
    Any,
    /// `http://`: a connection, through `HTTP_PROXY`.
    Http,
    /// `https://`: TLS, through `HTTPS_PROXY`.
    Https,
    /// `tcp://`: a connection, past every proxy.
    Tcp,
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {reason}; expected HOST, HOST:PORT, or tcp://HOST:PORT")]
pub struct EndpointError {
    pub text: String,
    pub reason: &'static str,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| Err(EndpointError { text: without_user(text), reason });
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("", text.trim()));
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "" => Protocol::Any,
            "http" => Protocol::Http,
            "https" | "tls" => Protocol::Https,
            "tcp" => Protocol::Tcp,
            _ => return fail("the scheme is not known"),
        };
        // Of a URL only the host matters.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return fail("a user has no place here");
        }
        let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((address, ""))) => (address, None),
            Some(Some((address, port))) => (address, Some(port.strip_prefix(':').unwrap_or("x"))),
            Some(None) => return fail("the bracket is not closed"),
            None if authority.parse::<IpAddr>().is_ok() => (authority, None),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = match (port, protocol) {
            (Some(port), _) => match port.parse() {
                Ok(0) | Err(_) => return fail("the port is no number from 1 to 65535"),
                Ok(port) => port,
            },
            (None, Protocol::Http) => 80,
            (None, Protocol::Tcp) => return fail("a port is needed"),
            (None, _) => 443,
        };
        let is_name = |host: &str| {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            !host.is_empty() && host.len() <= 253 && host.bytes().all(is_letter)
        };
        let host = if host.parse::<IpAddr>().is_ok() {
            host.to_ascii_lowercase()
        } else {
            // Names of other scripts are asked for as the engines ask for them.
            match idna::domain_to_ascii(host) {
                Ok(host) if is_name(&host) => host,
                _ => return fail("the host is no name"),
            }
        };
        Ok(Self { host, port, protocol })
    }
}

/// A password has no place in an error either.
fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
            format!("{scheme}…@{host}")
        }
        None => text.to_owned(),
    }
}

impl Endpoint {
    /// `HOST:PORT`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Any => "",
            Protocol::Http => "http://",
            Protocol::Https => "https://",
            Protocol::Tcp => "tcp://",
        };
        write!(formatter, "{scheme}{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn endpoints_are_hosts_with_ports() {
        for (text, expected) in [
            ("github.com", "github.com:443"),
            ("GitHub.com:8443", "github.com:8443"),
            ("tcp://db.internal:5432", "tcp://db.internal:5432"),
            ("https://registry.example/v1/providers?x=1", "https://registry.example:443"),
            ("http://proxy.example", "http://proxy.example:80"),
            ("HTTPS://a.example:8443/", "https://a.example:8443"),
            ("10.0.0.1", "10.0.0.1:443"),
            ("fd00::1", "[fd00::1]:443"),
            ("[FD00::1]:8443", "[fd00::1]:8443"),
            ("[fd00::1]", "[fd00::1]:443"),
            ("bücher.example", "xn--bcher-kva.example:443"),
            ("host_with_underscore:1", "host_with_underscore:1"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(endpoint.to_string(), expected);
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }

    #[test]
    fn what_is_none_is_told_why() {
        for (text, reason) in [
            ("", "the host is no name"),
            ("a b", "the host is no name"),
            (":443", "the host is no name"),
            ("a:0", "the port is no number from 1 to 65535"),
            ("a:70000", "the port is no number from 1 to 65535"),
            ("a:b", "the port is no number from 1 to 65535"),
            ("ftp://a", "the scheme is not known"),
            ("tcp://a", "a port is needed"),
            ("[::1", "the bracket is not closed"),
            ("[::1]x", "the port is no number from 1 to 65535"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert_eq!(error.reason, reason, "{text}");
        }
        let error = "https://u:s3cret@a.example".parse::<Endpoint>().unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = text.parse::<Endpoint>();
        }
    }
}
