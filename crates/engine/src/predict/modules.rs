//! What comes before any provider: arguments, the root module, the state, called modules, the lock file.
//!
//! Source: OpenTofu `internal/command/init.go` `Run`, `internal/initwd/module_install.go`.

use camino::Utf8Path;

use super::{Assumption, Facts, Failure, Step, core_version};
use crate::configuration::{ChildModule, InstallationRecord, MissingModule, Module, ModuleSource};
use crate::state::{UNREAD_SETTINGS, UNSUPPORTED_BACKEND};
use airtight_finding::Code;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::{Engine, EngineName, Quoted};

/// What stops the engine, or what could not be seen, before it asks for providers.
#[derive(Default)]
pub(super) struct Before {
    pub(super) failures: Vec<Failure>,
    pub(super) assumptions: Vec<Assumption>,
}

/// Whether the root module has a file that counts; without one `init` does nothing at all.
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

/// Which part of `init` reports what is wrong in a called module: installing reads them all.
pub(super) const fn child_step(facts: &Facts) -> Step {
    if facts.init.get { Step::Modules } else { Step::ModuleTree }
}

/// Which part of `init` reports what is wrong in the root module. Installing modules, where there are any, reads it too.
pub(super) fn root_step(facts: &Facts) -> Step {
    let is_installing = facts.init.get && !facts.configuration.children.is_empty();
    if is_installing && !facts.engine.refuses_root_module_first() { Step::Modules } else { Step::RootModule }
}

/// Installing modules does not see again what an earlier look at the root module's files said of their syntax.
fn is_only_of_syntax(root: &Module) -> bool {
    root.errors.len() == root.syntax_errors
}

/// Whether a called module is refused where the root module's own files are read.
fn is_refused_in_root(path: &str, child: &ChildModule) -> bool {
    !path.contains('.') && child.is_refused_while_parsing()
}

/// The backend is opened where a block describes it, or where the root module has no errors when it is loaded again: the
/// parser keeps files, and speaks of their syntax once.
///
/// Source: OpenTofu `internal/command/meta_backend.go` `Backend`, `backendConfig`; hashicorp/hcl v2
/// `hclparse/parser.go`.
fn opens_backend(facts: &Facts) -> bool {
    let root = &facts.configuration.root;
    let is_sound = is_only_of_syntax(root)
        && !facts.configuration.children.iter().any(|(path, child)| is_refused_in_root(path, child));
    let is_described = is_sound || root.backend.is_some() || facts.engine.refuses_root_module_first();
    !facts.init.backend || is_described
}

/// Reading the state from the opened backend takes a lock file that can be read. Without a state the engine stops at a
/// later step.
fn reads_state(facts: &Facts) -> bool {
    opens_backend(facts) && (!facts.init.backend || facts.lock.errors.is_empty())
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
    before.root(facts);
    before.state(facts);
    for (path, child) in &facts.configuration.children {
        before.child(facts, path, child);
    }
    before.lock(facts);
    before.pass_over_syntax(&facts.configuration.root);
    before
}

impl Before {
    fn assume(&mut self, code: Code, text: impl Into<String>) {
        self.assumptions.push(Assumption { code, text: text.into() });
    }

    fn arguments(&mut self, facts: &Facts) {
        for error in &facts.init.errors {
            let summary = argument_summary(&facts.engine, error);
            let detail = if summary == error { "" } else { error.as_str() };
            self.failures.push(Failure::new(Step::Arguments, Code::InitArgumentsInvalid, summary, detail));
        }
        if facts.init.from_module.is_some() && has_configuration(facts) {
            self.failures.push(Failure::new(
                Step::Arguments,
                Code::InitArgumentsInvalid,
                "The working directory already contains files",
                "The -from-module option requires an empty directory into which a copy of the referenced module will be \
                 placed.",
            ));
        }
        if facts.init.upgrade && facts.init.lockfile_readonly && has_configuration(facts) {
            self.failures.push(Failure::new(
                Step::Preparation,
                Code::InitArgumentsInvalid,
                "The -upgrade flag conflicts with -lockfile=readonly.",
                "",
            ));
        }
    }

    fn root(&mut self, facts: &Facts) {
        let root = &facts.configuration.root;
        let is_installing = facts.init.get && !facts.configuration.children.is_empty();
        let is_read_by_installing = is_installing && !facts.engine.refuses_root_module_first();
        let version_step = if is_read_by_installing { Step::Modules } else { Step::CoreVersion };
        let refused = core_version::check(&facts.engine, root, None, [version_step, root_step(facts)]);
        // Where another version is asked for, installing passes over whatever else is wrong with the root module.
        let is_refused = refused.iter().any(|failure| failure.code == Code::EngineVersionRefused);
        let is_passed_over = is_read_by_installing && is_refused;
        self.failures.extend(refused);
        self.problems(Step::Manifest, Code::ModuleInvalid, &facts.configuration.manifest_errors);
        self.problems(Step::VariablesFiles, Code::ConfigurationInvalid, &facts.configuration.variables_errors);
        let is_state_first =
            !facts.engine.refuses_root_module_first() && !facts.engine.installs_state_providers_apart();
        let step = if is_passed_over {
            Step::ModuleTree
        } else if root.is_unread_in_part && is_state_first && !facts.state.errors.is_empty() && reads_state(facts) {
            // What the engine makes of the rest of such a file says which of them it comes to first.
            Step::State
        } else {
            root_step(facts)
        };
        let is_passed_over = is_only_of_syntax(root) && !root.is_unread_in_part;
        let files_step = if is_passed_over && step == Step::Modules { Step::RootModule } else { step };
        self.problems(files_step, Code::ConfigurationInvalid, &root.errors);
        let tree_step = if is_installing { Step::Modules } else { Step::ModuleTree };
        self.problems(tree_step, Code::ConfigurationInvalid, &root.tree_errors);
        self.problems(Step::Requirements, Code::ConfigurationInvalid, &root.requirement_errors);
        self.problems(step, Code::ConfigurationInvalid, &facts.configuration.tests.errors);
        self.problems(tree_step, Code::ConfigurationInvalid, &facts.configuration.tests.tree_errors);
        self.not_understood(&root.not_understood);
        self.not_understood(&facts.configuration.tests.not_understood);
        if root.has_encryption && facts.init.backend {
            self.assume(
                Code::StateUnseen,
                "the `encryption` block's key provider is not evaluated, nor what it encrypts read",
            );
        }
    }

    /// What the engine makes of the rest of a file with such errors is not known. Where nothing else keeps modules from being
    /// installed, they stand beside what comes after.
    fn pass_over_syntax(&mut self, root: &Module) {
        let is_of_modules = |failure: &&Failure| failure.step == Step::Modules;
        let is_all = self.failures.iter().filter(is_of_modules).count() == root.syntax_errors;
        if is_all && is_only_of_syntax(root) {
            for failure in self.failures.iter_mut().filter(|failure| failure.step == Step::Modules) {
                failure.step = Step::RootModule;
            }
        }
    }

    fn state(&mut self, facts: &Facts) {
        if opens_backend(facts) && (facts.lock.errors.is_empty() || !facts.state.is_behind_lock) {
            for problem in &facts.state.backend_errors {
                let is_early = facts.engine.installs_state_providers_apart() && problem.summary == UNSUPPORTED_BACKEND;
                let step = if is_early { Step::RootModule } else { Step::Backend };
                let code = match problem.place.position {
                    Some(_) => Code::ConfigurationInvalid,
                    None if problem.summary == UNREAD_SETTINGS => Code::InitArgumentsInvalid,
                    None => Code::StateInvalid,
                };
                self.problems(step, code, std::slice::from_ref(problem));
            }
        }
        self.problems(Step::VariablesFiles, Code::StateInvalid, &facts.state.workspace_errors);
        if reads_state(facts) {
            self.problems(Step::State, Code::StateInvalid, &facts.state.errors);
        }
        if let Some(reason) = &facts.state.unseen {
            self.assume(Code::StateUnseen, reason);
        }
    }

    fn child(&mut self, facts: &Facts, path: &str, child: &ChildModule) {
        let step = if is_refused_in_root(path, child) { root_step(facts) } else { child_step(facts) };
        let place = &child.call.source_place;
        if !child.is_refused_while_parsing() && !facts.init.get && child.record != InstallationRecord::Installed {
            let needs_network = matches!(child.missing, Some(MissingModule::NeedsNetwork { .. }));
            let code = if needs_network { Code::ModuleNeedsNetwork } else { Code::ModuleInvalid };
            let (summary, detail) = not_loaded(child.record);
            self.failures.push(Failure::new(step, code, summary, detail).at(place));
            return;
        }
        match &child.missing {
            Some(MissingModule::NeedsNetwork { host, why }) => {
                self.needs_network(facts, child, step, host.as_deref(), why);
            }
            Some(MissingModule::Invalid(problem)) => {
                self.problems(step, Code::ModuleInvalid, std::slice::from_ref(problem));
                // What the constraint says does not matter where the versions cannot be listed.
                if let ModuleSource::Registry { host, .. } = &child.source {
                    let why = "it is not installed and its registry is not on this machine";
                    self.needs_network(facts, child, child_step(facts), Some(host), why);
                }
            }
            Some(MissingModule::Unreadable(directory)) => {
                let is_kept = child.record == InstallationRecord::Installed && !(facts.init.upgrade && facts.init.get);
                let (summary, detail) = unreadable(directory, &child.call.name, is_kept);
                self.failures.push(Failure::new(step, Code::ModuleInvalid, summary, detail).at(place));
            }
            Some(MissingModule::Unevaluated) => {
                let text = format!("{}: the source of module `{path}` is only known to the engine", at(place));
                self.assume(Code::ConfigurationNotUnderstood, text);
            }
            None => {}
        }
        let Some(module) = &child.module else {
            if child.missing.is_none() {
                let text = format!("{}: module `{path}` is copied by `init` and was not read", at(place));
                self.assume(Code::ConfigurationNotUnderstood, text);
            }
            return;
        };
        if facts.init.upgrade && facts.init.get && child.missing.is_none() {
            match &child.source {
                ModuleSource::Registry { host, .. } => {
                    self.needs_network(facts, child, step, Some(host), "-upgrade fetches every called module again");
                }
                ModuleSource::Remote { host, .. } => {
                    self.needs_network(
                        facts,
                        child,
                        step,
                        host.as_deref(),
                        "-upgrade fetches every called module again",
                    );
                }
                _ => {}
            }
        }
        self.version_and_errors(facts, path, child, module);
    }

    fn version_and_errors(&mut self, facts: &Facts, path: &str, child: &ChildModule, module: &Module) {
        let step = child_step(facts);
        let version_step = if step == Step::ModuleTree && facts.engine.checks_required_version_in_tf_files() {
            Step::CoreVersion
        } else {
            step
        };
        let source = child.call.source.as_deref().unwrap_or_default();
        let named = format!("Module module.{} (from {source})", path.replace('.', ".module."));
        self.failures.extend(core_version::check(&facts.engine, module, Some(&named), [version_step, step]));
        self.problems(step, Code::ConfigurationInvalid, &module.errors);
        self.problems(step, Code::ConfigurationInvalid, &module.tree_errors);
        self.problems(Step::Requirements, Code::ConfigurationInvalid, &module.requirement_errors);
        self.not_understood(&module.not_understood);
    }

    fn needs_network(&mut self, facts: &Facts, child: &ChildModule, step: Step, host: Option<&str>, why: &str) {
        let place = &child.call.source_place;
        let source = child.call.source.as_deref().unwrap_or_default();
        if host.is_some_and(|host| facts.reachable.iter().any(|reachable| reachable == host)) {
            let text = format!("{}: what `{source}` brings is only known once it is fetched", at(place));
            self.assume(Code::ModuleNeedsNetwork, text);
            return;
        }
        let name = Quoted(&child.call.name);
        let (summary, detail) = match &child.source {
            ModuleSource::Registry { host, .. } => (
                "Error accessing remote module registry",
                format!("Failed to retrieve available versions for module {name} ({}) from {host}: {why}.", at(place)),
            ),
            ModuleSource::Remote { scheme, .. } if scheme == "bitbucket" => (
                "Invalid module source address",
                format!("Failed to parse module source address: error looking up BitBucket URL: {why}."),
            ),
            _ => (
                "Failed to download module",
                format!("Could not download module {name} ({}) source code from {}: {why}.", at(place), Quoted(source)),
            ),
        };
        self.failures.push(Failure::new(step, Code::ModuleNeedsNetwork, summary, detail).at(place));
    }

    fn lock(&mut self, facts: &Facts) {
        self.not_understood(&facts.lock.not_understood);
        // Without a backend to open, the engine does not look at it before it prepares for providers.
        let is_closed = !facts.state.backend_errors.is_empty() && !facts.state.is_behind_lock;
        let is_read_early = facts.init.backend && !is_closed && !facts.engine.installs_state_providers_apart();
        let step = if is_read_early { Step::Lock } else { Step::Preparation };
        for problem in &facts.lock.errors {
            let summary = match step {
                Step::Lock => format!("failed to read dependency lock file: {}", problem.summary),
                _ => problem.summary.clone(),
            };
            self.failures.push(Failure::new(step, Code::LockFileInvalid, summary, &problem.detail).at(&problem.place));
        }
    }

    fn problems(&mut self, step: Step, code: Code, problems: &[Problem]) {
        for problem in problems {
            self.failures.push(Failure::new(step, code, &problem.summary, &problem.detail).at(&problem.place));
        }
    }

    fn not_understood(&mut self, problems: &[Problem]) {
        for problem in problems {
            let text = format!("{}: {}", at(&problem.place), problem.summary);
            self.assume(Code::ConfigurationNotUnderstood, text);
        }
    }
}

/// What the engine calls an error in the arguments.
///
/// Source: OpenTofu `internal/command/arguments/init.go`, `cmd/tofu/main.go`; Terraform's files of the same names.
fn argument_summary<'a>(engine: &Engine, error: &'a str) -> &'a str {
    let is_tofu = engine.name == EngineName::Tofu;
    match error {
        _ if error.starts_with("Too many command line arguments") => {
            if is_tofu {
                "Unexpected argument"
            } else {
                error
            }
        }
        _ if error.starts_with("Error handling -chdir option") || error.starts_with("Invalid -chdir option") => error,
        _ if error.contains("mutually") => {
            if is_tofu {
                "Wrong combination of options"
            } else {
                "Invalid init options"
            }
        }
        _ => "Failed to parse command-line flags",
    }
}

/// What loading the tree of modules says where none is installed.
///
/// Source: OpenTofu `internal/configs/configload/loader_load.go` `moduleWalkerLoad`.
const fn not_loaded(record: InstallationRecord) -> (&'static str, &'static str) {
    match record {
        InstallationRecord::SourceChanged => (
            "Module source has changed",
            "The source address was changed since this module was installed. Run init without -get=false to install all \
             modules required by this configuration.",
        ),
        InstallationRecord::VersionChanged | InstallationRecord::VersionUnrecorded => (
            "Module version requirements have changed",
            "The version requirements have changed since this module was installed and the installed version is no \
             longer acceptable. Run init without -get=false to install all modules required by this configuration.",
        ),
        InstallationRecord::None | InstallationRecord::DirectoryMissing | InstallationRecord::Installed => (
            "Module not installed",
            "This module is not yet installed. Run init without -get=false to install all modules required by this \
             configuration.",
        ),
    }
}

/// What loading an installed module says where its directory cannot be read, and what installing it says.
///
/// Source: OpenTofu `internal/configs/parser_config_dir.go` `dirFiles`, `internal/initwd/module_install.go`
/// `installLocalModule`.
fn unreadable(directory: &Utf8Path, name: &str, is_kept: bool) -> (&'static str, String) {
    if is_kept {
        let detail = format!("Module directory {directory} does not exist or cannot be read.");
        return ("Failed to read module directory", detail);
    }
    let detail = format!("The directory {directory} could not be read for module {}.", Quoted(name));
    ("Unreadable module directory", detail)
}

/// `modules/x.tf:4`, or the path alone.
pub(super) fn at(place: &Place) -> String {
    place
        .position
        .as_ref()
        .map_or_else(|| place.path.to_string(), |position| format!("{}:{}", place.path, position.line))
}
