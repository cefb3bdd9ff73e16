//! Where a package is in the store.

use sha2::{Digest as _, Sha256};
use url::Url;

use airtight_provider::modules::tree::hexadecimal;

use super::address::GitAddress;

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

/// The place of one directory of a package that is a package of its own.
pub(super) fn part_path(path: String, part: &str) -> String {
    if part.is_empty() { path } else { format!("{path}-{}", &hexadecimal(&Sha256::digest(part))[..16]) }
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
}
