//! The report as one page: nothing is fetched, no script runs.

use camino::Utf8Path;
use serde_json::{Value, json};
use tera::{Context, Tera, TeraResult, escape_html};

use super::leg::Status;
use super::report::{Report, ReportHost, ReportPhase, duration};
use airtight_finding::escape;
use airtight_finding::heading::counts;
use airtight_finding::report::ReportFinding;

const STYLE: &str = include_str!("html.css");
const TEMPLATE: &str = include_str!("report.html.tera");

/// A whole document. The template escapes what would be markup; what would be a control is escaped before.
///
/// # Errors
/// Never fails on a report.
pub fn render(report: &Report) -> TeraResult<String> {
    let end = report.phases.iter().map(|phase| phase.started_ms + phase.elapsed_ms).max().unwrap_or(1).max(1);
    let mut leg = 1;
    let phases: Vec<Value> = (report.phases.iter())
        .map(|phase| {
            let begins_leg = std::mem::replace(&mut leg, phase.leg) != phase.leg;
            one_phase(phase, begins_leg, end)
        })
        .collect();
    let subject = &report.subject;
    let page = json!({
        "title": text(&format!("Rehearsal of {}: {}", subject.repository, report.verdict.as_str())),
        "style": STYLE,
        "verdict": report.verdict,
        "repository": text(Utf8Path::new(&subject.repository).join(&subject.project_root).as_str().trim_end_matches('/')),
        "commit": subject.commit.as_deref().map(|commit| commit.get(..12).unwrap_or(commit)),
        "date": subject.date,
        "meaning": text(&capitalized(&report.meaning())),
        "facts": facts(report),
        "phases": phases,
        "hosts": hosts(&report.hosts),
        "findings": findings(report),
        "is_proven": report.isolation.proven,
        "isolation": text(&report.isolation.reason),
        "notes": report.notes.iter().map(|note| text(note)).collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    Tera::one_off(TEMPLATE, &Context::from_serialize(&page)?, true)
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let run = report.phases.iter().filter(|phase| phase.status != Status::Skipped);
    let legs = run.map(|phase| phase.leg).max().unwrap_or(1);
    let found = counts(report.counts).join(", ");
    vec![
        ("Run", report.run_type.as_str().to_owned()),
        ("Engine", text(&report.engine_title())),
        ("Commands", if report.has_workflow_file { "workflow file" } else { "the engine's own" }.to_owned()),
        ("Containers", legs.to_string()),
        ("Time", duration(report.elapsed_ms)),
        ("Found", if found.is_empty() { "nothing".to_owned() } else { found }),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "per cents of a page")]
fn one_phase(phase: &ReportPhase, begins_leg: bool, end: u64) -> Value {
    let percent = |part: u64| format!("{:.2}", part as f64 * 100.0 / end as f64);
    let ended = match (phase.exit_code, phase.signal) {
        (Some(0), _) | (None, None) => phase.status.to_string(),
        (Some(code), _) => format!("{}, exit code {code}", phase.status),
        (None, Some(signal)) => format!("{}, signal {signal}", phase.status),
    };
    json!({
        "begins_leg": begins_leg,
        "leg": phase.leg,
        "status": phase.status,
        "name": text(&phase.name),
        "ended": ended,
        "start": percent(phase.started_ms),
        "width": percent(phase.elapsed_ms),
        "took": if phase.status == Status::Skipped { String::new() } else { duration(phase.elapsed_ms) },
        "has_command": phase.command.is_some(),
        "command": phase.command.as_deref().map(text),
        "hosts": phase.hosts.iter().map(host).collect::<Vec<_>>(),
    })
}

/// In the phase that asked for it.
fn host(host: &ReportHost) -> Value {
    json!({
        "class": if host.declared { "declared" } else { "undeclared" },
        "place": text(&host.place()),
        "process": text(host.process.as_deref().unwrap_or("an unknown process")),
        "declared": host.declared,
    })
}

/// Each once, with everything that asked for it.
fn hosts(hosts: &[ReportHost]) -> Vec<Value> {
    let mut once: Vec<Vec<&ReportHost>> = Vec::new();
    for host in hosts {
        let is_same = |same: &&mut Vec<&ReportHost>| {
            (&same[0].host, same[0].port, same[0].protocol) == (&host.host, host.port, host.protocol)
        };
        match once.iter_mut().find(is_same) {
            Some(same) => same.push(host),
            None => once.push(vec![host]),
        }
    }
    let joined = |names: Vec<&str>| {
        let mut distinct: Vec<&str> = Vec::new();
        for name in names {
            if !distinct.contains(&name) {
                distinct.push(name);
            }
        }
        text(&distinct.join(", "))
    };
    let row = |same: Vec<&ReportHost>| {
        json!({
            "class": if same[0].declared { "declared" } else { "undeclared" },
            "host": text(&same[0].host),
            "port": same[0].port.map(|port| port.to_string()).unwrap_or_default(),
            "processes": joined(same.iter().map(|host| host.process.as_deref().unwrap_or("unknown")).collect()),
            "phases": joined(same.iter().map(|host| host.phase.as_str()).collect()),
            "protocol": same[0].protocol,
            "declared": same[0].declared,
        })
    };
    once.into_iter().map(row).collect()
}

/// The worst first.
fn findings(report: &Report) -> Vec<Value> {
    let mut found: Vec<(&ReportPhase, &ReportFinding)> =
        report.phases.iter().flat_map(|phase| phase.findings.iter().map(move |finding| (phase, finding))).collect();
    found.sort_by_key(|(_, finding)| finding.severity);
    let place = |location: &airtight_finding::report::ReportLocation| {
        let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line}", text(&location.path))
    };
    let one = |(phase, finding): (&ReportPhase, &ReportFinding)| {
        // Several lines are what a phase printed, in its own columns.
        let is_output = finding.detail.contains('\n');
        let output: Vec<String> = finding.detail.lines().map(text).collect();
        json!({
            "severity": finding.severity,
            "code": finding.code,
            "phase": text(&phase.name),
            "places": finding.locations.iter().map(place).collect::<Vec<_>>(),
            "summary": lines(&finding.summary),
            "output": is_output.then(|| output.join("\n")),
            "detail": lines(&finding.detail),
            "help": lines(&finding.help),
            "owner": finding.owner,
        })
    };
    found.into_iter().map(one).collect()
}

/// Text of one line.
fn text(raw: &str) -> String {
    escape::line(raw).into_owned()
}

/// Markup of text of several lines, in which pairs of backticks are code.
fn lines(raw: &str) -> String {
    let one = |line: &str| {
        let escaped = markup(&text(line));
        let parts: Vec<&str> = escaped.split('`').collect();
        if parts.len().is_multiple_of(2) {
            return escaped.clone();
        }
        let part = |(number, part): (usize, &&str)| {
            if number % 2 == 1 { format!("<code>{part}</code>") } else { (*part).to_owned() }
        };
        parts.iter().enumerate().map(part).collect()
    };
    raw.lines().map(one).collect::<Vec<String>>().join("<br>\n")
}

/// The same text as markup.
fn markup(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    escape_html(text, &mut bytes).expect("memory takes everything");
    String::from_utf8(bytes).expect("text stays text")
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::report::sample;
    use super::*;

    #[test]
    fn the_page_fetches_nothing_and_runs_nothing() {
        let page = render(&sample()).unwrap();
        for forbidden in ["<script", "http://", "https://", "src=", "url(", "@import", "<link", "onload"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        for expected in ["<b>registry.opentofu.org:443</b> <span>by tofu", "acme/stack", "0123456789ab<", "2026-01-31"]
        {
            assert!(page.contains(expected), "{expected}");
        }
    }

    proptest! {
        #[test]
        fn text_from_outside_stays_text(outside in "(<|>|&|\"|'|`|script|\\PC|\n){0,20}") {
            let mut report = sample();
            let markup = |report: &Report| render(report).unwrap().matches(['<', '>', '"']).count();
            let before = markup(&report);
            report.phases[1].command = Some(outside.clone());
            report.phases[1].hosts[0].host.clone_from(&outside);
            report.hosts[0].process = Some(outside);
            // What it holds adds no markup.
            prop_assert_eq!(markup(&report), before);
        }
    }
}
