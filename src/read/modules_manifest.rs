//! `modules.json` of the data directory: which called modules are installed, and from where.
//!
//! Source: OpenTofu `internal/modsdir/manifest.go`.

use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::Deserialize;

use super::Problem;
use crate::domain::CoreConstraints;
use crate::finding::Place;

/// A larger file is refused, so that a planted one cannot fill the memory.
const MAXIMUM_SIZE_BYTES: u64 = 32 * 1024 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModulesManifest {
    pub records: Vec<ModuleRecord>,
    /// Broken JSON, duplicate keys: fatal for the engine.
    pub errors: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRecord {
    /// The module's path, such as `a.b`; empty for the root module.
    pub key: String,
    /// As written: older engines did not normalise it.
    pub source: String,
    pub version: Option<String>,
    /// Relative to the root module, or absolute.
    pub directory: Utf8PathBuf,
}

#[derive(Deserialize)]
struct RawManifest {
    #[serde(rename = "Modules", alias = "modules", default)]
    modules: Option<Vec<RawRecord>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawRecord {
    key: Option<String>,
    source: Option<String>,
    version: Option<String>,
    dir: Option<String>,
}

impl ModulesManifest {
    pub fn record(&self, key: &str) -> Option<&ModuleRecord> {
        self.records.iter().find(|record| record.key == key)
    }

    fn refused(path: &Utf8Path, reason: impl std::fmt::Display) -> Self {
        let problem = Problem {
            summary: "Failed to read modules manifest file".to_owned(),
            detail: format!("Error reading manifest {path}: {reason}."),
            place: Place::file(path),
        };
        Self { records: Vec::new(), errors: vec![problem] }
    }
}

/// Reads `modules/modules.json` below the data directory; a missing or empty file holds no records.
pub fn read(data_dir: &Utf8Path) -> ModulesManifest {
    let path = data_dir.join("modules/modules.json");
    let bytes = match read_limited(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return ModulesManifest::default(),
        Err(error) => return ModulesManifest::refused(&path, error),
    };
    if bytes.is_empty() {
        return ModulesManifest::default();
    }
    let raw: RawManifest = match serde_json::from_slice::<Option<RawManifest>>(&bytes) {
        Ok(raw) => raw.unwrap_or(RawManifest { modules: None }),
        Err(error) => return ModulesManifest::refused(&path, format!("error unmarshalling snapshot: {error}")),
    };
    let mut manifest = ModulesManifest::default();
    for record in raw.modules.unwrap_or_default() {
        let key = record.key.unwrap_or_default();
        let version = record.version.filter(|version| !version.is_empty());
        if let Some(version) = version.as_deref().filter(|version| !is_version(version)) {
            return ModulesManifest::refused(&path, format!("invalid version \"{version}\" for {key}"));
        }
        if manifest.record(&key).is_some() {
            return ModulesManifest::refused(&path, format!("snapshot file contains two records for path {key}"));
        }
        manifest.records.push(ModuleRecord {
            key,
            source: record.source.unwrap_or_default(),
            version,
            directory: record.dir.unwrap_or_default().into(),
        });
    }
    manifest
}

/// Whether hashicorp/go-version reads it: an exact constraint takes the same texts.
fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first == 'v' || first.is_ascii_digit()) && CoreConstraints::parse(text).is_ok()
}

fn read_limited(path: &Utf8Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAXIMUM_SIZE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAXIMUM_SIZE_BYTES {
        return Err(io::Error::other("too large"));
    }
    Ok(bytes)
}
