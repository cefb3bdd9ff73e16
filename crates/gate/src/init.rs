//! The gate before `init`: everything is read, predicted and judged.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::context::{Context, real};
use super::gather::{Gathered, Question, gather};
use super::runtime_directory::RuntimeDirectory;
use crate::check;
use crate::check::Cleared;
use crate::check::executables::SelectedExecutable;
use airtight_finding::Finding;
use airtight_provider::atomic_file;
use airtight_provider::executable;
use airtight_provider::lock_file;
use airtight_provider::lock_file::LockFile;
use airtight_provider::{Layout, Platform};

/// Reads, predicts, and says what is found.
///
/// # Errors
/// Fails where something that has to be read cannot be.
pub fn judge(context: &Context<'_>, question: &Question<'_>) -> anyhow::Result<(Gathered, Vec<Finding>)> {
    let gathered = gather(context, question)?;
    let Gathered { facts, prediction, digests, .. } = &gathered;
    let mirrors = facts.sources.mirrors();
    let mut findings = check::failures::check(facts, prediction);
    findings.extend(check::proof::check(facts, prediction));
    findings.extend(check::lock_file::check(facts, prediction));
    findings.extend(check::readonly::check(facts, prediction));
    findings.extend(mirrors.iter().flat_map(|mirror| check::mirror_entries::check(mirror)));
    findings.extend(check::installed::check(&facts.installed, &mirrors, digests));
    findings.extend(check::executables::check(
        &executables(&gathered),
        context.platform,
        *context.platform == Platform::current(),
    ));
    findings.extend(check::surroundings::check(facts, &context.trusted_mirrors(), &|path: &Utf8Path| real(path)));
    if let Some(config) = &gathered.source_facts.config {
        findings.extend(check::cli_config::check(facts, prediction, config, &gathered.source_facts.files));
    }
    findings.extend(check::unseen::check(facts, prediction));
    findings.extend(gathered.findings.iter().cloned());
    Ok((gathered, findings))
}

/// What the selected packages would run. One that cannot be looked into fails `init`, which is predicted.
fn executables(gathered: &Gathered) -> Vec<SelectedExecutable> {
    let selected = gathered.prediction.providers.iter().filter_map(|provider| provider.selected.as_ref());
    selected
        .filter_map(|selected| {
            let package = selected.package.as_ref()?;
            let address = selected.id.address.clone();
            let mut executable = executable::find(&package.path, package.layout, address.provider_type()).ok()??;
            if package.layout == Layout::Packed {
                executable.path = package.path.join(&executable.path);
            }
            Some(SelectedExecutable { address, executable })
        })
        .collect()
}

/// Keeps the lock file as it was judged before `init`, for the later commands of this container: only it can prove what `init`
/// installs, since `init` adds hashes of whatever it finds.
///
/// # Errors
/// Fails where the runtime directory cannot be written.
pub fn keep_lock_file(
    context: &Context<'_>,
    runtime: &RuntimeDirectory,
    judged: &LockFile,
    _cleared: &Cleared,
) -> anyhow::Result<()> {
    let directory = kept_directory(context, runtime);
    fs::create_dir_all(&directory)?;
    Ok(atomic_file::write(&directory.join(lock_file::FILE_NAME), judged.text.as_bytes(), 0o600)?)
}

/// The lock file as it was before `init` in this container; null where no `init` was gated here.
pub fn kept_lock_file(context: &Context<'_>) -> Option<LockFile> {
    let runtime = context.runtime.as_ref().ok()?;
    let directory = kept_directory(context, runtime);
    directory.join(lock_file::FILE_NAME).exists().then(|| {
        let mut sources = airtight_hcl::Sources::default();
        lock_file::read(&directory, context.engine.name, &mut sources)
    })
}

fn kept_directory(context: &Context<'_>, runtime: &RuntimeDirectory) -> Utf8PathBuf {
    runtime.file_for(&real(context.launch_directory), "before-init")
}
