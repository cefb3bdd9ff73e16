//! The syntax tree of a CLI configuration, the same for native HCL 1 and for JSON.
//!
//! Source: hashicorp/hcl v1 `hcl/ast`, `lex.go`, `hcl/token`.

use std::ops::Range;

use super::quote::unquote;
use super::scanner::{Dialect, Pos, ScanError, Scanner, Token, TokenKind};
use super::{json, native};

/// More nesting than this is refused, so that a file cannot exhaust the stack.
pub(super) const MAXIMUM_DEPTH: usize = 128;

/// Which release of the library an engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// 1.0.0: the last of several equal arguments wins, and an error at a `}` drops the item alone, not the file.
    Forgiving,
    /// 1.0.1-vault-7: both are errors.
    Strict,
}

/// One parsed file. Its text has `\n` for each `\r\n`, as the engines read it.
#[derive(Debug)]
pub(super) struct File {
    pub(super) items: Vec<Item>,
}

/// `KEY... VALUE` or `KEY = VALUE`.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// At least one; the others are a block's labels.
    pub(super) keys: Vec<Key>,
    pub(super) is_assigned: bool,
    pub(super) value: Value,
    /// In the original text; nothing of use for JSON.
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) pos: Pos,
    pub(super) is_json: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Literal(Literal),
    List { pos: Pos, elements: Vec<Self> },
    Object { pos: Pos, items: Vec<Item> },
}

#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub(super) kind: LiteralKind,
    pub(super) pos: Pos,
    /// The value of a string or heredoc, the text of anything else.
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LiteralKind {
    Bool,
    Float,
    Number,
    String,
}

impl Item {
    pub(super) fn name(&self) -> &str {
        self.keys.first().map_or("", |key| key.text.as_str())
    }

    pub(super) fn pos(&self) -> Pos {
        self.keys.first().map_or_else(Pos::default, |key| key.pos)
    }

    pub(super) fn is_json(&self) -> bool {
        self.keys.first().is_some_and(|key| key.is_json)
    }
}

/// Why a file has no tree, in the library's words but for quoted text, which may be a secret.
#[derive(Clone, Debug)]
pub(super) struct SyntaxError {
    pub(super) pos: Pos,
    pub(super) message: String,
}

impl SyntaxError {
    pub(super) fn at(pos: Pos, message: impl std::fmt::Display) -> Self {
        Self { pos, message: format!("At {pos}: {message}") }
    }

    pub(super) fn too_deep(pos: Pos) -> Self {
        Self::at(pos, format_args!("nested more than {MAXIMUM_DEPTH} levels deep"))
    }
}

/// Reads a text in the dialect that the engines would choose: JSON where the first visible character is `{`.
pub(super) fn parse(text: &str, rules: Rules) -> Result<File, SyntaxError> {
    if text.trim_start().starts_with('{') {
        return json::parse(text).map(|items| File { items });
    }
    let normalised = text.replace("\r\n", "\n");
    let mut items = native::parse(&normalised, rules)?;
    let offsets = Offsets::new(text);
    for item in &mut items {
        offsets.restore(item);
    }
    Ok(File { items })
}

/// Turns offsets into the normalised text back into offsets into the original one.
struct Offsets {
    /// Where, in the normalised text, a `\r` is gone.
    gone: Vec<usize>,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let gone = text.match_indices("\r\n").enumerate().map(|(count, (offset, _))| offset - count).collect();
        Self { gone }
    }

    fn original(&self, offset: usize) -> usize {
        offset + self.gone.partition_point(|gone| *gone < offset)
    }

    fn restore(&self, item: &mut Item) {
        item.span = self.original(item.span.start)..self.original(item.span.end);
        for key in &mut item.keys {
            key.pos.offset = self.original(key.pos.offset);
        }
        self.restore_value(&mut item.value);
    }

    fn restore_value(&self, value: &mut Value) {
        match value {
            Value::Literal(literal) => literal.pos.offset = self.original(literal.pos.offset),
            Value::List { pos, elements } => {
                pos.offset = self.original(pos.offset);
                for element in elements {
                    self.restore_value(element);
                }
            }
            Value::Object { pos, items } => {
                pos.offset = self.original(pos.offset);
                for item in items {
                    self.restore(item);
                }
            }
        }
    }
}

/// The value of a literal token; null for any other token.
pub(super) fn literal(token: &Token<'_>, pos: Pos, scanner: &Scanner<'_>) -> Result<Option<Literal>, SyntaxError> {
    let kind = match token.kind {
        TokenKind::Bool => LiteralKind::Bool,
        TokenKind::Float => LiteralKind::Float,
        TokenKind::Number => LiteralKind::Number,
        TokenKind::Null | TokenKind::String | TokenKind::Heredoc => LiteralKind::String,
        _ => return Ok(None),
    };
    let text = match token.kind {
        TokenKind::Null => String::new(),
        TokenKind::String => string(token, scanner)?,
        TokenKind::Heredoc => heredoc(token.text),
        _ => token.text.to_owned(),
    };
    Ok(Some(Literal { kind, pos, text }))
}

pub(super) fn key(token: &Token<'_>, pos: Pos, scanner: &Scanner<'_>) -> Result<Key, SyntaxError> {
    let text = if token.kind == TokenKind::String { string(token, scanner)? } else { token.text.to_owned() };
    Ok(Key { text, pos, is_json: scanner.dialect == Dialect::Json })
}

/// A string's value. The library panics where an escape is wrong that its scanner let pass; here that is an error.
/// After an error of the scanner the tree is never used, but the parser goes on for the sake of the last error.
fn string(token: &Token<'_>, scanner: &Scanner<'_>) -> Result<String, SyntaxError> {
    match unquote(token.text, scanner.dialect) {
        Some(value) => Ok(value),
        None if scanner.error.is_some() => Ok(String::new()),
        None => Err(SyntaxError::at(token.pos, "string with an invalid escape")),
    }
}

/// A heredoc's content. The library cuts the last line by the length of the first, so a plain heredoc keeps the white
/// space before an indented end mark.
fn heredoc(text: &str) -> String {
    let Some(newline) = text.find('\n') else { return String::new() };
    let is_indented = text.as_bytes().get(2) == Some(&b'-');
    let end = (text.len() + 1 + usize::from(is_indented)).saturating_sub(newline);
    let content = text.get(newline + 1..end).unwrap_or_default();
    if !is_indented {
        return content.to_owned();
    }
    let Some((lines, prefix)) = content.rsplit_once('\n') else { return String::new() };
    if lines.split('\n').all(|line| line.starts_with(prefix)) {
        lines.split('\n').fold(String::new(), |joined, line| joined + &line[prefix.len()..] + "\n")
    } else {
        content.trim_end_matches([' ', '\t']).to_owned()
    }
}

pub(super) fn scan_failure(error: &ScanError, dialect: Dialect) -> SyntaxError {
    match dialect {
        Dialect::Native => SyntaxError::at(error.pos, &error.message),
        Dialect::Json => SyntaxError { pos: error.pos, message: format!("{}: {}", error.pos, error.message) },
    }
}
