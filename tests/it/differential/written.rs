//! Small configurations that an engine refuses or takes while it reads them: what it says of each is what is predicted.
//!
//! They stand in `tests/fixtures/small_configurations`: `=== NAME` begins one, `--- PATH` a file of its root module.
//! `unknown: ENGINE>=1.MINOR` says that its outcome is known to that engine alone. None needs a provider to succeed.

use camino::Utf8Path;
use rayon::prelude::*;

use super::{compare, ready_engine};
use crate::support::engines::Engine;
use crate::support::isolation::Isolated;
use crate::support::tree::{Tree, Workspace};

#[test]
fn tofu_says_what_is_predicted_of_small_configurations() {
    small_configurations("differential::written::tofu_says_what_is_predicted_of_small_configurations", "tofu");
}

#[test]
fn terraform_says_what_is_predicted_of_small_configurations() {
    small_configurations(
        "differential::written::terraform_says_what_is_predicted_of_small_configurations",
        "terraform",
    );
}

/// One of them.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub unknown_to: Vec<String>,
    pub files: Vec<(String, String)>,
}

fn read(family: &Utf8Path) -> Vec<Case> {
    let text = fs_err::read_to_string(family).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("=== ") {
            let name = format!("{}: {}", family.file_stem().unwrap_or_default(), name.trim_end());
            cases.push(Case { name, unknown_to: Vec::new(), files: Vec::new() });
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("{family} begins without a case"));
        if let Some(path) = line.strip_prefix("--- ") {
            case.files.push((path.trim_end().to_owned(), String::new()));
        } else if let Some((_, text)) = case.files.last_mut() {
            text.push_str(line);
        } else if let Some(engines) = line.strip_prefix("unknown: ") {
            case.unknown_to = engines.split_whitespace().map(str::to_owned).collect();
        } else {
            panic!("{}: {line}", case.name);
        }
    }
    cases
}

impl Case {
    fn is_unknown_to(&self, engine: &Engine) -> bool {
        let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap();
        self.unknown_to.iter().any(|engines| {
            let (name, since) = engines.split_once(">=").unwrap();
            name == engine.name && minor(&engine.version) >= minor(since)
        })
    }
}

pub fn read_all() -> Vec<Case> {
    let directory = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small_configurations");
    let mut families: Vec<_> = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    families.sort();
    let cases: Vec<Case> = families.iter().flat_map(|family| read(family)).collect();
    assert!(!cases.is_empty(), "{directory} is empty");
    cases
}

fn small_configurations(test: &str, name: &str) {
    let Some(engine) = ready_engine(test, name) else { return };
    let cases = read_all();
    let differences: Vec<String> = (cases.par_iter())
        .flat_map(|case| {
            let mut tree = Tree::default();
            tree.directory("home/").directory("mirror/");
            tree.file("rc", "provider_installation {\n  filesystem_mirror {\n    path = \"$ROOT/mirror\"\n  }\n}\n");
            for (path, text) in &case.files {
                tree.file(format!("stack/{path}"), text.as_str());
            }
            let workspace = Workspace::holding(&tree, false);
            let command = Isolated::new(&engine.path, &workspace.path("stack"))
                .environment("HOME", workspace.path("home").as_str())
                .environment("TF_CLI_CONFIG_FILE", workspace.path("rc").as_str());
            let (mut differences, output) = compare(engine, &command, &[], &workspace.path("stack"));
            let is_unknown = differences.iter().any(|line| line.contains("predicted Unknown"));
            match (is_unknown, case.is_unknown_to(engine)) {
                (true, true) => differences.clear(),
                (false, true) => differences.push("is known by now".to_owned()),
                (_, false) => {}
            }
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            differences.into_iter().map(|line| format!("{}: {line}\n{stderr}", case.name)).collect::<Vec<_>>()
        })
        .collect();
    assert!(
        differences.is_empty(),
        "{} differences in {} cases:\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n")
    );
}
