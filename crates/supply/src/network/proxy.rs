//! The proxies of the environment, by the rules of the engines.

use std::fmt;
use std::net::IpAddr;

use airtight_engine::environment::Environment;

/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in either case. `Debug` shows none: they may hold a password.
///
/// Source: Go `golang.org/x/net/http/httpproxy`, which the engines use: capitals win, an empty value counts as unset.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<String>,
    http: Option<String>,
    no_proxy: String,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxies(https: {}, http: {})", self.https.is_some(), self.http.is_some())
    }
}

impl Proxies {
    pub fn of(environment: &Environment) -> Self {
        let variable = |names: [&str; 2]| {
            let mut values = names.into_iter().filter_map(|name| environment.variables.get(name));
            values.find(|value| !value.is_empty()).map(ToOwned::to_owned)
        };
        Self {
            https: variable(["HTTPS_PROXY", "https_proxy"]),
            http: variable(["HTTP_PROXY", "http_proxy"]),
            no_proxy: variable(["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        }
    }

    /// The proxy for `https://HOST:PORT`, as the variable has it; `None` where there is none, or the host is excepted.
    pub fn for_https(&self, host: &str, port: u16) -> Option<&str> {
        if goes_direct(&self.no_proxy, host, port) { None } else { self.https.as_deref() }
    }

    /// The same for `http://HOST:PORT`.
    pub fn for_http(&self, host: &str, port: u16) -> Option<&str> {
        if goes_direct(&self.no_proxy, host, port) { None } else { self.http.as_deref() }
    }
}

/// Whether `NO_PROXY` excepts a host; this machine itself is always excepted.
fn goes_direct(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| {
        if let Some(network) = entry.split_once('/') {
            return address.is_some_and(|address| is_within(address, network));
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, digits)) if digits.parse::<u16>().is_ok() && !name.contains(':') => (name, digits.parse().ok()),
            _ => (entry.as_str(), None),
        };
        if name.is_empty() || wanted.is_some_and(|wanted: u16| wanted != port) {
            return false;
        }
        // `.example.com` and `*.example.com` mean hosts below it alone, `example.com` means itself too.
        match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => name == "*" || host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

/// `10.0.0.0/8` holds `10.1.2.3`. Names are not looked up for this.
fn is_within(address: IpAddr, (network, length): (&str, &str)) -> bool {
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let ((one, width), (two, other)) = (bits(address), bits(network));
    width == other && length <= width && (length == 0 || (one ^ two) >> (128 - length) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_left_out_as_go_does() {
        for (no_proxy, host, expected) in [
            ("", "a.example", false),
            ("", "localhost", true),
            ("", "127.0.0.9", true),
            ("", "[::1]", true),
            ("example", "a.example", true),
            ("a.example", "A.example", true),
            (".example", "example", false),
            (".example, x", "b.a.example", true),
            ("*.example", "a.example", true),
            ("*", "a.example", true),
            ("ample", "a.example", false),
            ("a.example:443", "a.example", true),
            ("a.example:8443", "a.example", false),
            (",", "a.example", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/33", "10.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "10.1.2.3", false),
            ("10.0.0.0/8", "ten.example", false),
        ] {
            assert_eq!(goes_direct(no_proxy, host, 443), expected, "{no_proxy:?} {host}");
        }
    }

    #[test]
    fn capitals_win_and_empty_counts_as_unset() {
        let proxies = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
            Proxies::of(&Environment::from_vars(variables).unwrap())
        };
        for (variables, https, http) in [
            (&[][..], None, None),
            (&[("https_proxy", "a"), ("HTTPS_PROXY", "b")], Some("b"), None),
            (&[("https_proxy", "a"), ("HTTPS_PROXY", "")], Some("a"), None),
            (&[("HTTP_PROXY", "h"), ("ALL_PROXY", "x")], None, Some("h")),
            (&[("http_proxy", "h"), ("https_proxy", "s"), ("no_proxy", "x.example")], None, None),
        ] {
            let proxies = proxies(variables);
            assert_eq!(proxies.for_https("x.example", 443), https, "{variables:?}");
            assert_eq!(proxies.for_http("x.example", 80), http, "{variables:?}");
        }
        assert!(!format!("{:?}", proxies(&[("HTTPS_PROXY", "http://u:s3cret@p")])).contains("s3cret"));
    }
}
