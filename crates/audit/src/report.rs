//! The report, `airtight/audit/1`: the one value that every format prints. Its field names are an interface: more may follow, none
//! of these goes.

use std::collections::BTreeSet;
use std::time::Duration;

use airtight_finding::report::{Counts, ReportAssumption, ReportEngine, ReportFinding};
use airtight_finding::secrets::without_credentials;
use airtight_finding::{Code, Finding, Outcome, Ruling, Severity, plural};
use airtight_provider::manifest::{DemandedModule, DemandedProvider, Manifest};
use airtight_provider::{Engine, Platform};
use serde::Serialize;

use crate::fleet::Fleet;
use crate::image::Image;
use crate::stack::{self, Stack, State};
use crate::usage::{self, ModuleUsage, ProviderUsage, VersionUsage};

/// The schema's name.
pub const SCHEMA: &str = "airtight/audit/1";

#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    pub schema: &'static str,
    pub engine: ReportEngine,
    pub platform: String,
    pub image: ReportImage,
    /// The image that was compared with; null if none was.
    pub baseline: Option<ReportImage>,
    pub verdict: Ruling,
    pub counts: Counts,
    pub elapsed_ms: u64,
    /// How many stacks are in each state.
    pub states: ReportStates,
    /// What was not seen.
    pub assumptions: Vec<ReportAssumption>,
    pub stacks: Vec<ReportStack>,
    /// What is in the image, by address.
    pub providers: Vec<ReportProviderUsage>,
    /// What is in the image's stores of modules, in their order.
    pub modules: Vec<ReportModuleUsage>,
    /// What stacks need and the image lacks.
    pub lacking: Vec<DemandedProvider>,
    /// What stacks call and no store has.
    pub lacking_modules: Vec<DemandedModule>,
    /// What differs for whom from the image that was compared with.
    pub changes: Vec<ReportChange>,
    pub left_out: Vec<ReportLeftOut>,
    pub findings: Vec<AuditFinding>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportImage {
    pub name: String,
    pub seals: Vec<String>,
    pub packages: usize,
    pub size_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ReportStates {
    pub fails: usize,
    pub refused: usize,
    pub unknown: usize,
    pub works: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportStack {
    pub path: String,
    pub repository: String,
    /// `works`, `refused`, `fails` or `unknown`.
    pub state: &'static str,
    pub has_lock_file: bool,
    /// Codes: why `init` would fail, or why airtight refuses.
    pub reasons: Vec<Code>,
    pub providers: Vec<ReportStackProvider>,
    pub modules: Vec<ReportModule>,
    /// Its findings, as indexes into the report's.
    #[serde(skip)]
    pub findings: std::ops::Range<usize>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportStackProvider {
    pub address: String,
    /// What `init` selects; null if it selects nothing.
    pub version: Option<String>,
    pub locked: Option<String>,
    pub constraints: String,
    /// False if only the lock file names it.
    pub needed: bool,
    pub status: airtight_finding::Status,
    /// A newer version of the image that the constraints allow.
    pub newer: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportModule {
    pub call: String,
    pub source: String,
    pub version: Option<String>,
    /// A store of the image has it.
    pub stored: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportProviderUsage {
    pub address: String,
    /// How many stacks use it.
    pub stacks: usize,
    pub versions: Vec<ReportVersionUsage>,
    pub upgrade: Option<ReportUpgrade>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportVersionUsage {
    pub version: String,
    pub platforms: Vec<String>,
    pub size_bytes: u64,
    /// Paths of stacks.
    pub used_by: Vec<String>,
    /// Paths of stacks whose `init` would fail if this version were removed.
    pub removal_breaks: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportModuleUsage {
    pub source: String,
    /// Of a registry's module.
    pub version: Option<String>,
    /// Paths of stacks, also those that call it through other modules.
    pub used_by: Vec<String>,
    /// Paths of stacks whose `init` would fail if it were removed.
    pub removal_breaks: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportUpgrade {
    pub keep: Vec<String>,
    pub drop: Vec<String>,
    /// Paths of stacks that would have to lock another version.
    pub moves: Vec<String>,
    pub saved_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportChange {
    pub path: String,
    pub before: Outcome,
    pub after: Outcome,
    pub versions: Vec<ReportVersionChange>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportVersionChange {
    pub address: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReportLeftOut {
    pub path: String,
    /// `called`, `example`, `test`, `vendored`, `module` or `link`.
    pub why: &'static str,
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct AuditFinding {
    /// The path of the stack; null for what concerns the image.
    pub stack: Option<String>,
    #[serde(flatten)]
    pub finding: ReportFinding,
}

/// What the report is made of.
pub struct Material<'a> {
    pub engine: &'a Engine,
    pub platform: &'a Platform,
    pub image: &'a Image,
    pub baseline: Option<&'a Image>,
    pub fleet: &'a Fleet,
    pub usage: &'a [ProviderUsage],
    pub modules: &'a [ModuleUsage],
    pub demand: &'a Manifest,
    pub elapsed: Duration,
}

impl AuditReport {
    /// Puts everything together.
    pub fn new(material: &Material<'_>) -> Self {
        let Material { engine, platform, image, baseline, fleet, usage, modules, demand, elapsed } = *material;
        let path = |index: &usize| stack::shown(&fleet.stacks[*index].directory);
        let paths = |indexes: &[usize]| indexes.iter().map(path).collect::<Vec<_>>();
        let all: Vec<Finding> =
            fleet.stacks.iter().flat_map(|stack| &stack.findings).chain(&fleet.findings).cloned().collect();
        let counts = Counts::of(&all);
        let mut findings: Vec<AuditFinding> = Vec::new();
        let mut stacks = Vec::with_capacity(fleet.stacks.len());
        for stack in &fleet.stacks {
            let start = findings.len();
            let name = || Some(stack::shown(&stack.directory));
            let of_stack = airtight_finding::report::findings(&stack.findings).into_iter();
            findings.extend(of_stack.map(|finding| AuditFinding { stack: name(), finding }));
            stacks.push(report_stack(stack, material, start..findings.len()));
        }
        let of_image = airtight_finding::report::findings(&fleet.findings).into_iter();
        findings.extend(of_image.map(|finding| AuditFinding { stack: None, finding }));
        let mut states = ReportStates::default();
        for stack in &fleet.stacks {
            *match stack.state() {
                State::Fails => &mut states.fails,
                State::Refused => &mut states.refused,
                State::Unknown => &mut states.unknown,
                State::Works => &mut states.works,
            } += 1;
        }
        let providers = usage.iter().map(|provider| ReportProviderUsage {
            address: provider.address.to_string(),
            stacks: provider.stacks,
            versions: provider
                .versions
                .iter()
                .map(|version| ReportVersionUsage {
                    version: version.version.to_string(),
                    platforms: version.packages.iter().map(|package| package.package.id.platform.to_string()).collect(),
                    size_bytes: version.size_bytes(),
                    used_by: paths(&version.used_by),
                    removal_breaks: paths(&version.breaks),
                })
                .collect(),
            upgrade: provider.upgrade.as_ref().map(|upgrade| ReportUpgrade {
                keep: upgrade.keep.iter().map(ToString::to_string).collect(),
                drop: upgrade.drop.iter().map(ToString::to_string).collect(),
                moves: paths(&upgrade.moves),
                saved_bytes: upgrade.saved_bytes,
            }),
        });
        Self {
            schema: SCHEMA,
            engine: ReportEngine { name: engine.name.program().to_owned(), version: engine.version.to_string() },
            platform: platform.to_string(),
            image: report_image(image),
            baseline: baseline.map(report_image),
            verdict: if counts.errors == 0 { Ruling::Cleared } else { Ruling::Refused },
            counts,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            states,
            assumptions: assumptions(material),
            stacks,
            providers: providers.collect(),
            modules: modules
                .iter()
                .map(|module| ReportModuleUsage {
                    source: without_credentials(module.source.clone()),
                    version: module.version.clone(),
                    used_by: paths(&module.used_by),
                    removal_breaks: paths(&module.breaks),
                })
                .collect(),
            lacking: lacking(demand, fleet, usage, engine, platform),
            lacking_modules: lacking_modules(demand, fleet),
            changes: fleet.stacks.iter().filter_map(change).collect(),
            left_out: fleet
                .left_out
                .iter()
                .map(|left_out| ReportLeftOut {
                    path: stack::shown(&left_out.directory),
                    why: left_out.why.name(),
                    text: left_out.why.text(),
                })
                .collect(),
            findings,
        }
    }
}

/// `1.2 MB`.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

fn report_image(image: &Image) -> ReportImage {
    let packages = image.packages();
    ReportImage {
        name: image.name.clone(),
        seals: image.seals.clone(),
        packages: packages.len(),
        size_bytes: packages.iter().map(|package| package.size_bytes).sum(),
    }
}

fn assumptions(material: &Material<'_>) -> Vec<ReportAssumption> {
    let Material { image, fleet, .. } = material;
    let mut assumptions = vec![ReportAssumption {
        code: Code::ConfigurationNotAsked,
        text: "no engine was asked; every configuration is assumed to load, and every run to use plain `init`"
            .to_owned(),
    }];
    let unseen = fleet.stacks.iter().filter(|stack| stack.is_state_unseen).count();
    if unseen > 0 {
        let text =
            format!("the state of {} is in a backend that was not read; it may need more", plural(unseen, "stack"));
        assumptions.push(ReportAssumption { code: Code::StateUnseen, text });
    }
    if !image.seals.is_empty() {
        let text = if image.is_on_disk {
            "hashes are those of the mirror's seal, for files that have the sealed sizes; `airtight mirror verify` compares them"
        } else {
            "the packages were not read, only their seal; `airtight mirror verify` compares the two"
        };
        assumptions.push(ReportAssumption { code: Code::PackageUnverified, text: text.to_owned() });
    }
    assumptions
}

fn report_stack(stack: &Stack, material: &Material<'_>, findings: std::ops::Range<usize>) -> ReportStack {
    let Material { engine, platform, usage, .. } = *material;
    let state = stack.state();
    let mut reasons = stack.reasons.clone();
    if state == State::Refused {
        let errors = stack.findings.iter().filter(|finding| finding.severity == Severity::Error);
        reasons.extend(errors.map(|finding| finding.code).collect::<BTreeSet<_>>());
    }
    let newer = |provider: &stack::StackProvider| {
        let at = usage.binary_search_by(|usage| usage.address.cmp(&provider.address)).ok()?;
        usage::newer(provider, &usage[at], engine, platform)
    };
    ReportStack {
        path: stack::shown(&stack.directory),
        repository: stack::shown(&stack.repository),
        state: state.as_str(),
        has_lock_file: stack.has_lock,
        reasons,
        providers: stack
            .providers
            .iter()
            .map(|provider| ReportStackProvider {
                address: provider.address.to_string(),
                version: provider.version.as_ref().map(ToString::to_string),
                locked: provider.locked.as_ref().map(ToString::to_string),
                constraints: without_credentials(provider.constraints.to_string()),
                needed: provider.is_needed,
                status: provider.status,
                newer: newer(provider).map(|version| version.to_string()),
            })
            .collect(),
        modules: stack
            .modules
            .iter()
            .map(|module| ReportModule {
                call: module.call.clone(),
                source: module.source.clone(),
                version: module.version.clone(),
                stored: module.stored.is_some(),
            })
            .collect(),
        findings,
    }
}

/// What of the demand no package of the image meets.
fn lacking(
    demand: &Manifest,
    fleet: &Fleet,
    usage: &[ProviderUsage],
    engine: &Engine,
    platform: &Platform,
) -> Vec<DemandedProvider> {
    let is_here =
        |version: &VersionUsage| version.packages.iter().any(|package| package.package.id.platform == *platform);
    let mut met: BTreeSet<(String, Option<String>, String)> = BTreeSet::new();
    for provider in fleet.stacks.iter().flat_map(|stack| &stack.providers) {
        let Ok(at) = usage.binary_search_by(|usage| usage.address.cmp(&provider.address)) else { continue };
        let mut here = usage[at].versions.iter().filter(|version| is_here(version)).map(|usage| &usage.version);
        let is_met = match &provider.locked {
            Some(locked) => here.any(|version| version == locked),
            None => here.any(|version| provider.constraints.allows(version, engine)),
        };
        if is_met {
            let version = provider.locked.as_ref().map(ToString::to_string);
            let constraints = if version.is_none() { provider.constraints.to_string() } else { String::new() };
            met.insert((provider.address.to_string(), version, constraints));
        }
    }
    let is_lacking = |wanted: &&DemandedProvider| {
        !met.contains(&(wanted.address.clone(), wanted.version.clone(), wanted.constraints.clone()))
    };
    demand.providers.iter().filter(is_lacking).cloned().collect()
}

/// What of the demand no store has.
fn lacking_modules(demand: &Manifest, fleet: &Fleet) -> Vec<DemandedModule> {
    let modules = fleet.stacks.iter().flat_map(|stack| &stack.modules);
    let missing: BTreeSet<_> =
        modules.filter(|module| module.stored.is_none()).map(|module| (&module.source, &module.version)).collect();
    demand.modules.iter().filter(|module| missing.contains(&(&module.source, &module.version))).cloned().collect()
}

fn change(stack: &Stack) -> Option<ReportChange> {
    let earlier = stack.baseline.as_ref()?;
    let mut versions = Vec::new();
    for provider in &stack.providers {
        let from =
            earlier.versions.iter().find(|(address, _)| *address == provider.address).map(|(_, version)| version);
        if from != provider.version.as_ref() {
            versions.push(ReportVersionChange {
                address: provider.address.to_string(),
                from: from.map(ToString::to_string),
                to: provider.version.as_ref().map(ToString::to_string),
            });
        }
    }
    (earlier.init != stack.init || !versions.is_empty()).then(|| ReportChange {
        path: stack::shown(&stack.directory),
        before: earlier.init,
        after: stack.init,
        versions,
    })
}
