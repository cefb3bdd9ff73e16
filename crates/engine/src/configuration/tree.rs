//! The tree of modules below a root module, as far as it is on disk.
//!
//! Source: OpenTofu `internal/initwd/module_install.go`, `internal/configs/configload/loader_load.go`.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::body::Text;
use super::declarations::CallDeclaration;
use super::links::eval_symlinks;
use super::module::{self, LoadedModule};
use super::source::{self, clean_path, is_fetchable};
use super::static_values::Scope;
use super::{
    ChildModule, Configuration, InstallationRecord, MissingModule, ModuleCall, ModuleCopy, ModuleSource, NetworkNeed,
    PathMistake, Placement, Surroundings, test_files,
};
use crate::module_stores::ModuleStores;
use crate::modules_manifest::{self, ModuleRecord, ModulesManifest};
use airtight_hcl::{Place, Problem, ProblemKind, Sources};
use airtight_provider::{CoreConstraints, Engine, EngineName, outside};

/// Trees that grow larger are cut off: modules that call each other many times grow exponentially.
const MAXIMUM_CHILDREN: usize = 5000;

/// The longest path of a module, `a.b.c`: the installer makes a file's name of it, even for a local module. This also
/// limits how deep modules nest.
///
/// Source: OpenTofu `internal/initwd/module_install.go` `packageInstallPath`; `NAME_MAX` of Linux.
const MAXIMUM_KEY_LENGTH: usize = 255;

pub(super) fn read(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    test_directory: &str,
    engine: &Engine,
    surroundings: &Surroundings<'_>,
    sources: &mut Sources,
) -> Configuration {
    let test_directory = Some(test_directory).filter(|_| engine.reads_test_files());
    let mut root = module::load(root_module, test_directory, engine, sources);
    let manifest = modules_manifest::read(data_dir);
    let manifest_errors = manifest.errors.clone();
    root.module.not_understood.extend(manifest.not_understood.iter().cloned());
    let (tests, runs) = test_files::read(root_module, &root.tests.tests, engine, sources);
    let repository = sources.repository().map(Utf8Path::to_owned);
    let scope = Scope::root(std::mem::take(&mut root.statics), root_module, repository, surroundings.variables, engine);
    if let (Some(scope), Some(backend), EngineName::Tofu) = (&scope, &mut root.module.backend, engine.name) {
        backend.evaluate(|expression| scope.text(expression));
    }
    let mut tree = Tree {
        root_module,
        engine,
        stores: surroundings.modules,
        placed: Utf8PathBuf::from(clean_path(surroundings.data_dir.join("modules").as_str())),
        records: Vec::new(),
        copies: Vec::new(),
        manifest,
        sources,
        children: BTreeMap::new(),
        loaded: HashMap::new(),
        calls_before: Vec::new(),
        is_cut_off: false,
    };
    let parent = Parent { scope, ..Parent::default() };
    tree.calls_before.extend(canonical(root_module));
    for call in &root.calls {
        tree.child(&parent, &call.name, call);
    }
    // The root module does not call what its test files call, and may be called from there.
    tree.calls_before.clear();
    let parent = Parent::default();
    for run in &runs {
        tree.child(&parent, &run.key, &run.call);
    }
    if tree.is_cut_off {
        let detail = format!("More than {MAXIMUM_CHILDREN} modules are called; airtight does not read the rest.");
        let place = Place::file(root_module);
        root.module.not_understood.push(Problem::new(ProblemKind::Limit, "Too many modules", detail, place));
    }
    let placement = tree.placement();
    Configuration { children: tree.children, root: root.module, tests, manifest_errors, placement }
}

struct Tree<'a> {
    root_module: &'a Utf8Path,
    engine: &'a Engine,
    stores: &'a ModuleStores,
    /// Where the installer puts modules, as it records it: `.terraform/modules`.
    placed: Utf8PathBuf,
    /// What the engine would record of the modules that are here.
    records: Vec<ModuleRecord>,
    copies: Vec<ModuleCopy>,
    manifest: ModulesManifest,
    sources: &'a mut Sources,
    children: BTreeMap<String, ChildModule>,
    /// Modules by their real directory: each is read once.
    loaded: HashMap<Utf8PathBuf, LoadedModule>,
    /// The real directories of the modules above, outermost first.
    calls_before: Vec<Utf8PathBuf>,
    is_cut_off: bool,
}

#[derive(Clone, Default)]
struct Parent<'a> {
    key: String,
    /// Relative to the root module, or absolute.
    directory: Utf8PathBuf,
    /// The installer has dropped its record, and with it those of everything below.
    is_reinstalled: bool,
    served: Option<ServedTree>,
    /// Null if the engine evaluates nothing in it.
    scope: Option<Rc<Scope<'a>>>,
}

/// A tree of a store, and where its copy will be.
#[derive(Clone)]
struct ServedTree {
    /// Without links.
    real: Utf8PathBuf,
    /// `.terraform/modules/KEY`.
    placed: Utf8PathBuf,
}

impl ServedTree {
    /// Where a real directory of the tree will be; null outside of the tree.
    fn placed(&self, real: &Utf8Path) -> Option<Utf8PathBuf> {
        let below = real.strip_prefix(&self.real).ok()?;
        Some(if below.as_str().is_empty() { self.placed.clone() } else { self.placed.join(below) })
    }
}

/// Where a called module is.
enum Location {
    /// Relative to the root module, or absolute.
    Directory(Utf8PathBuf),
    Served(Box<ModuleCopy>, Utf8PathBuf, ServedTree),
    Missing(MissingModule),
    /// Somewhere on this machine, in a form that is not read here.
    Unread,
}

impl<'a> Tree<'a> {
    fn child(&mut self, parent: &Parent<'a>, key: &str, call: &CallDeclaration) {
        if self.children.len() >= MAXIMUM_CHILDREN {
            self.is_cut_off = true;
            return;
        }
        // Without a source it is refused by every engine.
        let Some(source) = &call.source else { return };
        let text = |value: &Text| match value {
            Text::Constant(text) => Some(text.clone()),
            Text::Null | Text::Unevaluated => None,
        };
        let scope = parent.scope.as_deref();
        let source_value = source.evaluated(scope);
        let version = call.version.as_ref().map(|version| version.evaluated(scope));
        let version = version.as_ref();
        let has_version = match version {
            None => false,
            Some(Text::Null) => !self.engine.passes_over_null_versions(),
            Some(_) => true,
        };
        let source_text = text(&source_value).filter(|_| version != Some(&Text::Unevaluated));
        let kind =
            source_text.as_deref().map_or(ModuleSource::Unknown, |text| source::parse(text, has_version, self.engine));
        let inputs = &call.inputs;
        let call = ModuleCall {
            name: call.name.clone(),
            source: text(&source_value),
            source_place: source.place.clone(),
            version: version.and_then(text),
        };
        let record = self.record(parent, key, &call, &kind);
        let location = if key.len() > MAXIMUM_KEY_LENGTH {
            let is_installed = record == InstallationRecord::Installed;
            Location::Missing(if is_installed { MissingModule::Unevaluated } else { MissingModule::NameTooLong })
        } else {
            self.locate(parent, key, &call, &kind, record)
        };
        let is_reinstalled = record != InstallationRecord::Installed && record != InstallationRecord::VersionUnrecorded;
        let is_misfit = matches!(
            record,
            InstallationRecord::SourceChanged
                | InstallationRecord::VersionChanged
                | InstallationRecord::DirectoryMissing
        );
        let misfit = self.manifest.record(key).filter(|_| is_misfit).cloned();
        let mut child =
            ChildModule { call, source: kind, module: None, missing: None, record, misfit, is_served: false };
        let key = key.to_owned();
        match location {
            Location::Missing(missing) => child.missing = Some(missing),
            Location::Unread => {}
            Location::Directory(directory) => {
                let served = parent.served.clone().filter(|_| matches!(child.source, ModuleSource::Local(_)));
                let recorded = served.as_ref().map_or_else(|| Some(directory.clone()), |tree| tree.placed(&directory));
                let Some(recorded) = recorded else {
                    child.missing = Some(MissingModule::Unreadable { directory, mistake: None });
                    self.children.insert(key, child);
                    return;
                };
                self.record_as(&key, &child, None, recorded);
                let scope = parent.scope.clone();
                let inner = Parent { key: key.clone(), directory, is_reinstalled, served, scope };
                self.descend(&mut child, inner, inputs);
            }
            Location::Served(copy, directory, tree) => {
                child.is_served = true;
                // A directory that is not in the tree is found missing below.
                let placed = tree.placed(&directory).unwrap_or_else(|| tree.placed.clone());
                self.record_as(&key, &child, copy.version.clone(), placed);
                self.copies.push(*copy);
                let (served, scope) = (Some(tree), parent.scope.clone());
                let inner = Parent { key: key.clone(), directory, is_reinstalled: true, served, scope };
                self.descend(&mut child, inner, inputs);
            }
        }
        let key = key.as_str();
        self.children.insert(key.to_owned(), child);
    }

    /// Reads the module in a directory and everything below it. `parent` still has the scope of the calling module.
    fn descend(&mut self, child: &mut ChildModule, mut parent: Parent<'a>, inputs: &BTreeMap<String, String>) {
        let path = without_detour(self.root_module.join(&parent.directory));
        let Some(real) = canonical(&path) else {
            child.missing = Some(MissingModule::Unreadable { directory: path, mistake: None });
            return;
        };
        if self.calls_before.contains(&real) {
            child.missing = Some(MissingModule::Cycle);
            return;
        }
        let loaded = self
            .loaded
            .entry(real.clone())
            .or_insert_with(|| module::load(&path, None, self.engine, self.sources))
            .clone();
        if !loaded.is_readable {
            let mistake = path_mistake(&path);
            child.missing = Some(MissingModule::Unreadable { directory: path, mistake });
            return;
        }
        child.module = Some(loaded.module);
        parent.scope = parent.scope.map(|scope| scope.called(loaded.statics, inputs.clone()));
        self.calls_before.push(real);
        for call in &loaded.calls {
            self.child(&parent, &format!("{}.{}", parent.key, call.name), call);
        }
        self.calls_before.pop();
    }

    /// What the engine will have recorded of a module.
    fn record_as(&mut self, key: &str, child: &ChildModule, version: Option<String>, directory: Utf8PathBuf) {
        let Some(source) = normalized(&child.source) else { return };
        let known = self.manifest.record(key).filter(|_| child.record == InstallationRecord::Installed);
        let version = version.or_else(|| known.and_then(|record| record.version.clone()));
        self.records.push(ModuleRecord { key: key.to_owned(), source: source.to_owned(), version, directory });
    }

    /// What has to be there before the engine starts, so that it downloads nothing that a store has.
    fn placement(&mut self) -> Placement {
        let (records, copies) = (std::mem::take(&mut self.records), std::mem::take(&mut self.copies));
        if copies.is_empty() {
            return Placement::default();
        }
        let root = ModuleRecord { key: String::new(), source: String::new(), version: None, directory: ".".into() };
        let mut all = BTreeMap::from([(String::new(), root)]);
        // Records of modules that nobody calls stay, as the engine leaves them.
        let is_replaced = |key: &str| {
            let is_below = |copy: &ModuleCopy| key.strip_prefix(&copy.key).is_some_and(|rest| rest.starts_with('.'));
            copies.iter().any(|copy| is_below(copy) || copy.key == key)
        };
        let kept = self.manifest.records.iter().filter(|record| !record.key.is_empty() && !is_replaced(&record.key));
        all.extend(kept.cloned().chain(records).map(|record| (record.key.clone(), record)));
        Placement { records: all.into_values().collect(), copies }
    }

    /// What the manifest of installed modules says about a call.
    fn record(&self, parent: &Parent<'_>, key: &str, call: &ModuleCall, source: &ModuleSource) -> InstallationRecord {
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
        &mut self,
        parent: &Parent<'_>,
        key: &str,
        call: &ModuleCall,
        source: &ModuleSource,
        record: InstallationRecord,
    ) -> Location {
        if call.version.as_deref().is_some_and(|version| CoreConstraints::parse(version).is_err()) {
            return Location::Missing(MissingModule::Unevaluated);
        }
        if let Some(host) = source::asked_while_parsing(source) {
            let why = NetworkNeed::AskedOnEveryReading;
            return Location::Missing(MissingModule::NeedsNetwork { host: Some(host), why });
        }
        if let (InstallationRecord::Installed, Some(found)) = (record, self.manifest.record(key)) {
            return Location::Directory(found.directory.clone());
        }
        if let Some(served) = self.served(key, call, source) {
            return served;
        }
        if record == InstallationRecord::VersionUnrecorded {
            return Location::Missing(MissingModule::VersionUnrecorded);
        }
        let versions = self.stores.versions(source).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let why = if versions.is_empty() { NetworkNeed::NotInstalled } else { NetworkNeed::OtherVersions(versions) };
        let fetched = |host: Option<&String>| {
            Location::Missing(MissingModule::NeedsNetwork { host: host.cloned(), why: why.clone() })
        };
        match source {
            ModuleSource::Local(path) => self.local(parent, path),
            ModuleSource::LocalCopy(address) => copied(address),
            ModuleSource::Registry { host, .. } => fetched(Some(host)),
            ModuleSource::Remote { scheme, host, .. } if is_fetchable(scheme, self.engine) => fetched(host.as_ref()),
            ModuleSource::Unknown | ModuleSource::Remote { .. } => Location::Missing(MissingModule::Unevaluated),
        }
    }

    /// A path below the calling module's directory: the real one, if a link led there.
    fn local(&mut self, parent: &Parent<'_>, path: &str) -> Location {
        let joined = clean_path(&format!(
            "{}/{path}",
            if parent.directory.as_str().is_empty() { "." } else { parent.directory.as_str() }
        ));
        if let Some(directory) = eval_symlinks(self.root_module, Utf8Path::new(&joined)) {
            let followed = clean_path(directory.as_str()) != joined;
            if followed && outside::target(&self.root_module.join(&joined), self.sources.repository()).is_some() {
                self.sources.know_outside(&without_detour(self.root_module.join(&directory)));
            }
            Location::Directory(directory)
        } else {
            let directory = without_detour(self.root_module.join(&joined));
            let mistake = path_mistake(&directory);
            Location::Missing(MissingModule::Unreadable { directory, mistake })
        }
    }

    /// What a store has for a call.
    fn served(&self, key: &str, call: &ModuleCall, source: &ModuleSource) -> Option<Location> {
        let constraints = call.version.as_deref().and_then(|version| CoreConstraints::parse(version).ok());
        let found = self.stores.find(source, constraints.as_ref())?;
        let real = canonical(&found.path())?;
        let below = found.directory()?;
        let directory = if below.as_str().is_empty() { real.clone() } else { real.join(below) };
        let placed = self.placed.join(key);
        let version = found.source.version.clone();
        let contents = found.tree.contents.clone();
        let tree = real.clone();
        let store = found.store.directory.clone();
        let copy = ModuleCopy { key: key.to_owned(), version, directory: placed.clone(), store, tree, contents };
        Some(Location::Served(Box::new(copy), directory, ServedTree { real, placed }))
    }
}

/// `m` for `stack/../m`, unless a link makes it another place.
fn without_detour(path: Utf8PathBuf) -> Utf8PathBuf {
    if !path.as_str().contains("/../") {
        return path;
    }
    let clean = Utf8PathBuf::from(clean_path(path.as_str()));
    if canonical(&clean) == canonical(&path) { clean } else { path }
}

/// What `init` copies from this machine. Directories are read in place; archives and repositories are not.
fn copied(address: &str) -> Location {
    let Some(path) = address.strip_prefix("file://") else { return Location::Unread };
    let (path, subdirectory) = path.split_once("//").unwrap_or((path, ""));
    let path = Utf8Path::new(path.split_once('?').map_or(path, |(path, _)| path));
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() && !subdirectory.contains(['*', '?', '[']) => {
            let directory = canonical(path).unwrap_or_else(|| path.to_owned());
            Location::Directory(if subdirectory.is_empty() { directory } else { directory.join(subdirectory) })
        }
        Ok(_) => Location::Unread,
        Err(_) => Location::Missing(MissingModule::PathMissing),
    }
}

/// What is there instead of a module's directory.
fn path_mistake(directory: &Utf8Path) -> Option<PathMistake> {
    /// By their names, as the engines tell archives.
    const ARCHIVES: [&str; 8] = [".zip", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar"];
    if let Some((path, _)) = directory.as_str().split_once('?') {
        return Some(PathMistake::Query { path: path.to_owned() });
    }
    // An archive, or something that would be in it.
    for above in directory.ancestors().take_while(|above| above.parent().is_some()) {
        let is_archive = ARCHIVES.iter().any(|ending| above.as_str().ends_with(ending));
        if is_archive && above.is_file() {
            let inside = directory.strip_prefix(above).ok().filter(|inside| !inside.as_str().is_empty());
            let inside = inside.map(|inside| format!("//{inside}")).unwrap_or_default();
            return Some(PathMistake::Archive { path: format!("{}{inside}", canonical(above)?).into() });
        }
    }
    if directory.is_file() {
        return Some(PathMistake::File);
    }
    let name = directory.file_name()?;
    let entries = directory.parent()?.read_dir_utf8().ok()?;
    let is_same = |found: &str| found != name && found.to_lowercase() == name.to_lowercase();
    let found = entries.filter_map(Result::ok).find(|entry| is_same(entry.file_name()))?;
    Some(PathMistake::Capitals { name: found.file_name().to_owned() })
}

fn normalized(source: &ModuleSource) -> Option<&str> {
    match source {
        ModuleSource::Local(text) | ModuleSource::LocalCopy(text) => Some(text),
        ModuleSource::Registry { normalized, .. } | ModuleSource::Remote { normalized, .. } => Some(normalized),
        ModuleSource::Unknown => None,
    }
}

fn canonical(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let path = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
    path.canonicalize_utf8().ok()
}
