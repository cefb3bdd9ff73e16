//! Small configurations that an engine refuses or takes while it reads them: what it says of each is what is predicted.

use rayon::prelude::*;

use super::{compare, ready_engine};
use crate::support::isolation::Isolated;
use crate::support::tree::{Tree, Workspace};

/// A name, and files of the root module. None needs a provider that is not built in.
const CASES: &[(&str, &[(&str, &str)])] = &[
    (
        "a provisioner for destroying that refers to a variable",
        &[(
            "main.tf",
            "resource \"terraform_data\" \"c\" {\n  provisioner \"local-exec\" {\n    when    = destroy\n    command = var.x\n  }\n}\n",
        )],
    ),
    (
        "a provisioner for destroying that refers to its resource",
        &[(
            "main.tf",
            "resource \"terraform_data\" \"c\" {\n  provisioner \"local-exec\" {\n    when    = \"destroy\"\n    command = \"${[for v in self.x : v.y][0]}%{ for w in self.x }${w}%{ endfor }\"\n  }\n}\n",
        )],
    ),
    (
        "a connection for destroying that refers to another resource",
        &[(
            "main.tf",
            "resource \"terraform_data\" \"c\" {\n  provisioner \"local-exec\" {\n    when    = destroy\n    command = \"x\"\n    connection {\n      host = terraform_data.d.ip\n    }\n  }\n}\n",
        )],
    ),
    ("a removed provisioner", &[("main.tf", "resource \"terraform_data\" \"c\" {\n  provisioner \"chef\" {}\n}\n")]),
    (
        "prevent_destroy by a variable",
        &[("main.tf", "resource \"terraform_data\" \"c\" {\n  lifecycle {\n    prevent_destroy = var.x\n  }\n}\n")],
    ),
    ("values that are encrypted", &[("main.tf", "# none\n"), ("terraform.tfvars", "\u{0}GITCRYPT\u{0}\u{1}")]),
    (
        "values with a block, and another version required",
        &[
            ("main.tofu", "terraform {\n  required_version = \">= 9.0\"\n}\n"),
            ("main.tf", ""),
            ("b.auto.tfvars", "c {}\n"),
        ],
    ),
    (
        "a local module with a version, and a state that is none",
        &[
            ("main.tf", "module \"a\" {\n  source  = \"./a\"\n  version = \"1.0.0\"\n}\n"),
            ("a/main.tf", ""),
            ("terraform.tfstate", "{"),
        ],
    ),
    (
        "a module with no version's syntax, and a state that is none",
        &[
            ("main.tf", "module \"a\" {\n  source  = \"./a\"\n  version = \"x\"\n}\n"),
            ("a/main.tf", ""),
            ("terraform.tfstate", "{"),
        ],
    ),
    (
        "a module that has to be asked for, and a state that is none",
        &[("main.tf", "module \"a\" {\n  source = \"bitbucket.org/a/b\"\n}\n"), ("terraform.tfstate", "{")],
    ),
    ("values with a block", &[("main.tf", "# none\n"), ("b.auto.tfvars", "c {}\n")]),
    ("values in JSON that end early", &[("main.tf", "# none\n"), ("terraform.tfvars.json", "{")]),
    ("values in a file that is not asked for", &[("main.tf", "# none\n"), ("b.tfvars", "c {}\n")]),
    (
        "a default without a required attribute",
        &[(
            "main.tf",
            "variable \"x\" {\n  type    = object({ a = number, b = optional(string, \"x\") })\n  default = { b = 1 }\n}\n",
        )],
    ),
    (
        "a default that converts in depth",
        &[(
            "main.tf",
            "variable \"x\" {\n  type    = map(object({ a = number, b = optional(bool) }))\n  default = { k = { a = \"1\", c = [] } }\n}\n",
        )],
    ),
    (
        "a default that does not convert in depth",
        &[(
            "main.tf",
            "variable \"x\" {\n  type    = map(object({ a = number }))\n  default = { k = { a = true } }\n}\n",
        )],
    ),
    ("a default of a bool by a digit", &[("main.tf", "variable \"x\" {\n  type    = bool\n  default = \"1\"\n}\n")]),
    (
        "a list of anything that has no common type",
        &[("main.tf", "variable \"x\" {\n  type    = list(any)\n  default = [1, {}]\n}\n")],
    ),
    (
        "a type within a type that is none",
        &[("main.tf", "variable \"x\" {\n  type = list(object({ a = strin }))\n}\n")],
    ),
    ("a type with a quoted attribute", &[("main.tf", "variable \"x\" {\n  type = object({ \"a\" = string })\n}\n")]),
    (
        "an optional attribute with a wrong default",
        &[("main.tf", "variable \"x\" {\n  type = object({ a = optional(number, \"x\") })\n}\n")],
    ),
    ("a description by a variable", &[("main.tf", "variable \"x\" {\n  description = var.y\n}\n")]),
    (
        "a backend with an argument that it does not have",
        &[("main.tf", "terraform {\n  backend \"local\" {\n    nothing = 1\n  }\n}\n")],
    ),
    (
        "a backend with an argument of the wrong type",
        &[("main.tf", "terraform {\n  backend \"local\" {\n    path = []\n  }\n}\n")],
    ),
    ("a terraform block with an unknown argument", &[("main.tf", "terraform {\n  unknown = 1\n}\n")]),
    ("a terraform block with an unknown block", &[("main.tf", "terraform {\n  unknown {}\n}\n")]),
];

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

fn small_configurations(test: &str, name: &str) {
    let Some(engine) = ready_engine(test, name) else { return };
    let differences: Vec<String> = (CASES.par_iter())
        .flat_map(|(case, files)| {
            let mut tree = Tree::default();
            tree.directory("home/").directory("mirror/");
            tree.file("rc", "provider_installation {\n  filesystem_mirror {\n    path = \"$ROOT/mirror\"\n  }\n}\n");
            for (path, text) in *files {
                tree.file(format!("stack/{path}"), *text);
            }
            let workspace = Workspace::holding(&tree, false);
            let command = Isolated::new(&engine.path, &workspace.path("stack"))
                .environment("HOME", workspace.path("home").as_str())
                .environment("TF_CLI_CONFIG_FILE", workspace.path("rc").as_str());
            let (differences, output) = compare(engine, &command, &[], &workspace.path("stack"));
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            differences.into_iter().map(|line| format!("{case}: {line}\n{stderr}")).collect::<Vec<_>>()
        })
        .collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
