//! `airtight render plugin`: valid for Spacelift, and in step with the crate.

use serde_json::Value;

crate::tests! {
    the_manifest_fits_the_schema,
    the_manifest_has_the_crates_version,
    the_committed_manifest_is_the_printed_one,
    every_variable_comes_from_an_optional_parameter_that_is_empty_by_default,
    nothing_is_mounted,
    hooks_can_be_joined_without_braces,
}

pub(crate) fn manifest() -> Value {
    serde_yaml::from_str(&airtight_spacelift::render_hooks::plugin()).unwrap()
}

/// `plugin.yml` is for those who take it from the repository.
fn the_committed_manifest_is_the_printed_one() {
    let printed = airtight_spacelift::render_hooks::plugin();
    assert_eq!(include_str!("../../plugin.yml"), printed, "run `airtight render plugin > plugin.yml`");
}

/// The schema that spaceforge 1.9.0 generates.
fn schema() -> Value {
    serde_json::from_str(include_str!("../fixtures/plugin-manifest.schema.json")).unwrap()
}

/// Every text of the manifest's hooks, by hook point.
pub(crate) fn hooks() -> Vec<(String, String)> {
    let manifest = manifest();
    let points = manifest["contexts"][0]["hooks"].as_object().unwrap();
    points
        .iter()
        .flat_map(|(point, hooks)| {
            hooks.as_array().unwrap().iter().map(move |hook| (point.clone(), hook.as_str().unwrap().to_owned()))
        })
        .collect()
}

fn the_manifest_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&manifest()).map(|error| error.to_string()).collect();
    assert_eq!(errors, [] as [String; 0]);
    let mut broken = manifest();
    broken["parameters"][0]["type"] = "path".into();
    assert!(!validator.is_valid(&broken), "the schema must refuse an unknown type of parameter");
}

fn the_manifest_has_the_crates_version() {
    assert_eq!(manifest()["version"], env!("CARGO_PKG_VERSION"));
}

fn every_variable_comes_from_an_optional_parameter_that_is_empty_by_default() {
    let manifest = manifest();
    let parameters = manifest["parameters"].as_array().unwrap();
    let variables = manifest["contexts"][0]["env"].as_array().unwrap();
    let keys: Vec<_> = variables.iter().map(|variable| variable["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["AIRTIGHT_MIRROR", "AIRTIGHT_MODULES", "AIRTIGHT_ENGINE", "AIRTIGHT_PLATFORM"]);
    assert_eq!(parameters.len(), variables.len());
    for variable in variables {
        let parameter = parameters
            .iter()
            .find(|parameter| parameter["id"] == variable["value_from_parameter"])
            .expect("its parameter");
        assert_eq!((&parameter["default"], &parameter["required"]), (&"".into(), &false.into()), "{parameter}");
    }
}

fn nothing_is_mounted() {
    assert_eq!(manifest()["contexts"][0]["mounted_files"], Value::Null);
}

fn hooks_can_be_joined_without_braces() {
    let hooks = hooks();
    let points: Vec<_> = hooks.iter().map(|(point, _)| point.as_str()).collect();
    assert_eq!(points, ["before_init", "before_plan", "before_apply", "before_destroy", "before_perform"]);
    for (point, hook) in hooks {
        assert!(hook.contains(&format!("airtight hook {point})")), "{hook}");
        assert!(!hook.contains(['\n', '#']), "{hook}");
        let mut depth = 0;
        for word in hook.split(' ') {
            match word {
                "{" => depth += 1,
                "}" | "};" => depth -= 1,
                _ => {}
            }
            assert!(depth > 0 || word != "||" && !word.ends_with(';'), "{word} outside braces: {hook}");
            assert!(!["exit", "exec", "return"].contains(&word), "{hook}");
        }
    }
}
