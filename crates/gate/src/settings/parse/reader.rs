//! Keys and plain values of a settings file, and where an error is.

use camino::{Utf8Path, Utf8PathBuf};
use serde_yaml::{Mapping, Value};

use super::SettingsError;
use crate::yaml_document::nearest;

pub(super) struct Reader<'a> {
    pub path: &'a Utf8Path,
    pub text: &'a str,
}

impl Reader<'_> {
    pub(super) fn error(&self, key: &[&str], reason: impl Into<String>) -> SettingsError {
        SettingsError { path: self.path.to_owned(), line: self.line_of(key), key: key.join("."), reason: reason.into() }
    }

    /// The line of the last part of a key path; each part is searched for after the one before.
    fn line_of(&self, key: &[&str]) -> Option<usize> {
        let mut lines = self.text.lines().enumerate();
        let mut found = None;
        for part in key {
            found = lines.by_ref().find(|(_, line)| {
                let start = line.trim_start().trim_start_matches("- ").trim_start_matches(['"', '\'']);
                start.strip_prefix(part).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
            });
            found?;
        }
        found.map(|(index, _)| index + 1)
    }

    pub(super) fn keys<'a>(
        &self,
        parents: &[&str],
        mapping: &'a Mapping,
        known: &[&str],
    ) -> Result<Vec<(&'a str, &'a Value)>, SettingsError> {
        let mut entries = Vec::with_capacity(mapping.len());
        for (key, value) in mapping {
            let Value::String(key) = key else {
                return Err(self.error(parents, format!("keys are words, expected one of {}", known.join(", "))));
            };
            if !known.contains(&key.as_str()) {
                let nearest = nearest(key, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
                let path = [parents, &[key.as_str()]].concat();
                return Err(self.error(&path, format!("unknown key{nearest} (known: {})", known.join(", "))));
            }
            entries.push((key.as_str(), value));
        }
        Ok(entries)
    }

    pub(super) fn string(&self, key: &[&str], value: &Value) -> Result<String, SettingsError> {
        match value {
            Value::String(text) if !text.is_empty() && !text.contains(['\n', '\0']) => Ok(text.clone()),
            Value::String(_) => Err(self.error(key, "expected one line of text")),
            _ => Err(self.error(key, "expected a text")),
        }
    }

    pub(super) fn strings(&self, key: &[&str], value: &Value) -> Result<Vec<String>, SettingsError> {
        match value {
            Value::Sequence(values) => values.iter().map(|value| self.string(key, value)).collect(),
            _ => Err(self.error(key, "expected a list of texts")),
        }
    }

    pub(super) fn absolute(&self, key: &[&str], value: &Value) -> Result<Utf8PathBuf, SettingsError> {
        let path = Utf8PathBuf::from(self.string(key, value)?);
        if path.is_absolute() { Ok(path) } else { Err(self.error(key, "expected an absolute path")) }
    }

    pub(super) fn paths(&self, key: &str, value: &Value) -> Result<Vec<Utf8PathBuf>, SettingsError> {
        let paths = match value {
            Value::Sequence(values) => {
                values.iter().map(|value| self.absolute(&[key], value)).collect::<Result<Vec<_>, _>>()?
            }
            value => vec![self.absolute(&[key], value)?],
        };
        if paths.is_empty() { Err(self.error(&[key], "expected at least one path")) } else { Ok(paths) }
    }
}
