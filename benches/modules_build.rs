//! `modules build` of 200 calls of 40 repositories against 200 times `git clone` and against the engine's own `get`, all from
//! repositories on the disk: `cargo bench --bench modules_build`.
//!
//! Each repository has five tags, and each tag is called once. There is no network in between, so what is measured is the
//! least that is saved: a server that is far away makes each clone longer.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be laid out has nothing to measure")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

#[allow(dead_code, unused_imports, clippy::all, clippy::pedantic, reason = "the tests use and lint all of it")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::Instant;

use support::engines::engines;
use support::isolation::{Isolated, airtight};
use support::repository::{Repository, git};
use support::tree::{Tree, Workspace};

const PAIRS: usize = 3;
const REPOSITORIES: usize = 40;
const TAGS: usize = 5;
/// Of each repository.
const FILES: usize = 100;

fn main() {
    let (workspace, sources) = lay_out();
    println!("{} calls of {REPOSITORIES} repositories with {FILES} files each", sources.len());
    let (mut ours, mut again, mut clones, mut gets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let out = format!("store-{pair}");
        ours.push(seconds(|| build(&workspace, &out)));
        again.push(seconds(|| build(&workspace, &out)));
        clones.push(seconds(|| clone(&workspace, &sources, pair)));
        if let Some(engine) = engines().first() {
            let root = workspace.path(&format!("get-{pair}"));
            fs_err::create_dir(&root).unwrap();
            fs_err::copy(workspace.path("from/stack/main.tf"), root.join("main.tf")).unwrap();
            gets.push(seconds(|| {
                succeed(Isolated::new(&engine.path, &root).arguments(["get", "-no-color"]), &workspace);
            }));
        }
    }
    let line = |name: &str, values: &[f64]| {
        let ratios = values.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
        println!("{name}: {:.2} s, {:.1} times as long", median(values.to_vec()), median(ratios));
    };
    println!("modules build: {:.2} s", median(ours.clone()));
    line("modules build again, nothing changed", &again);
    line("git clone for each call", &clones);
    match engines().first() {
        Some(engine) => line(&format!("{} get", engine.name), &gets),
        None => println!("no engine is here to compare with"),
    }
}

/// The repositories, and the sources that the one root module calls.
fn lay_out() -> (Workspace, Vec<(String, String)>) {
    let mut tree = Tree::default();
    tree.directory("from/stack/").directory("home/").directory("clones/");
    let workspace = Workspace::holding(&tree, false);
    let (mut sources, mut text) = (Vec::new(), String::new());
    for number in 0..REPOSITORIES {
        let repository = Repository::new(&workspace.path(&format!("repositories/r{number}")));
        for tag in 0..TAGS {
            for file in 0..FILES {
                let lines =
                    (0..60).map(|line| format!("# {number} {tag} {file} {line}\n")).collect::<Vec<_>>().concat();
                repository.write(&format!("modules/m{}/f{file}.tf", file % 10), &lines);
            }
            repository.commit();
            repository.tag(&format!("v{tag}"));
            let source = format!("{}//modules/m{tag}?ref=v{tag}", repository.source());
            text.push_str(&format!("module \"m{number}_{tag}\" {{\n  source = \"{source}\"\n}}\n"));
            sources.push((format!("file://{}", repository.path), format!("v{tag}")));
        }
    }
    fs_err::write(workspace.path("from/stack/main.tf"), text).unwrap();
    (workspace, sources)
}

fn build(workspace: &Workspace, out: &str) {
    let arguments = ["modules", "build", "--from", "from", out];
    succeed(Isolated { offline: false, ..Isolated::new(airtight(), workspace.root()) }.arguments(arguments), workspace);
}

/// One after the other, as the engines do.
fn clone(workspace: &Workspace, sources: &[(String, String)], pair: usize) {
    for (number, (url, tag)) in sources.iter().enumerate() {
        let place = workspace.path(&format!("clones/{pair}-{number}"));
        git(workspace.root(), &["clone", "--quiet", "--", url, place.as_str()]);
        git(&place, &["checkout", "--quiet", tag]);
    }
}

fn succeed(isolated: Isolated, workspace: &Workspace) {
    let output =
        isolated.environment("HOME", workspace.path("home").as_str()).environment("CHECKPOINT_DISABLE", "1").run();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
