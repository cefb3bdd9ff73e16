//! SARIF 2.1.0, for code scanning.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::{Utf8Component, Utf8Path};
use serde_json::{Value, json};

use super::report::{Report, ReportFinding, ReportLocation, ReportSubject};
use super::{Code, Severity, catalogue, escape, heading};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The findings of one report.
pub fn render(report: &Report) -> serde_json::Result<String> {
    let findings: Vec<_> = report.findings.iter().map(|finding| (finding, &report.subject)).collect();
    let properties = json!({
        "exceptions": report.exceptions.iter().map(heading::exception).collect::<Vec<_>>(),
        "subject": &report.subject,
        "engine": &report.engine,
        "platform": &report.platform,
        "prediction": report.prediction.init,
        "verdict": report.verdict,
    });
    log(&findings, &report.subject.root_module, &properties)
}

/// One log with one run: each code that was found as a rule with its page, each finding as a result. Ended by a line
/// break. `analysis` is what the findings are about: a later upload about something else closes none of their alerts.
///
/// Code scanning refuses a whole file over one result without a place, so each has one in the repository: its own, or the root
/// module's lock file. Paths are relative to the repository's root.
///
/// Source: GitHub, "SARIF support for code scanning".
pub fn log(
    findings: &[(&ReportFinding, &ReportSubject)],
    analysis: &str,
    properties: &Value,
) -> serde_json::Result<String> {
    let mut rules: BTreeMap<Code, Severity> = BTreeMap::new();
    for (finding, _) in findings {
        let level = rules.entry(finding.code).or_insert(finding.severity);
        *level = finding.severity.min(*level);
    }
    let codes: Vec<Code> = rules.keys().copied().collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "airtight",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|(code, level)| rule(*code, *level)).collect::<Vec<_>>(),
            } },
            "automationDetails": { "id": format!("airtight/{analysis}/") },
            "columnKind": "unicodeCodePoints",
            "results": results(findings, &codes),
            "properties": properties,
        }],
    });
    serde_json::to_string_pretty(&log).map(|text| escape::json(&text) + "\n")
}

/// A code with its page. Its level is that of its worst finding here, since settings may change it.
fn rule(code: Code, level: Severity) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": catalogue::sentence(code) },
        "fullDescription": { "text": format!("{}.", catalogue::sentence(code)) },
        "help": { "text": code.page(), "markdown": code.page() },
        "helpUri": format!("{}/blob/v{}/docs/findings.md#{code}", env!("CARGO_PKG_REPOSITORY"), env!("CARGO_PKG_VERSION")),
        "defaultConfiguration": { "level": level },
        "properties": {
            "precision": "very-high",
            "problem.severity": if level == Severity::Note { "recommendation" } else { level.as_str() },
            "tags": ["air-gap", "supply-chain"],
        },
    })
}

fn results(findings: &[(&ReportFinding, &ReportSubject)], rules: &[Code]) -> Vec<Value> {
    let mut seen = BTreeMap::new();
    let mut results = Vec::new();
    for (finding, subject) in findings {
        let mut value = result(finding, rules, subject);
        let path = value["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap_or_default();
        let hash = fnv([finding.code.as_str(), path, &finding.summary]);
        let count = seen.entry(hash).and_modify(|count| *count += 1).or_insert(1);
        value["partialFingerprints"] = json!({ "primaryLocationLineHash": format!("{hash:016x}:{count}") });
        results.push(value);
    }
    results
}

/// FNV-1a of parts with a NUL between them: the same in every version, and without lines, which move.
fn fnv<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn result(finding: &ReportFinding, rules: &[Code], subject: &ReportSubject) -> Value {
    let parts = [&finding.summary, &finding.detail, &finding.help];
    let text: Vec<&str> = parts.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let mut places: Vec<(bool, Value)> = finding.locations.iter().map(|place| location(place, subject)).collect();
    // The first place in the repository leads, before one in the image.
    let primary = places.iter().position(|(is_inside, _)| *is_inside).map(|index| places.remove(index).1);
    let mut result = json!({
        "ruleId": finding.code,
        "level": finding.severity,
        "message": { "text": without_links(&text.join("\n")) },
        "locations": [primary.unwrap_or_else(|| lock_file(subject))],
        "relatedLocations": places.into_iter().map(|(_, place)| place).collect::<Vec<_>>(),
        "properties": { "owner": finding.owner },
    });
    if let Some(index) = rules.iter().position(|code| *code == finding.code) {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// The place of what has no place in the repository.
fn lock_file(subject: &ReportSubject) -> Value {
    let directory = match subject.root_module.as_str() {
        "." | "" => String::new(),
        path => format!("{path}/"),
    };
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&format!("{directory}.terraform.lock.hcl")), "uriBaseId": "%SRCROOT%" },
        "region": { "startLine": 1 },
    } })
}

/// A message may hold links, `[text](target)`; text from outside makes none.
///
/// Source: SARIF 2.1.0, 3.11.6.
fn without_links(text: &str) -> String {
    text.replace("](", "] (")
}

/// A place, and whether it is in the repository.
fn location(location: &ReportLocation, subject: &ReportSubject) -> (bool, Value) {
    let inside = in_repository(&location.path, subject);
    let mut physical = match &inside {
        Some(path) => json!({ "artifactLocation": { "uri": uri(path), "uriBaseId": "%SRCROOT%" } }),
        None => json!({ "artifactLocation": { "uri": uri(&location.path) } }),
    };
    // Code scanning takes no result without a line.
    physical["region"] = json!({ "startLine": location.line.unwrap_or(1) });
    if let Some(column) = location.column {
        physical["region"]["startColumn"] = json!(column);
    }
    (inside.is_some(), json!({ "physicalLocation": physical }))
}

/// The path from the repository's root, of a file in it.
fn in_repository(path: &str, subject: &ReportSubject) -> Option<String> {
    let path = Utf8Path::new(path);
    let relative = if path.is_absolute() {
        path.strip_prefix(&subject.root).ok().filter(|_| !subject.root.is_empty())?.to_owned()
    } else {
        Utf8Path::new(&subject.prefix).join(path)
    };
    let mut parts = Vec::new();
    for part in relative.components() {
        match part {
            Utf8Component::ParentDir => {
                parts.pop()?;
            }
            Utf8Component::Normal(part) => parts.push(part),
            _ => {}
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
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

    /// What GitHub's code scanning asks for, beside the schema.
    #[test]
    fn code_scanning_takes_every_result() {
        let mut report = sample::refused().report;
        report.subject.root_module = "infra/prod".to_owned();
        report.subject.prefix = "infra/prod/".to_owned();
        report.findings.push(report.findings[0].clone());
        let log = rendered(&report);
        let run = &log["runs"][0];
        assert!(run["tool"]["driver"]["informationUri"].as_str().unwrap().starts_with("https://"));
        let mut fingerprints = std::collections::BTreeSet::new();
        for result in run["results"].as_array().unwrap() {
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.starts_with("infra/prod/"), "{uri}");
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
            let fingerprint = result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap();
            assert!(fingerprints.insert(fingerprint), "{fingerprint}");
        }
        for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
            assert!(["error", "warning", "note"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
            assert!(rule["helpUri"].as_str().unwrap().contains(rule["id"].as_str().unwrap()));
        }
    }

    #[test]
    fn a_path_is_given_from_the_repositorys_root() {
        let subject =
            ReportSubject { prefix: "infra/".to_owned(), root: "/src".to_owned(), ..ReportSubject::default() };
        let cases = [
            ("main.tf", Some("infra/main.tf")),
            ("../modules/a.tf", Some("modules/a.tf")),
            ("../../out.tf", None),
            ("/src/infra/main.tf", Some("infra/main.tf")),
            ("/providers/x", None),
        ];
        for (path, expected) in cases {
            assert_eq!(in_repository(path, &subject).as_deref(), expected, "{path}");
        }
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
