//! What is in `.terraform/modules` before a phase, against the image's stores.
//!
//! An engine believes `modules.json`: it loads whatever directory a record names, and compares neither its contents nor,
//! for a local module, its path with the call. So each record is measured here. Two things can prove a module:
//!
//! 1. the image's store, which has the contents for this source and version;
//! 2. the repository, for a local module: the record must name the very directory that the call names.
//!
//! Without a store nothing is judged, as there is nothing to compare with.

use std::collections::{BTreeMap, HashMap};

use airtight_engine::configuration::ModuleSource;
use airtight_engine::module_stores::{Found, ModuleStores};
use airtight_engine::modules_manifest::{self, ModuleRecord, ModulesManifest};
use airtight_provider::modules::manifest::ReferenceKind;
use airtight_provider::modules::tree::{self, Contents, Entry, EntryKind};
use airtight_provider::{Engine, protection};
use camino::{Utf8Path, Utf8PathBuf};

/// One record, measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledModule {
    pub key: String,
    /// As the engine recorded it.
    pub source: String,
    pub version: Option<String>,
    /// What the engine would load, as recorded.
    pub directory: Utf8PathBuf,
    pub standing: Standing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in a store, or equals what a store has.
    Proven,
    /// A directory of the repository that the call names.
    Local,
    /// The call names another directory.
    LocalElsewhere { called: Utf8PathBuf },
    /// A store has this source and version with other contents.
    Differs(Differences),
    /// No store has this source and version.
    Unproven(Location),
    /// It cannot be read.
    Unreadable(String),
}

/// Where a module is that no store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// Where the engine's installer puts it.
    DataDirectory,
    /// A directory of the image that only root can change.
    Image,
    /// Another directory of the repository.
    Repository,
    /// Anywhere else.
    Outside,
}

/// How a module differs from the store's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The source means these contents for good: a registry's version, a commit, a tag. A branch may have moved.
    pub is_fixed: bool,
    /// Files that the engine reads as configuration: changed, new or missing, in a directory that it loads.
    pub configuration: Vec<String>,
    /// Other files of the store's tree that are changed or missing.
    pub other: Vec<String>,
}

/// What is recorded as installed, and how it stands to the stores.
pub(crate) struct Judged {
    pub modules: Vec<InstalledModule>,
}

/// Where the records are.
pub(crate) struct Places<'a> {
    pub root_module: &'a Utf8Path,
    pub data_dir: &'a Utf8Path,
    pub repository: &'a Utf8Path,
}

/// Measures every record of the data directory whose directory is there. Nothing without a store.
pub(crate) fn judge(stores: &ModuleStores, engine: &Engine, places: &Places<'_>) -> Judged {
    if stores.is_empty() {
        return Judged { modules: Vec::new() };
    }
    let manifest = modules_manifest::read(places.data_dir);
    let mut judge = Judge { stores, engine, places, manifest: &manifest, compared: HashMap::new() };
    let modules = manifest.records.iter().filter_map(|record| judge.record(record)).collect();
    Judged { modules }
}

struct Judge<'a> {
    stores: &'a ModuleStores,
    engine: &'a Engine,
    places: &'a Places<'a>,
    manifest: &'a ModulesManifest,
    /// Copies that were compared, by their root and the store's tree.
    compared: HashMap<(Utf8PathBuf, Utf8PathBuf), Result<Differences, String>>,
}

impl Judge<'_> {
    fn record(&mut self, record: &ModuleRecord) -> Option<InstalledModule> {
        // Without its directory the engine installs it again.
        let real = self.real(&record.directory)?;
        if record.key.is_empty() || record.directory.as_str().is_empty() {
            return None;
        }
        let standing = match ModuleSource::parse(&record.source, self.engine) {
            ModuleSource::Local(path) => self.local(record, &path, &real),
            _ => self.installed(record, &real),
        };
        Some(InstalledModule {
            key: record.key.clone(),
            source: record.source.clone(),
            version: record.version.clone(),
            directory: record.directory.clone(),
            standing,
        })
    }

    fn real(&self, directory: &Utf8Path) -> Option<Utf8PathBuf> {
        let real = self.places.root_module.join(directory).canonicalize_utf8().ok()?;
        real.is_dir().then_some(real)
    }

    fn local(&self, record: &ModuleRecord, path: &str, real: &Utf8Path) -> Standing {
        let parent = match record.key.rsplit_once('.') {
            // A run of a test file calls for the root module.
            Some(_) if record.key.starts_with("test.") && self.above(&record.key).is_none() => Utf8PathBuf::from("."),
            Some(_) => match self.above(&record.key) {
                Some(parent) => parent.directory.clone(),
                // The engine drops the record of a module whose caller is not recorded.
                None => return Standing::Local,
            },
            None => Utf8PathBuf::from("."),
        };
        // As the engine joins them: before any link is resolved.
        let called = joined(&parent, path);
        match self.real(&called) {
            Some(called) if called == real => Standing::Local,
            _ => Standing::LocalElsewhere { called },
        }
    }

    fn above(&self, key: &str) -> Option<&ModuleRecord> {
        let (parent, _) = key.rsplit_once('.')?;
        self.manifest.record(parent)
    }

    fn installed(&mut self, record: &ModuleRecord, real: &Utf8Path) -> Standing {
        let normalized = match ModuleSource::parse(&record.source, self.engine) {
            ModuleSource::Registry { normalized, .. }
            | ModuleSource::Remote { normalized, .. }
            | ModuleSource::LocalCopy(normalized) => normalized,
            ModuleSource::Local(_) | ModuleSource::Unknown => record.source.clone(),
        };
        let Some(found) = self.stores.recorded(&normalized, record.version.as_deref()) else {
            return Standing::Unproven(self.location(record, real));
        };
        let tree = found.path();
        let below = found.directory().unwrap_or_default();
        let is_in_store = tree.canonicalize_utf8().is_ok_and(|tree| real == joined(&tree, below.as_str()));
        if is_in_store {
            return Standing::Proven;
        }
        // The package begins above the directory that is called.
        let root = if below.as_str().is_empty() { Some(real) } else { without_suffix(real, &below) };
        let Some(root) = root else {
            let everything =
                Differences { is_fixed: true, configuration: vec![below.into_string()], other: Vec::new() };
            return Standing::Differs(everything);
        };
        let key = (root.to_owned(), tree.clone());
        if !self.compared.contains_key(&key) {
            let compared = self.compare(root, &tree, &found);
            self.compared.insert(key.clone(), compared);
        }
        match &self.compared[&key] {
            Ok(differences) if differences.configuration.is_empty() && differences.other.is_empty() => Standing::Proven,
            Ok(differences) => Standing::Differs(differences.clone()),
            Err(error) => Standing::Unreadable(error.clone()),
        }
    }

    fn location(&self, record: &ModuleRecord, real: &Utf8Path) -> Location {
        let modules = self.places.data_dir.join("modules").canonicalize_utf8().ok();
        if modules.is_some_and(|modules| real.starts_with(modules.join(&record.key))) {
            Location::DataDirectory
        } else if self.places.repository.canonicalize_utf8().is_ok_and(|repository| real.starts_with(repository)) {
            Location::Repository
        } else if protection::check_by_mode(real).is_ok() {
            Location::Image
        } else {
            Location::Outside
        }
    }

    /// Compares a copy with the store's tree. The store is only read if something differs: a module may have written files
    /// beside its own.
    fn compare(&self, root: &Utf8Path, tree: &Utf8Path, found: &Found<'_>) -> Result<Differences, String> {
        let here = tree::entries(root).map_err(|error| error.to_string())?;
        if Contents::of(&here).difference_from(&found.tree.contents).is_none() {
            return Ok(Differences::default());
        }
        let there = tree::entries(tree).map_err(|error| error.to_string())?;
        if let Some(difference) = Contents::of(&there).difference_from(&found.tree.contents) {
            return Err(format!("`{tree}` is not what the manifest of its store says: {difference}"));
        }
        let loaded = self.loaded_directories(root);
        let is_fixed = found.source.version.is_some()
            || found.source.reference.as_ref().is_some_and(|reference| reference.kind != ReferenceKind::Branch);
        Ok(differences(&here, &there, &loaded, is_fixed))
    }

    /// The directories below a copy that some record names, relative to it.
    fn loaded_directories(&self, root: &Utf8Path) -> Vec<Utf8PathBuf> {
        let directories = self.manifest.records.iter().filter_map(|record| self.real(&record.directory));
        directories.filter_map(|real| real.strip_prefix(root).ok().map(Utf8Path::to_owned)).collect()
    }
}

fn differences(here: &[Entry], there: &[Entry], loaded: &[Utf8PathBuf], is_fixed: bool) -> Differences {
    let mut differences = Differences { is_fixed, ..Differences::default() };
    let is_loaded = |path: &str| {
        let parent = Utf8Path::new(path).parent().unwrap_or(Utf8Path::new(""));
        is_configuration(path) && loaded.iter().any(|directory| directory == parent)
    };
    let by_path = |entries: &[Entry]| -> BTreeMap<String, Entry> {
        entries.iter().map(|entry| (entry.path.clone(), entry.clone())).collect()
    };
    let (here, there) = (by_path(here), by_path(there));
    for (path, entry) in &there {
        if here.get(path).is_some_and(|found| is_same(found, entry)) {
            continue;
        }
        if is_loaded(path) { &mut differences.configuration } else { &mut differences.other }.push(path.clone());
    }
    let new = here.keys().filter(|path| !there.contains_key(*path) && is_loaded(path));
    differences.configuration.extend(new.cloned());
    differences
}

/// Permissions do not matter to an engine, and copies may have others.
fn is_same(one: &Entry, other: &Entry) -> bool {
    match (&one.what, &other.what) {
        (EntryKind::File { sha256, .. }, EntryKind::File { sha256: expected, .. }) => sha256 == expected,
        (one, other) => one == other,
    }
}

/// Whether the engine reads it as part of a module.
fn is_configuration(path: &str) -> bool {
    [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|suffix| path.ends_with(suffix))
}

/// Lexically, as the engines join.
fn joined(directory: &Utf8Path, path: &str) -> Utf8PathBuf {
    let mut joined = Utf8PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            camino::Utf8Component::CurDir => {}
            camino::Utf8Component::ParentDir if joined.file_name().is_some() => drop(joined.pop()),
            part => joined.push(part),
        }
    }
    joined
}

fn without_suffix<'a>(path: &'a Utf8Path, suffix: &Utf8Path) -> Option<&'a Utf8Path> {
    if path.ends_with(suffix) { path.ancestors().nth(suffix.components().count()) } else { None }
}
