//! `airtight render`.

use std::fmt::Write as _;

use super::arguments::{Rego, RenderArguments, RenderWhat};
use super::common_arguments::CommonArguments;
use super::resolve::Resolved;
use super::{ExitCode, Stop, output};
use crate::render_dockerfile;
use airtight_finding::{Finding, shell_word};
use airtight_gate::cli_configuration;
use airtight_gate::render;
use airtight_gate::render::CliConfigContext;
use airtight_provider::EngineName;
use airtight_spacelift::plan_policy;
use airtight_spacelift::render_hooks;
use airtight_spacelift::render_workflow::{self, WorkflowForm};
use camino::Utf8Path;
use fs_err as fs;

pub(super) fn run(arguments: &RenderArguments) -> Result<ExitCode, Stop> {
    let text = match &arguments.what {
        RenderWhat::Workflow { encoded, direct, engine } => {
            render_workflow::workflow(workflow_form(*encoded, *direct, engine.as_deref())?)
        }
        RenderWhat::Hooks { directory } => hooks(directory)?,
        RenderWhat::Plugin => render_hooks::plugin(),
        RenderWhat::CliConfig(common) => cli_config(common)?,
        RenderWhat::Dockerfile(arguments) => render_dockerfile::dockerfile(arguments)?,
        RenderWhat::Policy { rego } => plan_policy::policy(match rego {
            Rego::V0 => plan_policy::Rego::V0,
            Rego::V1 => plan_policy::Rego::V1,
        })
        .to_owned(),
        RenderWhat::Settings => render::settings().to_owned(),
    };
    output::data(&text)?;
    Ok(ExitCode::Cleared)
}

/// Writes the scripts, and says how each is used.
fn hooks(directory: &Utf8Path) -> Result<String, Stop> {
    fs::create_dir_all(directory).map_err(anyhow::Error::new)?;
    let absolute = directory.canonicalize_utf8().map_err(anyhow::Error::new)?;
    let mut lines = String::new();
    for (name, text) in render_hooks::SCRIPTS {
        let path = absolute.join(name);
        output::file("the hook", &path, text)?;
        let point = name.trim_end_matches(".sh");
        let _ = writeln!(lines, "{point}: . {}", shell_word(path.as_str()));
    }
    Ok(lines)
}

fn workflow_form(encoded: bool, direct: bool, engine: Option<&str>) -> Result<WorkflowForm, Stop> {
    if encoded {
        return Ok(WorkflowForm::Encoded);
    }
    if !direct {
        return Ok(WorkflowForm::Wrapped);
    }
    match engine.filter(|engine| !engine.is_empty()) {
        None => Ok(WorkflowForm::Direct(EngineName::Tofu)),
        Some(engine) => engine
            .parse()
            .map(WorkflowForm::Direct)
            .map_err(|error| Stop::Usage(format!("--engine of `render workflow --direct`: {error}"))),
    }
}

/// The file for the settings in effect here. Without an engine every method of `also` stays.
fn cli_config(common: &CommonArguments) -> Result<String, Stop> {
    let resolved = Resolved::new(common, None)?;
    let mut findings = resolved.findings.clone();
    let mut also = resolved.settings.also.clone();
    if let Ok(engine) = resolved.engine_to_predict() {
        let count = also.len();
        also.retain(|method| method.is_known_to(&engine));
        if also.len() < count {
            findings.push(cli_configuration::method_unknown(&engine));
        }
    }
    for finding in &findings {
        let Finding { severity, code, summary, help, .. } = finding;
        output::error_line(&format!("{severity}[{code}]: {summary}. {help}"));
    }
    let mirrors = resolved.settings.mirror.iter().map(ToString::to_string).collect();
    let context = CliConfigContext { mirrors, also, ..CliConfigContext::default() };
    render::cli_config(&context).map_err(|error| anyhow::Error::new(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direct_form_names_an_engine() {
        for (engine, expected) in
            [(None, EngineName::Tofu), (Some(""), EngineName::Tofu), (Some("terraform"), EngineName::Terraform)]
        {
            assert_eq!(workflow_form(false, true, engine).unwrap(), WorkflowForm::Direct(expected));
        }
        assert!(
            matches!(workflow_form(false, true, Some("/bin/tofu")), Err(Stop::Usage(text)) if text.contains("--direct"))
        );
        assert_eq!(workflow_form(false, false, Some("/bin/tofu")).unwrap(), WorkflowForm::Wrapped);
    }
}
