//! Which providers are required: by every module with its own local names, by test files, by the state.
//!
//! Source: OpenTofu `internal/configs/config.go` `addProviderRequirements`, `internal/states/state.go`
//! `ProviderRequirements`, `internal/tofumigrate/tofumigrate.go`.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::at;
use super::{Assumption, Cause, Facts, Failure, Origin, Requirement, Stage};
use crate::configuration::{Module, RequiredProvider};
use airtight_finding::Code;
use airtight_hcl::Place;
use airtight_provider::{EngineName, ProviderAddress, Quoted, SourceAddress, VersionConstraints};

/// What was collected; requirements are in the order of their addresses.
pub(super) struct Collected {
    pub(super) requirements: Vec<Requirement>,
    pub(super) failures: Vec<Failure>,
    pub(super) assumptions: Vec<Assumption>,
}

/// As the files are read.
pub(super) fn collect(facts: &Facts) -> Collected {
    let mut collector = Collector { facts, by_address: BTreeMap::new(), failures: Vec::new(), assumptions: Vec::new() };
    if super::modules::has_configuration(facts) {
        collector.configuration();
        collector.state();
        collector.refuse_addresses();
    }
    collector.lock();
    Collected {
        requirements: collector.by_address.into_values().collect(),
        failures: collector.failures,
        assumptions: collector.assumptions,
    }
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
        let root_names = self.module("", &configuration.root);
        for block in &configuration.tests.provider_blocks {
            let origin = Origin::Test { place: block.place.clone() };
            self.used(&root_names, &block.local_name, block.version.as_deref(), origin, true);
        }
        for (path, child) in &configuration.children {
            if let Some(module) = &child.module {
                self.module(path, module);
            }
        }
    }

    fn module<'a>(&mut self, path: &str, module: &'a Module) -> LocalNames<'a> {
        let is_read_fully = module.not_understood.is_empty();
        let mut names = LocalNames::new();
        for entry in module.required_providers.values() {
            let Some(address) = self.declared(entry) else { continue };
            names.insert(entry.local_name.as_str(), address.clone());
            let constraints = self.constraints(entry.version.as_deref(), &entry.version_place);
            let origin = Origin::Configuration {
                module: path.to_owned(),
                what: format!("required_providers.{}", entry.local_name),
                place: entry.place.clone(),
                constraint: entry.version.clone(),
            };
            self.require(address, &constraints, origin, true);
        }
        for block in &module.provider_blocks {
            let origin = Origin::Configuration {
                module: path.to_owned(),
                what: format!("provider.{}", block.local_name),
                place: block.place.clone(),
                constraint: block.version.clone(),
            };
            self.used(&names, &block.local_name, block.version.as_deref(), origin, is_read_fully);
        }
        for used in &module.uses {
            let origin = Origin::Configuration {
                module: path.to_owned(),
                what: used.what.clone(),
                place: used.place.clone(),
                constraint: None,
            };
            self.used(&names, &used.local_name, None, origin, is_read_fully);
        }
        names
    }

    /// The address of a `required_providers` entry; an assumption if the source is none that is known here.
    fn declared(&mut self, entry: &RequiredProvider) -> Option<ProviderAddress> {
        let engine = &self.facts.engine;
        let (parsed, place) = match &entry.source {
            Some(text) => {
                let source = SourceAddress::parse_for(text, engine);
                (source.map(|address| address.resolve(engine.name)), &entry.source_place)
            }
            None => (ProviderAddress::implied(engine.name, &entry.local_name), &entry.place),
        };
        let name = &entry.local_name;
        parsed.map_err(|error| self.unknown(place, &format!("provider `{name}` is not understood: {error}"))).ok()
    }

    /// A provider by its local name in a module.
    fn used(
        &mut self,
        names: &LocalNames,
        local_name: &str,
        version: Option<&str>,
        origin: Origin,
        is_read_fully: bool,
    ) {
        let Some(place) = origin.place().cloned() else { return };
        let constraints = self.constraints(version, &place);
        match (names.get(local_name), ProviderAddress::implied(self.facts.engine.name, local_name)) {
            (Some(address), _) => self.require(address.clone(), &constraints, origin, true),
            (None, Ok(address)) => self.require(address, &constraints, origin, is_read_fully),
            (None, Err(error)) => self.unknown(&place, &format!("provider `{local_name}` is not understood: {error}")),
        }
    }

    fn unknown(&mut self, place: &Place, text: &str) {
        let text = format!("{}: {text}", at(place));
        self.assumptions.push(Assumption { code: Code::ConfigurationNotUnderstood, text });
    }

    /// None for a text that is not understood: the engine judges it.
    fn constraints(&mut self, text: Option<&str>, place: &Place) -> VersionConstraints {
        let Some(text) = text else { return VersionConstraints::default() };
        VersionConstraints::parse_requirement(text).unwrap_or_else(|_| {
            self.unknown(place, &format!("the version constraint {} is not understood", Quoted(text)));
            VersionConstraints::default()
        })
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
        let configured: BTreeSet<ProviderAddress> = self.by_address.keys().cloned().collect();
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
                let is_of_state = requirement.origins.iter().all(|origin| matches!(origin, Origin::State { .. }));
                let code = if is_of_state { Code::StateInvalid } else { Code::ProviderAddressInvalid };
                Some((Stage::Before, code, "Invalid legacy provider address", legacy(address)))
            } else if is_built_in {
                built_in(facts, requirement)
                    .map(|(code, detail)| (Stage::Providers, code, "Invalid dependency on built-in provider", detail))
            } else {
                None
            };
            found.extend(refusal.map(|refusal| (requirement.clone(), refusal)));
            !is_built_in
        });
        for (requirement, (stage, code, summary, detail)) in found {
            let mut failure = Failure::new(stage, code, summary, detail).of(&requirement.address);
            failure.places = requirement.origins.iter().filter_map(Origin::place).cloned().collect();
            if code == Code::StateInvalid {
                failure.places = facts.state.path.iter().map(Place::file).collect();
                failure.cause = Some(Cause::LegacyInState(requirement.address.clone()));
            }
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
