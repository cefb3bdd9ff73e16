//! What is wrong with several subjects for one reason is one finding that names them all.

use std::collections::{HashMap, HashSet};

use super::prose::plural;
use super::{Finding, secrets};

/// A summary names so many subjects; the detail names the others.
const MOST_NAMED: usize = 5;

/// What is said of a subject, and how the same is said of several: `is not in the mirror`, `are not in the mirror`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// In the singular.
    pub noun: &'static str,
    pub of_one: &'static str,
    pub of_many: &'static str,
}

/// A claim and whom it is about, each as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    claim: Claim,
    subjects: Vec<String>,
}

impl Claimed {
    pub(crate) fn of_one(claim: Claim, subject: String) -> Self {
        Self { claim, subjects: vec![secrets::without_credentials(subject)] }
    }

    pub(crate) fn summary(&self) -> String {
        match self.subjects.as_slice() {
            [subject] => format!("{subject} {}", self.claim.of_one),
            subjects => {
                let named = subjects[..subjects.len().min(MOST_NAMED)].join(", ");
                let more = subjects.len().saturating_sub(MOST_NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{} {}: {named}{more}", plural(subjects.len(), self.claim.noun), self.claim.of_many)
            }
        }
    }

    /// The names that the summary has no room for.
    fn others(&self) -> Option<String> {
        let others = self.subjects.get(MOST_NAMED..).filter(|others| !others.is_empty())?;
        Some(format!("The others are {}.", others.join(", ")))
    }
}

/// The findings with those made one that differ in nothing but their subject and its places.
pub fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    let mut known = HashMap::new();
    for finding in findings {
        let Some(claimed) = &finding.claimed else {
            merged.push(finding);
            continue;
        };
        let Finding { code, severity, owner, .. } = finding;
        let key = (code, severity, owner, claimed.claim, finding.detail.clone(), finding.help.clone());
        match known.get(&key) {
            None => {
                known.insert(key, merged.len());
                merged.push(finding);
            }
            Some(index) => merge(&mut merged[*index], finding),
        }
    }
    for finding in &mut merged {
        let Some(claimed) = finding.claimed.as_mut().filter(|claimed| claimed.subjects.len() > 1) else { continue };
        claimed.subjects.sort();
        claimed.subjects.dedup();
        finding.summary = claimed.summary();
        let mut seen = HashSet::new();
        finding.places.retain(|label| seen.insert(label.clone()));
        let texts = [Some(std::mem::take(&mut finding.detail)).filter(|detail| !detail.is_empty()), claimed.others()];
        finding.detail = texts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    }
    merged
}

fn merge(into: &mut Finding, finding: Finding) {
    if let (Some(into), Some(claimed)) = (&mut into.claimed, finding.claimed) {
        into.subjects.extend(claimed.subjects);
    }
    into.places.extend(finding.places);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Owner, Severity};
    use airtight_hcl::Place;

    const MISSING: Claim = Claim { noun: "provider", of_one: "is not in the mirror", of_many: "are not in the mirror" };

    fn missing(name: &str) -> Finding {
        Finding::about(Code::ProviderMissing, Severity::Error, Owner::Image, format!("`{name}`"), MISSING)
            .detail("init would fail.")
            .at(Place::file("versions.tf"), format!("`{name}` is required here"))
    }

    #[test]
    fn several_subjects_of_one_claim_are_one_finding() {
        let found = merged(vec![missing("b"), missing("a"), missing("a")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].summary, "2 providers are not in the mirror: `a`, `b`");
        assert_eq!(found[0].places.len(), 2);
        assert_eq!(merged(vec![missing("a")])[0].summary, "`a` is not in the mirror");
    }

    #[test]
    fn another_cause_or_fix_is_another_finding() {
        let other = missing("b").help("Do something else.");
        assert_eq!(merged(vec![missing("a"), other]).len(), 2);
    }

    #[test]
    fn the_detail_names_those_that_the_summary_does_not() {
        let found = merged(["a", "b", "c", "d", "e", "f", "g"].map(missing).into());
        assert_eq!(found[0].summary, "7 providers are not in the mirror: `a`, `b`, `c`, `d`, `e` and 2 more");
        assert_eq!(found[0].detail, "init would fail. The others are `f`, `g`.");
    }
}
