//! Reading everything that the engine would read, and asking what it would do.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::cli_sources::{self, CliConfigChoice, NamedFileError, SourceFacts};
use super::context::Context;
use super::seal::Seals;
use crate::check;
use crate::git;
use crate::modules;
use crate::modules::judge::InstalledModule;
use airtight_engine::ask::Loaded;
use airtight_engine::configuration::{GivenVariables, Surroundings};
use airtight_engine::init_arguments::{ArgumentOrigin, Given, InitArguments, Remark};
use airtight_engine::module_stores::ModuleStores;
use airtight_engine::predict;
use airtight_engine::predict::{Facts, Prediction, Selection, Workspace};
use airtight_engine::state::StateQuestion;
use airtight_engine::{configuration, modules_manifest, state};
use airtight_finding::Finding;
use airtight_hcl::Sources;
use airtight_provider::directory_access::{why_not_made, why_not_writable};
use airtight_provider::hashing;
use airtight_provider::hashing::Hasher;
use airtight_provider::{Contents, Digests};
use airtight_provider::{installed, lock_file};

/// What a prediction is asked for, besides its surroundings.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub cli_config: &'a CliConfigChoice,
    /// `init`'s own arguments, those of the variables not among them.
    pub init_arguments: &'a [String],
}

/// Everything that was read, and the prediction.
#[derive(Debug)]
pub struct Gathered {
    pub facts: Facts,
    pub data_dir: Utf8PathBuf,
    pub sources: Sources,
    pub source_facts: SourceFacts,
    pub selection: Selection,
    pub contents: Contents,
    pub digests: Digests,
    pub prediction: Prediction,
    /// What `modules.json` says is installed, if the image has a store.
    pub installed_modules: Vec<InstalledModule>,
    /// Why seals and stores cannot be used.
    pub findings: Vec<Finding>,
}

/// Reads and predicts. `is_of_the_run`: an `init` follows here, by this user.
///
/// # Errors
/// Fails if the data directory cannot be listed, or a given file cannot be read.
pub fn gather(context: &Context<'_>, question: &Question<'_>, is_of_the_run: bool) -> anyhow::Result<Gathered> {
    let Context { engine, environment, settings, .. } = *context;
    let mut init = InitArguments::parse(
        environment.cli_args.as_deref(),
        environment.cli_args_init.as_deref(),
        question.init_arguments,
    );
    let root_module = match &init.chdir {
        Some(directory) => context.launch_directory.join(directory),
        None => context.launch_directory.to_owned(),
    };
    if let Some(directory) = &init.chdir
        && let Err(error) = root_module.join(".").as_std_path().metadata()
    {
        let reason = airtight_provider::digest::os_error::describe("chdir", directory.as_std_path(), &error);
        init.remarks.push(Given { value: Remark::DirectoryMissing { reason }, origin: ArgumentOrigin::CommandLine });
    }
    let data_dir = root_module.join(environment.data_dir());
    let mut sources = Sources::of_repository(context.repository);
    let (module_stores, mut store_findings) = modules::open(context);
    let places =
        modules::judge::Places { root_module: &root_module, data_dir: &data_dir, repository: context.repository };
    let installed_modules = modules::judge::judge(&module_stores, engine, &places).modules;
    let no_stores = ModuleStores::default();
    let surroundings = Surroundings {
        variables: GivenVariables { environment: Some(&environment.variables), arguments: &init.variables },
        // `-upgrade` has the engine fetch every module again, whatever is installed.
        modules: if init.upgrade && init.get { &no_stores } else { &module_stores },
        data_dir: environment.data_dir(),
    };
    let mut configuration =
        configuration::read_with(&root_module, &data_dir, &init.test_directory, engine, &surroundings, &mut sources);
    git::mark_rewritten(&mut configuration, context.guard);
    git::mark_local(&mut configuration, context.guard);
    tracing::debug!(
        root_module = %root_module,
        files = configuration.root.files.len(),
        modules = configuration.children.len(),
        "configuration read"
    );
    let lock = lock_file::read(&root_module, engine.name, &mut sources);
    tracing::debug!(exists = lock.exists, entries = lock.locks.len(), "lock file read");
    let mut state = state::read(&StateQuestion {
        root_module: &root_module,
        data_dir: &data_dir,
        repository: context.repository,
        workspace: environment.workspace.as_deref(),
        backend: configuration.root.backend.as_ref(),
        has_encryption: configuration.root.has_encryption || environment.has_encryption,
        init: &init,
        engine,
    });
    if let Some(path) = &settings.state {
        let given = state::read_given(path, engine).map_err(|error| NamedFileError {
            what: "the given state",
            path: path.clone(),
            reason: error.to_string(),
        })?;
        state.add_given(given);
    }
    tracing::debug!(needs = state.needs.len(), "state read, as far as it can be seen");
    let seals = Seals::open(context);
    let source_facts = cli_sources::read(context, question.cli_config, &init, &root_module, &seals)?;
    tracing::debug!(
        cli_config = ?question.cli_config,
        methods = source_facts.sources.methods.len(),
        packages = source_facts.sources.mirrors().iter().map(|mirror| mirror.packages.len()).sum::<usize>(),
        "installation methods read, mirrors walked"
    );
    let facts = Facts {
        engine: engine.clone(),
        platform: context.platform.clone(),
        installed: installed::read_as_far_as_possible(&data_dir, engine.name),
        reattached: source_facts.reattached.clone(),
        plugin_cache: source_facts.plugin_cache.clone(),
        reachable: settings.reachable.clone(),
        asked: None,
        workspace: Workspace {
            packages: why_not_writable(&data_dir.join("providers")),
            module_records: why_not_made(&modules_manifest::path(&data_dir)),
            backend_record: why_not_made(&data_dir.join("terraform.tfstate")),
            root_module: why_not_writable(&root_module),
            is_of_the_run,
        },
        backend_host: configuration
            .root
            .backend
            .as_ref()
            .and_then(|backend| backend.host(environment.variables.get("TF_CLOUD_HOSTNAME"), engine.name)),
        state_translation_off: environment.state_address_translation.as_deref() == Some("0"),
        sources: source_facts.sources.clone(),
        root_module,
        init,
        configuration,
        lock,
        state,
    };
    let mut gathered = Gathered {
        data_dir,
        sources,
        source_facts,
        selection: Selection::default(),
        contents: Contents::new(),
        digests: Digests::new(),
        prediction: Prediction::unknown(),
        installed_modules,
        findings: Vec::new(),
        facts,
    };
    let (sealed, findings) = sealed_digests(&seals, &gathered.facts, &predict::select(&gathered.facts));
    gathered.digests = sealed;
    store_findings.extend(findings);
    gathered.findings = store_findings;
    gathered.predict(context);
    Ok(gathered)
}

impl Gathered {
    /// Whether the root module has no file that the engine reads; `init` does nothing there.
    pub fn is_empty(&self) -> bool {
        self.facts.configuration.is_empty_to(&self.facts.engine)
    }

    /// Selects, looks into the chosen packages, hashes what the engine would hash, and predicts.
    pub(crate) fn predict(&mut self, context: &Context<'_>) {
        let facts = &self.facts;
        self.selection = predict::select(facts);
        self.contents.extend(hashing::contents(&self.selection.wanted_contents(facts)));
        let hasher = Hasher::new(context.progress);
        loop {
            let wanted = self.selection.wanted_digests(facts, &self.contents, &self.digests);
            if wanted.is_empty() {
                break;
            }
            hasher.compute(&wanted, &mut self.digests);
        }
        let planted = crate::check::installed::wanted_digests(&facts.installed, &facts.sources.mirrors());
        hasher.compute(&planted, &mut self.digests);
        self.prediction = predict::predict(facts, &self.selection, &self.contents, &self.digests);
        tracing::debug!(
            init = %self.prediction.init,
            providers = self.prediction.providers.len(),
            failures = self.prediction.failures.len(),
            "predicted"
        );
    }

    /// Predicts with the requirements that the engine itself named, and says how they differ from our reading.
    pub(crate) fn predict_again(&mut self, context: &Context<'_>, loaded: &Loaded) -> Vec<Finding> {
        let differences = predict::differences(&self.facts, loaded);
        self.facts.asked = Some(loaded.clone());
        self.predict(context);
        differences.into_iter().map(|difference| check::requirements::differs(&self.facts, &difference)).collect()
    }
}

/// What need not be hashed: packages of required and installed providers that are as they were sealed.
fn sealed_digests(seals: &Seals, facts: &Facts, selection: &Selection) -> (Digests, Vec<Finding>) {
    let required = selection.requirements.iter().map(|requirement| &requirement.address);
    let addresses = required.chain(facts.installed.entries.iter().map(|entry| &entry.id.address));
    let addresses = addresses.map(ToString::to_string).collect::<BTreeSet<_>>();
    let mut digests = Digests::new();
    let mut findings = seals.findings.clone();
    for seal in seals.trusted() {
        match seal.view(&addresses) {
            Ok((_, sealed)) => digests.extend(sealed),
            Err(finding) => findings.push(*finding),
        }
    }
    (digests, findings)
}
