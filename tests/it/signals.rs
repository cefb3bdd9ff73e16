//! Signals reach the engine, and its exit code comes back: where airtight has become the engine, and at `init`, which is
//! a child.

use std::process::{Child, Output};
use std::time::{Duration, Instant};

use airtight_provider::Layout;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::engines::Engine;
use crate::support::isolation::Isolated;
use crate::support::runner::ignored;
use crate::support::stack::{CONFIGURATION, Stack, any_real_engine, package, stderr, stdout, succeeded};
use crate::support::state_server::{backend, can_serve, serving};
use crate::support::workflow_file::Values;

crate::tests! {
    an_interrupt_of_apply_is_the_engines(one engine with providers),
    an_interrupt_of_plan_is_the_engines(one engine with providers),
    an_interrupt_of_init_is_passed_on_to_the_engine(engine with providers),
    a_killed_airtight_takes_the_engines_init_with_it,
    an_engine_that_cannot_be_started_for_init_ends_with_126,
    the_detailed_exit_code_of_plan_comes_back(one engine with providers),
}

const SIGNALS: [Signal; 2] = [Signal::INT, Signal::TERM];

/// Longer than any engine takes that was told.
const SLOW: Duration = Duration::from_mins(1);

/// Starts the command, sends its own process the signal once it has come to its slow part, and waits for its end.
fn interrupted(stack: &Stack, command: &Isolated, is_slow: impl Fn(&str) -> bool, signal: Signal) -> Output {
    let (out, err) = (stack.path("out"), stack.path("err"));
    let file = |path| std::fs::File::from(fs_err::File::create(path).unwrap());
    let mut child = command.command().stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let printed = || fs_err::read_to_string(&out).unwrap();
    let mut wait_until = |what: &str, is_so: &dyn Fn(&mut Child) -> bool| {
        let started = Instant::now();
        while !is_so(&mut child) {
            if started.elapsed() > SLOW {
                let _ = child.kill();
                panic!("{what}: {}\n{}", printed(), fs_err::read_to_string(&err).unwrap());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.id()
    };
    let id = wait_until("it never came to its slow part", &|_| is_slow(&printed()));
    kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), signal).unwrap();
    wait_until("the engine was not told", &|child| child.try_wait().unwrap().is_some());
    let status = child.wait().unwrap();
    Output { status, stdout: fs_err::read(&out).unwrap(), stderr: fs_err::read(&err).unwrap() }
}

fn assert_was_told(output: &Output, alone: &Output, what: &str) {
    let told = |output: &Output| (stdout(output) + &stderr(output)).to_lowercase().contains("interrupt");
    assert!(told(alone), "{what}: the engine alone: {}\n{}", stdout(alone), stderr(alone));
    assert!(told(output), "{what}: {}\n{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), alone.status.code(), "{what}: {}\n{}", stdout(output), stderr(output));
}

/// An apply that a provisioner keeps busy.
fn an_interrupt_of_apply_is_the_engines(engine: &'static Engine) {
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
        let apply = Isolated { arguments: exec(&apply.arguments), ..apply };
        let output = interrupted(&stack, &apply, |_| busy.exists(), signal);
        fs_err::remove_file(&busy).unwrap();
        let _ = fs_err::remove_file(stack.path("stack/terraform.tfstate"));
        succeeded(&stack.run("plan"));
        let alone = stack.engine_alone(["apply", "-auto-approve", "-input=false", "spacelift.plan"]);
        let alone = interrupted(&stack, &alone, |_| busy.exists(), signal);
        assert_was_told(&output, &alone, &format!("{} {signal:?}", engine.name));
    }
}

/// The worker's shell is the process that it knows; a shell with one command becomes it.
fn exec(arguments: &[String]) -> Vec<String> {
    let [option, script] = arguments else { panic!("{arguments:?}") };
    vec![option.clone(), format!("exec {script}")]
}

/// A plan that reads many data sources, one after the other.
fn an_interrupt_of_plan_is_the_engines(engine: &'static Engine) {
    for signal in SIGNALS {
        let stack = Stack::empty(engine, Layout::Unpacked, "data \"null_data_source\" \"many\" {\n  count = 800\n}\n");
        package("null").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
        stack.lock(&[package("null").lock(engine)]);
        succeeded(&stack.run("init"));
        let interrupt = |plan: Isolated| {
            let plan = plan.environment("TF_CLI_ARGS_plan", "-no-color -parallelism=1");
            interrupted(&stack, &plan, |printed| printed.contains("Reading..."), signal)
        };
        let plan = stack.phase(&stack.workflow(&[]), "plan", &Values::default());
        let output = interrupt(Isolated { arguments: exec(&plan.arguments), ..plan });
        let alone = interrupt(stack.engine_alone(["plan", "-input=false", "-out=p"]));
        assert_was_told(&output, &alone, &format!("{} {signal:?}", engine.name));
    }
}

/// An `init` whose state takes its time.
fn an_interrupt_of_init_is_passed_on_to_the_engine(engine: &'static Engine) {
    if !can_serve() {
        return ignored("no loopback can be started in a namespace here");
    }
    for signal in SIGNALS {
        let stack = Stack::new(engine, Layout::Unpacked, &(backend() + CONFIGURATION));
        stack.write("server/delay", "1500");
        let server = stack.path("server");
        let interrupt = |init: Isolated| {
            let output = interrupted(&stack, &serving(init, &server), |_| server.join("asked").exists(), signal);
            let _ = fs_err::remove_dir_all(stack.path("stack/.terraform"));
            output
        };
        let alone = interrupt(stack.engine_alone(["init", "-input=false"]));
        let output = interrupt(stack.airtight(["run", "init"]));
        assert_was_told(&output, &alone, &format!("{} {signal:?}", engine.name));
    }
}

/// An engine in whose place `init` does what `script` says.
fn with_init(stack: &Stack, script: &str) -> Isolated {
    let name = stack.engine.name;
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = init ]; then\n  {script}\nfi\nexec {} \"$@\"\n",
        stack.path("bin").join(name)
    );
    stack.write(&format!("stand-in/{name}"), &text);
    let program = stack.path("stand-in").join(name);
    fs_err::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    stack.airtight(["run", "--engine", program.as_str(), "init"])
}

/// What cannot be caught: a time limit, the kernel's memory killer.
fn a_killed_airtight_takes_the_engines_init_with_it() {
    let Some(engine) = any_real_engine() else { return };
    let stack = Stack::empty(engine, Layout::Unpacked, "output \"a\" {\n  value = 1\n}\n");
    let (pid, begun) = (stack.path("run/pid"), stack.path("run/begun"));
    let init = with_init(&stack, &format!("echo $$ >{pid}; mv {pid} {begun}; exec sleep 120"));
    let output = interrupted(&stack, &init, |_| begun.exists(), Signal::KILL);
    assert_eq!(output.status.code(), None);
    let process = format!("/proc/{}/stat", fs_err::read_to_string(begun).unwrap().trim());
    let started = Instant::now();
    // Killed, and perhaps not yet waited for.
    let is_there = || fs_err::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z "));
    while is_there() {
        assert!(started.elapsed() < Duration::from_secs(10), "the engine goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The engine is started by way of this binary: what comes of it is as if it were not.
fn an_engine_that_cannot_be_started_for_init_ends_with_126() {
    let Some(engine) = any_real_engine() else { return };
    let stack = Stack::empty(engine, Layout::Unpacked, "output \"a\" {\n  value = 1\n}\n");
    let init = with_init(&stack, "exit 126");
    let output = init.run();
    assert_eq!(output.status.code(), Some(126));
    assert!(!stderr(&output).contains("cannot be executed"), "{}", stderr(&output));
    // Its version is asked for first.
    let program = stack.path("stand-in").join(engine.name);
    let text = stack.read(&format!("stand-in/{}", engine.name));
    let init = with_init(&stack, "exit 0");
    fs_err::write(&program, text.replace("exec ", "chmod 644 \"$0\"; exec ")).unwrap();
    let output = init.run();
    assert_eq!(output.status.code(), Some(126), "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&format!("`{program}` cannot be executed: Permission denied")),
        "{}",
        stderr(&output)
    );
}

fn the_detailed_exit_code_of_plan_comes_back(engine: &'static Engine) {
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
