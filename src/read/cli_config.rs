//! The CLI configuration, HCL 1 or JSON, as the engines read it: print the errors and go on.
//!
//! Source: OpenTofu `internal/command/cliconfig`.

use camino::{Utf8Path, Utf8PathBuf};

use super::Problem;
use crate::domain::{AddressPattern, Engine, ProviderAddress};

/// One file, with what the engine drops from it.
#[derive(Clone, Debug, Default)]
pub struct CliConfig {
    pub path: Option<Utf8PathBuf>,
    /// Null: no usable `provider_installation` block, so the implied methods apply.
    pub installation: Option<Installation>,
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
    /// The whole file counts for nothing.
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

/// Parses one file's text by the engine's rules.
pub fn parse(path: &Utf8Path, text: &str, engine: &Engine) -> CliConfig {
    todo!()
}
