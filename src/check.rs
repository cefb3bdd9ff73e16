//! `airtight check`: predicts and judges `init` for one root module. The report is the data: stdout.

use camino::Utf8PathBuf;

use super::arguments::{CheckArguments, Format};
use super::progress::Progress;
use super::resolve::Resolved;
use super::session;
use super::{ExitCode, Stop, output};
use airtight_engine::predict::Outcome;
use airtight_finding::human::HumanOptions;
use airtight_finding::{Code, concise, human, json, junit, markdown, sarif};
use airtight_gate::check::Verdict;
use airtight_gate::cli_sources::CliConfigChoice;
use airtight_gate::gather::Question;
use airtight_gate::{init, prepared};

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
    let context = session::context(&resolved, &engine, &add);
    let question = Question { cli_config: &cli_config, init_arguments: &arguments.init_arguments };
    let (gathered, mut findings) = init::judge(&context, &question)?;
    progress.finish();
    if cli_config == CliConfigChoice::Generated {
        // Nothing is written here, so it does not matter whether it could be.
        let found = prepared::collect(&context).1;
        findings.extend(found.into_iter().filter(|finding| finding.code != Code::CliConfigUnwritable));
    }
    let verdict = session::decide(&resolved, &mut findings);
    let report = session::report_on(&resolved, &gathered, &findings);
    session::save(&resolved, &report)?;
    let text = match resolved.format.unwrap_or(Format::Human) {
        Format::Human => {
            let options = HumanOptions { color: resolved.colors(&std::io::stdout()), width: 100 };
            human::render(&findings, &report, &gathered.sources, options)
        }
        Format::Concise => concise::render(&report),
        Format::Json => json::render(&report).map_err(anyhow::Error::new)?,
        Format::Sarif => sarif::render(&report).map_err(anyhow::Error::new)?,
        Format::Junit => junit::render(&report),
        Format::Markdown => markdown::render(&report),
    };
    output::data(&text)?;
    let fails = gathered.prediction.init == Outcome::Failure;
    Ok(match verdict {
        Verdict::Cleared(_) if !fails => ExitCode::Cleared,
        _ => ExitCode::Refused,
    })
}
