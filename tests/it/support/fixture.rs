//! The recordings in `tests/fixtures/engine`; their form is described there.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use camino::Utf8Path;
use fs_err as fs;
use serde::Deserialize;

use super::isolation::Isolated;
use super::outcome::{Init, Installed, Outcome};
use super::tree::{Content, Entry, Tree, Workspace};

pub(crate) const FAMILIES: &[&str] =
    &["cli-config", "configuration", "lock-file", "mirror", "module", "package", "state"];

/// The engine that the recordings were made with.
pub(crate) const ENGINE: (&str, &str) = ("terraform", "1.11.4");

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
    engine: Recorded,
    prediction: Option<Init>,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    init: Init,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    failed: BTreeSet<String>,
    #[serde(default)]
    installed: BTreeMap<String, Installed>,
    lock_after: Option<File>,
    later: Option<Init>,
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
    /// Whether only root can lay it out.
    pub(crate) fn needs_root(&self) -> bool {
        self.unprivileged
    }

    /// Whether everything that decides stands in the files.
    pub(crate) fn can_be_predicted(&self) -> bool {
        self.prediction != Some(Init::Unknown)
    }

    /// Whether the engine's next command fails although `init` succeeds.
    pub(crate) fn fails_later(&self) -> bool {
        self.engine.later == Some(Init::Failure)
    }

    pub(crate) fn shared_names(&self) -> impl Iterator<Item = &str> {
        (self.files.values().chain(&self.engine.lock_after)).filter_map(|file| match file {
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

    /// What the engine did.
    pub(crate) fn recorded(&self, contents: &Contents) -> Outcome {
        Outcome {
            init: self.engine.init,
            errors: self.engine.errors.clone(),
            failed: self.engine.failed.clone(),
            has_unseen_state: false,
            installed: self.engine.installed.clone(),
            lock_after: (self.engine.lock_after.as_ref())
                .map(|file| String::from_utf8(contents.bytes(file).unwrap()).unwrap()),
        }
    }

    /// What is to be predicted.
    pub(crate) fn predicted(&self, contents: &Contents) -> Outcome {
        let recorded = self.recorded(contents);
        match self.prediction {
            Some(init) => Outcome { init, ..Outcome::nothing() },
            None => recorded,
        }
    }

    /// The case's environment and directory for a program.
    pub(crate) fn command(&self, program: &Utf8Path, workspace: &Workspace) -> Isolated {
        let mut command = Isolated::new(program, &workspace.path(&self.directory))
            .environment("HOME", workspace.path("home").as_str())
            .environment("TF_CLI_CONFIG_FILE", workspace.path("tfrc").as_str());
        for (name, value) in &self.environment {
            match value {
                Some(value) => {
                    let value = value.replace(super::tree::ROOT, workspace.root().as_str());
                    command = command.environment(name, value);
                }
                None => {
                    command.environment.remove(name);
                }
            }
        }
        Isolated { unprivileged: self.unprivileged, ..command }
    }

    pub(crate) fn arguments(&self, workspace: &Workspace) -> Vec<String> {
        (self.arguments.iter()).map(|text| text.replace(super::tree::ROOT, workspace.root().as_str())).collect()
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
