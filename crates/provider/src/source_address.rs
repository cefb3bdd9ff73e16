//! Provider addresses as modules write them, which the engine completes.

use super::address::{AddressError, DEFAULT_NAMESPACE, LEGACY_NAMESPACE, ProviderAddress};
use super::address_parts::{parse_host, parse_namespace, parse_part};
use super::engine::{Engine, EngineName};

type ParsePart = fn(&str) -> Option<String>;

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
        let malformed = || AddressError("a source is TYPE, NAMESPACE/TYPE or HOST/NAMESPACE/TYPE".to_owned());
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
        let provider_type = parse_part(provider_type).ok_or_else(|| AddressError::provider_type(provider_type))?;
        let namespace = match namespace {
            Some(LEGACY_NAMESPACE) => Some(LEGACY_NAMESPACE.to_owned()),
            Some(namespace) => Some(parse_namespace(namespace).ok_or_else(|| AddressError::namespace(namespace))?),
            None => None,
        };
        let host = host.map(|host| parse_host(host).ok_or_else(|| AddressError::host(host))).transpose()?;
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
    let prefixes = ["terraform-", "opentofu-"];
    let count = if engine == EngineName::Tofu { 2 } else { 1 };
    let provider_type = address.provider_type();
    let Some(prefix) = prefixes[..count].iter().find(|prefix| provider_type.starts_with(**prefix)) else {
        return Ok(());
    };
    let detail = format!(
        "the type in {address} begins with `{prefix}`, which engines refuse: write the provider's name without \
         `{prefix}` and `provider-`"
    );
    Err(AddressError(detail))
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
    fn a_source_with_bad_parts_is_refused() {
        let of_types = ["a/b_c", "a/b\n", "-", "a/b.c", "a/b--c", "acme/terraform-x", "acme/opentofu-provider-x"];
        let of_namespaces = ["a-/b", "_a/b", "a_/b"];
        let of_hosts = [
            "a_b.com/c/d",
            "-a.com/c/d",
            "xn--a.com/c/d",
            "a..b/c/d",
            ":80/c/d",
            "a:b/c/d",
            "a:65536/c/d",
            "https:/c/d",
        ];
        let of_forms = ["", "a//b", "/a", "https://example.com/a/b", "a/b/c/d"];
        for (says, texts) in [
            ("type", &of_types[..]),
            ("is no namespace", &of_namespaces),
            ("is no host name", &of_hosts),
            ("a source is TYPE", &of_forms),
        ] {
            for text in texts {
                let error = SourceAddress::parse(text, EngineName::Tofu).unwrap_err().to_string();
                assert!(error.contains(says), "{text:?}: {error}");
            }
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
        assert_eq!(error.to_string(), r#"The namespace "-" is only for the host registry.terraform.io."#);
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
