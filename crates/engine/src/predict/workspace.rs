//! What `init` writes into the workspace, and cannot.
//!
//! Source: `internal/providercache/installer.go`, `internal/depsfile/locks_file.go`, `internal/modsdir/manifest.go` of OpenTofu.

use super::{Facts, Failure, ProviderPrediction, Stage};
use airtight_finding::{Code, Install};
use airtight_provider::directory_access::NotWritable;

/// Where `init` writes, and why it cannot.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// The directory of installed packages.
    pub packages: Option<NotWritable>,
    /// The directory of `modules.json`, if that file is not there yet.
    pub module_records: Option<NotWritable>,
    /// The directory of the recorded backend, if none is recorded: an unchanged record is not written again.
    pub backend_record: Option<NotWritable>,
    /// The directory of the lock file.
    pub root_module: Option<NotWritable>,
    /// False if the run may have another user, or another mount.
    pub is_of_the_run: bool,
}

/// What stops an `init` that fails at nothing else.
pub(super) fn failure(facts: &Facts, providers: &[ProviderPrediction], changes_lock_file: bool) -> Option<Failure> {
    let Workspace { packages, module_records, backend_record, root_module, .. } = &facts.workspace;
    let fails =
        |stage, summary: &str, detail: String| Some(Failure::new(stage, Code::DirectoryUnwritable, summary, detail));
    let records_modules = !facts.configuration.children.is_empty() && facts.init.get;
    if let Some(refused) = module_records.as_ref().filter(|_| records_modules) {
        return fails(Stage::Before, "Failed to create local modules directory", refused.reason.to_owned());
    }
    let records_backend = facts.configuration.root.backend.is_some() && facts.init.backend;
    if let Some(refused) = backend_record.as_ref().filter(|_| records_backend) {
        return fails(Stage::Before, "Error locking state", refused.reason.to_owned());
    }
    let is_installed = |provider: &&ProviderPrediction| provider.install.is_some_and(|how| how != Install::Reuse);
    if let (Some(refused), Some(provider)) = (packages, providers.iter().find(is_installed)) {
        let name = provider.requirement.address.for_display(facts.engine.name);
        let detail = format!("Error while installing {name}: failed to create parent directories: {}", refused.reason);
        return fails(Stage::Providers, "Failed to install provider", detail);
    }
    let refused = root_module.as_ref().filter(|_| changes_lock_file)?;
    let detail = format!("cannot create temporary file to update .terraform.lock.hcl: {}", refused.reason);
    fails(Stage::LockFile, "Failed to update dependency lock file", detail)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Outcome, Workspace};
    use super::*;

    fn case(locked: &[&str]) -> Case {
        let mut case = Case::null_locked("1.0.0", locked);
        case.unpacked(NULL, "1.0.0", Ok(A));
        case
    }

    fn refused() -> NotWritable {
        NotWritable { directory: "/conf".into(), reason: "read-only file system" }
    }

    #[test]
    fn what_cannot_be_written_stops_a_run_and_is_an_assumption_of_a_check() {
        for (workspace, locked, summary) in [
            (Workspace { packages: Some(refused()), ..Workspace::default() }, A, Some("Failed to install provider")),
            (Workspace { root_module: Some(refused()), ..Workspace::default() }, A, None),
            (
                Workspace { root_module: Some(refused()), ..Workspace::default() },
                ZIP,
                Some("Failed to update dependency lock file"),
            ),
        ] {
            let mut case = case(&[locked]);
            case.facts.workspace = Workspace { is_of_the_run: true, ..workspace };
            let failures = case.predict().failures.into_iter().map(|failure| failure.summary).collect::<Vec<_>>();
            assert_eq!(failures, summary.into_iter().collect::<Vec<_>>());
            case.facts.workspace.is_of_the_run = false;
            let prediction = case.predict();
            let open = prediction.assumptions.iter().map(|open| open.code).collect::<Vec<_>>();
            assert_eq!(
                (prediction.init, open),
                (Outcome::Success, summary.map(|_| Code::DirectoryUnwritable).into_iter().collect())
            );
        }
    }

    #[test]
    fn an_installed_package_writes_nothing() {
        let mut case = case(&[A]);
        case.facts.workspace = Workspace { packages: Some(refused()), is_of_the_run: true, ..Workspace::default() };
        case.installed(NULL, "1.0.0", A);
        let prediction = case.predict();
        assert_eq!(prediction.init, Outcome::Success, "{:?}", prediction.failures);
    }
}
