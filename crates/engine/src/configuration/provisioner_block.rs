//! `provisioner` blocks: they name no provider, but what is wrong with one stops the engine.
//!
//! Source: OpenTofu `internal/configs/provisioner.go` `decodeProvisionerBlock`.

use super::body::{Attribute, Block};
use super::declarations::Reader;
use super::expression::{Expression, Step};
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_provider::EngineName;

const REMOVED: [&str; 4] = ["chef", "habitat", "puppet", "salt-masterless"];
const ARGUMENTS: [&str; 2] = ["when", "on_failure"];
/// What is looked at by itself.
const RESERVED: [&str; 5] = ["when", "on_failure", "_", "connection", "lifecycle"];
const SCHEMA: BodySchema<'static> =
    BodySchema { required: &[], optional: &ARGUMENTS, blocks: &[("_", &[]), ("connection", &[]), ("lifecycle", &[])] };

impl<'a> Reader<'a> {
    /// Whether it is for destroying; null where it has been removed from the language.
    pub(super) fn provisioner(&mut self, block: &Block<'a>) -> Option<bool> {
        let content = block.body.content(&SCHEMA, Unknown::Ignored, &mut self.found.problems);
        let kind = block.labels.first().copied().unwrap_or_default();
        if REMOVED.contains(&kind) {
            let summary = format!("The \"{kind}\" provisioner has been removed");
            let detail = format!("The \"{kind}\" provisioner is deprecated and has been removed.");
            self.problems().refuse(&summary, detail, block.place.clone());
            return None;
        }
        let when = content.attributes.get("when");
        self.check_keyword(when, ["create", "destroy"]);
        self.check_keyword(content.attributes.get("on_failure"), ["continue", "fail"]);
        let is_for_destroying = when.and_then(|when| keyword(&when.value)).as_deref() == Some("destroy");
        if is_for_destroying {
            self.check_references(block.body.attributes().filter(|found| !RESERVED.contains(&found.name)));
        }
        for (index, inner) in content.blocks.iter().enumerate() {
            if inner.kind == "lifecycle" {
                let detail = "The block type name \"lifecycle\" is reserved for use in a future version.";
                let summary = "Reserved block type name in provisioner block";
                self.problems().refuse(summary, detail, inner.place.clone());
            } else if content.blocks[..index].iter().any(|earlier| earlier.kind == inner.kind) {
                self.repeated_block(inner);
            } else if is_for_destroying && inner.kind == "connection" {
                self.check_references(inner.body.attributes());
            }
        }
        Some(is_for_destroying)
    }

    fn check_keyword(&mut self, attribute: Option<&Attribute<'a>>, known: [&str; 2]) {
        let Some(attribute) = attribute.filter(|attribute| !attribute.value.is_unread()) else { return };
        if !keyword(&attribute.value).is_some_and(|keyword| known.contains(&keyword.as_str())) {
            let summary = format!("Invalid \"{}\" keyword", attribute.name);
            let detail = format!("It has to be one of the following keywords: {} or {}.", known[0], known[1]);
            self.problems().refuse(&summary, detail, attribute.value.place());
        }
    }

    /// What runs while its resource is destroyed may refer to nothing else.
    fn check_references(&mut self, attributes: impl Iterator<Item = Attribute<'a>>) {
        for attribute in attributes {
            let references = attribute.value.references().unwrap_or_default();
            if !references.iter().all(|reference| self.is_of_the_resource(reference)) {
                let detail = "Destroy-time provisioners and their connection configurations may only reference \
                              attributes of the related resource, via 'self', 'count.index', or 'each.key'.";
                let place = attribute.value.place();
                self.problems().refuse("Invalid reference from destroy provisioner", detail, place);
            }
        }
    }

    fn is_of_the_resource(&self, (root, steps): &(String, Vec<Step>)) -> bool {
        match root.as_str() {
            "self" | "path" | "terraform" => true,
            "tofu" => self.engine.name == EngineName::Tofu,
            "count" => steps[..] == [Step::Attribute("index".to_owned())],
            "each" => steps[..] == [Step::Attribute("key".to_owned())],
            _ => false,
        }
    }
}

fn keyword(value: &Expression<'_>) -> Option<String> {
    value.reference().filter(|(_, steps)| steps.is_empty()).map(|(name, _)| name)
}
