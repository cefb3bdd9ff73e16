//! What runs is in the image: planted executables, swaps after the check, notes that somebody else wrote. Each attack works
//! without the protection, which is the control.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use airtight_provider::Layout;
use camino::Utf8Path;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::isolation::{UNPRIVILEGED_USER, is_root};
use crate::support::lock_file::Lock;
use crate::support::package::Package;
use crate::support::runner::ignored;
use crate::support::stack::{LAYOUTS, Stack, package, refused, stderr, stdout, succeeded};
use crate::support::workflow_file::Values;

crate::tests! {
    a_whole_run_works_within_the_kernels_limit(engine with providers),
    a_provider_that_is_swapped_after_the_check_does_not_run(one engine with providers),
    a_plugin_cache_works_within_the_kernels_limit(one engine with providers),
    a_provisioner_plugin_that_a_rule_lets_pass_does_not_start(one engine with providers),
    a_question_to_the_engine_starts_the_images_programs_only(engine with providers),
    an_engine_of_the_workspace_is_not_started_to_ask_for_its_version(one engine with providers),
    without_the_kernels_limit_nothing_starts_unless_a_rule_allows_it(one engine with providers),
    a_package_of_the_mirror_that_the_runs_user_can_change_is_refused(one engine with providers),
    no_provisioner_plugin_runs_from_any_place(engine with providers),
    directories_of_plugin_path_are_places_too(engine with providers),
    a_second_init_is_refused_like_the_first(one engine with providers),
    no_forged_note_lets_a_planted_package_run(one engine with providers),
    a_provider_that_already_runs_is_refused_before_every_phase(one engine with providers),
}

/// A provider, and a command of the image's shell.
const CONFIGURATION: &str = r#"
resource "random_pet" "name" {}

resource "terraform_data" "one" {
  input = random_pet.name.id
  provisioner "local-exec" {
    command = "echo local-exec ran as $(id -u) >> ran"
  }
}

output "name" {
  value = random_pet.name.id
}
"#;

const VICTIM: &str = "random";

/// A provider that tells when it runs.
const TELLTALE: &str = "#!/bin/sh\necho ran >> \"$HOME/planted-ran\"\nexit 1\n";

fn executable(path: &Utf8Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A phase with the given `execute` of the administrator's settings, or of the image's if these pin a seal.
fn phase(stack: &Stack, execute: &str, name: &str) -> Output {
    let image = stack.path("etc/airtight/settings.yml");
    if image.exists() {
        let sealed = stack.read("etc/airtight/settings.yml");
        let kept = sealed.split("\nexecute:").next().unwrap_or_default();
        fs::write(&image, format!("{}\nexecute: {execute}\n", kept.trim_end())).unwrap();
        return stack.phase(&stack.workflow(&[]), name, &Values::default()).run();
    }
    stack.write("settings.yml", &format!("execute: {execute}\n"));
    let command = stack.phase(&stack.workflow(&[]), name, &Values::default());
    command.environment("AIRTIGHT_SETTINGS", stack.path("settings.yml").as_str()).run()
}

const NOT_ENFORCED: &str = "the kernel has no Landlock, or there is no other user than the run's";

fn is_enforced() -> bool {
    is_root() && airtight_gate::exec::guard::check_kernel().is_ok()
}

fn a_whole_run_works_within_the_kernels_limit(engine: &'static Engine) {
    if !is_enforced() {
        return ignored(NOT_ENFORCED);
    }
    for (layout, is_sealed) in each_mirror(engine) {
        let stack = Stack::new(engine, layout, CONFIGURATION);
        if is_sealed {
            stack.seal();
        }
        for name in ["init", "plan", "showPlan", "apply", "showState", "getOutputs", "destroy"] {
            let output = phase(&stack, "image", name);
            succeeded(&output);
            let is_said = stderr(&output).contains("only the image's programs can start");
            assert_eq!(is_said, !name.starts_with("show") && name != "getOutputs", "{name}: {}", stderr(&output));
        }
        assert_eq!(stack.read("stack/ran"), "local-exec ran as 1983\n");
    }
}

/// The engine links to the cache, which is the run's user's: the very files start whose packages were hashed.
fn a_plugin_cache_works_within_the_kernels_limit(engine: &'static Engine) {
    if !is_enforced() {
        return ignored(NOT_ENFORCED);
    }
    let stack = Stack::new(engine, Layout::Packed, CONFIGURATION);
    fs::create_dir(stack.path("home/cache")).unwrap();
    stack.give("home");
    stack.write("settings.yml", "execute: image\n");
    for name in ["init", "plan"] {
        let command = stack.phase(&stack.workflow(&[]), name, &Values::default());
        let command = command.environment("TF_PLUGIN_CACHE_DIR", stack.path("home/cache").as_str());
        succeeded(&command.environment("AIRTIGHT_SETTINGS", stack.path("settings.yml").as_str()).run());
    }
    let installed = stack.path("stack/.terraform/providers").join(package(VICTIM).path(engine, Layout::Unpacked));
    assert!(installed.is_symlink() && installed.canonicalize_utf8().unwrap().starts_with(stack.path("home")));
}

/// Both layouts, sealed and not, shared by the engines.
fn each_mirror(engine: &Engine) -> [(Layout, bool); 2] {
    if engine.name == "tofu" {
        [(Layout::Packed, false), (Layout::Unpacked, true)]
    } else {
        [(Layout::Packed, true), (Layout::Unpacked, false)]
    }
}

/// The engine's place is taken by a script that swaps a provider in a phase and then becomes the engine: a swap between the
/// check and the start, every time, as by a process that an earlier phase left behind.
fn with_swapping_engine(engine: &'static Engine, layout: Layout, phase: &str) -> Stack {
    let stack = Stack::new(engine, layout, CONFIGURATION);
    let victim = package(VICTIM);
    let planted = Package {
        address: victim.address(engine),
        version: victim.provider.version.clone(),
        platform: airtight_provider::Platform::current().to_string(),
        files: [(victim.provider.executable.file_name().unwrap().to_owned(), TELLTALE.as_bytes().to_vec())].into(),
    };
    let name = victim.provider.executable.file_name().unwrap();
    executable(&stack.path("planted").join(name), TELLTALE);
    stack.wrap_engine(&format!(
        "if [ \"$1\" = {phase} ]; then\n  p=.terraform/providers/{}\n  rm -rf $p && cp -r {} $p\n  \
         sed -i 's#\"zh:#\"{}\",\\n    \"zh:#' .terraform.lock.hcl\nfi",
        victim.path(engine, Layout::Unpacked),
        stack.path("planted"),
        planted.h1(),
    ));
    stack
}

fn a_provider_that_is_swapped_after_the_check_does_not_run(engine: &'static Engine) {
    if !is_enforced() {
        return ignored(NOT_ENFORCED);
    }
    // A saved plan knows its lock file, so nothing has to be swapped before an apply.
    let phases: [(&str, &[&str]); 2] = [("plan", &["init"]), ("destroy", &["init", "plan", "apply"])];
    for ((layout, is_sealed), (last, before)) in each_mirror(engine).into_iter().zip(phases) {
        for (execute, runs) in [("anything", true), ("image", false)] {
            let stack = with_swapping_engine(engine, layout, last);
            if is_sealed {
                stack.seal();
            }
            for name in before {
                succeeded(&phase(&stack, execute, name));
            }
            let swapped = phase(&stack, execute, last);
            let said = format!("{}{}", stdout(&swapped), stderr(&swapped));
            assert_eq!(swapped.status.code(), Some(1), "{said}");
            assert_eq!(stack.path("home/planted-ran").exists(), runs, "{execute}: {said}");
            assert_eq!(said.contains("permission denied"), !runs, "{execute}: {said}");
        }
    }
}

/// The kernel is no second reading of our own rules: it stops what a rule lets pass.
fn a_provisioner_plugin_that_a_rule_lets_pass_does_not_start(engine: &'static Engine) {
    if !is_enforced() {
        return ignored(NOT_ENFORCED);
    }
    let configuration = "resource \"terraform_data\" \"b\" {\n  provisioner \"part\" {\n  }\n}\n";
    for (execute, runs) in [("anything", true), ("image", false)] {
        let stack = Stack::new(engine, Layout::Unpacked, configuration);
        stack.lock(&[]);
        executable(&stack.path("stack/terraform-provisioner-part"), TELLTALE);
        stack.give("stack");
        let settings = format!("{execute}\nrules:\n  plugin-planted: {{level: warn, reason: a test}}");
        succeeded(&phase(&stack, &settings, "init"));
        let plan = phase(&stack, &settings, "plan");
        assert!(!plan.status.success(), "{}", stdout(&plan));
        assert_eq!(stack.path("home/planted-ran").exists(), runs, "{execute}: {}{}", stdout(&plan), stderr(&plan));
    }
}

/// What asking an engine would start: the script in its place starts a program of the repository when it is asked.
fn a_question_to_the_engine_starts_the_images_programs_only(engine: &'static Engine) {
    if !is_enforced() {
        return ignored(NOT_ENFORCED);
    }
    for (execute, runs) in [("anything", true), ("image", false)] {
        let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
        // A provider is missing, so the engine is asked before the refusal.
        fs::remove_dir_all(stack.path("mirror").join(package(VICTIM).address(engine))).unwrap();
        executable(&stack.path("stack/planted"), TELLTALE);
        stack.wrap_engine("case \"$*\" in *-backend=false*) echo asked >> asked; ./planted ;; esac");
        stack.give("stack");
        let text = refused(&phase(&stack, execute, "init"));
        assert!(text.contains("provider-missing") && stack.path("stack/asked").exists(), "{text}");
        assert_eq!(stack.path("home/planted-ran").exists(), runs, "{execute}: {text}");
    }
}

/// An engine that the run's user can write is none of the image's: not even its version is asked for.
fn an_engine_of_the_workspace_is_not_started_to_ask_for_its_version(engine: &'static Engine) {
    if !is_enforced() {
        return ignored(NOT_ENFORCED);
    }
    for (execute, runs) in [("anything", true), ("image", false)] {
        let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
        executable(&stack.path("stack").join(engine.name), "#!/bin/sh\necho >> \"${0%/*}/asked\"\nexit 1\n");
        stack.give("stack");
        stack.write("settings.yml", &format!("execute: {execute}\n"));
        let path = format!("{}:{}:/usr/bin:/bin", stack.path("stack"), stack.path("bin"));
        let init = stack.airtight(["run", "init"]).environment("PATH", path);
        let output = init.environment("AIRTIGHT_SETTINGS", stack.path("settings.yml").as_str()).run();
        assert_eq!(stack.path("stack/asked").exists(), runs, "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(if runs { 126 } else { 100 }), "{}", stderr(&output));
        assert_eq!(stderr(&output).contains("execution-not-enforced"), !runs, "{}", stderr(&output));
    }
}

fn without_the_kernels_limit_nothing_starts_unless_a_rule_allows_it(engine: &'static Engine) {
    if !is_root() {
        return ignored(NOT_ENFORCED);
    }
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    // A mirror of the run's user is none that the kernel could trust.
    std::os::unix::fs::chown(stack.path("mirror"), Some(UNPRIVILEGED_USER), None).unwrap();
    let text = refused(&phase(&stack, "image", "init"));
    assert!(text.contains("execution-not-enforced"), "{text}");
    assert!(!stack.path("stack/.terraform").exists(), "the engine was started");
    let allowed = "image\nrules:\n  execution-not-enforced: {level: warn, reason: a test}";
    let output = phase(&stack, allowed, "init");
    succeeded(&output);
    assert!(!stderr(&output).contains("only the image's programs"), "{}", stderr(&output));
}

/// Root's mirror with one directory that an image's build gave away: what lies there could be swapped.
fn a_package_of_the_mirror_that_the_runs_user_can_change_is_refused(engine: &'static Engine) {
    if !is_enforced() {
        return ignored(NOT_ENFORCED);
    }
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    let package = stack.path("mirror").join(package(VICTIM).path(engine, Layout::Unpacked));
    std::os::unix::fs::chown(&package, Some(UNPRIVILEGED_USER), None).unwrap();
    refused(&phase(&stack, "image", "init"));
    succeeded(&phase(&stack, "anything", "init"));
    let text = refused(&phase(&stack, "image", "plan"));
    assert!(text.contains("execution-not-enforced") && text.contains("chown -R root:root"), "{text}");
    succeeded(&phase(&stack, "anything", "plan"));
    std::os::unix::fs::chown(&package, Some(0), None).unwrap();
    succeeded(&phase(&stack, "image", "plan"));
}

fn no_provisioner_plugin_runs_from_any_place(engine: &'static Engine) {
    const PLACES: [&str; 4] = [
        "stack/terraform-provisioner-part",
        "stack/terraform.d/plugins/OS_ARCH/terraform-provisioner-part",
        "stack/.terraform/plugins/OS_ARCH/terraform-provisioner-part",
        "home/.terraform.d/plugins/terraform-provisioner-part",
    ];
    let configuration = "resource \"terraform_data\" \"b\" {\n  provisioner \"part\" {\n  }\n}\n";
    for place in PLACES {
        let stack = Stack::new(engine, Layout::Unpacked, configuration);
        stack.lock(&[]);
        let platform = airtight_provider::Platform::current().to_string();
        executable(&stack.path(&place.replace("OS_ARCH", &platform)), TELLTALE);
        stack.give("stack");
        stack.give("home");
        for output in [stack.run("init"), stack.run("plan"), stack.run("showState")] {
            let text = refused(&output);
            assert!(text.contains("plugin-planted"), "{place}: {text}");
        }
        refused(&stack.airtight(["hook", "before_perform"]).run());
        assert!(!stack.path("home/planted-ran").exists(), "{place}: it ran");

        succeeded(&stack.engine_alone(["init", "-input=false"]).run());
        let alone = stack.engine_alone(["plan", "-input=false"]).run();
        assert!(stack.path("home/planted-ran").exists(), "{place}: the control: {}", stderr(&alone));
    }
}

fn directories_of_plugin_path_are_places_too(engine: &'static Engine) {
    let configuration =
        "resource \"terraform_data\" \"b\" {\n  provisioner \"local-exec\" {\n    command = \"true\"\n  }\n}\n";
    let stack = Stack::new(engine, Layout::Unpacked, configuration);
    stack.lock(&[]);
    executable(&stack.path("stack/any/where/terraform-provisioner-local-exec"), TELLTALE);
    stack.write("stack/.terraform/plugin_path", "[\"any/where\"]");
    stack.give("stack");
    for output in [stack.run("init"), stack.run("plan")] {
        let text = refused(&output);
        assert!(text.contains("plugin-planted") && text.contains("any/where"), "{text}");
    }
    assert!(!stack.path("home/planted-ran").exists(), "it ran");
    succeeded(&stack.engine_alone(["init", "-input=false"]).run());
    stack.engine_alone(["plan", "-input=false"]).run();
    assert!(stack.path("home/planted-ran").exists(), "the control");
}

/// What `init` added to the lock file proves nothing, at the second try neither.
fn a_second_init_is_refused_like_the_first(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, "output \"x\" {\n  value = 1\n}\n");
    stack.lock(&[]);
    let before = stack.read("stack/.terraform.lock.hcl");
    // The state behind the backend needs a provider that nothing else names; airtight does not see it beforehand.
    stack.write(
        "stack/backend.tf",
        "terraform {\n  backend \"http\" {\n    address = \"http://127.0.0.1:18113/s\"\n  }\n}\n",
    );
    let server = format!(
        "import http.server, json\n\
         state = json.dumps({{'version': 4, 'terraform_version': '1.0.0', 'serial': 1, 'lineage': 'x', 'outputs': {{}}, \
         'resources': [{{'mode': 'managed', 'type': 'random_pet', 'name': 'z', 'provider': 'provider[\"{}\"]', \
         'instances': [{{'schema_version': 0, 'attributes': {{'id': '1'}}}}]}}]}}).encode()\n\
         class State(http.server.BaseHTTPRequestHandler):\n\
         \x20 def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(state)\n\
         \x20 def log_message(self, *a): pass\n\
         http.server.HTTPServer(('127.0.0.1', 18113), State).serve_forever()\n",
        package(VICTIM).address(engine)
    );
    stack.write("server.py", &server);
    let workflow = stack.workflow(&[]);
    let init = workflow.command("init", &Values::default());
    let script = format!(
        "python3 {} & s=$!; sleep 1; for i in 1 2; do ({init}); echo \"exit $?\"; done; kill $s",
        stack.path("server.py")
    );
    let mut command = stack.shell(&script);
    command.before = Some("ip link set lo up".to_owned());
    let output = command.run();
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert_eq!(said.matches("exit 100").count(), 2, "{said}");
    assert!(said.contains("provider-not-locked"), "{said}");
    assert_eq!(stack.read("stack/.terraform.lock.hcl"), before);
    assert!(!stack.path("stack/.terraform/providers").exists());
}

/// Another package in the place of a proven one, its hash in the lock file, and every note of airtight's forged.
fn no_forged_note_lets_a_planted_package_run(engine: &'static Engine) {
    for layout in LAYOUTS {
        let stack = Stack::new(engine, layout, CONFIGURATION);
        succeeded(&stack.run("init"));
        succeeded(&stack.run("plan"));
        let victim = package(VICTIM);
        let directory = stack.path("stack/.terraform/providers").join(victim.path(engine, Layout::Unpacked));
        let name = victim.provider.executable.file_name().unwrap();
        if fs::symlink_metadata(&directory).unwrap().is_symlink() {
            fs::remove_file(&directory).unwrap();
        } else {
            fs::remove_dir_all(&directory).unwrap();
        }
        executable(&directory.join(name), TELLTALE);
        let planted = Package {
            address: victim.address(engine),
            version: victim.provider.version.clone(),
            platform: airtight_provider::Platform::current().to_string(),
            files: [(name.to_owned(), TELLTALE.as_bytes().to_vec())].into(),
        };
        let forged = Lock { hashes: vec![planted.h1(), victim.zh.clone()], ..victim.lock(engine) };
        stack.lock(&[forged]);
        let text = stack.read("stack/.terraform.lock.hcl");
        let mut notes = Vec::new();
        find(&stack.path("run"), &mut notes);
        for note in notes.iter().filter(|note| note.file_name() == Some(".terraform.lock.hcl")) {
            fs::write(note, &text).unwrap();
        }
        assert!(!notes.iter().any(|note| note.file_name() == Some("digests")), "{notes:?}");
        let handover = stack.read("stack/.terraform/airtight/handover.json").replace(&victim.h1, &planted.h1());
        stack.write("stack/.terraform/airtight/handover.json", &handover);
        stack.give("stack");
        for name in ["showState", "showPlan", "apply"] {
            let text = refused(&stack.run(name));
            assert!(text.contains("package-planted"), "{name}: {text}");
        }
        assert!(!stack.path("home/planted-ran").exists(), "it ran");
    }
}

fn find(directory: &Utf8Path, found: &mut Vec<camino::Utf8PathBuf>) {
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() { find(&path, found) } else { found.push(path) }
    }
}

fn a_provider_that_already_runs_is_refused_before_every_phase(engine: &'static Engine) {
    const REATTACHED: &str = r#"{"ADDRESS":{"Protocol":"grpc","ProtocolVersion":5,"Pid":1,"Test":true,"Addr":{"Network":"unix","String":"/tmp/s"}}}"#;
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    succeeded(&stack.run("init"));
    let value = REATTACHED.replace("ADDRESS", &package(VICTIM).address(engine));
    let workflow = stack.workflow(&[]);
    for name in ["plan", "showState", "destroy"] {
        let command = stack.phase(&workflow, name, &Values::default());
        let text = refused(&command.environment("TF_REATTACH_PROVIDERS", value.clone()).run());
        assert!(text.contains("provider-reattached"), "{name}: {text}");
    }
    let hook = stack.airtight(["hook", "before_apply"]).environment("TF_REATTACH_PROVIDERS", value);
    refused(&hook.run());
}
