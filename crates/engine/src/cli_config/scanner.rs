//! Tokens of HCL 1 and of its JSON dialect.
//!
//! An error does not stop the scan: the library reports the last one, so the parser has to go on. Positions are
//! counted as the library counts them, its oddities at line ends and at the end of the file included, because its
//! messages name them.
//!
//! Source: hashicorp/hcl v1 `hcl/scanner`, `json/scanner`.

use std::fmt;

/// A position in the text. Line 0 is no position, which prints as `-`: JSON tokens have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pos {
    /// In bytes.
    pub(super) offset: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl fmt::Display for Pos {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str("-"),
            _ => write!(formatter, "{}:{}", self.line, self.column),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Native,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Illegal,
    Eof,
    Comment,
    Ident,
    Number,
    Float,
    Bool,
    Null,
    String,
    Heredoc,
    LeftBracket,
    LeftBrace,
    Comma,
    Period,
    RightBracket,
    RightBrace,
    Assign,
    Colon,
    Add,
    Sub,
}

impl TokenKind {
    /// The library's name for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Illegal => "ILLEGAL",
            Self::Eof => "EOF",
            Self::Comment => "COMMENT",
            Self::Ident => "IDENT",
            Self::Number => "NUMBER",
            Self::Float => "FLOAT",
            Self::Bool => "BOOL",
            Self::Null => "NULL",
            Self::String => "STRING",
            Self::Heredoc => "HEREDOC",
            Self::LeftBracket => "LBRACK",
            Self::LeftBrace => "LBRACE",
            Self::Comma => "COMMA",
            Self::Period => "PERIOD",
            Self::RightBracket => "RBRACK",
            Self::RightBrace => "RBRACE",
            Self::Assign => "ASSIGN",
            Self::Colon => "COLON",
            Self::Add => "ADD",
            Self::Sub => "SUB",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Token<'text> {
    pub(super) kind: TokenKind,
    pub(super) pos: Pos,
    pub(super) text: &'text str,
}

impl Token<'_> {
    /// As the library prints it, but without a text that may be an unquoted secret.
    pub(super) fn describe(&self) -> String {
        let kind = self.kind.as_str();
        match self.text {
            "[" | "]" | "{" | "}" | "," | "." | "=" | ":" | "+" | "-" => format!("{} {kind} {}", self.pos, self.text),
            _ => format!("{} {kind}", self.pos),
        }
    }
}

/// What the scanner could not read.
#[derive(Clone, Debug)]
pub(super) struct ScanError {
    pub(super) pos: Pos,
    pub(super) message: String,
}

pub(super) struct Scanner<'text> {
    text: &'text str,
    pub(super) dialect: Dialect,
    pos: Pos,
    /// Where `pos` was before the last character, and how long that was.
    previous: Pos,
    last_length: usize,
    last_line_length: usize,
    /// The last error.
    pub(super) error: Option<ScanError>,
}

impl<'text> Scanner<'text> {
    pub(super) fn new(text: &'text str, dialect: Dialect) -> Self {
        let start = Pos { offset: 0, line: 1, column: 0 };
        Self { text, dialect, pos: start, previous: start, last_length: 0, last_line_length: 0, error: None }
    }

    /// The end of the last token, in bytes.
    pub(super) fn offset(&self) -> usize {
        self.pos.offset
    }

    pub(super) fn scan(&mut self) -> Token<'text> {
        let mut character = self.next();
        while matches!(character, Some(' ' | '\t' | '\n' | '\r')) {
            character = self.next();
        }
        let pos = self.recent();
        let kind = match character {
            None => TokenKind::Eof,
            Some(character) if is_letter(character) => self.identifier(pos.offset),
            Some(character) if character.is_ascii_digit() => self.number(character),
            Some('"') => {
                self.string();
                TokenKind::String
            }
            Some('.') => self.period(),
            Some('[') => TokenKind::LeftBracket,
            Some(']') => TokenKind::RightBracket,
            Some('{') => TokenKind::LeftBrace,
            Some('}') => TokenKind::RightBrace,
            Some(',') => TokenKind::Comma,
            Some('-') if self.peek().is_some_and(|next| next.is_ascii_digit()) => {
                let digit = self.next().unwrap_or('0');
                self.number(digit)
            }
            Some(character) => match self.dialect {
                Dialect::Native => self.native_token(character),
                Dialect::Json if character == ':' => TokenKind::Colon,
                Dialect::Json => self.illegal(&format!("illegal char: {character}")),
            },
        };
        Token { kind, pos, text: &self.text[pos.offset.min(self.pos.offset)..self.pos.offset] }
    }

    fn native_token(&mut self, character: char) -> TokenKind {
        match character {
            '#' | '/' => {
                self.comment(character);
                TokenKind::Comment
            }
            '<' => {
                self.heredoc();
                TokenKind::Heredoc
            }
            '=' => TokenKind::Assign,
            '+' => TokenKind::Add,
            '-' => TokenKind::Sub,
            _ => self.illegal("illegal char"),
        }
    }

    fn illegal(&mut self, message: &str) -> TokenKind {
        self.fail(message);
        TokenKind::Illegal
    }

    fn next(&mut self) -> Option<char> {
        let Some(character) = self.peek_raw() else {
            self.pos.column += 1;
            self.last_length = 0;
            return None;
        };
        self.previous = self.pos;
        self.pos.column += 1;
        self.last_length = character.len_utf8();
        self.pos.offset += self.last_length;
        match (character, self.dialect) {
            ('\n', _) => {
                self.pos.line += 1;
                self.last_line_length = self.pos.column;
                self.pos.column = 0;
                Some(character)
            }
            ('\0', Dialect::Native) => {
                self.fail("unexpected null character (0x00)");
                None
            }
            ('\0', Dialect::Json) => None,
            ('\u{E123}', Dialect::Native) => {
                self.fail("unicode code point U+E123 reserved for internal use");
                Some('\u{FFFD}')
            }
            _ => Some(character),
        }
    }

    fn peek_raw(&self) -> Option<char> {
        self.text[self.pos.offset..].chars().next()
    }

    fn peek(&self) -> Option<char> {
        self.peek_raw().filter(|character| *character != '\0')
    }

    /// Puts the last character back; the end of the file is no character.
    fn unread(&mut self, character: Option<char>) {
        if character.is_some() {
            self.pos = self.previous;
        }
    }

    /// The position of the last character.
    fn recent(&self) -> Pos {
        // After a character was put back, its length may be more than what stands before.
        let offset = self.pos.offset.saturating_sub(self.last_length);
        if self.pos.column > 0 {
            Pos { offset, ..self.pos }
        } else if self.last_line_length > 0 {
            Pos { offset, line: self.pos.line - 1, column: self.last_line_length }
        } else {
            Pos { offset, line: 1, column: 1 }
        }
    }

    fn fail(&mut self, message: &str) {
        self.error = Some(ScanError { pos: self.recent(), message: message.to_owned() });
    }

    fn identifier(&mut self, start: usize) -> TokenKind {
        let mut character = self.next();
        while character.is_some_and(|character| {
            is_letter(character)
                || is_digit(character)
                || character == '-'
                || (character == '.' && self.dialect == Dialect::Native)
        }) {
            character = self.next();
        }
        self.unread(character);
        match (&self.text[start..self.pos.offset], self.dialect) {
            ("true" | "false", _) => TokenKind::Bool,
            (_, Dialect::Native) => TokenKind::Ident,
            ("null", Dialect::Json) => TokenKind::Null,
            (_, Dialect::Json) => self.illegal("illegal char"),
        }
    }

    fn comment(&mut self, first: char) {
        if first == '/' && self.peek() != Some('*') && self.peek() != Some('/') {
            self.fail("expected '/' for comment");
            return;
        }
        if first == '#' || self.peek() == Some('/') {
            let mut character = self.next();
            while character.is_some_and(|character| character != '\n') {
                character = self.next();
            }
            self.unread(character);
            return;
        }
        self.next();
        let mut character = self.next();
        loop {
            if character.is_none() {
                self.fail("comment not terminated");
                return;
            }
            let before = character;
            character = self.next();
            if before == Some('*') && character == Some('/') {
                return;
            }
        }
    }

    fn period(&mut self) -> TokenKind {
        if !self.peek().is_some_and(|next| next.is_ascii_digit()) {
            return TokenKind::Period;
        }
        self.digits();
        if matches!(self.peek(), Some('e' | 'E')) {
            self.exponent();
        }
        TokenKind::Float
    }

    fn number(&mut self, first: char) -> TokenKind {
        if first == '0' && self.dialect == Dialect::Native && matches!(self.peek(), Some('x' | 'X')) {
            self.next();
            if !self.peek().is_some_and(|next| next.is_ascii_hexdigit()) {
                let character = self.next();
                self.fail("illegal hexadecimal number");
                self.unread(character);
            }
            while self.peek().is_some_and(|next| next.is_ascii_hexdigit()) {
                self.next();
            }
            return TokenKind::Number;
        }
        let start = self.pos.offset;
        self.digits();
        let digits = &self.text[start..self.pos.offset];
        match self.peek() {
            Some('e' | 'E') => {
                self.exponent();
                TokenKind::Float
            }
            Some('.') => {
                self.next();
                self.digits();
                if matches!(self.peek(), Some('e' | 'E')) {
                    self.exponent();
                }
                TokenKind::Float
            }
            _ => {
                if first == '0' {
                    match self.dialect {
                        Dialect::Native if digits.contains(['8', '9']) => self.fail("illegal octal number"),
                        Dialect::Json if !digits.is_empty() => self.fail("numbers cannot start with 0"),
                        _ => {}
                    }
                }
                TokenKind::Number
            }
        }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|next| next.is_ascii_digit()) {
            self.next();
        }
    }

    fn exponent(&mut self) {
        self.next();
        if matches!(self.peek(), Some('+' | '-')) {
            self.next();
        }
        self.digits();
    }

    fn string(&mut self) {
        let is_native = self.dialect == Dialect::Native;
        let mut braces = 0_usize;
        loop {
            let character = self.next();
            match character {
                None => return self.fail("literal not terminated"),
                Some('\n') if braces == 0 || !is_native => return self.fail("literal not terminated"),
                Some('"') if braces == 0 || !is_native => return,
                Some('$') if braces == 0 && self.peek() == Some('{') => {
                    braces += 1;
                    self.next();
                }
                Some('{') if braces > 0 => braces += 1,
                Some('}') if braces > 0 => braces -= 1,
                Some('\\') => self.escape(),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self) {
        let (radix, count) = match self.next() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '"') => return,
            Some('0'..='7') => (8, 2),
            Some('x') => (16, 2),
            Some('u') => (16, 4),
            Some('U') => (16, 8),
            _ => return self.fail("illegal char escape"),
        };
        for _ in 0..count {
            if !self.peek().is_some_and(|next| next.is_digit(radix)) {
                let character = self.next();
                self.fail("illegal char escape");
                return self.unread(character);
            }
            self.next();
        }
    }

    fn heredoc(&mut self) {
        if self.next() != Some('<') {
            return self.fail("heredoc expected second '<', didn't see it");
        }
        let start = self.pos.offset;
        let mut character = self.next();
        if character == Some('-') {
            character = self.next();
        }
        while character.is_some_and(|character| is_letter(character) || is_digit(character)) {
            character = self.next();
        }
        if character == Some('\r') && self.peek() == Some('\n') {
            character = self.next();
        }
        match character {
            None => return self.fail("heredoc not terminated"),
            Some('\n') => {}
            Some(_) => return self.fail("invalid characters in heredoc anchor"),
        }
        let anchor = self.text[start..self.pos.offset - 1].trim_start_matches('-');
        if anchor.is_empty() {
            return self.fail("zero-length heredoc anchor");
        }
        let mut line_start = self.pos.offset;
        loop {
            match self.next() {
                None => return self.fail("heredoc not terminated"),
                Some('\n') => {
                    let line = &self.text[line_start..self.pos.offset - 1];
                    let word = line.trim_start_matches([' ', '\t', '\r', '\u{B}', '\u{C}']).trim_end_matches('\r');
                    if word == anchor {
                        return;
                    }
                    line_start = self.pos.offset;
                }
                Some(_) => {}
            }
        }
    }
}

fn is_letter(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn is_digit(character: char) -> bool {
    character.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str, dialect: Dialect) -> (Vec<TokenKind>, Option<String>) {
        let mut scanner = Scanner::new(text, dialect);
        let mut kinds = Vec::new();
        loop {
            let token = scanner.scan();
            if token.kind == TokenKind::Eof {
                return (kinds, scanner.error.map(|error| format!("{}: {}", error.pos, error.message)));
            }
            kinds.push(token.kind);
        }
    }

    #[test]
    fn splits_native_text_into_tokens() {
        use TokenKind::{
            Assign, Bool, Comma, Float, Heredoc, Ident, LeftBrace, LeftBracket, Number, RightBrace, RightBracket,
            String,
        };
        let cases: [(&str, &[TokenKind]); 6] = [
            ("a.b-c = true", &[Ident, Assign, Bool]),
            ("\"x\" { }", &[String, LeftBrace, RightBrace]),
            (
                "[1, -2, 0x1F, 017, 1.5, 1e9, .5]",
                &[
                    LeftBracket,
                    Number,
                    Comma,
                    Number,
                    Comma,
                    Number,
                    Comma,
                    Number,
                    Comma,
                    Float,
                    Comma,
                    Float,
                    Comma,
                    Float,
                    RightBracket,
                ],
            ),
            ("a = <<EOF\nx\n  EOF\n", &[Ident, Assign, Heredoc]),
            ("a = \"${b(\"c\")}\"", &[Ident, Assign, String]),
            ("a = \"\\x41\\u00e9\\101\"", &[Ident, Assign, String]),
        ];
        for (text, expected) in cases {
            let (found, error) = kinds(text, Dialect::Native);
            assert_eq!((found.as_slice(), error), (expected, None), "{text}");
        }
    }

    #[test]
    fn names_the_place_of_an_error_as_the_library_does() {
        let cases = [
            ("a = 'b'", Dialect::Native, "1:7: illegal char"),
            ("a = /x", Dialect::Native, "1:5: expected '/' for comment"),
            ("a = \"C:\\providers\"", Dialect::Native, "1:9: illegal char escape"),
            ("a = \"b\n", Dialect::Native, "1:7: literal not terminated"),
            ("\u{FEFF}a {}", Dialect::Native, "1:1: illegal char"),
            ("a /* b", Dialect::Native, "1:7: comment not terminated"),
            ("a = <<EOF\nb", Dialect::Native, "2:2: heredoc not terminated"),
            ("{\"a\": nope}", Dialect::Json, "1:10: illegal char"),
            ("{\"a\": 01}", Dialect::Json, "1:8: numbers cannot start with 0"),
        ];
        for (text, dialect, expected) in cases {
            assert_eq!(kinds(text, dialect).1.as_deref(), Some(expected), "{text}");
        }
    }
}
