//! Every file that airtight reads, in every bad shape: a clear answer with the right exit code, no panic, no waiting,
//! bounded memory; and where an engine is here, the prediction is what it does.

use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rayon::prelude::*;
use serde_json::Value;

use crate::support::engines::Engine;
use crate::support::isolation::{Isolated, airtight, has_namespaces, is_root};
use crate::support::lock_file::{self, Lock};
use crate::support::outcome::Init;
use crate::support::package::Package;
use crate::support::prediction::{Ask, Loading, Prediction};
use crate::support::runner::ignored;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    files_of_the_engine_in_every_shape_get_a_clear_answer,
    engines_do_what_is_predicted_on_bad_files(deep engine),
    a_named_file_that_cannot_be_used_is_said_by_name,
    settings_of_the_repository_that_cannot_be_used_are_said_with_their_line,
    hints_in_every_shape_change_nothing,
    a_mirror_in_every_shape_gets_a_clear_answer,
    an_archive_in_every_shape_gets_a_clear_answer,
    what_the_runs_user_cannot_read_is_named,
}

/// A stack that needs one provider, locked and in the mirror; a home, a runtime directory, nothing else.
pub(crate) struct Scene {
    workspace: Workspace,
    unprivileged: bool,
}

pub(crate) const ADDRESS: &str = "example.com/acme/dog";

pub(crate) fn package() -> Package {
    Package::fake(ADDRESS, "1.0.0", &airtight_provider::Platform::current().to_string(), "")
}

pub(crate) fn lock() -> Lock {
    Lock { address: ADDRESS.to_owned(), version: "1.0.0".to_owned(), constraints: None, hashes: vec![package().h1()] }
}

pub(crate) fn tree() -> Tree {
    let mut tree = Tree::default();
    let package = package();
    for (name, bytes) in &package.files {
        tree.file(format!("mirror/{}/{name}", package.unpacked_path()), bytes.clone());
    }
    tree.file(
        "stack/main.tf",
        format!("terraform {{\n  required_providers {{\n    dog = {{ source = \"{ADDRESS}\" }}\n  }}\n}}\n"),
    );
    tree.file("stack/.terraform.lock.hcl", lock_file::text(&[lock()]));
    for directory in ["stack/.git/", "home/", "runtime/"] {
        tree.directory(directory);
    }
    tree
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::holding(&tree(), false)
    }

    pub(crate) fn holding(tree: &Tree, unprivileged: bool) -> Self {
        let workspace = Workspace::holding(tree, unprivileged);
        fs::set_permissions(workspace.path("runtime"), PermissionsExt::from_mode(0o700)).unwrap();
        Self { workspace, unprivileged }
    }

    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.workspace.path(path)
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn environment(&self, command: Isolated) -> Isolated {
        let command = command
            .environment("HOME", self.path("home"))
            .environment("XDG_RUNTIME_DIR", self.path("runtime"))
            .environment("AIRTIGHT_MIRROR", self.path("mirror"))
            .environment("RAYON_NUM_THREADS", "2");
        Isolated { unprivileged: self.unprivileged, offline: false, ..command }
    }

    /// The binary under test in the stack's directory.
    pub(crate) fn airtight<const N: usize>(&self, arguments: [&str; N]) -> Isolated {
        self.environment(Isolated::new(airtight(), &self.path("stack"))).arguments(arguments)
    }

    /// The same with at most 64 MiB of memory and 30 seconds.
    fn bounded<const N: usize>(&self, arguments: [&str; N]) -> Isolated {
        let wrapper = ["30", "prlimit", "--data=67108864", "--core=0", airtight().as_str()];
        self.environment(Isolated::new("/usr/bin/timeout".into(), &self.path("stack")))
            .arguments(wrapper)
            .arguments(arguments)
    }

    pub(crate) fn engine(&self, engine: &Engine) -> Isolated {
        let command = self.environment(Isolated::new(&engine.path, &self.path("stack")));
        let config = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            self.path("mirror")
        );
        let command = command
            .environment("CHECKPOINT_DISABLE", "1")
            .environment("TF_CLI_CONFIG_FILE", self.write("engine.tfrc", config));
        Isolated { offline: has_namespaces(), ..command }
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it; a panic of ours fails the test, whatever else is expected.
pub(crate) fn run(command: &Isolated) -> Done {
    let output = command.run();
    let done = Done {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(done.code != Some(70) && !done.stderr.contains("bug in airtight"), "{done:?}");
    done
}

impl Done {
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn codes(&self) -> Vec<String> {
        let report = self.report();
        let findings = report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }
}

/// A bad shape of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Missing,
    Empty,
    Directory,
    Binary,
    /// 100 MB.
    Large,
    NotUtf8,
    Truncated,
    Pipe,
    /// A device that never ends.
    Endless,
    Null,
    Dangling,
}

const SHAPES: [Shape; 11] = [
    Shape::Missing,
    Shape::Empty,
    Shape::Directory,
    Shape::Binary,
    Shape::Large,
    Shape::NotUtf8,
    Shape::Truncated,
    Shape::Pipe,
    Shape::Endless,
    Shape::Null,
    Shape::Dangling,
];

impl Shape {
    /// What no engine is asked about: it reads 100 MB, or waits for ever.
    const fn is_ours_to_refuse(self) -> bool {
        matches!(self, Self::Large | Self::Pipe | Self::Endless)
    }

    fn put(self, path: &Utf8Path) {
        let parent = path.parent().unwrap();
        fs::create_dir_all(parent).unwrap();
        if fs::symlink_metadata(path).is_ok() {
            fs::remove_file(path).unwrap();
        }
        match self {
            Self::Missing => {}
            Self::Empty => fs::write(path, "").unwrap(),
            Self::Directory => fs::create_dir(path).unwrap(),
            Self::Binary => {
                fs::write(path, (0..4096).map(|index| (index * 7 % 256) as u8).collect::<Vec<_>>()).unwrap();
            }
            Self::Large => fs::File::create(path).unwrap().set_len(100_000_000).unwrap(),
            Self::NotUtf8 => fs::write(path, b"a = \"\xff\xfe\"\n").unwrap(),
            Self::Truncated => fs::write(path, "{\"version\": 4, \"x\": [1, \"s3cr").unwrap(),
            Self::Pipe => {
                let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o666));
                rustix::fs::mknodat(rustix::fs::CWD, path.as_std_path(), kind, mode, 0).unwrap();
            }
            Self::Endless => symlink("/dev/zero", path).unwrap(),
            Self::Null => symlink("/dev/null", path).unwrap(),
            Self::Dangling => symlink("nowhere", path).unwrap(),
        }
    }
}

/// Files that an engine reads too.
const FILES: [&str; 11] = [
    "stack/.terraform.lock.hcl",
    "stack/main.tf",
    "stack/more.tf.json",
    "stack/more.tofu",
    "stack/override.tf",
    "stack/main.tftest.hcl",
    "stack/.terraform/modules/modules.json",
    "stack/terraform.tfstate",
    "stack/.terraform/environment",
    "stack/.terraform/terraform.tfstate",
    "home/.terraformrc",
];

const ENGINE: [&str; 4] = ["--engine", "tofu", "--engine-version", "1.12.6"];

fn check(scene: &Scene, arguments: &[&str]) -> Done {
    run(&scene.bounded(["check", "--format", "json"]).arguments(ENGINE).arguments(arguments.iter().copied()))
}

fn files_of_the_engine_in_every_shape_get_a_clear_answer() {
    let cases: Vec<_> = FILES.iter().flat_map(|file| SHAPES.map(|shape| (*file, shape))).collect();
    let wrong: Vec<String> = cases.par_iter().filter_map(|(file, shape)| answer_is_wrong(file, *shape)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn answer_is_wrong(file: &str, shape: Shape) -> Option<String> {
    let scene = Scene::new();
    shape.put(&scene.path(file));
    let done = check(&scene, &[]);
    let wrong = |why: &str| Some(format!("{file} {shape:?}: {why}: {done:?}"));
    if !matches!(done.code, Some(0 | 100)) {
        return wrong("exit code");
    }
    let report = done.report();
    let (verdict, init) = (report["verdict"].as_str().unwrap(), report["prediction"]["init"].as_str().unwrap());
    let is_failed = verdict == "refused" || init == "failure";
    if is_failed != (done.code == Some(100)) {
        return wrong("the exit code is not the verdict's");
    }
    // What only we refuse is never said to be the engine's failure. A CLI configuration that cannot be carried over is
    // no matter of the prediction.
    let is_hedged = !report["prediction"]["assumptions"].as_array().unwrap().is_empty();
    let says_so = init == "unknown" || (init == "success" && is_hedged);
    if shape.is_ours_to_refuse() && !says_so && file != "home/.terraformrc" {
        return wrong("prediction");
    }
    let name = file.rsplit('/').next().unwrap();
    let findings = report["findings"].as_array().unwrap();
    for finding in findings {
        if finding["help"].as_str().unwrap().is_empty() {
            return wrong("a finding without a fix");
        }
    }
    // What stands in it is the name of a workspace that is not there.
    let is_obscure = file == "stack/.terraform/environment" && shape == Shape::Binary;
    let names_it = is_obscure || findings.iter().any(|finding| finding.to_string().contains(name));
    if (is_failed || init == "unknown") && !names_it {
        return wrong("no finding names the file");
    }
    None
}

/// Files of the engine's language and states: it alone knows all that is wrong with them.
const THE_ENGINE_KNOWS: [&str; 7] = [
    "stack/main.tf",
    "stack/more.tf.json",
    "stack/more.tofu",
    "stack/override.tf",
    "stack/main.tftest.hcl",
    "stack/terraform.tfstate",
    "stack/.terraform/terraform.tfstate",
];

/// The same shapes, before a real engine, which is asked or not.
fn engines_do_what_is_predicted_on_bad_files(engine: &'static Engine) {
    let cases = FILES[..FILES.len() - 1].iter().flat_map(|file| SHAPES.map(|shape| (*file, shape)));
    let cases: Vec<_> = cases.filter(|(_, shape)| !shape.is_ours_to_refuse()).collect();
    let wrong: Vec<String> = cases
        .par_iter()
        .flat_map(|(file, shape)| {
            let scene = Scene::new();
            shape.put(&scene.path(file));
            let predictions = [Ask::Never, Ask::Auto].map(|ask| {
                let check = scene.airtight(["check", "--format", "json", "--engine-version", &engine.version]);
                let report = run(&check.arguments(["--engine", &ask.engine(engine), "--ask", ask.name()])).report();
                (ask, Prediction::of(&report))
            });
            let init = scene.engine(engine).arguments(["init", "-input=false", "-no-color"]).run();
            let observed = if init.status.success() { Init::Success } else { Init::Failure };
            let is_wrong = |(ask, prediction): &(Ask, Prediction)| {
                let is_hedged = prediction.init == Init::Unknown || !prediction.assumptions.is_empty();
                let is_open = THE_ENGINE_KNOWS.contains(file) && observed == Init::Failure && is_hedged;
                let is_refused = prediction.configuration == Loading::Refused;
                prediction.init != observed && !(is_open && (*ask == Ask::Never || !is_refused))
            };
            let wrong = predictions.into_iter().filter(is_wrong);
            let stderr = String::from_utf8_lossy(&init.stderr).into_owned();
            wrong.map(|wrong| format!("{file} {shape:?}: {wrong:?}, but {stderr}")).collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files that somebody names: they must be there.
fn a_named_file_that_cannot_be_used_is_said_by_name() {
    for (option, shapes_that_pass) in [
        ("--settings", &[Shape::Empty, Shape::Null][..]),
        ("--state", &[Shape::Empty, Shape::Null]),
        ("--cli-config", &[]),
    ] {
        for shape in SHAPES {
            let scene = Scene::new();
            let path = scene.path("given");
            shape.put(&path);
            let done = check(&scene, &[option, path.as_str()]);
            if shapes_that_pass.contains(&shape) {
                assert_eq!(done.code, Some(0), "{option} {shape:?}: {done:?}");
                continue;
            }
            match done.code {
                Some(96) => assert!(
                    done.stderr.contains(path.as_str()) && done.stdout.is_empty(),
                    "{option} {shape:?}: {done:?}"
                ),
                Some(100) => {
                    assert!(!shape.is_ours_to_refuse(), "{option} {shape:?}: {done:?}");
                    assert!(done.stdout.contains(path.as_str()), "{option} {shape:?}: {done:?}");
                }
                _ => panic!("{option} {shape:?}: {done:?}"),
            }
        }
    }
}

fn settings_of_the_repository_that_cannot_be_used_are_said_with_their_line() {
    for (shape, expected) in [
        (Shape::Missing, Ok(())),
        (Shape::Empty, Ok(())),
        (Shape::Null, Err("outside the repository")),
        (Shape::Dangling, Ok(())),
        (Shape::Directory, Err("it is a directory")),
        (Shape::Large, Err("it is larger than 256 KiB")),
        (Shape::Pipe, Err("it is no regular file")),
        (Shape::Endless, Err("outside the repository")),
        (Shape::NotUtf8, Err("it is not UTF-8 (byte 5)")),
        (Shape::Truncated, Err("line 1")),
    ] {
        let scene = Scene::new();
        shape.put(&scene.path("stack/.spacelift/airtight.yml"));
        let done = check(&scene, &[]);
        match expected {
            Ok(()) => assert_eq!(done.code, Some(0), "{shape:?}: {done:?}"),
            Err(reason) => {
                assert_eq!(done.code, Some(96), "{shape:?}: {done:?}");
                assert!(done.stderr.contains(reason) && done.stderr.contains(".spacelift/airtight.yml"), "{done:?}");
            }
        }
    }
}

/// What is remembered or handed over is a hint: whatever shape it has, the answer is the one without it.
fn hints_in_every_shape_change_nothing() {
    for hint in ["engines.json", "stack/.terraform/airtight/handover.json"] {
        for shape in SHAPES {
            let scene = Scene::new();
            let engine = fake_engine(&scene, "OpenTofu v1.12.6", 0);
            let user = rustix::process::geteuid().as_raw();
            let directory = scene.path(&format!("runtime/airtight-{user}"));
            fs::create_dir_all(&directory).unwrap();
            fs::set_permissions(&directory, PermissionsExt::from_mode(0o700)).unwrap();
            shape.put(&if hint.contains('/') { scene.path(hint) } else { directory.join(hint) });
            let done = run(&scene.bounded(["--version"]));
            assert_eq!(done.code, Some(0));
            let done = run(&scene.bounded(["hook", "before_init"]).environment("AIRTIGHT_ENGINE", &*engine));
            assert_eq!(done.code, Some(0), "{hint} {shape:?}: {done:?}");
            assert!(done.stdout.contains("export TF_CLI_CONFIG_FILE="), "{hint} {shape:?}: {done:?}");
            let done = run(&scene.bounded(["hook", "before_perform"]).environment("AIRTIGHT_ENGINE", &*engine));
            assert_eq!(done.code, Some(0), "{hint} {shape:?}: {done:?}");
        }
    }
}

/// Says what it is, and does nothing else.
pub(crate) fn fake_engine(scene: &Scene, title: &str, code: u8) -> String {
    let script = format!("#!/bin/sh\nif [ \"$1\" = version ]; then echo '{title}'; exit 0; fi\nexit {code}\n");
    let path = scene.write("bin/engine", script);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path.into_string()
}

fn a_mirror_in_every_shape_gets_a_clear_answer() {
    for (shape, code) in [
        (Shape::Missing, "mirror-missing"),
        (Shape::Empty, "mirror-missing"),
        (Shape::Null, "mirror-missing"),
        (Shape::Pipe, "mirror-missing"),
        (Shape::Dangling, "mirror-missing"),
        (Shape::Directory, "provider-missing"),
    ] {
        let scene = Scene::new();
        fs::rename(scene.path("mirror"), scene.path("elsewhere")).unwrap();
        shape.put(&scene.path("mirror"));
        let done = check(&scene, &[]);
        assert_eq!(done.code, Some(100), "{shape:?}: {done:?}");
        assert!(done.codes().contains(&code.to_owned()), "{shape:?}: {done:?}");
    }
}

/// Archives of a mirror: never read whole, never waited for.
fn an_archive_in_every_shape_gets_a_clear_answer() {
    for shape in SHAPES {
        let scene = Scene::new();
        fs::remove_dir_all(scene.path("mirror")).unwrap();
        shape.put(&scene.path("mirror").join(package().packed_path()));
        let done = check(&scene, &[]);
        assert_eq!(done.code, Some(100), "{shape:?}: {done:?}");
    }
    let scene = Scene::new();
    fs::remove_dir_all(scene.path("mirror")).unwrap();
    let archive = package().archive();
    for length in [1, 21, archive.len() / 2, archive.len() - 1] {
        scene.write(&format!("mirror/{}", package().packed_path()), &archive[..length]);
        let done = check(&scene, &[]);
        assert_eq!(done.code, Some(100), "{length} bytes: {done:?}");
    }
}

/// As user 1983, who may read nothing of it.
fn what_the_runs_user_cannot_read_is_named() {
    if !is_root() {
        return ignored("only root can become the run's user");
    }
    // What is wrong with the configuration is the engine's to say: nothing is refused for it.
    let cases = [
        ("stack/.terraform.lock.hcl", 100),
        ("stack/main.tf", 0),
        ("stack/override.tf", 0),
        ("stack/main.tftest.hcl", 0),
        ("stack/.terraform/modules/modules.json", 100),
        ("stack/terraform.tfstate", 100),
        ("stack/.terraform/environment", 0),
        ("stack/.terraform/terraform.tfstate", 0),
        ("stack/.spacelift/airtight.yml", 96),
        ("home/.terraformrc", 100),
        ("given", 96),
    ];
    for (file, code) in cases {
        let mut tree = tree();
        tree.file("given", "{}");
        let scene = Scene::holding(&tree, true);
        let path = scene.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if !path.exists() {
            fs::write(&path, "").unwrap();
        }
        std::os::unix::fs::chown(&path, Some(0), Some(0)).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let mut command = scene.airtight(["check", "--format", "json"]).arguments(ENGINE);
        if file == "given" {
            command = command.arguments(["--state", path.as_str()]);
        }
        let done = run(&command);
        assert_eq!(done.code, Some(code), "{file}: {done:?}");
        let name = file.rsplit('/').next().unwrap();
        // The engine takes an environment that it cannot read for none.
        let is_named = format!("{}{}", done.stdout, done.stderr).contains(name) || name == "environment";
        assert!(is_named, "{file}: {done:?}");
    }
    let mut tree = tree();
    tree.insert(
        "mirror/example.org/",
        crate::support::tree::Entry {
            content: crate::support::tree::Content::Directory,
            mode: Some(0o700),
            is_roots: true,
        },
    );
    let scene = Scene::holding(&tree, true);
    let done = run(&scene.airtight(["check", "--format", "json"]).arguments(ENGINE));
    assert_eq!((done.code, done.codes()), (Some(100), vec!["mirror-unreadable".to_owned()]), "{done:?}");
}
