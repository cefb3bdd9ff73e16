//! Module source addresses: which kind one is, and its normalised form.
//!
//! Source: OpenTofu `internal/addrs/module_source.go`, `internal/getmodules`; opentofu/registry-address `module.go`;
//! hashicorp/go-getter `detect*.go`, `source.go`.

use super::ModuleSource;
use crate::domain::{Engine, EngineName, ProviderAddress};

/// The longest name of a namespace or a module in a registry.
const MAXIMUM_NAME_LENGTH: usize = 64;

/// Hosts that are no registries, because their addresses mean repositories.
const REPOSITORY_HOSTS: &[&str] = &["github.com", "bitbucket.org"];

/// Says what a source means to this engine. With a version only registry addresses are allowed.
pub(super) fn parse(text: &str, has_version: bool, engine: &Engine) -> ModuleSource {
    let is_local = ["./", "../", ".\\", "..\\"].iter().any(|prefix| text.starts_with(prefix));
    if is_local && !has_version {
        return ModuleSource::Local(local_path(text));
    }
    match parse_registry(text, engine) {
        Some(source) if !is_local => source,
        _ if has_version => ModuleSource::Invalid(format!(
            "Failed to parse module registry address: {} assumed that you intended a module registry source address \
             because you also set the argument \"version\", which applies only to registry modules.",
            engine.name.title()
        )),
        _ => parse_remote(text, engine).unwrap_or_else(ModuleSource::Invalid),
    }
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

/// The package and the directory in it, at the first `//` that is not a URL's.
fn split_subdirectory(text: &str) -> (String, String) {
    let stop = text.find('?').unwrap_or(text.len());
    let offset = text[..stop].find("://").map_or(0, |at| at + 3);
    let Some(at) = text[offset..stop].find("//").map(|at| at + offset) else {
        return (text.to_owned(), String::new());
    };
    let (subdirectory, query) = text[at + 2..].split_at(stop - at - 2);
    (format!("{}{query}", &text[..at]), subdirectory.to_owned())
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

fn parse_remote(text: &str, engine: &Engine) -> Result<ModuleSource, String> {
    let failure = |reason: &str| format!("Failed to parse module source address: {reason}.");
    let outside =
        |subdirectory: &str| format!("subdirectory path \"{subdirectory}\" leads outside of the module package");
    let (package, subdirectory) = split_subdirectory(text);
    let subdirectory = if subdirectory.is_empty() { subdirectory } else { clean_path(&subdirectory) };
    if subdirectory.starts_with("../") {
        return Err(failure(&outside(&subdirectory)));
    }
    if package.starts_with("bitbucket.org/") && asks_bitbucket(engine) {
        return Ok(ModuleSource::Remote {
            scheme: "bitbucket".to_owned(),
            host: Some("api.bitbucket.org".to_owned()),
            normalized: text.to_owned(),
        });
    }
    let (package, more) = split_subdirectory(&detect(&package, engine)?);
    let subdirectory = match (more.is_empty(), subdirectory.is_empty()) {
        (true, _) => subdirectory,
        (false, true) => clean_path(&more),
        (false, false) => clean_path(&format!("{more}/{subdirectory}")),
    };
    if subdirectory.starts_with("../") {
        return Err(failure(&outside(&subdirectory)));
    }
    let (forced, url) = forced_getter(&package);
    let url_scheme = url_scheme(url).unwrap_or_default();
    let normalized = join(&package, &subdirectory);
    if url_scheme == "file" && matches!(forced, None | Some("git" | "file")) {
        return Ok(ModuleSource::LocalCopy(normalized));
    }
    let authority = url.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    let host = authority.map(|authority| {
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()
    });
    let scheme = forced.unwrap_or(url_scheme).to_owned();
    Ok(ModuleSource::Remote { scheme, host: host.filter(|host| !host.is_empty()), normalized })
}

/// Whether the engine asks Bitbucket, while it parses, what kind of repository an address means.
fn asks_bitbucket(engine: &Engine) -> bool {
    engine.name == EngineName::Tofu || !engine.is_at_least(1, 9, 0)
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

/// The scheme of a URL, where Go's `net/url` finds one.
fn url_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let is_scheme = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    is_scheme.then_some(scheme)
}

/// Shorthands become URLs; what is none of them is taken for a path, which must be absolute.
fn detect(package: &str, engine: &Engine) -> Result<String, String> {
    let (forced, source) = forced_getter(package);
    if url_scheme(source).is_some() {
        return Ok(package.to_owned());
    }
    let parts: Vec<&str> = source.split('/').collect();
    let (getter, url) = if source.starts_with("github.com/") {
        let [host, owner, repository, rest @ ..] = parts.as_slice() else {
            return Err(
                "Failed to parse module source address: GitHub URLs should be github.com/username/repo.".to_owned()
            );
        };
        ("git", repository_url(&format!("https://{host}/{owner}"), repository, rest))
    } else if let Some(url) = ssh_url(source) {
        ("git", url)
    } else if source.starts_with("bitbucket.org/") {
        let (path, query) = source.split_once('?').map_or((source, None), |(path, query)| (path, Some(query)));
        let path = if path.ends_with(".git") { path.to_owned() } else { format!("{path}.git") };
        ("git", query.map_or_else(|| format!("https://{path}"), |query| format!("https://{path}?{query}")))
    } else if source.contains(".googleapis.com/") && parts.len() >= 5 {
        ("gcs", format!("https://www.googleapis.com/storage/{}", parts[2..].join("/")))
    } else if source.contains(".amazonaws.com/") {
        let rest = parts[1..].join("/");
        let url = match parts[0].split('.').collect::<Vec<_>>().as_slice() {
            [region, _, _] => format!("https://{region}.amazonaws.com/{rest}"),
            [bucket, region, _, _] => format!("https://{region}.amazonaws.com/{bucket}/{rest}"),
            [bucket, "s3", region, _, _] => format!("https://s3.{region}.amazonaws.com/{bucket}/{rest}"),
            _ => return Err("Failed to parse module source address: URL is not a valid S3 URL.".to_owned()),
        };
        ("s3", url)
    } else if source.starts_with('/') {
        return Ok(match forced {
            Some(forced) => format!("{forced}::file://{source}"),
            None => format!("file://{source}"),
        });
    } else {
        return Err(format!(
            "{} failed to determine your intended installation method for remote module package \"{source}\".\n\nIf you \
             intended this as a path relative to the current module, use \"./{source}\" instead. The \"./\" prefix \
             indicates that the address is a relative filesystem path.",
            engine.name.title()
        ));
    };
    Ok(format!("{}::{url}", forced.unwrap_or(getter)))
}

/// A repository of GitHub, with what follows it as a directory, and the query at the end.
fn repository_url(base: &str, repository: &str, rest: &[&str]) -> String {
    let (mut path, mut query) = (rest.join("/"), "");
    let mut repository = repository;
    if let Some((before, after)) = repository.split_once('?') {
        (repository, query) = (before, after);
        path.clear();
    }
    let full = path.clone();
    if let Some((before, after)) = full.split_once('?') {
        path = before.to_owned();
        query = after;
    }
    let mut url = format!("{base}/{repository}");
    if !repository.ends_with(".git") {
        url.push_str(".git");
    }
    if !path.is_empty() {
        url.push_str("//");
        url.push_str(&path);
    }
    if !query.is_empty() {
        url.push('?');
        url.push_str(query);
    }
    url
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
