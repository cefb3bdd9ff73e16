//! Tokens of HCL's native syntax, as far as they tell blocks, arguments and expressions apart.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/scan_tokens.rl`.

use std::ops::Range;

use hcl::edit::Ident;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name; keywords are names too.
    Ident,
    /// One line break, or a line comment with its own.
    Newline,
    OpenQuote,
    CloseQuote,
    /// Literal text between quotes or of a heredoc.
    Text,
    OpenHeredoc,
    CloseHeredoc,
    /// `${` or `%{`.
    Sequence,
    /// `}` or `~}` that ends a sequence.
    SequenceEnd,
    OpenBrace,
    CloseBrace,
    /// `[` or `(`.
    OpenBracket,
    /// `]` or `)`.
    CloseBracket,
    Equal,
    Colon,
    Comma,
    Dot,
    /// Numbers and operators.
    Other,
    /// What no text may hold there.
    Wrong,
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
}

/// Cuts the whole text into tokens, the last of them `End`, and comments without the line break that ends them. Comments
/// and white space yield no tokens, except that a line comment counts as the line break that ends it.
pub(super) fn scan(bytes: &[u8]) -> (Vec<Token>, Vec<Range<usize>>) {
    let mut scanner = Scanner {
        bytes,
        position: if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 },
        tokens: Vec::new(),
        comments: Vec::new(),
        modes: vec![Mode::Code],
        braces: 0,
        sequence_depths: Vec::new(),
        has_comment_ends: true,
    };
    while scanner.position < bytes.len() {
        match scanner.modes.last() {
            Some(Mode::Quoted) => scanner.quoted(),
            Some(Mode::Heredoc { .. }) => scanner.heredoc(),
            Some(Mode::Code) | None => scanner.code(),
        }
    }
    scanner.tokens.push(Token { kind: Kind::End, range: bytes.len()..bytes.len() });
    (scanner.tokens, scanner.comments)
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
                let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'.';
                let length = rest.iter().take_while(is_part).count();
                self.push(Kind::Other, length);
            }
            b"==" | b"!=" | b">=" | b"<=" | b"&&" | b"||" | b"=>" | b"::" => self.push(Kind::Other, 2),
            b"<<" => self.heredoc_start(),
            b"~}" => self.close_brace(2),
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
                None => match name_length(rest) {
                    0 => self.wrong(),
                    length => self.push(Kind::Ident, length),
                },
            },
            [] => {}
        }
    }

    fn wrong(&mut self) {
        let length = first_character(self.rest()).map_or(1, char::len_utf8);
        self.push(Kind::Wrong, length);
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
            return self.push(Kind::Other, 1);
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

    /// Starts an interpolation or a directive if the text has one here.
    fn sequence_start(&mut self) -> bool {
        if !matches!(self.rest(), [b'$' | b'%', b'{', ..]) {
            return false;
        }
        let length = if self.rest().get(2) == Some(&b'~') { 3 } else { 2 };
        self.push(Kind::Sequence, length);
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
            _ => match quoted_text_length(rest) {
                0 => self.wrong(),
                length => self.push(Kind::Text, length),
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
        let line = &rest[..length];
        if ends_line && at_line_start && is_marker(line, &bytes[marker]) {
            let line_break = if line.ends_with(b"\r\n") { 2 } else { 1 };
            self.push(Kind::CloseHeredoc, length - line_break);
            self.push(Kind::Newline, line_break);
            self.modes.pop();
            return;
        }
        if length == 0 {
            return self.wrong();
        }
        self.push(Kind::Text, length);
        if let Some(Mode::Heredoc { at_line_start, .. }) = self.modes.last_mut() {
            *at_line_start = ends_line;
        }
    }
}

/// White space around it is that of Unicode.
fn is_marker(line: &[u8], marker: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|line| line.trim().as_bytes() == marker)
}

fn symbol(byte: u8) -> Option<Kind> {
    Some(match byte {
        b'[' | b'(' => Kind::OpenBracket,
        b']' | b')' => Kind::CloseBracket,
        b'.' => Kind::Dot,
        b',' => Kind::Comma,
        b'=' => Kind::Equal,
        b':' => Kind::Colon,
        b'*' | b'-' | b'!' | b'?' | b'/' | b'%' | b'+' | b'<' | b'>' => Kind::Other,
        _ => return None,
    })
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

/// The length of `$`, `%` and their escapes `$${`, `%%{` here; null if a sequence starts.
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
            b'\\' => match bytes.get(length + 1..).map(|rest| (rest.first(), first_character(rest))) {
                Some((Some(b'\r' | b'\n') | None, _) | (_, None)) | None => break,
                Some((_, Some(escaped))) => escaped.len_utf8() + 1,
            },
            _ => match first_character(&bytes[length..]) {
                Some(character) => character.len_utf8(),
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
            b'$' | b'%' => match marker_length(&bytes[length..]) {
                Some(width) => width,
                None => break,
            },
            _ => match first_character(&bytes[length..]) {
                Some(character) => character.len_utf8(),
                None => break,
            },
        };
    }
    (length, false)
}
