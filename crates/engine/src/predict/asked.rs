//! The engine's own list of requirements, in the place of our reading.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::requirements::{self, Collected};
use super::{Facts, Origin, Requirement};
use crate::ask::Loaded;
use airtight_hcl::Place;
use airtight_provider::{ProviderAddress, VersionConstraints};

/// How the engine's requirements differ from our reading of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    OnlyEngine {
        address: ProviderAddress,
    },
    OnlyReading {
        address: ProviderAddress,
        place: Option<Place>,
    },
    /// Both as they are printed; `any version` for none.
    Constraints {
        address: ProviderAddress,
        engine: String,
        reading: String,
        place: Option<Place>,
    },
}

/// Compares the engine's requirements with our reading. A provider that only the state needs may be on either side: the
/// engine was asked without its backend. It does not say the constraints of locked providers.
///
/// What a module adds that only the engine reads, from an archive or a repository, is no difference.
pub fn differences(facts: &Facts, loaded: &Loaded) -> Vec<Difference> {
    let has_unread = facts.configuration.children.values().any(|child| child.module.is_none());
    let collected = requirements::collect(facts);
    let read = collected.requirements.iter().filter(|requirement| requirement.is_needed);
    let read = read.map(|requirement| (&requirement.address, requirement)).collect::<BTreeMap<_, _>>();
    let mut differences = Vec::new();
    for requirement in &loaded.requirements {
        let address = requirement.address.clone();
        let Some(ours) = read.get(&address) else {
            differences.extend((!has_unread).then_some(Difference::OnlyEngine { address }));
            continue;
        };
        let is_untold = requirement.constraints.is_none() && requirement.from_lock;
        let theirs = requirement.version_constraints().ok().map(Option::unwrap_or_default);
        if is_untold
            || has_unread
            || theirs.as_ref().is_none_or(|theirs| theirs.to_string() == ours.constraints.to_string())
        {
            continue;
        }
        let shown = |constraints: &VersionConstraints| match constraints.to_string() {
            text if text.is_empty() => "in any version".to_owned(),
            text => format!("`{text}`"),
        };
        differences.push(Difference::Constraints {
            address,
            engine: theirs.as_ref().map(shown).unwrap_or_default(),
            reading: shown(&ours.constraints),
            place: first_place(ours),
        });
    }
    for (address, ours) in read {
        let is_declared = ours.origins.iter().any(is_of_configuration);
        if is_declared && loaded.requirement(address).is_none() {
            differences.push(Difference::OnlyReading { address: address.clone(), place: first_place(ours) });
        }
    }
    differences
}

/// The requirements that were read, with the engine's own in place of the configuration's if it was asked.
pub(super) fn collect(facts: &Facts) -> Collected {
    let mut collected = requirements::collect(facts);
    if let Some(loaded) = &facts.asked {
        apply(&mut collected, loaded, facts.configuration.root.backend.is_some());
    }
    collected
}

fn apply(collected: &mut Collected, loaded: &Loaded, has_backend: bool) {
    for ours in &mut collected.requirements {
        match loaded.requirement(&ours.address) {
            Some(theirs) => {
                if let Ok(Some(constraints)) = theirs.version_constraints() {
                    ours.constraints = constraints;
                }
                ours.is_needed = true;
                ours.is_certain = true;
            }
            None if ours.origins.iter().any(is_of_state) => {}
            None => ours.is_needed = false,
        }
    }
    for theirs in &loaded.requirements {
        if collected.requirements.iter().all(|ours| ours.address != theirs.address) {
            collected.requirements.push(Requirement {
                address: theirs.address.clone(),
                constraints: theirs.version_constraints().ok().flatten().unwrap_or_default(),
                origins: vec![Origin::Engine],
                is_needed: true,
                is_certain: true,
            });
        }
    }
    // What is neither needed nor locked is of no interest.
    collected
        .requirements
        .retain(|one| one.is_needed || one.origins.iter().any(|origin| matches!(origin, Origin::Lock { .. })));
    collected.requirements.sort_by(|one, other| one.address.cmp(&other.address));
    // The configuration loads, whatever we expected of it. The engine has not seen a state behind a backend.
    collected.failures.retain(|failure| has_backend && matches!(failure.cause, Some(Cause::LegacyInState(_))));
    collected.assumptions.clear();
}

fn first_place(requirement: &Requirement) -> Option<Place> {
    requirement.origins.iter().find_map(Origin::place).cloned()
}

const fn is_of_configuration(origin: &Origin) -> bool {
    matches!(origin, Origin::Configuration { .. } | Origin::Test { .. })
}

const fn is_of_state(origin: &Origin) -> bool {
    matches!(origin, Origin::State { .. })
}
