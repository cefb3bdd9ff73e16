//! Predictions as the report's values.

use airtight_engine::ask::{Answer, EngineDiagnostic};
use airtight_engine::configuration::{MissingModule, ModuleSource};
use airtight_engine::predict::{Origin, Outcome, ProviderPrediction};
use airtight_finding::report::{
    ModuleOrigin, ReportAssumption, ReportConstraint, ReportModule, ReportPackage, ReportPrediction, ReportProvider,
    ReportReason, ReportSubject,
};
use airtight_finding::secrets::without_credentials;
use airtight_finding::{Code, Loading, Need, Status};

use camino::Utf8Path;

use crate::context::Context;
use crate::gather::Gathered;
use crate::modules::judge::{InstalledModule, Standing};

/// What the report is about.
pub(crate) fn subject(context: &Context<'_>) -> ReportSubject {
    let real = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    let root = real(context.repository);
    let below = |path: &Utf8Path| real(path).strip_prefix(&root).map(ToString::to_string).ok();
    let stack = context.environment.variables.get("TF_VAR_spacelift_stack_id").filter(|stack| !stack.is_empty());
    let prefix = below(Utf8Path::new(".")).filter(|path| !path.is_empty());
    ReportSubject {
        stack: stack.map(ToString::to_string),
        repository: root.file_name().unwrap_or_default().to_owned(),
        root_module: below(context.launch_directory).filter(|path| !path.is_empty()).unwrap_or_else(|| ".".to_owned()),
        prefix: prefix.map(|path| format!("{path}/")).unwrap_or_default(),
        root: root.into_string(),
    }
}

/// What `init` will do, with the engine's own word on the configuration.
pub(crate) fn prediction(gathered: &Gathered, configuration: Loading, answer: Option<&Answer>) -> ReportPrediction {
    let prediction = &gathered.prediction;
    let mut report = read(gathered);
    report.configuration = configuration;
    match (configuration, answer) {
        (Loading::Refused, Some(Answer::Refused(refused))) => {
            report.init = Outcome::Failure;
            report.lock_after = None;
            report.reasons = refused.errors.iter().map(|error| reason(gathered, error)).collect();
        }
        (Loading::Loads, Some(Answer::Loads(loaded))) => {
            for error in loaded.other_errors.iter().chain(&loaded.backend_errors) {
                report.init = Outcome::Failure;
                report.lock_after = None;
                report.reasons.push(reason(gathered, error));
            }
            if report.init == Outcome::Success && !loaded.unreadable.is_empty() {
                report.init = Outcome::Unknown;
                report.lock_after = None;
                let names = loaded.unreadable.join("`, `");
                let text = format!("the engine needs `{names}`, and airtight does not know what address that is");
                let text = without_credentials(text);
                report.assumptions.push(ReportAssumption { code: Code::ConfigurationNotUnderstood, text });
            }
            let facts = &gathered.facts;
            let is_local = facts.configuration.root.backend.as_ref().is_some_and(|backend| backend.kind == "local");
            if report.init == Outcome::Success && is_local && facts.init.backend && !loaded.with_backend {
                let text = "the engine was asked without the `local` backend, whose arguments only `init` checks";
                report.assumptions.push(ReportAssumption { code: Code::ConfigurationNotAsked, text: text.to_owned() });
            }
        }
        (Loading::NotAsked, _) if prediction.init != Outcome::Failure && !gathered.is_empty() => {
            let text = answer
                .and_then(Answer::why_unknown)
                .unwrap_or_else(|| "the engine was not asked whether the configuration loads".to_owned());
            report
                .assumptions
                .push(ReportAssumption { code: Code::ConfigurationNotAsked, text: without_credentials(text) });
        }
        _ => {}
    }
    report
}

/// An error in the engine's words.
fn reason(gathered: &Gathered, error: &EngineDiagnostic) -> ReportReason {
    let path = error.place.as_ref().map(|place| gathered.facts.root_module.join(&place.file));
    let (summary, detail) = shown(gathered, path.as_deref(), &error.summary, &error.detail);
    ReportReason { code: Code::ConfigurationInvalid, summary, detail, providers: Vec::new() }
}

fn read(gathered: &Gathered) -> ReportPrediction {
    let prediction = &gathered.prediction;
    let mut failures = prediction.failures.iter().collect::<Vec<_>>();
    failures.sort_by_key(|failure| failure.stage);
    ReportPrediction {
        init: prediction.init,
        configuration: Loading::NotAsked,
        reasons: failures
            .into_iter()
            .map(|failure| {
                let path = failure.places.first().map(|place| place.path.as_path());
                let (summary, detail) = shown(gathered, path, &failure.summary, &failure.detail);
                let providers = failure.providers.iter().map(ToString::to_string).collect();
                ReportReason { code: failure.code, summary, detail, providers }
            })
            .collect(),
        assumptions: prediction
            .assumptions
            .iter()
            .map(|assumption| ReportAssumption {
                code: assumption.code,
                text: without_credentials(assumption.text.clone()),
            })
            .collect(),
        lock_after: prediction.lock_after.clone(),
    }
}

/// The texts of a reason, without secrets; none of a file that must not be quoted.
fn shown(gathered: &Gathered, path: Option<&Utf8Path>, summary: &str, detail: &str) -> (String, String) {
    match path.and_then(|path| Some((path, gathered.sources.withheld(path)?))) {
        Some((path, said)) => (airtight_finding::summary_of_withheld(path), said.to_owned()),
        None => (without_credentials(summary.to_owned()), without_credentials(detail.to_owned())),
    }
}

/// The modules that `init` will have, whether they are installed now or not.
pub(crate) fn modules(gathered: &Gathered) -> Vec<ReportModule> {
    let configuration = &gathered.facts.configuration;
    let placement = &configuration.placement;
    let one = |(key, child): (&String, &airtight_engine::configuration::ChildModule)| {
        if let Some(installed) = gathered.installed_modules.iter().find(|module| module.key == *key && !child.is_served)
        {
            return installed_module(installed);
        }
        let record = placement.records.iter().find(|record| record.key == *key);
        let dir = record.map(|record| record.directory.clone());
        // A local module of a package is a part of it, and not counted, as it is not after `init`.
        let copy = placement.copies.iter().find(|copy| copy.key == *key);
        let (origin, status) = match (&child.missing, copy, &child.source) {
            (Some(MissingModule::NeedsNetwork { .. }), ..) => (ModuleOrigin::Network, Some(Status::Missing)),
            (Some(_), ..) => (ModuleOrigin::Local, Some(Status::Missing)),
            (None, Some(_), _) => (ModuleOrigin::Store, Some(Status::Proven)),
            (None, None, ModuleSource::Local(_)) => (ModuleOrigin::Local, None),
            (None, None, _) => (ModuleOrigin::Installed, Some(Status::Unknown)),
        };
        let source = record.map(|record| record.source.clone()).or_else(|| child.call.source.clone());
        ReportModule {
            key: key.clone(),
            source: without_credentials(source.unwrap_or_default()),
            version: copy.and_then(|copy| copy.version.clone()),
            origin,
            store: copy.map(|copy| copy.store.to_string()),
            tree: copy.map(|copy| copy.contents.h1.clone()),
            status,
            dir: dir.map(camino::Utf8PathBuf::into_string),
        }
    };
    configuration.children.iter().map(one).collect()
}

/// A module as it is installed.
pub(crate) fn installed_module(module: &InstalledModule) -> ReportModule {
    let (origin, status) = match &module.standing {
        Standing::Local => (ModuleOrigin::Local, None),
        Standing::LocalElsewhere { .. } => (ModuleOrigin::Local, Some(Status::Mismatch)),
        Standing::Proven => (ModuleOrigin::Installed, Some(Status::Proven)),
        Standing::Differs(_) => (ModuleOrigin::Installed, Some(Status::Mismatch)),
        Standing::Unproven(_) => (ModuleOrigin::Installed, Some(Status::Unproven)),
        Standing::Unreadable(_) | Standing::Unread(_) => (ModuleOrigin::Installed, Some(Status::Unknown)),
    };
    ReportModule {
        key: module.key.clone(),
        source: without_credentials(module.source.clone()),
        version: module.version.clone(),
        origin,
        store: module.store.as_ref().map(ToString::to_string),
        tree: module.tree.clone(),
        status,
        dir: Some(module.directory.to_string()),
    }
}

/// The providers of the prediction.
pub(crate) fn providers(gathered: &Gathered) -> Vec<ReportProvider> {
    gathered.prediction.providers.iter().map(|provider| one(gathered, provider)).collect()
}

fn one(gathered: &Gathered, provider: &ProviderPrediction) -> ReportProvider {
    let requirement = &provider.requirement;
    let selected = provider.selected.as_ref();
    let mut needed_by = Vec::new();
    let is_from = |matches: fn(&Origin) -> bool| requirement.origins.iter().any(matches);
    if is_from(|origin| matches!(origin, Origin::Configuration { .. } | Origin::Test { .. } | Origin::Engine)) {
        needed_by.push(Need::Configuration);
    }
    if gathered.facts.lock.lock_for(&requirement.address).is_some()
        || is_from(|origin| matches!(origin, Origin::Lock { .. }))
    {
        needed_by.push(Need::Lock);
    }
    if is_from(|origin| matches!(origin, Origin::State { .. })) {
        needed_by.push(Need::State);
    }
    ReportProvider {
        address: requirement.address.to_string(),
        version: selected.map(|selected| selected.id.version.to_string()),
        constraints: requirement.origins.iter().filter_map(constraint).collect(),
        needed_by,
        package: selected
            .and_then(|selected| selected.package.as_ref())
            .map(|package| ReportPackage { layout: package.layout, path: package.path.to_string() }),
        install: provider.install,
        proven_by: provider.proven_by.as_ref().map(ToString::to_string),
        status: provider.status,
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
