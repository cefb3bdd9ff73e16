//! The gate before `init`: everything is read, predicted and judged.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::context::{Context, real};
use super::gather::Gathered;
use super::runtime_directory::RuntimeDirectory;
use crate::check::Cleared;
use crate::check::executables::SelectedExecutable;
use crate::check::{self, Judgement};
use airtight_engine::cli_config;
use airtight_engine::init_commands::{self, InitCommand};
use airtight_engine::modules_manifest;
use airtight_engine::predict::{Failure, Prediction};
use airtight_finding::{Code, Install};
use airtight_provider::atomic_file;
use airtight_provider::directory_access::nearest;
use airtight_provider::executable;
use airtight_provider::lock_file;
use airtight_provider::lock_file::LockFile;
use airtight_provider::text_file;
use airtight_provider::{Layout, Platform, ProviderAddress};

/// Judges what was gathered.
pub(crate) fn judge(context: &Context<'_>, gathered: &Gathered) -> Judgement {
    let Gathered { facts, prediction, digests, .. } = gathered;
    let mirrors = facts.sources.mirrors();
    let missing = missing(prediction);
    let implied = if missing.is_empty() { Vec::new() } else { implied_mirrors(context) };
    let (mut requirements, mut engine) = check::failures::check(facts, prediction, &implied);
    let mut unproven = check::proof::check(facts, prediction);
    unproven.extend(check::provider_policy::check(
        &context.settings.provider_policies,
        prediction,
        context.engine,
        true,
    ));
    requirements.extend(check::readonly::check(facts, prediction));
    engine.extend(check::unseen::check(facts, prediction));
    engine.extend(check::arguments::check(facts));
    let mut measured = check::lock_file::check(facts, prediction);
    measured.extend(check::state::check(facts));
    measured.extend(check::workspace::check(facts, prediction));
    measured.extend(check::packages::check(prediction, &gathered.contents));
    measured.extend(mirrors.iter().flat_map(|mirror| check::mirror_entries::check(mirror, &missing)));
    let is_installed_otherwise = |address: &ProviderAddress| context.has_further_method(address);
    measured.extend(check::installed::check(
        &facts.installed,
        &mirrors,
        digests,
        &facts.platform,
        &is_installed_otherwise,
    ));
    let plugins = context.planted_plugins(&facts.root_module, &gathered.data_dir);
    measured.extend(check::planted_plugins::check(&plugins));
    if facts.init.backend {
        measured.extend(check::init_commands::check(&init_commands(context, gathered)));
    }
    let reattached = context.environment.reattach_providers.as_deref();
    measured.extend(check::reattached::check(reattached, context.engine.name));
    requirements.extend(check::executables::check(
        &executables(gathered),
        context.platform,
        *context.platform == Platform::current(),
    ));
    let modules = &gathered.installed_modules;
    measured.extend(check::modules::check(modules, &modules_manifest::path(&gathered.data_dir)));
    measured.extend(check::surroundings::check(facts, &context.trusted_mirrors(), &|path: &Utf8Path| real(path)));
    if let Some(config) = &gathered.source_facts.config {
        let mut found = check::cli_config::check(facts, prediction, config, &gathered.source_facts.files);
        check::cli_config::explain_missing(config, &mut found, &mut requirements);
        measured.extend(found);
    }
    measured.extend(gathered.findings.iter().cloned());
    Judgement { measured, unproven, requirements, engine }
}

/// Commands that `init` would start.
pub(crate) fn init_commands(context: &Context<'_>, gathered: &Gathered) -> Vec<InitCommand> {
    let facts = &gathered.facts;
    init_commands::find(&init_commands::Question {
        engine: context.engine.name,
        files: &facts.configuration.root.files,
        root_module: &facts.root_module,
        repository: context.repository,
        data_dir: &gathered.data_dir,
        backend_config: &facts.init.backend_config,
        home: context.environment.home.as_deref(),
        variables: &context.environment.variables,
    })
}

/// Providers that no mirror has.
fn missing(prediction: &Prediction) -> Vec<ProviderAddress> {
    let is_missing = |failure: &&Failure| matches!(failure.code, Code::ProviderMissing | Code::MirrorMissing);
    prediction.failures.iter().filter(is_missing).flat_map(|failure| failure.providers.clone()).collect()
}

/// Where an engine would look by itself, as far as that is there.
fn implied_mirrors(context: &Context<'_>) -> Vec<Utf8PathBuf> {
    let implied = cli_config::implied_mirrors(context.environment, context.engine.name, context.launch_directory);
    implied.into_iter().filter(|implied| implied.exists).map(|implied| implied.path).collect()
}

/// What the selected packages would run. One that cannot be looked into fails `init`, which is predicted.
fn executables(gathered: &Gathered) -> Vec<SelectedExecutable> {
    let data_dir = nearest(&gathered.data_dir);
    let is_noexec = executable::mount_forbids_execution(data_dir);
    let providers = gathered.prediction.providers.iter();
    providers
        .filter_map(|provider| {
            let selected = provider.selected.as_ref()?;
            let package = selected.package.as_ref()?;
            let contents = gathered.contents.get(&package.path);
            if contents.is_some_and(|contents| contents.problem.is_some()) {
                return None;
            }
            let address = selected.id.address.clone();
            let mut executable = executable::find(&package.path, package.layout, address.provider_type()).ok()??;
            if package.layout == Layout::Packed {
                executable.path = package.path.join(&executable.path);
            }
            let is_extracted = is_noexec && provider.install == Some(Install::Extract);
            let extracted_to_noexec = is_extracted.then(|| data_dir.to_owned());
            Some(SelectedExecutable { address, executable, extracted_to_noexec })
        })
        .collect()
}

/// The run's id, which the worker sets.
const SPACELIFT_RUN: &str = "TF_VAR_spacelift_run_id";

/// Of a run's id.
const LIMIT_BYTES: u64 = 1024;

/// Keeps the lock file as it was judged before `init`, for the later commands of this container: only it can prove what `init`
/// installs, since `init` adds hashes of whatever it finds.
///
/// If the phase's shell starts `init`, the first lock file of a Spacelift run stays: what a second `init` would find in it may
/// be what the first one has added, and nothing has judged that.
///
/// # Errors
/// Fails if the runtime directory cannot be written.
pub(crate) fn keep_lock_file(
    context: &Context<'_>,
    runtime: &RuntimeDirectory,
    judged: &LockFile,
    judges_own_init: bool,
    _cleared: &Cleared,
) -> anyhow::Result<()> {
    let directory = kept_directory(context, runtime);
    fs::create_dir_all(&directory)?;
    let (file, run_file) = (directory.join(lock_file::FILE_NAME), directory.join("run"));
    let run = context.environment.variables.get(SPACELIFT_RUN).unwrap_or_default();
    let is_same_run = !run.is_empty() && text_file::read(&run_file, LIMIT_BYTES).is_ok_and(|kept| kept == run);
    if is_same_run && !judges_own_init && file.exists() {
        return Ok(());
    }
    atomic_file::write(&file, judged.text.as_bytes(), 0o600)?;
    Ok(atomic_file::write(&run_file, run.as_bytes(), 0o600)?)
}

/// The lock file as it was before `init` in this container; null if no `init` was gated here. `now` is the present one, which
/// is mostly the same.
pub(crate) fn kept_lock_file(context: &Context<'_>, now: &LockFile) -> Option<LockFile> {
    if kept_lock_text(context)? == *now.text {
        return Some(now.clone());
    }
    let runtime = context.runtime.as_ref().ok()?;
    let mut sources = airtight_hcl::Sources::default();
    Some(lock_file::read(&kept_directory(context, runtime), context.engine.name, &mut sources))
}

/// Whether an `init` was gated in this container.
pub(crate) fn has_kept_lock_file(context: &Context<'_>) -> bool {
    let runtime = context.runtime.as_ref();
    runtime.is_ok_and(|runtime| kept_directory(context, runtime).join(lock_file::FILE_NAME).exists())
}

/// The text of the lock file as it was; null if no `init` was gated here.
pub(crate) fn kept_lock_text(context: &Context<'_>) -> Option<String> {
    let runtime = context.runtime.as_ref().ok()?;
    fs::read_to_string(kept_directory(context, runtime).join(lock_file::FILE_NAME)).ok()
}

fn kept_directory(context: &Context<'_>, runtime: &RuntimeDirectory) -> Utf8PathBuf {
    runtime.file_for(&real(context.launch_directory), "before-init")
}
