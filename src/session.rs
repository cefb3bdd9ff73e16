//! What `check`, `run` and `hook` share: the gate's surroundings, the verdict and the report.

use airtight_finding::human::HumanOptions;
use airtight_finding::report::{Report, ReportPrediction, ReportProvider};
use airtight_finding::{Finding, Severity, concise, human, json};
use airtight_gate::check;
use airtight_gate::check::verdict::{Verdict, judge};
use airtight_gate::context::{Context, real};
use airtight_gate::gather::Gathered;
use airtight_gate::settings::Policy;
use airtight_hcl::Sources;
use airtight_provider::Engine;
use airtight_provider::atomic_file;
use airtight_provider::digest::Progress;

use super::arguments::Format;
use super::report::{prediction, providers};
use super::resolve::Resolved;
use super::{Stop, output};

/// The gate's view of what was resolved.
pub(super) fn context<'a>(resolved: &'a Resolved, engine: &'a Engine, progress: Progress<'a>) -> Context<'a> {
    Context {
        environment: &resolved.environment,
        settings: &resolved.settings,
        engine,
        platform: &resolved.platform,
        launch_directory: &resolved.launch_directory,
        repository: &resolved.repository,
        runtime: &resolved.runtime,
        progress,
    }
}

/// Applies the settings' rules and decides.
pub(super) fn decide(resolved: &Resolved, findings: &mut Vec<Finding>) -> Verdict {
    findings.extend(resolved.findings.iter().cloned());
    check::rules::apply(&resolved.settings, findings, &Resolved::today());
    judge(findings, resolved.settings.policy)
}

/// The report on a prediction.
pub(super) fn report_on(resolved: &Resolved, gathered: &Gathered, findings: &[Finding]) -> Report {
    Report::new(
        &gathered.facts.engine,
        &gathered.facts.platform,
        prediction(gathered),
        providers(gathered),
        findings,
        resolved.started.elapsed(),
    )
}

/// The report on a later phase, where nothing is predicted.
pub(super) fn report_later(
    resolved: &Resolved,
    engine: &Engine,
    phase: &'static str,
    providers: Vec<ReportProvider>,
    findings: &[Finding],
) -> Report {
    let prediction =
        ReportPrediction { init: "unknown", reasons: Vec::new(), assumptions: Vec::new(), lock_after: None };
    let report = Report::new(engine, &resolved.platform, prediction, providers, findings, resolved.started.elapsed());
    Report { phase: Some(phase), ..report }
}

/// Writes the JSON report where `--report` asks for one.
pub(super) fn save(resolved: &Resolved, report: &Report) -> Result<(), Stop> {
    let Some(path) = &resolved.report else { return Ok(()) };
    let text = json::render(report).map_err(anyhow::Error::new)?;
    atomic_file::write(path, text.as_bytes(), 0o644)
        .map_err(|error| anyhow::Error::new(error).context(format!("the report `{path}` cannot be written")))?;
    Ok(())
}

/// Tells people on stderr, in a run: everything where it is refused, else what is worth a line.
pub(super) fn tell(resolved: &Resolved, report: &Report, findings: &[Finding], sources: &Sources) {
    let is_refused = !report.is_cleared();
    let told = findings.iter().filter(|finding| is_refused || finding.severity != Severity::Note);
    let told = told.cloned().collect::<Vec<_>>();
    let text = if resolved.format == Some(Format::Concise) {
        concise::render(report)
    } else {
        human::render(&told, report, sources, HumanOptions { color: resolved.colors_stderr(), width: 100 })
    };
    output::people(&text);
    if is_refused && resolved.settings.policy == Policy::Observe {
        output::error_line("the image's settings say `policy: observe`, so this goes on all the same");
    }
}

/// A refusal that the gate makes after the verdict.
#[expect(clippy::needless_pass_by_value, clippy::boxed_local, reason = "`map_err` hands it over so")]
pub(super) fn refuse(finding: Box<Finding>) -> Stop {
    Stop::Failed(anyhow::anyhow!("{}: {}. {}", finding.code, finding.summary, finding.help))
}

/// Keeps this leg's verdict for the commands that read back. Where it cannot be kept they judge anew.
pub(super) fn remember_leg(context: &Context<'_>, is_cleared: bool) {
    let Ok(runtime) = context.runtime else { return };
    let path = runtime.file_for(&real(context.launch_directory), LEG);
    if is_cleared {
        let _ = atomic_file::write_for_now(&path, b"cleared\n", 0o600);
    } else {
        let _ = fs_err::remove_file(&path);
    }
}

/// Whether an earlier command of this container was cleared for this root module.
pub(super) fn leg_is_cleared(context: &Context<'_>) -> bool {
    let Ok(runtime) = context.runtime else { return false };
    runtime.file_for(&real(context.launch_directory), LEG).is_file()
}

const LEG: &str = "leg";
