//! What has got into a file's place and is never what the file is for: pointers, marks of a merge, other encodings.
//!
//! Readers ask here before they parse, so that one finding names the cause, not each line that cannot be parsed.

use std::fmt;

use crate::shell_word;

/// Something else than the text that belongs into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnlikelyText {
    /// A pointer of Git LFS: the file itself was not fetched.
    GitLfsPointer,
    /// Lines that begin `<<<<<<<` and `>>>>>>>`: a merge that is not finished.
    MergeMarkers { line: usize },
    /// UTF-16, such as Windows PowerShell's `>` writes it.
    Utf16,
    /// A symbolic link that was checked out as a text file (`core.symlinks=false`): the file holds a path.
    LinkAsText,
    /// An HTML page, such as a proxy's error page.
    Html,
    /// A file that git-crypt has encrypted, in a repository that was not unlocked.
    GitCrypt,
    /// JSON behind a byte order mark.
    ByteOrderMark,
    /// A compressed file (gzip, ZIP, xz, bzip2, zstd).
    Compressed,
}

/// A larger file is no pointer, and no path.
const SMALL_BYTES: usize = 1024;
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const GIT_CRYPT: &[u8] = b"\0GITCRYPT\0";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const COMPRESSED: [&[u8]; 5] = [b"\x1f\x8b", b"PK\x03\x04", b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd"];

impl UnlikelyText {
    /// What the bytes of a text file (JSON, HCL) are instead of it; null if nothing says so.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(LFS_POINTER) {
            return Some(Self::GitLfsPointer);
        }
        if bytes.starts_with(GIT_CRYPT) {
            return Some(Self::GitCrypt);
        }
        if is_utf16(bytes) {
            return Some(Self::Utf16);
        }
        if COMPRESSED.iter().any(|magic| bytes.starts_with(magic)) {
            return Some(Self::Compressed);
        }
        let start = bytes.trim_ascii_start();
        let tag = start.get(..14).unwrap_or(start).to_ascii_lowercase();
        if tag.starts_with(b"<!doctype html") || tag.starts_with(b"<html") {
            return Some(Self::Html);
        }
        if let Some(line) = merge_markers(bytes) {
            return Some(Self::MergeMarkers { line });
        }
        is_path(bytes).then_some(Self::LinkAsText)
    }

    /// What the bytes of a JSON file are instead of it: a byte order mark makes it unreadable, too.
    pub fn of_json(bytes: &[u8]) -> Option<Self> {
        Self::of(bytes).or_else(|| bytes.starts_with(BYTE_ORDER_MARK).then_some(Self::ByteOrderMark))
    }

    /// What the bytes of an archive are instead of one.
    pub fn of_archive(bytes: &[u8]) -> Option<Self> {
        match Self::of(bytes) {
            Some(Self::Compressed) if bytes.starts_with(b"PK") => None,
            found => found,
        }
    }

    /// What fixes it. `path` is the file's.
    pub fn fix(self, path: &str) -> String {
        let word = shell_word(path);
        match self {
            Self::GitLfsPointer => {
                format!(
                    "On a machine with network access, run `git lfs pull --include={word}`, and check the file out again."
                )
            }
            Self::MergeMarkers { .. } => {
                format!("Finish the merge: remove the lines with `<<<<<<<`, `=======` and `>>>>>>>` from `{path}`.")
            }
            Self::Utf16 => {
                format!("Convert it: `iconv -f UTF-16 -t UTF-8 {word} > {word}.new && mv {word}.new {word}`")
            }
            Self::LinkAsText => {
                "Check it out with `git -c core.symlinks=true checkout`, or put the file itself into its place."
                    .to_owned()
            }
            Self::GitCrypt => {
                "Unlock the repository where it is checked out, with `git-crypt unlock KEY`. A runner has no \
                               key: keep the file unencrypted, with secrets elsewhere."
                    .to_owned()
            }
            Self::ByteOrderMark => format!("Remove it: `sed -i '1s/^\\xef\\xbb\\xbf//' {word}`"),
            Self::Html => format!("Fetch `{path}` again: a proxy or a server has answered with an error page."),
            Self::Compressed => format!("Decompress `{path}`, or put the right file into its place."),
        }
    }
}

impl fmt::Display for UnlikelyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitLfsPointer => formatter.write_str("is a Git LFS pointer: the file itself was not fetched"),
            Self::MergeMarkers { line } => {
                write!(formatter, "holds the conflict markers of an unfinished merge (line {line})")
            }
            Self::Utf16 => formatter.write_str("is UTF-16, and must be UTF-8"),
            Self::LinkAsText => {
                formatter.write_str("holds only a path: it is a symbolic link that was checked out as text")
            }
            Self::GitCrypt => formatter.write_str("is encrypted by git-crypt"),
            Self::ByteOrderMark => formatter.write_str("begins with a byte order mark (U+FEFF)"),
            Self::Html => formatter.write_str("is an HTML page"),
            Self::Compressed => formatter.write_str("is a compressed file"),
        }
    }
}

/// By its byte order mark, or by a zero in every second of the first bytes.
fn is_utf16(bytes: &[u8]) -> bool {
    const SEEN_BYTES: usize = 8;
    let zeros = |from: usize| bytes.iter().take(SEEN_BYTES).skip(from).step_by(2).all(|byte| *byte == 0);
    bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || (bytes.len() >= SEEN_BYTES && zeros(0) != zeros(1))
}

/// The line of the first marker, if both kinds begin a line.
fn merge_markers(bytes: &[u8]) -> Option<usize> {
    let lines = || bytes.split(|byte| *byte == b'\n');
    let first = lines().position(|line| line.starts_with(b"<<<<<<< "))?;
    lines().skip(first).any(|line| line.starts_with(b">>>>>>> ")).then_some(first + 1)
}

/// One line that begins like a relative or absolute path, as git writes a link into a file.
fn is_path(bytes: &[u8]) -> bool {
    bytes.len() < SMALL_BYTES
        && [&b"../"[..], b"./", b"/"].iter().any(|start| bytes.starts_with(start))
        && !bytes.starts_with(b"//")
        && !bytes.starts_with(b"/*")
        && !bytes.iter().any(|byte| byte.is_ascii_whitespace() || *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_in_the_place_of_a_text() {
        use UnlikelyText::{Compressed, GitCrypt, GitLfsPointer, Html, LinkAsText, MergeMarkers, Utf16};
        let cases: [(&[u8], Option<UnlikelyText>); 16] = [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", Some(GitLfsPointer)),
            (b"\0GITCRYPT\0abc", Some(GitCrypt)),
            (b"\xff\xfep\0r\0o\0v\0", Some(Utf16)),
            (b"\xfe\xff\0p\0r\0o\0v", Some(Utf16)),
            (b"p\0r\0o\0v\0i\0d\0", Some(Utf16)),
            (b"{\n<<<<<<< HEAD\n\"a\": 1\n=======\n>>>>>>> other\n}", Some(MergeMarkers { line: 2 })),
            (b"a = <<EOT\n<<<<<<< is text\nEOT\n", None),
            (b"../shared/.terraform.lock.hcl", Some(LinkAsText)),
            (b"/mnt/state/terraform.tfstate", Some(LinkAsText)),
            (b"// a comment", None),
            (b"/*a*/", None),
            (b"\n<!DOCTYPE HTML><html>", Some(Html)),
            (b"\x1f\x8b\x08\0", Some(Compressed)),
            (b"{\"version\": 4}", None),
            (b"\0\0\0\0\0\0\0\0", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(UnlikelyText::of(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(UnlikelyText::of_archive(b"PK\x03\x04"), None);
        assert_eq!(UnlikelyText::of_archive(b"\x1f\x8b\x08\0"), Some(Compressed));
    }
}
