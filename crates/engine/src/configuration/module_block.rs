//! `module` blocks.
//!
//! Source: OpenTofu `internal/configs/module_call.go`.

use super::body::{Attribute, Block, Content, Problems};
use super::declarations::{CallDeclaration, PassedProvider, Reader, Role, Text, TextValue, has_template, text};
use super::expression::Expression;
use super::lifecycle::dependencies;
use super::schemas;
use airtight_hcl::Problem;
use airtight_hcl::constant::{Constant, NotConstant};
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_provider::EngineName;

impl<'a> Reader<'a> {
    pub(super) fn module(&mut self, block: &Block<'a>) {
        let required: &[&str] = if self.role == Role::Primary { &["source"] } else { &[] };
        let schema = BodySchema { required, optional: schemas::MODULE_ARGUMENTS, blocks: schemas::MODULE_BLOCKS };
        let content = block.body.content(&schema, Unknown::Ignored, &mut self.found.problems);
        self.check_identifier(block.labels[0], "Invalid module instance name", &block.place);
        let enabled = self.module_blocks(&content);
        let source =
            content.attributes.get("source").map(|attribute| self.module_text(attribute, "Unsuitable value type"));
        let version = content
            .attributes
            .get("version")
            .map(|attribute| self.module_text(attribute, "Invalid version constraint"));
        let repetition =
            ["count", "for_each"].iter().find_map(|name| content.attributes.get(name)).or(dependencies(&content));
        let repetition = repetition.or(enabled.as_ref()).map(|attribute| attribute.place.clone());
        self.check_repetition(&content, enabled.as_ref());
        self.check_dependencies(&content);
        let providers = match content.attributes.get("providers") {
            None => Some(Vec::new()),
            Some(attribute) => self.passed_providers(&attribute.value),
        };
        let is_of_call = |name: &str| schemas::MODULE_ARGUMENTS.contains(&name);
        let escaped = content.blocks.iter().filter(|inner| inner.kind == "_").flat_map(|inner| inner.body.attributes());
        let own = block.body.attributes().filter(|attribute| !is_of_call(attribute.name));
        let own = own.filter(|attribute| !schemas::MODULE_BLOCKS.iter().any(|(kind, _)| *kind == attribute.name));
        let arguments: Vec<_> = own.chain(escaped).collect();
        let other_blocks = other_blocks(block, &arguments);
        self.found.calls.push(CallDeclaration {
            name: block.labels[0].to_owned(),
            place: block.place.clone(),
            source,
            version,
            repetition,
            depends_on: dependencies(&content).map(|attribute| attribute.place.clone()),
            arguments: arguments.into_iter().map(|argument| (argument.name.to_owned(), argument.place)).collect(),
            other_blocks,
            providers,
        });
    }

    /// A source or a version of a module call.
    fn module_text(&mut self, attribute: &Attribute<'a>, refusal: &str) -> Text {
        let place = attribute.value.place();
        let is_evaluated = self.schemas.evaluates_module_sources();
        let value = match attribute.value.evaluate() {
            // With variables to refer to, strings in JSON are templates.
            Ok(Constant::String(text)) if is_evaluated && attribute.value.is_json() && has_template(&text) => {
                TextValue::Unevaluated
            }
            Ok(Constant::Null) if attribute.name == "source" => {
                self.problems().refuse(refusal, "Unsuitable value: value cannot be null", place.clone());
                TextValue::Refused
            }
            Err(_) if is_evaluated => TextValue::Unevaluated,
            Err(NotConstant::NotUnderstood) => TextValue::Unevaluated,
            Ok(Constant::Tuple | Constant::Object) if is_evaluated && self.engine.name == EngineName::Terraform => {
                let detail = "Invalid expression value: string required.";
                self.problems().refuse("Incorrect value type", detail, place.clone());
                TextValue::Refused
            }
            _ => text(&attribute.value, refusal, "Unsuitable value: string required", &mut self.found.problems),
        };
        Text { value, place }
    }

    /// Gives back `enabled` of its lifecycle.
    fn module_blocks(&mut self, content: &Content<'a>) -> Option<Attribute<'a>> {
        let mut enabled = None;
        for (index, inner) in content.blocks.iter().enumerate() {
            let is_repeated = content.blocks[..index].iter().any(|earlier| earlier.kind == inner.kind);
            match inner.kind {
                "_" if is_repeated => self.repeated_block(inner),
                "_" => {}
                "lifecycle" if self.schemas.takes_lifecycle_in_modules() => {
                    if is_repeated {
                        self.repeated_block(inner);
                        continue;
                    }
                    let schema = BodySchema { required: &[], optional: &["enabled"], blocks: &[] };
                    enabled = self.content(inner, &schema).attributes.remove("enabled");
                }
                _ if self.schemas.are_complete() => self.reserved_block("module", inner),
                _ => {}
            }
        }
        enabled
    }

    /// The pairs of a `providers` argument. Null where one of them is not known.
    fn passed_providers(&mut self, expression: &Expression<'a>) -> Option<Vec<PassedProvider>> {
        const REPEATED: &str = "Duplicate provider address";
        let Some(items) = expression.items() else {
            if let Some(place) = expression.repeated_key() {
                let detail = "Each child provider configuration can be assigned only once.";
                self.problems().refuse(REPEATED, detail, place);
            } else if !expression.is_unread() {
                let detail = "A static map expression is required.";
                self.problems().refuse("Invalid expression", detail, expression.place());
            }
            return None;
        };
        let mut passed: Vec<PassedProvider> = Vec::new();
        let mut is_known = true;
        for (key, value) in items {
            let in_child = self.provider_reference(&key, "providers");
            let in_parent = self.provider_reference(&value, "providers");
            let (Some(in_child), Some(in_parent)) = (in_child, in_parent) else {
                is_known = false;
                continue;
            };
            if passed.iter().any(|earlier| earlier.in_child.key() == in_child.key()) {
                let detail = format!(
                    "A provider configuration was already passed to {}. Each child provider configuration can be \
                     assigned only once.",
                    in_child.key()
                );
                self.problems().refuse(REPEATED, detail, in_child.place);
                continue;
            }
            passed.push(PassedProvider { in_child, in_parent });
        }
        is_known.then_some(passed)
    }
}

/// Blocks that stand in a call beside what calls have.
fn other_blocks(block: &Block<'_>, arguments: &[Attribute<'_>]) -> Vec<Problem> {
    let arguments = arguments.iter().map(|argument| argument.name);
    let optional: Vec<&str> = arguments.chain(schemas::MODULE_ARGUMENTS.iter().copied()).collect();
    let schema = BodySchema { required: &[], optional: &optional, blocks: schemas::MODULE_BLOCKS };
    let mut problems = Problems::default();
    block.body.content(&schema, Unknown::Refused, &mut problems);
    problems.errors
}
