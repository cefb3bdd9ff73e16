//! Secrets in every file and variable that holds some: in no output, no report, and in no file but the one that is
//! closed to everyone else.

use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use fs_err as fs;

use crate::bad_input::{Scene, fake_engine, run};

crate::tests! {
    no_secret_is_printed_or_left_open,
    no_line_starts_with_what_a_repository_names,
}

const SECRET: &str = "s3cr3t-T0KEN";

const FORMATS: [&str; 6] = ["human", "concise", "json", "sarif", "junit", "markdown"];

/// Where a secret stands, in texts that are right and in texts that are not.
fn places() -> Vec<(&'static str, String)> {
    let backend = |line: &str| format!("terraform {{\n  backend \"s3\" {{\n    {line}\n  }}\n}}\n");
    let mut places = vec![
        ("stack/backend.tf", backend(&format!("secret_key = \"{SECRET}\""))),
        ("stack/backend.tf", backend(&format!("secret_key = \"{SECRET}\" oops"))),
        ("stack/backend.tf", backend(&format!("secret_key = \"{SECRET}"))),
        ("stack/backend.tf", backend(&format!("token = {SECRET} {SECRET}"))),
        (
            "stack/backend.tf.json",
            format!("{{\"terraform\": {{\"backend\": {{\"s3\": {{\"token\": \"{SECRET}\",}}}}}}}}"),
        ),
        ("stack/.terraform/terraform.tfstate", format!("{{\"backend\": \"{SECRET}\"}}")),
        (
            "stack/.terraform/terraform.tfstate",
            format!("{{\"backend\": {{\"type\": \"s3\", \"config\": {{\"token\": \"{SECRET}\"}}}}}}"),
        ),
        ("stack/.terraform/terraform.tfstate", format!("{{\"backend\": {{\"type\": [\"{SECRET}\"]}}}}")),
        ("stack/.terraform/modules/modules.json", format!("{{\"Modules\": \"{SECRET}\"}}")),
        ("stack/.terraform/airtight/handover.json", format!("{{\"schema\": [\"{SECRET}\"]}}")),
    ];
    for state in [
        format!("{{\"version\": 4, \"outputs\": {{\"x\": {{\"value\": \"{SECRET}\"}}}}, \"resources\": []}}"),
        format!("{{\"version\": \"{SECRET}\"}}"),
        format!("{{\"version\": 4, \"resources\": \"{SECRET}\"}}"),
        format!("{{\"version\": 4, \"resources\": [{{\"mode\": [\"{SECRET}\"]}}]}}"),
        format!("{{\"version\": 4, \"resources\": [\"{SECRET}"),
        SECRET.to_owned(),
    ] {
        places.push(("stack/terraform.tfstate", state.clone()));
        places.push(("given.tfstate", state));
    }
    for config in [
        format!("credentials \"example.com\" {{\n  token = \"{SECRET}\"\n}}\n"),
        format!("credentials \"example.com\" {{\n  token = \"{SECRET}\n}}\n"),
        format!("credentials \"example.com\" {{\n  token = {SECRET}\n}}\n"),
        format!("credentials \"example.com\" {{\n  token = '{SECRET}'\n}}\n"),
        format!("credentials \"example.com\" {{\n  token = \"{SECRET}\" \"{SECRET}\"\n}}\n"),
        format!("credentials = \"{SECRET}\"\n"),
        format!("credentials \"{SECRET}\" [\n"),
        format!("{{\"credentials\": {{\"example.com\": {{\"token\": \"{SECRET}\"}}}}}}"),
        format!("{{\"credentials\": {{\"example.com\": {{\"token\": \"{SECRET}\"}}"),
        format!("{{\"credentials\": {{\"example.com\": {{\"token\": {SECRET}}}}}}}"),
        format!("host \"example.com\" {{\n  services = \"{SECRET}\"\n}}\n"),
        format!("provider_installation {{\n  network_mirror {{\n    url = \"https://user:{SECRET}@x\"\n  }}\n}}\n"),
    ] {
        places.push(("home/.terraformrc", config.clone()));
        places.push(("named.tfrc", config));
    }
    places
}

fn all_files(directory: &Utf8Path, files: &mut Vec<camino::Utf8PathBuf>) {
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        match fs::symlink_metadata(&path).unwrap() {
            metadata if metadata.is_dir() => all_files(&path, files),
            metadata if metadata.is_file() => files.push(path),
            _ => {}
        }
    }
}

fn files_with_secrets(scene: &Scene) -> Vec<camino::Utf8PathBuf> {
    let mut files = Vec::new();
    all_files(&scene.path(""), &mut files);
    let has_secret = |path: &camino::Utf8PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(SECRET);
    files.retain(has_secret);
    files
}

fn no_secret_is_printed_or_left_open() {
    let (mut was_carried, mut seen) = (false, std::collections::BTreeSet::new());
    for (file, text) in places() {
        let scene = Scene::new();
        scene.write(file, &text);
        let engine = fake_engine(&scene, "OpenTofu v1.12.6", 1);
        let before = files_with_secrets(&scene);
        // All formats render one report, and one reader has each file: the first text of a file gets every format and command.
        let report = scene.path("report.json");
        let mut commands: Vec<Vec<&str>> = vec![
            vec!["check", "--cli-config", "inherited", "--report", report.as_str()],
            vec!["hook", "before_init"],
            vec!["run", "init"],
        ];
        if seen.insert(file) {
            commands.extend(FORMATS.map(|format| vec!["check", "--format", format]));
            commands.extend([vec!["hook", "before_perform"], vec!["run", "showState"], vec!["render", "cli-config"]]);
        }
        for arguments in commands {
            let mut command = scene
                .airtight([])
                .arguments(arguments.iter().copied())
                .environment("AIRTIGHT_ENGINE", &*engine)
                .environment("AIRTIGHT_LOG", "trace")
                .environment("TF_TOKEN_example_com", SECRET)
                .environment("TF_VAR_password", SECRET)
                .environment("TF_ENCRYPTION", SECRET)
                .environment(
                    "TF_CLI_ARGS_init",
                    format!("-backend-config=token={SECRET} -backend-confg=token={SECRET}"),
                )
                .environment("AWS_SECRET_ACCESS_KEY", SECRET);
            // It stops every phase before anything is written.
            if arguments[0] == "check" {
                command = command.environment("TF_REATTACH_PROVIDERS", format!("\"{SECRET}\""));
            }
            if file == "named.tfrc" {
                command = command.environment("TF_CLI_CONFIG_FILE", scene.path(file).as_str());
            }
            if file == "given.tfstate" {
                command = command.environment("AIRTIGHT_STATE", scene.path(file).as_str());
            }
            let done = run(&command);
            let printed = format!("{}{}", done.stdout, done.stderr);
            assert!(!printed.contains(SECRET), "{file}, {arguments:?}: {text}\n{printed}");
        }
        for path in files_with_secrets(&scene).iter().filter(|path| !before.contains(path)) {
            was_carried = true;
            let mode = |path: &Utf8Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700), "{path}: {text}");
            assert!(path.starts_with(scene.path("runtime")), "{path}");
        }
    }
    assert!(was_carried, "no credentials were carried over at all");
}

/// Names that the worker would obey at the start of a line, in everything that a repository can name.
fn no_line_starts_with_what_a_repository_names() {
    let evil = "::add-mask::x";
    let cases: Vec<(String, String)> = vec![
        (format!("stack/{evil}.tf"), "resource \"a\" {\n".to_owned()),
        (format!("stack/a\n{evil}.tf"), "resource \"a\" {\n".to_owned()),
        (
            "stack/a.tf".to_owned(),
            format!(
                "terraform {{\n  required_providers {{\n    x = {{ source = \"a/b\", version = \"\\n{evil}\" }}\n  }}\n}}\n"
            ),
        ),
        (
            "stack/a.tf".to_owned(),
            format!("terraform {{\n  required_providers {{\n    x = {{ source = \"\\n{evil}\" }}\n  }}\n}}\n"),
        ),
        ("stack/a.tf".to_owned(), format!("module \"x\" {{\n  source = \"\\n{evil}\"\n}}\n{evil}\n")),
        ("stack/a.tf".to_owned(), format!("terraform {{\n  required_version = \"\\n{evil}\"\n}}\n")),
        ("stack/a.tf".to_owned(), format!("terraform {{\n  backend \"\\n{evil}\" {{}}\n}}\n")),
        (
            "stack/.terraform.lock.hcl".to_owned(),
            format!("provider \"\\n{evil}\" {{\n  version = \"\\n{evil}\"\n}}\n{evil}\n"),
        ),
        (
            "stack/terraform.tfstate".to_owned(),
            format!(
                "{{\"version\": 4, \"resources\": [{{\"mode\": \"managed\", \"type\": \"t\", \"name\": \"\\n{evil}\", \"provider\": \"provider[\\\"example.com/a/b\\\"]\", \"instances\": []}}]}}"
            ),
        ),
        (
            "stack/terraform.tfstate".to_owned(),
            format!(
                "{{\"version\": 4, \"resources\": [{{\"mode\": \"\\n{evil}\", \"type\": \"t\", \"name\": \"x\", \"provider\": \"\\n{evil}\"}}]}}"
            ),
        ),
        ("stack/.terraform/environment".to_owned(), format!("x\n{evil}")),
        (
            "stack/.terraform/modules/modules.json".to_owned(),
            format!("{{\"Modules\": [{{\"Key\": \"\\n{evil}\", \"Version\": \"\\n{evil}\"}}]}}"),
        ),
        (format!("stack/.terraform/providers/a\n{evil}/x"), String::new()),
        (format!("mirror/a\n{evil}/b/c/x.zip"), String::new()),
        (format!("mirror/{evil}/x"), String::new()),
        ("stack/.spacelift/airtight.yml".to_owned(), format!("\"a\\n{evil}\": 1\n")),
        ("stack/.spacelift/airtight.yml".to_owned(), format!("{evil}: [\n{evil}")),
        ("home/.terraformrc".to_owned(), format!("a = [\n{evil}\n")),
        (
            "stack/.terraform/airtight/handover.json".to_owned(),
            format!(
                "{{\"schema\": \"\\n{evil}\", \"engine\": {{\"name\": \"\", \"version\": \"\"}}, \"platform\": \"\", \"providers\": {{}}}}"
            ),
        ),
        (
            "stack/.terraform/airtight/handover.json".to_owned(),
            serde_json::json!({
                "schema": "airtight/handover/1",
                "engine": {"name": format!("\n{evil}"), "version": format!("\n{evil}")},
                "platform": format!("\n{evil}"),
                "providers": {format!("\n{evil}"): {"version": format!("\n{evil}"), "h1": format!("\n{evil}"), "path": format!("\n{evil}"), "modified": 1}},
                "mirror": format!("\n{evil}"),
            })
            .to_string(),
        ),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (file, text) in cases {
        let scene = Scene::new();
        scene.write(&file, &text);
        let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
        let mut commands = vec![vec!["check"], vec!["run", "init"]];
        if seen.insert(file.clone()) {
            commands.extend(FORMATS[1..].iter().map(|format| vec!["check", "--format", format]));
            commands.extend([vec!["hook", "before_init"], vec!["hook", "before_perform"]]);
        }
        for arguments in commands {
            let done = run(&scene
                .airtight([])
                .arguments(arguments.iter().copied())
                .environment("AIRTIGHT_ENGINE", &*engine)
                .environment("AIRTIGHT_LOG", "trace")
                .environment("TF_WORKSPACE", if file.ends_with("main.tf") { evil } else { "" }));
            for line in done.stdout.lines().chain(done.stderr.lines()) {
                assert!(!line.starts_with("::"), "{file:?} {arguments:?}: {text}\n{done:?}");
            }
        }
    }
    let scene = Scene::new();
    for arguments in [
        ["check", "x\n::add-mask::y"],
        ["x\n::add-mask::y", ""],
        ["check", "--x\n::add-mask::y"],
        ["run", "x\n::add-mask::y"],
        ["hook", "x\n::add-mask::y"],
        ["explain", "x\n::add-mask::y"],
        ["render", "x\n::add-mask::y"],
        ["completions", "x\n::add-mask::y"],
    ] {
        let done = run(&scene.airtight(arguments));
        assert!(done.stdout.lines().chain(done.stderr.lines()).all(|line| !line.starts_with("::")), "{done:?}");
    }
}
