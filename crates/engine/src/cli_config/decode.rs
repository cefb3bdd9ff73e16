//! What the library's decoder makes of a tree for a wanted shape: case-insensitive names, unknown names ignored, the
//! last of several scalars, and its own error texts.
//!
//! Source: hashicorp/hcl v1 `decoder.go`.

use std::collections::{BTreeMap, HashSet};

use super::scanner::Pos;
use super::syntax::{Item, Key, Literal, LiteralKind, Value};

/// A wanted shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Flag,
    Number,
    TextList,
    Any,
    Map(&'static Self),
    Record(&'static [(&'static str, Self)]),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Text(String),
    Flag(bool),
    TextList(Vec<String>),
    Map(Vec<(String, Self)>),
    Record(Record),
    /// A value that nothing asks for.
    Other,
}

pub(super) type Record = BTreeMap<&'static str, Decoded>;

#[derive(Clone, Debug)]
pub(super) struct DecodeError {
    pub(super) pos: Pos,
    pub(super) message: String,
}

impl DecodeError {
    fn at(pos: Pos, message: impl std::fmt::Display) -> Self {
        Self { pos, message: format!("At {pos}: {message}") }
    }
}

#[derive(Clone)]
enum Node<'a> {
    Literal(&'a Literal),
    List(Pos, &'a [Value]),
    Object(Pos, &'a [Item]),
    /// Items with their first keys already taken off.
    Items(Vec<View<'a>>),
    Item(View<'a>),
}

#[derive(Clone, Copy)]
struct View<'a> {
    keys: &'a [Key],
    value: &'a Value,
}

impl<'a> View<'a> {
    fn of(item: &'a Item) -> Self {
        Self { keys: &item.keys, value: &item.value }
    }
}

impl<'a> Node<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Literal(literal) => Self::Literal(literal),
            Value::List { pos, elements } => Self::List(*pos, elements),
            Value::Object { pos, items } => Self::Object(*pos, items),
        }
    }

    fn pos(&self) -> Pos {
        let first = |view: &View<'_>| view.keys.first().map_or_else(Pos::default, |key| key.pos);
        match self {
            Self::Literal(literal) => literal.pos,
            Self::List(pos, _) | Self::Object(pos, _) => *pos,
            Self::Items(views) => views.first().map_or_else(Pos::default, first),
            Self::Item(view) => first(view),
        }
    }

    /// The library's type for it, which its messages name.
    fn type_name(&self) -> &'static str {
        match self {
            Self::Literal(_) => "*ast.LiteralType",
            Self::List(..) => "*ast.ListType",
            Self::Object(..) => "*ast.ObjectType",
            Self::Items(_) => "*ast.ObjectList",
            Self::Item(_) => "*ast.ObjectItem",
        }
    }

    fn into_items(self) -> Self {
        match self {
            Self::Object(_, items) => Self::Items(items.iter().map(View::of).collect()),
            other => other,
        }
    }

    fn fail<T>(&self, name: &str, message: &str) -> Result<T, DecodeError> {
        Err(DecodeError::at(self.pos(), format_args!("{name}: {message}{}", self.type_name())))
    }
}

/// Decodes a block's body.
pub(super) fn body(items: &[Item], kind: &Kind) -> Result<Decoded, DecodeError> {
    decode("root", Node::Items(items.iter().map(View::of).collect()), kind, None)
}

/// Decodes one field of a body; null where it is not there.
pub(super) fn field(items: &[Item], name: &'static str, kind: &Kind) -> Result<Option<Decoded>, DecodeError> {
    field_of("root", &items.iter().map(View::of).collect::<Vec<_>>(), name, kind)
}

fn decode(name: &str, node: Node<'_>, kind: &Kind, previous: Option<Decoded>) -> Result<Decoded, DecodeError> {
    match kind {
        Kind::Any => Ok(Decoded::Other),
        Kind::Text => match &node {
            Node::Literal(Literal { kind: LiteralKind::Number | LiteralKind::String, text, .. }) => {
                Ok(Decoded::Text(text.clone()))
            }
            _ => node.fail(name, "unknown type for string "),
        },
        Kind::Flag => match &node {
            Node::Literal(Literal { kind: LiteralKind::Bool, text, .. }) => Ok(Decoded::Flag(text == "true")),
            _ => node.fail(name, "unknown type "),
        },
        Kind::Number => number(name, &node),
        Kind::TextList => text_list(name, &node, previous),
        Kind::Map(element) => map(name, node, element, previous),
        Kind::Record(fields) => record(name, node, fields),
    }
}

fn number(name: &str, node: &Node<'_>) -> Result<Decoded, DecodeError> {
    match node {
        Node::Literal(Literal { kind: LiteralKind::Number | LiteralKind::String, text, pos }) => {
            if is_integer(text) {
                Ok(Decoded::Other)
            } else {
                let message = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
                Err(DecodeError { pos: *pos, message })
            }
        }
        _ => node.fail(name, "unknown type "),
    }
}

/// Whether Go's `strconv.ParseInt` with base 0 takes it (its digit separators aside).
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (&digits[2..], 16),
        Some("0b" | "0B") => (&digits[2..], 2),
        Some("0o" | "0O") => (&digits[2..], 8),
        Some(_) if digits.starts_with('0') => (&digits[1..], 8),
        _ => (digits, 10),
    };
    digits.starts_with(|digit: char| digit.is_digit(radix)) && i64::from_str_radix(digits, radix).is_ok()
}

fn text_list(name: &str, node: &Node<'_>, previous: Option<Decoded>) -> Result<Decoded, DecodeError> {
    let elements: Vec<Node<'_>> = match node {
        Node::Items(views) => views.iter().copied().map(Node::Item).collect(),
        Node::Object(..) => vec![node.clone()],
        Node::List(_, elements) => elements.iter().map(Node::of).collect(),
        _ => return Err(DecodeError::at(node.pos(), format_args!("unknown slice type: {}", node.type_name()))),
    };
    // A list given twice is one list.
    let mut texts = match previous {
        Some(Decoded::TextList(texts)) => texts,
        _ => Vec::new(),
    };
    for (index, element) in elements.into_iter().enumerate() {
        if let Decoded::Text(text) = decode(&format!("{name}[{index}]"), element, &Kind::Text, None)? {
            texts.push(text);
        }
    }
    Ok(Decoded::TextList(texts))
}

fn map(name: &str, node: Node<'_>, element: &'static Kind, previous: Option<Decoded>) -> Result<Decoded, DecodeError> {
    let node = match node {
        Node::Item(view) => Node::Items(vec![view]),
        other => other.into_items(),
    };
    let Node::Items(views) = &node else {
        return Err(DecodeError::at(
            node.pos(),
            format_args!("{name}: not an object type for map ({})", node.type_name()),
        ));
    };
    let mut entries: Vec<(String, Decoded)> = match previous {
        Some(Decoded::Map(entries)) => entries,
        _ => Vec::new(),
    };
    let mut done = HashSet::new();
    for view in views {
        let Some(key) = view.keys.first() else {
            return Err(DecodeError::at(node.pos(), format_args!("{name}: map must have string keys")));
        };
        if done.contains(key.text.as_str()) {
            continue;
        }
        let value = if view.keys.len() > 1 {
            done.insert(key.text.as_str());
            Node::Items(named(views, &key.text))
        } else {
            Node::of(view.value)
        };
        let old = entries.iter().position(|(name, _)| *name == key.text).map(|index| entries.remove(index).1);
        let decoded = decode(&format!("{name}.{}", key.text), value, element, old)?;
        entries.push((key.text.clone(), decoded));
    }
    Ok(Decoded::Map(entries))
}

fn record(name: &str, node: Node<'_>, fields: &[(&'static str, Kind)]) -> Result<Decoded, DecodeError> {
    let node = match node {
        Node::Item(view) if matches!(view.value, Value::Literal(_)) => Node::Items(vec![view]),
        Node::Item(view) => Node::of(view.value).into_items(),
        other => other.into_items(),
    };
    let Node::Items(views) = &node else {
        return Err(DecodeError::at(
            node.pos(),
            format_args!("{name}: not an object type for struct ({})", node.type_name()),
        ));
    };
    let mut record = Record::new();
    for (field, kind) in fields {
        if let Some(decoded) = field_of(name, views, field, kind)? {
            record.insert(field, decoded);
        }
    }
    Ok(Decoded::Record(record))
}

fn field_of(name: &str, views: &[View<'_>], field: &str, kind: &Kind) -> Result<Option<Decoded>, DecodeError> {
    let (labelled, plain): (Vec<_>, Vec<_>) = named(views, field).into_iter().partition(|view| !view.keys.is_empty());
    let name = format!("{name}.{field}");
    let mut decoded = None;
    if !labelled.is_empty() {
        decoded = Some(decode(&name, Node::Items(labelled), kind, None)?);
    }
    for view in plain {
        decoded = Some(decode(&name, Node::of(view.value).into_items(), kind, decoded)?);
    }
    Ok(decoded)
}

/// The items of this name, which is taken off their keys.
fn named<'a>(views: &[View<'a>], name: &str) -> Vec<View<'a>> {
    views
        .iter()
        .filter_map(|view| {
            let (first, rest) = view.keys.split_first()?;
            first.text.eq_ignore_ascii_case(name).then_some(View { keys: rest, value: view.value })
        })
        .collect()
}
