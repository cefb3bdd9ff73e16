//! Provider versions, by the rules of go-versions: not those of Semantic Versioning.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::quoted::Quoted;
use super::version_scan::{NUMBER_NAMES, Scanned, scan};

/// An exact version. Prints in canonical form, `1.2.3-pre+meta`.
///
/// `Eq` includes build metadata, as locks and mirrors compare; `Ord` is go-versions' precedence, then the metadata's
/// text, so that it stays consistent with `Eq`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub prerelease: String,
    pub metadata: String,
}

impl Version {
    pub const fn release(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, prerelease: String::new(), metadata: String::new() }
    }

    /// Order without build metadata. Pre-releases differ from Semantic Versioning: the one with fewer dots is lower,
    /// whatever its parts are, and numbers may have leading zeros.
    ///
    /// Source: go-versions `Version.LessThan`, `VersionExtra.LessThan`.
    pub fn cmp_precedence(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(|| {
            match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => cmp_extra(&self.prerelease, &other.prerelease),
            }
        })
    }

    /// Whether it is what the engines take for "no version": 0.0.0, which they never select.
    ///
    /// Source: go-versions `Unspecified`.
    pub(crate) fn is_unspecified(&self) -> bool {
        *self == Self::release(0, 0, 0)
    }

    pub(super) fn from_scanned(scanned: &Scanned<'_>) -> Result<Self, String> {
        let [major, minor, patch] = scanned.parsed_numbers()?;
        Ok(Self {
            major,
            minor,
            patch,
            prerelease: scanned.prerelease.to_owned(),
            metadata: scanned.metadata.to_owned(),
        })
    }
}

/// Order of dot-separated parts.
///
/// Source: go-versions `VersionExtra.LessThan`.
pub(super) fn cmp_extra(left: &str, right: &str) -> Ordering {
    match (left.split_once('.'), right.split_once('.')) {
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (None, None) => cmp_part(left, right),
        (Some((left, left_rest)), Some((right, right_rest))) => {
            cmp_part(left, right).then_with(|| cmp_extra(left_rest, right_rest))
        }
    }
}

/// Digits before anything else, by length and then text; the empty part counts as digits.
fn cmp_part(left: &str, right: &str) -> Ordering {
    let is_numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match (is_numeric(left), is_numeric(right)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (true, true) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
        (false, false) => left.cmp(right),
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_precedence(other).then_with(|| self.metadata.cmp(&other.metadata))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(formatter, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(formatter, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// Why a text is no version, in go-versions' words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VersionError(pub String);

impl FromStr for Version {
    type Err = VersionError;

    /// As go-versions `ParseVersion` reads a mirror's directory name: missing numbers are 0, leading zeros are allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(VersionError)
    }
}

/// Source: go-versions `constraints.ParseExactVersion`.
fn parse(text: &str) -> Result<Version, String> {
    if text.trim().is_empty() {
        return Err("empty specification".to_owned());
    }
    let scanned = scan(text);
    match scanned.operator.trim() {
        "" if scanned.separator.contains('v') => return Err(r#"a "v" prefix should not be used"#.to_owned()),
        "" if !scanned.separator.is_empty() => return Err("extraneous spaces at start of specification".to_owned()),
        "" => {}
        ">" | ">=" | "<" | "<=" | "!" | "!=" | "~>" | "^" | "~" => {
            let operator = Quoted(scanned.operator);
            return Err(format!("can't use constraint operator {operator}; an exact version is required"));
        }
        _ => return Err(format!("invalid sequence {} at start of specification", Quoted(scanned.operator))),
    }
    if !scanned.remainder.is_empty() {
        return Err(unexpected(text, scanned.remainder.trim()));
    }
    if scanned.number_count > 3 {
        return Err("too many numbered portions; only three are allowed (major, minor, patch)".to_owned());
    }
    if let Some(index) = scanned.first_wildcard() {
        return Err(format!("can't use wildcard for {} number; an exact version is required", NUMBER_NAMES[index]));
    }
    Version::from_scanned(&scanned)
}

/// What is wrong with the text that the scanner left over.
fn unexpected(text: &str, remainder: &str) -> String {
    if remainder.is_empty() {
        "extraneous spaces at end of specification".to_owned()
    } else if remainder.starts_with([',', '|']) {
        "can't specify multiple versions; a single exact version is required".to_owned()
    } else if remainder.starts_with('-') {
        "can't specify version range; a single exact version is required".to_owned()
    } else if text.trim().starts_with(remainder) {
        "invalid specification; required format is three positive integers separated by periods".to_owned()
    } else {
        format!("invalid characters {}", Quoted(remainder))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of a fixture without its comments.
    fn rows(fixture: &str) -> impl Iterator<Item = &str> {
        fixture.lines().filter(|line| !line.starts_with('#'))
    }

    #[test]
    fn directory_names_stand_for_the_versions_that_the_engines_see() {
        let fixture = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/constraints/version_directories.tsv"
        ));
        for row in rows(fixture) {
            let (name, expected) = row.split_once('\t').unwrap_or((row, ""));
            let version = name.parse::<Version>().map(|version| version.to_string()).unwrap_or_default();
            assert_eq!(version, expected, "{name:?}");
        }
    }

    #[test]
    fn versions_are_ordered_as_go_versions_orders_them() {
        let fixture = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/constraints/order.txt"));
        let ranked: Vec<(usize, Version)> = rows(fixture)
            .enumerate()
            .flat_map(|(rank, row)| row.split(' ').map(move |version| (rank, version.parse().unwrap())))
            .collect();
        assert!(ranked.len() > 40);
        for (left_rank, left) in &ranked {
            for (right_rank, right) in &ranked {
                assert_eq!(left.cmp_precedence(right), left_rank.cmp(right_rank), "{left} and {right}");
                assert_eq!(left.cmp(right).is_eq(), left == right, "{left} and {right}");
            }
        }
    }

    #[test]
    fn a_text_that_is_no_version_is_refused_with_a_reason() {
        let table = [
            ("", "empty specification"),
            (" ", "empty specification"),
            ("v1.2.3", r#"a "v" prefix should not be used"#),
            (" 1.2.3", "extraneous spaces at start of specification"),
            ("1.2.3 ", "extraneous spaces at end of specification"),
            ("~> 1.2", r#"can't use constraint operator "~>"; an exact version is required"#),
            ("=1.2.3", r#"invalid sequence "=" at start of specification"#),
            ("1.2.3, 1.2.4", "can't specify multiple versions; a single exact version is required"),
            ("1.2.3 - 2", "can't specify version range; a single exact version is required"),
            ("latest", "invalid specification; required format is three positive integers separated by periods"),
            ("1.2.3beta", r#"invalid characters "beta""#),
            ("1.2.3.4", "too many numbered portions; only three are allowed (major, minor, patch)"),
            ("1.x", "can't use wildcard for minor number; an exact version is required"),
            ("18446744073709551616", "major number 18446744073709551616 is too large"),
        ];
        for (text, reason) in table {
            assert_eq!(text.parse::<Version>(), Err(VersionError(reason.to_owned())), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_what_is_read_is_printed_and_read_again(text in any::<String>()) {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string().parse(), Ok(version));
            }
        }

        #[test]
        fn versions_are_printed_and_read_again(
            numbers in "[0-9]{1,3}(\\.[0-9]{1,19}){0,2}",
            extras in "(-[0-9A-Za-z.-]{1,5})?(\\+[0-9a-z.-]{0,3})?",
        ) {
            let text = numbers + &extras;
            let version: Version = text.parse().unwrap();
            prop_assert_eq!(version.to_string().parse(), Ok(version));
        }
    }
}
