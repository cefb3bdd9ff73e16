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

#[test]
fn renders_what_go_renders_and_refuses_what_go_refuses() {
    let mut wrong = Vec::new();
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
        let ours = match render(command, template, &values) {
            Ok(printed) => format!("rendered {printed}"),
            Err(TemplateError { stage: Stage::Unsupported, .. }) => "unsupported".to_owned(),
            Err(error) => format!("{:?} in line {}", error.stage, error.line).to_lowercase(),
        };
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let expected = match (text("here"), text("stage")) {
            ("unsupported", _) => "unsupported".to_owned(),
            (_, "rendered") => format!("rendered {}", text("printed")),
            (_, stage) => format!("{stage} in line {}", row["line"]),
        };
        if ours != expected {
            wrong.push(format!("{template:?}\n  expected: {expected}\n  ours:     {ours}\n  Go: {}", text("error")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

proptest! {
    #[test]
    fn rendering_never_panics(text in "[{}. $:=|()\"'`a-fLocktifndrgep0-9xX_*/\\\\\n-]{0,60}") {
        let values = Values { lock: true, refresh: false, plan_file_name: "p\u{e9}", targets: &[], workspace_name: "w" };
        let _ = render(WorkflowCommand::Plan, &text, &values);
        let _ = render(WorkflowCommand::Plan, &format!("{{{{{text}}}}}"), &values);
    }
}
