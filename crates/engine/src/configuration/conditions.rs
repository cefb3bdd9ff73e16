//! Conditions with their messages: `validation`, `precondition`, `postcondition`, `assert`.
//!
//! Source: OpenTofu `internal/configs/checks.go` `decodeCheckRuleBlock`, `named_values.go`
//! `decodeVariableValidationBlock`.

use super::addresses::{Mode, Referent, referent};
use super::body::{Attribute, Block, Content};
use super::declarations::{Reader, Role};
use super::expression::Reference;
use super::schemas;

/// What a condition belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'a> {
    Resource { mode: Mode, resource_type: &'a str, name: &'a str },
    Variable(&'a str),
    Other,
}

impl<'a> Reader<'a> {
    pub(super) fn check_rules(&mut self, content: &Content<'a>, owner: Owner<'_>) {
        for block in &content.blocks {
            if ["validation", "precondition", "postcondition"].contains(&block.kind) {
                self.check_rule(block, owner);
            }
        }
    }

    pub(super) fn check_rule(&mut self, block: &Block<'a>, owner: Owner<'_>) {
        if self.role == Role::Override {
            let detail = format!("Override files cannot override \"{}\" blocks.", block.kind);
            let summary = format!("Can't override {} blocks", block.kind);
            return self.problems().refuse(&summary, detail, block.place.clone());
        }
        let content = self.content(block, &schemas::CHECK_RULE);
        let [condition, message] = ["condition", "error_message"].map(|name| content.attributes.get(name));
        let Some(condition) = condition else { return };
        let Some(references) = condition.value.references() else { return };
        if references.is_empty() {
            let detail = "The condition expression must refer to at least one object from elsewhere in the \
                          configuration, or else its result would not be checking anything.";
            let summary = format!("Invalid {} expression", block.kind);
            self.problems().refuse(&summary, detail, condition.value.place());
        }
        match owner {
            Owner::Other => {}
            Owner::Variable(name) => self.check_validation(name, condition, &references, message),
            Owner::Resource { mode, resource_type, name } => {
                let own = Referent::Resource { mode, resource_type: resource_type.to_owned(), name: name.to_owned() };
                for attribute in [Some(condition), message].into_iter().flatten() {
                    let found = attribute.value.references().unwrap_or_default();
                    if found.iter().any(|reference| referent(reference, self.engine) == own) {
                        let detail = "What a resource's own conditions say about it is said with `self`.";
                        let summary = format!("Invalid reference in {}", block.kind);
                        self.problems().refuse(&summary, detail, attribute.value.place());
                    }
                }
            }
        }
    }

    /// A validation looks at its variable; before OpenTofu 1.9 and Terraform 1.9 at nothing else.
    fn check_validation(
        &mut self,
        name: &str,
        condition: &Attribute<'a>,
        references: &[Reference],
        message: Option<&Attribute<'a>>,
    ) {
        let own = Referent::Variable(name.to_owned());
        let is_own = |reference: &Reference, reader: &Self| referent(reference, reader.engine) == own;
        if !self.schemas.validates_with_other_values() {
            for attribute in [Some(condition), message].into_iter().flatten() {
                let found = attribute.value.references().unwrap_or_default();
                if found.iter().any(|reference| !is_own(reference, self)) {
                    let detail = format!("This can refer only to the variable itself, using var.{name}.");
                    let place = attribute.value.place();
                    self.problems().refuse("Invalid reference in variable validation", detail, place);
                }
            }
        }
        if !references.iter().any(|reference| is_own(reference, self)) {
            let detail = format!(
                "The condition for variable \"{name}\" must refer to var.{name} in order to test incoming values."
            );
            self.problems().refuse("Invalid variable validation condition", detail, condition.value.place());
        }
    }
}
