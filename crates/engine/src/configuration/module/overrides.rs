//! What override files change of a module.
//!
//! Source: OpenTofu `internal/configs/module.go` `mergeFile`, `module_merge.go`.

use super::super::body::Problems;
use super::super::declarations::{Declarations, NameDeclaration, NameKind};
use super::{Key, Merge};
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::EngineName;

impl Merge<'_> {
    pub(super) fn apply(&mut self, declared: Declarations) {
        declared.required_providers.into_iter().for_each(|found| self.require(found));
        for (found, summary) in [
            (declared.backends, "Duplicate backend configuration"),
            (declared.clouds, self.engine.says_cloud_is_repeated()),
        ] {
            if let [_, second, ..] = found.as_slice() {
                let detail = "Each override file may have only one of these.";
                self.problems.refuse(summary, detail, second.place.clone());
            } else if let Some(only) = found.into_iter().next() {
                self.module.backend = Some(only);
            }
        }
        self.module.has_encryption |= !declared.encryptions.is_empty();
        self.module.core_versions.extend(declared.core_versions);
        for provider in declared.providers {
            match self.provider(&provider) {
                Some(existing) => {
                    existing.is_configured |= provider.is_configured;
                    if provider.block.version.is_some() {
                        let before = std::mem::replace(&mut existing.block, provider.block);
                        self.version_passed_over(before.version.as_deref(), &before.place);
                    }
                }
                None if provider.alias.is_empty() => self.add_provider(provider),
                None => {
                    let detail = format!(
                        "There is no {} provider configuration with the alias \"{}\".",
                        provider.block.local_name, provider.alias
                    );
                    let summary = "Missing base provider configuration for override";
                    self.problems.refuse(summary, detail, provider.block.place);
                }
            }
        }
        for name in declared.names {
            let summary = match name.kind {
                NameKind::Variable => "Missing base variable declaration to override",
                NameKind::Local => "Missing base local value definition to override",
                NameKind::Output => "Missing base output definition to override",
                NameKind::Check => continue,
            };
            if let Some(base) = self.names.get_mut(&(name.kind, name.name.clone())) {
                let problem = base.override_value(name);
                self.problems.errors.extend(problem);
            } else {
                let detail = format!("There is no \"{}\" to override in a primary configuration file.", name.name);
                self.problems.refuse(summary, detail, name.place);
            }
        }
        for call in declared.calls {
            let index = self.indices.get(&Key::Call(call.name.clone())).copied();
            let Some(existing) = index.and_then(|index| self.calls.get_mut(index)) else {
                let detail = format!("There is no module call named \"{}\".", call.name);
                self.problems.refuse("Missing module call to override", detail, call.place);
                continue;
            };
            self.problems.refuse_dependencies(call.depends_on.as_ref());
            existing.source = call.source.or(existing.source.take());
            existing.version = call.version.or(existing.version.take());
            existing.repetition = call.repetition.or(existing.repetition.take());
            if call.providers.as_ref().is_none_or(|passed| !passed.is_empty()) {
                existing.providers = call.providers;
            }
        }
        for resource in declared.resources {
            self.problems.refuse_dependencies(resource.depends_on.as_ref());
            let Some(existing) = self.resource(&resource) else {
                if resource.mode == "ephemeral" && self.engine.name == EngineName::Terraform {
                    continue;
                }
                let kind = match resource.mode {
                    "data" => "data resource",
                    "ephemeral" => "ephemeral resource",
                    _ => "resource",
                };
                let summary = format!("Missing {kind} to override");
                let detail = format!("There is no {} {kind} named \"{}\".", resource.resource_type, resource.name);
                self.problems.refuse(&summary, detail, resource.place);
                continue;
            };
            existing.provider = resource.provider.or(existing.provider.take());
        }
        for (kind, place) in declared.records {
            let kind = match (kind, self.engine.name) {
                ("removed", EngineName::Terraform) => continue,
                ("removed", EngineName::Tofu) => "Removed",
                _ => kind,
            };
            let detail = "These blocks can appear only in normal files, not in override files.";
            self.problems.refuse(&format!("Cannot override '{kind}' blocks"), detail, place);
        }
    }
}

impl Problems {
    fn refuse_dependencies(&mut self, place: Option<&Place>) {
        if let Some(place) = place {
            let detail = "The depends_on argument may not be overridden.";
            self.refuse("Unsupported override", detail, place.clone());
        }
    }
}

impl NameDeclaration {
    /// Takes over what an override file says of the same variable; a type and a default that come together then have to
    /// go together.
    fn override_value(&mut self, by: Self) -> Option<Problem> {
        let (value, by_value) = (self.value.as_mut()?, by.value?);
        let is_new = by_value.value_type.is_some() && by_value.default.is_some();
        value.nullable = by_value.nullable.or(value.nullable);
        value.is_required &= by_value.is_required;
        value.value_type = by_value.value_type.or(value.value_type.take());
        value.default = by_value.default.or(value.default.take());
        let reason = value.mismatch().filter(|_| !is_new)?;
        Some(Problem {
            summary: "Invalid default value for variable".to_owned(),
            detail: format!("Overriding this variable has made its default value invalid: {reason}."),
            place: by.place,
        })
    }
}
