//! Bodies: attributes and blocks with their labels.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::SyntaxError;
use super::super::scanner::{Kind, Token};
use super::{Grammar, Parsed, Stop};

impl Grammar<'_> {
    pub(super) fn body(&mut self, end: Kind, opened_at: Range<usize>) -> Parsed {
        let mut names = BTreeMap::new();
        loop {
            let token = self.read();
            match token.kind {
                kind if kind == end => return Ok(()),
                Kind::Newline => {}
                Kind::Ident => self.body_item(&token, &mut names)?,
                Kind::OpenQuote => {
                    return Self::fail("Invalid argument name", "Argument names must not be quoted.", token.range);
                }
                Kind::End => {
                    if self.unclosed == 0 {
                        self.recovered.push((unclosed_block(opened_at), 0..0));
                    }
                    self.unclosed += 1;
                    return Ok(());
                }
                _ => return argument_required("An argument or block definition is required here.", token.range),
            }
        }
    }

    fn body_item(&mut self, name: &Token, names: &mut BTreeMap<Vec<u8>, Range<usize>>) -> Parsed {
        match self.peek_kind() {
            Kind::Equal => {
                self.attribute()?;
                let end = self.peek();
                match end.kind {
                    Kind::Newline => drop(self.read()),
                    Kind::End => {}
                    Kind::Comma => {
                        return Self::fail(
                            "Unexpected comma after argument",
                            "Argument definitions must be separated by newlines, not commas. An argument definition \
                             must end with a newline.",
                            end.range,
                        );
                    }
                    _ => {
                        return Self::fail(
                            "Missing newline after argument",
                            "An argument definition must end with a newline.",
                            end.range,
                        );
                    }
                }
                let key = self.bytes[name.range.clone()].to_vec();
                if names.contains_key(&key) {
                    let detail = format!(
                        "The argument \"{}\" was already set. Each argument may be set only once.",
                        String::from_utf8_lossy(&key)
                    );
                    let error = SyntaxError::new("Attribute redefined", &detail, name.range.clone());
                    self.recovered.push((error, name.range.start..end.range.start));
                    return Ok(());
                }
                names.insert(key, name.range.clone());
                Ok(())
            }
            Kind::OpenQuote | Kind::OpenBrace | Kind::Ident => self.block(),
            _ => argument_required(
                "An argument or block definition is required here. To set an argument, use the equals sign \"=\" to \
                 introduce the argument value.",
                name.range.clone(),
            ),
        }
    }

    /// From the equals sign through the expression.
    fn attribute(&mut self) -> Parsed {
        self.read();
        let start = self.peek().range.start;
        self.expression()?;
        let end = self.tokens[..self.next].last().map_or(start, |token| token.range.end);
        self.expressions.push(start..end);
        Ok(())
    }

    /// From the first label, or the brace, through the line break after the block.
    fn block(&mut self) -> Parsed {
        let open = loop {
            let token = self.peek();
            match token.kind {
                Kind::OpenBrace => break self.read(),
                Kind::OpenQuote => self.label()?,
                Kind::Ident => drop(self.read()),
                kind => {
                    let detail = match kind {
                        Kind::Equal => {
                            "The equals sign \"=\" indicates an argument definition, and must not be used when \
                             defining a block."
                        }
                        Kind::Newline => {
                            "A block definition must have block content delimited by \"{\" and \"}\", starting on the \
                             same line as the block header."
                        }
                        _ => "Either a quoted string block label or an opening brace (\"{\") is expected here.",
                    };
                    return Self::fail("Invalid block definition", detail, token.range);
                }
            }
        };
        match self.peek_kind() {
            Kind::Newline | Kind::End | Kind::CloseBrace => {
                self.nested(true, |grammar| grammar.body(Kind::CloseBrace, open.range))?;
            }
            _ => self.single_line_body(open.range)?,
        }
        let end = self.peek();
        match end.kind {
            Kind::Newline => drop(self.read()),
            Kind::End => {}
            _ => {
                return Self::fail(
                    "Missing newline after block definition",
                    "A block definition must end with a newline.",
                    end.range,
                );
            }
        }
        Ok(())
    }

    fn single_line_body(&mut self, opened_at: Range<usize>) -> Parsed {
        let name = self.read();
        if name.kind != Kind::Ident {
            return argument_required("An argument or block definition is required here.", name.range);
        }
        match self.peek_kind() {
            Kind::Equal => self.attribute()?,
            Kind::OpenQuote | Kind::OpenBrace | Kind::Ident => {
                let detail = format!(
                    "A single-line block definition can contain only a single argument. If you meant to define \
                     argument \"{}\", use an equals sign to assign it a value. To define a nested block, place it on a \
                     line of its own within its parent block.",
                    String::from_utf8_lossy(&self.bytes[name.range.clone()])
                );
                return Self::fail("Argument definition required", &detail, name.range);
            }
            _ => {
                return argument_required(
                    "An argument or block definition is required here. To set an argument, use the equals sign \"=\" \
                     to introduce the argument value.",
                    name.range,
                );
            }
        }
        let end = self.read();
        let detail = match end.kind {
            Kind::CloseBrace => return Ok(()),
            Kind::End => return Err(Stop::Error(unclosed_block(opened_at))),
            Kind::Comma => {
                "Single-line block syntax can include only one argument definition. To define multiple arguments, use \
                 the multi-line block syntax with one argument definition per line."
            }
            Kind::Newline => {
                "An argument definition on the same line as its containing block creates a single-line block \
                 definition, which must also be closed on the same line. Place the block's closing brace immediately \
                 after the argument definition."
            }
            _ => {
                "A single-line block definition must end with a closing brace immediately after its single argument \
                 definition."
            }
        };
        Self::fail("Invalid single-argument block definition", detail, end.range)
    }

    fn label(&mut self) -> Parsed {
        self.read();
        loop {
            let token = self.read();
            match token.kind {
                Kind::CloseQuote => return Ok(()),
                Kind::QuotedText => self.escapes(token.range)?,
                Kind::Interpolation | Kind::Directive => {
                    let which = if token.kind == Kind::Directive { "%" } else { "$" };
                    let detail = format!(
                        "Template sequences are not allowed in this string. To include a literal \"{which}\", double \
                         it (as \"{which}{which}\") to escape it."
                    );
                    return Self::fail("Invalid string literal", &detail, token.range);
                }
                Kind::End => {
                    return Self::fail(
                        "Unterminated string literal",
                        "Unable to find the closing quote mark before the end of the file.",
                        token.range,
                    );
                }
                _ => {
                    return Self::fail(
                        "Invalid string literal",
                        "This item is not valid in a string literal.",
                        token.range,
                    );
                }
            }
        }
    }
}

fn unclosed_block(opened_at: Range<usize>) -> SyntaxError {
    SyntaxError::new(
        "Unclosed configuration block",
        "There is no closing brace for this block before the end of the file. This may be caused by incorrect brace \
         nesting elsewhere in this file.",
        opened_at,
    )
}

fn argument_required(detail: &str, range: Range<usize>) -> Parsed {
    Grammar::fail("Argument or block definition required", detail, range)
}
