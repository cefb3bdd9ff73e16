//! Tokens of HCL 1 and of its JSON dialect. The first text that is no token is read as the end of the file.
//!
//! Source: hashicorp/hcl v1 `hcl/scanner`, `json/scanner`, `hcl/strconv` `Unquote`.

use super::problem::ProblemKind;
use super::syntax::{Dialect, Fault};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Assign,
    Bool,
    Colon,
    Comma,
    EndOfFile,
    Float,
    Heredoc,
    Identifier,
    LeftBrace,
    LeftBracket,
    Null,
    Number,
    /// A sign that no value begins with.
    Other,
    RightBrace,
    RightBracket,
    String,
}

pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The value of a string or heredoc, the source text of anything else.
    pub(super) text: String,
}

pub(super) struct Scanner<'text> {
    text: &'text str,
    pub(super) dialect: Dialect,
    offset: usize,
}

impl<'text> Scanner<'text> {
    /// # Errors
    /// A character that is refused anywhere, even in a comment.
    pub(super) fn new(text: &'text str) -> Result<Self, Fault> {
        let dialect = if text.trim_start().starts_with('{') { Dialect::Json } else { Dialect::Native };
        if text.starts_with('\u{FEFF}') {
            return Err(Fault { offset: 0, kind: ProblemKind::ByteOrderMark });
        }
        // The library uses U+E123 itself.
        let refused = |character| character == '\0' || (character == '\u{E123}' && dialect == Dialect::Native);
        match text.find(refused) {
            Some(offset) => Err(Fault { offset, kind: ProblemKind::Character }),
            None => Ok(Self { text, dialect, offset: 0 }),
        }
    }

    pub(super) fn scan(&mut self) -> Result<Token, Fault> {
        self.skip_blanks_and_comments()?;
        let start = self.offset;
        let Some(first) = self.next() else {
            return Ok(Token { kind: TokenKind::EndOfFile, start, end: start, text: String::new() });
        };
        let is_native = self.dialect == Dialect::Native;
        let mut value = None;
        let kind = match first {
            '[' => TokenKind::LeftBracket,
            ']' => TokenKind::RightBracket,
            '{' => TokenKind::LeftBrace,
            '}' => TokenKind::RightBrace,
            ',' => TokenKind::Comma,
            '=' if is_native => TokenKind::Assign,
            ':' if !is_native => TokenKind::Colon,
            '"' => {
                value = Some(self.string(start)?);
                TokenKind::String
            }
            '<' if is_native => {
                value = Some(self.heredoc(start)?);
                TokenKind::Heredoc
            }
            '.' if self.peek_digit() => self.fraction(),
            '.' => TokenKind::Other,
            '-' if self.peek_digit() => {
                let digit = self.next().unwrap_or('0');
                self.number(digit, start)?
            }
            '+' | '-' if is_native => TokenKind::Other,
            digit if digit.is_ascii_digit() => self.number(digit, start)?,
            letter if is_letter(letter) => {
                let may_have_periods = is_native;
                self.skip_while(|character| {
                    is_letter(character)
                        || character.is_numeric()
                        || character == '-'
                        || (character == '.' && may_have_periods)
                });
                match &self.text[start..self.offset] {
                    "true" | "false" => TokenKind::Bool,
                    _ if is_native => TokenKind::Identifier,
                    "null" => TokenKind::Null,
                    _ => return fault(start, ProblemKind::Character),
                }
            }
            _ => return fault(start, ProblemKind::Character),
        };
        let text = value.unwrap_or_else(|| self.text[start..self.offset].to_owned());
        Ok(Token { kind, start, end: self.offset, text })
    }

    fn rest(&self) -> &'text str {
        &self.text[self.offset..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn peek_digit(&self) -> bool {
        self.peek().is_some_and(|next| next.is_ascii_digit())
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.offset += character.len_utf8();
        Some(character)
    }

    fn skip_while(&mut self, is_part: impl Fn(char) -> bool) {
        self.offset = self.text.len() - self.rest().trim_start_matches(is_part).len();
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), Fault> {
        loop {
            self.skip_while(|character| matches!(character, ' ' | '\t' | '\n' | '\r'));
            let (start, rest) = (self.offset, self.rest());
            if self.dialect == Dialect::Json || !rest.starts_with(['#', '/']) {
                return Ok(());
            }
            if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else { return fault(start, ProblemKind::Unterminated) };
                self.offset += end + 4;
            } else if rest.starts_with("//") || rest.starts_with('#') {
                self.skip_while(|character| character != '\n');
            } else {
                return fault(start, ProblemKind::Character);
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.offset;
        self.skip_while(|character| character.is_ascii_digit());
        self.offset - start
    }

    /// After the digits of a whole number, or after its point.
    fn fraction(&mut self) -> TokenKind {
        self.digits();
        if matches!(self.peek(), Some('e' | 'E')) {
            self.next();
            if matches!(self.peek(), Some('+' | '-')) {
                self.next();
            }
            self.digits();
        }
        TokenKind::Float
    }

    fn number(&mut self, first: char, start: usize) -> Result<TokenKind, Fault> {
        let is_native = self.dialect == Dialect::Native;
        if first == '0' && is_native && matches!(self.peek(), Some('x' | 'X')) {
            self.next();
            let before = self.offset;
            self.skip_while(|character| character.is_ascii_hexdigit());
            return if self.offset > before { Ok(TokenKind::Number) } else { fault(start, ProblemKind::Character) };
        }
        let before = self.offset;
        let count = self.digits();
        match self.peek() {
            Some('e' | 'E') => Ok(self.fraction()),
            Some('.') => {
                self.next();
                Ok(self.fraction())
            }
            // Native numbers that begin with 0 are octal; JSON has none.
            _ if first == '0' && is_native && self.text[before..self.offset].contains(['8', '9']) => {
                fault(start, ProblemKind::Character)
            }
            _ if first == '0' && !is_native && count > 0 => fault(start, ProblemKind::Character),
            _ => Ok(TokenKind::Number),
        }
    }

    /// The value of a string. Native strings keep the text of `${}` as it is, with its escapes. Bytes that are no UTF-8 (from
    /// `\xff`) become U+FFFD.
    fn string(&mut self, start: usize) -> Result<String, Fault> {
        let is_native = self.dialect == Dialect::Native;
        let mut value = Vec::new();
        let mut braces = 0_usize;
        loop {
            let at = self.offset;
            let Some(character) = self.next() else { return fault(start, ProblemKind::Unterminated) };
            match character {
                '\n' if braces == 0 => return fault(start, ProblemKind::Unterminated),
                '"' if braces == 0 => return Ok(String::from_utf8_lossy(&value).into_owned()),
                '\\' if braces == 0 => value.extend(self.escape(at)?.ok_or_else(|| self.wrong_escape(at))?),
                '\\' => {
                    self.escape(at)?;
                }
                '{' if braces > 0 => braces += 1,
                '}' if braces > 0 => braces -= 1,
                '$' if is_native && braces == 0 && self.peek() == Some('{') => {
                    self.next();
                    braces = 1;
                    value.extend_from_slice(b"${");
                    continue;
                }
                _ => {}
            }
            let is_written_line_end = character == '\r' && is_native && self.peek() == Some('\n');
            if (character != '\\' || braces > 0) && !is_written_line_end {
                value.extend_from_slice(&self.text.as_bytes()[at..self.offset]);
            }
        }
    }

    /// What follows a backslash; null for a number that is no character.
    fn escape(&mut self, at: usize) -> Result<Option<Vec<u8>>, Fault> {
        let letter = self.next();
        let (radix, length) = match letter {
            Some('a') => return Ok(Some(vec![7])),
            Some('b') => return Ok(Some(vec![8])),
            Some('t') => return Ok(Some(vec![b'\t'])),
            Some('n') => return Ok(Some(vec![b'\n'])),
            Some('v') => return Ok(Some(vec![11])),
            Some('f') => return Ok(Some(vec![12])),
            Some('r') => return Ok(Some(vec![b'\r'])),
            Some('\\') => return Ok(Some(vec![b'\\'])),
            Some('"') => return Ok(Some(vec![b'"'])),
            Some('0'..='7') => {
                self.offset -= 1;
                (8, 3)
            }
            Some('x') => (16, 2),
            Some('u') => (16, 4),
            Some('U') => (16, 8),
            _ => return Err(self.wrong_escape(at)),
        };
        let digits = self.rest().get(..length).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)));
        let Some(digits) = digits else { return Err(self.wrong_escape(at)) };
        self.offset += length;
        let number = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
        Ok(if matches!(letter, Some('u' | 'U')) {
            char::from_u32(number).map(|character| character.to_string().into_bytes())
        } else {
            u8::try_from(number).ok().map(|byte| vec![byte])
        })
    }

    /// Names the letter only: what follows it may be a part of a secret.
    fn wrong_escape(&self, at: usize) -> Fault {
        let letter = self.text[at + 1..].chars().next().filter(char::is_ascii_alphabetic);
        Fault { offset: at, kind: ProblemKind::Escape { letter } }
    }

    /// The library cuts the last line by the length of the first, so a plain heredoc keeps the blanks before an indented
    /// end mark.
    fn heredoc(&mut self, start: usize) -> Result<String, Fault> {
        let Some((first, body)) = self.text[start..].split_once('\n') else {
            return fault(start, ProblemKind::Unterminated);
        };
        let first = first.strip_suffix('\r').unwrap_or(first);
        let mark = first.strip_prefix("<<").map(|mark| mark.strip_prefix('-').unwrap_or(mark)).unwrap_or_default();
        if mark.is_empty() || !mark.chars().all(|character| is_letter(character) || character.is_numeric()) {
            return fault(start, ProblemKind::Character);
        }
        let mut length = 0;
        for line in body.split_inclusive('\n') {
            length += line.len();
            let text = line.trim_start_matches([' ', '\t', '\r', '\u{B}', '\u{C}']);
            if text.strip_suffix('\n').is_some_and(|text| text.trim_end_matches('\r') == mark) {
                let end = self.text.len() - body.len() + length;
                self.offset = end;
                return Ok(heredoc_value(&self.text[start..end].replace("\r\n", "\n")));
            }
        }
        fault(start, ProblemKind::Unterminated)
    }
}

fn heredoc_value(text: &str) -> String {
    let Some(newline) = text.find('\n') else { return String::new() };
    let is_indented = text.as_bytes().get(2) == Some(&b'-');
    let end = (text.len() + 1 + usize::from(is_indented)).saturating_sub(newline);
    let content = text.get(newline + 1..end).unwrap_or_default();
    if !is_indented {
        return content.to_owned();
    }
    let Some((lines, prefix)) = content.rsplit_once('\n') else { return String::new() };
    if lines.split('\n').all(|line| line.starts_with(prefix)) {
        lines.split('\n').fold(String::new(), |joined, line| joined + &line[prefix.len()..] + "\n")
    } else {
        content.trim_end_matches([' ', '\t']).to_owned()
    }
}

fn fault<T>(offset: usize, kind: ProblemKind) -> Result<T, Fault> {
    Err(Fault { offset, kind })
}

fn is_letter(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}
