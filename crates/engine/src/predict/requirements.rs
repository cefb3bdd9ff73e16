//! Which providers are required: by every module with its own local names, by test files, by the state.
//!
//! Source: OpenTofu `internal/configs/config.go` `addProviderRequirements`, `internal/states/state.go`
//! `ProviderRequirements`, `internal/tofumigrate/tofumigrate.go`.

use std::collections::BTreeMap;

use super::{Assumption, Facts, Failure, Origin, Requirement, Step};
use crate::configuration::Module;
use airtight_finding::Code;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::{
    AddressError, ConstraintError, EngineName, ProviderAddress, Quoted, SourceAddress, VersionConstraints,
};

/// What was collected; requirements are in the order of their addresses.
pub(super) struct Collected {
    pub(super) requirements: Vec<Requirement>,
    pub(super) failures: Vec<Failure>,
    pub(super) assumptions: Vec<Assumption>,
}

pub(super) fn collect(facts: &Facts) -> Collected {
    let mut collector = Collector { facts, by_address: BTreeMap::new(), failures: Vec::new(), assumptions: Vec::new() };
    if super::modules::has_configuration(facts) {
        collector.configuration();
        collector.state();
        collector.refuse_addresses();
    }
    collector.lock();
    let mut collected = Collected {
        requirements: collector.by_address.into_values().collect(),
        failures: collector.failures,
        assumptions: collector.assumptions,
    };
    if let Some(loaded) = &facts.asked {
        super::asked::apply(&mut collected, loaded);
    }
    collected
}

struct Collector<'a> {
    facts: &'a Facts,
    by_address: BTreeMap<ProviderAddress, Requirement>,
    failures: Vec<Failure>,
    assumptions: Vec<Assumption>,
}

type LocalNames<'a> = BTreeMap<&'a str, ProviderAddress>;

impl Collector<'_> {
    fn configuration(&mut self) {
        let configuration = &self.facts.configuration;
        let root_step = super::modules::root_step(self.facts);
        let root_names = self.module("", &configuration.root, root_step);
        for block in &configuration.tests.provider_blocks {
            let Some(address) = self.resolve(&root_names, &block.local_name, &block.place, root_step, &[]) else {
                continue;
            };
            let constraints = self.constraints(block.version.as_deref(), &block.place, root_step, &[]);
            self.require(address, &constraints, Origin::Test { place: block.place.clone() }, true);
        }
        let step = super::modules::child_step(self.facts);
        for (path, child) in &configuration.children {
            if let Some(module) = &child.module {
                self.module(path, module, step);
            }
        }
    }

    fn module<'a>(&mut self, path: &str, module: &'a Module, step: Step) -> LocalNames<'a> {
        let reported = module.errors.as_slice();
        let is_read_fully = module.not_understood.is_empty();
        let mut names = LocalNames::new();
        for entry in module.required_providers.values() {
            let Some(address) = self.declared(entry.source.as_deref(), entry, step, reported) else {
                continue;
            };
            names.insert(entry.local_name.as_str(), address.clone());
            let constraints = self.constraints(entry.version.as_deref(), &entry.version_place, step, reported);
            let origin = Origin::Configuration {
                module: path.to_owned(),
                what: format!("required_providers.{}", entry.local_name),
                place: entry.place.clone(),
                constraint: entry.version.clone(),
            };
            self.require(address, &constraints, origin, true);
        }
        for block in &module.provider_blocks {
            let Some(address) = self.resolve(&names, &block.local_name, &block.place, step, reported) else {
                continue;
            };
            let constraints = self.constraints(block.version.as_deref(), &block.place, step, reported);
            let origin = Origin::Configuration {
                module: path.to_owned(),
                what: format!("provider.{}", block.local_name),
                place: block.place.clone(),
                constraint: block.version.clone(),
            };
            let is_certain = is_read_fully || names.contains_key(block.local_name.as_str());
            self.require(address, &constraints, origin, is_certain);
        }
        for used in &module.uses {
            let Some(address) = self.resolve(&names, &used.local_name, &used.place, step, reported) else {
                continue;
            };
            let origin = Origin::Configuration {
                module: path.to_owned(),
                what: used.what.clone(),
                place: used.place.clone(),
                constraint: None,
            };
            let is_certain = is_read_fully || names.contains_key(used.local_name.as_str());
            self.require(address, &VersionConstraints::default(), origin, is_certain);
        }
        names
    }

    /// The address of a `required_providers` entry. What a reader has reported already at the same place is not
    /// reported again.
    fn declared(
        &mut self,
        source: Option<&str>,
        entry: &crate::configuration::RequiredProvider,
        step: Step,
        reported: &[Problem],
    ) -> Option<ProviderAddress> {
        let engine = self.facts.engine.name;
        let (parsed, place) = match source {
            Some(text) => {
                (SourceAddress::parse(text, engine).map(|address| address.resolve(engine)), &entry.source_place)
            }
            None => (ProviderAddress::implied(engine, &entry.local_name), &entry.place),
        };
        parsed.map_err(|error| self.refuse(&error, place, step, reported)).ok()
    }

    /// What a local name means in a module.
    fn resolve(
        &mut self,
        names: &LocalNames,
        local_name: &str,
        place: &Place,
        step: Step,
        reported: &[Problem],
    ) -> Option<ProviderAddress> {
        if let Some(address) = names.get(local_name) {
            return Some(address.clone());
        }
        ProviderAddress::implied(self.facts.engine.name, local_name)
            .map_err(|error| self.refuse(&error, place, step, reported))
            .ok()
    }

    fn refuse(&mut self, error: &AddressError, place: &Place, step: Step, reported: &[Problem]) {
        if !is_reported(reported, place, error.summary()) {
            let failure = Failure::new(step, Code::ProviderAddressInvalid, error.summary(), error.detail());
            self.failures.push(failure.at(place));
        }
    }

    fn constraints(
        &mut self,
        text: Option<&str>,
        place: &Place,
        step: Step,
        reported: &[Problem],
    ) -> VersionConstraints {
        let Some(text) = text else {
            return VersionConstraints::default();
        };
        let (step, detail) = match VersionConstraints::parse_requirement(text) {
            Ok(constraints) => return constraints,
            Err(ConstraintError::Decoding) => {
                (step, "This string does not use correct version constraint syntax.".to_owned())
            }
            Err(ConstraintError::Collecting(reason)) => {
                (Step::Requirements, format!("Incorrect version constraint syntax: {reason}."))
            }
        };
        if !is_reported(reported, place, INVALID_CONSTRAINT) {
            self.failures.push(Failure::new(step, Code::ConstraintInvalid, INVALID_CONSTRAINT, detail).at(place));
        }
        VersionConstraints::default()
    }

    fn require(
        &mut self,
        address: ProviderAddress,
        constraints: &VersionConstraints,
        origin: Origin,
        is_certain: bool,
    ) {
        let requirement = self.by_address.entry(address).or_insert_with_key(|address| Requirement {
            address: address.clone(),
            constraints: VersionConstraints::default(),
            origins: Vec::new(),
            is_needed: true,
            is_certain: false,
        });
        requirement.constraints = requirement.constraints.and(constraints);
        requirement.is_certain |= is_certain;
        requirement.origins.push(origin);
    }

    fn state(&mut self) {
        let translates = self.facts.engine.translates_state_addresses() && !self.facts.state_translation_off;
        let configured: Vec<ProviderAddress> = self.by_address.keys().cloned().collect();
        for need in &self.facts.state.needs {
            let address = if translates
                && need.address.host() == EngineName::Terraform.default_registry_host()
                && !configured.contains(&need.address)
            {
                need.address.on_host(EngineName::Tofu.default_registry_host())
            } else {
                need.address.clone()
            };
            let origin = Origin::State { resource: need.resource.clone() };
            self.require(address, &VersionConstraints::default(), origin, true);
        }
    }

    /// Legacy addresses stop the engine; built-in ones go, and wrong use of them is a failure of that provider.
    fn refuse_addresses(&mut self) {
        let facts = self.facts;
        let mut found = Vec::new();
        self.by_address.retain(|address, requirement| {
            let is_built_in = address.is_built_in_to(&facts.engine);
            let refusal = if address.is_legacy() {
                Some((
                    Step::Preparation,
                    Code::ProviderAddressInvalid,
                    "Invalid legacy provider address",
                    legacy(address),
                ))
            } else if is_built_in {
                built_in(facts, requirement)
                    .map(|(code, detail)| (Step::Providers, code, "Invalid dependency on built-in provider", detail))
            } else {
                None
            };
            found.extend(refusal.map(|refusal| (requirement.clone(), refusal)));
            !is_built_in
        });
        for (requirement, (step, code, summary, detail)) in found {
            let mut failure = Failure::new(step, code, summary, detail).of(&requirement.address);
            failure.places = requirement.origins.iter().filter_map(Origin::place).cloned().collect();
            if requirement.is_certain {
                self.failures.push(failure);
            } else {
                self.assumptions.push(Assumption { code: Code::ConfigurationNotUnderstood, text: failure.detail });
            }
        }
    }

    fn lock(&mut self) {
        for lock in &self.facts.lock.locks {
            let requirement = self.by_address.entry(lock.address.clone()).or_insert_with(|| Requirement {
                address: lock.address.clone(),
                constraints: VersionConstraints::default(),
                origins: Vec::new(),
                is_needed: false,
                is_certain: true,
            });
            requirement.origins.push(Origin::Lock { place: lock.place.clone() });
        }
    }
}

const INVALID_CONSTRAINT: &str = "Invalid version constraint";

/// Whether the reader has said it. In JSON a place is the whole file.
fn is_reported(reported: &[Problem], place: &Place, summary: &str) -> bool {
    reported.iter().any(|problem| problem.place == *place && (place.position.is_some() || problem.summary == summary))
}

fn legacy(address: &ProviderAddress) -> String {
    format!(
        "This configuration or its associated state refers to the unqualified provider {}.\n\nYou must complete the \
         Terraform 0.13 upgrade process before upgrading to later versions.",
        Quoted(address.provider_type())
    )
}

/// Why a built-in provider cannot be had. The only one is `terraform`.
fn built_in(facts: &Facts, requirement: &Requirement) -> Option<(Code, String)> {
    let engine = facts.engine.name;
    let address = &requirement.address;
    let (code, reason) = if address.provider_type() != "terraform" {
        let name = Quoted(address.provider_type());
        let reason = format!("this {} release has no built-in provider named {name}", engine.title());
        (Code::ProviderAddressInvalid, reason)
    } else if requirement.constraints.is_empty() {
        return None;
    } else {
        (Code::ConstraintInvalid, "built-in providers do not support explicit version constraints".to_owned())
    };
    Some((code, format!("Cannot use {}: {reason}.", address.for_display(engine))))
}

/// Whether `init` selects and installs it: not what runs already, nor, in Terraform from 1.15, what `dev_overrides`
/// names.
pub(super) fn is_installed(facts: &Facts, requirement: &Requirement) -> bool {
    let address = &requirement.address;
    requirement.is_needed
        && !address.is_legacy()
        && !facts.reattached.contains(address)
        && !is_overridden(facts, address)
}

/// Whether its lock entry stays although it is not installed.
pub(super) fn keeps_lock(facts: &Facts, requirement: &Requirement) -> bool {
    let is_kept = facts.engine.keeps_locks_of_overridden_providers() || !is_overridden(facts, &requirement.address);
    requirement.is_needed && is_kept
}

fn is_overridden(facts: &Facts, address: &ProviderAddress) -> bool {
    facts.engine.skips_overridden_providers() && facts.sources.dev_overrides.contains(address)
}

#[cfg(test)]
mod tests;
