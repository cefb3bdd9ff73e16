//! The whole run of a stack by the rendered workflow's commands: a real engine, real providers, `sh`, no network.

use airtight_provider::Layout;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::isolation::is_root;

use crate::support::stack::{CONFIGURATION, LAYOUTS, Stack, layout_for, package, stderr, succeeded};
use crate::support::workflow_file::{Values, WorkflowFile};

crate::tests! {
    a_stack_goes_from_init_to_destroy_without_network(engine with providers),
    encoded_values_go_the_same_way(one engine with providers),
    the_direct_form_goes_the_same_way_without_airtight(one engine with providers),
    the_rendered_file_has_every_command_of_spacelift(engine with providers),
}

/// Init to destroy. What is read back is the engine's JSON, with nothing beside it.
fn goes_through(stack: &Stack, workflow: &WorkflowFile, environment: &[(&str, String)]) {
    let values =
        Values { targets: vec!["terraform_data.one".to_owned()], lock: false, refresh: false, ..Values::default() };
    let run = |name: &str, values: &Values| {
        let command = stack.phase(workflow, name, values);
        let command = environment.iter().fold(command, |command, (name, value)| command.environment(name, value));
        let output = command.run();
        (succeeded(&output), stderr(&output))
    };
    let read_back = |name: &str| {
        let (json, errors) = run(name, &values);
        assert_eq!(errors, "", "{name}");
        serde_json::from_str::<serde_json::Value>(&json).unwrap_or_else(|error| panic!("{name}: {error}: {json}"))
    };
    run("init", &values);
    run("workspaceNew", &values);
    run("workspaceSelect", &values);
    assert_eq!(stack.read("stack/.terraform/environment"), "production");
    let (planned, _) = run("plan", &values);
    assert!(planned.contains("2 to add"), "{planned}");
    let plan = read_back("showPlan");
    let changes = plan["resource_changes"].as_array().unwrap();
    let addresses: Vec<_> = changes.iter().map(|change| change["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, ["random_pet.name", "terraform_data.one"]);
    // A plan of a target leaves the outputs alone; what a run applies is a whole one.
    run("plan", &Values::default());
    run("apply", &values);
    let state = read_back("showState");
    let name = state["values"]["outputs"]["name"]["value"].as_str().unwrap().to_owned();
    assert!(name.contains('-'), "{state}");
    assert_eq!(read_back("getOutputs")["name"]["value"], name.as_str());
    let (destroyed, _) = run("destroy", &values);
    assert!(destroyed.contains("2 destroyed"), "{destroyed}");
    assert!(read_back("showState")["values"].is_null());
}

/// Every file of the mirror, with what changes when somebody touches it.
fn mirror_of(stack: &Stack) -> Vec<(String, u64, std::time::SystemTime)> {
    let mut files = Vec::new();
    let mut waiting = vec![stack.path("mirror")];
    while let Some(place) = waiting.pop() {
        let metadata = fs::symlink_metadata(&place).unwrap();
        if metadata.is_dir() {
            waiting.extend(place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
        }
        files.push((place.to_string(), metadata.len(), metadata.modified().unwrap()));
    }
    files.sort();
    files
}

fn each_stack(engine: &'static Engine, layouts: &[Layout], check: impl Fn(&Stack)) {
    for layout in layouts.iter().copied() {
        let stack = Stack::new(engine, layout, CONFIGURATION);
        if is_root() {
            let touch = stack.shell("touch \"$AIRTIGHT_MIRROR\"/x").run();
            assert!(!touch.status.success(), "the run's user can write the mirror");
        }
        let before = mirror_of(&stack);
        check(&stack);
        assert_eq!(mirror_of(&stack), before);
        let installed = stack.path("stack/.terraform/providers").join(package("random").path(engine, Layout::Unpacked));
        assert_eq!(installed.is_symlink(), layout == Layout::Unpacked, "{installed}");
    }
}

fn a_stack_goes_from_init_to_destroy_without_network(engine: &'static Engine) {
    each_stack(engine, &LAYOUTS, |stack| {
        goes_through(stack, &stack.workflow(&[]), &[]);
    });
}

fn encoded_values_go_the_same_way(engine: &'static Engine) {
    each_stack(engine, &[layout_for(engine)], |stack| {
        goes_through(stack, &stack.workflow(&["--encoded"]), &[]);
    });
}

fn the_direct_form_goes_the_same_way_without_airtight(engine: &'static Engine) {
    each_stack(engine, &[layout_for(engine)], |stack| {
        let workflow = stack.workflow(&["--direct", "--engine", engine.name]);
        fs::remove_file(stack.path("bin/airtight")).unwrap();
        goes_through(stack, &workflow, &[("TF_CLI_CONFIG_FILE", stack.path("tfrc").into_string())]);
    });
}

fn the_rendered_file_has_every_command_of_spacelift(engine: &'static Engine) {
    let commands =
        ["apply", "destroy", "getOutputs", "init", "plan", "showPlan", "showState", "workspaceNew", "workspaceSelect"];
    let stack = Stack::empty(engine, Layout::Unpacked, "");
    for options in [&[] as &[&str], &["--encoded"], &["--direct"]] {
        assert_eq!(stack.workflow(options).names(), commands);
    }
}
