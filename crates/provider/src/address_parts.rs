//! The parts of a provider address, normalised so that they compare as text.

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};

use super::quoted::Quoted;

/// Namespace or type: one label of a host name, folded like one. The error is a fragment that says what is wrong.
///
/// Source: opentofu/registry-address `ParseProviderPart`.
pub(super) fn parse_part(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("must have at least one character");
    }
    if text.contains('.') {
        return Err("dots are not allowed");
    }
    if text.contains("--") {
        return Err("cannot use multiple consecutive dashes");
    }
    fold(text).ok_or("must contain only letters, digits, and dashes, and may not use leading or trailing dashes")
}

/// A namespace as later engines read it: like a type, but `_` may be between other characters, any number of times.
///
/// Source: hashicorp/terraform-registry-address 0.5.0 `ParseProviderNamespace`.
pub(super) fn parse_namespace(text: &str) -> Result<String, &'static str> {
    if !text.contains('_') || text.starts_with('_') || text.ends_with('_') {
        return parse_part(text);
    }
    // Each `_` is one letter of a label that is otherwise read as before.
    parse_part(&text.replace('_', "x"))?;
    let fold =
        |part: &str| Uts46::new().to_unicode(part.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow).0.into_owned();
    Ok(text.split('_').map(fold).collect::<Vec<_>>().join("_"))
}

/// Host name and port in Unicode form, without the port 443. The error is a fragment that says what is wrong.
///
/// Source: opentofu/svchost `ForComparison`, `Hostname.ForDisplay`.
pub(super) fn parse_host(text: &str) -> Result<String, String> {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let port = port.map_or_else(|| Ok(String::new()), parse_port).map_err(|reason| {
        if matches!(name.to_lowercase().as_str(), "http" | "https") {
            "need just a hostname and optional port number, not a full URL"
        } else {
            reason
        }
    })?;
    if name.is_empty() {
        return Err("empty string is not a valid hostname".to_owned());
    }
    // The last label may be empty, and even the one before it.
    for label in name.strip_suffix("..").or(name.strip_suffix('.')).unwrap_or(name).split('.') {
        if label.is_empty() {
            return Err("hostname contains empty label (two consecutive periods)".to_owned());
        }
        if label.starts_with("xn--") {
            let label = Quoted(label);
            return Err(format!(
                "hostname label {label} specified in punycode format; service hostnames must be given in unicode"
            ));
        }
    }
    let name = fold(name).ok_or_else(|| folding_error(name))?;
    Ok(name + &port)
}

/// The port with its colon, or nothing for 443. Signs and leading zeros are accepted, as Go's `Atoi` does.
fn parse_port(text: &str) -> Result<String, &'static str> {
    match text.parse::<i64>() {
        Err(_) => Err("port portion contains non-digit characters"),
        Ok(443) => Ok(String::new()),
        Ok(65_536..) => Err("port number is greater than 65535"),
        Ok(port) => Ok(format!(":{port}")),
    }
}

/// Case folding and validation of the `Lookup` profile of Go's `idna`: letters, digits and inner hyphens.
fn fold(text: &str) -> Option<String> {
    let (folded, result) = Uts46::new().to_unicode(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    result.ok().map(|()| folded.into_owned())
}

/// What Go's `idna` says of a host name that it does not fold.
fn folding_error(name: &str) -> String {
    let is_disallowed = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.');
    if let Some(character) = name.chars().find(|character| is_disallowed(*character)) {
        return format!("idna: disallowed rune U+{:04X}", u32::from(character));
    }
    let label = name.split('.').find(|label| fold(label).is_none()).unwrap_or(name);
    format!("idna: invalid label {}", Quoted(&label.to_lowercase()))
}
