//! Whole rehearsals with real engines and providers: what a worker would run, where nothing can be downloaded.

use airtight_provider::Layout;
use fs_err as fs;

use crate::support::engines::{Engine, asking_provider};
use crate::support::isolation::Isolated;
use crate::support::real_package::RealPackage;
use crate::support::rehearsal::{Rehearsed, bare_stack, rehearse};
use crate::support::runner::ignored;
use crate::support::stack::{CONFIGURATION, Stack, any_real_engine, package, stderr, stdout, succeeded};

crate::tests! {
    a_stack_that_uses_airtight_goes_through_a_pause(engine with providers),
    the_guides_plain_stack_shows_what_it_would_do(one engine with providers),
    the_plugin_gates_a_stack_without_a_workflow_file(one engine with providers),
    a_plan_that_needs_a_declared_host_is_incomplete(one engine with providers),
    every_type_of_run_has_its_phases,
    a_plan_of_nothing_ends_the_run(one engine with providers),
    the_hook_that_fails_is_named_and_a_secret_is_not,
    a_hook_that_ends_the_phase_has_not_passed_it,
    a_phase_sees_what_a_workers_phase_sees,
    a_run_that_spacelift_would_refuse_is_refused_while_it_is_prepared,
    wrong_options_are_told_with_the_right_ones,
    a_rehearsal_has_formats_of_its_own,
}

/// The workflow file of Spacelift's guide for air-gapped environments.
fn guide(engine: &str) -> String {
    format!(
        "init: {engine} init -input=false\n\
         workspaceSelect: {engine} workspace select \"{{{{ .WorkspaceName }}}}\"\n\
         workspaceNew: {engine} workspace new \"{{{{ .WorkspaceName }}}}\"\n\
         plan: {engine} plan -input=false -lock={{{{ .Lock }}}} {{{{ if not .Refresh }}}}-refresh=false {{{{ end }}}}\
         -out={{{{ .PlanFileName }}}} {{{{ range .Targets }}}}-target='{{{{ . }}}}' {{{{ end }}}}\n\
         showState: {engine} show -json\n\
         showPlan: {engine} show -json \"{{{{ .PlanFileName }}}}\"\n\
         getOutputs: {engine} output -json\n\
         apply: {engine} apply -auto-approve -input=false \"{{{{ .PlanFileName }}}}\"\n\
         destroy: {engine} destroy -auto-approve -input=false\n"
    )
}

/// A stack with the guide's own means: a workflow file and a CLI configuration in the repository.
fn guided(engine: &'static Engine) -> Stack {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    stack.write("stack/.spacelift/workflow.yml", &guide(engine.name));
    stack.write("stack/.tofurc", &stack.read("tfrc"));
    stack
}

fn with_guides_variable(command: Isolated) -> Isolated {
    command.environment("TF_CLI_CONFIG_FILE", "/mnt/workspace/source/.tofurc").environment("CHECKPOINT_DISABLE", "1")
}

const TRACKED: [&str; 8] = [
    "preparing passed 1",
    "init passed 1",
    "plan passed 1",
    "showState passed 1",
    "showPlan passed 1",
    "apply passed 1",
    "showState passed 1",
    "getOutputs passed 1",
];

#[track_caller]
fn assert_cleared(rehearsed: &Rehearsed) {
    assert_eq!(rehearsed.report["verdict"], "cleared", "{}\n{}", rehearsed.report, rehearsed.stderr);
    assert_eq!(rehearsed.code, 0);
    assert_eq!(rehearsed.report["isolation"]["kind"], "namespaces");
    assert_eq!(rehearsed.report["isolation"]["proven"], true);
    assert_eq!(rehearsed.report["hosts"].as_array().unwrap().len(), 0, "{}", rehearsed.report);
}

/// With the workflow tool, through a pause, from a packed and an unpacked mirror.
fn a_stack_that_uses_airtight_goes_through_a_pause(engine: &'static Engine) {
    // Both layouts are each engine's; here one is enough for the second engine.
    let layouts = if engine.name == "tofu" { &[Layout::Unpacked, Layout::Packed][..] } else { &[Layout::Unpacked] };
    for layout in layouts.iter().copied() {
        let stack = Stack::new(engine, layout, CONFIGURATION);
        stack.write("workflow.yml", &succeeded(&stack.airtight(["render", "workflow"]).run()));
        let workflow = stack.path("workflow.yml");
        let rehearsed = Rehearsed::of(&rehearse(&stack, ["--pause", "--workflow", workflow.as_str()]));
        assert_cleared(&rehearsed);
        let paused = TRACKED.map(|phase| {
            let name = phase.split(' ').next().unwrap();
            let is_second = TRACKED[5..].contains(&phase) && name != "showState";
            if is_second { phase.replace(" 1", " 2") } else { phase.to_owned() }
        });
        let mut expected = paused.to_vec();
        "showState passed 2".clone_into(&mut expected[6]);
        assert_eq!(rehearsed.timeline(), expected, "{} {layout:?}", engine.name);
        assert_eq!(rehearsed.report["engine"]["name"], engine.name);
        assert_eq!(rehearsed.report["has_workflow_file"], true);
        // It worked on a copy.
        assert!(!stack.path("stack/.terraform").exists());
        assert!(rehearsed.stderr.contains("airtight: cleared"), "{}", rehearsed.stderr);
    }
}

fn the_guides_plain_stack_shows_what_it_would_do(engine: &'static Engine) {
    let stack = guided(engine);
    let rehearsed = Rehearsed::of(&with_guides_variable(rehearse(&stack, [])));
    assert_cleared(&rehearsed);
    assert_eq!(rehearsed.timeline(), TRACKED, "{}", engine.name);

    // Without the variable the engine goes to its registry.
    let rehearsed = Rehearsed::of(&rehearse(&stack, []).environment("CHECKPOINT_DISABLE", "1"));
    assert_eq!((rehearsed.code, rehearsed.report["verdict"].as_str()), (100, Some("refused")));
    let asked = &rehearsed.report["hosts"][0];
    let registry = engine.default_host();
    assert_eq!((asked["host"].as_str(), asked["port"].as_u64()), (Some(registry), Some(443)), "{}", rehearsed.report);
    assert_eq!((asked["phase"].as_str(), asked["process"].as_str()), (Some("init"), Some(engine.name)));
    assert_eq!(rehearsed.errors(), ["host-undeclared"]);
    let finding = &rehearsed.phase("init")["findings"][0];
    // The mirror has it: that is not what is wrong.
    let help = finding["help"].as_str().unwrap();
    assert!(help.contains("has no `provider_installation` block") && help.contains("mirror `"), "{help}");
    assert_eq!(finding["owner"], "administrator");
    assert_eq!(rehearsed.timeline()[1..3], ["init failed 1", "plan skipped 1"]);

    // A tampered provider behind a lock file that does not prove it: the engine alone lets it pass, unseen.
    fs::remove_file(stack.path("stack/.terraform.lock.hcl")).unwrap();
    stack.tamper(package("random"));
    assert_cleared(&Rehearsed::of(&with_guides_variable(rehearse(&stack, ["--until", "initializing"]))));
    stack.write("workflow.yml", &succeeded(&stack.airtight(["render", "workflow"]).run()));
    let workflow = stack.path("workflow.yml");
    let rehearsed = Rehearsed::of(&rehearse(&stack, ["--workflow", workflow.as_str()]));
    assert_eq!(rehearsed.code, 100);
    assert_eq!((rehearsed.errors(), rehearsed.phase("init")["exit_code"].as_i64()), (vec!["phase-failed"], Some(100)));
}

/// By the plugin's hooks, with the engine's own commands.
fn the_plugin_gates_a_stack_without_a_workflow_file(engine: &'static Engine) {
    let stack = Stack::new(engine, Layout::Unpacked, CONFIGURATION);
    stack.write("plugin.yml", &airtight_spacelift::render_hooks::plugin());
    let plugin = stack.path("plugin.yml");
    let mirror = format!("mirror={}", stack.path("mirror"));
    for hooks in ["braced", "bare"] {
        let options = ["--plugin", plugin.as_str(), "--parameter", &mirror, "--hooks", hooks, "--pause"];
        let rehearsed = Rehearsed::of(&rehearse(&stack, options));
        assert_cleared(&rehearsed);
        assert_eq!(rehearsed.report["has_workflow_file"], false);
        assert_eq!(rehearsed.phase("init")["command"], format!("{} init -input=false", engine.name));
        for gated in ["init", "plan", "apply"] {
            assert_eq!(rehearsed.phase(gated)["status"], "passed", "{hooks} {gated}");
        }
        // Each phase's hook is heard: before init, plan and apply.
        assert_eq!(rehearsed.stderr.matches("airtight: cleared").count(), 3, "{}", rehearsed.stderr);
    }
    stack.tamper(package("random"));
    let rehearsed = Rehearsed::of(&rehearse(&stack, ["--plugin", plugin.as_str(), "--parameter", &mirror]));
    assert_eq!((rehearsed.code, rehearsed.errors()), (100, vec!["phase-failed"]));
    assert!(rehearsed.phase("init")["findings"][0]["help"].as_str().unwrap().contains("package-mismatch"));
}

/// What a cloud's provider does: it would try again for ten minutes.
const ASKING: &str = r#"
data "asking_host" "sts" {
  address  = "sts.eu-central-1.amazonaws.com:443"
  attempts = 600
}
"#;

fn a_plan_that_needs_a_declared_host_is_incomplete(engine: &'static Engine) {
    let Some(provider) = asking_provider() else {
        return ignored("the asking provider cannot be built");
    };
    let package = RealPackage::new(provider);
    let stack = Stack::empty(engine, Layout::Unpacked, ASKING);
    package.write_to(&stack.path("mirror"), engine, Layout::Unpacked);
    stack.lock(&[package.lock(engine)]);
    stack.write("workflow.yml", &succeeded(&stack.airtight(["render", "workflow"]).run()));
    let plan = |settings: &str| {
        stack.write("settings.yml", settings);
        let (settings, workflow) = (stack.path("settings.yml"), stack.path("workflow.yml"));
        let options = ["--settings", settings.as_str(), "--grace", "0.5", "--workflow", workflow.as_str()];
        Rehearsed::of(&rehearse(&stack, options))
    };
    let rehearsed = plan("reachable: [\"sts.eu-central-1.amazonaws.com:443\"]\n");
    assert_eq!((rehearsed.code, rehearsed.report["verdict"].as_str()), (0, Some("incomplete")), "{}", rehearsed.stderr);
    let phase = rehearsed.phase("plan");
    assert_eq!(phase["status"], "stopped", "{phase}");
    assert!(phase["elapsed_ms"].as_u64().unwrap() < 10_000, "{phase}");
    assert_eq!(phase["findings"][0]["code"], "host-declared");
    assert_eq!(phase["hosts"][0]["declared"], true);
    assert_eq!(rehearsed.timeline()[3], "showState skipped 1");
    let rehearsed = plan("reachable: []\n");
    assert_eq!((rehearsed.code, rehearsed.errors()), (100, vec!["host-undeclared"]));
    let summary = rehearsed.phase("plan")["findings"][0]["summary"].as_str().unwrap();
    let asked = "`sts.eu-central-1.amazonaws.com:443` was asked for during plan by terraform-provider-asking";
    assert_eq!(summary, asked);
}

fn every_type_of_run_has_its_phases() {
    let Some(engine) = any_real_engine() else { return };
    let stack = guided(engine);
    let timeline = |options: &[&str]| {
        let rehearsed = Rehearsed::of(&with_guides_variable(rehearse(&stack, options.iter().copied())));
        assert_cleared(&rehearsed);
        rehearsed.timeline().into_iter().map(|phase| phase.replace(" passed 1", "")).collect::<Vec<_>>().join(" ")
    };
    let plan = "preparing init plan showState showPlan";
    assert_eq!(timeline(&["--type", "proposed"]), plan);
    assert_eq!(timeline(&["--type", "drift"]), plan);
    assert_eq!(timeline(&["--type", "test"]), format!("{plan} apply showState getOutputs destroy"));
    assert_eq!(timeline(&["--type", "destroy"]), "preparing init destroy");
    let task = format!("test \"$TF_VAR_spacelift_run_type\" = TASK && {} providers", engine.name);
    assert_eq!(timeline(&["--type", "task", "--task", &task]), "preparing init perform");
    let prepared = Rehearsed::of(&rehearse(&stack, ["--until", "preparing"]));
    assert_eq!((prepared.code, prepared.timeline()), (0, vec!["preparing passed 1".to_owned()]));
}

/// A run with a state that has everything already has nothing to apply, and ends before the pause.
fn a_plan_of_nothing_ends_the_run(engine: &'static Engine) {
    let stack = Stack::empty(engine, Layout::Unpacked, "output \"a\" {\n  value = 1\n}\n");
    let outputs = "{\"a\": {\"value\": 1, \"type\": \"number\"}}";
    let state = format!(
        "{{\"version\": 4, \"terraform_version\": \"1.0.0\", \"serial\": 1, \"lineage\": \"x\", \"outputs\": {outputs}, \
         \"resources\": [], \"check_results\": null}}"
    );
    stack.write("state.json", &state);
    let state = stack.path("state.json");
    let over = "after_run=echo over-$TF_VAR_spacelift_final_run_state";
    let options = ["--state", state.as_str(), "--pause", "--hook", over];
    let rehearsed = Rehearsed::of(&rehearse(&stack, options).environment("CHECKPOINT_DISABLE", "1"));
    assert_cleared(&rehearsed);
    let timeline = rehearsed.timeline();
    assert_eq!(timeline[4..7], ["showPlan passed 1", "after_run passed 1", "apply skipped 2"], "{timeline:?}");
    assert!(rehearsed.stderr.contains("over-FINISHED"), "{}", rehearsed.stderr);
}

fn the_hook_that_fails_is_named_and_a_secret_is_not() {
    if !crate::support::isolation::has_namespaces() {
        return ignored("no namespaces");
    }
    let stack = bare_stack();
    let context = "name: registry\npriority: 1\nenv:\n  - key: TOKEN\n    value: s3cret-value\n    sensitive: true\nhooks:\n  \
                   before_perform:\n    - \"true\"\n    - echo token $TOKEN && false\n";
    fs::write(stack.path("context.yml"), context).unwrap();
    let context = stack.path("context.yml");
    for hooks in ["braced", "bare"] {
        let options = [
            "--type",
            "task",
            "--skip-init",
            "--task",
            "echo never",
            "--context",
            context.as_str(),
            "--hooks",
            hooks,
            "--hook",
            "before_perform=echo mine",
        ];
        let rehearsed = Rehearsed::of(&stack.rehearse(options));
        let finding = &rehearsed.phase("perform")["findings"][0];
        let summary = "perform ended with exit code 1 in the hook before_perform (2 of 2) of the context registry: `echo token \
                       $TOKEN && false`";
        assert_eq!((finding["summary"].as_str(), finding["owner"].as_str()), (Some(summary), Some("administrator")));
        assert_eq!(finding["detail"], "token ***", "{finding}");
        assert!(
            !rehearsed.stderr.contains("\nnever\n") && !rehearsed.stderr.contains("\nmine\n"),
            "{}",
            rehearsed.stderr
        );
    }
}

/// The worker would take these phases for passed.
fn a_hook_that_ends_the_phase_has_not_passed_it() {
    if !crate::support::isolation::has_namespaces() {
        return ignored("no namespaces");
    }
    let stack = bare_stack();
    let script = stack.path("stack/pre.sh");
    fs::write(&script, "#!/bin/sh\r\necho pre\r\n").unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let perform = |hooks: &[&str]| {
        let mut options = vec!["--type", "task", "--skip-init", "--task", "echo ran"];
        options.extend(hooks.iter().flat_map(|hook| ["--hook", *hook]));
        let rehearsed = Rehearsed::of(&stack.rehearse(options));
        let phase = rehearsed.phase("perform").clone();
        let finding = phase["findings"].get(0).cloned().unwrap_or_default();
        let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
        (rehearsed.code, phase["status"].as_str().unwrap().to_owned(), text("summary"), text("detail"))
    };
    let (code, status, summary, detail) = perform(&["before_perform=exit 0"]);
    assert_eq!((code, status.as_str()), (100, "failed"));
    assert_eq!(summary, "the stack's hook before_perform ended perform before its command: `exit 0`");
    assert!(detail.contains("`echo ran` never ran"), "{detail}");
    let (code, status, summary, _) = perform(&["after_perform=exit 0", "after_perform=echo never"]);
    assert_eq!((code, status.as_str()), (0, "passed"));
    assert_eq!(summary, "perform passed, but the stack's hook after_perform (2 of 2) did not run");
    let (code, _, summary, detail) = perform(&["before_perform=echo one", "before_perform=./pre.sh"]);
    assert_eq!(code, 100);
    assert_eq!(summary, "perform ended with exit code 127 in the stack's hook before_perform (2 of 2): `./pre.sh`");
    assert!(
        detail.starts_with("`./pre.sh` has Windows line ends (CRLF), so its interpreter is `/bin/sh\\r`"),
        "{detail}"
    );
    assert_eq!(perform(&["before_perform=true", "after_perform=true"]).0, 0);
}

/// Everything that a phase may see, without an engine.
fn a_phase_sees_what_a_workers_phase_sees() {
    if !crate::support::isolation::has_namespaces() {
        return ignored("no namespaces");
    }
    let stack = bare_stack();
    fs::write(stack.path("stack/file"), "here").unwrap();
    fs::write(stack.path("home/.profile"), "the image's").unwrap();
    let task = "set -e; test \"$(pwd)\" = /mnt/workspace/source; test \"$TF_VAR_spacelift_workspace_root\" = /mnt/workspace; \
                test \"$TF_VAR_spacelift_run_state\" = PERFORMING; test \"$TF_IN_AUTOMATION\" = 1; test \"$(id -u)\" = 1983; \
                test \"$(cat file)\" = here; test \"$(cat ~/.profile)\" = \"the image's\"; grep -q spacelift.io ~/.terraformrc; \
                test \"$EXPORTED\" = 'by a hook'; test \"$STACKS\" = own-value; test \"$OWN\" = value; touch ~/new /tmp/new new; \
                test \"$(ls -d /proc/[0-9]* | wc -l)\" -lt 9; test -z \"$(ls /run)\"; ! grep -q CapEff:.*[1-9a-f] /proc/self/status";
    let options = [
        "--type",
        "task",
        "--skip-init",
        "--task",
        task,
        "--env",
        "OWN=value",
        "--env",
        "STACKS=own-${OWN}",
        "--hook",
        "before_perform=export EXPORTED='by a hook'",
        "--hook",
        "after_run=test \"$EXPORTED\" = 'by a hook' && test -e /tmp/new && echo over-$TF_VAR_spacelift_final_run_state",
    ];
    for unprivileged in [true, false] {
        let rehearsed = Rehearsed::of(&Isolated { unprivileged, ..stack.rehearse(options) });
        assert_eq!(rehearsed.report["verdict"], "cleared", "{}\n{}", rehearsed.stderr, rehearsed.report);
        assert!(rehearsed.stderr.contains("\nover-FINISHED"), "{}", rehearsed.stderr);
        assert!(!stack.path("stack/new").exists() && !stack.path("home/new").exists());
        if !crate::support::isolation::is_root() {
            break;
        }
    }
}

fn a_run_that_spacelift_would_refuse_is_refused_while_it_is_prepared() {
    let stack = bare_stack();
    fs::create_dir(stack.path("stack/.spacelift")).unwrap();
    fs::write(stack.path("stack/.spacelift/workflow.yml"), "init: tofu init\n").unwrap();
    let rehearsed = Rehearsed::of(&stack.rehearse(["--ignore-runtime-configuration"]));
    assert_eq!((rehearsed.code, rehearsed.timeline()), (100, vec!["preparing failed 1".to_owned()]));
    assert_eq!(rehearsed.report["isolation"]["kind"], "none", "nothing was run");
    assert!(rehearsed.errors().iter().all(|code| *code == "workflow-file-invalid"), "{:?}", rehearsed.errors());
}

fn wrong_options_are_told_with_the_right_ones() {
    let stack = bare_stack();
    for (options, expected) in [
        (vec!["--type", "apply"], "possible values: tracked, proposed, drift, task, test, destroy"),
        (
            vec!["--type", "proposed", "--until", "applying"],
            "a proposed run has the phases preparing, initializing, planning",
        ),
        (vec!["--type", "task"], "--task COMMAND and --type task belong together"),
        (vec!["--type", "destroy", "--pause"], "only a tracked run waits"),
        (vec!["--hook", "before=x"], "`before` is no hook point (known: before_init, "),
        (vec!["--env", "x"], "expected NAME=VALUE"),
        (vec!["--plugin", "/nonexistent"], "`/nonexistent` cannot be read: the file does not exist"),
        (vec!["--hooks", "none"], "possible values: braced, bare"),
        (vec!["--grace", "-1"], "expected"),
    ] {
        let output = stack.rehearse(options.iter().copied()).run();
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(96), ""), "{options:?}");
        assert!(stderr(&output).contains(expected), "{options:?}: {}", stderr(&output));
    }
}

fn a_rehearsal_has_formats_of_its_own() {
    let stack = bare_stack();
    for format in ["sarif", "junit", "concise"] {
        let mut command = stack.rehearse([]);
        command.arguments = ["rehearse", "--format", format].map(str::to_owned).to_vec();
        let output = command.run();
        assert_eq!(output.status.code(), Some(96), "{format}");
        assert!(stderr(&output).contains("human, json or markdown"), "{}", stderr(&output));
    }
}
