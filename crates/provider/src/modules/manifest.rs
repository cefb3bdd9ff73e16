//! The manifest of a store of modules: JSON with one line for each source and each tree, sorted, so that the same store
//! has the same bytes and a difference of two manifests can be read.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::tree::{self, Contents, TreeProblem};
use crate::directory::{Directory, Durability};
use crate::{CoreConstraints, json_error};

const SCHEMA: &str = "airtight/modules/1";

/// What a store has. Sources are sorted by name and version, trees by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Orders the manifests that are signed with one key.
    pub serial: Option<u64>,
    pub sources: Vec<StoredSource>,
    pub trees: Vec<StoredTree>,
}

/// What a module call can name, and the tree that it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSource {
    /// Repositories whose configuration calls it, directly or through other modules. Sorted.
    pub needed_by: Vec<String>,
    /// What the address's `ref` was when it was fetched; null for what has none.
    pub reference: Option<Reference>,
    /// The package as the engine records it, without a directory in it: `registry.terraform.io/a/b/aws`,
    /// `git::https://h.example/x.git?ref=v1`, `https://h.example/x.zip`. Never with a password or a key.
    pub source: String,
    /// The directory in the tree that a registry's answer adds; empty for none. The call's own directory is below it.
    pub subdirectory: String,
    /// The tree's path.
    pub tree: String,
    /// Of a registry's module, as the engine records it.
    pub version: Option<String>,
}

/// A name for a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub kind: ReferenceKind,
    /// As it was asked for; `HEAD` if the address has no `ref`.
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// It moves by its nature. Also the default branch.
    Branch,
    /// It cannot move.
    Commit,
    /// It should not move.
    Tag,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredTree {
    pub contents: Contents,
    /// The commit's id, or the archive's SHA-256, in hexadecimal; null for a directory.
    pub id: Option<String>,
    pub kind: TreeKind,
    /// Where it was fetched, without user, password and query.
    pub origin: String,
    /// Below the store, `/`-separated, without `.` and `..`.
    pub path: String,
    /// When the commit was made, or the newest file in the archive: RFC 3339, UTC. Null if neither is known.
    pub time: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeKind {
    Archive,
    Git,
    Local,
}

impl TreeKind {
    /// The name of its directory in a store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Git => "git",
            Self::Local => "local",
        }
    }
}

/// Why a manifest is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("it is not JSON as `airtight modules build` writes it: {0}")]
    Syntax(String),
    #[error("its schema is `{0}`, and this airtight reads `{SCHEMA}`")]
    Schema(String),
    #[error("the source `{0}` is listed twice with the same version, or not in order")]
    SourceOrder(String),
    #[error("the tree `{0}` is listed twice, or not in order")]
    TreeOrder(String),
    #[error("the tree `{0}` is not a path below the store")]
    TreePath(String),
    #[error("the source `{name}` names the tree `{tree}`, which is not listed")]
    NoTree { name: String, tree: String },
    #[error("the source `{name}` names the directory `{subdirectory}`, which is not one of a tree")]
    Subdirectory { name: String, subdirectory: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "schema")]
    _schema: String,
    serial: Option<u64>,
    sources: Vec<StoredSource>,
    trees: Vec<StoredTree>,
}

impl StoredTree {
    /// Describes a tree that is in a store already, with its contents as they are now.
    ///
    /// # Errors
    /// What cannot be read, and what no module has, such as a pipe.
    pub fn measure(store: &Utf8Path, path: &str, kind: TreeKind, origin: &str) -> Result<Self, TreeProblem> {
        let contents = Contents::of(&tree::entries(&store.join(path))?);
        Ok(Self { contents, id: None, kind, origin: origin.to_owned(), path: path.to_owned(), time: None })
    }
}

impl StoredSource {
    /// The order of versions; of two that the engines cannot tell apart, the order of their texts.
    pub fn cmp_version(&self, other: &Self) -> Ordering {
        let (left, right) = (self.version.as_deref().unwrap_or_default(), other.version.as_deref().unwrap_or_default());
        CoreConstraints::cmp_versions(left, right).then_with(|| left.cmp(right))
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.source.cmp(&other.source).then_with(|| self.cmp_version(other))
    }
}

impl Manifest {
    /// Puts everything in order.
    pub fn sort(&mut self) {
        self.sources.sort_by(StoredSource::cmp);
        self.trees.sort_by(|left, right| left.path.cmp(&right.path));
    }

    /// The manifest's text. The manifest must be sorted.
    pub fn print(&self) -> serde_json::Result<String> {
        fn rows<T: Serialize>(text: &mut String, rows: &[T]) -> serde_json::Result<()> {
            for (at, row) in rows.iter().enumerate() {
                text.push_str(if at == 0 { "\n" } else { ",\n" });
                text.push_str(&serde_json::to_string(row)?);
            }
            text.push_str("\n]");
            Ok(())
        }
        let serial = self.serial.map(|serial| format!(",\"serial\":{serial}")).unwrap_or_default();
        let mut text = format!("{{\"schema\":\"{SCHEMA}\"{serial},\"sources\":[");
        rows(&mut text, &self.sources)?;
        text.push_str(",\"trees\":[");
        rows(&mut text, &self.trees)?;
        text.push_str("}\n");
        Ok(text)
    }

    /// Writes the manifest of a store, in order, whole or not at all.
    ///
    /// # Errors
    /// Fails if the store cannot be written.
    pub fn write(&mut self, store: &Utf8Path) -> io::Result<()> {
        self.sort();
        let text = self.print().map_err(io::Error::other)?;
        let directory = Directory::open_or_make(store)?;
        directory.make(Utf8Path::new(".airtight"))?;
        directory.replace(Utf8Path::new(super::MANIFEST), text.as_bytes(), 0o644, Durability::Synced)
    }

    /// Reads what [`Self::print`] wrote.
    ///
    /// # Errors
    /// Anything else: another schema, an unknown field, a path that leads out of the store.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        // The schema first: a newer one may have other fields.
        #[derive(Deserialize)]
        struct Schema {
            schema: String,
        }
        let syntax = |error: serde_json::Error| ManifestError::Syntax(json_error(&error));
        let Schema { schema } = serde_json::from_str(text).map_err(syntax)?;
        if schema != SCHEMA {
            return Err(ManifestError::Schema(schema));
        }
        let Raw { serial, sources, trees, .. }: Raw = serde_json::from_str(text).map_err(syntax)?;
        let manifest = Self { serial, sources, trees };
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if let Some(pair) = self.sources.windows(2).find(|pair| pair[0].cmp(&pair[1]).is_ge()) {
            return Err(ManifestError::SourceOrder(pair[1].source.clone()));
        }
        if let Some(pair) = self.trees.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            return Err(ManifestError::TreeOrder(pair[1].path.clone()));
        }
        if let Some(tree) = self.trees.iter().find(|tree| !is_plain(&tree.path)) {
            return Err(ManifestError::TreePath(tree.path.clone()));
        }
        let paths: BTreeSet<&str> = self.trees.iter().map(|tree| tree.path.as_str()).collect();
        for StoredSource { source, subdirectory, tree, .. } in &self.sources {
            if !paths.contains(tree.as_str()) {
                return Err(ManifestError::NoTree { name: source.clone(), tree: tree.clone() });
            }
            if !subdirectory.is_empty() && !is_plain(subdirectory) {
                return Err(ManifestError::Subdirectory { name: source.clone(), subdirectory: subdirectory.clone() });
            }
        }
        Ok(())
    }
}

/// Whether a path has names alone, so that it stays below where it begins.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}
