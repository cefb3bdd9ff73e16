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
        Self::parse_parts(text, engine)
            .map_err(|detail| AddressError { summary: "Invalid provider source inclusion patterns", detail })
    }

    /// The error is the engine's text.
    fn parse_parts(text: &str, engine: EngineName) -> Result<Self, String> {
        let pattern = Quoted(text);
        let parts: Vec<&str> = text.split('/').collect();
        let (host, namespace, provider_type) = match *parts.as_slice() {
            [namespace, provider_type] => (Some(engine.default_registry_host().to_owned()), namespace, provider_type),
            ["*", namespace, provider_type] => (None, namespace, provider_type),
            [host, namespace, provider_type] => {
                let host = parse_host(host)
                    .map_err(|reason| format!("invalid hostname in provider matching pattern {pattern}: {reason}"))?;
                (Some(host), namespace, provider_type)
            }
            _ => {
                let reason = "must have either two or three slash-separated segments";
                return Err(format!("invalid provider matching pattern {pattern}: {reason}"));
            }
        };
        let part_or_wildcard = |part: &str| if part == "*" { Ok(None) } else { parse_part(part).map(Some) };
        // The text for the namespace quotes the type as well.
        let given = Quoted(provider_type);
        let invalid = |what: &str, kind: &str| {
            let must = format!("must either be the wildcard * or a {kind}");
            format!("invalid {what} {given} in provider matching pattern {pattern}: {must}")
        };
        let provider_type =
            part_or_wildcard(provider_type).map_err(|_| invalid("provider type", "provider type name"))?;
        let namespace = part_or_wildcard(namespace).map_err(|_| invalid("registry namespace", "literal namespace"))?;
        let misplaced = |rule: &str| format!("invalid provider matching pattern {pattern}: {rule}");
        if host.is_none() && (namespace.is_some() || provider_type.is_some()) {
            return Err(misplaced(
                "hostname can be a wildcard only if both namespace and provider type are also wildcards",
            ));
        }
        if namespace.is_none() && provider_type.is_some() {
            return Err(misplaced("namespace can be a wildcard only if the provider type is also a wildcard"));
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
            ("null", "pattern", "must have either two or three slash-separated segments"),
            ("", "pattern", "must have either two or three slash-separated segments"),
            ("a/b/c/d", "pattern", "must have either two or three slash-separated segments"),
            ("https://a/b", "pattern", "must have either two or three slash-separated segments"),
            ("a_b/c/d", "hostname", "idna: disallowed rune U+005F"),
            ("*/null", "pattern", "namespace can be a wildcard only if the provider type is also a wildcard"),
            (
                "*/hashicorp/*",
                "pattern",
                "hostname can be a wildcard only if both namespace and provider type are also wildcards",
            ),
            ("hashicorp/nu*", r#"provider type "nu*""#, "must either be the wildcard * or a provider type name"),
            ("hash*/null", r#"registry namespace "null""#, "must either be the wildcard * or a literal namespace"),
        ];
        for (text, what, reason) in table {
            let error = AddressPattern::parse(text, EngineName::Tofu).unwrap_err();
            let matching = if what == "pattern" { String::new() } else { format!("{what} in ") };
            let pattern = Quoted(text);
            assert_eq!(error.detail(), format!("invalid {matching}provider matching pattern {pattern}: {reason}"));
            assert_eq!(error.summary(), "Invalid provider source inclusion patterns");
        }
    }
}
