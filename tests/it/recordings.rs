//! The recordings in `tests/fixtures/engine` themselves.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::support::engines::engine_for;
use crate::support::fixture::{self, Contents, ENGINE};
use crate::support::isolation::{has_namespaces, is_root};
use crate::support::outcome::observe;
use crate::support::report_ignored;
use crate::support::tree::Workspace;

#[test]
fn every_shared_content_is_used_and_every_case_has_its_own_name() {
    let contents = Contents::read();
    let mut used = BTreeSet::new();
    for family in fixture::FAMILIES {
        let mut names = BTreeSet::new();
        for case in fixture::read(family) {
            used.extend(case.shared_names().map(str::to_owned));
            assert!(names.insert(case.name.clone()), "two cases of {family} are named `{}`", case.name);
        }
    }
    assert_eq!(used, contents.names());
}

/// Lays every case out for the engine that the recordings were made with, where that one is here.
#[test]
fn the_engine_still_does_what_was_recorded() {
    let test = "recordings::the_engine_still_does_what_was_recorded";
    let Some(engine) = engine_for(test, ENGINE.0) else { return };
    if engine.version != ENGINE.1 || !has_namespaces() || !is_root() {
        return report_ignored(test, &format!("needs terraform {}, root and network namespaces", ENGINE.1));
    }
    let contents = Contents::read();
    let cases: Vec<_> = fixture::FAMILIES.iter().flat_map(|family| fixture::read(family)).collect();
    let differences: Vec<String> = (cases.par_iter())
        .filter(|case| case.skip.is_none())
        .flat_map(|case| {
            let workspace = Workspace::holding(&case.tree(&contents), case.unprivileged);
            let command = case.command(&engine.path, &workspace);
            let root_module = workspace.path(&case.root_module());
            let (observed, _) = observe(engine, command, &case.arguments(&workspace), &root_module);
            let differences = case.recorded(&contents).differences(&observed);
            differences.into_iter().map(|line| format!("{}: {line}", case.name)).collect::<Vec<_>>()
        })
        .collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
