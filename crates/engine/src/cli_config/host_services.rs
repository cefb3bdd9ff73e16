//! The services of a file's `host` blocks.

use super::credentials::fields;
use super::syntax::{self, Item, LiteralKind, Value};
use airtight_provider::Engine;

/// A host as written, and its services with their addresses.
pub type HostServices = (String, Vec<(String, String)>);

/// Every `host` block in the file's order. A file that the engine drops has none.
///
/// Source: OpenTofu `internal/command/cliconfig/cliconfig.go`, `main.go` (`ForceHostServices`): where a block has
/// services, the host is not asked for its own.
pub fn host_services(text: &str, engine: &Engine) -> Vec<HostServices> {
    let Ok(file) = syntax::parse(text, super::rules(engine)) else { return Vec::new() };
    let mut found = Vec::new();
    for item in file.items.iter().filter(|item| item.name() == "host") {
        match &item.keys[1..] {
            [host] => found.extend(services(&item.value).map(|services| (host.text.clone(), services))),
            // JSON nests what native syntax writes as a label.
            _ => found.extend(
                fields(&item.value)
                    .iter()
                    .filter_map(|host| services(&host.value).map(|services| (host.name().to_owned(), services))),
            ),
        }
    }
    found
}

fn services(block: &Value) -> Option<Vec<(String, String)>> {
    let services = fields(block).into_iter().find(|field| field.name() == "services")?;
    let named = |item: &&Item| match &item.value {
        Value::Literal(literal) if literal.kind == LiteralKind::String => {
            Some((item.name().to_owned(), literal.text.clone()))
        }
        _ => None,
    };
    Some(fields(&services.value).iter().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::{EngineName, Version};

    #[test]
    fn both_syntaxes_name_host_and_services() {
        let engine = Engine::new(EngineName::Tofu, Version::release(1, 12, 6));
        let expected =
            [("a.example".to_owned(), vec![("providers.v1".to_owned(), "https://mirror.example/v1/".to_owned())])];
        let native = "host \"a.example\" {\n services = {\n  \"providers.v1\" = \"https://mirror.example/v1/\"\n  \
                      \"modules.v1\" = 1\n }\n}\nhost \"b.example\" {}\ncredentials \"c\" { token = \"z\" }\n";
        let json = r#"{"host": {"a.example": {"services": {"providers.v1": "https://mirror.example/v1/"}}}}"#;
        assert_eq!(host_services(native, &engine), expected);
        assert_eq!(host_services(json, &engine), expected);
        for text in ["", "host {", "host = 1"] {
            assert_eq!(host_services(text, &engine), [], "{text}");
        }
    }
}
