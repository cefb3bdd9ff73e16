//! The settings' rules, applied to findings; and what the settings themselves give rise to.

use crate::settings::{Effective, IMAGE_PATH, Level, Policy, Rank, Rule};
use airtight_finding::report::ReportException;
use airtight_finding::secrets::without_credentials;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;

/// Applies each rule to the findings with its code. `today` is `YYYY-MM-DD`.
///
/// A rule that has expired, or that lowers something and matched nothing, is reported as `rule-unmatched`, so that
/// exceptions do not outlive their reason.
pub fn apply(settings: &Effective, findings: &mut Vec<Finding>, today: &str) {
    let mut told = Vec::new();
    for (code, effective) in &settings.rules {
        if let Some((rule, from)) = &effective.rule {
            let owner = effective.rank.map_or(Owner::Image, owner);
            if is_expired(rule, today) {
                told.push(expired(*code, rule, from, owner));
            } else {
                let matched = set(findings, *code, rule);
                if !matched && rule.level != Level::Deny {
                    told.push(unmatched(*code, rule, from, owner));
                }
            }
        }
        if let Some((rule, from)) = &effective.at_least {
            if is_expired(rule, today) {
                told.push(expired(*code, rule, from, Owner::Repository));
                continue;
            }
            for finding in findings.iter_mut().filter(|finding| finding.code == *code) {
                // `Severity` is ordered strongest first.
                finding.severity = finding.severity.min(rule.level.severity());
            }
        }
    }
    findings.append(&mut told);
}

/// What the settings let through: each rule in force that lowers one of the findings, and `policy: observe`.
pub fn exceptions(settings: &Effective, findings: &[Finding], today: &str) -> Vec<ReportException> {
    let mut exceptions = Vec::new();
    for (code, effective) in &settings.rules {
        let Some((rule, from)) = effective.rule.as_ref().filter(|(rule, _)| !is_expired(rule, today)) else { continue };
        let lowered = findings.iter().filter(|finding| finding.code == *code && finding.severity != Severity::Error);
        let lowered = lowered.count();
        if rule.level != Level::Deny && lowered > 0 {
            exceptions.push(ReportException {
                code: Some(*code),
                level: rule.level.as_str(),
                until: rule.until.clone(),
                reason: rule.reason.clone(),
                from: from.clone(),
                findings: lowered,
            });
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if settings.policy == Policy::Observe && errors > 0 {
        exceptions.push(ReportException {
            code: None,
            level: "observe",
            until: None,
            reason: None,
            from: IMAGE_PATH.to_owned(),
            findings: errors,
        });
    }
    exceptions
}

/// Whether a rule of the settings lets something pass that is an error by itself.
pub fn lets_pass(settings: &Effective, code: Code, today: &str) -> bool {
    let mut findings = vec![Finding::new(code, Severity::Error, Owner::Image, "")];
    apply(settings, &mut findings, today);
    findings[0].severity != Severity::Error
}

fn is_expired(rule: &Rule, today: &str) -> bool {
    rule.until.as_deref().is_some_and(|until| until < today)
}

fn set(findings: &mut [Finding], code: Code, rule: &Rule) -> bool {
    let mut matched = false;
    for finding in findings.iter_mut().filter(|finding| finding.code == code) {
        finding.severity = rule.level.severity();
        matched = true;
        if let Some(reason) = &rule.reason {
            let space = if finding.detail.is_empty() { "" } else { " " };
            let until = rule.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
            finding.detail.push_str(&format!("{space}The settings say `{}`{until}: {reason}.", rule.level.as_str()));
        }
    }
    matched
}

/// Who can change a rule.
const fn owner(rank: Rank) -> Owner {
    match rank {
        Rank::Image => Owner::Image,
        Rank::Administrator => Owner::Administrator,
        Rank::Repository => Owner::Repository,
    }
}

fn unmatched(code: Code, rule: &Rule, from: &str, owner: Owner) -> Finding {
    let summary = format!("the rule `{code}: {}` matched no finding here", rule.level.as_str());
    Finding::new(Code::RuleUnmatched, Severity::Note, owner, summary)
        .help("Remove the rule if no other stack needs it: `airtight audit` looks at all of them.")
        .at(Place::file(from), "")
}

/// Stronger than one that matches nothing: what it was made for is no longer let through.
fn expired(code: Code, rule: &Rule, from: &str, owner: Owner) -> Finding {
    let until = rule.until.as_deref().unwrap_or_default();
    let summary = format!("the rule `{code}: {}` expired on {until}", rule.level.as_str());
    let reason = rule.reason.as_ref().map(|reason| format!("Its reason was: {reason}.")).unwrap_or_default();
    Finding::new(Code::RuleUnmatched, Severity::Warning, owner, summary)
        .detail(reason)
        .help("Remove the rule, or give it a later `until`.")
        .at(Place::file(from), "")
}

/// One warning for each value of a weaker rank that was not used.
pub fn refused(settings: &Effective) -> Vec<Finding> {
    settings
        .refused
        .iter()
        .map(|refused| {
            Finding::new(
                Code::SettingRefused,
                Severity::Warning,
                Owner::Administrator,
                format!("{} cannot set `{}`", refused.from, refused.key),
            )
            .detail(without_credentials(format!("Requested: {}. In effect: {}.", refused.offered, refused.kept)))
            .help(format!("Remove `{}` from {}, or change it in the image.", refused.key, refused.from))
            .at(Place::file(&refused.from), "")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::EffectiveRule;
    use airtight_finding::heading;

    fn settings(code: Code, rule: Option<Rule>, at_least: Option<Rule>) -> Effective {
        let named = |rule: Option<Rule>| rule.map(|rule| (rule, "settings.yml".to_owned()));
        let rule = EffectiveRule { rule: named(rule), rank: Some(Rank::Administrator), at_least: named(at_least) };
        Effective { rules: [(code, rule)].into(), ..Effective::default() }
    }

    fn rule(level: Level, until: Option<&str>) -> Rule {
        Rule { level, reason: Some("agreed".to_owned()), until: until.map(str::to_owned) }
    }

    fn severities(settings: &Effective) -> Vec<(Code, Severity)> {
        let mut findings = vec![Finding::new(Code::LockEntryUnused, Severity::Warning, Owner::Repository, "x")];
        apply(settings, &mut findings, "2026-06-15");
        findings.iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn a_rule_sets_the_severity_until_its_day_is_over() {
        let code = Code::LockEntryUnused;
        for (until, expected) in [(None, Severity::Note), (Some("2026-06-15"), Severity::Note)] {
            assert_eq!(severities(&settings(code, Some(rule(Level::Allow, until)), None)), [(code, expected)]);
        }
        assert_eq!(
            severities(&settings(code, Some(rule(Level::Allow, Some("2026-06-14"))), None)),
            [(code, Severity::Warning), (Code::RuleUnmatched, Severity::Warning)]
        );
    }

    #[test]
    fn an_exception_is_named_with_its_end_and_reason() {
        let unproven = [Finding::new(Code::ProviderNotLocked, Severity::Warning, Owner::Repository, "x")];
        let named = |level, until| {
            let settings = settings(Code::ProviderNotLocked, Some(rule(level, until)), None);
            let exceptions = exceptions(&settings, &unproven, "2026-06-15");
            exceptions.iter().map(heading::exception).collect::<Vec<_>>()
        };
        assert_eq!(
            named(Level::Warn, Some("2026-12-01")),
            [
                "exception in force: `provider-not-locked` is only a warning (1 finding), by settings.yml until 2026-12-01: agreed"
            ]
        );
        assert_eq!(
            named(Level::Allow, None),
            ["exception in force: `provider-not-locked` is allowed (1 finding), by settings.yml: agreed"]
        );
        assert_eq!(named(Level::Warn, Some("2026-06-14")), [""; 0]);
        assert_eq!(named(Level::Deny, None), [""; 0]);
        let other = settings(Code::LockEntryUnused, Some(rule(Level::Allow, None)), None);
        assert!(exceptions(&other, &unproven, "2026-06-15").is_empty());
        let observing = Effective { policy: Policy::Observe, ..Effective::default() };
        assert!(exceptions(&observing, &unproven, "2026-06-15").is_empty());
        let refused = [Finding::new(Code::ProviderNotLocked, Severity::Error, Owner::Repository, "x")];
        let [observed] = exceptions(&observing, &refused, "2026-06-15").try_into().unwrap();
        assert_eq!((observed.level, observed.code, observed.findings), ("observe", None, 1));
    }

    #[test]
    fn who_made_a_rule_has_to_change_it() {
        let mut findings = Vec::new();
        let ended = Some(rule(Level::Warn, Some("2026-06-14")));
        apply(&settings(Code::PackageMismatch, ended.clone(), ended), &mut findings, "2026-06-15");
        let owners: Vec<Owner> = findings.iter().map(|finding| finding.owner).collect();
        assert_eq!(owners, [Owner::Administrator, Owner::Repository]);
        assert!(findings[0].summary.ends_with("expired on 2026-06-14"), "{}", findings[0].summary);
    }

    #[test]
    fn a_lowering_rule_that_matches_nothing_is_told() {
        let unmatched = settings(Code::PackageMismatch, Some(rule(Level::Allow, None)), None);
        assert_eq!(
            severities(&unmatched),
            [(Code::LockEntryUnused, Severity::Warning), (Code::RuleUnmatched, Severity::Note)]
        );
        let denied = settings(Code::PackageMismatch, Some(rule(Level::Deny, None)), None);
        assert_eq!(severities(&denied), [(Code::LockEntryUnused, Severity::Warning)]);
    }

    #[test]
    fn a_repository_raises_above_what_the_image_allows() {
        let code = Code::LockEntryUnused;
        let raised = settings(code, Some(rule(Level::Allow, None)), Some(rule(Level::Deny, None)));
        assert_eq!(severities(&raised), [(code, Severity::Error)]);
        let not_lowered = settings(code, Some(rule(Level::Deny, None)), Some(rule(Level::Warn, None)));
        assert_eq!(severities(&not_lowered), [(code, Severity::Error)]);
    }
}
