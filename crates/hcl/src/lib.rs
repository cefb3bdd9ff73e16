//! HCL's native syntax: whether the engines accept a text, and the text as a tree with byte spans.
//!
//! Two parsers share the work. [`grammar`] follows the engines' own and decides what is a syntax error, because hcl-rs
//! is kinder in places (a line break between quotes, `a.0.1`) and stricter in others (a line break before `?`). The
//! tree is hcl-rs's; where it refuses an expression that the engines accept, a constant of the same length stands in
//! for it, so that the block structure is never lost.
//!
//! [`constant`] evaluates what needs no variables; [`schema`] says what may stand in a body.

pub mod constant;
mod grammar;
mod place;
mod problem;
mod scanner;
pub mod schema;

pub use place::{Place, Position, Sources};
pub use problem::Problem;

use std::ops::Range;
use std::sync::Arc;

use camino::Utf8Path;
use hcl::edit::expr::Expression;
use hcl::edit::structure::Body;
use hcl::edit::template::Template;

/// One text in native syntax.
#[derive(Clone, Debug)]
pub struct NativeFile {
    /// The text; a byte that is not UTF-8 became `?`, so that offsets stay.
    pub text: Arc<str>,
    /// Null where the text has errors or is not understood. An argument that stands there for the second time
    /// and a block that is not closed are errors that leave it readable.
    pub body: Option<Body>,
    pub errors: Vec<SyntaxError>,
    /// Expressions that stand as a constant in `body`, by byte range.
    pub unread: Vec<Range<usize>>,
    /// Where an object starts, and where a key of its stands for the second time: the tree holds no such expression.
    repeated_keys: Vec<(usize, usize)>,
    /// The first `::` in the name of a function, which not every engine reads.
    pub scoped_call: Option<usize>,
    /// Where each line starts: places are asked for by the thousand.
    line_starts: Vec<usize>,
}

/// One expression that stands somewhere else, such as in JSON; null for a text that the engines or hcl-rs refuse.
///
/// The grammar looks first: on a text that is none, hcl-rs may take time that doubles with every bracket.
pub fn expression(text: &str) -> Option<Expression> {
    let body = parse_where_sound(&format!("a = {text}\n"))?;
    Some(body.get_attribute("a")?.value.clone())
}

/// The same for the text of a template.
pub fn template(text: &str) -> Option<Template> {
    let heredoc = format!("a = <<END_OF_TEMPLATE\n{text}\nEND_OF_TEMPLATE\n");
    let outcome = grammar::check(heredoc.as_bytes());
    if outcome.is_sound() { hcl::edit::parser::parse_template(text).ok() } else { None }
}

fn parse_where_sound(text: &str) -> Option<Body> {
    if grammar::check(text.as_bytes()).is_sound() { hcl::edit::parser::parse_body(text).ok() } else { None }
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
}

impl NativeFile {
    pub fn parse(bytes: &[u8]) -> Self {
        let text: Arc<str> = text_of_same_length(bytes).into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let outcome = grammar::check(bytes);
        let (recovered, passed_over): (Vec<_>, Vec<_>) = outcome.recovered.into_iter().unzip();
        if !outcome.errors.is_empty() || outcome.is_too_deep {
            return Self {
                text,
                body: None,
                errors: [recovered, outcome.errors].concat(),
                unread: Vec::new(),
                repeated_keys: Vec::new(),
                scoped_call: None,
                line_starts,
            };
        }
        let (repeated_keys, scoped_call) = (outcome.repeated_keys, outcome.scoped_call);
        let mut readable = text.to_string();
        if readable.starts_with('\u{feff}') {
            readable.replace_range(..3, "   ");
        }
        for heredoc in outcome.heredocs.empty {
            stand_in(&mut readable, &heredoc, "\"\"");
        }
        for range in &passed_over {
            stand_in(&mut readable, range, "");
        }
        let is_left = |range: &Range<usize>| !passed_over.iter().any(|gone| gone.contains(&range.start));
        let (mut unread, mut others): (Vec<_>, Vec<_>) = outcome
            .expressions
            .into_iter()
            .filter(is_left)
            .partition(|range| outcome.heredocs.ambiguous.iter().any(|start| range.contains(start)));
        for range in &unread {
            stand_in(&mut readable, range, "0");
        }
        readable.push_str(&"\n}".repeat(outcome.unclosed));
        if let Ok(body) = hcl::edit::parser::parse_body(&readable) {
            return Self { text, body: Some(body), errors: recovered, unread, repeated_keys, scoped_call, line_starts };
        }
        for comment in outcome.comments {
            stand_in(&mut readable, &comment, "");
        }
        others.retain(|range| hcl::edit::parser::parse_body(&format!("a = {}\n", &readable[range.clone()])).is_err());
        for range in &others {
            stand_in(&mut readable, range, "0");
        }
        unread.append(&mut others);
        let body = hcl::edit::parser::parse_body(&readable).ok();
        Self { text, body, errors: recovered, unread, repeated_keys, scoped_call, line_starts }
    }

    /// Whether the expression at this span was replaced.
    pub fn is_unread(&self, span: &Range<usize>) -> bool {
        self.unread.iter().any(|range| range.start == span.start)
    }

    /// Where a key of an object stands for the second time in an expression that was replaced.
    pub fn repeated_key(&self, span: &Range<usize>) -> Option<usize> {
        let range = self.unread.iter().find(|range| range.start == span.start)?;
        self.repeated_keys.iter().find(|(object, _)| range.contains(object)).map(|(_, key)| *key)
    }

    /// A part of the file, or the file itself.
    pub fn place(&self, path: &Utf8Path, range: Option<Range<usize>>) -> Place {
        let Some(range) = range else { return Place::file(path) };
        let line = self.line_starts.partition_point(|start| *start <= range.start);
        let line_start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.text.get(line_start..range.start).map_or(1, |before| before.chars().count() + 1);
        let position = Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            start: range.start,
            end: range.end,
        };
        Place { position: Some(position), ..Place::file(path) }
    }

    /// What is wrong with the file, at its place.
    pub fn problem(&self, path: &Utf8Path, error: SyntaxError) -> Problem {
        Problem { summary: error.summary, detail: error.detail, place: self.place(path, Some(error.range)) }
    }
}

/// Puts something else of the same length there.
fn stand_in(text: &mut String, range: &Range<usize>, replacement: &str) {
    text.replace_range(range.clone(), &format!("{replacement:<width$}", width = range.len()));
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
