//! Constraints on the engine's own version and on modules, which one library both parses and checks.
//!
//! Source: hashicorp/go-version `constraint.go`, `version.go`.

use std::cmp::Ordering;
use std::num::IntErrorKind;

use super::version::Version;

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

/// The text is no version constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a constraint is versions of up to three numbers with operators, such as `>= 1.2, < 2.0`, without a `v`")]
pub struct ConstraintError;

impl CoreConstraints {
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let terms = text.split(',').map(CoreTerm::parse).collect::<Option<_>>().ok_or(ConstraintError)?;
        Ok(Self { text: text.to_owned(), terms })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a term names a pre-release, which `required_version` refuses.
    pub(crate) fn names_prerelease(&self) -> bool {
        self.terms.iter().any(|term| !term.boundary.prerelease.is_empty())
    }

    /// Whether the version (as text, by that library's reading) satisfies every term. A text that is no version does
    /// not.
    pub fn allows(&self, version: &str) -> bool {
        CoreVersion::parse(version).is_some_and(|version| self.terms.iter().all(|term| term.allows(&version)))
    }

    /// Whether the installer of modules considers a version of a registry, for a call with this constraint or with none: a
    /// pre-release only if the constraint is that one version.
    ///
    /// Source: OpenTofu and Terraform `internal/initwd/module_install.go` `installRegistryModule`.
    pub fn selects(constraint: Option<&Self>, version: &str) -> bool {
        let Some(read) = CoreVersion::parse(version) else { return false };
        let names_it = |constraint: &Self| matches!(constraint.terms.as_slice(), [term] if term.operator == CoreOperator::Equal && term.boundary == read);
        (read.prerelease.is_empty() || constraint.is_some_and(names_it))
            && constraint.is_none_or(|constraint| constraint.allows(version))
    }

    /// The order of two versions, by that library's reading; what is no version is before every version.
    pub fn cmp_versions(left: &str, right: &str) -> Ordering {
        match (CoreVersion::parse(left), CoreVersion::parse(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    }

    /// A version as that library prints it, and so as engines record it: `v1.2` is `1.2.0`.
    pub fn print_version(text: &str) -> Option<String> {
        let version = CoreVersion::parse(text)?;
        let mut printed = version.segments.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
        if !version.prerelease.is_empty() {
            printed.push('-');
            printed.push_str(&version.prerelease);
        }
        if let Some((_, metadata)) = text.split_once('+') {
            printed.push('+');
            printed.push_str(metadata);
        }
        Some(printed)
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
    match part.parse::<i64>().map_err(|error| *error.kind()) {
        Ok(value) => (value, true),
        Err(IntErrorKind::PosOverflow) => (i64::MAX, false),
        Err(IntErrorKind::NegOverflow) => (i64::MIN, false),
        Err(_) => (0, false),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn constraints_are_met_as_go_version_does() {
        let fixture = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/constraints/core.tsv"));
        let versions = fixture.lines().find_map(|line| line.strip_prefix("#\t\t")).unwrap();
        for row in fixture.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = row.split('\t');
            let [text, outcome, allowed] = std::array::from_fn(|_| columns.next().unwrap_or_default());
            let parsed = CoreConstraints::parse(text);
            let met: Vec<&str> = versions
                .split(' ')
                .filter(|version| parsed.as_ref().is_ok_and(|constraints| constraints.allows(version)))
                .collect();
            assert_eq!(met.join(" "), allowed, "{text:?}");
            let parsed_outcome = match parsed {
                Ok(constraints) if constraints.names_prerelease() => "prerelease",
                Ok(_) => "accepted",
                Err(_) => "refused",
            };
            assert_eq!(parsed_outcome, outcome, "{text:?}");
        }
    }

    #[test]
    fn an_engine_s_own_prerelease_counts_as_its_release() {
        let table = [
            (">= 1.12", CoreCheck::Met),
            ("~> 1.11.0", CoreCheck::NotMet),
            ("1.12.6", CoreCheck::Met),
            ("1.12.6-rc1", CoreCheck::NamesPrerelease),
            ("> 2, 1.12.6-rc1", CoreCheck::NamesPrerelease),
        ];
        for (text, expected) in table {
            let version = "1.12.6-rc1".parse().unwrap();
            assert_eq!(CoreConstraints::parse(text).unwrap().check_core(&version), expected, "{text:?}");
        }
    }

    #[test]
    fn prerelease_parts_compare_by_that_library_s_own_rules() {
        let table = [
            ("1", "1", Ordering::Equal),
            ("1", "2", Ordering::Less),
            ("1", "01", Ordering::Less),
            ("01", "1", Ordering::Less),
            ("9", "a", Ordering::Less),
            ("a", "9", Ordering::Greater),
            ("a", "b", Ordering::Less),
            ("a.1", "a", Ordering::Greater),
            ("a.b", "a", Ordering::Less),
            ("a", "a.1", Ordering::Less),
            ("a", "a.b", Ordering::Greater),
            ("99999999999999999999", "a", Ordering::Greater),
            ("-99999999999999999999", "-a", Ordering::Less),
        ];
        for (left, right, expected) in table {
            assert_eq!(cmp_prereleases(left, right), expected, "{left} and {right}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>(), version in "[v0-9.a~+-]{0,12}") {
            if let Ok(constraints) = CoreConstraints::parse(&text) {
                prop_assert_eq!(constraints.as_str(), text);
                constraints.allows(&version);
            }
        }

        #[test]
        fn a_version_meets_itself(
            numbers in "v?[0-9]{1,4}(\\.[0-9]{1,4}){0,4}",
            extras in "(-[0-9a-z~-]{1,3}(\\.[0-9a-z]{1,2}){0,2})?(\\+[0-9a-z]{1,2})?",
        ) {
            let version = numbers + &extras;
            let constraints = CoreConstraints::parse(&format!("= {version}")).unwrap();
            prop_assert!(constraints.allows(&version));
        }
    }
}
