//! What Terraform did with `init`, recorded in `tests/fixtures/engine`, against what `airtight check` predicts.

use rayon::prelude::*;

use crate::support::fixture::{self, Case, Contents, ENGINE};
use crate::support::isolation::is_root;
use crate::support::outcome::predict;
use crate::support::report_ignored;
use crate::support::tree::Workspace;

fn compare(family: &str) {
    let contents = Contents::read();
    let cases = fixture::read(family);
    let compared: Vec<_> = (cases.iter())
        .filter(|case| {
            let reason = case
                .skip
                .clone()
                .or_else(|| (case.needs_root() && !is_root()).then(|| "only root can lay it out".to_owned()));
            if let Some(reason) = &reason {
                report_ignored(&format!("predictions::{family}: {}", case.name), reason);
            }
            reason.is_none()
        })
        .collect();
    let differences: Vec<String> = compared.par_iter().flat_map(|case| compare_one(case, &contents)).collect();
    assert!(
        differences.is_empty(),
        "{} differences in {} of {} cases of {family}:\n{}",
        differences.len(),
        compared.iter().filter(|case| differences.iter().any(|line| line.starts_with(&case.name))).count(),
        compared.len(),
        differences.join("\n")
    );
}

fn compare_one(case: &Case, contents: &Contents) -> Vec<String> {
    let workspace = Workspace::holding(&case.tree(contents), case.unprivileged);
    let command = case.command("airtight".into(), &workspace);
    let (prediction, report) = match predict(ENGINE, command, &case.arguments(&workspace)) {
        Ok(answer) => answer,
        Err(error) => return vec![format!("{}: {error}", case.name)],
    };
    let mut differences = case.predicted(contents).differences(&prediction);
    if case.fails_later() && report["verdict"] != "refused" {
        differences.push("verdict: the engine cannot use what it installs, and it is cleared".to_owned());
    }
    differences.into_iter().map(|line| format!("{}: {line}", case.name)).collect()
}

macro_rules! families {
    ($($name:ident = $family:literal),+ $(,)?) => {
        $(#[test]
        fn $name() {
            compare($family);
        })+

        #[test]
        fn every_family_is_compared() {
            assert_eq!(fixture::FAMILIES, [$($family),+]);
        }
    };
}

families! {
    archive = "archive",
    cli_config = "cli-config",
    configuration = "configuration",
    lock_file = "lock-file",
    mirror = "mirror",
    module = "module",
    package = "package",
    state = "state",
}
