//! Nodes and values into text.

use super::functions;
use super::parser::{Command, Control, Node, Operand, Pipeline, Term};
use super::value::Value;
use super::{Stage, TemplateError, Values, variables};
use airtight_provider::WorkflowCommand;

/// What the variables of a template are taken from.
pub(super) struct Root<'a> {
    pub command: WorkflowCommand,
    pub values: &'a Values<'a>,
}

/// # Errors
/// What Go reports for these values, or what is not rendered here.
pub(super) fn execute(nodes: &[Node], root: &Root<'_>) -> Result<String, TemplateError> {
    let mut run = Run { root, variables: vec![("$".to_owned(), Value::Root)], printed: String::new() };
    run.list(nodes, &Value::Root)?;
    Ok(run.printed)
}

struct Run<'a> {
    root: &'a Root<'a>,
    /// The innermost last.
    variables: Vec<(String, Value)>,
    printed: String,
}

/// How a list of nodes ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

fn fail<T>(line: usize, message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::new(Stage::Execute, line, message))
}

impl Run<'_> {
    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    self.printed.push_str(text);
                    Flow::On
                }
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.print(&value, pipeline.line)?;
                    }
                    Flow::On
                }
                Node::If(control) => self.branch(control, dot, dot)?,
                Node::With(control) => self.with(control, dot)?,
                Node::Range(control) => self.range(control, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Value, line: usize) -> Result<(), TemplateError> {
        let text = match value {
            Value::Nil => "<no value>".to_owned(),
            value => value.printed().ok_or_else(|| of_root(line))?,
        };
        self.printed.push_str(&text);
        Ok(())
    }

    fn with(&mut self, control: &Control, dot: &Value) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let value = self.pipeline(&control.pipeline, dot)?;
        let flow = self.chosen(control, value.is_true(), &value, dot);
        self.variables.truncate(mark);
        flow
    }

    fn branch(&mut self, control: &Control, inside: &Value, dot: &Value) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let is_true = self.pipeline(&control.pipeline, dot)?.is_true();
        let flow = self.chosen(control, is_true, inside, dot);
        self.variables.truncate(mark);
        flow
    }

    fn chosen(&mut self, control: &Control, is_true: bool, inside: &Value, dot: &Value) -> Result<Flow, TemplateError> {
        if is_true {
            return self.list(&control.body, inside);
        }
        control.otherwise.as_ref().map_or(Ok(Flow::On), |nodes| self.list(nodes, dot))
    }

    fn range(&mut self, control: &Control, dot: &Value) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let Pipeline { line, variables, .. } = &control.pipeline;
        let value = self.pipeline(&control.pipeline, dot)?;
        let items: Vec<(Value, Value)> = match value {
            Value::List(items) => {
                (0_i64..).zip(items).map(|(index, item)| (Value::Int(index), Value::Text(item))).collect()
            }
            Value::Int(_) | Value::Byte(_) if variables.len() > 1 => {
                return fail(*line, format!("can't use {} to iterate over more than one variable", shown(&value)));
            }
            Value::Int(count) if count > COUNT => {
                let message = format!("more than {COUNT} rounds are not rendered here");
                return Err(TemplateError::new(Stage::Unsupported, *line, message));
            }
            Value::Int(count) => (0..count).map(|number| (Value::Nil, Value::Int(number))).collect(),
            Value::Byte(count) => (0..count).map(|number| (Value::Nil, Value::Byte(number))).collect(),
            Value::Nil => Vec::new(),
            Value::Root => return Err(of_root(*line)),
            value => return fail(*line, format!("range can't iterate over {}", shown(&value))),
        };
        let is_empty = items.is_empty();
        let body = self.variables.len();
        for (index, item) in items {
            match &variables[..] {
                [] => {}
                [name] => self.set(name, &item, control, body, 1)?,
                [first, second, ..] => {
                    self.set(first, &index, control, body, 2)?;
                    self.set(second, &item, control, body, 1)?;
                }
            }
            let flow = self.list(&control.body, &item)?;
            self.variables.truncate(body);
            if flow == Flow::Break {
                break;
            }
        }
        let flow = match &control.otherwise {
            Some(nodes) if is_empty => self.list(nodes, dot)?,
            _ => Flow::On,
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    /// Sets a variable of `range`, which stands so far below the top of those declared before the body.
    fn set(
        &mut self,
        name: &str,
        value: &Value,
        control: &Control,
        body: usize,
        below: usize,
    ) -> Result<(), TemplateError> {
        if control.pipeline.is_assignment {
            return self.assign(name, value.clone(), control.pipeline.line);
        }
        if let Some(variable) = body.checked_sub(below).and_then(|index| self.variables.get_mut(index)) {
            variable.1 = value.clone();
        }
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Value, line: usize) -> Result<(), TemplateError> {
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => fail(line, format!("undefined variable: {name}")),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipeline.variables {
            if pipeline.is_assignment {
                self.assign(name, value.clone(), pipeline.line)?;
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    /// `last` is the value of the stage before, the last argument of this one.
    fn command(&mut self, command: &Command, dot: &Value, last: Option<Value>) -> Result<Value, TemplateError> {
        let (first, arguments) = (&command.operands[0], &command.operands[1..]);
        if let (Term::Function(name), true) = (&first.term, first.fields.is_empty()) {
            return self.call(name, arguments, dot, last, first.line);
        }
        let has_arguments = !arguments.is_empty() || last.is_some();
        if has_arguments {
            // What is not there is found before its arguments are.
            if !first.fields.is_empty() || matches!(first.term, Term::Variable(_)) {
                self.operand(first, dot)?;
            }
            return fail(
                first.line,
                match first.fields.last() {
                    Some(name) => format!("{name} has arguments but cannot be invoked as function"),
                    None => "can't give argument to non-function".to_owned(),
                },
            );
        }
        if first.term == Term::Nil {
            return fail(first.line, "nil is not a command");
        }
        self.operand(first, dot)
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &[Operand],
        dot: &Value,
        last: Option<Value>,
        line: usize,
    ) -> Result<Value, TemplateError> {
        functions::check_count(name, arguments.len(), last.is_some()).or_else(|message| fail(line, message))?;
        if matches!(name, "and" | "or") {
            let mut value = Value::Nil;
            for argument in arguments {
                value = self.operand(argument, dot)?;
                if value.is_true() == (name == "or") {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(argument, dot)?);
        }
        values.extend(last);
        functions::call(name, &values).map_err(|error| TemplateError::new(error.stage, line, error.message))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, TemplateError> {
        let line = operand.line;
        let mut value = match &operand.term {
            Term::Dot | Term::Field => dot.clone(),
            Term::Function(name) => self.call(name, &[], dot, None, line)?,
            Term::Literal(value) => value.clone(),
            Term::Nil => Value::Nil,
            Term::Pipeline(pipeline) => self.pipeline(pipeline, dot)?,
            Term::Variable(name) => match self.variables.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => value.clone(),
                None => return fail(line, format!("undefined variable: {name}")),
            },
        };
        for name in &operand.fields {
            value = match value {
                Value::Root => self.root.field(name, line)?,
                // Go gives the zero value of nothing.
                Value::Nil => Value::Nil,
                value => return fail(line, format!("can't evaluate field {name} in type {}", value.type_name())),
            };
        }
        Ok(value)
    }
}

/// Templates of commands do not count further.
const COUNT: i64 = 10_000;

impl Root<'_> {
    fn field(&self, name: &str, line: usize) -> Result<Value, TemplateError> {
        let known = variables(self.command);
        if !known.contains(&name) {
            let known = if known.is_empty() { "none".to_owned() } else { format!(".{}", known.join(", .")) };
            let command = self.command;
            return fail(
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
}

fn of_root(line: usize) -> TemplateError {
    TemplateError::new(Stage::Unsupported, line, "what `.` is as a whole, Spacelift does not document")
}

fn shown(value: &Value) -> String {
    value.printed().unwrap_or_default()
}
