//! A provider as a state writes it: `module.a.provider["registry.opentofu.org/hashicorp/null"].alias`.
//!
//! Source: OpenTofu `internal/addrs/provider_config.go` `ParseAbsProviderConfigInstance`, `ParseLegacyAbsProviderConfig`.

use hcl::edit::expr::{Expression, TraversalOperator};

use airtight_provider::{EngineName, ProviderAddress, SourceAddress};

enum Step {
    Attribute(String),
    Text(String),
    Number,
}

/// Why a text is not a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProviderStringError {
    /// An address without namespace (`-`), on another host than the engine's own registry.
    LegacyOnOtherHost {
        provider_type: String,
    },
    NotAnAddress,
}

/// Parses today's form, else that from before 0.13, `provider.null`, whose addresses are legacy.
pub(super) fn parse(
    text: &str,
    engine: EngineName,
    allows_instance_key: bool,
) -> Result<ProviderAddress, ProviderStringError> {
    const NOT: ProviderStringError = ProviderStringError::NotAnAddress;
    let steps = steps(text).ok_or(NOT)?;
    let rest = without_modules(&steps).ok_or(NOT)?;
    let [Step::Attribute(root), provider, rest @ ..] = rest else { return Err(NOT) };
    if root != "provider" {
        return Err(NOT);
    }
    let source = match provider {
        Step::Text(source) => source,
        Step::Attribute(name) if matches!(rest, [] | [Step::Attribute(_)]) => {
            return legacy(name, engine).ok_or(NOT);
        }
        _ => return Err(NOT),
    };
    let address = parse_source(source, engine).ok_or_else(|| match source.split('/').collect::<Vec<_>>()[..] {
        [_, "-", provider_type] if parse_source(&format!("-/{provider_type}"), engine).is_some() => {
            ProviderStringError::LegacyOnOtherHost { provider_type: provider_type.to_owned() }
        }
        _ => NOT,
    })?;
    match rest {
        [] | [Step::Attribute(_)] => Ok(address),
        [Step::Attribute(_), Step::Text(_) | Step::Number] if allows_instance_key => Ok(address),
        _ => Err(NOT),
    }
}

/// A source address, fully qualified or not.
pub(super) fn parse_source(source: &str, engine: EngineName) -> Option<ProviderAddress> {
    SourceAddress::parse(source, engine).ok().map(|source| source.resolve(engine))
}

/// A name without namespace, from before 0.13; `terraform` was built in even then.
pub(super) fn legacy(name: &str, engine: EngineName) -> Option<ProviderAddress> {
    if name == "terraform" {
        return parse_source("terraform.io/builtin/terraform", engine);
    }
    // The engine keeps such a name as it is. One that is no provider type is refused like the others.
    parse_source(&format!("-/{name}"), engine).or_else(|| parse_source("-/unknown", engine))
}

/// Cuts the path of modules off; null if one of them has an instance key.
fn without_modules(mut steps: &[Step]) -> Option<&[Step]> {
    while let [Step::Attribute(module), Step::Attribute(_), rest @ ..] = steps {
        if module != "module" {
            break;
        }
        if matches!(rest, [Step::Text(_) | Step::Number, ..]) {
            return None;
        }
        steps = rest;
    }
    Some(steps)
}

/// The steps of an absolute traversal; null for every other expression.
fn steps(text: &str) -> Option<Vec<Step>> {
    let expression = airtight_hcl::expression(text)?;
    let traversal = expression.as_traversal()?;
    let mut steps = vec![Step::Attribute(traversal.expr.as_variable()?.to_string())];
    for operator in &traversal.operators {
        steps.push(match operator.value() {
            TraversalOperator::GetAttr(name) => Step::Attribute(name.to_string()),
            TraversalOperator::Index(Expression::String(text)) => Step::Text(text.to_string()),
            TraversalOperator::Index(Expression::Number(_)) => Step::Number,
            _ => return None,
        });
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_form_of_a_provider() {
        let current = "registry.opentofu.org/hashicorp/null";
        for (text, allows_key, expected) in [
            (r#"provider["registry.opentofu.org/hashicorp/null"]"#, false, Some(current)),
            (r#"provider["registry.opentofu.org/hashicorp/null"].west"#, false, Some(current)),
            (r#"module.a.module.b.provider["HashiCorp/Null"].west"#, false, Some(current)),
            (r#"provider["null"]"#, false, Some(current)),
            (r#"provider["registry.opentofu.org/-/null"]"#, false, Some("registry.opentofu.org/-/null")),
            (r#"provider["registry.terraform.io/-/null"]"#, false, None),
            (r#"provider["hashicorp/null"].each["us"]"#, true, Some(current)),
            (r#"provider["hashicorp/null"].each[0]"#, true, Some(current)),
            (r#"provider["hashicorp/null"].each["us"]"#, false, None),
            ("provider.null", false, Some("registry.opentofu.org/-/null")),
            ("module.a.provider.null.west", false, Some("registry.opentofu.org/-/null")),
            ("provider.terraform", false, Some("terraform.io/builtin/terraform")),
            ("provider.null.west.north", false, None),
            (r#"module.a[0].provider["hashicorp/null"]"#, false, None),
            (r#"module.a["x"].provider["hashicorp/null"]"#, false, None),
            (r#"provider["hashicorp/null"].a.b.c"#, false, None),
            (r#"provider["hashicorp/null"]["us"]"#, true, None),
            (r#"provider["a/b/c/d"]"#, false, None),
            (r#"provider["hashicorp/${null}"]"#, false, None),
            ("provider[0]", false, None),
            ("provider", false, None),
            ("providers.null", false, None),
            ("module.a", false, None),
            ("provider.null + 1", false, None),
            ("", false, None),
        ] {
            let address = parse(text, EngineName::Tofu, allows_key).ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_odd_legacy_name_is_still_legacy() {
        assert!(legacy("my_provider", EngineName::Tofu).is_some_and(|address| address.is_legacy()));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse(&text, EngineName::Terraform, true);
        }
    }
}
