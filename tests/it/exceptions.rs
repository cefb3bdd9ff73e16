//! What an exception of the settings let in: said at every later phase with its reason and end, and never called proven. And
//! what a further installation method brings.

use std::process::Output;

use airtight_provider::{Layout, Platform};
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::isolation::{Isolated, has_own_etc, is_root};
use crate::support::lock_file::Lock;
use crate::support::registry::Registry;
use crate::support::runner::ignored;
use crate::support::stack::{Stack, TWO_PROVIDERS, package, refused, stderr, succeeded};
use crate::support::workflow_file::Values;

crate::tests! {
    an_exception_at_init_is_said_at_every_later_phase(one engine with providers),
    observing_at_init_is_said_at_every_later_phase(one engine with providers),
    an_exception_before_a_native_init_is_said_at_every_later_phase(one engine with providers),
    an_exception_that_has_ended_lets_nothing_in(one engine with providers),
    a_provider_that_is_denied_after_init_is_refused_in_later_phases(one engine with providers),
    a_provider_of_a_further_method_works_from_init_to_apply(engine with providers),
    a_changed_provider_of_a_further_method_is_refused_after_init(engine with providers),
}

const EXCEPTION: &str = "provider-not-locked: {level: LEVEL, until: 2099-12-01, reason: INC-4711}";
const SAID: &str = "0 of 2 providers proven, allowed until 2099-12-01: INC-4711";

/// The lock file proves nothing of an unpacked mirror.
fn unproven(engine: &'static Engine) -> Stack {
    let stack = Stack::new(engine, Layout::Unpacked, TWO_PROVIDERS);
    let locks =
        ["null", "random"].map(|name| Lock { hashes: vec![package(name).zh.clone()], ..package(name).lock(engine) });
    stack.lock(&locks);
    stack
}

/// A phase with the administrator's settings.
fn phase(stack: &Stack, settings: &str, name: &str) -> Output {
    with(stack, settings, stack.phase(&stack.workflow(&[]), name, &Values::default())).run()
}

fn with(stack: &Stack, settings: &str, command: Isolated) -> Isolated {
    stack.write("settings.yml", settings);
    command.environment("AIRTIGHT_SETTINGS", stack.path("settings.yml").as_str())
}

/// It went on, and says why although nothing was proven.
#[track_caller]
fn excepted(output: &Output) {
    succeeded(output);
    let text = stderr(output);
    assert!(text.contains(SAID) && !text.contains("cleared: 2 providers proven"), "{text}");
}

fn an_exception_at_init_is_said_at_every_later_phase(engine: &'static Engine) {
    for level in ["warn", "allow"] {
        let stack = unproven(engine);
        let settings = format!("rules:\n  {}\n", EXCEPTION.replace("LEVEL", level));
        excepted(&phase(&stack, &settings, "init"));
        assert!(stack.read("stack/.terraform.lock.hcl").contains("h1:"), "the control: `init` added a hash");
        excepted(&phase(&stack, &settings, "plan"));
        // A pause, and the same exception; and a strict container.
        stack.renew_container();
        let text = refused(&phase(&stack, "{}", "apply"));
        assert!(text.contains("provider-not-locked") && text.contains("not proven at `init`"), "{text}");
        excepted(&phase(&stack, &settings, "apply"));
    }
}

fn observing_at_init_is_said_at_every_later_phase(engine: &'static Engine) {
    if !has_own_etc() {
        return ignored("only root can mount an /etc");
    }
    let stack = unproven(engine);
    let settings = |text: &str| {
        fs::create_dir_all(stack.path("etc/airtight")).unwrap();
        fs::write(stack.path("etc/airtight/settings.yml"), text).unwrap();
    };
    settings("policy: observe\n");
    for name in ["init", "plan"] {
        let output = stack.run(name);
        succeeded(&output);
        let text = stderr(&output);
        assert!(text.contains("policy: observe") && text.contains("provider-not-locked"), "{name}: {text}");
        assert!(!text.contains("2 providers proven"), "{name}: {text}");
    }
    stack.renew_container();
    settings("policy: enforce\n");
    refused(&stack.run("apply"));
}

/// The phase's shell starts the engine, after the hook.
fn an_exception_before_a_native_init_is_said_at_every_later_phase(engine: &'static Engine) {
    let stack = unproven(engine);
    let settings = format!("rules:\n  {}\n", EXCEPTION.replace("LEVEL", "warn"));
    let native = |settings: &str, point: &str, command: &str| {
        let script = format!("set -e; v=$(airtight hook {point}); eval \"$v\"; {} {command} -input=false", engine.name);
        with(&stack, settings, stack.shell(&script)).run()
    };
    excepted(&native(&settings, "before_init", "init"));
    let plan = native(&settings, "before_plan", "plan -out=p");
    excepted(&plan);
    excepted(&native(&settings, "before_plan", "plan -out=p"));
    stack.renew_container();
    refused(&native("{}", "before_apply", "apply"));
    excepted(&native(&settings, "before_apply", "apply p #"));
}

fn an_exception_that_has_ended_lets_nothing_in(engine: &'static Engine) {
    let stack = unproven(engine);
    let settings = format!("rules:\n  {}\n", EXCEPTION.replace("LEVEL", "warn"));
    excepted(&phase(&stack, &settings, "init"));
    let text = refused(&phase(&stack, &settings.replace("2099", "2020"), "plan"));
    assert!(text.contains("provider-not-locked") && !text.contains("allowed until"), "{text}");
}

fn a_provider_that_is_denied_after_init_is_refused_in_later_phases(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, TWO_PROVIDERS);
    let policy = |what: &str| format!("providers:\n  {what}: ['{}/hashicorp/*']\n", engine.default_host());
    for name in ["init", "plan"] {
        succeeded(&phase(&stack, &policy("allow"), name));
    }
    stack.renew_container();
    let text = refused(&phase(&stack, &policy("deny"), "apply"));
    assert!(text.contains("provider-not-allowed"), "{text}");
    succeeded(&phase(&stack, &policy("allow"), "apply"));
}

/// `null` is in the image's mirror, `random` comes from a network mirror that the settings allow for it.
fn partial(engine: &'static Engine) -> (Stack, Registry, String) {
    let stack = Stack::empty(engine, Layout::Unpacked, TWO_PROVIDERS);
    package("null").write_to(&stack.path("mirror"), engine, Layout::Unpacked);
    stack.lock(&["null", "random"].map(|name| package(name).lock(engine)));
    let random = package("random");
    random.write_to(&stack.path("packed"), engine, Layout::Packed);
    let registry = Registry::start();
    let (address, version) = (random.address(engine), &random.provider.version);
    let archive = fs::read(stack.path("packed").join(random.file(engine, Layout::Packed))).unwrap();
    let archives = serde_json::json!({"archives": {Platform::current().to_string(): {"url": "package.zip"}}});
    registry.file(&format!("/p/{address}/index.json"), format!("{{\"versions\": {{\"{version}\": {{}}}}}}"));
    registry.file(&format!("/p/{address}/{version}.json"), archives.to_string());
    registry.file(&format!("/p/{address}/package.zip"), archive);
    stack.write("authority.pem", &registry.authority);
    let settings = format!(
        "reachable: ['{}']\nalso:\n  - network_mirror: {{url: '{}', include: ['{}/hashicorp/random']}}\n",
        registry.host(),
        registry.url("/p/"),
        engine.default_host()
    );
    (stack, registry, settings)
}

/// With the loopback of the tests.
fn connected(stack: &Stack, settings: &str, name: &str) -> Output {
    let command = with(stack, settings, stack.phase(&stack.workflow(&[]), name, &Values::default()));
    Isolated { offline: false, ..command }.environment("SSL_CERT_FILE", stack.path("authority.pem").as_str()).run()
}

fn a_provider_of_a_further_method_works_from_init_to_apply(engine: &'static Engine) {
    let is_guarded = is_root() && airtight_gate::exec::guard::check_kernel().is_ok();
    for execute in ["anything", "image"].into_iter().take(if is_guarded { 2 } else { 1 }) {
        let (stack, _registry, also) = partial(engine);
        let settings = format!("{also}execute: {execute}\n");
        for name in ["init", "plan", "showPlan"] {
            succeeded(&connected(&stack, &settings, name));
        }
        stack.renew_container();
        let apply = connected(&stack, &settings, "apply");
        succeeded(&apply);
        assert!(stderr(&apply).contains("2 providers proven"), "{}", stderr(&apply));
    }
}

fn a_changed_provider_of_a_further_method_is_refused_after_init(engine: &'static Engine) {
    let (stack, _registry, settings) = partial(engine);
    succeeded(&connected(&stack, &settings, "init"));
    let random = package("random");
    let installed = stack.path("stack/.terraform/providers").join(random.path(engine, Layout::Unpacked));
    let executable = installed.join(random.provider.executable.file_name().unwrap());
    let mut bytes = fs::read(&executable).unwrap();
    bytes.extend_from_slice(b"changed");
    fs::remove_file(&executable).unwrap();
    fs::write(&executable, bytes).unwrap();
    let text = refused(&connected(&stack, &settings, "plan"));
    assert!(text.contains("package-mismatch"), "{text}");
}
