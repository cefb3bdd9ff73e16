//! Signals reach the engine, and its exit code comes back: where airtight has become the engine, and at `init`, which is
//! a child.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use airtight::domain::Layout;
use camino::Utf8Path;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::engines::Engine;
use crate::support::isolation::Isolated;
use crate::support::report_ignored;
use crate::support::stack::{CONFIGURATION, Stack, package, real_engines, stderr, stdout, succeeded};
use crate::support::state_server::{backend, can_serve, serving};
use crate::support::workflow_file::Values;

const SIGNALS: [Signal; 2] = [Signal::INT, Signal::TERM];

/// Longer than a test would wait for an engine that was not told.
const SLOW: Duration = Duration::from_secs(60);

/// Starts the command, sends its own process the signal once the file is there, and waits for its end.
fn interrupted(command: &Isolated, once: &Utf8Path, signal: Signal) -> Output {
    let child = command.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while !once.exists() && started.elapsed() < SLOW {
        std::thread::sleep(Duration::from_millis(20));
    }
    let is_slow = once.exists();
    let told = Instant::now();
    let _ = kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), signal);
    let output = child.wait_with_output().unwrap();
    assert!(is_slow, "it never came to the slow part: {}\n{}", stdout(&output), stderr(&output));
    assert!(told.elapsed() < SLOW, "the engine was not told");
    output
}

/// Both were told. How far an engine still gets is a matter of its timing, so that its code is one of the two that an
/// engine ends with by itself after an interrupt, and never one of ours.
fn assert_was_told(output: &Output, alone: &Output, what: &str) {
    let told = |output: &Output| (stdout(output) + &stderr(output)).to_lowercase().contains("interrupt");
    assert!(told(alone), "{what}: the engine alone: {}\n{}", stdout(alone), stderr(alone));
    assert!(told(output), "{what}: {}\n{}", stdout(output), stderr(output));
    for output in [alone, output] {
        assert!(matches!(output.status.code(), Some(0 | 1)), "{what}: {}\n{}", stdout(output), stderr(output));
    }
}

/// An apply that a provisioner keeps busy.
#[test]
fn an_interrupt_of_apply_is_the_engines() {
    for engine in real_engines("signals::an_interrupt_of_apply_is_the_engines") {
        for signal in SIGNALS {
            let stack = Stack::empty(engine, Layout::Unpacked, "");
            package("null").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
            stack.lock(&[package("null").lock(engine)]);
            let busy = stack.path("run/busy");
            stack.write(
                "stack/main.tf",
                &format!(
                    "resource \"null_resource\" \"slow\" {{\n  provisioner \"local-exec\" {{\n    command = \"touch {busy}; \
                     exec sleep {}\"\n  }}\n}}\n",
                    2 * SLOW.as_secs()
                ),
            );
            succeeded(&stack.run("init"));
            succeeded(&stack.run("plan"));
            let apply = stack.phase(&stack.workflow(&[]), "apply", &Values::default());
            let output = interrupted(&Isolated { arguments: exec(&apply.arguments), ..apply }, &busy, signal);
            fs_err::remove_file(&busy).unwrap();
            let _ = fs_err::remove_file(stack.path("stack/terraform.tfstate"));
            succeeded(&stack.run("plan"));
            let alone = stack.engine_alone(["apply", "-auto-approve", "-input=false", "spacelift.plan"]);
            let alone = interrupted(&alone, &busy, signal);
            assert_was_told(&output, &alone, &format!("{} {signal:?}", engine.name));
        }
    }
}

/// The worker's shell is the process that it knows; a shell with one command becomes it.
fn exec(arguments: &[String]) -> Vec<String> {
    let [option, script] = arguments else { panic!("{arguments:?}") };
    vec![option.clone(), format!("exec {script}")]
}

/// A stack whose state takes its time.
fn slow_state(engine: &'static Engine) -> Stack {
    let stack = Stack::new(engine, Layout::Unpacked, &(backend() + CONFIGURATION));
    stack.write("server/delay", "0");
    stack
}

fn with_slow_state(test: &str, check: impl Fn(&Stack, Signal, &str)) {
    let engines = real_engines(test);
    if !engines.is_empty() && !can_serve() {
        return report_ignored(test, "no loopback can be started in a namespace here");
    }
    for engine in engines {
        for signal in SIGNALS {
            check(&slow_state(engine), signal, &format!("{} {signal:?}", engine.name));
        }
    }
}

#[test]
fn an_interrupt_of_plan_is_the_engines() {
    with_slow_state("signals::an_interrupt_of_plan_is_the_engines", |stack, signal, what| {
        let server = stack.path("server");
        let plan = ["run", "plan", "--lock=false", "--refresh=true", "--out=p"];
        succeeded(&serving(stack.airtight(["run", "init"]), &server).run());
        stack.write("server/delay", "5000");
        let output = interrupted(&serving(stack.airtight(plan), &server), &server.join("asked"), signal);
        let alone = stack.engine_alone(["plan", "-input=false", "-lock=false", "-out=p"]);
        let alone = interrupted(&serving(alone, &server), &server.join("asked"), signal);
        assert_was_told(&output, &alone, what);
    });
}

#[test]
fn an_interrupt_of_init_is_passed_on_to_the_engine() {
    with_slow_state("signals::an_interrupt_of_init_is_passed_on_to_the_engine", |stack, signal, what| {
        let server = stack.path("server");
        stack.write("server/delay", "5000");
        let alone = serving(stack.engine_alone(["init", "-input=false"]), &server);
        let alone = interrupted(&alone, &server.join("asked"), signal);
        let _ = fs_err::remove_dir_all(stack.path("stack/.terraform"));
        let output = interrupted(&serving(stack.airtight(["run", "init"]), &server), &server.join("asked"), signal);
        assert_was_told(&output, &alone, what);
    });
}

#[test]
fn the_detailed_exit_code_of_plan_comes_back() {
    for engine in real_engines("signals::the_detailed_exit_code_of_plan_comes_back") {
        let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
        let workflow = stack.workflow(&[]);
        succeeded(&stack.run("init"));
        let plan = || {
            let plan = stack.phase(&workflow, "plan", &Values::default());
            plan.environment("TF_CLI_ARGS_plan", "-detailed-exitcode").run()
        };
        assert_eq!(plan().status.code(), Some(2));
        succeeded(&stack.run("apply"));
        assert_eq!(plan().status.code(), Some(0));
        stack.write("stack/broken.tf", "resource \"random_pet\" \"name\" {}\n");
        assert_eq!(plan().status.code(), Some(1));
    }
}
