//! The parts of a provider address, normalised so that they compare as text.

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};

/// Namespace or type: one label of a host name, folded like one.
///
/// Source: opentofu/registry-address `ParseProviderPart`.
pub(super) fn parse_part(text: &str) -> Option<String> {
    if text.is_empty() || text.contains('.') || text.contains("--") { None } else { fold(text) }
}

/// A namespace as later engines read it: like a type, but `_` may be between other characters, any number of times.
///
/// Source: hashicorp/terraform-registry-address 0.5.0 `ParseProviderNamespace`.
pub(super) fn parse_namespace(text: &str) -> Option<String> {
    if !text.contains('_') || text.starts_with('_') || text.ends_with('_') {
        return parse_part(text);
    }
    // Each `_` is one letter of a label that is otherwise read as before.
    parse_part(&text.replace('_', "x"))?;
    let fold =
        |part: &str| Uts46::new().to_unicode(part.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow).0.into_owned();
    Some(text.split('_').map(fold).collect::<Vec<_>>().join("_"))
}

/// Host name and port in Unicode form, without the port 443.
///
/// Source: opentofu/svchost `ForComparison`, `Hostname.ForDisplay`.
pub(super) fn parse_host(text: &str) -> Option<String> {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, parse_port(port)?),
        None => (text, String::new()),
    };
    // The last label may be empty, and even the one before it. Punycode is for machines.
    let mut labels = name.strip_suffix("..").or(name.strip_suffix('.')).unwrap_or(name).split('.');
    let is_name = labels.all(|label| !label.is_empty() && !label.starts_with("xn--"));
    Some(fold(name).filter(|_| is_name)? + &port)
}

/// The port with its colon, or nothing for 443. Signs and leading zeros are accepted, as Go's `Atoi` does.
fn parse_port(text: &str) -> Option<String> {
    match text.parse::<i64>().ok()? {
        443 => Some(String::new()),
        65_536.. => None,
        port => Some(format!(":{port}")),
    }
}

/// Case folding and validation of the `Lookup` profile of Go's `idna`: letters, digits and inner hyphens.
fn fold(text: &str) -> Option<String> {
    let (folded, result) = Uts46::new().to_unicode(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    result.ok().map(|()| folded.into_owned())
}
