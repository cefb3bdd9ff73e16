//! One settings file: YAML into types. Unknown keys are refused, with their path and the nearest known key.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde_yaml::{Mapping, Value};

use super::{AlsoKind, AlsoMethod, Execute, Level, Policy, ProviderPolicy, ProviderRule, Rule, Seal, Settings};
use crate::yaml_document::nearest;
use crate::yaml_nesting;
use airtight_finding::Code;
use airtight_provider::license::License;
use airtight_provider::{AddressPattern, EngineName, VersionConstraints};

/// A settings file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    pub path: Utf8PathBuf,
    /// From 1, if it is known.
    pub line: Option<usize>,
    /// `rules.package-mismatch`; empty for the whole file.
    pub key: String,
    pub reason: String,
}

impl SettingsError {
    pub(super) fn of_file(path: &Utf8Path, reason: String) -> Self {
        Self { path: path.to_owned(), line: None, key: String::new(), reason }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "settings `{}`", self.path)?;
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        if !self.key.is_empty() {
            write!(formatter, ", key `{}`", self.key)?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

impl std::error::Error for SettingsError {}

const KEYS: &[&str] = &[
    "also",
    "engine",
    "execute",
    "mirror",
    "modules",
    "policy",
    "providers",
    "reachable",
    "rules",
    "seal",
    "state",
    "templates",
];

/// Parses a file's text; an empty file sets nothing.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(path: &Utf8Path, text: &str) -> Result<Settings, SettingsError> {
    let reader = Reader { path, text };
    if let Some(offset) = yaml_nesting::too_deep(text) {
        return Err(SettingsError {
            path: path.to_owned(),
            line: Some(text[..offset].matches('\n').count() + 1),
            key: String::new(),
            reason: format!("more than {} brackets are nested in one another", yaml_nesting::MAXIMUM_DEPTH),
        });
    }
    let value: Value = serde_yaml::from_str(text).map_err(|error| SettingsError {
        path: path.to_owned(),
        line: error.location().map(|location| location.line()),
        key: String::new(),
        reason: error.to_string(),
    })?;
    let mapping = match value {
        Value::Null => return Ok(Settings::default()),
        Value::Mapping(mapping) => mapping,
        _ => {
            return Err(SettingsError::of_file(
                path,
                "expected keys and values, such as `mirror: [/providers]`".to_owned(),
            ));
        }
    };
    reader.settings(&mapping)
}

struct Reader<'a> {
    path: &'a Utf8Path,
    text: &'a str,
}

impl Reader<'_> {
    fn error(&self, key: &[&str], reason: impl Into<String>) -> SettingsError {
        SettingsError { path: self.path.to_owned(), line: self.line_of(key), key: key.join("."), reason: reason.into() }
    }

    /// The line of the last part of a key path; each part is searched for after the one before.
    fn line_of(&self, key: &[&str]) -> Option<usize> {
        let mut lines = self.text.lines().enumerate();
        let mut found = None;
        for part in key {
            found = lines.by_ref().find(|(_, line)| {
                let start = line.trim_start().trim_start_matches("- ").trim_start_matches(['"', '\'']);
                start.strip_prefix(part).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
            });
            found?;
        }
        found.map(|(index, _)| index + 1)
    }

    fn keys<'a>(
        &self,
        parents: &[&str],
        mapping: &'a Mapping,
        known: &[&str],
    ) -> Result<Vec<(&'a str, &'a Value)>, SettingsError> {
        let mut entries = Vec::with_capacity(mapping.len());
        for (key, value) in mapping {
            let Value::String(key) = key else {
                return Err(self.error(parents, format!("keys are words, expected one of {}", known.join(", "))));
            };
            if !known.contains(&key.as_str()) {
                let nearest = nearest(key, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
                let path = [parents, &[key.as_str()]].concat();
                return Err(self.error(&path, format!("unknown key{nearest} (known: {})", known.join(", "))));
            }
            entries.push((key.as_str(), value));
        }
        Ok(entries)
    }

    fn settings(&self, mapping: &Mapping) -> Result<Settings, SettingsError> {
        let mut settings = Settings::default();
        for (key, value) in self.keys(&[], mapping, KEYS)? {
            match key {
                "mirror" => settings.mirror = Some(self.paths(key, value)?),
                "modules" => settings.modules = Some(self.paths(key, value)?),
                "engine" => settings.engine = Some(self.string(&[key], value)?),
                "templates" => settings.templates = Some(self.absolute(&[key], value)?),
                "state" => settings.state = Some(self.string(&[key], value)?.into()),
                "policy" => {
                    settings.policy = Some(match self.string(&[key], value)?.as_str() {
                        "enforce" => Policy::Enforce,
                        "observe" => Policy::Observe,
                        _ => return Err(self.error(&[key], "expected `enforce` or `observe`")),
                    });
                }
                "execute" => {
                    settings.execute = Some(match self.string(&[key], value)?.as_str() {
                        "image" => Execute::Image,
                        "anything" => Execute::Anything,
                        _ => return Err(self.error(&[key], "expected `image` or `anything`")),
                    });
                }
                "reachable" => settings.reachable = Some(self.reachable(value)?),
                "rules" => self.rules(value, &mut settings)?,
                "providers" => settings.providers = Some(self.providers(value)?),
                "also" => settings.also = Some(self.also(value)?),
                _ => settings.seal = Some(self.seal(value)?),
            }
        }
        Ok(settings)
    }

    fn seal(&self, value: &Value) -> Result<Seal, SettingsError> {
        const EXPECTED: &str = "expected either `digest` (`sha256:` and 64 hexadecimal digits, or a list of such) or \
                                `public_key` (an absolute path), with `minimum` (a whole number) or without";
        let Value::Mapping(mapping) = value else { return Err(self.error(&["seal"], EXPECTED)) };
        let entries = self.keys(&["seal"], mapping, &["digest", "minimum", "public_key"])?;
        let find = |key| entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        match (find("digest"), find("public_key"), find("minimum")) {
            (None, Some(path), minimum) => {
                let number = |value: &Value| value.as_u64().ok_or_else(|| self.error(&["seal", "minimum"], EXPECTED));
                let path = self.absolute(&["seal", "public_key"], path)?;
                Ok(Seal::PublicKey { path, minimum: minimum.map(number).transpose()? })
            }
            (Some(value), None, None) => {
                let key = ["seal", "digest"];
                let digests = match value {
                    Value::Sequence(_) => self.strings(&key, value)?,
                    value => vec![self.string(&key, value)?],
                };
                let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                let is_digest = |text: &String| {
                    text.strip_prefix("sha256:")
                        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_digit))
                };
                if digests.is_empty() || !digests.iter().all(is_digest) {
                    return Err(self.error(&key, EXPECTED));
                }
                Ok(Seal::Digests(digests))
            }
            _ => Err(self.error(&["seal"], EXPECTED)),
        }
    }

    fn string(&self, key: &[&str], value: &Value) -> Result<String, SettingsError> {
        match value {
            Value::String(text) if !text.is_empty() && !text.contains(['\n', '\0']) => Ok(text.clone()),
            Value::String(_) => Err(self.error(key, "expected one line of text")),
            _ => Err(self.error(key, "expected a text")),
        }
    }

    fn strings(&self, key: &[&str], value: &Value) -> Result<Vec<String>, SettingsError> {
        match value {
            Value::Sequence(values) => values.iter().map(|value| self.string(key, value)).collect(),
            _ => Err(self.error(key, "expected a list of texts")),
        }
    }

    fn absolute(&self, key: &[&str], value: &Value) -> Result<Utf8PathBuf, SettingsError> {
        let path = Utf8PathBuf::from(self.string(key, value)?);
        if path.is_absolute() { Ok(path) } else { Err(self.error(key, "expected an absolute path")) }
    }

    fn paths(&self, key: &str, value: &Value) -> Result<Vec<Utf8PathBuf>, SettingsError> {
        let paths = match value {
            Value::Sequence(values) => {
                values.iter().map(|value| self.absolute(&[key], value)).collect::<Result<Vec<_>, _>>()?
            }
            value => vec![self.absolute(&[key], value)?],
        };
        if paths.is_empty() { Err(self.error(&[key], "expected at least one path")) } else { Ok(paths) }
    }

    fn reachable(&self, value: &Value) -> Result<Vec<String>, SettingsError> {
        let hosts = self.strings(&["reachable"], value)?;
        match hosts.iter().find(|host| host.contains(['/', '*', ' '])) {
            Some(host) => Err(self.error(&["reachable"], format!("`{host}` is no HOST or HOST:PORT"))),
            None => Ok(hosts),
        }
    }

    fn rules(&self, value: &Value, settings: &mut Settings) -> Result<(), SettingsError> {
        let Value::Mapping(mapping) = value else {
            return Err(self.error(&["rules"], "expected codes and levels, such as `mirror-entry-ignored: deny`"));
        };
        let known = Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>();
        for (key, value) in self.rule_codes(mapping, &known)? {
            let code = key.parse::<Code>().map_err(|error| self.error(&["rules", key], error.to_string()))?;
            settings.rules.insert(code, self.rule(key, value)?);
        }
        Ok(())
    }

    fn rule_codes<'a>(&self, mapping: &'a Mapping, known: &[&str]) -> Result<Vec<(&'a str, &'a Value)>, SettingsError> {
        for (key, _) in mapping {
            if let Value::String(key) = key
                && !known.contains(&key.as_str())
            {
                let nearest = nearest(key, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
                let reason = format!("no finding has this code{nearest} `airtight explain` lists them");
                return Err(self.error(&["rules", key], reason));
            }
        }
        self.keys(&["rules"], mapping, known)
    }

    fn rule(&self, code: &str, value: &Value) -> Result<Rule, SettingsError> {
        let rule = match value {
            Value::String(level) => Rule { level: self.level(&["rules", code], level)?, reason: None, until: None },
            Value::Mapping(mapping) => {
                let (mut level, mut reason, mut until) = (None, None, None);
                for (key, value) in self.keys(&["rules", code], mapping, &["level", "reason", "until"])? {
                    let text = self.string(&["rules", code, key], value)?;
                    match key {
                        "level" => level = Some(self.level(&["rules", code, key], &text)?),
                        "reason" => reason = Some(text),
                        _ if is_date(&text) => until = Some(text),
                        _ => return Err(self.error(&["rules", code, key], "expected a date, YYYY-MM-DD")),
                    }
                }
                let level = level.ok_or_else(|| self.error(&["rules", code], "`level` is missing"))?;
                Rule { level, reason, until }
            }
            _ => {
                return Err(
                    self.error(&["rules", code], "expected `deny`, `warn`, `allow`, or a level with its reason")
                );
            }
        };
        if rule.level != Level::Deny && rule.reason.is_none() {
            return Err(self.error(
                &["rules", code],
                format!(
                    "`{}` may lower a rule, so it needs a reason: `{{level: {0}, reason: ...}}`",
                    rule.level.as_str()
                ),
            ));
        }
        Ok(rule)
    }

    fn level(&self, key: &[&str], text: &str) -> Result<Level, SettingsError> {
        match text {
            "deny" => Ok(Level::Deny),
            "warn" => Ok(Level::Warn),
            "allow" => Ok(Level::Allow),
            _ => Err(self.error(key, "expected `deny`, `warn` or `allow`")),
        }
    }

    fn providers(&self, value: &Value) -> Result<ProviderPolicy, SettingsError> {
        let Value::Mapping(mapping) = value else {
            return Err(self.error(&["providers"], "expected `allow` and `deny`, each a list of patterns"));
        };
        let mut policy = ProviderPolicy::default();
        for (key, value) in self.keys(&["providers"], mapping, &["allow", "deny"])? {
            let path = ["providers", key];
            let Value::Sequence(values) = value else {
                return Err(
                    self.error(&path, "expected a list of patterns such as `registry.opentofu.org/hashicorp/*`")
                );
            };
            let rules = values.iter().map(|value| self.provider_rule(&path, value)).collect::<Result<Vec<_>, _>>()?;
            if key == "allow" { policy.allow = Some(rules) } else { policy.deny = rules }
        }
        Ok(policy)
    }

    fn provider_rule(&self, path: &[&str], value: &Value) -> Result<ProviderRule, SettingsError> {
        let (mut text, mut versions, mut licenses, mut reason) = (None, None, Vec::new(), None);
        match value {
            Value::String(_) => text = Some(self.string(path, value)?),
            Value::Mapping(mapping) => {
                for (key, value) in self.keys(path, mapping, &["licenses", "provider", "reason", "versions"])? {
                    let path = [path, &[key]].concat();
                    match key {
                        "provider" => text = Some(self.string(&path, value)?),
                        "versions" => {
                            let parsed = VersionConstraints::parse_requirement(&self.string(&path, value)?);
                            versions = Some(parsed.map_err(|error| self.error(&path, error.to_string()))?);
                        }
                        "licenses" => licenses = self.licenses(&path, value)?,
                        _ => reason = Some(self.string(&path, value)?),
                    }
                }
            }
            _ => return Err(self.error(path, "expected a pattern, or `provider` with its `versions` and `licenses`")),
        }
        let text = text.ok_or_else(|| self.error(path, "`provider` is missing"))?;
        if text.split('/').count() != 3 {
            return Err(self.error(
                path,
                format!("`{text}` needs three parts, HOST/NAMESPACE/TYPE; shorter patterns mean a different host in each engine"),
            ));
        }
        let pattern =
            AddressPattern::parse(&text, EngineName::Tofu).map_err(|error| self.error(path, error.to_string()))?;
        Ok(ProviderRule { text, pattern, versions, licenses, reason })
    }

    fn licenses(&self, path: &[&str], value: &Value) -> Result<Vec<License>, SettingsError> {
        let names = self.strings(path, value)?;
        let known = || License::ALL.iter().map(|license| license.as_str()).collect::<Vec<_>>();
        let parsed = names.iter().map(|name| {
            name.parse().map_err(|error| self.error(path, format!("`{name}`: {error} (known: {})", known().join(", "))))
        });
        parsed.collect()
    }

    fn also(&self, value: &Value) -> Result<Vec<AlsoMethod>, SettingsError> {
        let Value::Sequence(values) = value else {
            return Err(self.error(&["also"], "expected a list of installation methods"));
        };
        values.iter().map(|value| self.also_method(value)).collect()
    }

    fn also_method(&self, value: &Value) -> Result<AlsoMethod, SettingsError> {
        const EXPECTED: &str = "expected `direct`, `network_mirror` or `oci_mirror` with its `include`";
        let Value::Mapping(mapping) = value else { return Err(self.error(&["also"], EXPECTED)) };
        let entries = self.keys(&["also"], mapping, &["direct", "network_mirror", "oci_mirror"])?;
        let [(kind, Value::Mapping(arguments))] = entries.as_slice() else {
            return Err(self.error(&["also"], EXPECTED));
        };
        let (known, location_key): (&[&str], _) = match *kind {
            "direct" => (&["include"], None),
            "network_mirror" => (&["include", "url"], Some("url")),
            _ => (&["include", "repository_template"], Some("repository_template")),
        };
        let (mut include, mut location) = (Vec::new(), None);
        for (key, value) in self.keys(&["also", kind], arguments, known)? {
            if key == "include" {
                include = self.strings(&["also", kind, key], value)?;
            } else {
                location = Some(self.string(&["also", kind, key], value)?);
            }
        }
        if include.is_empty() || include.iter().any(|pattern| pattern.split('/').count() != 3) {
            return Err(self.error(
                &["also", kind],
                "`include` needs three-part patterns such as `registry.example.com/*/*`; two parts mean different hosts \
                 to the two engines",
            ));
        }
        let kind = match (*kind, location_key, location) {
            ("direct", ..) => AlsoKind::Direct,
            ("network_mirror", _, Some(url)) if url.starts_with("https://") && url.ends_with('/') => {
                AlsoKind::NetworkMirror { url }
            }
            ("network_mirror", _, Some(_)) => {
                return Err(self.error(
                    &["also", kind, "url"],
                    "the engines take only https URLs, and ignore the last part of one without a final `/`",
                ));
            }
            (_, _, Some(repository_template)) => AlsoKind::OciMirror { repository_template },
            (_, key, None) => {
                return Err(self.error(&["also", kind], format!("`{}` is missing", key.unwrap_or_default())));
            }
        };
        Ok(AlsoMethod { kind, include })
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |digits: usize, range: std::ops::RangeInclusive<u32>| {
        parts
            .next()
            .is_some_and(|part| part.len() == digits && part.parse().is_ok_and(|number| range.contains(&number)))
    };
    number(4, 0..=9999) && number(2, 1..=12) && number(2, 1..=31) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Settings, String> {
        parse(Utf8Path::new("/etc/airtight/settings.yml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_key() {
        let settings = parsed(
            "mirror: [/providers, /more]\nengine: tofu\ntemplates: /etc/airtight/templates\npolicy: observe\n\
             reachable: [registry.example.com, 'git.example.com:8443']\nstate: /state.json\n\
             rules:\n  mirror-entry-ignored: deny\n  lock-entry-unused: {level: allow, reason: known, until: 2027-01-31}\n\
             also:\n  - direct: {include: ['registry.example.com/*/*']}\n  - network_mirror: {url: 'https://m.example.com/p/', include: ['a.example/b/*']}\n  - oci_mirror: {repository_template: 'r.example/${type}', include: ['a.example/*/*']}\n",
        )
        .unwrap();
        assert_eq!(settings.mirror.unwrap(), ["/providers", "/more"]);
        assert_eq!(settings.policy, Some(Policy::Observe));
        assert_eq!(settings.rules[&Code::MirrorEntryIgnored].level, Level::Deny);
        assert_eq!(settings.rules[&Code::LockEntryUnused].until.as_deref(), Some("2027-01-31"));
        assert_eq!(settings.also.unwrap().len(), 3);
        let digest = format!("sha256:{}", "0a".repeat(32));
        for text in [format!("seal: {{digest: '{digest}'}}"), format!("seal: {{digest: ['{digest}']}}")] {
            assert_eq!(parsed(&text).unwrap().seal, Some(Seal::Digests(vec![digest.clone()])));
        }
        for (text, minimum) in
            [("seal: {public_key: /k.pem}", None), ("seal: {minimum: 7, public_key: /k.pem}", Some(7))]
        {
            assert_eq!(parsed(text).unwrap().seal, Some(Seal::PublicKey { path: "/k.pem".into(), minimum }));
        }
        assert_eq!(parsed("execute: image").unwrap().execute, Some(Execute::Image));
        assert_eq!(parsed("execute: anything").unwrap().execute, Some(Execute::Anything));
        assert_eq!(parsed("mirror: /providers").unwrap().mirror.unwrap(), ["/providers"]);
        assert_eq!(parsed("# nothing\n").unwrap(), Settings::default());
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, expected) in [
            ("mirrors: /p", "line 1, key `mirrors`: unknown key; did you mean `mirror`?"),
            (
                "policy: enforce\nrules:\n  pakage-mismatch: deny\n",
                "line 3, key `rules.pakage-mismatch`: no finding has this code; did you mean `package-mismatch`?",
            ),
            (
                "rules:\n  package-mismatch: warn\n",
                "line 2, key `rules.package-mismatch`: `warn` may lower a rule, so it needs a reason",
            ),
            (
                "rules:\n  package-mismatch: {level: deny, util: 2026-01-01}\n",
                "key `rules.package-mismatch.util`: unknown key; did you mean `until`?",
            ),
            ("rules:\n  package-mismatch: {level: deny, until: tomorrow}\n", "expected a date"),
            ("providers: [a/b/c]", "key `providers`: expected `allow` and `deny`"),
            ("providers: {alow: []}", "key `providers.alow`: unknown key; did you mean `allow`?"),
            ("providers: {allow: [hashicorp/null]}", "needs three parts"),
            ("providers: {allow: ['*/hashicorp/*']}", "and only `*` after a `*`"),
            ("providers: {deny: [{provider: a.b/c/d, version: '1'}]}", "did you mean `versions`?"),
            ("providers: {deny: [{provider: a.b/c/d, versions: new}]}", "key `providers.deny.versions`: "),
            ("providers: {deny: [{versions: '1'}]}", "`provider` is missing"),
            ("providers: {deny: [{provider: a.b/c/d, licenses: [Free]}]}", "known: AGPL-3.0, Apache-2.0"),
            ("mirror: providers", "key `mirror`: expected an absolute path"),
            ("mirror: []", "at least one path"),
            ("engine: [tofu]", "key `engine`: expected a text"),
            ("policy: off", "line 1, key `policy`"),
            ("execute: all", "line 1, key `execute`: expected `image` or `anything`"),
            ("reachable: ['https://x']", "no HOST or HOST:PORT"),
            ("also: [{direct: {include: ['a/b']}}]", "three-part patterns"),
            ("also: [{direct: {}}]", "three-part patterns"),
            ("also: [{network_mirror: {url: 'http://x/', include: ['a.b/*/*']}}]", "only https"),
            ("also: [{network_mirror: {include: ['a.b/*/*']}}]", "`url` is missing"),
            ("seal: {digest: x}", "key `seal.digest`: expected either `digest`"),
            ("seal: {digest: []}", "expected either `digest`"),
            ("seal: {}", "expected either `digest`"),
            ("seal: {public_key: key.pem}", "expected an absolute path"),
            ("seal: {public_key: /k, digest: x}", "expected either `digest`"),
            ("seal: {public_key: /k, minimum: -1}", "key `seal.minimum`: expected"),
            ("seal: {minimum: 1}", "expected either `digest`"),
            ("mirror: /a\nmirror: /b\n", "duplicate"),
            ("- a", "expected keys and values"),
            ("a: [", "line 2"),
            (&"\n{a: ".repeat(80_000), "line 66: more than 64 brackets are nested in one another"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.starts_with("settings `/etc/airtight/settings.yml`"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[a-z:{}\\[\\]\\-\\n \"'/]{0,80}") {
            let _ = parsed(&text);
        }
    }
}
