//! Hooks and contexts, as Spacelift has them: what stacks, contexts and plugins bring to a run.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde_yaml::Mapping;

use airtight_gate::yaml_document::Document;
use airtight_provider::HookPoint;

/// Shell texts by point, each list in the order in which it runs. A point that is there with an empty list overrides;
/// one that is not there does not.
pub type Hooks = BTreeMap<HookPoint, Vec<String>>;

/// A context with its attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub name: String,
    pub attachment: Attachment,
    /// Values may hold `${NAME}` of other variables.
    pub environment: BTreeMap<String, Variable>,
    pub mounted_files: Vec<MountedFile>,
    pub hooks: Hooks,
}

/// How a context got to its stack; decides on the order of hooks and the precedence of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// Attached by hand. Lower priorities come first.
    Explicit { priority: i64 },
    /// By an `autoattach:` label; contexts of plugins are.
    Auto,
}

/// A variable's value. `Debug` does not show a sensitive one.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    pub value: String,
    pub is_sensitive: bool,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_sensitive { formatter.write_str("(sensitive)") } else { write!(formatter, "{:?}", self.value) }
    }
}

/// A text file that Spacelift writes into the workspace; it wins over a file of the source.
#[derive(Clone, PartialEq, Eq)]
pub struct MountedFile {
    /// Relative to `/mnt/workspace`, such as `source/.spacelift/workflow.yml`; or absolute.
    pub path: Utf8PathBuf,
    pub content: String,
    pub is_sensitive: bool,
}

impl std::fmt::Debug for MountedFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({} bytes)", self.path, self.content.len())
    }
}

/// Every hook point's name, for lists of known keys.
pub fn points() -> impl Iterator<Item = &'static str> {
    HookPoint::ALL.iter().map(|point| point.as_str())
}

/// The hook points among a mapping's keys.
pub fn read(document: &Document<'_>, parents: &[&str], mapping: &Mapping) -> Hooks {
    let mut hooks = Hooks::new();
    for point in HookPoint::ALL {
        let key = [parents, &[point.as_str()]].concat();
        if let Some(texts) = document.texts_of(&key, mapping.get(point.as_str())) {
            hooks.insert(*point, texts);
        }
    }
    hooks
}
