//! A text as one word of a command that people paste.

/// Bare if nothing in it means anything to a shell, else in single quotes.
pub(super) fn quoted(text: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+:=@,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_bare) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
