//! The cases in `tests/fixtures/engine`; their form is described there.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use camino::Utf8Path;
use fs_err as fs;
use serde::Deserialize;

use super::outcome::Init;
use super::tree::{Content, Entry, Tree};

pub(crate) const FAMILIES: &[&str] =
    &["archive", "cli-config", "configuration", "lock-file", "mirror", "module", "package", "state"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub name: String,
    pub skip: Option<String>,
    #[serde(default)]
    pub arguments: Vec<String>,
    #[serde(default = "conf")]
    pub directory: String,
    #[serde(default)]
    pub environment: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub unprivileged: bool,
    files: BTreeMap<String, File>,
    /// Of the command after `init`.
    later: Option<Init>,
    #[serde(default)]
    left_open_to: Vec<String>,
}

fn conf() -> String {
    "conf".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum File {
    Text(String),
    Described(Description),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    is: Option<String>,
    text: Option<String>,
    base64: Option<String>,
    link: Option<String>,
    mode: Option<String>,
    owner: Option<String>,
}

/// Every case of a family.
pub(crate) fn read(family: &str) -> Vec<Case> {
    serde_yaml::from_str(&fs::read_to_string(directory().join(format!("{family}.yaml"))).unwrap())
        .unwrap_or_else(|error| panic!("{family}.yaml: {error}"))
}

fn directory() -> &'static Utf8Path {
    Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engine"))
}

/// Contents that several cases share, by name.
pub(crate) struct Contents(BTreeMap<String, Vec<u8>>);

impl Contents {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(directory().join("shared/contents.yaml")).unwrap();
        let files: BTreeMap<String, File> = serde_yaml::from_str(&text).unwrap();
        let none = Self(BTreeMap::new());
        Self(files.into_iter().map(|(name, file)| (name, none.bytes(&file).unwrap())).collect())
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    fn bytes(&self, file: &File) -> Option<Vec<u8>> {
        match file {
            File::Text(text) | File::Described(Description { text: Some(text), .. }) => Some(text.clone().into_bytes()),
            File::Described(Description { base64: Some(text), .. }) => {
                Some(base64::engine::general_purpose::STANDARD.decode(text).unwrap())
            }
            File::Described(Description { is: Some(name), .. }) => {
                Some(self.0.get(name).unwrap_or_else(|| panic!("no shared content `{name}`")).clone())
            }
            File::Described(_) => None,
        }
    }
}

impl Case {
    /// Whether nobody but that engine can know what happens.
    pub(crate) fn is_left_open_to(&self, engine: &str) -> bool {
        self.left_open_to.iter().any(|name| name == engine)
    }

    /// Whether the engine's next command fails although `init` succeeds.
    pub(crate) fn fails_later(&self) -> bool {
        self.later == Some(Init::Failure)
    }

    pub(crate) fn shared_names(&self) -> impl Iterator<Item = &str> {
        self.files.values().filter_map(|file| match file {
            File::Described(description) => description.is.as_deref(),
            File::Text(_) => None,
        })
    }

    pub(crate) fn tree(&self, contents: &Contents) -> Tree {
        let mut tree = Tree::default();
        for (path, file) in &self.files {
            let none = Description::default();
            let description = match file {
                File::Described(description) => description,
                File::Text(_) => &none,
            };
            let content = if let Some(target) = &description.link {
                Content::Link(target.clone())
            } else if path.ends_with('/') {
                Content::Directory
            } else {
                Content::Bytes(contents.bytes(file).unwrap_or_default())
            };
            let mode = description.mode.as_ref().map(|mode| u32::from_str_radix(mode, 8).unwrap());
            tree.insert(path, Entry { content, mode, is_roots: description.owner.is_some() });
        }
        tree
    }

    /// Where the lock file and the data directory are.
    pub(crate) fn root_module(&self) -> String {
        let chdir = self.arguments.iter().find_map(|argument| argument.strip_prefix("-chdir="));
        match chdir {
            Some(directory) if self.directory == "." => directory.to_owned(),
            Some(directory) => format!("{}/{directory}", self.directory),
            None => self.directory.clone(),
        }
    }
}
