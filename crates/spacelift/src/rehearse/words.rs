//! Hosts that a phase's own words name, where no witness can be.
//!
//! Source: Go `net.OpError`, `net.DNSError` and `net/url.Error`, whose texts engines and providers print; curl's.

use std::collections::BTreeSet;

use super::judge::without_colors;
use super::witness::{Asked, Protocol};

/// What a text says could not be reached, sorted.
pub(crate) fn hosts(output: &str) -> Vec<Asked> {
    let mut found = BTreeSet::new();
    // An engine wraps its lines and frames them.
    let text = without_colors(output).replace(['│', '\n', '\r'], " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        match *word {
            "lookup" => found.extend(named(next)),
            "resolve" if words.get(at.wrapping_sub(1)).is_some_and(|before| *before == "not") && next == "host:" => {
                found.extend(words.get(at + 2).and_then(|host| named(host)));
            }
            "tcp" if words.get(at.wrapping_sub(1)).is_some_and(|before| *before == "dial") => {
                found.extend(addressed(next));
            }
            "Get" | "Post" | "Put" | "Head" => found.extend(of_url(next)),
            _ => {}
        }
    }
    // A name with its port says more than the name alone.
    let with_port: BTreeSet<String> =
        found.iter().filter(|(_, port)| port.is_some()).map(|(host, _)| host.clone()).collect();
    let all = found.into_iter().filter(|(host, port)| port.is_some() || !with_port.contains(host));
    all.map(|(host, port)| Asked { host, port, protocol: Protocol::Text, process: None }).collect()
}

fn named(word: &str) -> Option<(String, Option<u16>)> {
    let host = word.trim_end_matches([':', ',', '.', ';']);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (host.contains('.') && host.bytes().all(is_host)).then(|| (host.to_ascii_lowercase(), None))
}

/// `10.1.2.3:443:`, but no name server's.
fn addressed(word: &str) -> Option<(String, Option<u16>)> {
    let address: std::net::SocketAddr = word.trim_end_matches([':', ',']).parse().ok()?;
    let is_outside = !address.ip().is_loopback() && address.port() != 53;
    is_outside.then(|| (address.ip().to_string(), Some(address.port())))
}

/// `"https://registry.opentofu.org/.well-known/terraform.json":`
fn of_url(word: &str) -> Option<(String, Option<u16>)> {
    let (scheme, rest) = word.trim_matches(['"', ':', ',']).split_once("://")?;
    let authority = rest.split(['/', '?', '"']).next()?.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, if scheme == "http" { 80 } else { 443 }),
    };
    let (host, _) = named(host)?;
    (!host.starts_with("127.")).then_some((host, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_reached_is_named() {
        let text = |output: &str| hosts(output).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        for (output, expected) in [
            (
                "│ registry.opentofu.org: failed to request discovery document: Get\n\u{1b}[31m│\u{1b}[0m \u{1b}[0m\
                 \"https://registry.opentofu.org/.well-known/terraform.json\": dial tcp: lookup\n│ registry.opentofu.org on \
                 10.0.0.1:53: dial udp 10.0.0.1:53: connect: network is unreachable",
                "registry.opentofu.org:443",
            ),
            ("dial tcp 10.1.2.3:8200: connect: network is unreachable", "10.1.2.3:8200"),
            ("curl: (6) Could not resolve host: files.example", "files.example"),
            ("dial tcp: lookup vault.example: no such host", "vault.example"),
            ("Get \"http://127.0.0.1:61983/state\": dial tcp 127.0.0.1:61983: connection refused", ""),
            ("Get well soon, lookup table, tcp", ""),
        ] {
            assert_eq!(text(output), expected, "{output}");
        }
    }
}
