//! `airtight render`.

use std::fmt::Write as _;

use super::arguments::{CommonArguments, Rego, RenderArguments, RenderWhat};
use super::resolve::Resolved;
use super::{ExitCode, Stop, output};
use crate::render_dockerfile::{self, DockerfileContext};
use airtight_finding::{Finding, shell_word};
use airtight_gate::cli_configuration;
use airtight_gate::render;
use airtight_gate::render::CliConfigContext;
use airtight_provider::{EngineName, atomic_file};
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
        RenderWhat::Dockerfile { engine, engine_version, platform, mirror } => {
            dockerfile(engine, engine_version.as_deref(), platform, mirror)?
        }
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
        atomic_file::write(&path, text.as_bytes(), 0o644)
            .map_err(|error| anyhow::Error::new(error).context(format!("the hook `{path}` cannot be written")))?;
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

/// The options of the command line, as they make the same file again.
fn dockerfile(engine: &str, version: Option<&str>, platform: &str, mirror: &str) -> Result<String, Stop> {
    let usage = |option: &str, error: &dyn std::fmt::Display| Stop::Usage(format!("--{option}: {error}"));
    let name: EngineName = engine.parse().map_err(|error| usage("engine", &error))?;
    let newest_known = match name {
        EngineName::Tofu => "1.12.6",
        EngineName::Terraform => "1.11.4",
    };
    let given = version.filter(|version| !version.is_empty());
    let version = given.unwrap_or(newest_known).parse().map_err(|error| usage("engine-version", &error))?;
    let context = DockerfileContext {
        engine: name,
        option: format!(" --engine {name} --engine-version {version} --platform {platform} --mirror {mirror}"),
        version,
        platform: platform.parse().map_err(|error| usage("platform", &error))?,
        mirror: mirror.to_owned(),
    };
    render_dockerfile::dockerfile(&context).map_err(|error| Stop::Usage(error.to_string()))
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

    /// Every call of airtight in the file is one that this very binary understands.
    #[test]
    fn a_dockerfile_calls_airtight_as_it_is() {
        use clap::Parser as _;
        for engine in ["tofu", "terraform"] {
            let text = dockerfile(engine, Some("1.9.1"), "linux_arm64", "/providers").unwrap();
            assert!(text.contains("ARG VERSION=1.9.1\nARG PLATFORM=linux_arm64\n"), "{text}");
            assert!(text.contains(&format!("/usr/local/bin/{engine}\n")), "{text}");
            let calls: Vec<&str> = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("RUN ").or(Some(line.trim())))
                .filter(|line| line.starts_with("airtight "))
                .collect();
            assert_eq!(calls.len(), 2, "{text}");
            for call in calls {
                let words = call.trim_end_matches(" && \\").split(' ').map(|word| word.trim_matches('"'));
                let parsed = crate::Arguments::try_parse_from(words);
                assert!(parsed.is_ok(), "{call}: {}", parsed.unwrap_err());
            }
            assert!(text.lines().all(|line| !line.ends_with("\\ ")), "{text}");
        }
        for (engine, version, platform, mirror) in [
            ("pulumi", None, "linux_amd64", "/p"),
            ("tofu", Some("x"), "linux_amd64", "/p"),
            ("tofu", None, "linux", "/p"),
            ("tofu", None, "linux_amd64", "providers"),
            ("tofu", None, "linux_amd64", "/p && rm"),
        ] {
            assert!(matches!(dockerfile(engine, version, platform, mirror), Err(Stop::Usage(_))), "{engine} {mirror}");
        }
    }
}
