//! Strings of HCL 1, the format of CLI configurations.

use std::fmt::Write as _;

/// Writes a value as an HCL 1 string that both engines read back as the same value.
///
/// `${` would start a part whose escapes are kept as they are, so its `$` is written as an escape itself.
///
/// Source: hashicorp/hcl v1 `hcl/strconv` `Unquote`, `hcl/scanner` (which reserves U+E123).
pub(super) fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '$' if characters.peek() == Some(&'{') => text.push_str("\\x24"),
            '\u{E123}' => text.push_str("\\ue123"),
            _ if character.is_ascii_control() => {
                let _ = write!(text, "\\x{:02x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn escapes_what_hcl_1_would_read_otherwise() {
        for (value, expected) in [
            ("/providers", r#""/providers""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("${x}$$y", r#""\x24{x}$$y""#),
            ("a\nb\0", r#""a\x0ab\x00""#),
            ("é\u{E123}", r#""é\ue123""#),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }
}
