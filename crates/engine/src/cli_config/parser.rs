//! The parsers of HCL 1 and of its JSON dialect, which is looser than JSON.
//!
//! Two releases of the library are in use. 1.0.0 takes the last of several equal arguments, and an error at a `}` drops the
//! item alone; for 1.0.1-vault-7 (`is_strict`) both are errors.
//!
//! Source: hashicorp/hcl v1 `hcl/parser`, `json/parser`.

use std::collections::HashSet;

use super::problem::ProblemKind;
use super::scanner::{Scanner, Token, TokenKind};
use super::syntax::{Dialect, Fault, File, Item, LiteralKind, Value};

/// More nesting than this is refused, so that a file cannot exhaust the stack.
const MAXIMUM_DEPTH: usize = 128;

/// Parses a text in the dialect that the engines would choose: JSON if the first visible character is `{`.
pub(super) fn parse(text: &str, is_strict: bool) -> Result<File, Fault> {
    let scanner = Scanner::new(text)?;
    let dialect = scanner.dialect;
    let mut parser = Parser { scanner, peeked: None, last: TokenKind::EndOfFile, end: 0, depth: 0, is_strict };
    let mut items = Vec::new();
    let parsed = match dialect {
        Dialect::Native => parser.native_items(false, &mut items),
        // What follows the first object is not looked at.
        Dialect::Json => parser.take().map_err(Stop::Fatal).and_then(|_| parser.json_object(0)).map(|object| {
            for item in object {
                flatten(item, &mut items);
            }
        }),
    };
    match parsed {
        Ok(()) | Err(Stop::EndOfFile) => Ok(File { items, dialect }),
        Err(Stop::Fault(fault) | Stop::Fatal(fault)) => Err(fault),
    }
}

/// Why a production ends early.
enum Stop {
    /// In some places the library drops an unfinished item at the end of the file without a word.
    EndOfFile,
    /// May be forgiven.
    Fault(Fault),
    Fatal(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fatal(fault)
    }
}

fn unexpected<T>(token: &Token) -> Result<T, Stop> {
    Err(Stop::Fault(Fault { offset: token.start, kind: ProblemKind::Syntax }))
}

struct Parser<'text> {
    scanner: Scanner<'text>,
    peeked: Option<Token>,
    /// The last token seen, which decides about forgiveness.
    last: TokenKind,
    /// Where the last taken token ends.
    end: usize,
    depth: usize,
    is_strict: bool,
}

impl Parser<'_> {
    fn scan(&mut self) -> Result<Token, Fault> {
        let token = self.scanner.scan()?;
        self.last = token.kind;
        Ok(token)
    }

    fn take(&mut self) -> Result<Token, Fault> {
        let token = match self.peeked.take() {
            Some(token) => token,
            None => self.scan()?,
        };
        self.end = token.end;
        Ok(token)
    }

    fn peek(&mut self) -> Result<TokenKind, Fault> {
        let token = match self.peeked.take() {
            Some(token) => token,
            None => self.scan()?,
        };
        Ok(self.peeked.insert(token).kind)
    }

    fn deeper<T>(&mut self, offset: usize, parse: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth == MAXIMUM_DEPTH {
            return Err(Stop::Fatal(Fault { offset, kind: ProblemKind::TooDeep }));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn native_items(&mut self, is_body: bool, items: &mut Vec<Item>) -> Result<(), Stop> {
        let mut assigned = HashSet::new();
        loop {
            if is_body && self.peek()? == TokenKind::RightBrace {
                return Ok(());
            }
            let item = match self.native_item() {
                Ok(item) => item,
                Err(Stop::EndOfFile) => return Ok(()),
                Err(stop) => return Err(stop),
            };
            if self.is_strict && item.is_assigned && !assigned.insert(item.name().to_owned()) {
                return Err(Stop::Fatal(Fault { offset: item.span.start, kind: ProblemKind::ArgumentTwice }));
            }
            items.push(item);
            if self.peek()? == TokenKind::Comma {
                self.take()?;
            }
        }
    }

    fn native_item(&mut self) -> Result<Item, Stop> {
        let mut keys = Vec::new();
        let mut start = None;
        let delimiter = loop {
            let token = self.take()?;
            match token.kind {
                TokenKind::Identifier | TokenKind::String => {
                    start.get_or_insert(token.start);
                    keys.push(token.text);
                }
                TokenKind::EndOfFile if keys.is_empty() => return Err(Stop::EndOfFile),
                TokenKind::Assign if keys.len() == 1 => break token,
                TokenKind::LeftBrace if !keys.is_empty() => break token,
                TokenKind::RightBrace if !keys.is_empty() => {
                    return Err(Stop::Fatal(Fault { offset: token.start, kind: ProblemKind::Syntax }));
                }
                _ => return unexpected(&token),
            }
        };
        let is_assigned = delimiter.kind == TokenKind::Assign;
        let value = if is_assigned { self.native_value()? } else { self.native_object(delimiter.start)? };
        Ok(Item { keys, is_assigned, value, span: start.unwrap_or(delimiter.start)..self.end })
    }

    fn native_value(&mut self) -> Result<Value, Stop> {
        let token = self.take()?;
        match token.kind {
            TokenKind::LeftBrace => self.native_object(token.start),
            TokenKind::LeftBracket => self.native_list(),
            TokenKind::EndOfFile => Err(Stop::EndOfFile),
            _ => literal(token),
        }
    }

    fn native_object(&mut self, start: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        match self.deeper(start, |parser| parser.native_items(true, &mut items)) {
            Err(Stop::Fault(_)) if !self.is_strict && self.last == TokenKind::RightBrace => {}
            parsed => parsed?,
        }
        let token = self.take()?;
        if token.kind == TokenKind::RightBrace { Ok(Value::Object(items)) } else { unexpected(&token) }
    }

    fn native_list(&mut self) -> Result<Value, Stop> {
        let mut elements = Vec::new();
        let mut needs_comma = false;
        loop {
            let token = self.take()?;
            match token.kind {
                TokenKind::RightBracket => return Ok(Value::List(elements)),
                TokenKind::Comma => needs_comma = false,
                _ if needs_comma => return unexpected(&token),
                // A list within a list needs no comma after it.
                TokenKind::LeftBracket => elements.push(self.deeper(token.start, Self::native_list)?),
                TokenKind::LeftBrace => {
                    elements.push(self.native_object(token.start)?);
                    needs_comma = true;
                }
                _ => {
                    elements.push(literal(token)?);
                    needs_comma = true;
                }
            }
        }
    }

    /// An error is forgiven if its token is `}`, and a missing comma ends the object: this also reads `{}` and a comma before
    /// the brace.
    fn json_object(&mut self, start: usize) -> Result<Vec<Item>, Stop> {
        let mut items = Vec::new();
        let parsed = self.deeper(start, |parser| {
            loop {
                items.push(parser.json_item()?);
                if parser.take()?.kind != TokenKind::Comma {
                    return Ok(());
                }
            }
        });
        match parsed {
            Ok(()) | Err(Stop::EndOfFile) => Ok(items),
            Err(Stop::Fault(_)) if self.last == TokenKind::RightBrace => Ok(items),
            Err(stop) => Err(stop),
        }
    }

    fn json_item(&mut self) -> Result<Item, Stop> {
        let mut keys = Vec::new();
        let mut start = None;
        loop {
            let token = self.take()?;
            match token.kind {
                TokenKind::EndOfFile => return Err(Stop::EndOfFile),
                TokenKind::String => {
                    start.get_or_insert(token.start);
                    keys.push(token.text);
                }
                TokenKind::Colon if !keys.is_empty() => break,
                _ => return unexpected(&token),
            }
        }
        let value = self.json_value()?;
        Ok(Item { keys, is_assigned: true, value, span: start.unwrap_or_default()..self.end })
    }

    fn json_value(&mut self) -> Result<Value, Stop> {
        let token = self.take()?;
        match token.kind {
            TokenKind::LeftBrace => Ok(Value::Object(self.json_object(token.start)?)),
            TokenKind::LeftBracket => self.json_list(),
            TokenKind::EndOfFile => Err(Stop::EndOfFile),
            _ => literal(token),
        }
    }

    /// Booleans and the brackets of inner lists are dropped without a word.
    fn json_list(&mut self) -> Result<Value, Stop> {
        let mut elements = Vec::new();
        loop {
            let token = self.take()?;
            match token.kind {
                TokenKind::Comma | TokenKind::Bool | TokenKind::LeftBracket => {}
                TokenKind::RightBracket => return Ok(Value::List(elements)),
                TokenKind::LeftBrace => elements.push(Value::Object(self.json_object(token.start)?)),
                TokenKind::Number | TokenKind::Float | TokenKind::String => elements.push(literal(token)?),
                _ => return unexpected(&token),
            }
        }
    }
}

fn literal(token: Token) -> Result<Value, Stop> {
    let kind = match token.kind {
        TokenKind::Bool => LiteralKind::Bool,
        TokenKind::Float => LiteralKind::Float,
        TokenKind::Number => LiteralKind::Number,
        TokenKind::Heredoc | TokenKind::Null | TokenKind::String => LiteralKind::String,
        _ => return unexpected(&token),
    };
    let text = if token.kind == TokenKind::Null { String::new() } else { token.text };
    Ok(Value::Literal { kind, text })
}

/// Turns an object of objects into items with one more key each, and a list of objects into one item for each.
fn flatten(item: Item, into: &mut Vec<Item>) {
    let Item { keys, is_assigned, value, span } = item;
    match value {
        Value::Object(items)
            if !items.is_empty() && items.iter().all(|item| matches!(item.value, Value::Object(_))) =>
        {
            for inner in items {
                let keys = keys.iter().cloned().chain(inner.keys).collect();
                flatten(Item { keys, is_assigned, value: inner.value, span: inner.span }, into);
            }
        }
        Value::List(elements)
            if !elements.is_empty() && elements.iter().all(|element| matches!(element, Value::Object(_))) =>
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
        Value::Literal { .. } => value,
        Value::Object(items) => {
            let mut flattened = Vec::with_capacity(items.len());
            for item in items {
                flatten(item, &mut flattened);
            }
            Value::Object(flattened)
        }
        Value::List(elements) => Value::List(elements.into_iter().map(flatten_within).collect()),
    }
}
