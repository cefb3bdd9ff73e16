//! `.spacelift/workflow.yml`.

use serde::Serialize;
use tera::Delimiters;

use airtight_gate::render::template::Template;
use airtight_provider::EngineName;

/// What the commands of a rendered workflow file call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowForm {
    /// `airtight run`, with Spacelift's values in single quotes.
    Wrapped,
    /// `airtight run --encoded`, with Spacelift's values percent-encoded, so that any value survives the shell.
    Encoded,
    /// The engine itself: the commands that Spacelift documents.
    Direct(EngineName),
}

#[derive(Serialize)]
struct Values {
    form: &'static str,
    /// What `render workflow` makes this form by; for `encoded` the option of `run` as well.
    option: &'static str,
    /// The Go template function that each value goes through.
    pipe: &'static str,
    engine: &'static str,
}

/// Renders the nine commands with Spacelift's own placeholders in them.
pub fn workflow(form: WorkflowForm) -> String {
    let values = match form {
        WorkflowForm::Wrapped => Values { form: "wrapped", option: "", pipe: "", engine: "" },
        WorkflowForm::Encoded => Values { form: "encoded", option: " --encoded", pipe: " | urlquery", engine: "" },
        WorkflowForm::Direct(engine) => {
            let option = match engine {
                EngineName::Tofu => " --direct",
                EngineName::Terraform => " --direct --engine terraform",
            };
            Values { form: "direct", option, pipe: "", engine: engine.program() }
        }
    };
    Template {
        name: "workflow.yml.tera",
        text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/workflow.yml.tera")),
        // Tera's usual ones are those of Go templates, which are part of the text.
        delimiters: Delimiters {
            block_start: "[%".into(),
            block_end: "%]".into(),
            variable_start: "[[".into(),
            variable_end: "]]".into(),
            comment_start: "[#".into(),
            comment_end: "#]".into(),
        },
    }
    .render(&values)
    .expect("the built-in template renders in each of its forms, as the tests show")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::workflow_file;
    use crate::workflow;
    use crate::workflow::Origin;
    use airtight_provider::WorkflowCommand;

    const FORMS: [WorkflowForm; 4] = [
        WorkflowForm::Wrapped,
        WorkflowForm::Encoded,
        WorkflowForm::Direct(EngineName::Tofu),
        WorkflowForm::Direct(EngineName::Terraform),
    ];

    fn commands(form: WorkflowForm) -> Vec<String> {
        let workflow = workflow::parse("workflow.yml".into(), &super::workflow(form)).unwrap();
        assert_eq!((&workflow.missing, &workflow.empty, &workflow.not_text), (&Vec::new(), &Vec::new(), &Vec::new()));
        assert_eq!(workflow.unknown, [] as [String; 0]);
        WorkflowCommand::ALL.iter().map(|command| workflow.commands[command].clone()).collect()
    }

    #[test]
    fn wrapped_commands_load_back() {
        assert_eq!(
            commands(WorkflowForm::Wrapped),
            [
                "airtight run init",
                "airtight run workspaceSelect '{{ .WorkspaceName }}'",
                "airtight run workspaceNew '{{ .WorkspaceName }}'",
                "airtight run plan --lock={{ .Lock }} --refresh={{ .Refresh }} --out='{{ .PlanFileName }}'\
                 {{ range .Targets }} --target='{{ . }}'{{ end }}",
                "airtight run showState",
                "airtight run showPlan '{{ .PlanFileName }}'",
                "airtight run getOutputs",
                "airtight run apply '{{ .PlanFileName }}'",
                "airtight run destroy",
            ]
        );
    }

    #[test]
    fn encoded_commands_load_back() {
        assert_eq!(
            commands(WorkflowForm::Encoded),
            [
                "airtight run --encoded init",
                "airtight run --encoded workspaceSelect '{{ .WorkspaceName | urlquery }}'",
                "airtight run --encoded workspaceNew '{{ .WorkspaceName | urlquery }}'",
                "airtight run --encoded plan --lock={{ .Lock }} --refresh={{ .Refresh }} \
                 --out='{{ .PlanFileName | urlquery }}'{{ range .Targets }} --target='{{ . | urlquery }}'{{ end }}",
                "airtight run --encoded showState",
                "airtight run --encoded showPlan '{{ .PlanFileName | urlquery }}'",
                "airtight run --encoded getOutputs",
                "airtight run --encoded apply '{{ .PlanFileName | urlquery }}'",
                "airtight run --encoded destroy",
            ]
        );
    }

    #[test]
    fn direct_commands_load_back() {
        for engine in [EngineName::Tofu, EngineName::Terraform] {
            assert_eq!(
                commands(WorkflowForm::Direct(engine)),
                [
                    "init -input=false",
                    "workspace select '{{ .WorkspaceName }}'",
                    "workspace new '{{ .WorkspaceName }}'",
                    "plan -input=false -lock={{ .Lock }}{{ if not .Refresh }} -refresh=false{{ end }} \
                     -out='{{ .PlanFileName }}'{{ range .Targets }} -target='{{ . }}'{{ end }}",
                    "show -json",
                    "show -json '{{ .PlanFileName }}'",
                    "output -json",
                    "apply -auto-approve -input=false '{{ .PlanFileName }}'",
                    "destroy -auto-approve -input=false",
                ]
                .map(|command| format!("{engine} {command}"))
            );
        }
    }

    #[test]
    fn no_form_gives_rise_to_a_finding() {
        for form in FORMS {
            let file = workflow::WorkflowFile::parse(workflow::PATH.into(), &super::workflow(form), Origin::Mounted);
            assert_eq!(workflow_file::findings(&file), [], "{form:?}");
        }
    }

    #[test]
    fn the_header_says_how_the_file_is_made() {
        let options = ["", " --encoded", " --direct", " --direct --engine terraform"];
        for (form, options) in FORMS.iter().zip(options) {
            let text = super::workflow(*form);
            let header = text.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
            assert!(header.contains(&format!("made with `airtight render workflow{options}`")), "{header}");
            assert!(header.contains("source/.spacelift/workflow.yml"), "{header}");
            assert!(!header.contains("{{"), "{header}");
            let rest: Vec<_> = text.lines().skip(header.lines().count()).collect();
            assert!(rest.len() == 10 && rest[0].is_empty() && !rest[1].is_empty(), "{text}");
        }
    }
}
