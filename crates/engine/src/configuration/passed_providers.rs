//! Provider configurations that modules are given by the modules that call them.
//!
//! Source: OpenTofu `internal/configs/provider_validation.go` `validateProviderConfigs`, `config.go`
//! `resolveProviderTypes`, `resource.go` `InstanceValidation`.

use std::collections::BTreeMap;

use super::declarations::{CallDeclaration, ProviderDeclaration, ProviderReference, ResourceDeclaration};
use super::schemas::Schemas;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::{Engine, ProviderAddress, SourceAddress};

/// What a module calls its providers and their configurations.
#[derive(Clone, Debug, Default)]
pub(super) struct ProviderNames {
    /// By local name, as `required_providers` has them; null where that names no provider.
    pub required: BTreeMap<String, Option<ProviderAddress>>,
    /// Every name in `configuration_aliases`, such as `aws.west`.
    pub aliases: Vec<String>,
    /// `provider` blocks that configure something.
    pub configured: Vec<String>,
    /// `provider` blocks that only stand for what the calling module gives.
    pub empty: Vec<String>,
}

impl ProviderNames {
    /// The provider that a local name stands for; null where that cannot be told.
    fn provider(&self, local_name: &str, engine: &Engine) -> Option<ProviderAddress> {
        match self.required.get(local_name) {
            Some(address) => address.clone(),
            None => default_provider(local_name, engine),
        }
    }
}

fn default_provider(provider_type: &str, engine: &Engine) -> Option<ProviderAddress> {
    let source = SourceAddress::parse(&format!("hashicorp/{provider_type}"), engine.name).ok()?;
    Some(source.resolve(engine.name))
}

/// Whether a called module can take what it is given.
pub(super) fn check(
    call: &CallDeclaration,
    repetition: Option<&Place>,
    [parent, child]: [&ProviderNames; 2],
    engine: &Engine,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |summary: &str, detail: String, place: &Place| {
        problems.push(Problem { summary: summary.to_owned(), detail, place: place.clone() });
    };
    if let (Some(place), false) = (repetition, child.configured.is_empty()) {
        let arguments = Schemas::new(engine).repetition_arguments();
        let detail = format!(
            "The module is a legacy module which contains its own local provider configurations, and so calls to it may \
             not use the {arguments} arguments."
        );
        refuse(&format!("Module is incompatible with {arguments}"), detail, place);
    }
    let Some(passed) = &call.providers else { return problems };
    let is_given = |name: &String| passed.iter().any(|passed| passed.in_child.key() == *name);
    for name in child.configured.iter().filter(|name| is_given(name)) {
        let detail = format!("The module \"{}\" has its own local configuration for {name}.", call.name);
        refuse("Cannot override provider configuration", detail, &call.place);
    }
    for name in child.aliases.iter().filter(|name| !is_given(name) && !child.configured.contains(name)) {
        let detail = format!(
            "The child module requires an additional configuration for a provider, with the local name \"{name}\"."
        );
        refuse("Missing required provider configuration", detail, &call.place);
    }
    for passed in passed {
        let (name, in_parent) = (passed.in_child.key(), &passed.in_parent);
        let Some(child_type) = child.provider(&passed.in_child.name, engine) else { continue };
        let is_declared =
            child.required.contains_key(&name) || child.aliases.contains(&name) || child.empty.contains(&name);
        if !is_declared && default_provider(child_type.provider_type(), engine).as_ref() != Some(&child_type) {
            let detail =
                format!("The child module does not declare any provider requirement with the local name \"{name}\".");
            refuse("Reference to undefined provider", detail, &passed.in_child.place);
        }
        // The engines look for the called module's name among the requirements of the calling one.
        let local_name = if parent.required.contains_key(&name) { &name } else { &in_parent.name };
        let Some(parent_type) = parent.provider(local_name, engine) else { continue };
        if parent_type != child_type {
            let detail = format!(
                "The local name \"{}\" in the calling module represents provider \"{}\", but \"{name}\" in module \
                 \"{}\" represents \"{}\".",
                in_parent.key(),
                parent_type.for_display(engine.name),
                call.name,
                child_type.for_display(engine.name)
            );
            refuse("Provider type mismatch", detail, &in_parent.place);
        }
    }
    problems
}

/// Whether references name an instance exactly where a provider configuration has instances. OpenTofu from 1.9.
pub(super) fn check_instances(
    providers: &[ProviderDeclaration],
    resources: &[ResourceDeclaration],
    calls: &[CallDeclaration],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut check = |reference: &ProviderReference, user: &str| {
        let block = providers.iter().find(|provider| provider.key() == reference.key());
        let has_instances = block.is_some_and(|block| block.has_for_each);
        let detail = match (reference.has_key, has_instances) {
            (true, _) if reference.alias.is_empty() => {
                "An instance key can be specified only for a provider configuration which has an alias and uses for_each."
            }
            (true, false) => "An instance key can be specified only for a provider configuration that uses for_each.",
            (false, true) => "A reference to a provider configuration which uses for_each requires an instance key.",
            _ => return,
        };
        problems.push(Problem {
            summary: format!("Invalid {user} provider configuration"),
            detail: detail.to_owned(),
            place: reference.place.clone(),
        });
    };
    for reference in resources.iter().filter_map(|resource| resource.provider.as_ref()) {
        check(reference, "resource");
    }
    let passed: Vec<_> = calls.iter().flat_map(|call| call.providers.iter().flatten()).collect();
    for passed in &passed {
        check(&passed.in_parent, "module");
    }
    for passed in passed.iter().filter(|passed| passed.in_child.has_key) {
        problems.push(Problem {
            summary: "Invalid module provider configuration".to_owned(),
            detail: "Instance keys are not allowed on the left side of a provider configuration assignment.".to_owned(),
            place: passed.in_child.place.clone(),
        });
    }
    problems
}
