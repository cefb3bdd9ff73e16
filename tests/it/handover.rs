//! The way from `init` to a confirmed apply: another process, another container, perhaps another image.

use std::process::Output;

use airtight_provider::Layout;
use fs_err as fs;
use serde_json::Value;

use crate::support::engines::{Engine, engines};
use crate::support::runner::ignored;
use crate::support::stack::{CONFIGURATION, Stack, any_real_engine, layout_for, package, refused, stderr, succeeded};

crate::tests! {
    an_apply_in_the_same_container_finds_what_init_handed_over(engine with providers),
    an_apply_in_a_new_container_finds_what_init_handed_over(engine with providers),
    an_image_that_was_rebuilt_with_the_same_packages_is_a_note(engine with providers),
    an_image_with_another_package_is_refused_with_both_sides_named(engine with providers),
    another_version_of_the_engine_is_refused_with_both_sides_named(engine with providers),
    a_missing_handover_is_a_note(engine with providers),
    a_handover_that_is_none_of_ours_is_a_note(engine with providers),
    the_other_engine_is_refused,
}

/// A stack that waits for its confirmation.
fn planned(engine: &'static Engine, check: impl Fn(&Stack)) {
    let stack = Stack::new(engine, layout_for(engine), CONFIGURATION);
    succeeded(&stack.run("init"));
    succeeded(&stack.run("plan"));
    check(&stack);
}

/// Applies, and says what the report holds.
pub(crate) fn apply(stack: &Stack, options: &[&str]) -> (Output, Vec<(String, String, String)>) {
    let report = stack.path("run/report.json");
    let arguments = ["run", "--report", report.as_str()].into_iter().chain(options.iter().copied());
    let output = stack.airtight(arguments.chain(["apply", "spacelift.plan"])).run();
    let report: Value =
        serde_json::from_slice(&fs::read(report).unwrap_or_else(|_| panic!("{}", stderr(&output)))).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let findings =
        findings.map(|finding| (text(&finding["code"]), text(&finding["severity"]), text(&finding["summary"])));
    (output, findings.collect())
}

pub(crate) fn handover_findings(findings: &[(String, String, String)]) -> Vec<(&str, &str)> {
    let ours = findings.iter().filter(|(code, _, _)| code.starts_with("handover-"));
    ours.map(|(code, severity, _)| (code.as_str(), severity.as_str())).collect()
}

fn an_apply_in_the_same_container_finds_what_init_handed_over(engine: &'static Engine) {
    planned(engine, |stack| {
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert_eq!(handover_findings(&findings), []);
    });
}

fn an_apply_in_a_new_container_finds_what_init_handed_over(engine: &'static Engine) {
    planned(engine, |stack| {
        stack.renew_container();
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert_eq!(handover_findings(&findings), []);
    });
}

fn an_image_that_was_rebuilt_with_the_same_packages_is_a_note(engine: &'static Engine) {
    planned(engine, |stack| {
        stack.renew_container();
        stack.renew_mirror();
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert_eq!(handover_findings(&findings), [("handover-image-differs", "note")]);
    });
}

/// Its hash is locked, so nothing but the handover knows that it is another one than was planned with.
fn an_image_with_another_package_is_refused_with_both_sides_named(engine: &'static Engine) {
    planned(engine, |stack| {
        stack.renew_container();
        let random = package("random");
        stack.tamper(random);
        let (output, findings) = apply(stack, &[]);
        let text = refused(&output);
        let (_, severity, summary) =
            findings.iter().find(|(code, _, _)| code == "handover-package-differs").unwrap_or_else(|| panic!("{text}"));
        assert_eq!(severity, "error");
        assert!(summary.contains(&random.h1) && summary.matches("h1:").count() == 2, "{summary}");
        assert!(text.contains(&random.address(stack.engine)), "{text}");
        assert!(!stack.path("stack/terraform.tfstate").exists(), "it was applied");
    });
}

fn another_version_of_the_engine_is_refused_with_both_sides_named(engine: &'static Engine) {
    planned(engine, |stack| {
        stack.renew_container();
        let (output, findings) = apply(stack, &["--engine-version", "1.99.0"]);
        let text = refused(&output);
        let (_, _, summary) =
            findings.iter().find(|(code, _, _)| code == "handover-engine-differs").unwrap_or_else(|| panic!("{text}"));
        assert!(summary.contains(&stack.engine.version) && summary.contains("1.99.0"), "{summary}");
        assert!(!stack.path("stack/terraform.tfstate").exists(), "it was applied");
    });
}

fn a_missing_handover_is_a_note(engine: &'static Engine) {
    planned(engine, |stack| {
        stack.renew_container();
        let handover = stack.path("stack/.terraform/airtight/handover.json");
        fs::remove_file(&handover).unwrap();
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert_eq!(handover_findings(&findings), [("handover-missing", "note")]);
    });
}

fn a_handover_that_is_none_of_ours_is_a_note(engine: &'static Engine) {
    planned(engine, |stack| {
        stack.renew_container();
        stack.write("stack/.terraform/airtight/handover.json", "{\"schema\": \"theirs\"}");
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert_eq!(handover_findings(&findings), [("handover-missing", "note")]);
    });
}

/// The providers of another engine have other addresses, so nothing that was approved is what would be applied.
fn the_other_engine_is_refused() {
    if any_real_engine().is_none() {
        return;
    }
    let [first, second, ..] = engines() else {
        return ignored("fewer than two engines are here");
    };
    let stack = Stack::new(first, Layout::Unpacked, CONFIGURATION);
    succeeded(&stack.run("init"));
    succeeded(&stack.run("plan"));
    stack.renew_container();
    let engine = crate::support::isolation::reachable(&second.path);
    let (output, findings) = apply(&stack, &["--engine", engine.as_str()]);
    refused(&output);
    let (_, _, summary) = findings.iter().find(|(code, _, _)| code == "handover-engine-differs").unwrap();
    assert!(summary.contains(first.name) && summary.contains(second.name), "{summary}");
}
