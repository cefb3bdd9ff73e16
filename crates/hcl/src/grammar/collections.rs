//! Tuples, objects and the `for` expressions that make them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::scanner::{Kind, Token};
use super::{Grammar, Parsed};

impl Grammar<'_> {
    pub(super) fn tuple(&mut self, open: &Token) -> Parsed {
        if self.peek_is_name("for") {
            return self.for_expression(Kind::CloseBracket);
        }
        loop {
            if self.peek_kind() == Kind::CloseBracket {
                self.read();
                return Ok(());
            }
            self.expression()?;
            let separator = self.read();
            match separator.kind {
                Kind::CloseBracket => return Ok(()),
                Kind::Comma => {}
                Kind::End => {
                    return Self::fail(
                        "Unterminated tuple constructor expression",
                        "There is no corresponding closing bracket before the end of the file. This may be caused by \
                         incorrect bracket nesting elsewhere in this file.",
                        open.range.clone(),
                    );
                }
                _ => {
                    return Self::fail(
                        "Missing item separator",
                        "Expected a comma to mark the beginning of the next item.",
                        separator.range,
                    );
                }
            }
        }
    }

    pub(super) fn object(&mut self, open: &Token) -> Parsed {
        let position = self.next;
        let is_for = self.nested(false, |grammar| Ok(grammar.peek_is_name("for")))?;
        if is_for {
            return self.nested(false, |grammar| grammar.for_expression(Kind::CloseBrace));
        }
        self.next = position;
        self.nested(true, |grammar| grammar.object_items(open))
    }

    fn object_items(&mut self, open: &Token) -> Parsed {
        let unterminated = |open: &Token| {
            Self::fail(
                "Unterminated object constructor expression",
                "There is no corresponding closing brace before the end of the file. This may be caused by incorrect \
                 brace nesting elsewhere in this file.",
                open.range.clone(),
            )
        };
        let mut keys = BTreeSet::new();
        loop {
            match self.peek_kind() {
                Kind::Newline => {
                    self.read();
                    continue;
                }
                Kind::CloseBrace => {
                    self.read();
                    return Ok(());
                }
                _ => {}
            }
            let key_start = self.peek().range.start;
            self.expression()?;
            let separator = self.read();
            let key = self.bytes.get(key_start..separator.range.start).unwrap_or_default().trim_ascii();
            if !keys.insert(key.to_vec()) {
                self.repeated_keys.push((open.range.start, key_start));
            }
            match separator.kind {
                Kind::Equal | Kind::Colon => {}
                Kind::Newline | Kind::Comma => {
                    return Self::fail(
                        "Missing attribute value",
                        "Expected an attribute value, introduced by an equals sign (\"=\").",
                        separator.range,
                    );
                }
                Kind::End => return unterminated(open),
                _ => {
                    return Self::fail(
                        "Missing key/value separator",
                        "Expected an equals sign (\"=\") to mark the beginning of the attribute value.",
                        separator.range,
                    );
                }
            }
            self.expression()?;
            let separator = self.read();
            match separator.kind {
                Kind::CloseBrace => return Ok(()),
                Kind::Comma | Kind::Newline => {}
                Kind::End => return unterminated(open),
                _ => {
                    return Self::fail(
                        "Missing attribute separator",
                        "Expected a newline or comma to mark the beginning of the next attribute.",
                        separator.range,
                    );
                }
            }
        }
    }

    fn for_expression(&mut self, close: Kind) -> Parsed {
        let invalid = |detail: &str, range: Range<usize>| Self::fail("Invalid 'for' expression", detail, range);
        self.read();
        let name = self.read();
        if name.kind != Kind::Ident {
            return invalid("For expression requires variable name after 'for'.", name.range);
        }
        if self.peek_kind() == Kind::Comma {
            self.read();
            let name = self.read();
            if name.kind != Kind::Ident {
                return invalid("For expression requires value variable name after comma.", name.range);
            }
        }
        if !self.peek_is_name("in") {
            let range = self.peek().range;
            return invalid("For expression requires the 'in' keyword after its name declarations.", range);
        }
        self.read();
        self.expression()?;
        let colon = self.read();
        if colon.kind != Kind::Colon {
            return invalid("For expression requires a colon after the collection expression.", colon.range);
        }
        let value = self.peek().range;
        self.expression()?;
        let has_key = self.peek_kind() == Kind::FatArrow;
        if has_key {
            self.read();
            self.expression()?;
        }
        let ellipsis = self.peek();
        if ellipsis.kind == Kind::Ellipsis {
            self.read();
        }
        if self.peek_is_name("if") {
            self.read();
            self.expression()?;
        }
        let end = self.read();
        if end.kind != close {
            return invalid("Extra characters after the end of the 'for' expression.", end.range);
        }
        match (close, has_key, ellipsis.kind) {
            (Kind::CloseBracket, true, _) => invalid("Key expression is not valid when building a tuple.", value),
            (Kind::CloseBracket, _, Kind::Ellipsis) => {
                invalid("Grouping ellipsis (...) cannot be used when building a tuple.", ellipsis.range)
            }
            (Kind::CloseBrace, false, _) => invalid("Key expression is required when building an object.", value),
            _ => Ok(()),
        }
    }
}
