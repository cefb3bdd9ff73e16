//! A template's text into nodes.
//!
//! Source: Go `text/template/parse` `lex.go`, `parse.go`.

use super::{FUNCTIONS, Function, Stage, TemplateError, failed};

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
    /// None is empty.
    pub(super) commands: Vec<Vec<Operand>>,
}

pub(super) enum Operand {
    Bool(bool),
    Function(&'static Function),
    /// `.`, `.A.B`, `$` or `$.A`.
    Path {
        is_root: bool,
        names: Vec<String>,
    },
    Pipeline(Pipeline),
    Text(String),
}

/// Go's other functions and keywords.
const UNSUPPORTED: [&str; 21] = [
    "block", "break", "call", "continue", "define", "ge", "gt", "html", "index", "js", "le", "len", "lt", "nil",
    "print", "printf", "println", "slice", "template", "with", "if",
];
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
/// Deeper ones are no command that anyone wrote.
const DEPTH: usize = 64;

/// # Errors
/// What Go's own parser refuses, or what is not rendered here.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser { text, position: 0, depth: 0 };
    match parser.list()? {
        (nodes, End::Text) => Ok(nodes),
        (_, End::Closed(line)) => failed(Stage::Parse, line, "unexpected {{end}}"),
        (_, End::Else(line, _)) => failed(Stage::Parse, line, "unexpected {{else}}"),
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
}

/// What ended a list of nodes.
enum End {
    Text,
    Closed(usize),
    /// The pipeline of an `else if`.
    Else(usize, Option<Pipeline>),
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn line(&self) -> usize {
        self.text[..self.position].matches('\n').count() + 1
    }

    fn fail<T>(&self, stage: Stage, message: &str) -> Result<T, TemplateError> {
        failed(stage, self.line(), message)
    }

    fn list(&mut self) -> Result<(Vec<Node>, End), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            let rest = self.rest();
            let Some(start) = rest.find("{{") else {
                self.position = self.text.len();
                nodes.push(Node::Text(rest.to_owned()));
                return Ok((nodes, End::Text));
            };
            let is_trimmed = rest[start + 2..].strip_prefix('-').is_some_and(|after| after.starts_with(SPACES));
            let before = &rest[..start];
            nodes.push(Node::Text(if is_trimmed { before.trim_end_matches(SPACES) } else { before }.to_owned()));
            self.position += start + if is_trimmed { 4 } else { 2 };
            if self.rest().starts_with("/*") {
                self.comment()?;
                continue;
            }
            let (tokens, line) = self.tokens()?;
            match tokens.as_slice() {
                ["end"] => return Ok((nodes, End::Closed(line))),
                ["else"] => return Ok((nodes, End::Else(line, None))),
                ["else", "if", rest @ ..] => return Ok((nodes, End::Else(line, Some(pipeline(rest, line)?)))),
                ["end" | "else", ..] => return failed(Stage::Unsupported, line, "a word behind `end` or `else`"),
                ["if", rest @ ..] => nodes.push(Node::If(self.control(pipeline(rest, line)?, true)?)),
                ["range", rest @ ..] => nodes.push(Node::Range(self.control(pipeline(rest, line)?, false)?)),
                tokens => nodes.push(Node::Action(pipeline(tokens, line)?)),
            }
        }
    }

    fn control(&mut self, pipeline: Pipeline, is_if: bool) -> Result<Control, TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return failed(Stage::Unsupported, pipeline.line, "more than 64 levels");
        }
        let (body, end) = self.list()?;
        let otherwise = match end {
            End::Closed(_) => Vec::new(),
            End::Else(_, Some(inner)) if is_if => vec![Node::If(self.control(inner, true)?)],
            End::Else(line, Some(_)) => return failed(Stage::Unsupported, line, "`else if` of a `range`"),
            End::Else(_, None) => match self.list()? {
                (nodes, End::Closed(_)) => nodes,
                (_, End::Else(line, _)) => return failed(Stage::Parse, line, "expected {{end}}, found {{else}}"),
                (_, End::Text) => return self.fail(Stage::Parse, "an {{end}} is missing"),
            },
            End::Text => return self.fail(Stage::Parse, "an {{end}} is missing"),
        };
        self.depth -= 1;
        Ok(Control { pipeline, body, otherwise })
    }

    fn comment(&mut self) -> Result<(), TemplateError> {
        let Some(end) = self.rest().find("*/") else { return self.fail(Stage::Parse, "unclosed comment") };
        let line = self.line();
        self.position += end + 2;
        if self.close() { Ok(()) } else { failed(Stage::Parse, line, "comment ends before closing delimiter") }
    }

    /// Passes the right delimiter, if it is next, and the white space that it trims.
    fn close(&mut self) -> bool {
        let rest = self.rest();
        if let Some(after) = rest.strip_prefix(SPACES).and_then(|rest| rest.strip_prefix("-}}")) {
            self.position = self.text.len() - after.trim_start_matches(SPACES).len();
            return true;
        }
        let is_closed = rest.starts_with("}}");
        self.position += if is_closed { 2 } else { 0 };
        is_closed
    }

    /// The words and signs of an action, with the line of the first.
    fn tokens(&mut self) -> Result<(Vec<&'a str>, usize), TemplateError> {
        let mut tokens = Vec::new();
        let mut line = None;
        let mut is_spaced = true;
        loop {
            let here = self.line();
            if self.close() {
                return Ok((tokens, line.unwrap_or(here)));
            }
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return self.fail(Stage::Parse, "unclosed action") };
            if SPACES.contains(&first) {
                self.position += 1;
                is_spaced = true;
                continue;
            }
            line.get_or_insert(here);
            if !is_spaced && !matches!(first, ')' | '|') && !matches!(tokens.last(), None | Some(&("(" | "|"))) {
                return self.fail(Stage::Unsupported, "two values without a space between them");
            }
            is_spaced = false;
            let length = match first {
                '(' | ')' | '|' => 1,
                '"' | '`' => {
                    let Some(end) = rest[1..].find(first) else {
                        return self.fail(Stage::Parse, "unterminated quoted string");
                    };
                    if rest[..=end].contains(if first == '"' { ['\\', '\n'] } else { ['\r', '\r'] }) {
                        return self.fail(Stage::Unsupported, "a text with a backslash or a line break");
                    }
                    end + 2
                }
                _ => rest.find(|sign: char| !is_part(sign) && sign != '.' && sign != '$').unwrap_or(rest.len()),
            };
            if length == 0 {
                return self.fail(Stage::Unsupported, "numbers, variables and operators");
            }
            tokens.push(&rest[..length]);
            self.position += length;
        }
    }
}

fn is_part(sign: char) -> bool {
    sign == '_' || sign.is_alphanumeric()
}

fn pipeline(tokens: &[&str], line: usize) -> Result<Pipeline, TemplateError> {
    let mut tokens = tokens.iter().copied().peekable();
    let pipeline = commands(&mut tokens, line, 0)?;
    match tokens.next() {
        None => Ok(pipeline),
        Some(_) => failed(Stage::Parse, line, "unexpected right parenthesis"),
    }
}

type Tokens<'t, 'a> = std::iter::Peekable<std::iter::Copied<std::slice::Iter<'t, &'a str>>>;

/// Up to the end, or to a closing parenthesis, which is left.
fn commands(tokens: &mut Tokens<'_, '_>, line: usize, depth: usize) -> Result<Pipeline, TemplateError> {
    if depth > DEPTH {
        return failed(Stage::Unsupported, line, "more than 64 levels");
    }
    let mut commands = vec![Vec::new()];
    while let Some(token) = tokens.next_if(|token| *token != ")") {
        match commands.last_mut() {
            Some(operands) if token != "|" => operands.push(operand(token, tokens, line, depth)?),
            Some(operands) if operands.is_empty() => return failed(Stage::Parse, line, "a pipe without a command"),
            _ => commands.push(Vec::new()),
        }
    }
    // Go passes over a pipe at the end.
    commands.retain(|operands| !operands.is_empty());
    if commands.is_empty() {
        return failed(Stage::Parse, line, "a value is missing");
    }
    if !commands[1..].iter().all(|command| matches!(command[0], Operand::Function(_))) {
        return failed(Stage::Unsupported, line, "a pipe into something that is no function");
    }
    Ok(Pipeline { line, commands })
}

fn operand(token: &str, tokens: &mut Tokens<'_, '_>, line: usize, depth: usize) -> Result<Operand, TemplateError> {
    if token == "(" {
        let inner = commands(tokens, line, depth + 1)?;
        return match tokens.next() {
            Some(_) => Ok(Operand::Pipeline(inner)),
            None => failed(Stage::Parse, line, "unclosed left parenthesis"),
        };
    }
    if let Some(text) = token.strip_prefix(['"', '`']) {
        return Ok(Operand::Text(text[..text.len() - 1].to_owned()));
    }
    let path = token.strip_prefix('$').unwrap_or(token);
    let is_root = path.len() < token.len();
    if path.is_empty() || path == "." && !is_root {
        return Ok(Operand::Path { is_root, names: Vec::new() });
    }
    if let Some(names) = path.strip_prefix('.') {
        let is_name =
            |name: &str| name.starts_with(|first| is_part(first) && !first.is_numeric()) && !name.contains('$');
        return if names.split('.').all(is_name) {
            Ok(Operand::Path { is_root, names: names.split('.').map(str::to_owned).collect() })
        } else {
            failed(Stage::Unsupported, line, "a number, or a period that no name follows")
        };
    }
    match token {
        "true" | "false" => Ok(Operand::Bool(token == "true")),
        "else" | "end" | "range" => failed(Stage::Parse, line, format!("unexpected `{token}`")),
        _ if UNSUPPORTED.contains(&token) => failed(Stage::Unsupported, line, format!("`{token}`")),
        _ if token.contains(['.', '$']) || token.starts_with(char::is_numeric) => {
            failed(Stage::Unsupported, line, "numbers, variables and operators")
        }
        _ => match FUNCTIONS.iter().find(|function| function.name == token) {
            Some(function) => Ok(Operand::Function(function)),
            None => failed(Stage::Parse, line, format!("function \"{token}\" not defined")),
        },
    }
}
