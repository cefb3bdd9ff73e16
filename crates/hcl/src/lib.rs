//! HCL's native syntax: the blocks and arguments of a text, each with its place, and the values of constants.
//!
//! The block structure is read here, by the engines' own rules for tokens, so that one expression that hcl-rs cannot read
//! never hides the rest of a file. hcl-rs reads the expressions that somebody asks for.
//!
//! - [`structure`]: bodies, arguments and blocks
//! - [`constant`]: values that need no variables
//! - [`evaluation`]: values that need some

pub mod constant;
pub mod evaluation;
mod place;
mod problem;
mod scanner;
pub mod structure;

pub use place::{Place, Position, Sources};
pub use problem::{Problem, ProblemKind};

use std::ops::Range;
use std::sync::Arc;

use camino::Utf8Path;
use hcl::edit::expr::Expression as HclExpression;

use scanner::{Kind, Token};
use structure::{Body, Expression};

/// How deep brackets may nest in a text that hcl-rs is given: it takes longer with every level.
const MAXIMUM_NESTING: usize = 20;

/// One text in native syntax.
#[derive(Clone, Debug)]
pub struct NativeFile {
    /// The text; a byte that is not UTF-8 became `?`, so that offsets stay.
    pub text: Arc<str>,
    pub body: Body,
    pub errors: Vec<SyntaxError>,
    tokens: Vec<Token>,
    comments: Vec<Range<usize>>,
    /// Where each line starts: places are asked for by the thousand.
    line_starts: Vec<usize>,
    /// How many characters there are before each block of [`CHARACTER_BLOCK`] bytes.
    characters: Vec<usize>,
}

/// Something that the engines do not accept either, or that is not read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub kind: SyntaxErrorKind,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// In the order of what they explain: a lost quote makes everything behind it wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SyntaxErrorKind {
    /// A byte order mark of UTF-16.
    Utf16,
    /// A line that `git` leaves behind in a merge.
    MergeMarker,
    /// A byte that is not UTF-8.
    Encoding,
    /// A character that no text may hold there.
    Character,
    /// Neither an argument nor a block.
    Unexpected,
    /// A block without its closing brace.
    Unclosed,
    /// More than a hundred blocks in each other.
    TooDeep,
}

/// One expression that stands somewhere else, such as in JSON; null for a text that is none, or is nested deeply.
pub fn expression(text: &str) -> Option<HclExpression> {
    let (tokens, _) = scanner::scan(text.as_bytes());
    if is_flat(&tokens) { text.trim().parse().ok() } else { None }
}

/// The names of a reference such as `module.a[0].aws_instance.b`, without its keys; null for anything else.
pub fn names(text: &str) -> Option<Vec<&str>> {
    let (tokens, _) = scanner::scan(text.as_bytes());
    structure::names(&tokens)?.into_iter().map(|range| text.get(range)).collect()
}

/// Whether hcl-rs reads it quickly, and as the engines do: it ends heredocs elsewhere.
fn is_flat(tokens: &[Token]) -> bool {
    let mut depth = 0_usize;
    tokens.iter().all(|token| {
        match token.kind {
            Kind::OpenBrace | Kind::OpenBracket | Kind::Sequence => depth += 1,
            Kind::CloseBrace | Kind::CloseBracket | Kind::SequenceEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth <= MAXIMUM_NESTING && !matches!(token.kind, Kind::OpenHeredoc | Kind::Wrong)
    })
}

const CHARACTER_BLOCK: usize = 4096;

/// In UTF-8.
const fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

impl NativeFile {
    pub fn parse(bytes: &[u8]) -> Self {
        let text: Arc<str> = text_of_same_length(bytes).into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (tokens, comments) = scanner::scan(bytes);
        let (body, mut errors) = structure::read(&tokens);
        let is_text = |error: &SyntaxError| std::str::from_utf8(&bytes[error.range.clone()]).is_ok();
        for error in errors.iter_mut().filter(|error| error.kind == SyntaxErrorKind::Character && !is_text(error)) {
            error.kind = SyntaxErrorKind::Encoding;
        }
        if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            errors = vec![SyntaxError { kind: SyntaxErrorKind::Utf16, range: 0..0 }];
        } else if !errors.is_empty() {
            errors.extend(merge_marker(&text));
            errors.sort_by_key(|error| (error.kind, error.range.start));
        }
        let mut characters = vec![0];
        for block in text.as_bytes().chunks(CHARACTER_BLOCK) {
            let before = characters.last().copied().unwrap_or_default();
            characters.push(before + block.iter().filter(|byte| starts_character(**byte)).count());
        }
        Self { text, body, errors, tokens, comments, line_starts, characters }
    }

    /// The whole text as hcl-rs reads it, with the same offsets; null if it cannot be read.
    pub fn hcl_body(&self) -> Option<hcl::edit::structure::Body> {
        if !self.errors.is_empty() || !is_flat(&self.tokens) {
            return None;
        }
        let mut readable = self.text.to_string();
        if readable.starts_with('\u{feff}') {
            readable.replace_range(..3, "   ");
        }
        for comment in &self.comments {
            readable.replace_range(comment.clone(), &" ".repeat(comment.len()));
        }
        hcl::edit::parser::parse_body(&readable).ok()
    }

    /// Where hcl-rs stops reading the text.
    pub fn hcl_error(&self) -> Range<usize> {
        let error = hcl::edit::parser::parse_body(&self.text).err();
        let at = error.map_or(0, |error| error.location().offset()).min(self.text.len());
        at..at
    }

    /// An expression as hcl-rs reads it; null if it cannot be read.
    pub fn expression(&self, expression: &Expression) -> Option<HclExpression> {
        self.expression_text(expression)?.parse().ok()
    }

    /// The text of an expression, without comments; null if hcl-rs cannot read it.
    pub fn expression_text(&self, expression: &Expression) -> Option<String> {
        if !is_flat(&self.tokens[expression.tokens.clone()]) {
            return None;
        }
        let mut readable = self.text.get(expression.range.clone())?.to_owned();
        let start = expression.range.start;
        let first = self.comments.partition_point(|comment| comment.start < start);
        for comment in self.comments[first..].iter().take_while(|comment| expression.range.contains(&comment.start)) {
            let inner = comment.start - start..(comment.end - start).min(readable.len());
            readable.replace_range(inner.clone(), &" ".repeat(inner.len()));
        }
        Some(readable)
    }

    /// The keys and values of an object that is written out; null for anything else. A key may stand there twice.
    pub fn items(&self, object: &Expression) -> Option<Vec<(Expression, Expression)>> {
        structure::items(&self.tokens, object)
    }

    /// A part of the file, or the file itself.
    pub fn place(&self, path: &Utf8Path, range: Option<Range<usize>>) -> Place {
        let Some(range) = range else { return Place::file(path) };
        let line = self.line_starts.partition_point(|start| *start <= range.start);
        let line_start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.characters_before(range.start).saturating_sub(self.characters_before(line_start)) + 1;
        let position = Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            start: range.start,
            end: range.end,
        };
        Place { position: Some(position), ..Place::file(path) }
    }

    /// A file may be one line, with something to say at thousands of places.
    fn characters_before(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        let block = offset / CHARACTER_BLOCK;
        let bytes = &self.text.as_bytes()[block * CHARACTER_BLOCK..offset];
        self.characters[block] + bytes.iter().filter(|byte| starts_character(**byte)).count()
    }

    /// What is wrong with the text, at its place: one problem for the file.
    pub fn problem(&self, path: &Utf8Path) -> Option<Problem> {
        let SyntaxError { kind, range } = self.errors.first()?;
        let (summary, detail) = match kind {
            SyntaxErrorKind::Utf16 => {
                let detail = format!("The engines read UTF-8 only. Convert it: iconv -f UTF-16 -t UTF-8 {path}");
                return Some(Problem::new(ProblemKind::Utf16, "The file is UTF-16", detail, Place::file(path)));
            }
            SyntaxErrorKind::MergeMarker => ("Merge conflict", "A line of an unfinished `git merge` is here."),
            SyntaxErrorKind::Encoding => ("Invalid character encoding", "The engines read UTF-8 only."),
            SyntaxErrorKind::Character => ("Invalid character", "No text in HCL has this character here."),
            SyntaxErrorKind::Unexpected => {
                ("Argument or block definition required", "An argument, a block or the end of one is expected here.")
            }
            SyntaxErrorKind::Unclosed => ("Unclosed configuration block", "This block has no closing brace."),
            SyntaxErrorKind::TooDeep => ("Nested too deeply", "airtight reads at most 100 blocks in each other."),
        };
        let kind = if *kind == SyntaxErrorKind::TooDeep { ProblemKind::Limit } else { ProblemKind::Syntax };
        Some(Problem::new(kind, summary, detail, self.place(path, Some(range.clone()))))
    }
}

fn merge_marker(text: &str) -> Option<SyntaxError> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            return Some(SyntaxError { kind: SyntaxErrorKind::MergeMarker, range: start..start + 7 });
        }
        start += line.len();
    }
    None
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
