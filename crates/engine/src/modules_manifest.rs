//! `modules.json` of the data directory: which called modules are installed, and from where. Read as the engines read it,
//! and written as they write it.
//!
//! Source: OpenTofu `internal/modsdir/manifest.go`.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use airtight_hcl::{Place, Problem, ProblemKind};
use airtight_provider::text_file::{self, TextFileError};
use airtight_provider::{CoreConstraints, json_error};

/// A larger file is refused, so that a planted one cannot fill the memory.
const LIMIT_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModulesManifest {
    pub records: Vec<ModuleRecord>,
    /// Broken JSON, duplicate keys: fatal for the engine.
    pub errors: Vec<Problem>,
    /// What only we refuse to read.
    pub not_understood: Vec<Problem>,
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
            kind: ProblemKind::Invalid,
            summary: "failed to read module manifest".to_owned(),
            detail: reason.to_string(),
            place: Place::file(path),
        };
        Self { errors: vec![problem], ..Self::default() }
    }
}

/// In the directory of installed modules.
pub const FILE_NAME: &str = "modules.json";

pub fn path(data_dir: &Utf8Path) -> Utf8PathBuf {
    data_dir.join("modules").join(FILE_NAME)
}

/// The file's text as an engine writes it, byte for byte.
///
/// Source: OpenTofu `internal/modsdir/manifest.go` `WriteSnapshot`; Go `encoding/json`, which escapes for HTML.
pub fn text(records: &[ModuleRecord]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Written<'a> {
        key: &'a str,
        source: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<&'a str>,
        dir: &'a str,
    }
    let written = records.iter().map(|record| Written {
        key: &record.key,
        source: &record.source,
        version: record.version.as_deref(),
        dir: record.directory.as_str(),
    });
    let text = serde_json::json!({ "Modules": written.collect::<Vec<_>>() }).to_string();
    let escape = |letter: char| match letter {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", u32::from(letter)),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Reads `modules/modules.json` below the data directory; a missing or empty file holds no records.
pub fn read(data_dir: &Utf8Path) -> ModulesManifest {
    let path = path(data_dir);
    let bytes = match text_file::read_bytes(&path, LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(TextFileError::Missing) => return ModulesManifest::default(),
        Err(error) if error.is_ours() => {
            let problem = Problem {
                kind: ProblemKind::Limit,
                summary: "Modules manifest file not read".to_owned(),
                detail: format!("airtight does not read it: {error}. The engine may be able to."),
                place: Place::file(&path),
            };
            return ModulesManifest { not_understood: vec![problem], ..ModulesManifest::default() };
        }
        Err(error) => return ModulesManifest::refused(&path, error),
    };
    if bytes.is_empty() {
        return ModulesManifest::default();
    }
    // A derived reader would take an array for the object.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return ModulesManifest::refused(&path, "error unmarshalling snapshot: an array, not an object");
    }
    let raw: RawManifest = match serde_json::from_slice::<Option<RawManifest>>(&bytes) {
        Ok(raw) => raw.unwrap_or(RawManifest { modules: None }),
        Err(error) => {
            return ModulesManifest::refused(&path, format!("error unmarshalling snapshot: {}", json_error(&error)));
        }
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
