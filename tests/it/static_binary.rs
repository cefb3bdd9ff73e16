//! The binary runs in an image that has nothing else: no libc, no shell, no `/etc`, no `/tmp`.

use std::process::{Command, Output};

use fs_err as fs;

use crate::support::isolation::{airtight, is_root};
use crate::support::runner::ignored;
use crate::support::stack::{stderr, stdout, succeeded};
use crate::support::tree::Workspace;

crate::tests! {
    nothing_is_linked_at_run_time,
    it_runs_in_an_empty_root,
}

/// Where this machine allows no empty root, says so.
fn in_empty_root(root: &Workspace, arguments: &[&str]) -> Option<Output> {
    let target = root.path("airtight");
    if !target.exists() {
        fs::copy(airtight(), &target).unwrap();
    }
    let mut command = if is_root() {
        Command::new("chroot")
    } else {
        let mut command = Command::new("unshare");
        command.args(["-r", "chroot"]);
        command
    };
    let output = command.arg(root.root()).arg("/airtight").args(arguments).env_clear();
    let output = output.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
    match output {
        Ok(output) if output.status.code() != Some(125) && !stderr(&output).contains("unshare:") => Some(output),
        _ => {
            ignored("no root directory can be changed here");
            None
        }
    }
}

fn nothing_is_linked_at_run_time() {
    if !cfg!(target_feature = "crt-static") {
        return ignored("this build is not static");
    }
    let elf = fs::read(airtight()).unwrap();
    let number = |at: usize, size: usize| {
        elf[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    // The program headers of a 64-bit file: an interpreter is type 3.
    let (start, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let types: Vec<_> = (0..count).map(|index| number(start + index * size, 4)).collect();
    assert!(types.contains(&1) && !types.contains(&3), "{types:?}");
    // Where the tools are here, they have to agree.
    if let Ok(output) = Command::new("file").arg("-L").arg(airtight()).output() {
        assert!(stdout(&output).contains("static"), "{}", stdout(&output));
    }
    if let Ok(output) = Command::new("ldd").arg(airtight()).output() {
        let text = stdout(&output) + &stderr(&output);
        assert!(text.contains("statically linked") || text.contains("not a dynamic executable"), "{text}");
    }
}

fn it_runs_in_an_empty_root() {
    if !cfg!(target_feature = "crt-static") {
        return ignored("this build is not static");
    }
    let root = Workspace::new();
    let Some(version) = in_empty_root(&root, &["--version"]) else { return };
    assert_eq!(succeeded(&version), concat!("airtight ", env!("CARGO_PKG_VERSION"), "\n"));
    let check = ["check", "--engine", "tofu", "--engine-version", "1.12.6", "/"];
    let checked = in_empty_root(&root, &check).unwrap();
    // An empty directory is no configuration: the engine says so and succeeds.
    assert!(succeeded(&checked).contains("OpenTofu 1.12.6"), "{}", stdout(&checked));
    let codes = succeeded(&in_empty_root(&root, &["explain"]).unwrap());
    assert!(codes.contains("provider-not-locked"), "{codes}");
    let page = succeeded(&in_empty_root(&root, &["explain", "provider-not-locked"]).unwrap());
    assert!(page.contains("h1:"), "{page}");
    let workflow = succeeded(&in_empty_root(&root, &["render", "workflow"]).unwrap());
    assert!(workflow.contains("airtight run init"), "{workflow}");
    let no_engine = in_empty_root(&root, &["run", "init"]).unwrap();
    assert_eq!(no_engine.status.code(), Some(127), "{}", stderr(&no_engine));
}
