//! What may stand in a body: arguments, and blocks with their labels.
//!
//! Source: hashicorp/hcl v2 `hclsyntax/structure.go` `Body.Content`.

use std::ops::Range;

use hcl::edit::Span;
use hcl::edit::structure::{Block, Body, Structure};

use super::SyntaxError;

/// The arguments and blocks that a body may hold.
#[derive(Clone, Copy, Debug)]
pub struct BodySchema<'a> {
    pub required: &'a [&'a str],
    pub optional: &'a [&'a str],
    /// Block types with the names of their labels.
    pub blocks: &'a [(&'a str, &'a [&'a str])],
}

/// What becomes of arguments and blocks that a schema does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Refused,
    /// They are somebody else's, such as a provider's.
    Ignored,
}

impl BodySchema<'_> {
    /// Everything in the body that the schema does not have, and what it lacks.
    pub fn check(&self, body: &Body, body_range: Range<usize>, unknown: Unknown) -> Vec<SyntaxError> {
        let mut errors = Vec::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let name = attribute.key.as_str();
                    if unknown == Unknown::Refused && !self.has_argument(name) {
                        let mut detail = format!("An argument named \"{name}\" is not expected here.");
                        if self.labels_of(name).is_some() {
                            detail += " Did you mean to define a block of type \"";
                            detail += name;
                            detail += "\"?";
                        }
                        let range = attribute.key.span().unwrap_or_default();
                        errors.push(SyntaxError::new("Unsupported argument", &detail, range));
                    }
                }
                Structure::Block(block)
                    if unknown == Unknown::Ignored && self.labels_of(block.ident.as_str()).is_none() => {}
                Structure::Block(block) => errors.extend(self.check_block(block)),
            }
        }
        for name in self.required.iter().filter(|name| !body.has_attribute(name)) {
            errors.push(SyntaxError::new("Missing required argument", &missing_argument(name), body_range.clone()));
        }
        errors
    }

    pub fn has_argument(&self, name: &str) -> bool {
        self.required.contains(&name) || self.optional.contains(&name)
    }

    /// Whether the block's type and its number of labels are the schema's.
    pub fn accepts(&self, block: &Block) -> bool {
        self.check_block(block).is_none()
    }

    /// The names of the labels of a block type that the schema has.
    pub fn labels_of(&self, block_type: &str) -> Option<&[&str]> {
        self.blocks.iter().find(|(name, _)| *name == block_type).map(|(_, labels)| *labels)
    }

    fn check_block(&self, block: &Block) -> Option<SyntaxError> {
        let name = block.ident.as_str();
        let range = block.ident.span().unwrap_or_default();
        let Some(labels) = self.labels_of(name) else {
            let mut detail = format!("Blocks of type \"{name}\" are not expected here.");
            if self.has_argument(name) {
                detail += " Did you mean to define an argument? If so, use the equals sign to assign it a value.";
            }
            return Some(SyntaxError::new("Unsupported block type", &detail, range));
        };
        let names = labels.join(", ");
        if block.labels.len() > labels.len() {
            let detail = if labels.is_empty() {
                format!("No labels are expected for {name} blocks.")
            } else {
                format!("Only {} labels ({names}) are expected for {name} blocks.", labels.len())
            };
            let range = block.labels[labels.len()].span().unwrap_or(range);
            return Some(SyntaxError::new(&format!("Extraneous label for {name}"), &detail, range));
        }
        let missing = labels.get(block.labels.len())?;
        let detail = format!("All {name} blocks must have {} labels ({names}).", labels.len());
        Some(SyntaxError::new(&format!("Missing {missing} for {name}"), &detail, range))
    }
}

pub fn missing_argument(name: &str) -> String {
    format!("The argument \"{name}\" is required, but no definition was found.")
}
