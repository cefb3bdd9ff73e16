//! `modules.json` of the data directory: which called modules are installed, and from where.

use camino::{Utf8Path, Utf8PathBuf};

use super::Problem;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModulesManifest {
    pub records: Vec<ModuleRecord>,
    /// Broken JSON, duplicate keys: fatal for the engine.
    pub errors: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRecord {
    pub key: String,
    pub source: String,
    pub version: Option<String>,
    pub directory: Utf8PathBuf,
}

/// Reads `modules/modules.json` below the data directory; a missing or empty file holds no records.
pub fn read(data_dir: &Utf8Path) -> ModulesManifest {
    todo!()
}
