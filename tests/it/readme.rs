//! The shell blocks of the README and of the documentation: each is run here, or covered by the test that its name leads to.

use std::process::Command;

use airtight_provider::Layout;
use camino::Utf8Path;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::isolation::airtight;
use crate::support::stack::{CONFIGURATION, Stack, any_real_engine, succeeded};

crate::tests! {
    every_command_is_run_by_a_test,
    commands_of_airtight_do_what_they_show(one engine with providers),
    hooks_of_the_readme_are_here,
    the_example_runs,
}

/// The commands of every `sh` block.
pub(crate) fn commands() -> Vec<String> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let pages = crate::docs::pages().into_iter().filter(|(name, _)| !crate::docs::GENERATED.contains(&name.as_str()));
    let texts: Vec<String> = std::iter::once(readme).chain(pages.map(|(_, text)| text)).collect();
    let mut commands = Vec::new();
    let mut is_inside = false;
    for line in texts.iter().flat_map(|text| text.lines()) {
        match line {
            "```sh" => is_inside = true,
            "```" => is_inside = false,
            line if is_inside && !line.trim().is_empty() && !commands.iter().any(|known| known == line) => {
                commands.push(line.to_owned());
            }
            _ => {}
        }
    }
    commands
}

/// What runs a command, or looks after it.
enum Runner {
    /// By `sh`, in a stack, with the mirror where the command names one.
    Stack,
    /// `tests/it/native_hooks.rs`, in every shell.
    NativeHooks,
    /// [`the_example_runs`].
    Example,
    /// `tests/it/mirror_build.rs`, with a registry of its own.
    MirrorBuild,
    /// `tests/it/reach.rs`, where nothing is open.
    Reach,
    /// Nothing: a container builder needs base images from the network. What it is given is rendered by [`Self::Stack`].
    Builder,
    /// `tests/it/settings.rs`.
    Exceptions,
    /// `tests/it/modules_build.rs` and `modules_upkeep.rs`, with servers of their own.
    Modules,
    /// This very run, and the deep comparison, which `.ci/run` runs.
    Tests,
}

fn runner(command: &str) -> Option<Runner> {
    match command {
        "examples/run" => Some(Runner::Example),
        "cargo test --locked" => Some(Runner::Tests),
        _ if command.contains("tests/deep") => Some(Runner::Tests),
        _ if command.starts_with(". /usr/local/share/airtight/hooks/") => Some(Runner::NativeHooks),
        "docker build -t runner ." => Some(Runner::Builder),
        // `tests/it/settings.rs`, which takes the file from the page itself.
        _ if command.contains("--settings airtight-exception.yml") => Some(Runner::Exceptions),
        _ if command.starts_with("airtight reach ") => Some(Runner::Reach),
        _ if command.starts_with("airtight mirror build ") => Some(Runner::MirrorBuild),
        _ if command.starts_with("airtight modules ") => Some(Runner::Modules),
        _ if command.starts_with("airtight ") => Some(Runner::Stack),
        _ => None,
    }
}

fn every_command_is_run_by_a_test() {
    let commands = commands();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in &commands {
        assert!(runner(command).is_some(), "no test runs `{command}`");
    }
}

fn commands_of_airtight_do_what_they_show(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    for command in commands().into_iter().filter(|command| matches!(runner(command), Some(Runner::Stack))) {
        let here = command.replace("--mirror providers", "--mirror /providers");
        let here = here.replace("/providers", stack.path("mirror").as_str()).replace("path/to/stack", ".");
        let output = succeeded(&stack.shell(&here).run());
        assert!(!output.is_empty() || here.contains('>'), "`{command}` prints nothing");
    }
    let workflow = fs::read_to_string(stack.path("stack/workflow.yml")).unwrap();
    assert!(workflow.contains("airtight run init"), "{workflow}");
}

fn hooks_of_the_readme_are_here() {
    for command in commands() {
        if let Some(name) = command.strip_prefix(". /usr/local/share/airtight/hooks/") {
            let script = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks").join(name);
            assert!(script.is_file(), "{script}");
        }
    }
}

fn the_example_runs() {
    if any_real_engine().is_none() {
        return;
    }
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/run"));
    // From another directory, with the binary under test, in the target directory of this very run.
    let output = command
        .current_dir("/")
        .env("AIRTIGHT", airtight())
        .env("CARGO_TARGET_DIR", crate::support::engines::target_directory())
        .output()
        .unwrap();
    let text = succeeded(&output);
    for heading in ["== Done", "Refused, with exit code 100."] {
        assert!(text.contains(heading), "{text}");
    }
}
