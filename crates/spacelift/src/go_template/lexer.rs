//! A template's text into pieces of text and actions, with the trimming of white space.
//!
//! Source: Go `text/template/parse` `lex.go`.

use super::{Stage, TemplateError};

pub(super) enum Piece<'a> {
    Text(&'a str),
    Action { tokens: Vec<Token<'a>>, line: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `.Name` directly behind a field or `$`.
    Chained(&'a str),
    Close,
    Dot,
    /// `.Name`, without the period.
    Field(&'a str),
    Open,
    Pipe,
    /// `$`
    Root,
    Text(&'a str),
    /// A function, `true`, `false` or a keyword.
    Word(&'a str),
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    /// Of the position.
    pub(super) line: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, position: 0, line: 1 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn fail<T>(&self, stage: Stage, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::new(stage, self.line, message))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.line += taken.matches('\n').count();
        self.position += length;
        taken
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        self.take(rest.len() - rest.trim_start_matches(is_part).len())
    }

    /// The next piece; null at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'a>>, TemplateError> {
        loop {
            let rest = self.rest();
            let Some(start) = rest.find("{{") else {
                let text = self.take(rest.len());
                return Ok((!text.is_empty()).then_some(Piece::Text(text)));
            };
            let is_trimmed = rest[start + 2..].strip_prefix('-').is_some_and(|after| after.starts_with(SPACES));
            let kept = if is_trimmed { rest[..start].trim_end_matches(SPACES).len() } else { start };
            if kept > 0 {
                return Ok(Some(Piece::Text(self.take(kept))));
            }
            self.take(start + if is_trimmed { 4 } else { 2 });
            if !self.rest().starts_with("/*") {
                return self.action().map(Some);
            }
            let Some(end) = self.rest().find("*/") else { return self.fail(Stage::Parse, "unclosed comment") };
            let line = self.line;
            self.take(end + 2);
            if !self.close() {
                return Err(TemplateError::new(Stage::Parse, line, "comment ends before closing delimiter"));
            }
        }
    }

    /// Passes the right delimiter, if it is next, and the white space that it trims.
    fn close(&mut self) -> bool {
        let rest = self.rest();
        if rest.starts_with("}}") {
            self.take(2);
            return true;
        }
        let is_trimming = rest.starts_with(SPACES) && rest[1..].starts_with("-}}");
        if is_trimming {
            self.take(4);
            self.take_while(|character| SPACES.contains(&character));
        }
        is_trimming
    }

    fn action(&mut self) -> Result<Piece<'a>, TemplateError> {
        let mut tokens = Vec::new();
        let mut line = None;
        let mut is_spaced = true;
        loop {
            let end_line = self.line;
            if self.close() {
                return Ok(Piece::Action { tokens, line: line.unwrap_or(end_line) });
            }
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return self.fail(Stage::Parse, "unclosed action") };
            if SPACES.contains(&first) {
                self.take(1);
                is_spaced = true;
                continue;
            }
            line.get_or_insert(self.line);
            let is_apart = is_spaced
                || matches!(tokens.last(), None | Some(Token::Open | Token::Pipe))
                || matches!(first, ')' | '|');
            is_spaced = false;
            let token = match first {
                '.' if matches!(tokens.last(), Some(Token::Chained(_) | Token::Field(_) | Token::Root))
                    && !is_apart =>
                {
                    match self.word(1)? {
                        "" => return self.fail(Stage::Unsupported, "a period behind a field"),
                        name => Token::Chained(name),
                    }
                }
                _ if !is_apart => return self.fail(Stage::Unsupported, "two values without a space between them"),
                '(' | ')' | '|' => {
                    self.take(1);
                    if first == '(' {
                        Token::Open
                    } else if first == ')' {
                        Token::Close
                    } else {
                        Token::Pipe
                    }
                }
                '"' | '`' => {
                    let Some(end) = rest[1..].find(first) else {
                        return self.fail(Stage::Parse, "unterminated quoted string");
                    };
                    let text = &rest[1..=end];
                    let unsupported = if first == '"' { ['\\', '\n'] } else { ['\r', '\r'] };
                    if text.contains(unsupported) {
                        return self.fail(Stage::Unsupported, "a text with a backslash or a line break");
                    }
                    self.take(end + 2);
                    Token::Text(text)
                }
                '.' => match self.word(1)? {
                    "" => Token::Dot,
                    name => Token::Field(name),
                },
                '$' => match self.word(1)? {
                    "" => Token::Root,
                    _ => return self.fail(Stage::Unsupported, "variables"),
                },
                first if is_letter(first) => Token::Word(self.word(0)?),
                _ => return self.fail(Stage::Unsupported, "numbers, variables and operators"),
            };
            tokens.push(token);
        }
    }

    /// A name behind a sigil. Only what Go ends a name with may follow.
    fn word(&mut self, sigil: usize) -> Result<&'a str, TemplateError> {
        self.take(sigil);
        if self.rest().starts_with(|first: char| first.is_numeric()) {
            return self.fail(Stage::Unsupported, "numbers");
        }
        let name = self.take_while(|character| is_letter(character) || character.is_numeric());
        let rest = self.rest();
        if rest.is_empty()
            || rest.starts_with(SPACES)
            || rest.starts_with(['.', '|', ')', '('])
            || rest.starts_with("}}")
        {
            return Ok(name);
        }
        self.fail(Stage::Unsupported, "a sign behind a name")
    }
}

fn is_letter(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}
