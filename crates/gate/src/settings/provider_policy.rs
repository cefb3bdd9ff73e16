//! Which providers an image may hold and a run may use: by address, version and licence.

use airtight_provider::license::License;
use airtight_provider::{AddressPattern, Engine, ProviderAddress, Version, VersionConstraints};

/// The key `providers` of one source of settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderPolicy {
    /// Null if everything is allowed that nothing denies.
    pub allow: Option<Vec<ProviderRule>>,
    pub deny: Vec<ProviderRule>,
}

/// A pattern, limited to versions and licences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRule {
    /// As it is written.
    pub text: String,
    pub pattern: AddressPattern,
    /// All versions without it.
    pub versions: Option<VersionConstraints>,
    /// Any of them; all licences without any.
    pub licenses: Vec<License>,
    pub reason: Option<String>,
}

/// What is known of a package's licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licensed {
    /// The package was read; null if it holds no text that is recognised.
    Known(Option<License>),
    /// The package is not here. Then licences decide nothing.
    NotRead,
}

/// Why a package is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// By a rule of `deny`.
    Denied { rule: String, reason: Option<String> },
    /// No pattern of `allow` names the provider.
    Unlisted,
    /// Patterns name it, and none of them this version or licence.
    OtherwiseAllowed { rules: Vec<String> },
}

impl NotAllowed {
    /// A part of a sentence: the provider is not allowed, since...
    pub fn text(&self) -> String {
        match self {
            Self::Denied { rule, reason: None } => format!("`providers.deny` has `{rule}`"),
            Self::Denied { rule, reason: Some(reason) } => format!("`providers.deny` has `{rule}`: {reason}"),
            Self::Unlisted => "no pattern of `providers.allow` names it".to_owned(),
            Self::OtherwiseAllowed { rules } => {
                let rules = rules.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(" and ");
                format!("`providers.allow` has only {rules}")
            }
        }
    }
}

impl ProviderPolicy {
    /// Whether licences have to be read.
    pub(crate) fn asks_for_licenses(&self) -> bool {
        self.allow.iter().flatten().chain(&self.deny).any(|rule| !rule.licenses.is_empty())
    }

    /// Why a package is not allowed; null if it is.
    pub fn judge(
        &self,
        address: &ProviderAddress,
        version: &Version,
        licensed: Licensed,
        engine: &Engine,
    ) -> Option<NotAllowed> {
        let denied = self.deny.iter().find(|rule| rule.denies(address, version, licensed, engine));
        if let Some(rule) = denied {
            return Some(NotAllowed::Denied { rule: rule.described(), reason: rule.reason.clone() });
        }
        let allow = self.allow.as_ref()?;
        let named: Vec<&ProviderRule> = allow.iter().filter(|rule| rule.pattern.matches(address)).collect();
        if named.is_empty() {
            return Some(NotAllowed::Unlisted);
        }
        if named.iter().any(|rule| rule.allows(version, licensed, engine)) {
            return None;
        }
        Some(NotAllowed::OtherwiseAllowed { rules: named.into_iter().map(ProviderRule::described).collect() })
    }
}

impl ProviderRule {
    /// `acme/x >= 1.0 (MPL-2.0)`.
    fn described(&self) -> String {
        let versions = self.versions.as_ref().map(|versions| format!(" {versions}")).unwrap_or_default();
        let licenses = self.licenses.iter().map(License::to_string).collect::<Vec<_>>().join(", ");
        let licenses = if licenses.is_empty() { String::new() } else { format!(" ({licenses})") };
        format!("{}{versions}{licenses}", self.text)
    }

    fn allows(&self, version: &Version, licensed: Licensed, engine: &Engine) -> bool {
        let has_version = self.versions.as_ref().is_none_or(|versions| versions.allows(version, engine));
        let has_license = match licensed {
            _ if self.licenses.is_empty() => true,
            Licensed::NotRead => true,
            Licensed::Known(license) => license.is_some_and(|license| self.licenses.contains(&license)),
        };
        has_version && has_license
    }

    /// A pre-release of a denied version is denied too, although no constraint of an engine names it.
    fn denies(&self, address: &ProviderAddress, version: &Version, licensed: Licensed, engine: &Engine) -> bool {
        let release = Version::release(version.major, version.minor, version.patch);
        let has_version = self
            .versions
            .as_ref()
            .is_none_or(|versions| versions.allows(version, engine) || versions.allows(&release, engine));
        let has_license = match licensed {
            _ if self.licenses.is_empty() => true,
            Licensed::Known(Some(license)) => self.licenses.contains(&license),
            Licensed::Known(None) | Licensed::NotRead => false,
        };
        self.pattern.matches(address) && has_version && has_license
    }
}

#[cfg(test)]
mod tests {
    use airtight_provider::EngineName;

    use super::*;

    fn rule(text: &str, versions: &str, licenses: &[License]) -> ProviderRule {
        ProviderRule {
            text: text.to_owned(),
            pattern: AddressPattern::parse(text, EngineName::Tofu).unwrap(),
            versions: (!versions.is_empty()).then(|| VersionConstraints::parse_requirement(versions).unwrap()),
            licenses: licenses.to_vec(),
            reason: None,
        }
    }

    fn judged(policy: &ProviderPolicy, address: &str, version: &str, licensed: Licensed) -> Option<String> {
        let engine = Engine::new(EngineName::Tofu, Version::release(1, 12, 6));
        let judged = policy.judge(&address.parse().unwrap(), &version.parse().unwrap(), licensed, &engine);
        judged.map(|why| why.text())
    }

    const NULL: &str = "registry.opentofu.org/hashicorp/null";
    const MPL: Licensed = Licensed::Known(Some(License::Mpl2));

    #[test]
    fn without_a_list_everything_is_allowed() {
        assert_eq!(judged(&ProviderPolicy::default(), NULL, "1.0.0", MPL), None);
    }

    #[test]
    fn a_list_allows_what_one_of_its_rules_allows() {
        let allow = vec![
            rule("registry.opentofu.org/hashicorp/*", ">= 3.0", &[License::Mpl2]),
            rule("registry.opentofu.org/hashicorp/null", "2.1.0", &[]),
        ];
        let policy = ProviderPolicy { allow: Some(allow), deny: Vec::new() };
        assert_eq!(judged(&policy, NULL, "3.2.0", MPL), None);
        assert_eq!(judged(&policy, NULL, "3.2.0", Licensed::NotRead), None);
        assert_eq!(judged(&policy, NULL, "2.1.0", Licensed::Known(None)), None);
        let only = "`providers.allow` has only `registry.opentofu.org/hashicorp/* >= 3.0.0 (MPL-2.0)` and \
                    `registry.opentofu.org/hashicorp/null 2.1.0`";
        for (version, licensed) in [
            ("2.0.0", MPL),
            ("3.3.0-beta1", MPL),
            ("3.2.0", Licensed::Known(None)),
            ("3.2.0", Licensed::Known(Some(License::Busl11))),
        ] {
            assert_eq!(judged(&policy, NULL, version, licensed).as_deref(), Some(only), "{version}");
        }
        let unlisted = judged(&policy, "registry.terraform.io/hashicorp/null", "3.2.0", MPL);
        assert_eq!(unlisted.as_deref(), Some("no pattern of `providers.allow` names it"));
    }

    #[test]
    fn what_is_denied_is_denied_whatever_allows_it() {
        let mut denied = rule("*/*/*", "< 3.2", &[]);
        denied.reason = Some("CVE-2026-1".to_owned());
        let deny = vec![denied, rule("registry.opentofu.org/hashicorp/null", "", &[License::Busl11])];
        let policy = ProviderPolicy { allow: Some(vec![rule("*/*/*", "", &[])]), deny };
        let cve = Some("`providers.deny` has `*/*/* < 3.2.0`: CVE-2026-1");
        assert_eq!(judged(&policy, NULL, "3.1.9", MPL).as_deref(), cve);
        assert_eq!(judged(&policy, NULL, "3.1.9-rc1", MPL).as_deref(), cve, "a pre-release is no way around it");
        assert_eq!(judged(&policy, NULL, "3.1.9+build", MPL).as_deref(), cve);
        assert_eq!(judged(&policy, NULL, "3.2.0", MPL), None);
        assert_eq!(judged(&policy, NULL, "3.2.0", Licensed::Known(None)), None);
        assert!(judged(&policy, NULL, "3.2.0", Licensed::Known(Some(License::Busl11))).is_some());
    }
}
