//! Predictions of random cases against engines that are here, in the deep comparison.
//!
//! A random case is a mirror or two, a CLI configuration, a configuration, a state, a lock file and arguments; `init`
//! runs without network, then once more on what it left. airtight predicts it twice: with the engine's own answer about
//! the configuration, and without. A difference is shrunk, and printed as files.
//!
//! `AIRTIGHT_DIFFERENTIAL_CASES` is the number of cases for each engine, `AIRTIGHT_DIFFERENTIAL_SEED` any number,
//! `AIRTIGHT_DIFFERENTIAL_SHRINK` how many smaller cases are tried for each one that differs.

mod extras;
pub(crate) mod repositories;
pub(crate) mod scenario;

use std::process::Output;

use camino::Utf8Path;
use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rayon::prelude::*;

use self::scenario::{Scenario, scenarios};
use crate::support::engines::{Engine, other_versions};
use crate::support::isolation::Isolated;
use crate::support::outcome::{Configuration, ask, configuration_alone, observe};
use crate::support::prediction::{Ask, predict};
use crate::support::runner::{Needs, Test};
use crate::support::tree::{Tree, Workspace};

/// In the deep comparison alone.
pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Test::each_engine("it", "random_cases", Needs::Engine, random_cases);
    for engine in other_versions() {
        let title = format!("random_cases::{}-{}", engine.name, engine.version);
        tests.push(Test::new("it", &title, move || random_cases(engine)));
    }
    Test::deep(tests)
}

/// The cases of a seed come in this many streams, whatever the number of processors.
const STREAMS: u32 = 8;

fn random_cases(engine: &'static Engine) {
    let number = |name: &str, default: u32| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
    };
    let cases = number("AIRTIGHT_DIFFERENTIAL_CASES", 100);
    let seed = number("AIRTIGHT_DIFFERENTIAL_SEED", 1);
    let shrinking = number("AIRTIGHT_DIFFERENTIAL_SHRINK", 100);
    let failures: Vec<String> = (0..STREAMS)
        .into_par_iter()
        .flat_map_iter(|stream| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&seed.to_le_bytes());
            bytes[4..8].copy_from_slice(&stream.to_le_bytes());
            let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
            let mut runner = TestRunner::new_with_rng(Config::default(), random);
            let strategy = scenarios(engine.default_host()).prop_filter("left to chance", Scenario::is_determined);
            let mut failures = Vec::new();
            for _ in 0..cases.div_ceil(STREAMS) {
                let mut case = strategy.new_tree(&mut runner).unwrap();
                if let Err(first) = play(engine, &case.current()) {
                    failures.push(shrink(engine, &mut case, first, shrinking));
                }
            }
            failures
        })
        .collect();
    let number = failures.len();
    assert!(
        failures.is_empty(),
        "seed {seed}, {}: {number} of {cases} differ:\n{}",
        engine.name,
        failures.join("\n\n")
    );
}

/// The difference of the smallest case that is found to have one.
fn shrink(engine: &Engine, case: &mut impl ValueTree<Value = Scenario>, first: String, tries: u32) -> String {
    let mut smallest = first;
    let mut fails = true;
    for _ in 0..tries {
        if !(if fails { case.simplify() } else { case.complicate() }) {
            break;
        }
        let played = if case.current().is_determined() { play(engine, &case.current()) } else { Ok(()) };
        fails = played.is_err();
        smallest = played.err().unwrap_or(smallest);
    }
    smallest
}

/// `init`, a change, and `init` again.
fn play(engine: &Engine, scenario: &Scenario) -> Result<(), String> {
    let tree = scenario.tree();
    let workspace = Workspace::holding(&tree, scenario.is_unprivileged());
    let arguments = scenario.arguments();
    let command = scenario.command(&engine.path, &workspace);
    let alone = configuration_alone(&tree, &scenario.root_module());
    let mut configuration = ask_alone(engine, scenario, &alone);
    for turn in ["first", "second"] {
        let (differences, output) =
            compare(engine, &configuration, &command, &arguments, &workspace.path(&scenario.root_module()));
        if !differences.is_empty() {
            let mut files = String::new();
            for (path, text) in tree.texts().filter(|(path, _)| !path.starts_with("mirror")) {
                files.push_str(&format!("--- {path}\n{text}\n"));
            }
            return Err(format!(
                "=== {turn} init {arguments:?}:\n{}\n{}\n{files}\n{}{}",
                differences.join("\n"),
                scenario.oddities(),
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        scenario.change(&workspace);
        if let Some(lost) = scenario.lost_data_directory()
            && alone.holds_below(lost)
        {
            // The records of modules are part of the question.
            configuration = ask_alone(engine, scenario, &alone.clone().without(&format!("{lost}/")));
        }
    }
    Ok(())
}

fn ask_alone(engine: &Engine, scenario: &Scenario, tree: &Tree) -> Configuration {
    let alone = Workspace::holding(tree, scenario.is_unprivileged());
    ask(engine, scenario.command(&engine.path, &alone), &alone, &scenario.arguments())
}

/// Predicts first: the engine changes what there is.
fn compare(
    engine: &Engine,
    configuration: &Configuration,
    command: &Isolated,
    arguments: &[String],
    root_module: &Utf8Path,
) -> (Vec<String>, Output) {
    let predictions = [Ask::Never, Ask::Auto].map(|ask| {
        let named = ask.engine(engine);
        (ask, predict((&named, &engine.version), ask, command.clone(), arguments))
    });
    let (outcome, output) = observe(engine, command.clone(), arguments, root_module);
    let faults = predictions.into_iter().flat_map(|(ask, prediction)| match prediction {
        Ok(prediction) => prediction.faults(ask, &outcome, configuration),
        Err(error) => vec![error],
    });
    (faults.collect(), output)
}
