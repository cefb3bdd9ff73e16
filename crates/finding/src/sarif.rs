//! SARIF 2.1.0, for code scanning.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::report::{Report, ReportFinding, ReportLocation};
use super::{Code, Ruling, catalogue, escape};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One log with one run: each code that was found as a rule with its page, each finding as a result. Ended by a line
/// break.
pub fn render(report: &Report) -> serde_json::Result<String> {
    render_all(&[report], &json!(report.prediction.init), report.is_cleared())
}

/// The same for several root modules: each result names its own.
pub(super) fn render_all(reports: &[&Report], prediction: &Value, is_cleared: bool) -> serde_json::Result<String> {
    let has = |code: Code| reports.iter().any(|report| report.findings.iter().any(|finding| finding.code == code));
    let rules: Vec<Code> = Code::ALL.iter().copied().filter(|code| has(*code)).collect();
    let verdict = if is_cleared { Ruling::Cleared } else { Ruling::Refused };
    let results = reports.iter().flat_map(|report| {
        report.findings.iter().map(|finding| result(finding, report.root_module.as_deref(), &rules))
    });
    let first = reports.first();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "airtight",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().copied().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
            "properties": {
                "engine": first.map(|report| &report.engine),
                "platform": first.map(|report| &report.platform),
                "prediction": prediction,
                "verdict": verdict,
            },
        }],
    });
    serde_json::to_string_pretty(&log).map(|text| escape::json(&text) + "\n")
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": catalogue::sentence(code) },
        "help": { "text": code.page(), "markdown": code.page() },
    })
}

fn result(finding: &ReportFinding, root_module: Option<&str>, rules: &[Code]) -> Value {
    let summary = match root_module {
        Some(root_module) => format!("{root_module}: {}", finding.summary),
        None => finding.summary.clone(),
    };
    let parts = [&summary, &finding.detail, &finding.help];
    let text: Vec<&str> = parts.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let locations: Vec<Value> = finding.locations.iter().map(location).collect();
    let mut result = json!({
        "ruleId": finding.code,
        "level": finding.severity,
        "message": { "text": without_links(&text.join("\n")) },
        "locations": locations.iter().take(1).collect::<Vec<_>>(),
        "relatedLocations": locations.iter().skip(1).collect::<Vec<_>>(),
        "properties": { "owner": finding.owner },
    });
    if let Some(root_module) = root_module {
        result["properties"]["root_module"] = json!(root_module);
    }
    if let Some(index) = rules.iter().position(|code| *code == finding.code) {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// A message may hold links, `[text](target)`; text from outside makes none.
///
/// Source: SARIF 2.1.0, 3.11.6.
fn without_links(text: &str) -> String {
    text.replace("](", "] (")
}

fn location(location: &ReportLocation) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri(&location.path) } });
    if let Some(line) = location.line {
        physical["region"] = json!({ "startLine": line });
        if let Some(column) = location.column {
            physical["region"]["startColumn"] = json!(column);
        }
    }
    json!({ "physicalLocation": physical })
}

/// A path as a URI reference: relative to the repository, or `file:` where it is absolute.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn rendered(report: &Report) -> Value {
        let text = render(report).unwrap();
        assert!(!text.replace('\n', "").contains(escape::is_escaped));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn is_valid_by_the_standards_own_schema() {
        let schema =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/sarif/sarif-schema-2.1.0.json"));
        let mut schema: Value = serde_json::from_str(schema).unwrap();
        // Its pattern for languages is no regular expression; we write no language.
        for object in ["run", "toolComponent"] {
            schema["definitions"][object]["properties"]["language"].as_object_mut().unwrap().remove("pattern");
        }
        let validator = jsonschema::validator_for(&schema).unwrap();
        for report in [sample::cleared(), sample::refused().report] {
            let log = rendered(&report);
            let errors: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
            assert_eq!(errors, [""; 0]);
        }
        let mut broken = rendered(&sample::refused().report);
        broken["runs"][0]["results"][0]["level"] = json!("fatal");
        assert!(!validator.is_valid(&broken));
    }

    #[test]
    fn results_point_at_their_rules_and_places() {
        let log = rendered(&sample::refused().report);
        let run = &log["runs"][0];
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
        let locked = run["results"].as_array().unwrap().iter().find(|result| result["ruleId"] == "provider-not-locked");
        let locked = locked.unwrap();
        let place = &locked["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], ".terraform.lock.hcl");
        assert_eq!(place["region"], json!({ "startLine": 4, "startColumn": 10 }));
        assert_eq!(locked["relatedLocations"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn paths_become_uri_references() {
        let cases = [
            ("modules/a/main.tf", "modules/a/main.tf"),
            ("/providers/x", "file:///providers/x"),
            ("::add mask:ü", "%3A%3Aadd%20mask%3A%C3%BC"),
        ];
        for (path, expected) in cases {
            assert_eq!(uri(path), expected);
        }
    }

    #[test]
    fn foreign_text_makes_no_link() {
        assert_eq!(without_links("see [here](https://example.com)"), "see [here] (https://example.com)");
    }
}
