//! `airtight rehearse`: a whole Spacelift run, here, without network. The report is the data: stdout.

use super::common_arguments::Format;
use super::rehearse_arguments::RehearseArguments;
use super::rehearse_request as request;
use super::resolve::Resolved;
use super::{ExitCode, Stop, output};
use airtight_spacelift::rehearse::RehearsalError;
use airtight_spacelift::rehearse::rehearsal::{self, Around, Rehearsal};
use airtight_spacelift::rehearse::report::RehearsalVerdict;
use airtight_spacelift::rehearse::{container, html, human, janitor, markdown, report};

impl From<RehearsalError> for Stop {
    fn from(error: RehearsalError) -> Self {
        match error {
            RehearsalError::Usage(text) => Self::Usage(text),
            RehearsalError::Failed(error) => Self::Failed(error),
        }
    }
}

/// The hidden subcommand: the processes of a container.
pub(super) fn inside(stage: &str) -> Result<ExitCode, Stop> {
    match stage {
        "namespaces" => container::enter()?,
        "container" => container::run()?,
        "janitor" => janitor::run().map_err(anyhow::Error::new)?,
        _ => return Err(Stop::Usage("`rehearse-inside` is for `airtight rehearse` alone".to_owned())),
    }
    Ok(ExitCode::Cleared)
}

pub(super) fn run(arguments: &RehearseArguments) -> Result<ExitCode, Stop> {
    let resolved = Resolved::new(&arguments.common, arguments.directory.as_deref())?;
    let format = resolved.format.unwrap_or(Format::Human);
    if !matches!(format, Format::Human | Format::Json | Format::Markdown) {
        return Err(Stop::Usage("--format: a rehearsal is reported as human, json or markdown".to_owned()));
    }
    let engine = resolved.engine();
    let asked = request::read(arguments, &resolved, engine.as_ref().ok())?;
    let laid_out = rehearsal::lay_out(&asked.request)?;
    let engine = match engine {
        Ok(engine) => Some(engine),
        // Its commands are the workflow file's business, or there are none.
        Err(Stop::Engine(_)) if laid_out.prepared.has_workflow_file || asked.run.skips_init => None,
        Err(stop) => return Err(stop),
    };
    let around = Around {
        started: resolved.started,
        environment: &resolved.environment,
        settings: &resolved.settings,
        findings: &resolved.findings,
        given: request::given(&resolved),
        today: resolved.today.clone(),
        engine,
    };
    let mut rehearsal = Rehearsal::new(&around, &asked, laid_out)?;
    let interrupted = rehearsal.conduct()?;
    rehearsal.judge();
    let report = rehearsal.report(interrupted.is_some());
    let json = report::json(&report).map_err(anyhow::Error::new)?;
    if let Some(path) = &resolved.report {
        output::file("the report", path, &json)?;
    }
    if let Some(path) = &arguments.html {
        output::file("the report", path, &html::render(&report).map_err(anyhow::Error::new)?)?;
    }
    output::data(&match format {
        Format::Json => json,
        Format::Markdown => markdown::render(&report),
        _ => human::render(&report, resolved.colors(&std::io::stdout())),
    })?;
    Ok(match interrupted {
        Some(signal) => ExitCode::Engine(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        None if report.verdict == RehearsalVerdict::Refused => ExitCode::Refused,
        None => ExitCode::Cleared,
    })
}
