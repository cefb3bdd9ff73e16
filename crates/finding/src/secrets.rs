//! Secrets in the addresses of modules, packages and registries: found in any text, so that no output shows them.
//!
//! Masked are the user information of an address (everything before its `@`, except the plain `git` of SSH) and
//! each query value whose key is not known to be harmless. `git::https://USER:TOKEN@HOST/x.git`, `USER:TOKEN@HOST:x/y.git`
//! and `https://HOST/m.zip?access_token=TOKEN` are usual module sources.
//!
//! Source: hashicorp/go-getter `get_git.go`, `get_s3.go`, `get_http.go`, `detect_ssh.go`; `net/url` of Go.

use std::ops::Range;

/// The keys of queries whose values are printed: what selects a revision or an archive format, and what it must hash to.
const HARMLESS_KEYS: [&str; 7] = ["archive", "checksum", "depth", "digest", "ref", "tag", "version"];

/// The user name that SSH addresses have, which says nothing about anybody.
const HARMLESS_USER: &str = "git";

const SCHEME_END: &str = "://";

/// The text with `***` for each of [`credentials`].
pub fn without_credentials(text: String) -> String {
    let mut text = text;
    for range in credentials(&text).into_iter().rev() {
        text.replace_range(range, "***");
    }
    text
}

/// The secret parts of each address in a text, as byte ranges: in order, none empty, none overlapping.
pub fn credentials(text: &str) -> Vec<Range<usize>> {
    let moved = |word: Range<usize>| {
        let secrets = secrets_of(&text[word.clone()]);
        secrets.into_iter().map(move |secret| word.start + secret.start..word.start + secret.end)
    };
    words(text).into_iter().flat_map(moved).collect()
}

/// The parts of a text that may be addresses. A quoted part that looks like one is one, spaces included; the rest is
/// split at spaces and quotes.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut skip_until = 0;
    for (index, character) in text.char_indices() {
        if index < skip_until {
            continue;
        }
        let is_quote = matches!(character, '"' | '`' | '\'');
        if !is_quote && !character.is_whitespace() && !matches!(character, '<' | '>') {
            continue;
        }
        words.push(start..index);
        start = index + character.len_utf8();
        if is_quote && let Some(length) = quoted_length(&text[start..], character) {
            words.push(start..start + length);
            start += length;
            skip_until = start;
        }
    }
    words.push(start..text.len());
    words.retain(|word| !word.is_empty());
    words
}

/// How long the quoted text is that begins here, if it ends on this line and looks like an address.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.char_indices().find_map(|(index, character)| {
        let is_end = character == '\n' || (character == quote && !is_escaped);
        is_escaped = character == '\\' && !is_escaped;
        is_end.then_some(index)
    })?;
    let first = text[..end].split(char::is_whitespace).next().unwrap_or_default();
    let is_address = first.contains(SCHEME_END) || first.contains("::") || first.contains(['@', '?']);
    (text[end..].starts_with(quote) && is_address).then_some(end)
}

/// The secret parts of one word.
fn secrets_of(word: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if word.contains(SCHEME_END) {
        let mut after = 0;
        while let Some(at) = word[after..].find(SCHEME_END) {
            let start = after + at + SCHEME_END.len();
            let end = user_information_end(&word[start..]).map_or(start, |length| start + length);
            push_user(&mut found, word, start..end);
            after = end;
        }
    } else if let Some(user) = user_without_scheme(word) {
        push_user(&mut found, word, user);
    }
    // A question mark of a password begins no query.
    let mut rest = word.to_owned();
    for user in &found {
        rest.replace_range(user.clone(), &"*".repeat(user.len()));
    }
    found.extend(query_values(&rest));
    merged(found)
}

fn push_user(found: &mut Vec<Range<usize>>, word: &str, user: Range<usize>) {
    if &word[user.clone()] != HARMLESS_USER {
        found.push(user);
    }
}

/// Where the user information at the beginning of an authority ends: at its last `@`. A password that holds `/`, `?`
/// or `#` makes the port invalid; then it is the last `@` of all.
fn user_information_end(text: &str) -> Option<usize> {
    let authority = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    let has_odd_port = !authority.starts_with('[')
        && authority.split_once(':').is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit()));
    if has_odd_port { text.rfind('@') } else { None }
}

/// The user information of `USER:TOKEN@HOST:PATH` or `git::USER@HOST/PATH`, up to the last `@` if it holds a password.
fn user_without_scheme(word: &str) -> Option<Range<usize>> {
    const DIGESTS: [&str; 2] = ["sha256:", "sha512:"];
    let start = getter_prefix(word);
    let text = &word[start..];
    let first = text.find('@')?;
    let head = &text[..text.find('/').unwrap_or(text.len()).min(first)];
    // `HOST:5000/NAME@sha256:...` is an image.
    let has_password = head
        .split_once(':')
        .is_some_and(|(_, rest)| !rest.is_empty() && !rest.bytes().all(|byte| byte.is_ascii_digit()));
    let end = if has_password { text.rfind('@')? } else { first };
    let host = &text[end + 1..];
    let is_user = has_password || head.len() == first;
    let is_host = host.contains([':', '/']) && !DIGESTS.iter().any(|digest| host.starts_with(digest));
    (is_user && is_host).then_some(start..start + end)
}

/// How long the `git::` is that chooses a way to fetch. It is no part of a password: no colon is before it.
fn getter_prefix(word: &str) -> usize {
    let Some((before, _)) = word.split_once("::") else { return 0 };
    let name = before.rsplit(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or_default();
    let lead = &before[..before.len() - name.len()];
    let is_name = !name.is_empty() && !lead.contains(':') && !lead.ends_with(['_', '-', '.', '~', '%', '+']);
    if is_name { before.len() + 2 } else { 0 }
}

/// The values of a word's query and fragment whose keys are not known to be harmless.
fn query_values(word: &str) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    let Some(query) = word.find(['?', '#']) else { return values };
    let is_address = word[..query].contains('/') || word[..query].contains("::");
    let mut start = query;
    while start < word.len() {
        let separator = word.as_bytes()[start];
        let parameter = start + 1;
        let end = word[parameter..].find(['?', '&', '#']).map_or(word.len(), |at| parameter + at);
        match word[parameter..end].split_once('=') {
            Some((key, _)) if HARMLESS_KEYS.contains(&key) => {}
            Some((key, _)) => values.push(parameter + key.len() + 1..end),
            None if is_address && separator != b'#' => values.push(parameter..end),
            None => {}
        }
        start = end;
    }
    values
}

/// Sorted, with what overlaps or touches made one.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        without_credentials(text.to_owned())
    }

    #[test]
    fn user_information_is_masked() {
        for (text, expected) in [
            ("git::https://user:t0ken@example.com/a.git?ref=x@y", "git::https://***@example.com/a.git?ref=x@y"),
            ("from https://a@b/, then https://c:d@e/", "from https://***@b/, then https://***@e/"),
            ("https://example.com/a@b", "https://example.com/a@b"),
            ("https://a@b:p@c", "https://***@c"),
            ("https://u:p/q?r#s@example.com/x?ref=1", "https://***@example.com/x?ref=1"),
            ("ssh://", "ssh://"),
            ("git::ssh://git@example.com/x.git", "git::ssh://git@example.com/x.git"),
            ("git@example.com:a/b", "git@example.com:a/b"),
            ("git::u:p@example.com:x/y.git", "git::***@example.com:x/y.git"),
            ("u:p_a::@example.com/x", "***@example.com/x"),
            ("token-a::p@example.com/x", "***@example.com/x"),
            ("u:p@github.com/a/b", "***@github.com/a/b"),
            ("u:p/q@github.com/a/b", "***@github.com/a/b"),
            ("t0ken@github.com/a/b", "***@github.com/a/b"),
            ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
            ("http://a:80/x@y", "http://a:80/x@y"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn query_values_with_unknown_keys_are_masked() {
        for (text, expected) in [
            (
                "https://a/m.zip?archive=zip&access_token=x&ref=v1",
                "https://a/m.zip?archive=zip&access_token=***&ref=v1",
            ),
            ("git::ssh://git@a/x.git?sshkey=x==", "git::ssh://git@a/x.git?sshkey=***"),
            ("https://a/m.zip?x", "https://a/m.zip?***"),
            ("https://a/m.zip?", "https://a/m.zip?"),
            ("https://a/m.zip#token=x", "https://a/m.zip#token=***"),
            (
                "https://a/m.zip?checksum=file:https://u:p@b/s?sig=x",
                "https://a/m.zip?checksum=file:https://***@b/s?sig=***",
            ),
            ("`https://a/m.zip?token=x y` cannot be read", "`https://a/m.zip?token=***` cannot be read"),
            ("\"https://a/m?token=x \\\"y\" is", "\"https://a/m?token=***\" is"),
            ("from 'https://a/m?token=x', the engine's own", "from 'https://a/m?token=***', the engine's own"),
            ("https://a/m?REF=x", "https://a/m?REF=***"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn what_holds_no_secret_stays() {
        for text in [
            "which one? `tofu init -upgrade`",
            "example.com:5000/runner@sha256:0123",
            "runner:1.2@sha256:0123",
            "security@example.com",
            "hashicorp/terraform#31492",
            "hashicorp/aws@5.0.0",
            "git::https://example.com/x.git//sub/dir?ref=tags/0.2.2&depth=1",
            "modules/a/main.tf:3:4",
            "actions/checkout@v4",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_form_of_an_address_shows_its_secret(
            secret in "[A-Za-z][A-Za-z0-9_.~%+/=!$*,;:-]{0,12}S3CRET[A-Za-z0-9_.~%+/=!$*,;:-]{0,12}",
            form in 0..9_usize,
            around in prop::sample::select(vec![("", ""), ("\"", "\""), ("`", "`"), ("source = \"", "\"  # it's"), ("from <", ">")]),
        ) {
            let address = match form {
                0 => format!("git::https://u:{secret}@git.example.com/x.git"),
                1 => format!("git::ssh://git@git.example.com/x.git?sshkey={secret}"),
                2 => format!("s3::https://s3.amazonaws.com/b/k.zip?aws_access_key_id=A&aws_access_key_secret={secret}&ref=v1"),
                3 => format!("https://files.example.com/m.zip?token={secret}"),
                4 => format!("https://files.example.com/m.zip?archive=zip&access_token={secret}"),
                5 => format!("git::u:{secret}@git.example.com:x/y.git"),
                6 => format!("u:{secret}@github.com/a/b"),
                7 => format!("https://{}@example.com/x//sub?depth=1", secret.replace('/', "")),
                _ => format!("git::https://git.example.com/x.git?ref=v1&private_token={secret}#frag"),
            };
            let text = format!("{}{address}{}", around.0, around.1);
            let shown = masked(&text);
            prop_assert!(!shown.contains("S3CRET"), "{text}: {shown}");
            prop_assert_eq!(&masked(&shown), &shown);
        }

        #[test]
        fn ranges_are_in_order_and_on_characters(text in "([a-z:/@?&=#\"'` é]|://|::){0,40}") {
            let mut end = 0;
            for range in credentials(&text) {
                prop_assert!(range.start >= end && range.start < range.end && text.is_char_boundary(range.start));
                end = range.end;
            }
            masked(&text);
        }
    }
}
