//! Whether a text is HCL native syntax to the engines, and what they say if it is not.
//!
//! Only the first error of the grammar is found; where that is, and what it is called, is the engines' own.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/parser.go`, `parser_template.go`, `token.go` (`checkInvalidTokens`).

use std::ops::Range;

use super::SyntaxError;
use super::scanner::{Heredocs, Kind, Scanned, Token, scan};

mod blocks;
mod collections;
mod expressions;
mod templates;

/// How deep expressions and blocks may nest before the text counts as not understood.
const MAXIMUM_DEPTH: usize = 160;

/// How many wrong tokens are worth reporting.
const MAXIMUM_TOKEN_ERRORS: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub errors: Vec<SyntaxError>,
    /// The expression of every attribute, in the text's order.
    pub expressions: Vec<Range<usize>>,
    /// Where an object starts, and where a key of its stands for the second time.
    pub repeated_keys: Vec<(usize, usize)>,
    /// The first `::` in the name of a function.
    pub scoped_call: Option<usize>,
    /// How many blocks the text ends in.
    pub unclosed: usize,
    /// Errors after which the engines read on, each with what they pass over.
    pub recovered: Vec<(SyntaxError, Range<usize>)>,
    pub comments: Vec<Range<usize>>,
    pub heredocs: Heredocs,
    pub is_too_deep: bool,
}

impl Outcome {
    /// Nothing is wrong with the text.
    pub(super) fn is_sound(&self) -> bool {
        self.errors.is_empty() && self.recovered.is_empty() && !self.is_too_deep
    }
}

/// Why the grammar stopped.
enum Stop {
    Error(SyntaxError),
    TooDeep,
}

type Parsed<T = ()> = Result<T, Stop>;

pub(super) fn check(bytes: &[u8]) -> Outcome {
    let Scanned { tokens, comments, heredocs } = scan(bytes);
    let mut errors = token_errors(bytes, &tokens);
    let mut grammar = Grammar {
        bytes,
        tokens,
        next: 0,
        newlines_count: vec![true],
        depth: 0,
        expressions: Vec::new(),
        repeated_keys: Vec::new(),
        scoped_call: None,
        unclosed: 0,
        recovered: Vec::new(),
    };
    let is_too_deep = match grammar.body(Kind::End, 0..0) {
        Ok(()) => false,
        Err(Stop::TooDeep) => true,
        Err(Stop::Error(error)) => {
            errors.push(error);
            false
        }
    };
    let Grammar { expressions, repeated_keys, scoped_call, unclosed, recovered, .. } = grammar;
    Outcome { errors, expressions, repeated_keys, scoped_call, unclosed, recovered, comments, heredocs, is_too_deep }
}

/// Tokens that no HCL text may hold.
fn token_errors(bytes: &[u8], tokens: &[Token]) -> Vec<SyntaxError> {
    let mut errors = Vec::new();
    let mut told_bad_utf8 = false;
    for token in tokens {
        let (summary, detail) = match token.kind {
            Kind::Bitwise => ("Unsupported operator", "Bitwise operators are not supported."),
            Kind::Backtick => (
                "Invalid character",
                "The \"`\" character is not valid. To create a multi-line string, use the \"heredoc\" syntax, like \
                 \"<<EOT\".",
            ),
            Kind::Apostrophe => {
                ("Invalid character", "Single quotes are not valid. Use double quotes (\") to enclose strings.")
            }
            Kind::Semicolon => (
                "Invalid character",
                "The \";\" character is not valid. Use newlines to separate arguments and blocks, and commas to \
                 separate items in collection values.",
            ),
            Kind::BadUtf8 if !told_bad_utf8 => {
                told_bad_utf8 = true;
                (
                    "Invalid character encoding",
                    "All input files must be UTF-8 encoded. Ensure that UTF-8 encoding is selected in your editor.",
                )
            }
            Kind::QuotedNewline => (
                "Invalid multi-line string",
                "Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the \
                 \\n escape to represent a newline character or use the \"heredoc\" multi-line template syntax.",
            ),
            Kind::Invalid if matches!(&bytes[token.range.clone()], b"\xe2\x80\x9c" | b"\xe2\x80\x9d") => (
                "Invalid character",
                "\"Curly quotes\" are not valid here. These can sometimes be inadvertently introduced when sharing \
                 code via documents or discussion forums. It might help to replace the character with a \"straight \
                 quote\".",
            ),
            Kind::Invalid => ("Invalid character", "This character is not used within the language."),
            _ => continue,
        };
        errors.push(SyntaxError::new(summary, detail, token.range.clone()));
        if errors.len() == MAXIMUM_TOKEN_ERRORS {
            break;
        }
    }
    errors
}

struct Grammar<'a> {
    bytes: &'a [u8],
    tokens: Vec<Token>,
    next: usize,
    /// Whether line breaks are tokens, by nesting.
    newlines_count: Vec<bool>,
    depth: usize,
    expressions: Vec<Range<usize>>,
    repeated_keys: Vec<(usize, usize)>,
    scoped_call: Option<usize>,
    unclosed: usize,
    recovered: Vec<(SyntaxError, Range<usize>)>,
}

impl Grammar<'_> {
    fn peek(&mut self) -> Token {
        if !self.newlines_count.last().copied().unwrap_or(true) {
            while self.tokens[self.next].kind == Kind::Newline {
                self.next += 1;
            }
        }
        self.tokens[self.next].clone()
    }

    fn read(&mut self) -> Token {
        let token = self.peek();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token
    }

    fn peek_kind(&mut self) -> Kind {
        self.peek().kind
    }

    fn peek_is_name(&mut self, name: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Ident && &self.bytes[token.range] == name.as_bytes()
    }

    fn fail<T>(summary: &str, detail: &str, range: Range<usize>) -> Parsed<T> {
        Err(Stop::Error(SyntaxError::new(summary, detail, range)))
    }

    fn nested<T>(&mut self, newlines_count: bool, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAXIMUM_DEPTH {
            return Err(Stop::TooDeep);
        }
        self.depth += 1;
        self.newlines_count.push(newlines_count);
        let result = inner(self);
        self.newlines_count.pop();
        self.depth -= 1;
        result
    }
}
