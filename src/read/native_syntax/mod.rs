//! HCL's native syntax: whether the engines accept a text, and the text as a tree with byte spans.
//!
//! Two parsers share the work. [`grammar`] follows the engines' own and decides what is a syntax error, because hcl-rs
//! is kinder in places (a line break between quotes, `a.0.1`), stricter in others (a line break before `?`) and now and
//! then wrong (an empty heredoc). The tree is hcl-rs's; where it reads an expression unlike the engines, a constant of
//! the same length stands in for it, so that the block structure is never lost.
//!
//! [`constant`] evaluates what needs no variables; [`schema`] says what may stand in a body.

pub mod constant;
mod grammar;
mod scanner;
pub mod schema;

use std::ops::Range;
use std::sync::Arc;

use camino::Utf8Path;
use hcl::edit::Span;
use hcl::edit::structure::{Body, Structure};

use super::Problem;
use crate::finding::Place;

/// One text in native syntax.
#[derive(Clone, Debug)]
pub struct NativeFile {
    /// The text; a byte that is not UTF-8 became `?`, so that offsets stay.
    pub text: Arc<str>,
    /// Null where the text has errors or is not understood.
    pub body: Option<Body>,
    pub errors: Vec<SyntaxError>,
    /// Expressions that stand as a constant in `body`, by byte range.
    pub unread: Vec<Range<usize>>,
}

/// An error in the engines' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub summary: String,
    pub detail: String,
    /// Bytes of the text.
    pub range: Range<usize>,
}

impl SyntaxError {
    fn new(summary: &str, detail: &str, range: Range<usize>) -> Self {
        Self { summary: summary.to_owned(), detail: detail.to_owned(), range }
    }

    pub fn into_problem(self, path: &Utf8Path, text: &str) -> Problem {
        Problem { summary: self.summary, detail: self.detail, place: Place::in_text(path, text, self.range) }
    }
}

impl NativeFile {
    pub fn parse(bytes: &[u8]) -> Self {
        let text: Arc<str> = text_of_same_length(bytes).into();
        let outcome = grammar::check(bytes);
        if !outcome.errors.is_empty() || outcome.is_too_deep {
            return Self { text, body: None, errors: outcome.errors, unread: Vec::new() };
        }
        let mut readable = text.to_string();
        if readable.starts_with('\u{feff}') {
            readable.replace_range(..3, "   ");
        }
        let expressions = outcome.expressions;
        if let Some(body) = parse_like(&readable, &expressions) {
            return Self { text, body: Some(body), errors: Vec::new(), unread: Vec::new() };
        }
        for comment in outcome.comments {
            let blank = " ".repeat(comment.len());
            readable.replace_range(comment, &blank);
        }
        let mut unread = expressions.clone();
        unread.retain(|range| is_unreadable(&readable[range.clone()]));
        for range in &unread {
            readable.replace_range(range.clone(), &format!("{:<width$}", 0, width = range.len()));
        }
        Self { text, body: parse_like(&readable, &expressions), errors: Vec::new(), unread }
    }

    /// Whether the expression at this span was replaced.
    pub fn is_unread(&self, span: &Range<usize>) -> bool {
        self.unread.iter().any(|range| range.start == span.start)
    }

    pub fn place(&self, path: &Utf8Path, span: Option<Range<usize>>) -> Place {
        match span {
            Some(span) => Place::in_text(path, &self.text, span),
            None => Place::file(path),
        }
    }
}

/// Whether an expression has to be replaced. hcl-rs reads over the end of an empty heredoc, up to that of a later one,
/// so that none can be left where the trees differed.
fn is_unreadable(expression: &str) -> bool {
    expression.contains("<<") || hcl::edit::parser::parse_body(&format!("a = {expression}\n")).is_err()
}

/// The tree, if its arguments stand where the engines see them.
fn parse_like(text: &str, expressions: &[Range<usize>]) -> Option<Body> {
    let body = hcl::edit::parser::parse_body(text).ok()?;
    let mut starts = Vec::new();
    collect_starts(&body, &mut starts);
    starts.iter().copied().eq(expressions.iter().map(|range| range.start)).then_some(body)
}

fn collect_starts(body: &Body, starts: &mut Vec<usize>) {
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => starts.extend(attribute.value.span().map(|span| span.start)),
            Structure::Block(block) => collect_starts(&block.body, starts),
        }
    }
}

fn text_of_same_length(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

#[cfg(test)]
mod tests;
