//! Tokens of HCL's native syntax, as the engines cut them.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/scan_tokens.rl`.

use std::ops::Range;

use hcl::edit::Ident;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name; keywords are names too.
    Ident,
    Number,
    /// One line break, or a line comment with its own.
    Newline,
    OpenQuote,
    CloseQuote,
    OpenHeredoc,
    CloseHeredoc,
    /// Literal text between quotes.
    QuotedText,
    /// Literal text of a heredoc.
    HeredocText,
    /// `${` or `${~`.
    Interpolation,
    /// `%{` or `%{~`.
    Directive,
    /// `}` or `~}` that ends one of the two before.
    SequenceEnd,
    OpenBrace,
    CloseBrace,
    /// `==`, `!=`, `>=`, `<=`, `&&`, `||`, and the single `+ / % < >`.
    Operator,
    Minus,
    Bang,
    Star,
    Equal,
    FatArrow,
    Ellipsis,
    DoubleColon,
    Colon,
    Question,
    Comma,
    Dot,
    OpenBracket,
    CloseBracket,
    OpenParenthesis,
    CloseParenthesis,
    /// `&`, `|`, `^`, `~` alone.
    Bitwise,
    Backtick,
    Apostrophe,
    Semicolon,
    /// A line break between quotes.
    QuotedNewline,
    BadUtf8,
    Invalid,
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// Where the scanner is: code, or inside quotes or a heredoc.
enum Mode {
    Code,
    Quoted,
    Heredoc { marker: Range<usize>, at_line_start: bool },
}

struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
    tokens: Vec<Token>,
    comments: Vec<Range<usize>>,
    modes: Vec<Mode>,
    braces: usize,
    /// Brace depths at which `}` ends a template sequence.
    sequence_depths: Vec<usize>,
    /// Whether a `*/` may still follow; else `/*` is two operators.
    has_comment_ends: bool,
    heredocs: Heredocs,
}

/// Heredocs that end elsewhere for hcl-rs, which overlooks a marker in the first line, takes a line that only starts with
/// the marker for the end, and knows no white space but blanks and tabs.
#[derive(Debug, Default)]
pub(super) struct Heredocs {
    /// Without a line, from `<<` to the end of the closing marker.
    pub empty: Vec<Range<usize>>,
    /// The others, by a byte of their first line.
    pub ambiguous: Vec<usize>,
}

/// What the scanner finds.
pub(super) struct Scanned {
    /// The last one is always `End`.
    pub tokens: Vec<Token>,
    /// Without the line break that ends a line comment.
    pub comments: Vec<Range<usize>>,
    pub heredocs: Heredocs,
}

/// Cuts the whole text. Comments and white space yield no tokens, except that a line comment counts as the line break
/// that ends it.
pub(super) fn scan(bytes: &[u8]) -> Scanned {
    let mut scanner = Scanner {
        bytes,
        position: if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 },
        tokens: Vec::new(),
        comments: Vec::new(),
        modes: vec![Mode::Code],
        braces: 0,
        sequence_depths: Vec::new(),
        has_comment_ends: true,
        heredocs: Heredocs::default(),
    };
    while scanner.position < bytes.len() {
        match scanner.modes.last() {
            Some(Mode::Quoted) => scanner.quoted(),
            Some(Mode::Heredoc { .. }) => scanner.heredoc(),
            Some(Mode::Code) | None => scanner.code(),
        }
    }
    scanner.tokens.push(Token { kind: Kind::End, range: bytes.len()..bytes.len() });
    Scanned { tokens: scanner.tokens, comments: scanner.comments, heredocs: scanner.heredocs }
}

impl Scanner<'_> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.position..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let start = self.position;
        self.position += length;
        self.tokens.push(Token { kind, range: start..self.position });
    }

    fn code(&mut self) {
        let rest = self.rest();
        let pair: &[u8] = &rest[..rest.len().min(2)];
        match pair {
            [b' ' | b'\t', ..] => self.position += 1,
            b"\r\n" => self.push(Kind::Newline, 2),
            [b'\n', ..] => self.push(Kind::Newline, 1),
            [b'#', ..] | b"//" => self.line_comment(),
            b"/*" if self.has_comment_ends => self.block_comment(),
            [b'0'..=b'9', ..] => {
                let length = number_length(rest);
                self.push(Kind::Number, length);
            }
            b"==" | b"!=" | b">=" | b"<=" | b"&&" | b"||" => self.push(Kind::Operator, 2),
            b"=>" => self.push(Kind::FatArrow, 2),
            b"::" => self.push(Kind::DoubleColon, 2),
            b"<<" => self.heredoc_start(),
            b"~}" => self.close_brace(2),
            [b'.', ..] if rest.starts_with(b"...") => self.push(Kind::Ellipsis, 3),
            [b'"', ..] => {
                self.push(Kind::OpenQuote, 1);
                self.modes.push(Mode::Quoted);
            }
            [b'{', ..] => {
                self.push(Kind::OpenBrace, 1);
                self.braces += 1;
            }
            [b'}', ..] => self.close_brace(1),
            [first, ..] => match symbol(*first) {
                Some(kind) => self.push(kind, 1),
                None => self.name_or_invalid(),
            },
            [] => {}
        }
    }

    fn block_comment(&mut self) {
        match self.rest()[2..].windows(2).position(|pair| pair == b"*/") {
            Some(end) => {
                let start = self.position;
                self.position += end + 4;
                self.comments.push(start..self.position);
            }
            None => self.has_comment_ends = false,
        }
    }

    fn line_comment(&mut self) {
        let start = self.position;
        if let Some(end) = self.rest().iter().position(|byte| *byte == b'\n') {
            self.push(Kind::Newline, end + 1);
            self.comments.push(start..start + end);
        } else {
            self.position = self.bytes.len();
            self.comments.push(start..self.position);
        }
    }

    fn name_or_invalid(&mut self) {
        let rest = self.rest();
        match (name_length(rest), character_length(rest)) {
            (0, Some(length)) => self.push(Kind::Invalid, length),
            (0, None) => self.push(Kind::BadUtf8, 1),
            (length, _) => self.push(Kind::Ident, length),
        }
    }

    fn heredoc_start(&mut self) {
        let rest = self.rest();
        let name_start = if rest.get(2) == Some(&b'-') { 3 } else { 2 };
        let name_end = name_start + name_length(&rest[name_start..]);
        let line_break = match rest[name_end..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        if name_end == name_start || line_break == 0 {
            return self.push(Kind::Operator, 1);
        }
        let marker = self.position + name_start..self.position + name_end;
        self.push(Kind::OpenHeredoc, name_end + line_break);
        self.modes.push(Mode::Heredoc { marker, at_line_start: true });
    }

    fn close_brace(&mut self, length: usize) {
        let is_sequence_end = self.sequence_depths.last() == Some(&self.braces);
        let kind = if is_sequence_end || length == 2 { Kind::SequenceEnd } else { Kind::CloseBrace };
        self.push(kind, length);
        self.braces = self.braces.saturating_sub(1);
        if is_sequence_end {
            self.sequence_depths.pop();
            self.modes.pop();
        }
    }

    /// Starts an interpolation or a directive where the text has one here.
    fn sequence_start(&mut self) -> bool {
        let kind = match self.rest() {
            [b'$', b'{', ..] => Kind::Interpolation,
            [b'%', b'{', ..] => Kind::Directive,
            _ => return false,
        };
        let length = if self.rest().get(2) == Some(&b'~') { 3 } else { 2 };
        self.push(kind, length);
        self.braces += 1;
        self.sequence_depths.push(self.braces);
        if let Some(Mode::Heredoc { at_line_start, .. }) = self.modes.last_mut() {
            *at_line_start = false;
        }
        self.modes.push(Mode::Code);
        true
    }

    fn quoted(&mut self) {
        if self.sequence_start() {
            return;
        }
        let rest = self.rest();
        match rest.first() {
            Some(b'"') => {
                self.push(Kind::CloseQuote, 1);
                self.modes.pop();
            }
            Some(b'\r' | b'\n') => {
                let length = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                self.push(Kind::QuotedNewline, length);
            }
            _ => match quoted_text_length(rest) {
                0 => match character_length(rest) {
                    Some(length) => self.push(Kind::Invalid, length),
                    None => self.push(Kind::BadUtf8, 1),
                },
                length => self.push(Kind::QuotedText, length),
            },
        }
    }

    fn heredoc(&mut self) {
        if self.sequence_start() {
            return;
        }
        let Some(Mode::Heredoc { marker, at_line_start }) = self.modes.last() else { return };
        let (marker, at_line_start) = (marker.clone(), *at_line_start);
        let bytes = self.bytes;
        let rest = &bytes[self.position..];
        let (length, ends_line) = heredoc_text_length(rest);
        let (line, name) = (&rest[..length], &bytes[marker.clone()]);
        let is_end = ends_line && at_line_start && is_marker(line, name);
        let is_plain = starts_like_marker(line, name);
        if at_line_start && is_end != is_plain {
            self.heredocs.ambiguous.push(marker.start);
        }
        if is_end {
            let line_break = if line.ends_with(b"\r\n") { 2 } else { 1 };
            if let (Some(Token { kind: Kind::OpenHeredoc, range }), true) = (self.tokens.last(), is_plain) {
                self.heredocs.empty.push(range.start..self.position + length - line_break);
            }
            self.push(Kind::CloseHeredoc, length - line_break);
            self.push(Kind::Newline, line_break);
            self.modes.pop();
            return;
        }
        if length == 0 {
            return match character_length(rest) {
                Some(_) => self.push(Kind::Invalid, rest.len()),
                None => self.push(Kind::BadUtf8, 1),
            };
        }
        self.push(Kind::HeredocText, length);
        if let Some(Mode::Heredoc { at_line_start, .. }) = self.modes.last_mut() {
            *at_line_start = ends_line;
        }
    }
}

fn symbol(byte: u8) -> Option<Kind> {
    Some(match byte {
        b'[' => Kind::OpenBracket,
        b']' => Kind::CloseBracket,
        b'(' => Kind::OpenParenthesis,
        b')' => Kind::CloseParenthesis,
        b'.' => Kind::Dot,
        b',' => Kind::Comma,
        b'*' => Kind::Star,
        b'-' => Kind::Minus,
        b'!' => Kind::Bang,
        b'=' => Kind::Equal,
        b'?' => Kind::Question,
        b':' => Kind::Colon,
        b'/' | b'%' | b'+' | b'<' | b'>' => Kind::Operator,
        b'&' | b'|' | b'^' | b'~' => Kind::Bitwise,
        b'`' => Kind::Backtick,
        b'\'' => Kind::Apostrophe,
        b';' => Kind::Semicolon,
        _ => return None,
    })
}

fn is_marker(line: &[u8], marker: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|line| line.trim().as_bytes() == marker)
}

/// Whether hcl-rs takes the line for a heredoc's last.
fn starts_like_marker(line: &[u8], marker: &[u8]) -> bool {
    let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let after = line[blanks..].strip_prefix(marker);
    after.is_some_and(|after| !after.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)))
}

/// A digit, then digits, dots and exponents, not ending in a dot.
fn number_length(bytes: &[u8]) -> usize {
    let mut length = 1;
    loop {
        length += match bytes.get(length..) {
            Some([b'0'..=b'9' | b'.', ..]) => 1,
            Some([b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..]) => 3,
            Some([b'e' | b'E', b'0'..=b'9', ..]) => 2,
            _ => break,
        };
    }
    while bytes[length - 1] == b'.' {
        length -= 1;
    }
    length
}

fn name_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    loop {
        length += match bytes.get(length) {
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => 1,
            Some(b'0'..=b'9' | b'-') if length > 0 => 1,
            Some(byte) if !byte.is_ascii() => match foreign_letter_length(&bytes[length..], length == 0) {
                Some(width) => width,
                None => return length,
            },
            _ => return length,
        };
    }
}

/// The length of a letter beyond ASCII that may stand at the start of a name, or later in it.
fn foreign_letter_length(bytes: &[u8], is_first: bool) -> Option<usize> {
    let letter = first_character(bytes)?;
    let name = if is_first { letter.to_string() } else { format!("a{letter}") };
    Ident::try_new(name).is_ok().then(|| letter.len_utf8())
}

fn first_character(bytes: &[u8]) -> Option<char> {
    let bytes = &bytes[..bytes.len().min(4)];
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
    };
    text.chars().next()
}

/// The length of the UTF-8 character that starts here.
fn character_length(bytes: &[u8]) -> Option<usize> {
    first_character(bytes).map(char::len_utf8)
}

/// The length of `$`, `%` and their escapes `$${`, `%%{` here; null where a sequence starts.
fn marker_length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'$', b'$', b'{', ..] | [b'%', b'%', b'{', ..] => Some(3),
        [b'$' | b'%', b'{', ..] => None,
        _ => Some(1),
    }
}

fn quoted_text_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(first) = bytes.get(length) {
        length += match first {
            b'"' | b'\r' | b'\n' => break,
            b'$' | b'%' => match marker_length(&bytes[length..]) {
                Some(width) => width,
                None => break,
            },
            b'\\' => match bytes.get(length + 1..).map(|rest| (rest.first(), character_length(rest))) {
                Some((Some(b'\r' | b'\n') | None, _) | (_, None)) | None => break,
                Some((_, Some(width))) => width + 1,
            },
            _ => match character_length(&bytes[length..]) {
                Some(width) => width,
                None => break,
            },
        };
    }
    length
}

/// The length of literal text up to a sequence or through the end of the line, and whether it ends the line.
fn heredoc_text_length(bytes: &[u8]) -> (usize, bool) {
    let mut length = 0;
    while let Some(first) = bytes.get(length) {
        length += match first {
            b'\n' => return (length + 1, true),
            b'\r' if bytes.get(length + 1) == Some(&b'\n') => return (length + 2, true),
            b'\r' => break,
            b'$' | b'%' => match marker_length(&bytes[length..]) {
                Some(width) => width,
                None => break,
            },
            _ => match character_length(&bytes[length..]) {
                Some(width) => width,
                None => break,
            },
        };
    }
    (length, false)
}
