//! The engine's arguments for a workflow command: one line of the template is one argument, and no shell reads it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::template::{RenderError, Template};
use airtight_provider::WorkflowCommand;

/// What Spacelift gives to a workflow command. A value that the command does not have is empty or false.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CommandValues {
    pub workspace_name: String,
    pub lock: bool,
    pub refresh: bool,
    pub plan_file: String,
    /// Resource addresses, as in `aws_instance.web["a"]`.
    pub targets: Vec<String>,
}

/// The name of a command's template, below the directory of templates: `commands/plan.tera`.
pub fn command_template(command: WorkflowCommand) -> String {
    format!("commands/{command}.tera")
}

/// Renders the arguments for the engine, its own command first. Lines without text are dropped.
///
/// `overrides` are templates of the image by their names ([`command_template`]).
///
/// # Errors
/// A value that would become more than one argument or none, or a flag that the engines see everywhere; a template that
/// is wrong or uses an unknown name.
pub fn command_arguments(
    command: WorkflowCommand,
    values: &CommandValues,
    overrides: &BTreeMap<String, String>,
) -> Result<Vec<String>, RenderError> {
    check(command, values)?;
    let name = command_template(command);
    let text = overrides.get(&name).map_or_else(|| built_in(command), String::as_str);
    let rendered = Template { name: &name, text, delimiters: tera::Delimiters::default() }.render(values)?;
    if rendered.contains('\0') {
        return Err(RenderError::Nul { template: name });
    }
    let arguments: Vec<String> = rendered.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    match arguments.iter().find(|argument| VERSION_FLAGS.contains(&argument.as_str())) {
        Some(argument) => Err(RenderError::VersionFlag { argument: argument.clone() }),
        None => Ok(arguments),
    }
}

const VERSION_FLAGS: [&str; 3] = ["--version", "-v", "-version"];

fn check(command: WorkflowCommand, values: &CommandValues) -> Result<(), RenderError> {
    use WorkflowCommand as Command;
    let names_workspace = matches!(command, Command::WorkspaceSelect | Command::WorkspaceNew);
    let names_plan = matches!(command, Command::Plan | Command::ShowPlan | Command::Apply);
    check_value("workspace name", &values.workspace_name, names_workspace)?;
    check_value("plan file", &values.plan_file, names_plan)?;
    values.targets.iter().try_for_each(|target| check_value("target", target, true))
}

fn check_value(value: &'static str, text: &str, needed: bool) -> Result<(), RenderError> {
    if text.contains(['\n', '\r', '\0']) {
        return Err(RenderError::LineBreak { value });
    }
    if text.trim().is_empty() && (needed || !text.is_empty()) {
        return Err(RenderError::NoText { value });
    }
    Ok(())
}

const fn built_in(command: WorkflowCommand) -> &'static str {
    match command {
        WorkflowCommand::Init => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/init.tera"))
        }
        WorkflowCommand::WorkspaceSelect => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/workspaceSelect.tera"))
        }
        WorkflowCommand::WorkspaceNew => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/workspaceNew.tera"))
        }
        WorkflowCommand::Plan => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/plan.tera"))
        }
        WorkflowCommand::ShowState => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/showState.tera"))
        }
        WorkflowCommand::ShowPlan => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/showPlan.tera"))
        }
        WorkflowCommand::GetOutputs => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/getOutputs.tera"))
        }
        WorkflowCommand::Apply => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/apply.tera"))
        }
        WorkflowCommand::Destroy => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/commands/destroy.tera"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> CommandValues {
        CommandValues {
            workspace_name: "production".to_owned(),
            lock: true,
            refresh: true,
            plan_file: "spacelift.plan".to_owned(),
            targets: Vec::new(),
        }
    }

    fn rendered(command: WorkflowCommand, values: &CommandValues) -> Vec<String> {
        command_arguments(command, values, &BTreeMap::new()).unwrap()
    }

    fn overridden(command: WorkflowCommand, text: &str) -> Result<Vec<String>, RenderError> {
        command_arguments(command, &values(), &BTreeMap::from([(command_template(command), text.to_owned())]))
    }

    #[test]
    fn renders_the_stock_commands() {
        let expected: &[(WorkflowCommand, &[&str])] = &[
            (WorkflowCommand::Init, &["init", "-input=false"]),
            (WorkflowCommand::WorkspaceSelect, &["workspace", "select", "production"]),
            (WorkflowCommand::WorkspaceNew, &["workspace", "new", "production"]),
            (WorkflowCommand::Plan, &["plan", "-input=false", "-lock=true", "-out=spacelift.plan"]),
            (WorkflowCommand::ShowState, &["show", "-json"]),
            (WorkflowCommand::ShowPlan, &["show", "-json", "spacelift.plan"]),
            (WorkflowCommand::GetOutputs, &["output", "-json"]),
            (WorkflowCommand::Apply, &["apply", "-auto-approve", "-input=false", "spacelift.plan"]),
            (WorkflowCommand::Destroy, &["destroy", "-auto-approve", "-input=false"]),
        ];
        assert_eq!(expected.len(), WorkflowCommand::ALL.len());
        for (command, arguments) in expected {
            assert_eq!(&rendered(*command, &values()), arguments);
        }
    }

    #[test]
    fn renders_every_flag_of_plan() {
        let values = CommandValues {
            lock: false,
            refresh: false,
            targets: vec!["a.b[\"x y\"]".to_owned(), "-destroy".to_owned()],
            ..values()
        };
        assert_eq!(
            rendered(WorkflowCommand::Plan, &values),
            [
                "plan",
                "-input=false",
                "-lock=false",
                "-refresh=false",
                "-out=spacelift.plan",
                "-target=a.b[\"x y\"]",
                "-target=-destroy"
            ]
        );
    }

    #[test]
    fn a_leading_dash_never_makes_a_flag() {
        let values = CommandValues { workspace_name: "-x".to_owned(), plan_file: "-no-color".to_owned(), ..values() };
        assert_eq!(rendered(WorkflowCommand::WorkspaceSelect, &values), ["workspace", "select", "--", "-x"]);
        assert_eq!(rendered(WorkflowCommand::WorkspaceNew, &values), ["workspace", "new", "--", "-x"]);
        assert_eq!(rendered(WorkflowCommand::Plan, &values)[3], "-out=-no-color");
        assert_eq!(rendered(WorkflowCommand::ShowPlan, &values)[2], "./-no-color");
        assert_eq!(rendered(WorkflowCommand::Apply, &values)[3], "./-no-color");
    }

    #[test]
    fn refuses_values_that_are_no_single_argument() {
        for text in ["a\nb", "a\r", "\0"] {
            for values in [
                CommandValues { workspace_name: text.to_owned(), ..values() },
                CommandValues { plan_file: text.to_owned(), ..values() },
                CommandValues { targets: vec![text.to_owned()], ..values() },
            ] {
                let error = command_arguments(WorkflowCommand::Plan, &values, &BTreeMap::new()).unwrap_err();
                assert!(matches!(error, RenderError::LineBreak { .. }), "{error}");
            }
        }
        for text in ["", "  ", "\u{2028}"] {
            let values = CommandValues { plan_file: text.to_owned(), ..values() };
            let error = command_arguments(WorkflowCommand::Apply, &values, &BTreeMap::new()).unwrap_err();
            assert_eq!(error.to_string(), "the plan file has no text");
        }
    }

    #[test]
    fn refuses_what_the_engines_take_for_their_version_flag() {
        for text in VERSION_FLAGS {
            let values = CommandValues {
                workspace_name: text.to_owned(),
                plan_file: text.to_owned(),
                targets: vec![text.to_owned()],
                ..values()
            };
            for command in [WorkflowCommand::WorkspaceSelect, WorkflowCommand::WorkspaceNew] {
                let error = command_arguments(command, &values, &BTreeMap::new()).unwrap_err();
                assert!(matches!(&error, RenderError::VersionFlag { argument } if argument == text), "{error}");
            }
            for command in [WorkflowCommand::Plan, WorkflowCommand::ShowPlan, WorkflowCommand::Apply] {
                assert!(!rendered(command, &values).iter().any(|argument| argument == text), "{command}");
            }
        }
    }

    #[test]
    fn an_image_replaces_a_single_template() {
        let arguments = overridden(
            WorkflowCommand::Apply,
            "apply\r\n  \n{% for target in targets %}{{ target }}{% endfor %}\n-parallelism=1\n{{ plan_file }}",
        );
        assert_eq!(arguments.unwrap(), ["apply", "-parallelism=1", "spacelift.plan"]);
    }

    #[test]
    fn a_wrong_template_is_named() {
        for text in
            ["plan\n{{ missing }}", "plan\n{% if missing %}-destroy{% endif %}", "{% if not missing %}x{% endif %}"]
        {
            let error = overridden(WorkflowCommand::Plan, text).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the template `commands/plan.tera` uses the unknown name `missing`; known are `workspace_name`, \
                 `lock`, `refresh`, `plan_file`, `targets`"
            );
        }
        for text in ["{% if %}", "{{ plan_file | nothing }}", "{% include \"/etc/passwd\" %}", "{{ plan_file.a.b }}"] {
            let error = overridden(WorkflowCommand::Plan, text).unwrap_err();
            assert!(error.to_string().starts_with("the template `commands/plan.tera` is wrong: "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_value_is_one_argument_as_it_is(text in "[^\n\r\0]*[^\\s\0][^\n\r\0]*") {
            prop_assume!(!VERSION_FLAGS.contains(&text.as_str()));
            let values = CommandValues {
                workspace_name: text.clone(), plan_file: text.clone(), targets: vec![text.clone(); 2], ..values()
            };
            let plan = rendered(WorkflowCommand::Plan, &values);
            let target = format!("-target={text}");
            prop_assert_eq!(&plan[3..], &[format!("-out={text}"), target.clone(), target]);
            prop_assert_eq!(rendered(WorkflowCommand::WorkspaceNew, &values).pop(), Some(text.clone()));
            let apply = rendered(WorkflowCommand::Apply, &values);
            prop_assert_eq!(apply.len(), 4);
            prop_assert_eq!(&apply[3], &if text.starts_with('-') { format!("./{text}") } else { text });
        }
    }
}
