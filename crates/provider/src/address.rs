//! Provider addresses, fully qualified: what a provider is known by.

use std::fmt;
use std::str::FromStr;

use super::address_parts::{parse_host, parse_namespace, parse_part};
use super::engine::{Engine, EngineName};
use super::quoted::Quoted;

/// The namespace of providers that are inside the engine.
const BUILT_IN_NAMESPACE: &str = "builtin";
/// The host of the built-in providers that both engines have.
const BUILT_IN_HOST: &str = "terraform.io";
/// The host of built-in providers that only OpenTofu has.
const TOFU_BUILT_IN_HOST: &str = "opentofu.org";
/// The namespace of names from before 0.13.
pub(super) const LEGACY_NAMESPACE: &str = "-";
/// The namespace that an address without one means.
pub(super) const DEFAULT_NAMESPACE: &str = "hashicorp";

/// A provider's identity: host, namespace, type, normalised. Prints as `host/namespace/type`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderAddress {
    host: String,
    namespace: String,
    provider_type: String,
}

impl ProviderAddress {
    /// In Unicode, with a port other than 443 after a colon.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn provider_type(&self) -> &str {
        &self.provider_type
    }

    /// `terraform.io/builtin/TYPE` or `opentofu.org/builtin/TYPE`: inside the engine, or at least reserved for that.
    pub fn is_built_in(&self) -> bool {
        self.namespace == BUILT_IN_NAMESPACE && matches!(self.host.as_str(), BUILT_IN_HOST | TOFU_BUILT_IN_HOST)
    }

    /// Whether this engine takes it for built in, and so never installs it.
    pub fn is_built_in_to(&self, engine: &Engine) -> bool {
        self.is_built_in() && (self.host == BUILT_IN_HOST || engine.reserves_own_built_in_host())
    }

    /// Namespace `-`: a name from before 0.13 that no engine installs.
    pub fn is_legacy(&self) -> bool {
        self.namespace == LEGACY_NAMESPACE
    }

    /// What an undeclared local name means: `hashicorp/NAME` on the engine's own host (`terraform` is built in).
    ///
    /// Source: OpenTofu `internal/addrs/provider.go` `ImpliedProviderForUnqualifiedType`.
    pub fn implied(engine: EngineName, local_name: &str) -> Result<Self, AddressError> {
        let provider_type = parse_part(local_name).ok_or_else(|| AddressError::provider_type(local_name))?;
        let (host, namespace) = if provider_type == "terraform" {
            (BUILT_IN_HOST, BUILT_IN_NAMESPACE)
        } else {
            (engine.default_registry_host(), DEFAULT_NAMESPACE)
        };
        Ok(Self { host: host.to_owned(), namespace: namespace.to_owned(), provider_type })
    }

    /// The same provider on another host.
    #[must_use]
    pub fn on_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// From the three directory names of a mirror; each is normalised, an invalid one is an error.
    ///
    /// Source: OpenTofu `internal/getproviders/filesystem_search.go` `SearchLocalDirectory`.
    pub fn from_directories(
        engine: EngineName,
        host: &str,
        namespace: &str,
        provider_type: &str,
    ) -> Result<Self, AddressError> {
        let address = Self::from_parts(host, namespace, provider_type)?;
        address.check_legacy_host(engine)?;
        Ok(address)
    }

    /// How the engine prints it: without the host where that is the engine's own.
    pub fn for_display(&self, engine: EngineName) -> String {
        if self.host == engine.default_registry_host() {
            format!("{}/{}", self.namespace, self.provider_type)
        } else {
            self.to_string()
        }
    }

    /// From how the engine prints it: the other way around than [`Self::for_display`].
    ///
    /// # Errors
    /// Fails if it has not two or three parts that are normalised.
    pub fn from_display(engine: EngineName, text: &str) -> Result<Self, AddressError> {
        if text.matches('/').count() == 1 {
            format!("{}/{text}", engine.default_registry_host()).parse()
        } else {
            text.parse()
        }
    }

    /// From parts that are normalised.
    pub(super) const fn new(host: String, namespace: String, provider_type: String) -> Self {
        Self { host, namespace, provider_type }
    }

    /// Normalises the parts; a legacy type is kept as it is.
    fn from_parts(host: &str, namespace: &str, provider_type: &str) -> Result<Self, AddressError> {
        let normal_type = parse_part(provider_type).ok_or_else(|| AddressError::provider_type(provider_type))?;
        let host = parse_host(host).ok_or_else(|| AddressError::host(host))?;
        if namespace == LEGACY_NAMESPACE {
            let (namespace, provider_type) = (namespace.to_owned(), provider_type.to_owned());
            return Ok(Self { host, namespace, provider_type });
        }
        let namespace = parse_namespace(namespace).ok_or_else(|| AddressError::namespace(namespace))?;
        Ok(Self { host, namespace, provider_type: normal_type })
    }

    /// Only an engine's own registry has legacy names.
    pub(super) fn check_legacy_host(&self, engine: EngineName) -> Result<(), AddressError> {
        let default_host = engine.default_registry_host();
        if self.is_legacy() && self.host != default_host {
            return Err(AddressError(format!("The namespace \"-\" is only for the host {default_host}.")));
        }
        Ok(())
    }
}

impl fmt::Display for ProviderAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.host, self.namespace, self.provider_type)
    }
}

impl FromStr for ProviderAddress {
    type Err = AddressError;

    /// All three parts, in normalised form.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let &[host, namespace, provider_type] = parts.as_slice() else {
            return Err(AddressError("A full provider address is HOST/NAMESPACE/TYPE".to_owned()));
        };
        let address = Self::from_parts(host, namespace, provider_type)?;
        let normal_form = address.to_string();
        if normal_form != text {
            return Err(AddressError(format!(
                "The provider address {} must be written as {}",
                Quoted(text),
                Quoted(&normal_form)
            )));
        }
        Ok(address)
    }
}

/// Why a text is no provider address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(pub(super) String);

impl AddressError {
    fn part(what: &str, text: &str) -> Self {
        Self(format!("{} is no {what}: it has letters, digits, and single dashes between them", Quoted(text)))
    }

    pub(super) fn provider_type(text: &str) -> Self {
        Self::part("type of a provider", text)
    }

    pub(super) fn namespace(text: &str) -> Self {
        Self::part("namespace", text)
    }

    pub(super) fn host(text: &str) -> Self {
        Self(format!("{} is no host name in Unicode, alone or with a port", Quoted(text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_undeclared_name_means_hashicorp_s_provider_or_the_built_in_one() {
        let implied = |name| ProviderAddress::implied(EngineName::Tofu, name).map(|address| address.to_string());
        assert_eq!(implied("Null").as_deref(), Ok("registry.opentofu.org/hashicorp/null"));
        assert_eq!(implied("terraform").as_deref(), Ok("terraform.io/builtin/terraform"));
        assert!(implied("a_b").is_err());
    }

    #[test]
    fn the_built_in_hosts_depend_on_the_engine() {
        let engine = |name, minor| Engine::new(name, crate::Version::release(1, minor, 0));
        let of_both: ProviderAddress = "terraform.io/builtin/terraform".parse().unwrap();
        let of_tofu: ProviderAddress = "opentofu.org/builtin/x".parse().unwrap();
        let of_none: ProviderAddress = "registry.terraform.io/builtin/x".parse().unwrap();
        for (name, minor, expected) in
            [(EngineName::Tofu, 11, true), (EngineName::Tofu, 10, false), (EngineName::Terraform, 11, false)]
        {
            assert!(of_both.is_built_in_to(&engine(name, minor)));
            assert_eq!(of_tofu.is_built_in_to(&engine(name, minor)), expected, "{name} {minor}");
            assert!(!of_none.is_built_in_to(&engine(name, minor)));
        }
        assert!(of_both.is_built_in() && of_tofu.is_built_in() && !of_none.is_built_in());
    }

    #[test]
    fn a_mirror_s_directories_are_normalised() {
        let of = |host, namespace, provider_type| {
            ProviderAddress::from_directories(EngineName::Tofu, host, namespace, provider_type)
                .map(|address| address.to_string())
                .ok()
        };
        assert_eq!(
            of("Registry.OpenTofu.org", "HashiCorp", "Null").as_deref(),
            Some("registry.opentofu.org/hashicorp/null")
        );
        assert_eq!(of("registry.opentofu.org", "-", "Null").as_deref(), Some("registry.opentofu.org/-/Null"));
        assert_eq!(of("e.com", "acme", "terraform-x").as_deref(), Some("e.com/acme/terraform-x"));
        assert_eq!(of("e.com", "-", "null"), None);
        assert_eq!(of("xn--bcher-kva.example", "acme", "x"), None);
        // Some versions take it; a mirror is for all of them.
        assert_eq!(of("e.com", "A_b", "x").as_deref(), Some("e.com/a_b/x"));
        assert_eq!(of("e.com", "a_", "x"), None);
        assert_eq!(of("e.com", "acme", ".x"), None);
    }

    #[test]
    fn only_the_full_normal_form_is_an_identity() {
        for text in
            ["null", "acme/null", "e.com/Acme/null", "E.com/acme/null", "e.com:443/acme/null", "a/b/c/d", "e.com/acme/"]
        {
            assert!(text.parse::<ProviderAddress>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_engine_s_own_host_is_not_displayed() {
        let address: ProviderAddress = "registry.terraform.io/hashicorp/null".parse().unwrap();
        assert_eq!(address.for_display(EngineName::Terraform), "hashicorp/null");
        assert_eq!(address.for_display(EngineName::Tofu), "registry.terraform.io/hashicorp/null");
        assert_eq!(address.on_host("e.com").to_string(), "e.com/hashicorp/null");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            if let Ok(address) = text.parse::<ProviderAddress>() {
                prop_assert_eq!(address.to_string(), text);
            }
        }

        #[test]
        fn an_address_is_printed_and_read_again(
            host in "[a-z0-9äß.]{1,9}(:[1-9][0-9]{0,3})?",
            namespace in "[a-zé0-9]{1,6}|-",
        ) {
            if let Ok(address) = ProviderAddress::from_parts(&host, &namespace, "null") {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
