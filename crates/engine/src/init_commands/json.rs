//! JSON. A block is an object, or a list of them.

use airtight_hcl::Place;
use camino::Utf8Path;
use serde_json::{Map, Value};

use super::{Block, Declared};

pub(super) fn configuration(path: &Utf8Path, text: &str, declared: &mut Declared) {
    let Ok(value) = serde_json::from_str(text) else { return };
    for terraform in objects(&value).iter().filter_map(|object| object.get("terraform")).flat_map(objects) {
        for encryption in terraform.get("encryption").map(objects).unwrap_or_default() {
            let providers = encryption.get("key_provider").map(objects).unwrap_or_default();
            declared.key_providers.extend(labelled(&providers).map(|found| block(found, Some((path, text)))));
        }
        let backends = terraform.get("backend").map(objects).unwrap_or_default();
        declared.backends.extend(labelled(&backends).map(|found| block(found, Some((path, text)))));
    }
}

/// What `TF_ENCRYPTION` holds: the contents of an `encryption` block.
pub(super) fn encryption(text: &str, declared: &mut Declared) {
    let Ok(value) = serde_json::from_str(text) else { return };
    for encryption in objects(&value) {
        let providers = encryption.get("key_provider").map(objects).unwrap_or_default();
        declared.key_providers.extend(labelled(&providers).map(|found| block(found, None)));
    }
}

/// A file of `-backend-config`: the contents of a `backend` block.
pub(super) fn backend_file(path: &Utf8Path, text: &str, given: &mut Block) {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let found = block(("", &value), Some((path, text)));
    given.texts.extend(found.texts);
    given.exec.extend(found.exec);
}

/// The backend that `init` has written to the data directory.
pub(super) fn recorded(path: &Utf8Path, text: &str, declared: &mut Declared) {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let backend = value.get("backend");
    let (kind, config) = (backend.and_then(|backend| backend.get("type")), backend.and_then(|it| it.get("config")));
    if let (Some(Value::String(kind)), Some(config)) = (kind, config) {
        declared.backends.push(block((kind, config), Some((path, text))));
    }
}

/// The objects that a value is: itself, or those of a list.
fn objects(value: &Value) -> Vec<&Map<String, Value>> {
    match value {
        Value::Object(object) => vec![object],
        Value::Array(values) => values.iter().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

/// The bodies of blocks with their first label.
fn labelled<'a>(blocks: &[&'a Map<String, Value>]) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    let pairs: Vec<_> = blocks.iter().flat_map(|object| object.iter()).collect();
    pairs.into_iter().map(|(label, body)| (label.as_str(), body))
}

/// `within` is the file with its text; null in `TF_ENCRYPTION`. A key provider's second label is passed over.
fn block((kind, body): (&str, &Value), within: Option<(&Utf8Path, &str)>) -> Block {
    let mut found = Block { kind: kind.to_owned(), place: place(within, kind), texts: Vec::new(), exec: Vec::new() };
    let mut waiting = objects(body);
    while let Some(object) = waiting.pop() {
        for (name, value) in object {
            match value {
                Value::String(text) => found.texts.push((name.clone(), text.clone())),
                Value::Array(values) if values.iter().any(Value::is_string) => {
                    let texts = values.iter().filter_map(Value::as_str);
                    found.texts.extend(texts.map(|text| (name.clone(), text.to_owned())));
                }
                value if objects(value).is_empty() => {}
                _ if name == "exec" => found.exec.extend(place(within, name)),
                value => waiting.extend(objects(value)),
            }
        }
    }
    found
}

/// The first place of a word in quotation marks.
fn place(within: Option<(&Utf8Path, &str)>, word: &str) -> Option<Place> {
    let (path, text) = within?;
    let at = text.find(&format!("\"{word}\"")).unwrap_or_default();
    Some(Place::in_text(path, text, at..at))
}
