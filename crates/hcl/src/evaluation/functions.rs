//! Functions of the language that need nothing but their arguments, as far as module sources and backends use them.
//!
//! Source: OpenTofu `internal/lang/funcs`; zclconf/go-cty `cty/function/stdlib`.

use hcl::Value;
use hcl::eval::{Context, Func, FuncArgs, FuncDef, ParamType};

use super::{MAXIMUM_VALUE_BYTES, text_of};

const FUNCTIONS: [(&str, Func); 14] = [
    ("basename", basename),
    ("coalesce", coalesce),
    ("element", element),
    ("format", format),
    ("join", join),
    ("lookup", lookup),
    ("lower", lower),
    ("replace", replace),
    ("split", split),
    ("tostring", to_string),
    ("trimprefix", trim_prefix),
    ("trimspace", trim_space),
    ("trimsuffix", trim_suffix),
    ("upper", upper),
];

pub(super) fn is_known(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, _)| *known == name)
}

pub(super) fn declare(context: &mut Context<'_>) {
    for (name, function) in FUNCTIONS {
        context.declare_func(name, FuncDef::builder().variadic_param(ParamType::Any).build(function));
    }
}

type Evaluated = Result<Value, String>;

fn not_here<T>() -> Result<T, String> {
    Err("not evaluated here".to_owned())
}

/// All arguments as strings, of which there must be `N`.
fn texts<const N: usize>(arguments: FuncArgs) -> Result<[String; N], String> {
    let texts = arguments.into_values().iter().map(text_of).collect::<Option<Vec<_>>>();
    texts.and_then(|texts| texts.try_into().ok()).map_or_else(not_here, Ok)
}

fn bounded(text: String) -> Evaluated {
    if text.len() > MAXIMUM_VALUE_BYTES { not_here() } else { Ok(Value::from(text)) }
}

fn basename(arguments: FuncArgs) -> Evaluated {
    let [text] = texts(arguments)?;
    match text.trim_end_matches('/').rsplit('/').next() {
        Some(last) if !last.is_empty() => Ok(last.into()),
        _ => not_here(),
    }
}

fn coalesce(arguments: FuncArgs) -> Evaluated {
    let is_there = |value: &Value| !value.is_null() && value.as_str() != Some("");
    arguments.into_values().into_iter().find(is_there).map_or_else(not_here, Ok)
}

fn element(arguments: FuncArgs) -> Evaluated {
    match arguments.into_values().as_slice() {
        [Value::Array(elements), Value::Number(index)] if !elements.is_empty() => {
            let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
            index.map_or_else(not_here, |index| Ok(elements[index % elements.len()].clone()))
        }
        _ => not_here(),
    }
}

/// `%s`, `%d` of an integer, `%%`.
fn format(arguments: FuncArgs) -> Evaluated {
    let arguments = arguments.into_values();
    let mut texts = arguments.iter().map(text_of);
    let Some(Some(pattern)) = texts.next() else { return not_here() };
    let mut formatted = String::new();
    let mut parts = pattern.split('%');
    formatted.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        if let Some(rest) = part.strip_prefix(['s', 'd']) {
            let Some(Some(text)) = texts.next() else { return not_here() };
            formatted.push_str(&text);
            formatted.push_str(rest);
        } else if part.is_empty() {
            formatted.push('%');
            formatted.push_str(parts.next().unwrap_or_default());
        } else {
            return not_here();
        }
    }
    if texts.next().is_some() { not_here() } else { bounded(formatted) }
}

fn join(arguments: FuncArgs) -> Evaluated {
    let arguments = arguments.into_values();
    let Some((Some(separator), lists)) = arguments.split_first().map(|(first, rest)| (text_of(first), rest)) else {
        return not_here();
    };
    let mut elements = Vec::new();
    for list in lists {
        let Value::Array(list) = list else { return not_here() };
        for element in list {
            let Some(element) = text_of(element) else { return not_here() };
            elements.push(element);
        }
    }
    bounded(elements.join(&separator))
}

fn lookup(arguments: FuncArgs) -> Evaluated {
    let found = match arguments.into_values().as_slice() {
        [Value::Object(pairs), Value::String(key)] => pairs.get(key).cloned(),
        [Value::Object(pairs), Value::String(key), default] => Some(pairs.get(key).unwrap_or(default).clone()),
        _ => None,
    };
    found.map_or_else(not_here, Ok)
}

fn lower(arguments: FuncArgs) -> Evaluated {
    let [text] = texts(arguments)?;
    bounded(text.to_lowercase())
}

/// A pattern between slashes is a regular expression.
fn replace(arguments: FuncArgs) -> Evaluated {
    let [text, from, to] = texts(arguments)?;
    let is_expression = from.len() > 1 && from.starts_with('/') && from.ends_with('/');
    let size = text.matches(from.as_str()).count().saturating_mul(to.len()).saturating_add(text.len());
    if is_expression || size > MAXIMUM_VALUE_BYTES { not_here() } else { Ok(text.replace(&from, &to).into()) }
}

fn split(arguments: FuncArgs) -> Evaluated {
    let [separator, text] = texts(arguments)?;
    if separator.is_empty() { not_here() } else { Ok(text.split(&separator).map(Value::from).collect()) }
}

fn to_string(arguments: FuncArgs) -> Evaluated {
    let [text] = texts(arguments)?;
    Ok(text.into())
}

fn trim_prefix(arguments: FuncArgs) -> Evaluated {
    let [text, prefix] = texts(arguments)?;
    Ok(text.strip_prefix(&prefix).unwrap_or(&text).into())
}

fn trim_space(arguments: FuncArgs) -> Evaluated {
    let [text] = texts(arguments)?;
    Ok(text.trim().into())
}

fn trim_suffix(arguments: FuncArgs) -> Evaluated {
    let [text, suffix] = texts(arguments)?;
    Ok(text.strip_suffix(&suffix).unwrap_or(&text).into())
}

fn upper(arguments: FuncArgs) -> Evaluated {
    let [text] = texts(arguments)?;
    bounded(text.to_uppercase())
}
