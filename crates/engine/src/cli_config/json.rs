//! The parser of HCL 1's JSON dialect, which is looser than JSON, and its flattening into blocks with labels.
//!
//! Source: hashicorp/hcl v1 `json/parser`.

use super::scanner::{Dialect, Pos, Scanner, Token, TokenKind};
use super::syntax::{Item, MAXIMUM_DEPTH, SyntaxError, Value, key, literal, scan_failure};

/// Parses a text that begins with `{`. What follows the first object is not looked at.
pub(super) fn parse(text: &str) -> Result<Vec<Item>, SyntaxError> {
    let mut parser = Parser { scanner: Scanner::new(text, Dialect::Json), last: TokenKind::Illegal, depth: 0 };
    let parsed = parser.root();
    if let Some(error) = &parser.scanner.error {
        return Err(scan_failure(error, Dialect::Json));
    }
    let mut items = Vec::new();
    for item in parsed.map_err(Stop::into_error)? {
        flatten(item, &mut items);
    }
    Ok(items)
}

enum Stop {
    EndOfFile,
    Error(SyntaxError),
    /// Never forgiven, unlike the library's own errors before a closing brace.
    TooDeep(SyntaxError),
}

impl Stop {
    fn into_error(self) -> SyntaxError {
        match self {
            Self::EndOfFile => SyntaxError { pos: Pos::default(), message: "EOF token found".to_owned() },
            Self::Error(error) | Self::TooDeep(error) => error,
        }
    }
}

struct Parser<'text> {
    scanner: Scanner<'text>,
    last: TokenKind,
    depth: usize,
}

impl<'text> Parser<'text> {
    fn take(&mut self) -> Token<'text> {
        let token = self.scanner.scan();
        self.last = token.kind;
        token
    }

    fn root(&mut self) -> Result<Vec<Item>, Stop> {
        let token = self.take();
        match token.kind {
            TokenKind::LeftBrace => self.object(token.pos),
            TokenKind::Eof => Err(Stop::EndOfFile),
            _ => stop(token.pos, format!("Expected object, got unknown token: {}", token.describe())),
        }
    }

    /// The items of an object. An error is forgiven where its token is `}`, and a missing comma ends the object:
    /// this also reads `{}` and a comma before the brace.
    fn object(&mut self, pos: Pos) -> Result<Vec<Item>, Stop> {
        if self.depth == MAXIMUM_DEPTH {
            return Err(Stop::TooDeep(SyntaxError::too_deep(pos)));
        }
        self.depth += 1;
        let mut items = Vec::new();
        let failure = loop {
            match self.item() {
                Ok(item) => items.push(item),
                Err(Stop::EndOfFile) => break None,
                Err(failure) => break Some(failure),
            }
            if self.take().kind != TokenKind::Comma {
                break None;
            }
        };
        self.depth -= 1;
        match failure {
            Some(Stop::Error(_)) if self.last == TokenKind::RightBrace => Ok(items),
            Some(failure) => Err(failure),
            None => Ok(items),
        }
    }

    fn item(&mut self) -> Result<Item, Stop> {
        let mut keys = Vec::new();
        let start = loop {
            let token = self.take();
            match token.kind {
                TokenKind::Eof => return Err(Stop::EndOfFile),
                TokenKind::String => keys.push(token),
                TokenKind::Colon if !keys.is_empty() => break keys[0].pos.offset,
                TokenKind::Illegal => return stop(token.pos, "illegal".to_owned()),
                kind => return stop(token.pos, format!("expected: STRING got: {}", kind.as_str())),
            }
        };
        let keys = keys
            .into_iter()
            .map(|token| key(&token, unseen(token.pos), &self.scanner))
            .collect::<Result<_, _>>()
            .map_err(Stop::Error)?;
        let value = self.value()?;
        Ok(Item { keys, is_assigned: true, value, span: start..self.scanner.offset() })
    }

    fn value(&mut self) -> Result<Value, Stop> {
        let token = self.take();
        match token.kind {
            TokenKind::LeftBrace => Ok(Value::Object { pos: unseen(token.pos), items: self.object(token.pos)? }),
            TokenKind::LeftBracket => self.list(token.pos),
            TokenKind::Eof => Err(Stop::EndOfFile),
            _ => match self.literal(&token)? {
                Some(value) => Ok(value),
                None => stop(token.pos, format!("Expected object value, got unknown token: {}", token.describe())),
            },
        }
    }

    fn literal(&self, token: &Token<'_>) -> Result<Option<Value>, Stop> {
        let literal = literal(token, unseen(token.pos), &self.scanner).map_err(Stop::Error)?;
        Ok(literal.map(Value::Literal))
    }

    /// The elements of a list. Booleans and inner lists' brackets are dropped without a word.
    fn list(&mut self, pos: Pos) -> Result<Value, Stop> {
        let mut elements = Vec::new();
        loop {
            let token = self.take();
            match token.kind {
                TokenKind::Comma | TokenKind::Bool | TokenKind::LeftBracket => {}
                TokenKind::RightBracket => return Ok(Value::List { pos: unseen(pos), elements }),
                TokenKind::LeftBrace => {
                    elements.push(Value::Object { pos: unseen(token.pos), items: self.object(token.pos)? });
                }
                TokenKind::Number | TokenKind::Float | TokenKind::String => elements.extend(self.literal(&token)?),
                kind => {
                    return stop(token.pos, format!("unexpected token while parsing list: {}", kind.as_str()));
                }
            }
        }
    }
}

fn stop<T>(pos: Pos, message: String) -> Result<T, Stop> {
    Err(Stop::Error(SyntaxError { pos, message }))
}

/// JSON tokens lose their line on the way into the tree; the offset stays for us.
fn unseen(pos: Pos) -> Pos {
    Pos { offset: pos.offset, line: 0, column: 0 }
}

/// Turns an object of objects into items with one more key each, and a list of objects into one item for each.
fn flatten(item: Item, into: &mut Vec<Item>) {
    let Item { keys, is_assigned, value, span } = item;
    match value {
        Value::Object { items, .. }
            if !items.is_empty() && items.iter().all(|item| matches!(item.value, Value::Object { .. })) =>
        {
            for inner in items {
                let keys = keys.iter().cloned().chain(inner.keys).collect();
                flatten(Item { keys, is_assigned, value: inner.value, span: span.clone() }, into);
            }
        }
        Value::List { elements, .. }
            if !elements.is_empty() && elements.iter().all(|element| matches!(element, Value::Object { .. })) =>
        {
            for value in elements {
                flatten(Item { keys: keys.clone(), is_assigned, value, span: span.clone() }, into);
            }
        }
        value => into.push(Item { keys, is_assigned, value: flatten_within(value), span }),
    }
}

fn flatten_within(value: Value) -> Value {
    match value {
        Value::Literal(_) => value,
        Value::Object { pos, items } => {
            let mut flattened = Vec::with_capacity(items.len());
            for item in items {
                flatten(item, &mut flattened);
            }
            Value::Object { pos, items: flattened }
        }
        Value::List { pos, elements } => {
            Value::List { pos, elements: elements.into_iter().map(flatten_within).collect() }
        }
    }
}
