//! Values that Spacelift pastes into the commands: one argument each from argv on, or a clear refusal.

use std::os::unix::fs::PermissionsExt;

use airtight_provider::Layout;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::stack::{CONFIGURATION, Stack, any_real_engine, stderr, stdout, succeeded};
use crate::support::workflow_file::Values;

crate::tests! {
    a_value_in_single_quotes_is_one_argument,
    an_encoded_value_is_one_argument_with_single_quotes_too,
    a_value_that_is_no_argument_is_refused_before_the_engine,
    a_workspace_named_like_a_version_flag_is_refused(one engine with providers),
    a_plan_file_and_a_target_named_like_a_version_flag_arrive,
    real_engines_take_such_workspaces_and_plan_files(one engine with providers),
}

/// What single quotes carry.
const QUOTABLE: [&str; 14] = [
    "plain",
    "two  words ",
    " first",
    "\"double\"",
    "$(touch /tmp/it)",
    "`id`",
    "$HOME ${HOME}",
    "back\\slash\\n",
    "a;b&c|d<e>f",
    "*?[a]!#~",
    "-leading",
    "--out=x",
    "tab\there",
    "höchst=%41+é{{x}}",
];

/// What only the encoded form carries.
const QUOTES: [&str; 3] = ["a'b", "'; exit 0; '", "'\"'\"'"];

/// What every engine takes for its version flag, wherever it stands.
const VERSION_FLAGS: [&str; 3] = ["-v", "-version", "--version"];

/// An engine that tells its version and else keeps its arguments, one a line, in `run/argv`. The real ones do not tell
/// how they were called.
const RECORDING: &str = "#!/bin/sh\ncase $1 in version) echo 'OpenTofu v1.12.6' ;; *) printf '%s\\n' \"$@\" \
                         >\"$XDG_RUNTIME_DIR/argv\" ;; esac\n";

/// A stack without providers, with the recording engine.
fn recording() -> Option<Stack> {
    let stack = Stack::empty(any_real_engine()?, Layout::Unpacked, "");
    let place = stack.path("bin").join(stack.engine.name);
    fs::remove_file(&place).unwrap();
    fs::write(&place, RECORDING).unwrap();
    fs::set_permissions(&place, PermissionsExt::from_mode(0o755)).unwrap();
    Some(stack)
}

/// The arguments that the recording engine was given.
fn argv(stack: &Stack) -> Vec<String> {
    let text = stack.read("run/argv");
    fs::remove_file(stack.path("run/argv")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn was_started(stack: &Stack) -> bool {
    stack.path("run/argv").exists()
}

fn values_of(value: &str) -> Values {
    Values {
        workspace_name: value.to_owned(),
        plan_file_name: value.to_owned(),
        targets: vec![value.to_owned(), value.to_owned()],
        ..Values::default()
    }
}

/// The engine's arguments for each command that has a value.
fn expected(value: &str) -> [(&'static str, Vec<String>); 5] {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let dashed = value.starts_with('-');
    let name = if dashed { vec!["--", value] } else { vec![value] };
    let file = if dashed { format!("./{value}") } else { value.to_owned() };
    let target = format!("-target={value}");
    [
        ("workspaceSelect", [texts(&["workspace", "select"]), texts(&name)].concat()),
        ("workspaceNew", [texts(&["workspace", "new"]), texts(&name)].concat()),
        ("plan", texts(&["plan", "-input=false", "-lock=true", &format!("-out={value}"), &target, &target])),
        ("showPlan", texts(&["show", "-json", &file])),
        ("apply", texts(&["apply", "-auto-approve", "-input=false", &file])),
    ]
}

fn arrive(stack: &Stack, options: &[&str], values: &[&str]) {
    let workflow = stack.workflow(options);
    for value in values {
        for (command, expected) in expected(value) {
            let output = stack.phase(&workflow, command, &values_of(value)).run();
            assert!(output.status.success(), "{command} {value:?}: {}", stderr(&output));
            assert_eq!(argv(stack), expected, "{command} {value:?}");
        }
    }
}

fn a_value_in_single_quotes_is_one_argument() {
    let Some(stack) = recording() else { return };
    arrive(&stack, &[], &QUOTABLE);
}

fn an_encoded_value_is_one_argument_with_single_quotes_too() {
    let Some(stack) = recording() else { return };
    arrive(&stack, &["--encoded"], &[&QUOTABLE as &[&str], &QUOTES].concat());
}

fn a_value_that_is_no_argument_is_refused_before_the_engine() {
    let Some(stack) = recording() else { return };
    for options in [&[] as &[&str], &["--encoded"]] {
        let workflow = stack.workflow(options);
        for value in ["two\nlines", "return\r", "", "  "] {
            for command in ["workspaceSelect", "workspaceNew", "plan", "showPlan", "apply"] {
                let output = stack.phase(&workflow, command, &values_of(value)).run();
                assert_eq!(output.status.code(), Some(96), "{command} {value:?}: {}", stderr(&output));
                assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
                assert!(stderr(&output).starts_with("airtight: "), "{}", stderr(&output));
                assert!(!was_started(&stack), "{command} {value:?}");
            }
        }
    }
}

/// Both engines look for these flags in every argument, behind `--` too, print their version and end with 0: a
/// workspace would count as selected.
fn a_workspace_named_like_a_version_flag_is_refused(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    for name in VERSION_FLAGS {
        let alone = stack.engine_alone(["workspace", "select", "--", name]).run();
        assert!(succeeded(&alone).contains(&engine.version), "{}", stdout(&alone));
        let values = Values { workspace_name: name.to_owned(), ..Values::default() };
        for command in ["workspaceSelect", "workspaceNew"] {
            for options in [&[] as &[&str], &["--encoded"]] {
                let output = stack.phase(&stack.workflow(options), command, &values).run();
                assert_eq!(output.status.code(), Some(96), "{command} {name}: {}", stdout(&output));
                let message = stderr(&output);
                assert!(message.contains(&format!("`{name}`")) && message.contains("version"), "{message}");
            }
        }
    }
}

fn a_plan_file_and_a_target_named_like_a_version_flag_arrive() {
    let Some(stack) = recording() else { return };
    let workflow = stack.workflow(&[]);
    for value in VERSION_FLAGS {
        for (command, expected) in expected(value).into_iter().skip(2) {
            succeeded(&stack.phase(&workflow, command, &values_of(value)).run());
            assert_eq!(argv(&stack), expected, "{command}");
        }
    }
}

/// The engines accept few characters in a workspace's name, and any in a plan file's.
fn real_values(engine: &'static Engine, options: &[&str], plan_files: &[&str]) {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    let workflow = stack.workflow(options);
    let run = |command: &str, values: &Values| succeeded(&stack.phase(&workflow, command, values).run());
    run("init", &Values::default());
    for name in ["-x", "--help", "$HOME", "a&b=c:d@e+f"] {
        let values = Values { workspace_name: name.to_owned(), ..Values::default() };
        run("workspaceNew", &values);
        assert_eq!(stack.read("stack/.terraform/environment"), name);
    }
    for name in ["default", "--help"] {
        run("workspaceSelect", &Values { workspace_name: name.to_owned(), ..Values::default() });
        assert_eq!(stack.read("stack/.terraform/environment"), name);
    }
    for name in plan_files {
        let values = Values { plan_file_name: (*name).to_owned(), ..Values::default() };
        run("plan", &values);
        assert!(stack.path("stack").join(name).is_file(), "{name:?}");
        let plan: serde_json::Value = serde_json::from_str(&run("showPlan", &values)).unwrap();
        assert!(plan["format_version"].is_string(), "{name:?}: {plan}");
    }
    run("apply", &Values { plan_file_name: (*plan_files.last().unwrap()).to_owned(), ..Values::default() });
    run("getOutputs", &Values::default());
}

fn real_engines_take_such_workspaces_and_plan_files(engine: &'static Engine) {
    real_values(engine, &[], &["$(id) `id` \"x\"", "-version", "-no-color"]);
    real_values(engine, &["--encoded"], &["it's", "-no-color"]);
}
