//! The hook scripts and the plugin: all that a stack's set-up needs beside the workflow file.

use crate::plan_policy::{self, Rego};

/// The scripts in `hooks/`, by file name: each is sourced in the phase's shell.
pub const SCRIPTS: [(&str, &str); 5] = [
    ("before_init.sh", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../hooks/before_init.sh"))),
    ("before_plan.sh", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../hooks/before_plan.sh"))),
    ("before_apply.sh", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../hooks/before_apply.sh"))),
    ("before_destroy.sh", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../hooks/before_destroy.sh"))),
    ("before_perform.sh", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../hooks/before_perform.sh"))),
];

/// Spacelift's plugin manifest with the same five hooks, and the plan policy.
pub fn plugin() -> String {
    let indented = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") };
    let policy: String = plan_policy::policy(Rego::V1).lines().map(indented).collect();
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/plugin.yml"))
        .replace("[[ version ]]", env!("CARGO_PKG_VERSION"))
        .replace("[[ policy ]]\n", &policy)
}
