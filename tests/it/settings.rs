//! Settings of the three ranks: what the image fixes, what the administrator fills in, what the repository tightens.

use fs_err as fs;
use serde_json::Value;

use crate::bad_input::{ADDRESS, Done, Scene, fake_engine, run};
use crate::support::engines::Engine;
use crate::support::isolation::{Isolated, is_root};
use crate::support::runner::ignored;

crate::tests! {
    settings_that_a_pull_request_can_change_are_reported_in_a_run,
    what_the_image_sets_is_fixed_and_the_difference_is_told,
    settings_that_others_can_write_are_not_the_images,
    settings_of_the_image_that_cannot_be_used_stop_everything,
    observing_reports_and_leaves_with_the_engines_code,
    a_repository_only_raises_rules,
    a_rule_has_a_reason_and_an_end,
    the_page_on_exceptions_works_as_it_says,
    empty_variables_count_as_unset,
    a_variable_names_the_format_of_every_command_that_has_it,
    a_variable_names_several_mirrors,
    what_may_be_fetched_is_unknown_and_no_failure,
    every_rendered_method_is_accepted(engine),
    a_template_of_the_settings_that_cannot_be_used_is_said_by_name,
}

const CHECK: [&str; 7] = ["check", "--format", "json", "--engine", "tofu", "--engine-version", "1.12.6"];

/// Mounts a directory of its own over `/etc`, puts the settings there as the image's, and goes on.
const WITH_IMAGE: &str = "mount -t tmpfs -o mode=755 tmpfs /etc && mkdir /etc/airtight && \
                          cat \"$0\" > /etc/airtight/settings.yml && eval \"$1\" || exit 77\nshift\nexec \"$@\"\n";

/// The command in an image with these settings; `change` is done to the file first, in a shell.
fn with_image(scene: &Scene, settings: &str, change: &str, command: Isolated) -> Isolated {
    let file = scene.write("image.yml", settings.replace("$ROOT", scene.path("").as_str().trim_end_matches('/')));
    let Isolated { program, arguments, .. } = command.clone();
    let wrapper = ["-m", "sh", "-c", WITH_IMAGE, file.as_str(), change, program.as_str()].map(str::to_owned);
    let arguments = wrapper.into_iter().chain(arguments).collect();
    Isolated { program: "/usr/bin/unshare".into(), arguments, ..command }
}

fn can_mount() -> bool {
    let can = is_root() && {
        let scene = Scene::new();
        run(&with_image(&scene, "", "", scene.airtight(["--version"]))).code == Some(0)
    };
    if !can {
        ignored("nothing can be mounted over /etc here");
    }
    can
}

fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("no {code}: {report:#}"))
}

fn what_the_image_sets_is_fixed_and_the_difference_is_told() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let other = scene.path("other");
    fs::create_dir(&other).unwrap();
    let image = "mirror: $ROOT/mirror\n";
    for command in [
        scene.airtight(CHECK).environment("AIRTIGHT_MIRROR", other.as_str()),
        scene.airtight(CHECK).arguments(["--mirror", other.as_str()]),
        {
            let settings = scene.write("settings.yml", format!("mirror: {other}\n"));
            scene.airtight(CHECK).environment("AIRTIGHT_MIRROR", "").arguments(["--settings", settings.as_str()])
        },
    ] {
        let done = run(&with_image(&scene, image, "", command));
        assert_eq!(done.code, Some(0), "{done:?}");
        let report = done.report();
        let refused = finding(&report, "setting-refused");
        assert_eq!(refused["severity"], "warning");
        assert!(refused["detail"].as_str().unwrap().contains(scene.path("mirror").as_str()), "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(other.as_str()), "{refused}");
    }
    // What it leaves open can be filled, and the same value again is no difference.
    let done = run(&with_image(&scene, "policy: enforce\n", "", scene.airtight(CHECK)));
    assert_eq!((done.code, done.codes()), (Some(0), vec![]), "{done:?}");
    let done = run(&with_image(&scene, image, "", scene.airtight(CHECK)));
    assert_eq!((done.code, done.codes()), (Some(0), vec![]), "{done:?}");
}

fn settings_that_others_can_write_are_not_the_images() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
    let observe = "policy: observe\n";
    let command = || scene.airtight(CHECK);
    for change in [
        "chown 1983 /etc/airtight/settings.yml",
        "chmod 0664 /etc/airtight/settings.yml",
        "chmod 0777 /etc/airtight",
        "chown 1983 /etc/airtight",
    ] {
        let done = run(&with_image(&scene, observe, change, command()));
        assert_eq!(done.code, Some(100), "{change}: {done:?}");
        assert!(done.codes().contains(&"setting-refused".to_owned()), "{change}: {done:?}");
    }
}

fn settings_of_the_image_that_cannot_be_used_stop_everything() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
    let path = "/etc/airtight/settings.yml";
    for (change, expected) in [
        ("rm $f; mkdir $f", "it is a directory"),
        ("rm $f; mkfifo $f", "it is no regular file"),
        ("rm $f; ln -s /dev/zero $f", "it is no regular file"),
        ("truncate -s 100M $f", "it is larger than 256 KiB"),
        ("printf 'mirror: \\377' > $f", "it is not UTF-8 (byte 8)"),
        ("printf 'mirror: [' > $f", "line 2"),
        ("printf 'policy: enforce\\nmiror: /x' > $f", "line 2, key `miror`: unknown key; did you mean `mirror`?"),
        ("printf '\\0' > $f", "control characters"),
    ] {
        let change = format!("f={path}; {change}");
        for arguments in [&CHECK[..], &["run", "init"], &["hook", "before_init"], &["run", "getOutputs"]] {
            let command =
                scene.airtight([]).arguments(arguments.iter().copied()).environment("AIRTIGHT_ENGINE", &*engine);
            let done = run(&with_image(&scene, "", &change, command));
            assert_eq!((done.code, done.stdout.as_str()), (Some(96), ""), "{change}: {done:?}");
            assert!(done.stderr.contains(expected) && done.stderr.contains(path), "{change}: {done:?}");
        }
    }
}

fn observing_reports_and_leaves_with_the_engines_code() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 3);
    let image = |arguments: &[&str]| {
        let command = scene.airtight([]).arguments(arguments.iter().copied()).environment("AIRTIGHT_ENGINE", &*engine);
        run(&with_image(&scene, "policy: observe\n", "", command))
    };
    let done = image(&["run", "init"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.stderr.contains("error[provider-not-locked]") && done.stderr.contains("policy: observe"), "{done:?}");
    let done = image(&["hook", "before_init"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.starts_with("export TF_CLI_CONFIG_FILE="), "{done:?}");
    assert!(done.stderr.contains("error[provider-not-locked]"), "{done:?}");
    // From anybody else it is refused.
    let settings = scene.write("settings.yml", "policy: observe\n");
    let done = run(&scene.airtight(CHECK).arguments(["--settings", settings.as_str()]));
    assert_eq!(done.code, Some(100), "{done:?}");
    assert!(done.codes().contains(&"setting-refused".to_owned()));
}

fn a_repository_only_raises_rules() {
    let scene = Scene::new();
    let extra = "\nprovider \"example.com/acme/cat\" {\n  version = \"1.0.0\"\n}\n";
    let lock = fs::read_to_string(scene.path("stack/.terraform.lock.hcl")).unwrap() + extra;
    scene.write("stack/.terraform.lock.hcl", lock);
    let done = run(&scene.airtight(CHECK));
    assert_eq!((done.code, done.codes()), (Some(0), vec!["lock-entry-unused".to_owned()]), "{done:?}");
    for (settings, code, refused) in [
        ("rules:\n  lock-entry-unused: deny\n", 100, ""),
        ("rules:\n  lock-entry-unused: {level: allow, reason: x}\n", 0, "rules.lock-entry-unused"),
        ("mirror: /elsewhere\n", 0, "mirror"),
        ("engine: /tmp/mine\n", 0, "engine"),
        ("templates: /tmp/mine\n", 0, "templates"),
        ("policy: observe\n", 0, "policy"),
        ("reachable: [example.com]\n", 0, "reachable"),
        ("state: x\n", 0, "state"),
        ("also: [{direct: {include: ['example.com/*/*']}}]\n", 0, "also"),
    ] {
        scene.write("stack/.spacelift/airtight.yml", settings);
        let done = run(&scene.airtight(CHECK));
        assert_eq!(done.code, Some(code), "{settings}: {done:?}");
        if !refused.is_empty() {
            let report = done.report();
            let summary = finding(&report, "setting-refused")["summary"].as_str().unwrap().to_owned();
            assert_eq!(summary, format!(".spacelift/airtight.yml cannot set `{refused}`"));
        }
    }
}

fn a_rule_has_a_reason_and_an_end() {
    let scene = Scene::new();
    fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
    let with = |rule: &str| {
        let settings = scene.write("settings.yml", format!("rules:\n  provider-not-locked: {rule}\n"));
        run(&scene.airtight(CHECK).arguments(["--settings", settings.as_str()]))
    };
    let done = with("{level: warn, reason: the lock files are being completed, until: \"2999-12-31\"}");
    assert_eq!(done.code, Some(0), "{done:?}");
    let report = done.report();
    let exception = &report["exceptions"][0];
    assert_eq!((&exception["code"], &exception["until"]), (&"provider-not-locked".into(), &"2999-12-31".into()));
    let lowered = finding(&report, "provider-not-locked");
    assert_eq!(lowered["severity"], "warning");
    assert!(lowered["detail"].as_str().unwrap().contains("the lock files are being completed"), "{lowered}");
    let done = with("{level: allow, reason: over, until: \"2020-01-01\"}");
    assert_eq!(done.code, Some(100), "{done:?}");
    assert!(done.codes().contains(&"rule-unmatched".to_owned()), "{done:?}");
    let done = with("warn");
    assert_eq!(done.code, Some(96), "{done:?}");
    assert!(done.stderr.contains("it needs a reason"), "{done:?}");
}

/// Three in the morning: what a refusal leads to is a file that lets the run through.
fn the_page_on_exceptions_works_as_it_says() {
    let scene = Scene::new();
    fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 3);
    let hook = scene.airtight(["hook", "before_init"]).environment("AIRTIGHT_ENGINE", &*engine);
    let refused = run(&hook);
    assert_eq!(refused.code, Some(100), "{refused:?}");
    let way_out = refused.stderr.lines().last().unwrap();
    assert!(way_out.ends_with("airtight explain exceptions"), "{way_out}");
    let page = run(&scene.airtight(["explain", "exceptions"])).stdout;
    let yaml = page.lines().skip_while(|line| !line.contains("# airtight-exception.yml"));
    let yaml = yaml.take_while(|line| line.starts_with("    ")).map(|line| format!("{}\n", &line[4..]));
    let settings = scene.write("airtight-exception.yml", yaml.collect::<String>());
    let done = run(&hook.clone().environment("AIRTIGHT_SETTINGS", settings.as_str()));
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stderr.contains("exception in force: `provider-not-locked` is only a warning"), "{done:?}");
    for format in ["human", "concise", "json", "sarif", "junit", "markdown"] {
        let check = ["check", "--engine", "tofu", "--engine-version", "1.12.6", "--format", format];
        let done = run(&scene.airtight(check).arguments(["--settings", settings.as_str()]));
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.stdout.contains("INC-4711") && done.stdout.contains("2030-01-31"), "{format}: {}", done.stdout);
    }
}

fn empty_variables_count_as_unset() {
    let scene = Scene::new();
    let names = [
        "ENGINE",
        "ENGINE_VERSION",
        "PLATFORM",
        "SETTINGS",
        "STATE",
        "FORMAT",
        "REPORT",
        "CLI_CONFIG",
        "LOG",
        "MIRROR",
        "CLI_CONFIG_SOURCE",
    ];
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
    let mut command =
        scene.airtight(["check"]).arguments(["--mirror", scene.path("mirror").as_str(), "--engine", &engine]);
    for name in names {
        command = command.environment(&format!("AIRTIGHT_{name}"), "");
    }
    let done = run(&command);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:?}");
    // Without any mirror it is /providers.
    let done = run(&scene.airtight(CHECK).environment("AIRTIGHT_MIRROR", ""));
    assert!(done.stdout.contains("/providers"), "{done:?}");
}

fn a_variable_names_the_format_of_every_command_that_has_it() {
    let scene = Scene::new();
    for (format, is_json) in [("json", true), ("junit", false), ("", false)] {
        for command in [&["mirror", "list", "--mirror", "../mirror"][..], &["doctor", "--mirror", "../mirror"]] {
            let done =
                run(&scene.airtight([]).arguments(command.iter().copied()).environment("AIRTIGHT_FORMAT", format));
            assert_eq!(done.stdout.starts_with('{'), is_json, "{done:?}");
            assert_eq!(done.stderr, "", "{done:?}");
        }
    }
}

fn a_variable_names_several_mirrors() {
    let scene = Scene::new();
    fs::create_dir(scene.path("first")).unwrap();
    let mirrors = format!("{}::{}", scene.path("first"), scene.path("mirror"));
    let done = run(&scene.airtight(["render", "cli-config"]).environment("AIRTIGHT_MIRROR", mirrors.as_str()));
    let paths: Vec<_> = done.stdout.lines().filter(|line| line.contains("path =")).collect();
    assert_eq!(paths.len(), 2, "{done:?}");
    assert!(paths[0].ends_with("/first\"") && paths[1].ends_with("/mirror\""), "{done:?}");
    let done = run(&scene.airtight(CHECK).environment("AIRTIGHT_MIRROR", mirrors));
    assert_eq!(done.code, Some(0), "{done:?}");
}

/// A partial air gap: what a method may bring is not known here, so nothing fails and nothing is promised.
fn what_may_be_fetched_is_unknown_and_no_failure() {
    let scene = Scene::new();
    scene.write(
        "stack/main.tf",
        format!(
            "terraform {{\n  required_providers {{\n    dog = {{ source = \"{ADDRESS}\" }}\n    cat = {{ source = \
             \"registry.example.com/acme/cat\" }}\n  }}\n}}\nmodule \"m\" {{\n  source = \
             \"git::https://git.example.com/m.git\"\n}}\n"
        ),
    );
    let settings = "reachable: [registry.example.com, git.example.com]\n\
                    also: [{direct: {include: ['registry.example.com/*/*']}}]\n";
    let settings = scene.write("settings.yml", settings);
    let done = run(&scene.airtight(CHECK));
    assert_eq!((done.code, &done.report()["prediction"]["init"]), (Some(100), &"failure".into()), "{done:?}");
    let done = run(&scene.airtight(CHECK).arguments(["--settings", settings.as_str()]));
    assert_eq!((done.code, &done.report()["prediction"]["init"]), (Some(0), &"unknown".into()), "{done:?}");
    assert!(!done.report()["prediction"]["assumptions"].as_array().unwrap().is_empty());
}

const ALSO: &str = "also:\n  - direct: {include: ['registry.example.com/*/*']}\n  - network_mirror: {url: \
                    'https://mirror.example.com/p/', include: ['example.org/*/*']}\n  - oci_mirror: \
                    {repository_template: 'oci.example.com/${namespace}/${type}', include: ['example.net/*/*']}\n";

/// The rendered file with every method, read by the real engine: not a word of complaint.
fn every_rendered_method_is_accepted(engine: &'static Engine) {
    let scene = Scene::new();
    let settings = scene.write("settings.yml", ALSO);
    let render = |name: &str, version: &str| -> Done {
        run(&scene.airtight([
            "render",
            "cli-config",
            "--engine",
            name,
            "--engine-version",
            version,
            "--settings",
            settings.as_str(),
        ]))
    };
    let done = render(engine.name, &engine.version);
    assert_eq!(done.code, Some(0), "{done:?}");
    let is_tofu = engine.name == "tofu";
    assert_eq!(done.stdout.contains("oci_mirror"), is_tofu, "{done:?}");
    assert_eq!(done.stderr.contains("warning[cli-config-method-dropped]"), !is_tofu, "{done:?}");
    let config = scene.write("rendered.tfrc", &done.stdout);
    let init = scene.engine(engine).arguments(["init", "-no-color"]).environment("TF_CLI_CONFIG_FILE", config.as_str());
    let output = init.run();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !text.contains("CLI configuration") && !text.contains("Error"), "{text}");
    // The run's own file is the same one, and says so too.
    let done = run(&scene
        .airtight(["hook", "before_init", "--settings", settings.as_str()])
        .environment("AIRTIGHT_ENGINE", engine.path.as_str()));
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stderr.contains("cli-config-method-dropped"), !is_tofu, "{done:?}");
    let path = done.stdout.lines().find_map(|line| line.strip_prefix("export TF_CLI_CONFIG_FILE='")).unwrap();
    assert_eq!(fs::read_to_string(path.trim_end_matches('\'')).unwrap(), fs::read_to_string(config).unwrap());
}

fn a_template_of_the_settings_that_cannot_be_used_is_said_by_name() {
    let scene = Scene::new();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
    let directory = scene.path("templates");
    let settings = scene.write("settings.yml", format!("templates: {directory}\n"));
    let init = || {
        let arguments = ["run", "--settings", settings.as_str(), "init"];
        run(&scene.airtight(arguments).environment("AIRTIGHT_ENGINE", &*engine))
    };
    let done = init();
    assert_eq!(done.code, Some(96), "{done:?}");
    assert!(done.stderr.contains("this directory of the settings does not exist"), "{done:?}");
    for (text, expected) in [
        ("init\n{{ nothing }}\n", "unknown name `nothing`"),
        ("init\n{% if %}\n", "is wrong"),
        ("init\u{0}", "init.tera` writes a NUL"),
    ] {
        scene.write("templates/commands/init.tera", text);
        let done = init();
        assert_eq!(done.code, Some(96), "{text:?}: {done:?}");
        assert!(done.stderr.contains(expected), "{text:?}: {done:?}");
    }
    fs::File::create(scene.path("templates/commands/init.tera")).unwrap().set_len(100_000_000).unwrap();
    assert!(init().stderr.contains("it is larger than 64 KiB"));
}

fn settings_that_a_pull_request_can_change_are_reported_in_a_run() {
    let scene = Scene::new();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
    let inside = scene.write("stack/ci/settings.yml", "reachable: []\n");
    let outside = scene.write("settings.yml", "reachable: []\n");
    for (settings, run_id, expected) in [(&inside, "01JX", true), (&inside, "", false), (&outside, "01JX", false)] {
        let init = scene.airtight(["run", "init"]).environment("AIRTIGHT_ENGINE", &*engine);
        let init =
            init.environment("AIRTIGHT_SETTINGS", settings.as_str()).environment("TF_VAR_spacelift_run_id", run_id);
        let done = run(&init);
        assert_eq!(done.stderr.contains("warning[run-replaceable]"), expected, "{settings} {run_id}: {done:?}");
    }
}
