//! What a new user reads: the help of every command, the manual page, the completions.

use crate::bad_input::{Scene, run};

crate::tests! {
    the_help_of_every_command_teaches,
    without_arguments_the_next_step_is_shown_and_nothing_is_cleared,
    the_version_is_one_line,
    completions_and_the_manual_page_name_every_command,
    every_code_has_a_page_that_is_found_by_name,
}

fn the_help_of_every_command_teaches() {
    let scene = Scene::new();
    for (name, arguments) in [
        ("airtight", &["--help"][..]),
        ("run", &["run", "--help"]),
        ("hook", &["hook", "--help"]),
        ("check", &["check", "--help"]),
        ("audit", &["audit", "--help"]),
        ("rehearse", &["rehearse", "--help"]),
        ("render", &["render", "--help"]),
        ("render_workflow", &["render", "workflow", "--help"]),
        ("render_policy", &["render", "policy", "--help"]),
        ("render_hooks", &["render", "hooks", "--help"]),
        ("render_plugin", &["render", "plugin", "--help"]),
        ("render_cli_config", &["render", "cli-config", "--help"]),
        ("mirror", &["mirror", "--help"]),
        ("mirror_verify", &["mirror", "verify", "--help"]),
        ("mirror_seal", &["mirror", "seal", "--help"]),
        ("mirror_unpack", &["mirror", "unpack", "--help"]),
        ("mirror_prune", &["mirror", "prune", "--help"]),
        ("mirror_list", &["mirror", "list", "--help"]),
        ("mirror_sbom", &["mirror", "sbom", "--help"]),
        ("modules", &["modules", "--help"]),
        ("modules_build", &["modules", "build", "--help"]),
        ("modules_verify", &["modules", "verify", "--help"]),
        ("modules_list", &["modules", "list", "--help"]),
        ("modules_prune", &["modules", "prune", "--help"]),
        ("lock", &["lock", "--help"]),
        ("lock_complete", &["lock", "complete", "--help"]),
        ("render_dockerfile", &["render", "dockerfile", "--help"]),
        ("mirror_build", &["mirror", "build", "--help"]),
        ("reach", &["reach", "--help"]),
        ("verify_archive", &["verify-archive", "--help"]),
        ("doctor", &["doctor", "--help"]),
        ("explain", &["explain", "--help"]),
        ("completions", &["completions", "--help"]),
        ("man", &["man", "--help"]),
    ] {
        // Set variables are no part of the help.
        let mut command = scene.airtight([]).arguments(arguments.iter().copied());
        command.environment.retain(|name, _| !name.starts_with("AIRTIGHT_"));
        let done = run(&command);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{name}: {done:?}");
        assert!(done.stdout.lines().all(|line| line.chars().count() <= 100), "{name}: {}", done.stdout);
        insta::assert_snapshot!(format!("help_{name}"), done.stdout);
    }
}

fn without_arguments_the_next_step_is_shown_and_nothing_is_cleared() {
    let scene = Scene::new();
    let done = run(&scene.airtight([]));
    assert_eq!((done.code, done.stdout.as_str()), (Some(96), ""));
    assert!(done.stderr.contains("airtight check --mirror /providers"), "{done:?}");
    let done = run(&scene.airtight(["mirror"]));
    assert_eq!((done.code, done.stdout.as_str()), (Some(96), ""));
    assert!(done.stderr.contains("Usage: airtight mirror <COMMAND>"), "{done:?}");
}

fn the_version_is_one_line() {
    let done = run(&Scene::new().airtight(["--version"]));
    assert_eq!((done.code, done.stdout), (Some(0), format!("airtight {}\n", env!("CARGO_PKG_VERSION"))));
}

fn completions_and_the_manual_page_name_every_command() {
    let scene = Scene::new();
    let commands = [
        "run",
        "hook",
        "check",
        "rehearse",
        "doctor",
        "reach",
        "mirror",
        "modules",
        "lock",
        "render",
        "verify-archive",
        "explain",
    ];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = run(&scene.airtight(["completions", shell]));
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(commands.iter().all(|command| done.stdout.contains(command)), "{shell}: {}", done.stdout);
    }
    let done = run(&scene.airtight(["man"]));
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert!(done.stdout.starts_with(".ie") || done.stdout.contains(".TH airtight 1"), "{}", done.stdout);
    let page = done.stdout.replace("\\-", "-");
    // Each page that one names is written.
    let pages = scene.path("man");
    let done = run(&scene.airtight(["man", pages.as_str()]));
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""), "{done:?}");
    let names: Vec<String> =
        fs_err::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in &names {
        let text = fs_err::read_to_string(pages.join(name)).unwrap().replace("\\-", "-");
        assert!(text.contains(".SH FILES") && text.contains("EXIT STATUS"), "{name}");
        for line in text.lines().filter(|line| line.starts_with("airtight-") && line.ends_with("(1)")) {
            assert!(names.contains(&line.replace("(1)", ".1")), "{name} names {line}");
        }
    }
    assert!(names.contains(&"airtight-mirror-build.1".to_owned()) && names.len() > 20, "{names:?}");
    let bash = run(&scene.airtight(["completions", "bash"])).stdout;
    for value in ["sarif", "before_perform", "provider-not-locked", "workspaceSelect", "drift", "linux_arm64"] {
        assert!(bash.contains(value), "{value}");
    }
    assert!(commands.iter().all(|command| page.contains(command)), "{page}");
}

fn every_code_has_a_page_that_is_found_by_name() {
    let scene = Scene::new();
    let list = run(&scene.airtight(["explain"])).stdout;
    let codes: Vec<_> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(codes.len(), airtight_finding::Code::ALL.len());
    let done = run(&scene.airtight(["explain", codes[0]]));
    assert_eq!(done.code, Some(0));
    assert!(done.stdout.starts_with(&format!("# {}\n", codes[0])), "{done:?}");
}
