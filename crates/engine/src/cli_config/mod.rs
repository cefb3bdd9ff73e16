//! The CLI configuration, HCL 1 or JSON, as the engines read it: they print the errors and go on.
//!
//! Everything that installation depends on is exact: which methods remain, in which order, for which providers; the plugin
//! cache; and what the engine drops for a mistake. The engine's words for it are not repeated, nor its checks of the values in
//! `credentials`, `oci_credentials`, `oci_default_credentials` and `registry_protocols`, which do not change where providers
//! come from.
//!
//! Source: OpenTofu `internal/command/cliconfig`.

mod carried;
mod decode;
mod hosts;
mod inherited;
mod methods;
mod network_mirror;
mod oci_mirror;
mod parser;
mod problem;
mod quote;
mod scanner;
mod syntax;

use camino::{Utf8Path, Utf8PathBuf};

pub use carried::{CarriedBlock, carried_blocks};
pub use hosts::{HostServices, host_services, tokens};
pub use inherited::{
    FileOutcome, ImpliedMirror, Inherited, InheritedFile, LIMIT_BYTES, implied_mirrors, read_file, read_inherited,
};
pub use network_mirror::{UrlMistake, url_mistake};
pub use problem::{CliConfigProblem, Effect, ProblemKind};
pub use quote::quote;

use self::syntax::{Fault, File};
use super::environment::Environment;
use airtight_hcl::Place;
use airtight_provider::{AddressPattern, Engine, EngineName, ProviderAddress};

/// One file, or several that the engine merges, without what it drops.
#[derive(Clone, Debug, Default)]
pub struct CliConfig {
    pub path: Option<Utf8PathBuf>,
    /// Null: no usable `provider_installation` block, so the implied methods apply.
    pub installation: Option<Installation>,
    pub plugin_cache: Option<PluginCacheDir>,
    pub problems: Vec<CliConfigProblem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginCacheDir {
    /// As written, until [`CliConfig::apply_environment`] expands it.
    pub directory: String,
    /// Null: `TF_PLUGIN_CACHE_DIR` sets it.
    pub place: Option<Place>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installation {
    /// In file order; dropped ones are not here.
    pub methods: Vec<Method>,
    pub dev_overrides: Vec<DevOverride>,
}

/// A provider that a build outside the lock file replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevOverride {
    pub address: ProviderAddress,
    pub directory: Utf8PathBuf,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    pub kind: MethodKind,
    pub include: Vec<AddressPattern>,
    pub exclude: Vec<AddressPattern>,
    /// Null if no file has it.
    pub place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodKind {
    Direct,
    FilesystemMirror { path: String },
    NetworkMirror { url: String },
    OciMirror { repository: String },
}

impl Method {
    /// Whether the method is asked for a provider: included (or no list) and not excluded.
    pub fn accepts(&self, address: &ProviderAddress) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(address)))
            && !self.exclude.iter().any(|pattern| pattern.matches(address))
    }
}

impl CliConfig {
    fn of(path: &Utf8Path) -> Self {
        Self { path: Some(path.to_owned()), ..Self::default() }
    }

    /// The directories that it names: mirrors, the plugin cache, development builds.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        let installation = self.installation.iter();
        let mirrors = installation.clone().flat_map(|installation| &installation.methods).filter_map(|method| {
            if let MethodKind::FilesystemMirror { path } = &method.kind { Some(path.as_str()) } else { None }
        });
        let overrides = installation.flat_map(|installation| &installation.dev_overrides);
        let cache = self.plugin_cache.iter().map(|cache| cache.directory.as_str());
        mirrors.chain(cache).chain(overrides.map(|entry| entry.directory.as_str()))
    }

    /// Applies the environment as the engines do after reading: `$VAR` in the file's plugin cache directory is expanded,
    /// `TF_PLUGIN_CACHE_DIR` wins as it is.
    pub fn apply_environment(&mut self, environment: &Environment) {
        let from_file = self
            .plugin_cache
            .take()
            .map(|cache| PluginCacheDir { directory: environment.expand(&cache.directory), place: cache.place });
        let from_variable =
            environment.plugin_cache_dir.clone().map(|directory| PluginCacheDir { directory, place: None });
        self.plugin_cache = from_variable.or(from_file).filter(|cache| !cache.directory.is_empty());
    }

    /// Adds a file that the engine read after this one: the first installation block counts, and the first plugin cache.
    fn merge(&mut self, later: Self) {
        if self.installation.is_some() && later.installation.is_some() {
            let place = Place::file(later.path.clone().unwrap_or_default());
            self.problems.push(second_installation(place));
        }
        self.path = self.path.take().or(later.path);
        self.installation = self.installation.take().or(later.installation);
        self.plugin_cache = self.plugin_cache.take().or(later.plugin_cache);
        self.problems.extend(later.problems);
    }

    /// Reads the keys whose wrong type drops the whole file, in the order in which the engine decodes them.
    fn read_root(&mut self, file: &File, engine: EngineName, reporter: &Reporter<'_>) -> Result<(), Fault> {
        let root = decode::views(&file.items);
        let wrong = |argument| move |offset| Fault { offset, kind: ProblemKind::WrongType { argument } };
        if engine == EngineName::Terraform {
            for argument in ["providers", "provisioners"] {
                let entries = decode::entries(&root, argument);
                entries.and_then(|entries| decode::map_of_texts(&entries)).map_err(wrong(argument))?;
            }
            for argument in ["disable_checkpoint", "disable_checkpoint_signature"] {
                decode::flag(&root, argument).map_err(wrong(argument))?;
            }
        }
        let directory = decode::text(&root, CACHE).map_err(wrong(CACHE))?.filter(|directory| !directory.is_empty());
        let written = file.items.iter().rfind(|item| item.name().eq_ignore_ascii_case(CACHE));
        self.plugin_cache = directory
            .map(|directory| PluginCacheDir { directory, place: written.map(|item| reporter.place(item.span.start)) });
        decode::flag(&root, MAY_BREAK).map_err(wrong(MAY_BREAK))?;
        for host in decode::bodies(&root, "host").map_err(wrong("host"))? {
            decode::entries(&host, "services").map_err(wrong("services"))?;
        }
        decode::bodies(&root, "credentials").map_err(wrong("credentials"))?;
        for helper in decode::bodies(&root, "credentials_helper").map_err(wrong("credentials_helper"))? {
            decode::texts(&helper, "args").map_err(wrong("args"))?;
        }
        Ok(())
    }
}

const CACHE: &str = "plugin_cache_dir";
const MAY_BREAK: &str = "plugin_cache_may_break_dependency_lock_file";

/// Parses one file's text by the engine's rules.
pub fn parse(path: &Utf8Path, text: &str, engine: &Engine) -> CliConfig {
    let mut config = CliConfig::of(path);
    let mut reporter = Reporter { path, text, problems: Vec::new() };
    let read = parser::parse(text, is_strict(engine)).and_then(|file| {
        config.read_root(&file, engine.name, &reporter)?;
        Ok(file)
    });
    match read {
        Err(fault) => reporter.report(fault.offset, fault.kind, Effect::FileDropped),
        Ok(file) => {
            let mut installations = methods::decode(&file, engine, &mut reporter);
            if installations.len() > 1 {
                let second = file.items.iter().filter(|item| item.name() == methods::BLOCK).nth(1);
                let place = second.map_or_else(|| Place::file(path), |item| reporter.place(item.span.start));
                reporter.problems.push(second_installation(place));
            }
            config.installation = (!installations.is_empty()).then(|| installations.swap_remove(0));
        }
    }
    config.problems = reporter.problems;
    config
}

/// Parses a file's bytes.
pub fn parse_bytes(path: &Utf8Path, bytes: &[u8], engine: &Engine) -> CliConfig {
    match text_of(path, bytes) {
        Ok(text) => parse(path, text, engine),
        Err(problem) => CliConfig { problems: vec![problem], ..CliConfig::of(path) },
    }
}

fn text_of<'bytes>(path: &Utf8Path, bytes: &'bytes [u8]) -> Result<&'bytes str, CliConfigProblem> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let kind = if is_utf16 { ProblemKind::Utf16 } else { ProblemKind::NotUtf8 };
        let place = Place::in_text(path, &valid, valid.len()..valid.len());
        CliConfigProblem { kind, effect: Effect::FileDropped, place }
    })
}

/// OpenTofu has the stricter release of the library since 1.12, Terraform never (tried with 1.11.4).
fn is_strict(engine: &Engine) -> bool {
    engine.name == EngineName::Tofu && engine.is_at_least(1, 12, 0)
}

fn second_installation(place: Place) -> CliConfigProblem {
    CliConfigProblem { kind: ProblemKind::SecondInstallation, effect: Effect::BlockDropped, place }
}

/// Collects the problems of one file.
struct Reporter<'text> {
    path: &'text Utf8Path,
    text: &'text str,
    problems: Vec<CliConfigProblem>,
}

impl Reporter<'_> {
    fn place(&self, offset: usize) -> Place {
        Place::in_text(self.path, self.text, offset..offset)
    }

    fn report(&mut self, offset: usize, kind: ProblemKind, effect: Effect) {
        let place = self.place(offset);
        self.problems.push(CliConfigProblem { kind, effect, place });
    }
}

#[cfg(test)]
mod tests;
