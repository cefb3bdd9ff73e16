//! `TF_REATTACH_PROVIDERS`, judged before every phase: engines read it in each command that uses providers.

use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_provider::{EngineName, SourceAddress};

/// One finding for each provider that the variable hands to a process that already runs. A value that we cannot read is a
/// finding too: an engine's decoder may read it.
pub fn check(value: Option<&str>, engine: EngineName) -> Vec<Finding> {
    let Some(value) = value else { return Vec::new() };
    let entries: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(value);
    match entries {
        Ok(entries) => entries.keys().map(|source| reattached(&shown(source, engine))).collect(),
        Err(_) => vec![reattached("a provider that its value does not name in a way that airtight reads")],
    }
}

/// What is no address is not repeated: the value may be anything.
fn shown(source: &str, engine: EngineName) -> String {
    match SourceAddress::parse(source, engine) {
        Ok(address) => format!("`{}`", address.resolve(engine)),
        Err(_) => "a provider whose address is not valid".to_owned(),
    }
}

fn reattached(provider: &str) -> Finding {
    Finding::new(
        Code::ProviderReattached,
        Severity::Error,
        Owner::Administrator,
        format!("TF_REATTACH_PROVIDERS replaces {provider} with a process that already runs"),
    )
    .detail("The engine would talk to that process instead of the installed package, and nothing proves what it is.")
    .help("Remove TF_REATTACH_PROVIDERS from the stack's environment.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_that_an_engine_could_act_upon_is_refused() {
        for (value, expected) in [
            (None, &[][..]),
            (Some("{}"), &[]),
            (Some(r#"{"registry.terraform.io/acme/widget": {}}"#), &["`registry.terraform.io/acme/widget`"]),
            (Some(r#"{"acme/a": {}, "acme/b": {}}"#), &["`registry.terraform.io/acme/a`", "acme/b`"]),
            (Some(r#"{"s3cret s3cret": {}}"#), &["a provider whose address is not valid"]),
            // Go reads a lone surrogate.
            (Some("{\"acme/a\": {\"Protocol\": \"\\ud800\"}}"), &["in a way that airtight reads"]),
            (Some("s3cret"), &["in a way that airtight reads"]),
        ] {
            let found = check(value, EngineName::Terraform);
            assert_eq!(found.len(), expected.len(), "{value:?}");
            for (finding, expected) in found.iter().zip(expected) {
                assert!(
                    finding.summary.contains(expected) && !finding.summary.contains("s3cret"),
                    "{}",
                    finding.summary
                );
                assert_eq!((finding.code, finding.severity), (Code::ProviderReattached, Severity::Error));
            }
        }
    }
}
