//! Quoted strings of HCL 1.

/// Writes a value as a native HCL 1 string that both engines read back as the same value.
///
/// `${` would start a part that keeps its escapes, so its `$` is written as an escape too.
pub fn quote(value: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' if characters.peek() == Some(&'{') => quoted.push_str("\\x24"),
            '\0'..='\u{1F}' | '\u{7F}' | '\u{E123}' => {
                write!(quoted, "\\u{:04x}", u32::from(character)).expect("writing to a String does not fail");
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
