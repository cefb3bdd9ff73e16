//! `variable`, `locals` and `output` blocks.
//!
//! Source: OpenTofu `internal/configs/named_values.go`.

use super::body::Block;
use super::declarations::{NameKind, Reader, Role};
use super::schemas;
use crate::read::native_syntax::constant::NotConstant;
use crate::read::native_syntax::schema::BodySchema;

impl<'a> Reader<'a> {
    pub(super) fn variable(&mut self, block: &Block<'a>) {
        let arguments = self.schemas.variable_arguments();
        let schema = BodySchema { required: &[], optional: &arguments, blocks: &[("validation", &[])] };
        let content = self.content(block, &schema);
        let name = block.labels[0];
        self.check_identifier(name, "Invalid variable name", &block.place);
        let is_reserved = schemas::MODULE_ARGUMENTS.contains(&name)
            || schemas::MODULE_BLOCKS.iter().any(|(block_type, _)| *block_type == name);
        if is_reserved {
            let detail =
                format!("The variable name \"{name}\" is reserved due to its special meaning inside module blocks.");
            self.problems().refuse("Invalid variable name", detail, block.place.clone());
        }
        if let Some(attribute) = content.attributes.get("default") {
            if let Err(reason @ (NotConstant::Variable | NotConstant::Function)) = attribute.value.evaluate() {
                self.problems().not_constant(reason, attribute.value.place());
            }
        }
        self.name(NameKind::Variable, name, &block.place);
    }

    pub(super) fn locals(&mut self, block: &Block<'a>) {
        let Some(attributes) = block.body.just_attributes(&mut self.found.problems) else { return };
        for attribute in attributes {
            self.check_identifier(attribute.name, "Invalid local value name", &attribute.place);
            self.name(NameKind::Local, attribute.name, &attribute.place);
        }
    }

    pub(super) fn output(&mut self, block: &Block<'a>) {
        let mut arguments = self.schemas.output_arguments();
        let required: &[&str] = if self.role == Role::Primary { &["value"] } else { &[] };
        if self.role == Role::Override {
            arguments.push("value");
        }
        let blocks: &[(&str, &[&str])] = &[("precondition", &[]), ("postcondition", &[])];
        self.content(block, &BodySchema { required, optional: &arguments, blocks });
        self.check_identifier(block.labels[0], "Invalid output name", &block.place);
        self.name(NameKind::Output, block.labels[0], &block.place);
    }
}
