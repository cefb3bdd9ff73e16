//! What is wrong with a JSON text, without its values.

use serde_json::error::Category;

/// What is wrong with a JSON text, without any of its values: a state or a backend's settings hold secrets.
pub fn json_error(error: &serde_json::Error) -> String {
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
