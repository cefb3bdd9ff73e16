//! Expressions that the engines evaluate without variables or functions.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/expression.go`, `gohcl/decode.go` with a null context.

use hcl::edit::expr::Expression;
use hcl::edit::template::Element;

/// A value, as far as readers need it. Numbers are their text, as the engines convert them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Tuple,
    Object,
}

/// Why an expression has no value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotConstant {
    /// It refers to something: "Variables not allowed".
    Variable,
    /// It calls something: "Function calls not allowed".
    Function,
    /// It may have a value that is not computed here.
    NotUnderstood,
}

impl NotConstant {
    /// The engines' summary and detail; null if it is not certain that they refuse.
    pub const fn refusal(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Variable => Some(("Variables not allowed", "Variables may not be used here.")),
            Self::Function => Some(("Function calls not allowed", "Functions may not be called here.")),
            Self::NotUnderstood => None,
        }
    }
}

impl Constant {
    /// Converted to a string, as an argument of type string is; null for null.
    ///
    /// # Errors
    /// The engine's reason, where the value has no string form.
    pub fn into_string(self) -> Result<Option<String>, &'static str> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(value) => Ok(Some(value.to_string())),
            Self::Number(text) | Self::String(text) => Ok(Some(text)),
            Self::Tuple => Err("string required, but have tuple"),
            Self::Object => Err("string required, but have object"),
        }
    }
}

pub fn evaluate(expression: &Expression) -> Result<Constant, NotConstant> {
    match expression {
        Expression::Null(_) => Ok(Constant::Null),
        Expression::Bool(value) => Ok(Constant::Bool(*value.value())),
        Expression::Number(number) => {
            let text = number.as_repr().map_or_else(|| number.value().to_string(), |literal| String::from(&**literal));
            decimal_text(&text).map(Constant::Number).ok_or(NotConstant::NotUnderstood)
        }
        Expression::String(text) => Ok(Constant::String(text.value().clone())),
        Expression::StringTemplate(template) => template_value(template.iter()),
        Expression::Parenthesis(inner) => evaluate(inner.inner()),
        Expression::Conditional(conditional) => {
            let condition = evaluate(&conditional.cond_expr)?;
            let (when_true, when_false) = (evaluate(&conditional.true_expr)?, evaluate(&conditional.false_expr)?);
            match condition {
                Constant::Bool(true) => Ok(when_true),
                Constant::Bool(false) => Ok(when_false),
                _ => Err(NotConstant::NotUnderstood),
            }
        }
        Expression::Array(elements) => {
            elements.iter().try_for_each(|element| evaluate(element).map(drop))?;
            Ok(Constant::Tuple)
        }
        Expression::Object(items) => {
            items.iter().try_for_each(|(_, value)| evaluate(value.expr()).map(drop))?;
            Ok(Constant::Object)
        }
        Expression::Variable(_) => Err(NotConstant::Variable),
        Expression::FuncCall(_) => Err(NotConstant::Function),
        Expression::Traversal(traversal) => match &traversal.expr {
            Expression::Variable(_) => Err(NotConstant::Variable),
            Expression::FuncCall(_) => Err(NotConstant::Function),
            _ => Err(NotConstant::NotUnderstood),
        },
        Expression::UnaryOp(_) | Expression::BinaryOp(_) | Expression::ForExpr(_) | Expression::HeredocTemplate(_) => {
            Err(NotConstant::NotUnderstood)
        }
    }
}

/// Joins the parts; a single interpolation keeps the type of its value.
fn template_value<'a>(elements: impl Iterator<Item = &'a Element>) -> Result<Constant, NotConstant> {
    let mut parts = Vec::new();
    for element in elements {
        parts.push(match element {
            Element::Literal(text) => Constant::String(text.value().clone()),
            Element::Interpolation(interpolation) if interpolation.strip == hcl::edit::template::Strip::None => {
                evaluate(&interpolation.expr)?
            }
            Element::Interpolation(_) | Element::Directive(_) => return Err(NotConstant::NotUnderstood),
        });
    }
    if parts.len() == 1 {
        return parts.pop().ok_or(NotConstant::NotUnderstood);
    }
    let mut joined = String::new();
    for part in parts {
        match part.into_string() {
            Ok(Some(text)) => joined.push_str(&text),
            Ok(None) | Err(_) => return Err(NotConstant::NotUnderstood),
        }
    }
    Ok(Constant::String(joined))
}

/// A number's shortest decimal text, without an exponent: `3.0` is `3`, `1e2` is `100`.
fn decimal_text(literal: &str) -> Option<String> {
    const MAXIMUM_DIGITS: usize = 100;
    let (sign, literal) = match literal.strip_prefix('-') {
        Some(rest) => ("-", rest.trim_start()),
        None => ("", literal),
    };
    let (mantissa, exponent) = match literal.find(['e', 'E']) {
        Some(at) => (&literal[..at], literal[at + 1..].parse::<i32>().ok()?),
        None => (literal, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    if digits.len() > MAXIMUM_DIGITS || usize::try_from(point.unsigned_abs()).ok()? > MAXIMUM_DIGITS {
        return None;
    }
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point >= digits.len() => (format!("{digits:0<point$}"), String::new()),
        Ok(point) => (digits[..point].to_owned(), digits[point..].to_owned()),
        Err(_) => (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize))),
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}
