//! The workflow file: whether Spacelift would load it, and what its commands leave out. For a rehearsal, not for `check`,
//! which judges one root module.

use camino::{Utf8Path, Utf8PathBuf};

use super::workflow_command;
use super::{LOADING, about};
use crate::workflow::{PATH, Workflow, WorkflowFile};
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_gate::yaml_document;
use airtight_hcl::Place;
use airtight_provider::WorkflowCommand;

/// Keys of the file that Kubernetes stacks have under the same name, but those that both have.
const KUBERNETES: [&str; 6] = ["apiResources", "createFromStdin", "delete", "get", "getPods", "rolloutStatus"];

/// Keys of the files of GitHub Actions and its likes.
const PIPELINE: [&str; 8] = ["env", "jobs", "name", "on", "permissions", "stages", "steps", "workflow"];

/// Everything to be said about a workflow file, sorted by nothing; its first finding of severity error is what Spacelift
/// would stop at.
pub fn findings(file: &WorkflowFile) -> Vec<Finding> {
    let workflow = match &file.workflow {
        Ok(workflow) => workflow,
        Err(problem) => {
            let finding =
                about(file, Code::WorkflowFileInvalid, Severity::Error, "the workflow file is not valid YAML");
            let detail = format!("{} {LOADING}", problem.detail);
            return vec![finding.detail(detail).help(yaml_help(file)).at(problem.place.clone(), "")];
        }
    };
    if let Some(finding) = foreign(file, workflow) {
        return vec![finding];
    }
    let mut findings = Vec::new();
    let incomplete =
        [(&workflow.missing, Lack::Missing), (&workflow.empty, Lack::Empty), (&workflow.not_text, Lack::NotText)];
    for (commands, lack) in incomplete {
        findings.extend(commands.iter().map(|command| incomplete_command(file, *command, lack)));
    }
    findings.extend(workflow.unknown.iter().map(|key| unknown(file, key)));
    for (command, text) in &workflow.commands {
        findings.extend(cut(file, *command, text));
        findings.extend(workflow_command::findings(file, *command, text));
    }
    findings
}

/// What happens where a stack with the custom workflow tool has no workflow file; `lookalikes` are the files that are
/// there under another name or in another place.
pub fn missing(source: &Utf8Path, lookalikes: &[Utf8PathBuf]) -> Finding {
    let finding = Finding::new(
        Code::WorkflowFileMissing,
        Severity::Error,
        Owner::Repository,
        format!("there is no workflow file at `{PATH}`, below the root of the repository"),
    )
    .detail(format!("A stack with the custom workflow tool needs it, whatever its project root. {LOADING}"))
    .at(Place::file(source.join(PATH)), "");
    let Some(first) = lookalikes.first() else {
        return finding.help(
            "Mount the output of `airtight render workflow` at `source/.spacelift/workflow.yml`, or commit it as \
             `.spacelift/workflow.yml`.",
        );
    };
    let shown = first.strip_prefix(source).unwrap_or(first);
    let finding = finding.help(format!("Spacelift does not read `{shown}`: move it to `{PATH}`."));
    lookalikes.iter().fold(finding, |finding, path| finding.at(Place::file(path), "not read by Spacelift"))
}

/// A file of another kind under this name.
fn foreign(file: &WorkflowFile, workflow: &Workflow) -> Option<Finding> {
    let has = |keys: &[&str]| workflow.unknown.iter().filter(|key| keys.contains(&key.as_str())).count();
    let known = WorkflowCommand::ALL.len() - workflow.missing.len();
    let (what, help) = if has(&KUBERNETES) >= 2 {
        let help = "A stack of Kubernetes has a file with other commands under the same name. Give this stack one of its \
                    own: mount the output of `airtight render workflow` at `source/.spacelift/workflow.yml`.";
        ("the commands of a Kubernetes stack", help)
    } else if (has(&PIPELINE) >= 1 && known < 2) || (known == 0 && !workflow.unknown.is_empty()) {
        let help = "The file holds nothing but the nine commands: write them with `airtight render workflow`. Steps before \
                    and after the phases are hooks of the stack.";
        ("something else, such as a pipeline of GitHub Actions", help)
    } else {
        return None;
    };
    let mut finding = about(
        file,
        Code::WorkflowFileForeign,
        Severity::Error,
        format!("the workflow file holds {what}, not those of OpenTofu or Terraform"),
    )
    .detail(LOADING)
    .help(help);
    for key in workflow.unknown.iter().take(3) {
        finding = finding.at(file.place(key), "");
    }
    Some(finding)
}

/// What a command of the file lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Missing,
    Empty,
    NotText,
}

fn incomplete_command(file: &WorkflowFile, command: WorkflowCommand, lack: Lack) -> Finding {
    let what = match lack {
        Lack::Missing => "is missing",
        Lack::Empty => "is empty",
        Lack::NotText => "is no text",
    };
    let finding = about(
        file,
        Code::WorkflowFileInvalid,
        Severity::Error,
        format!("the command `{command}` {what} in the workflow file"),
    )
    .detail(format!("All nine commands must be there, those for workspaces as well. {LOADING}"));
    let written = file.written(command.as_str()).unwrap_or_default();
    let finding = if lack == Lack::NotText && written.starts_with(['{', '[']) {
        finding.help(format!("Put the whole value in quotes: to YAML, `{written}` is a mapping or a list."))
    } else if lack == Lack::NotText {
        finding.help("Put the whole value in quotes.")
    } else {
        finding.help(format!("Add `{command}`; `airtight render workflow` prints all nine."))
    };
    finding.at(file.place(command.as_str()), "")
}

fn unknown(file: &WorkflowFile, key: &str) -> Finding {
    let known = WorkflowCommand::ALL.iter().map(|command| command.as_str());
    let nearest = known.min_by_key(|known| strsim::osa_distance(&key.to_lowercase(), &known.to_lowercase()));
    let nearest = nearest.filter(|known| strsim::osa_distance(&key.to_lowercase(), &known.to_lowercase()) <= 3);
    let finding = about(
        file,
        Code::WorkflowKeyUnknown,
        Severity::Warning,
        format!("`{key}` is no command that Spacelift documents for the workflow file"),
    )
    .detail("What Spacelift does with an unknown key is not documented; it may ignore it, or refuse the file.");
    let finding = match nearest {
        Some(nearest) => finding.help(format!("Call it `{nearest}`, or remove it.")),
        None => finding.help("Remove it. Steps of your own are hooks of the stack."),
    };
    finding.at(file.place(key), "")
}

/// A value that YAML ends at ` #`, in the middle of what somebody meant.
fn cut(file: &WorkflowFile, command: WorkflowCommand, text: &str) -> Option<Finding> {
    let written = file.written(command.as_str())?;
    let (_, rest) = yaml_document::cut(written, text)?;
    let finding = about(
        file,
        Code::WorkflowFileInvalid,
        Severity::Error,
        format!("the command `{command}` ends in the middle: to YAML, ` #` begins a comment"),
    )
    .detail(format!("The command is only `{}`; ` #{rest}` is dropped.", text.trim()))
    .help("Put the whole value in quotes.");
    Some(finding.at(file.place(command.as_str()), ""))
}

fn yaml_help(file: &WorkflowFile) -> String {
    let unquoted = WorkflowCommand::ALL.iter().find_map(|command| {
        let written = file.written(command.as_str())?;
        let reason = yaml_document::misread(written)?;
        Some(format!("Put the whole value of `{command}` in quotes: to YAML, {reason}."))
    });
    unquoted.unwrap_or_else(|| "Correct it; `airtight render workflow` prints a file that is valid.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::Origin;

    const STOCK: &str = r#"
init: terraform init -input=false
workspaceSelect: terraform workspace select "{{ .WorkspaceName }}"
workspaceNew: terraform workspace new "{{ .WorkspaceName }}"
plan: terraform plan -input=false -lock={{ .Lock }} {{ if not .Refresh }}-refresh=false {{ end }}-out={{ .PlanFileName }} {{ range .Targets }}-target='{{ . }}' {{ end }}
showState: terraform show -json
showPlan: terraform show -json "{{ .PlanFileName }}"
getOutputs: terraform output -json
apply: terraform apply -auto-approve -input=false "{{ .PlanFileName }}"
destroy: terraform destroy -auto-approve -input=false
"#;

    /// `line code severity: summary` of each finding.
    fn told(text: &str) -> Vec<String> {
        let file = WorkflowFile::parse(PATH.into(), text, Origin::Source);
        let line = |finding: &Finding| {
            let position = finding.places.first().and_then(|label| label.place.position.as_ref());
            position.map_or(0, |position| position.line)
        };
        let findings = findings(&file);
        findings
            .iter()
            .map(|finding| format!("{} {} {}: {}", line(finding), finding.code, finding.severity, finding.summary))
            .collect()
    }

    /// The stock file with one command's line replaced.
    fn with(command: &str, value: &str) -> String {
        let start = format!("{command}:");
        let lines = STOCK
            .lines()
            .map(|line| if line.starts_with(&start) { format!("{start} {value}") } else { line.to_owned() });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_documented_file_is_clean() {
        assert_eq!(told(STOCK), [] as [&str; 0]);
    }

    #[test]
    fn says_what_spacelift_would_refuse() {
        for (text, expected) in [
            (with("init", ""), "2 workflow-file-invalid error: the command `init` is empty in the workflow file"),
            (
                STOCK.replace("getOutputs", "getOutput"),
                "0 workflow-file-invalid error: the command `getOutputs` is missing in the workflow file|8 \
                 workflow-key-unknown warning: `getOutput` is no command that Spacelift documents for the workflow file",
            ),
            (
                with("apply", "{{ .PlanFileName }}"),
                "9 workflow-file-invalid error: the command `apply` is no text in the workflow file",
            ),
            (
                with("apply", "{{ .PlanFileName }} apply"),
                "9 workflow-file-invalid error: the workflow file is not valid YAML",
            ),
            (
                with("showState", "3"),
                "6 workflow-file-invalid error: the command `showState` is no text in the workflow file",
            ),
            (
                with("init", "echo 'a #b' && tofu init"),
                "2 workflow-file-invalid error: the command `init` ends in the middle: to YAML, ` #` begins a comment",
            ),
            (with("init", "tofu init # plain"), ""),
            (with("init", "echo a: b"), "2 workflow-file-invalid error: the workflow file is not valid YAML"),
            (format!("{STOCK}init: again\n"), "2 workflow-file-invalid error: the workflow file is not valid YAML"),
            ("- init\n".to_owned(), "0 workflow-file-invalid error: the workflow file is not valid YAML"),
            (
                "on: push\njobs:\n  plan: {}\n".to_owned(),
                "1 workflow-file-foreign error: the workflow file holds something else, such as a pipeline of GitHub Actions, not \
                 those of OpenTofu or Terraform",
            ),
            // As in a public repository.
            (
                "version: 3\nworkflows:\n  custom-workflow:\n    plan: {}\n".to_owned(),
                "1 workflow-file-foreign error: the workflow file holds something else, such as a pipeline of GitHub \
                 Actions, not those of OpenTofu or Terraform",
            ),
            (
                "createFromStdin: a\napiResources: b\napply: c\n".to_owned(),
                "1 workflow-file-foreign error: the workflow file holds the commands of a Kubernetes stack, not those of \
                 OpenTofu or Terraform",
            ),
        ] {
            let told = told(&text).join("|");
            assert_eq!(told.split_once(' '), expected.split_once(' '), "{text}");
        }
    }

    #[test]
    fn a_missing_file_names_what_is_there_instead() {
        let finding = missing("/repo".into(), &["/repo/infra/.spacelift/workflow.yml".into()]);
        assert_eq!((finding.code, finding.severity), (Code::WorkflowFileMissing, Severity::Error));
        assert_eq!(
            finding.help,
            "Spacelift does not read `infra/.spacelift/workflow.yml`: move it to `.spacelift/workflow.yml`."
        );
        assert!(missing("/repo".into(), &[]).help.starts_with("Mount the output of `airtight render workflow`"));
    }

    #[test]
    fn a_mounted_file_is_the_administrators() {
        for (origin, owner) in [(Origin::Source, Owner::Repository), (Origin::Mounted, Owner::Administrator)] {
            let file = WorkflowFile::parse(PATH.into(), "", origin);
            assert!(findings(&file).iter().all(|finding| finding.owner == owner));
        }
    }
}
