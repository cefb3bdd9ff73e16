//! Native syntax.

use airtight_hcl::structure::Body;
use airtight_hcl::{NativeFile, Place, structure};
use camino::Utf8Path;
use hcl::edit::expr::Expression;

use super::{Block, Declared};

pub(super) fn configuration(path: &Utf8Path, text: &str, declared: &mut Declared) {
    let file = NativeFile::parse(text.as_bytes());
    for terraform in blocks(&file, &file.body, "terraform") {
        for encryption in blocks(&file, &terraform.body, "encryption") {
            let providers = blocks(&file, &encryption.body, "key_provider");
            declared.key_providers.extend(providers.filter_map(|block| read(&file, block, Some(path))));
        }
        let backends = blocks(&file, &terraform.body, "backend");
        declared.backends.extend(backends.filter_map(|block| read(&file, block, Some(path))));
    }
}

/// What `TF_ENCRYPTION` holds: the contents of an `encryption` block.
pub(super) fn encryption(text: &str, declared: &mut Declared) {
    let file = NativeFile::parse(text.as_bytes());
    let providers = blocks(&file, &file.body, "key_provider");
    declared.key_providers.extend(providers.filter_map(|block| read(&file, block, None)));
}

/// A file of `-backend-config`: the contents of a `backend` block.
pub(super) fn backend_file(path: &Utf8Path, text: &str, given: &mut Block) {
    let file = NativeFile::parse(text.as_bytes());
    given.texts.extend(texts(&file, &file.body));
    given.exec.extend(blocks(&file, &file.body, "exec").map(|exec| file.place(path, Some(exec.name.clone()))));
}

/// `-backend-config=NAME=VALUE`: a list is an expression, anything else a text.
pub(super) fn setting(name: &str, value: &str) -> Vec<(String, String)> {
    if !value.trim_start().starts_with('[') {
        return vec![(name.to_owned(), value.to_owned())];
    }
    let file = NativeFile::parse(format!("value = {value}\n").as_bytes());
    texts(&file, &file.body).into_iter().map(|(_, text)| (name.to_owned(), text)).collect()
}

fn read(file: &NativeFile, block: &structure::Block, path: Option<&Utf8Path>) -> Option<Block> {
    let place = |block: &structure::Block| path.map(|path| file.place(path, Some(block.name.clone())));
    let exec: Vec<Place> = blocks(file, &block.body, "exec").filter_map(place).collect();
    let kind = file.text.get(block.labels.first()?.clone())?.to_owned();
    Some(Block { kind, place: place(block), texts: texts(file, &block.body), exec })
}

fn blocks<'a>(
    file: &'a NativeFile,
    body: &'a Body,
    name: &'static str,
) -> impl Iterator<Item = &'a structure::Block> + use<'a> {
    body.blocks.iter().filter(move |block| file.text.get(block.name.clone()) == Some(name))
}

/// The constant texts of all arguments.
fn texts(file: &NativeFile, body: &Body) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for attribute in &body.attributes {
        let name = file.text.get(attribute.name.clone()).unwrap_or_default();
        let mut push = |value: &Expression| {
            found.extend(value.as_str().map(|text| (name.to_owned(), text.to_owned())));
        };
        match file.expression(&attribute.value) {
            Some(Expression::Array(values)) => values.iter().for_each(push),
            Some(value) => push(&value),
            None => {}
        }
    }
    found
}
