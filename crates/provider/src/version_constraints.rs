//! Version constraints of providers, by both parsers that the engines put them through.

use std::cmp::Ordering;
use std::fmt;

use super::core_constraints::{ConstraintError, CoreConstraints};
use super::engine::Engine;
use super::version::{Version, cmp_extra};
use super::version_scan::{Scanned, scan};

/// Terms that all have to hold. Prints in the canonical form of lock files, deduplicated and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionConstraints {
    /// In canonical order, each once.
    terms: Vec<Term>,
    /// How many terms name one version, repetitions among them.
    exact_terms: usize,
}

/// One comparison. Numbers that were left out are 0: nothing but the operator depends on how many there were.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Term {
    operator: Operator,
    boundary: Version,
}

/// In the order in which the canonical form prints terms of the same version.
///
/// Source: OpenTofu `internal/getproviders/types.go` `versionSelectionsBoundaryPriority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Operator {
    Greater,
    GreaterOrEqual,
    Equal,
    /// `~>` with three numbers: only the last may grow.
    Patch,
    /// `~>` with one or two numbers: all but the first may grow.
    Minor,
    LessOrEqual,
    Less,
    NotEqual,
}

impl VersionConstraints {
    /// As `required_providers` has it: both parsers must accept.
    ///
    /// Source: OpenTofu `internal/configs/provider_requirements.go`, `config.go` `addProviderRequirements`.
    pub fn parse_requirement(text: &str) -> Result<Self, ConstraintError> {
        CoreConstraints::parse(text)?;
        Self::parse_locked(text)
    }

    /// As a lock file has it: the second parser alone. The empty text is no constraint.
    ///
    /// Source: go-versions `constraints.ParseRubyStyleMulti`.
    pub(crate) fn parse_locked(text: &str) -> Result<Self, ConstraintError> {
        parse_terms(text).map(Self::canonical).ok_or(ConstraintError)
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Both at once.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = Self::canonical(self.terms.iter().chain(&other.terms).cloned().collect());
        Self { exact_terms: self.exact_terms + other.exact_terms, ..both }
    }

    /// Whether 0.0.0 is the one version that they name, whatever the other terms say of it.
    ///
    /// Source: go-versions `Set.Exactly`, whose list of an intersection's versions is not filtered.
    pub fn name_only_unspecified(&self) -> bool {
        let is_it = |term: &Term| term.operator == Operator::Equal && term.boundary.is_unspecified();
        self.exact_terms == 1 && self.terms.iter().any(is_it)
    }

    /// Whether the engine would select the version under these constraints.
    ///
    /// A pre-release needs a term that names exactly it; 0.0.0 is never selected.
    ///
    /// Source: go-versions `MeetingConstraints`, `Set.Has`.
    pub fn allows(&self, version: &Version, engine: &Engine) -> bool {
        if version.is_unspecified() {
            return false;
        }
        let every_term_holds = || self.terms.iter().all(|term| term.allows(version));
        if version.prerelease.is_empty() {
            return every_term_holds();
        }
        let is_requested = self.terms.iter().any(|term| term.operator == Operator::Equal && term.boundary == *version);
        is_requested && (engine.exact_prerelease_ignores_other_terms() || every_term_holds())
    }

    fn canonical(mut terms: Vec<Term>) -> Self {
        let exact_terms = terms.iter().filter(|term| term.operator == Operator::Equal).count();
        terms.sort_by(Term::cmp_canonical);
        terms.dedup();
        Self { terms, exact_terms }
    }
}

impl fmt::Display for VersionConstraints {
    /// Source: OpenTofu `internal/getproviders/types.go` `VersionConstraintsString`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                formatter.write_str(", ")?;
            }
            term.fmt(formatter)?;
        }
        Ok(())
    }
}

impl Term {
    /// Whether it holds for the version; pre-releases are compared like any other version.
    ///
    /// Source: go-versions `MeetingConstraintsExact`.
    fn allows(&self, version: &Version) -> bool {
        let order = version.cmp_precedence(&self.boundary);
        match self.operator {
            Operator::Equal => *version == self.boundary,
            Operator::NotEqual => *version != self.boundary,
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            // The sums wrap, as they do in the engines.
            Operator::Minor => {
                let end = Version::release(self.boundary.major.wrapping_add(1), 0, 0);
                order.is_ge() && version.cmp_precedence(&end).is_lt()
            }
            Operator::Patch => {
                let end = Version::release(self.boundary.major, self.boundary.minor.wrapping_add(1), 0);
                order.is_ge() && version.cmp_precedence(&end).is_lt()
            }
        }
    }

    /// Source: OpenTofu `internal/getproviders/types.go` `versionSelectionBoundaryCompare`.
    fn cmp_canonical(&self, other: &Self) -> Ordering {
        self.boundary
            .cmp_precedence(&other.boundary)
            .then_with(|| cmp_extra(&self.boundary.metadata, &other.boundary.metadata))
            .then_with(|| self.operator.cmp(&other.operator))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.operator {
            Operator::Greater => "> ",
            Operator::GreaterOrEqual => ">= ",
            Operator::Equal => "",
            Operator::Patch | Operator::Minor => "~> ",
            Operator::LessOrEqual => "<= ",
            Operator::Less => "< ",
            Operator::NotEqual => "!= ",
        })?;
        if self.operator != Operator::Minor {
            return self.boundary.fmt(formatter);
        }
        write!(formatter, "{}.{}", self.boundary.major, self.boundary.minor)?;
        if !self.boundary.prerelease.is_empty() {
            write!(formatter, "-{}", self.boundary.prerelease)?;
        }
        if !self.boundary.metadata.is_empty() {
            write!(formatter, "+{}", self.boundary.metadata)?;
        }
        Ok(())
    }
}

/// Source: go-versions `constraints.ParseRubyStyleMulti`.
fn parse_terms(text: &str) -> Option<Vec<Term>> {
    let mut terms = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let scanned = scan(rest);
        terms.push(parse_term(&scanned)?);
        rest = scanned.remainder.trim();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim();
        }
    }
    Some(terms)
}

/// Source: go-versions `constraints.parseRubyStyle`.
fn parse_term(scanned: &Scanned<'_>) -> Option<Term> {
    let operator = match scanned.operator {
        "" | "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        "~>" if scanned.number_count == 3 => Operator::Patch,
        "~>" => Operator::Minor,
        _ => return None,
    };
    // One space after an operator at most, and no `v`.
    let is_spaced = scanned.separator.is_empty() || (scanned.separator == " " && !scanned.operator.is_empty());
    Some(Term { operator, boundary: Version::from_scanned(scanned).filter(|_| is_spaced)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::EngineName;

    fn tofu(version: Version) -> Engine {
        Engine::new(EngineName::Tofu, version)
    }

    /// Columns of a fixture's rows without its comments.
    fn rows(fixture: &str) -> impl Iterator<Item = [&str; 3]> {
        fixture.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let mut columns = line.split('\t');
            std::array::from_fn(|_| columns.next().unwrap_or_default())
        })
    }

    #[test]
    fn constraints_are_printed_and_met_as_go_versions_does() {
        let fixture =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/constraints/provider.tsv"));
        let versions = fixture.lines().find_map(|line| line.strip_prefix("#\t\t")).unwrap();
        let engine = tofu(Version::release(1, 12, 6));
        let mut count = 0;
        for [text, canonical, allowed] in rows(fixture) {
            let constraints = VersionConstraints::parse_requirement(text).unwrap();
            assert_eq!(constraints.to_string(), canonical, "{text:?}");
            assert_eq!(VersionConstraints::parse_locked(canonical).unwrap().terms, constraints.terms, "{text:?}");
            let is_allowed = |version: &&str| constraints.allows(&version.parse().unwrap(), &engine);
            let met: Vec<&str> = versions.split(' ').filter(is_allowed).collect();
            assert_eq!(met.join(" "), allowed, "{text:?}");
            count += 1;
        }
        assert!(count > 500);
    }

    #[test]
    fn what_the_engines_refuse_is_refused() {
        let fixture = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/constraints/syntax.tsv"));
        for [text, outcome, expected] in rows(fixture) {
            let text = text.replace("\\n", "\n").replace("\\t", "\t");
            let parsed = VersionConstraints::parse_requirement(&text).map(|constraints| constraints.to_string());
            let expected = match outcome {
                "accepted" => Ok(expected.to_owned()),
                _ => Err(ConstraintError),
            };
            assert_eq!(parsed, expected, "{text:?}");
        }
    }

    #[test]
    fn a_lock_file_s_constraints_pass_the_second_parser_only() {
        let table = [
            ("", Ok::<_, &ConstraintError>("")),
            (">= 1.0,", Ok(">= 1.0.0")),
            ("1.2.", Ok("1.2.0")),
            ("18446744073709551615", Ok("18446744073709551615.0.0")),
        ];
        for (text, expected) in table {
            let parsed = VersionConstraints::parse_locked(text).map(|constraints| constraints.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text:?}");
        }
        for text in [">=", "=> 1", "=< 1", "^1", "1, ,2", "1 2", "1v", "1.x", "18446744073709551616"] {
            assert_eq!(VersionConstraints::parse_locked(text), Err(ConstraintError), "{text:?}");
        }
    }

    #[test]
    fn before_1_9_a_prerelease_that_is_asked_for_is_allowed_whatever_else_is_asked() {
        let constraints = VersionConstraints::parse_requirement("1.3.0-beta1, >= 2.0").unwrap();
        let version: Version = "1.3.0-beta1".parse().unwrap();
        assert!(constraints.allows(&version, &tofu(Version::release(1, 8, 9))));
        assert!(!constraints.allows(&version, &tofu(Version::release(1, 9, 0))));
        let other: Version = "1.3.0-beta2".parse().unwrap();
        assert!(!constraints.allows(&other, &tofu(Version::release(1, 8, 9))));
    }

    #[test]
    fn without_constraints_every_release_but_0_0_0_is_allowed() {
        let engine = tofu(Version::release(1, 12, 6));
        let allows = |version: &str| VersionConstraints::default().allows(&version.parse().unwrap(), &engine);
        assert!(allows("0.0.1") && allows("0.0.0+build"));
        assert!(!allows("0.0.0") && !allows("1.0.0-rc1"));
    }

    #[test]
    fn both_at_once_prints_each_term_once() {
        let parse = |text| VersionConstraints::parse_requirement(text).unwrap();
        assert_eq!(parse("< 4, ~> 3").and(&parse(">= 3.1, < 4.0")).to_string(), "~> 3.0, >= 3.1.0, < 4.0.0");
        assert!(VersionConstraints::default().and(&VersionConstraints::default()).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_what_is_read_is_printed_and_read_again(text in any::<String>()) {
            if let Ok(constraints) = VersionConstraints::parse_locked(&text) {
                let printed = constraints.to_string();
                let again = VersionConstraints::parse_locked(&printed).map(|constraints| constraints.to_string());
                prop_assert_eq!(again, Ok(printed));
            }
        }

        #[test]
        fn constraints_are_printed_and_read_again(
            terms in prop::collection::vec(
                "(|=|!=|>|>=|<|<=|~>) ?[0-9]{1,3}(\\.[0-9]{1,9}){0,2}(-[0-9a-z.-]{1,3})?(\\+[0-9a-z]{1,2})?",
                0..4,
            ),
        ) {
            let text: Vec<&str> = terms.iter().map(|term| term.trim()).collect();
            let text = text.join(", ");
            let printed = VersionConstraints::parse_locked(&text).unwrap().to_string();
            // A term that is written twice is printed once.
            let again = VersionConstraints::parse_locked(&printed).map(|constraints| constraints.to_string());
            prop_assert_eq!(again, Ok(printed));
        }
    }
}
