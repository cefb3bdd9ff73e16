//! Reading the engine's own error text: which providers it failed on.

use std::collections::BTreeSet;

use airtight_provider::{EngineName, ProviderAddress, SourceAddress};

/// The providers that an error output of `init` names as missing or not installable.
///
/// The engines print them as `provider hashicorp/null: ...`, `provider registry.terraform.io/hashicorp/null was not
/// found`, `installing hashicorp/null v3.2.1: ...`, with the default host left out.
pub(crate) fn failed_providers(output: &str, engine: EngineName) -> BTreeSet<ProviderAddress> {
    let mut words = output.split_whitespace().filter(|word| *word != "│").peekable();
    let mut found = BTreeSet::new();
    while let Some(word) = words.next() {
        if !matches!(word, "provider" | "Provider" | "installing" | "importing") {
            continue;
        }
        let Some(next) = words.peek() else { break };
        let text = next.trim_end_matches([':', ',', '.']);
        if !text.contains('/') {
            continue;
        }
        if let Ok(address) = SourceAddress::parse(text, engine) {
            found.insert(address.resolve(engine));
        }
    }
    found
}
