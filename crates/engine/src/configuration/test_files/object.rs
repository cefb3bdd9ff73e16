//! Arguments whose value is an object that no variable and no function may make.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/expression.go`, each `Value` with a null context.

use hcl::edit::expr::{BinaryOperator, Expression as NativeExpression, ObjectKey, UnaryOperator};
use hcl::edit::template::Element;

use super::super::expression::{Expression, ExpressionKind};
use super::super::json::Json;

/// What is known of a value, together with what is wrong in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    faults: [bool; FAULTS.len()],
    /// It may have an error that is not seen here.
    pub is_uncertain: bool,
    pub kind: Kind,
}

/// What an expression may not have, by its place among [`FAULTS`].
#[derive(Clone, Copy)]
enum Fault {
    Variable,
    Function,
    AmbiguousKey,
}

/// The engines' summaries, and details.
const FAULTS: [(&str, &str); 3] = [
    ("Variables not allowed", "Variables may not be used here."),
    ("Function calls not allowed", "Functions may not be called here."),
    (
        "Ambiguous attribute key",
        "Write the expression in parentheses to evaluate it, or in quotes to take it as it stands.",
    ),
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Number,
    Text,
    Bool,
    /// Nothing of the above.
    #[default]
    Other,
    /// Nothing is known of it, as after an error.
    Unknown,
}

impl Value {
    const fn of(kind: Kind) -> Self {
        Self { faults: [false; FAULTS.len()], is_uncertain: false, kind }
    }

    const UNCERTAIN: Self = Self { is_uncertain: true, ..Self::of(Kind::Unknown) };

    const fn faulty(mut self, fault: Fault) -> Self {
        self.faults[fault as usize] = true;
        self.kind = Kind::Unknown;
        self
    }

    /// Summary and detail of each error.
    pub(super) fn errors(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        FAULTS.into_iter().zip(self.faults).filter(|(_, is_there)| *is_there).map(|(error, _)| error)
    }

    pub(super) fn has_error(self) -> bool {
        self.faults.contains(&true)
    }

    /// With the errors of a part.
    fn with(mut self, part: Self) -> Self {
        for (fault, of_part) in self.faults.iter_mut().zip(part.faults) {
            *fault |= of_part;
        }
        Self { is_uncertain: self.is_uncertain || part.is_uncertain, ..self }
    }

    /// As it is where a part of it decides what it is.
    fn unknown_after_error(self) -> Self {
        if self.has_error() { Self { kind: Kind::Unknown, ..self } } else { self }
    }
}

pub(super) fn value(expression: &Expression<'_>) -> Value {
    match expression.kind {
        ExpressionKind::Native(..) if expression.is_unread() => Value::UNCERTAIN,
        ExpressionKind::Native(_, native) => native_value(native),
        ExpressionKind::Json(Json::Object(_)) => Value::of(Kind::Object),
        ExpressionKind::Json(_) | ExpressionKind::Name(..) => Value::of(Kind::Other),
    }
}

fn native_value(expression: &NativeExpression) -> Value {
    match expression {
        NativeExpression::Null(_) => Value::of(Kind::Other),
        NativeExpression::Bool(_) => Value::of(Kind::Bool),
        NativeExpression::Number(_) => Value::of(Kind::Number),
        NativeExpression::String(_) => Value::of(Kind::Text),
        NativeExpression::Parenthesis(inner) => native_value(inner.inner()),
        NativeExpression::StringTemplate(template) => template_value(template.iter()),
        NativeExpression::HeredocTemplate(heredoc) => template_value(heredoc.template.iter()),
        NativeExpression::Array(elements) => {
            elements.iter().fold(Value::of(Kind::Other), |value, element| value.with(native_value(element)))
        }
        NativeExpression::Object(items) => items.iter().fold(Value::of(Kind::Object), |value, (key, item)| {
            let value = match key {
                ObjectKey::Ident(_) | ObjectKey::Expression(NativeExpression::Null(_) | NativeExpression::Bool(_)) => {
                    value
                }
                ObjectKey::Expression(NativeExpression::Traversal(_)) => value.faulty(Fault::AmbiguousKey),
                ObjectKey::Expression(key) => {
                    let key = native_value(key);
                    let is_name = key.has_error() || matches!(key.kind, Kind::Text | Kind::Number);
                    let value = value.with(key).unknown_after_error();
                    if is_name { value } else { value.with(Value::UNCERTAIN) }
                }
            };
            value.with(native_value(item.expr()))
        }),
        NativeExpression::Variable(_) => Value::default().faulty(Fault::Variable),
        // Arguments are not looked at.
        NativeExpression::FuncCall(_) => Value::default().faulty(Fault::Function),
        NativeExpression::Traversal(traversal) => error_of(&traversal.expr),
        NativeExpression::BinaryOp(operation) => {
            let operands = [native_value(&operation.lhs_expr), native_value(&operation.rhs_expr)];
            let (needed, kind) = match operation.operator.value() {
                BinaryOperator::Eq | BinaryOperator::NotEq => (None, Kind::Bool),
                BinaryOperator::And | BinaryOperator::Or => (Some(Kind::Bool), Kind::Bool),
                BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Mul => {
                    (Some(Kind::Number), Kind::Number)
                }
                BinaryOperator::Div | BinaryOperator::Mod => (Some(Kind::Unknown), Kind::Number),
                _ => (Some(Kind::Number), Kind::Bool),
            };
            calculated(&operands, needed, kind)
        }
        NativeExpression::UnaryOp(operation) => {
            let kind = match operation.operator.value() {
                UnaryOperator::Neg => Kind::Number,
                UnaryOperator::Not => Kind::Bool,
            };
            calculated(&[native_value(&operation.expr)], Some(kind), kind)
        }
        NativeExpression::Conditional(conditional) => error_of(&conditional.cond_expr),
        NativeExpression::ForExpr(repeated) => error_of(&repeated.intro.collection_expr),
    }
}

/// What operands of one kind make; without one any will do.
fn calculated(operands: &[Value], needed: Option<Kind>, kind: Kind) -> Value {
    let value = operands.iter().fold(Value::of(kind), |value, operand| value.with(*operand)).unknown_after_error();
    let is_sound = operands.iter().all(|operand| needed.is_none_or(|needed| operand.kind == needed));
    if value.has_error() || (is_sound && value.kind == kind) { value } else { value.with(Value::UNCERTAIN) }
}

/// The value of something of which only this part is judged.
fn error_of(part: &NativeExpression) -> Value {
    match native_value(part) {
        part if part.has_error() => part.unknown_after_error(),
        _ => Value::UNCERTAIN,
    }
}

fn template_value<'a>(elements: impl Iterator<Item = &'a Element>) -> Value {
    let values: Vec<_> = elements
        .map(|element| match element {
            Element::Literal(_) => Value::of(Kind::Text),
            Element::Interpolation(part) => native_value(&part.expr),
            Element::Directive(_) => Value::UNCERTAIN,
        })
        .collect();
    if let [only] = values[..] {
        return only;
    }
    values.into_iter().fold(Value::of(Kind::Text), |value, part| {
        let is_text = part.has_error() || matches!(part.kind, Kind::Text | Kind::Number | Kind::Bool);
        let value = value.with(part).unknown_after_error();
        if is_text { value } else { value.with(Value::UNCERTAIN) }
    })
}
