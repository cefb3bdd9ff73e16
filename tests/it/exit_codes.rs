//! The exit codes that scripts rely on, with engines that are not there, not executable, or that end as they like.

use std::os::unix::fs::{PermissionsExt, symlink};

use fs_err as fs;

use crate::bad_input::{Scene, fake_engine, run, tree};
use crate::support::isolation::{UNPRIVILEGED_USER, is_root};
use crate::support::runner::ignored;

crate::tests! {
    without_an_engine_a_run_ends_with_127_and_a_check_asks_for_a_name,
    what_is_no_engine_ends_with_126,
    after_the_start_the_code_is_the_engines,
    an_init_that_a_signal_ends_has_the_shells_code,
    a_refusal_ends_with_100_and_a_hook_then_exports_nothing,
    what_is_typed_wrongly_ends_with_96_and_says_what_would_be_right,
    a_directory_that_has_gone_away_ends_with_96,
    a_report_that_cannot_be_written_ends_with_100,
    a_runtime_directory_that_is_not_ours_alone_refuses,
    links_in_the_runtime_directory_are_replaced_and_not_followed,
    a_home_that_is_read_only_does_no_harm_and_a_workspace_is_named,
    a_full_disk_refuses_and_leaves_nothing_half_written,
}

const PLAN: [&str; 5] = ["run", "plan", "--lock=true", "--refresh=true", "--out=p"];

fn without_an_engine_a_run_ends_with_127_and_a_check_asks_for_a_name() {
    let scene = Scene::new();
    for arguments in
        [&["run", "init"][..], &["hook", "before_init"], &["hook", "before_plan"], &PLAN, &["run", "getOutputs"]]
    {
        let done = run(&scene.airtight([]).arguments(arguments.iter().copied()).environment("PATH", "/nowhere"));
        assert_eq!((done.code, done.stdout.as_str()), (Some(127), ""), "{arguments:?}: {done:?}");
        assert!(done.stderr.starts_with("airtight: no engine: "), "{done:?}");
    }
    let done = run(&scene.airtight(["check"]).environment("PATH", "/nowhere"));
    assert_eq!(done.code, Some(96));
    assert!(done.stderr.contains("also give --engine-version X.Y.Z"), "{done:?}");
}

fn what_is_no_engine_ends_with_126() {
    let scene = Scene::new();
    let plain = scene.write("plain", "#!/bin/sh\n");
    let broken = scene.write("broken", "\u{7f}ELF");
    fs::set_permissions(&broken, PermissionsExt::from_mode(0o755)).unwrap();
    let other = fake_engine(&scene, "Pulumi v3.0.0", 0);
    for engine in [plain.as_str(), broken.as_str(), other.as_str(), scene.path("stack").as_str()] {
        for arguments in [&["run", "init"][..], &["hook", "before_init"], &PLAN, &["check"]] {
            let done =
                run(&scene.airtight([]).arguments(arguments.iter().copied()).environment("AIRTIGHT_ENGINE", engine));
            assert_eq!((done.code, done.stdout.as_str()), (Some(126), ""), "{engine} {arguments:?}: {done:?}");
            assert!(done.stderr.contains(engine), "{done:?}");
        }
    }
}

fn after_the_start_the_code_is_the_engines() {
    for code in [0, 1, 2, 42] {
        let scene = Scene::new();
        fs::remove_file(scene.path("stack/main.tf")).unwrap();
        fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
        let engine = fake_engine(&scene, "OpenTofu v1.12.6", code);
        for arguments in
            [&["run", "init"][..], &PLAN, &["run", "showState"], &["run", "getOutputs"], &["run", "destroy"]]
        {
            let done =
                run(&scene.airtight([]).arguments(arguments.iter().copied()).environment("AIRTIGHT_ENGINE", &*engine));
            assert_eq!(done.code, Some(code.into()), "{arguments:?}: {done:?}");
        }
    }
}

fn an_init_that_a_signal_ends_has_the_shells_code() {
    let scene = Scene::new();
    fake_engine(&scene, "", 0);
    let script = "#!/bin/sh\nif [ \"$1\" = version ]; then echo 'OpenTofu v1.12.6'; else kill -9 $$; fi\n";
    let engine = scene.write("bin/engine", script);
    let done = run(&scene.airtight(["run", "init"]).environment("AIRTIGHT_ENGINE", engine));
    assert_eq!(done.code, Some(137), "{done:?}");
}

fn a_refusal_ends_with_100_and_a_hook_then_exports_nothing() {
    let scene = Scene::new();
    fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
    for arguments in [&["run", "init"][..], &["hook", "before_init"]] {
        let done =
            run(&scene.airtight([]).arguments(arguments.iter().copied()).environment("AIRTIGHT_ENGINE", &*engine));
        assert_eq!((done.code, done.stdout.as_str()), (Some(100), ""), "{done:?}");
        assert!(done.stderr.contains("error[provider-not-locked]"), "{done:?}");
    }
}

fn what_is_typed_wrongly_ends_with_96_and_says_what_would_be_right() {
    let scene = Scene::new();
    let cases: [(&[&str], &str); 20] = [
        (&[], "`airtight --help` lists all commands"),
        (&["chekc"], "a similar subcommand exists: 'check'"),
        (&["check", "--mirorr", "x"], "a similar argument exists: '--mirror'"),
        (&["check", "nowhere"], "`nowhere` is no directory"),
        (&["check", "--format", "xml"], "[possible values: human, concise, json, sarif, junit, markdown]"),
        (&["check", "--platform", "linux"], "--platform `linux`"),
        (&["check", "--engine", "tofu", "--engine-version", "x"], "--engine-version `x`"),
        (&["check", "--settings", "nowhere.yml"], "the file does not exist"),
        (&["run"], "Usage: airtight run"),
        (&["run", "aply", "p"], "`aply` is not a workflow command"),
        (&["run", "apply"], "`apply` needs a plan file"),
        (&["run", "apply", ""], "the plan file of `apply` is empty"),
        (&["run", "apply", "a", "b"], "takes one plan file"),
        (&["run", "plan"], "`plan` needs --lock=BOOL"),
        (&["run", "init", "-upgrade"], "TF_CLI_ARGS_init"),
        (&["hook", "before_lunch"], "before_init"),
        (&["hook"], "Usage: airtight hook"),
        (&["explain", "provider-not-lockd"], "Did you mean `provider-not-locked`?"),
        (&["render", "workflw"], "a similar subcommand exists: 'workflow'"),
        (&["completions", "cmd"], "possible values: bash"),
    ];
    for (arguments, expected) in cases {
        let done = run(&scene.airtight([]).arguments(arguments.iter().copied()));
        assert_eq!((done.code, done.stdout.as_str()), (Some(96), ""), "{arguments:?}: {done:?}");
        assert!(done.stderr.contains(expected), "{arguments:?}: {done:?}");
    }
}

fn a_directory_that_has_gone_away_ends_with_96() {
    let scene = Scene::new();
    let script = "rm -r ../stack; exec \"$0\" check --engine tofu --engine-version 1.12.6";
    let airtight = crate::support::isolation::airtight();
    let mut command = scene.airtight([]);
    command.program = "/bin/sh".into();
    let done = run(&command.arguments(["-c", script, airtight.as_str()]));
    assert_eq!(done.code, Some(96), "{done:?}");
}

fn a_report_that_cannot_be_written_ends_with_100() {
    let scene = Scene::new();
    let arguments =
        ["check", "--engine", "tofu", "--engine-version", "1.12.6", "--report", "/proc/nowhere/report.json"];
    let done = run(&scene.airtight(arguments));
    assert_eq!(done.code, Some(100), "{done:?}");
    assert!(done.stderr.contains("the report `/proc/nowhere/report.json` cannot be written"), "{done:?}");
}

/// The runtime directory lies in a directory of everyone's: what stands there may be somebody else's.
fn a_runtime_directory_that_is_not_ours_alone_refuses() {
    let user = rustix::process::geteuid().as_raw();
    let cases: [(&str, &dyn Fn(&camino::Utf8Path)); 4] = [
        ("a symbolic link", &|path| {
            fs::create_dir(path.with_file_name("target")).unwrap();
            symlink("target", path).unwrap();
        }),
        ("not a directory", &|path| fs::write(path, "").unwrap()),
        ("open to other users", &|path| {
            fs::create_dir(path).unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
        }),
        ("owned by another user", &|path| {
            fs::create_dir(path).unwrap();
            std::os::unix::fs::chown(path, Some(UNPRIVILEGED_USER), None).unwrap();
        }),
    ];
    for (what, plant) in cases {
        if what == "owned by another user" && !is_root() {
            ignored("only root can give away");
            continue;
        }
        let scene = Scene::new();
        let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
        plant(&scene.path(&format!("runtime/airtight-{user}")));
        for arguments in
            [&["run", "init"][..], &["hook", "before_init"], &["hook", "before_perform"], &["run", "getOutputs"]]
        {
            let done =
                run(&scene.airtight([]).arguments(arguments.iter().copied()).environment("AIRTIGHT_ENGINE", &*engine));
            assert_eq!((done.code, done.stdout.as_str()), (Some(100), ""), "{what} {arguments:?}: {done:?}");
            let words = done.stderr.split_whitespace().filter(|word| *word != "|");
            let stderr = words.collect::<Vec<_>>().join(" ");
            assert!(stderr.contains(what) && stderr.contains("cli-config-unwritable"), "{what}: {done:?}");
        }
        assert!(
            !scene.path("runtime/target").exists() || fs::read_dir(scene.path("runtime/target")).unwrap().count() == 0
        );
    }
}

/// Files that somebody planted in our own directory are replaced, never followed or appended to.
fn links_in_the_runtime_directory_are_replaced_and_not_followed() {
    let scene = Scene::new();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
    let hook = || run(&scene.airtight(["hook", "before_init"]).environment("AIRTIGHT_ENGINE", &*engine));
    assert_eq!(hook().code, Some(0));
    let directory = scene.path(&format!("runtime/airtight-{}", rustix::process::geteuid().as_raw()));
    let victim = scene.write("victim", "untouched");
    let names: Vec<_> = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    assert!(names.len() >= 3, "{names:?}");
    for path in names.iter().filter(|path| path.is_file()) {
        fs::remove_file(path).unwrap();
        symlink(&victim, path).unwrap();
    }
    let done = hook();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    let written = names.iter().find(|path| path.as_str().ends_with("cli-config.tfrc")).unwrap();
    let metadata = fs::symlink_metadata(written).unwrap();
    assert!(metadata.is_file() && metadata.permissions().mode() & 0o777 == 0o600, "{metadata:?}");
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
}

fn a_home_that_is_read_only_does_no_harm_and_a_workspace_is_named() {
    if !is_root() {
        return ignored("only root can");
    }
    let mut tree = tree();
    fs::create_dir_all(std::env::temp_dir()).unwrap();
    tree.file("bin/engine", "#!/bin/sh\necho 'OpenTofu v1.12.6'\n");
    let scene = Scene::holding(&tree, true);
    fs::set_permissions(scene.path("bin/engine"), PermissionsExt::from_mode(0o755)).unwrap();
    let close = |path: &str| {
        std::os::unix::fs::chown(scene.path(path), Some(0), Some(0)).unwrap();
        fs::set_permissions(scene.path(path), PermissionsExt::from_mode(0o555)).unwrap();
    };
    let hook = || scene.airtight(["hook", "before_init"]).environment("AIRTIGHT_ENGINE", scene.path("bin/engine"));
    close("home");
    let done = run(&hook());
    assert_eq!(done.code, Some(0), "{done:?}");
    close("stack");
    let done = run(&hook());
    assert_eq!(done.code, Some(100), "{done:?}");
    assert!(done.stderr.contains("error[directory-unwritable]"), "{done:?}");
    // The fix that it names.
    let done = run(&hook().environment("TF_DATA_DIR", scene.path("runtime/data")));
    assert_eq!(done.code, Some(0), "{done:?}");
}

/// A disk of 16 KiB with nothing left.
fn a_full_disk_refuses_and_leaves_nothing_half_written() {
    if !is_root() {
        return ignored("only root can mount");
    }
    let scene = Scene::new();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
    let script = "mount -t tmpfs -o size=16k,mode=700 tmpfs \"$XDG_RUNTIME_DIR\" || exit 77\n\
                  mkdir -m 700 \"$XDG_RUNTIME_DIR/airtight-0\"\n\
                  head -c 100000 /dev/zero > \"$XDG_RUNTIME_DIR/filler\" 2>/dev/null\n\
                  \"$0\" \"$@\"; code=$?\n\
                  find \"$XDG_RUNTIME_DIR\" -type f ! -name filler >&2\nexit $code\n";
    for arguments in [["hook", "before_init"], ["run", "init"]] {
        let mut command = scene.airtight([]).environment("AIRTIGHT_ENGINE", &*engine);
        command.program = "/usr/bin/unshare".into();
        let airtight = crate::support::isolation::airtight();
        let done = run(&command.arguments(["-m", "sh", "-c", script, airtight.as_str()]).arguments(arguments));
        if done.code == Some(77) {
            return ignored("nothing can be mounted here");
        }
        assert_eq!((done.code, done.stdout.as_str()), (Some(100), ""), "{done:?}");
        assert!(done.stderr.contains("No space left on device"), "{done:?}");
        assert!(
            !done.stderr.contains(&format!("{}/airtight-0/", scene.path("runtime"))) || !done.stderr.contains("\n/"),
            "{done:?}"
        );
    }
}
