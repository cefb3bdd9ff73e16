//! The cases that engines were recorded with: the small configurations, and the corpus in `tests/fixtures/engine`.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::support::engines::default_host;
use crate::support::fixture::{self, Contents};
use crate::support::isolation::Isolated;
use crate::support::outcome::{configuration_alone, filesystem_mirror};
use crate::support::tree::{ROOT, Tree, Workspace};

/// A root module, what is around it, and how `init` is started there.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub family: String,
    pub name: String,
    pub tree: Tree,
    /// Where the engine is started.
    directory: String,
    /// Where the lock file and the data directory are.
    pub root_module: String,
    /// `$ROOT` stands for the directory that the case is in.
    arguments: Vec<String>,
    environment: BTreeMap<String, Option<String>>,
    pub unprivileged: bool,
    /// Nobody but the engine can know what happens.
    pub is_left_open: bool,
    /// `init` succeeds, and the next command cannot use what it installed.
    pub fails_later: bool,
}

impl Case {
    pub(crate) fn lay_out(&self) -> Workspace {
        Workspace::holding(&self.tree, self.unprivileged)
    }

    /// The configuration alone, to ask an engine for it.
    pub(crate) fn lay_out_configuration(&self) -> Workspace {
        Workspace::holding(&configuration_alone(&self.tree, &self.root_module), self.unprivileged)
    }

    /// A program in the case's environment and directory.
    pub(crate) fn command(&self, program: &Utf8Path, workspace: &Workspace) -> Isolated {
        let mut command = Isolated::new(program, &workspace.path(&self.directory))
            .environment("HOME", workspace.path("home").as_str())
            .environment("TF_CLI_CONFIG_FILE", workspace.path("tfrc").as_str());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command = command.environment(name, value.replace(ROOT, workspace.root().as_str())),
                None => {
                    command.environment.remove(name);
                }
            }
        }
        Isolated { unprivileged: self.unprivileged, ..command }
    }

    pub(crate) fn arguments(&self, workspace: &Workspace) -> Vec<String> {
        self.arguments.iter().map(|text| text.replace(ROOT, workspace.root().as_str())).collect()
    }

    pub(crate) fn root_module(&self, workspace: &Workspace) -> Utf8PathBuf {
        workspace.path(&self.root_module)
    }
}

/// The names of all families.
pub(crate) fn families() -> Vec<String> {
    let small = small_files().into_iter().map(|path| small_family(&path));
    fixture::FAMILIES.iter().map(|family| (*family).to_owned()).chain(small).collect()
}

/// The cases of a family, for an engine by its name and version.
pub(crate) fn family(name: &str, engine: (&str, &str)) -> Vec<Case> {
    let default_host = default_host(engine.0);
    if let Some(path) = small_files().iter().find(|path| small_family(path) == name) {
        return read(path).into_iter().map(|small| small.case(engine)).collect();
    }
    let contents = Contents::read();
    let cases = fixture::read(name).into_iter().filter(|case| case.skip.is_none());
    let cases = cases.map(|case| Case {
        family: name.to_owned(),
        name: case.name.clone(),
        // The corpus is written down for Terraform's host.
        tree: case.tree(&contents).replace("registry.terraform.io", default_host),
        directory: case.directory.clone(),
        root_module: case.root_module(),
        arguments: case.arguments.clone(),
        environment: case.environment.clone(),
        unprivileged: case.unprivileged,
        is_left_open: case.is_left_open_to(engine.0),
        fails_later: case.fails_later(),
    });
    cases.collect()
}

pub(crate) fn all(engine: (&str, &str)) -> Vec<Case> {
    families().iter().flat_map(|name| family(name, engine)).collect()
}

/// One of the configurations in `tests/fixtures/small_configurations`, which engines take or refuse as they read them:
/// `=== NAME` begins one, `--- PATH` a file of its root module. None needs a provider to succeed. `unknown: ENGINE>=1.MINOR`
/// says that its outcome is known to that engine alone.
#[derive(Debug)]
pub(crate) struct Small {
    family: String,
    name: String,
    pub left_open_to: Vec<String>,
    pub files: Vec<(String, String)>,
}

impl Small {
    fn is_left_open_to(&self, (name, version): (&str, &str)) -> bool {
        let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap();
        self.left_open_to.iter().any(|engines| {
            let (left_open_to, since) = engines.split_once(">=").unwrap();
            left_open_to == name && minor(version) >= minor(since)
        })
    }

    fn case(self, engine: (&str, &str)) -> Case {
        let is_left_open = self.is_left_open_to(engine);
        let mut tree = Tree::default();
        tree.directory("home/").directory("mirror/").file("tfrc", filesystem_mirror("$ROOT/mirror"));
        for (path, text) in self.files {
            tree.file(format!("stack/{path}"), text);
        }
        Case {
            family: self.family,
            name: self.name,
            tree,
            directory: "stack".to_owned(),
            root_module: "stack".to_owned(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            unprivileged: false,
            is_left_open,
            fails_later: false,
        }
    }
}

pub(crate) fn small_configurations() -> Vec<Small> {
    small_files().iter().flat_map(|path| read(path)).collect()
}

fn small_files() -> Vec<Utf8PathBuf> {
    let directory = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small_configurations");
    let mut files: Vec<_> = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    files.sort();
    files
}

fn small_family(path: &Utf8Path) -> String {
    format!("small-{}", path.file_stem().unwrap().replace('_', "-"))
}

fn read(path: &Utf8Path) -> Vec<Small> {
    let mut cases: Vec<Small> = Vec::new();
    for line in fs::read_to_string(path).unwrap().split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Small {
                family: small_family(path),
                name: name.trim_end().to_owned(),
                left_open_to: Vec::new(),
                files: Vec::new(),
            });
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("{path} begins without a case"));
        if let Some(path) = line.strip_prefix("--- ") {
            case.files.push((path.trim_end().to_owned(), String::new()));
        } else if let Some((_, text)) = case.files.last_mut() {
            text.push_str(line);
        } else if let Some(engines) = line.strip_prefix("unknown: ") {
            case.left_open_to = engines.split_whitespace().map(str::to_owned).collect();
        } else {
            panic!("{path}: {}: {line}", case.name);
        }
    }
    cases
}
