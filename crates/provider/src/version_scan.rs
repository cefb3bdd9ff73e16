//! The token scanner that go-versions reads versions and constraints with.
//!
//! Source: apparentlymart/go-versions `versions/constraints/raw_scan.rl`. Its grammar is
//! `operator separator number ('.' number)* ('-' extra)? ('+' extra)?`; it never fails, but stops at the first
//! character that does not fit, with what it has seen until then.

/// What the scanner has seen; every part is empty if it is missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned<'text> {
    pub(super) operator: &'text str,
    pub(super) separator: &'text str,
    /// The first three numbers, which may also be the wildcards `*`, `x` and `X`.
    pub(super) numbers: [&'text str; 3],
    /// How many numbers there are, possibly more than three.
    pub(super) number_count: usize,
    pub(super) prerelease: &'text str,
    pub(super) metadata: &'text str,
    /// What follows the first character that does not fit, including that character.
    pub(super) remainder: &'text str,
}

impl Scanned<'_> {
    /// The three numbers, missing ones as 0; null for wildcards, a fourth number, none at all, or one that is too large.
    ///
    /// Go-versions panics at a large one: neither a mirror nor a lock file that made the engine do so would be of use.
    pub(super) fn parsed_numbers(&self) -> Option<[u64; 3]> {
        if !(1..=3).contains(&self.number_count) {
            return None;
        }
        let mut parsed = [0; 3];
        for (parsed, number) in parsed.iter_mut().zip(self.numbers).take(self.number_count) {
            *parsed = number.parse().ok()?;
        }
        Some(parsed)
    }
}

/// White space as the scanner knows it.
const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// Splits off the longest prefix of which every character fits.
fn split_while(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !fits(character)).unwrap_or(text.len()))
}

/// Splits off one number or wildcard; it is empty when the text starts with neither.
fn split_number(text: &str) -> (&str, &str) {
    if text.starts_with(['*', 'x', 'X']) { text.split_at(1) } else { split_while(text, |c| c.is_ascii_digit()) }
}

/// Splits off a pre-release or build metadata, without its introducing character.
fn split_extra(text: &str, introduced_by: char) -> (&str, &str) {
    match text.strip_prefix(introduced_by) {
        Some(rest) => split_while(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')),
        None => ("", text),
    }
}

pub(super) fn scan(text: &str) -> Scanned<'_> {
    let mut scanned = Scanned::default();
    let rest;
    (scanned.operator, rest) =
        split_while(text, |c| !c.is_ascii_alphanumeric() && !is_space(c) && !matches!(c, '.' | '*'));
    let mut rest = rest;
    (scanned.separator, rest) = split_while(rest, |c| is_space(c) || c == 'v');
    loop {
        let (number, after) = split_number(rest);
        if number.is_empty() {
            if scanned.number_count == 0 && scanned.separator.is_empty() {
                // An operator that no number follows is taken for its own separator, which is refused later.
                scanned.separator = scanned.operator;
            }
            scanned.remainder = rest;
            return scanned;
        }
        if let Some(place) = scanned.numbers.get_mut(scanned.number_count) {
            *place = number;
        }
        scanned.number_count += 1;
        rest = after;
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => break,
        }
    }
    // An introducing character with nothing after it is eaten, and then nothing else may follow.
    let had_prerelease = rest.starts_with('-');
    (scanned.prerelease, rest) = split_extra(rest, '-');
    if !had_prerelease || !scanned.prerelease.is_empty() {
        (scanned.metadata, rest) = split_extra(rest, '+');
    }
    scanned.remainder = rest;
    scanned
}
