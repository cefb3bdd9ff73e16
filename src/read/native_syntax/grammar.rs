//! Whether a text is HCL native syntax to the engines, and what they say if it is not.
//!
//! Only the first error of the grammar is found; where that is, and what it is called, is the engines' own.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/parser.go`, `parser_template.go`, `token.go` (`checkInvalidTokens`).

use std::collections::BTreeMap;
use std::ops::Range;

use super::SyntaxError;
use super::scanner::{Heredocs, Kind, Scanned, Token, scan};

/// How deep expressions and blocks may nest before the text counts as not understood.
const MAXIMUM_DEPTH: usize = 160;

/// How many wrong tokens are worth reporting.
const MAXIMUM_TOKEN_ERRORS: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub errors: Vec<SyntaxError>,
    /// The expression of every attribute, in the text's order.
    pub expressions: Vec<Range<usize>>,
    pub comments: Vec<Range<usize>>,
    pub heredocs: Heredocs,
    pub is_too_deep: bool,
}

/// Why the grammar stopped.
enum Stop {
    Error(SyntaxError),
    TooDeep,
}

type Parsed<T = ()> = Result<T, Stop>;

pub(super) fn check(bytes: &[u8]) -> Outcome {
    let Scanned { tokens, comments, heredocs } = scan(bytes);
    let mut errors = token_errors(bytes, &tokens);
    let mut grammar = Grammar { bytes, tokens, next: 0, newlines_count: vec![true], depth: 0, expressions: Vec::new() };
    let is_too_deep = match grammar.body(Kind::End, 0..0) {
        Ok(()) => false,
        Err(Stop::TooDeep) => true,
        Err(Stop::Error(error)) => {
            errors.push(error);
            false
        }
    };
    Outcome { errors, expressions: grammar.expressions, comments, heredocs, is_too_deep }
}

/// Tokens that no HCL text may hold.
fn token_errors(bytes: &[u8], tokens: &[Token]) -> Vec<SyntaxError> {
    let mut errors = Vec::new();
    let mut told_bad_utf8 = false;
    for token in tokens {
        let (summary, detail) = match token.kind {
            Kind::Bitwise => ("Unsupported operator", "Bitwise operators are not supported."),
            Kind::Backtick => (
                "Invalid character",
                "The \"`\" character is not valid. To create a multi-line string, use the \"heredoc\" syntax, like \
                 \"<<EOT\".",
            ),
            Kind::Apostrophe => {
                ("Invalid character", "Single quotes are not valid. Use double quotes (\") to enclose strings.")
            }
            Kind::Semicolon => (
                "Invalid character",
                "The \";\" character is not valid. Use newlines to separate arguments and blocks, and commas to \
                 separate items in collection values.",
            ),
            Kind::BadUtf8 if !told_bad_utf8 => {
                told_bad_utf8 = true;
                (
                    "Invalid character encoding",
                    "All input files must be UTF-8 encoded. Ensure that UTF-8 encoding is selected in your editor.",
                )
            }
            Kind::QuotedNewline => (
                "Invalid multi-line string",
                "Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the \
                 \\n escape to represent a newline character or use the \"heredoc\" multi-line template syntax.",
            ),
            Kind::Invalid if matches!(&bytes[token.range.clone()], b"\xe2\x80\x9c" | b"\xe2\x80\x9d") => (
                "Invalid character",
                "\"Curly quotes\" are not valid here. These can sometimes be inadvertently introduced when sharing \
                 code via documents or discussion forums. It might help to replace the character with a \"straight \
                 quote\".",
            ),
            Kind::Invalid => ("Invalid character", "This character is not used within the language."),
            _ => continue,
        };
        errors.push(SyntaxError::new(summary, detail, token.range.clone()));
        if errors.len() == MAXIMUM_TOKEN_ERRORS {
            break;
        }
    }
    errors
}

struct Grammar<'a> {
    bytes: &'a [u8],
    tokens: Vec<Token>,
    next: usize,
    /// Whether line breaks are tokens, by nesting.
    newlines_count: Vec<bool>,
    depth: usize,
    expressions: Vec<Range<usize>>,
}

impl Grammar<'_> {
    fn peek(&mut self) -> Token {
        if !self.newlines_count.last().copied().unwrap_or(true) {
            while self.tokens[self.next].kind == Kind::Newline {
                self.next += 1;
            }
        }
        self.tokens[self.next].clone()
    }

    fn read(&mut self) -> Token {
        let token = self.peek();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token
    }

    fn peek_kind(&mut self) -> Kind {
        self.peek().kind
    }

    fn peek_is_name(&mut self, name: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Ident && &self.bytes[token.range] == name.as_bytes()
    }

    fn fail<T>(summary: &str, detail: &str, range: Range<usize>) -> Parsed<T> {
        Err(Stop::Error(SyntaxError::new(summary, detail, range)))
    }

    fn nested<T>(&mut self, newlines_count: bool, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAXIMUM_DEPTH {
            return Err(Stop::TooDeep);
        }
        self.depth += 1;
        self.newlines_count.push(newlines_count);
        let result = inner(self);
        self.newlines_count.pop();
        self.depth -= 1;
        result
    }

    fn body(&mut self, end: Kind, opened_at: Range<usize>) -> Parsed {
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
                Kind::End => return unclosed_block(opened_at),
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
                    return Self::fail("Attribute redefined", &detail, name.range.clone());
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
            Kind::End => return unclosed_block(opened_at),
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

    /// Back-slash escapes of a quoted text.
    fn escapes(&self, range: Range<usize>) -> Parsed {
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

    fn expression(&mut self) -> Parsed {
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

    fn tuple(&mut self, open: &Token) -> Parsed {
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

    fn object(&mut self, open: &Token) -> Parsed {
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
            self.expression()?;
            let separator = self.read();
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

    /// The rest of a quoted string or a heredoc.
    fn template(&mut self, end: Kind, open: &Token) -> Parsed {
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

fn unclosed_block(opened_at: Range<usize>) -> Parsed {
    Grammar::fail(
        "Unclosed configuration block",
        "There is no closing brace for this block before the end of the file. This may be caused by incorrect brace \
         nesting elsewhere in this file.",
        opened_at,
    )
}

fn argument_required(detail: &str, range: Range<usize>) -> Parsed {
    Grammar::fail("Argument or block definition required", detail, range)
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
