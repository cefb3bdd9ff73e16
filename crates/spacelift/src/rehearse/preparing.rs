//! Preparing: the workspace, then what is read from it before any hook: runtime configuration and workflow file.
//!
//! Source: Spacelift `concepts/run/README.md`, `concepts/configuration/{environment,runtime-configuration}`,
//! `vendors/terraform/workflow-tool.md`, `vendors/terraform/cli-configuration.md`, `integrations/docker.md`.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::run::PLAN_FILE;
use super::script;
use super::workspace::{WORKSPACE_ROOT, Workspace};
use crate::check::{stack_files, workflow_file};
use crate::go_template;
use crate::go_template::Values;
use crate::hooks::{Context, Hooks, MountedFile, Variable};
use crate::runtime_configuration;
use crate::runtime_configuration::StackSettings;
use crate::workflow;
use crate::workflow::{Origin, WorkflowFile};
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_provider::text_file;
use airtight_provider::text_file::TextFileError;
use airtight_provider::{HookPoint, WorkflowCommand};

/// What a rehearsal is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub repository: Utf8PathBuf,
    /// Below the repository; empty for its root.
    pub project_root: Utf8PathBuf,
    pub contexts: Vec<Context>,
    /// The stack's own.
    pub mounted_files: Vec<MountedFile>,
    /// The stack's own hooks and variables.
    pub stack_settings: StackSettings,
    /// The stack's slug, for its entry in the runtime configuration.
    pub stack: Option<String>,
    /// The stack has the label `feature:ignore_runtime_config`.
    pub ignores_runtime_configuration: bool,
    /// For `workspaceSelect`.
    pub workspace_name: String,
    /// The engine's program in the commands of a stack without a workflow file.
    pub native_engine: Option<String>,
}

/// What preparing came to.
#[derive(Debug)]
pub struct Prepared {
    pub workspace: Workspace,
    pub project_root: Utf8PathBuf,
    pub hooks: Hooks,
    /// Of contexts, stack and runtime configuration.
    pub variables: BTreeMap<String, Variable>,
    /// The nine of the workflow file, or the engine's own; those that can be rendered.
    pub commands: BTreeMap<WorkflowCommand, String>,
    pub has_workflow_file: bool,
    /// What the worker writes to `~/.terraformrc`.
    pub terraformrc: String,
    pub findings: Vec<Finding>,
    /// What is left out of the checkout.
    pub notes: Vec<String>,
}

/// Fills the workspace and reads what the worker reads.
///
/// # Errors
/// Fails where the source cannot be copied, or a mounted file cannot be written.
pub fn prepare(request: &Request, workspace: Workspace) -> io::Result<Prepared> {
    let left_out = workspace.copy_source(&request.repository)?;
    let mut notes = Vec::new();
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().take(8).map(|path| path.as_str()).collect();
        let more = if left_out.len() > names.len() { ", ..." } else { "" };
        notes.push(format!("not copied, because a checkout would not have it: {}{more}", names.join(", ")));
    }
    let mounted: Vec<&MountedFile> =
        (request.contexts.iter().flat_map(|context| &context.mounted_files)).chain(&request.mounted_files).collect();
    for file in &mounted {
        workspace.mount(file)?;
    }
    let mut findings = Vec::new();
    let settings = stack_settings(request, &workspace, &mounted, &mut findings);
    let project_root = match settings.project_root.as_deref() {
        // An option names the directory; the runtime configuration may move it.
        Some(root) if Some(root) != request.stack_settings.project_root.as_deref() => {
            Utf8PathBuf::from(root.trim_matches('/'))
        }
        _ => request.project_root.clone(),
    };
    let own = settings
        .environment
        .iter()
        .map(|(name, value)| (name.clone(), Variable { value: value.clone(), is_sensitive: false }));
    let variables = interpolated(&script::variables(&request.contexts, &own.collect()));
    let file = read_workflow_file(&workspace, &mounted);
    let has_workflow_file = file.is_some();
    let commands = if let Some(file) = file {
        workflow_commands(file, request, &mut findings)
    } else {
        let lookalikes = workflow::lookalikes(&workspace.source(), &project_root);
        let is_custom = settings.terraform_workflow_tool.as_deref() == Some("CUSTOM");
        if is_custom || !lookalikes.is_empty() {
            let mut finding = workflow_file::missing(&workspace.source(), &lookalikes);
            // Without the custom workflow tool the file is only of no use.
            finding.severity = if is_custom { Severity::Error } else { Severity::Warning };
            for label in &mut finding.places {
                if let Ok(path) = label.place.path.strip_prefix(workspace.source()) {
                    label.place.path = path.to_owned();
                }
            }
            findings.push(finding);
        }
        native_commands(request)
    };
    prerequisites(&mut findings);
    Ok(Prepared {
        terraformrc: terraformrc(&mounted),
        workspace,
        project_root,
        hooks: settings.hooks,
        variables,
        commands,
        has_workflow_file,
        findings,
        notes,
    })
}

fn stack_settings(
    request: &Request,
    workspace: &Workspace,
    mounted: &[&MountedFile],
    findings: &mut Vec<Finding>,
) -> StackSettings {
    let path = workspace.source().join(runtime_configuration::PATH);
    let shown = Utf8Path::new(runtime_configuration::PATH);
    if request.ignores_runtime_configuration || is_mounted(mounted, shown) {
        return request.stack_settings.clone();
    }
    let text = match text_file::read_document(&path, runtime_configuration::LIMIT_BYTES) {
        Ok(text) => text,
        Err(TextFileError::Missing) => return request.stack_settings.clone(),
        Err(error) => {
            findings.push(stack_files::unreadable_configuration(shown, &error).severity(Severity::Error));
            return request.stack_settings.clone();
        }
    };
    match runtime_configuration::parse(shown, &text) {
        Ok(configuration) => {
            findings.extend(stack_files::runtime_configuration(&configuration.problems));
            findings.push(stack_files::replaceable_configuration(shown));
            findings
                .extend(request.stack.as_deref().and_then(|slug| stack_files::misspelt_stack(&configuration, slug)));
            configuration.for_stack(request.stack.as_deref(), &request.stack_settings)
        }
        Err(problem) => {
            let found = stack_files::runtime_configuration(&[problem]);
            findings.extend(found.into_iter().map(|finding| finding.severity(Severity::Error)));
            request.stack_settings.clone()
        }
    }
}

/// Whether a path below the source is a mounted file.
fn is_mounted(mounted: &[&MountedFile], below_source: &Utf8Path) -> bool {
    mounted.iter().any(|file| {
        let relative = file.path.strip_prefix(WORKSPACE_ROOT).unwrap_or(&file.path);
        relative.strip_prefix("source").is_ok_and(|path| path == below_source)
    })
}

fn read_workflow_file(workspace: &Workspace, mounted: &[&MountedFile]) -> Option<Result<WorkflowFile, TextFileError>> {
    let path = workspace.source().join(workflow::PATH);
    if !path.exists() {
        return None;
    }
    let shown = Utf8Path::new(workflow::PATH);
    let origin = if is_mounted(mounted, shown) { Origin::Mounted } else { Origin::Source };
    Some(text_file::read_document(&path, workflow::LIMIT_BYTES).map(|text| WorkflowFile::parse(shown, &text, origin)))
}

/// What is said about a workflow file, and its commands where they can be run.
fn workflow_commands(
    file: Result<WorkflowFile, TextFileError>,
    request: &Request,
    findings: &mut Vec<Finding>,
) -> BTreeMap<WorkflowCommand, String> {
    let file = match file {
        Ok(file) => file,
        Err(error) => {
            findings.push(stack_files::unreadable_workflow(Utf8Path::new(workflow::PATH), &error));
            return BTreeMap::new();
        }
    };
    findings.extend(stack_files::workflow_file(&file));
    let values = Values {
        lock: true,
        refresh: true,
        plan_file_name: PLAN_FILE,
        targets: &[],
        workspace_name: &request.workspace_name,
    };
    let commands = file.workflow.map(|workflow| workflow.commands).unwrap_or_default();
    // One that cannot be rendered is a finding already.
    let rendered = |(command, text): (WorkflowCommand, String)| {
        go_template::render(command, &text, &values).ok().map(|text| (command, text))
    };
    commands.into_iter().filter_map(rendered).collect()
}

/// The stock commands.
///
/// Source: Spacelift `vendors/terraform/workflow-tool.md`.
fn native_commands(request: &Request) -> BTreeMap<WorkflowCommand, String> {
    let Some(engine) = &request.native_engine else { return BTreeMap::new() };
    let engine = quoted(engine);
    let workspace = quoted(&request.workspace_name);
    let commands = [
        (WorkflowCommand::Init, "init -input=false".to_owned()),
        (WorkflowCommand::WorkspaceSelect, format!("workspace select {workspace}")),
        (WorkflowCommand::WorkspaceNew, format!("workspace new {workspace}")),
        (WorkflowCommand::Plan, format!("plan -input=false -lock=true -out={PLAN_FILE}")),
        (WorkflowCommand::ShowState, "show -json".to_owned()),
        (WorkflowCommand::ShowPlan, format!("show -json {PLAN_FILE}")),
        (WorkflowCommand::GetOutputs, "output -json".to_owned()),
        (WorkflowCommand::Apply, format!("apply -auto-approve -input=false {PLAN_FILE}")),
        (WorkflowCommand::Destroy, "destroy -auto-approve -input=false".to_owned()),
    ];
    commands.into_iter().map(|(command, text)| (command, format!("{engine} {text}"))).collect()
}

fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// `${NAME}` of another variable is replaced, once.
///
/// Source: Spacelift `concepts/configuration/environment.md`.
fn interpolated(variables: &BTreeMap<String, Variable>) -> BTreeMap<String, Variable> {
    let replaced = |value: &str| {
        let mut text = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            text.push_str(before);
            let known = after.split_once('}').and_then(|(name, after)| Some((variables.get(name)?, after)));
            if let Some((variable, after)) = known {
                text.push_str(&variable.value);
                rest = after;
            } else {
                text.push_str("${");
                rest = after;
            }
        }
        text + rest
    };
    let one = |(name, variable): (&String, &Variable)| {
        (name.clone(), Variable { value: replaced(&variable.value), ..variable.clone() })
    };
    variables.iter().map(one).collect()
}

/// The worker's own credentials, then every mounted file whose name ends so.
fn terraformrc(mounted: &[&MountedFile]) -> String {
    let mut text = "credentials \"spacelift.io\" {\n  token = \"rehearsal\"\n}\n".to_owned();
    for file in mounted {
        if file.path.as_str().ends_with(".terraformrc") {
            text.push_str(&file.content);
            text.push('\n');
        }
    }
    text
}

/// What the worker asks of an image.
fn prerequisites(findings: &mut Vec<Finding>) {
    let path = std::env::var("PATH").unwrap_or_default();
    for (program, why) in [("sh", "every command runs in it"), ("ps", "the worker polls the run with it")] {
        if !path.split(':').any(|directory| Utf8Path::new(directory).join(program).is_file()) {
            let finding = Finding::new(
                Code::ImagePrerequisiteMissing,
                Severity::Error,
                Owner::Image,
                format!("`{program}` is not on PATH"),
            );
            findings.push(finding.detail(format!("Without it Spacelift refuses the image: {why}.")).help(format!(
                "Install the package that holds `{program}` in the image's build, such as `procps` for `ps`."
            )));
        }
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    if !passwd.lines().any(|line| line.split(':').nth(2) == Some("1983")) {
        let summary = "no user has the number 1983";
        findings.push(
            Finding::new(Code::ImagePrerequisiteMissing, Severity::Warning, Owner::Image, summary)
                .detail("Spacelift runs every phase as that user. On a machine that is not a runner image this is expected.")
                .help("In the image's build, as root: `adduser -D -u 1983 spacelift` (Alpine), or `useradd -m -u 1983 spacelift` (Debian)."),
        );
    }
}

/// The variables that Spacelift computes.
///
/// Source: Spacelift `concepts/configuration/environment.md`.
pub(crate) fn computed_variables(
    request: &Request,
    run_type: super::run::RunType,
    project_root: &Utf8Path,
    workspace_root: &Utf8Path,
) -> BTreeMap<String, String> {
    let stack = request.stack.clone().unwrap_or_else(|| "rehearsal".to_owned());
    let repository = request.repository.file_name().unwrap_or("repository").to_owned();
    let trigger = if run_type == super::run::RunType::Drift { "drift_detection" } else { "manual" };
    let named = [
        ("account_name", "rehearsal".to_owned()),
        ("commit_branch", "main".to_owned()),
        ("commit_sha", "0".repeat(40)),
        ("local_preview", "false".to_owned()),
        ("project_root", project_root.to_string()),
        ("repository", repository),
        ("run_id", "rehearsal".to_owned()),
        ("run_state", "PREPARING".to_owned()),
        ("run_trigger", trigger.to_owned()),
        ("run_type", run_type.spacelift().to_owned()),
        ("space_id", "root".to_owned()),
        ("stack_branch", "main".to_owned()),
        ("stack_id", stack),
        ("stack_labels", String::new()),
        ("stack_labels_list", "[]".to_owned()),
        ("workspace_root", workspace_root.to_string()),
    ];
    let mut variables: BTreeMap<_, _> =
        named.into_iter().map(|(name, value)| (format!("TF_VAR_spacelift_{name}"), value)).collect();
    variables.insert("TF_IN_AUTOMATION".to_owned(), "1".to_owned());
    variables
}

/// Hooks of the stack itself, as options give them: `before_init=echo hello`.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse_hook(text: &str) -> Result<(HookPoint, String), String> {
    let known: Vec<&str> = HookPoint::ALL.iter().map(|point| point.as_str()).collect();
    let (point, command) = text.split_once('=').ok_or("expected POINT=COMMAND, such as before_init='echo hello'")?;
    match point.parse() {
        Ok(point) => Ok((point, command.to_owned())),
        Err(_) => Err(format!("`{point}` is no hook point (known: {})", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(value: &str) -> Variable {
        Variable { value: value.to_owned(), is_sensitive: false }
    }

    #[test]
    fn variables_stand_in_variables() {
        let variables =
            BTreeMap::from([("A".to_owned(), variable("x")), ("B".to_owned(), variable("${A}/${A}/${NONE}/$A/${"))]);
        assert_eq!(interpolated(&variables)["B"].value, "x/x/${NONE}/$A/${");
    }

    #[test]
    fn a_stack_without_a_workflow_file_has_the_stock_commands() {
        let request =
            Request { native_engine: Some("tofu".to_owned()), workspace_name: "it's".to_owned(), ..Request::default() };
        let commands = native_commands(&request);
        assert_eq!(commands.len(), WorkflowCommand::ALL.len());
        assert_eq!(commands[&WorkflowCommand::Plan], "tofu plan -input=false -lock=true -out=spacelift.plan");
        assert_eq!(commands[&WorkflowCommand::WorkspaceNew], "tofu workspace new 'it'\\''s'");
    }

    #[test]
    fn mounted_registry_credentials_are_appended_to_the_workers() {
        let file = |path: &str, content: &str| MountedFile {
            path: path.into(),
            content: content.to_owned(),
            is_sensitive: true,
        };
        let files = [file("zz.terraformrc", "# mine"), file("source/a.tf", "# not")];
        let text = terraformrc(&files.iter().collect::<Vec<_>>());
        assert_eq!(text, "credentials \"spacelift.io\" {\n  token = \"rehearsal\"\n}\n# mine\n");
    }

    #[test]
    fn a_hook_says_its_point() {
        assert_eq!(parse_hook("before_init=a=b"), Ok((HookPoint::BeforeInit, "a=b".to_owned())));
        assert!(parse_hook("before_run=a").unwrap_err().contains("before_init, "));
        assert!(parse_hook("a").unwrap_err().contains("POINT=COMMAND"));
    }
}
