//! The block structure of a text: bodies with arguments and blocks. Expressions are ranges until somebody asks for them.
//!
//! Of a text that the engines accept this is exactly the engines' structure. Of another it is what can be read of it, with
//! one error for each body's first fault.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/parser.go` `ParseBody`.

use std::ops::Range;

use super::scanner::{Kind, Token};
use super::{SyntaxError, SyntaxErrorKind};

/// How deep blocks may nest.
const MAXIMUM_DEPTH: usize = 100;

#[derive(Clone, Debug, Default)]
pub struct Body {
    pub attributes: Vec<Attribute>,
    pub blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
pub struct Attribute {
    pub name: Range<usize>,
    pub value: Expression,
}

/// By its bytes, and by its tokens in the file.
#[derive(Clone, Debug, Default)]
pub struct Expression {
    pub range: Range<usize>,
    pub(super) tokens: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Block {
    /// The block's type.
    pub name: Range<usize>,
    /// Each without its quotes.
    pub labels: Vec<Range<usize>>,
    /// The type and the labels.
    pub header: Range<usize>,
    pub body: Body,
}

/// Reads the whole text. Errors are in the order of their places.
pub(super) fn read(tokens: &[Token]) -> (Body, Vec<SyntaxError>) {
    let mut reader = Reader { tokens, next: 0, errors: Vec::new() };
    if let Some(wrong) = tokens.iter().find(|token| token.kind == Kind::Wrong) {
        reader.errors.push(SyntaxError { kind: SyntaxErrorKind::Character, range: wrong.range.clone() });
    }
    let mut body = Body::default();
    while reader.peek() != Kind::End {
        reader.items(&mut body, 0);
        if reader.peek() == Kind::CloseBrace {
            reader.fail(SyntaxErrorKind::Unexpected);
            reader.next += 1;
        }
    }
    reader.errors.sort_by_key(|error| error.range.start);
    (body, reader.errors)
}

struct Reader<'a> {
    tokens: &'a [Token],
    next: usize,
    errors: Vec<SyntaxError>,
}

impl Reader<'_> {
    fn peek(&self) -> Kind {
        self.tokens[self.next].kind
    }

    fn range(&self) -> Range<usize> {
        self.tokens[self.next].range.clone()
    }

    fn fail(&mut self, kind: SyntaxErrorKind) {
        let range = self.range();
        self.errors.push(SyntaxError { kind, range });
    }

    /// Arguments and blocks up to the brace that closes the body, or the end.
    fn items(&mut self, body: &mut Body, depth: usize) {
        loop {
            match self.peek() {
                Kind::End | Kind::CloseBrace => return,
                Kind::Newline => self.next += 1,
                Kind::Ident => self.item(body, depth),
                _ => {
                    self.fail(SyntaxErrorKind::Unexpected);
                    self.expression();
                }
            }
        }
    }

    fn item(&mut self, body: &mut Body, depth: usize) {
        let name = self.range();
        self.next += 1;
        if self.peek() == Kind::Equal {
            self.next += 1;
            let value = self.expression();
            body.attributes.push(Attribute { name, value });
            return;
        }
        let mut labels = Vec::new();
        let mut end = name.end;
        loop {
            let range = self.range();
            match self.peek() {
                Kind::Ident => labels.push(range.clone()),
                Kind::OpenQuote => match &self.tokens[self.next..] {
                    [_, text, close, ..] if text.kind == Kind::Text && close.kind == Kind::CloseQuote => {
                        labels.push(text.range.clone());
                        self.next += 2;
                    }
                    [_, close, ..] if close.kind == Kind::CloseQuote => {
                        labels.push(range.end..range.end);
                        self.next += 1;
                    }
                    _ => break,
                },
                _ => break,
            }
            end = self.range().end;
            self.next += 1;
        }
        if self.peek() != Kind::OpenBrace {
            self.fail(SyntaxErrorKind::Unexpected);
            self.expression();
            return;
        }
        if depth == MAXIMUM_DEPTH {
            self.fail(SyntaxErrorKind::TooDeep);
            self.expression();
            return;
        }
        let opened_at = self.range();
        self.next += 1;
        let mut inner = Body::default();
        self.items(&mut inner, depth + 1);
        if self.peek() == Kind::CloseBrace {
            self.next += 1;
        } else if !self.errors.iter().any(|error| error.kind == SyntaxErrorKind::Unclosed) {
            self.errors.push(SyntaxError { kind: SyntaxErrorKind::Unclosed, range: opened_at });
        }
        body.blocks.push(Block { header: name.start..end, name, labels, body: inner });
    }

    /// Up to the line break, or the closing brace, that ends it.
    fn expression(&mut self) -> Expression {
        let first = self.next;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Kind::End => break,
                Kind::Newline | Kind::CloseBrace if depth == 0 => break,
                Kind::OpenBrace | Kind::OpenBracket | Kind::Sequence => depth += 1,
                Kind::CloseBrace | Kind::CloseBracket | Kind::SequenceEnd => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.next += 1;
        }
        let start = self.tokens[first].range.start;
        let end = self.tokens[first..self.next].last().map_or(start, |token| token.range.end);
        if first == self.next || depth > 0 {
            self.fail(SyntaxErrorKind::Unexpected);
        }
        Expression { range: start..end, tokens: first..self.next }
    }
}

/// The keys and values of an object that is written out; null for anything else. A key may stand there twice.
pub(super) fn items(tokens: &[Token], object: &Expression) -> Option<Vec<(Expression, Expression)>> {
    let [open, inner @ .., close] = &tokens[object.tokens.clone()] else { return None };
    if open.kind != Kind::OpenBrace || close.kind != Kind::CloseBrace {
        return None;
    }
    let first = object.tokens.start + 1;
    let part = |from: usize, to: usize| {
        let (start, end) = (inner.get(from)?.range.start, inner.get(to.checked_sub(1)?)?.range.end);
        (from < to).then_some(Expression { range: start..end, tokens: first + from..first + to })
    };
    let mut found = Vec::new();
    let (mut depth, mut start, mut separator) = (0_usize, 0, None);
    for at in 0..=inner.len() {
        let kind = inner.get(at).map_or(Kind::Comma, |token| token.kind);
        match kind {
            Kind::Equal | Kind::Colon if depth == 0 && separator.is_none() => separator = Some(at),
            Kind::Comma | Kind::Newline if depth == 0 => {
                if let Some(separator) = separator.take() {
                    found.push((part(start, separator)?, part(separator + 1, at)?));
                } else if start < at {
                    return None;
                }
                start = at + 1;
            }
            Kind::OpenBrace | Kind::OpenBracket | Kind::Sequence => depth += 1,
            Kind::CloseBrace | Kind::CloseBracket | Kind::SequenceEnd => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    Some(found)
}

/// The names of a reference such as `module.a[0].aws_instance.b`, without its keys; null for anything else.
pub(super) fn names(tokens: &[Token]) -> Option<Vec<Range<usize>>> {
    let mut names = Vec::new();
    let mut rest = tokens.iter().filter(|token| token.kind != Kind::Newline).peekable();
    let first = rest.next().filter(|token| token.kind == Kind::Ident)?;
    names.push(first.range.clone());
    while let Some(token) = rest.next() {
        match token.kind {
            Kind::End => break,
            Kind::Dot => names.push(rest.next().filter(|token| token.kind == Kind::Ident)?.range.clone()),
            Kind::OpenBracket => {
                let mut depth = 1;
                while depth > 0 {
                    match rest.next()?.kind {
                        Kind::OpenBrace | Kind::OpenBracket | Kind::Sequence => depth += 1,
                        Kind::CloseBrace | Kind::CloseBracket | Kind::SequenceEnd => depth -= 1,
                        _ => {}
                    }
                }
            }
            _ => return None,
        }
    }
    Some(names)
}
