//! What engines did, recorded, against what `airtight check` predicts when it asks nobody; and, in the deep comparison, the
//! engines that are here against their recordings.

pub(crate) mod cases;
pub(crate) mod recording;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use self::cases::Case;
use self::recording::{RECORDED, Recording};
use crate::support::engines::{Engine, engine, other_versions};
use crate::support::fixture::{self, Contents};
use crate::support::isolation::{has_namespaces, is_root};
use crate::support::outcome::Init;
use crate::support::prediction::{Ask, predict};
use crate::support::runner::{Test, ignored};

/// One for each engine and family; in the deep comparison the engines themselves.
pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![Test::new(module_path!(), "every_case_is_recorded", every_case_is_recorded)];
    let mut deep = Vec::new();
    for (name, version) in RECORDED {
        for family in cases::families() {
            let title = format!("{name}::{family}");
            tests.push(Test::new(module_path!(), &title, move || predictions_are_right((name, version), &family)));
        }
        deep.push(Test::new("it", &format!("recordings::{name}"), move || recordings_are_right(name, version)));
        deep.push(Test::new("it", &format!("asking::{name}"), move || {
            engine(name).into_iter().for_each(asking_is_right);
        }));
    }
    for engine in other_versions() {
        let title = format!("asking::{}-{}", engine.name, engine.version);
        deep.push(Test::new("it", &title, move || asking_is_right(engine)));
    }
    tests.extend(Test::deep(deep));
    tests
}

fn every_case_is_recorded() {
    let contents = Contents::read();
    let mut used = BTreeSet::new();
    for case in fixture::FAMILIES.iter().flat_map(|family| fixture::read(family)) {
        used.extend(case.shared_names().map(str::to_owned));
    }
    assert_eq!(used, contents.names(), "shared contents that are used, and those that are there");
    for (name, version) in RECORDED {
        let mut cases: Vec<_> = cases::all((name, version)).into_iter().map(|case| (case.family, case.name)).collect();
        cases.sort();
        let recorded: Vec<_> = recording::read(name, version).into_keys().collect();
        assert_eq!(cases, recorded, "the cases and the recordings of {name}");
    }
}

fn predictions_are_right(engine: (&str, &str), family: &str) {
    let recordings = recording::read(engine.0, engine.1);
    let cases = cases::family(family, engine);
    let (possible, others): (Vec<_>, Vec<_>) = cases.iter().partition(|case| is_root() || !case.unprivileged);
    if !others.is_empty() {
        ignored(&format!("only root can lay out {} of {} cases", others.len(), cases.len()));
    }
    let faults: Vec<String> = (possible.par_iter())
        .flat_map(|case| {
            let key = (case.family.clone(), case.name.clone());
            let Some(recording) = recordings.get(&key) else { return vec![format!("{}: not recorded", case.name)] };
            let faults = faults(engine, Ask::Never, case, recording);
            faults.into_iter().map(|fault| format!("{}: {fault}", case.name)).collect()
        })
        .collect();
    assert!(faults.is_empty(), "{} faults in {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

/// An engine, recorded or not, that is asked about every case; and what is predicted when it is not. Both predictions are
/// compared with what the engine did, by the rule of `Prediction::faults`: exactly if the engine comes as far as providers.
/// If it refuses something before them, any prediction is right that is no unhedged success.
fn asking_is_right(engine: &Engine) {
    if !has_namespaces() || !is_root() {
        return ignored("needs root and network namespaces");
    }
    let version = (engine.name, engine.version.as_str());
    let recordings = if RECORDED.contains(&version) { recording::read(version.0, version.1) } else { BTreeMap::new() };
    let faults: Vec<String> = (cases::all(version).par_iter())
        .flat_map(|case| {
            let known = recordings.get(&(case.family.clone(), case.name.clone())).cloned();
            let recording = known.unwrap_or_else(|| Recording::of(engine, case));
            [Ask::Never, Ask::Auto]
                .map(|ask| (case, ask, faults((&ask.engine(engine), version.1), ask, case, &recording)))
        })
        .flat_map_iter(|(case, ask, faults)| {
            let title = format!("{ask:?}: {}: {}", case.family, case.name);
            faults.into_iter().map(move |fault| format!("{title}: {fault}"))
        })
        .collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn faults(engine: (&str, &str), ask: Ask, case: &Case, recording: &Recording) -> Vec<String> {
    let workspace = case.lay_out();
    let command = case.command("airtight".into(), &workspace);
    let prediction = match predict(engine, ask, command, &case.arguments(&workspace)) {
        Ok(prediction) => prediction,
        Err(error) => return vec![error],
    };
    if case.is_left_open && prediction.init == Init::Unknown {
        return Vec::new();
    }
    let mut faults = prediction.faults(ask, &recording.init, &recording.configuration);
    if case.fails_later && prediction.verdict != "refused" {
        faults.push("verdict: the engine cannot use what it installs, and it is cleared".to_owned());
    }
    faults
}

/// Runs the engine with every case. `AIRTIGHT_RECORD` writes what it did instead of comparing it.
fn recordings_are_right(name: &str, version: &str) {
    let Some(engine) = engine(name) else { return };
    if engine.version != version || !has_namespaces() || !is_root() {
        return ignored(&format!("needs {name} {version}, root and network namespaces"));
    }
    let cases = cases::all((name, version));
    let now: Vec<Recording> = cases.par_iter().map(|case| Recording::of(engine, case)).collect();
    if std::env::var_os("AIRTIGHT_RECORD").is_some() {
        return recording::write(name, version, &now);
    }
    let recorded = recording::read(name, version);
    let differences: Vec<String> = (now.iter())
        .filter_map(|now| {
            let then = recorded.get(&(now.family.clone(), now.case.clone()));
            (then != Some(now)).then(|| format!("{}: {}:\nrecorded {then:?}\nnow {now:?}", now.family, now.case))
        })
        .collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
