//! Checksum files as `sha256sum` writes them: `SHA256SUMS` of a release.

use airtight_provider::Hash;

/// The SHA-256 that a checksum file has for a file name, as a `zh:` hash.
///
/// Lines are a digest, blanks, and a name, maybe after the `*` that marks binary mode; other lines are ignored.
pub fn find(document: &str, file_name: &str) -> Option<Hash> {
    lines(document).find(|(name, _)| *name == file_name).map(|(_, hash)| hash)
}

/// Every line's name and hash.
pub fn lines(document: &str) -> impl Iterator<Item = (&str, Hash)> {
    document.lines().filter_map(|line| {
        let (digits, name) = line.trim().split_once(|letter: char| letter.is_ascii_whitespace())?;
        let name = name.trim_start();
        let mut digest = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (place, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some((name.strip_prefix('*').unwrap_or(name), Hash::zh(digest)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_line_of_a_file() {
        let digest = "ab".repeat(32);
        let document = format!("nonsense\n{}  other.zip\r\n{}  a.zip\n", "00".repeat(32), digest.to_uppercase());
        assert_eq!(find(&document, "a.zip").unwrap().as_str(), format!("zh:{digest}"));
        assert_eq!(find(&format!("{digest} *a.zip"), "a.zip").unwrap().as_str(), format!("zh:{digest}"));
        assert_eq!(find(&document, "zip"), None);
        assert_eq!(lines(&document).count(), 2);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = lines(&text).count();
        }

        #[test]
        fn digits_that_are_no_digits_are_no_digest(text in "[0-9a-gé+]{60,64} a") {
            if let Some(hash) = find(&text, "a") {
                proptest::prop_assert_eq!(&hash.as_str()[3..], &text[..64]);
            }
        }
    }
}
