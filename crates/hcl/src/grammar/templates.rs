//! What stands between quotes: escapes, interpolations, directives.

use std::ops::Range;

use super::super::scanner::{Kind, Token};
use super::{Grammar, Parsed};

impl Grammar<'_> {
    /// Back-slash escapes of a quoted text.
    pub(super) fn escapes(&self, range: Range<usize>) -> Parsed {
        let text = &self.bytes[range.clone()];
        let mut position = 0;
        while let Some(found) = text[position..].iter().position(|byte| *byte == b'\\') {
            let start = position + found;
            let escape = text.get(start + 1).copied();
            let digits = match escape {
                Some(b'n' | b'r' | b't' | b'"' | b'\\') => 0,
                Some(b'u') => 4,
                Some(b'U') => 8,
                _ => {
                    let symbol = String::from_utf8_lossy(&text[start + 1..]).chars().next().unwrap_or_default();
                    let detail = format!("The symbol \"{symbol}\" is not a valid escape sequence selector.");
                    return Self::fail("Invalid escape sequence", &detail, range.start + start..range.end);
                }
            };
            let end = start + 2 + digits;
            if digits > 0 {
                let code = text.get(start + 2..end).and_then(|digits| std::str::from_utf8(digits).ok());
                let code = code.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                if code.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32).is_none() {
                    let detail = if digits == 4 {
                        "The \\u escape sequence must be followed by four hexadecimal digits."
                    } else {
                        "The \\U escape sequence must be followed by eight hexadecimal digits."
                    };
                    return Self::fail("Invalid escape sequence", detail, range.start + start..range.end);
                }
            }
            position = end;
        }
        Ok(())
    }

    /// The rest of a quoted string or a heredoc.
    pub(super) fn template(&mut self, end: Kind, open: &Token) -> Parsed {
        let mut open_directives = Vec::new();
        loop {
            let token = self.read();
            match token.kind {
                kind if kind == end => break,
                Kind::QuotedText => self.escapes(token.range)?,
                Kind::HeredocText => {}
                Kind::Interpolation => self.nested(false, |grammar| grammar.interpolation(end, open))?,
                Kind::Directive => self.nested(false, |grammar| grammar.directive(&mut open_directives))?,
                _ => {
                    return Self::fail(
                        "Unterminated template string",
                        "No closing marker was found for the string.",
                        token.range,
                    );
                }
            }
        }
        match open_directives.pop() {
            None => Ok(()),
            Some(directive) => {
                let (name, end) = match directive {
                    Directive::For => ("for", "endfor"),
                    Directive::If | Directive::Else => ("if", "endif"),
                };
                let detail = format!("The {name} directive is missing its corresponding {end} directive.");
                Self::fail("Unexpected end of template", &detail, open.range.clone())
            }
        }
    }

    fn interpolation(&mut self, end: Kind, open: &Token) -> Parsed {
        self.expression()?;
        let close = self.read();
        match close.kind {
            Kind::SequenceEnd => Ok(()),
            Kind::End => Self::fail(
                "Unclosed template interpolation sequence",
                "There is no closing brace for this interpolation sequence before the end of the file. This might be \
                 caused by incorrect nesting inside the given expression.",
                open.range.clone(),
            ),
            Kind::OpenQuote | Kind::CloseQuote if end == Kind::CloseQuote => Self::fail(
                "Unclosed template interpolation sequence",
                "There is no closing brace for this interpolation sequence before the end of the quoted template. \
                 This might be caused by incorrect nesting inside the given expression.",
                open.range.clone(),
            ),
            _ => Self::fail(
                "Extra characters after interpolation expression",
                "Expected a closing brace to end the interpolation expression, but found extra characters.",
                close.range,
            ),
        }
    }

    fn directive(&mut self, open: &mut Vec<Directive>) -> Parsed {
        let keyword = self.read();
        let unbalanced = |name: &str, range: Range<usize>| {
            Self::fail(
                &format!("Unexpected {name} directive"),
                "The control directives within this template are unbalanced.",
                range,
            )
        };
        match &self.bytes[keyword.range.clone()] {
            b"if" => {
                self.expression()?;
                open.push(Directive::If);
            }
            b"for" => {
                self.for_directive()?;
                open.push(Directive::For);
            }
            b"else" if open.pop_if(|last| *last == Directive::If).is_some() => open.push(Directive::Else),
            b"else" => return unbalanced("else", keyword.range),
            b"endif" => {
                if open.pop_if(|last| *last != Directive::For).is_none() {
                    return unbalanced("endif", keyword.range);
                }
            }
            b"endfor" => {
                if open.pop_if(|last| *last == Directive::For).is_none() {
                    return unbalanced("endfor", keyword.range);
                }
            }
            _ if keyword.kind != Kind::Ident => {
                return Self::fail(
                    "Invalid template directive",
                    "A template directive keyword (\"if\", \"for\", etc) is expected at the beginning of a %{ \
                     sequence.",
                    keyword.range,
                );
            }
            name => {
                let detail = format!("\"{}\" is not a valid template control keyword.", String::from_utf8_lossy(name));
                return Self::fail("Invalid template control keyword", &detail, keyword.range);
            }
        }
        let close = self.read();
        if close.kind == Kind::SequenceEnd {
            return Ok(());
        }
        let name = String::from_utf8_lossy(&self.bytes[keyword.range]);
        Self::fail(
            &format!("Extra characters in {name} marker"),
            "Expected a closing brace to end the sequence, but found extra characters.",
            close.range,
        )
    }

    fn for_directive(&mut self) -> Parsed {
        let invalid = |detail: &str, range: Range<usize>| Self::fail("Invalid 'for' directive", detail, range);
        let name = self.read();
        if name.kind != Kind::Ident {
            return invalid("For directive requires variable name after 'for'.", name.range);
        }
        if self.peek_kind() == Kind::Comma {
            self.read();
            let name = self.read();
            if name.kind != Kind::Ident {
                return invalid("For directive requires value variable name after comma.", name.range);
            }
        }
        if !self.peek_is_name("in") {
            let range = self.peek().range;
            return invalid("For directive requires 'in' keyword after names.", range);
        }
        self.read();
        self.expression()
    }
}

/// A template directive that still needs its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    If,
    Else,
    For,
}
