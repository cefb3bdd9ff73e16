//! Checksums that addresses of archives name.
//!
//! Source: hashicorp/go-getter `checksum.go`.

use url::Url;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// An https address of a file that has it.
    File(Url),
    Md5(Vec<u8>),
    Sha1(Vec<u8>),
    Sha256(Vec<u8>),
    Sha512(Vec<u8>),
}

impl Checksum {
    /// `sha256:HEX`, or hexadecimal alone, whose length says which it is.
    ///
    /// # Errors
    /// Says what is wrong, as a fragment.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (kind, value) = match text.split_once(':') {
            Some(("file", address)) => {
                let url = Url::parse(address).ok().filter(|url| url.scheme() == "https");
                return url.map(Self::File).ok_or("after `file:`, write an https address");
            }
            Some((kind, value)) => (Some(kind.to_ascii_lowercase()), value),
            None => (None, text),
        };
        let bytes = from_hexadecimal(value).ok_or("it is not hexadecimal")?;
        match (kind.as_deref(), bytes.len()) {
            (None | Some("md5"), 16) => Ok(Self::Md5(bytes)),
            (None | Some("sha1"), 20) => Ok(Self::Sha1(bytes)),
            (None | Some("sha256"), 32) => Ok(Self::Sha256(bytes)),
            (None | Some("sha512"), 64) => Ok(Self::Sha512(bytes)),
            (Some("md5" | "sha1" | "sha256" | "sha512") | None, _) => {
                Err("its length is not that of md5, sha1, sha256 or sha512")
            }
            _ => Err("md5, sha1, sha256 and sha512 are known"),
        }
    }

    /// The checksum of an archive in a file such as `sha256sum` and `sha256` of BSD write.
    pub(super) fn in_file(text: &str, sums: &Url, archive: &Url) -> Option<Self> {
        let path = archive.path();
        let (directory, name) = (sums.path().rsplit_once('/')?.0, path.rsplit_once('/')?.1);
        let below = path.strip_prefix(directory).map_or(path, |below| below.trim_start_matches('/'));
        let is_it = |found: &str| [name, below, path].contains(&found.strip_prefix("./").unwrap_or(found));
        text.lines().find_map(|line| match *line.split_whitespace().collect::<Vec<_>>() {
            [kind, named, "=", value] => {
                let named = named.strip_prefix('(')?.strip_suffix(')')?;
                Self::parse(&format!("{kind}:{value}")).ok().filter(|_| is_it(named))
            }
            [value, named] => Self::parse(value).ok().filter(|_| is_it(named.strip_prefix('*').unwrap_or(named))),
            // A file for this archive alone.
            [value, ..] => Self::parse(value).ok(),
            [] => None,
        })
    }

    pub(super) fn matches(&self, bytes: &mut dyn std::io::Read) -> std::io::Result<bool> {
        fn digest<D: sha2::Digest>(bytes: &mut dyn std::io::Read) -> std::io::Result<Vec<u8>> {
            let (mut hasher, mut buffer) = (D::new(), vec![0; 64 * 1024]);
            loop {
                match bytes.read(&mut buffer)? {
                    0 => return Ok(hasher.finalize().to_vec()),
                    count => hasher.update(&buffer[..count]),
                }
            }
        }
        // md5 and sha1 are what some addresses have; the store's own hash is SHA-256 in any case.
        let (expected, found) = match self {
            Self::File(_) => return Ok(false),
            Self::Md5(expected) => (expected, digest::<md5::Md5>(bytes)?),
            Self::Sha1(expected) => (expected, digest::<sha1::Sha1>(bytes)?),
            Self::Sha256(expected) => (expected, digest::<sha2::Sha256>(bytes)?),
            Self::Sha512(expected) => (expected, digest::<sha2::Sha512>(bytes)?),
        };
        Ok(*expected == found)
    }
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_checksum_is_found_in_each_kind_of_file() {
        let url = |text: &str| Url::parse(text).unwrap();
        let found = |text: &str| Checksum::in_file(text, &url("https://h/d/SUMS"), &url("https://h/d/e/x.zip?a=b"));
        let other = "0".repeat(64);
        for text in [
            format!("{other}  y.zip\n{ABC}  x.zip\n"),
            format!("{other} *y.zip\n{ABC} *./e/x.zip\n"),
            format!("SHA256 (y.zip) = {other}\nSHA256 (x.zip) = {ABC}\n"),
            format!("\n{ABC}\n"),
        ] {
            let checksum = found(&text).unwrap_or_else(|| panic!("{text}"));
            assert!(checksum.matches(&mut b"abc".as_slice()).unwrap());
            assert!(!checksum.matches(&mut b"abd".as_slice()).unwrap());
        }
        assert_eq!(found(&format!("{other}  y.zip\n<html>\n")), None);
    }
}
