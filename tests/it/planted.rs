//! What the engines let pass and airtight refuses, each with the engine alone as the control.

use airtight_provider::Layout;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::lock_file::Lock;
use crate::support::stack::{CONFIGURATION, LAYOUTS, Stack, package, refused, stderr, stdout, succeeded};
use crate::support::workflow_file::Values;

crate::tests! {
    a_lock_file_without_h1_proves_nothing_of_an_unpacked_mirror(engine with providers),
    a_lock_file_without_h1_proves_a_packed_mirror(engine with providers),
    a_tampered_package_is_refused_before_the_engine_starts(engine with providers),
    a_tampered_package_behind_a_lock_file_without_h1_is_refused(engine with providers),
    a_package_that_is_tampered_with_after_init_is_refused_before_plan(one engine with providers),
    a_planted_package_that_the_lock_file_names_too_never_runs(one engine with providers),
    no_variable_brings_a_planted_package_in(one engine with providers),
}

/// The provider that the tests tamper with.
const VICTIM: &str = "random";

/// A lock file whose entry for the victim has the hashes that a test wants.
fn lock_with(stack: &Stack, hashes: Vec<String>) {
    let engine = stack.engine;
    let victim = Lock { hashes, ..package(VICTIM).lock(engine) };
    stack.lock(&[victim]);
}

fn init_alone(stack: &Stack) -> std::process::Output {
    let output = stack.engine_alone(["init", "-input=false"]).run();
    let _ = fs::remove_dir_all(stack.path("stack/.terraform"));
    output
}

fn a_lock_file_without_h1_proves_nothing_of_an_unpacked_mirror(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    let zh_only = || lock_with(&stack, vec![package(VICTIM).zh.clone()]);
    zh_only();
    succeeded(&init_alone(&stack));
    zh_only();
    let text = refused(&stack.run("init"));
    assert!(text.contains("provider-not-locked") && text.contains(&package(VICTIM).address(engine)), "{text}");
    assert!(!stack.path("stack/.terraform").exists(), "the engine was started");
}

fn a_lock_file_without_h1_proves_a_packed_mirror(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Packed, CONFIGURATION);
    lock_with(&stack, vec![package(VICTIM).zh.clone()]);
    succeeded(&stack.run("init"));
    succeeded(&stack.run("plan"));
}

fn a_tampered_package_is_refused_before_the_engine_starts(engine: &'static Engine) {
    for layout in LAYOUTS {
        let stack = Stack::new(engine, layout, CONFIGURATION);
        stack.tamper(package(VICTIM));
        let alone = init_alone(&stack);
        assert_eq!(alone.status.code(), Some(1), "{}", stdout(&alone));
        let text = refused(&stack.run("init"));
        assert!(text.contains("package-mismatch") && text.contains(&package(VICTIM).address(engine)), "{text}");
        assert!(!stack.path("stack/.terraform").exists(), "the engine was started");
    }
}

/// The case that made this tool: the engine installs it without a word.
fn a_tampered_package_behind_a_lock_file_without_h1_is_refused(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    stack.tamper(package(VICTIM));
    let zh_only = || lock_with(&stack, vec![package(VICTIM).zh.clone()]);
    zh_only();
    succeeded(&init_alone(&stack));
    zh_only();
    refused(&stack.run("init"));
}

/// A package that was tampered with between `init` and `plan`, in a mirror that `init` linked to.
fn a_package_that_is_tampered_with_after_init_is_refused_before_plan(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    succeeded(&stack.run("init"));
    stack.tamper(package(VICTIM));
    refused(&stack.run("plan"));
    assert!(!stack.path("stack/spacelift.plan").exists());
}

/// A provider that tells when it runs. It works as the real one does, which lies beside it.
const TELLTALE: &str = "#!/bin/sh\ntouch \"$HOME/planted-ran\"\nexec \"$(dirname \"$0\")/real\" \"$@\"\n";

/// Commits a package to the data directory, and its hash to the lock file beside the mirror's own.
fn plant(engine: &'static Engine, layout: Layout) -> Stack {
    let stack = Stack::new(engine, layout, CONFIGURATION);
    let victim = package(VICTIM);
    let directory = format!("stack/.terraform/providers/{}", victim.path(engine, Layout::Unpacked));
    let name = victim.provider.executable.file_name().unwrap();
    let planted = crate::support::package::Package {
        address: victim.address(engine),
        version: victim.provider.version.clone(),
        platform: airtight_provider::Platform::current().to_string(),
        files: [
            (name.to_owned(), TELLTALE.as_bytes().to_vec()),
            ("real".to_owned(), fs::read(&victim.provider.executable).unwrap()),
        ]
        .into(),
    };
    for (file, bytes) in &planted.files {
        let place = stack.path(&directory).join(file);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, bytes).unwrap();
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    stack.give("stack");
    lock_with(&stack, vec![victim.h1.clone(), planted.h1(), victim.zh.clone()]);
    stack
}

fn a_planted_package_that_the_lock_file_names_too_never_runs(engine: &'static Engine) {
    for layout in LAYOUTS {
        let stack = plant(engine, layout);
        let ran = || stack.path("home/planted-ran").exists();

        let text = refused(&stack.run("init"));
        assert!(text.contains("package-planted") && text.contains(&package(VICTIM).provider.version), "{text}");
        let text = refused(&stack.run("plan"));
        assert!(text.contains("package-planted"), "{text}");
        assert_eq!(stack.run("showPlan").status.code(), Some(100));
        refused(&stack.airtight(["hook", "before_init"]).run());
        refused(&stack.airtight(["hook", "before_plan"]).run());
        refused(&stack.airtight(["hook", "before_perform"]).run());
        assert!(!ran(), "the planted package ran");

        succeeded(&stack.engine_alone(["init", "-input=false"]).run());
        let alone = stack.engine_alone(["plan", "-input=false"]).run();
        assert!(ran(), "the control: the engine alone runs it: {}\n{}", stdout(&alone), stderr(&alone));
    }
}

/// Variables that a stack's runtime configuration can set.
fn no_variable_brings_a_planted_package_in(engine: &'static Engine) {
    let stack = plant(engine, Layout::Unpacked);
    let data = stack.path("home/data");
    fs::rename(stack.path("stack/.terraform"), &data).unwrap();
    for (phase, variable, value, code) in [
        ("init", "TF_DATA_DIR", data.to_string(), "package-planted"),
        ("plan", "TF_DATA_DIR", data.to_string(), "package-planted"),
        ("init", "TF_CLI_ARGS_init", format!("-plugin-dir={data}/providers"), "engine-arguments-refused"),
        ("init", "TF_CLI_ARGS", format!("-plugin-dir {data}/providers"), "engine-arguments-refused"),
    ] {
        let command = stack.phase(&stack.workflow(&[]), phase, &Values::default());
        let text = refused(&command.environment(variable, &value).run());
        assert!(text.contains(code), "{variable}: {text}");
    }
    assert!(!stack.path("home/planted-ran").exists(), "the planted package ran");
}
