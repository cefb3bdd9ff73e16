//! Predictions as the report's values.

use airtight_engine::predict::{Origin, ProviderPrediction};
use airtight_finding::escape::without_credentials;
use airtight_finding::report::{
    ReportAssumption, ReportConstraint, ReportPackage, ReportPrediction, ReportProvider, ReportReason,
};
use airtight_gate::gather::Gathered;

pub(super) fn prediction(gathered: &Gathered) -> ReportPrediction {
    let prediction = &gathered.prediction;
    ReportPrediction {
        init: prediction.init.as_str(),
        reasons: prediction
            .failures
            .iter()
            .map(|failure| ReportReason {
                code: failure.code.to_string(),
                summary: without_credentials(failure.summary.clone()),
                detail: without_credentials(failure.detail.clone()),
                hidden: failure.hidden,
                providers: failure.providers.iter().map(ToString::to_string).collect(),
            })
            .collect(),
        assumptions: prediction
            .assumptions
            .iter()
            .map(|assumption| ReportAssumption {
                code: assumption.code.to_string(),
                text: without_credentials(assumption.text.clone()),
            })
            .collect(),
        lock_after: prediction.lock_after.clone(),
    }
}

pub(super) fn providers(gathered: &Gathered) -> Vec<ReportProvider> {
    gathered.prediction.providers.iter().map(|provider| one(gathered, provider)).collect()
}

fn one(gathered: &Gathered, provider: &ProviderPrediction) -> ReportProvider {
    let requirement = &provider.requirement;
    let selected = provider.selected.as_ref();
    let mut needed_by = Vec::new();
    let is_from = |matches: fn(&Origin) -> bool| requirement.origins.iter().any(matches);
    if is_from(|origin| matches!(origin, Origin::Configuration { .. } | Origin::Test { .. })) {
        needed_by.push("configuration");
    }
    if gathered.facts.lock.lock_for(&requirement.address).is_some()
        || is_from(|origin| matches!(origin, Origin::Lock { .. }))
    {
        needed_by.push("lock");
    }
    if is_from(|origin| matches!(origin, Origin::State { .. })) {
        needed_by.push("state");
    }
    ReportProvider {
        address: requirement.address.to_string(),
        version: selected.map(|selected| selected.id.version.to_string()),
        constraints: requirement.origins.iter().filter_map(constraint).collect(),
        needed_by,
        package: selected
            .and_then(|selected| selected.package.as_ref())
            .map(|package| ReportPackage { layout: package.layout.as_str(), path: package.path.to_string() }),
        install: provider.install.map(airtight_engine::predict::Install::as_str),
        proven_by: provider.proven_by.as_ref().map(ToString::to_string),
        status: provider.status.as_str(),
        derivation: without_credentials(airtight_engine::predict::derivation(
            &gathered.facts,
            &gathered.prediction,
            provider,
        )),
    }
}

fn constraint(origin: &Origin) -> Option<ReportConstraint> {
    let Origin::Configuration { place, constraint: Some(text), .. } = origin else { return None };
    let line = place.position.as_ref().map(|position| format!(":{}", position.line)).unwrap_or_default();
    Some(ReportConstraint { from: format!("{}{line}", place.path), text: text.clone() })
}
