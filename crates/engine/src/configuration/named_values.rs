//! `variable`, `locals` and `output` blocks.
//!
//! Source: OpenTofu `internal/configs/named_values.go`.

use super::body::{Block, Content};
use super::conditions::Owner;
use super::declarations::{NameDeclaration, NameKind, Reader, Role, VariableValue};
use super::lifecycle::dependencies;
use super::schemas;
use super::value_type::ValueType;
use airtight_hcl::constant::{Constant, NotConstant};
use airtight_hcl::schema::BodySchema;
use airtight_provider::EngineName;

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
        for name in ["sensitive", "nullable", "ephemeral", "const"] {
            self.check_bool(&content, name);
        }
        self.check_text(&content, "description");
        self.check_deprecation(&content, "Invalid `deprecated` value");
        if content.attributes.contains_key("const") && !content.attributes.contains_key("default") {
            let detail = "Where its value comes from is not looked for.";
            self.problems().give_up("Value of a constant variable not looked for", detail, block.place.clone());
        }
        let wanted = content.attributes.get("type").and_then(|attribute| self.variable_type(&attribute.value));
        self.check_default(&content, wanted.as_ref());
        self.check_rules(&content, Owner::Variable(name));
        let default = content.attributes.get("default").and_then(|attribute| attribute.value.as_native_text());
        let nullable = content.attributes.get("nullable").and_then(|attribute| attribute.value.evaluate().ok());
        let nullable = nullable.and_then(|value| match value {
            Constant::Bool(value) => Some(value),
            _ => None,
        });
        self.found.names.push(NameDeclaration {
            kind: NameKind::Variable,
            name: name.to_owned(),
            value: Some(VariableValue {
                value_type: wanted,
                default,
                nullable,
                is_required: !content.attributes.contains_key("default"),
            }),
            place: block.place.clone(),
        });
    }

    /// OpenTofu asks for a reason; both ask for a constant.
    fn check_deprecation(&mut self, content: &Content<'a>, summary: &str) {
        let Some(attribute) = content.attributes.get("deprecated") else { return };
        self.check_text(content, "deprecated");
        let is_empty = attribute.value.evaluate() == Ok(Constant::String(String::new()));
        if is_empty && self.engine.name == EngineName::Tofu {
            let detail = "The \"deprecated\" argument must not be empty.";
            self.problems().refuse(summary, detail, attribute.place.clone());
        }
    }

    /// A default is a constant that converts to the variable's type.
    fn check_default(&mut self, content: &Content<'a>, wanted: Option<&ValueType>) {
        const SUMMARY: &str = "Invalid default value for variable";
        let Some(attribute) = content.attributes.get("default") else { return };
        let place = attribute.value.place();
        let value = match attribute.value.evaluate() {
            Ok(value) => value,
            Err(NotConstant::NotUnderstood) => {
                // It is a string, whatever it says.
                if !matches!(wanted, None | Some(ValueType::Any | ValueType::String)) && !attribute.value.is_unread() {
                    self.problems().give_up("Default value not understood", "Its value is not computed.", place);
                }
                return;
            }
            Err(reason) => return self.problems().not_constant(reason, place),
        };
        let nullable = content.attributes.get("nullable").map(|attribute| attribute.value.evaluate());
        if value == Constant::Null && nullable == Some(Ok(Constant::Bool(false))) {
            let detail = "A null default value is not valid when nullable=false.";
            return self.problems().refuse(SUMMARY, detail, place);
        }
        if let Some(reason) = wanted.and_then(|wanted| wanted.mismatch(&attribute.value)) {
            let detail = format!("This default value is not compatible with the variable's type constraint: {reason}.");
            self.problems().refuse(SUMMARY, detail, place);
        }
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
        let content = self.content(block, &BodySchema { required, optional: &arguments, blocks });
        for name in ["sensitive", "ephemeral"] {
            self.check_bool(&content, name);
        }
        self.check_text(&content, "description");
        self.check_deprecation(&content, "Invalid `deprecated` attribute");
        self.check_dependencies(&content);
        if let Some(attribute) = dependencies(&content).filter(|_| self.role == Role::Override) {
            let detail = "The depends_on argument may not be overridden.";
            self.problems().refuse("Unsupported override", detail, attribute.place.clone());
        }
        if let Some(rule) = content.blocks.iter().find(|inner| inner.kind == "postcondition") {
            let detail = "Only preconditions are allowed in output blocks.";
            self.problems().refuse("Postconditions are not allowed", detail, rule.place.clone());
        }
        let content = Content {
            blocks: content.blocks.into_iter().filter(|inner| inner.kind == "precondition").collect(),
            ..content
        };
        self.check_rules(&content, Owner::Other);
        self.check_identifier(block.labels[0], "Invalid output name", &block.place);
        self.name(NameKind::Output, block.labels[0], &block.place);
    }
}
