//! `.spacelift/workflow.yml`: the nine commands of the custom workflow tool.
//!
//! Spacelift loads it before any hook runs, and refuses it where a command is missing or empty; commands may come with
//! later releases, so unknown keys are no error here.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_yaml::{Mapping, Value};

use super::Problem;
use crate::domain::WorkflowCommand;
use crate::finding::Place;

/// Larger files are none: Spacelift mounts no file above 2 MB.
pub const LIMIT_BYTES: u64 = 2 * 1024 * 1024;

/// A workflow file as it is, complete or not. Lists keep the order of [`WorkflowCommand::ALL`], or the file's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workflow {
    /// With Spacelift's placeholders; never empty.
    pub commands: BTreeMap<WorkflowCommand, String>,
    pub missing: Vec<WorkflowCommand>,
    /// There, without text.
    pub empty: Vec<WorkflowCommand>,
    /// There, but a list, a mapping or a number; an unquoted value that starts with `{{` is a mapping to YAML.
    pub not_text: Vec<WorkflowCommand>,
    pub unknown: Vec<String>,
}

impl Workflow {
    /// Whether Spacelift would load it.
    pub fn is_complete(&self) -> bool {
        self.commands.len() == WorkflowCommand::ALL.len()
    }
}

/// Reads the text of a workflow file; `path` is for the problem's place.
///
/// # Errors
/// The text is no YAML mapping, or has a key twice.
pub fn parse(path: &Utf8Path, text: &str) -> Result<Workflow, Problem> {
    let value: Value = serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map_or_else(
            || Place::file(path),
            |location| Place::in_text(path, text, location.index()..location.index()),
        );
        problem(place, format!("It is not valid YAML: {error}."))
    })?;
    let mut mapping = match value {
        Value::Mapping(mapping) => mapping,
        Value::Null => Mapping::new(),
        _ => return Err(problem(Place::file(path), "Its top level must be a mapping of commands.".to_owned())),
    };
    let mut workflow = Workflow::default();
    for command in WorkflowCommand::ALL.iter().copied() {
        match mapping.shift_remove(command.as_str()) {
            None => workflow.missing.push(command),
            Some(Value::Null) => workflow.empty.push(command),
            Some(Value::String(text)) if text.trim().is_empty() => workflow.empty.push(command),
            Some(Value::String(text)) => {
                workflow.commands.insert(command, text);
            }
            Some(_) => workflow.not_text.push(command),
        }
    }
    workflow.unknown = mapping.into_iter().map(|(key, _)| key_text(&key)).collect();
    Ok(workflow)
}

fn problem(place: Place, detail: String) -> Problem {
    Problem { summary: "The workflow file cannot be read".to_owned(), detail, place }
}

fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<Workflow, Problem> {
        parse("workflow.yml".into(), text)
    }

    #[test]
    fn splits_commands_from_what_is_wrong_with_them() {
        let workflow = parsed(
            "init: tofu init\nworkspaceSelect: ''\nworkspaceNew:\nplan: {{ .Lock }: 1}\nshowState: 3\napply: |\n  tofu \
             apply\non: push\n7: x\n",
        )
        .unwrap();
        assert_eq!(
            workflow,
            Workflow {
                commands: BTreeMap::from([
                    (WorkflowCommand::Init, "tofu init".to_owned()),
                    (WorkflowCommand::Apply, "tofu apply\n".to_owned()),
                ]),
                missing: vec![WorkflowCommand::ShowPlan, WorkflowCommand::GetOutputs, WorkflowCommand::Destroy],
                empty: vec![WorkflowCommand::WorkspaceSelect, WorkflowCommand::WorkspaceNew],
                not_text: vec![WorkflowCommand::Plan, WorkflowCommand::ShowState],
                unknown: vec!["on".to_owned(), "7".to_owned()],
            }
        );
        assert!(!workflow.is_complete());
    }

    #[test]
    fn an_empty_file_misses_every_command() {
        assert_eq!(parsed("# nothing\n").unwrap().missing, WorkflowCommand::ALL);
    }

    #[test]
    fn says_where_the_text_is_no_yaml() {
        let problem = parsed("init: a\ninit: b\n").unwrap_err();
        assert!(problem.detail.contains("duplicate entry"), "{}", problem.detail);
        let problem = parsed("init: a\nplan: {{ .Lock }\n").unwrap_err();
        assert_eq!(problem.place.position.map(|position| position.line), Some(3));
        assert!(parsed("- init\n").unwrap_err().detail.contains("mapping"));
    }

    proptest! {
        #[test]
        fn a_written_workflow_reads_back_as_itself(texts in prop::collection::vec("\\PC*\\p{L}\\PC*", 9)) {
            let commands: BTreeMap<_, _> = WorkflowCommand::ALL.iter().copied().zip(texts).collect();
            let mapping: BTreeMap<_, _> = commands.iter().map(|(command, text)| (command.as_str(), text)).collect();
            let workflow = parsed(&serde_yaml::to_string(&mapping).unwrap()).unwrap();
            prop_assert!(workflow.is_complete());
            prop_assert_eq!(workflow.commands, commands);
        }

        #[test]
        fn reading_never_panics(text in "[a-z:{}\\[\\]'\"|>&*!#?%@ \n-]{0,40}") {
            let _ = parsed(&text);
        }
    }
}
