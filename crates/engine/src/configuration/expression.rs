//! Expressions of both syntaxes: what they are called, what they refer to, what they are worth.
//!
//! Source: hashicorp/hcl v2 `ops.go`, `hclsyntax/expression.go`, `json/structure.go`.

use hcl::edit::Span;
use hcl::edit::expr::{Expression as NativeExpression, ObjectKey};

use super::body::ParsedFile;
use super::json::Json;
use super::references::{native_reference, reference_in_text, references, references_in_json};
use airtight_hcl::NativeFile;
use airtight_hcl::Place;
use airtight_hcl::constant::{Constant, NotConstant, evaluate};

#[derive(Clone, Debug)]
pub(super) struct Expression<'a> {
    pub file: &'a ParsedFile,
    pub kind: ExpressionKind<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ExpressionKind<'a> {
    Native(&'a NativeFile, &'a NativeExpression),
    Json(&'a Json),
    /// A bare key of an object.
    Name(&'a str, Option<(usize, usize)>),
}

/// A step of a reference after its first name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Attribute(String),
    Index(Key),
    Splat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Number,
    Text,
    /// Only known when it is evaluated.
    Dynamic,
}

/// A first name and the steps after it.
pub(super) type Reference = (String, Vec<Step>);

impl<'a> Expression<'a> {
    pub(super) fn place(&self) -> Place {
        match self.kind {
            ExpressionKind::Native(_, expression) => self.file.place(expression.span()),
            ExpressionKind::Name(_, span) => self.file.place(span.map(|(start, end)| start..end)),
            ExpressionKind::Json(_) => self.file.place(None),
        }
    }

    pub(super) fn is_json(&self) -> bool {
        matches!(self.kind, ExpressionKind::Json(_))
    }

    /// Whether the parser could not read it.
    pub(super) fn is_unread(&self) -> bool {
        match self.kind {
            ExpressionKind::Native(native, expression) => expression.span().is_some_and(|span| native.is_unread(&span)),
            ExpressionKind::Json(_) | ExpressionKind::Name(..) => false,
        }
    }

    /// Its value without variables and functions. Strings in JSON are no templates then.
    pub(super) fn evaluate(&self) -> Result<Constant, NotConstant> {
        match self.kind {
            ExpressionKind::Native(_, expression) => {
                if self.is_unread() {
                    Err(NotConstant::NotUnderstood)
                } else {
                    evaluate(expression)
                }
            }
            ExpressionKind::Name(name, _) => Ok(Constant::String(name.to_owned())),
            ExpressionKind::Json(json) => Ok(match json {
                Json::Null => Constant::Null,
                Json::Bool(value) => Constant::Bool(*value),
                Json::Number(text) => Constant::Number(text.clone()),
                Json::String(text) => Constant::String(text.clone()),
                Json::Array(_) => Constant::Tuple,
                Json::Object(_) => Constant::Object,
                Json::Invalid => return Err(NotConstant::NotUnderstood),
            }),
        }
    }

    /// The pairs of an object written out. Null for anything else, also where it was not read.
    pub(super) fn items(&self) -> Option<Vec<(Self, Self)>> {
        match self.kind {
            ExpressionKind::Native(native, NativeExpression::Object(object)) => Some(
                object
                    .iter()
                    .map(|(key, value)| {
                        let key = match key {
                            ObjectKey::Ident(name) => {
                                ExpressionKind::Name(name.as_str(), name.span().map(|span| (span.start, span.end)))
                            }
                            ObjectKey::Expression(expression) => ExpressionKind::Native(native, expression),
                        };
                        (self.sibling(key), self.sibling(ExpressionKind::Native(native, value.expr())))
                    })
                    .collect(),
            ),
            ExpressionKind::Json(Json::Object(pairs)) => Some(
                pairs
                    .iter()
                    .map(|(key, value)| {
                        (self.sibling(ExpressionKind::Name(key, None)), self.sibling(ExpressionKind::Json(value)))
                    })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// Where a key of an object in it stands for the second time, in native syntax.
    pub(super) fn repeated_key(&self) -> Option<Place> {
        let ExpressionKind::Native(native, expression) = self.kind else { return None };
        let key = native.repeated_key(&expression.span()?)?;
        Some(self.file.place(Some(key..key + 1)))
    }

    /// The elements of a list written out. Null for anything else, also where it was not read.
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        match &self.kind {
            ExpressionKind::Native(native, NativeExpression::Array(elements)) => {
                Some(elements.iter().map(|element| self.sibling(ExpressionKind::Native(native, element))).collect())
            }
            ExpressionKind::Json(Json::Array(elements)) => {
                Some(elements.iter().map(|element| self.sibling(ExpressionKind::Json(element))).collect())
            }
            _ => None,
        }
    }

    /// What it refers to: the first name and the steps after it. Quoted references are read as well.
    pub(super) fn reference(&self) -> Option<Reference> {
        match &self.kind {
            ExpressionKind::Native(_, expression) => native_reference(expression),
            ExpressionKind::Json(Json::String(text)) => reference_in_text(text),
            ExpressionKind::Name(name, _) => reference_in_text(name),
            ExpressionKind::Json(_) => None,
        }
    }

    /// The same where it is that alone, with constant keys.
    pub(super) fn static_reference(&self) -> Option<Reference> {
        let reference = self.reference().filter(|_| self.is_json() || !self.is_quoted())?;
        let is_static = |step: &Step| !matches!(step, Step::Splat | Step::Index(Key::Dynamic));
        reference.1.iter().all(is_static).then_some(reference)
    }

    /// The name that it is, without quotes in native syntax.
    pub(super) fn keyword(&self) -> Option<String> {
        self.static_reference().filter(|(_, steps)| steps.is_empty()).map(|(name, _)| name)
    }

    /// Everything that it refers to. Null where it was not read.
    pub(super) fn references(&self) -> Option<Vec<Reference>> {
        match self.kind {
            ExpressionKind::Native(_, expression) => (!self.is_unread()).then(|| references(expression)),
            ExpressionKind::Json(json) => references_in_json(json),
            ExpressionKind::Name(..) => Some(Vec::new()),
        }
    }

    /// The name and the arguments of a function call in native syntax.
    pub(super) fn call(&self) -> Option<(&'a str, Vec<Self>)> {
        match self.kind {
            ExpressionKind::Native(native, NativeExpression::FuncCall(call)) if !call.name.is_namespaced() => {
                let arguments = call.args.iter().map(|argument| self.sibling(ExpressionKind::Native(native, argument)));
                Some((call.name.name.as_str(), arguments.collect()))
            }
            _ => None,
        }
    }

    /// Whether it stands between quotes in native syntax.
    pub(super) fn is_quoted(&self) -> bool {
        matches!(
            self.kind,
            ExpressionKind::Native(_, NativeExpression::String(_) | NativeExpression::StringTemplate(_))
        )
    }

    /// Its text in native syntax, where it was read.
    pub(super) fn native_text(&self) -> Option<String> {
        match self.kind {
            ExpressionKind::Native(native, expression) if !self.is_unread() => {
                native.text.get(expression.span()?).map(str::to_owned)
            }
            _ => None,
        }
    }

    /// The same expression in native syntax; JSON as a value without templates.
    pub(super) fn as_native_text(&self) -> Option<String> {
        match self.kind {
            ExpressionKind::Json(json) => Some(json.to_native_text()),
            _ => self.native_text(),
        }
    }

    fn sibling(&self, kind: ExpressionKind<'a>) -> Self {
        Self { file: self.file, kind }
    }
}
