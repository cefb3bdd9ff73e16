//! What `check`, `run` and `hook` share: the pass, and what is printed and saved of it.

use airtight_finding::human::HumanOptions;
use airtight_finding::report::Report;
use airtight_finding::{Finding, Severity, concise, human, json};
use airtight_gate::before_init::BeforeInit;
use airtight_gate::context::Context;
use airtight_gate::exec::guard::{Guard, NotEnforceable, Programs};
use airtight_gate::pass::{Judged, Pass};
use airtight_gate::settings::{Execute, Policy};
use airtight_hcl::Sources;
use airtight_provider::Engine;
use airtight_provider::digest::Progress;
use airtight_spacelift::plan_policy;
use camino::{Utf8Path, Utf8PathBuf};

use super::common_arguments::Format;
use super::resolve::Resolved;
use super::{Stop, output};

/// The pass of the gate, with what was resolved. `program` is the engine's executable, if there is one.
pub(super) fn pass<'a>(
    resolved: &'a Resolved,
    engine: &'a Engine,
    program: Option<&'a Utf8Path>,
    guard: Option<&'a Guard>,
    progress: Progress<'a>,
) -> Pass<'a> {
    Pass {
        context: Context {
            environment: &resolved.environment,
            settings: &resolved.settings,
            engine,
            program,
            platform: &resolved.platform,
            launch_directory: &resolved.launch_directory,
            repository: &resolved.repository,
            guard,
            runtime: &resolved.runtime,
            progress,
        },
        settings_findings: &resolved.findings,
        today: &resolved.today,
        is_confined: false,
        judges_own_init: false,
        started: resolved.started,
    }
}

/// The kernel's limit that the settings ask for, not yet in effect.
pub(super) fn guard(resolved: &Resolved, program: &Utf8Path) -> Option<Result<Guard, NotEnforceable>> {
    if resolved.settings.execute == Execute::Anything {
        return None;
    }
    let own = std::env::current_exe().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let airtight = own.unwrap_or_else(|| "/proc/self/exe".into());
    Some(Guard::prepare(&Programs { engine: program, airtight: &airtight, mirrors: &resolved.settings.mirror }))
}

/// Saves the report, and prints it on stderr.
pub(super) fn publish(resolved: &Resolved, judged: &Judged) -> Result<(), Stop> {
    save(resolved, &judged.report)?;
    print(resolved, judged);
    Ok(())
}

/// Writes the JSON report, if `--report` asks for one.
pub(super) fn save(resolved: &Resolved, report: &Report) -> Result<(), Stop> {
    let Some(path) = &resolved.report else { return Ok(()) };
    output::file("the report", path, &json::render(report).map_err(anyhow::Error::new)?)
}

/// Before a plan in Spacelift: puts the report where a plan policy finds it, and whatever else had that name away. If that fails, a
/// policy denies the plan, so it is only said.
pub(super) fn inform_policy(resolved: &Resolved, report: &Report) -> Result<(), Stop> {
    let run_id = resolved.environment.variables.get(plan_policy::RUN_ID).filter(|id| !id.is_empty());
    let Some(run_id) = run_id else { return Ok(()) };
    let text = plan_policy::input(report, run_id, resolved.settings.policy).map_err(anyhow::Error::new)?;
    if let Err(error) = plan_policy::put(&resolved.launch_directory, Some(&text)) {
        output::error_line(&format!(
            "`{}` cannot be written, so a plan policy will deny this plan: {error}",
            plan_policy::FILE_NAME
        ));
    }
    Ok(())
}

/// Prints on stderr, in a run: everything if it is refused, else errors and warnings.
pub(super) fn print(resolved: &Resolved, judged: &Judged) {
    print_findings(resolved, &judged.report, &judged.findings, &judged.sources);
}

/// The same for findings that no pass made.
pub(super) fn print_findings(resolved: &Resolved, report: &Report, findings: &[Finding], sources: &Sources) {
    let is_refused = !report.is_cleared();
    let shown = findings.iter().filter(|finding| is_refused || finding.severity != Severity::Note);
    let shown = shown.cloned().collect::<Vec<_>>();
    let text = if resolved.format == Some(Format::Concise) {
        concise::render(report)
    } else {
        human::render(
            &shown,
            report,
            sources,
            HumanOptions { color: resolved.colors_stderr(), width: output::width(&std::io::stderr()) },
        )
    };
    output::people(&text);
    if is_refused && resolved.settings.policy == Policy::Observe {
        output::error_line("the image's settings say `policy: observe`, so the run continues");
    }
}

/// Puts back what a refused `init` changed, and says so.
pub(super) fn put_back(pass: &Pass<'_>, judged: &Judged, before: Option<&BeforeInit>) -> Result<(), Stop> {
    let put_back = pass.put_back(judged, before)?;
    if put_back.is_some_and(|put_back| put_back.lock_file || put_back.providers) {
        output::error_line("the lock file is again as it was before `init`, and what `init` installed is removed");
    }
    Ok(())
}
