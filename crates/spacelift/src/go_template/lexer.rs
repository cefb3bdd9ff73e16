//! A template's text into tokens, with the trimming of white space.

use super::{Stage, TemplateError, format};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Assign,
    Bool,
    /// A printable character that means nothing here, or a comma.
    Char,
    CharConstant,
    Declare,
    Dot,
    End,
    /// `.Name`
    Field,
    Identifier,
    Keyword,
    LeftDelimiter,
    LeftParenthesis,
    Nil,
    Number,
    Pipe,
    RawText,
    RightDelimiter,
    RightParenthesis,
    Space,
    /// In double quotes.
    QuotedText,
    Text,
    /// `$` or `$name`
    Variable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: usize,
}

const KEYWORDS: [&str; 9] = ["block", "break", "continue", "define", "else", "end", "if", "range", "template"];

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// The tokens, the last of which is [`Kind::End`].
///
/// # Errors
/// The first thing that is no token. Go reports it only where its parser has taken all tokens before, so they are
/// returned beside it.
pub(super) fn tokens(text: &str) -> (Vec<Token<'_>>, Option<TemplateError>) {
    let mut lexer = Lexer { text, position: 0, line: 1, tokens: Vec::new() };
    let error = lexer.run().err();
    (lexer.tokens, error)
}

struct Lexer<'a> {
    text: &'a str,
    position: usize,
    /// Of the position.
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::new(Stage::Parse, self.line, message))
    }

    /// Goes on by some bytes without a token.
    fn skip(&mut self, length: usize) {
        self.line += self.rest()[..length].matches('\n').count();
        self.position += length;
    }

    /// A token of the next bytes.
    fn emit(&mut self, kind: Kind, length: usize) {
        let text = &self.rest()[..length];
        self.tokens.push(Token { kind, text, line: self.line });
        self.skip(length);
    }

    fn run(&mut self) -> Result<(), TemplateError> {
        loop {
            let Some(length) = self.rest().find("{{") else {
                let length = self.rest().len();
                if length > 0 {
                    self.emit(Kind::Text, length);
                }
                self.emit(Kind::End, 0);
                return Ok(());
            };
            let before = &self.rest()[..length];
            let is_trimmed = has_left_trim(&self.rest()[length + 2..]);
            let kept = if is_trimmed { before.trim_end_matches(SPACES).len() } else { length };
            if kept > 0 {
                self.emit(Kind::Text, kept);
            }
            self.skip(length - kept);
            let marker = if is_trimmed { 2 } else { 0 };
            if self.rest()[2 + marker..].starts_with("/*") {
                self.skip(2 + marker);
                self.comment()?;
                continue;
            }
            self.emit(Kind::LeftDelimiter, 2);
            self.skip(marker);
            self.action()?;
        }
    }

    fn comment(&mut self) -> Result<(), TemplateError> {
        let Some(length) = self.rest()[2..].find("*/") else { return self.error("unclosed comment") };
        let line = self.line;
        self.skip(length + 4);
        if self.right_delimiter().is_none() {
            return Err(TemplateError::new(Stage::Parse, line, "comment ends before closing delimiter"));
        }
        self.close(None);
        Ok(())
    }

    /// Whether the text goes on with a right delimiter, and whether that trims.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        if rest.starts_with("}}") {
            return Some(false);
        }
        let trimmed = rest.starts_with(SPACES) && rest[1..].starts_with("-}}");
        trimmed.then_some(true)
    }

    /// Passes the right delimiter, and the white space that it trims.
    fn close(&mut self, kind: Option<Kind>) {
        let trims = self.right_delimiter() == Some(true);
        self.skip(if trims { 2 } else { 0 });
        match kind {
            Some(kind) => self.emit(kind, 2),
            None => self.skip(2),
        }
        if trims {
            self.skip(self.rest().len() - self.rest().trim_start_matches(SPACES).len());
        }
    }

    fn action(&mut self) -> Result<(), TemplateError> {
        let mut depth = 0_u32;
        loop {
            if self.right_delimiter().is_some() {
                if depth > 0 {
                    return self.error("unclosed left paren");
                }
                self.close(Some(Kind::RightDelimiter));
                return Ok(());
            }
            let Some(character) = self.peek() else { return self.error("unclosed action") };
            let rest = self.rest();
            match character {
                ' ' | '\t' | '\r' | '\n' => self.space(),
                '=' => self.emit(Kind::Assign, 1),
                ':' if rest.starts_with(":=") => self.emit(Kind::Declare, 2),
                ':' => return self.error("expected :="),
                '|' => self.emit(Kind::Pipe, 1),
                '"' => self.quoted('"', Kind::QuotedText, "unterminated quoted string")?,
                '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant")?,
                '`' => match rest[1..].find('`') {
                    Some(length) => self.emit(Kind::RawText, length + 2),
                    None => return self.error("unterminated raw quoted string"),
                },
                '$' => self.word(Kind::Variable, 1)?,
                '.' if !rest[1..].starts_with(|next: char| next.is_ascii_digit()) => self.word(Kind::Field, 1)?,
                '.' | '+' | '-' | '0'..='9' => self.number()?,
                _ if is_alphanumeric(character) => self.word(Kind::Identifier, 0)?,
                '(' => {
                    depth += 1;
                    self.emit(Kind::LeftParenthesis, 1);
                }
                ')' if depth == 0 => return self.error("unexpected right paren"),
                ')' => {
                    depth -= 1;
                    self.emit(Kind::RightParenthesis, 1);
                }
                ' '..='~' => self.emit(Kind::Char, 1),
                other => return self.error(format!("unrecognized character in action: {}", code_point(other))),
            }
        }
    }

    /// A run of spaces, without the one that belongs to a trimming delimiter.
    fn space(&mut self) {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(SPACES).len();
        let is_marker = rest[length..].starts_with("-}}");
        // A single space before the marker is no token; the caller sees the delimiter first.
        self.emit(Kind::Space, if is_marker { length - 1 } else { length });
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Result<(), TemplateError> {
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' if matches!(characters.next(), None | Some((_, '\n'))) => break,
                '\n' => break,
                _ if character == quote => {
                    self.emit(kind, index + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.error(unterminated)
    }

    /// A word after some bytes of sigil: a variable, a field, a keyword, a function.
    fn word(&mut self, kind: Kind, sigil: usize) -> Result<(), TemplateError> {
        let rest = self.rest();
        let name = &rest[sigil..];
        let name = &name[..name.find(|next| !is_alphanumeric(next)).unwrap_or(name.len())];
        let length = sigil + name.len();
        let is_terminated = match rest[length..].chars().next() {
            None => true,
            Some(next) => SPACES.contains(&next) || ".,|:)(".contains(next) || rest[length..].starts_with("}}"),
        };
        if !is_terminated {
            let next = rest[length..].chars().next().unwrap_or_default();
            return self.error(format!("bad character {}", code_point(next)));
        }
        let kind = match (kind, name) {
            (Kind::Field, "") => Kind::Dot,
            (Kind::Identifier, "true" | "false") => Kind::Bool,
            (Kind::Identifier, "nil") => Kind::Nil,
            (Kind::Identifier, "with") => Kind::Keyword,
            (Kind::Identifier, name) if KEYWORDS.contains(&name) => Kind::Keyword,
            (kind, _) => kind,
        };
        self.emit(kind, length);
        Ok(())
    }

    fn number(&mut self) -> Result<(), TemplateError> {
        let rest = self.rest();
        let length = number_length(rest);
        if rest[length..].starts_with(is_alphanumeric) {
            let next = rest[length..].chars().next().map_or(0, char::len_utf8);
            return self.error(format!("bad number syntax: {:?}", &rest[..length + next]));
        }
        if rest[length..].starts_with(['+', '-']) {
            let whole = &rest[..length + number_length(&rest[length..])];
            if whole.ends_with('i') {
                let message = format!("the complex number {whole} is not rendered here");
                return Err(TemplateError::new(Stage::Unsupported, self.line, message));
            }
            return self.error(format!("bad number syntax: {whole:?}"));
        }
        self.emit(Kind::Number, length);
        Ok(())
    }
}

/// As far as it looks like a number; the parser knows better.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let run = |mut at: usize, digits: fn(&u8) -> bool| {
        while bytes.get(at).is_some_and(|byte| digits(byte) || *byte == b'_') {
            at += 1;
        }
        at
    };
    let one = |at: usize, of: &[u8]| at + usize::from(bytes.get(at).is_some_and(|byte| of.contains(byte)));
    let mut at = one(0, b"+-");
    let mut digits: fn(&u8) -> bool = u8::is_ascii_digit;
    let mut exponent: &[u8] = b"eE";
    if bytes.get(at) == Some(&b'0') {
        at += 1;
        match bytes.get(at) {
            Some(b'x' | b'X') => (digits, exponent) = (u8::is_ascii_hexdigit, b"pP"),
            Some(b'o' | b'O') => (digits, exponent) = (|byte: &u8| (b'0'..=b'7').contains(byte), b""),
            Some(b'b' | b'B') => (digits, exponent) = (|byte: &u8| (b'0'..=b'1').contains(byte), b""),
            _ => at -= 1,
        }
        at += 1;
    }
    at = run(at, digits);
    let point = one(at, b".");
    if point > at {
        at = run(point, digits);
    }
    let mark = one(at, exponent);
    if mark > at {
        at = run(one(mark, b"+-"), u8::is_ascii_digit);
    }
    one(at, b"i")
}

/// As Go's `%#U` writes it.
fn code_point(character: char) -> String {
    let number = u32::from(character);
    if format::is_printable(character) { format!("U+{number:04X} '{character}'") } else { format!("U+{number:04X}") }
}

fn has_left_trim(text: &str) -> bool {
    text.starts_with('-') && text[1..].starts_with(SPACES)
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}
