//! Types of variables, and whether a constant converts to one.
//!
//! Source: hashicorp/hcl v2 `ext/typeexpr/get_type.go`; OpenTofu `internal/configs/named_values.go`
//! `decodeVariableType`; zclconf/go-cty `cty/convert`.

use super::body::ParsedFile;
use super::declarations::{Reader, VariableValue};
use super::expression::Expression;
use airtight_hcl::constant::Constant;

/// A type constraint. What cannot be read of one is `Any`, which takes every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ValueType {
    Any,
    String,
    Number,
    Bool,
    /// `list`, `set` or `map`.
    Collection(&'static str, Box<Self>),
    Object(Vec<AttributeType>),
    Tuple(Vec<Self>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttributeType {
    name: String,
    value_type: ValueType,
    is_optional: bool,
}

impl Reader<'_> {
    /// The `type` of a variable; what is wrong with it is said.
    pub(super) fn variable_type(&mut self, expression: &Expression<'_>) -> Option<ValueType> {
        if expression.is_unread() {
            if expression.repeated_key().is_some() {
                self.refuse_type("Object constructor map keys must be unique.", expression);
            }
            return None;
        }
        if expression.is_quoted() {
            let summary = match expression.evaluate() {
                Ok(Constant::String(text)) if ["string", "list", "map"].contains(&text.as_str()) => {
                    "Invalid quoted type constraints"
                }
                Ok(_) => "Invalid legacy variable type hint",
                Err(_) => "Invalid type specification",
            };
            let detail = "Remove the quotes around the type constraint.";
            self.problems().refuse(summary, detail, expression.place());
            return None;
        }
        match keyword(expression).as_deref() {
            Some("list") => return Some(ValueType::Collection("list", Box::new(ValueType::Any))),
            Some("map") => return Some(ValueType::Collection("map", Box::new(ValueType::Any))),
            None if expression.is_json() => return self.variable_type_in_json(expression),
            _ => {}
        }
        let errors_before = self.problems().errors.len();
        let found = self.value_type(expression);
        // What is wrong with a type keeps its default from being looked at.
        (self.problems().errors.len() == errors_before).then_some(found)
    }

    /// A type that a JSON string spells out.
    fn variable_type_in_json(&mut self, expression: &Expression<'_>) -> Option<ValueType> {
        let Ok(Constant::String(text)) = expression.evaluate() else {
            self.refuse_type("A type is written as a string.", expression);
            return None;
        };
        let Some(file) = ParsedFile::of_expression(&text).0 else {
            self.refuse_type("This string spells out no type.", expression);
            return None;
        };
        let attribute = file.root().attributes().next()?;
        let errors_before = self.problems().errors.len();
        let found = self.value_type(&attribute.value);
        let errors = self.problems().errors.iter_mut().skip(errors_before);
        let is_sound = errors.map(|problem| problem.place = expression.place()).count() == 0;
        is_sound.then_some(found)
    }

    fn refuse_type(&mut self, detail: impl Into<String>, expression: &Expression<'_>) -> ValueType {
        self.problems().refuse("Invalid type specification", detail, expression.place());
        ValueType::Any
    }

    fn value_type(&mut self, expression: &Expression<'_>) -> ValueType {
        if expression.is_unread() {
            return ValueType::Any;
        }
        match keyword(expression).as_deref() {
            Some("any") => return ValueType::Any,
            Some("string") => return ValueType::String,
            Some("number") => return ValueType::Number,
            Some("bool") => return ValueType::Bool,
            Some(name @ ("list" | "set" | "map" | "object" | "tuple")) => {
                return self.refuse_type(format!("The {name} type constructor requires one argument."), expression);
            }
            Some(name) => {
                return self
                    .refuse_type(format!("The keyword \"{name}\" is not a valid type specification."), expression);
            }
            None => {}
        }
        let Some((name, arguments)) = expression.call() else {
            let detail = "A type specification is either a primitive type keyword (bool, number, string) or a complex type \
                          constructor call, like list(string).";
            return self.refuse_type(detail, expression);
        };
        let constructor = ["list", "set", "map", "object", "tuple"].into_iter().find(|known| *known == name);
        match (constructor, arguments.as_slice()) {
            (Some("object"), [attributes]) => self.object_type(attributes),
            (Some("tuple"), [elements]) => match elements.elements() {
                Some(elements) => ValueType::Tuple(elements.iter().map(|element| self.value_type(element)).collect()),
                None => self.refuse_type("Tuple type constructor requires a list of element types.", elements),
            },
            (Some(collection), [element]) => ValueType::Collection(collection, Box::new(self.value_type(element))),
            (Some(_), _) => self.refuse_type(format!("The {name} type constructor requires one argument."), expression),
            (None, _) if ["any", "bool", "number", "string"].contains(&name) => {
                self.refuse_type(format!("Primitive type keyword \"{name}\" does not expect arguments."), expression)
            }
            (None, _) if name == "optional" => {
                let detail = "Keyword \"optional\" is valid only as a modifier for object type attributes.";
                self.refuse_type(detail, expression)
            }
            (None, _) => self.refuse_type(format!("Keyword \"{name}\" is not a valid type constructor."), expression),
        }
    }

    fn object_type(&mut self, expression: &Expression<'_>) -> ValueType {
        let Some(items) = expression.items() else {
            if expression.is_unread() {
                return ValueType::Any;
            }
            let detail = "Object type constructor requires a map whose keys are attribute names and whose values are the \
                          corresponding attribute types.";
            return self.refuse_type(detail, expression);
        };
        let mut attributes: Vec<AttributeType> = Vec::new();
        for (key, value) in items {
            let Some(name) = keyword(&key) else {
                self.refuse_type("Object constructor map keys must be attribute names.", &key);
                continue;
            };
            let (value_type, is_optional) = match value.call() {
                Some(("optional", arguments)) => {
                    let Some(value_type) = self.optional_type(&value, &arguments) else { continue };
                    (value_type, true)
                }
                _ => (self.value_type(&value), false),
            };
            attributes.push(AttributeType { name, value_type, is_optional });
        }
        ValueType::Object(attributes)
    }

    /// `optional(TYPE)` or `optional(TYPE, DEFAULT)`.
    fn optional_type(&mut self, expression: &Expression<'_>, arguments: &[Expression<'_>]) -> Option<ValueType> {
        let (wanted, default) = match arguments {
            [wanted] => (wanted, None),
            [wanted, default] => (wanted, Some(default)),
            _ => {
                let detail = "Optional attribute modifier expects at most two arguments: the attribute type, and a \
                              default value.";
                self.refuse_type(detail, expression);
                return None;
            }
        };
        let value_type = self.value_type(wanted);
        if let Some(default) = default {
            if let Err(reason) = default.evaluate() {
                if reason.refusal().is_some() {
                    self.problems().not_constant(reason, default.place());
                }
            } else if let Some(reason) = value_type.mismatch(default) {
                let detail =
                    format!("This default value is not compatible with the attribute's type constraint: {reason}.");
                self.problems().refuse("Invalid default value for optional attribute", detail, default.place());
            }
        }
        Some(value_type)
    }
}

/// A single bare word; in JSON, one that a string holds.
fn keyword(expression: &Expression<'_>) -> Option<String> {
    let is_bare = expression.is_json() || !expression.is_quoted();
    let (name, steps) = expression.reference().filter(|_| is_bare)?;
    steps.is_empty().then_some(name)
}

impl VariableValue {
    /// Why the default does not convert to the type. Null where it does, and where that is not known.
    pub(super) fn mismatch(&self) -> Option<String> {
        let file = ParsedFile::of_expression(self.default.as_ref()?).0?;
        let default = file.root().attributes().next()?;
        if self.nullable == Some(false) && default.value.evaluate() == Ok(Constant::Null) {
            return Some("a null default value is not valid when nullable=false".to_owned());
        }
        self.value_type.as_ref()?.mismatch(&default.value)
    }
}

impl ValueType {
    /// Why a value does not convert to this type. Null where it does, and where that is not known.
    pub(super) fn mismatch(&self, value: &Expression<'_>) -> Option<String> {
        let constant = value.evaluate().ok()?;
        match (self, &constant) {
            (Self::String, Constant::Tuple | Constant::Object) => Some("string required".to_owned()),
            (Self::Any | Self::String, _)
            | (_, Constant::Null)
            | (Self::Number, Constant::Number(_))
            | (Self::Bool, Constant::Bool(_)) => None,
            (Self::Number, Constant::String(text)) if text.parse::<f64>().is_ok() => None,
            (Self::Number, _) => Some("a number is required".to_owned()),
            (Self::Bool, Constant::String(text)) if ["true", "false", "0", "1"].contains(&text.as_str()) => None,
            (Self::Bool, _) => Some("a bool is required".to_owned()),
            (Self::Collection("map", wanted), Constant::Object) => {
                let items = value.items()?;
                let values: Vec<_> = items.into_iter().map(|(_, value)| value).collect();
                wanted.mismatch_in("map", &values)
            }
            (Self::Collection("list" | "set", wanted), Constant::Tuple) => {
                wanted.mismatch_in("list", &value.elements()?)
            }
            (Self::Collection(kind, _), _) => Some(format!("{kind} required")),
            (Self::Tuple(wanted), Constant::Tuple) => {
                let elements = value.elements()?;
                if elements.len() != wanted.len() {
                    return Some(format!("tuple of {} elements required", wanted.len()));
                }
                wanted.iter().zip(&elements).find_map(|(wanted, element)| wanted.mismatch(element))
            }
            (Self::Tuple(_), _) => Some("tuple required".to_owned()),
            (Self::Object(wanted), Constant::Object) => mismatch_in_object(wanted, value),
            (Self::Object(_), _) => Some("object required".to_owned()),
        }
    }

    /// The same for each element. Elements of any type have to have a common one.
    fn mismatch_in(&self, kind: &str, values: &[Expression<'_>]) -> Option<String> {
        if *self != Self::Any {
            return values.iter().find_map(|value| self.mismatch(value));
        }
        let mut shapes = values.iter().filter_map(|value| match value.evaluate().ok()? {
            Constant::Null => None,
            Constant::Bool(_) | Constant::Number(_) | Constant::String(_) => Some(0),
            Constant::Tuple => Some(1),
            Constant::Object => Some(2),
        });
        let first = shapes.next()?;
        shapes.any(|shape| shape != first).then(|| format!("all {kind} elements must have the same type"))
    }
}

fn mismatch_in_object(wanted: &[AttributeType], value: &Expression<'_>) -> Option<String> {
    let mut items = Vec::new();
    for (key, value) in value.items()? {
        let Ok(Constant::String(name)) = key.evaluate() else { return None };
        items.push((name, value));
    }
    wanted.iter().find_map(|attribute| {
        let given = items.iter().rev().find(|(name, _)| *name == attribute.name);
        match given {
            Some((_, value)) => {
                attribute.value_type.mismatch(value).map(|reason| format!("attribute \"{}\": {reason}", attribute.name))
            }
            None => (!attribute.is_optional).then(|| format!("attribute \"{}\" is required", attribute.name)),
        }
    })
}
