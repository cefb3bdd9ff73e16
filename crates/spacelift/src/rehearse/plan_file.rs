//! What the worker reads back: JSON of the plan, the state, the outputs.
//!
//! Source: OpenTofu `internal/command/jsonplan/plan.go`.

use std::collections::BTreeMap;
use std::io::BufReader;

use camino::Utf8Path;
use fs_err as fs;
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    resource_changes: Vec<ResourceChange>,
    #[serde(default)]
    output_changes: BTreeMap<String, Change>,
}

#[derive(Deserialize)]
struct ResourceChange {
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    actions: Vec<String>,
}

/// Whether there is anything to apply; a plan that cannot be read counts as one.
pub(crate) fn has_changes(path: &Utf8Path) -> bool {
    let Some(plan) =
        fs::File::open(path).ok().and_then(|file| serde_json::from_reader::<_, Plan>(BufReader::new(file)).ok())
    else {
        return true;
    };
    let resources = plan.resource_changes.iter().map(|resource| &resource.change);
    let mut changes = resources.chain(plan.output_changes.values());
    changes.any(|change| change.actions.iter().any(|action| action != "no-op" && action != "read"))
}

/// Whether a file holds one JSON value.
pub(crate) fn is_json(path: &Utf8Path) -> bool {
    fs::File::open(path).is_ok_and(|file| serde_json::from_reader::<_, IgnoredAny>(BufReader::new(file)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_nothing_but_reads_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("plan.json");
        for (text, expected) in [
            (r#"{"resource_changes": [{"change": {"actions": ["no-op"]}}, {"change": {"actions": ["read"]}}]}"#, false),
            (r#"{"resource_changes": [{"change": {"actions": ["delete", "create"]}}]}"#, true),
            (r#"{"output_changes": {"a": {"actions": ["create"]}}}"#, true),
            (r#"{"output_changes": {"a": {"actions": ["no-op"]}}}"#, false),
            ("{}", false),
            ("Nothing", true),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(has_changes(&path), expected, "{text}");
        }
        assert!(!is_json(&path));
        assert!(has_changes(&path.join("none")));
    }
}
