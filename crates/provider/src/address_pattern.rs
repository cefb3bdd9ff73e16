//! Patterns over provider addresses: which providers an installation method serves.

use super::address::{AddressError, ProviderAddress};
use super::address_parts::{parse_host, parse_part};
use super::engine::EngineName;
use super::quoted::Quoted;

/// An `include` or `exclude` pattern of an installation method. A part that is missing matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPattern {
    host: Option<String>,
    namespace: Option<String>,
    provider_type: Option<String>,
}

impl AddressPattern {
    /// `[HOST/]NAMESPACE/TYPE`, where `*` matches anything; without a host, the engine's own.
    ///
    /// Source: OpenTofu `internal/getproviders/multi_source.go` `ParseMultiSourceMatchingPatterns`.
    pub fn parse(text: &str, engine: EngineName) -> Result<Self, AddressError> {
        let parts: Vec<&str> = text.split('/').collect();
        let read = || {
            let (host, namespace, provider_type) = match *parts.as_slice() {
                [namespace, provider_type] => {
                    (Some(engine.default_registry_host().to_owned()), namespace, provider_type)
                }
                ["*", namespace, provider_type] => (None, namespace, provider_type),
                [host, namespace, provider_type] => (Some(parse_host(host)?), namespace, provider_type),
                _ => return None,
            };
            let part = |part: &str| if part == "*" { Some(None) } else { parse_part(part).map(Some) };
            let read = Self { host, namespace: part(namespace)?, provider_type: part(provider_type)? };
            // Behind a wildcard there are only wildcards.
            let is_open = [read.host.is_none(), read.namespace.is_none(), read.provider_type.is_none()];
            is_open.is_sorted().then_some(read)
        };
        read().ok_or_else(|| {
            AddressError(format!(
                "{} is no pattern: it has two or three parts, each a name or `*`, and only `*` after a `*`",
                Quoted(text)
            ))
        })
    }

    pub fn matches(&self, address: &ProviderAddress) -> bool {
        let fits = |pattern: &Option<String>, part: &str| pattern.as_deref().is_none_or(|pattern| pattern == part);
        fits(&self.host, address.host())
            && fits(&self.namespace, address.namespace())
            && fits(&self.provider_type, address.provider_type())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> AddressPattern {
        AddressPattern::parse(text, EngineName::Tofu).unwrap()
    }

    #[test]
    fn a_pattern_matches_what_its_wildcards_leave_open() {
        let table = [
            ("*/*", "registry.opentofu.org/hashicorp/null", true),
            ("*/*", "registry.terraform.io/hashicorp/null", false),
            ("*/*/*", "registry.terraform.io/hashicorp/null", true),
            ("hashicorp/*", "registry.opentofu.org/hashicorp/null", true),
            ("hashicorp/*", "registry.opentofu.org/acme/null", false),
            ("HashiCorp/Null", "registry.opentofu.org/hashicorp/null", true),
            ("hashicorp/null", "registry.opentofu.org/hashicorp/aws", false),
            ("Example.com:443/*/*", "example.com/acme/x", true),
            ("example.com:8443/*/*", "example.com/acme/x", false),
            ("example.com/acme/x", "example.com/acme/x", true),
        ];
        for (text, address, expected) in table {
            assert_eq!(pattern(text).matches(&address.parse().unwrap()), expected, "{text} and {address}");
        }
    }

    #[test]
    fn two_parts_mean_the_engine_s_own_host() {
        let address: ProviderAddress = "registry.terraform.io/hashicorp/null".parse().unwrap();
        assert!(AddressPattern::parse("hashicorp/*", EngineName::Terraform).unwrap().matches(&address));
        assert!(!pattern("hashicorp/*").matches(&address));
    }

    #[test]
    fn a_bad_pattern_is_refused() {
        for text in
            ["null", "", "a/b/c/d", "https://a/b", "a_b/c/d", "*/null", "*/hashicorp/*", "hashicorp/nu*", "hash*/null"]
        {
            assert!(AddressPattern::parse(text, EngineName::Tofu).is_err(), "{text:?}");
        }
    }
}
