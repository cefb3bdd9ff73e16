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
    /// `[HOST/]NAMESPACE/TYPE`, where `*` stands for anything; without a host, the engine's own.
    ///
    /// Source: OpenTofu `internal/getproviders/multi_source.go` `ParseMultiSourceMatchingPatterns`.
    pub fn parse(text: &str, engine: EngineName) -> Result<Self, AddressError> {
        let pattern = Quoted(text);
        let invalid = |detail: String| AddressError { summary: "Invalid provider source inclusion patterns", detail };
        let parts: Vec<&str> = text.split('/').collect();
        let (host, namespace, provider_type) = match *parts.as_slice() {
            [namespace, provider_type] => (Some(engine.default_registry_host().to_owned()), namespace, provider_type),
            ["*", namespace, provider_type] => (None, namespace, provider_type),
            [host, namespace, provider_type] => {
                let host = parse_host(host).map_err(|reason| {
                    invalid(format!("invalid hostname in provider matching pattern {pattern}: {reason}"))
                })?;
                (Some(host), namespace, provider_type)
            }
            _ => {
                return Err(invalid(format!(
                    "invalid provider matching pattern {pattern}: must have either two or three slash-separated segments"
                )));
            }
        };
        let part_or_wildcard = |part: &str| if part == "*" { Ok(None) } else { parse_part(part).map(Some) };
        // Both texts quote the type.
        let given_type = Quoted(provider_type);
        let provider_type = part_or_wildcard(provider_type).map_err(|_| {
            invalid(format!("invalid provider type {given_type} in provider matching pattern {pattern}: must either be the wildcard * or a provider type name"))
        })?;
        let namespace = part_or_wildcard(namespace).map_err(|_| {
            invalid(format!("invalid registry namespace {given_type} in provider matching pattern {pattern}: must either be the wildcard * or a literal namespace"))
        })?;
        if host.is_none() && (namespace.is_some() || provider_type.is_some()) {
            return Err(invalid(format!(
                "invalid provider matching pattern {pattern}: hostname can be a wildcard only if both namespace and provider type are also wildcards"
            )));
        }
        if namespace.is_none() && provider_type.is_some() {
            return Err(invalid(format!(
                "invalid provider matching pattern {pattern}: namespace can be a wildcard only if the provider type is also a wildcard"
            )));
        }
        Ok(Self { host, namespace, provider_type })
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
    fn a_bad_pattern_is_refused_in_the_engine_s_words() {
        let table = [
            (
                "null",
                r#"invalid provider matching pattern "null": must have either two or three slash-separated segments"#,
            ),
            ("", r#"invalid provider matching pattern "": must have either two or three slash-separated segments"#),
            (
                "a/b/c/d",
                r#"invalid provider matching pattern "a/b/c/d": must have either two or three slash-separated segments"#,
            ),
            (
                "https://a/b",
                r#"invalid provider matching pattern "https://a/b": must have either two or three slash-separated segments"#,
            ),
            ("a_b/c/d", r#"invalid hostname in provider matching pattern "a_b/c/d": idna: disallowed rune U+005F"#),
            (
                "*/null",
                r#"invalid provider matching pattern "*/null": namespace can be a wildcard only if the provider type is also a wildcard"#,
            ),
            (
                "*/hashicorp/*",
                r#"invalid provider matching pattern "*/hashicorp/*": hostname can be a wildcard only if both namespace and provider type are also wildcards"#,
            ),
            (
                "hashicorp/nu*",
                r#"invalid provider type "nu*" in provider matching pattern "hashicorp/nu*": must either be the wildcard * or a provider type name"#,
            ),
            (
                "hash*/null",
                r#"invalid registry namespace "null" in provider matching pattern "hash*/null": must either be the wildcard * or a literal namespace"#,
            ),
        ];
        for (text, detail) in table {
            let error = AddressPattern::parse(text, EngineName::Tofu).unwrap_err();
            assert_eq!(error.detail(), detail);
            assert_eq!(error.summary(), "Invalid provider source inclusion patterns");
        }
    }
}
