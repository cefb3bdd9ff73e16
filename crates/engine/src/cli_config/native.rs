//! The parser of native HCL 1.
//!
//! Source: hashicorp/hcl v1 `hcl/parser`.

use super::scanner::{Dialect, Pos, Scanner, Token, TokenKind};
use super::syntax::{Item, MAXIMUM_DEPTH, Rules, SyntaxError, Value, key, literal, scan_failure};

/// Parses a text whose lines end with `\n`.
pub(super) fn parse(text: &str, rules: Rules) -> Result<Vec<Item>, SyntaxError> {
    let mut parser = Parser {
        scanner: Scanner::new(text, Dialect::Native),
        peeked: None,
        end: 0,
        last: TokenKind::Illegal,
        rules,
        depth: 0,
    };
    let mut items = Vec::new();
    let parsed = parser.items(false, &mut items);
    if let Some(error) = &parser.scanner.error {
        return Err(scan_failure(error, Dialect::Native));
    }
    match parsed {
        Ok(()) => Ok(items),
        Err(Stop::EndOfFile) => Err(SyntaxError { pos: Pos::default(), message: END_OF_FILE.to_owned() }),
        Err(Stop::Error(error)) => Err(error),
    }
}

const END_OF_FILE: &str = "EOF token found";

/// Why a production ends early. At the end of the file the library drops an item without a word in some places.
enum Stop {
    EndOfFile,
    Error(SyntaxError),
}

impl From<SyntaxError> for Stop {
    fn from(error: SyntaxError) -> Self {
        Self::Error(error)
    }
}

fn stop<T>(pos: Pos, message: impl std::fmt::Display) -> Result<T, Stop> {
    Err(Stop::Error(SyntaxError::at(pos, message)))
}

struct Parser<'text> {
    scanner: Scanner<'text>,
    peeked: Option<(Token<'text>, usize)>,
    /// Where the last taken token ends.
    end: usize,
    /// The last token seen, which decides about forgiveness.
    last: TokenKind,
    rules: Rules,
    depth: usize,
}

impl<'text> Parser<'text> {
    fn scan(&mut self) -> (Token<'text>, usize) {
        loop {
            let token = self.scanner.scan();
            if token.kind != TokenKind::Comment {
                self.last = token.kind;
                return (token, self.scanner.offset());
            }
        }
    }

    fn take(&mut self) -> Token<'text> {
        let (token, end) = self.peeked.take().unwrap_or_else(|| self.scan());
        self.end = end;
        token
    }

    fn peek(&mut self) -> TokenKind {
        let scanned = match self.peeked.take() {
            Some(peeked) => peeked,
            None => self.scan(),
        };
        let kind = scanned.0.kind;
        self.peeked = Some(scanned);
        kind
    }

    fn items(&mut self, is_body: bool, items: &mut Vec<Item>) -> Result<(), Stop> {
        let mut assigned = std::collections::HashSet::new();
        loop {
            if is_body && self.peek() == TokenKind::RightBrace {
                return Ok(());
            }
            let (item, raw_key) = match self.item() {
                Ok(parsed) => parsed,
                Err(Stop::EndOfFile) => return Ok(()),
                Err(error) => return Err(error),
            };
            if self.rules == Rules::Strict && item.is_assigned && !assigned.insert(raw_key) {
                // A quoted key may be anything, so only a bare one is named.
                let name = if raw_key.starts_with('"') { "..." } else { raw_key };
                let pos = item.pos();
                let message =
                    format!("The argument {name:?} at {pos} was already set. Each argument can only be defined once");
                return Err(Stop::Error(SyntaxError { pos, message }));
            }
            items.push(item);
            if self.peek() == TokenKind::Comma {
                self.take();
            }
        }
    }

    /// An item, and the text of its first key.
    fn item(&mut self) -> Result<(Item, &'text str), Stop> {
        let mut keys: Vec<Token<'text>> = Vec::new();
        let delimiter = loop {
            let token = self.take();
            match token.kind {
                TokenKind::Ident | TokenKind::String => keys.push(token),
                TokenKind::Eof if keys.is_empty() => return Err(Stop::EndOfFile),
                TokenKind::Assign if keys.len() > 1 => {
                    return stop(token.pos, "nested object expected: LBRACE got: ASSIGN");
                }
                TokenKind::Assign if keys.is_empty() => return stop(token.pos, "no object keys found!"),
                TokenKind::LeftBrace if keys.is_empty() => {
                    return stop(token.pos, "expected: IDENT | STRING got: LBRACE");
                }
                TokenKind::Assign | TokenKind::LeftBrace => break token,
                TokenKind::Eof => {
                    return stop(token.pos, "key expected start of object ('{') or assignment ('=')");
                }
                TokenKind::RightBrace if !keys.is_empty() => {
                    // Never forgiven.
                    self.last = TokenKind::Eof;
                    return stop(token.pos, "key expected start of object ('{') or assignment ('=')");
                }
                TokenKind::Illegal => return stop(token.pos, "illegal character"),
                kind => {
                    return stop(
                        token.pos,
                        format_args!("expected: IDENT | STRING | ASSIGN | LBRACE got: {}", kind.as_str()),
                    );
                }
            }
        };
        let (start, raw_key) = (keys[0].pos.offset, keys[0].text);
        let keys = keys.into_iter().map(|token| key(&token, token.pos, &self.scanner)).collect::<Result<_, _>>()?;
        let is_assigned = delimiter.kind == TokenKind::Assign;
        let value = if is_assigned { self.value()? } else { self.object(delimiter.pos)? };
        let span = start..self.end;
        self.peek();
        Ok((Item { keys, is_assigned, value, span }, raw_key))
    }

    fn value(&mut self) -> Result<Value, Stop> {
        let token = self.take();
        match token.kind {
            TokenKind::LeftBrace => self.object(token.pos),
            TokenKind::LeftBracket => self.list(token.pos),
            TokenKind::Eof => Err(Stop::EndOfFile),
            _ => match self.literal(&token)? {
                Some(value) => Ok(value),
                None => stop(token.pos, format_args!("Unknown token: {}", token.describe())),
            },
        }
    }

    fn literal(&self, token: &Token<'_>) -> Result<Option<Value>, Stop> {
        Ok(literal(token, token.pos, &self.scanner)?.map(Value::Literal))
    }

    fn deeper<T>(&mut self, pos: Pos, parse: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth == MAXIMUM_DEPTH {
            return Err(Stop::Error(SyntaxError::too_deep(pos)));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn object(&mut self, pos: Pos) -> Result<Value, Stop> {
        let mut items = Vec::new();
        match self.deeper(pos, |parser| parser.items(true, &mut items)) {
            Err(Stop::Error(_)) if self.rules == Rules::Forgiving && self.last == TokenKind::RightBrace => {}
            parsed => parsed?,
        }
        let token = self.take();
        if token.kind != TokenKind::RightBrace {
            return stop(token.pos, format_args!("object expected closing RBRACE got: {}", token.kind.as_str()));
        }
        Ok(Value::Object { pos, items })
    }

    fn list(&mut self, pos: Pos) -> Result<Value, Stop> {
        let mut elements = Vec::new();
        let mut needs_comma = false;
        loop {
            let token = self.take();
            if needs_comma && !matches!(token.kind, TokenKind::Comma | TokenKind::RightBracket) {
                return stop(
                    token.pos,
                    format_args!("error parsing list, expected comma or list end, got: {}", token.kind.as_str()),
                );
            }
            match token.kind {
                TokenKind::Comma => {
                    self.peek();
                    needs_comma = false;
                }
                TokenKind::RightBracket => return Ok(Value::List { pos, elements }),
                TokenKind::LeftBrace => {
                    let object = self.object(token.pos);
                    elements.push(within_list(object, token.pos, "object")?);
                    needs_comma = true;
                }
                // A list within a list needs no comma after it.
                TokenKind::LeftBracket => {
                    let list = self.deeper(token.pos, |parser| parser.list(token.pos));
                    elements.push(within_list(list, token.pos, "list")?);
                }
                kind => match self.literal(&token)? {
                    Some(value) => {
                        elements.push(value);
                        needs_comma = true;
                    }
                    None => {
                        return stop(token.pos, format_args!("unexpected token while parsing list: {}", kind.as_str()));
                    }
                },
            }
        }
    }
}

fn within_list<T>(parsed: Result<T, Stop>, pos: Pos, what: &str) -> Result<T, Stop> {
    parsed.map_err(|stop| {
        let reason = match stop {
            Stop::EndOfFile => END_OF_FILE.to_owned(),
            Stop::Error(error) => error.message,
        };
        Stop::Error(SyntaxError::at(pos, format_args!("error while trying to parse {what} within list: {reason}")))
    })
}
