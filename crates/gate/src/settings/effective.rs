//! The settings in effect, merged from all ranks.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{AlsoMethod, Execute, Level, Policy, ProviderPolicy, Rank, Rule, Seal, Source};
use airtight_finding::Code;

/// The settings in effect.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// Never empty: `/providers` where nobody says otherwise.
    pub mirror: Vec<Utf8PathBuf>,
    /// Stores of modules; null if nobody names one. See [`Self::module_stores`].
    pub modules: Option<Vec<Utf8PathBuf>>,
    pub engine: Option<String>,
    pub templates: Option<Utf8PathBuf>,
    pub policy: Policy,
    pub rules: BTreeMap<Code, EffectiveRule>,
    pub reachable: Vec<String>,
    pub also: Vec<AlsoMethod>,
    pub execute: Execute,
    /// Each must allow a provider: the image's or the administrator's, and the repository's. With the file that has it.
    pub provider_policies: Vec<(ProviderPolicy, String)>,
    pub state: Option<Utf8PathBuf>,
    /// The image's; nobody else's makes hashing superfluous.
    pub seal: Option<Seal>,
    /// What a weaker rank wanted otherwise, and did not get.
    pub refused: Vec<RefusedSetting>,
}

/// A rule with its source; the repository's part is a floor under the others'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectiveRule {
    pub rule: Option<(Rule, String)>,
    /// Who made the rule.
    pub rank: Option<Rank>,
    /// The level that the repository raises to.
    pub at_least: Option<(Rule, String)>,
}

/// A value that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSetting {
    pub key: String,
    /// The source that wanted it.
    pub from: String,
    pub offered: String,
    /// The value in effect, with its source, or why this source may not set the key.
    pub kept: String,
}

const DEFAULT_MIRROR: &str = "/providers";

/// Used if it is there.
const DEFAULT_MODULES: &str = "/modules";

/// A key's value with the source that set it.
struct Open<T> {
    value: Option<(T, Rank, String)>,
}

impl<T> Default for Open<T> {
    fn default() -> Self {
        Self { value: None }
    }
}

impl<T: PartialEq + std::fmt::Debug> Open<T> {
    /// The first source of the strongest rank wins; a weaker rank's different value is reported.
    fn offer(&mut self, key: &str, value: Option<T>, source: &Source, refused: &mut Vec<RefusedSetting>) {
        let Some(value) = value else { return };
        match &self.value {
            None => self.value = Some((value, source.rank, source.name.clone())),
            Some((kept, _, _)) if *kept == value => {}
            Some((kept, rank, name)) if *rank < source.rank => refused.push(RefusedSetting {
                key: key.to_owned(),
                from: source.name.clone(),
                offered: format!("{value:?}"),
                kept: format!("{kept:?} of {name}"),
            }),
            Some(_) => {}
        }
    }

    fn into_value(self) -> Option<T> {
        self.value.map(|(value, _, _)| value)
    }
}

impl Effective {
    /// Merges sources that are given strongest first; of one rank, the earlier one wins.
    pub fn merge(sources: Vec<Source>) -> Self {
        let mut refused = Vec::new();
        let (mut mirror, mut engine, mut templates, mut state) =
            (Open::default(), Open::default(), Open::default(), Open::default());
        let (mut policy, mut reachable, mut also) = (Open::default(), Open::default(), Open::default());
        let (mut execute, mut modules, mut providers) = (Open::default(), Open::default(), Open::default());
        let mut provider_policies = Vec::new();
        let mut seal = None;
        let mut rules: BTreeMap<Code, (Open<Rule>, Option<(Rule, String)>)> = BTreeMap::new();
        for source in sources {
            if source.rank == Rank::Repository {
                provider_policies.extend(source.settings.providers.clone().map(|policy| (policy, source.name.clone())));
                tighten(source, &mut rules, &mut refused);
                continue;
            }
            let settings = source.settings.clone();
            mirror.offer("mirror", settings.mirror, &source, &mut refused);
            modules.offer("modules", settings.modules, &source, &mut refused);
            engine.offer("engine", settings.engine, &source, &mut refused);
            templates.offer("templates", settings.templates, &source, &mut refused);
            state.offer("state", settings.state, &source, &mut refused);
            reachable.offer("reachable", settings.reachable, &source, &mut refused);
            also.offer("also", settings.also, &source, &mut refused);
            execute.offer("execute", settings.execute, &source, &mut refused);
            providers.offer("providers", settings.providers, &source, &mut refused);
            if settings.seal.is_some() && source.rank != Rank::Image {
                refused.push(RefusedSetting {
                    key: "seal".to_owned(),
                    from: source.name.clone(),
                    offered: "a value".to_owned(),
                    kept: "only the image's settings can trust a seal".to_owned(),
                });
            } else {
                seal = seal.or(settings.seal);
            }
            if settings.policy == Some(Policy::Observe) && source.rank != Rank::Image {
                refused.push(RefusedSetting {
                    key: "policy".to_owned(),
                    from: source.name.clone(),
                    offered: "observe".to_owned(),
                    kept: "only the image's settings can say `observe`".to_owned(),
                });
            } else {
                policy.offer("policy", settings.policy, &source, &mut refused);
            }
            for (code, rule) in settings.rules {
                rules.entry(code).or_default().0.offer(&format!("rules.{code}"), Some(rule), &source, &mut refused);
            }
        }
        provider_policies.splice(0..0, providers.value.map(|(policy, _, name)| (policy, name)));
        Self {
            mirror: mirror.into_value().unwrap_or_else(|| vec![Utf8PathBuf::from(DEFAULT_MIRROR)]),
            modules: modules.into_value(),
            engine: engine.into_value(),
            templates: templates.into_value(),
            policy: policy.into_value().unwrap_or_default(),
            rules: rules
                .into_iter()
                .map(|(code, (rule, at_least))| {
                    let rank = rule.value.as_ref().map(|(_, rank, _)| *rank);
                    let rule = rule.value.map(|(rule, _, name)| (rule, name));
                    (code, EffectiveRule { rule, rank, at_least })
                })
                .collect(),
            reachable: reachable.into_value().unwrap_or_default(),
            also: also.into_value().unwrap_or_default(),
            execute: execute.into_value().unwrap_or_default(),
            provider_policies,
            state: state.into_value(),
            seal,
            refused,
        }
    }

    /// Where modules are looked for: what the settings name, else `/modules` if this image has it.
    pub fn module_stores(&self) -> Vec<Utf8PathBuf> {
        match &self.modules {
            Some(paths) => paths.clone(),
            None => [DEFAULT_MODULES].map(Utf8PathBuf::from).into_iter().filter(|path| path.is_dir()).collect(),
        }
    }
}

/// Takes what a repository may say, which is to raise a rule, and refuses the rest.
fn tighten(
    source: Source,
    rules: &mut BTreeMap<Code, (Open<Rule>, Option<(Rule, String)>)>,
    refused: &mut Vec<RefusedSetting>,
) {
    let settings = source.settings;
    let keys = [
        ("also", settings.also.is_some()),
        ("engine", settings.engine.is_some()),
        ("execute", settings.execute.is_some()),
        ("mirror", settings.mirror.is_some()),
        ("modules", settings.modules.is_some()),
        ("policy", settings.policy.is_some()),
        ("reachable", settings.reachable.is_some()),
        ("seal", settings.seal.is_some()),
        ("state", settings.state.is_some()),
        ("templates", settings.templates.is_some()),
    ];
    for (key, _) in keys.into_iter().filter(|(_, is_set)| *is_set) {
        refused.push(RefusedSetting {
            key: key.to_owned(),
            from: source.name.clone(),
            offered: "a value".to_owned(),
            kept: "a repository can only raise `rules`".to_owned(),
        });
    }
    for (code, rule) in settings.rules {
        if rule.level == Level::Allow {
            refused.push(RefusedSetting {
                key: format!("rules.{code}"),
                from: source.name.clone(),
                offered: "allow".to_owned(),
                kept: "a repository can only raise a rule".to_owned(),
            });
        } else {
            rules.entry(code).or_default().1 = Some((rule, source.name.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn source(rank: Rank, name: &str, settings: Settings) -> Source {
        Source { rank, name: name.to_owned(), settings }
    }

    fn with_mirror(path: &str) -> Settings {
        Settings { mirror: Some(vec![path.into()]), ..Settings::default() }
    }

    #[test]
    fn what_the_image_sets_is_fixed_and_the_rest_can_be_filled() {
        let administrator = Settings { engine: Some("tofu".to_owned()), ..with_mirror("/other") };
        let effective = Effective::merge(vec![
            source(Rank::Image, "image", with_mirror("/providers")),
            source(Rank::Administrator, "--mirror", administrator),
        ]);
        assert_eq!(effective.mirror, ["/providers"]);
        assert_eq!(effective.engine.as_deref(), Some("tofu"));
        let [refused] = effective.refused.as_slice() else { panic!("{:?}", effective.refused) };
        assert_eq!((refused.key.as_str(), refused.from.as_str()), ("mirror", "--mirror"));
        assert!(refused.kept.contains("/providers") && refused.offered.contains("/other"));
    }

    #[test]
    fn the_same_value_again_is_no_conflict() {
        let effective = Effective::merge(vec![
            source(Rank::Image, "image", with_mirror("/providers")),
            source(Rank::Administrator, "--mirror", with_mirror("/providers")),
        ]);
        assert_eq!(effective.refused, []);
    }

    #[test]
    fn an_option_wins_over_the_administrators_file_without_a_word() {
        let effective = Effective::merge(vec![
            source(Rank::Administrator, "--mirror", with_mirror("/a")),
            source(Rank::Administrator, "file", with_mirror("/b")),
        ]);
        assert_eq!(effective.mirror, ["/a"]);
        assert_eq!(effective.refused, []);
    }

    #[test]
    fn a_repository_adds_a_provider_policy_and_replaces_none() {
        let policy = |allow: Option<Vec<_>>| Settings {
            providers: Some(ProviderPolicy { allow, deny: Vec::new() }),
            ..Settings::default()
        };
        let effective = Effective::merge(vec![
            source(Rank::Image, "image", policy(Some(Vec::new()))),
            source(Rank::Administrator, "file", policy(None)),
            source(Rank::Repository, "repository", policy(None)),
        ]);
        let from: Vec<&str> = effective.provider_policies.iter().map(|(_, from)| from.as_str()).collect();
        assert_eq!(from, ["image", "repository"]);
        let keys: Vec<&str> = effective.refused.iter().map(|refused| refused.key.as_str()).collect();
        assert_eq!(keys, ["providers"], "the administrator's is not used");
    }

    #[test]
    fn only_the_image_can_observe() {
        let observe = Settings { policy: Some(Policy::Observe), ..Settings::default() };
        let effective = Effective::merge(vec![source(Rank::Administrator, "file", observe.clone())]);
        assert_eq!((effective.policy, effective.refused.len()), (Policy::Enforce, 1));
        assert_eq!(Effective::merge(vec![source(Rank::Image, "image", observe)]).policy, Policy::Observe);
    }

    #[test]
    fn only_the_image_can_trust_a_seal() {
        let seal = Some(Seal::Digests(vec!["sha256:0".to_owned()]));
        let settings = Settings { seal: seal.clone(), ..Settings::default() };
        for (rank, expected, refused) in
            [(Rank::Image, seal, 0), (Rank::Administrator, None, 1), (Rank::Repository, None, 1)]
        {
            let effective = Effective::merge(vec![source(rank, "file", settings.clone())]);
            assert_eq!((effective.seal, effective.refused.len()), (expected, refused));
        }
    }

    #[test]
    fn a_repository_only_raises_rules() {
        let rule = |level| Rule { level, reason: Some("x".to_owned()), until: None };
        let settings = Settings {
            engine: Some("tofu".to_owned()),
            rules: [(Code::LockEntryUnused, rule(Level::Deny)), (Code::PackageMismatch, rule(Level::Allow))].into(),
            ..with_mirror("/mine")
        };
        let effective = Effective::merge(vec![source(Rank::Repository, ".spacelift/airtight.yml", settings)]);
        assert_eq!(effective.mirror, ["/providers"]);
        assert_eq!(effective.engine, None);
        assert_eq!(effective.rules[&Code::LockEntryUnused].at_least.as_ref().unwrap().0.level, Level::Deny);
        let keys = effective.refused.iter().map(|refused| refused.key.as_str()).collect::<Vec<_>>();
        assert_eq!(keys, ["engine", "mirror", "rules.package-mismatch"]);
    }
}
