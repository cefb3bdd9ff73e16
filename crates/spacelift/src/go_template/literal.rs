//! Literals: texts in quotes, characters, numbers.

use super::value::Value;

/// Why a literal is none, in Go's words, or that only we cannot hold it.
pub(super) enum LiteralError {
    Invalid(String),
    Unsupported(String),
}

/// A text in double quotes.
pub(super) fn quoted(text: &str) -> Result<String, LiteralError> {
    let invalid = || LiteralError::Invalid("invalid syntax".to_owned());
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(invalid)?;
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while !rest.is_empty() {
        let (unit, length) = unit(rest, '"').ok_or_else(invalid)?;
        match unit {
            Unit::Byte(byte) => bytes.push(byte),
            Unit::Char(character) => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
        rest = &rest[length..];
    }
    String::from_utf8(bytes)
        .map_err(|_| LiteralError::Unsupported(format!("{text} is not UTF-8, which is not rendered here")))
}

/// A text in backquotes; Go drops carriage returns from it.
pub(super) fn raw(text: &str) -> String {
    text.trim_matches('`').replace('\r', "")
}

/// A character constant is its number.
pub(super) fn character(text: &str) -> Result<Value, LiteralError> {
    let malformed = || LiteralError::Invalid(format!("malformed character constant: {text}"));
    let inside = &text[1..];
    let (unit, length) = unit(inside, '\'').ok_or_else(malformed)?;
    if &inside[length..] != "'" {
        return Err(malformed());
    }
    Ok(Value::Int(match unit {
        Unit::Byte(byte) => i64::from(byte),
        Unit::Char(character) => i64::from(u32::from(character)),
    }))
}

/// A number is whole or a fraction by how it is written.
pub(super) fn number(text: &str) -> Result<Value, LiteralError> {
    let illegal = || LiteralError::Invalid(format!("illegal number syntax: {text:?}"));
    if text.ends_with('i') && !text.starts_with("0x") {
        return Err(LiteralError::Unsupported(format!("the imaginary number {text} is not rendered here")));
    }
    if let Some(value) = whole(text) {
        return match i64::try_from(value) {
            Ok(value) => Ok(Value::Int(value)),
            Err(_) => Err(LiteralError::Unsupported(format!("the number {text} is too large to be rendered here"))),
        };
    }
    let is_hexadecimal = text.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("0x");
    if is_hexadecimal && text.contains(['p', 'P']) {
        return Err(LiteralError::Unsupported(format!("the number {text} is not rendered here")));
    }
    if is_hexadecimal || text.contains('_') {
        return Err(illegal());
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && text.contains(['.', 'e', 'E']) => Ok(Value::Float(value)),
        Ok(_) if !text.contains(['.', 'e', 'E']) => Err(LiteralError::Invalid(format!("integer overflow: {text:?}"))),
        _ => Err(illegal()),
    }
}

/// By Go's rules for integer literals: prefixes, a leading zero for octal, underscores between digits.
fn whole(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    let after_prefix = base != 10;
    let is_misplaced = body.ends_with('_') || body.contains("__") || (!after_prefix && body.starts_with('_'));
    let plain = body.replace('_', "");
    if is_misplaced || plain.is_empty() || plain.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(&plain, base).ok().map(|value| sign * value)
}

enum Unit {
    Byte(u8),
    Char(char),
}

/// The first character or escape of a text inside quotes, and its length.
fn unit(text: &str, quote: char) -> Option<(Unit, usize)> {
    let first = text.chars().next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Char(first), first.len_utf8()));
    }
    let escape = text[1..].chars().next()?;
    let digits = |count: usize, base: u32, from: usize| {
        let digits = text.get(from..from + count)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(digits, base).ok()
    };
    let simple = |character: char| Some((Unit::Char(character), 2));
    match escape {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == quote => simple(escape),
        'x' => Some((Unit::Byte(u8::try_from(digits(2, 16, 2)?).ok()?), 4)),
        '0'..='7' => Some((Unit::Byte(u8::try_from(digits(3, 8, 1)?).ok()?), 4)),
        'u' => Some((Unit::Char(char::from_u32(digits(4, 16, 2)?)?), 6)),
        'U' => Some((Unit::Char(char::from_u32(digits(8, 16, 2)?)?), 10)),
        _ => None,
    }
}
