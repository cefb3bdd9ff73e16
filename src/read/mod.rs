//! One reader per input. Content that is wrong becomes data (every problem, with its place); only a disk that cannot be
//! read is an error. Nothing here judges: `predict` knows what an engine makes of it, `check` what we do.

pub mod cli_config;
pub mod configuration;
pub mod environment;
pub mod executable;
pub mod go_template;
pub mod hooks;
pub mod init_arguments;
pub mod installed;
pub mod lock_file;
pub mod mirror;
pub mod modules_manifest;
pub mod native_syntax;
pub mod plugin_manifest;
pub mod runtime_configuration;
pub mod seal;
pub mod settings;
pub mod state;
pub mod text_file;
pub mod unlikely_text;
pub mod workflow;
pub mod yaml_document;

use serde_json::error::Category;

use crate::finding::Place;

/// Something the engine itself would report about an input, in the engine's own split of summary and detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub summary: String,
    pub detail: String,
    pub place: Place,
}

/// What is wrong with a JSON text, without any of its values: a state or a backend's settings hold secrets.
pub(crate) fn json_error(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => format!("unexpected type or name at line {} column {}", error.line(), error.column()),
        Category::Io | Category::Syntax | Category::Eof => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_in_json_holds_no_value() {
        for (text, expected) in [
            (r#"{"a": "s3cret"}"#, "unexpected type or name at line 1 column 14"),
            (r#"{"a": s3cret}"#, "expected value at line 1 column 7"),
            (r#"{"a": "s3cr"#, "EOF while parsing a string at line 1 column 11"),
        ] {
            let error = serde_json::from_str::<std::collections::BTreeMap<String, u8>>(text).unwrap_err();
            assert_eq!(super::json_error(&error), expected);
        }
    }
}
