//! The provider policy of the settings, on what `init` would install, what is installed, and what a mirror holds.

use airtight_engine::predict::{Origin, Prediction};
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::license::License;
use airtight_provider::{Engine, Layout, PackageId};
use camino::Utf8Path;

use crate::settings::{Licensed, ProviderPolicy};

/// A policy, and the file that has it.
pub type NamedPolicy = (ProviderPolicy, String);

/// One error for each selected provider that a policy does not allow. `is_on_disk` is false if packages are only known by a seal.
pub fn check(policies: &[NamedPolicy], prediction: &Prediction, engine: &Engine, is_on_disk: bool) -> Vec<Finding> {
    if policies.is_empty() {
        return Vec::new();
    }
    let needed = prediction.providers.iter().filter(|provider| provider.requirement.is_needed);
    needed
        .filter_map(|provider| {
            let selected = provider.selected.as_ref()?;
            let package = selected.package.as_ref().filter(|_| is_on_disk);
            let package = package.map(|package| (package.path.as_path(), package.layout));
            let finding = judge(policies, &selected.id, package, engine)?;
            let place = provider.requirement.origins.iter().find_map(Origin::place);
            Some(match place {
                Some(place) => finding.at(place.clone(), ""),
                None => finding,
            })
        })
        .collect()
}

/// The finding of one package, if a policy does not allow it. Without the package, licences decide nothing.
pub fn judge(
    policies: &[NamedPolicy],
    id: &PackageId,
    package: Option<(&Utf8Path, Layout)>,
    engine: &Engine,
) -> Option<Finding> {
    policies.iter().find_map(|(policy, from)| {
        let licensed = match package {
            Some((path, layout)) if policy.asks_for_licenses() => Licensed::Known(License::of_package(path, layout)),
            _ => Licensed::NotRead,
        };
        let why = policy.judge(&id.address, &id.version, licensed, engine)?;
        let license = match licensed {
            Licensed::Known(Some(license)) => format!(" Its licence is {license}."),
            Licensed::Known(None) => " Its package holds no licence that airtight recognises.".to_owned(),
            Licensed::NotRead => String::new(),
        };
        Some(
            Finding::new(
                Code::ProviderNotAllowed,
                Severity::Error,
                Owner::Repository,
                format!("`{}` {} is not allowed: {}", id.address, id.version, why.text()),
            )
            .detail(format!("The provider policy is in `{from}`.{license}"))
            .help("Use another provider or version. Or ask the owner of that file to allow this one under `providers`.")
            .at(Place::file(from), "the policy"),
        )
    })
}
