//! The configuration, in native and JSON syntax: which providers a module's files need, which modules they call and where
//! the state is; and the tree of modules below it.
//!
//! This extracts and does not judge. Only the engine (`tofu` or `terraform`) says whether a configuration loads. If it does,
//! the result here is exactly what the engine reads. Parts that cannot be read here are in `not_understood`.
//!
//! [`files`] lists the files that engines read, [`body`] shows both syntaxes as one, [`declarations`] reads a file,
//! [`module`] puts files together, [`tree`] follows module calls, whose addresses [`source`] interprets.

mod body;
pub mod calls;
mod declarations;
mod files;
mod json;
mod links;
mod module;
pub(crate) mod source;
mod static_values;
mod test_files;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

pub use source::ModuleSource;
pub use static_values::GivenVariables;

use crate::module_stores::ModuleStores;
use crate::modules_manifest::ModuleRecord;
use airtight_hcl::{Place, Problem, Sources};
use airtight_provider::modules::tree::Contents;
use airtight_provider::{Engine, EngineName};

/// The root module and every module that it calls and that is on disk.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub root: Module,
    /// Modules called, by path (`a`, `a.b`), each with the call that made it; the root's test modules too, such as
    /// `test.tests.main.setup` for run `setup` of `tests/main.tftest.hcl`.
    pub children: BTreeMap<String, ChildModule>,
    /// `provider` blocks and `run { module {} }` calls of the root's test files, already limited to what this engine
    /// counts.
    pub tests: TestFiles,
    /// A record of installed modules that cannot be read: the engine loads nothing at all.
    pub manifest_errors: Vec<Problem>,
    /// What the stores of modules bring.
    pub placement: Placement,
}

/// What the configuration is read with.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    pub variables: GivenVariables<'a>,
    /// The stores of modules.
    pub modules: &'a ModuleStores,
    /// As the engine names it: `.terraform`, or what `TF_DATA_DIR` says.
    pub data_dir: &'a Utf8Path,
}

/// What has to be in the data directory before the engine starts, so that it finds installed what a store has. Empty if no
/// called module comes from a store.
///
/// Directories are as the engine records them: relative to the root module, or absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// All of `modules.json`, in the order of the keys: also of local modules, because an engine drops what is below a
    /// module that it has no record of.
    pub records: Vec<ModuleRecord>,
    pub copies: Vec<ModuleCopy>,
}

/// A tree of a store that one call gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleCopy {
    /// The called module's path, such as `a.b`.
    pub key: String,
    /// Of a registry's module.
    pub version: Option<String>,
    /// Where the copy belongs: `.terraform/modules/a.b`.
    pub directory: Utf8PathBuf,
    /// The store, as it was named.
    pub store: Utf8PathBuf,
    /// The tree in the store, without links on the way.
    pub tree: Utf8PathBuf,
    /// What the store's manifest says of it.
    pub contents: Contents,
}

#[derive(Clone, Debug)]
pub struct ChildModule {
    pub call: ModuleCall,
    pub source: ModuleSource,
    /// Null if it is not on disk, or was not read: an archive or a repository on this machine.
    pub module: Option<Module>,
    /// Why the engine could not load it, or would have to fetch it.
    pub missing: Option<MissingModule>,
    /// Its record in `modules.json`, if that does not fit.
    pub misfit: Option<ModuleRecord>,
    /// What `modules.json` says about it, for `-get=false` and `-upgrade`: without a current record the former fails
    /// on local modules too.
    pub record: InstallationRecord,
    /// It was read in a store of modules, and is copied from there before the engine starts.
    pub is_served: bool,
}

/// What the manifest of installed modules says of a module call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallationRecord {
    /// There is none, or the installer drops it together with the calling module's.
    None,
    /// Made from another source.
    SourceChanged,
    /// Made in a version that the call does not allow.
    VersionChanged,
    /// Made without a version although the call has a constraint: installing passes it, loading refuses it.
    VersionUnrecorded,
    /// Current, but its directory is not there.
    DirectoryMissing,
    Installed,
}

/// Why a called module is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingModule {
    /// Only the network has it; the host, if the source names one.
    NeedsNetwork { host: Option<String>, why: NetworkNeed },
    /// The module's directory cannot be read.
    Unreadable { directory: Utf8PathBuf, mistake: Option<PathMistake> },
    /// The path that its source names on this machine is not there.
    PathMissing,
    /// It comes from a repository on this machine, and cannot be fetched from there.
    Repository(RepositoryProblem),
    /// It is one of the modules that call it.
    Cycle,
    /// Its path in the tree, `a.b.c`, is longer than a file's name may be: the installer makes a name of it.
    NameTooLong,
    /// It is recorded without a version, which loading refuses.
    VersionUnrecorded,
    /// The source is only known when the engine evaluates it, or means nothing that is known here.
    Unevaluated,
}

/// Why a local path is no module's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMistake {
    /// It ends in `?ref=...`, which belongs to repositories; the path before it.
    Query { path: String },
    /// It is an archive, which engines open only by an absolute path; that path.
    Archive { path: Utf8PathBuf },
    /// It is a file.
    File,
    /// The directory is there, with other capital letters; its name.
    Capitals { name: String },
}

/// What is wrong with a repository on this machine, as git sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryProblem {
    /// git's own directory belongs to another user, so that git refuses it.
    Owner { directory: Utf8PathBuf },
    /// It has no branch, tag or commit of this name.
    Reference { name: String },
    /// The reference has no such directory.
    Subdirectory { name: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkNeed {
    NotInstalled,
    /// A store has the module, and none of these versions is allowed.
    OtherVersions(Vec<String>),
    /// git's own configuration rewrites the address, maybe to a repository on the disk.
    RewrittenByGit,
    /// What kind of repository a bitbucket.org address means is asked for on every reading.
    AskedOnEveryReading,
}

impl Placement {
    /// The records with the trees of the stores in place of their copies.
    pub fn records_in_stores(&self) -> Vec<ModuleRecord> {
        let in_store = |record: &ModuleRecord| {
            let mut copies = self.copies.iter();
            let found = copies.find_map(|copy| Some((copy, record.directory.strip_prefix(&copy.directory).ok()?)));
            let (copy, below) = found?;
            Some(if below.as_str().is_empty() { copy.tree.clone() } else { copy.tree.join(below) })
        };
        let records = self.records.iter();
        records
            .map(|record| ModuleRecord {
                directory: in_store(record).unwrap_or_else(|| record.directory.clone()),
                ..record.clone()
            })
            .collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleCall {
    pub name: String,
    pub source: Option<String>,
    pub source_place: Place,
    pub version: Option<String>,
}

/// One module, after overrides.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub directory: Utf8PathBuf,
    /// Files that count, in the engine's order: primaries, then overrides.
    pub files: Vec<Utf8PathBuf>,
    pub required_providers: BTreeMap<String, RequiredProvider>,
    /// `provider "L" {}` blocks; the version argument, if there is one.
    pub provider_blocks: Vec<ProviderBlock>,
    /// Resources, data sources, ephemeral resources, imports, `data` in `check` blocks.
    pub uses: Vec<ProviderUse>,
    pub calls: Vec<ModuleCall>,
    pub backend: Option<Backend>,
    pub core_versions: Vec<CoreVersion>,
    /// What airtight cannot read, but the engine may be able to.
    pub not_understood: Vec<Problem>,
    /// OpenTofu's `encryption` block is there.
    pub has_encryption: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredProvider {
    pub local_name: String,
    pub source: Option<String>,
    pub source_place: Place,
    pub version: Option<String>,
    pub version_place: Place,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderBlock {
    pub local_name: String,
    pub version: Option<String>,
    pub place: Place,
}

/// A block that needs a provider: by its `provider` argument, else by the prefix of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderUse {
    pub local_name: String,
    /// `resource.null_resource.x`, for people.
    pub what: String,
    pub place: Place,
}

/// Where the state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// `local`, `http`, `s3`, ...; `cloud` for a `cloud` block.
    pub kind: String,
    /// The local backend's constant `path` and `workspace_dir`.
    pub path: Option<String>,
    pub workspace_dir: Option<String>,
    /// The constant `hostname` of a `cloud` block or the `remote` backend.
    pub hostname: Option<String>,
    /// Only the engine can say what one of them is.
    pub is_unevaluated: bool,
    /// The texts of those of them that are no constants.
    pub(crate) expressions: Vec<(&'static str, String)>,
    pub place: Place,
}

impl Backend {
    /// Fills in what is no constant, as far as `text` knows it.
    fn evaluate(&mut self, text: impl Fn(&str) -> Option<String>) {
        let mut is_unevaluated = false;
        for (name, expression) in std::mem::take(&mut self.expressions) {
            let value = text(&expression);
            is_unevaluated |= value.is_none();
            match name {
                "path" => self.path = value,
                "workspace_dir" => self.workspace_dir = value,
                _ => self.hostname = value,
            }
        }
        self.is_unevaluated = is_unevaluated;
    }

    /// The host that a `cloud` block or the `remote` backend asks before anything else; null if that cannot be known here.
    /// `by_variable` is the value of `TF_CLOUD_HOSTNAME`.
    ///
    /// Source: OpenTofu and Terraform `internal/cloud/backend.go`, `internal/backend/remote/backend.go`.
    pub fn host(&self, by_variable: Option<&str>, engine: EngineName) -> Option<String> {
        /// Of Terraform alone: OpenTofu has no default.
        const DEFAULT: &str = "app.terraform.io";
        let is_cloud = self.kind == "cloud";
        if self.is_unevaluated || !(is_cloud || self.kind == "remote") {
            return None;
        }
        let by_variable = by_variable.filter(|host| is_cloud && !host.is_empty());
        let default = (engine == EngineName::Terraform).then_some(DEFAULT);
        self.hostname.as_deref().or(by_variable).or(default).map(ToOwned::to_owned)
    }
}

/// A `required_version`, or the same in OpenTofu's `language` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreVersion {
    pub text: String,
    /// Stands in a `.tofu` or `.tofu.json` file, or in a `language` block.
    pub is_for_tofu: bool,
    pub place: Place,
}

#[derive(Clone, Debug, Default)]
pub struct TestFiles {
    /// All of them, in the engine's order.
    pub files: Vec<Utf8PathBuf>,
    pub provider_blocks: Vec<ProviderBlock>,
    pub not_understood: Vec<Problem>,
}

impl Configuration {
    /// Whether the root module has no file that this engine reads; `init` does nothing there.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/parser_config_dir.go` `IsEmptyDir`.
    pub fn is_empty_to(&self, engine: &Engine) -> bool {
        let has_tests = engine.counts_test_files_as_configuration() && !self.tests.files.is_empty();
        self.root.files.is_empty() && !has_tests
    }
}

/// Reads the configuration under a root module.
pub fn read(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    test_directory: &str,
    engine: &Engine,
    sources: &mut Sources,
) -> Configuration {
    let surroundings = Surroundings {
        variables: GivenVariables::default(),
        modules: &ModuleStores::default(),
        data_dir: Utf8Path::new(".terraform"),
    };
    tree::read(root_module, data_dir, test_directory, engine, &surroundings, sources)
}

/// The same, with variables' values, and with modules that are not installed read in stores.
pub fn read_with(
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    test_directory: &str,
    engine: &Engine,
    surroundings: &Surroundings<'_>,
    sources: &mut Sources,
) -> Configuration {
    tree::read(root_module, data_dir, test_directory, engine, surroundings, sources)
}
