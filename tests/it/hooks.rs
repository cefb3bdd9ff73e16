//! The hook scripts and the plugin's hooks as Spacelift runs them: joined to the phase's command by `&&`, in its shell.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::bad_input::{Scene, run};
use crate::plugin;

crate::tests! {
    a_cleared_phase_sees_what_the_hook_exports,
    a_hook_that_prints_nothing_clears_too,
    a_refused_phase_does_not_run,
    an_image_without_airtight_is_told_so,
    scripts_hold_one_chain_for_their_point,
    the_binary_brings_the_scripts_and_the_plugin,
}

const POINTS: [&str; 5] = ["before_init", "before_plan", "before_apply", "before_destroy", "before_perform"];

/// `busybox sh` is ash: the `sh` of the stock runner image.
const SHELLS: [&[&str]; 4] = [&["busybox", "sh"], &["dash"], &["bash"], &["bash", "--posix"]];

/// How strict the phase's shell is.
const STRICTNESS: [&str; 4] = ["", "set -e\n", "set -u\n", "set -eu\n"];

/// A fake `airtight` that clears: what it exports holds what a shell could trip over.
const CLEARS: &str = "#!/bin/sh\necho \"airtight: cleared $2\" >&2\n\
                      echo \"export TF_CLI_CONFIG_FILE='/tmp/it'\\\\''s \\$(here)'\"\necho \"export POINT='$*'\"\n";
/// One that has nothing to say.
const CLEARS_SILENTLY: &str = "#!/bin/sh\nexit 0\n";
/// One that refuses, and breaks the rule that it then prints nothing.
const REFUSES: &str = "#!/bin/sh\necho 'export POINT=refused'\nexit 100\n";

/// The shells that are here; the others are named.
fn shells() -> Vec<&'static [&'static str]> {
    let (here, missing): (Vec<_>, Vec<_>) = SHELLS
        .into_iter()
        .partition(|shell| Command::new(shell[0]).args(&shell[1..]).args(["-c", ":"]).output().is_ok());
    for shell in missing {
        println!("ignored: {} is not on PATH", shell.join(" "));
    }
    assert!(!here.is_empty(), "no shell is on PATH");
    here
}

/// A `PATH` with the fake `airtight` alone. Shells are called by their own paths, so nothing else is needed on it.
struct Image {
    directory: tempfile::TempDir,
}

impl Image {
    fn new(airtight: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        if let Some(text) = airtight {
            let path = directory.path().join("airtight");
            fs_err::write(&path, text).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { directory }
    }

    fn run(&self, shell: &[&str], script: &str) -> Output {
        Command::new(path_of(shell[0]))
            .args(&shell[1..])
            .args(["-c", script])
            .env_clear()
            .env("PATH", self.directory.path())
            .output()
            .unwrap()
    }
}

fn path_of(program: &str) -> PathBuf {
    std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
        .unwrap()
}

/// Every hook with its point: the scripts sourced, the plugin's as they are.
fn hooks() -> Vec<(String, String)> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks");
    POINTS
        .into_iter()
        .map(|point| (point.to_owned(), format!(". {}", scripts.join(format!("{point}.sh")).display())))
        .chain(plugin::hooks())
        .collect()
}

/// The phases that a hook is part of: braced and bare, alone and between other hooks.
fn phases(hook: &str, command: &str) -> [String; 4] {
    [
        format!("{{ {hook}; }} && {command}"),
        format!("{hook} && {command}"),
        format!("{{ :; }} && {{ {hook}\n}} && {{ :; }} && {command}"),
        format!(": && {hook} && : && {command}"),
    ]
}

fn each_phase(airtight: Option<&str>, command: &str, check: impl Fn(&str, &str, &Output)) {
    let image = Image::new(airtight);
    for shell in shells() {
        for (point, hook) in hooks() {
            for strictness in STRICTNESS {
                for phase in phases(&hook, command) {
                    let script = format!("{strictness}{phase}");
                    check(&point, &format!("{}: {script}", shell.join(" ")), &image.run(shell, &script));
                }
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn a_cleared_phase_sees_what_the_hook_exports() {
    let command = "printf '%s|%s|%s' \"$TF_CLI_CONFIG_FILE\" \"$POINT\" \"${airtight_env-unset}\"";
    each_phase(Some(CLEARS), command, |point, script, output| {
        assert!(output.status.success(), "{script}: {output:?}");
        assert_eq!(text(&output.stdout), format!("/tmp/it's $(here)|hook {point}|unset"), "{script}");
        assert_eq!(text(&output.stderr), format!("airtight: cleared {point}\n"), "{script}");
    });
}

fn a_hook_that_prints_nothing_clears_too() {
    each_phase(Some(CLEARS_SILENTLY), "echo phase", |_, script, output| {
        assert!(output.status.success(), "{script}: {output:?}");
        assert_eq!(text(&output.stdout), "phase\n", "{script}");
    });
}

fn a_refused_phase_does_not_run() {
    each_phase(Some(REFUSES), "echo phase", |_, script, output| {
        assert_eq!(output.status.code(), Some(100), "{script}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{script}");
    });
}

fn an_image_without_airtight_is_told_so() {
    each_phase(None, "echo phase", |_, script, output| {
        assert_eq!(output.status.code(), Some(1), "{script}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{script}");
        let message = "airtight: the airtight binary is not in this runner image: use an image that holds it, or ";
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with(message) && stderr.lines().count() == 1, "{script}: {stderr}");
    });
}

fn scripts_hold_one_chain_for_their_point() {
    for point in POINTS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks").join(format!("{point}.sh"));
        let script = fs_err::read_to_string(path).unwrap();
        let code: Vec<_> = script.lines().skip_while(|line| line.starts_with('#')).collect();
        let chain = format!("airtight_env=$(airtight hook {point}) &&");
        assert_eq!(code[1..], [chain.as_str(), "eval \"$airtight_env\" &&", "unset airtight_env"]);
        assert!(!code[0].contains("exit") && code[0].ends_with("&&"), "{}", code[0]);
    }
}

fn the_binary_brings_the_scripts_and_the_plugin() {
    let scene = Scene::new();
    let directory = scene.path("share/my hooks");
    let done = run(&scene.airtight(["render", "hooks", directory.as_str()]));
    assert_eq!(done.code, Some(0), "{done:?}");
    for (point, line) in POINTS.iter().zip(done.stdout.lines()) {
        let script = directory.join(format!("{point}.sh"));
        assert_eq!(line, format!("{point}: . '{script}'"));
        let here = format!("{}/hooks/{point}.sh", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(fs_err::read_to_string(&script).unwrap(), fs_err::read_to_string(here).unwrap());
    }
    // A link in the place of a script is replaced, not followed.
    let elsewhere = scene.write("elsewhere", "mine");
    fs_err::remove_file(directory.join("before_init.sh")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, directory.join("before_init.sh")).unwrap();
    assert_eq!(run(&scene.airtight(["render", "hooks", directory.as_str()])).code, Some(0));
    assert_eq!(fs_err::read_to_string(&elsewhere).unwrap(), "mine");
    let refused = run(&scene.airtight(["render", "hooks", elsewhere.as_str()]));
    assert_eq!(refused.code, Some(100), "{refused:?}");
    let done = run(&scene.airtight(["render", "plugin"]));
    assert_eq!(done.stdout, airtight_spacelift::render_hooks::plugin());
}
