//! Expressions that the engines take as written, not as values: keywords, references, lists of them.
//!
//! Source: hashicorp/hcl v2 `traversal_for_expr.go`, `expr_list.go`, `hclsyntax/parser_traversal.go`.

use hcl::edit::expr::{Expression as NativeExpression, Traversal, TraversalOperator};

use super::super::body::Problems;
use super::super::expression::{Expression, ExpressionKind};
use super::super::json::Json;
use airtight_hcl::constant::{Constant, NotConstant, evaluate};

/// A step of a reference; the first one is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(Key),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Text(String),
    /// In its shortest decimal form.
    Number(String),
    /// True, false or null: no key of anything.
    Other,
}

/// Why an expression is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoReference {
    /// It is something else.
    Certain,
    /// It was not read.
    NotUnderstood,
}

pub(super) const INVALID: &str = "Invalid expression";
const INVALID_DETAIL: &str = "A single static variable reference is required: only attribute access and indexing with \
                              constant keys.";

const NO_NAME: &str = "Variable name required";

impl NoReference {
    const fn in_text(summary: Option<&str>) -> Self {
        if summary.is_some() { Self::Certain } else { Self::NotUnderstood }
    }

    pub(super) fn refuse(self, expression: &Expression<'_>, problems: &mut Problems) {
        match self {
            Self::Certain => problems.refuse(INVALID, INVALID_DETAIL, expression.place()),
            Self::NotUnderstood => not_read(expression, problems),
        }
    }
}

pub(super) fn not_read(expression: &Expression<'_>, problems: &mut Problems) {
    problems.give_up("Expression not understood", "What it says could not be told.", expression.place());
}

/// The steps of a reference, as it stands there.
pub(super) fn steps(expression: &Expression<'_>) -> Result<Vec<Step>, NoReference> {
    match expression.kind {
        ExpressionKind::Native(..) if expression.is_unread() => Err(NoReference::NotUnderstood),
        ExpressionKind::Native(_, native) => native_steps(native).ok_or(NoReference::Certain),
        ExpressionKind::Name(text, _) => steps_in_text(text).map_err(NoReference::in_text),
        // A template is no reference, and nothing between its brackets makes it one.
        ExpressionKind::Json(Json::String(text))
            if text.contains("${") && !text.contains("$${") && !text.contains(['#', '/']) =>
        {
            Err(NoReference::Certain)
        }
        ExpressionKind::Json(Json::String(text)) => steps_in_text(text).map_err(NoReference::in_text),
        ExpressionKind::Json(_) => Err(NoReference::Certain),
    }
}

/// A single name without quotes, such as `plan`; none for anything else, in JSON also what cannot begin a name.
pub(super) fn keyword(expression: &Expression<'_>) -> Result<Option<String>, NoReference> {
    if let ExpressionKind::Json(Json::String(text)) = &expression.kind
        && text.starts_with(|first: char| first.is_ascii_digit() || ",.:;=!?*+-".contains(first))
    {
        return Ok(None);
    }
    match steps(expression) {
        Ok(steps) => Ok(match steps.as_slice() {
            [Step::Name(name)] => Some(name.clone()),
            _ => None,
        }),
        Err(NoReference::Certain) => Ok(None),
        Err(NoReference::NotUnderstood) => Err(NoReference::NotUnderstood),
    }
}

/// A list of references; in native syntax they may be quoted.
///
/// Source: OpenTofu `internal/configs/depends_on.go`.
pub(super) fn check_list(list: &Expression<'_>, problems: &mut Problems) -> Vec<Vec<Step>> {
    let Some(elements) = list.elements() else {
        let reason = if list.is_unread() { NoReference::NotUnderstood } else { NoReference::Certain };
        reason.refuse(list, problems);
        return Vec::new();
    };
    let found = elements.iter().filter_map(|element| match quoted_steps(element, problems) {
        Quoted::Steps(steps) => Some(steps),
        Quoted::Noted => None,
        Quoted::Nothing => {
            NoReference::Certain.refuse(element, problems);
            None
        }
        Quoted::Not => steps(element).map_err(|reason| reason.refuse(element, problems)).ok(),
    });
    found.collect()
}

/// What stands between quotes in native syntax.
pub(super) enum Quoted {
    /// There are no quotes.
    Not,
    Steps(Vec<Step>),
    /// What is wrong with it has been noted.
    Noted,
    /// That it does not even begin as a reference has been noted; it is no reference, too.
    Nothing,
}

/// A reference between quotes.
///
/// Source: OpenTofu `internal/configs/compat_shim.go` `shimTraversalInString`.
pub(super) fn quoted_steps(expression: &Expression<'_>, problems: &mut Problems) -> Quoted {
    let ExpressionKind::Native(_, native) = expression.kind else { return Quoted::Not };
    let text = match native {
        _ if expression.is_unread() => return Quoted::Not,
        NativeExpression::String(text) => Some(text.value().clone()),
        // A template that is nothing but its value has no quotes.
        NativeExpression::StringTemplate(template) if template.len() > 1 => match evaluate(native) {
            Ok(value) => value.into_string().ok().flatten(),
            Err(NotConstant::NotUnderstood) => None,
            Err(NotConstant::Variable | NotConstant::Function) => return Quoted::Not,
        },
        NativeExpression::HeredocTemplate(_) => None,
        _ => return Quoted::Not,
    };
    match text.map(|text| steps_in_text(&text)) {
        Some(Ok(steps)) => Quoted::Steps(steps),
        Some(Err(Some(summary))) => {
            problems.refuse(summary, "The text is no reference.", expression.place());
            if summary == NO_NAME { Quoted::Nothing } else { Quoted::Noted }
        }
        Some(Err(None)) | None => {
            not_read(expression, problems);
            Quoted::Noted
        }
    }
}

/// Null where it is no reference.
pub(super) fn native_steps(expression: &NativeExpression) -> Option<Vec<Step>> {
    match expression {
        NativeExpression::Variable(name) => Some(vec![Step::Name(name.as_str().to_owned())]),
        NativeExpression::Null(_) => Some(vec![Step::Name("null".to_owned())]),
        NativeExpression::Bool(value) => Some(vec![Step::Name(value.value().to_string())]),
        NativeExpression::Traversal(traversal) => {
            let mut steps = native_steps(&traversal.expr)?;
            for operator in &traversal.operators {
                steps.push(native_step(operator.value())?);
            }
            Some(steps)
        }
        _ => None,
    }
}

fn native_step(operator: &TraversalOperator) -> Option<Step> {
    match operator {
        TraversalOperator::GetAttr(name) => Some(Step::Name(name.as_str().to_owned())),
        TraversalOperator::LegacyIndex(number) => Some(Step::Index(Key::Number(number.value().to_string()))),
        TraversalOperator::Index(key) => {
            let is_literal = matches!(
                key,
                NativeExpression::String(_)
                    | NativeExpression::Number(_)
                    | NativeExpression::Bool(_)
                    | NativeExpression::Null(_)
            );
            match evaluate(key).ok().filter(|_| is_literal)? {
                Constant::String(text) => Some(Step::Index(Key::Text(text))),
                // A sign makes it a calculation.
                Constant::Number(text) => (!text.starts_with('-')).then_some(Step::Index(Key::Number(text))),
                Constant::Bool(_) | Constant::Null => Some(Step::Index(Key::Other)),
                Constant::Tuple | Constant::Object => None,
            }
        }
        TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => None,
    }
}

/// `a.b` of `a.b[each.key]`; null where no computed key stands at the end.
pub(super) fn computed_index(expression: &NativeExpression) -> Option<NativeExpression> {
    let NativeExpression::Traversal(traversal) = expression else { return None };
    let last = traversal.operators.last()?;
    let is_computed = matches!(last.value(), TraversalOperator::Index(_)) && native_step(last.value()).is_none();
    let before = &traversal.operators[..traversal.operators.len() - 1];
    is_computed.then(|| match before {
        [] => traversal.expr.clone(),
        before => Traversal::new(traversal.expr.clone(), before.to_vec()).into(),
    })
}

/// A reference in a text, or the engines' summary of why it is none; null where that was not understood.
fn steps_in_text(text: &str) -> Result<Vec<Step>, Option<&'static str>> {
    let mut rest = text.trim_matches(SPACES);
    let mut steps = Vec::new();
    let Some((root, after)) = split_name(rest) else { return Err(odd(rest, NO_NAME)) };
    steps.push(Step::Name(root.to_owned()));
    rest = after;
    loop {
        rest = rest.trim_start_matches(SPACES);
        let mut characters = rest.chars();
        match characters.next() {
            None => return Ok(steps),
            Some('.') => {
                let after = characters.as_str().trim_start_matches(SPACES);
                let Some((name, after)) = split_name(after) else { return Err(odd(after, "Attribute name required")) };
                steps.push(Step::Name(name.to_owned()));
                rest = after;
            }
            Some('[') => {
                let after = characters.as_str().trim_start_matches(SPACES);
                if after.starts_with('*') {
                    return Err(Some("Attribute name required"));
                }
                let (key, after) = split_key(after).ok_or(None)?;
                let after = after.trim_start_matches(SPACES);
                let Some(after) = after.strip_prefix(']') else { return Err(odd(after, "Unclosed index brackets")) };
                steps.push(Step::Index(key));
                rest = after;
            }
            Some(_) => return Err(odd(rest, "Invalid character")),
        }
    }
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// What the engines' scanner stumbles over has summaries of its own.
fn odd(rest: &str, summary: &'static str) -> Option<&'static str> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || " ._-[]".contains(character);
    rest.chars().all(is_plain).then_some(summary)
}

fn split_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    super::super::declarations::is_identifier(name).then_some((name, rest))
}

fn split_key(text: &str) -> Option<(Key, &str)> {
    if let Some(after) = text.strip_prefix('"') {
        let (key, rest) = after.split_once('"')?;
        return (!key.contains(['\\', '$', '%', '\n'])).then(|| (Key::Text(key.to_owned()), rest));
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    match evaluate(&airtight_hcl::expression(number).filter(NativeExpression::is_number)?) {
        Ok(Constant::Number(number)) => Some((Key::Number(number), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_reference_or_the_engines_reason_why_not() {
        let name = |text: &str| Step::Name(text.to_owned());
        let table = [
            ("a", Ok(vec![name("a")])),
            (" a . b ", Ok(vec![name("a"), name("b")])),
            ("null", Ok(vec![name("null")])),
            (
                "a[01][\"x\"]",
                Ok(vec![name("a"), Step::Index(Key::Number("1".into())), Step::Index(Key::Text("x".into()))]),
            ),
            ("", Err(Some("Variable name required"))),
            ("1", Err(Some("Variable name required"))),
            ("a.", Err(Some("Attribute name required"))),
            ("a.0", Err(Some("Attribute name required"))),
            ("a b", Err(Some("Invalid character"))),
            ("a[0", Err(Some("Unclosed index brackets"))),
            ("a[*]", Err(Some("Attribute name required"))),
            ("a\n[1.0]", Ok(vec![name("a"), Step::Index(Key::Number("1".into()))])),
            ("${a}", Err(None)),
            ("a # b", Err(None)),
            ("a[\"$\"]", Err(None)),
        ];
        for (text, expected) in table {
            assert_eq!(steps_in_text(text), expected, "{text}");
        }
    }
}
