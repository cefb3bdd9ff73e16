//! Go's built-in functions of templates.

use super::value::Value;
use super::{Stage, format};

/// Why a call fails.
pub(super) struct CallError {
    pub stage: Stage,
    pub message: String,
}

impl CallError {
    fn of(name: &str, message: impl std::fmt::Display) -> Self {
        Self { stage: Stage::Execute, message: format!("error calling {name}: {message}") }
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self { stage: Stage::Unsupported, message: message.into() }
    }
}

/// Name, least count of arguments, and whether there may be more.
const FUNCTIONS: [(&str, usize, bool); 19] = [
    ("and", 1, true),
    ("call", 1, true),
    ("eq", 1, true),
    ("ge", 2, false),
    ("gt", 2, false),
    ("html", 0, true),
    ("index", 1, true),
    ("js", 0, true),
    ("le", 2, false),
    ("len", 1, false),
    ("lt", 2, false),
    ("ne", 2, false),
    ("not", 1, false),
    ("or", 1, true),
    ("print", 0, true),
    ("printf", 1, true),
    ("println", 0, true),
    ("slice", 1, true),
    ("urlquery", 0, true),
];

pub(super) fn is_known(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, ..)| *known == name)
}

/// # Errors
/// Too few or too many, in Go's words.
pub(super) fn check_count(name: &str, arguments: usize, has_last: bool) -> Result<(), String> {
    let Some((_, least, is_variadic)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return Err(format!("{name:?} is not a defined function"));
    };
    let given = arguments + usize::from(has_last);
    if *is_variadic && given < *least {
        return Err(format!("wrong number of args for {name}: want at least {least} got {arguments}"));
    }
    if !is_variadic && given != *least {
        return Err(format!("wrong number of args for {name}: want {least} got {given}"));
    }
    Ok(())
}

/// Calls a function that evaluates all its arguments: every one but `and` and `or`.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, CallError> {
    let fail = |message: String| CallError::of(name, message);
    match (name, arguments) {
        ("call", [Value::Nil, ..]) => Err(fail("call of nil".to_owned())),
        ("call", [first, ..]) => Err(fail(format!("non-function of type {}", first.type_name()))),
        ("eq", [first, others @ ..]) => equal_to_any(first, others).map(Value::Bool).map_err(|error| error.named(name)),
        ("ne", [first, second]) => {
            let equal = equal_to_any(first, std::slice::from_ref(second)).map_err(|error| error.named(name))?;
            Ok(Value::Bool(!equal))
        }
        ("lt" | "le" | "gt" | "ge", [first, second]) => {
            let ordering = compare(first, second).map_err(|error| error.named(name))?;
            Ok(Value::Bool(match name {
                "lt" => ordering.is_lt(),
                "le" => ordering.is_le(),
                "gt" => ordering.is_gt(),
                _ => ordering.is_ge(),
            }))
        }
        ("html", arguments) => Ok(Value::Text(html(&joined(arguments)?))),
        ("js", arguments) => Ok(Value::Text(js(&joined(arguments)?))),
        ("urlquery", arguments) => Ok(Value::Text(urlquery(&joined(arguments)?))),
        ("index", [item, indexes @ ..]) => index(item, indexes),
        ("slice", [item, indexes @ ..]) => slice(item, indexes),
        ("len", [Value::Text(text)]) => Ok(length(text.len())),
        ("len", [Value::List(items)]) => Ok(length(items.len())),
        ("len", [Value::Root]) => Err(of_root()),
        ("len", [Value::Nil]) => Err(fail("len of nil pointer".to_owned())),
        ("len", [other]) => Err(fail(format!("len of type {}", other.type_name()))),
        ("not", [value]) => Ok(Value::Bool(!value.is_true())),
        ("print", arguments) => Ok(Value::Text(print(arguments)?)),
        ("println", arguments) => {
            let texts: Option<Vec<String>> = arguments.iter().map(Value::printed).collect();
            Ok(Value::Text(texts.ok_or_else(of_root)?.join(" ") + "\n"))
        }
        ("printf", [Value::Text(format), arguments @ ..]) => format::printf(format, arguments).map(Value::Text),
        ("printf", [first, ..]) => Err(CallError {
            stage: Stage::Execute,
            message: format!("wrong type for value; expected string; got {}", first.type_name()),
        }),
        _ => Err(fail("not a function".to_owned())),
    }
}

fn length(length: usize) -> Value {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

pub(super) fn of_root() -> CallError {
    CallError::unsupported("what `.` is as a whole, Spacelift does not document")
}

/// As Go's `Sprint`: a space between two that are both no texts.
fn print(arguments: &[Value]) -> Result<String, CallError> {
    let mut printed = String::new();
    let mut before_is_text = true;
    for value in arguments {
        let is_text = matches!(value, Value::Text(_));
        if !is_text && !before_is_text {
            printed.push(' ');
        }
        printed.push_str(&value.printed().ok_or_else(of_root)?);
        before_is_text = is_text;
    }
    Ok(printed)
}

/// What the escaping functions escape.
fn joined(arguments: &[Value]) -> Result<String, CallError> {
    let no_value = |value: &Value| match value {
        Value::Nil => Value::Text("<no value>".to_owned()),
        value => value.clone(),
    };
    print(&arguments.iter().map(no_value).collect::<Vec<_>>())
}

fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => escaped.push('\u{FFFD}'),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn js(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '\'' | '"' => escaped.extend(['\\', character]),
            '<' | '>' | '&' | '=' | '\0'..='\u{1f}' => escaped.push_str(&format!("\\u{:04X}", u32::from(character))),
            '\u{80}'.. if !format::is_printable(character) => {
                escaped.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

fn urlquery(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

fn position(name: &str, index: &Value, most: usize) -> Result<usize, CallError> {
    let number = match index {
        Value::Int(number) => *number,
        Value::Byte(number) => i64::from(*number),
        Value::Nil => return Err(CallError::of(name, "cannot index slice/array with nil")),
        Value::Root => return Err(of_root()),
        other => {
            return Err(CallError::of(name, format!("cannot index slice/array with type {}", other.type_name())));
        }
    };
    let position = usize::try_from(number).ok().filter(|position| *position <= most);
    position.ok_or_else(|| CallError::of(name, format!("index out of range: {number}")))
}

fn index(item: &Value, indexes: &[Value]) -> Result<Value, CallError> {
    let mut item = item.clone();
    if item == Value::Nil {
        return Err(CallError::of("index", "index of untyped nil"));
    }
    for index in indexes {
        let beyond = |kind: &str| CallError::of("index", format!("reflect: {kind} index out of range"));
        item = match &item {
            Value::List(items) => {
                let text = items.get(position("index", index, items.len())?).ok_or_else(|| beyond("slice"))?;
                Value::Text(text.clone())
            }
            Value::Text(text) => {
                let at = position("index", index, text.len())?;
                Value::Byte(*text.as_bytes().get(at).ok_or_else(|| beyond("string"))?)
            }
            Value::Root => return Err(of_root()),
            other => {
                return Err(CallError::of("index", format!("can't index item of type {}", other.type_name())));
            }
        };
    }
    Ok(item)
}

fn slice(item: &Value, indexes: &[Value]) -> Result<Value, CallError> {
    let fail = |message: String| CallError::of("slice", message);
    let length = match item {
        Value::List(items) => items.len(),
        Value::Text(_) if indexes.len() == 3 => return Err(fail("cannot 3-index slice a string".to_owned())),
        Value::Text(text) => text.len(),
        Value::Nil => return Err(fail("slice of untyped nil".to_owned())),
        Value::Root => return Err(of_root()),
        other => return Err(fail(format!("can't slice item of type {}", other.type_name()))),
    };
    if indexes.len() > 3 {
        return Err(fail(format!("too many slice indexes: {}", indexes.len())));
    }
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position("slice", index, length)?;
    }
    for pair in bounds.windows(2).take(indexes.len().max(2) - 1) {
        if pair[0] > pair[1] {
            return Err(fail(format!("invalid slice index: {} > {}", pair[0], pair[1])));
        }
    }
    let range = bounds[0]..bounds[1];
    match item {
        Value::List(items) => Ok(Value::List(items[range].to_vec())),
        Value::Text(text) => text
            .get(range)
            .map(|text| Value::Text(text.to_owned()))
            .ok_or_else(|| CallError::unsupported("`slice` within a character is not rendered here")),
        _ => Err(of_root()),
    }
}

/// Why two values cannot be compared.
enum CompareError {
    Lists,
    Message(String),
    Root,
}

impl CompareError {
    fn named(self, name: &str) -> CallError {
        match self {
            Self::Lists => CallError::unsupported("whether an empty list equals another is not rendered here"),
            Self::Message(message) => CallError::of(name, message),
            Self::Root => of_root(),
        }
    }
}

fn equal_to_any(first: &Value, others: &[Value]) -> Result<bool, CompareError> {
    if others.is_empty() {
        return Err(CompareError::Message("missing argument for comparison".to_owned()));
    }
    for other in others {
        let equal = match (first, other) {
            (Value::Root, _) | (_, Value::Root) => return Err(CompareError::Root),
            (Value::Nil, Value::List(items)) | (Value::List(items), Value::Nil) if items.is_empty() => {
                return Err(CompareError::Lists);
            }
            (Value::Nil, other) | (other, Value::Nil) => *other == Value::Nil,
            (Value::Int(int), Value::Byte(byte)) | (Value::Byte(byte), Value::Int(int)) => *int == i64::from(*byte),
            // An empty list may be nil, which Go compares; whether it is, Spacelift does not document.
            (Value::List(one), Value::List(two)) if one.is_empty() || two.is_empty() => {
                return Err(CompareError::Lists);
            }
            (Value::List(_), Value::List(_)) => {
                return Err(CompareError::Message("non-comparable type []string".to_owned()));
            }
            (one, two) if one.type_name() == two.type_name() => one == two,
            (one, two) => return Err(incompatible(one, two)),
        };
        if equal {
            return Ok(true);
        }
    }
    Ok(false)
}

fn incompatible(one: &Value, two: &Value) -> CompareError {
    let (one, two) = (one.type_name(), two.type_name());
    CompareError::Message(format!("incompatible types for comparison: {one} and {two}"))
}

fn compare(first: &Value, second: &Value) -> Result<std::cmp::Ordering, CompareError> {
    let whole = |value: &Value| match value {
        Value::Int(number) => Some(*number),
        Value::Byte(number) => Some(i64::from(*number)),
        _ => None,
    };
    let is_basic = |value: &Value| !matches!(value, Value::List(_) | Value::Nil);
    match (first, second) {
        (Value::Root, _) | (_, Value::Root) => Err(CompareError::Root),
        (Value::Text(one), Value::Text(two)) => Ok(one.cmp(two)),
        (Value::Float(one), Value::Float(two)) => Ok(one.total_cmp(two)),
        (Value::Bool(_), Value::Bool(_)) => Err(CompareError::Message("invalid type for comparison".to_owned())),
        (one, two) => match (whole(one), whole(two)) {
            (Some(one), Some(two)) => Ok(one.cmp(&two)),
            _ if is_basic(one) && is_basic(two) => Err(incompatible(one, two)),
            _ => Err(CompareError::Message("invalid type for comparison".to_owned())),
        },
    }
}
