//! What a step means: findings, and the verdict of the whole. Pure.

use super::leg::{Status, Step, StepResult, is_declared};
use super::witness::{Asked, Protocol};
use airtight_finding::{Code, Finding, Owner, Severity, catalogue};

/// Of an engine's error, in the report.
const ERROR_LINES: usize = 12;

/// What is wrong with a step that has ended.
pub fn findings(step: &Step, result: &StepResult, reachable: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    let (declared, undeclared): (Vec<_>, Vec<_>) = result.hosts.iter().partition(|asked| is_declared(asked, reachable));
    for asked in &undeclared {
        found.push(undeclared_host(step, asked));
    }
    let went_wrong = matches!(result.status, Status::Failed | Status::Stopped);
    if went_wrong && undeclared.is_empty() && !declared.is_empty() {
        let hosts: Vec<String> = declared.iter().map(ToString::to_string).collect();
        found.push(
            Finding::new(
                Code::HostDeclared,
                Severity::Note,
                Owner::Administrator,
                format!("{} stopped for {}, which the settings declare reachable", step.name, hosts.join(", ")),
            )
            .detail("What it would do with that host, and everything after it, is not rehearsed.")
            .help("Nothing, if that host answers where the run will be: `airtight reach` asks it from there."),
        );
    } else if went_wrong && undeclared.is_empty() {
        found.push(failure(step, result));
    }
    found
}

fn undeclared_host(step: &Step, asked: &Asked) -> Finding {
    let process = asked.process.as_deref().map(|process| format!(" by {process}")).unwrap_or_default();
    let how = match asked.protocol {
        Protocol::Dns => "Its name was looked up, and nothing was sent to it before the phase ended.",
        Protocol::Icmp => "It was sent an echo request.",
        Protocol::Tcp => "A connection was attempted.",
        Protocol::Udp => "A datagram was sent to it.",
        Protocol::Text => "The phase's own words name it.",
    };
    let is_registry = step.name == "init" && asked.host.starts_with("registry.");
    let help = if is_registry {
        "Put the provider or module that is asked for into the image or the repository: `airtight check` names it."
            .to_owned()
    } else {
        format!(
            "If this air gap lets it through, declare it in the settings: `reachable: [\"{asked}\"]`. Else find out in the \
             configuration what needs it."
        )
    };
    Finding::new(
        Code::HostUndeclared,
        Severity::Error,
        if is_registry { Owner::Image } else { Owner::Administrator },
        format!("`{asked}` was asked for during {}{process}", step.name),
    )
    .detail(format!("{how} The settings do not declare it reachable: where the run will be, this fails or hangs."))
    .help(help)
}

fn failure(step: &Step, result: &StepResult) -> Finding {
    let end = match (result.exit_code, result.signal) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "did not end well".to_owned(),
    };
    let output = without_colors(&result.output);
    let code = named_code(&output).or_else(|| catalogue::search(&output).first().copied());
    let help = code.map_or_else(
        || "Read its output above; where it tells nothing, run its command by hand in the image.".to_owned(),
        |code| format!("Read `airtight explain {code}`."),
    );
    // A hook is the administrator's, the command the repository's.
    let (part, owner) = match &result.part {
        Some(part) if part != "its command" => (format!(" in {part}"), Owner::Administrator),
        _ => (String::new(), Owner::Repository),
    };
    Finding::new(Code::PhaseFailed, Severity::Error, owner, format!("{} {end}{part}", step.name))
        .detail(error_text(&output))
        .help(help)
}

/// A code that a refusal of our own names: `airtight explain CODE`.
fn named_code(output: &str) -> Option<Code> {
    let (_, after) = output.rsplit_once("airtight explain ")?;
    after.split(|character: char| !character.is_ascii_lowercase() && character != '-').next()?.parse().ok()
}

/// The engine's error without its frame and colours; else the last lines.
fn error_text(output: &str) -> String {
    let lines: Vec<&str> = (output.lines())
        .map(|line| line.trim_start_matches(['│', '╷', '╵', ' ']).trim_end())
        .filter(|line| !line.is_empty())
        .collect();
    let start = lines.iter().position(|line| line.starts_with("Error: ") || line.starts_with("error["));
    let start = start.unwrap_or(lines.len().saturating_sub(ERROR_LINES / 2));
    lines[start..].iter().take(ERROR_LINES).copied().collect::<Vec<_>>().join("\n")
}

/// Without the sequences that colour a terminal.
pub(super) fn without_colors(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|character: char| character.is_ascii_alphabetic());
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::super::leg::When;
    use super::*;

    fn step(name: &str) -> Step {
        Step {
            name: name.to_owned(),
            run_state: "PLANNING".to_owned(),
            script: String::new(),
            parts: Vec::new(),
            command: String::new(),
            captured: None,
            when: When::Cleared,
        }
    }

    fn result(status: Status, hosts: &[(&str, Option<&str>)], output: &str) -> StepResult {
        let asked = |(host, process): &(&str, Option<&str>)| Asked {
            host: (*host).to_owned(),
            port: Some(443),
            protocol: Protocol::Tcp,
            process: process.map(str::to_owned),
        };
        StepResult {
            status,
            elapsed_milliseconds: 1,
            exit_code: Some(i32::from(status != Status::Passed)),
            signal: None,
            hosts: hosts.iter().map(asked).collect(),
            part: None,
            output: output.to_owned(),
        }
    }

    #[test]
    fn hosts_and_failures_become_findings() {
        let reachable = ["sts.example".to_owned()];
        let aws = ("sts.example", Some("terraform-provider-aws"));
        let registry = ("registry.opentofu.org", Some("tofu"));
        let engine = "\u{1b}[31m╷\u{1b}[0m\n│ Error: No such thing\n│ \n│ here\n╵\n";
        for (name, result, expected) in [
            ("plan", result(Status::Passed, &[], ""), vec![]),
            ("plan", result(Status::Passed, &[aws], ""), vec![]),
            (
                "plan",
                result(Status::Stopped, &[aws], ""),
                vec!["host-declared: plan stopped for sts.example:443, which the settings declare reachable"],
            ),
            (
                "init",
                result(Status::Failed, &[registry, aws], ""),
                vec!["host-undeclared: `registry.opentofu.org:443` was asked for during init by tofu"],
            ),
            (
                "init",
                result(Status::Passed, &[("a.example", None)], ""),
                vec!["host-undeclared: `a.example:443` was asked for during init"],
            ),
            ("plan", result(Status::Failed, &[], engine), vec!["phase-failed: plan ended with exit code 1"]),
            ("plan", result(Status::Interrupted, &[], ""), vec![]),
        ] {
            let found = findings(&step(name), &result, &reachable);
            let texts: Vec<String> = found.iter().map(|found| format!("{}: {}", found.code, found.summary)).collect();
            assert_eq!(texts, expected);
        }
        assert_eq!(failure(&step("plan"), &result(Status::Failed, &[], engine)).detail, "Error: No such thing\nhere");
    }

    #[test]
    fn a_failure_leads_to_the_page_that_explains_it() {
        for (output, expected) in [
            ("Error: Unsupported Terraform Core version", "Read `airtight explain engine-version-refused`."),
            (
                "airtight: refused: 1 error in 1 ms; next: airtight explain package-mismatch\n",
                "Read `airtight explain package-mismatch`.",
            ),
        ] {
            assert_eq!(failure(&step("init"), &result(Status::Failed, &[], output)).help, expected);
        }
    }
}
