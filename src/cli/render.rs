//! `airtight render`.

use super::arguments::{CommonArguments, RenderArguments, RenderWhat};
use super::resolve::Resolved;
use super::{ExitCode, Stop, output};
use crate::domain::EngineName;
use crate::finding::Finding;
use crate::gate::cli_configuration;
use crate::render::{self, CliConfigContext, WorkflowForm};

pub(super) fn run(arguments: &RenderArguments) -> Result<ExitCode, Stop> {
    let text = match &arguments.what {
        RenderWhat::Workflow { encoded, direct, engine } => {
            render::workflow(workflow_form(*encoded, *direct, engine.as_deref())?)
        }
        RenderWhat::CliConfig(common) => cli_config(common)?,
        RenderWhat::Settings => render::settings().to_owned(),
    };
    output::data(&text)?;
    Ok(ExitCode::Cleared)
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

/// The file for the settings that count here. Without an engine every method of `also` stays.
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
