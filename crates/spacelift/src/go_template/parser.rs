//! Pieces into nodes.
//!
//! Source: Go `text/template/parse` `parse.go`.

use super::lexer::{Lexer, Piece, Token};
use super::{Stage, TemplateError};

pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    If(Control),
    Range(Control),
}

pub(super) struct Control {
    pub(super) pipeline: Pipeline,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

pub(super) struct Pipeline {
    pub(super) line: usize,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A term, and `.A.B` behind it.
pub(super) struct Operand {
    pub(super) term: Term,
    pub(super) fields: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    And,
    Eq,
    Ne,
    Not,
    Or,
    UrlQuery,
}

pub(super) enum Term {
    Bool(bool),
    Dot,
    Function(Function),
    Pipeline(Pipeline),
    Root,
    Text(String),
}

/// Go's functions and keywords that are not rendered here.
const UNSUPPORTED: [&str; 21] = [
    "block", "break", "call", "continue", "define", "ge", "gt", "html", "index", "js", "le", "len", "lt", "nil",
    "print", "printf", "println", "slice", "template", "with", "if",
];

/// Deeper ones are no command that anyone wrote.
const DEPTH: usize = 64;

/// # Errors
/// What Go's own parser refuses, or what is not rendered here.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser { lexer: Lexer::new(text), depth: 0 };
    match parser.list()? {
        (nodes, End::Text) => Ok(nodes),
        (_, End::Closed(line)) => Err(TemplateError::new(Stage::Parse, line, "unexpected {{end}}")),
        (_, End::Else(line, _)) => Err(TemplateError::new(Stage::Parse, line, "unexpected {{else}}")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
}

/// What ended a list of nodes.
enum End {
    Text,
    Closed(usize),
    /// The pipeline of an `else if`.
    Else(usize, Option<Pipeline>),
}

impl Parser<'_> {
    fn list(&mut self) -> Result<(Vec<Node>, End), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.lexer.next()? {
            let (tokens, line) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.to_owned()));
                    continue;
                }
                Piece::Action { tokens, line } => (tokens, line),
            };
            match tokens.as_slice() {
                [Token::Word("end")] => return Ok((nodes, End::Closed(line))),
                [Token::Word("else")] => return Ok((nodes, End::Else(line, None))),
                [Token::Word("else"), Token::Word("if"), rest @ ..] => {
                    return Ok((nodes, End::Else(line, Some(pipeline(rest, line)?))));
                }
                [Token::Word("end" | "else"), ..] => return unsupported(line, "a word behind `end` or `else`"),
                [Token::Word("if"), rest @ ..] => {
                    let pipeline = pipeline(rest, line)?;
                    nodes.push(Node::If(self.control(pipeline, true)?));
                }
                [Token::Word("range"), rest @ ..] => {
                    let pipeline = pipeline(rest, line)?;
                    nodes.push(Node::Range(self.control(pipeline, false)?));
                }
                tokens => nodes.push(Node::Action(pipeline(tokens, line)?)),
            }
        }
        Ok((nodes, End::Text))
    }

    fn control(&mut self, pipeline: Pipeline, is_if: bool) -> Result<Control, TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return unsupported(pipeline.line, "more than 64 levels");
        }
        let (body, end) = self.list()?;
        let otherwise = match end {
            End::Closed(_) => Vec::new(),
            End::Else(_, Some(inner)) if is_if => vec![Node::If(self.control(inner, true)?)],
            End::Else(line, Some(_)) => return unsupported(line, "`else if` of a `range`"),
            End::Else(_, None) => match self.list()? {
                (nodes, End::Closed(_)) => nodes,
                (_, End::Else(line, _)) => {
                    return Err(TemplateError::new(Stage::Parse, line, "expected {{end}}, found {{else}}"));
                }
                (_, End::Text) => return self.unexpected_end(),
            },
            End::Text => return self.unexpected_end(),
        };
        self.depth -= 1;
        Ok(Control { pipeline, body, otherwise })
    }

    fn unexpected_end<T>(&self) -> Result<T, TemplateError> {
        Err(TemplateError::new(Stage::Parse, self.lexer.line, "an {{end}} is missing"))
    }
}

fn unsupported<T>(line: usize, what: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::new(Stage::Unsupported, line, what))
}

fn refused<T>(line: usize, message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::new(Stage::Parse, line, message))
}

fn pipeline(tokens: &[Token<'_>], line: usize) -> Result<Pipeline, TemplateError> {
    let mut tokens = tokens.iter().copied().peekable();
    let pipeline = commands(&mut tokens, line, 0)?;
    match tokens.next() {
        None => Ok(pipeline),
        Some(_) => refused(line, "unexpected right parenthesis"),
    }
}

type Tokens<'t, 'a> = std::iter::Peekable<std::iter::Copied<std::slice::Iter<'t, Token<'a>>>>;

/// Up to the end, or to a closing parenthesis, which is left.
fn commands(tokens: &mut Tokens<'_, '_>, line: usize, depth: usize) -> Result<Pipeline, TemplateError> {
    if depth > DEPTH {
        return unsupported(line, "more than 64 levels");
    }
    let mut commands = Vec::new();
    let mut operands = Vec::new();
    while let Some(token) = tokens.next_if(|token| *token != Token::Close) {
        if token == Token::Pipe {
            if operands.is_empty() {
                return refused(line, "a pipe without a command");
            }
            commands.push(std::mem::take(&mut operands));
            continue;
        }
        operands.push(operand(token, tokens, line, depth)?);
    }
    // Go passes over a pipe at the end.
    if !operands.is_empty() {
        commands.push(operands);
    }
    if commands.is_empty() {
        return refused(line, "a value is missing");
    }
    let is_function = |command: &Vec<Operand>| matches!(command[0].term, Term::Function(_));
    if !commands[1..].iter().all(is_function) {
        return unsupported(line, "a pipe into something that is no function");
    }
    Ok(Pipeline { line, commands })
}

fn operand(token: Token<'_>, tokens: &mut Tokens<'_, '_>, line: usize, depth: usize) -> Result<Operand, TemplateError> {
    let mut fields = Vec::new();
    let term = match token {
        Token::Dot => Term::Dot,
        Token::Root => Term::Root,
        Token::Text(text) => Term::Text(text.to_owned()),
        Token::Field(name) => {
            fields.push(name.to_owned());
            Term::Dot
        }
        Token::Open => {
            let inner = commands(tokens, line, depth + 1)?;
            if tokens.next() != Some(Token::Close) {
                return refused(line, "unclosed left parenthesis");
            }
            Term::Pipeline(inner)
        }
        Token::Word("true") => Term::Bool(true),
        Token::Word("false") => Term::Bool(false),
        Token::Word(name) => Term::Function(function(name, line)?),
        Token::Chained(_) | Token::Close | Token::Pipe => return refused(line, "a value is missing"),
    };
    while let Some(Token::Chained(name)) = tokens.next_if(|token| matches!(token, Token::Chained(_))) {
        fields.push(name.to_owned());
    }
    Ok(Operand { term, fields })
}

fn function(name: &str, line: usize) -> Result<Function, TemplateError> {
    Ok(match name {
        "and" => Function::And,
        "eq" => Function::Eq,
        "ne" => Function::Ne,
        "not" => Function::Not,
        "or" => Function::Or,
        "urlquery" => Function::UrlQuery,
        name if UNSUPPORTED.contains(&name) => return unsupported(line, format!("`{name}`")),
        "else" | "end" | "range" => return refused(line, format!("unexpected `{name}`")),
        name => return refused(line, format!("function \"{name}\" not defined")),
    })
}
