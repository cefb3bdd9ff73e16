//! The engines' words for an error of the operating system, so that a search for their message finds ours.
//!
//! Works on the bare `std::io::Error`: one that `fs_err` has wrapped no longer knows its number.

use std::io;
use std::path::Path;

/// `open /providers/x: permission denied`, as Go prints an `fs.PathError`.
pub fn describe(operation: &str, path: &Path, error: &io::Error) -> String {
    format!("{operation} {}: {}", path.display(), reason(error))
}

/// `permission denied`, as Go prints an error number; other errors as they print themselves.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let Some(number) = error.raw_os_error() else { return text };
    let text = text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_go_says() {
        let error = |number| io::Error::from_raw_os_error(number);
        assert_eq!(describe("lstat", Path::new("/a"), &error(2)), "lstat /a: no such file or directory");
        assert_eq!(describe("open", Path::new("/a"), &error(13)), "open /a: permission denied");
        assert_eq!(describe("read", Path::new("/a"), &error(21)), "read /a: is a directory");
        assert_eq!(reason(&io::Error::other("Own words")), "Own words");
    }
}
