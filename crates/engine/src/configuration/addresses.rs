//! Addresses of resources and modules as the arguments of other blocks write them.
//!
//! Source: OpenTofu `internal/addrs/parse_ref.go`, `parse_target.go`, `module.go`, `module_instance.go`; Terraform's
//! files of the same names.

use super::expression::{Reference, Step};
use airtight_provider::{Engine, EngineName};

/// What an address with constant keys means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Module,
    Resource { is_in_module: bool, mode: Mode, resource_type: String, name: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Managed,
    Data,
    Ephemeral,
}

impl Mode {
    /// As a block of the configuration is called.
    pub(super) fn of_block(block_type: &str) -> Self {
        match block_type {
            "data" => Self::Data,
            "ephemeral" => Self::Ephemeral,
            _ => Self::Managed,
        }
    }
}

/// Whether the address may name instances by their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    Allowed,
    Refused,
}

/// The summary of the engine's error.
pub(super) type AddressRefusal = &'static str;

const INVALID: AddressRefusal = "Invalid address";
const INVALID_OPERATOR: AddressRefusal = "Invalid address operator";

/// An address below any number of modules.
pub(super) fn target((root, steps): Reference, keys: Keys, engine: &Engine) -> Result<Target, AddressRefusal> {
    let is_tofu = engine.name == EngineName::Tofu;
    let steps: Vec<Step> = std::iter::once(Step::Attribute(root)).chain(steps).collect();
    let mut rest = steps.as_slice();
    let mut is_in_module = false;
    while let [Step::Attribute(prefix), after @ ..] = rest
        && prefix == "module"
    {
        let [Step::Attribute(_), after @ ..] = after else { return Err(INVALID_OPERATOR) };
        is_in_module = true;
        rest = match (after, keys) {
            ([Step::Index(_), ..], Keys::Refused) => {
                return Err(if is_tofu {
                    "Module instance address with keys is not allowed"
                } else {
                    "Module instance keys not allowed"
                });
            }
            ([Step::Index(_), after @ ..], Keys::Allowed) => after,
            _ => after,
        };
    }
    if rest.is_empty() {
        return Ok(Target::Module);
    }
    if is_in_module && !matches!(rest, [Step::Attribute(_), ..]) {
        return Err(INVALID_OPERATOR);
    }
    let (mode, rest) = match rest {
        [Step::Attribute(word), ..] if keys == Keys::Allowed && is_reserved(word, engine) => return Err(INVALID),
        [Step::Attribute(word), after @ ..]
            if word == "resource" && keys == Keys::Allowed && takes_resource_prefix(engine) =>
        {
            (Mode::Managed, after)
        }
        [Step::Attribute(word), after @ ..] if word == "data" => (Mode::Data, after),
        [Step::Attribute(word), after @ ..]
            if word == "ephemeral" && knows_ephemeral(engine) && (is_tofu || keys == Keys::Allowed) =>
        {
            (Mode::Ephemeral, after)
        }
        _ => (Mode::Managed, rest),
    };
    let [Step::Attribute(resource_type), Step::Attribute(name), after @ ..] = rest else { return Err(INVALID) };
    match (after, keys) {
        ([], _) | ([Step::Index(_)], Keys::Allowed) => {}
        ([_], Keys::Refused) if is_tofu => return Err("Resource instance address with keys is not allowed"),
        (_, Keys::Refused) if !is_tofu => return Err("Resource instance keys not allowed"),
        _ => return Err(INVALID),
    }
    Ok(Target::Resource { is_in_module, mode, resource_type: resource_type.clone(), name: name.clone() })
}

/// Words that are no types of resources, but behind `resource.`.
fn is_reserved(word: &str, engine: &Engine) -> bool {
    const WORDS: [&str; 11] =
        ["count", "each", "local", "module", "path", "self", "terraform", "var", "template", "lazy", "arg"];
    engine.name == EngineName::Terraform && engine.is_at_least(1, 10, 0) && WORDS.contains(&word)
}

fn takes_resource_prefix(engine: &Engine) -> bool {
    engine.name == EngineName::Terraform && engine.is_at_least(1, 9, 0)
}

fn knows_ephemeral(engine: &Engine) -> bool {
    match engine.name {
        EngineName::Tofu => engine.is_at_least(1, 11, 0),
        EngineName::Terraform => engine.is_at_least(1, 10, 0),
    }
}

/// What a reference within an expression means, as far as rules ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Referent {
    Resource {
        mode: Mode,
        resource_type: String,
        name: String,
    },
    Variable(String),
    EachAttribute(String),
    CountAttribute(String),
    Other,
    /// It is refused by itself; the summary.
    Invalid(&'static str),
}

pub(super) fn referent((root, steps): &Reference, engine: &Engine) -> Referent {
    const INVALID_REFERENCE: Referent = Referent::Invalid("Invalid reference");
    let resource = |mode, steps: &[Step]| match steps {
        [Step::Attribute(resource_type), Step::Attribute(name), ..] => {
            Referent::Resource { mode, resource_type: resource_type.clone(), name: name.clone() }
        }
        _ => INVALID_REFERENCE,
    };
    let attribute = match steps.first() {
        Some(Step::Attribute(name)) => Some(name.clone()),
        _ => None,
    };
    let managed = |steps: &[Step]| resource(Mode::Managed, &[&[Step::Attribute(root.clone())], steps].concat());
    match root.as_str() {
        "var" => attribute.map_or(INVALID_REFERENCE, Referent::Variable),
        "each" => attribute.map_or(INVALID_REFERENCE, Referent::EachAttribute),
        "count" => attribute.map_or(INVALID_REFERENCE, Referent::CountAttribute),
        "data" => resource(Mode::Data, steps),
        "ephemeral" if knows_ephemeral(engine) => resource(Mode::Ephemeral, steps),
        "resource" => resource(Mode::Managed, steps),
        "local" | "module" | "path" | "terraform" => attribute.map_or(INVALID_REFERENCE, |_| Referent::Other),
        "tofu" if engine.name == EngineName::Tofu => attribute.map_or(INVALID_REFERENCE, |_| Referent::Other),
        "self" => Referent::Other,
        "template" | "lazy" | "arg" => Referent::Invalid("Reserved symbol name"),
        _ => managed(steps),
    }
}
