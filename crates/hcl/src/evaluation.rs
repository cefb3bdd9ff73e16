//! Expressions that refer to values which are known before a plan, such as `var.name` and `local.name`: hcl-rs evaluates them.
//!
//! What hcl-rs computes otherwise than the engines has no value here: arithmetic, numbers with a fraction, `for`, splats,
//! directives of templates, and functions that are not in [`functions`].

mod functions;

use std::collections::{BTreeMap, BTreeSet};

use hcl::edit::expr::{BinaryOp, BinaryOperator, Expression, ForExpr, FuncCall, Traversal, TraversalOperator};
use hcl::edit::template::{Directive, HeredocTemplate, Interpolation, Strip};
use hcl::edit::visit::{self, Visit};
use hcl::eval::{Context, Evaluate as _};

pub use hcl::Value;

/// A longer text has no value here: it may refer to large values again and again.
const MAXIMUM_TEXT_BYTES: usize = 16 * 1024;

/// A larger value is none, as values grow with every reference to another.
const MAXIMUM_VALUE_BYTES: usize = 8 * 1024;

/// What an expression refers to: `("var", "name")`.
pub type Reference = (String, String);

/// An expression, and what it refers to.
#[derive(Clone, Debug)]
pub struct Evaluation {
    expression: hcl::Expression,
    pub references: BTreeSet<Reference>,
}

impl Evaluation {
    /// Null for a text that is no expression, or that has something without a value here.
    pub fn parse(text: &str) -> Option<Self> {
        let expression = Some(text).filter(|text| text.len() <= MAXIMUM_TEXT_BYTES).and_then(crate::expression)?;
        let mut survey = Survey::default();
        survey.visit_expr(&expression);
        (!survey.is_beyond_us).then(|| Self { expression: expression.into(), references: survey.references })
    }

    /// The value with these in place of the references; null if one is missing, or the engines would refuse it.
    pub fn value(&self, values: &BTreeMap<Reference, Value>) -> Option<Value> {
        let mut roots: BTreeMap<&str, hcl::Map<String, Value>> = BTreeMap::new();
        for (root, name) in &self.references {
            let value = values.get(&(root.clone(), name.clone()))?.clone();
            roots.entry(root).or_default().insert(name.clone(), value);
        }
        let mut context = Context::new();
        for (root, object) in roots {
            context.declare_var(hcl::Identifier::new(root).ok()?, Value::Object(object));
        }
        functions::declare(&mut context);
        let value = self.expression.evaluate(&context).ok()?;
        (size(&value) <= MAXIMUM_VALUE_BYTES).then_some(value)
    }
}

/// As the engines convert a value to a string; null for one that has no such form.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Converts a value to the type that an expression such as `map(string)` names; null if the engines would refuse it, or change
/// it in a way that is not known here.
pub fn converted(value: Value, wanted: &Expression) -> Option<Value> {
    match (wanted, value) {
        (_, Value::Null) => Some(Value::Null),
        (Expression::Variable(name), value) => match (name.as_str(), value) {
            ("any", value) => Some(value),
            ("string", value) => text_of(&value).map(Value::String),
            ("bool", Value::Bool(value)) => Some(Value::Bool(value)),
            ("bool", Value::String(text)) => text.parse().ok().map(Value::Bool),
            ("number", Value::Number(number)) => number.as_i64().map(Value::from),
            ("number", Value::String(text)) => text.parse::<i64>().ok().map(Value::from),
            _ => None,
        },
        (Expression::FuncCall(call), value) => {
            let inner = call.args.iter().next()?;
            match (call.name.name.as_str(), value) {
                ("list", Value::Array(elements)) => elements
                    .into_iter()
                    .map(|element| converted(element, inner))
                    .collect::<Option<_>>()
                    .map(Value::Array),
                ("map", Value::Object(pairs)) => {
                    let pairs = pairs.into_iter().map(|(key, value)| Some((key, converted(value, inner)?)));
                    pairs.collect::<Option<_>>().map(Value::Object)
                }
                ("object", Value::Object(mut pairs)) => {
                    let Expression::Object(attributes) = inner else { return None };
                    let attributes = attributes.iter().map(|(key, wanted)| {
                        let name = key.as_ident()?.as_str().to_owned();
                        let value = converted(pairs.swap_remove(&name)?, wanted.expr())?;
                        Some((name, value))
                    });
                    attributes.collect::<Option<_>>().map(Value::Object)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 8,
        Value::Array(elements) => elements.iter().map(size).sum::<usize>() + 8,
        Value::Object(pairs) => pairs.iter().map(|(key, value)| key.len() + size(value)).sum::<usize>() + 8,
    }
}

/// Collects references, and finds what is not evaluated here.
#[derive(Default)]
struct Survey {
    references: BTreeSet<Reference>,
    is_beyond_us: bool,
}

impl Visit for Survey {
    fn visit_expr(&mut self, node: &Expression) {
        match node {
            // A reference without a name, such as `var` alone.
            Expression::Variable(_) => self.is_beyond_us = true,
            Expression::Number(number) => self.is_beyond_us |= number.value().as_i64().is_none(),
            _ => visit::visit_expr(self, node),
        }
    }

    fn visit_traversal(&mut self, node: &Traversal) {
        let mut operators = node.operators.iter().map(hcl::edit::Decorated::value);
        if let Expression::Variable(root) = &node.expr {
            match operators.next() {
                Some(TraversalOperator::GetAttr(name)) => {
                    self.references.insert((root.as_str().to_owned(), name.as_str().to_owned()));
                }
                _ => self.is_beyond_us = true,
            }
        } else {
            self.visit_expr(&node.expr);
        }
        for operator in operators {
            match operator {
                TraversalOperator::GetAttr(_) => {}
                TraversalOperator::Index(index) => self.visit_expr(index),
                _ => self.is_beyond_us = true,
            }
        }
    }

    fn visit_binary_op(&mut self, node: &BinaryOp) {
        use BinaryOperator::{Div, Minus, Mod, Mul, Plus};
        self.is_beyond_us |= matches!(node.operator.value(), Div | Minus | Mod | Mul | Plus);
        visit::visit_binary_op(self, node);
    }

    fn visit_func_call(&mut self, node: &FuncCall) {
        self.is_beyond_us |= !node.name.namespace.is_empty() || !functions::is_known(node.name.name.as_str());
        visit::visit_func_call(self, node);
    }

    fn visit_for_expr(&mut self, _: &ForExpr) {
        self.is_beyond_us = true;
    }

    fn visit_heredoc_template(&mut self, _: &HeredocTemplate) {
        self.is_beyond_us = true;
    }

    fn visit_directive(&mut self, _: &Directive) {
        self.is_beyond_us = true;
    }

    fn visit_interpolation(&mut self, node: &Interpolation) {
        self.is_beyond_us |= node.strip != Strip::None;
        visit::visit_interpolation(self, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluated(text: &str) -> Option<Value> {
        let values = [
            (("var", "which"), Value::from("b")),
            (("var", "on"), Value::from(true)),
            (("var", "none"), Value::Null),
            (("local", "paths"), Value::from_iter([("a", "./mods/a"), ("b", "./mods/b")])),
            (("path", "module"), Value::from(".")),
        ];
        let values =
            values.into_iter().map(|((root, name), value)| ((root.to_owned(), name.to_owned()), value)).collect();
        Evaluation::parse(text)?.value(&values)
    }

    #[test]
    fn what_refers_to_known_values_has_a_value() {
        for (text, expected) in [
            (r#""./mods/${var.which}""#, "./mods/b"),
            (r"local.paths[var.which]", "./mods/b"),
            (r"local.paths.a", "./mods/a"),
            (r#"var.on ? "./mods/a" : var.unread"#, ""),
            (r#"var.on && var.which == "b" ? "x" : "y""#, "x"),
            (r#"var.none == null ? "x" : "y""#, "x"),
            (r#"join("/", [".", "mods", var.which])"#, "./mods/b"),
            (r#"format("%s/mods/%s", path.module, var.which)"#, "./mods/b"),
            (r#"lookup(local.paths, "z", "./mods/z")"#, "./mods/z"),
            (r#"lower("./MODS/${upper(var.which)}")"#, "./mods/b"),
            (r#"replace("./mods/x", "x", var.which)"#, "./mods/b"),
            (r#"coalesce(var.none, "", "x")"#, "x"),
            (r#""${1}""#, "1"),
            (r#"{ (var.which) = "x" }["b"]"#, "x"),
            ("(\n  \"a\" /* b */\n)", "a"),
        ] {
            let value = evaluated(text);
            // A branch that is not taken must be known too: the engines evaluate both.
            let expected = Some(expected).filter(|text| !text.is_empty()).map(Value::from);
            assert_eq!(
                value.as_ref().map(|value| text_of(value).unwrap()),
                expected.map(|value| text_of(&value).unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_the_engines_may_compute_otherwise_has_none() {
        let long = format!("\"{}\"", "a".repeat(MAXIMUM_TEXT_BYTES));
        let large = format!("join(\"{}\", [{}])", "a".repeat(1000), "\"\", ".repeat(1000));
        for text in [
            "each.key",
            "var",
            "var[\"which\"]",
            "1.5",
            "1 + 1",
            "[for x in [1] : x]",
            "local.paths[*]",
            "uuid()",
            "core::join(\",\", [])",
            r#""%{ if true }a%{ endif }""#,
            r#""${~ var.which }""#,
            "local.paths.z",
            "x(",
            &long,
            &large,
        ] {
            assert_eq!(evaluated(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_converted_to_the_type_of_its_variable() {
        let convert = |wanted: &str, value: &str| {
            let value = Evaluation::parse(value)?.value(&BTreeMap::new())?;
            converted(value, &crate::expression(wanted)?)
        };
        assert_eq!(convert("string", "1"), Some(Value::from("1")));
        assert_eq!(convert("bool", "\"true\""), Some(Value::from(true)));
        assert_eq!(convert("map(string)", "{ a = 1 }"), Some(Value::from_iter([("a", "1")])));
        assert_eq!(convert("object({ a = string })", "{ a = 1, b = 2 }"), Some(Value::from_iter([("a", "1")])));
        for (wanted, value) in
            [("set(string)", "[\"a\"]"), ("object({ a = optional(string, \"x\") })", "{}"), ("number", "\"x\"")]
        {
            assert_eq!(convert(wanted, value), None, "{wanted}");
        }
    }
}
