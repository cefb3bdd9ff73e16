//! `required_providers` blocks, in every form.
//!
//! Source: OpenTofu `internal/configs/provider_requirements.go` `decodeRequiredProvidersBlock`.

use super::RequiredProvider;
use super::body::{Attribute, Block, Problems};
use super::expression::{Expression, Step};
use super::provider_block::check_local_name;
use airtight_hcl::Place;
use airtight_hcl::constant::{Constant, NotConstant};
use airtight_provider::{Engine, ProviderAddress, SourceAddress};

/// One block.
#[derive(Clone, Debug)]
pub(super) struct RequiredProviders {
    pub place: Place,
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub requirement: RequiredProvider,
    /// `configuration_aliases`, such as `aws.west`.
    pub aliases: Vec<String>,
}

impl RequiredProvider {
    /// The provider that it means; null where its source, or its name, is none.
    pub(super) fn address(&self, engine: &Engine) -> Option<ProviderAddress> {
        match &self.source {
            Some(source) => Some(SourceAddress::parse(source, engine.name).ok()?.resolve(engine.name)),
            None => ProviderAddress::implied(engine.name, &self.local_name).ok(),
        }
    }
}

/// The sound entries. Sources and constraints are texts still: what they say is judged with the requirements.
pub(super) fn read(block: &Block<'_>, engine: &Engine, problems: &mut Problems) -> RequiredProviders {
    let attributes = block.body.just_attributes(problems).unwrap_or_default();
    let entries = attributes.iter().filter_map(|attribute| read_entry(attribute, engine, problems)).collect();
    RequiredProviders { place: block.place.clone(), entries }
}

fn read_entry(attribute: &Attribute<'_>, engine: &Engine, problems: &mut Problems) -> Option<Entry> {
    let place = attribute.value.place();
    let mut entry = RequiredProvider {
        local_name: attribute.name.to_owned(),
        source: None,
        source_place: place.clone(),
        version: None,
        version_place: place.clone(),
        place: attribute.place.clone(),
    };
    // The form from before 0.13: a constraint alone.
    if let Ok(Constant::Bool(_) | Constant::Number(_) | Constant::String(_)) = attribute.value.evaluate() {
        entry.version = attribute.value.evaluate().ok()?.into_string().ok()?;
        return Some(Entry { requirement: entry, aliases: Vec::new() });
    }
    if !check_local_name(attribute.name, engine, &place, problems) {
        return None;
    }
    let Some(items) = attribute.value.items() else {
        let summary = "Invalid required_providers object";
        if attribute.value.evaluate() == Err(NotConstant::NotUnderstood) {
            problems.give_up(summary, "The entry could not be read.", place);
        } else {
            problems.refuse(summary, "required_providers entries must be strings or objects.", place);
        }
        return None;
    };
    let mut aliases = Vec::new();
    let problems_before = problems.errors.len() + problems.not_understood.len();
    for (key, value) in items {
        let key_text = match key.evaluate() {
            Ok(Constant::String(text)) => text,
            Ok(_) => {
                let detail = "Invalid attribute value for provider requirement.";
                problems.refuse("Invalid Attribute", detail, key.place());
                continue;
            }
            Err(reason) => {
                problems.not_constant(reason, key.place());
                continue;
            }
        };
        match key_text.as_str() {
            "version" => {
                let refusal = ("Invalid version constraint", "Version must be specified as a string.");
                (entry.version, entry.version_place) = string(&value, refusal, problems);
            }
            "source" => {
                let refusal = ("Invalid source", "Source must be specified as a string.");
                (entry.source, entry.source_place) = string(&value, refusal, problems);
            }
            "configuration_aliases" => aliases = read_aliases(attribute.name, &value, problems),
            _ => {
                problems.refuse(
                    "Invalid required_providers object",
                    "required_providers objects can only contain \"version\", \"source\" and \"configuration_aliases\" \
                     attributes. To configure a provider, use a \"provider\" block.",
                    key.place(),
                );
                break;
            }
        }
    }
    (problems.errors.len() + problems.not_understood.len() == problems_before)
        .then_some(Entry { requirement: entry, aliases })
}

/// Nothing but a string will do here, not even a number.
fn string(value: &Expression<'_>, refusal: (&str, &str), problems: &mut Problems) -> (Option<String>, Place) {
    let text = match value.evaluate() {
        Ok(Constant::String(text)) => Some(text),
        Err(NotConstant::NotUnderstood) => {
            problems.give_up(refusal.0, "Whether it is a constant string could not be told.", value.place());
            None
        }
        Ok(_) | Err(_) => {
            problems.refuse(refusal.0, refusal.1, value.place());
            None
        }
    };
    (text, value.place())
}

fn read_aliases(local_name: &str, value: &Expression<'_>, problems: &mut Problems) -> Vec<String> {
    const SUMMARY: &str = "Invalid configuration_aliases value";
    let mut aliases = Vec::new();
    let Some(elements) = value.elements() else {
        if value.is_unread() {
            problems.give_up(SUMMARY, "The list could not be read.", value.place());
        } else {
            problems.refuse("Invalid expression", "A static list expression is required.", value.place());
        }
        return aliases;
    };
    for element in elements {
        let reference = element.reference().filter(|_| !element.is_quoted());
        let detail = match reference.as_ref().map(|(root, steps)| (root, steps.as_slice())) {
            Some((root, [])) if root == local_name => {
                aliases.push(root.clone());
                continue;
            }
            // What stands behind the alias is not looked at.
            Some((root, [Step::Attribute(alias), ..])) if root == local_name => {
                aliases.push(format!("{root}.{alias}"));
                continue;
            }
            Some((root, _)) if root != local_name => format!(
                "Configuration aliases must be prefixed with the provider name. Expected \"{local_name}\", but found \
                 \"{root}\"."
            ),
            None => {
                let detail = "A single static variable reference is required.";
                problems.refuse("Invalid expression", detail, element.place());
                continue;
            }
            _ => "Configuration aliases can only contain references to local provider configuration names in the \
                  format of provider.alias"
                .to_owned(),
        };
        problems.refuse(SUMMARY, detail, element.place());
    }
    aliases
}
