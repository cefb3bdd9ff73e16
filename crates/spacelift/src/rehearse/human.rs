//! The report for a terminal: a line for each phase, below it what was found there.

use std::fmt::Write as _;

use super::leg::Status;
use super::report::{RehearsalVerdict, Report, ReportPhase, duration};
use super::witness::CHECKPOINT;
use airtight_finding::Severity;
use airtight_finding::escape;
use airtight_finding::heading::counts;
use airtight_finding::prose::wrap;
use airtight_finding::report::ReportFinding;

const WIDTH: usize = 100;

/// As text; colours are the terminal's own.
pub fn render(report: &Report, color: bool) -> String {
    let paint = |text: &str, code: &str| if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut text = String::new();
    let width = report.phases.iter().map(|phase| phase.name.len()).max().unwrap_or(0);
    let mut leg = 1;
    for phase in &report.phases {
        if phase.leg != leg {
            leg = phase.leg;
            let _ =
                writeln!(text, "        -- waiting for a confirmation; the rest runs in a new container: leg {leg} --");
        }
        let code = match phase.status {
            Status::Passed => "32",
            Status::Skipped => "2",
            Status::Stopped | Status::Interrupted => "33",
            Status::Failed => "31",
        };
        let status = paint(&format!("{:11}", phase.status.as_str()), code);
        let took = if phase.status == Status::Skipped { String::new() } else { duration(phase.elapsed_ms) };
        let command = phase.command.as_deref().map(|command| shortened(&escape::line(command), 60)).unwrap_or_default();
        let line = format!("  {status} {:width$}  {took:>9}  {}{command}", phase.name, ended(phase));
        let _ = writeln!(text, "{}", line.trim_end());
        // The engine's update check is a finding, and no news in every phase.
        for host in phase.hosts.iter().filter(|host| host.host != CHECKPOINT) {
            let declared = if host.declared { "declared" } else { "not declared" };
            let _ = writeln!(text, "  {:11} {:width$}  asked for {} ({declared})", "", "", host.sentence());
        }
    }
    for finding in report.phases.iter().flat_map(|phase| &phase.findings) {
        text.push('\n');
        push_finding(&mut text, finding, &paint);
    }
    for note in &report.notes {
        text.push('\n');
        push_wrapped(&mut text, "note: ", "  ", note);
    }
    text.push('\n');
    push_wrapped(&mut text, "isolation: ", "  ", &report.isolation.reason);
    let code = match report.verdict {
        RehearsalVerdict::Cleared => "32",
        RehearsalVerdict::Incomplete => "33",
        RehearsalVerdict::Refused => "31",
    };
    let mut parts = vec![report.meaning()];
    parts.extend(counts(report.counts));
    let _ = writeln!(
        text,
        "airtight: {}: {} ({}, {} run) in {}",
        paint(report.verdict.as_str(), code),
        parts.join(", "),
        report.engine_title(),
        report.run_type.as_str(),
        duration(report.elapsed_ms)
    );
    text
}

fn ended(phase: &ReportPhase) -> String {
    match (phase.exit_code, phase.signal) {
        (Some(0), _) | (None, None) => String::new(),
        (Some(code), _) => format!("exit code {code}: "),
        (None, Some(signal)) => format!("signal {signal}: "),
    }
}

/// Its beginning; commands are whole in the other formats.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 3).collect::<String>() + "..."
}

fn push_finding(text: &mut String, finding: &ReportFinding, paint: &dyn Fn(&str, &str) -> String) {
    let code = match finding.severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Note => "1;36",
    };
    let head = paint(&format!("{}[{}]", finding.severity, finding.code), code);
    let _ = writeln!(text, "{head}: {}", escape::line(&finding.summary));
    for location in &finding.locations {
        let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
        let _ = writeln!(text, "  at {}{line}", escape::line(&location.path));
    }
    text.push_str(&escape::indented(&finding.detail, "  "));
    if !finding.detail.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    push_wrapped(text, "  help: ", "        ", &finding.help);
}

fn push_wrapped(text: &mut String, first: &str, rest: &str, prose: &str) {
    for (number, line) in
        wrap(&escape::line(prose), WIDTH - first.len().max(rest.len() + escape::MARK.len())).iter().enumerate()
    {
        let _ = writeln!(text, "{}{line}", if number == 0 { first.to_owned() } else { rest.to_owned() + escape::MARK });
    }
}
