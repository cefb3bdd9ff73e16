//! Blocks that a generated CLI configuration carries over from the files that it replaces.

use std::fmt;

use camino::Utf8Path;

use super::quote::quote;
use super::syntax::Dialect;
use super::syntax::{Item, LiteralKind, Value};
use super::{CACHE, CliConfigProblem, Effect, MAY_BREAK, ProblemKind, Reporter, is_strict, methods, parser};
use airtight_provider::Engine;

/// What the generated file sets itself.
const OURS: [&str; 3] = [methods::BLOCK, CACHE, MAY_BREAK];

/// One top-level item of a file, as native HCL 1 text. It often holds a token, so `Debug` shows its name alone.
#[derive(Clone, PartialEq, Eq)]
pub struct CarriedBlock {
    /// The first key, such as `credentials`.
    pub name: String,
    /// From the first key to the end of the value, byte for byte if the source is native.
    pub text: String,
    /// `name = value`. A later one replaces an earlier one, and OpenTofu from 1.12 refuses a file with both.
    pub is_argument: bool,
}

impl fmt::Debug for CarriedBlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CarriedBlock").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every top-level item of a file except `provider_installation` and the plugin cache settings.
///
/// # Errors
/// Whatever makes the engine drop the whole file: its credentials would be lost without a word.
pub fn carried_blocks(path: &Utf8Path, bytes: &[u8], engine: &Engine) -> Result<Vec<CarriedBlock>, CliConfigProblem> {
    let text = super::text_of(path, bytes)?;
    let config = super::parse(path, text, engine);
    if let Some(dropped) = config.problems.into_iter().find(|problem| problem.effect == Effect::FileDropped) {
        return Err(dropped);
    }
    let reporter = Reporter { path, text, problems: Vec::new() };
    let refused = |offset, kind| CliConfigProblem { kind, effect: Effect::FileDropped, place: reporter.place(offset) };
    let file = parser::parse(text, is_strict(engine)).map_err(|fault| refused(fault.offset, fault.kind))?;
    let carried = file.items.iter().filter(|item| !OURS.iter().any(|ours| item.name().eq_ignore_ascii_case(ours)));
    carried
        .map(|item| {
            let name = item.name().to_owned();
            if file.dialect == Dialect::Native {
                let text = text[item.span.clone()].to_owned();
                return Ok(CarriedBlock { name, text, is_argument: item.is_assigned });
            }
            let mut written = String::new();
            write_item(item, 0, &mut written);
            match parser::parse(&written, is_strict(engine)) {
                Ok(_) => Ok(CarriedBlock { name, text: written, is_argument: is_argument(item) }),
                Err(_) => Err(refused(item.span.start, ProblemKind::NotNative)),
            }
        })
        .collect()
}

fn is_argument(item: &Item) -> bool {
    !matches!(item.value, Value::Object(_))
}

/// Writes an item that was read from JSON. The tree of the written text is the same except for positions.
fn write_item(item: &Item, depth: usize, text: &mut String) {
    for (index, key) in item.keys.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(&if index == 0 && is_bare(key) { key.clone() } else { quote(key) });
    }
    text.push_str(if is_argument(item) { " = " } else { " " });
    write_value(&item.value, depth, text);
}

fn is_bare(key: &str) -> bool {
    !matches!(key, "" | "true" | "false")
        && key.chars().all(|character| character.is_ascii_lowercase() || character == '_')
}

fn write_value(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Literal { kind: LiteralKind::String, text: value } => text.push_str(&quote(value)),
        Value::Literal { text: value, .. } => text.push_str(value),
        Value::List(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write_value(element, depth, text);
            }
            text.push(']');
        }
        Value::Object(items) => {
            text.push_str("{\n");
            for item in items {
                text.push_str(&"  ".repeat(depth + 1));
                write_item(item, depth + 1, text);
                text.push('\n');
            }
            text.push_str(&"  ".repeat(depth));
            text.push('}');
        }
    }
}
