//! The settings of a file for single hosts: the tokens of `credentials` blocks, the services of `host` blocks.
//!
//! Source: OpenTofu `internal/command/cliconfig/credentials.go`, `cliconfig.go`, `main.go` (`ForceHostServices`).

use super::decode::{self, View};
use super::syntax::{LiteralKind, Value};
use super::{is_strict, parser};
use airtight_provider::Engine;

/// A host as written, and its services with their addresses.
pub type HostServices = (String, Vec<(String, String)>);

/// Hosts as written with their tokens, in the file's order. A file that the engine drops has none.
pub fn tokens(text: &str, engine: &Engine) -> Vec<(String, String)> {
    of_hosts(text, engine, "credentials", |fields| {
        decode::text(fields, "token").ok()?.filter(|token| !token.is_empty())
    })
}

/// Every `host` block with services, for which the host is not asked. A file that the engine drops has none.
pub fn host_services(text: &str, engine: &Engine) -> Vec<HostServices> {
    of_hosts(text, engine, "host", |fields| {
        let is_there = fields.iter().any(|field| field.keys.first().is_some_and(|key| key == "services"));
        let services = decode::entries(fields, "services").ok().filter(|_| is_there)?;
        let address = |service: &View<'_>| match (service.keys, service.value) {
            ([name], Value::Literal { kind: LiteralKind::String, text }) => Some((name.clone(), text.clone())),
            _ => None,
        };
        Some(services.iter().filter_map(address).collect())
    })
}

fn of_hosts<T>(text: &str, engine: &Engine, block: &str, read: impl Fn(&[View<'_>]) -> Option<T>) -> Vec<(String, T)> {
    let Ok(file) = parser::parse(text, is_strict(engine)) else { return Vec::new() };
    let hosts = decode::entries(&decode::views(&file.items), block).unwrap_or_default();
    let of_host = |host: &View<'_>| {
        let (name, rest) = host.keys.split_first()?;
        Some((name.clone(), read(&decode::body(&View { keys: rest, ..*host }).ok()?)?))
    };
    hosts.iter().filter_map(of_host).collect()
}
