//! Expressions: operations, terms, what follows a term, calls.

use super::super::scanner::{Kind, Token};
use super::{Grammar, Parsed};

impl Grammar<'_> {
    pub(super) fn expression(&mut self) -> Parsed {
        let newlines_count = self.newlines_count.last().copied().unwrap_or(true);
        self.nested(newlines_count, Self::conditional)
    }

    fn conditional(&mut self) -> Parsed {
        self.operations()?;
        if self.peek_kind() != Kind::Question {
            return Ok(());
        }
        self.read();
        self.expression()?;
        let colon = self.peek();
        if colon.kind != Kind::Colon {
            return Self::fail(
                "Missing false expression in conditional",
                "The conditional operator (...?...:...) requires a false expression, delimited by a colon.",
                colon.range,
            );
        }
        self.read();
        self.expression()
    }

    fn operations(&mut self) -> Parsed {
        loop {
            self.term()?;
            match self.peek_kind() {
                Kind::Operator | Kind::Minus | Kind::Star => drop(self.read()),
                _ => return Ok(()),
            }
        }
    }

    fn term(&mut self) -> Parsed {
        let start = self.peek();
        match start.kind {
            Kind::OpenParenthesis => {
                self.read();
                self.nested(false, Self::parenthesized)?;
            }
            Kind::Number => {
                self.read();
                if !is_number(&self.bytes[start.range.clone()]) {
                    return Self::fail(
                        "Invalid number literal",
                        "Failed to recognize the value of this number literal.",
                        start.range,
                    );
                }
            }
            Kind::Ident => {
                self.read();
                if matches!(self.peek_kind(), Kind::OpenParenthesis | Kind::DoubleColon) {
                    self.function_call()?;
                }
            }
            Kind::OpenQuote => {
                self.read();
                self.template(Kind::CloseQuote, &start)?;
            }
            Kind::OpenHeredoc => {
                self.read();
                self.template(Kind::CloseHeredoc, &start)?;
            }
            Kind::Minus | Kind::Bang => {
                self.read();
                let newlines_count = self.newlines_count.last().copied().unwrap_or(true);
                return self.nested(newlines_count, Self::term);
            }
            Kind::OpenBracket => {
                self.read();
                self.nested(false, |grammar| grammar.tuple(&start))?;
            }
            Kind::OpenBrace => {
                self.read();
                self.object(&start)?;
            }
            Kind::End => {
                return Self::fail(
                    "Missing expression",
                    "Expected the start of an expression, but found the end of the file.",
                    start.range,
                );
            }
            _ => {
                return Self::fail(
                    "Invalid expression",
                    "Expected the start of an expression, but found an invalid expression token.",
                    start.range,
                );
            }
        }
        self.traversals()
    }

    fn parenthesized(&mut self) -> Parsed {
        self.expression()?;
        let close = self.read();
        if close.kind == Kind::CloseParenthesis {
            return Ok(());
        }
        Self::fail("Unbalanced parentheses", "Expected a closing parenthesis to terminate the expression.", close.range)
    }

    fn traversals(&mut self) -> Parsed {
        loop {
            match self.peek_kind() {
                Kind::Dot => {
                    self.read();
                    if self.peek_kind() == Kind::Star {
                        self.read();
                        self.attribute_splat()?;
                    } else {
                        self.attribute_step()?;
                    }
                }
                Kind::OpenBracket => {
                    self.read();
                    if self.peek_kind() == Kind::Star {
                        self.read();
                        let close = self.read();
                        if close.kind != Kind::CloseBracket {
                            return Self::fail(
                                "Missing close bracket on splat index",
                                "The star for a full splat operator must be immediately followed by a closing bracket \
                                 (\"]\").",
                                close.range,
                            );
                        }
                    } else {
                        self.nested(false, Self::index)?;
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn index(&mut self) -> Parsed {
        self.expression()?;
        let close = self.read();
        if close.kind == Kind::CloseBracket {
            return Ok(());
        }
        Self::fail(
            "Missing close bracket on index",
            "The index operator must end with a closing bracket (\"]\").",
            close.range,
        )
    }

    fn attribute_splat(&mut self) -> Parsed {
        while self.peek_kind() == Kind::Dot {
            self.read();
            let token = self.peek();
            if token.kind == Kind::Star {
                return Self::fail(
                    "Nested splat expression not allowed",
                    "A splat expression (*) cannot be used inside another attribute-only splat expression.",
                    token.range,
                );
            }
            self.attribute_step()?;
        }
        Ok(())
    }

    /// A name or a legacy index after a dot.
    fn attribute_step(&mut self) -> Parsed {
        let token = self.peek();
        match token.kind {
            Kind::Ident => drop(self.read()),
            Kind::Number => {
                self.read();
                let digits = &self.bytes[token.range.clone()];
                if digits.contains(&b'.') {
                    return Self::fail(
                        "Invalid legacy index syntax",
                        "When using the legacy index syntax, chaining two indexes together is not permitted. Use the \
                         proper index syntax instead.",
                        token.range,
                    );
                }
                if !is_number(digits) {
                    return Self::fail(
                        "Invalid number literal",
                        "Failed to recognize the value of this number literal.",
                        token.range,
                    );
                }
            }
            _ => {
                return Self::fail("Invalid attribute name", "An attribute name is required after a dot.", token.range);
            }
        }
        Ok(())
    }

    fn function_call(&mut self) -> Parsed {
        let mut open = self.read();
        if open.kind == Kind::DoubleColon {
            self.scoped_call.get_or_insert(open.range.start);
        }
        while open.kind == Kind::DoubleColon {
            let name = self.read();
            if name.kind != Kind::Ident {
                return Self::fail(
                    "Missing function name",
                    "Function scope resolution symbol :: must be followed by a function name in this scope.",
                    name.range,
                );
            }
            open = self.read();
        }
        if open.kind != Kind::OpenParenthesis {
            return Self::fail(
                "Missing open parenthesis",
                "Function selector must be followed by an open parenthesis to begin the function call.",
                open.range,
            );
        }
        self.nested(false, |grammar| grammar.function_arguments(&open))
    }

    fn function_arguments(&mut self, open: &Token) -> Parsed {
        loop {
            if self.peek_kind() == Kind::CloseParenthesis {
                self.read();
                return Ok(());
            }
            self.expression()?;
            let separator = self.read();
            match separator.kind {
                Kind::CloseParenthesis => return Ok(()),
                Kind::Comma => {}
                Kind::Ellipsis => {
                    if self.read().kind == Kind::CloseParenthesis {
                        return Ok(());
                    }
                    return Self::fail(
                        "Missing closing parenthesis",
                        "An expanded function argument (with ...) must be immediately followed by closing parentheses.",
                        separator.range,
                    );
                }
                Kind::End => {
                    return Self::fail(
                        "Unterminated function call",
                        "There is no closing parenthesis for this function call before the end of the file. This may \
                         be caused by incorrect parenthesis nesting elsewhere in this file.",
                        open.range.clone(),
                    );
                }
                _ => {
                    return Self::fail(
                        "Missing argument separator",
                        "A comma is required to separate each function argument from the next.",
                        separator.range,
                    );
                }
            }
        }
    }
}

/// Digits, a fraction, an exponent.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = &text[digits(text)..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = &fraction[digits(fraction)..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}
