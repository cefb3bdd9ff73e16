//! The report as one page: nothing is fetched, no script runs.

use std::fmt::Write as _;

use super::report::{Report, ReportHost, ReportPhase, duration};
use airtight_finding::escape;
use airtight_finding::heading::counts;
use airtight_finding::report::ReportFinding;

const STYLE: &str = include_str!("html.css");

/// A whole document.
pub fn render(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src \
         'none'; style-src 'unsafe-inline'\">\n<title>Rehearsal: {verdict}</title>\n<style>\n{STYLE}</style>\n</head>\n<body \
         class=\"{verdict}\">\n<main>\n",
        verdict = report.verdict
    );
    head(&mut page, report);
    timeline(&mut page, report);
    hosts(&mut page, &report.hosts);
    findings(&mut page, report);
    foot(&mut page, report);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn head(page: &mut String, report: &Report) {
    let _ = write!(
        page,
        "<header>\n<p class=\"tool\">airtight rehearsal</p>\n<h1><span class=\"badge\">{}</span> {}</h1>\n<dl class=\"facts\">\n",
        report.verdict,
        text(&capitalized(&report.meaning()))
    );
    let run = report.phases.iter().filter(|phase| phase.status != "skipped");
    let legs = run.map(|phase| phase.leg).max().unwrap_or(1);
    for (name, value) in [
        ("Run", report.run_type.to_owned()),
        ("Engine", report.engine_title()),
        ("Commands", if report.has_workflow_file { "workflow file" } else { "the engine's own" }.to_owned()),
        ("Containers", legs.to_string()),
        ("Time", duration(report.elapsed_ms)),
        (
            "Found",
            Some(counts(report.counts).join(", ")).filter(|found| !found.is_empty()).unwrap_or("nothing".to_owned()),
        ),
    ] {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", text(&value));
    }
    page.push_str("</dl>\n</header>\n");
}

fn timeline(page: &mut String, report: &Report) {
    let end = report.phases.iter().map(|phase| phase.started_ms + phase.elapsed_ms).max().unwrap_or(1).max(1);
    page.push_str("<section>\n<h2>Timeline</h2>\n<ol class=\"timeline\">\n");
    let mut leg = 1;
    for phase in &report.phases {
        if phase.leg != leg {
            leg = phase.leg;
            let _ = writeln!(
                page,
                "<li class=\"pause\">Pause for a confirmation. From here on container {leg}: only the workspace is left.</li>"
            );
        }
        bar(page, phase, end);
    }
    page.push_str("</ol>\n</section>\n");
}

#[expect(clippy::cast_precision_loss, reason = "per cents of a page")]
fn bar(page: &mut String, phase: &ReportPhase, end: u64) {
    let percent = |part: u64| part as f64 * 100.0 / end as f64;
    let took = if phase.status == "skipped" { String::new() } else { duration(phase.elapsed_ms) };
    let ended = match (phase.exit_code, phase.signal) {
        (Some(0), _) | (None, None) => String::new(),
        (Some(code), _) => format!(", exit code {code}"),
        (None, Some(signal)) => format!(", signal {signal}"),
    };
    let _ = write!(
        page,
        "<li class=\"phase {status}\">\n<div class=\"row\"><span class=\"name\">{name}</span><span \
         class=\"status\">{status}{ended}</span><span class=\"track\"><span class=\"bar\" \
         style=\"margin-left:{start:.2}%;width:{width:.2}%\"></span></span><span class=\"took\">{took}</span></div>\n",
        status = phase.status,
        name = text(&phase.name),
        start = percent(phase.started_ms),
        width = percent(phase.elapsed_ms),
    );
    if let Some(command) = &phase.command {
        let _ = writeln!(page, "<code class=\"command\">{}</code>", text(command));
    }
    for host in &phase.hosts {
        let declared = if host.declared { "declared reachable" } else { "not declared" };
        let class = if host.declared { "declared" } else { "undeclared" };
        let _ = writeln!(
            page,
            "<p class=\"asked {class}\">asked for <b>{}</b> <span>{declared}</span></p>",
            text(&host.sentence())
        );
    }
    page.push_str("</li>\n");
}

fn hosts(page: &mut String, hosts: &[ReportHost]) {
    if hosts.is_empty() {
        return;
    }
    page.push_str(
        "<section>\n<h2>Hosts that were asked for</h2>\n<table>\n<thead><tr><th>Host</th><th>Port</th><th>By</th><th>During</th>\
         <th>Protocol</th><th>Declared</th></tr></thead>\n<tbody>\n",
    );
    for host in hosts {
        let port = host.port.map(|port| port.to_string()).unwrap_or_default();
        let process = host.process.as_deref().unwrap_or("unknown");
        let class = if host.declared { "declared" } else { "undeclared" };
        let _ = writeln!(
            page,
            "<tr class=\"{class}\"><td><code>{}</code></td><td>{port}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(&host.host),
            text(process),
            text(&host.phase),
            host.protocol,
            if host.declared { "yes" } else { "no" }
        );
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
}

fn findings(page: &mut String, report: &Report) {
    let mut found: Vec<(&ReportPhase, &ReportFinding)> =
        report.phases.iter().flat_map(|phase| phase.findings.iter().map(move |finding| (phase, finding))).collect();
    // The worst first.
    found.sort_by_key(|(_, finding)| {
        ["error", "warning"].iter().position(|severity| *severity == finding.severity).unwrap_or(2)
    });
    if found.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Findings</h2>\n");
    for (phase, finding) in found {
        let _ = write!(
            page,
            "<article class=\"{severity}\">\n<h3><span class=\"badge\">{severity}</span> {}</h3>\n<p class=\"where\"><code>{}</code> in \
             {}",
            lines(&finding.summary),
            text(&finding.code),
            text(&phase.name),
            severity = finding.severity,
        );
        for location in &finding.locations {
            let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
            let _ = write!(page, ", <code>{}{line}</code>", text(&location.path));
        }
        page.push_str("</p>\n");
        if !finding.detail.is_empty() {
            let class = if finding.detail.contains('\n') { "pre" } else { "prose" };
            let _ = writeln!(page, "<p class=\"{class}\">{}</p>", lines(&finding.detail));
        }
        if !finding.help.is_empty() {
            let _ = writeln!(
                page,
                "<p class=\"fix\"><b>Fix</b> {} <span class=\"owner\">{}</span></p>",
                lines(&finding.help),
                finding.owner
            );
        }
        page.push_str("</article>\n");
    }
    page.push_str("</section>\n");
}

fn foot(page: &mut String, report: &Report) {
    let _ = writeln!(
        page,
        "<footer>\n<p><b>Isolation</b>, {}: {}.</p>",
        if report.isolation.proven { "proven" } else { "not proven" },
        text(&report.isolation.reason)
    );
    for note in &report.notes {
        let _ = writeln!(page, "<p><b>Note</b>: {}</p>", text(note));
    }
    let _ = writeln!(page, "<p>airtight {}</p>\n</footer>", env!("CARGO_PKG_VERSION"));
}

/// Text of one line.
fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for character in escape::line(raw).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Text of several lines, in which pairs of backticks are code.
fn lines(raw: &str) -> String {
    let one = |line: &str| {
        let parts: Vec<String> = text(line).split('`').map(str::to_owned).collect();
        if parts.len().is_multiple_of(2) {
            return parts.join("`");
        }
        let mark = |(number, part): (usize, String)| {
            if number % 2 == 1 { format!("<code>{part}</code>") } else { part }
        };
        parts.into_iter().enumerate().map(mark).collect()
    };
    raw.lines().map(one).collect::<Vec<String>>().join("<br>\n")
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
        let page = render(&sample());
        for forbidden in ["<script", "http://", "https://", "src=", "url(", "@import", "<link", "onload"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("registry.opentofu.org:443 during init by tofu"));
    }

    proptest! {
        #[test]
        fn text_from_outside_stays_text(outside in "(<|>|&|\"|'|`|script|\\PC|\n){0,20}") {
            let mut report = sample();
            let markup = |report: &Report| render(report).matches(['<', '>', '"']).count();
            let before = markup(&report);
            report.phases[1].command = Some(outside.clone());
            report.phases[1].hosts[0].host.clone_from(&outside);
            report.hosts[0].process = Some(outside);
            // What it holds adds no markup.
            prop_assert_eq!(markup(&report), before);
        }
    }
}
