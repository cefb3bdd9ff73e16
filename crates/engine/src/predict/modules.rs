//! What comes before any provider: arguments, the state, called modules, the lock file.
//!
//! Source: OpenTofu `internal/command/init.go` `Run`, `internal/initwd/module_install.go`.

use super::{Assumption, Cause, Facts, Failure, ModuleCause, Stage};
use crate::configuration::{
    ChildModule, InstallationRecord, MissingModule, Module, ModuleSource, NetworkNeed, RepositoryProblem,
};
use crate::state::{Unseen, WorkspaceFileProblem};
use airtight_finding::Code;
use airtight_hcl::{Place, Problem};
use airtight_provider::{CoreCheck, CoreConstraints, Quoted};

/// What stops the engine, or what could not be seen, before it asks for providers.
#[derive(Default)]
pub(super) struct Before {
    pub(super) failures: Vec<Failure>,
    pub(super) assumptions: Vec<Assumption>,
}

/// Whether the root module has a file that this engine reads; without one `init` does nothing.
pub(super) fn has_configuration(facts: &Facts) -> bool {
    !facts.configuration.is_empty_to(&facts.engine)
}

/// The first called module that the engine would have to download, or whose source only it can evaluate.
pub(super) fn from_network(facts: &Facts) -> Option<String> {
    let is_elsewhere = |child: &ChildModule| {
        matches!(child.missing, Some(MissingModule::NeedsNetwork { .. } | MissingModule::Unevaluated))
    };
    facts.configuration.children.iter().find(|(_, child)| is_elsewhere(child)).map(|(path, _)| path.clone())
}

/// The first called module that the engine would certainly have to download: not one that git's configuration leads elsewhere,
/// nor one whose source means nothing here.
pub(super) fn to_download(facts: &Facts) -> Option<String> {
    let is_elsewhere = |child: &ChildModule| match &child.missing {
        Some(MissingModule::NeedsNetwork { why, .. }) => *why != NetworkNeed::RewrittenByGit,
        _ => false,
    };
    facts.configuration.children.iter().find(|(_, child)| is_elsewhere(child)).map(|(path, _)| path.clone())
}

/// Whether a store of modules can be built from such a source.
fn is_fetched(source: &ModuleSource) -> bool {
    const NOT_FETCHED: [&str; 4] = ["hg::", "s3::", "gcs::", "oci:"];
    match source {
        ModuleSource::Remote { normalized, .. } => !NOT_FETCHED.iter().any(|kind| normalized.starts_with(kind)),
        _ => true,
    }
}

/// The first module that is one of the modules that call it: an engine follows such calls, with several in one module until
/// the memory is full.
pub(super) fn without_end(facts: &Facts) -> Option<String> {
    let is_cycle = |child: &ChildModule| child.missing == Some(MissingModule::Cycle);
    facts.configuration.children.iter().find(|(_, child)| is_cycle(child)).map(|(path, _)| path.clone())
}

pub(super) fn before_providers(facts: &Facts) -> Before {
    let mut before = Before::default();
    before.arguments(facts);
    if !has_configuration(facts) {
        if facts.init.from_module.is_some() {
            before
                .assume(Code::ConfigurationNotUnderstood, "`-from-module` brings a configuration that is not here yet");
        }
        return before;
    }
    let configuration = &facts.configuration;
    before.problems(Code::ModuleInvalid, &configuration.manifest_errors);
    before.module(facts, &configuration.root);
    if facts.asked.is_none() {
        before.not_understood(&configuration.tests.not_understood);
    }
    before.state(facts);
    before.backend_host(facts);
    for (path, child) in &configuration.children {
        before.child(facts, path, child);
    }
    let errors = facts.lock.errors.iter().map(|problem| {
        let cause = facts.lock.unlikely.map(Cause::LockFile);
        Failure { cause, ..Failure::of_problem(Code::LockFileInvalid, problem) }
    });
    before.failures.extend(errors);
    before.not_understood(&facts.lock.not_understood);
    before
}

impl Before {
    fn assume(&mut self, code: Code, text: impl Into<String>) {
        self.assumptions.push(Assumption { code, text: text.into() });
    }

    fn fail(&mut self, code: Code, summary: impl Into<String>, detail: impl Into<String>, place: Option<&Place>) {
        let mut failure = Failure::new(Stage::Before, code, summary, detail);
        failure.places.extend(place.cloned());
        self.failures.push(failure);
    }

    fn problems(&mut self, code: Code, problems: &[Problem]) {
        self.failures.extend(problems.iter().map(|problem| Failure::of_problem(code, problem)));
    }

    fn not_understood(&mut self, problems: &[Problem]) {
        for problem in problems {
            self.assume(Code::ConfigurationNotUnderstood, format!("{}: {}", at(&problem.place), problem.summary));
        }
    }

    fn arguments(&mut self, facts: &Facts) {
        const CODE: Code = Code::InitArgumentsInvalid;
        for remark in &facts.init.remarks {
            if facts.init.fails_by(remark) {
                let failure = Failure::new(Stage::Before, CODE, remark.to_string(), "");
                self.failures.push(failure.because(Cause::Argument));
            } else {
                self.assume(CODE, remark.to_string());
            }
        }
        if !has_configuration(facts) {
            return;
        }
        if facts.init.from_module.is_some() {
            let detail = "The -from-module option requires an empty directory into which a copy of the referenced \
                          module will be placed.";
            self.fail(CODE, "The working directory already contains files", detail, None);
        }
        if facts.init.upgrade && facts.init.lockfile_readonly {
            self.fail(CODE, "The -upgrade flag conflicts with -lockfile=readonly.", "", None);
        }
    }

    /// What one module's files say of the engine's version, and what of them could not be read. An engine that was asked
    /// has read them.
    fn module(&mut self, facts: &Facts, module: &Module) {
        if facts.asked.is_some() {
            return;
        }
        self.not_understood(&module.not_understood);
        let engine = &facts.engine;
        for constraint in &module.core_versions {
            if !constraint.is_for_tofu && !engine.checks_required_version_in_tf_files() {
                continue;
            }
            // A text that is no constraint is for the engine to judge.
            let Ok(constraints) = CoreConstraints::parse(&constraint.text) else { continue };
            if constraints.check_core(&engine.version) != CoreCheck::Met {
                let summary = format!("Unsupported {} Core version", engine.name.title());
                let detail = format!(
                    "`required_version` is {}, and this is {} {}.",
                    Quoted(&constraint.text),
                    engine.name.title(),
                    engine.version
                );
                self.fail(Code::EngineVersionRefused, summary, detail, Some(&constraint.place));
            }
        }
    }

    fn state(&mut self, facts: &Facts) {
        let failures = facts.state.problems.iter().map(|problem| {
            let (summary, detail) = (problem.kind.engine_summary(), problem.kind.to_string());
            Failure::new(Stage::Before, Code::StateInvalid, summary, detail)
                .at(&problem.place)
                .because(Cause::State(problem.kind.clone()))
        });
        self.failures.extend(failures);
        match &facts.state.unseen {
            Some(Unseen::WorkspaceFile { path, why: WorkspaceFileProblem::NotADirectoryName }) => {
                let detail = format!("No directory can have the name that `{path}` holds.");
                let failure = Failure::new(Stage::Before, Code::StateInvalid, "Error loading state", detail);
                self.failures.push(failure.at(&Place::file(path)).because(Cause::WorkspaceFile));
            }
            Some(Unseen::OtherBackendRecorded { kind, is_another_type: true }) if !facts.init.migrate_state => {
                let failure = Failure::new(
                    Stage::Before,
                    Code::StateInvalid,
                    "Backend configuration changed",
                    format!("The data directory records another `{kind}` backend than the configuration has."),
                );
                self.failures.push(failure.because(Cause::RecordedBackend));
            }
            Some(unseen) => self.assume(Code::StateUnseen, unseen.to_string()),
            None => {}
        }
        if facts.configuration.root.has_encryption && facts.init.backend {
            let text = "the `encryption` block's key provider is not evaluated, nor what it encrypts read";
            self.assume(Code::StateUnseen, text);
        }
    }

    /// A `cloud` block and the `remote` backend ask their host before they do anything else.
    fn backend_host(&mut self, facts: &Facts) {
        let (Some(host), Some(backend)) = (&facts.backend_host, &facts.configuration.root.backend) else { return };
        if !facts.init.backend || facts.reachable.iter().any(|reachable| reachable == host) {
            return;
        }
        let summary = "Failed to request discovery document";
        let detail = format!("Get \"https://{host}/.well-known/terraform.json\": no route to it from here.");
        let failure = Failure::new(Stage::Before, Code::HostUndeclared, summary, detail).at(&backend.place);
        self.failures.push(failure.because(Cause::BackendHost(host.clone())));
    }

    fn child(&mut self, facts: &Facts, path: &str, child: &ChildModule) {
        let place = &child.call.source_place;
        // What is placed is recorded with everything that is local.
        let is_placed = !facts.configuration.placement.copies.is_empty() && child.missing.is_none();
        if !facts.init.get && child.record != InstallationRecord::Installed && !is_placed {
            if child.missing == Some(MissingModule::Unevaluated) {
                return self.unevaluated(facts, path, place);
            }
            let needs_network = matches!(child.missing, Some(MissingModule::NeedsNetwork { .. }));
            let code = if needs_network { Code::ModuleNeedsNetwork } else { Code::ModuleInvalid };
            return self.fail(code, not_loaded(child.record), "Run init without -get=false.", Some(place));
        }
        let name = Quoted(&child.call.name);
        match &child.missing {
            Some(MissingModule::NeedsNetwork { host, why }) => {
                let why = match why {
                    NetworkNeed::NotInstalled | NetworkNeed::OtherVersions(_) if facts.init.upgrade => {
                        UPGRADE.to_owned()
                    }
                    NetworkNeed::NotInstalled => not_installed(child),
                    NetworkNeed::OtherVersions(versions) => {
                        format!("the image's store has {}, which the call does not allow", versions.join(", "))
                    }
                    NetworkNeed::RewrittenByGit if facts.asked.is_some() => return,
                    NetworkNeed::RewrittenByGit => {
                        let source = child.call.source.as_deref().unwrap_or_default();
                        let text = format!(
                            "{}: git's configuration rewrites `{source}`, so that only the engine's fetch shows what it brings",
                            at(place)
                        );
                        return self.assume(Code::ModuleNeedsNetwork, text);
                    }
                    NetworkNeed::AskedOnEveryReading => {
                        let cause = Cause::Module(ModuleCause::AskedOnEveryReading);
                        let why = "what kind of repository a bitbucket.org address means is asked for on every reading";
                        return self.needs_network(facts, child, host.as_deref(), why, cause);
                    }
                };
                let cause = if facts.init.upgrade {
                    ModuleCause::Upgraded
                } else if is_fetched(&child.source) {
                    ModuleCause::NotHere
                } else {
                    ModuleCause::NotFetched
                };
                self.needs_network(facts, child, host.as_deref(), &why, Cause::Module(cause));
            }
            Some(MissingModule::Unreadable { directory, mistake }) => {
                let detail = format!("The directory {directory} could not be read for module {name}.");
                let failure = Failure::new(Stage::Before, Code::ModuleInvalid, "Unreadable module directory", detail);
                let cause = mistake.clone().map(Cause::ModulePath);
                self.failures.push(Failure { cause, ..failure.at(place) });
            }
            Some(MissingModule::PathMissing) => {
                let detail = format!("The source of module {name} names a path that does not exist on this machine.");
                self.fail(Code::ModuleInvalid, "Failed to download module", detail, Some(place));
            }
            Some(MissingModule::Repository(problem)) => {
                let detail = match problem {
                    RepositoryProblem::Owner { directory } => {
                        format!(
                            "The repository of module {name}, `{directory}`, belongs to another user, and git refuses it."
                        )
                    }
                    RepositoryProblem::Reference { name: reference } => {
                        format!("The repository of module {name} has no branch, tag or commit {}.", Quoted(reference))
                    }
                    RepositoryProblem::Subdirectory { name: subdirectory } => {
                        format!("The repository of module {name} has no directory {} there.", Quoted(subdirectory))
                    }
                };
                let failure = Failure::new(Stage::Before, Code::ModuleInvalid, "Failed to download module", detail);
                self.failures.push(failure.at(place).because(Cause::Repository(problem.clone())));
            }
            Some(MissingModule::Cycle) => {
                let detail = format!("Module {name} is one of the modules that call it, so that the calls never end.");
                self.fail(Code::ModuleInvalid, "Failed to remove local module cache", detail, Some(place));
            }
            Some(MissingModule::NameTooLong) => {
                let detail = format!(
                    "The engine makes a file's name of a module's name and those of the modules that call it, of at most 255 \
                     bytes. That of module {name} has {}.",
                    path.len()
                );
                let failure =
                    Failure::new(Stage::Before, Code::ModuleInvalid, "Failed to remove local module cache", detail);
                self.failures.push(failure.at(place).because(Cause::ModuleNameTooLong));
            }
            Some(MissingModule::VersionUnrecorded) => {
                self.fail(Code::ModuleInvalid, not_loaded(child.record), "It is recorded without one.", Some(place));
            }
            Some(MissingModule::Unevaluated) => self.unevaluated(facts, path, place),
            None if child.module.is_none() && facts.asked.is_some() => {}
            None if child.module.is_none() => {
                let text = format!("{}: module `{path}` is copied by `init` and was not read", at(place));
                self.assume(Code::ConfigurationNotUnderstood, text);
            }
            None if facts.init.upgrade && facts.init.get => self.upgraded(facts, child),
            None => {}
        }
        if let Some(module) = &child.module {
            self.module(facts, module);
        }
    }

    fn unevaluated(&mut self, facts: &Facts, path: &str, place: &Place) {
        if facts.asked.is_some() {
            return;
        }
        let text = format!("{}: the source of module `{path}` is only known to the engine", at(place));
        self.assume(Code::ConfigurationNotUnderstood, text);
    }

    fn upgraded(&mut self, facts: &Facts, child: &ChildModule) {
        let host = match &child.source {
            ModuleSource::Registry { host, .. } => Some(host.as_str()),
            ModuleSource::Remote { host, .. } => host.as_deref(),
            ModuleSource::Local(_) | ModuleSource::LocalCopy(_) | ModuleSource::Unknown => return,
        };
        self.needs_network(facts, child, host, UPGRADE, Cause::Module(ModuleCause::Upgraded));
    }

    fn needs_network(&mut self, facts: &Facts, child: &ChildModule, host: Option<&str>, why: &str, cause: Cause) {
        let place = &child.call.source_place;
        let source = child.call.source.as_deref().unwrap_or_default();
        if host.is_some_and(|host| facts.reachable.iter().any(|reachable| reachable == host)) {
            let text = format!("{}: what `{source}` brings is only known once it is fetched", at(place));
            return self.assume(Code::ModuleNeedsNetwork, text);
        }
        let name = Quoted(&child.call.name);
        let summary = match &child.source {
            ModuleSource::Registry { .. } => "Error accessing remote module registry",
            _ => "Failed to download module",
        };
        let detail = format!("Module {name} ({}) comes from {}: {why}.", at(place), Quoted(source));
        let failure = Failure::new(Stage::Before, Code::ModuleNeedsNetwork, summary, detail);
        let misfit = child.misfit.clone().filter(|_| !facts.init.upgrade);
        let record = misfit.map(|record| Cause::ModuleRecord { record, state: child.record });
        self.failures.push(failure.at(place).because(record.unwrap_or(cause)));
    }
}

const UPGRADE: &str = "-upgrade fetches every called module again";

fn not_installed(child: &ChildModule) -> String {
    let Some(record) = &child.misfit else { return "it is not installed".to_owned() };
    match child.record {
        InstallationRecord::SourceChanged => {
            format!("`modules.json` records it as installed from {}", Quoted(&record.source))
        }
        InstallationRecord::VersionChanged => {
            let version = record.version.as_ref().map(ToString::to_string).unwrap_or_default();
            let wanted = child.call.version.as_deref().unwrap_or_default();
            format!("`modules.json` records version {version}, which {} does not allow", Quoted(wanted))
        }
        _ => {
            let directory = Quoted(record.directory.as_str());
            let why = if record.directory.as_str().contains('\\') {
                ", which is not there: it was written on Windows"
            } else if record.directory.is_absolute() {
                ", a directory of another machine"
            } else {
                ", which is not there"
            };
            format!("`modules.json` records it in {directory}{why}")
        }
    }
}

/// What loading the tree of modules says if one is not installed.
///
/// Source: OpenTofu `internal/configs/configload/loader_load.go` `moduleWalkerLoad`.
const fn not_loaded(record: InstallationRecord) -> &'static str {
    match record {
        InstallationRecord::SourceChanged => "Module source has changed",
        InstallationRecord::VersionChanged | InstallationRecord::VersionUnrecorded => {
            "Module version requirements have changed"
        }
        InstallationRecord::None | InstallationRecord::DirectoryMissing | InstallationRecord::Installed => {
            "Module not installed"
        }
    }
}

/// `modules/x.tf:4`, or the path alone.
pub(super) fn at(place: &Place) -> String {
    place
        .position
        .as_ref()
        .map_or_else(|| place.path.to_string(), |position| format!("{}:{}", place.path, position.line))
}
