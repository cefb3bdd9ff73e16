//! `airtight hook`: checks before a phase, and prints the `export` lines that the phase's shell needs.

use super::arguments::HookArguments;
use super::progress::Progress;
use super::resolve::Resolved;
use super::session;
use super::{ExitCode, Stop, output};
use airtight_gate::check::Verdict;
use airtight_gate::cli_sources::CliConfigChoice;
use airtight_gate::context::Context;
use airtight_gate::gather::Question;
use airtight_gate::later;
use airtight_gate::later::Demand;
use airtight_gate::{init, prepared};
use airtight_provider::HookPoint;

pub(super) fn run(arguments: &HookArguments) -> Result<ExitCode, Stop> {
    let point = arguments.point.parse::<HookPoint>().map_err(|error| {
        let names = HookPoint::ALL.iter().map(|point| point.as_str()).collect::<Vec<_>>().join(", ");
        Stop::Usage(format!("`{}` is {error}; the points are {names}", arguments.point.escape_default()))
    })?;
    let demand = match point {
        HookPoint::BeforeInit => None,
        HookPoint::BeforePlan | HookPoint::BeforeApply | HookPoint::BeforeDestroy => Some(Demand::Installed),
        HookPoint::BeforePerform => Some(Demand::Whatever),
        _ => return Ok(ExitCode::Cleared),
    };
    let resolved = Resolved::new(&arguments.common, None)?;
    let engine = resolved.engine()?.engine;
    let progress = Progress::new();
    let add = |count| progress.add(count);
    let context = session::context(&resolved, &engine, &add);
    match demand {
        None => before_init(&resolved, &context),
        Some(demand) => before_later(&resolved, &context, point, demand),
    }
}

fn before_init(resolved: &Resolved, context: &Context<'_>) -> Result<ExitCode, Stop> {
    let question = Question { cli_config: &CliConfigChoice::Generated, init_arguments: &[] };
    let (gathered, mut findings) = init::judge(context, &question)?;
    let (configuration, found) = prepared::collect(context);
    findings.extend(found);
    let verdict = session::decide(resolved, &mut findings);
    let report = session::report_on(resolved, &gathered, &findings);
    session::save(resolved, &report)?;
    session::tell(resolved, &report, &findings, &gathered.sources);
    let Verdict::Cleared(cleared) = verdict else { return Ok(ExitCode::Refused) };
    if let Ok(runtime) = context.runtime {
        init::keep_lock_file(context, runtime, &gathered.facts.lock, &cleared)?;
    }
    export(&configuration.write(context, &cleared).map_err(session::refuse)?)
}

fn before_later(
    resolved: &Resolved,
    context: &Context<'_>,
    point: HookPoint,
    demand: Demand,
) -> Result<ExitCode, Stop> {
    let mut later = later::judge(context, None, demand)?;
    let mut findings = std::mem::take(&mut later.findings);
    let (configuration, found) = prepared::collect(context);
    findings.extend(found);
    let verdict = session::decide(resolved, &mut findings);
    let report = session::report_later(resolved, context.engine, phase(point), later.providers.clone(), &findings);
    session::save(resolved, &report)?;
    session::tell(resolved, &report, &findings, &later.sources);
    let Verdict::Cleared(cleared) = verdict else { return Ok(ExitCode::Refused) };
    if later.should_hand_over(context) {
        later.hand_over(context, &cleared)?;
    }
    export(&configuration.write(context, &cleared).map_err(session::refuse)?)
}

/// What follows the point.
fn phase(point: HookPoint) -> &'static str {
    point.as_str().trim_start_matches("before_")
}

/// One line for each variable, in single quotes: any shell of a runner image reads it back as it is.
fn export(variables: &[(&'static str, String)]) -> Result<ExitCode, Stop> {
    let lines = variables.iter().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")));
    output::data(&lines.collect::<String>())?;
    Ok(ExitCode::Cleared)
}
