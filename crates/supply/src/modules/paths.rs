//! Where a package is in the store, and a directory in a package.

use std::fs;

use camino::Utf8Path;
use url::Url;

use super::address::GitAddress;
use super::build::FetchError;

/// `git/HOST/PATH/COMMIT`
pub(super) fn git_path(address: &GitAddress, commit: &str) -> String {
    let name = address.name();
    let name = name.split('?').next().unwrap_or_default();
    let short = name.strip_suffix(".git").filter(|short| !short.ends_with('/'));
    format!("git/{}/{commit}", place_of(short.unwrap_or(name)))
}

pub(super) fn archive_path(url: &Url, id: &str) -> String {
    let name = airtight_provider::modules::source_name(url.as_str());
    format!("archive/{}/{id}", place_of(name.split('?').next().unwrap_or_default()))
}

/// `HOST/PATH`, with plain names only. The user of SSH is no part of it, so that a repository has one place.
fn place_of(name: &str) -> String {
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().filter(|host| !host.is_empty()).unwrap_or("localhost");
    let path = encoded(path);
    if path.is_empty() { encoded(host) } else { format!("{}/{path}", encoded(host)) }
}

/// Names that every file system takes, and that mean nothing else.
pub(super) fn encoded(path: &str) -> String {
    let encode = |part: &str| -> String {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.~+%@=:".contains(character);
        let text: String = part.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
        // These mean something else to file systems and to git.
        let is_taken = matches!(text.as_str(), "." | "..") || text.eq_ignore_ascii_case(".git");
        if is_taken { format!("_{text}") } else { text }
    };
    path.split('/').filter(|part| !part.is_empty()).map(encode).collect::<Vec<_>>().join("/")
}

pub(super) fn joined(one: &str, other: &str) -> String {
    [one, other].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
}

/// A directory in a tree, with patterns such as `*` replaced by the one directory that they match.
///
/// Source: hashicorp/go-getter `source.go` `SubdirGlob`; Go `path/filepath` `Glob`.
pub(super) fn expanded(root: &Utf8Path, subdirectory: &str) -> Result<String, FetchError> {
    let mut found = vec![String::new()];
    for part in subdirectory.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            return Err(FetchError::Subdirectory(subdirectory.to_owned()));
        }
        let mut next = Vec::new();
        for place in found {
            if part.contains(['*', '?', '[']) {
                let entries = fs::read_dir(root.join(&place)).into_iter().flatten().flatten();
                let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
                next.extend(names.filter(|name| matches(part, name)).map(|name| joined(&place, &name)));
            } else {
                next.push(joined(&place, part));
            }
        }
        found = next;
    }
    match found.as_slice() {
        [one] if root.join(one).is_dir() => Ok(one.clone()),
        _ => Err(FetchError::Subdirectory(subdirectory.to_owned())),
    }
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
    use super::super::address::Address;
    use super::*;

    #[test]
    fn places_are_readable_and_below_the_store() {
        for (address, expected) in [
            ("git::https://t@github.com/o/x.git?ref=v1", "git/github.com/o/x/C"),
            ("git::ssh://git@github.com/o/x.git", "git/github.com/o/x/C"),
            ("git::https://h.example:8443/a/../.airtight/x", "git/h.example:8443/a/_../.airtight/x/C"),
            ("git::file:///srv/x.git", "git/localhost/srv/x/C"),
            ("git::file:///srv/x/.git", "git/localhost/srv/x/_.git/C"),
        ] {
            let Ok(Address::Git(address)) = Address::parse(address) else { panic!("{address}") };
            assert_eq!(git_path(&address, "C"), expected);
        }
        let url = Url::parse("https://u:p@h.example/a b/x.zip?token=1").unwrap();
        assert_eq!(archive_path(&url, "S"), "archive/h.example/a%20b/x.zip/S");
    }

    #[test]
    fn a_pattern_means_the_one_directory_that_it_matches() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir_all(root.join("x-1/modules/a")).unwrap();
        fs::create_dir_all(root.join("x-1/modules/b")).unwrap();
        let expand = |subdirectory: &str| expanded(root, subdirectory).ok();
        assert_eq!(expand("*").as_deref(), Some("x-1"));
        assert_eq!(expand("x-?/modules/a").as_deref(), Some("x-1/modules/a"));
        assert_eq!(expand("").as_deref(), Some(""));
        for wrong in ["x-1/modules/*", "none", "../x", "x-1/*/c"] {
            assert_eq!(expand(wrong), None, "{wrong}");
        }
    }
}
