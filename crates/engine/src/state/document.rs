//! The JSON of a state: only what names providers is kept, whatever the file's size.
//!
//! Source: OpenTofu `internal/states/statefile` `read.go`, `version4.go`, `version3_upgrade.go`;
//! `internal/command/jsonstate`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::error::Category;

use super::problem::StateProblemKind;
use airtight_provider::unlikely_text::UnlikelyText;

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
    pub(super) fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or_default()
    }

    /// The providers that its instances name.
    pub(super) fn instance_providers(&self) -> Vec<&str> {
        let named = self.instances.iter().flatten().filter_map(|instance| instance.provider.as_deref());
        named.filter(|text| !text.is_empty()).collect()
    }

    /// `module.a.data.null_data_source.x`, as people write it.
    pub(super) fn address(&self) -> String {
        let module = self.module.as_deref().filter(|module| !module.is_empty());
        let parts = module.into_iter().chain((self.mode.as_deref() == Some("data")).then_some("data"));
        parts
            .chain([&self.resource_type, &self.name].map(|part| part.as_deref().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(".")
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
pub(super) fn parse(bytes: &[u8], forms: Forms) -> Result<Document, StateProblemKind> {
    if let Some(unlikely) = UnlikelyText::of_json(bytes) {
        return Err(StateProblemKind::Unlikely(unlikely));
    }
    // A structure would also be read from an array.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_object {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| invalid(&error))?;
        return Err(StateProblemKind::NotAState);
    }
    let sniff: Sniff = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
    match sniff.version.as_ref().map(Value::as_u64) {
        Some(Some(1..=3)) => parse_legacy(bytes),
        Some(Some(4)) => {
            let state: StateV4 = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
            Ok(Document::V4(state.resources.unwrap_or_default()))
        }
        Some(Some(format @ 5..)) => Err(StateProblemKind::Newer { format }),
        None if is_text(sniff.encryption_version.as_ref()) => Ok(Document::Encrypted),
        None if is_text(sniff.format_version.as_ref()) && forms == Forms::StateOrShown => parse_shown(bytes),
        None | Some(_) => Err(StateProblemKind::NotAState),
    }
}

fn parse_legacy(bytes: &[u8]) -> Result<Document, StateProblemKind> {
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

fn parse_shown(bytes: &[u8]) -> Result<Document, StateProblemKind> {
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

fn invalid(error: &serde_json::Error) -> StateProblemKind {
    match error.classify() {
        Category::Syntax | Category::Eof => StateProblemKind::NotJson { line: error.line() },
        Category::Data | Category::Io => StateProblemKind::NotAState,
    }
}
