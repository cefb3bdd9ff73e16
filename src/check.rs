//! `airtight check`: predicts and judges `init` for root modules. The report is the data: stdout.

use std::time::Instant;

use airtight_engine::root_modules;
use airtight_finding::human::HumanOptions;
use airtight_finding::many::{self, Reports};
use airtight_finding::{concise, human, json, junit, markdown, sarif};
use airtight_gate::check::Verdict;
use airtight_gate::cli_sources::CliConfigChoice;
use airtight_gate::gather::Question;
use airtight_gate::pass::{Asking, Judged};
use airtight_spacelift::check::stack_files;
use camino::{Utf8Path, Utf8PathBuf};

use super::arguments::{Ask, CheckArguments};
use super::common_arguments::Format;
use super::progress::Progress;
use super::resolve::Resolved;
use super::session;
use super::{ExitCode, Stop, output};

pub(super) fn run(arguments: &CheckArguments) -> Result<ExitCode, Stop> {
    let started = Instant::now();
    if arguments.recursive || arguments.directories.len() > 1 {
        return all(arguments, started);
    }
    let (resolved, judged) = one(arguments, arguments.directories.first().map(Utf8PathBuf::as_path), &mut Vec::new())?;
    session::save(&resolved, &judged.report)?;
    let report = &judged.report;
    let text = match resolved.format.unwrap_or(Format::Human) {
        Format::Human => human::render(&judged.findings, report, &judged.sources, human_options(&resolved)),
        Format::Concise => concise::render(report),
        Format::Json => json::render(report).map_err(anyhow::Error::new)?,
        Format::Sarif => sarif::render(report).map_err(anyhow::Error::new)?,
        Format::Junit => junit::render(report),
        Format::Markdown => markdown::render(report),
    };
    output::data(&text)?;
    Ok(if is_fine(&judged) { ExitCode::Cleared } else { ExitCode::Refused })
}

/// Several root modules, each once.
fn all(arguments: &CheckArguments, started: Instant) -> Result<ExitCode, Stop> {
    let mut text = String::new();
    let mut reports = Vec::new();
    let mut last = None;
    let mut linted = Vec::new();
    for directory in directories(arguments)? {
        let (resolved, judged) = one(arguments, Some(&directory), &mut linted)?;
        if resolved.format.unwrap_or(Format::Human) == Format::Human {
            let options = human_options(&resolved);
            text += &human::findings(&judged.findings, &judged.sources, options);
            text += &many::titled(&judged.report);
            text += if judged.findings.is_empty() { "\n" } else { "\n\n" };
        }
        reports.push(judged.report);
        last = Some(resolved);
    }
    let Some(resolved) = last else {
        return Err(Stop::Usage("there is no root module below what was given".to_owned()));
    };
    let reports = Reports::new(reports, started.elapsed());
    let as_json = || reports.json().map_err(anyhow::Error::new);
    if let Some(path) = &resolved.report {
        output::file("the report", path, &as_json()?)?;
    }
    let text = match resolved.format.unwrap_or(Format::Human) {
        Format::Human => text + &reports.closing() + "\n",
        Format::Concise => reports.concise(),
        Format::Json => as_json()?,
        Format::Sarif => reports.sarif().map_err(anyhow::Error::new)?,
        Format::Junit => reports.junit(),
        Format::Markdown => reports.markdown(),
    };
    output::data(&text)?;
    Ok(if reports.failing.is_empty() { ExitCode::Cleared } else { ExitCode::Refused })
}

/// The root modules that are asked for, each once: what is given, or what is below it.
fn directories(arguments: &CheckArguments) -> Result<Vec<Utf8PathBuf>, Stop> {
    let given =
        if arguments.directories.is_empty() { vec![Utf8PathBuf::from(".")] } else { arguments.directories.clone() };
    if let Some(missing) = given.iter().find(|directory| !directory.is_dir()) {
        return Err(Stop::Usage(format!("`{missing}` is no directory")));
    }
    let found = if arguments.recursive {
        let found = root_modules::below(&given).map_err(anyhow::Error::new)?;
        found.into_iter().map(|root| root.directory).collect()
    } else {
        given
    };
    let mut seen = Vec::new();
    let is_new = |directory: &Utf8PathBuf| {
        let real = directory.canonicalize_utf8().unwrap_or_else(|_| directory.clone());
        let is_new = !seen.contains(&real);
        seen.push(real);
        is_new
    };
    Ok(found.into_iter().filter(is_new).collect())
}

/// Judges one root module. Spacelift's files of a repository are judged with its first one; `linted` are those repositories.
fn one(
    arguments: &CheckArguments,
    directory: Option<&Utf8Path>,
    linted: &mut Vec<Utf8PathBuf>,
) -> Result<(Resolved, Judged), Stop> {
    let mut resolved = Resolved::new(&arguments.common, directory)?;
    if !linted.contains(&resolved.repository) {
        resolved.findings.extend(stack_files::of_repository(&resolved.repository));
        linted.push(resolved.repository.clone());
    }
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
    let pass = session::pass(&resolved, &engine, program.as_deref(), guard.as_ref(), &add);
    let judged = pass.init(&question, asking)?;
    progress.finish();
    Ok((resolved, judged))
}

fn human_options(resolved: &Resolved) -> HumanOptions {
    HumanOptions { color: resolved.colors(&std::io::stdout()), width: output::width(&std::io::stdout()) }
}

fn is_fine(judged: &Judged) -> bool {
    matches!(judged.verdict, Verdict::Cleared(_)) && !judged.fails()
}
