//! `airtight check`: predicts and judges `init` for one root module. The report is the data: stdout.

use airtight_finding::human::HumanOptions;
use airtight_finding::{concise, human, json, junit, markdown, sarif};
use airtight_gate::check::Verdict;
use airtight_gate::cli_sources::CliConfigChoice;
use airtight_gate::gather::Question;
use airtight_gate::pass::Asking;
use camino::Utf8PathBuf;

use super::arguments::{Ask, CheckArguments, Format};
use super::progress::Progress;
use super::resolve::Resolved;
use super::session;
use super::{ExitCode, Stop, output};

pub(super) fn run(arguments: &CheckArguments) -> Result<ExitCode, Stop> {
    let resolved = Resolved::new(&arguments.common, arguments.directory.as_deref())?;
    let engine = resolved.engine_to_predict()?;
    let cli_config = match arguments.cli_config.as_deref().unwrap_or_default() {
        "" | "generated" => CliConfigChoice::Generated,
        "inherited" => CliConfigChoice::Inherited,
        path => CliConfigChoice::File(Utf8PathBuf::from(path)),
    };
    let progress = Progress::new();
    let add = |count| progress.add(count);
    let program = resolved.program_of(&engine);
    let guard = program.as_deref().and_then(|program| session::guard(&resolved, program)?.ok());
    let pass = session::pass(&resolved, &engine, program.as_deref(), guard.as_ref(), &add);
    let question = Question { cli_config: &cli_config, init_arguments: &arguments.init_arguments };
    let ask = arguments.ask.and_then(|ask| ask.0).unwrap_or_default();
    let asking = match (ask, arguments.pull_state) {
        (_, true) if program.is_none() => {
            return Err(Stop::Usage(format!("--pull-state needs {engine} on this machine, which reads the state")));
        }
        (Ask::Never, true) => {
            return Err(Stop::Usage("--pull-state asks the engine, and --ask never forbids it".to_owned()));
        }
        (Ask::Auto, true) => Asking::AlwaysWithState,
        (Ask::Auto, false) => Asking::Always,
        (Ask::Never, false) => Asking::Never,
    };
    let judged = pass.init(&question, asking)?;
    progress.finish();
    session::save(&resolved, &judged.report)?;
    let report = &judged.report;
    let text = match resolved.format.unwrap_or(Format::Human) {
        Format::Human => {
            let options =
                HumanOptions { color: resolved.colors(&std::io::stdout()), width: output::width(&std::io::stdout()) };
            human::render(&judged.findings, report, &judged.sources, options)
        }
        Format::Concise => concise::render(report),
        Format::Json => json::render(report).map_err(anyhow::Error::new)?,
        Format::Sarif => sarif::render(report).map_err(anyhow::Error::new)?,
        Format::Junit => junit::render(report),
        Format::Markdown => markdown::render(report),
    };
    output::data(&text)?;
    Ok(match &judged.verdict {
        Verdict::Cleared(_) if !judged.fails() => ExitCode::Cleared,
        _ => ExitCode::Refused,
    })
}
