//! The key `rules`: a level for a code, with its reason and its end.

use serde_yaml::{Mapping, Value};

use super::SettingsError;
use super::reader::Reader;
use crate::settings::{Level, Rule, Settings};
use crate::yaml_document::nearest;
use airtight_finding::Code;

impl Reader<'_> {
    pub(super) fn rules(&self, value: &Value, settings: &mut Settings) -> Result<(), SettingsError> {
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
