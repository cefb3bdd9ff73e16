//! Constraints on the engine's own version and on modules, which one library both parses and checks.
//!
//! Source: hashicorp/go-version `constraint.go`, `version.go`.

use std::cmp::Ordering;
use std::num::IntErrorKind;

use super::version::Version;
use super::version_constraints::ConstraintError;

/// Constraints of `required_version` and of module versions, by hashicorp/go-version's own matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreConstraints {
    text: String,
    terms: Vec<CoreTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct CoreTerm {
    operator: CoreOperator,
    boundary: CoreVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CoreOperator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Pessimistic,
}

/// In the order in which they have to be tried.
const OPERATORS: [(&str, CoreOperator); 7] = [
    ("<=", CoreOperator::LessOrEqual),
    (">=", CoreOperator::GreaterOrEqual),
    ("!=", CoreOperator::NotEqual),
    ("~>", CoreOperator::Pessimistic),
    ("<", CoreOperator::Less),
    (">", CoreOperator::Greater),
    ("=", CoreOperator::Equal),
];

/// A version by that library's reading; build metadata plays no part in comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CoreVersion {
    /// At least three.
    segments: Vec<i64>,
    /// How many of the segments were written.
    written: usize,
    prerelease: String,
}

/// Whether an engine meets a `required_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreCheck {
    Met,
    /// The engine says `Unsupported Terraform Core version` or its own kind of that.
    NotMet,
    /// A term names a pre-release, which is an error of its own, whatever the version.
    NamesPrerelease,
}

impl CoreConstraints {
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let terms = text.split(',').map(CoreTerm::parse).collect::<Option<_>>().ok_or(ConstraintError::Decoding)?;
        Ok(Self { text: text.to_owned(), terms })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a term names a pre-release, which `required_version` refuses.
    pub fn names_prerelease(&self) -> bool {
        self.terms.iter().any(|term| !term.boundary.prerelease.is_empty())
    }

    /// Whether the version (as text, by that library's reading) satisfies every term. A text that is no version does
    /// not.
    pub fn allows(&self, version: &str) -> bool {
        CoreVersion::parse(version).is_some_and(|version| self.terms.iter().all(|term| term.allows(&version)))
    }

    /// As `required_version` is checked: the running version's pre-release part is cut off.
    pub fn check_core(&self, version: &Version) -> CoreCheck {
        if self.names_prerelease() {
            CoreCheck::NamesPrerelease
        } else if self.allows(&format!("{}.{}.{}", version.major, version.minor, version.patch)) {
            CoreCheck::Met
        } else {
            CoreCheck::NotMet
        }
    }
}

/// White space as Go's regular expressions know it.
const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{c}' | '\r')
}

impl CoreTerm {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(is_space);
        let (operator, version) = OPERATORS
            .iter()
            .find_map(|(prefix, operator)| Some((*operator, text.strip_prefix(prefix)?)))
            .unwrap_or((CoreOperator::Equal, text));
        Some(Self { operator, boundary: CoreVersion::parse(version.trim_start_matches(is_space))? })
    }

    fn allows(&self, version: &CoreVersion) -> bool {
        let order = || version.cmp(&self.boundary);
        let comparable = || version.is_comparable_with(&self.boundary);
        match self.operator {
            CoreOperator::Equal => order().is_eq(),
            CoreOperator::NotEqual => order().is_ne(),
            CoreOperator::Greater => comparable() && order().is_gt(),
            CoreOperator::Less => comparable() && order().is_lt(),
            CoreOperator::GreaterOrEqual => comparable() && order().is_ge(),
            CoreOperator::LessOrEqual => comparable() && order().is_le(),
            CoreOperator::Pessimistic => comparable() && order().is_ge() && version.shares_prefix_of(&self.boundary),
        }
    }
}

impl CoreVersion {
    /// `v?NUMBER(.NUMBER)*`, a pre-release with or without `-`, and `+` metadata.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let numbers_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, rest) = text.split_at(numbers_end);
        let mut segments = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<i64>>>()?;
        let written = segments.len();
        segments.resize(written.max(3), 0);
        let (prerelease, metadata) = match rest.split_once('+') {
            Some((prerelease, metadata)) => (prerelease, Some(metadata)),
            None => (rest, None),
        };
        if metadata.is_some_and(|metadata| !metadata.split('.').all(is_extra_part)) {
            return None;
        }
        Some(Self { segments, written, prerelease: parse_prerelease(prerelease)?.to_owned() })
    }

    /// A pre-release only compares with one of the same numbers, and only when the constraint names one.
    fn is_comparable_with(&self, boundary: &Self) -> bool {
        self.prerelease.is_empty() || (!boundary.prerelease.is_empty() && self.segments == boundary.segments)
    }

    /// The part of `~>` beyond `>=`: all written segments but the last are the same.
    fn shares_prefix_of(&self, boundary: &Self) -> bool {
        let count = boundary.segments.len();
        if (!boundary.prerelease.is_empty() && self.prerelease.is_empty()) || count > self.segments.len() {
            return false;
        }
        let fixed = boundary.written - 1;
        self.segments[..fixed] == boundary.segments[..fixed] && self.segments[count - 1] >= boundary.segments[count - 1]
    }

    /// No total order: pre-release parts compare by rules that are not symmetric.
    fn cmp(&self, other: &Self) -> Ordering {
        if self.segments == other.segments {
            return match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => cmp_prereleases(&self.prerelease, &other.prerelease),
            };
        }
        let count = self.segments.len().max(other.segments.len());
        let segments = |version: &Self| {
            version.segments.iter().copied().chain(std::iter::repeat(0)).take(count).collect::<Vec<_>>()
        };
        segments(self).cmp(&segments(other))
    }
}

/// One part of a pre-release or of build metadata.
fn is_extra_part(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'~'))
}

/// The pre-release without its leading `-`, which may be missing before anything but a digit, and which may itself be
/// the whole first part.
fn parse_prerelease(text: &str) -> Option<&str> {
    if text.is_empty() {
        return Some("");
    }
    let parts_are_valid = |text: &str| text.split('.').all(is_extra_part);
    match text.strip_prefix('-') {
        Some(rest) if parts_are_valid(rest) => Some(rest),
        _ => parts_are_valid(text).then_some(text),
    }
}

fn cmp_prereleases(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let count = left.split('.').count().max(right.split('.').count());
    let parts = |text| str::split(text, '.').chain(std::iter::repeat("")).take(count);
    parts(left)
        .zip(parts(right))
        .map(|(left, right)| cmp_prerelease_parts(left, right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A missing part is lower than a number and higher than a word.
fn cmp_prerelease_parts(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let ((left_value, left_is_number), (right_value, right_is_number)) = (part_value(left), part_value(right));
    let is_greater = match (left.is_empty(), right.is_empty()) {
        (true, _) => !right_is_number,
        (false, true) => left_is_number,
        (false, false) if left_is_number != right_is_number => right_is_number,
        (false, false) => (!left_is_number && left > right) || left_value > right_value,
    };
    if is_greater { Ordering::Greater } else { Ordering::Less }
}

/// A part's value and whether it is a number; one that does not fit is a word with the value of the nearest number.
fn part_value(part: &str) -> (i64, bool) {
    match part.parse::<i64>().map_err(|error| error.kind().clone()) {
        Ok(value) => (value, true),
        Err(IntErrorKind::PosOverflow) => (i64::MAX, false),
        Err(IntErrorKind::NegOverflow) => (i64::MIN, false),
        Err(_) => (0, false),
    }
}
