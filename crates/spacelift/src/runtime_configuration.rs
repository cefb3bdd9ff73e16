//! `.spacelift/config.yml`: the runtime configuration, which a repository brings along.
//!
//! It is at the root of the repository, whatever the project root. Lists and maps replace what they override, they
//! are not merged; only `environment` is laid over the variables of the stack and its contexts, name by name.
//!
//! Source: Spacelift's documentation, `concepts/configuration/runtime-configuration`. Inferred: that a file without
//! `version` has version 1 in every respect; that with version 2 `stack_defaults` also win where the stack itself is not
//! named (the documentation has sentences for and against it); that hooks replace those of the stack and leave those of
//! its contexts. Whether a mounted `config.yml` counts is not documented.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_yaml::Mapping;

use super::hooks::{self, Hooks};
use airtight_gate::yaml_document::{Document, key_text};
use airtight_hcl::Problem;

pub use airtight_gate::yaml_document::LIMIT_BYTES;

/// Below the root of the source.
pub const PATH: &str = ".spacelift/config.yml";

/// The whole file; what it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeConfiguration {
    pub version: Version,
    pub stack_defaults: StackSettings,
    /// By the stack's slug.
    pub stacks: BTreeMap<String, StackSettings>,
    /// For modules.
    pub module_version: Option<String>,
    pub test_defaults: StackSettings,
    pub tests: Vec<TestCase>,
    /// What was skipped while reading: unknown keys, values of another type.
    pub problems: Vec<Problem>,
}

/// Decides whether `stack_defaults` win over the stack's own settings (2) or lose against them (1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    #[default]
    One,
    Two,
}

/// Settings of a stack, wherever they come from: the file's, or the stack's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackSettings {
    pub hooks: Hooks,
    pub environment: BTreeMap<String, String>,
    /// Below the root of the source; empty for the root.
    pub project_root: Option<String>,
    pub runner_image: Option<String>,
    pub terraform_version: Option<String>,
    pub opentofu_version: Option<String>,
    /// `TERRAFORM_FOSS`, `OPEN_TOFU`, `CUSTOM`.
    pub terraform_workflow_tool: Option<String>,
    pub git_sparse_checkout_paths: Option<Vec<String>>,
    /// The stack's `terragrunt` block is replaced as a whole.
    pub has_terragrunt: bool,
}

/// A test case of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    pub name: String,
    pub is_negative: bool,
    pub id: Option<String>,
    pub depends_on: Vec<String>,
    pub settings: StackSettings,
}

#[cfg(any(test, feature = "rehearsal"))]
impl RuntimeConfiguration {
    /// What counts for a stack: its entry in the file, then `stack_defaults` and the stack's own settings in the order
    /// of the file's version.
    pub(crate) fn for_stack(&self, slug: Option<&str>, own: &StackSettings) -> StackSettings {
        let entry = slug.and_then(|slug| self.stacks.get(slug));
        match self.version {
            Version::One => {
                overridden(&overridden(&self.stack_defaults, Some(own), Layer::Outside), entry, Layer::Outside)
            }
            Version::Two => {
                let file = overridden(&self.stack_defaults, entry, Layer::File);
                overridden(own, Some(&file), Layer::Outside)
            }
        }
    }
}

/// Between which settings something is overridden.
#[cfg(any(test, feature = "rehearsal"))]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// Within the file, maps replace.
    File,
    /// Between the file and the stack, variables are laid over each other by name.
    Outside,
}

#[cfg(any(test, feature = "rehearsal"))]
fn overridden(under: &StackSettings, over: Option<&StackSettings>, layer: Layer) -> StackSettings {
    let Some(over) = over else { return under.clone() };
    let mut hooks = under.hooks.clone();
    hooks.extend(over.hooks.clone());
    let environment = match layer {
        Layer::File if !over.environment.is_empty() => over.environment.clone(),
        Layer::File => under.environment.clone(),
        Layer::Outside => {
            let mut environment = under.environment.clone();
            environment.extend(over.environment.clone());
            environment
        }
    };
    let text = |over: &Option<String>, under: &Option<String>| over.clone().or_else(|| under.clone());
    StackSettings {
        hooks,
        environment,
        project_root: text(&over.project_root, &under.project_root),
        runner_image: text(&over.runner_image, &under.runner_image),
        terraform_version: text(&over.terraform_version, &under.terraform_version),
        opentofu_version: text(&over.opentofu_version, &under.opentofu_version),
        terraform_workflow_tool: text(&over.terraform_workflow_tool, &under.terraform_workflow_tool),
        git_sparse_checkout_paths: over
            .git_sparse_checkout_paths
            .clone()
            .or_else(|| under.git_sparse_checkout_paths.clone()),
        has_terragrunt: over.has_terragrunt || under.has_terragrunt,
    }
}

/// Reads the text of a runtime configuration; `path` is for the places of problems.
///
/// # Errors
/// The text is no YAML mapping, or has a key twice.
pub fn parse(path: &Utf8Path, text: &str) -> Result<RuntimeConfiguration, Problem> {
    let document =
        Document::new(path, text, "The runtime configuration has something that Spacelift does not document");
    let mapping = document.mapping()?;
    document.known_keys(
        &[],
        &mapping,
        &["version", "stack_defaults", "stacks", "module_version", "test_defaults", "tests"],
    );
    let version = match document.text_of(&["version"], mapping.get("version")).as_deref() {
        None | Some("1") => Version::One,
        Some("2") => Version::Two,
        Some(other) => {
            document.report(&["version"], format!("{other:?} is neither 1 nor 2; read as 2."));
            Version::Two
        }
    };
    let defaults = |key: &str| {
        let mapping = document.mapping_of(&[key], mapping.get(key));
        settings(&document, &[key], &mapping, &[])
    };
    let stack_defaults = defaults("stack_defaults");
    let test_defaults = defaults("test_defaults");
    let mut stacks = BTreeMap::new();
    for (key, value) in document.mapping_of(&["stacks"], mapping.get("stacks")) {
        let slug = key_text(&key);
        let parents = ["stacks", slug.as_str()];
        let read = settings(&document, &parents, &document.mapping_of(&parents, Some(&value)), &[]);
        stacks.insert(slug.clone(), read);
    }
    let module_version = document.text_of(&["module_version"], mapping.get("module_version"));
    let tests = document.mappings_of(&["tests"], mapping.get("tests"));
    let tests = tests.iter().map(|mapping| test_case(&document, mapping)).collect();
    let problems = document.into_problems();
    Ok(RuntimeConfiguration { version, stack_defaults, stacks, module_version, test_defaults, tests, problems })
}

fn test_case(document: &Document<'_>, mapping: &Mapping) -> TestCase {
    let parents = ["tests"];
    let text = |key: &str| document.text_of(&["tests", key], mapping.get(key));
    if text("name").is_none() {
        document.report(&["tests"], "a test case needs a `name`.");
    }
    TestCase {
        name: text("name").unwrap_or_default(),
        is_negative: document.truth_of(&["tests", "negative"], mapping.get("negative")),
        id: text("id"),
        depends_on: document.texts_of(&["tests", "depends_on"], mapping.get("depends_on")).unwrap_or_default(),
        settings: settings(document, &parents, mapping, &["name", "negative", "id", "depends_on"]),
    }
}

fn settings(document: &Document<'_>, parents: &[&str], mapping: &Mapping, more: &[&'static str]) -> StackSettings {
    let known: Vec<&str> = hooks::points()
        .chain([
            "environment",
            "git_sparse_checkout_paths",
            "opentofu_version",
            "project_root",
            "runner_image",
            "terraform_version",
            "terraform_workflow_tool",
            "terragrunt",
        ])
        .chain(more.iter().copied())
        .collect();
    document.known_keys(parents, mapping, &known);
    let text = |key: &str| document.text_of(&[parents, &[key]].concat(), mapping.get(key));
    let path = [parents, &["environment"]].concat();
    let mut environment = BTreeMap::new();
    for (key, value) in document.mapping_of(&path, mapping.get("environment")) {
        let name = key_text(&key);
        let value = document.text_of(&[&path[..], &[&name]].concat(), Some(&value)).unwrap_or_default();
        if value.contains('\n') {
            document.report(&[&path[..], &[&name]].concat(), "a variable cannot hold a line break.");
        }
        environment.insert(name, value);
    }
    let workflow_tool = text("terraform_workflow_tool");
    if let Some(tool) = workflow_tool.as_deref().filter(|tool| !WORKFLOW_TOOLS.contains(tool)) {
        let key = [parents, &["terraform_workflow_tool"]].concat();
        document.report(&key, format!("{tool:?} is none of {}.", WORKFLOW_TOOLS.join(", ")));
    }
    let paths = [parents, &["git_sparse_checkout_paths"]].concat();
    StackSettings {
        hooks: hooks::read(document, parents, mapping),
        environment,
        project_root: text("project_root"),
        runner_image: text("runner_image"),
        terraform_version: text("terraform_version"),
        opentofu_version: text("opentofu_version"),
        terraform_workflow_tool: workflow_tool,
        git_sparse_checkout_paths: document.texts_of(&paths, mapping.get("git_sparse_checkout_paths")),
        has_terragrunt: mapping.contains_key("terragrunt"),
    }
}

const WORKFLOW_TOOLS: [&str; 3] = ["TERRAFORM_FOSS", "OPEN_TOFU", "CUSTOM"];

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::HookPoint;

    fn parsed(text: &str) -> RuntimeConfiguration {
        parse("config.yml".into(), text).unwrap()
    }

    const EXAMPLE: &str = r#"
version: "2"
stack_defaults:
  runner_image: your/first:runner
  before_init:
    - terraform fmt -diff
    - tflint
  environment:
    A: defaults
    B: defaults
stacks:
  first-stack: &shared
    before_apply:
      - hostname
    project_root: infra
    terraform_version: 0.12.4
  second-stack:
    <<: *shared
    terraform_version: 1.10
    before_init: []
    environment:
      AWS_REGION: eu-west-1
      COUNT: 3
      A: stack
"#;

    #[test]
    fn reads_what_the_documentation_shows() {
        let configuration = parsed(EXAMPLE);
        assert_eq!((configuration.version, configuration.problems), (Version::Two, Vec::new()));
        let second = &configuration.stacks["second-stack"];
        assert_eq!(second.project_root.as_deref(), Some("infra"));
        assert_eq!(second.terraform_version.as_deref(), Some("1.10"));
        assert_eq!(second.hooks[&HookPoint::BeforeApply], ["hostname"]);
        assert_eq!(second.environment["COUNT"], "3");
        assert_eq!(configuration.stacks["first-stack"].terraform_version.as_deref(), Some("0.12.4"));
    }

    #[test]
    fn the_version_decides_between_defaults_and_the_stack() {
        let own = StackSettings {
            hooks: [(HookPoint::BeforeInit, vec!["own".to_owned()]), (HookPoint::AfterRun, vec!["own".to_owned()])]
                .into(),
            environment: [("A".to_owned(), "own".to_owned()), ("C".to_owned(), "own".to_owned())].into(),
            runner_image: Some("own".to_owned()),
            project_root: Some("own".to_owned()),
            ..StackSettings::default()
        };
        let summary = |settings: &StackSettings| {
            format!(
                "{:?} {:?} {} {} {:?}",
                settings.hooks.get(&HookPoint::BeforeInit).unwrap(),
                settings.hooks.get(&HookPoint::AfterRun).unwrap(),
                settings.runner_image.as_deref().unwrap(),
                settings.project_root.as_deref().unwrap(),
                settings.environment
            )
        };
        let two = parsed(EXAMPLE);
        let one = parsed(&EXAMPLE.replace("version: \"2\"", "version: 1"));
        for (configuration, slug, expected) in [
            (
                &two,
                Some("second-stack"),
                r#"[] ["own"] your/first:runner infra {"A": "stack", "AWS_REGION": "eu-west-1", "C": "own", "COUNT": "3"}"#,
            ),
            (
                &two,
                Some("first-stack"),
                r#"["terraform fmt -diff", "tflint"] ["own"] your/first:runner infra {"A": "defaults", "B": "defaults", "C": "own"}"#,
            ),
            (
                &two,
                None,
                r#"["terraform fmt -diff", "tflint"] ["own"] your/first:runner own {"A": "defaults", "B": "defaults", "C": "own"}"#,
            ),
            (
                &one,
                Some("second-stack"),
                r#"[] ["own"] own infra {"A": "stack", "AWS_REGION": "eu-west-1", "B": "defaults", "C": "own", "COUNT": "3"}"#,
            ),
            (&one, None, r#"["own"] ["own"] own own {"A": "own", "B": "defaults", "C": "own"}"#),
        ] {
            assert_eq!(summary(&configuration.for_stack(slug, &own)), expected, "{slug:?}");
        }
    }

    #[test]
    fn modules_have_tests_with_settings_of_their_own() {
        let configuration = parsed(
            "version: 1\nmodule_version: 0.0.1\ntest_defaults:\n  before_init: [a]\ntests:\n- name: Create a pet\n  \
             id: pet\n  negative: true\n  depends_on: [x]\n  project_root: examples/pet\n  terraform_workflow_tool: \
             CUSTOM\n",
        );
        assert_eq!(configuration.problems, []);
        assert_eq!(configuration.module_version.as_deref(), Some("0.0.1"));
        let test = &configuration.tests[0];
        assert_eq!((test.name.as_str(), test.is_negative, test.depends_on.len()), ("Create a pet", true, 1));
    }

    #[test]
    fn what_public_repositories_write_is_read_and_what_has_no_effect_is_told() {
        for (text, told) in [
            ("version: \"1\"\nstack_defaults:\n    runner_image: \n    before_init:\n\n\nstacks:\n    a:\n", &[][..]),
            ("version: 1\nmodule_version: 0.1.0\n\ntests: []\n", &[]),
            ("version: 1\nmodule_version: 0.1.0\ntest_defaults:\n  before_init: [\"tofu fmt -check\"]\n", &[]),
            ("stacks:\n  a: &shared\n    terraform_version: 1.6.0\n  b:\n    <<: *shared\n", &[]),
            ("x-hooks: &hooks\n  before_init: [a]\nstacks:\n  a:\n    <<: *hooks\n", &[]),
            ("version: \"1\"\nterraform_version: \"1.5.7\"\n", &["`terraform_version`: it is no key here"]),
            (
                "version: \"1\"\nstacks:\n  a:\n    branch: main\n    autodeploy: true\n    labels:\n      - x\n",
                &["`stacks.a.branch`: it is", "`stacks.a.autodeploy`: it is", "`stacks.a.labels`: it is"],
            ),
            ("version: \"2\"\nstack_defaults:\n  plan:\n    - tofu plan\n", &["`stack_defaults.plan`: it is no key"]),
        ] {
            let problems = parsed(text).problems;
            assert_eq!(problems.len(), told.len(), "{text}: {problems:?}");
            for (problem, told) in problems.iter().zip(told) {
                assert!(problem.detail.starts_with(told), "{text}: {}", problem.detail);
            }
        }
        let shared = parsed("x-hooks: &hooks\n  before_init: [a]\nstacks:\n  a:\n    <<: *hooks\n");
        assert_eq!(shared.stacks["a"].hooks[&HookPoint::BeforeInit], ["a"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_the_rest_is_read() {
        let configuration = parsed(
            "version: 3\nstacks:\n  a:\n    before_unit: [x]\n    before_plan: x\n    environment: [x]\n    \
             terraform_workflow_tool: TOFU\n    runner_image: kept\n",
        );
        let problems = configuration.problems.iter().map(|problem| {
            format!("{} {}", problem.place.position.as_ref().map_or(0, |position| position.line), problem.detail)
        });
        let problems: Vec<_> = problems.collect();
        assert!(problems[0].starts_with("1 `version`: \"3\" is neither"), "{problems:?}");
        assert!(problems[1].starts_with("4 `stacks.a.before_unit`: it is no key here"), "{problems:?}");
        assert!(problems[2].starts_with("6 `stacks.a.environment`: expected keys"), "{problems:?}");
        assert!(problems[3].starts_with("7 `stacks.a.terraform_workflow_tool`: \"TOFU\" is none"), "{problems:?}");
        assert!(problems[4].starts_with("5 `stacks.a.before_plan`: expected a list"), "{problems:?}");
        assert_eq!(configuration.stacks["a"].runner_image.as_deref(), Some("kept"));
        assert!(parse("config.yml".into(), "- a\n").unwrap_err().detail.contains("top level"));
        assert!(parse("config.yml".into(), "a: [\n").unwrap_err().detail.contains("not valid YAML"));
    }
}
