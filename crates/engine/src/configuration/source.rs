//! Module source addresses: which kind one is, and its normalised form.
//!
//! Source: OpenTofu `internal/addrs/module_source.go`, `internal/getmodules`; opentofu/registry-address `module.go`;
//! hashicorp/go-getter `detect*.go`, `source.go`.

use airtight_provider::modules::split_subdirectory;
use airtight_provider::{Engine, EngineName, ProviderAddress};

/// The longest name of a namespace or a module in a registry.
const MAXIMUM_NAME_LENGTH: usize = 64;

/// Hosts that are no registries, because their addresses mean repositories.
const REPOSITORY_HOSTS: &[&str] = &["github.com", "bitbucket.org"];

/// A module source by kind, by the engine's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    Local(String),
    Registry {
        host: String,
        normalized: String,
    },
    Remote {
        scheme: String,
        host: Option<String>,
        normalized: String,
    },
    /// Reachable without network, but copied by the installer (`/abs`, `file://`, `git::file://`).
    LocalCopy(String),
    /// It means nothing that is known here, or only the engine can evaluate it.
    Unknown,
}

impl ModuleSource {
    /// What a text that an engine recorded means to it.
    pub fn parse(text: &str, engine: &Engine) -> Self {
        parse(text, false, engine)
    }
}

/// Interprets a source as this engine does. With a version only registry addresses are allowed.
pub(super) fn parse(text: &str, has_version: bool, engine: &Engine) -> ModuleSource {
    let is_local = ["./", "../", ".\\", "..\\"].iter().any(|prefix| text.starts_with(prefix));
    let source = match (is_local, has_version) {
        (true, false) => Some(ModuleSource::Local(local_path(text))),
        (true, true) => None,
        (false, true) => parse_registry(text, engine),
        (false, false) => parse_registry(text, engine).or_else(|| parse_remote(text, engine)),
    };
    source.unwrap_or(ModuleSource::Unknown)
}

/// Cleaned, with `./` or `../` in front.
fn local_path(text: &str) -> String {
    let clean = clean_path(&text.replace('\\', "/"));
    if clean.starts_with("../") { clean } else { format!("./{clean}") }
}

/// As Go's `path.Clean`.
pub(super) fn clean_path(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_absolute => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn join(package: &str, subdirectory: &str) -> String {
    match (subdirectory, package.split_once('?')) {
        ("", _) => package.to_owned(),
        (_, Some((base, query))) => format!("{base}//{subdirectory}?{query}"),
        (_, None) => format!("{package}//{subdirectory}"),
    }
}

fn parse_registry(text: &str, engine: &Engine) -> Option<ModuleSource> {
    let (package, subdirectory) = split_subdirectory(text);
    let subdirectory = if subdirectory.is_empty() { subdirectory } else { clean_path(&subdirectory) };
    if subdirectory.starts_with("../") {
        return None;
    }
    let parts: Vec<&str> = package.split('/').collect();
    let (host, names) = match parts.as_slice() {
        names @ [_, _, _] => (engine.name.default_registry_host().to_owned(), names),
        // A provider's address has the same rules for its host.
        [host, names @ ..] if names.len() == 3 => {
            let address = ProviderAddress::from_directories(engine.name, host, "a", "a").ok()?;
            (address.host().to_owned(), names)
        }
        _ => return None,
    };
    let is_sound = host.contains('.')
        && !REPOSITORY_HOSTS.contains(&host.as_str())
        && names[..2].iter().all(|name| is_registry_name(name))
        && is_target_system(names[2]);
    let normalized = join(&format!("{host}/{}", names.join("/")), &subdirectory);
    is_sound.then_some(ModuleSource::Registry { host, normalized })
}

fn is_registry_name(name: &str) -> bool {
    let is_end = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = name.as_bytes();
    bytes.len() <= MAXIMUM_NAME_LENGTH
        && bytes.first().is_some_and(is_end)
        && bytes.last().is_some_and(is_end)
        && bytes.iter().all(|byte| is_end(byte) || matches!(byte, b'-' | b'_'))
}

fn is_target_system(name: &str) -> bool {
    (1..=MAXIMUM_NAME_LENGTH).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

fn parse_remote(text: &str, engine: &Engine) -> Option<ModuleSource> {
    let (package, subdirectory) = split_subdirectory(text);
    let subdirectory = if subdirectory.is_empty() { subdirectory } else { clean_path(&subdirectory) };
    if subdirectory.starts_with("../") {
        return None;
    }
    if package.starts_with("bitbucket.org/") && engine.asks_bitbucket_while_parsing() {
        return Some(ModuleSource::Remote {
            scheme: "bitbucket".to_owned(),
            host: Some("api.bitbucket.org".to_owned()),
            normalized: text.to_owned(),
        });
    }
    let (package, more) = split_subdirectory(&detect(&package)?);
    let subdirectory = match (more.is_empty(), subdirectory.is_empty()) {
        (true, _) => subdirectory,
        (false, true) => clean_path(&more),
        (false, false) => clean_path(&format!("{more}/{subdirectory}")),
    };
    if subdirectory.starts_with("../") {
        return None;
    }
    let (forced, url) = forced_getter(&package);
    let url_scheme = url_scheme(url).unwrap_or_default();
    let normalized = join(&package, &subdirectory);
    if url_scheme == "file" && matches!(forced, None | Some("git" | "file")) {
        return Some(ModuleSource::LocalCopy(normalized));
    }
    let authority = url.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    let host = authority.map(|authority| {
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()
    });
    let scheme = forced.unwrap_or(url_scheme).to_owned();
    Some(ModuleSource::Remote { scheme, host: host.filter(|host| !host.is_empty()), normalized })
}

/// The host that the engine asks whenever it parses this source, whatever is installed.
pub(super) fn asked_while_parsing(source: &ModuleSource) -> Option<String> {
    match source {
        ModuleSource::Remote { scheme, host, .. } if scheme == "bitbucket" => host.clone(),
        _ => None,
    }
}

/// Whether the engine can fetch by this scheme at all.
pub(super) fn is_fetchable(scheme: &str, engine: &Engine) -> bool {
    match scheme {
        "bitbucket" | "file" | "gcs" | "git" | "hg" | "http" | "https" | "s3" => true,
        "oci" => engine.name == EngineName::Tofu && engine.is_at_least(1, 10, 0),
        _ => false,
    }
}

/// `git::…`: how to fetch, whatever the URL says.
fn forced_getter(text: &str) -> (Option<&str>, &str) {
    match text.split_once("::") {
        Some((name, rest))
            if !name.is_empty() && !rest.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            (Some(name), rest)
        }
        _ => (None, text),
    }
}

/// The scheme of a URL, if Go's `net/url` finds one.
fn url_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let is_scheme = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    is_scheme.then_some(scheme)
}

/// Shorthands become URLs; any other text is taken for a path, which must be absolute.
fn detect(package: &str) -> Option<String> {
    let (forced, source) = forced_getter(package);
    if url_scheme(source).is_some() {
        return Some(package.to_owned());
    }
    let (path, query) = source.split_once('?').map_or((source, ""), |(path, query)| (path, query));
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let parts: Vec<&str> = path.split('/').collect();
    let git = |path: &str| if path.strip_suffix(".git").is_some() { path.to_owned() } else { format!("{path}.git") };
    let (getter, url) = if source.starts_with("github.com/") {
        let [host, owner, repository, directory @ ..] = parts.as_slice() else { return None };
        let directory = if directory.is_empty() { String::new() } else { format!("//{}", directory.join("/")) };
        ("git", format!("https://{host}/{owner}/{}{directory}{query}", git(repository)))
    } else if let Some(url) = ssh_url(source) {
        ("git", url)
    } else if source.starts_with("bitbucket.org/") {
        ("git", format!("https://{}{query}", git(path)))
    } else if source.contains(".googleapis.com/") && parts.len() >= 5 {
        ("gcs", format!("https://www.googleapis.com/storage/{}{query}", parts[2..].join("/")))
    } else if source.contains(".amazonaws.com/") {
        let rest = parts[1..].join("/") + &query;
        let url = match parts[0].split('.').collect::<Vec<_>>().as_slice() {
            [region, _, _] => format!("https://{region}.amazonaws.com/{rest}"),
            [bucket, region, _, _] => format!("https://{region}.amazonaws.com/{bucket}/{rest}"),
            [bucket, "s3", region, _, _] => format!("https://s3.{region}.amazonaws.com/{bucket}/{rest}"),
            _ => return None,
        };
        ("s3", url)
    } else if source.starts_with('/') {
        return Some(match forced {
            Some(forced) => format!("{forced}::file://{source}"),
            None => format!("file://{source}"),
        });
    } else {
        return None;
    };
    Some(format!("{}::{url}", forced.unwrap_or(getter)))
}

/// `git@host:path` as a URL.
fn ssh_url(source: &str) -> Option<String> {
    let (user, rest) = source.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let path = path.strip_prefix('/').unwrap_or(path);
    (user == "git" && !host.is_empty() && !path.is_empty()).then(|| {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = encode_query(query);
        format!("ssh://git@{host}/{path}{query}")
    })
}

/// As Go's `url.Values.Encode`: sorted by key, escaped.
fn encode_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_by_key(|(key, _)| *key);
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'%' | b'+' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let encoded: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
    if encoded.is_empty() { String::new() } else { format!("?{}", encoded.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::Version;

    fn tofu() -> Engine {
        Engine::new(EngineName::Tofu, Version::release(1, 12, 6))
    }

    fn terraform() -> Engine {
        Engine::new(EngineName::Terraform, Version::release(1, 11, 4))
    }

    #[test]
    fn remote_sources_are_normalised_as_the_engines_print_them() {
        let cases = [
            ("git::https://h.example/x.git?ref=v1", "git::https://h.example/x.git?ref=v1"),
            ("git::https://h.example/x.git//s/d?ref=v1", "git::https://h.example/x.git//s/d?ref=v1"),
            ("github.com/o/x", "git::https://github.com/o/x.git"),
            ("github.com/o/x.git", "git::https://github.com/o/x.git"),
            ("github.com/o/x//s", "git::https://github.com/o/x.git//s"),
            ("github.com/o/x/s/y", "git::https://github.com/o/x.git//s/y"),
            ("github.com/o/x?ref=v1", "git::https://github.com/o/x.git?ref=v1"),
            ("github.com/o/x//s?ref=v1", "git::https://github.com/o/x.git//s?ref=v1"),
            ("github.com/o/x/s?ref=v1", "git::https://github.com/o/x.git//s?ref=v1"),
            ("github.com/a/b/c", "git::https://github.com/a/b.git//c"),
            ("github.com/o/x?ref=tags/0.2.2", "git::https://github.com/o/x.git?ref=tags/0.2.2"),
            ("github.com/o/x.git?ref=a/b", "git::https://github.com/o/x.git?ref=a/b"),
            ("github.com/o/x/s?ref=a/b", "git::https://github.com/o/x.git//s?ref=a/b"),
            ("github.com/o/x//s?ref=a/b", "git::https://github.com/o/x.git//s?ref=a/b"),
            ("git@github.com:o/x.git", "git::ssh://git@github.com/o/x.git"),
            ("git@github.com:o/x.git?ref=a/b&depth=1", "git::ssh://git@github.com/o/x.git?depth=1&ref=a%2Fb"),
            ("git@github.com:o/x.git//s?ref=v1", "git::ssh://git@github.com/o/x.git//s?ref=v1"),
            ("git::git@github.com:o/x.git", "git::ssh://git@github.com/o/x.git"),
            ("git::ssh://git@h.example:22/x.git", "git::ssh://git@h.example:22/x.git"),
            ("https://h.example/x.zip//s", "https://h.example/x.zip//s"),
            ("s3-eu-west-1.amazonaws.com/b/k.zip", "s3::https://s3-eu-west-1.amazonaws.com/b/k.zip"),
            ("b.s3-eu-west-1.amazonaws.com/k.zip", "s3::https://s3-eu-west-1.amazonaws.com/b/k.zip"),
            ("b.s3.eu-west-1.amazonaws.com/k.zip", "s3::https://s3.eu-west-1.amazonaws.com/b/k.zip"),
            ("www.googleapis.com/storage/v1/b/o.zip", "gcs::https://www.googleapis.com/storage/v1/b/o.zip"),
            ("hg::http://h.example/x.hg", "hg::http://h.example/x.hg"),
            ("foo:bar", "foo:bar"),
        ];
        for engine in [terraform(), tofu()] {
            for (text, expected) in cases {
                let ModuleSource::Remote { normalized, .. } = parse(text, false, &engine) else {
                    panic!("{text}: {:?}", parse(text, false, &engine));
                };
                assert_eq!(normalized, expected, "{text}");
                // What a manifest holds reads as itself.
                assert_eq!(parse(expected, false, &engine), parse(text, false, &engine), "{text}");
            }
        }
    }

    #[test]
    fn hosts_and_schemes_are_those_that_are_asked() {
        let cases = [
            ("git@github.com:o/x.git", "git", Some("github.com")),
            ("git::ssh://git@h.example:22/x.git", "git", Some("h.example")),
            ("https://user:secret@h.example:8443/x.zip", "https", Some("h.example")),
            ("oci://h.example/x", "oci", Some("h.example")),
            ("foo:bar", "foo", None),
        ];
        for (text, expected_scheme, expected_host) in cases {
            let ModuleSource::Remote { scheme, host, .. } = parse(text, false, &tofu()) else { panic!("{text}") };
            assert_eq!((scheme.as_str(), host.as_deref()), (expected_scheme, expected_host), "{text}");
        }
    }

    #[test]
    fn registry_addresses_get_their_host() {
        let cases = [
            ("a/b/c", "registry.opentofu.org", "registry.opentofu.org/a/b/c"),
            ("a/b/c//d", "registry.opentofu.org", "registry.opentofu.org/a/b/c//d"),
            ("a/b/c//./d/", "registry.opentofu.org", "registry.opentofu.org/a/b/c//d"),
            ("A/b_c/d", "registry.opentofu.org", "registry.opentofu.org/A/b_c/d"),
            ("H.Example/a/b/c", "h.example", "h.example/a/b/c"),
            ("h.example:443/a/b/c", "h.example", "h.example/a/b/c"),
            ("h.example:8443/a/b/c", "h.example:8443", "h.example:8443/a/b/c"),
        ];
        for (text, host, normalized) in cases {
            let expected = ModuleSource::Registry { host: host.to_owned(), normalized: normalized.to_owned() };
            assert_eq!(parse(text, false, &tofu()), expected, "{text}");
            assert_eq!(parse(text, true, &tofu()), expected, "{text}");
        }
    }

    #[test]
    fn local_paths_are_cleaned() {
        let cases = [
            ("./m", "./m"),
            ("./m/../n", "./n"),
            ("../m", "../m"),
            (".\\m\\n", "./m/n"),
            ("./", "./."),
            ("./x//y", "./x/y"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, false, &tofu()), ModuleSource::Local(expected.to_owned()), "{text}");
            assert!(matches!(parse(text, true, &tofu()), ModuleSource::Unknown), "{text}");
        }
        for text in ["/x", "file:///x", "file:///x//y", "git::file:///x"] {
            assert!(matches!(parse(text, false, &tofu()), ModuleSource::LocalCopy(_)), "{text}");
        }
    }

    #[test]
    fn what_is_no_source_is_unknown() {
        let texts = [
            "",
            "x",
            "x/y",
            ".",
            "..",
            "a/b/C",
            "a/b/c?x=y",
            "a/b/c/d/e",
            "-a/b/c",
            "localhost/a/b/c",
            "github.com/o",
            "bob@h.example:x.git",
            "a/b/c//../d",
            "git::https://h.example/x.git//../y",
        ];
        for engine in [terraform(), tofu()] {
            for text in texts {
                assert!(matches!(parse(text, false, &engine), ModuleSource::Unknown), "{text}");
            }
        }
        assert!(matches!(parse("github.com/o/x", true, &tofu()), ModuleSource::Unknown));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a.:/?@=&%\\\\é]{0,24}", has_version: bool) {
            parse(&text, has_version, &tofu());
            parse(&text, has_version, &terraform());
        }

        #[test]
        fn normalising_twice_changes_nothing(text in "(git::)?(https://|github.com/|git@h:|\\./|)[ab./?]{1,12}") {
            let normalized = |source: &ModuleSource| match source {
                ModuleSource::Remote { normalized, .. } | ModuleSource::Registry { normalized, .. } => Some(normalized.clone()),
                _ => None,
            };
            if let Some(once) = normalized(&parse(&text, false, &terraform())) {
                let twice = normalized(&parse(&once, false, &terraform()));
                proptest::prop_assert!(twice.is_none() || twice == Some(once));
            }
        }
    }
}
