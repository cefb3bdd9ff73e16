//! The URL of a network mirror: whether the engine accepts it, and which host it then asks.
//!
//! Source: OpenTofu `cmd/tofu/provider_source.go`; Go `net/url` `Parse`, `ResolveReference`.

use super::problem::ProblemKind;

/// # Errors
/// The engine drops the method.
pub(super) fn check_url(url: &str) -> Result<(), ProblemKind> {
    if url.chars().any(|character| character.is_ascii_control()) {
        return Err(ProblemKind::MirrorUrl);
    }
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("https")) else {
        return Err(ProblemKind::MirrorUrlScheme { shown: shown(url) });
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let path = rest[authority.len()..].split(['?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() {
        return Err(ProblemKind::MirrorUrlScheme { shown: shown(url) });
    }
    let after_address = host.rsplit_once(']').map_or(host, |(_, after)| after);
    let has_port =
        after_address.rsplit_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let is_host = !host.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}', '%'])
        && host.starts_with('[') == host.contains(']');
    let has_escapes = |text: &str| {
        text.split('%')
            .skip(1)
            .all(|after| after.len() > 1 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
    };
    if has_port && is_host && has_escapes(path) { Ok(()) } else { Err(ProblemKind::MirrorUrl) }
}

/// What is odd about a URL that the engine takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlMistake {
    /// The engine asks for `%20`.
    Blank { asked: String, meant: String },
    /// The engine drops the last part of the path.
    NoSlash { asked: String, meant: String },
}

/// Looks for a blank and for a missing `/` at the end. The texts hold no user information and no query.
pub fn url_mistake(url: &str) -> Option<UrlMistake> {
    let shown = shown(url);
    let trimmed = shown.trim_end_matches([' ', '\u{A0}']);
    let meant = if trimmed.ends_with('/') { trimmed.to_owned() } else { format!("{trimmed}/") };
    let meant = meant.replace(' ', "");
    if shown.contains(' ') {
        return Some(UrlMistake::Blank { asked: shown.replace(' ', "%20"), meant });
    }
    let path_start = shown.find("://").map_or(0, |scheme| scheme + 3);
    // Without any path the host is kept.
    let last = shown[path_start..].rfind('/')? + path_start;
    (last + 1 < shown.len()).then(|| UrlMistake::NoSlash { asked: shown[..=last].to_owned(), meant })
}

/// The URL without user information, query and fragment, any of which may hold a secret.
fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("//").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let slashes = if url.contains("//") { "//" } else { "" };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let shown: String = rest.chars().filter(|character| !character.is_control()).collect();
    format!("{scheme}{slashes}{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_go_parses_with_https_and_a_host() {
        for url in ["https://h/", "HTTPS://u:p@h:8443/p/ ", "https://[::1]:443/p/", "https://h", "https://h/%20/?q=%zz"]
        {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in ["http://u:s3cret@h/p?t=s3cret", "h/providers/", "https:///p/", " https://h/"] {
            let Err(ProblemKind::MirrorUrlScheme { shown }) = check_url(url) else { panic!("{url}") };
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        for url in ["https://h /p/", "https://h:port/", "https://h/%zz/", "https://h/\n"] {
            assert_eq!(check_url(url), Err(ProblemKind::MirrorUrl), "{url}");
        }
    }

    #[test]
    fn says_what_would_be_asked_instead() {
        let text = |text: &str| text.to_owned();
        for (url, mistake) in [
            ("https://h/p/", None),
            ("https://h", None),
            ("https://h/p/ ", Some(UrlMistake::Blank { asked: text("https://h/p/%20"), meant: text("https://h/p/") })),
            ("https://u:s3@h/p", Some(UrlMistake::NoSlash { asked: text("https://h/"), meant: text("https://h/p/") })),
        ] {
            assert_eq!(url_mistake(url), mistake, "{url}");
        }
    }
}
