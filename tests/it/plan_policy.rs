//! The plan policy, evaluated by a Rego engine on the reports of real runs, and on forged ones.

use airtight_provider::Layout;
use airtight_spacelift::plan_policy::{FILE_NAME, Rego, policy};
use fs_err as fs;
use serde_json::{Value, json};

use crate::support::engines::Engine;
use crate::support::stack::{CONFIGURATION, Stack, package, refused, succeeded};

crate::tests! {
    a_report_of_this_run_lets_a_plan_pass_and_others_do_not,
    a_real_run_writes_what_the_policy_reads(one engine with providers),
    a_committed_file_or_link_is_replaced(one engine with providers),
    nothing_is_written_outside_spacelift(one engine with providers),
    the_plugin_carries_the_policy,
}

const RUN: &str = "01JDZ5Q8V7";

/// The messages of `deny` and `warn`, the same in both languages.
fn judged(custom: &Value) -> (Vec<String>, Vec<String>) {
    let input = json!({
        "spacelift": { "run": { "id": RUN }, "stack": { "id": "s" } },
        "third_party_metadata": { "custom": custom },
        "terraform": { "resource_changes": [] },
    });
    judged_input(&input)
}

fn judged_input(input: &Value) -> (Vec<String>, Vec<String>) {
    let [one, other] = [Rego::V0, Rego::V1].map(|rego| {
        let mut engine = regorus::Engine::new();
        engine.set_rego_v0(rego == Rego::V0);
        engine.add_policy("airtight.rego".to_owned(), policy(rego).to_owned()).unwrap();
        engine.set_input(regorus::Value::from_json_str(&input.to_string()).unwrap());
        ["deny", "warn"].map(|rule| {
            let value = engine.eval_rule(format!("data.spacelift.{rule}")).unwrap();
            value.as_set().unwrap().iter().map(|text| text.as_string().unwrap().to_string()).collect::<Vec<_>>()
        })
    });
    assert_eq!(one, other, "the two languages agree on {input}");
    let [deny, warn] = one;
    (deny, warn)
}

/// What a cleared run writes.
fn report() -> Value {
    json!({
        "schema": "airtight/spacelift/1",
        "run_id": RUN,
        "verdict": "cleared",
        "policy": "enforce",
        "confined": true,
        "engine": "tofu 1.12.6",
        "platform": "linux_amd64",
        "counts": { "errors": 0, "warnings": 0, "notes": 0 },
        "providers": [{ "address": "registry.opentofu.org/hashicorp/null", "version": "3.2.4", "status": "proven" }],
        "exceptions": [],
        "findings": [],
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut report = report();
    *report.pointer_mut(pointer).unwrap() = value;
    report
}

fn a_report_of_this_run_lets_a_plan_pass_and_others_do_not() {
    assert_eq!(judged(&json!({ "airtight": report() })), (vec![], vec![]));
    let missing = "airtight: there is no report: its hook or workflow command did not run before this plan";
    let another = "airtight: the report is from another run";
    let refused = "airtight: the run is not cleared; the log of the planning phase says why";
    let contradicts = "airtight: the report contradicts itself: cleared, with errors";
    // Missing, in every way.
    for custom in [
        json!({}),
        Value::Null,
        json!([]),
        json!({ "airtight": null }),
        json!({ "airtight": "cleared" }),
        json!({ "airtight": [] }),
        json!({ "airtight": {} }),
        json!({ "Airtight": report() }),
        json!({ "airtight": with("/schema", json!("airtight/report/1")) }),
    ] {
        assert!(judged(&custom).0.contains(&missing.to_owned()), "{custom}");
    }
    assert_eq!(judged_input(&json!({})).0, [missing]);
    assert_eq!(
        judged_input(&json!({ "third_party_metadata": null, "spacelift": { "run": { "id": RUN } } })).0,
        [missing]
    );
    // Of another run, or of none: what a repository can commit.
    for id in [json!("01OTHER"), json!(""), Value::Null, json!([RUN]), json!(1)] {
        assert_eq!(judged(&json!({ "airtight": with("/run_id", id.clone()) })).0, [another], "{id}");
    }
    let unnamed = json!({ "spacelift": { "run": { "id": "" } }, "third_party_metadata": { "custom": { "airtight": with("/run_id", json!("")) } } });
    assert_eq!(judged_input(&unnamed).0, [another]);
    // Not cleared.
    for verdict in [json!("refused"), json!("CLEARED"), json!(true), Value::Null] {
        assert_eq!(judged(&json!({ "airtight": with("/verdict", verdict) })).0, [refused]);
    }
    assert_eq!(judged(&json!({ "airtight": with("/counts/errors", json!(1)) })).0, [contradicts]);
    assert_eq!(judged(&json!({ "airtight": with("/counts", json!("none")) })).0, [contradicts]);
    // Only observed: nothing is denied, and it is said.
    let mut observed = with("/verdict", json!("refused"));
    observed["policy"] = json!("observe");
    let (deny, warn) = judged(&json!({ "airtight": observed }));
    assert_eq!((deny, warn.len()), (vec![], 1));
    // Weaker things.
    let finding = json!([{ "code": "lock-entry-unused", "severity": "warning", "summary": "nothing requires it" }]);
    let weak = [
        (
            "/providers/0/status",
            json!("unproven"),
            "airtight: registry.opentofu.org/hashicorp/null is installed without proof",
        ),
        ("/findings", finding, "airtight: lock-entry-unused: nothing requires it"),
        (
            "/exceptions",
            json!([{ "code": "provider-not-locked", "until": "2027-01-31" }]),
            "airtight: allowed by a rule until 2027-01-31: provider-not-locked",
        ),
    ];
    for (pointer, value, expected) in weak {
        assert_eq!(judged(&json!({ "airtight": with(pointer, value) })), (vec![], vec![expected.to_owned()]));
    }
}

/// Before a plan, by the hook; its report, if it left one.
fn before_plan(stack: &Stack, run: &str) -> (std::process::Output, Value) {
    let output = stack.airtight(["hook", "before_plan"]).environment("TF_VAR_spacelift_run_id", run).run();
    let text = fs::read_to_string(stack.path("stack").join(FILE_NAME)).unwrap_or_default();
    (output, serde_json::from_str(&text).unwrap_or_default())
}

fn initialised(engine: &'static Engine) -> Stack {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    succeeded(&stack.run("init"));
    stack
}

fn a_real_run_writes_what_the_policy_reads(engine: &'static Engine) {
    let stack = initialised(engine);
    let (output, report) = before_plan(&stack, RUN);
    succeeded(&output);
    assert_eq!(judged(&json!({ "airtight": report })), (vec![], vec![]), "{report:#}");
    assert_ne!(report["providers"], json!([]));
    // By the workflow command too.
    fs::remove_file(stack.path("stack").join(FILE_NAME)).unwrap();
    let workflow = stack.workflow(&[]);
    let plan = stack.phase(&workflow, "plan", &crate::support::workflow_file::Values::default());
    succeeded(&plan.environment("TF_VAR_spacelift_run_id", "another").run());
    let report: Value = serde_json::from_str(&stack.read(&format!("stack/{FILE_NAME}"))).unwrap();
    assert_eq!(judged(&json!({ "airtight": report })).0, ["airtight: the report is from another run"]);
    // What is refused is never a report that passes.
    stack.tamper(package("random"));
    let (output, report) = before_plan(&stack, RUN);
    refused(&output);
    assert_eq!(judged(&json!({ "airtight": report })).0.len(), 1, "{report:#}");
}

fn a_committed_file_or_link_is_replaced(engine: &'static Engine) {
    let stack = initialised(engine);
    let place = stack.path("stack").join(FILE_NAME);
    stack.write(&format!("stack/{FILE_NAME}"), &report().to_string());
    assert_eq!(before_plan(&stack, "01NEW").1["run_id"], "01NEW");
    fs::remove_file(&place).unwrap();
    stack.write("home/kept", "kept");
    fs::os::unix::fs::symlink("../home/kept", &place).unwrap();
    assert_eq!(before_plan(&stack, "01NEW").1["run_id"], "01NEW");
    assert_eq!(stack.read("home/kept"), "kept");
    assert!(fs::symlink_metadata(&place).unwrap().is_file());
}

fn nothing_is_written_outside_spacelift(engine: &'static Engine) {
    let stack = initialised(engine);
    let (output, report) = before_plan(&stack, "");
    succeeded(&output);
    assert_eq!(report, Value::Null);
}

fn the_plugin_carries_the_policy() {
    let manifest = crate::plugin::manifest();
    let carried = &manifest["policies"][0];
    assert_eq!(carried["body"], policy(Rego::V1));
    assert_eq!((&carried["type"], &carried["engine_type"]), (&"PLAN".into(), &"REGO_V1".into()));
}
