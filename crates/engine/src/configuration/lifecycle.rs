//! `lifecycle` blocks of resources, and lists of references such as `depends_on`.
//!
//! Source: OpenTofu `internal/configs/resource.go`, `depends_on.go`.

use super::addresses::{Mode, Referent, referent};
use super::body::{Attribute, Block, Content, ParsedFile};
use super::conditions::Owner;
use super::declarations::Reader;
use super::expression::Expression;
use airtight_hcl::constant::Constant;
use airtight_hcl::schema::BodySchema;
use airtight_provider::EngineName;

/// `depends_on`, where it names something.
pub(super) fn dependencies<'a, 'b>(content: &'b Content<'a>) -> Option<&'b Attribute<'a>> {
    let attribute = content.attributes.get("depends_on")?;
    let is_empty = attribute.value.elements().is_some_and(|elements| elements.is_empty());
    (!is_empty).then_some(attribute)
}

const INVALID_EXPRESSION: &str = "Invalid expression";

impl<'a> Reader<'a> {
    pub(super) fn lifecycle(&mut self, mode: &'static str, block: &Block<'a>, labels: [&str; 2]) -> Content<'a> {
        let mut optional = vec!["create_before_destroy", "prevent_destroy", "ignore_changes", "replace_triggered_by"];
        let mut blocks: Vec<(&str, &[&str])> = vec![("precondition", &[]), ("postcondition", &[])];
        if self.schemas.takes_lifecycle_in_modules() {
            optional.push("enabled");
        }
        if self.schemas.takes_destroy_in_lifecycles() {
            optional.push("destroy");
        }
        if self.engine.name == EngineName::Terraform && self.engine.is_at_least(1, 14, 0) {
            blocks.push(("action_trigger", &[]));
        }
        let content = self.content(block, &BodySchema { required: &[], optional: &optional, blocks: &blocks });
        let [resource_type, name] = labels;
        self.check_rules(&content, Owner::Resource { mode: Mode::of_block(mode), resource_type, name });
        if mode == "resource" {
            if !self.schemas.evaluates_prevent_destroy() {
                self.check_bool(&content, "prevent_destroy");
            }
            self.check_bool(&content, "create_before_destroy");
            self.check_ignored_changes(&content);
            self.check_triggers(&content);
        } else {
            self.refuse_managed_arguments(mode, &content);
        }
        content
    }

    fn refuse_managed_arguments(&mut self, mode: &'static str, content: &Content<'a>) {
        let summary = match (mode, self.engine.name) {
            ("data", _) => "Invalid data resource lifecycle argument",
            (_, EngineName::Terraform) => "Invalid ephemeral resource lifecycle argument",
            (_, EngineName::Tofu) => "Invalid lifecycle configuration for ephemeral resource",
        };
        for attribute in content.attributes.values().filter(|attribute| attribute.name != "enabled") {
            let detail =
                format!("The lifecycle argument \"{}\" is defined only for managed resources.", attribute.name);
            self.problems().refuse(summary, detail, attribute.place.clone());
        }
    }

    fn check_ignored_changes(&mut self, content: &Content<'a>) {
        let Some(attribute) = content.attributes.get("ignore_changes") else { return };
        if attribute.value.keyword().as_deref() == Some("all") {
            return;
        }
        let (mut has_wildcard, mut has_reference) = (false, false);
        for element in self.elements(attribute) {
            if element.evaluate() == Ok(Constant::String("*".to_owned())) {
                has_wildcard = true;
                let detail = "Use \"ignore_changes = all\" to ignore changes to all attributes.";
                self.problems().refuse("Invalid ignore_changes wildcard", detail, attribute.value.place());
            } else {
                has_reference |= self.check_reference(&element);
            }
        }
        if has_wildcard && has_reference {
            let detail = "Cannot mix wildcard string \"*\" with non-wildcard references.";
            self.problems().refuse("Invalid ignore_changes ruleset", detail, attribute.value.place());
        }
    }

    fn check_triggers(&mut self, content: &Content<'a>) {
        const SUMMARY: &str = "Invalid replace_triggered_by expression";
        let Some(attribute) = content.attributes.get("replace_triggered_by") else { return };
        for element in self.elements(attribute) {
            let references = if element.is_json() {
                let file = self.expression_in_json(&element);
                file.and_then(|file| file.root().attributes().next()?.value.references())
            } else {
                element.references()
            };
            let Some(references) = references else { continue };
            let referents: Vec<_> = references.iter().map(|reference| referent(reference, self.engine)).collect();
            let place = element.place();
            if let Some(summary) = referents.iter().find_map(|referent| match referent {
                Referent::Invalid(summary) => Some(*summary),
                _ => None,
            }) {
                self.problems().refuse(summary, "This refers to nothing that there can be.", place);
                continue;
            }
            let mut resources = 0;
            for referent in &referents {
                let (summary, detail) = match referent {
                    Referent::Resource { .. } => {
                        resources += 1;
                        continue;
                    }
                    Referent::EachAttribute(name) if name == "key" => continue,
                    Referent::CountAttribute(name) if name == "index" => continue,
                    Referent::EachAttribute(_) => (
                        "Invalid each reference in replace_triggered_by expression",
                        "Only each.key may be used in replace_triggered_by.",
                    ),
                    Referent::CountAttribute(_) => (
                        "Invalid count reference in replace_triggered_by expression",
                        "Only count.index may be used in replace_triggered_by.",
                    ),
                    _ => (
                        "Invalid reference in replace_triggered_by expression",
                        "Only resources, count.index, and each.key may be used in replace_triggered_by.",
                    ),
                };
                self.problems().refuse(summary, detail, place.clone());
            }
            match resources {
                0 => self.problems().refuse(
                    SUMMARY,
                    "Missing resource reference in replace_triggered_by expression.",
                    place,
                ),
                1 => {}
                _ => self.problems().refuse(
                    SUMMARY,
                    "Multiple resource references in replace_triggered_by expression.",
                    place,
                ),
            }
        }
    }

    pub(super) fn check_dependencies(&mut self, content: &Content<'a>) {
        let Some(attribute) = content.attributes.get("depends_on") else { return };
        for element in self.elements(attribute) {
            self.check_reference(&element);
        }
    }

    /// The elements of a list that must be written out.
    pub(super) fn elements(&mut self, attribute: &Attribute<'a>) -> Vec<Expression<'a>> {
        let elements = attribute.value.elements();
        if elements.is_none() && !attribute.value.is_unread() {
            let detail = "A static list expression is required.";
            self.problems().refuse(INVALID_EXPRESSION, detail, attribute.value.place());
        }
        elements.unwrap_or_default()
    }

    /// A reference with constant keys, which may stand between quotes.
    fn check_reference(&mut self, expression: &Expression<'a>) -> bool {
        let is_sound = expression.static_reference().is_some()
            || (expression.is_quoted() && expression.reference().is_some())
            || expression.is_unread();
        match expression.evaluate() {
            _ if is_sound => {}
            Ok(Constant::String(text)) if expression.is_quoted() => {
                let starts_with_name = text.starts_with(|first: char| first.is_alphabetic() || first == '_');
                let (summary, detail) = if starts_with_name {
                    ("Invalid character", "Expected an attribute access or an index operator.")
                } else {
                    self.refuse_reference(expression);
                    ("Variable name required", "Must begin with a variable name.")
                };
                self.problems().refuse(summary, detail, expression.place());
            }
            _ => self.refuse_reference(expression),
        }
        is_sound
    }

    /// The native syntax in a JSON string, as an attribute of a file of its own. Null where it is none, which is said.
    ///
    /// Source: OpenTofu `internal/configs/hcl2shim/util.go` `ConvertJSONExpressionToHCL`; Terraform
    /// `internal/configs/import.go` `unwrapJSONRefExpr`.
    pub(super) fn expression_in_json(&mut self, expression: &Expression<'a>) -> Option<ParsedFile> {
        let Ok(Constant::String(text)) = expression.evaluate() else {
            let summary = match self.engine.name {
                EngineName::Tofu => "Expected string expression",
                EngineName::Terraform => "Invalid reference expression",
            };
            self.problems().refuse(summary, "A single reference string is required.", expression.place());
            return None;
        };
        let (file, errors) = ParsedFile::of_expression(&text);
        for error in errors {
            let is_longer = error.summary == "Missing newline after argument";
            let summary = if is_longer { "Extra characters after expression" } else { &error.summary };
            self.problems().refuse(summary, error.detail, expression.place());
        }
        file
    }

    pub(super) fn refuse_reference(&mut self, expression: &Expression<'a>) {
        let detail = "A single static variable reference is required: only attribute access and indexing with constant \
                      keys. No calculations, function calls, template expressions, etc are allowed here.";
        self.problems().refuse(INVALID_EXPRESSION, detail, expression.place());
    }
}
