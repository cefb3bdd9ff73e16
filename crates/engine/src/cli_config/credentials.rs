//! The tokens of a file's `credentials` blocks.

use super::syntax::{self, Item, LiteralKind, Value};
use airtight_provider::Engine;

/// Hosts as written with their tokens, in the file's order. A file that the engine drops has none.
///
/// Source: OpenTofu `internal/command/cliconfig/credentials.go`.
pub fn tokens(text: &str, engine: &Engine) -> Vec<(String, String)> {
    let Ok(file) = syntax::parse(text, super::rules(engine)) else { return Vec::new() };
    let mut found = Vec::new();
    for item in file.items.iter().filter(|item| item.name() == "credentials") {
        match &item.keys[1..] {
            [host] => found.extend(token(&item.value).map(|token| (host.text.clone(), token))),
            // JSON nests what native syntax writes as a label.
            _ => found.extend(
                fields(&item.value)
                    .iter()
                    .filter_map(|host| token(&host.value).map(|token| (host.name().to_owned(), token))),
            ),
        }
    }
    found
}

pub(super) fn fields(value: &Value) -> Vec<&Item> {
    match value {
        Value::Object { items, .. } => items.iter().collect(),
        Value::List { elements, .. } => elements.iter().flat_map(fields).collect(),
        Value::Literal(_) => Vec::new(),
    }
}

fn token(block: &Value) -> Option<String> {
    let token = fields(block).into_iter().find(|field| field.name() == "token")?;
    match &token.value {
        Value::Literal(literal) if literal.kind == LiteralKind::String && !literal.text.is_empty() => {
            Some(literal.text.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::{EngineName, Version};

    #[test]
    fn both_syntaxes_name_host_and_token() {
        let engine = Engine::new(EngineName::Tofu, Version::release(1, 12, 6));
        let expected = [("a.example".to_owned(), "x".to_owned()), ("b.example".to_owned(), "y".to_owned())];
        let native = "credentials \"a.example\" {\n token = \"x\"\n}\ncredentials \"b.example\" {\n token = \"y\"\n}\n\
                      credentials \"c.example\" {}\nhost \"d\" { token = \"z\" }\n";
        let json =
            r#"{"credentials": {"a.example": {"token": "x"}, "b.example": {"token": "y"}, "c.example": {"token": 1}}}"#;
        assert_eq!(tokens(native, &engine), expected);
        assert_eq!(tokens(json, &engine), expected);
        for text in ["", "credentials {", "credentials = 1", "credentials { token = \"x\" }"] {
            assert_eq!(tokens(text, &engine), [], "{text}");
        }
    }
}
