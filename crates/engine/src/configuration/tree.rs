//! The tree of modules below a root module, as far as it is on disk.
//!
//! Source: OpenTofu `internal/initwd/module_install.go`, `internal/configs/configload/loader_load.go`.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::body::Problems;
use super::declarations::{CallDeclaration, TextValue};
use super::module::{self, LoadedModule};
use super::passed_providers::{self, ProviderNames};
use super::schemas::Schemas;
use super::source::{self, clean_path, is_fetchable};
use super::{
    ChildModule, Configuration, InstallationRecord, MissingModule, Module, ModuleCall, ModuleSource, passed_arguments,
    test_files, variables_files,
};
use crate::modules_manifest;
use crate::modules_manifest::{ModuleRecord, ModulesManifest};
use airtight_hcl::Problem;
use airtight_hcl::{Place, Sources};
use airtight_provider::{CoreConstraints, Engine};

/// Trees that grow larger are cut off: modules that call each other many times grow exponentially.
const MAXIMUM_CHILDREN: usize = 5000;

pub(super) fn read(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    test_directory: &str,
    engine: &Engine,
    sources: &mut Sources,
) -> Configuration {
    let test_directory = Some(test_directory).filter(|_| engine.reads_test_files());
    let mut root = module::load(root_module, test_directory, engine, sources);
    let manifest = modules_manifest::read(data_dir);
    let manifest_errors = manifest.errors.clone();
    root.module.not_understood.extend(manifest.not_understood.iter().cloned());
    let mut variables_errors = Vec::new();
    let has_tests = engine.counts_test_files_as_configuration() && !root.tests.tests.is_empty();
    let has_configuration = !root.module.files.is_empty() || has_tests;
    if Schemas::new(engine).evaluates_module_sources() && has_configuration {
        let mut problems = Problems::default();
        variables_files::check(root_module, sources, &mut problems);
        variables_errors.append(&mut problems.errors);
        root.module.not_understood.append(&mut problems.not_understood);
    }
    let mut tests = test_files::read(root_module, &root.tests.tests, engine, sources);
    let mut tree = Tree {
        root_module,
        engine,
        manifest,
        sources,
        children: BTreeMap::new(),
        loaded: HashMap::new(),
        calls_before: Vec::new(),
        is_cut_off: false,
    };
    let parent = Parent {
        key: String::new(),
        directory: Utf8PathBuf::new(),
        is_reinstalled: false,
        repetition: None,
        caller: Rc::new(root.providers.clone()),
        is_test_file: false,
        is_of_test: false,
    };
    let ancestor = canonical(root_module);
    tree.calls_before.extend(ancestor);
    for call in &root.calls {
        tree.child(&parent, &call.name, call);
    }
    // The root module does not call what its test files call, and may be called from there.
    tree.calls_before.clear();
    let parent = Parent { is_test_file: true, is_of_test: true, ..parent };
    for run in tests.files.iter().flat_map(|file| &file.runs).filter_map(|run| run.call.as_ref()) {
        tree.child(&parent, &run.key, &run.call);
    }
    let called = |key: &str| tree.loaded.get(&canonical(&tree.children.get(key)?.module.as_ref()?.directory)?);
    let is_whole = tree.children.values().all(|child| child.missing.is_none())
        && tree.loaded.values().all(|loaded| loaded.module.errors.is_empty());
    let mut mismatches = test_files::check_provider_types(&tests.files, &root, called, is_whole, engine);
    tests.found.tree_errors.append(&mut mismatches);
    if tree.is_cut_off {
        root.module.not_understood.push(Problem {
            summary: "Module tree not understood".to_owned(),
            detail: format!("More than {MAXIMUM_CHILDREN} modules are called; the rest was not read."),
            place: Place::file(root_module),
        });
    }
    Configuration { children: tree.children, root: root.module, tests: tests.found, manifest_errors, variables_errors }
}

struct Tree<'a> {
    root_module: &'a Utf8Path,
    engine: &'a Engine,
    manifest: ModulesManifest,
    sources: &'a mut Sources,
    children: BTreeMap<String, ChildModule>,
    /// Modules by their real directory: each is read once.
    loaded: HashMap<Utf8PathBuf, LoadedModule>,
    /// The real directories of the modules above, outermost first.
    calls_before: Vec<Utf8PathBuf>,
    is_cut_off: bool,
}

#[derive(Clone)]
struct Parent {
    key: String,
    /// Relative to the root module, or absolute.
    directory: Utf8PathBuf,
    /// The installer has dropped its record, and with it those of everything below.
    is_reinstalled: bool,
    /// Its call, or one above, is repeated or conditional: no provider may be configured below.
    repetition: Option<Place>,
    /// The providers of the module that calls.
    caller: Rc<ProviderNames>,
    /// It is a test file: what its runs call is loaded as if it were a root module.
    is_test_file: bool,
    /// It is a test file, or called from one.
    is_of_test: bool,
}

/// Where a called module is.
enum Location {
    /// Relative to the root module, or absolute.
    Directory(Utf8PathBuf),
    Missing(MissingModule),
    /// Somewhere on this machine, in a form that is not read here.
    Unread,
}

impl Tree<'_> {
    fn child(&mut self, parent: &Parent, key: &str, call: &CallDeclaration) {
        if self.children.len() >= MAXIMUM_CHILDREN {
            self.is_cut_off = true;
            return;
        }
        let text = |text: &Option<super::declarations::Text>| match text.as_ref().map(|text| &text.value) {
            Some(TextValue::Constant(text)) => Some(text.clone()),
            _ => None,
        };
        let values = [&call.source, &call.version].map(|text| text.as_ref().map(|text| text.value.clone()));
        if values[0] == Some(TextValue::Refused) || !is_name(&call.name) {
            return;
        }
        let (source_text, version) = (text(&call.source), text(&call.version));
        let source = match &source_text {
            Some(source) if !values.contains(&Some(TextValue::Unevaluated)) => {
                source::parse(source, self.has_version(call), self.engine)
            }
            _ if values[0].is_some() => ModuleSource::Unevaluated,
            // An error of the file says that it is missing.
            _ => return,
        };
        let source_place = call.source.as_ref().map_or_else(|| call.place.clone(), |source| source.place.clone());
        let declaration = call;
        let call = ModuleCall { name: call.name.clone(), source: source_text, source_place, version };
        let record = self.record(parent, key, &call, &source);
        let location = self.locate(parent, key, (&call, self.has_version(declaration)), &source, record);
        let is_reinstalled = record != InstallationRecord::Installed && record != InstallationRecord::VersionUnrecorded;
        let mut child = ChildModule { call, source, module: None, missing: None, record };
        match location {
            Location::Missing(missing) => child.missing = Some(missing),
            Location::Unread => {}
            Location::Directory(directory) => {
                let repetition = declaration.repetition.clone().or_else(|| parent.repetition.clone());
                let place = Parent {
                    key: key.to_owned(),
                    directory,
                    is_reinstalled,
                    repetition,
                    caller: parent.caller.clone(),
                    is_test_file: false,
                    is_of_test: parent.is_of_test,
                };
                self.descend(&mut child, declaration, &place, parent.is_test_file);
            }
        }
        self.children.insert(key.to_owned(), child);
    }

    /// Whether a version is given: an explicit null counts only where it is not evaluated.
    fn has_version(&self, call: &CallDeclaration) -> bool {
        match call.version.as_ref().map(|version| &version.value) {
            None => false,
            Some(TextValue::Null) => !Schemas::new(self.engine).passes_over_null_versions(),
            Some(_) => true,
        }
    }

    /// Reads the module in a directory and everything below it.
    fn descend(&mut self, child: &mut ChildModule, call: &CallDeclaration, parent: &Parent, is_run: bool) {
        let path = self.root_module.join(&parent.directory);
        let Some(real) = canonical(&path) else {
            child.missing = Some(MissingModule::Unreadable(path));
            return;
        };
        if self.calls_before.contains(&real) {
            child.missing = Some(invalid(
                "Failed to remove local module cache",
                format!(
                    "Module \"{}\" is one of the modules that call it, so that the calls never end.",
                    child.call.name
                ),
                &child.call.source_place,
            ));
            return;
        }
        let loaded = self
            .loaded
            .entry(real.clone())
            .or_insert_with(|| module::load(&path, None, self.engine, self.sources))
            .clone();
        if !loaded.is_readable {
            child.missing = Some(MissingModule::Unreadable(path));
            return;
        }
        let mut module: Module = loaded.module;
        if self.engine.checks_module_arguments() {
            module.errors.extend(passed_arguments::check(call, &loaded.variables));
        }
        let refuses_imports = parent.is_of_test || !self.engine.checks_module_arguments();
        if let Some(place) = loaded.import.filter(|_| refuses_imports) {
            module.errors.push(Problem {
                summary: "Invalid import configuration".to_owned(),
                detail: "Import blocks are only allowed in the root module.".to_owned(),
                place,
            });
        }
        if !is_run {
            let names = [&parent.caller, &loaded.providers];
            module.errors.extend(passed_providers::check(call, parent.repetition.as_ref(), names, self.engine));
        }
        child.module = Some(module);
        self.calls_before.push(real);
        let below = Parent { caller: Rc::new(loaded.providers), ..parent.clone() };
        for call in &loaded.calls {
            self.child(&below, &format!("{}.{}", parent.key, call.name), call);
        }
        self.calls_before.pop();
    }

    /// What the manifest of installed modules says about a call.
    fn record(&self, parent: &Parent, key: &str, call: &ModuleCall, source: &ModuleSource) -> InstallationRecord {
        let Some(record) = self.manifest.record(key).filter(|_| !parent.is_reinstalled) else {
            return InstallationRecord::None;
        };
        let Some(wanted) = normalized(source) else { return InstallationRecord::None };
        let recorded = source::parse(&record.source, false, self.engine);
        if normalized(&recorded).unwrap_or(&record.source) != wanted {
            return InstallationRecord::SourceChanged;
        }
        match (&record.version, call.version.as_deref().map(CoreConstraints::parse)) {
            (Some(version), Some(Ok(constraints))) if !constraints.allows(version) => {
                InstallationRecord::VersionChanged
            }
            _ if !self.is_directory(record) => InstallationRecord::DirectoryMissing,
            (None, Some(_)) => InstallationRecord::VersionUnrecorded,
            _ => InstallationRecord::Installed,
        }
    }

    /// Modules that could not be installed are recorded without a directory.
    fn is_directory(&self, record: &ModuleRecord) -> bool {
        !record.directory.as_str().is_empty()
            && fs::metadata(self.root_module.join(&record.directory)).is_ok_and(|metadata| metadata.is_dir())
    }

    fn locate(
        &self,
        parent: &Parent,
        key: &str,
        (call, has_version): (&ModuleCall, bool),
        source: &ModuleSource,
        record: InstallationRecord,
    ) -> Location {
        const INVALID_VERSION: &str = "Invalid version constraint";
        let place = &call.source_place;
        let is_version = |version: &str| CoreConstraints::parse(version).is_ok();
        let comes_later = self.engine.checks_module_arguments() && !call.version.as_deref().is_none_or(is_version);
        if let (ModuleSource::Invalid(reason), false) = (source, comes_later) {
            let summary =
                if has_version { "Invalid registry module source address" } else { "Invalid module source address" };
            return Location::Missing(invalid(summary, reason, place));
        }
        if let Some(Err(_)) = call.version.as_deref().map(CoreConstraints::parse) {
            let detail = "This string does not use correct version constraint syntax.";
            return Location::Missing(invalid(INVALID_VERSION, detail, place));
        }
        if let Some(host) = source::asked_while_parsing(source) {
            let why = "what kind of repository a bitbucket.org address means is asked for on every reading".to_owned();
            return Location::Missing(MissingModule::NeedsNetwork { host: Some(host), why });
        }
        match (record, self.manifest.record(key)) {
            (InstallationRecord::Installed, Some(found)) => return Location::Directory(found.directory.clone()),
            (InstallationRecord::VersionUnrecorded, _) => {
                return Location::Missing(invalid(
                    "Module version requirements have changed",
                    "The version requirements have changed since this module was installed and the installed version \
                     is no longer acceptable.",
                    place,
                ));
            }
            _ => {}
        }
        match source {
            ModuleSource::Unevaluated | ModuleSource::Invalid(_) => Location::Missing(MissingModule::Unevaluated),
            ModuleSource::Local(path) => self.local(parent, path),
            ModuleSource::LocalCopy(address) => Self::copied(address, call),
            ModuleSource::Registry { host, normalized } => Location::Missing(MissingModule::NeedsNetwork {
                host: Some(host.clone()),
                why: format!("{normalized} is {} and its registry is not on this machine", not_installed(record)),
            }),
            ModuleSource::Remote { scheme, host, normalized } if is_fetchable(scheme, self.engine) => {
                Location::Missing(MissingModule::NeedsNetwork {
                    host: host.clone(),
                    why: format!("{normalized} is {} and has to be downloaded", not_installed(record)),
                })
            }
            ModuleSource::Remote { scheme, normalized, .. } => {
                let detail = format!(
                    "Could not download module \"{}\" source code from \"{normalized}\": download not supported for \
                     scheme '{scheme}'",
                    call.name
                );
                Location::Missing(invalid("Failed to download module", detail, place))
            }
        }
    }

    /// A path below the calling module's directory, which is the real one where a link led there.
    fn local(&self, parent: &Parent, path: &str) -> Location {
        let joined = clean_path(&format!(
            "{}/{path}",
            if parent.directory.as_str().is_empty() { "." } else { parent.directory.as_str() }
        ));
        let full = self.root_module.join(&joined);
        let Some(real) = canonical(&full) else { return Location::Missing(MissingModule::Unreadable(full)) };
        let above = canonical(&self.root_module.join(&parent.directory));
        let is_linked = above.is_none_or(|above| clean_path(&format!("{above}/{path}")) != real.as_str());
        Location::Directory(if is_linked { real } else { joined.into() })
    }

    /// What `init` copies from this machine. Directories are read in place; archives and repositories are not.
    fn copied(address: &str, call: &ModuleCall) -> Location {
        let Some(path) = address.strip_prefix("file://") else { return Location::Unread };
        let (path, subdirectory) = path.split_once("//").unwrap_or((path, ""));
        let path = Utf8Path::new(path.split_once('?').map_or(path, |(path, _)| path));
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() && !subdirectory.contains(['*', '?', '[']) => {
                let directory = canonical(path).unwrap_or_else(|| path.to_owned());
                Location::Directory(if subdirectory.is_empty() { directory } else { directory.join(subdirectory) })
            }
            Ok(_) => Location::Unread,
            Err(_) => {
                let detail = format!(
                    "Could not download module \"{}\" source code from \"{address}\": no such file or directory.",
                    call.name
                );
                Location::Missing(invalid("Failed to download module", detail, &call.source_place))
            }
        }
    }
}

/// The providers that a called module configures, expects and is given have to fit together.
///
/// Source: OpenTofu `internal/configs/provider_validation.go` `validateProviderConfigs`.
fn normalized(source: &ModuleSource) -> Option<&str> {
    match source {
        ModuleSource::Local(text) | ModuleSource::LocalCopy(text) => Some(text),
        ModuleSource::Registry { normalized, .. } | ModuleSource::Remote { normalized, .. } => Some(normalized),
        ModuleSource::Unevaluated | ModuleSource::Invalid(_) => None,
    }
}

fn not_installed(record: InstallationRecord) -> &'static str {
    match record {
        InstallationRecord::SourceChanged => "installed from another source",
        InstallationRecord::VersionChanged => "installed in a version that is not allowed",
        InstallationRecord::DirectoryMissing => "recorded as installed where nothing is",
        InstallationRecord::None | InstallationRecord::Installed | InstallationRecord::VersionUnrecorded => {
            "not installed"
        }
    }
}

fn invalid(summary: &str, detail: impl Into<String>, place: &Place) -> MissingModule {
    MissingModule::Invalid(Problem { summary: summary.to_owned(), detail: detail.into(), place: place.clone() })
}

fn canonical(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let path = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
    path.canonicalize_utf8().ok()
}

fn is_name(name: &str) -> bool {
    hcl::edit::Ident::try_new(name).is_ok()
}
