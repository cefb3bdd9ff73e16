//! A provider that only the state behind a remote backend needs: nothing in the repository names it.

use airtight_provider::Layout;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::isolation::is_root;
use crate::support::runner::ignored;
use crate::support::stack::{Stack, package, refused, stderr, stdout, succeeded};
use crate::support::state_server::{backend, can_serve, serving};

crate::tests! {
    a_missing_provider_of_a_remote_state_is_explained_by_its_resources(engine with providers),
    a_provider_that_only_a_remote_state_brought_is_refused_after_init(engine with providers),
    reading_the_state_starts_the_images_programs_only(one engine with providers),
    a_second_native_init_launders_nothing(one engine with providers),
    an_init_that_is_killed_late_launders_nothing(one engine with providers),
}

const RANDOM_ONLY: &str = "resource \"random_pet\" \"name\" {}\n";

/// A stack that names `random` alone, with a state behind HTTP that needs `null` too.
fn stack(engine: &'static Engine) -> Stack {
    let stack = Stack::empty(engine, Layout::Unpacked, &(backend() + RANDOM_ONLY));
    package("random").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
    stack.lock(&[package("random").lock(engine)]);
    let state = serde_json::json!({
        "version": 4, "terraform_version": "1.5.0", "serial": 1, "lineage": "8f5c3f4e-0000-4000-8000-000000000000",
        "outputs": {},
        "resources": [{
            "module": "module.old", "mode": "managed", "type": "null_resource", "name": "kept",
            "provider": format!("provider[\"{}\"]", package("null").address(engine)),
            "instances": [{"schema_version": 0, "attributes": {"id": "1", "triggers": null}}],
        }],
    });
    stack.write("server/state", &state.to_string());
    stack
}

fn a_missing_provider_of_a_remote_state_is_explained_by_its_resources(engine: &'static Engine) {
    if !can_serve() {
        return ignored("no loopback can be started in a namespace here");
    }
    let stack = stack(engine);
    let alone = serving(stack.engine_alone(["init", "-input=false"]), &stack.path("server")).run();
    assert_eq!(alone.status.code(), Some(1), "{}", stdout(&alone));
    assert!(!stderr(&alone).contains("null_resource"), "the engine explains it by itself: {}", stderr(&alone));
    fs::remove_dir_all(stack.path("stack/.terraform")).unwrap();

    let output = serving(stack.airtight(["run", "init"]), &stack.path("server")).run();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in ["provider-missing", "module.old.null_resource.kept", &package("null").address(engine)] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// What reading the state would start: the script in the engine's place starts a program of the repository.
fn reading_the_state_starts_the_images_programs_only(engine: &'static Engine) {
    if !can_serve() || !is_root() || airtight_gate::exec::guard::check_kernel().is_err() {
        return ignored("no loopback can be started in a namespace here, or the kernel has no Landlock");
    }
    for (execute, runs) in [("anything", true), ("image", false)] {
        let stack = stack(engine);
        package("null").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
        stack.write("stack/planted", "#!/bin/sh\ntouch ran\n");
        fs::set_permissions(stack.path("stack/planted"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        stack.wrap_engine("if [ \"$1 $2\" = 'state pull' ]; then ./planted; fi");
        stack.write("settings.yml", &format!("execute: {execute}\n"));
        let init = stack.airtight(["run", "--settings", stack.path("settings.yml").as_str(), "init"]);
        let text = refused(&serving(init, &stack.path("server")).run());
        assert!(text.contains("module.old.null_resource.kept"), "{text}");
        assert_eq!(stack.path("stack/ran").exists(), runs, "{execute}: {text}");
    }
}

fn a_provider_that_only_a_remote_state_brought_is_refused_after_init(engine: &'static Engine) {
    if !can_serve() {
        return ignored("no loopback can be started in a namespace here");
    }
    let stack = stack(engine);
    let lock = stack.read("stack/.terraform.lock.hcl");
    package("null").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
    let alone = serving(stack.engine_alone(["init", "-input=false"]), &stack.path("server")).run();
    succeeded(&alone);
    fs::remove_dir_all(stack.path("stack/.terraform")).unwrap();
    stack.write("stack/.terraform.lock.hcl", &lock);

    let output = serving(stack.airtight(["run", "init"]), &stack.path("server")).run();
    let text = refused(&output);
    for part in ["provider-not-locked", "module.old.null_resource.kept", &package("null").address(engine)] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let planned =
        serving(stack.airtight(["run", "plan", "--lock=true", "--refresh=true", "--out=p"]), &stack.path("server"));
    refused(&planned.run());
}

/// The engine's own `init`, twice in one run, before any phase has judged what the first one added to the lock file.
fn a_second_native_init_launders_nothing(engine: &'static Engine) {
    if !can_serve() {
        return ignored("no loopback can be started in a namespace here");
    }
    let stack = stack(engine);
    let lock = stack.read("stack/.terraform.lock.hcl");
    package("null").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
    let script = format!(
        "for i in 1 2; do v=$(airtight hook before_init) && eval \"$v\" && {} init -input=false || exit 9; done; \
         grep -q /hashicorp/null .terraform.lock.hcl || exit 8; exec airtight hook before_plan",
        engine.name
    );
    let script = stack.shell(&script).environment("TF_VAR_spacelift_run_id", "01JXRUN");
    let text = refused(&serving(script, &stack.path("server")).run());
    assert!(text.contains("provider-not-locked"), "{text}");
    assert_eq!(stack.read("stack/.terraform.lock.hcl"), lock);
    assert!(!stack.path("stack/.terraform/providers").exists());
}

/// The script in the engine's place ends as one that is killed after it has written the lock file.
fn an_init_that_is_killed_late_launders_nothing(engine: &'static Engine) {
    if !can_serve() {
        return ignored("no loopback can be started in a namespace here");
    }
    let stack = stack(engine);
    let lock = stack.read("stack/.terraform.lock.hcl");
    package("null").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
    let real = stack.path("mirror/.engine");
    stack.wrap_engine(&format!("if [ \"$1\" = init ]; then {real} \"$@\"; kill -9 $$; fi"));
    for _ in 0..2 {
        let output = serving(stack.airtight(["run", "init"]), &stack.path("server")).run();
        assert_eq!(output.status.code(), Some(137), "{}", stderr(&output));
        assert_eq!(stack.read("stack/.terraform.lock.hcl"), lock);
        assert!(!stack.path("stack/.terraform/providers").exists());
    }
}
