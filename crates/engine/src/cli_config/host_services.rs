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
        visit(item, &mut Vec::new(), &mut found);
    }
    found
}

/// JSON puts the names of nested objects into an item's keys, where native syntax has labels and objects: whichever way the
/// path `host`, HOST, `services`, SERVICE is written, it is followed.
fn visit<'a>(item: &'a Item, path: &mut Vec<&'a str>, found: &mut Vec<HostServices>) {
    let depth = path.len();
    path.extend(item.keys.iter().map(|key| key.text.as_str()));
    if let [_, host, "services", service @ ..] = path.as_slice() {
        if found.last().is_none_or(|(last, _)| last != host) {
            found.push(((*host).to_owned(), Vec::new()));
        }
        if let ([service], Value::Literal(literal), Some((_, services))) = (service, &item.value, found.last_mut())
            && literal.kind == LiteralKind::String
        {
            services.push(((*service).to_owned(), literal.text.clone()));
        }
    }
    for below in fields(&item.value) {
        visit(below, path, found);
    }
    path.truncate(depth);
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
        let list = r#"{"host": [{"a.example": {"services": {"providers.v1": "https://mirror.example/v1/", "x": 1}}}]}"#;
        assert_eq!(host_services(native, &engine), expected, "native");
        assert_eq!(host_services(json, &engine), expected, "JSON");
        assert_eq!(host_services(list, &engine), expected, "list");
        let none = [("a.example".to_owned(), Vec::new())];
        assert_eq!(host_services("host \"a.example\" {\n services = {}\n}\n", &engine), none);
        for text in ["", "host {", "host = 1"] {
            assert_eq!(host_services(text, &engine), [], "{text}");
        }
    }
}
