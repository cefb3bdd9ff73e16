//! What a mirror and a module store must hold, as one file: `airtight audit` writes it, `mirror build` and `modules build` read
//! it.
//!
//! JSON, so that other tools can write it too. Unknown keys are refused.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::text_file;

/// The schema's name.
pub const SCHEMA: &str = "airtight/manifest/1";

const LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// One manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub schema: String,
    #[serde(default)]
    pub providers: Vec<DemandedProvider>,
    #[serde(default)]
    pub modules: Vec<DemandedModule>,
}

/// A provider in one version, or in any version that the constraints allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandedProvider {
    /// `host/namespace/type`.
    pub address: String,
    /// The locked version; null if no lock file has one.
    #[serde(default)]
    pub version: Option<String>,
    /// Only if there is no version, such as `~> 5.0`; empty for any.
    #[serde(default)]
    pub constraints: String,
    /// What the lock files hold: `h1:` and `zh:`.
    #[serde(default)]
    pub hashes: Vec<String>,
    /// Root modules, for people.
    #[serde(default)]
    pub needed_by: Vec<String>,
}

/// A module that is not in the repository that calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandedModule {
    /// As the configuration writes it.
    pub source: String,
    /// The version constraint of a registry's module.
    #[serde(default)]
    pub version: Option<String>,
    /// Root modules, for people.
    #[serde(default)]
    pub needed_by: Vec<String>,
}

impl Manifest {
    pub fn new(providers: Vec<DemandedProvider>, modules: Vec<DemandedModule>) -> Self {
        Self { schema: SCHEMA.to_owned(), providers, modules }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Names the file, the line and the reason.
    pub fn read(path: &Utf8Path) -> Result<Self, String> {
        let text = text_file::read(path, LIMIT_BYTES).map_err(|error| format!("the manifest `{path}`: {error}"))?;
        Self::parse(&text).map_err(|reason| format!("the manifest `{path}`: {reason}"))
    }

    /// Parses a file's text.
    ///
    /// # Errors
    /// Says what is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.schema != SCHEMA {
            return Err(format!("its `schema` is not `{SCHEMA}`; write it with `airtight audit --emit-manifest FILE`"));
        }
        Ok(manifest)
    }

    /// The file's text.
    pub fn print(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let provider = DemandedProvider {
            address: "registry.opentofu.org/hashicorp/null".to_owned(),
            version: Some("3.2.4".to_owned()),
            constraints: String::new(),
            hashes: vec!["h1:x".to_owned()],
            needed_by: vec!["a/b".to_owned()],
        };
        let module = DemandedModule { source: "acme/x/aws".to_owned(), version: None, needed_by: Vec::new() };
        let manifest = Manifest::new(vec![provider], vec![module]);
        assert_eq!(Manifest::parse(&manifest.print().unwrap()), Ok(manifest));
    }

    #[test]
    fn short_forms_are_read_and_mistakes_are_not() {
        let parsed = Manifest::parse(r#"{"schema": "airtight/manifest/1", "modules": [{"source": "acme/x/aws"}]}"#);
        assert_eq!(parsed.unwrap().modules.len(), 1);
        for (text, expected) in [
            ("{}", "missing field `schema`"),
            (r#"{"schema": "airtight/seal/1"}"#, "its `schema` is not"),
            ("{\"schema\": \"airtight/manifest/1\",\n\"provider\": []}", "unknown field `provider`"),
            ("[", "line 1"),
        ] {
            let error = Manifest::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
