//! The syntax tree of a CLI configuration, the same for native HCL 1 and for its JSON dialect.

use std::ops::Range;

use super::problem::ProblemKind;

/// One parsed file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) items: Vec<Item>,
    pub(super) dialect: Dialect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Native,
    Json,
}

/// `KEY... VALUE` or `KEY = VALUE`.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// At least one; the others are a block's labels.
    pub(super) keys: Vec<String>,
    pub(super) is_assigned: bool,
    pub(super) value: Value,
    /// In bytes. For JSON only the start is of use.
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Literal { kind: LiteralKind, text: String },
    List(Vec<Self>),
    Object(Vec<Item>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LiteralKind {
    Bool,
    Float,
    Number,
    String,
}

impl Item {
    pub(super) fn name(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }
}

/// What is wrong, and where it begins, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) kind: ProblemKind,
}
