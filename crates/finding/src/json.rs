//! The report as JSON, `airtight/report/1`.

use super::escape;
use super::report::Report;

/// One object, indented, ended by a line break. Its texts are what was found, unshortened; on a terminal it is as
/// harmless as the other formats.
pub fn render(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report).map(|text| escape::json(&text) + "\n")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn one_object_holds_every_field_by_name() {
        let sample = sample::refused();
        let text = render(&sample.report).unwrap();
        assert!(!text.replace('\n', "").contains(escape::is_escaped));
        assert!(text.starts_with("{\n") && text.ends_with("}\n"));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(&value),
            [
                "schema",
                "engine",
                "platform",
                "verdict",
                "counts",
                "elapsed_ms",
                "prediction",
                "providers",
                "modules",
                "findings",
                "exceptions",
                "subject"
            ]
        );
        assert_eq!(value["schema"], "airtight/report/1");
        assert_eq!(names(&value["prediction"]), ["init", "configuration", "reasons", "assumptions", "lock_after"]);
        assert_eq!(
            names(&value["providers"][0]),
            [
                "address",
                "version",
                "constraints",
                "needed_by",
                "package",
                "install",
                "proven_by",
                "status",
                "derivation"
            ]
        );
        assert_eq!(
            names(&value["findings"][0]),
            ["code", "severity", "summary", "detail", "locations", "help", "owner"]
        );
        let warning = value["findings"].as_array().unwrap().iter().find(|finding| finding["severity"] == "warning");
        assert_eq!(warning.unwrap()["detail"], "::stop-commands::x\n::add-mask::y");
    }
}
