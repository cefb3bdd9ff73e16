//! Reading everything that the engine would read, and asking what it would do.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::cli_sources::{self, CliConfigChoice, NamedFileError, SourceFacts};
use super::context::Context;
use super::seal::Seals;
use crate::runtime_directory::RuntimeDirectory;
use airtight_engine::environment::Environment;
use airtight_engine::init_arguments::InitArguments;
use airtight_engine::predict;
use airtight_engine::predict::{Facts, Prediction, Selection};
use airtight_engine::{configuration, state};
use airtight_finding::Finding;
use airtight_hcl::Sources;
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
    /// What stands in the way of the seals.
    pub findings: Vec<Finding>,
}

/// Where the engine keeps what is `.terraform` by default.
pub fn data_dir(environment: &Environment, root_module: &Utf8Path) -> Utf8PathBuf {
    root_module.join(environment.data_dir.as_deref().unwrap_or(".terraform"))
}

/// Reads and predicts.
///
/// # Errors
/// Fails where the data directory cannot be listed, and where a file that somebody named cannot be read.
pub fn gather(context: &Context<'_>, question: &Question<'_>) -> anyhow::Result<Gathered> {
    let Context { engine, environment, settings, .. } = *context;
    let mut init = InitArguments::parse(
        environment.cli_args.as_deref(),
        environment.cli_args_init.as_deref(),
        question.init_arguments,
        engine,
    );
    let root_module = match &init.chdir {
        Some(directory) => context.launch_directory.join(directory),
        None => context.launch_directory.to_owned(),
    };
    if let Some(directory) = &init.chdir
        && let Err(error) = root_module.join(".").as_std_path().metadata()
    {
        let reason = airtight_provider::digest::os_error::describe("chdir", directory.as_std_path(), &error);
        init.errors.push(format!("Error handling -chdir option: {reason}"));
    }
    let data_dir = data_dir(environment, &root_module);
    let mut sources = Sources::default();
    let configuration = configuration::read(&root_module, &data_dir, &init.test_directory, engine, &mut sources);
    let lock = lock_file::read(&root_module, engine.name, &mut sources);
    let mut state = state::read(
        &root_module,
        &data_dir,
        environment.workspace.as_deref(),
        configuration.root.backend.as_ref(),
        &init,
        engine,
    );
    if let Some(path) = &settings.state {
        let given = state::read_given(path, engine).map_err(|error| NamedFileError {
            what: "the given state",
            path: path.clone(),
            reason: error.to_string(),
        })?;
        state.add_given(given);
    }
    let seals = Seals::open(context);
    let source_facts = cli_sources::read(context, question.cli_config, &init, &root_module, &seals)?;
    let facts = Facts {
        engine: engine.clone(),
        platform: context.platform.clone(),
        installed: installed::read_as_far_as_possible(&data_dir, engine.name),
        reattached: source_facts.reattached.clone(),
        plugin_cache: source_facts.plugin_cache.clone(),
        reachable: settings.reachable.clone(),
        state_translation_off: environment.state_address_translation.as_deref() == Some("0"),
        sources: source_facts.sources.clone(),
        root_module,
        init,
        configuration,
        lock,
        state,
    };
    let selection = predict::select(&facts);
    let contents = hashing::contents(&selection.wanted_contents(&facts));
    let (mut digests, findings) = sealed_digests(&seals, &facts, &selection);
    let hasher = Hasher::new(context.runtime.as_ref().ok().map(RuntimeDirectory::path), context.progress);
    loop {
        let wanted = selection.wanted_digests(&facts, &contents, &digests);
        if wanted.is_empty() {
            break;
        }
        hasher.compute(&wanted, &mut digests);
    }
    let planted = crate::check::installed::wanted_digests(&facts.installed, &facts.sources.mirrors());
    hasher.compute(&planted, &mut digests);
    hasher.finish();
    let prediction = predict::predict(&facts, &selection, &contents, &digests);
    Ok(Gathered { facts, data_dir, sources, source_facts, selection, contents, digests, prediction, findings })
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
