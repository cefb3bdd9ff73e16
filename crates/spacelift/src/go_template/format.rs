//! `printf`, for the values that templates hold.

use super::functions::{CallError, of_root};
use super::value::Value;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each of the flags")]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Wider ones are no command that anyone wrote.
const WIDEST: usize = 1000;

/// # Errors
/// Verbs and flags whose output is not reproduced here.
pub(super) fn printf(format: &str, arguments: &[Value]) -> Result<String, CallError> {
    let mut printed = String::with_capacity(format.len());
    let mut arguments = arguments.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        printed.push_str(&rest[..at]);
        let (flags, after) = flags(&rest[at + 1..])?;
        let Some(verb) = after.chars().next() else {
            printed.push_str("%!(NOVERB)");
            rest = "";
            break;
        };
        rest = &after[verb.len_utf8()..];
        if verb == '%' {
            printed.push('%');
        } else if let Some(argument) = arguments.next() {
            printed.push_str(&one(argument, verb, flags)?);
        } else {
            printed.push_str(&format!("%!{verb}(MISSING)"));
        }
    }
    printed.push_str(rest);
    let extra: Vec<_> = arguments.map(typed).collect::<Result<_, _>>()?;
    if !extra.is_empty() {
        printed.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(printed)
}

/// Flags, width and precision, and what follows.
fn flags(text: &str) -> Result<(Flags, &str), CallError> {
    let mut flags = Flags::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next() {
        match flag {
            '#' => flags.sharp = true,
            '0' => flags.zero = true,
            '+' => flags.plus = true,
            '-' => flags.minus = true,
            ' ' => flags.space = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let number = |text: &mut &str| {
        let length = text.bytes().take_while(u8::is_ascii_digit).count();
        let digits = &text[..length];
        *text = &text[length..];
        match digits {
            "" => Ok(None),
            digits => match digits.parse() {
                Ok(number) if number <= WIDEST => Ok(Some(number)),
                _ => Err(CallError::unsupported(format!("printf with the width {digits} is not rendered here"))),
            },
        }
    };
    flags.width = number(&mut rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        flags.precision = Some(number(&mut rest)?.unwrap_or(0));
    }
    if rest.starts_with(['*', '[']) {
        return Err(CallError::unsupported("printf with `*` or `[` is not rendered here"));
    }
    // Go ignores zeros on the left of what stands on the left.
    flags.zero &= !flags.minus;
    Ok((flags, rest))
}

fn one(value: &Value, verb: char, flags: Flags) -> Result<String, CallError> {
    let unsupported = || Err(CallError::unsupported(format!("printf's `%{verb}` is not rendered here in this form")));
    if matches!(verb, 'T' | 'p') || (verb == 'v' && flags.sharp) {
        return unsupported();
    }
    let text = match (value, verb) {
        (Value::Root, _) => return Err(of_root()),
        (Value::List(items), _) => {
            let items = items.iter().map(|item| one(&Value::Text(item.clone()), verb, flags));
            return Ok(format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(" ")));
        }
        (Value::Nil, 'v') => "<nil>".to_owned(),
        (Value::Nil, verb) if flags == Flags::default() => return Ok(format!("%!{verb}(<nil>)")),
        (Value::Text(_) | Value::Bool(_), _) if flags.zero => return unsupported(),
        (Value::Bool(value), 't' | 'v') => value.to_string(),
        (Value::Text(text), 's' | 'v') => truncated(text, flags),
        (Value::Text(text), 'q') => {
            let text = truncated(text, flags);
            let is_plain = |character: char| character != '`' && character != '\u{FEFF}' && character != '\u{7f}';
            let fits = |character: char| is_plain(character) && (character >= ' ' || character == '\t');
            if flags.sharp && text.chars().all(fits) { format!("`{text}`") } else { quoted(&text, flags.plus, '"') }
        }
        (Value::Text(_), 'x' | 'X') if flags.sharp || flags.space || flags.precision.is_some() => return unsupported(),
        (Value::Text(text), 'x' | 'X') => {
            let digits = text.bytes().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
            if verb == 'X' { digits.to_uppercase() } else { digits }
        }
        (Value::Int(_) | Value::Byte(_), 'b' | 'c' | 'd' | 'o' | 'O' | 'q' | 'U' | 'v' | 'x' | 'X') => {
            let number = if let Value::Int(number) = value { *number } else { whole(value) };
            return integer(number, verb, flags).map_or_else(unsupported, Ok);
        }
        (Value::Float(_), 'v') if !flags.plus && !flags.space && !flags.zero && flags.precision.is_none() => {
            value.printed().unwrap_or_default()
        }
        (Value::Float(number), 'f' | 'F') if !flags.plus && !flags.space && !flags.zero && !flags.sharp => {
            format!("{number:.*}", flags.precision.unwrap_or(6))
        }
        (Value::Float(_), 'b' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'v' | 'x' | 'X') => return unsupported(),
        // Go formats the value inside with the flags that did not help outside.
        (value, verb) if flags == Flags::default() => return Ok(format!("%!{verb}({})", typed(value)?)),
        _ => return unsupported(),
    };
    Ok(padded(&text, flags))
}

fn whole(value: &Value) -> i64 {
    if let Value::Byte(byte) = value { i64::from(*byte) } else { 0 }
}

/// `string=abc`, as Go writes what does not fit its verb.
fn typed(value: &Value) -> Result<String, CallError> {
    let printed = value.printed().ok_or_else(of_root)?;
    Ok(if *value == Value::Nil { printed } else { format!("{}={printed}", value.type_name()) })
}

fn truncated(text: &str, flags: Flags) -> String {
    match flags.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    }
}

fn padded(text: &str, flags: Flags) -> String {
    let width = flags.width.unwrap_or(0);
    if flags.minus { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

fn integer(number: i64, verb: char, flags: Flags) -> Option<String> {
    if flags.sharp || matches!(verb, 'O' | 'U') {
        return None;
    }
    let magnitude = number.unsigned_abs();
    let digits = match verb {
        'd' | 'v' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        _ => {
            let character = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{FFFD}');
            if flags.zero {
                return None;
            }
            let text =
                if verb == 'c' { character.to_string() } else { quoted(&character.to_string(), flags.plus, '\'') };
            return Some(padded(&text, flags));
        }
    };
    if flags.precision == Some(0) && number == 0 {
        return Some(padded("", flags));
    }
    let sign = match (number < 0, flags.plus, flags.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    // With a precision, zeros fill that; without, the width.
    let least = match (flags.precision, flags.zero, flags.width) {
        (Some(precision), ..) => precision,
        (None, true, Some(width)) => width.saturating_sub(sign.len()),
        _ => 0,
    };
    Some(padded(&format!("{sign}{digits:0>least$}"), flags))
}

/// As Go's `strconv.Quote`, in the quotes given.
fn quoted(text: &str, is_ascii: bool, quote: char) -> String {
    let mut quoted = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            _ if character == quote => quoted.extend(['\\', quote]),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            _ if is_printable(character) && (character.is_ascii() || !is_ascii) => quoted.push(character),
            '\0'..='\u{1f}' | '\u{7f}' => quoted.push_str(&format!("\\x{:02x}", u32::from(character))),
            '\u{80}'..='\u{FFFF}' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => quoted.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    quoted.push(quote);
    quoted
}

/// As Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols, and the space.
pub(super) fn is_printable(character: char) -> bool {
    // Rust escapes what is not printable; behind another character it leaves combining marks alone, as Go does.
    let mut text = String::from('a');
    text.push(character);
    matches!(character, '\\' | '"' | '\'') || text.escape_debug().nth(1) == Some(character)
}
