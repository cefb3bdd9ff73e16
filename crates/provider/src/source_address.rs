//! Provider addresses as modules write them, which the engine completes.

use super::address::{AddressError, DEFAULT_NAMESPACE, LEGACY_NAMESPACE, ProviderAddress};
use super::address_parts::{parse_host, parse_namespace, parse_part};
use super::engine::{Engine, EngineName};
use super::quoted::Quoted;

type ParsePart = fn(&str) -> Result<String, &'static str>;

/// A source address as written, `[HOST/]NAMESPACE/TYPE` or `TYPE`, parsed by the engine's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    host: Option<String>,
    namespace: Option<String>,
    provider_type: String,
}

impl SourceAddress {
    /// By the rules of this engine's newest version.
    ///
    /// Source: opentofu/registry-address, hashicorp/terraform-registry-address `ParseProviderSource`.
    pub fn parse(text: &str, engine: EngineName) -> Result<Self, AddressError> {
        Self::parse_with(text, engine, parse_namespace)
    }

    /// By the rules of this engine's own version, which may take fewer namespaces.
    pub fn parse_for(text: &str, engine: &Engine) -> Result<Self, AddressError> {
        let namespace = if engine.takes_underscores_in_namespaces() { parse_namespace } else { parse_part };
        Self::parse_with(text, engine.name, namespace)
    }

    fn parse_with(text: &str, engine: EngineName, parse_namespace: ParsePart) -> Result<Self, AddressError> {
        let malformed = || AddressError {
            summary: "Invalid provider source string",
            detail: r#"The "source" attribute must be in the format "[hostname/][namespace/]name""#.to_owned(),
        };
        let parts: Vec<&str> = text.split('/').collect();
        if parts.contains(&"") {
            return Err(malformed());
        }
        let (host, namespace, provider_type) = match parts.as_slice() {
            [provider_type] => (None, None, *provider_type),
            [namespace, provider_type] => (None, Some(*namespace), *provider_type),
            [host, namespace, provider_type] => (Some(*host), Some(*namespace), *provider_type),
            _ => return Err(malformed()),
        };
        // The quotation mark at the end of the three texts is the engines' own.
        let source = Quoted(text);
        let provider_type = parse_part(provider_type).map_err(|reason| AddressError {
            summary: "Invalid provider type",
            detail: format!(r#"Invalid provider type {} in source {source}: {reason}""#, Quoted(provider_type)),
        })?;
        let namespace = match namespace {
            Some(LEGACY_NAMESPACE) => Some(LEGACY_NAMESPACE.to_owned()),
            Some(namespace) => Some(parse_namespace(namespace).map_err(|reason| AddressError {
                summary: "Invalid provider namespace",
                detail: format!(r#"Invalid provider namespace "" in source {source}: {reason}""#),
            })?),
            None => None,
        };
        let host = host.map(parse_host).transpose().map_err(|reason| AddressError {
            summary: "Invalid provider source hostname",
            detail: format!(r#"Invalid provider source hostname namespace "" in source {source}: {reason}""#),
        })?;
        let address = Self { host, namespace, provider_type };
        if address.namespace.is_some() {
            let resolved = address.resolve(engine);
            resolved.check_legacy_host(engine)?;
            check_type_prefix(&resolved, engine)?;
        }
        Ok(address)
    }

    pub fn resolve(&self, engine: EngineName) -> ProviderAddress {
        ProviderAddress::new(
            self.host.as_deref().unwrap_or(engine.default_registry_host()).to_owned(),
            self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE).to_owned(),
            self.provider_type.clone(),
        )
    }
}

/// A type may not start with a product's name: that is the prefix of executables and repositories.
fn check_type_prefix(address: &ProviderAddress, engine: EngineName) -> Result<(), AddressError> {
    let rules = [("terraform-", "a", "Terraform", "often"), ("opentofu-", "an", "OpenTofu", "sometimes")];
    let count = if engine == EngineName::Tofu { 2 } else { 1 };
    for (prefix, article, product, frequency) in &rules[..count] {
        let Some(rest) = address.provider_type().strip_prefix(prefix) else { continue };
        let suggestion = rest.strip_prefix("provider-").filter(|rest| parse_part(rest).is_ok());
        let detail = if let Some(provider_type) = suggestion {
            let (host, namespace) = (address.host().to_owned(), address.namespace().to_owned());
            let suggested = ProviderAddress::new(host, namespace, provider_type.to_owned());
            format!(
                "Provider source {} has a type with the prefix \"{prefix}provider-\", which isn't valid. Although that \
                 prefix is {frequency} used in the names of version control repositories for {product} providers, \
                 provider source strings should not include it.\n\nDid you mean {}?",
                Quoted(&address.for_display(engine)),
                Quoted(&suggested.for_display(engine)),
            )
        } else {
            format!(
                "Provider source {} has a type with the prefix \"{prefix}\", which isn't allowed because it would be \
                 redundant to name {article} {product} provider with that prefix. If you are the author of this \
                 provider, rename it to not include the prefix.",
                Quoted(&address.to_string()),
            )
        };
        return Err(AddressError { summary: "Invalid provider type", detail });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolved(text: &str, engine: EngineName) -> Result<String, AddressError> {
        SourceAddress::parse(text, engine).map(|source| source.resolve(engine).to_string())
    }

    #[test]
    fn a_source_means_one_provider() {
        let table = [
            ("null", "registry.opentofu.org/hashicorp/null"),
            ("acme/null", "registry.opentofu.org/acme/null"),
            ("HashiCorp/Null", "registry.opentofu.org/hashicorp/null"),
            ("Registry.Terraform.IO/hashicorp/null", "registry.terraform.io/hashicorp/null"),
            ("example.com:443/acme/x", "example.com/acme/x"),
            ("localhost:08080/acme/x", "localhost:8080/acme/x"),
            ("Bücher.example/acme/日本", "bücher.example/acme/日本"),
            ("-/null", "registry.opentofu.org/-/null"),
            ("terraform-provider-null", "registry.opentofu.org/hashicorp/terraform-provider-null"),
            ("terraform.io/builtin/terraform", "terraform.io/builtin/terraform"),
            ("A_b__C/null", "registry.opentofu.org/a_b__c/null"),
            ("é-_1/null", "registry.opentofu.org/é-_1/null"),
        ];
        for (text, expected) in table {
            assert_eq!(resolved(text, EngineName::Tofu).as_deref(), Ok(expected), "{text:?}");
        }
        assert_eq!(resolved("null", EngineName::Terraform).as_deref(), Ok("registry.terraform.io/hashicorp/null"));
        assert_eq!(
            resolved("acme/opentofu-x", EngineName::Terraform).as_deref(),
            Ok("registry.terraform.io/acme/opentofu-x")
        );
    }

    #[test]
    fn a_source_with_bad_parts_is_refused_in_the_engine_s_words() {
        const LETTERS: &str =
            "must contain only letters, digits, and dashes, and may not use leading or trailing dashes";
        let table = [
            ("a/b_c", "type", r#""b_c""#, LETTERS),
            ("a/b\n", "type", r#""b\n""#, LETTERS),
            ("-", "type", r#""-""#, LETTERS),
            ("a/b.c", "type", r#""b.c""#, "dots are not allowed"),
            ("a/b--c", "type", r#""b--c""#, "cannot use multiple consecutive dashes"),
            ("a-/b", "namespace", r#""""#, LETTERS),
            ("_a/b", "namespace", r#""""#, LETTERS),
            ("a_/b", "namespace", r#""""#, LETTERS),
            ("a_b.com/c/d", "source hostname", r#"namespace """#, "idna: disallowed rune U+005F"),
            ("-a.com/c/d", "source hostname", r#"namespace """#, r#"idna: invalid label "-a""#),
            (
                "xn--a.com/c/d",
                "source hostname",
                r#"namespace """#,
                r#"hostname label "xn--a" specified in punycode format; service hostnames must be given in unicode"#,
            ),
            (
                "a..b/c/d",
                "source hostname",
                r#"namespace """#,
                "hostname contains empty label (two consecutive periods)",
            ),
            (":80/c/d", "source hostname", r#"namespace """#, "empty string is not a valid hostname"),
            ("a:b/c/d", "source hostname", r#"namespace """#, "port portion contains non-digit characters"),
            ("a:65536/c/d", "source hostname", r#"namespace """#, "port number is greater than 65535"),
            (
                "https:/c/d",
                "source hostname",
                r#"namespace """#,
                "need just a hostname and optional port number, not a full URL",
            ),
        ];
        for (text, what, quoted, reason) in table {
            let error = SourceAddress::parse(text, EngineName::Tofu).unwrap_err();
            assert_eq!(error.summary(), format!("Invalid provider {what}"));
            let source = Quoted(text);
            assert_eq!(error.detail(), format!(r#"Invalid provider {what} {quoted} in source {source}: {reason}""#));
        }
        for text in ["", "a//b", "/a", "https://example.com/a/b", "a/b/c/d"] {
            let error = SourceAddress::parse(text, EngineName::Tofu).unwrap_err();
            assert_eq!(error.summary(), "Invalid provider source string");
            assert!(error.detail().ends_with(r#"in the format "[hostname/][namespace/]name""#));
        }
    }

    #[test]
    fn a_namespace_with_an_underscore_is_for_terraform_from_1_16() {
        let is_read = |name, version: &str| {
            SourceAddress::parse_for("a_b/c", &Engine::new(name, version.parse().unwrap())).is_ok()
        };
        assert!(is_read(EngineName::Terraform, "1.16.0") && is_read(EngineName::Terraform, "1.99.0"));
        assert!(!is_read(EngineName::Terraform, "1.15.9") && !is_read(EngineName::Tofu, "1.12.6"));
    }

    #[test]
    fn a_legacy_namespace_is_for_the_engine_s_own_host() {
        let error = SourceAddress::parse("registry.opentofu.org/-/x", EngineName::Terraform).unwrap_err();
        assert_eq!(
            error.detail(),
            r#"The legacy provider namespace "-" can be used only with hostname registry.terraform.io."#
        );
    }

    #[test]
    fn a_type_with_a_product_s_name_before_it_is_refused_in_the_engine_s_words() {
        let table = [
            (
                "acme/terraform-x",
                "Provider source \"registry.opentofu.org/acme/terraform-x\" has a type with the prefix \
                 \"terraform-\", which isn't allowed because it would be redundant to name a Terraform provider with \
                 that prefix. If you are the author of this provider, rename it to not include the prefix.",
            ),
            (
                "acme/opentofu-x",
                "Provider source \"registry.opentofu.org/acme/opentofu-x\" has a type with the prefix \"opentofu-\", \
                 which isn't allowed because it would be redundant to name an OpenTofu provider with that prefix. If \
                 you are the author of this provider, rename it to not include the prefix.",
            ),
            (
                "acme/terraform-provider-x",
                "Provider source \"acme/terraform-provider-x\" has a type with the prefix \"terraform-provider-\", \
                 which isn't valid. Although that prefix is often used in the names of version control repositories \
                 for Terraform providers, provider source strings should not include it.\n\nDid you mean \"acme/x\"?",
            ),
            (
                "e.com/acme/opentofu-provider-x",
                "Provider source \"e.com/acme/opentofu-provider-x\" has a type with the prefix \
                 \"opentofu-provider-\", which isn't valid. Although that prefix is sometimes used in the names of \
                 version control repositories for OpenTofu providers, provider source strings should not include \
                 it.\n\nDid you mean \"e.com/acme/x\"?",
            ),
        ];
        for (text, detail) in table {
            let error = SourceAddress::parse(text, EngineName::Tofu).unwrap_err();
            assert_eq!((error.summary(), error.detail()), ("Invalid provider type", detail));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            let _ = SourceAddress::parse(&text, EngineName::Tofu);
        }

        #[test]
        fn what_a_source_means_is_printed_and_read_again(
            host in "[A-Za-zäß0-9.]{1,9}(:[0-9]{1,5})?",
            namespace in "[A-Za-zßé0-9-]{1,6}|-",
            provider_type in "[a-zA-Zи0-9-]{1,6}",
        ) {
            let text = format!("{host}/{namespace}/{provider_type}");
            if let Ok(source) = SourceAddress::parse(&text, EngineName::Tofu) {
                let address = source.resolve(EngineName::Tofu);
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
