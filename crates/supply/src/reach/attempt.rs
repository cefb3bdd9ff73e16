//! Tests one endpoint, step by step, and says for each failure what somebody must open.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use super::Options;
use super::endpoint::{Endpoint, Protocol};
use super::tls::{TlsTrouble, Trust};
use super::tunnel::{self, Answer, Proxy};
use super::wire::{self, Deadline};
use crate::network;
use crate::network::Unresolved;
use airtight_provider::Timestamp;

/// What became of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Open {
        /// What was connected to; behind a proxy, the proxy's.
        address: Option<IpAddr>,
        /// The proxy, `HOST:PORT`.
        via: Option<String>,
        tls: Tls,
    },
    Closed {
        trouble: Trouble,
        via: Option<String>,
    },
}

/// How far TLS was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Its certificate is trusted; whose authority signed it.
    Spoken {
        issuer: Option<String>,
    },
    /// Something answers, and does not speak TLS.
    NotSpoken,
    NotTried,
}

/// The step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Name,
    Tcp,
    Proxy,
    Tls,
}

impl Step {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
        }
    }
}

/// Why an endpoint is closed. Texts are fragments, and may hold what others said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub step: Step,
    pub reason: String,
    /// What somebody must open, imperative.
    pub help: String,
}

impl Trouble {
    fn new(step: Step, reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { step, reason: reason.into(), help: help.into() }
    }
}

pub(super) fn attempt(endpoint: &Endpoint, options: &Options, trust: &Trust) -> Outcome {
    let is_plain = endpoint.protocol == Protocol::Http || (endpoint.protocol == Protocol::Any && endpoint.port == 80);
    let variable = match endpoint.protocol {
        Protocol::Tcp => None,
        _ if is_plain => options.proxies.for_http(&endpoint.host, endpoint.port),
        _ => options.proxies.for_https(&endpoint.host, endpoint.port),
    };
    let Some(variable) = variable else {
        return match direct(endpoint, is_plain, options.timeout, trust) {
            Ok((address, tls)) => Outcome::Open { address, via: None, tls },
            Err(trouble) => Outcome::Closed { trouble, via: None },
        };
    };
    let name = if is_plain { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    match Proxy::parse(variable) {
        Ok(proxy) => match through(endpoint, &proxy, is_plain, options.timeout, trust) {
            Ok((address, tls)) => Outcome::Open { address, via: Some(proxy.authority()), tls },
            Err(trouble) => Outcome::Closed { trouble, via: Some(proxy.authority()) },
        },
        Err(reason) => {
            let help = format!("correct {name}, such as http://proxy.example:3128, or exclude the host with NO_PROXY");
            Outcome::Closed { trouble: Trouble::new(Step::Proxy, format!("{name}: {reason}"), help), via: None }
        }
    }
}

type Reached = (Option<IpAddr>, Tls);

fn direct(endpoint: &Endpoint, is_plain: bool, timeout: Duration, trust: &Trust) -> Result<Reached, Trouble> {
    let addresses =
        network::resolve(&endpoint.host, Some(timeout)).map_err(|error| unresolved(&error, &endpoint.host))?;
    let (wire, deadline) =
        wire::connect(&addresses, endpoint.port, timeout).map_err(|failures| unconnected(&failures, timeout))?;
    let address = wire.peer();
    if is_plain || endpoint.protocol == Protocol::Tcp {
        return Ok((address, Tls::NotTried));
    }
    deadline.renew(timeout);
    Ok((address, secured(wire, endpoint, timeout, trust)?))
}

fn through(
    endpoint: &Endpoint,
    proxy: &Proxy,
    is_plain: bool,
    timeout: Duration,
    trust: &Trust,
) -> Result<Reached, Trouble> {
    // Whatever fails on the way to the proxy is the proxy's step.
    let of_proxy = |trouble: Trouble| Trouble {
        step: Step::Proxy,
        reason: format!("the proxy itself, {}: {}", proxy.authority(), trouble.reason),
        ..trouble
    };
    let addresses =
        network::resolve(&proxy.host, Some(timeout)).map_err(|error| of_proxy(unresolved(&error, &proxy.host)))?;
    let (wire, deadline) =
        wire::connect(&addresses, proxy.port, timeout).map_err(|failures| of_proxy(unconnected(&failures, timeout)))?;
    let address = wire.peer();
    deadline.renew(timeout);
    if proxy.is_secure {
        let (stream, _) = trust
            .handshake(wire, &proxy.host)
            .map_err(|error| of_proxy(insecure(&error, &proxy.authority(), timeout)))?;
        return Ok((address, tunnelled(stream, endpoint, proxy, is_plain, timeout, &deadline, trust)?));
    }
    Ok((address, tunnelled(wire, endpoint, proxy, is_plain, timeout, &deadline, trust)?))
}

fn tunnelled<S: io::Read + io::Write>(
    mut stream: S,
    endpoint: &Endpoint,
    proxy: &Proxy,
    is_plain: bool,
    timeout: Duration,
    deadline: &Deadline,
    trust: &Trust,
) -> Result<Tls, Trouble> {
    deadline.renew(timeout);
    let answer = if is_plain {
        tunnel::head(&mut stream, proxy, endpoint)
    } else {
        tunnel::connect(&mut stream, proxy, endpoint)
    };
    let answer = answer.map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => format!("it does not answer within {timeout:?}"),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "it closes the connection".to_owned(),
            _ => error.to_string(),
        };
        let help = format!("have the proxy let {} through", endpoint.authority());
        Trouble::new(Step::Proxy, format!("the proxy {}: {reason}", proxy.authority()), help)
    })?;
    if let Some(trouble) = refused(&answer, proxy, endpoint, is_plain) {
        return Err(trouble);
    }
    if is_plain {
        return Ok(Tls::NotTried);
    }
    deadline.renew(timeout);
    secured(stream, endpoint, timeout, trust)
}

fn secured<S: io::Read + io::Write>(
    stream: S,
    endpoint: &Endpoint,
    timeout: Duration,
    trust: &Trust,
) -> Result<Tls, Trouble> {
    match trust.handshake(stream, &endpoint.host) {
        Ok((_, issuer)) => Ok(Tls::Spoken { issuer }),
        Err(TlsTrouble::NotSpoken) if endpoint.protocol == Protocol::Any && endpoint.port != 443 => Ok(Tls::NotSpoken),
        Err(trouble) => Err(insecure(&trouble, &endpoint.authority(), timeout)),
    }
}

fn unresolved(error: &Unresolved, host: &str) -> Trouble {
    let help = match error {
        Unresolved::NoAnswer { .. } => {
            "let UDP and TCP port 53 through to the name server, or name another one in /etc/resolv.conf".to_owned()
        }
        Unresolved::NoSuchName { .. } | Unresolved::NoAddress { .. } => format!(
            "have the name server know {host}, or add it to /etc/hosts; behind a proxy (HTTPS_PROXY) no name is needed here"
        ),
    };
    Trouble::new(Step::Name, error.to_string(), help)
}

fn unconnected(failures: &[(SocketAddr, io::Error)], timeout: Duration) -> Trouble {
    let reason = |(address, error): &(SocketAddr, io::Error)| {
        let what = match error.kind() {
            io::ErrorKind::ConnectionRefused => "refuses the connection".to_owned(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => format!("does not answer within {timeout:?}"),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => "cannot be routed to".to_owned(),
            _ => airtight_provider::digest::os_error::reason(error),
        };
        format!("{address} {what}")
    };
    let reasons: Vec<_> = failures.iter().map(reason).collect();
    let addresses: Vec<_> = failures.iter().map(|(address, _)| address.to_string()).collect();
    let has = |kind: io::ErrorKind| failures.iter().any(|(_, error)| error.kind() == kind);
    let why = if has(io::ErrorKind::ConnectionRefused) {
        "nothing listens there, or a firewall rejects it: "
    } else if has(io::ErrorKind::TimedOut) || has(io::ErrorKind::WouldBlock) {
        "a firewall drops it, or the host is down: "
    } else {
        ""
    };
    let help = format!("{why}let TCP through from this runner to {}", addresses.join(" or "));
    Trouble::new(Step::Tcp, reasons.join(", "), help)
}

/// `None` where the proxy did what it was asked for.
fn refused(answer: &Answer, proxy: &Proxy, endpoint: &Endpoint, is_plain: bool) -> Option<Trouble> {
    let target = endpoint.authority();
    let asked = if is_plain { "HTTP to" } else { "CONNECT to" };
    let help = match answer.status {
        200..300 => return None,
        407 if proxy.has_credentials() => {
            "the credentials in the proxy's variable are not accepted: correct them".to_owned()
        }
        407 if !answer.schemes.is_empty()
            && !answer.schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic")) =>
        {
            let schemes = answer.schemes.join(", ");
            format!("the engines know only Basic, the proxy wants {schemes}: have it let this runner through without")
        }
        407 => "put user and password into the proxy's variable, such as http://USER:PASSWORD@PROXY:PORT".to_owned(),
        502..=504 => {
            format!("the proxy lets it pass, but cannot reach {target} itself: open the proxy's own way there")
        }
        403 | 405 | 451 => format!("have the proxy allow {asked} {target}"),
        // Behind a proxy for plain HTTP, the answer is the host's own.
        _ if is_plain => return None,
        _ => format!("have the proxy allow {asked} {target}"),
    };
    let squid = answer.squid_error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    let reason = format!("the proxy {} answers {}{squid}", proxy.authority(), answer.text);
    Some(Trouble::new(Step::Proxy, reason, help))
}

fn insecure(error: &TlsTrouble, authority: &str, timeout: Duration) -> Trouble {
    let names_matter = format!(
        "a firewall that looks at server names does so: let TLS to {authority} through, or write tcp:// where it speaks none"
    );
    let now = Timestamp::from(SystemTime::now());
    let (reason, help) = match error {
        TlsTrouble::NoAuthorities(reason) => (reason.clone(), "give the image certificate authorities".to_owned()),
        TlsTrouble::UnknownAuthority { issuer } => (
            match issuer {
                Some(issuer) => format!("its certificate is signed by an authority that is not trusted here: {issuer}"),
                None => "its certificate is signed by an authority that is not trusted here".to_owned(),
            },
            "add that authority to the image's certificates, or name them with SSL_CERT_FILE; a proxy or firewall that opens \
             TLS signs with its own"
                .to_owned(),
        ),
        TlsTrouble::Expired { since } => (
            format!("its certificate has expired{}", since.map_or(String::new(), |since| format!(" at {since}"))),
            format!("have it renewed; here it is {now}"),
        ),
        TlsTrouble::NotYetValid { from } => (
            format!("its certificate is not valid {}", from.map_or("yet".to_owned(), |from| format!("before {from}"))),
            format!("set this machine's clock: here it is {now}"),
        ),
        TlsTrouble::WrongName { names } => (
            match &names[..] {
                [] => "its certificate is for another name".to_owned(),
                names => format!("its certificate is for another name: {}", names.join(", ")),
            },
            "something else answers there, or the certificate lacks the name: correct what the name leads to".to_owned(),
        ),
        TlsTrouble::Certificate(reason) => {
            (format!("its certificate is not accepted: {reason}"), "have the certificate corrected".to_owned())
        }
        TlsTrouble::Refused(alert) => (
            format!("the other side ends TLS with the alert {alert}"),
            "a firewall may do so, or a server that wants a certificate of ours or another version of TLS".to_owned(),
        ),
        TlsTrouble::NotSpoken => (
            "what answers there does not speak TLS".to_owned(),
            "a proxy or a portal may answer in its place; write http:// or tcp:// where no TLS is meant".to_owned(),
        ),
        TlsTrouble::Closed => ("the connection is closed at the first message of TLS".to_owned(), names_matter),
        TlsTrouble::Silent => {
            (format!("the first message of TLS is not answered within {timeout:?}"), names_matter)
        }
        TlsTrouble::Other(reason) => (format!("TLS: {reason}"), names_matter),
    };
    Trouble::new(Step::Tls, reason, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, schemes: &[&str]) -> Answer {
        let schemes = schemes.iter().map(|scheme| (*scheme).to_owned()).collect();
        Answer { status, text: format!("{status} X"), schemes, squid_error: None }
    }

    #[test]
    fn a_proxys_refusal_says_who_must_do_what() {
        let endpoint: Endpoint = "a.example".parse().unwrap();
        let [open, with_user] = ["http://p:3128", "http://u:s3cret@p:3128"].map(|text| Proxy::parse(text).unwrap());
        for (proxy, answer, is_plain, expected) in [
            (&open, answer(403, &[]), false, Some("have the proxy allow CONNECT to a.example:443")),
            (&open, answer(407, &["Basic"]), false, Some("put user and password into the proxy's variable")),
            (
                &open,
                answer(407, &["Negotiate", "NTLM"]),
                false,
                Some("the engines know only Basic, the proxy wants Negotiate, NTLM"),
            ),
            (
                &with_user,
                answer(407, &["Basic"]),
                false,
                Some("the credentials in the proxy's variable are not accepted"),
            ),
            (&open, answer(504, &[]), false, Some("the proxy lets it pass, but cannot reach a.example:443 itself")),
            (&open, answer(404, &[]), false, Some("have the proxy allow CONNECT to a.example:443")),
            (&open, answer(404, &[]), true, None),
            (&open, answer(403, &[]), true, Some("have the proxy allow HTTP to a.example:443")),
            (&open, answer(200, &[]), false, None),
        ] {
            let trouble = refused(&answer, proxy, &endpoint, is_plain);
            let help = trouble.as_ref().map(|trouble| trouble.help.as_str());
            assert!(help.is_some() == expected.is_some(), "{answer:?}");
            assert!(help.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{answer:?}: {help:?}");
            assert!(!format!("{trouble:?}").contains("s3cret"));
        }
    }

    #[test]
    fn every_address_that_fails_is_named() {
        let failures = [
            ("10.0.0.1:443".parse().unwrap(), io::Error::from(io::ErrorKind::TimedOut)),
            ("[fd00::1]:443".parse().unwrap(), io::Error::from(io::ErrorKind::NetworkUnreachable)),
        ];
        let trouble = unconnected(&failures, Duration::from_secs(5));
        assert_eq!(
            trouble,
            Trouble::new(
                Step::Tcp,
                "10.0.0.1:443 does not answer within 5s, [fd00::1]:443 cannot be routed to",
                "a firewall drops it, or the host is down: let TCP through from this runner to 10.0.0.1:443 or \
                 [fd00::1]:443"
            )
        );
    }
}
