//! Nodes and values into text.
//!
//! Source: Go `text/template` `exec.go`, `funcs.go`.

use super::parse::{Control, Node, Operand, Pipeline};
use super::{Function, Stage, TemplateError, Values, failed, variables};
use airtight_provider::WorkflowCommand;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Bool(bool),
    List(Vec<String>),
    /// The command's variables as a whole; of which Go type they are, Spacelift does not document.
    Root,
    Text(String),
}

impl Value {
    /// By the rules of `if`: empty is false.
    fn is_true(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::List(items) => !items.is_empty(),
            Self::Root => true,
            Self::Text(text) => !text.is_empty(),
        }
    }

    fn printed(&self, line: usize) -> Result<String, TemplateError> {
        match self {
            Self::Bool(value) => Ok(value.to_string()),
            Self::List(items) => Ok(format!("[{}]", items.join(" "))),
            Self::Root => failed(Stage::Unsupported, line, "`.` as a whole, which Spacelift does not document"),
            Self::Text(text) => Ok(text.clone()),
        }
    }
}

/// What the variables of a template are taken from.
pub(super) struct Root<'a> {
    pub(super) command: WorkflowCommand,
    pub(super) values: &'a Values<'a>,
}

impl Root<'_> {
    /// # Errors
    /// What Go reports for these values, or what is not rendered here.
    pub(super) fn print(&self, nodes: &[Node]) -> Result<String, TemplateError> {
        let mut printed = String::new();
        self.list(nodes, &Value::Root, &mut printed)?;
        Ok(printed)
    }

    fn list(&self, nodes: &[Node], dot: &Value, printed: &mut String) -> Result<(), TemplateError> {
        for node in nodes {
            match node {
                Node::Text(text) => printed.push_str(text),
                Node::Action(pipeline) => printed.push_str(&self.value(pipeline, dot)?.printed(pipeline.line)?),
                Node::If(Control { pipeline, body, otherwise }) => {
                    let chosen = if self.value(pipeline, dot)?.is_true() { body } else { otherwise };
                    self.list(chosen, dot, printed)?;
                }
                Node::Range(Control { pipeline, body, otherwise }) => match self.value(pipeline, dot)? {
                    Value::List(items) if items.is_empty() => self.list(otherwise, dot, printed)?,
                    Value::List(items) => {
                        for item in items {
                            self.list(body, &Value::Text(item), printed)?;
                        }
                    }
                    _ => return failed(Stage::Unsupported, pipeline.line, "`range` over something that is no list"),
                },
            }
        }
        Ok(())
    }

    fn value(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let line = pipeline.line;
        let mut piped = None;
        for command in &pipeline.commands {
            let [first, arguments @ ..] = command.as_slice() else { continue };
            piped = Some(match first {
                Operand::Function(function) => self.call(function, arguments, piped, dot, line)?,
                _ if arguments.is_empty() => self.operand(first, dot, line)?,
                _ => return failed(Stage::Execute, line, "can't give argument to non-function"),
            });
        }
        piped.map_or_else(|| failed(Stage::Execute, line, "a value is missing"), Ok)
    }

    fn operand(&self, operand: &Operand, dot: &Value, line: usize) -> Result<Value, TemplateError> {
        let (mut value, names) = match operand {
            Operand::Bool(value) => return Ok(Value::Bool(*value)),
            Operand::Function(function) => return self.call(function, &[], None, dot, line),
            Operand::Pipeline(pipeline) => return self.value(pipeline, dot),
            Operand::Text(text) => return Ok(Value::Text(text.clone())),
            Operand::Path { is_root: true, names } => (Value::Root, names),
            Operand::Path { is_root: false, names } => (dot.clone(), names),
        };
        for name in names {
            value = match value {
                Value::Root => self.variable(name, line)?,
                _ => {
                    return failed(
                        Stage::Execute,
                        line,
                        format!("can't evaluate field {name}: only the command's variables have fields"),
                    );
                }
            };
        }
        Ok(value)
    }

    fn variable(&self, name: &str, line: usize) -> Result<Value, TemplateError> {
        let known = variables(self.command);
        if !known.contains(&name) {
            let known = if known.is_empty() { "none".to_owned() } else { format!(".{}", known.join(", .")) };
            let command = self.command;
            return failed(
                Stage::Execute,
                line,
                format!("can't evaluate field {name}: `{command}` has no such variable (it has {known})"),
            );
        }
        let values = self.values;
        Ok(match name {
            "Lock" => Value::Bool(values.lock),
            "PlanFileName" => Value::Text(values.plan_file_name.to_owned()),
            "Refresh" => Value::Bool(values.refresh),
            "Targets" => Value::List(values.targets.to_vec()),
            _ => Value::Text(values.workspace_name.to_owned()),
        })
    }

    fn call(
        &self,
        function: &Function,
        operands: &[Operand],
        piped: Option<Value>,
        dot: &Value,
        line: usize,
    ) -> Result<Value, TemplateError> {
        let count = operands.len() + usize::from(piped.is_some());
        if !function.takes.contains(&count) {
            return failed(Stage::Execute, line, format!("wrong number of arguments: {count}"));
        }
        let mut arguments = Vec::with_capacity(count);
        for operand in operands {
            let value = self.operand(operand, dot, line)?;
            // What follows is not evaluated.
            let decides = matches!((function.name, value.is_true()), ("and", false) | ("or", true));
            arguments.push(value);
            if decides {
                return Ok(arguments.swap_remove(arguments.len() - 1));
            }
        }
        arguments.extend(piped);
        match function.name {
            "and" | "or" => arguments.pop().map_or_else(|| failed(Stage::Execute, line, "a value is missing"), Ok),
            "not" => Ok(Value::Bool(!arguments.iter().any(Value::is_true))),
            "eq" => equals_any(&arguments, line).map(Value::Bool),
            "ne" => Ok(Value::Bool(!equals_any(&arguments, line)?)),
            _ => match arguments.as_slice() {
                [value] => Ok(Value::Text(urlquery(&value.printed(line)?))),
                _ => failed(Stage::Unsupported, line, "`urlquery` of several values"),
            },
        }
    }
}

fn equals_any(arguments: &[Value], line: usize) -> Result<bool, TemplateError> {
    let [first, others @ ..] = arguments else {
        return failed(Stage::Execute, line, "missing argument for comparison");
    };
    if others.is_empty() {
        return failed(Stage::Execute, line, "missing argument for comparison");
    }
    for other in others {
        let is_equal = match (first, other) {
            (Value::Bool(one), Value::Bool(two)) => one == two,
            (Value::Text(one), Value::Text(two)) => one == two,
            (Value::Bool(_), Value::Text(_)) | (Value::Text(_), Value::Bool(_)) => {
                return failed(Stage::Execute, line, "incompatible types for comparison");
            }
            _ => return failed(Stage::Unsupported, line, "a comparison of lists"),
        };
        if is_equal {
            return Ok(true);
        }
    }
    Ok(false)
}
fn urlquery(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}
