//! Predictions of other people's configurations against engines that are here, in the deep comparison.
//!
//! `AIRTIGHT_REPOSITORIES` names a directory of checkouts, on the same file system as the temporary directory. Every
//! directory with a configuration is a root module, `AIRTIGHT_REPOSITORIES_CASES` of them (300) at most, in an order of
//! chance, the first `AIRTIGHT_REPOSITORIES_SKIP` (0) left out. The mirror holds fake packages of most of what the engine says
//! that it needs, and is empty for one in ten.

use std::collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher};
use std::hash::{Hash as _, Hasher as _};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rayon::prelude::*;

use crate::support::engines::{Engine, other_versions};
use crate::support::isolation::Isolated;
use crate::support::outcome::{Configuration, Init, ask, configuration_alone, filesystem_mirror, observe};
use crate::support::package::Package;
use crate::support::prediction::{Ask, predict};
use crate::support::runner::{Needs, Test, ignored};
use crate::support::tree::{Tree, Workspace};

/// In the deep comparison alone.
pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Test::each_engine("it", "repositories", Needs::Engine, repositories);
    for engine in other_versions() {
        let title = format!("repositories::{}-{}", engine.name, engine.version);
        tests.push(Test::new("it", &title, move || repositories(engine)));
    }
    Test::deep(tests)
}

fn repositories(engine: &'static Engine) {
    let Ok(directory) = std::env::var("AIRTIGHT_REPOSITORIES") else {
        return ignored("AIRTIGHT_REPOSITORIES names no directory of checkouts");
    };
    let number = |name: &str, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let mut cases: Vec<Case> =
        checkouts(Utf8Path::new(&directory)).iter().flat_map(|checkout| cases(checkout)).collect();
    cases.sort_by_key(|case| case.number);
    cases.drain(..number("AIRTIGHT_REPOSITORIES_SKIP", 0).min(cases.len()));
    cases.truncate(number("AIRTIGHT_REPOSITORIES_CASES", 300));
    let played: Vec<(String, Vec<String>)> = cases.par_iter().map(|case| case.play(engine)).collect();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for (kind, _) in &played {
        *kinds.entry(kind).or_default() += 1;
    }
    println!("{} {}: {} root modules: {kinds:?}", engine.name, engine.version, cases.len());
    let faults: Vec<String> = played.into_iter().flat_map(|(_, faults)| faults).collect();
    assert!(faults.is_empty(), "{} faults:{}", faults.len(), faults.concat());
}

/// A root module in a checkout.
struct Case {
    checkout: Utf8PathBuf,
    root_module: Utf8PathBuf,
    /// The same in every run: what is varied follows from it.
    number: u64,
}

fn checkouts(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    entries.filter(|path| path.is_dir()).collect()
}

fn cases(checkout: &Utf8Path) -> Vec<Case> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![checkout.to_owned()];
    while let Some(directory) = waiting.pop() {
        for path in directory.read_dir_utf8().unwrap().filter_map(|entry| Some(entry.ok()?.into_path())) {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() && path.file_name() != Some(".terraform") {
                waiting.push(path);
            } else if [".tf", ".tofu", ".tf.json"].iter().any(|end| path.as_str().ends_with(end)) {
                found.insert(directory.strip_prefix(checkout).unwrap().to_owned());
            }
        }
    }
    let number = |root_module: &Utf8Path| {
        let mut hasher = DefaultHasher::new();
        (checkout.file_name(), root_module).hash(&mut hasher);
        hasher.finish()
    };
    found
        .into_iter()
        .map(|root_module| Case { checkout: checkout.to_owned(), number: number(&root_module), root_module })
        .collect()
}

fn has_backend(directory: &Utf8Path) -> bool {
    let files = directory.read_dir_utf8().unwrap().filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    files
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .any(|word| matches!(word.as_str(), "backend" | "cloud" | "\"backend\":"))
}

impl Case {
    /// The checkout, by links to its files, whose text nothing changes in place.
    fn lay_out(&self) -> Workspace {
        let workspace = Workspace::new();
        let copied =
            Command::new("cp").args(["-al", self.checkout.as_str(), workspace.path("source").as_str()]).status();
        assert!(copied.unwrap().success(), "cp -al {}", self.checkout);
        fs::create_dir_all(workspace.path("home")).unwrap();
        if !self.number.is_multiple_of(3) {
            let _ = fs::remove_file(self.directory(&workspace).join(".terraform.lock.hcl"));
        }
        workspace
    }

    fn directory(&self, workspace: &Workspace) -> Utf8PathBuf {
        workspace.path("source").join(&self.root_module)
    }

    fn command(&self, engine: &Engine, workspace: &Workspace) -> Isolated {
        let command =
            Isolated::new(&engine.path, &self.directory(workspace)).environment("HOME", workspace.path("home"));
        Isolated { limited: true, ..command }
    }

    /// What the engine did, and what is wrong with the predictions of it.
    fn play(&self, engine: &Engine) -> (String, Vec<String>) {
        let alone = self.lay_out();
        // Some backends wait for minutes where there is no network.
        let arguments =
            if has_backend(&self.directory(&alone)) { vec!["-backend=false".to_owned()] } else { Vec::new() };
        configuration_alone(&Tree::default(), "").write_to(alone.root(), false);
        for name in [".terraform.lock.hcl", "terraform.tfstate"] {
            let _ = fs::remove_file(self.directory(&alone).join(name));
        }
        let configuration = ask(engine, self.command(engine, &alone), &alone, &arguments);
        let workspace = self.lay_out();
        self.stock(&workspace, &configuration).write_to(workspace.root(), false);
        let command = self.command(engine, &workspace).environment("TF_CLI_CONFIG_FILE", workspace.path("rc"));
        let predictions = [Ask::Never, Ask::Auto].map(|ask| {
            let named = ask.engine(engine);
            (ask, predict((&named, &engine.version), ask, command.clone(), &arguments))
        });
        let (outcome, output) = observe(engine, command, &arguments, &self.directory(&workspace));
        let kind = match (&configuration, outcome.init) {
            _ if output.status.code() == Some(124) => "engine stopped after a minute",
            (Configuration::Refused(_), _) => "refused",
            (Configuration::Loads(_), Init::Success) => "success",
            (Configuration::Loads(_), _) if outcome.fails_at_providers() => "failure at providers",
            (Configuration::Loads(_), _) => "failure before providers",
        };
        let title = format!("{}/{} {arguments:?}", self.checkout.file_name().unwrap_or_default(), self.root_module);
        let faults = predictions.into_iter().flat_map(|(ask, prediction)| {
            let faults = prediction
                .map_or_else(|error| vec![error], |prediction| prediction.faults(ask, &outcome, &configuration));
            faults.into_iter().map(move |fault| (ask, fault)).collect::<Vec<_>>()
        });
        let faults: Vec<_> = faults.map(|(ask, fault)| format!("\n  {title}: {ask:?}: {fault}")).collect();
        // It may take an hour: what is found is said at once.
        println!("{}: {title}: {kind}, {} faults{}", engine.name, faults.len(), faults.concat());
        (kind.to_owned(), faults)
    }

    /// A mirror of versions that the constraints name, or that are near to them; of few providers there is none.
    fn stock(&self, workspace: &Workspace, configuration: &Configuration) -> Tree {
        let mut tree = Tree::default();
        tree.directory("mirror/");
        tree.file("rc", filesystem_mirror(workspace.path("mirror").as_str()));
        let Configuration::Loads(needs) = configuration else { return tree };
        if self.number.is_multiple_of(10) {
            return tree;
        }
        let platform = airtight_provider::Platform::current().to_string();
        for (index, (address, constraints)) in needs.iter().enumerate() {
            if (self.number / 7 + index as u64).is_multiple_of(9) {
                continue;
            }
            let mut versions: BTreeSet<String> = ["0.1.0", "1.0.0"].map(str::to_owned).into();
            for text in constraints.iter().flat_map(|text| text.split(',')) {
                let text = text.trim().trim_start_matches(|c: char| !c.is_ascii_digit());
                let mut parts: Vec<u64> = text.split('.').filter_map(|part| part.parse().ok()).collect();
                parts.resize(3, 0);
                versions.insert(format!("{}.{}.{}", parts[0], parts[1], parts[2]));
                versions.insert(format!("{}.{}.{}", parts[0], parts[1], parts[2] + 1));
                versions.insert(format!("{}.{}.0", parts[0], parts[1] + 1));
            }
            for version in versions {
                let package = Package::fake(address, &version, &platform, "");
                if index % 2 == 0 {
                    tree.file(format!("mirror/{}", package.packed_path()), package.archive());
                    continue;
                }
                for (name, bytes) in &package.files {
                    tree.file(format!("mirror/{}/{name}", package.unpacked_path()), bytes.clone());
                }
            }
        }
        tree
    }
}
