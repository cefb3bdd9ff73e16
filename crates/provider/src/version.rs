//! Provider versions, by the rules of go-versions: not those of Semantic Versioning.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::version_scan::{Scanned, scan};

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

    pub(super) fn from_scanned(scanned: &Scanned<'_>) -> Option<Self> {
        let [major, minor, patch] = scanned.parsed_numbers()?;
        Some(Self {
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

/// The text is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is up to three numbers, such as `1.2.3` or `1.2.3-beta1`, without a `v`")]
pub struct VersionError;

impl FromStr for Version {
    type Err = VersionError;

    /// As go-versions `ParseVersion` reads a mirror's directory name: missing numbers are 0, leading zeros are allowed.
    ///
    /// Source: go-versions `constraints.ParseExactVersion`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scanned = scan(text);
        let is_exact = scanned.operator.is_empty() && scanned.separator.is_empty() && scanned.remainder.is_empty();
        if is_exact { Self::from_scanned(&scanned).ok_or(VersionError) } else { Err(VersionError) }
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
    fn a_text_that_is_no_version_is_refused() {
        for text in [
            "",
            " ",
            "v1.2.3",
            " 1.2.3",
            "1.2.3 ",
            "~> 1.2",
            "=1.2.3",
            "1.2.3, 1.2.4",
            "1 - 2",
            "latest",
            "1.2.3beta",
            "1.2.3.4",
            "1.x",
        ] {
            assert_eq!(text.parse::<Version>(), Err(VersionError), "{text:?}");
        }
        assert_eq!("18446744073709551616".parse::<Version>(), Err(VersionError));
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
