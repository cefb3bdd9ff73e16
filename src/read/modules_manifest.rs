//! `modules.json` of the data directory: which called modules are installed, and from where.
//!
//! Source: OpenTofu `internal/modsdir/manifest.go`.

use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde_json::{Map, Value};

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
    let raw = match serde_json::from_slice::<Option<Map<String, Value>>>(&bytes) {
        Ok(raw) => raw.unwrap_or_default(),
        Err(error) => return ModulesManifest::refused(&path, format!("error unmarshalling snapshot: {error}")),
    };
    let mut manifest = ModulesManifest::default();
    let records = match raw.get("Modules") {
        None | Some(Value::Null) => &Vec::new(),
        Some(Value::Array(records)) => records,
        Some(_) => return ModulesManifest::refused(&path, "error unmarshalling snapshot: Modules is no array"),
    };
    for record in records {
        let Some(record) = read_record(record) else {
            return ModulesManifest::refused(&path, "error unmarshalling snapshot: a record is no object of strings");
        };
        if let Some(version) = record.version.as_deref().filter(|version| !is_version(version)) {
            return ModulesManifest::refused(&path, format!("invalid version \"{version}\" for {}", record.key));
        }
        if manifest.record(&record.key).is_some() {
            let reason = format!("snapshot file contains two records for path {}", record.key);
            return ModulesManifest::refused(&path, reason);
        }
        manifest.records.push(record);
    }
    manifest
}

/// Null where a value has another type than the engine's.
fn read_record(record: &Value) -> Option<ModuleRecord> {
    let text = |name: &str| match record.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(value) => value.as_str().map(str::to_owned),
    };
    (record.is_object() || record.is_null()).then_some(())?;
    Some(ModuleRecord {
        key: text("Key")?,
        source: text("Source")?,
        version: text("Version").map(|version| (!version.is_empty()).then_some(version))?,
        directory: text("Dir")?.into(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> ModulesManifest {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir(directory.join("modules")).unwrap();
        fs::write(directory.join("modules/modules.json"), text).unwrap();
        read(directory)
    }

    #[test]
    fn records_are_read_with_and_without_versions() {
        let manifest = read_text(
            r#"{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"a.b","Source":"x","Version":"v1.0","Dir":"d"}]}"#,
        );
        assert_eq!(manifest.errors, []);
        assert_eq!(manifest.records[0].version, None);
        let record = manifest.record("a.b").unwrap();
        assert_eq!(
            (record.source.as_str(), record.version.as_deref(), record.directory.as_str()),
            ("x", Some("v1.0"), "d")
        );
    }

    #[test]
    fn an_empty_or_missing_file_holds_no_records() {
        for text in ["", "{}", "null", r#"{"Modules":null}"#, r#"{"Modules":[]}"#, r#"{"Other":1}"#] {
            assert_eq!(read_text(text), ModulesManifest::default(), "{text}");
        }
        assert_eq!(read(Utf8Path::new("nowhere")), ModulesManifest::default());
    }

    #[test]
    fn broken_files_are_refused() {
        let texts = [
            " ",
            "[]",
            "{\"Modules\":{}}",
            "{\"Modules\":[1]}",
            "{\"Modules\":[{\"Key\":1}]}",
            "{\"Modules\":[{\"Version\":\">= 1\"}]}",
            "{\"Modules\":[{\"Key\":\"a\"},{\"Key\":\"a\"}]}",
        ];
        for text in texts {
            assert_eq!(read_text(text).errors.len(), 1, "{text}");
        }
    }
}
