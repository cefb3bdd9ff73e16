//! Addresses that `override_*` blocks aim at.
//!
//! Source: OpenTofu `internal/addrs/module.go` `ParseModule`, `resource.go` `ParseConfigResource`; Terraform
//! `internal/addrs/parse_target.go` `ParseTarget`, `module_instance.go` `parseModuleInstancePrefix`.

use super::traversal::{Key, Step};
use airtight_provider::{Engine, EngineName};

/// An address, normalised: two texts are equal where they mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub kind: Kind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Module,
    Resource,
    Data,
    /// Something that nothing overrides: an ephemeral resource, what `terraform query` lists.
    Other,
}

/// Summary and detail.
pub(super) type Refusal = (&'static str, &'static str);

const INVALID: &str = "Invalid address";
const INVALID_OPERATOR: &str = "Invalid address operator";

/// Names that Terraform takes for no resource type.
const RESERVED: &[&str] =
    &["count", "each", "local", "module", "path", "self", "terraform", "var", "template", "lazy", "arg"];

/// What a block of OpenTofu may aim at: `is_module` says which of the two kinds.
pub(super) fn parse_of_tofu(steps: &[Step], is_module: bool, engine: &Engine) -> Result<Address, Refusal> {
    let (modules, rest) = modules(steps, |after| match after {
        [Step::Index(_), ..] => Err((
            "Module instance address with keys is not allowed",
            "Module address cannot be a module instance (e.g. \"module.a[0]\"), it must be a module instead (e.g. \
             \"module.a\").",
        )),
        _ => Ok((String::new(), after)),
    })?;
    if is_module {
        return match rest {
            [] => Ok(Address { kind: Kind::Module, text: modules }),
            _ => Err(("Module address expected", "It's not allowed to reference anything other than module here.")),
        };
    }
    if rest.is_empty() {
        return Err((
            "Module address is not allowed",
            "Expected reference to either resource or data block. Provided reference appears to be a module.",
        ));
    }
    let (kind, mode, rest) = match rest {
        [Step::Name(root), rest @ ..] if root == "data" => (Kind::Data, "data.", rest),
        [Step::Name(root), rest @ ..] if root == "ephemeral" && engine.is_at_least(1, 11, 0) => {
            (Kind::Other, "ephemeral.", rest)
        }
        rest => (Kind::Resource, "", rest),
    };
    let (resource_type, name, rest) = type_and_name(rest)?;
    match rest {
        [] => Ok(Address { kind, text: format!("{modules}{mode}{resource_type}.{name}") }),
        [_] => Err((
            "Resource instance address with keys is not allowed",
            "Resource address cannot be a resource instance (e.g. \"null_resource.a[0]\"), it must be a resource \
             instead (e.g. \"null_resource.a\").",
        )),
        _ => Err((INVALID, "Unexpected extra operators after address.")),
    }
}

pub(super) fn parse_of_terraform(steps: &[Step], engine: &Engine) -> Result<Address, Refusal> {
    let (modules, rest) = modules(steps, |after| match after {
        [Step::Index(key), after @ ..] => match instance_key(key) {
            Some(key) => Ok((key, after)),
            None => Err((INVALID_OPERATOR, "Invalid module key: must be either a string or an integer.")),
        },
        _ => Ok((String::new(), after)),
    })?;
    let (kind, mode, rest) = match rest {
        [] => return Ok(Address { kind: Kind::Module, text: modules }),
        [Step::Name(root), after @ ..] => match root.as_str() {
            "data" => (Kind::Data, "data.", after),
            "resource" if engine.is_at_least(1, 9, 0) => (Kind::Resource, "", after),
            "ephemeral" if engine.is_at_least(1, 10, 0) => (Kind::Other, "ephemeral.", after),
            "list" if engine.is_at_least(1, 14, 0) => (Kind::Other, "list.", after),
            root if RESERVED.contains(&root) && engine.is_at_least(1, 10, 0) => {
                return Err((INVALID, "The keyword is reserved and cannot be used to target a resource address."));
            }
            _ => (Kind::Resource, "", rest),
        },
        _ => (Kind::Resource, "", rest),
    };
    let (resource_type, name, rest) = type_and_name(rest)?;
    let key = match rest {
        [] => String::new(),
        [Step::Index(key)] => instance_key(key).ok_or((INVALID, "Invalid resource instance key."))?,
        [_] => return Err((INVALID, "Resource instance key must be given in square brackets.")),
        _ => return Err((INVALID, "Unexpected extra operators after address.")),
    };
    Ok(Address { kind, text: format!("{modules}{mode}{resource_type}.{name}{key}") })
}

/// The modules before the rest; `key` reads what may stand after a module's name.
fn modules<'a>(
    steps: &'a [Step],
    key: impl Fn(&'a [Step]) -> Result<(String, &'a [Step]), Refusal>,
) -> Result<(String, &'a [Step]), Refusal> {
    let (mut text, mut rest) = (String::new(), steps);
    loop {
        rest = match rest {
            [Step::Name(keyword), after @ ..] if keyword == "module" => after,
            [Step::Index(_), ..] => {
                return Err((INVALID_OPERATOR, "Module address prefix must be followed by dot and then a name."));
            }
            _ => return Ok((text, rest)),
        };
        let [Step::Name(name), after @ ..] = rest else {
            return Err((INVALID_OPERATOR, "Prefix \"module.\" must be followed by a module name."));
        };
        let (key, after) = key(after)?;
        text += &format!("module.{name}{key}.");
        rest = after;
    }
}

fn type_and_name(rest: &[Step]) -> Result<(&str, &str, &[Step]), Refusal> {
    match rest {
        [] | [_] => Err((INVALID, "Resource specification must include a resource type and name.")),
        [Step::Name(resource_type), Step::Name(name), rest @ ..] => Ok((resource_type, name, rest)),
        [Step::Index(_), ..] => Err((INVALID, "A resource type name is required.")),
        [_, Step::Index(_), ..] => Err((INVALID, "A resource name is required.")),
    }
}

/// Null for what is no key of an instance.
fn instance_key(key: &Key) -> Option<String> {
    match key {
        Key::Text(text) => Some(format!("[{text:?}]")),
        Key::Number(number) => number.parse::<i64>().ok().map(|number| format!("[{number}]")),
        Key::Other => None,
    }
}

/// Which of the engine's ways to read an address is taken.
pub(super) fn parse(steps: &[Step], is_module: bool, engine: &Engine) -> Result<Address, Refusal> {
    match engine.name {
        EngineName::Tofu => parse_of_tofu(steps, is_module, engine),
        EngineName::Terraform => parse_of_terraform(steps, engine),
    }
}
