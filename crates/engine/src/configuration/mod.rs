//! The configuration: a module's files in native and JSON syntax, and the tree of modules below it.
//!
//! [`files`] lists what counts, [`body`] shows both syntaxes as one, [`declarations`] decodes a file, [`module`] puts
//! files together, [`tree`] follows module calls by what [`source`] makes of their addresses. Source addresses of
//! providers and version constraints stay texts: what they say is judged with the requirements.

mod addresses;
mod body;
mod conditions;
mod declarations;
mod expression;
mod files;
mod json;
mod json_syntax;
mod lifecycle;
mod module;
mod module_block;
mod moves;
mod named_values;
mod passed_arguments;
mod passed_providers;
mod provider_block;
mod provisioner_block;
mod references;
mod required_providers;
mod resource_block;
mod schemas;
mod source;
mod terraform_block;
mod test_files;
mod tree;
mod value_type;
mod variables_files;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use airtight_hcl::Problem;
use airtight_hcl::{Place, Sources};
use airtight_provider::{CoreConstraints, Engine};

/// The root module and every module that it calls and that is on disk.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub root: Module,
    /// Modules called, by path (`a`, `a.b`), each with the call that made it; the root's test modules too, such as
    /// `test.tests.main.setup` for run `setup` of `tests/main.tftest.hcl`. Calls whose source is refused by an error
    /// of the calling module are not here.
    pub children: BTreeMap<String, ChildModule>,
    /// `provider` blocks and `run { module {} }` calls of the root's test files, already limited to what this engine
    /// counts.
    pub tests: TestFiles,
    /// A record of installed modules that cannot be read: the engine loads nothing at all.
    pub manifest_errors: Vec<Problem>,
    /// Files with values of input variables that cannot be read: an engine that evaluates module sources loads
    /// nothing at all.
    pub variables_errors: Vec<Problem>,
}

#[derive(Clone, Debug)]
pub struct ChildModule {
    pub call: ModuleCall,
    pub source: ModuleSource,
    /// Null where it is not on disk, or was not read: an archive or a repository on this machine.
    pub module: Option<Module>,
    /// Why the engine could not load it, or would have to fetch it.
    pub missing: Option<MissingModule>,
    /// What `modules.json` says about it, for `-get=false` and `-upgrade`: without a current record the former fails
    /// on local modules too.
    pub record: InstallationRecord,
}

impl ChildModule {
    /// Whether the source or the version is refused where the call itself is read, in the calling module's files.
    ///
    /// Source: OpenTofu `internal/configs/module_call.go` `decodeStaticFields`.
    pub fn is_refused_while_parsing(&self) -> bool {
        let version = self.call.version.as_deref().map(CoreConstraints::parse);
        matches!(self.source, ModuleSource::Invalid(_))
            || matches!(version, Some(Err(_)))
            || source::asked_while_parsing(&self.source).is_some()
    }
}

/// How a module call stands to the manifest of installed modules.
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
    /// Only the network has it; the host, where the source names one.
    NeedsNetwork { host: Option<String>, why: String },
    /// The engine fails on it, network or not.
    Invalid(Problem),
    /// The module's directory cannot be read.
    Unreadable(Utf8PathBuf),
    /// The source is only known when the engine evaluates it.
    Unevaluated,
}

/// A module source by kind, by the engine's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    Local(String),
    Registry {
        host: String,
        normalized: String,
    },
    Remote {
        scheme: String,
        host: Option<String>,
        normalized: String,
    },
    /// Reachable without network, but copied by the installer (`/abs`, `file://`, `git::file://`).
    LocalCopy(String),
    Unevaluated,
    Invalid(String),
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
    /// `provider "L" {}` blocks; the version argument where there is one.
    pub provider_blocks: Vec<ProviderBlock>,
    /// Resources, data sources, ephemeral resources, imports, `data` in `check` blocks.
    pub uses: Vec<ProviderUse>,
    pub calls: Vec<ModuleCall>,
    pub backend: Option<Backend>,
    pub core_versions: Vec<CoreVersion>,
    /// What makes the engine stop while it loads this module, certain without any doubt.
    pub errors: Vec<Problem>,
    /// How many of them are of files' syntax: the engines see these once, and pass over them when they load the module
    /// again.
    pub syntax_errors: usize,
    /// Syntax errors have kept the rest of a file from being read.
    pub is_unread_in_part: bool,
    /// What makes it stop when all modules are there, and it looks at them together.
    pub tree_errors: Vec<Problem>,
    /// What makes it stop when it collects the providers that all modules need.
    pub requirement_errors: Vec<Problem>,
    /// What we cannot read and the engine perhaps can.
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
    /// What opening it stops at, each with the argument whose value is wrong; without one it is an argument or a block
    /// that the backend does not have.
    pub errors: Vec<(Option<&'static str>, Problem)>,
    pub place: Place,
}

/// A `required_version`, or what OpenTofu's `language` block says instead.
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
    pub errors: Vec<Problem>,
    /// What makes the engine stop when all modules are there.
    pub tree_errors: Vec<Problem>,
    pub not_understood: Vec<Problem>,
}

impl Configuration {
    /// Whether the root module has no file that counts; `init` does nothing there.
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
    tree::read(root_module, data_dir, test_directory, engine, sources)
}
