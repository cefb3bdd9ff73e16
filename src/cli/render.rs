//! `airtight render`.

use super::arguments::{RenderArguments, RenderWhat};
use super::{ExitCode, Stop, output};
use crate::domain::EngineName;
use crate::render::{self, CliConfigContext, WorkflowForm};

/// Where an image keeps its mirror unless something says otherwise.
const DEFAULT_MIRROR: &str = "/providers";

pub(super) fn run(arguments: &RenderArguments) -> Result<ExitCode, Stop> {
    let text = match &arguments.what {
        RenderWhat::Workflow { encoded, direct, engine } => {
            render::workflow(workflow_form(*encoded, *direct, engine.as_deref())?)
        }
        RenderWhat::CliConfig(common) => cli_config(&common.mirror)?,
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

/// The file for these mirrors, or for the default one.
fn cli_config(mirrors: &[String]) -> Result<String, Stop> {
    let mut mirrors: Vec<String> = mirrors.iter().filter(|mirror| !mirror.is_empty()).cloned().collect();
    if mirrors.is_empty() {
        mirrors.push(DEFAULT_MIRROR.to_owned());
    }
    let context = CliConfigContext { mirrors, ..CliConfigContext::default() };
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

    #[test]
    fn an_empty_mirror_counts_as_unset() {
        for mirrors in [vec![], vec![String::new()]] {
            assert!(cli_config(&mirrors).unwrap().contains("path = \"/providers\"\n"));
        }
        let text = cli_config(&["/a".to_owned(), "/b".to_owned()]).unwrap();
        assert!(!text.contains("/providers") && text.find("\"/a\"") < text.find("\"/b\""), "{text}");
    }
}
