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
    /// The store that has its package; null if none has.
    pub store: Option<Utf8PathBuf>,
    /// The hash of the store's package; null if no store has one.
    pub tree: Option<String>,
    /// The `h1:` hash of the configuration files of a copy, which modules do not write; null for what was not compared.
    pub measured: Option<String>,
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
    /// `modules.json` itself is not read, so nothing is known of any module.
    Unread(String),
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
    if let Some(problem) = manifest.not_understood.first() {
        // The engine may read what is not read here, and load whatever it says.
        let unread = InstalledModule {
            key: String::new(),
            source: String::new(),
            version: None,
            directory: Utf8PathBuf::new(),
            store: None,
            tree: None,
            measured: None,
            standing: Standing::Unread(problem.detail.clone()),
        };
        return Judged { modules: vec![unread] };
    }
    let mut judge = Judge { stores, engine, places, manifest: &manifest, comparisons: HashMap::new() };
    let modules = manifest.records.iter().filter_map(|record| judge.record(record)).collect();
    Judged { modules }
}

struct Judge<'a> {
    stores: &'a ModuleStores,
    engine: &'a Engine,
    places: &'a Places<'a>,
    manifest: &'a ModulesManifest,
    /// Copies that were compared, by their root and the store's tree.
    comparisons: HashMap<(Utf8PathBuf, Utf8PathBuf), Result<(Differences, String), String>>,
}

impl Judge<'_> {
    fn record(&mut self, record: &ModuleRecord) -> Option<InstalledModule> {
        // Without its directory the engine installs it again.
        let real = self.real(&record.directory)?;
        if record.key.is_empty() || record.directory.as_str().is_empty() {
            return None;
        }
        let module = |standing| InstalledModule {
            key: record.key.clone(),
            source: record.source.clone(),
            version: record.version.clone(),
            directory: record.directory.clone(),
            store: None,
            tree: None,
            measured: None,
            standing,
        };
        if let ModuleSource::Local(path) = ModuleSource::parse(&record.source, self.engine) {
            return Some(module(self.local(record, &path, &real)));
        }
        let stores = self.stores;
        let Some(found) = stores.recorded(&self.normalized(record), record.version.as_deref()) else {
            return Some(module(Standing::Unproven(self.location(record, &real))));
        };
        let (standing, measured) = self.compared(&found, &real);
        let (store, tree) = (found.store.directory.clone(), found.tree.contents.h1.clone());
        Some(InstalledModule { store: Some(store), tree: Some(tree), measured, ..module(standing) })
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

    fn normalized(&self, record: &ModuleRecord) -> String {
        match ModuleSource::parse(&record.source, self.engine) {
            ModuleSource::Registry { normalized, .. }
            | ModuleSource::Remote { normalized, .. }
            | ModuleSource::LocalCopy(normalized) => normalized,
            ModuleSource::Local(_) | ModuleSource::Unknown => record.source.clone(),
        }
    }

    fn compared(&mut self, found: &Found<'_>, real: &Utf8Path) -> (Standing, Option<String>) {
        let tree = found.path();
        let below = found.directory().unwrap_or_default();
        let is_in_store = tree.canonicalize_utf8().is_ok_and(|tree| real == joined(&tree, below.as_str()));
        if is_in_store {
            return (Standing::Proven, None);
        }
        // The package begins above the directory that is called.
        let root = if below.as_str().is_empty() { Some(real) } else { without_suffix(real, &below) };
        let Some(root) = root else {
            let everything =
                Differences { is_fixed: true, configuration: vec![below.into_string()], other: Vec::new() };
            return (Standing::Differs(everything), None);
        };
        let key = (root.to_owned(), tree.clone());
        if !self.comparisons.contains_key(&key) {
            let compared = self.compare(root, &tree, found);
            self.comparisons.insert(key.clone(), compared);
        }
        match &self.comparisons[&key] {
            Ok((differences, measured)) => {
                let is_same = differences.configuration.is_empty() && differences.other.is_empty();
                let standing = if is_same { Standing::Proven } else { Standing::Differs(differences.clone()) };
                (standing, Some(measured.clone()))
            }
            Err(error) => (Standing::Unreadable(error.clone()), None),
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
    fn compare(&self, root: &Utf8Path, tree: &Utf8Path, found: &Found<'_>) -> Result<(Differences, String), String> {
        let here = tree::entries(root).map_err(|error| error.to_string())?;
        let configuration: Vec<Entry> = here.iter().filter(|entry| is_configuration(&entry.path)).cloned().collect();
        let measured = Contents::of(&configuration).h1;
        if Contents::of(&here).difference_from(&found.tree.contents).is_none() {
            return Ok((Differences::default(), measured));
        }
        let there = tree::entries(tree).map_err(|error| error.to_string())?;
        if let Some(difference) = Contents::of(&there).difference_from(&found.tree.contents) {
            return Err(format!("`{tree}` is not what the manifest of its store says: {difference}"));
        }
        let loaded = self.loaded_directories(root);
        let is_fixed = found.source.version.is_some()
            || found.source.reference.as_ref().is_some_and(|reference| reference.kind != ReferenceKind::Branch);
        Ok((differences(&here, &there, &loaded, is_fixed), measured))
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

#[cfg(test)]
mod tests {
    use airtight_provider::modules::ModuleStore;
    use airtight_provider::modules::manifest::{Manifest, Reference, StoredSource, StoredTree, TreeKind};
    use airtight_provider::{EngineName, Version};
    use fs_err as fs;

    use super::*;

    const GIT: &str = "git::https://h.example/g.git";

    /// A store with one tree for a version, a tag and a branch, and a root module.
    struct World {
        _guard: tempfile::TempDir,
        base: Utf8PathBuf,
        stores: ModuleStores,
    }

    impl World {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let base = Utf8Path::from_path(guard.path()).unwrap().canonicalize_utf8().unwrap();
            let store = base.join("store");
            for directory in [store.join("tree/sub"), base.join("ws/.terraform/modules"), base.join("ws/net")] {
                fs::create_dir_all(directory).unwrap();
            }
            fs::write(store.join("tree/main.tf"), "").unwrap();
            fs::write(store.join("tree/sub/main.tf"), "").unwrap();
            fs::write(store.join("tree/README"), "").unwrap();
            let source = |source: &str, version: Option<&str>, kind: Option<ReferenceKind>| StoredSource {
                needed_by: Vec::new(),
                reference: kind.map(|kind| Reference { kind, name: "x".to_owned() }),
                source: source.to_owned(),
                subdirectory: String::new(),
                tree: "tree".to_owned(),
                version: version.map(str::to_owned),
            };
            let tree = StoredTree::measure(&store, "tree", TreeKind::Git, "https://h.example").unwrap();
            let sources = vec![
                source("h.example/a/b/c", Some("1.0.0"), None),
                source(GIT, None, Some(ReferenceKind::Branch)),
                source(&format!("{GIT}?ref=v1"), None, Some(ReferenceKind::Tag)),
            ];
            Manifest { serial: None, sources, trees: vec![tree] }.write(&store).unwrap();
            let stores = ModuleStores { stores: vec![ModuleStore::read(&store).unwrap().unwrap()] };
            Self { _guard: guard, base, stores }
        }

        fn copy(&self, key: &str) -> Utf8PathBuf {
            let copy = self.base.join("ws/.terraform/modules").join(key);
            fs::create_dir_all(copy.join("sub")).unwrap();
            for file in ["main.tf", "sub/main.tf", "README"] {
                fs::copy(self.base.join("store/tree").join(file), copy.join(file)).unwrap();
            }
            copy
        }

        /// How one record stands.
        fn standing(&self, source: &str, version: Option<&str>, directory: &str) -> Standing {
            let record = ModuleRecord {
                key: "a".to_owned(),
                source: source.to_owned(),
                version: version.map(str::to_owned),
                directory: directory.into(),
            };
            let root_module = self.base.join("ws");
            let data_dir = root_module.join(".terraform");
            fs::write(modules_manifest::path(&data_dir), modules_manifest::text(&[record])).unwrap();
            let engine = Engine::new(EngineName::Tofu, Version::release(1, 12, 6));
            let places = Places { root_module: &root_module, data_dir: &data_dir, repository: &root_module };
            judge(&self.stores, &engine, &places).modules.remove(0).standing
        }
    }

    const COPY: &str = ".terraform/modules/a";

    #[test]
    fn what_equals_the_store_is_proven() {
        let world = World::new();
        let copy = world.copy("a");
        assert_eq!(world.standing("h.example/a/b/c", Some("1.0.0"), COPY), Standing::Proven);
        assert_eq!(world.standing(&format!("{GIT}//sub?ref=v1"), None, ".terraform/modules/a/sub"), Standing::Proven);
        // Written by the module itself.
        fs::write(copy.join("x.zip"), "x").unwrap();
        assert_eq!(world.standing("h.example/a/b/c", Some("1.0.0"), COPY), Standing::Proven);
        let in_store = world.base.join("store/tree");
        assert_eq!(world.standing("h.example/a/b/c", Some("1.0.0"), in_store.as_str()), Standing::Proven);
    }

    #[test]
    fn what_differs_from_the_store_is_named() {
        let world = World::new();
        let copy = world.copy("a");
        let differs = |source: &str, version: Option<&str>| match world.standing(source, version, COPY) {
            Standing::Differs(Differences { is_fixed, configuration, other }) => (is_fixed, configuration, other),
            other => panic!("{other:?}"),
        };
        fs::write(copy.join("README"), "x").unwrap();
        assert_eq!(differs("h.example/a/b/c", Some("1.0.0")), (true, vec![], vec!["README".to_owned()]));
        fs::write(copy.join("more.tofu"), "").unwrap();
        fs::remove_file(copy.join("main.tf")).unwrap();
        // A directory that nothing loads.
        fs::write(copy.join("sub/more.tf"), "").unwrap();
        let expected = vec!["main.tf".to_owned(), "more.tofu".to_owned()];
        assert_eq!(differs("h.example/a/b/c", Some("1.0.0")).1, expected);
        assert!(differs(&format!("{GIT}?ref=v1"), None).0);
        assert!(!differs(GIT, None).0);
    }

    #[test]
    fn a_record_that_leads_elsewhere_is_seen() {
        let world = World::new();
        world.copy("a");
        fs::create_dir_all(world.base.join("outside")).unwrap();
        assert_eq!(world.standing("./net", None, "net"), Standing::Local);
        assert_eq!(world.standing("./net", None, COPY), Standing::LocalElsewhere { called: "net".into() });
        let unknown = |directory: &str| world.standing("h.example/a/b/c", Some("2.0.0"), directory);
        assert_eq!(unknown(COPY), Standing::Unproven(Location::DataDirectory));
        assert_eq!(unknown("net"), Standing::Unproven(Location::Repository));
        // Of root's own tests it belongs to root.
        assert!(matches!(unknown("../outside"), Standing::Unproven(Location::Outside | Location::Image)));
        assert!(matches!(world.standing("h.example/a/b/c", Some("1.0.0"), "net"), Standing::Differs(_)));
    }

    #[test]
    fn records_that_are_not_read_are_no_proof() {
        let world = World::new();
        let root_module = world.base.join("ws");
        let data_dir = root_module.join(".terraform");
        fs::write(modules_manifest::path(&data_dir), vec![b' '; 9 << 20]).unwrap();
        let engine = Engine::new(EngineName::Tofu, Version::release(1, 12, 6));
        let places = Places { root_module: &root_module, data_dir: &data_dir, repository: &root_module };
        let judged = judge(&world.stores, &engine, &places).modules;
        assert!(matches!(judged[0].standing, Standing::Unread(_)));
        assert!(judge(&ModuleStores::default(), &engine, &places).modules.is_empty());
    }
}
