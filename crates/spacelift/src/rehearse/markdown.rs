//! The report for a pull request: the timeline as a table, then what was found.

use std::fmt::Write as _;

use super::leg::Status;
use super::report::{Report, ReportPhase, duration};
use airtight_finding::escape;
use airtight_finding::heading::counts;
use airtight_finding::markdown::{code, prose, quote};

/// GitHub's dialect, which GitLab reads as well. No text from outside starts a line.
pub fn render(report: &Report) -> String {
    let mut text = format!(
        "### airtight: rehearsal {}\n\n{}{}: {}.\n\n",
        report.verdict.as_str(),
        prose(&format!("A {} run of {}", report.run_type.as_str(), report.subject.repository)),
        prose(&format!("{} with {}", at(report), report.engine_title())),
        prose(&report.meaning())
    );
    text.push_str("| phase | leg | outcome | time | command |\n| --- | --- | --- | --- | --- |\n");
    for phase in &report.phases {
        let took = if phase.status == Status::Skipped { String::new() } else { duration(phase.elapsed_ms) };
        let command = phase.command.as_deref().map(|command| code(&command.replace('\n', " "))).unwrap_or_default();
        let _ = writeln!(text, "| {} | {} | {} | {took} | {command} |", prose(&phase.name), phase.leg, outcome(phase));
    }
    if !report.hosts.is_empty() {
        text.push_str("\n| host that was asked for | declared reachable |\n| --- | --- |\n");
        for host in &report.hosts {
            let _ = writeln!(text, "| {} | {} |", code(&host.sentence()), if host.declared { "yes" } else { "**no**" });
        }
    }
    let findings: Vec<_> = report.phases.iter().flat_map(|phase| &phase.findings).collect();
    if !findings.is_empty() {
        let _ = writeln!(text, "\n<details><summary>{}</summary>", counts(report.counts).join(", "));
        for finding in findings {
            let _ = writeln!(
                text,
                "\n#### {} {}: {}\n",
                finding.severity,
                code(finding.code.as_str()),
                prose(&finding.summary)
            );
            if finding.detail.contains('\n') {
                push_output(&mut text, &finding.detail);
            } else {
                quote(&mut text, "", &finding.detail);
            }
            quote(&mut text, "**Fix:** ", &finding.help);
            let _ = writeln!(text, "Its page: {}", code(&format!("airtight explain {}", finding.code)));
        }
        text.push_str("\n</details>\n");
    }
    for note in &report.notes {
        let _ = writeln!(text, "\n> Note: {}", prose(note));
    }
    let _ = writeln!(text, "\nIsolation: {}.", prose(&report.isolation.reason));
    text
}

/// ` at 0123456789ab`.
fn at(report: &Report) -> String {
    let commit = report.subject.commit.as_deref().map(|commit| commit.get(..12).unwrap_or(commit));
    commit.map(|commit| format!(" at {commit}")).unwrap_or_default()
}

/// What a phase printed, in its own columns. No line of it can close the block.
fn push_output(text: &mut String, output: &str) {
    let longest = output.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "> {fence}text");
    for line in output.lines() {
        let _ = writeln!(text, "> {}", escape::line(line));
    }
    let _ = writeln!(text, "> {fence}\n");
}

fn outcome(phase: &ReportPhase) -> String {
    match (phase.exit_code, phase.signal) {
        (Some(0), _) | (None, None) => phase.status.to_string(),
        (Some(code), _) => format!("**{}**, exit code {code}", phase.status),
        (None, Some(signal)) => format!("**{}**, signal {signal}", phase.status),
    }
}
