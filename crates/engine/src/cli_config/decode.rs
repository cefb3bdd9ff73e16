//! Decodes items into a wanted type as the library does: names are case-insensitive, unknown names are ignored, the last of
//! several values wins.
//!
//! An error is the offset of the value that has the wrong type.
//!
//! Source: hashicorp/hcl v1 `decoder.go`.

use super::syntax::{Item, LiteralKind, Value};

/// An item without its first keys.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) keys: &'a [String],
    pub(super) value: &'a Value,
    pub(super) offset: usize,
}

pub(super) fn views(items: &[Item]) -> Vec<View<'_>> {
    items.iter().map(|item| View { keys: &item.keys, value: &item.value, offset: item.span.start }).collect()
}

/// The items of this name, which is taken off their keys.
fn named<'a>(views: &[View<'a>], name: &str) -> Vec<View<'a>> {
    views
        .iter()
        .filter_map(|view| {
            let (first, rest) = view.keys.split_first()?;
            first.eq_ignore_ascii_case(name).then_some(View { keys: rest, ..*view })
        })
        .collect()
}

fn literal(view: &View<'_>, is_wanted: impl Fn(LiteralKind) -> bool) -> Result<String, usize> {
    match view.value {
        Value::Literal { kind, text } if view.keys.is_empty() && is_wanted(*kind) => Ok(text.clone()),
        _ => Err(view.offset),
    }
}

fn is_text(kind: LiteralKind) -> bool {
    matches!(kind, LiteralKind::Number | LiteralKind::String)
}

pub(super) fn text(views: &[View<'_>], name: &str) -> Result<Option<String>, usize> {
    named(views, name).iter().try_fold(None, |_, view| literal(view, is_text).map(Some))
}

pub(super) fn flag(views: &[View<'_>], name: &str) -> Result<Option<bool>, usize> {
    let is_bool = |kind| kind == LiteralKind::Bool;
    named(views, name).iter().try_fold(None, |_, view| Ok(Some(literal(view, is_bool)? == "true")))
}

/// Checks a whole number, as Go's `strconv.ParseInt` with base 0 takes it (except for digit separators).
pub(super) fn number(views: &[View<'_>], name: &str) -> Result<(), usize> {
    named(views, name).iter().try_for_each(|view| {
        let text = literal(view, is_text)?;
        let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
        let (digits, radix) = match digits.get(..2) {
            Some("0x" | "0X") => (&digits[2..], 16),
            Some("0b" | "0B") => (&digits[2..], 2),
            Some("0o" | "0O") => (&digits[2..], 8),
            Some(_) if digits.starts_with('0') => (&digits[1..], 8),
            _ => (digits, 10),
        };
        let is_number =
            digits.starts_with(|digit: char| digit.is_digit(radix)) && i64::from_str_radix(digits, radix).is_ok();
        if is_number { Ok(()) } else { Err(view.offset) }
    })
}

/// A list given twice is one list; an empty block is an empty one.
pub(super) fn texts(views: &[View<'_>], name: &str) -> Result<Vec<String>, usize> {
    let mut texts = Vec::new();
    for view in named(views, name) {
        match view.value {
            Value::List(elements) if view.keys.is_empty() => {
                for value in elements {
                    texts.push(literal(&View { value, ..view }, is_text)?);
                }
            }
            Value::Object(items) if view.keys.is_empty() && items.is_empty() => {}
            _ => return Err(view.offset),
        }
    }
    Ok(texts)
}

/// The entries of a block that is a map: its labels are keys too.
pub(super) fn entries<'a>(views: &[View<'a>], name: &str) -> Result<Vec<View<'a>>, usize> {
    let (labelled, plain): (Vec<_>, Vec<_>) = named(views, name).into_iter().partition(|view| !view.keys.is_empty());
    let mut entries = labelled;
    for view in plain {
        entries.extend(body(&view)?);
    }
    Ok(entries)
}

/// What is in an entry of a map, or in a block.
pub(super) fn body<'a>(view: &View<'a>) -> Result<Vec<View<'a>>, usize> {
    match view.value {
        _ if !view.keys.is_empty() => Ok(vec![*view]),
        Value::Object(items) => Ok(views(items)),
        _ => Err(view.offset),
    }
}

/// A map's entries with their bodies.
pub(super) fn bodies<'a>(views: &[View<'a>], name: &str) -> Result<Vec<Vec<View<'a>>>, usize> {
    let entries = entries(views, name)?;
    entries.iter().map(|entry| body(&View { keys: entry.keys.get(1..).unwrap_or_default(), ..*entry })).collect()
}

/// A map of texts, each with its offset.
pub(super) fn map_of_texts(entries: &[View<'_>]) -> Result<Vec<(String, String, usize)>, usize> {
    let mut map: Vec<(String, String, usize)> = Vec::new();
    for entry in entries {
        let (key, rest) = entry.keys.split_first().ok_or(entry.offset)?;
        let text = literal(&View { keys: rest, ..*entry }, is_text)?;
        map.retain(|(earlier, ..)| earlier != key);
        map.push((key.clone(), text, entry.offset));
    }
    Ok(map)
}
