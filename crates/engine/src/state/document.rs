//! The JSON of a state: only what names providers is kept, whatever the file's size.
//!
//! Source: OpenTofu `internal/states/statefile` `read.go`, `version4.go`, `version3_upgrade.go`;
//! `internal/command/jsonstate`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use airtight_provider::json_error;
use airtight_provider::{Engine, EngineName};

/// Which forms of document are a state here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forms {
    State,
    StateOrShown,
}

pub(super) enum Document {
    Encrypted,
    V4(Vec<ResourceV4>),
    /// Resource addresses with names of providers, without namespaces.
    Legacy(Vec<(String, String)>),
    /// Resource addresses with source addresses, of `show -json`.
    Shown(Vec<(String, String)>),
}

#[derive(Default, Deserialize)]
struct Sniff {
    version: Option<Value>,
    terraform_version: Option<Value>,
    encryption_version: Option<Value>,
    format_version: Option<Value>,
}

#[derive(Deserialize)]
struct StateV4 {
    resources: Option<Vec<ResourceV4>>,
}

#[derive(Deserialize)]
pub(super) struct ResourceV4 {
    module: Option<String>,
    mode: Option<String>,
    #[serde(rename = "type")]
    resource_type: Option<String>,
    name: Option<String>,
    provider: Option<String>,
    instances: Option<Vec<InstanceV4>>,
}

#[derive(Deserialize)]
struct InstanceV4 {
    provider: Option<String>,
}

impl ResourceV4 {
    pub(super) fn mode(&self) -> &str {
        self.mode.as_deref().unwrap_or_default()
    }

    pub(super) fn resource_type(&self) -> &str {
        self.resource_type.as_deref().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(super) fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or_default()
    }

    /// For each instance, its own provider where it names one.
    pub(super) fn instance_providers(&self) -> Vec<Option<&str>> {
        let named = |text: &&str| !text.is_empty();
        self.instances.iter().flatten().map(|instance| instance.provider.as_deref().filter(named)).collect()
    }

    /// `module.a.data.null_data_source.x`, as people write it.
    pub(super) fn address(&self) -> String {
        let module = self.module.as_deref().filter(|module| !module.is_empty());
        let parts = module.into_iter().chain((self.mode() == "data").then_some("data"));
        parts.chain([self.resource_type(), self.name()]).collect::<Vec<_>>().join(".")
    }
}

#[derive(Deserialize)]
struct LegacyState {
    modules: Option<Vec<LegacyModule>>,
}

#[derive(Deserialize)]
struct LegacyModule {
    path: Option<Vec<String>>,
    resources: Option<BTreeMap<String, LegacyResource>>,
}

#[derive(Deserialize)]
struct LegacyResource {
    #[serde(rename = "type")]
    resource_type: Option<String>,
    provider: Option<String>,
}

#[derive(Deserialize)]
struct Shown {
    values: Option<ShownValues>,
}

#[derive(Deserialize)]
struct ShownValues {
    root_module: Option<ShownModule>,
}

#[derive(Deserialize)]
struct ShownModule {
    resources: Option<Vec<ShownResource>>,
    child_modules: Option<Vec<Self>>,
}

#[derive(Deserialize)]
struct ShownResource {
    address: Option<String>,
    provider_name: Option<String>,
}

/// Parses a document that is not empty.
///
/// # Errors
/// The engine's own problems, each with its summary before it.
pub(super) fn parse(bytes: &[u8], forms: Forms, engine: &Engine) -> Result<Document, Vec<String>> {
    if bytes.starts_with(b"tfstate") {
        return Err(vec![unsupported(
            "The state is stored in a legacy binary format that is not supported since Terraform v0.7. To continue, \
             first upgrade the state using Terraform 0.6.16 or earlier.",
        )]);
    }
    let sniff = sniff(bytes, engine)?;
    let version = match sniff.version {
        Some(Value::Number(ref number)) if number.is_u64() => number.as_u64().unwrap_or_default(),
        Some(ref value) => return Err(vec![version_is(value)]),
        None if is_text(sniff.encryption_version.as_ref()) && engine.name == EngineName::Tofu => {
            return Ok(Document::Encrypted);
        }
        None if is_text(sniff.format_version.as_ref()) && forms == Forms::StateOrShown => return parse_shown(bytes),
        None => return Err(vec![version_missing()]),
    };
    match version {
        0 => Err(vec![unsupported(
            "The state file uses JSON syntax but has a version number of zero. There was never a JSON-based state \
             format zero, so this state file is invalid and cannot be processed.",
        )]),
        1..=3 => parse_legacy(bytes),
        4 => {
            let state: StateV4 = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
            Ok(Document::V4(state.resources.unwrap_or_default()))
        }
        _ => {
            let title = engine.name.title();
            let origin = match sniff.terraform_version {
                Some(Value::String(creator)) if creator.starts_with(|first: char| first.is_ascii_digit()) => {
                    format!("was created by {title} {creator}")
                }
                _ => format!("may have been created by a newer version of {title}"),
            };
            Err(vec![unsupported(&format!(
                "The state file uses format version {version}, which is not supported by {title} {}. This state file \
                 {origin}.",
                engine.version
            ))])
        }
    }
}

fn sniff(bytes: &[u8], engine: &Engine) -> Result<Sniff, Vec<String>> {
    // A structure would also be read from an array.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let result = if is_object {
        serde_json::from_slice(bytes)
    } else {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(Value::Null) => Ok(Sniff::default()),
            Ok(value) => return Err(vec![version_is(&value), version_missing()]),
            Err(error) => Err(error),
        }
    };
    result.map_err(|error| match error.classify() {
        Category::Syntax | Category::Eof => {
            let offset = offset_of(bytes, &error);
            let detail = format!("The state file could not be parsed as JSON: syntax error at byte offset {offset}.");
            let second = match engine.name {
                EngineName::Terraform => version_missing(),
                EngineName::Tofu => unsupported(&format!(
                    "The state file can not be checked for presence of encryption: {}",
                    json_error(&error)
                )),
            };
            vec![unsupported(&detail), second]
        }
        _ => invalid(&error),
    })
}

fn parse_legacy(bytes: &[u8]) -> Result<Document, Vec<String>> {
    let state: LegacyState = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
    let mut resources = Vec::new();
    for module in state.modules.into_iter().flatten() {
        let path = module.path.unwrap_or_default();
        let prefix: Vec<_> = path.iter().skip(1).flat_map(|name| ["module", name]).collect();
        for (name, resource) in module.resources.into_iter().flatten() {
            let provider = resource.provider.unwrap_or_default();
            // `module.a.provider.aws.west`, `aws.west`, or nothing but the resource's type.
            let local = provider.rsplit_once("provider.").map_or(provider.as_str(), |(_, local)| local);
            let local = local.split('.').next().unwrap_or_default();
            let resource_type = resource.resource_type.unwrap_or_default();
            let implied = resource_type.split('_').next().unwrap_or_default();
            let provider = if local.is_empty() { implied } else { local };
            let address = prefix.iter().copied().chain([name.as_str()]).collect::<Vec<_>>().join(".");
            resources.push((address, provider.to_owned()));
        }
    }
    Ok(Document::Legacy(resources))
}

fn parse_shown(bytes: &[u8]) -> Result<Document, Vec<String>> {
    let shown: Shown = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
    let mut modules: Vec<ShownModule> = shown.values.and_then(|values| values.root_module).into_iter().collect();
    let mut resources = Vec::new();
    while let Some(module) = modules.pop() {
        for resource in module.resources.into_iter().flatten() {
            resources.push((resource.address.unwrap_or_default(), resource.provider_name.unwrap_or_default()));
        }
        modules.extend(module.child_modules.into_iter().flatten());
    }
    resources.sort();
    Ok(Document::Shown(resources))
}

fn is_text(value: Option<&Value>) -> bool {
    value.and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

fn unsupported(detail: &str) -> String {
    format!("Unsupported state file format: {detail}")
}

fn version_missing() -> String {
    unsupported(
        "The state file does not have a \"version\" attribute, which is required to identify the format version.",
    )
}

/// What Go calls a value that is no whole number.
fn version_is(value: &Value) -> String {
    let kind = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) => format!("number {number}"),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    unsupported(&format!("The version in the state file is {kind}. A positive whole number is required."))
}

fn invalid(error: &serde_json::Error) -> Vec<String> {
    vec![format!(
        "Invalid state file format: The state file does not conform to the expected JSON data structure: {}.",
        json_error(error)
    )]
}

/// How many bytes were read when the error was found, as Go counts them.
fn offset_of(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    (lines.map(<[u8]>::len).sum::<usize>() + error.column()).min(bytes.len())
}
