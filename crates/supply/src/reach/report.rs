//! What was found, for people and for programs; and the hosts that a rehearsal's report names.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Attempt;
use super::attempt::{Outcome, Tls};
use super::endpoint::Endpoint;
use airtight_finding::{escape, plural};

pub(crate) const SCHEMA: &str = "airtight/reach/1";

/// A rehearsal's report, as far as it matters here. Larger ones are none.
pub const REPORT_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// One line each, aligned, and one that counts. No line starts with text from outside.
pub fn human(attempts: &[Attempt], elapsed: Duration, color: bool) -> String {
    let width = attempts.iter().map(|attempt| attempt.endpoint.to_string().chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for attempt in attempts {
        let endpoint = attempt.endpoint.to_string();
        let (state, said) = match &attempt.outcome {
            Outcome::Open { address, via, tls } => {
                let address = address.map(|address| address.to_string());
                let place = via.as_ref().map(|proxy| format!("through the proxy {proxy}")).or(address);
                let tls = match tls {
                    Tls::Spoken { issuer: Some(issuer) } => Some(format!("TLS signed by {issuer}")),
                    Tls::Spoken { issuer: None } => Some("TLS".to_owned()),
                    Tls::NotSpoken => Some("no TLS".to_owned()),
                    Tls::NotTried => None,
                };
                let took = Some(format!("{} ms", attempt.elapsed.as_millis()));
                ("open", [place, tls, took].into_iter().flatten().collect::<Vec<_>>().join(", "))
            }
            Outcome::Closed { trouble, .. } => {
                ("closed", format!("{}: {}; {}", trouble.step.as_str(), trouble.reason, trouble.help))
            }
        };
        let (start, end) = match (color, attempt.is_open()) {
            (false, _) => ("", ""),
            (true, true) => ("\u{1b}[32m", "\u{1b}[0m"),
            (true, false) => ("\u{1b}[31m", "\u{1b}[0m"),
        };
        text.push_str(&format!("{start}{state:6}{end}  {endpoint:width$}  {}\n", escape::line(&said)));
    }
    text + &closing(attempts, elapsed) + "\n"
}

/// `airtight: closed: 1 of 3 endpoints in 5.0 s`
fn closing(attempts: &[Attempt], elapsed: Duration) -> String {
    let closed = attempts.iter().filter(|attempt| !attempt.is_open()).count();
    let all = plural(attempts.len(), "endpoint");
    let seconds = format!("{:.1} s", elapsed.as_secs_f64());
    if closed == 0 {
        format!("airtight: open: {all} in {seconds}")
    } else {
        format!("airtight: closed: {closed} of {all} in {seconds}")
    }
}

/// One line each, without what is to be done.
pub fn concise(attempts: &[Attempt]) -> String {
    let line = |attempt: &Attempt| match &attempt.outcome {
        Outcome::Open { .. } => format!("{}: open\n", attempt.endpoint),
        Outcome::Closed { trouble, .. } => {
            format!("{}: closed: {}: {}\n", attempt.endpoint, trouble.step.as_str(), escape::line(&trouble.reason))
        }
    };
    attempts.iter().map(line).collect()
}

/// `airtight/reach/1`. Its field names are an interface: more may follow, none goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonReport {
    pub schema: &'static str,
    pub counts: JsonCounts,
    pub elapsed_ms: u64,
    /// In the order in which they were given.
    pub endpoints: Vec<JsonEndpoint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct JsonCounts {
    pub open: usize,
    pub closed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonEndpoint {
    pub host: String,
    pub port: u16,
    /// `open` or `closed`.
    pub state: &'static str,
    /// `name`, `tcp`, `proxy` or `tls`; null if it is open.
    pub step: Option<&'static str>,
    pub reason: Option<String>,
    pub help: Option<String>,
    /// The proxy, `HOST:PORT`; null if there is none.
    pub via: Option<String>,
    /// What was connected to; null if nothing was.
    pub address: Option<String>,
    /// Null if TLS was not tried.
    pub tls: Option<bool>,
    /// Who signed the certificate that was accepted.
    pub issuer: Option<String>,
    pub elapsed_ms: u64,
}

impl JsonReport {
    pub fn new(attempts: &[Attempt], elapsed: Duration) -> Self {
        let open = attempts.iter().filter(|attempt| attempt.is_open()).count();
        Self {
            schema: SCHEMA,
            counts: JsonCounts { open, closed: attempts.len() - open },
            elapsed_ms: milliseconds(elapsed),
            endpoints: attempts.iter().map(JsonEndpoint::new).collect(),
        }
    }

    /// One object, indented, ended by a line break.
    ///
    /// # Errors
    /// None that is known.
    pub fn render(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| escape::json(&text) + "\n")
    }
}

impl JsonEndpoint {
    fn new(attempt: &Attempt) -> Self {
        let closed = Self {
            host: attempt.endpoint.host.clone(),
            port: attempt.endpoint.port,
            state: "closed",
            step: None,
            reason: None,
            help: None,
            via: None,
            address: None,
            tls: None,
            issuer: None,
            elapsed_ms: milliseconds(attempt.elapsed),
        };
        match &attempt.outcome {
            Outcome::Open { address, via, tls } => Self {
                state: "open",
                via: via.clone(),
                address: address.map(|address| address.to_string()),
                tls: match tls {
                    Tls::Spoken { .. } => Some(true),
                    Tls::NotSpoken => Some(false),
                    Tls::NotTried => None,
                },
                issuer: if let Tls::Spoken { issuer } = tls { issuer.clone() } else { None },
                ..closed
            },
            Outcome::Closed { trouble, via } => Self {
                step: Some(trouble.step.as_str()),
                reason: Some(trouble.reason.clone()),
                help: Some(trouble.help.clone()),
                via: via.clone(),
                ..closed
            },
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The endpoints that a rehearsal's report names, each once, and what of it cannot be tried.
///
/// # Errors
/// The text is no report of a rehearsal.
pub fn declared_in(report: &str) -> Result<(Vec<Endpoint>, Vec<String>), String> {
    #[derive(Deserialize)]
    struct Rehearsal {
        schema: String,
        hosts: Vec<Asked>,
    }
    #[derive(Deserialize)]
    struct Asked {
        host: String,
        port: Option<u16>,
        protocol: String,
    }
    let rehearsal: Rehearsal = serde_json::from_str(report)
        .map_err(|error| format!("it is no report of a rehearsal: {}", airtight_provider::json_error(&error)))?;
    if rehearsal.schema.split('/').take(2).collect::<Vec<_>>() != ["airtight", "rehearsal"] {
        return Err(format!("its schema is {:?}, expected airtight/rehearsal/1", rehearsal.schema));
    }
    let mut endpoints = BTreeSet::new();
    let mut left_out = BTreeSet::new();
    for Asked { host, port, protocol } in rehearsal.hosts {
        if matches!(protocol.as_str(), "udp" | "icmp") {
            left_out.insert(format!("{protocol}://{host}"));
            continue;
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        // A name that was only looked up would have been asked by HTTPS next.
        let text = format!("{host}:{}", port.unwrap_or(443));
        match text.parse::<Endpoint>() {
            Ok(endpoint) => drop(endpoints.insert(endpoint)),
            Err(_) => drop(left_out.insert(text)),
        }
    }
    Ok((endpoints.into_iter().collect(), left_out.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::super::attempt::{Step, Trouble};
    use super::*;

    fn attempts() -> Vec<Attempt> {
        let open = Outcome::Open {
            address: Some("10.1.2.3".parse().unwrap()),
            via: None,
            tls: Tls::Spoken { issuer: Some("Example CA\n::add-mask x".to_owned()) },
        };
        let proxied = Outcome::Open { address: None, via: Some("proxy.example:3128".to_owned()), tls: Tls::NotSpoken };
        let trouble = Trouble {
            step: Step::Name,
            reason: "the name server 10.0.0.2 knows no such name".to_owned(),
            help: "have the name server know b.example".to_owned(),
        };
        let closed = Outcome::Closed { trouble, via: None };
        let attempt = |text: &str, outcome: Outcome| Attempt {
            endpoint: text.parse().unwrap(),
            outcome,
            elapsed: Duration::from_millis(12),
        };
        vec![
            attempt("registry.example", open),
            attempt("a.example:8443", proxied),
            attempt("tcp://b.example:1", closed),
        ]
    }

    #[test]
    fn one_line_each_and_one_that_counts() {
        assert_eq!(
            human(&attempts(), Duration::from_millis(5040), false),
            "open    registry.example:443  10.1.2.3, TLS signed by Example CA\\n::add-mask x, 12 ms\n\
             open    a.example:8443        through the proxy proxy.example:3128, no TLS, 12 ms\n\
             closed  tcp://b.example:1     name: the name server 10.0.0.2 knows no such name; have the name server know \
             b.example\n\
             airtight: closed: 1 of 3 endpoints in 5.0 s\n"
        );
        assert_eq!(
            concise(&attempts()),
            "registry.example:443: open\na.example:8443: open\ntcp://b.example:1: closed: name: the name server 10.0.0.2 \
             knows no such name\n"
        );
        assert!(human(&attempts()[..1], Duration::ZERO, true).ends_with("airtight: open: 1 endpoint in 0.0 s\n"));
    }

    #[test]
    fn fields_are_an_interface() {
        let report = JsonReport::new(&attempts(), Duration::from_secs(5));
        let value: serde_json::Value = serde_json::from_str(&report.render().unwrap()).unwrap();
        assert_eq!((&value["schema"], &value["counts"]["closed"]), (&"airtight/reach/1".into(), &1.into()));
        assert_eq!(
            value["endpoints"][2],
            serde_json::json!({
                "host": "b.example", "port": 1, "state": "closed", "step": "name",
                "reason": "the name server 10.0.0.2 knows no such name",
                "help": "have the name server know b.example",
                "via": null, "address": null, "tls": null, "issuer": null, "elapsed_ms": 12,
            })
        );
        assert_eq!(
            (&value["endpoints"][1]["tls"], &value["endpoints"][1]["via"]),
            (&false.into(), &"proxy.example:3128".into())
        );
    }

    #[test]
    fn a_rehearsal_names_endpoints_once() {
        let text = r#"{"schema": "airtight/rehearsal/1", "more": 1, "hosts": [
            {"host": "b.example", "port": 8443, "protocol": "tcp", "process": "tofu", "declared": false},
            {"host": "b.example", "port": 8443, "protocol": "text", "process": null, "declared": false},
            {"host": "a.example", "port": null, "protocol": "dns", "process": null, "declared": true},
            {"host": "fd00::1", "port": 443, "protocol": "tcp", "process": null, "declared": true},
            {"host": "no name", "port": 443, "protocol": "text", "process": null, "declared": false},
            {"host": "10.0.0.1", "port": 123, "protocol": "udp", "process": null, "declared": true}]}"#;
        let (endpoints, left_out) = declared_in(text).unwrap();
        let endpoints: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(endpoints, ["a.example:443", "b.example:8443", "[fd00::1]:443"]);
        assert_eq!(left_out, ["no name:443", "udp://10.0.0.1"]);
        assert_eq!(
            declared_in("{}").unwrap_err(),
            "it is no report of a rehearsal: unexpected type or name at line 1 column 2"
        );
        let other = r#"{"schema": "airtight/report/1", "hosts": []}"#;
        assert_eq!(
            declared_in(other).unwrap_err(),
            "its schema is \"airtight/report/1\", expected airtight/rehearsal/1"
        );
    }
}
