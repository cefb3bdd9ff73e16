//! The template language of workflow files: Go's `text/template`, rendered as Go does.
//!
//! Rendered is what Spacelift documents for workflow files: texts, fields, `if`, `else`, `range`, `end`, pipelines, `not`, `and`,
//! `or`, `eq`, `ne` and `urlquery`. Everything else is refused by name, never rendered in another way.
//! `tests/fixtures/go_template` holds what Go itself printed.
//!
//! Source: Go 1.26, `text/template`, its documentation and `parse`. Documented by Spacelift: the variables of each
//! command. Inferred: that `.Targets` is a list of texts; that no functions are added to Go's own; that a variable which
//! is not documented for a command is not there.

mod execute;
mod parse;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use airtight_provider::WorkflowCommand;

/// What Spacelift puts into a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a> {
    /// Whether the state is to be locked.
    pub lock: bool,
    pub refresh: bool,
    /// The plan file's name, below the project root.
    pub plan_file_name: &'a str,
    /// Addresses; those of a targeted replan, else none.
    pub targets: &'a [String],
    pub workspace_name: &'a str,
}

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {}{message}", if *stage == Stage::Unsupported { "not rendered here: " } else { "" })]
pub struct TemplateError {
    pub stage: Stage,
    /// From 1, within the template.
    pub line: usize,
    /// What is wrong, or for [`Stage::Unsupported`] what is not rendered here.
    pub message: String,
}

/// When the error comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Go refuses the template itself.
    Parse,
    /// Go fails with these values.
    Execute,
    /// Go may render it; this program does not, or the outcome depends on what Spacelift does not document.
    Unsupported,
}

/// The variables that Spacelift documents for a command.
pub const fn variables(command: WorkflowCommand) -> &'static [&'static str] {
    match command {
        WorkflowCommand::Plan => &["Lock", "PlanFileName", "Refresh", "Targets"],
        WorkflowCommand::WorkspaceSelect | WorkflowCommand::WorkspaceNew => &["WorkspaceName"],
        WorkflowCommand::ShowPlan | WorkflowCommand::Apply => &["PlanFileName"],
        WorkflowCommand::Init | WorkflowCommand::ShowState | WorkflowCommand::GetOutputs | WorkflowCommand::Destroy => {
            &[]
        }
    }
}

/// Renders a command's text.
///
/// # Errors
/// Go would refuse the template, or fail to execute it, or this program does not know what Go would print.
pub fn render(command: WorkflowCommand, text: &str, values: &Values<'_>) -> Result<String, TemplateError> {
    let nodes = parse::parse(text)?;
    execute::Root { command, values }.print(&nodes)
}

/// One of Go's functions, with how many arguments it takes.
struct Function {
    name: &'static str,
    takes: RangeInclusive<usize>,
}

const FUNCTIONS: &[Function] = &[
    Function { name: "and", takes: 1..=usize::MAX },
    Function { name: "eq", takes: 1..=usize::MAX },
    Function { name: "ne", takes: 2..=2 },
    Function { name: "not", takes: 1..=1 },
    Function { name: "or", takes: 1..=usize::MAX },
    Function { name: "urlquery", takes: 0..=usize::MAX },
];

fn failed<T>(stage: Stage, line: usize, message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError { stage, line, message: message.into() })
}
