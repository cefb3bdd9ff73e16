//! The key `providers`: which providers are allowed, by address, version and licence.

use serde_yaml::Value;

use super::SettingsError;
use super::reader::Reader;
use crate::settings::{ProviderPolicy, ProviderRule};
use airtight_provider::license::License;
use airtight_provider::{AddressPattern, EngineName, VersionConstraints};

impl Reader<'_> {
    pub(super) fn providers(&self, value: &Value) -> Result<ProviderPolicy, SettingsError> {
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
}
