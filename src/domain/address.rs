//! Provider addresses: as written (`SourceAddress`), fully qualified (`ProviderAddress`), and patterns over them.

use std::fmt;
use std::str::FromStr;

use super::address_parts::{parse_host, parse_part};
use super::engine::{Engine, EngineName};
use super::quoted::Quoted;

/// The namespace of providers that are inside the engine.
const BUILT_IN_NAMESPACE: &str = "builtin";
/// The host of the built-in providers that both engines have.
const BUILT_IN_HOST: &str = "terraform.io";
/// The host of built-in providers that only OpenTofu has.
const TOFU_BUILT_IN_HOST: &str = "opentofu.org";
/// The namespace of names from before 0.13.
const LEGACY_NAMESPACE: &str = "-";
/// The namespace that an address without one means.
const DEFAULT_NAMESPACE: &str = "hashicorp";

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
        let provider_type = parse_part(local_name)
            .map_err(|reason| AddressError { summary: "Invalid provider name", detail: reason.to_owned() })?;
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

    /// Normalises the parts; a legacy type is kept as it is.
    fn from_parts(host: &str, namespace: &str, provider_type: &str) -> Result<Self, AddressError> {
        let invalid = |what: &'static str, text: &str, reason: &str| AddressError {
            summary: what,
            detail: format!("{what} {}: {reason}", Quoted(text)),
        };
        let normal_type = parse_part(provider_type).map_err(|e| invalid("Invalid provider type", provider_type, e))?;
        let host = parse_host(host).map_err(|reason| invalid("Invalid provider hostname", host, &reason))?;
        if namespace == LEGACY_NAMESPACE {
            let (namespace, provider_type) = (namespace.to_owned(), provider_type.to_owned());
            return Ok(Self { host, namespace, provider_type });
        }
        let namespace = parse_part(namespace).map_err(|e| invalid("Invalid provider namespace", namespace, e))?;
        Ok(Self { host, namespace, provider_type: normal_type })
    }

    /// Only an engine's own registry has legacy names.
    fn check_legacy_host(&self, engine: EngineName) -> Result<(), AddressError> {
        let default_host = engine.default_registry_host();
        if self.is_legacy() && self.host != default_host {
            return Err(AddressError {
                summary: "Invalid provider namespace",
                detail: format!(r#"The legacy provider namespace "-" can be used only with hostname {default_host}."#),
            });
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
            return Err(AddressError {
                summary: "Invalid provider address format",
                detail: r#"Expected FQN in the format "hostname/namespace/name""#.to_owned(),
            });
        };
        let address = Self::from_parts(host, namespace, provider_type)?;
        let normal_form = address.to_string();
        if normal_form != text {
            return Err(AddressError {
                summary: "Non-normalized provider address",
                detail: format!("The provider address {} must be written as {}", Quoted(text), Quoted(&normal_form)),
            });
        }
        Ok(address)
    }
}

/// A source address as written, `[HOST/]NAMESPACE/TYPE` or `TYPE`, parsed by the engine's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    host: Option<String>,
    namespace: Option<String>,
    provider_type: String,
}

impl SourceAddress {
    /// Source: opentofu/registry-address, hashicorp/terraform-registry-address `ParseProviderSource`.
    pub fn parse(text: &str, engine: EngineName) -> Result<Self, AddressError> {
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
            Some(namespace) => Some(parse_part(namespace).map_err(|reason| AddressError {
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
        ProviderAddress {
            host: self.host.as_deref().unwrap_or(engine.default_registry_host()).to_owned(),
            namespace: self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE).to_owned(),
            provider_type: self.provider_type.clone(),
        }
    }
}

/// A type may not start with a product's name: that is the prefix of executables and repositories.
fn check_type_prefix(address: &ProviderAddress, engine: EngineName) -> Result<(), AddressError> {
    let rules = [
        (
            "terraform-",
            "terraform-provider-",
            "a Terraform",
            "often used in the names of version control repositories for Terraform",
        ),
        (
            "opentofu-",
            "opentofu-provider-",
            "an OpenTofu",
            "sometimes used in the names of version control repositories for OpenTofu",
        ),
    ];
    let count = if engine == EngineName::Tofu { 2 } else { 1 };
    for (redundant, mistaken, product, usage) in &rules[..count] {
        if !address.provider_type.starts_with(redundant) {
            continue;
        }
        let suggestion = address.provider_type.strip_prefix(mistaken).filter(|rest| parse_part(rest).is_ok());
        let detail = if let Some(provider_type) = suggestion {
            let suggested = ProviderAddress { provider_type: provider_type.to_owned(), ..address.clone() };
            format!(
                "Provider source {} has a type with the prefix {}, which isn't valid. Although that prefix is {usage} providers, provider source strings should not include it.\n\nDid you mean {}?",
                Quoted(&address.for_display(engine)),
                Quoted(mistaken),
                Quoted(&suggested.for_display(engine)),
            )
        } else {
            format!(
                "Provider source {} has a type with the prefix {}, which isn't allowed because it would be redundant to name {product} provider with that prefix. If you are the author of this provider, rename it to not include the prefix.",
                Quoted(&address.to_string()),
                Quoted(redundant),
            )
        };
        return Err(AddressError { summary: "Invalid provider type", detail });
    }
    Ok(())
}

/// Why a text is no provider address, in the engine's words. Displays its detail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct AddressError {
    summary: &'static str,
    detail: String,
}

impl AddressError {
    /// What the engine prints after `Error: `.
    pub fn summary(&self) -> &str {
        self.summary
    }

    /// What the engine prints below the snippet.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

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
        fits(&self.host, &address.host)
            && fits(&self.namespace, &address.namespace)
            && fits(&self.provider_type, &address.provider_type)
    }
}
