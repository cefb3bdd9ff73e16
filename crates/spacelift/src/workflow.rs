//! `.spacelift/workflow.yml`: the nine commands of the custom workflow tool.
//!
//! Spacelift loads it before any hook runs, and refuses it where a command is missing or empty; commands may come with
//! later releases, so unknown keys are no error here.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde_yaml::Value;

use airtight_gate::yaml_document::{Document, key_text};
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::WorkflowCommand;

pub use airtight_gate::yaml_document::LIMIT_BYTES;

/// Below the root of the source, whatever the project root; a file mounted there wins over a committed one.
pub const PATH: &str = ".spacelift/workflow.yml";

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

/// A workflow file with its text: what rules about it look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowFile {
    pub path: Utf8PathBuf,
    pub text: String,
    pub origin: Origin,
    pub workflow: Result<Workflow, Problem>,
}

/// Who put a file in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Committed to the repository.
    Source,
    /// Mounted by the stack or a context.
    Mounted,
}

impl WorkflowFile {
    pub fn parse(path: &Utf8Path, text: &str, origin: Origin) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), origin, workflow: parse(path, text) }
    }

    /// The place of a top-level key.
    pub fn place(&self, key: &str) -> Place {
        Document::new(&self.path, &self.text, SUMMARY).place(&[key])
    }

    /// What follows a key on its line, as it is written; `None` where the file does not have the key at a line's start.
    pub fn written(&self, key: &str) -> Option<&str> {
        let start = self.place(key).position?.end;
        self.text[start..].lines().next()?.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Files that somebody may have meant to be the workflow file, and that Spacelift does not read.
///
/// `project_root` is relative to the source, empty if they are the same.
pub(crate) fn lookalikes(source: &Utf8Path, project_root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let names = ["workflow.yml", "workflow.yaml", "workflows.yml", "workflows.yaml"];
    let mut directories = vec![source.join(".spacelift")];
    if !project_root.as_str().is_empty() {
        directories.push(source.join(project_root).join(".spacelift"));
    }
    directories.push(source.join("spacelift"));
    let paths = directories.iter().flat_map(|directory| names.map(|name| directory.join(name)));
    paths.filter(|path| *path != source.join(PATH) && path.is_file()).collect()
}

/// Reads the text of a workflow file; `path` is for the problem's place.
///
/// # Errors
/// The text is no YAML mapping, or has a key twice.
pub fn parse(path: &Utf8Path, text: &str) -> Result<Workflow, Problem> {
    let mut mapping = Document::new(path, text, SUMMARY).mapping()?;
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

const SUMMARY: &str = "The workflow file cannot be read";

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
    fn tells_what_stands_behind_a_key() {
        let text = "# init: no\ninit: tofu init # x\n\"plan\" : '{{ .Lock }}'\n";
        let file = WorkflowFile::parse(PATH.into(), text, Origin::Source);
        assert_eq!(file.written("init"), Some("tofu init # x"));
        assert_eq!(file.written("plan"), Some("'{{ .Lock }}'"));
        assert_eq!(file.written("apply"), None);
        assert_eq!(file.place("plan").position.map(|position| (position.line, position.column)), Some((3, 2)));
    }

    #[test]
    fn finds_files_that_spacelift_does_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let source = Utf8Path::from_path(directory.path()).unwrap();
        let names = [".spacelift/workflow.yaml", ".spacelift/workflow.yml", "infra/.spacelift/workflow.yml"];
        for name in names {
            std::fs::create_dir_all(source.join(name).parent().unwrap()).unwrap();
            std::fs::write(source.join(name), "").unwrap();
        }
        let found = |project_root: &str| {
            let paths = lookalikes(source, project_root.into());
            paths.iter().map(|path| path.strip_prefix(source).unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(""), [names[0]]);
        assert_eq!(found("infra"), [names[0], names[2]]);
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
        assert!(parsed("- init\n").unwrap_err().detail.contains("keys with values"));
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
