use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// `tests/fixtures/go_template/generate.go` says how they came about.
const ROWS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/go_template/rows.jsonl"));

fn values(json: &Json) -> (bool, bool, String, Vec<String>, String) {
    let text = |key: &str| json[key].as_str().unwrap().to_owned();
    let targets = json["targets"]
        .as_array()
        .map_or_else(Vec::new, |targets| targets.iter().map(|target| target.as_str().unwrap().to_owned()).collect());
    let truth = |key: &str| json[key].as_bool().unwrap();
    (truth("lock"), truth("refresh"), text("plan_file_name"), targets, text("workspace_name"))
}

/// Where Go's text names its own types or repeats the template's, ours is in words that people know.
fn is_said_alike(go: &str, ours: &str) -> bool {
    let differing = [
        ("can't evaluate field", "can't evaluate field"),
        ("wrong type for value; expected string; got", "wrong type for value; expected string; got"),
        ("expected string; found", "wrong type for value; expected string; got"),
        ("can't give argument to non-function", "can't give argument to non-function"),
        ("non-comparable type", "non-comparable type"),
        ("non-function", "non-function"),
        ("unexpected .", "unexpected ."),
        ("expected end; found", "expected end; found"),
        ("bad character", "bad character"),
        ("reflect: slice index", "reflect: slice index"),
        ("reflect: string index", "reflect: string index"),
        ("error calling len: reflect: call of reflect.Value.Type on zero Value", "error calling len: len of nil"),
    ];
    let alike = |(theirs, own): &(&str, &str)| go.contains(theirs) && ours.contains(own);
    let go_plain = go.split(" in action started at ").flat_map(|text| text.split(" started at ")).next().unwrap_or(go);
    go_plain == ours || differing.iter().any(alike)
}

#[test]
fn renders_what_go_renders_and_refuses_what_go_refuses() {
    let mut wrong = Vec::new();
    let (mut rendered, mut refused, mut unsupported) = (0, 0, 0);
    for line in ROWS.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let (lock, refresh, plan_file_name, targets, workspace_name) = values(&row["values"]);
        let values = Values {
            lock,
            refresh,
            plan_file_name: &plan_file_name,
            targets: &targets,
            workspace_name: &workspace_name,
        };
        let command = row["command"].as_str().unwrap().parse().unwrap();
        let template = row["template"].as_str().unwrap();
        let stage = row["stage"].as_str().unwrap();
        let go = row["error"].as_str().unwrap_or_default();
        let is_right = match (render(command, template, &values), stage) {
            (Ok(printed), "rendered") => {
                rendered += 1;
                (printed == row["printed"].as_str().unwrap_or_default()).then_some(()).ok_or(printed)
            }
            (Err(error), _) if error.stage == Stage::Unsupported => {
                unsupported += 1;
                Ok(())
            }
            (Err(error), "parse" | "execute") => {
                refused += 1;
                let expected = if stage == "parse" { Stage::Parse } else { Stage::Execute };
                let is_same = error.stage == expected
                    && error.line as u64 == row["line"].as_u64().unwrap()
                    && is_said_alike(go, &error.message);
                is_same.then_some(()).ok_or(format!("{:?} {error}", error.stage))
            }
            (other, _) => Err(format!("{other:?}")),
        };
        if let Err(ours) = is_right {
            wrong.push(format!(
                "{template:?}\n  Go:   {stage} {} {go}{:?}\n  ours: {ours}",
                row["line"], row["printed"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Refusing everything would be right as well, and of no use.
    assert!(rendered > 150 && refused > 120 && unsupported < 12, "{rendered} {refused} {unsupported}");
}

proptest! {
    #[test]
    fn rendering_never_panics(text in "[{}. $:=|()\"'`a-fLocktifndrgep0-9xX_*/\\\\\n-]{0,60}") {
        let values = Values { lock: true, refresh: false, plan_file_name: "p\u{e9}", targets: &[], workspace_name: "w" };
        let _ = render(WorkflowCommand::Plan, &text, &values);
        let _ = render(WorkflowCommand::Plan, &format!("{{{{{text}}}}}"), &values);
    }

    #[test]
    fn formatting_never_panics(format in "[%a-zA-Z0-9.+# é-]{0,12}") {
        let targets = ["a".to_owned()];
        let values = Values { lock: true, refresh: false, plan_file_name: &format, targets: &targets, workspace_name: "" };
        for argument in ["3", "2.5", ".Targets", ".Lock", ".PlanFileName", "nil"] {
            let template = format!("{{{{ printf .PlanFileName {argument} }}}}");
            let _ = render(WorkflowCommand::Plan, &template, &values);
        }
    }
}
