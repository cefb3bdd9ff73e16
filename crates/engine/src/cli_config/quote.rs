//! Quoted strings of HCL 1.
//!
//! Source: hashicorp/hcl v1 `hcl/strconv` `Unquote`; for JSON Go's `strconv.Unquote`.

use super::scanner::Dialect;

/// The value of a quoted string; null where an escape is wrong. Native strings keep what stands in `${}` as it is.
/// Bytes that are no UTF-8 (from `\xff`) become U+FFFD.
pub(super) fn unquote(quoted: &str, dialect: Dialect) -> Option<String> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut value = Vec::with_capacity(rest.len());
    while let Some(character) = rest.chars().next() {
        if dialect == Dialect::Native && rest.starts_with("${") {
            let end = interpolation_end(rest)?;
            value.extend_from_slice(&rest.as_bytes()[..end]);
            rest = &rest[end..];
        } else if character == '\\' {
            rest = unescape(&rest[1..], &mut value)?;
        } else if matches!(character, '\n' | '"') {
            return None;
        } else {
            let length = character.len_utf8();
            value.extend_from_slice(&rest.as_bytes()[..length]);
            rest = &rest[length..];
        }
    }
    Some(String::from_utf8_lossy(&value).into_owned())
}

/// Where the `${` at the start of the text is closed.
fn interpolation_end(text: &str) -> Option<usize> {
    let mut braces = 0_usize;
    for (offset, character) in text.char_indices() {
        match character {
            '{' => braces += 1,
            '}' if braces == 1 => return Some(offset + 1),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

fn unescape<'text>(text: &'text str, value: &mut Vec<u8>) -> Option<&'text str> {
    let letter = text.chars().next()?;
    let rest = &text[letter.len_utf8()..];
    let byte = match letter {
        'a' => 7,
        'b' => 8,
        't' => b'\t',
        'n' => b'\n',
        'v' => 11,
        'f' => 12,
        'r' => b'\r',
        '\\' | '"' => text.as_bytes()[0],
        'x' => {
            value.push(u8::try_from(digits(rest, 2, 16)?).ok()?);
            return Some(&rest[2..]);
        }
        'u' | 'U' => {
            let length = if letter == 'u' { 4 } else { 8 };
            let character = char::from_u32(digits(rest, length, 16)?)?;
            value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(&rest[length..]);
        }
        '0'..='7' => {
            value.push(u8::try_from(digits(text, 3, 8)?).ok()?);
            return Some(&rest[2..]);
        }
        _ => return None,
    };
    value.push(byte);
    Some(rest)
}

fn digits(text: &str, length: usize, radix: u32) -> Option<u32> {
    let digits = text.get(..length)?;
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_escapes_as_the_library_does() {
        let cases = [
            (r#""/tmp/m\x24{x}/q\"\\é\u0041\101""#, Dialect::Native, Some("/tmp/m${x}/q\"\\éAA")),
            (r#""zz${x"y\t}\t""#, Dialect::Native, Some("zz${x\"y\\t}\t")),
            (r#""${a{b}c}d""#, Dialect::Native, Some("${a{b}c}d")),
            (r#""${x\u0041""#, Dialect::Json, Some("${xA")),
            (r#""${x""#, Dialect::Native, None),
            (r#""\'""#, Dialect::Native, None),
            (r#""\ud83d""#, Dialect::Json, None),
            (r#""\400""#, Dialect::Native, None),
            ("\"a", Dialect::Native, None),
        ];
        for (quoted, dialect, expected) in cases {
            assert_eq!(unquote(quoted, dialect).as_deref(), expected, "{quoted}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_value_reads_back_as_itself(value in any::<String>()) {
            prop_assert_eq!(unquote(&quote(&value), Dialect::Native), Some(value));
        }

        #[test]
        fn unquoting_never_panics(text in "\"[\\\\${}xuU0-9a-f\"é+-]*\"") {
            let _ = unquote(&text, Dialect::Native);
            let _ = unquote(&text, Dialect::Json);
        }
    }
}
