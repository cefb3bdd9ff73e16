//! Text in quotation marks, as the engines print it.

use std::fmt;

/// Displays a text in double quotation marks with the escapes of Go's `%q`.
pub struct Quoted<'text>(pub &'text str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        formatter.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => formatter.write_str("\\\"")?,
                '\\' => formatter.write_str("\\\\")?,
                '\n' => formatter.write_str("\\n")?,
                '\r' => formatter.write_str("\\r")?,
                '\t' => formatter.write_str("\\t")?,
                '\u{7}' => formatter.write_str("\\a")?,
                '\u{8}' => formatter.write_str("\\b")?,
                '\u{b}' => formatter.write_str("\\v")?,
                '\u{c}' => formatter.write_str("\\f")?,
                ' ' => formatter.write_char(' ')?,
                other if other.is_ascii_control() => write!(formatter, "\\x{:02x}", u32::from(other))?,
                other if is_invisible(other) => {
                    write!(formatter, "\\u{:04x}", u32::from(other))?;
                }
                other => formatter.write_char(other)?,
            }
        }
        formatter.write_char('"')
    }
}

/// Controls, spaces and marks that people do not see, and so have to be shown.
fn is_invisible(character: char) -> bool {
    let is_mark =
        |c| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    character.is_control() || character.is_whitespace() || character == '\u{feff}' || is_mark(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_cannot_see_is_escaped_and_the_rest_is_not() {
        let table = [
            ("null", r#""null""#),
            ("straße 日本", r#""straße 日本""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\n\r\t\u{7}\u{8}\u{b}\u{c}", r#""\n\r\t\a\b\v\f""#),
            ("\0\u{1}\u{7f}", r#""\x00\x01\x7f""#),
            ("\u{85}\u{a0}\u{ad}\u{200d}\u{feff}", r#""\u0085\u00a0\u00ad\u200d\ufeff""#),
        ];
        for (text, expected) in table {
            assert_eq!(Quoted(text).to_string(), expected);
        }
    }
}
