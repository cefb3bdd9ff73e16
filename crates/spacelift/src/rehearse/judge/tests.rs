use super::super::leg::{Watched, When};
use super::super::progress::{HookPart, Progress};
use super::*;

fn ended(name: &str, result: StepResult) -> Ended {
    Ended { step: step(name), result, is_expected: false }
}

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
        installation: None,
        progress: Progress::default(),
        watched: Watched::default(),
        causes: Vec::new(),
        refusal: None,
        prints_no_json: false,
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
        let known = Known { reachable: &reachable, mirrors: Vec::new() };
        let found = findings(&[ended(name, result)], &known).remove(0);
        let texts: Vec<String> = found.iter().map(|found| format!("{}: {}", found.code, found.summary)).collect();
        assert_eq!(texts, expected);
    }
    assert_eq!(failure(&step("plan"), &result(Status::Failed, &[], engine)).detail, "Error: No such thing\n\nhere");
}

#[test]
fn a_host_is_one_finding_and_the_update_check_only_a_warning() {
    let asking = |name: &str| ended(name, result(Status::Passed, &[(CHECKPOINT, Some("terraform"))], ""));
    let found = findings(&[asking("init"), asking("plan"), asking("plan")], &Known::default());
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0]);
    let finding = &found[0][0];
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.summary, format!("`{CHECKPOINT}:443` was asked for during init and plan by terraform"));
    assert!(finding.help.contains("CHECKPOINT_DISABLE=1"));
    // It does not explain a failure.
    let failed = ended("plan", result(Status::Failed, &[(CHECKPOINT, None)], "Error: Other\n"));
    let codes: Vec<_> = findings(&[failed], &Known::default()).concat().iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::PhaseFailed, Code::HostUndeclared]);
}

#[test]
fn an_engine_without_a_configured_mirror_is_no_lack_of_the_image() {
    let help = |installation| {
        let mut init = ended("init", result(Status::Failed, &[("registry.opentofu.org", Some("tofu"))], ""));
        init.result.installation = installation;
        let known = Known { reachable: &[], mirrors: vec!["/providers".into()] };
        let found = findings(&[init], &known).concat().remove(0);
        (found.owner, found.help)
    };
    let (owner, text) = help(Some(Installation::Configured));
    assert!(owner == Owner::Image && text.contains("into the image"), "{text}");
    for (installation, expected) in [
        (Installation::Direct { file: None }, "The engine read no CLI configuration, so"),
        (
            Installation::Direct { file: Some("/rc".into()) },
            "The CLI configuration `/rc` has no `provider_installation`",
        ),
        (Installation::MissingFile { file: "/rc".into() }, "`TF_CLI_CONFIG_FILE` names `/rc`, which is not"),
    ] {
        let (owner, text) = help(Some(installation));
        assert!(owner == Owner::Administrator && text.starts_with(expected), "{text}");
        assert!(text.contains("mirror `/providers` holds"), "{text}");
    }
}

fn hooked(texts: &[&str], progress: Progress, status: Status, exit_code: i32) -> Finding {
    let mut parts: Vec<Part> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            Part::Hook(HookPart {
                point: "before_init".to_owned(),
                context: None,
                text: (*text).to_owned(),
                number: index + 1,
                count: texts.len(),
            })
        })
        .collect();
    parts.push(Part::Command);
    let step = Step { parts, command: "tofu init".to_owned(), ..step("init") };
    let result = StepResult { progress, exit_code: Some(exit_code), ..result(status, &[], "said\n") };
    findings(&[Ended { step, result, is_expected: false }], &Known::default()).concat().remove(0)
}

fn progress(begun: &[usize], reached_end: bool) -> Progress {
    Progress { begun: begun.to_vec(), reached_end, ..Progress::default() }
}

#[test]
fn a_hook_that_ends_the_phase_is_named() {
    let found = hooked(&["exit 0"], progress(&[0], false), Status::Failed, 0);
    assert_eq!(found.summary, "the stack's hook before_init ended init before its command: `exit 0`");
    assert!(found.detail.contains("`tofu init` never ran"), "{}", found.detail);
    let found = hooked(&["false", "x || true"], progress(&[0], true), Status::Failed, 0);
    assert_eq!(found.summary, "init passed without its command");
    let found = hooked(&["echo one", "cd /x && ls", "echo"], progress(&[0, 1], true), Status::Failed, 2);
    assert_eq!(found.summary, "init ended with exit code 2 in the stack's hook before_init (2 of 3): `cd /x && ls`");
    assert_eq!((found.owner, found.detail.as_str()), (Owner::Administrator, "said"));
    let found = hooked(&["true"], progress(&[0, 1], true), Status::Failed, 1);
    assert_eq!((found.owner, found.summary.as_str()), (Owner::Repository, "init ended with exit code 1"));
}

#[test]
fn a_report_inside_an_output_stays_whole() {
    let inner = "noise\nerror[provider-missing]: not there\n  --> main.tf:3:5\n   |\n 3 |     source = \"x\"\n   |     ^^^^^^\n\n\
                 error[provider-not-locked]: another\n";
    assert_eq!(error_text(inner), inner.trim_start_matches("noise\n").trim_end());
    let many = "a line\n".repeat(50);
    assert_eq!(error_text(&many).lines().count(), LAST_LINES);
}

#[test]
fn a_failure_leads_to_the_page_that_explains_it() {
    let unsupported = "Error: Unsupported Terraform Core version";
    for (output, refusal, expected) in [
        (unsupported, None, "Read `airtight explain engine-version-refused`."),
        (unsupported, Some("package-mismatch"), "Read `airtight explain package-mismatch`."),
        (unsupported, Some("of-another-version"), "Read `airtight explain engine-version-refused`."),
    ] {
        let refusal = refusal.map(str::to_owned);
        let result = StepResult { refusal, ..result(Status::Failed, &[], output) };
        assert_eq!(failure(&step("init"), &result).help, expected);
    }
}
