//! `plugin.yml`: a Spacelift plugin's manifest, as far as it changes what a run does.
//!
//! Its contexts attach by label, so they are auto-attached. Policies and webhooks run on Spacelift's side and are not
//! read. Source: the schema that Spacelift's `spaceforge` generates. Inferred: that a context is called as its
//! `name_prefix` says, followed by what the installation adds, so that prefixes decide on the order; and that a variable
//! whose parameter is empty is set to the empty text.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde_yaml::Mapping;

use super::hooks::{self, Attachment, Context, Hooks, MountedFile, Variable};
use airtight_gate::yaml_document::Document;
use airtight_hcl::Problem;

pub use airtight_gate::yaml_document::LIMIT_BYTES;

/// What of a manifest reaches a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginManifest {
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub contexts: Vec<PluginContext>,
    /// What was skipped while reading.
    pub problems: Vec<Problem>,
}

/// A value from the administrator who installs the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// What the contexts refer to; the name where the manifest has no `id`.
    pub id: String,
    pub name: String,
    pub is_required: bool,
    pub is_sensitive: bool,
    pub default: Option<String>,
}

/// A context of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginContext {
    pub name_prefix: String,
    pub environment: BTreeMap<String, PluginVariable>,
    pub mounted_files: Vec<MountedFile>,
    pub hooks: Hooks,
}

/// A variable of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginVariable {
    pub value: PluginValue,
    pub is_sensitive: bool,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginValue {
    Text(String),
    /// A parameter's id.
    Parameter(String),
}

/// Why a plugin cannot be installed with the values given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    #[error("the plugin `{plugin}` needs a value for its parameter `{parameter}`")]
    Missing { plugin: String, parameter: String },
    #[error("the plugin `{plugin}` has no parameter `{parameter}` (known: {known})")]
    Unknown { plugin: String, parameter: String, known: String },
}

impl PluginManifest {
    /// The contexts that an installation creates. `values` are by a parameter's id or name; what is not given has its
    /// default.
    ///
    /// # Errors
    /// A required parameter has neither value nor default, or there is no parameter of that name.
    pub fn install(&self, values: &BTreeMap<String, String>) -> Result<Vec<Context>, InstallError> {
        let is = |parameter: &Parameter, name: &str| parameter.id == name || parameter.name == name;
        if let Some(name) = values.keys().find(|name| !self.parameters.iter().any(|parameter| is(parameter, name))) {
            let known: Vec<&str> = self.parameters.iter().map(|parameter| parameter.id.as_str()).collect();
            return Err(InstallError::Unknown {
                plugin: self.name.clone(),
                parameter: name.clone(),
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            });
        }
        let mut given = BTreeMap::new();
        for parameter in &self.parameters {
            let value =
                values.get(&parameter.id).or_else(|| values.get(&parameter.name)).or(parameter.default.as_ref());
            if parameter.is_required && value.is_none() {
                return Err(InstallError::Missing { plugin: self.name.clone(), parameter: parameter.id.clone() });
            }
            let variable = Variable { value: value.cloned().unwrap_or_default(), is_sensitive: parameter.is_sensitive };
            given.insert(parameter.id.as_str(), variable);
        }
        Ok(self.contexts.iter().map(|context| context.installed(&given)).collect())
    }
}

impl PluginContext {
    fn installed(&self, given: &BTreeMap<&str, Variable>) -> Context {
        let variable = |variable: &PluginVariable| match &variable.value {
            PluginValue::Text(text) => Variable { value: text.clone(), is_sensitive: variable.is_sensitive },
            PluginValue::Parameter(id) => {
                let given = given.get(id.as_str());
                Variable {
                    value: given.map(|given| given.value.clone()).unwrap_or_default(),
                    is_sensitive: variable.is_sensitive || given.is_some_and(|given| given.is_sensitive),
                }
            }
        };
        Context {
            name: self.name_prefix.clone(),
            attachment: Attachment::Auto,
            environment: self.environment.iter().map(|(key, value)| (key.clone(), variable(value))).collect(),
            mounted_files: self.mounted_files.clone(),
            hooks: self.hooks.clone(),
        }
    }
}

/// Reads the text of a manifest; `path` is for the places of problems.
///
/// # Errors
/// The text is no YAML mapping, or has a key twice.
pub fn parse(path: &Utf8Path, text: &str) -> Result<PluginManifest, Problem> {
    let document = Document::new(path, text, "The plugin's manifest does not fit Spacelift's schema");
    let mapping = document.mapping()?;
    let name = document.text_of(&["name"], mapping.get("name")).unwrap_or_else(|| {
        document.report(&["name"], "a plugin needs one.");
        String::new()
    });
    let parameters = document.mappings_of(&["parameters"], mapping.get("parameters"));
    let parameters: Vec<Parameter> = parameters.iter().filter_map(|mapping| parameter(&document, mapping)).collect();
    let contexts = document.mappings_of(&["contexts"], mapping.get("contexts"));
    let contexts: Vec<_> = contexts.iter().map(|mapping| context(&document, mapping, &parameters)).collect();
    Ok(PluginManifest { name, parameters, contexts, problems: document.into_problems() })
}

fn parameter(document: &Document<'_>, mapping: &Mapping) -> Option<Parameter> {
    let text = |key: &str| document.text_of(&["parameters", key], mapping.get(key));
    let truth = |key: &str| document.truth_of(&["parameters", key], mapping.get(key));
    let Some(name) = text("name") else {
        document.report(&["parameters"], "a parameter needs a `name`.");
        return None;
    };
    Some(Parameter {
        id: text("id").unwrap_or_else(|| name.clone()),
        is_required: truth("required"),
        is_sensitive: truth("sensitive"),
        default: text("default"),
        name,
    })
}

fn context(document: &Document<'_>, mapping: &Mapping, parameters: &[Parameter]) -> PluginContext {
    let path = ["contexts", "hooks"];
    let hooks = document.mapping_of(&path, mapping.get("hooks"));
    document.known_keys(&path, &hooks, &hooks::points().collect::<Vec<_>>());
    let mut environment = BTreeMap::new();
    for variable in document.mappings_of(&["contexts", "env"], mapping.get("env")) {
        let text = |key: &str| document.text_of(&["contexts", "env", key], variable.get(key));
        let value = match (text("value"), text("value_from_parameter")) {
            (Some(value), None) => PluginValue::Text(value),
            (None, Some(id)) => {
                if !parameters.iter().any(|parameter| parameter.id == id) {
                    document.report(&["contexts", "env"], format!("no parameter has the id {id:?}."));
                }
                PluginValue::Parameter(id)
            }
            _ => {
                document.report(&["contexts", "env"], "a variable has either `value` or `value_from_parameter`.");
                continue;
            }
        };
        let is_sensitive = document.truth_of(&["contexts", "env", "sensitive"], variable.get("sensitive"));
        match text("key") {
            Some(key) => drop(environment.insert(key, PluginVariable { value, is_sensitive })),
            None => document.report(&["contexts", "env"], "a variable needs a `key`."),
        }
    }
    let mut mounted_files = Vec::new();
    for file in document.mappings_of(&["contexts", "mounted_files"], mapping.get("mounted_files")) {
        let text = |key: &str| document.text_of(&["contexts", "mounted_files", key], file.get(key));
        match (text("path"), text("content")) {
            (Some(path), Some(content)) => {
                let is_sensitive =
                    document.truth_of(&["contexts", "mounted_files", "sensitive"], file.get("sensitive"));
                mounted_files.push(MountedFile { path: Utf8PathBuf::from(path), content, is_sensitive });
            }
            _ => document.report(&["contexts", "mounted_files"], "a mounted file needs `path` and `content`."),
        }
    }
    let name_prefix = document.text_of(&["contexts", "name_prefix"], mapping.get("name_prefix"));
    PluginContext {
        name_prefix: name_prefix.unwrap_or_else(|| {
            document.report(&["contexts"], "a context needs a `name_prefix`.");
            String::new()
        }),
        environment,
        mounted_files,
        hooks: hooks::read(document, &path, &hooks),
    }
}

/// Reads one context as a manifest writes it, for a context that a stack has attached by hand.
///
/// The file's keys are those of a manifest's context, with `name` instead of `name_prefix`, and `priority`.
///
/// # Errors
/// The text is no YAML mapping, or has a key twice.
pub fn parse_context(path: &Utf8Path, text: &str) -> Result<(Context, Vec<Problem>), Problem> {
    let document = Document::new(path, text, "The context cannot be read");
    let mut mapping = document.mapping()?;
    let known = ["name", "priority", "description", "env", "hooks", "labels", "mounted_files"];
    document.known_keys(&[], &mapping, &known);
    let name = document
        .text_of(&["name"], mapping.get("name"))
        .unwrap_or_else(|| path.file_stem().unwrap_or_default().to_owned());
    let priority = document.text_of(&["priority"], mapping.get("priority")).map_or(Ok(0), |text| text.parse::<i64>());
    let priority = priority.unwrap_or_else(|_| {
        document.report(&["priority"], "expected a whole number.");
        0
    });
    mapping.insert("name_prefix".into(), name.into());
    let read = context(&document, &mapping, &[]);
    let context = Context { attachment: Attachment::Explicit { priority }, ..read.installed(&BTreeMap::new()) };
    Ok((context, document.into_problems()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::HookPoint;

    const MANIFEST: &str = r"
name: lint
version: 1.0.0
parameters:
- {name: Level, id: level, type: string, default: warn}
- {name: Token, type: string, required: true, sensitive: true}
contexts:
- name_prefix: ZZ-lint
  description: x
  labels: [a]
  env:
  - {key: LEVEL, value_from_parameter: level}
  - {key: TOKEN, value_from_parameter: Token}
  - {key: FIXED, value: 3}
  mounted_files:
  - {path: plugins/lint/run.sh, content: 'lint .'}
  hooks:
    before_plan: ['sh /mnt/workspace/plugins/lint/run.sh']
policies:
- {name_prefix: x, type: PLAN, body: y}
";

    #[test]
    fn an_installation_fills_in_the_parameters() {
        let manifest = parse("plugin.yml".into(), MANIFEST).unwrap();
        assert_eq!(manifest.problems, []);
        let contexts = manifest.install(&[("Token".to_owned(), "s3cret".to_owned())].into()).unwrap();
        let [context] = &contexts[..] else { panic!("{contexts:?}") };
        assert_eq!((context.name.as_str(), context.attachment), ("ZZ-lint", Attachment::Auto));
        let values: Vec<_> =
            context.environment.iter().map(|(key, value)| (key.as_str(), value.value.as_str())).collect();
        assert_eq!(values, [("FIXED", "3"), ("LEVEL", "warn"), ("TOKEN", "s3cret")]);
        assert!(!format!("{context:?}").contains("s3cret"));
        assert_eq!(context.hooks[&HookPoint::BeforePlan], ["sh /mnt/workspace/plugins/lint/run.sh"]);
        assert_eq!(context.mounted_files[0].content, "lint .");
    }

    #[test]
    fn parameters_are_asked_for_and_known() {
        let manifest = parse("plugin.yml".into(), MANIFEST).unwrap();
        assert_eq!(
            manifest.install(&BTreeMap::new()).unwrap_err().to_string(),
            "the plugin `lint` needs a value for its parameter `Token`"
        );
        assert_eq!(
            manifest.install(&[("tokn".to_owned(), String::new())].into()).unwrap_err().to_string(),
            "the plugin `lint` has no parameter `tokn` (known: level, Token)"
        );
    }

    #[test]
    fn our_own_manifest_can_be_read_and_installed() {
        let manifest = parse("plugin.yml".into(), &crate::render_hooks::plugin()).unwrap();
        assert_eq!(manifest.problems, []);
        let contexts = manifest.install(&[("mirror".to_owned(), "/mirror".to_owned())].into()).unwrap();
        assert_eq!(contexts[0].environment["AIRTIGHT_MIRROR"].value, "/mirror");
        assert_eq!(contexts[0].environment["AIRTIGHT_ENGINE"].value, "");
        assert_eq!(contexts[0].hooks.len(), 5);
    }

    #[test]
    fn a_context_of_its_own_has_a_priority() {
        let text = "priority: 5\nenv:\n- {key: A, value: b}\nhooks:\n  before_init: [x]\n  before_run: [y]\n";
        let (context, problems) = parse_context("contexts/shared.yml".into(), text).unwrap();
        assert_eq!((context.name.as_str(), context.attachment), ("shared", Attachment::Explicit { priority: 5 }));
        assert_eq!(context.environment["A"].value, "b");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].detail.contains("before_run"), "{}", problems[0].detail);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let text = "contexts:\n- env:\n  - {key: A}\n  - {value: b}\n  - {key: C, value_from_parameter: d}\n  hooks: [x]\n  \
                    mounted_files:\n  - path: x\nparameters:\n- id: y\n";
        let manifest = parse("plugin.yml".into(), text).unwrap();
        let details: Vec<_> = manifest.problems.iter().map(|problem| problem.detail.as_str()).collect();
        assert_eq!(
            details,
            [
                "`name`: a plugin needs one.",
                "`parameters`: a parameter needs a `name`.",
                "`contexts.hooks`: expected keys with values.",
                "`contexts.env`: a variable has either `value` or `value_from_parameter`.",
                "`contexts.env`: a variable needs a `key`.",
                "`contexts.env`: no parameter has the id \"d\".",
                "`contexts.mounted_files`: a mounted file needs `path` and `content`.",
                "`contexts`: a context needs a `name_prefix`.",
            ]
        );
    }
}
