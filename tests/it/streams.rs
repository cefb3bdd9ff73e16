//! What Spacelift reads back: both streams are the engine's own, byte for byte, whatever airtight has found.

use airtight_provider::Layout;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::stack::{CONFIGURATION, Stack, succeeded};
use crate::support::workflow_file::Values;

crate::tests! {
    what_is_read_back_is_the_engines_own_bytes(engine with providers),
    a_new_container_reads_back_the_same_bytes(one engine with providers),
    findings_are_silent_where_something_is_read_back(one engine with providers),
    a_failure_to_read_back_is_the_engines_own(one engine with providers),
}

const READ_BACK: [(&str, &[&str]); 3] = [
    ("showPlan", &["show", "-json", "spacelift.plan"]),
    ("showState", &["show", "-json"]),
    ("getOutputs", &["output", "-json"]),
];

/// A stack with a plan and an applied state.
fn applied(engine: &'static Engine) -> Stack {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    for command in ["init", "plan", "apply", "plan"] {
        succeeded(&stack.run(command));
    }
    stack
}

fn assert_same_bytes(stack: &Stack, environment: &[(&str, &str)]) {
    let workflow = stack.workflow(&[]);
    for (name, arguments) in READ_BACK {
        let add = |command: crate::support::isolation::Isolated| {
            environment.iter().fold(command, |command, (name, value)| command.environment(name, *value))
        };
        let ours = add(stack.phase(&workflow, name, &Values::default())).run();
        let engines = stack.engine_alone(arguments.iter().copied()).run();
        assert_eq!(ours.status.code(), engines.status.code(), "{name}");
        assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&engines.stdout), "{name}");
        assert_eq!(String::from_utf8_lossy(&ours.stderr), String::from_utf8_lossy(&engines.stderr), "{name}");
        assert_eq!((ours.stdout, ours.stderr), (engines.stdout, engines.stderr), "{name}");
    }
}

fn what_is_read_back_is_the_engines_own_bytes(engine: &'static Engine) {
    assert_same_bytes(&applied(engine), &[]);
}

fn a_new_container_reads_back_the_same_bytes(engine: &'static Engine) {
    let stack = applied(engine);
    fs::remove_dir_all(stack.path("run")).unwrap();
    fs::create_dir(stack.path("run")).unwrap();
    stack.give("run");
    assert_same_bytes(&stack, &[]);
}

fn findings_are_silent_where_something_is_read_back(engine: &'static Engine) {
    let stack = applied(engine);
    // A mirror of the repository's choice, a CLI configuration in the repository, one that is broken, a shadow, an
    // entry that nothing needs: each is told elsewhere.
    stack.write(".git/HEAD", "");
    stack.write("stack/.spacelift/airtight.yml", "rules:\n  lock-entry-unused: {level: allow, reason: ours}\n");
    stack.write("stack/tfrc", "credentials \"example.com\" {\n  token = \"secret\"\n}\n");
    stack.write("home/.terraformrc", "plugin_cache_dir = \"/nowhere\"\nprovider_installation {\n  direct {}\n}\n");
    stack.write("home/.tofurc", "disable_checkpoint = true\n");
    let plan = ["run", "plan", "--lock=true", "--refresh=true", "--out=spacelift.plan"];
    let tfrc = stack.path("stack/tfrc").into_string();
    let told = stack.airtight(plan).environment("TF_CLI_CONFIG_FILE", &*tfrc).run();
    succeeded(&told);
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(text.contains("cli-config-in-repository"), "there is nothing to be silent about: {text}");
    for format in ["human", "concise", "json"] {
        assert_same_bytes(&stack, &[("TF_CLI_CONFIG_FILE", &tfrc), ("AIRTIGHT_FORMAT", format)]);
    }
}

fn a_failure_to_read_back_is_the_engines_own(engine: &'static Engine) {
    let stack = applied(engine);
    stack.write("stack/spacelift.plan", "no plan");
    stack.write("stack/terraform.tfstate", "no state");
    assert_same_bytes(&stack, &[]);
}
