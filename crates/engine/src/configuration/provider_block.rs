//! `provider` blocks and the local names of providers.
//!
//! Source: OpenTofu `internal/configs/provider.go`.

use super::ProviderBlock;
use super::body::{Block, Problems};
use super::declarations::{ProviderDeclaration, TextValue, is_identifier, text};
use super::expression::Expression;
use super::schemas::{self, Schemas};
use airtight_hcl::Place;
use airtight_hcl::constant::NotConstant;
use airtight_hcl::schema::Unknown;
use airtight_provider::{Engine, ProviderAddress};

/// A `provider` block, also of a test file; null where its name is none.
pub(super) fn read(block: &Block<'_>, engine: &Engine, problems: &mut Problems) -> Option<ProviderDeclaration> {
    let schemas = Schemas::new(engine);
    let content = block.body.content(&schemas::PROVIDER, Unknown::Ignored, problems);
    let local_name = block.labels[0];
    if !check_local_name(local_name, engine, &block.place, problems) {
        return None;
    }
    let alias = content.attributes.get("alias");
    let alias = alias.map_or_else(String::new, |attribute| alias_text(&attribute.value, "provider", problems));
    let is_unknown = |expression: &Expression<'_>| expression.evaluate() == Err(NotConstant::NotUnderstood);
    if content.attributes.get("alias").is_some_and(|attribute| is_unknown(&attribute.value)) {
        return None;
    }
    let version = content.attributes.get("version").and_then(|attribute| {
        let value =
            text(&attribute.value, "Invalid version constraint", "A string value is required for version.", problems);
        let TextValue::Constant(version) = value else { return None };
        Some((version, attribute.value.place()))
    });
    for name in ["count", "depends_on", "source", "for_each"] {
        let Some(attribute) = content.attributes.get(name) else { continue };
        let place = attribute.place.clone();
        if name == "for_each" && schemas.takes_for_each_in_providers() {
            if alias.is_empty() {
                let detail = "The for_each argument is allowed only for provider configurations with an alias.";
                problems.refuse("Alias required when using \"for_each\"", detail, place);
            }
        } else if schemas.are_complete() {
            let detail = format!(
                "The provider argument name \"{name}\" is reserved for use by {} in a future version.",
                engine.name.title()
            );
            problems.refuse("Reserved argument name in provider block", detail, place);
        } else {
            problems.give_up("Reserved argument name in provider block", "", place);
        }
    }
    for inner in content.blocks.iter().filter(|inner| inner.kind == "_").skip(1) {
        let detail = "Each provider block may have one escaping block.";
        problems.refuse("Duplicate escaping block", detail, inner.place.clone());
    }
    for inner in content.blocks.iter().filter(|inner| inner.kind != "_" && schemas.are_complete()) {
        let detail = format!(
            "The block type name \"{}\" is reserved for use by {} in a future version.",
            inner.kind,
            engine.name.title()
        );
        problems.refuse("Reserved block type name in provider block", detail, inner.place.clone());
    }
    let mut others = Problems::default();
    block.body.content(&schemas::PROVIDER, Unknown::Refused, &mut others);
    let is_configured = !others.errors.is_empty() || version.is_some();
    let (version, place) = version.map_or((None, block.place.clone()), |(version, place)| (Some(version), place));
    Some(ProviderDeclaration {
        block: ProviderBlock { local_name: local_name.to_owned(), version, place },
        alias,
        is_configured,
        has_for_each: content.attributes.contains_key("for_each"),
    })
}

/// An alias, which counts as empty where it is none; `kind` is what the engine calls the block.
pub(super) fn alias_text(expression: &Expression<'_>, kind: &str, problems: &mut Problems) -> String {
    let (summary, detail) = ("Unsuitable value type", "Unsuitable value: string required");
    let alias = match text(expression, summary, detail, problems) {
        TextValue::Constant(alias) => alias,
        TextValue::Null => {
            problems.refuse(summary, detail, expression.place());
            String::new()
        }
        TextValue::Unevaluated | TextValue::Refused => String::new(),
    };
    if !is_identifier(&alias) && expression.evaluate() != Err(NotConstant::NotUnderstood) {
        let summary = format!("Invalid {kind} configuration alias");
        problems.refuse(&summary, "An alias must be a valid name.", expression.place());
    }
    alias
}

/// Whether a provider's local name is one, in the form that the engines ask for.
pub(super) fn check_local_name(name: &str, engine: &Engine, place: &Place, problems: &mut Problems) -> bool {
    let detail = match ProviderAddress::implied(engine.name, name) {
        Ok(address) if address.provider_type() == name => return true,
        Ok(address) => format!(
            "Provider names must be normalized. Replace \"{name}\" with \"{}\" to fix this error.",
            address.provider_type()
        ),
        Err(reason) => format!("{name} is an invalid provider local name: {}", reason.detail()),
    };
    problems.refuse("Invalid provider local name", detail, place.clone());
    false
}

/// The local name that a resource type implies: what stands before its first underscore, normalised.
pub(super) fn implied_local_name(resource_type: &str, engine: &Engine) -> Option<String> {
    let prefix = resource_type.split_once('_').map_or(resource_type, |(prefix, _)| prefix);
    ProviderAddress::implied(engine.name, prefix).ok().map(|address| address.provider_type().to_owned())
}
