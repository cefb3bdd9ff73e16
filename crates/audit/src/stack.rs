//! One root module against an image: what `init` would do, and what the gate would say.

use std::collections::BTreeSet;

use airtight_engine::configuration::{self, ChildModule, GivenVariables, ModuleSource, Surroundings};
use airtight_engine::init_arguments::InitArguments;
use airtight_engine::module_stores::ModuleStores;
use airtight_engine::predict::{self, Facts, Outcome, Prediction, ProviderPrediction, Status};
use airtight_engine::state::{self, StateQuestion};
use airtight_finding::secrets::without_credentials;
use airtight_finding::{Code, Finding, Severity};
use airtight_gate::check;
use airtight_gate::check::provider_policy::NamedPolicy;
use airtight_gate::settings;
use airtight_hcl::{Place, Sources};
use airtight_provider::{
    Contents, CoreConstraints, Digests, Engine, Hash, Platform, ProviderAddress, Version, VersionConstraints,
};
use airtight_provider::{installed, lock_file};
use camino::{Utf8Path, Utf8PathBuf};

use crate::discover::Candidate;
use crate::image::Image;

/// What every stack is judged by.
pub struct Question<'a> {
    pub engine: &'a Engine,
    pub platform: &'a Platform,
    pub reachable: &'a [String],
    pub provider_policies: &'a [NamedPolicy],
    /// The image's stores of modules.
    pub modules: &'a ModuleStores,
    pub image: &'a Image,
    /// An earlier image.
    pub baseline: Option<&'a Image>,
}

/// What was read of a directory.
pub(crate) struct Read {
    facts: Facts,
    sources: Sources,
    /// Directories that it calls as modules, real paths.
    pub(crate) called: Vec<Utf8PathBuf>,
    /// It has a backend, or configures a provider.
    pub(crate) is_configured: bool,
}

/// A root module, judged.
#[derive(Clone, Debug)]
pub struct Stack {
    pub directory: Utf8PathBuf,
    pub repository: Utf8PathBuf,
    pub has_lock: bool,
    pub init: Outcome,
    /// Why `init` would fail; each code once, in the order of the failures.
    pub reasons: Vec<Code>,
    /// By address.
    pub providers: Vec<StackProvider>,
    /// Modules that are not in the repository.
    pub modules: Vec<StackModule>,
    pub findings: Vec<Finding>,
    /// The state is behind a backend.
    pub is_state_unseen: bool,
    /// What the earlier image does.
    pub baseline: Option<Earlier>,
}

/// A provider of a stack.
#[derive(Clone, Debug)]
pub struct StackProvider {
    pub address: ProviderAddress,
    /// What `init` selects.
    pub version: Option<Version>,
    pub locked: Option<Version>,
    /// Where the lock file says so.
    pub locked_at: Option<Place>,
    pub constraints: VersionConstraints,
    /// Of the lock entry.
    pub hashes: Vec<Hash>,
    /// False if only the lock file names it.
    pub is_needed: bool,
    pub status: Status,
}

/// A module that `init` has to fetch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StackModule {
    /// As it is written, its secrets masked.
    pub source: String,
    pub version: Option<String>,
    /// The path of its call, such as `network.subnets`.
    pub call: String,
    /// What the image's stores have for it: the source as a store names it, and the version.
    pub stored: Option<(String, Option<String>)>,
}

/// What the image means for a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// `init` would fail.
    Fails,
    /// `init` would succeed, and airtight refuses to start it.
    Refused,
    /// Something that was not seen decides.
    Unknown,
    Works,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Works => "works",
        }
    }

    /// All, the worst first.
    pub const ALL: [Self; 4] = [Self::Fails, Self::Refused, Self::Unknown, Self::Works];
}

impl Stack {
    /// What the image means for it, once the rules have been applied to its findings.
    pub fn state(&self) -> State {
        let is_refused = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        match self.init {
            Outcome::Failure => State::Fails,
            _ if is_refused => State::Refused,
            Outcome::Unknown => State::Unknown,
            Outcome::Success => State::Works,
        }
    }
}

impl StackProvider {
    /// The version that it needs: the selected one, else the locked one.
    pub fn wanted(&self) -> Option<&Version> {
        self.version.as_ref().or(self.locked.as_ref())
    }
}

/// The same stack with an earlier image.
#[derive(Clone, Debug)]
pub struct Earlier {
    pub init: Outcome,
    /// What was selected.
    pub versions: Vec<(ProviderAddress, Version)>,
}

/// Reads what `init` reads in a fresh checkout: nothing that an earlier `init` left behind.
pub(crate) fn read(question: &Question<'_>, candidate: &Candidate) -> Read {
    let engine = question.engine;
    let root_module = &candidate.directory;
    let data_dir = root_module.join(".terraform/not-of-a-checkout");
    let mut sources = Sources::of_repository(&candidate.repository);
    let init = InitArguments::default();
    let surroundings = Surroundings {
        variables: GivenVariables::default(),
        modules: question.modules,
        data_dir: Utf8Path::new(".terraform"),
    };
    let configuration =
        configuration::read_with(root_module, &data_dir, &init.test_directory, engine, &surroundings, &mut sources);
    let lock = lock_file::read(root_module, engine.name, &mut sources);
    let state = state::read(&StateQuestion {
        root_module,
        data_dir: &data_dir,
        repository: &candidate.repository,
        workspace: None,
        backend: configuration.root.backend.as_ref(),
        has_encryption: configuration.root.has_encryption,
        init: &init,
        engine,
    });
    let called = configuration.children.values().filter(|child| matches!(child.source, ModuleSource::Local(_)));
    let called = called.filter_map(|child| child.module.as_ref()?.directory.canonicalize_utf8().ok()).collect();
    let is_configured = configuration.root.backend.is_some() || !configuration.root.provider_blocks.is_empty();
    let backend_host = configuration.root.backend.as_ref().and_then(|backend| backend.host(None, engine.name));
    let facts = Facts {
        engine: engine.clone(),
        platform: question.platform.clone(),
        root_module: root_module.clone(),
        init,
        configuration,
        lock,
        state,
        sources: predict::ProviderSources::default(),
        installed: installed::Installed::default(),
        reattached: Vec::new(),
        plugin_cache: None,
        backend_host,
        reachable: question.reachable.to_vec(),
        state_translation_off: false,
        asked: None,
    };
    Read { facts, sources, called, is_configured }
}

/// What an image makes of a root module.
struct Predicted {
    prediction: Prediction,
    contents: Contents,
}

fn predicted(facts: &mut Facts, image: &Image, addresses: &BTreeSet<ProviderAddress>) -> Predicted {
    facts.sources = image.sources_for(addresses);
    let selection = predict::select(facts);
    let contents = image.contents(&selection.wanted_contents(facts));
    let mut digests = Digests::new();
    loop {
        let wanted = selection.wanted_digests(facts, &contents, &digests);
        if wanted.is_empty() {
            break;
        }
        image.digests(&wanted, &mut digests);
    }
    Predicted { prediction: predict::predict(facts, &selection, &contents, &digests), contents }
}

/// Judges what was read.
pub(crate) fn judge(question: &Question<'_>, candidate: &Candidate, read: Read) -> Stack {
    let Read { mut facts, sources, .. } = read;
    let requirements = predict::select(&facts).requirements;
    let addresses = requirements.into_iter().map(|requirement| requirement.address).collect();
    let baseline = question.baseline.map(|image| {
        let prediction = predicted(&mut facts, image, &addresses).prediction;
        let selected = prediction.providers.iter().filter_map(|provider| provider.selected.as_ref());
        let versions = selected.map(|selected| (selected.id.address.clone(), selected.id.version.clone())).collect();
        Earlier { init: prediction.init, versions }
    });
    let Predicted { prediction, contents } = predicted(&mut facts, question.image, &addresses);
    let mut reasons: Vec<Code> = Vec::new();
    for failure in &prediction.failures {
        if !reasons.contains(&failure.code) {
            reasons.push(failure.code);
        }
    }
    let mut findings = findings(&facts, &prediction, &contents);
    let is_on_disk = question.image.is_on_disk;
    let mut policies = question.provider_policies.to_vec();
    // Settings that cannot be read are a finding of the fleet.
    if let Ok(Some(settings)) = settings::read_of_repository(&candidate.repository) {
        policies.extend(settings.providers.map(|policy| (policy, settings::REPOSITORY_PATH.to_owned())));
    }
    findings.extend(check::provider_policy::check(&policies, &prediction, question.engine, is_on_disk));
    Stack {
        directory: candidate.directory.clone(),
        repository: candidate.repository.clone(),
        has_lock: facts.lock.exists,
        init: prediction.init,
        reasons,
        providers: prediction.providers.iter().map(|provider| stack_provider(&facts, provider)).collect(),
        modules: modules(&facts, question.modules),
        findings: findings.into_iter().map(|finding| finding.without_quotations(&sources)).collect(),
        is_state_unseen: facts.state.unseen.is_some(),
        baseline,
    }
}

/// What the gate would find, but for notes on what nobody can see here.
fn findings(facts: &Facts, prediction: &Prediction, contents: &Contents) -> Vec<Finding> {
    let (mut findings, engine) = check::failures::check(facts, prediction, &[]);
    findings.extend(engine);
    findings.extend(check::proof::check(facts, prediction));
    findings.extend(check::unseen::check(facts, prediction));
    findings.retain(|finding| finding.code != Code::StateUnseen);
    findings.extend(check::lock_file::check(facts, prediction));
    findings.extend(check::state::check(facts));
    findings.extend(check::packages::check(prediction, contents));
    findings
}

fn stack_provider(facts: &Facts, provider: &ProviderPrediction) -> StackProvider {
    let requirement = &provider.requirement;
    let lock = facts.lock.lock_for(&requirement.address);
    StackProvider {
        address: requirement.address.clone(),
        version: provider.selected.as_ref().map(|selected| selected.id.version.clone()),
        locked: lock.map(|lock| lock.version.clone()),
        locked_at: lock.map(|lock| lock.version_place.clone()),
        constraints: requirement.constraints.clone(),
        hashes: lock
            .map(|lock| lock.hashes.iter().filter(|hash| hash.is_preferred()).cloned().collect())
            .unwrap_or_default(),
        is_needed: requirement.is_needed,
        status: provider.status,
    }
}

fn modules(facts: &Facts, stores: &ModuleStores) -> Vec<StackModule> {
    let one = |(call, child): (&String, &ChildModule)| {
        let source = without_credentials(child.call.source.clone()?);
        let constraint = child.call.version.as_deref().and_then(|text| CoreConstraints::parse(text).ok());
        let found = stores.find(&child.source, constraint.as_ref());
        let held = found.map(|found| (found.source.source.clone(), found.source.version.clone()));
        let is_fetched = match child.source {
            ModuleSource::Registry { .. } | ModuleSource::Remote { .. } => true,
            // The image may have the path itself.
            ModuleSource::LocalCopy(_) => held.is_some(),
            ModuleSource::Local(_) | ModuleSource::Unknown => false,
        };
        let version = child.call.version.clone();
        is_fetched.then(|| StackModule { source, version, call: call.clone(), stored: held })
    };
    facts.configuration.children.iter().filter_map(one).collect()
}

/// A path as people have named it.
pub(crate) fn shown(path: &Utf8Path) -> String {
    let text = path.as_str().trim_start_matches("./");
    if text.is_empty() { ".".to_owned() } else { text.to_owned() }
}
