//! One settings file: YAML into types. Unknown keys are refused, with their path and the nearest known key.

mod provider_rules;
mod reader;
mod rules;

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde_yaml::{Mapping, Value};

use self::reader::Reader;
use super::{AlsoKind, AlsoMethod, Execute, Policy, Seal, Settings};
use crate::yaml_nesting;

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

impl Reader<'_> {
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

    fn reachable(&self, value: &Value) -> Result<Vec<String>, SettingsError> {
        let hosts = self.strings(&["reachable"], value)?;
        match hosts.iter().find(|host| host.contains(['/', '*', ' '])) {
            Some(host) => Err(self.error(&["reachable"], format!("`{host}` is no HOST or HOST:PORT"))),
            None => Ok(hosts),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Level;
    use airtight_finding::Code;

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
