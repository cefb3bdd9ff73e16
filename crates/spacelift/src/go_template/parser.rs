//! Tokens into nodes. What Go refuses before it knows any values is refused here.

use super::lexer::{self, Kind, Token};
use super::literal::{self, LiteralError};
use super::value::Value;
use super::{Stage, TemplateError, functions};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    If(Control),
    Range(Control),
    With(Control),
    Break,
    Continue,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Control {
    pub pipeline: Pipeline,
    pub body: Vec<Node>,
    pub otherwise: Option<Vec<Node>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipeline {
    pub line: usize,
    /// Variables that get the value, `$` included.
    pub variables: Vec<String>,
    /// `=` instead of `:=`.
    pub is_assignment: bool,
    pub commands: Vec<Command>,
}

/// One stage of a pipeline: operands, the first of which may be a function.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub operands: Vec<Operand>,
    pub line: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operand {
    pub term: Term,
    /// `.A.B` behind the term.
    pub fields: Vec<String>,
    pub line: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    Dot,
    /// Of the dot; the names are the operand's fields.
    Field,
    Function(String),
    Literal(Value),
    Nil,
    Pipeline(Box<Pipeline>),
    Variable(String),
}

/// # Errors
/// What Go's own parser refuses, or what is not rendered here.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    let (tokens, error) = lexer::tokens(text);
    let mut parser = Parser { tokens, error, position: 0, variables: vec!["$".to_owned()], ranges: 0, depth: 0 };
    let (nodes, end) = parser.list(true)?;
    match end {
        ListEnd::Text => Ok(nodes),
        ListEnd::End(line) => Err(TemplateError::new(Stage::Parse, line, "unexpected {{end}}")),
        ListEnd::Else(line) => Err(TemplateError::new(Stage::Parse, line, "unexpected {{else}}")),
    }
}

/// Deeper ones are no command that anyone wrote.
const DEPTH: usize = 64;

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    /// What stopped the lexer, to be reported once the tokens before are used up.
    error: Option<TemplateError>,
    position: usize,
    variables: Vec<String>,
    /// How many `range` are open.
    ranges: usize,
    depth: usize,
}

/// What ended a list of nodes.
enum ListEnd {
    Text,
    End(usize),
    Else(usize),
}

impl<'a> Parser<'a> {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::new(Stage::Parse, self.line(), message))
    }

    /// Of the token that was taken last.
    fn line(&self) -> usize {
        self.tokens.get(self.position.saturating_sub(1)).map_or(1, |token| token.line)
    }

    fn peek(&self) -> Result<Token<'a>, TemplateError> {
        match self.tokens.get(self.position) {
            Some(token) => Ok(*token),
            None => Err(self
                .error
                .clone()
                .unwrap_or_else(|| TemplateError::new(Stage::Parse, self.line(), "unexpected EOF"))),
        }
    }

    fn next(&mut self) -> Result<Token<'a>, TemplateError> {
        let token = self.peek()?;
        self.position += 1;
        Ok(token)
    }

    fn peek_beyond_space(&mut self) -> Result<Token<'a>, TemplateError> {
        while self.peek()?.kind == Kind::Space {
            self.position += 1;
        }
        self.peek()
    }

    fn next_beyond_space(&mut self) -> Result<Token<'a>, TemplateError> {
        self.peek_beyond_space()?;
        self.next()
    }

    fn list(&mut self, is_top: bool) -> Result<(Vec<Node>, ListEnd), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            let token = self.next_beyond_space()?;
            match token.kind {
                Kind::End if is_top => return Ok((nodes, ListEnd::Text)),
                Kind::End => return self.fail("unexpected EOF"),
                Kind::Text => nodes.push(Node::Text(token.text.to_owned())),
                Kind::LeftDelimiter => {
                    let word = self.peek_beyond_space()?;
                    match (word.kind, word.text) {
                        (Kind::Keyword, "end") => {
                            self.next()?;
                            self.close("end")?;
                            return Ok((nodes, ListEnd::End(word.line)));
                        }
                        (Kind::Keyword, "else") => {
                            self.next()?;
                            let after = self.peek_beyond_space()?;
                            // `else if` and `else with` are left to the control that they belong to.
                            if !(after.kind == Kind::Keyword && matches!(after.text, "if" | "with")) {
                                self.close("else")?;
                            }
                            return Ok((nodes, ListEnd::Else(word.line)));
                        }
                        _ => nodes.push(self.action()?),
                    }
                }
                _ => return unexpected(&token, "input"),
            }
        }
    }

    fn close(&mut self, context: &str) -> Result<(), TemplateError> {
        let token = self.next_beyond_space()?;
        if token.kind == Kind::RightDelimiter { Ok(()) } else { unexpected(&token, context) }
    }

    fn action(&mut self) -> Result<Node, TemplateError> {
        let token = self.peek_beyond_space()?;
        if token.kind != Kind::Keyword {
            return Ok(Node::Action(self.pipeline("command", Kind::RightDelimiter)?));
        }
        self.next()?;
        match token.text {
            "break" | "continue" => {
                let action = format!("{{{{{}}}}}", token.text);
                self.close(&action)?;
                if self.ranges == 0 {
                    return self.fail(format!("{action} outside {{{{range}}}}"));
                }
                Ok(if token.text == "break" { Node::Break } else { Node::Continue })
            }
            "if" => Ok(Node::If(self.control("if")?)),
            "range" => Ok(Node::Range(self.control("range")?)),
            "with" => Ok(Node::With(self.control("with")?)),
            named => Err(TemplateError::new(
                Stage::Unsupported,
                token.line,
                format!("`{named}`: named templates are not rendered here"),
            )),
        }
    }

    fn control(&mut self, context: &'static str) -> Result<Control, TemplateError> {
        self.enter()?;
        let variables = self.variables.len();
        let pipeline = self.pipeline(context, Kind::RightDelimiter)?;
        let in_range = usize::from(context == "range");
        self.ranges += in_range;
        let (body, end) = self.list(false)?;
        self.ranges -= in_range;
        let otherwise = match end {
            ListEnd::Text | ListEnd::End(_) => None,
            ListEnd::Else(_) => {
                let token = self.peek_beyond_space()?;
                let is_chain = token.kind == Kind::Keyword && matches!(token.text, "if" | "with");
                if is_chain && token.text == context {
                    self.next()?;
                    let control = self.control(context)?;
                    Some(vec![if context == "if" { Node::If(control) } else { Node::With(control) }])
                } else if is_chain {
                    return unexpected(&token, "input");
                } else {
                    let (nodes, end) = self.list(false)?;
                    if let ListEnd::Else(line) = end {
                        return Err(TemplateError::new(Stage::Parse, line, "expected end; found {{else}}"));
                    }
                    Some(nodes)
                }
            }
        };
        self.variables.truncate(variables);
        self.depth -= 1;
        Ok(Control { pipeline, body, otherwise })
    }

    fn enter(&mut self) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            let message = format!("more than {DEPTH} levels are not rendered here");
            return Err(TemplateError::new(Stage::Unsupported, self.line(), message));
        }
        Ok(())
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipeline, TemplateError> {
        let line = self.peek_beyond_space()?.line;
        let mut pipeline = Pipeline { line, variables: Vec::new(), is_assignment: false, commands: Vec::new() };
        while self.peek_beyond_space()?.kind == Kind::Variable {
            let start = self.position;
            let variable = self.next()?.text.to_owned();
            let next = self.peek_beyond_space()?;
            match (next.kind, next.text) {
                (Kind::Assign | Kind::Declare, _) => {
                    self.next()?;
                    pipeline.is_assignment = next.kind == Kind::Assign;
                    self.variables.push(variable.clone());
                    pipeline.variables.push(variable);
                    break;
                }
                (Kind::Char, ",") => {
                    self.next()?;
                    self.variables.push(variable.clone());
                    pipeline.variables.push(variable);
                    if context != "range" || pipeline.variables.len() > 1 {
                        return self.fail(format!("too many declarations in {context}"));
                    }
                    let kind = self.peek_beyond_space()?.kind;
                    if !matches!(kind, Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis) {
                        return self.fail("range can only initialize variables");
                    }
                }
                _ => {
                    self.position = start;
                    break;
                }
            }
        }
        loop {
            let token = self.next_beyond_space()?;
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawText
                | Kind::QuotedText
                | Kind::Variable
                | Kind::LeftParenthesis => {
                    self.position -= 1;
                    let command = self.command()?;
                    pipeline.commands.push(command);
                }
                _ => return unexpected(&token, context),
            }
        }
        if pipeline.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in pipeline.commands.iter().enumerate().skip(1) {
            let first = &command.operands[0];
            if first.fields.is_empty() && matches!(first.term, Term::Dot | Term::Nil | Term::Literal(_)) {
                return self.fail(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(pipeline)
    }

    fn command(&mut self) -> Result<Command, TemplateError> {
        let line = self.peek_beyond_space()?.line;
        let mut operands = Vec::new();
        loop {
            self.peek_beyond_space()?;
            operands.extend(self.operand()?);
            let token = self.next()?;
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.position -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return unexpected(&token, "operand"),
            }
        }
        if operands.is_empty() {
            return self.fail("empty command");
        }
        Ok(Command { operands, line })
    }

    fn operand(&mut self) -> Result<Option<Operand>, TemplateError> {
        let token = self.peek()?;
        let Some(term) = self.term()? else { return Ok(None) };
        let mut fields = Vec::new();
        if term == Term::Field {
            fields.push(token.text[1..].to_owned());
        }
        while self.tokens.get(self.position).is_some_and(|token| token.kind == Kind::Field) {
            if matches!(term, Term::Dot | Term::Nil | Term::Literal(_)) {
                return self.fail(format!("unexpected . after term {:?}", token.text));
            }
            fields.push(self.next()?.text[1..].to_owned());
        }
        Ok(Some(Operand { term, fields, line: token.line }))
    }

    fn term(&mut self) -> Result<Option<Term>, TemplateError> {
        let token = self.next_beyond_space()?;
        let of_literal = |error| match error {
            LiteralError::Invalid(message) => TemplateError::new(Stage::Parse, token.line, message),
            LiteralError::Unsupported(message) => TemplateError::new(Stage::Unsupported, token.line, message),
        };
        Ok(Some(match token.kind {
            Kind::Identifier if !functions::is_known(token.text) => {
                return self.fail(format!("function {:?} not defined", token.text));
            }
            Kind::Identifier => Term::Function(token.text.to_owned()),
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable if !self.variables.iter().any(|known| known == token.text) => {
                return self.fail(format!("undefined variable {:?}", token.text));
            }
            Kind::Variable => Term::Variable(token.text.to_owned()),
            Kind::Field => Term::Field,
            Kind::Bool => Term::Literal(Value::Bool(token.text == "true")),
            Kind::CharConstant => Term::Literal(literal::character(token.text).map_err(of_literal)?),
            Kind::Number => Term::Literal(literal::number(token.text).map_err(of_literal)?),
            Kind::QuotedText => Term::Literal(Value::Text(literal::quoted(token.text).map_err(of_literal)?)),
            Kind::RawText => Term::Literal(Value::Text(literal::raw(token.text))),
            Kind::LeftParenthesis => {
                self.enter()?;
                let pipeline = self.pipeline("parenthesized pipeline", Kind::RightParenthesis)?;
                self.depth -= 1;
                Term::Pipeline(Box::new(pipeline))
            }
            _ => {
                self.position -= 1;
                return Ok(None);
            }
        }))
    }
}

fn unexpected<T>(token: &Token<'_>, context: &str) -> Result<T, TemplateError> {
    let shown = match token.kind {
        Kind::End => "EOF".to_owned(),
        Kind::Keyword | Kind::Dot | Kind::Nil => format!("<{}>", token.text),
        _ => format!("{:?}", token.text),
    };
    Err(TemplateError::new(Stage::Parse, token.line, format!("unexpected {shown} in {context}")))
}
