//! What an expression in native syntax refers to.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/variables.go`.

use hcl::edit::expr::{Expression, ForExpr, Traversal, TraversalOperator};
use hcl::edit::template::ForTemplateExpr;
use hcl::edit::visit::{
    Visit, visit_expr, visit_for_expr, visit_for_template_expr, visit_traversal, visit_traversal_operator,
};

use super::declarations::has_template;
use super::expression::{Key, Reference, Step};
use super::json::Json;

/// Each reference by its first name and the steps after it; the names that a `for` declares are none.
pub(super) fn references(expression: &Expression) -> Vec<Reference> {
    let mut visitor = Visitor::default();
    visitor.visit_expr(expression);
    visitor.found
}

/// The same for every template in a JSON value; null where one of them cannot be read.
pub(super) fn references_in_json(json: &Json) -> Option<Vec<Reference>> {
    let mut visitor = Visitor::default();
    let mut waiting = vec![json];
    while let Some(json) = waiting.pop() {
        match json {
            Json::String(text) if has_template(text) => {
                visitor.visit_template(&airtight_hcl::template(text)?);
            }
            Json::Array(elements) => waiting.extend(elements),
            Json::Object(pairs) => waiting.extend(pairs.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    Some(visitor.found)
}

#[derive(Default)]
struct Visitor {
    found: Vec<Reference>,
    /// The names of every `for` around.
    declared: Vec<String>,
}

impl Visitor {
    fn add(&mut self, root: &str, steps: Vec<Step>) {
        if !self.declared.iter().any(|name| name == root) {
            self.found.push((root.to_owned(), steps));
        }
    }

    fn within(&mut self, names: impl Iterator<Item = String>, visit: impl FnOnce(&mut Self)) {
        let before = self.declared.len();
        self.declared.extend(names);
        visit(self);
        self.declared.truncate(before);
    }
}

impl Visit for Visitor {
    fn visit_expr(&mut self, expression: &Expression) {
        match expression {
            Expression::Variable(name) => self.add(name.as_str(), Vec::new()),
            other => visit_expr(self, other),
        }
    }

    fn visit_traversal(&mut self, traversal: &Traversal) {
        let Expression::Variable(root) = &traversal.expr else { return visit_traversal(self, traversal) };
        let steps = native_reference(&Expression::from(traversal.clone())).map(|(_, steps)| steps);
        self.add(root.as_str(), steps.unwrap_or_default());
        for operator in &traversal.operators {
            visit_traversal_operator(self, operator.value());
        }
    }

    fn visit_for_expr(&mut self, repeated: &ForExpr) {
        let intro = &repeated.intro;
        let names = intro.key_var.iter().chain([&intro.value_var]).map(|name| name.as_str().to_owned());
        self.within(names, |visitor| visit_for_expr(visitor, repeated));
    }

    fn visit_for_template_expr(&mut self, repeated: &ForTemplateExpr) {
        let names = repeated.key_var.iter().chain([&repeated.value_var]).map(|name| name.as_str().to_owned());
        self.within(names, |visitor| visit_for_template_expr(visitor, repeated));
    }
}

pub(super) fn native_reference(expression: &Expression) -> Option<Reference> {
    match expression {
        Expression::Variable(name) => Some((name.as_str().to_owned(), Vec::new())),
        // Where a reference is asked for, these are names like others: `null` is also one of a provider.
        Expression::Null(_) => Some(("null".to_owned(), Vec::new())),
        Expression::Bool(value) => Some((value.value().to_string(), Vec::new())),
        Expression::String(text) => reference_in_text(text),
        Expression::Traversal(traversal) => {
            if matches!(traversal.expr, Expression::String(_)) {
                return None;
            }
            let (root, mut steps) = native_reference(&traversal.expr)?;
            steps.extend(traversal.operators.iter().map(|operator| match operator.value() {
                TraversalOperator::GetAttr(name) => Step::Attribute(name.as_str().to_owned()),
                TraversalOperator::LegacyIndex(_) => Step::Index(Key::Number),
                TraversalOperator::Index(Expression::Number(number)) if is_literal(number.value()) => {
                    Step::Index(Key::Number)
                }
                TraversalOperator::Index(Expression::String(_)) => Step::Index(Key::Text),
                TraversalOperator::Index(_) => Step::Index(Key::Dynamic),
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
            }));
            Some((root, steps))
        }
        _ => None,
    }
}

/// A sign before a number makes it a calculation.
fn is_literal(number: &hcl::Number) -> bool {
    number.as_f64().is_some_and(|number| !number.is_sign_negative())
}

pub(super) fn reference_in_text(text: &str) -> Option<Reference> {
    match &airtight_hcl::expression(text)? {
        reference
        @ (Expression::Variable(_) | Expression::Null(_) | Expression::Bool(_) | Expression::Traversal(_)) => {
            native_reference(reference)
        }
        _ => None,
    }
}
