//! Where a package is, read from the address that an engine normalised.
//!
//! Source: hashicorp/go-getter `get_git.go`, `client.go`, `get_http.go`, `checksum.go`.

use url::Url;

use super::checksum::Checksum;
use airtight_provider::modules::source_name;

/// A package to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Git(GitAddress),
    Archive(ArchiveAddress),
    /// A directory of this machine.
    Directory(String),
    /// An HTTPS page that says in a header or in its text where the package is.
    Page(Url),
}

/// A repository at a reference. `Debug` may show a password, so it is never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GitAddress {
    /// Without `ref` and `depth`; may hold a password.
    pub url: String,
    /// Null for the default branch.
    pub reference: Option<String>,
    /// Only a branch or a tag can be fetched so, and the branch wins.
    pub is_shallow: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArchiveAddress {
    /// Without `archive` and `checksum`; `https` or `file`.
    pub url: Url,
    pub format: ArchiveFormat,
    pub checksum: Option<Checksum>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArchiveFormat {
    TarBz2,
    TarGz,
    TarXz,
    Zip,
}

/// Why an address cannot be fetched here. Texts fit after the source's name and a colon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("its URL cannot be read")]
    Url,
    #[error("`modules build` does not fetch `{0}` addresses; copy the module to a git repository or an https archive")]
    Scheme(String),
    #[error("engines read no `ssh://` address without `git::` before it")]
    Ssh,
    #[error("only https is used, not http")]
    Http,
    #[error(
        "an address that holds a private key (`sshkey`) is not used; let ssh find the key by its agent or configuration"
    )]
    SshKey,
    #[error("the address begins with `-`, which a command could read as an option")]
    Option,
    #[error("it leads to a path of this machine, which only your own configurations may name")]
    ThisMachine,
    #[error(
        "it leads to an address without encryption; call that repository itself, by `git::http://...`, or have it served by https"
    )]
    Unencrypted,
    #[error("the archive format `{0}` is not read; zip, tar.gz, tar.xz and tar.bz2 are")]
    Format(String),
    #[error("its checksum is not read: {0}")]
    Checksum(&'static str),
}

/// Extensions that mean an archive, the longer first.
const EXTENSIONS: [(&str, Option<ArchiveFormat>); 10] = [
    ("tar.bz2", Some(ArchiveFormat::TarBz2)),
    ("tar.tbz2", Some(ArchiveFormat::TarBz2)),
    ("tar.gz", Some(ArchiveFormat::TarGz)),
    ("tar.xz", Some(ArchiveFormat::TarXz)),
    ("tgz", Some(ArchiveFormat::TarGz)),
    ("txz", Some(ArchiveFormat::TarXz)),
    ("zip", Some(ArchiveFormat::Zip)),
    ("bz2", None),
    ("gz", None),
    ("xz", None),
];

impl Address {
    /// Reads a normalised package: `git::https://h/x.git?ref=v1`, `https://h/x.zip`, `file:///x`.
    pub(crate) fn parse(package: &str) -> Result<Self, AddressError> {
        let (forced, text) = match package.split_once("::") {
            Some((name, rest)) if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => (Some(name), rest),
            _ => (None, package),
        };
        if text.starts_with('-') {
            return Err(AddressError::Option);
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme).ok_or(AddressError::Url)?;
        // It is printed, so it must not be somebody's password.
        if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            return Err(AddressError::Url);
        }
        match forced.unwrap_or(scheme) {
            "git" => parse_git(text, scheme).map(Self::Git),
            "https" | "http" | "file" if ["https", "http", "file"].contains(&scheme) => parse_file(text),
            "ssh" => Err(AddressError::Ssh),
            other => Err(AddressError::Scheme(other.to_owned())),
        }
    }

    /// What an address may say that comes from the network: neither a file of this machine, which would get into the image,
    /// nor a repository that anybody on the way could change.
    pub(crate) fn of_network(self) -> Result<Self, AddressError> {
        let scheme = match &self {
            Self::Git(address) => address.url.split(':').next().unwrap_or_default(),
            Self::Archive(address) => address.url.scheme(),
            Self::Directory(_) => "file",
            Self::Page(url) => url.scheme(),
        };
        match scheme {
            "file" => Err(AddressError::ThisMachine),
            "http" | "git" => Err(AddressError::Unencrypted),
            _ => Ok(self),
        }
    }
}

impl GitAddress {
    /// The repository's name, for people and for grouping: without secrets.
    pub(crate) fn name(&self) -> String {
        source_name(&self.url)
    }
}

fn parse_git(text: &str, scheme: &str) -> Result<GitAddress, AddressError> {
    const SCHEMES: [&str; 5] = ["file", "git", "http", "https", "ssh"];
    if !SCHEMES.contains(&scheme) {
        return Err(AddressError::Scheme(scheme.to_owned()));
    }
    let (url, query) = text.split_once('?').unwrap_or((text, ""));
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let host = authority.rsplit('@').next().unwrap_or_default();
    if authority.starts_with('-') || host.starts_with('-') || url.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(AddressError::Option);
    }
    let (mut reference, mut is_shallow, mut rest) = (None, false, url::form_urlencoded::Serializer::new(String::new()));
    let mut has_rest = false;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "ref" => reference = reference.or_else(|| Some(value.into_owned())),
            "depth" => is_shallow |= value.parse::<u32>().is_ok_and(|depth| depth > 0),
            "sshkey" => return Err(AddressError::SshKey),
            _ => {
                has_rest = true;
                rest.append_pair(&key, &value);
            }
        }
    }
    let url = if has_rest { format!("{url}?{}", rest.finish()) } else { url.to_owned() };
    Ok(GitAddress { url, reference: reference.filter(|name| !name.is_empty()), is_shallow })
}

fn parse_file(text: &str) -> Result<Address, AddressError> {
    let mut url = Url::parse(text).map_err(|_| AddressError::Url)?;
    let (mut archive, mut checksum) = (None, None);
    let mut rest: Vec<(String, String)> = Vec::new();
    for (key, value) in url.query_pairs() {
        match &*key {
            "archive" => archive = archive.or_else(|| Some(value.into_owned())),
            "checksum" => checksum = checksum.or_else(|| Some(value.into_owned())),
            _ => rest.push((key.into_owned(), value.into_owned())),
        }
    }
    if archive.is_some() || checksum.is_some() {
        url.set_query(None);
        if !rest.is_empty() {
            // As Go encodes it: sorted by key.
            rest.sort();
            url.query_pairs_mut().extend_pairs(rest);
        }
    }
    if url.scheme() == "http" {
        return Err(AddressError::Http);
    }
    let is_false = |text: &str| ["0", "f", "F", "false", "FALSE", "False"].contains(&text);
    let named = archive.filter(|text| !text.is_empty());
    let extension = match named.as_deref() {
        Some(text) if is_false(text) => None,
        // What is no archive's name is no archive.
        Some(text) => EXTENSIONS.iter().find(|(extension, _)| *extension == text),
        None => EXTENSIONS.iter().find(|(extension, _)| url.path().ends_with(&format!(".{extension}"))),
    };
    match extension {
        Some((_, Some(format))) => {
            let checksum = checksum.map(|text| Checksum::parse(&text)).transpose().map_err(AddressError::Checksum)?;
            Ok(Address::Archive(ArchiveAddress { url, format: *format, checksum }))
        }
        Some((extension, None)) => Err(AddressError::Format((*extension).to_owned())),
        None if checksum.is_some() => Err(AddressError::Checksum("a directory has none")),
        None if url.scheme() == "file" => {
            let path = percent_decoded(url.path()).ok_or(AddressError::Url)?;
            Ok(Address::Directory(path))
        }
        None => Ok(Address::Page(url)),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let file = Url::parse(&format!("file://{text}")).ok()?.to_file_path().ok()?;
    file.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_its_url_and_a_reference() {
        for (text, url, reference, is_shallow) in [
            ("git::https://h/x.git", "https://h/x.git", None, false),
            ("git::https://h/x.git?ref=tags/0.2.2", "https://h/x.git", Some("tags/0.2.2"), false),
            ("git::ssh://git@h/x.git?depth=1&ref=a%2Fb", "ssh://git@h/x.git", Some("a/b"), true),
            ("git::https://h/x.git?depth=0&ref=v1&a=b", "https://h/x.git?a=b", Some("v1"), false),
            ("git::file:///x/y", "file:///x/y", None, false),
            ("git::https://h/x.git?ref=", "https://h/x.git", None, false),
        ] {
            let Ok(Address::Git(address)) = Address::parse(text) else { panic!("{text}: {:?}", Address::parse(text)) };
            let found = (address.url.as_str(), address.reference.as_deref(), address.is_shallow);
            assert_eq!(found, (url, reference, is_shallow), "{text}");
        }
    }

    #[test]
    fn an_archive_is_known_by_its_name_or_its_parameter() {
        for (text, url, format) in [
            ("https://h/x.zip", "https://h/x.zip", ArchiveFormat::Zip),
            ("https://h/x.tar.gz?b=1&a=2", "https://h/x.tar.gz?b=1&a=2", ArchiveFormat::TarGz),
            ("https://h/x?archive=tgz&b=1&a=2", "https://h/x?a=2&b=1", ArchiveFormat::TarGz),
            ("https://h/x.txz", "https://h/x.txz", ArchiveFormat::TarXz),
            ("https://h/x.tar.tbz2", "https://h/x.tar.tbz2", ArchiveFormat::TarBz2),
            ("file:///x.zip", "file:///x.zip", ArchiveFormat::Zip),
        ] {
            let Ok(Address::Archive(found)) = Address::parse(text) else {
                panic!("{text}: {:?}", Address::parse(text))
            };
            assert_eq!((found.url.as_str(), found.format), (url, format), "{text}");
        }
        assert_eq!(Address::parse("file:///a%20b"), Ok(Address::Directory("/a b".to_owned())));
        assert!(matches!(Address::parse("https://h/x"), Ok(Address::Page(_))));
        assert!(matches!(Address::parse("https://h/x.zip?archive=false"), Ok(Address::Page(_))));
    }

    #[test]
    fn what_is_not_fetched_is_named() {
        for (text, expected) in [
            ("s3::https://h/x.zip", AddressError::Scheme("s3".to_owned())),
            ("hg::https://h/x", AddressError::Scheme("hg".to_owned())),
            ("ssh://git@h/x", AddressError::Ssh),
            ("git::ext::sh -c x", AddressError::Url),
            ("git::ext://x", AddressError::Scheme("ext".to_owned())),
            ("git::--upload-pack=x://y", AddressError::Option),
            ("git::ssh://-oProxyCommand=x/y", AddressError::Option),
            ("git::ssh://git@-oProxyCommand=x/y", AddressError::Option),
            ("git::ssh://git@h/x?sshkey=AAAA", AddressError::SshKey),
            ("http://h/x.zip", AddressError::Http),
            ("https://h/x.gz", AddressError::Format("gz".to_owned())),
            ("https://h/x.zip?checksum=file:./sums", AddressError::Checksum("after `file:`, write an https address")),
            (
                "https://h/x.zip?checksum=sha256:00",
                AddressError::Checksum("its length is not that of md5, sha1, sha256 or sha512"),
            ),
            ("foo", AddressError::Url),
        ] {
            assert_eq!(Address::parse(text), Err(expected), "{text}");
        }
    }
}
