//! One command of the workflow file: whether it renders, what of Spacelift's values it uses, and how a shell would read
//! them.
//!
//! Nothing is guessed from the text: the command is rendered with different values, and what does not change does not
//! depend on them.

use super::shell_quoting::{self, Quoting};
use super::{LOADING, about};
use crate::go_template;
use crate::go_template::{Stage, TemplateError, Values};
use crate::workflow::WorkflowFile;
use airtight_finding::{Code, Finding, Severity};
use airtight_provider::WorkflowCommand;

pub(super) fn findings(file: &WorkflowFile, command: WorkflowCommand, text: &str) -> Vec<Finding> {
    match Renderings::of(command, text) {
        Ok(renderings) => {
            let mut findings = dropped(file, command, &renderings);
            findings.extend(unsafe_values(file, command, &renderings));
            findings
        }
        Err(error) => vec![not_rendered(file, command, &error)],
    }
}

const PLAN: &str = "airtightplanfile";
const TARGET: &str = "airtighttarget";
const WORKSPACE: &str = "airtightworkspace";

/// What a shell must not see bare.
const HOSTILE: &str = "'\"$ `;";

/// A command with values that tell themselves apart.
struct Renderings {
    usual: String,
    unlocked: String,
    unrefreshed: String,
    targeted: String,
    other_plan: String,
    other_workspace: String,
    hostile: String,
}

impl Renderings {
    fn of(command: WorkflowCommand, text: &str) -> Result<Self, TemplateError> {
        let targets = [TARGET.to_owned()];
        let usual = Values { lock: true, refresh: true, plan_file_name: PLAN, targets: &[], workspace_name: WORKSPACE };
        let render = |values: Values<'_>| go_template::render(command, text, &values);
        let [plan, target, workspace] = [PLAN, TARGET, WORKSPACE].map(|word| format!("{word}{HOSTILE}"));
        Ok(Self {
            usual: render(usual)?,
            unlocked: render(Values { lock: false, ..usual })?,
            unrefreshed: render(Values { refresh: false, ..usual })?,
            targeted: render(Values { targets: &targets, ..usual })?,
            other_plan: render(Values { plan_file_name: "another", ..usual })?,
            other_workspace: render(Values { workspace_name: "another", ..usual })?,
            hostile: render(Values { plan_file_name: &plan, targets: &[target], workspace_name: &workspace, ..usual })?,
        })
    }
}

fn not_rendered(file: &WorkflowFile, command: WorkflowCommand, error: &TemplateError) -> Finding {
    let place = file.place(command.as_str());
    let known = go_template::variables(command);
    let known = if known.is_empty() { "none".to_owned() } else { format!("`.{}`", known.join("`, `.")) };
    if error.stage == Stage::Unsupported {
        return about(
            file,
            Code::WorkflowCommandInvalid,
            Severity::Warning,
            format!("airtight cannot render the template of the command `{command}`: {}", error.message),
        )
        .detail(format!("It is in line {} of the command. Spacelift may render it; airtight does not guess how.", error.line))
        .help(
            "To check and rehearse this command, use only what Spacelift documents: its variables, `if`, `else`, `range`, \
             `end`, `not`, `and`, `or`, `eq`, `urlquery`.",
        )
        .at(place, "");
    }
    let when = if error.stage == Stage::Parse { LOADING } else { "The run fails when it comes to this command." };
    about(
        file,
        Code::WorkflowCommandInvalid,
        Severity::Error,
        format!("the command `{command}` has a template that Go refuses"),
    )
    .detail(format!("{error}. {when}"))
    .help(format!("Correct the template; the variables of `{command}`: {known}."))
    .at(place, "")
}

/// Values that make no difference.
fn dropped(file: &WorkflowFile, command: WorkflowCommand, renderings: &Renderings) -> Vec<Finding> {
    let place = || file.place(command.as_str());
    let Renderings { usual, .. } = renderings;
    let mut findings = Vec::new();
    let mut unused = |variable: &str, flag: &str, detail: &str, help: &str| {
        let flag = if flag.is_empty() { String::new() } else { format!(" (`{flag}`)") };
        let summary = format!("the command `{command}` does not use `.{variable}`{flag}");
        let finding = about(file, Code::WorkflowArgumentDropped, Severity::Warning, summary);
        findings.push(finding.detail(detail).help(help).at(place(), ""));
    };
    if command == WorkflowCommand::Plan {
        if renderings.unlocked == *usual {
            let detail = "The state is locked, or not, whatever the stack says.";
            unused("Lock", "-lock", detail, "Add `-lock={{ .Lock }}`.");
        }
        if renderings.unrefreshed == *usual {
            let detail = "A run that must not refresh the state refreshes it.";
            unused("Refresh", "-refresh", detail, "Add `{{ if not .Refresh }}-refresh=false {{ end }}`.");
        }
        if renderings.targeted == *usual {
            let detail = "A replan of a few resources plans, and then applies, everything.";
            unused("Targets", "-target", detail, "Add `{{ range .Targets }}-target='{{ . }}' {{ end }}`.");
        }
    }
    if matches!(command, WorkflowCommand::WorkspaceSelect | WorkflowCommand::WorkspaceNew)
        && renderings.other_workspace == *usual
    {
        let detail = "Every stack with this file works in the same workspace, and on the same state.";
        unused("WorkspaceName", "", detail, "Add `'{{ .WorkspaceName }}'`.");
    }
    if go_template::variables(command).contains(&"PlanFileName") && renderings.other_plan == *usual {
        findings.push(fixed_plan(file, command, usual).at(place(), ""));
    }
    findings
}

fn fixed_plan(file: &WorkflowFile, command: WorkflowCommand, text: &str) -> Finding {
    let finding = about(
        file,
        Code::WorkflowPlanFileFixed,
        Severity::Warning,
        format!("the command `{command}` does not use `.PlanFileName`"),
    );
    let finding = match (text.contains("spacelift.plan"), command) {
        (true, _) => finding.detail(
            "It names the plan file itself. Spacelift documents no name: the run fails as soon as Spacelift gives it \
             another.",
        ),
        (false, WorkflowCommand::Apply) => {
            finding.detail("It seems to make a new plan and apply that, instead of the plan that was confirmed.")
        }
        (false, _) => finding.detail("It seems to use another plan than the one that Spacelift asks for."),
    };
    finding.help(match command {
        WorkflowCommand::Plan => "Add `-out='{{ .PlanFileName }}'`.",
        _ => "Name the plan file with `'{{ .PlanFileName }}'`.",
    })
}

/// Values that a shell would take apart. The plan file's name is Spacelift's own and has nothing to take apart; its
/// documented commands have it bare.
fn unsafe_values(file: &WorkflowFile, command: WorkflowCommand, renderings: &Renderings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (word, variable) in [(TARGET, "Targets"), (WORKSPACE, "WorkspaceName")] {
        let (around, _) = shell_quoting::around(&renderings.targeted, word);
        // What was encoded on the way has nothing left that a shell would see.
        if around.is_empty() || !renderings.hostile.contains(&format!("{word}{HOSTILE}")) {
            continue;
        }
        let bare = around.contains(&Quoting::Bare);
        let double = around.contains(&Quoting::Double);
        let (quoting, detail) = match variable {
            "Targets" if bare => ("without quotes", ADDRESSES),
            "Targets" if double => ("in double quotes", ADDRESSES),
            "WorkspaceName" if bare => {
                ("without quotes", "A name with a space or a special character changes the command.")
            }
            _ => continue,
        };
        let finding = about(
            file,
            Code::WorkflowValueUnquoted,
            Severity::Warning,
            format!("the command `{command}` has `.{variable}` {quoting}, where the shell takes it apart"),
        );
        let help =
            "Put it in single quotes, or pipe it through `urlquery` as `airtight render workflow --encoded` does.";
        findings.push(finding.detail(detail).help(help).at(file.place(command.as_str()), ""));
    }
    findings
}

const ADDRESSES: &str =
    "Addresses of resources hold double quotes and brackets: the engine gets `a[x]` where `a[\"x\"]` was meant.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::{Origin, PATH};

    fn told(command: WorkflowCommand, text: &str) -> String {
        let file = WorkflowFile::parse(PATH.into(), "", Origin::Source);
        let findings = findings(&file, command, text);
        let lines =
            findings.iter().map(|finding| format!("{} {}: {}", finding.code, finding.severity, finding.summary));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_command_that_uses_everything_in_its_place_is_clean() {
        use WorkflowCommand::{Apply, Init, Plan, ShowPlan, WorkspaceNew};
        for (command, text) in [
            (Init, "tofu init"),
            (Init, "make init # {{ \"x\" }}"),
            (
                Plan,
                "p -lock={{ .Lock }} -refresh={{ .Refresh }} -out='{{ .PlanFileName }}'{{ range .Targets }} -target='{{ . }}'{{ end }}",
            ),
            (
                Plan,
                "p {{ if .Lock }}a{{ end }}{{ if .Refresh }}b{{ end }} {{ .PlanFileName | urlquery }} {{ range .Targets }}{{ urlquery . }} {{ end }}",
            ),
            (ShowPlan, "tofu show -json \"{{ .PlanFileName }}\""),
            (Apply, "x=$(cat {{ .PlanFileName | urlquery }})"),
            (WorkspaceNew, "tofu workspace new \"{{ .WorkspaceName }}\""),
        ] {
            assert_eq!(told(command, text), "", "{text}");
        }
    }

    #[test]
    fn what_makes_no_difference_is_told() {
        use WorkflowCommand::{Apply, Plan, WorkspaceSelect};
        assert_eq!(
            told(Plan, "terraform plan -out=spacelift.plan"),
            "workflow-argument-dropped warning: the command `plan` does not use `.Lock` (`-lock`)\n\
             workflow-argument-dropped warning: the command `plan` does not use `.Refresh` (`-refresh`)\n\
             workflow-argument-dropped warning: the command `plan` does not use `.Targets` (`-target`)\n\
             workflow-plan-file-fixed warning: the command `plan` does not use `.PlanFileName`"
        );
        // In a comment of the template it is not used either.
        assert_eq!(
            told(Apply, "tofu apply -auto-approve {{/* .PlanFileName */}}"),
            "workflow-plan-file-fixed warning: the command `apply` does not use `.PlanFileName`"
        );
        assert_eq!(
            told(WorkspaceSelect, "tofu workspace select default"),
            "workflow-argument-dropped warning: the command `workspaceSelect` does not use `.WorkspaceName`"
        );
    }

    #[test]
    fn what_a_shell_would_take_apart_is_told() {
        use WorkflowCommand::{Plan, WorkspaceNew};
        let plan = |targets: &str| format!("p {{{{ .Lock }}}} {{{{ .Refresh }}}} '{{{{ .PlanFileName }}}}' {targets}");
        for (command, text, expected) in [
            (
                WorkspaceNew,
                "new {{ .WorkspaceName }}".to_owned(),
                "warning: the command `workspaceNew` has `.WorkspaceName` without quotes",
            ),
            (Plan, plan("{{ .Targets }}"), "warning: the command `plan` has `.Targets` without quotes"),
            (
                Plan,
                plan("{{ range .Targets }}-target=\"{{ . }}\" {{ end }}"),
                "warning: the command `plan` has `.Targets` in double quotes",
            ),
        ] {
            let told = told(command, &text);
            let start = format!("workflow-value-unquoted {expected}");
            assert!(told.starts_with(&start) && !told.contains('\n'), "{text}: {told}");
        }
    }

    #[test]
    fn templates_that_go_refuses_are_told_with_their_variables() {
        use WorkflowCommand::{Apply, Init};
        let file = WorkflowFile::parse(PATH.into(), "", Origin::Source);
        for (command, text, severity, part) in [
            (Apply, "apply {{ .Plan }}", Severity::Error, "can't evaluate field Plan: `apply` has no such variable"),
            (Apply, "apply {{ .PlanFileName", Severity::Error, "line 1: unclosed action. Spacelift loads"),
            (Init, "init {{ quote \"a\" }}", Severity::Error, "function \"quote\" not defined"),
            (Init, "init {{ . }}", Severity::Warning, "Spacelift may render it"),
        ] {
            let [finding] = &findings(&file, command, text)[..] else { panic!("{text}") };
            assert_eq!((finding.code, finding.severity), (Code::WorkflowCommandInvalid, severity));
            assert!(finding.detail.contains(part), "{}", finding.detail);
        }
    }
}
