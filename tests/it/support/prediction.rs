//! What `airtight check` predicts of `init`, and whether that is right.
//!
//! The rule: when the engine loads the configuration, everything that it installs is predicted exactly. What the engine
//! alone can know is its own answer when it is asked, and an assumption when it is not: never a `success` without one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::engines::Engine;
use super::isolation::{Isolated, airtight};
use super::outcome::{Configuration, Init, Installed, Outcome};

crate::tests! {
    what_is_right_is_accepted,
    what_is_wrong_is_said,
}

/// Whether the engine may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Never,
    Auto,
}

impl Ask {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Auto => "auto",
        }
    }

    /// What `--engine` is given: what may be asked is named by its path.
    pub(crate) fn engine(self, engine: &Engine) -> String {
        match self {
            Self::Never => engine.name.to_owned(),
            Self::Auto => engine.path.to_string(),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Loading {
    Loads,
    Refused,
    NotAsked,
}

#[derive(Clone, Debug)]
pub(crate) struct Prediction {
    pub init: Init,
    pub configuration: Loading,
    /// The codes of what is assumed.
    pub assumptions: Vec<String>,
    /// The providers that the configuration needs.
    pub required: BTreeSet<String>,
    /// The providers that cannot be installed.
    pub failed: BTreeSet<String>,
    pub installed: BTreeMap<String, Installed>,
    pub lock_after: Option<String>,
    /// Why the engine was not asked, if it was not: the code of an assumption, a reason or a finding.
    pub not_asked_for: Option<String>,
    pub verdict: String,
}

/// Runs `airtight check`. The command has the engine's environment and directory; the engine is a name or a path.
pub(crate) fn predict(
    engine: (&str, &str),
    ask: Ask,
    command: Isolated,
    arguments: &[String],
) -> Result<Prediction, String> {
    let mut command = Isolated { program: airtight().to_owned(), offline: false, ..command }
        .environment("AIRTIGHT_ASK", ask.name())
        .arguments(["check", "--cli-config", "inherited", "--format", "json"])
        .arguments(["--engine", engine.0, "--engine-version", engine.1, "."]);
    if !arguments.is_empty() {
        command = command.arguments(["--"]).arguments(arguments);
    }
    let output = command.run();
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!("no report ({error}), {}: {}", output.status, String::from_utf8_lossy(&output.stderr))
    })?;
    let fails = report["verdict"] == "refused" || report["prediction"]["init"] == "failure";
    let expected = if fails { 100 } else { 0 };
    if output.status.code() != Some(expected) {
        return Err(format!("{} with the verdict {}", output.status, report["verdict"]));
    }
    Ok(Prediction::of(&report))
}

/// What keeps an engine from being asked: a module that would be fetched, or arguments with which it does something else.
const WHY_NOT_ASKED: [&str; 3] = ["configuration-not-asked", "init-arguments-invalid", "module-needs-network"];

/// Failures that name providers for another reason than that they cannot be installed.
const NOT_ABOUT_INSTALLING: [&str; 4] =
    ["constraint-invalid", "lock-file-readonly", "provider-address-invalid", "state-invalid"];

impl Prediction {
    pub(crate) fn of(report: &Value) -> Self {
        let prediction = &report["prediction"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let reasons = prediction["reasons"].as_array().unwrap().iter();
        let failed = reasons
            .filter(|reason| !NOT_ABOUT_INSTALLING.contains(&reason["code"].as_str().unwrap()))
            .flat_map(|reason| reason["providers"].as_array().unwrap());
        let providers = report["providers"].as_array().unwrap();
        let needed_by_configuration =
            |provider: &&Value| provider["needed_by"].as_array().unwrap().iter().any(|by| by == "configuration");
        let installed = providers.iter().filter_map(|provider| {
            let (version, by) = (provider["version"].as_str()?.to_owned(), provider["install"].as_str()?.to_owned());
            Some((text(&provider["address"]), Installed { version, by: Some(by) }))
        });
        let assumptions = prediction["assumptions"].as_array().unwrap().iter();
        let all = assumptions.clone().chain(prediction["reasons"].as_array().unwrap());
        let all = all.chain(report["findings"].as_array().unwrap());
        let mut all = all.map(|item| text(&item["code"]));
        Self {
            init: serde_json::from_value(prediction["init"].clone()).unwrap(),
            configuration: serde_json::from_value(prediction["configuration"].clone()).unwrap_or(Loading::NotAsked),
            assumptions: assumptions.map(|assumption| text(&assumption["code"])).collect(),
            required: providers
                .iter()
                .filter(needed_by_configuration)
                .map(|provider| text(&provider["address"]))
                .collect(),
            failed: failed.map(text).collect(),
            installed: installed.collect(),
            lock_after: prediction["lock_after"].as_str().map(str::to_owned),
            not_asked_for: all.find(|code| WHY_NOT_ASKED.contains(&code.as_str())),
            verdict: text(&report["verdict"]),
        }
    }

    /// What is wrong with it, a line each.
    pub(crate) fn faults(&self, ask: Ask, outcome: &Outcome, configuration: &Configuration) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |what: &str, is_right: bool, engine: &dyn std::fmt::Debug, predicted: &dyn std::fmt::Debug| {
            if !is_right {
                faults.push(format!("{what}: engine {engine:?}, predicted {predicted:?}"));
            }
        };
        let is_asked = self.configuration != Loading::NotAsked || self.not_asked_for.is_none();
        let ask = if is_asked { ask } else { Ask::Never };
        // The engine is asked in the workspace, where a lock file or a state may stop it before it comes to providers.
        let is_stopped = outcome.init == Init::Failure && !outcome.fails_at_providers();
        let is_right = match (ask, configuration) {
            (Ask::Never, _) => self.configuration == Loading::NotAsked,
            (Ask::Auto, Configuration::Refused(_)) => self.configuration == Loading::Refused,
            (Ask::Auto, Configuration::Loads(_)) => {
                self.configuration == Loading::Loads || (self.configuration == Loading::Refused && is_stopped)
            }
        };
        expect("configuration", is_right, configuration, &self.configuration);
        let is_hedged = !self.assumptions.is_empty();
        match (configuration, outcome.init) {
            (Configuration::Refused(diagnostics), _) => {
                // Nobody asked: what is predicted is what follows if it loads.
                let is_right = match (ask, self.init) {
                    (_, Init::Failure) | (Ask::Never, Init::Unknown) => true,
                    (Ask::Never, Init::Success) => is_hedged,
                    (Ask::Auto, _) => false,
                };
                expect("init of a configuration that is refused", is_right, diagnostics, &self);
                return faults;
            }
            (Configuration::Loads(_), Init::Failure) if is_stopped => {
                // Arguments, backends and states are the engine's own; what is predicted is what follows if it takes them.
                let is_right = self.init != Init::Success || is_hedged;
                expect("init that fails before providers", is_right, &outcome.errors, &self);
                return faults;
            }
            (Configuration::Loads(_), _) => {}
        }
        // What an engine does with another package in a plugin cache, or with one place under two spellings, is not predicted.
        let is_cached = self
            .assumptions
            .iter()
            .any(|code| ["plugin-cache-beside-mirror", "package-planted"].contains(&code.as_str()));
        if is_cached && self.init == Init::Unknown {
            return faults;
        }
        expect("init", self.init == outcome.init, &(outcome.init, &outcome.errors), &(self.init, &self.assumptions));
        if self.init != outcome.init {
            return faults;
        }
        match outcome.init {
            Init::Failure => {
                let is_right =
                    if is_cached { self.failed.is_subset(&outcome.failed) } else { self.failed == outcome.failed };
                expect("failed", is_right, &outcome.failed, &self.failed);
            }
            Init::Success | Init::Unknown => {
                let predicted = self.installed.iter().map(|(address, installed)| {
                    let is_compared = outcome.installed.get(address).is_none_or(|real| real.by.is_some());
                    let by = if is_compared { installed.by.clone() } else { None };
                    (address.clone(), Installed { by, ..installed.clone() })
                });
                let predicted: BTreeMap<_, _> = predicted.collect();
                expect("installed", predicted == outcome.installed, &outcome.installed, &predicted);
                expect("lock_after", self.lock_after == outcome.lock_after, &outcome.lock_after, &self.lock_after);
            }
        }
        if let Configuration::Loads(required) = configuration {
            let required: BTreeSet<_> = required.keys().cloned().collect();
            expect("required", self.required == required, &required, &self.required);
        }
        faults
    }
}

fn example(init: Init, configuration: Loading) -> Prediction {
    Prediction {
        init,
        configuration,
        assumptions: Vec::new(),
        required: BTreeSet::new(),
        failed: BTreeSet::new(),
        installed: BTreeMap::new(),
        lock_after: None,
        not_asked_for: None,
        verdict: "cleared".to_owned(),
    }
}

fn outcome(init: Init) -> Outcome {
    let (errors, failed) = (BTreeSet::new(), BTreeSet::new());
    Outcome { init, errors, failed, installed: BTreeMap::new(), lock_after: None }
}

fn what_is_right_is_accepted() {
    let loads = Configuration::Loads(BTreeMap::new());
    let refused = Configuration::Refused(BTreeSet::new());
    let assumed = |prediction: Prediction| Prediction { assumptions: vec!["assumed".to_owned()], ..prediction };
    for (prediction, ask, init, configuration) in [
        (example(Init::Success, Loading::NotAsked), Ask::Never, Init::Success, &loads),
        (example(Init::Success, Loading::Loads), Ask::Auto, Init::Success, &loads),
        (assumed(example(Init::Success, Loading::NotAsked)), Ask::Never, Init::Failure, &refused),
        (assumed(example(Init::Success, Loading::Loads)), Ask::Auto, Init::Failure, &loads),
        (example(Init::Unknown, Loading::NotAsked), Ask::Never, Init::Failure, &refused),
        (example(Init::Failure, Loading::NotAsked), Ask::Never, Init::Failure, &refused),
        (example(Init::Failure, Loading::Refused), Ask::Auto, Init::Failure, &refused),
    ] {
        let faults = prediction.faults(ask, &outcome(init), configuration);
        assert!(faults.is_empty(), "{faults:?}");
    }
}

fn what_is_wrong_is_said() {
    let loads = Configuration::Loads(BTreeMap::new());
    let refused = Configuration::Refused(BTreeSet::new());
    let null = || "registry.terraform.io/hashicorp/null".to_owned();
    let installed = BTreeMap::from([(null(), Installed { version: "1.0.0".to_owned(), by: Some("link".to_owned()) })]);
    let at_providers = Outcome { failed: [null()].into(), ..outcome(Init::Failure) };
    let success = || outcome(Init::Success);
    for (prediction, ask, outcome, configuration) in [
        // A success that nothing hedges, where the engine refuses.
        (example(Init::Success, Loading::NotAsked), Ask::Never, outcome(Init::Failure), &refused),
        (example(Init::Success, Loading::Refused), Ask::Auto, outcome(Init::Failure), &refused),
        (example(Init::Unknown, Loading::Refused), Ask::Auto, outcome(Init::Failure), &refused),
        (example(Init::Success, Loading::Loads), Ask::Auto, outcome(Init::Failure), &loads),
        // An answer that nobody was asked for, and one that is not the engine's.
        (example(Init::Success, Loading::Loads), Ask::Never, success(), &loads),
        (example(Init::Success, Loading::NotAsked), Ask::Auto, success(), &loads),
        (example(Init::Failure, Loading::Loads), Ask::Auto, outcome(Init::Failure), &refused),
        // A failure that is none, and no answer where there is one.
        (example(Init::Failure, Loading::NotAsked), Ask::Never, success(), &loads),
        (example(Init::Unknown, Loading::NotAsked), Ask::Never, success(), &loads),
        // Other providers, ways and lock files.
        (Prediction { installed, ..example(Init::Success, Loading::NotAsked) }, Ask::Never, success(), &loads),
        (
            Prediction { lock_after: Some(String::new()), ..example(Init::Success, Loading::NotAsked) },
            Ask::Never,
            success(),
            &loads,
        ),
        (
            Prediction { required: [null()].into(), ..example(Init::Success, Loading::NotAsked) },
            Ask::Never,
            success(),
            &loads,
        ),
        (example(Init::Failure, Loading::NotAsked), Ask::Never, at_providers.clone(), &loads),
    ] {
        let faults = prediction.faults(ask, &outcome, configuration);
        assert!(!faults.is_empty(), "{prediction:?} for {outcome:?} of {configuration:?}");
    }
}
