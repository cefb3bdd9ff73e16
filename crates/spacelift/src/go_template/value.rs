//! The values that a template can hold, and how Go prints them.

/// A value of one of Go's types.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    /// `uint8`: what `index` takes out of a text.
    Byte(u8),
    Float(f64),
    Int(i64),
    List(Vec<String>),
    Nil,
    /// The command's variables as a whole; of which Go type they are, Spacelift does not document.
    Root,
    Text(String),
}

impl Value {
    /// By the rules of `if`: empty is false.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Int(value) => *value != 0,
            Self::List(items) => !items.is_empty(),
            Self::Nil => false,
            Self::Root => true,
            Self::Text(text) => !text.is_empty(),
        }
    }

    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Int(_) => "int",
            Self::List(_) => "[]string",
            Self::Nil => "nil",
            Self::Root => "the command's variables",
            Self::Text(_) => "string",
        }
    }

    /// As `%v` prints it; `None` for what depends on Spacelift's own types.
    pub(super) fn printed(&self) -> Option<String> {
        Some(match self {
            Self::Bool(value) => value.to_string(),
            Self::Byte(value) => value.to_string(),
            Self::Float(value) => float(*value),
            Self::Int(value) => value.to_string(),
            Self::List(items) => format!("[{}]", items.join(" ")),
            Self::Nil => "<nil>".to_owned(),
            Self::Root => return None,
            Self::Text(text) => text.clone(),
        })
    }
}

/// The shortest digits that read back, with an exponent where Go's `%v` has one.
fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        format!("{value}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}
