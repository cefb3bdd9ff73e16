//! Situations from people's work, each a directory in `tests/field`, whose README says how one is written: what the engine
//! does is written down and played again in the deep comparison, what airtight must say is checked in every run.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::Deserialize;
use serde_json::Value;

use crate::recorded::recording::RECORDED;
use crate::support::engines::{ENGINES, default_host, engine};
use crate::support::isolation::{Isolated, airtight, has_namespaces};
use crate::support::outcome::{Init, filesystem_mirror};
use crate::support::runner::{Test, ignored};
use crate::support::tree::{ROOT, Tree, Workspace};

/// What is run, and what comes out. A variant's own entries take the place of the case's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Scene {
    /// For people.
    situation: Option<String>,
    /// The engines that it is about; both if not given.
    engines: Option<Vec<String>>,
    /// Options of `airtight check`.
    options: Option<Vec<String>>,
    /// Arguments of `init`.
    arguments: Option<Vec<String>>,
    environment: Option<BTreeMap<String, String>>,
    /// What the engine's `init` does.
    engine: Option<Each<EngineDoes>>,
    /// What airtight does when it asks no engine.
    airtight: Option<Each<AirtightDoes>>,
    /// What it does when it asks; the same if not given.
    asked: Option<Each<AirtightDoes>>,
    /// What it does after the commands of its own helps have been run.
    fixed: Option<Each<AirtightDoes>>,
    /// Of a case: one test for each.
    variants: BTreeMap<String, Self>,
}

/// The same for both engines, or what each has.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Each<T> {
    Of { tofu: T, terraform: T },
    Both(T),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EngineDoes {
    init: Init,
    #[serde(default)]
    says: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AirtightDoes {
    exit: i32,
    init: Init,
    /// The codes of errors and warnings, in the order of the alphabet.
    #[serde(default)]
    findings: Vec<String>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
}

impl<T> Each<T> {
    fn of(&self, engine: &str) -> &T {
        match self {
            Self::Both(both) => both,
            Self::Of { tofu, terraform } => {
                if engine == "tofu" {
                    tofu
                } else {
                    terraform
                }
            }
        }
    }
}

impl Scene {
    fn or(self, case: &Self) -> Self {
        let case = case.clone();
        Self {
            situation: self.situation.or(case.situation),
            engines: self.engines.or(case.engines),
            options: self.options.or(case.options),
            arguments: self.arguments.or(case.arguments),
            environment: self.environment.or(case.environment),
            engine: self.engine.or(case.engine),
            airtight: self.airtight.or(case.airtight),
            asked: self.asked.or(case.asked),
            fixed: self.fixed.or(case.fixed),
            variants: BTreeMap::new(),
        }
    }
}

/// What the commands of helps begin with, without network. Others are for another machine.
const PROGRAMS: [&str; 12] =
    ["airtight lock ", "cd ", "chmod ", "cp ", "git ", "iconv ", "mkdir ", "mv ", "rm ", "sed ", "unzip ", "zip "];

/// A case, or one of its variants, with one engine.
#[derive(Clone, Debug)]
struct Play {
    directory: Utf8PathBuf,
    variant: Option<String>,
    scene: Scene,
    engine: &'static str,
}

/// One for each case, variant and engine; in the deep comparison once more with the real engine.
pub(crate) fn tests() -> Vec<Test> {
    let (mut recorded, mut live) = (Vec::new(), Vec::new());
    for play in plays() {
        let case = play.directory.file_name().unwrap();
        let title = [Some(case), play.variant.as_deref(), Some(play.engine)].into_iter().flatten().collect::<Vec<_>>();
        let title = title.join("::");
        let same = play.clone();
        live.push(Test::new(module_path!(), &title, move || same.with_the_engine()));
        recorded.push(Test::new(module_path!(), &title, move || play.without_an_engine()));
    }
    recorded.extend(Test::deep(live));
    recorded
}

fn plays() -> Vec<Play> {
    let base = Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/field"));
    let mut directories: Vec<_> = base.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    directories.retain(|directory| directory.is_dir());
    directories.sort();
    let mut plays = Vec::new();
    for directory in directories {
        let path = directory.join("case.yml");
        let mut case: Scene =
            serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(case.situation.is_some(), "{path}: `situation:` says what it is about");
        let variants = std::mem::take(&mut case.variants);
        let mut scenes: Vec<_> = variants.into_iter().map(|(name, variant)| (Some(name), variant.or(&case))).collect();
        if scenes.is_empty() {
            scenes.push((None, case));
        }
        for (variant, scene) in scenes {
            for engine in ENGINES {
                if scene.engines.as_ref().is_none_or(|engines| engines.iter().any(|name| name == engine)) {
                    plays.push(Play {
                        directory: directory.clone(),
                        variant: variant.clone(),
                        scene: scene.clone(),
                        engine,
                    });
                }
            }
        }
    }
    plays
}

impl Play {
    /// Lays the situation out: by `layout.sh`, else the directory of the variant or of the case. What it says of Terraform's
    /// registry is said of the engine's own.
    fn lay_out(&self) -> Workspace {
        let script = self.directory.join("layout.sh");
        let host = default_host(self.engine);
        let workspace = if script.is_file() {
            let workspace = Workspace::new();
            let mut sh = Command::new("sh");
            sh.arg("-eu").arg(&script).args(&self.variant).current_dir(workspace.root());
            sh.env("HOST", host).env("FUNCTIONS", script.with_file_name("../functions.sh"));
            let output = sh.output().unwrap();
            assert!(output.status.success(), "layout.sh: {}", String::from_utf8_lossy(&output.stderr));
            workspace
        } else {
            let variant = self.variant.as_ref().map(|variant| self.directory.join(variant));
            let from = variant.filter(|directory| directory.is_dir()).unwrap_or_else(|| self.directory.clone());
            Workspace::holding(&Tree::of(&from).replace("registry.terraform.io", host), false)
        };
        for directory in ["source", "mirror", "home"] {
            fs::create_dir_all(workspace.path(directory)).unwrap();
        }
        workspace
    }

    /// A program in the situation.
    fn command(&self, program: &Utf8Path, workspace: &Workspace) -> Isolated {
        let command = Isolated::new(program, &workspace.path("source")).environment("HOME", workspace.path("home"));
        let command = command.environment("AIRTIGHT_MIRROR", workspace.path("mirror"));
        let rc = workspace.path("rc");
        let command = if rc.exists() { command.environment("TF_CLI_CONFIG_FILE", rc) } else { command };
        let more = self.scene.environment.iter().flatten();
        more.fold(command, |command, (name, value)| {
            command.environment(name, value.replace(ROOT, workspace.root().as_str()))
        })
    }

    fn arguments(&self, workspace: &Workspace) -> Vec<String> {
        let arguments = self.scene.arguments.iter().flatten();
        arguments.map(|argument| argument.replace(ROOT, workspace.root().as_str())).collect()
    }

    fn without_an_engine(&self) {
        let workspace = self.lay_out();
        let (_, version) = RECORDED.into_iter().find(|(name, _)| *name == self.engine).unwrap();
        let expected = self.scene.airtight.as_ref().expect("`airtight:` says what it does").of(self.engine);
        let engine = ["--engine", self.engine, "--engine-version", version];
        let report = self.check(&workspace, expected, &engine, "never");
        self.fix(&workspace, &report, &engine, "never");
    }

    /// Runs the commands of the helps, without network, and checks again.
    fn fix(&self, workspace: &Workspace, report: &Value, engine: &[&str], ask: &str) {
        let Some(fixed) = &self.scene.fixed else { return };
        let helps = report["findings"].as_array().unwrap().iter().filter_map(|finding| finding["help"].as_str());
        let words = helps.flat_map(|help| help.split('`').skip(1).step_by(2)).collect::<Vec<_>>();
        let commands = words.iter().filter(|word| PROGRAMS.iter().any(|program| word.starts_with(program)));
        let commands = commands.collect::<Vec<_>>();
        let options = words.iter().filter(|word| word.starts_with("--mirror ")).copied().collect::<Vec<_>>();
        assert!(commands.len() + options.len() > 0, "no help has a command: {report:#}");
        let programs = airtight().parent().unwrap();
        for command in commands {
            let sh = self.command("/bin/sh".into(), workspace).arguments(["-uc", command]);
            let output = sh.environment("PATH", format!("{programs}:/usr/bin:/bin")).run();
            assert!(output.status.success(), "`{command}`: {}", said(&output));
        }
        let options = options.into_iter().flat_map(str::split_whitespace);
        self.check(workspace, fixed.of(self.engine), &engine.iter().copied().chain(options).collect::<Vec<_>>(), ask);
    }

    fn with_the_engine(&self) {
        let Some(engine) = engine(self.engine) else { return };
        if !has_namespaces() {
            return ignored("no network namespace can be made here");
        }
        let workspace = self.lay_out();
        let expected = self.scene.asked.as_ref().or(self.scene.airtight.as_ref()).unwrap().of(self.engine);
        let asked = ["--engine", engine.path.as_str()];
        self.check(&workspace, expected, &asked, "auto");
        self.init(&engine.path, &workspace);
        if self.scene.fixed.is_some() {
            let workspace = self.lay_out();
            let report = self.check(&workspace, expected, &asked, "auto");
            self.fix(&workspace, &report, &asked, "auto");
        }
    }

    /// The engine's own `init`.
    fn init(&self, engine: &Utf8Path, workspace: &Workspace) {
        let expected = self.scene.engine.as_ref().expect("`engine:` says what it does").of(self.engine);
        if !workspace.path("rc").exists() {
            fs::write(workspace.path("rc"), filesystem_mirror(workspace.path("mirror").as_str())).unwrap();
        }
        let init = self.command(engine, workspace).environment("CHECKPOINT_DISABLE", "1");
        let init = init.arguments(["init", "-input=false", "-no-color"]).arguments(self.arguments(workspace));
        let output = init.run();
        let observed = if output.status.success() { Init::Success } else { Init::Failure };
        let said = said(&output);
        assert_eq!(observed, expected.init, "{said}");
        for part in &expected.says {
            assert!(said.contains(part.as_str()), "`{part}` is not in: {said}");
        }
    }

    /// Returns the report.
    fn check(&self, workspace: &Workspace, expected: &AirtightDoes, engine: &[&str], ask: &str) -> Value {
        let path = workspace.path("report.json");
        let arguments = self.arguments(workspace);
        let mut command = self
            .command(airtight(), workspace)
            .environment("AIRTIGHT_ASK", ask)
            .arguments(["check", "--report", path.as_str()])
            .arguments(engine.iter().copied())
            .arguments(
                self.scene.options.iter().flatten().map(|option| option.replace(ROOT, workspace.root().as_str())),
            );
        if !arguments.is_empty() {
            command = command.arguments(["--"]).arguments(arguments);
        }
        let output = Isolated { offline: false, ..command }.run();
        let said = said(&output);
        let report: Value = serde_json::from_slice(&fs::read(&path).unwrap_or_else(|_| panic!("{said}"))).unwrap();
        let init: Init = serde_json::from_value(report["prediction"]["init"].clone()).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let mut findings: Vec<_> = findings
            .filter(|finding| finding["severity"] != "note")
            .map(|finding| finding["code"].as_str().unwrap().to_owned())
            .collect();
        findings.sort();
        findings.dedup();
        assert_eq!(
            (output.status.code(), init, &findings),
            (Some(expected.exit), expected.init, &expected.findings),
            "{said}"
        );
        for part in &expected.says {
            assert!(said.contains(part.as_str()), "`{part}` is not in: {said}");
        }
        for part in &expected.never {
            assert!(!said.contains(part.as_str()), "`{part}` is in: {said}");
        }
        report
    }
}

/// What a command printed, with one space wherever there is any: lines break at different places in different directories.
/// The bars that engines and we draw beside a text are no words of it.
fn said(output: &Output) -> String {
    let text = format!("{} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    text.split_whitespace().filter(|word| !["|", "│"].contains(word)).collect::<Vec<_>>().join(" ")
}
