//! `airtight hook`: checks before a phase, and prints the `export` lines that the phase's shell needs.

use airtight_gate::check::{Verdict, execution};
use airtight_gate::cli_sources::CliConfigChoice;
use airtight_gate::gather::Question;
use airtight_gate::later::Demand;
use airtight_gate::pass::Asking;
use airtight_gate::settings::Execute;
use airtight_provider::HookPoint;

use super::arguments::HookArguments;
use super::progress::Progress;
use super::resolve::Resolved;
use super::session;
use super::{ExitCode, Stop, output};

pub(super) fn run(arguments: &HookArguments) -> Result<ExitCode, Stop> {
    let point = arguments.point.0;
    let demand = match point {
        HookPoint::BeforeInit => None,
        HookPoint::BeforePlan | HookPoint::BeforeApply | HookPoint::BeforeDestroy => Some(Demand::Installed),
        HookPoint::BeforePerform => Some(Demand::Whatever),
        _ => return Ok(ExitCode::Cleared),
    };
    let resolved = Resolved::new(&arguments.common, None)?;
    let found = resolved.engine()?;
    let progress = Progress::new();
    let add = |count| progress.add(count);
    let guard = session::guard(&resolved, &found.program).and_then(Result::ok);
    let mut pass = session::pass(&resolved, &found.engine, Some(&found.program), guard.as_ref(), &add);
    let mut settings_findings = resolved.findings.clone();
    if resolved.settings.execute == Execute::Image {
        settings_findings.push(execution::not_enforced_by_hooks());
    }
    pass.settings_findings = &settings_findings;
    let judged = match demand {
        None => {
            let question = Question { cli_config: &CliConfigChoice::Generated, init_arguments: &[] };
            pass.init(&question, Asking::ToConfirm)?
        }
        Some(demand) => pass.later(phase(point), demand)?,
    };
    progress.finish();
    session::publish(&resolved, &judged)?;
    if point == HookPoint::BeforePlan {
        session::inform_policy(&resolved, &judged.report)?;
    }
    match &judged.verdict {
        Verdict::Cleared(cleared) => export(&pass.clear(&judged, cleared)?),
        Verdict::Refused => {
            session::put_back(&pass, &judged, None)?;
            Ok(ExitCode::Refused)
        }
    }
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
