//! A stack that calls the engine by itself: the hook scripts in the phase's shell, with the real airtight and engine.

use std::process::Command;

use airtight_provider::Layout;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::stack::{CONFIGURATION, Stack, package, stderr, stdout, succeeded};

crate::tests! {
    a_native_stack_goes_from_init_to_destroy_behind_its_hooks(engine with providers),
    one_shell_session_goes_through_every_hook(one engine with providers),
    a_refused_phase_of_a_native_stack_does_not_reach_the_engine(one engine with providers),
    a_task_runs_before_anything_is_installed(one engine with providers),
}

/// Programs that a runner image may have as `sh`.
const SHELLS: [&str; 3] = ["/bin/dash", "/bin/bash", "/bin/busybox sh"];

fn shells() -> Vec<&'static str> {
    let is_here = |shell: &&str| {
        let mut words = shell.split(' ');
        Command::new(words.next().unwrap()).args(words).args(["-c", ":"]).output().is_ok()
    };
    SHELLS.into_iter().filter(is_here).collect()
}

/// A stack with the hooks mounted beside its source.
fn stack_with_hooks(engine: &'static crate::support::engines::Engine) -> Stack {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    fs::create_dir(stack.path("hooks")).unwrap();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/hooks")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), stack.path("hooks").join(entry.file_name().to_str().unwrap())).unwrap();
    }
    stack
}

/// The phase as Spacelift joins it: newer versions brace a hook, older ones do not.
fn phases(stack: &Stack, point: &str, command: &str) -> [String; 2] {
    let hook = format!(". {}/hooks/{point}.sh", stack.path(""));
    [format!("{{ {hook}; }} && {command}"), format!("{hook} && {command}")]
}

fn run(stack: &Stack, shell: &str, phase: &str) -> std::process::Output {
    let mut words = shell.split(' ');
    let program = words.next().unwrap();
    stack.command(program.into()).arguments(words.chain(["-c", phase])).run()
}

fn a_native_stack_goes_from_init_to_destroy_behind_its_hooks(engine: &'static Engine) {
    let name = engine.name;
    for shell in shells() {
        for form in 0..2 {
            let stack = stack_with_hooks(engine);
            let phase = |point: &str, command: &str| {
                let output = run(&stack, shell, &phases(&stack, point, command)[form]);
                assert!(stderr(&output).contains("airtight: cleared"), "{shell} {point}: {}", stderr(&output));
                succeeded(&output)
            };
            phase("before_init", &format!("{name} init -input=false"));
            // A shell of each phase its own, as after a pause; and one for what a session keeps.
            phase("before_plan", &format!("{name} plan -input=false -out=p"));
            phase("before_apply", &format!("{name} apply -input=false p"));
            let listed = phase("before_perform", &format!("{name} state list"));
            assert_eq!(listed, "random_pet.name\nterraform_data.one\n", "{shell}");
            phase("before_destroy", &format!("{name} destroy -auto-approve -input=false"));
        }
    }
}

fn one_shell_session_goes_through_every_hook(engine: &'static Engine) {
    let name = engine.name;
    for shell in shells() {
        let stack = stack_with_hooks(engine);
        let [braced, _] = phases(&stack, "before_init", &format!("{name} init -input=false"));
        let [_, bare] = phases(&stack, "before_plan", &format!("{name} plan -input=false -out=p"));
        let output = run(&stack, shell, &format!("{braced} && {bare} && echo \"$TF_CLI_CONFIG_FILE\""));
        let text = succeeded(&output);
        let configuration = text.lines().last().unwrap();
        assert!(configuration.starts_with(stack.path("run").as_str()), "{text}");
    }
}

fn a_refused_phase_of_a_native_stack_does_not_reach_the_engine(engine: &'static Engine) {
    for shell in shells() {
        let stack = stack_with_hooks(engine);
        stack.tamper(package("random"));
        for phase in phases(&stack, "before_init", &format!("{} init -input=false", engine.name)) {
            let output = run(&stack, shell, &phase);
            assert_eq!(output.status.code(), Some(100), "{shell}: {phase}: {}", stderr(&output));
            assert_eq!(stdout(&output), "", "{shell}: {phase}");
            assert!(stderr(&output).contains("package-mismatch"), "{}", stderr(&output));
            assert!(!stack.path("stack/.terraform").exists(), "the engine was started");
        }
    }
}

/// A task may mend what `init` fails on, so nothing installed is no reason to refuse it.
fn a_task_runs_before_anything_is_installed(engine: &'static Engine) {
    let stack = stack_with_hooks(engine);
    for shell in shells() {
        for phase in phases(&stack, "before_perform", &format!("{} init -input=false", engine.name)) {
            succeeded(&run(&stack, shell, &phase));
            fs::remove_dir_all(stack.path("stack/.terraform")).unwrap();
        }
    }
}
