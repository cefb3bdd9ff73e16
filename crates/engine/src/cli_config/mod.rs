//! The CLI configuration, HCL 1 or JSON, as the engines read it: print the errors and go on.
//!
//! Not repeated here: the engine's checks of `credentials`, `oci_credentials`, `oci_default_credentials` and
//! `registry_protocols`, none of which changes where providers come from.
//!
//! Source: OpenTofu `internal/command/cliconfig`.

mod carried;
pub mod credentials;
mod decode;
pub mod host_services;
mod inherited;
mod json;
mod methods;
mod native;
mod oci_mirror;
mod quote;
mod scanner;
mod syntax;

use camino::{Utf8Path, Utf8PathBuf};

pub use carried::{CarriedBlock, carried_blocks};
pub use inherited::{FileOutcome, ImpliedMirror, Inherited, InheritedFile, NamedBy, read_file, read_inherited};
pub use quote::quote;

use self::decode::{Decoded, Kind};
use self::scanner::Pos;
use self::syntax::Rules;
use super::environment::Environment;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_hcl::ProblemKind;
use airtight_provider::{AddressPattern, Engine, EngineName, ProviderAddress};

/// One file, with what the engine drops from it.
#[derive(Clone, Debug, Default)]
pub struct CliConfig {
    pub path: Option<Utf8PathBuf>,
    /// Null: no usable `provider_installation` block, so the implied methods apply.
    pub installation: Option<Installation>,
    /// As written; [`CliConfig::apply_environment`] expands it.
    pub plugin_cache_dir: Option<String>,
    pub plugin_cache_may_break_lock: bool,
    /// Hosts whose services a `host` block redirects.
    pub host_blocks: Vec<String>,
    /// What the engine prints and survives; each with what it drops.
    pub problems: Vec<CliConfigProblem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliConfigProblem {
    pub problem: Problem,
    pub effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The whole file counts for nothing (but a plugin cache that stands before what is wrong).
    FileDropped,
    BlockDropped,
    MethodDropped,
    /// Printed, without consequence.
    None,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installation {
    /// In file order; dropped ones are not here.
    pub methods: Vec<Method>,
    /// Overridden addresses with their directories.
    pub dev_overrides: Vec<(ProviderAddress, Utf8PathBuf)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    pub kind: MethodKind,
    pub include: Vec<AddressPattern>,
    pub exclude: Vec<AddressPattern>,
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
    /// Lets the environment have its say, as the engines do after reading: `$VAR` in the file's plugin cache directory
    /// is expanded, `TF_PLUGIN_CACHE_DIR` wins as it is, and the flag for the lock file is on if either says so.
    pub fn apply_environment(&mut self, environment: &Environment) {
        self.plugin_cache_dir = match (&environment.plugin_cache_dir, &self.plugin_cache_dir) {
            (Some(directory), _) => Some(directory.clone()),
            (None, Some(written)) => Some(environment.expand(written)).filter(|directory| !directory.is_empty()),
            (None, None) => None,
        };
        self.plugin_cache_may_break_lock |=
            environment.plugin_cache_may_break_lock.as_deref().is_some_and(|value| value != "0");
    }

    /// Lays a file over others that the engine read after it: the first installation block counts, the first plugin
    /// cache directory too.
    fn merge(&mut self, later: Self) {
        if self.installation.is_some() && later.installation.is_some() {
            let path = later.path.clone().unwrap_or_default();
            self.problems.push(second_block(Place::file(path)));
        }
        self.path = self.path.take().or(later.path);
        self.installation = self.installation.take().or(later.installation);
        self.plugin_cache_dir = self.plugin_cache_dir.take().or(later.plugin_cache_dir);
        self.plugin_cache_may_break_lock |= later.plugin_cache_may_break_lock;
        self.host_blocks.extend(later.host_blocks);
        self.problems.extend(later.problems);
    }
}

/// Parses one file's text by the engine's rules.
///
/// No problem's text holds a value of the file, which may be a secret; where the engine's own text does, ours has the
/// position alone.
pub fn parse(path: &Utf8Path, text: &str, engine: &Engine) -> CliConfig {
    let mut config = CliConfig { path: Some(path.to_owned()), ..CliConfig::default() };
    let items = match syntax::parse(text, rules(engine)) {
        Ok(file) => file.items,
        Err(error) => {
            config.drop_file(file_problem(path, text, error.pos, &error.message));
            return config;
        }
    };
    for (name, kind) in root_fields(engine.name) {
        match decode::field(&items, name, kind) {
            Ok(Some(decoded)) => config.set(name, decoded),
            Ok(None) => {}
            Err(error) => {
                config.drop_file(file_problem(path, text, error.pos, &error.message));
                return config;
            }
        }
    }
    let mut reporter = Reporter { path, text, problems: Vec::new() };
    let installations = methods::decode(&items, engine, &mut reporter);
    config.problems = reporter.problems;
    if installations.len() > 1 {
        let second = items.iter().filter(|item| item.name() == methods::BLOCK).nth(1);
        let place = second.map_or_else(|| Place::file(path), |item| place(path, text, item.pos()));
        config.problems.push(second_block(place));
    }
    config.installation = installations.into_iter().next();
    config
}

/// Parses a file's bytes; what is no UTF-8 drops the whole file.
pub fn parse_bytes(path: &Utf8Path, bytes: &[u8], engine: &Engine) -> CliConfig {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(path, text, engine),
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let place = Place::in_text(path, &valid, valid.len()..valid.len());
            let mut config = CliConfig { path: Some(path.to_owned()), ..CliConfig::default() };
            let at = place.position.as_ref().map_or_else(String::new, |at| format!("At {}:{}: ", at.line, at.column));
            let summary = format!("Error parsing {path}: {at}illegal UTF-8 encoding");
            config.drop_file(Problem::new(ProblemKind::Invalid, summary, "", place));
            config
        }
    }
}

impl CliConfig {
    fn drop_file(&mut self, problem: Problem) {
        self.problems.push(CliConfigProblem { problem, effect: Effect::FileDropped });
    }

    fn set(&mut self, name: &str, decoded: Decoded) {
        match (name, decoded) {
            ("plugin_cache_dir", Decoded::Text(directory)) => {
                self.plugin_cache_dir = Some(directory).filter(|directory| !directory.is_empty());
            }
            ("plugin_cache_may_break_dependency_lock_file", Decoded::Flag(flag)) => {
                self.plugin_cache_may_break_lock = flag;
            }
            ("host", Decoded::Map(hosts)) => self.host_blocks = hosts.into_iter().map(|(host, _)| host).collect(),
            _ => {}
        }
    }
}

/// OpenTofu has the stricter library since 1.12, Terraform never (tried with 1.11.4).
fn rules(engine: &Engine) -> Rules {
    match engine.name {
        EngineName::Tofu if engine.is_at_least(1, 12, 0) => Rules::Strict,
        _ => Rules::Forgiving,
    }
}

/// The keys whose wrong type drops the whole file, in the order in which the engine decodes them.
fn root_fields(engine: EngineName) -> &'static [(&'static str, Kind)] {
    const ANY_MAP: Kind = Kind::Map(&Kind::Any);
    const HOST: Kind = Kind::Record(&[("services", ANY_MAP)]);
    const HELPER: Kind = Kind::Record(&[("args", Kind::TextList)]);
    const CACHE: (&str, Kind) = ("plugin_cache_dir", Kind::Text);
    const MAY_BREAK: (&str, Kind) = ("plugin_cache_may_break_dependency_lock_file", Kind::Flag);
    const HOSTS: (&str, Kind) = ("host", Kind::Map(&HOST));
    const CREDENTIALS: (&str, Kind) = ("credentials", Kind::Map(&ANY_MAP));
    const HELPERS: (&str, Kind) = ("credentials_helper", Kind::Map(&HELPER));
    match engine {
        EngineName::Tofu => &[CACHE, MAY_BREAK, HOSTS, CREDENTIALS, HELPERS],
        EngineName::Terraform => &[
            ("Providers", Kind::Map(&Kind::Text)),
            ("Provisioners", Kind::Map(&Kind::Text)),
            ("disable_checkpoint", Kind::Flag),
            ("disable_checkpoint_signature", Kind::Flag),
            CACHE,
            MAY_BREAK,
            HOSTS,
            CREDENTIALS,
            HELPERS,
        ],
    }
}

fn file_problem(path: &Utf8Path, text: &str, pos: Pos, message: &str) -> Problem {
    Problem {
        kind: ProblemKind::Syntax,
        summary: format!("Error parsing {path}: {message}"),
        detail: String::new(),
        place: place(path, text, pos),
    }
}

fn place(path: &Utf8Path, text: &str, pos: Pos) -> Place {
    Place::in_text(path, text, pos.offset..pos.offset)
}

fn second_block(place: Place) -> CliConfigProblem {
    let summary = "No more than one provider_installation block may be specified".to_owned();
    CliConfigProblem { problem: Problem::new(ProblemKind::Invalid, summary, "", place), effect: Effect::BlockDropped }
}

/// Collects the problems of one file.
struct Reporter<'text> {
    path: &'text Utf8Path,
    text: &'text str,
    problems: Vec<CliConfigProblem>,
}

impl Reporter<'_> {
    fn report(&mut self, pos: Pos, summary: &str, detail: String, effect: Effect) {
        let problem = Problem::new(ProblemKind::Invalid, summary, detail, place(self.path, self.text, pos));
        self.problems.push(CliConfigProblem { problem, effect });
    }
}

#[cfg(test)]
mod tests;
