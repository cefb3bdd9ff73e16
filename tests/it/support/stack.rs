//! A stack in a runner container: a root module, a mirror that its user cannot write, a home, a real engine on `PATH`.

use std::os::unix::fs::MetadataExt as _;
use std::process::Output;

use airtight_provider::Layout;
use camino::Utf8PathBuf;
use fs_err as fs;

use super::engines::{Engine, any_engine};
use super::isolation::{Isolated, UNPRIVILEGED_USER, airtight, has_namespaces, is_root, reachable};
use super::lock_file::{self, Lock};
use super::real_package::{RealPackage, real_packages};
use super::runner::ignored;
use super::tree::Workspace;
use super::workflow_file::{Values, WorkflowFile};

/// A provider, what is built into the engines, an output.
pub(crate) const CONFIGURATION: &str = r#"
resource "random_pet" "name" {}

resource "terraform_data" "one" {
  input = random_pet.name.id
}

output "name" {
  value = random_pet.name.id
}
"#;

/// Two providers: one more, and a large one, takes each phase longer.
pub(crate) const TWO_PROVIDERS: &str = r#"
resource "random_pet" "name" {}

resource "null_resource" "one" {
  triggers = { name = random_pet.name.id }
}

output "name" {
  value = random_pet.name.id
}
"#;

pub(crate) const LAYOUTS: [Layout; 2] = [Layout::Packed, Layout::Unpacked];

/// One of them for each engine, where the layout matters and the engine does not: both are tried.
pub(crate) fn layout_for(engine: &Engine) -> Layout {
    if engine.name == "tofu" { Layout::Packed } else { Layout::Unpacked }
}

pub(crate) struct Stack {
    pub workspace: Workspace,
    pub engine: &'static Engine,
    pub layout: Layout,
    /// Those of its mirror.
    packages: Vec<&'static RealPackage>,
}

/// Any engine, when real providers and namespaces are here too; else the test is ignored.
pub(crate) fn any_real_engine() -> Option<&'static Engine> {
    if real_packages().is_empty() {
        ignored("no real provider can be built");
    } else if !has_namespaces() {
        ignored("no network namespace can be made here");
    } else {
        return any_engine();
    }
    None
}

/// The package of a provider that is surely built.
pub(crate) fn package(name: &str) -> &'static RealPackage {
    real_packages().iter().find(|package| package.provider.name == name).unwrap()
}

impl Stack {
    /// A stack whose mirror has the real providers that the configuration names, or all if it names none, and whose lock
    /// file proves them.
    pub(crate) fn new(engine: &'static Engine, layout: Layout, configuration: &str) -> Self {
        let mut stack = Self::empty(engine, layout, configuration);
        let is_named = |package: &&RealPackage| configuration.contains(&format!("\"{}_", package.provider.name));
        stack.packages = real_packages().iter().filter(is_named).collect();
        if stack.packages.is_empty() {
            stack.packages = real_packages().iter().collect();
        }
        for package in &stack.packages {
            package.write_to(&stack.path("mirror"), engine, layout);
        }
        stack.lock(&stack.packages.iter().map(|package| package.lock(engine)).collect::<Vec<_>>());
        stack
    }

    /// A stack without packages and lock file.
    pub(crate) fn empty(engine: &'static Engine, layout: Layout, configuration: &str) -> Self {
        let stack = Self { workspace: Workspace::new(), engine, layout, packages: Vec::new() };
        for directory in ["bin", "mirror", "stack", "home", "run"] {
            fs::create_dir(stack.path(directory)).unwrap();
        }
        stack.program("airtight", &reachable(airtight()));
        stack.program(engine.name, &reachable(&engine.path));
        stack.write("stack/main.tf", configuration);
        stack.write(
            "tfrc",
            &format!(
                "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
                stack.path("mirror")
            ),
        );
        for directory in ["stack", "home", "run"] {
            stack.give(directory);
        }
        stack
    }

    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.workspace.path(path)
    }

    /// Writes a file; one outside the mirror and `bin` belongs to the run's user.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let place = self.path(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        if place.exists() {
            fs::remove_file(&place).unwrap();
        }
        fs::write(&place, text).unwrap();
        if !path.starts_with("mirror") && !path.starts_with("bin") {
            self.give(path);
        }
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn lock(&self, locks: &[Lock]) {
        self.write("stack/.terraform.lock.hcl", &lock_file::text(locks));
    }

    /// Makes a path, and what is below it, the run's user's.
    pub(crate) fn give(&self, path: &str) {
        if !is_root() {
            return;
        }
        let mut waiting = vec![self.path(path)];
        while let Some(place) = waiting.pop() {
            let metadata = fs::symlink_metadata(&place).unwrap();
            // Every test shares the providers: a mirror has links to them.
            if metadata.is_file() && metadata.nlink() > 1 {
                let copy = place.with_extension("copy");
                fs::copy(&place, &copy).unwrap();
                fs::rename(copy, &place).unwrap();
            }
            std::os::unix::fs::lchown(&place, Some(UNPRIVILEGED_USER), Some(UNPRIVILEGED_USER)).unwrap();
            if metadata.is_dir() {
                waiting.extend(place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
            }
        }
    }

    /// Puts a script in the engine's place that does something and then becomes the engine. Both are the image's. A seal passes
    /// over files whose names start with a dot.
    pub(crate) fn wrap_engine(&self, before: &str) {
        let (real, place) = (self.path("mirror/.engine"), self.path("bin").join(self.engine.name));
        fs::copy(&self.engine.path, &real).unwrap();
        fs::remove_file(&place).unwrap();
        fs::write(&place, format!("#!/bin/sh\n{before}\nexec {real} \"$@\"\n")).unwrap();
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn program(&self, name: &str, target: &camino::Utf8Path) {
        fs::os::unix::fs::symlink(target, self.path("bin").join(name)).unwrap();
    }

    /// Replaces a package's bytes by others, as somebody who can write the mirror could; it still runs.
    pub(crate) fn tamper(&self, package: &RealPackage) {
        let place = self.path("mirror").join(package.file(self.engine, self.layout));
        let tampered = match self.layout {
            Layout::Unpacked => {
                let mut bytes = fs::read(&place).unwrap();
                bytes.extend_from_slice(b"tampered");
                bytes
            }
            Layout::Packed => {
                let mut bytes = fs::read(&package.provider.executable).unwrap();
                bytes.extend_from_slice(b"tampered");
                let name = package.provider.executable.file_name().unwrap().to_owned();
                super::package::Package {
                    address: package.address(self.engine),
                    version: package.provider.version.clone(),
                    platform: airtight_provider::Platform::current().to_string(),
                    files: [(name, bytes)].into(),
                }
                .archive()
            }
        };
        // Not in place: the file is a link to what every test shares.
        fs::remove_file(&place).unwrap();
        fs::write(&place, tampered).unwrap();
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// A program in the run's environment, as the run's user.
    pub(crate) fn command(&self, program: &camino::Utf8Path) -> Isolated {
        let path = |name: &str| self.path(name).into_string();
        let mut command = Isolated::new(program, &self.path("stack"))
            .environment("PATH", format!("{}:/usr/bin:/bin", path("bin")))
            .environment("HOME", path("home"))
            .environment("XDG_RUNTIME_DIR", path("run"))
            .environment("AIRTIGHT_MIRROR", path("mirror"));
        command.unprivileged = is_root();
        if self.path("etc").is_dir() {
            command.before = Some(format!("mount --bind {} /etc", path("etc")));
        }
        command
    }

    /// Seals the mirror, as the image's build does, and has the image's own settings pin the seal.
    pub(crate) fn seal(&self) -> String {
        let (mirror, settings) = (self.path("mirror"), self.path("etc/airtight/settings.yml"));
        let seal = Isolated::new(airtight(), self.workspace.root());
        let digest = succeeded(&seal.arguments(["mirror", "seal", "--mirror", mirror.as_str()]).run());
        fs::create_dir_all(settings.parent().unwrap()).unwrap();
        fs::write(settings, format!("mirror: {mirror}\nseal:\n  digest: {digest}")).unwrap();
        digest.trim().to_owned()
    }

    /// A new container: what was not in the workspace is gone.
    pub(crate) fn renew_container(&self) {
        for directory in ["home", "run"] {
            fs::remove_dir_all(self.path(directory)).unwrap();
            fs::create_dir(self.path(directory)).unwrap();
            self.give(directory);
        }
    }

    /// A new image, with the same packages in other files.
    pub(crate) fn renew_mirror(&self) {
        fs::remove_dir_all(self.path("mirror")).unwrap();
        for package in &self.packages {
            let place = self.path("mirror").join(package.file(self.engine, self.layout));
            package.write_to(&self.path("mirror"), self.engine, self.layout);
            let (bytes, metadata) = (fs::read(&place).unwrap(), fs::metadata(&place).unwrap());
            fs::remove_file(&place).unwrap();
            fs::write(&place, bytes).unwrap();
            fs::set_permissions(&place, metadata.permissions()).unwrap();
        }
    }

    pub(crate) fn airtight<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Isolated {
        self.command(airtight()).arguments(arguments)
    }

    /// The engine without airtight, with a CLI configuration that names the mirror alone.
    pub(crate) fn engine_alone<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Isolated {
        self.command(&self.engine.path)
            .arguments(arguments)
            .environment("TF_CLI_CONFIG_FILE", self.path("tfrc").as_str())
            .environment("CHECKPOINT_DISABLE", "1")
            .environment("TF_IN_AUTOMATION", "1")
    }

    pub(crate) fn shell(&self, script: &str) -> Isolated {
        self.command("/bin/sh".into()).arguments(["-c", script])
    }

    /// The workflow file that `airtight render workflow` makes.
    pub(crate) fn workflow(&self, options: &[&str]) -> WorkflowFile {
        let output = self.airtight(["render", "workflow"].into_iter().chain(options.iter().copied())).run();
        WorkflowFile::parse(&succeeded(&output))
    }

    /// One of its commands, as the worker runs it.
    pub(crate) fn phase(&self, workflow: &WorkflowFile, name: &str, values: &Values) -> Isolated {
        self.shell(&workflow.command(name, values))
    }

    /// Runs the rendered workflow's command with the usual values.
    pub(crate) fn run(&self, name: &str) -> Output {
        self.phase(&self.workflow(&[]), name, &Values::default()).run()
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Its stdout.
#[track_caller]
pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}\n{}", output.status, stdout(output), stderr(output));
    stdout(output)
}

/// Its stderr, where airtight refused.
#[track_caller]
pub(crate) fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(100), "{}\n{}", stdout(output), stderr(output));
    stderr(output)
}
