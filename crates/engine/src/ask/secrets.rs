//! Values that must not be printed: the engine may quote a variable in an error.

use super::question::Question;
use crate::init_arguments::BackendConfig;

/// Printed instead of a value.
const MASK: &str = "(sensitive value)";

/// Shorter values are words like `true`, which occur everywhere.
const SHORTEST: usize = 6;

/// Parts of names of variables whose values are secret.
const SECRET_NAMES: [&str; 10] = [
    "ACCESS_KEY",
    "API_KEY",
    "CONN_STR",
    "CREDENTIALS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATE_KEY",
    "SECRET",
    "TOKEN",
];

/// The secret values of a question, longest first.
pub(super) struct Secrets {
    values: Vec<String>,
}

impl Secrets {
    /// All input variables, whatever they are called, and what has the name of a secret.
    pub(super) fn of(question: &Question<'_>) -> Self {
        let from_environment = question.environment.iter().filter_map(|(name, value)| {
            let name = name.to_str()?;
            let is_secret = name.starts_with("TF_VAR_")
                || name == "TF_ENCRYPTION"
                || SECRET_NAMES.iter().any(|part| name.to_ascii_uppercase().contains(part));
            is_secret.then(|| value.to_str().map(str::to_owned)).flatten()
        });
        let variables = question.init.variables.iter().filter_map(|argument| argument.strip_prefix("-var="));
        let given = variables.chain(question.init.backend_config.iter().map(BackendConfig::text));
        let from_arguments = given.filter_map(|text| text.split_once('=')).map(|(_, value)| value.to_owned());
        Self::from(from_environment.chain(from_arguments))
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self::from(std::iter::empty())
    }

    pub(super) fn from(values: impl Iterator<Item = String>) -> Self {
        let mut values: Vec<_> =
            values.flat_map(|value| spellings(&value)).filter(|value| value.len() >= SHORTEST).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    pub(super) fn mask(&self, text: &mut String) {
        for value in &self.values {
            if text.contains(value.as_str()) {
                *text = text.replace(value.as_str(), MASK);
            }
        }
    }
}

/// The value, and the value inside the quotation marks of another text.
fn spellings(value: &str) -> Vec<String> {
    let value = value.trim().trim_matches('"');
    let quoted = serde_json::to_string(value).unwrap_or_default();
    vec![value.to_owned(), quoted.trim_matches('"').to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_however_they_are_quoted() {
        let secrets =
            Secrets::from(["hunter2-hunter2".to_owned(), "a\"b-c-d-e".to_owned(), "true".to_owned()].into_iter());
        let mut text = r#"got "hunter2-hunter2" and "a\"b-c-d-e", is true"#.to_owned();
        secrets.mask(&mut text);
        assert_eq!(text, r#"got "(sensitive value)" and "(sensitive value)", is true"#);
    }
}
