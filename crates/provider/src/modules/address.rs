//! How a store names a package: the engine's normalised address, without what is secret; and directories in a package.

use std::fs;

use camino::Utf8Path;

/// A parameter of an address is secret if its name has one of these in it.
const SECRET_PARAMETERS: [&str; 9] =
    ["token", "secret", "passw", "signature", "credential", "sshkey", "access_key", "api_key", "apikey"];

/// The package and the directory in it, at the first `//` that is not a URL's: `git::https://h/x.git//dir?ref=v1` is
/// `git::https://h/x.git?ref=v1` and `dir`.
///
/// Source: hashicorp/go-getter `source.go` `SourceDirSubdir`.
pub fn split_subdirectory(text: &str) -> (String, String) {
    let stop = text.find('?').unwrap_or(text.len());
    let offset = text[..stop].find("://").map_or(0, |at| at + 3);
    let Some(at) = text[offset..stop].find("//").map(|at| at + offset) else {
        return (text.to_owned(), String::new());
    };
    let (subdirectory, query) = text[at + 2..].split_at(stop - at - 2);
    (format!("{}{query}", &text[..at]), subdirectory.to_owned())
}

/// The name of a package in a store's manifest: the normalised address without a directory, without the user and password
/// of an HTTP address, and without parameters that hold a secret. The user of an SSH address stays.
pub fn source_name(package: &str) -> String {
    let (address, query) = package.split_once('?').unwrap_or((package, ""));
    let parameters: Vec<&str> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .filter(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default().to_ascii_lowercase().replace('-', "_");
            name != "sig" && !SECRET_PARAMETERS.iter().any(|secret| name.contains(secret))
        })
        .collect();
    let mut name = without_user(address);
    if !parameters.is_empty() {
        name.push('?');
        name.push_str(&parameters.join("&"));
    }
    name
}

fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else { return address.to_owned() };
    // With SSH the user is part of the place; a password is not.
    let user = match scheme.rsplit("::").next() {
        Some("ssh") => user.split(':').next().unwrap_or_default(),
        _ => "",
    };
    let at = if user.is_empty() { "" } else { "@" };
    format!("{scheme}://{user}{at}{host}{path}")
}

/// A directory in a tree, with patterns such as `*` replaced by the one directory that they match.
///
/// Source: hashicorp/go-getter `source.go` `SubdirGlob`; Go `path/filepath` `Glob`.
pub fn expanded(root: &Utf8Path, subdirectory: &str) -> Option<String> {
    let mut found = vec![String::new()];
    for part in subdirectory.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            return None;
        }
        let mut next = Vec::new();
        for place in found {
            if is_pattern(part) {
                let entries = fs::read_dir(root.join(&place)).into_iter().flatten().flatten();
                let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
                next.extend(names.filter(|name| matches(part, name)).map(|name| join(&place, &name)));
            } else {
                next.push(join(&place, part));
            }
        }
        next.retain(|place| root.join(place).exists());
        found = next;
    }
    match found.as_slice() {
        [one] if root.join(one).is_dir() => Some(one.clone()),
        _ => None,
    }
}

/// Whether an engine looks for the directory that it matches.
pub fn is_pattern(subdirectory: &str) -> bool {
    subdirectory.contains(['*', '?', '[', '\\'])
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") }
}

/// `*` and `?` of Go's `path.Match`; sets of characters are not read, and match nothing.
fn matches(pattern: &str, name: &str) -> bool {
    fn rest(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', pattern)), _) => (0..=name.len()).any(|skip| rest(pattern, &name[skip..])),
            (Some(('?', pattern)), Some((_, name))) => rest(pattern, name),
            (Some((one, pattern)), Some((other, name))) => one == other && *one != '[' && rest(pattern, name),
            _ => false,
        }
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    rest(&pattern, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_no_secret() {
        for (package, expected) in [
            ("git::https://TOKEN@h.example/x.git?ref=v1", "git::https://h.example/x.git?ref=v1"),
            ("git::https://u:p@h.example:8443/x.git", "git::https://h.example:8443/x.git"),
            ("https://u:p@h.example/x.zip?archive=zip", "https://h.example/x.zip?archive=zip"),
            ("git::ssh://git@h.example/x.git?sshkey=AAAA&ref=a%2Fb", "git::ssh://git@h.example/x.git?ref=a%2Fb"),
            ("git::ssh://git:p@h.example/x.git?sshkey=AAAA", "git::ssh://git@h.example/x.git"),
            ("https://h/x.zip?private-Token=1&file=a&X-Amz-Signature=2&sig=3&ref=v1", "https://h/x.zip?file=a&ref=v1"),
            ("registry.terraform.io/a/b/aws", "registry.terraform.io/a/b/aws"),
            ("git::https://h.example/x@y.git", "git::https://h.example/x@y.git"),
            ("git::file:///x.git", "git::file:///x.git"),
        ] {
            assert_eq!(source_name(package), expected);
            assert_eq!(source_name(expected), expected);
        }
    }

    #[test]
    fn a_directory_is_split_off_before_the_query() {
        for (text, package, subdirectory) in [
            ("git::https://h/x.git//a/b?ref=v1", "git::https://h/x.git?ref=v1", "a/b"),
            ("https://h/x.zip?u=https://other//x", "https://h/x.zip?u=https://other//x", ""),
            ("a/b/c//d", "a/b/c", "d"),
            ("file:///x//y", "file:///x", "y"),
        ] {
            assert_eq!(split_subdirectory(text), (package.to_owned(), subdirectory.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_pattern_means_the_one_directory_that_it_matches() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir_all(root.join("x-1/modules/a")).unwrap();
        fs::create_dir_all(root.join("x-1/modules/b")).unwrap();
        fs::create_dir_all(root.join("x-1/other")).unwrap();
        let expand = |subdirectory: &str| expanded(root, subdirectory);
        assert_eq!(expand("*").as_deref(), Some("x-1"));
        assert_eq!(expand("x-1/*/a").as_deref(), Some("x-1/modules/a"));
        assert_eq!(expand("x-?/modules/a").as_deref(), Some("x-1/modules/a"));
        assert_eq!(expand("").as_deref(), Some(""));
        for wrong in ["x-1/modules/*", "none", "../x", "x-1/*/c"] {
            assert_eq!(expand(wrong), None, "{wrong}");
        }
    }
}
