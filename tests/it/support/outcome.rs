//! What `init` did, or is predicted to do, in one form that both can be compared in.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::process::Output;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::Value;

use super::engines::Engine;
use super::isolation::{Isolated, airtight};

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Init {
    Success,
    Failure,
    Unknown,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Installed {
    pub version: String,
    /// `link`, `extract` or `reuse`; none where it is not to be compared.
    pub by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub init: Init,
    /// The engine's errors, or how they begin, in its order. Only the first one is compared: which of a step's errors
    /// comes first is often left to chance, so it has to be any of those that are predicted.
    pub errors: Vec<String>,
    /// A state that was not seen: the engine may stop at it, before it comes to any of the errors.
    pub has_unseen_state: bool,
    /// The providers that errors name.
    pub failed: BTreeSet<String>,
    /// Compared on success.
    pub installed: BTreeMap<String, Installed>,
    /// The lock file's new text, compared on success; none where its bytes stay.
    pub lock_after: Option<String>,
}

impl Outcome {
    pub(crate) fn nothing() -> Self {
        Self {
            init: Init::Unknown,
            errors: Vec::new(),
            has_unseen_state: false,
            failed: BTreeSet::new(),
            installed: BTreeMap::new(),
            lock_after: None,
        }
    }

    /// What differs in a prediction, a line each.
    pub(crate) fn differences(&self, prediction: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut compare = |what: &str, engine: String, predicted: String| {
            if engine != predicted {
                lines.push(format!("{what}: engine {engine}, predicted {predicted}"));
            }
        };
        compare(
            "init",
            format!("{:?} {:?}", self.init, self.errors),
            match prediction.init {
                init if init == self.init => format!("{init:?} {:?}", self.errors),
                init => format!("{init:?} {:?}", prediction.errors),
            },
        );
        if self.init != prediction.init {
            return lines;
        }
        match self.init {
            Init::Failure => {
                compare("failed", format!("{:?}", self.failed), format!("{:?}", prediction.failed));
                if let Some(first) = self.errors.first()
                    && !prediction.has_unseen_state
                    && !prediction.errors.iter().any(|error| is_same_error(first, error))
                {
                    lines.push(format!("first error: engine {first:?}, predicted {:?}", prediction.errors));
                }
            }
            Init::Success => {
                let predicted = prediction.installed.iter().map(|(address, installed)| {
                    let is_compared = self.installed.get(address).is_none_or(|real| real.by.is_some());
                    let by = if is_compared { installed.by.clone() } else { None };
                    (address.clone(), Installed { by, ..installed.clone() })
                });
                let predicted: BTreeMap<_, _> = predicted.collect();
                compare("installed", format!("{:?}", self.installed), format!("{predicted:?}"));
                compare("lock_after", format!("{:?}", self.lock_after), format!("{:?}", prediction.lock_after));
            }
            Init::Unknown => {}
        }
        lines
    }
}

/// Whether the engine's error, or how it begins, has the predicted summary.
fn is_same_error(engine: &str, predicted: &str) -> bool {
    const OF_LOCK_FILE: &str = "failed to read dependency lock file: ";
    let [engine, predicted] = [engine, predicted].map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    // Several problems of the lock file are one error, whose recording stops at its first summary.
    if let (Some(engine), Some(predicted)) = (engine.strip_prefix(OF_LOCK_FILE), predicted.strip_prefix(OF_LOCK_FILE)) {
        return engine.contains(predicted) || predicted.starts_with(engine);
    }
    engine.starts_with(&predicted) || predicted.starts_with(&engine)
}

/// Runs the engine's `init`, and says what it did. The command has the engine's environment and directory.
pub(crate) fn observe(
    engine: &Engine,
    command: Isolated,
    arguments: &[String],
    root_module: &Utf8Path,
) -> (Outcome, Output) {
    let lock_file = root_module.join(".terraform.lock.hcl");
    let before = fs_err::read(&lock_file).ok();
    let (global, of_init): (Vec<_>, Vec<_>) = arguments.iter().partition(|text| text.starts_with("-chdir"));
    let has_cache = command.environment.contains_key("TF_PLUGIN_CACHE_DIR");
    let data_dir = command
        .environment
        .get("TF_DATA_DIR")
        .map_or(root_module.join(".terraform"), |directory| root_module.join(directory));
    let packages = data_dir.join("providers");
    let links_before = links(&packages);
    // Without `-test-directory` and the like, the order of flags is free; global ones stand first.
    let output = command
        .arguments(global)
        .arguments(["init", "-no-color", "-input=false"])
        .arguments(of_init)
        .environment("CHECKPOINT_DISABLE", "1")
        .environment("TF_REGISTRY_DISCOVERY_RETRY", "0")
        // It does not run for long: a sixth of its time goes into collecting garbage.
        .environment("GOGC", "off")
        .run();
    let after = fs_err::read(&lock_file).ok();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let host = engine.default_host();
    let mut outcome = Outcome::nothing();
    outcome.init = if output.status.success() { Init::Success } else { Init::Failure };
    for error in errors(&stderr) {
        if outcome.init == Init::Failure {
            outcome.failed.extend(failed_provider(&error).map(|address| full_address(host, address)));
        }
        outcome.errors.push(error);
    }
    for line in stdout.lines() {
        if let Some((address, version, was_there)) = installed(line) {
            let address = full_address(host, address);
            let place = packages.join(format!("{address}/{version}/{}", airtight_platform()));
            let by = if was_there {
                "reuse"
            } else if links(&packages).difference(&links_before).any(|(path, ..)| *path == place) {
                "link"
            } else {
                "extract"
            };
            let by = (!has_cache).then(|| by.to_owned());
            // Early Terraform 1.15 comes to some providers twice.
            outcome.installed.entry(address).or_insert(Installed { version: version.to_owned(), by });
        }
    }
    if outcome.init == Init::Success && before != after {
        outcome.lock_after = after.map(|bytes| String::from_utf8(bytes).unwrap());
    }
    (outcome, output)
}

/// The links among installed packages, and which ones they are: an archive that is extracted through a link leaves it,
/// an unpacked package gets a new one.
fn links(packages: &Utf8Path) -> BTreeSet<(Utf8PathBuf, u64, i64, i64)> {
    let mut links = BTreeSet::new();
    let mut waiting = vec![packages.to_owned()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = directory.read_dir_utf8() else { continue };
        for path in entries.map(|entry| entry.unwrap().into_path()) {
            let metadata = fs_err::symlink_metadata(&path).unwrap();
            if metadata.is_symlink() {
                links.insert((path, metadata.ino(), metadata.ctime(), metadata.ctime_nsec()));
            } else if metadata.is_dir() {
                waiting.push(path);
            }
        }
    }
    links
}

fn airtight_platform() -> airtight_provider::Platform {
    airtight_provider::Platform::current()
}

fn full_address(host: &str, address: &str) -> String {
    if address.split('/').count() == 3 { address.to_owned() } else { format!("{host}/{address}") }
}

/// The errors on stderr, each in one line.
fn errors(stderr: &str) -> Vec<String> {
    let mut errors = Vec::<String>::new();
    let mut is_inside = false;
    for line in stderr.lines().map(|line| line.trim_start_matches(['│', '╷', '╵']).trim()) {
        // What is wrong with the CLI configuration is printed and stops nothing.
        if line.starts_with("As a result of the above problems, ") {
            errors.clear();
            is_inside = false;
            continue;
        }
        if let Some(summary) = line.strip_prefix("Error:") {
            // A text of the engine's own that begins with a line break has no summary.
            errors.push(summary.trim_start().to_owned());
            is_inside = true;
        } else if line.starts_with("Warning: ") {
            is_inside = false;
        } else if is_inside && !line.is_empty() {
            let error = errors.last_mut().unwrap();
            error.push(' ');
            error.push_str(line);
        }
    }
    // What Terraform prints before the errors of a configuration is none.
    errors.retain(|error| !error.starts_with("Terraform encountered problems during initialisation"));
    errors
}

/// The provider that an error is about.
fn failed_provider(error: &str) -> Option<&str> {
    const BEFORE: &[&str] = &[
        "Error while installing ",
        "Error while importing ",
        "available versions for provider ",
        "Could not resolve provider ",
        "Failed to validate installed provider ",
    ];
    if let Some((_, rest)) = BEFORE.iter().find_map(|before| error.split_once(before)) {
        return rest.split([' ', ':']).next();
    }
    let (before, _) = error.split_once(" does not have a package available for your current platform")?;
    before.split_whitespace().rev().nth(1)
}

/// The address and version in a line such as `- Installed hashicorp/null v3.2.1 (unauthenticated)`, and whether it was
/// there before.
fn installed(line: &str) -> Option<(&str, &str, bool)> {
    let (rest, was_there) = if let Some(rest) = line.strip_prefix("- Using previously-installed ") {
        (rest, true)
    } else if let Some(rest) = line.strip_prefix("- Installed ") {
        (rest, false)
    } else {
        (line.strip_prefix("- Using ")?.strip_suffix(" from the shared cache directory")?, false)
    };
    let mut words = rest.split(' ');
    Some((words.next()?, words.next()?.strip_prefix('v')?, was_there))
}

/// Runs `airtight check`, and says what it predicts; and its verdict. The command has the engine's environment.
pub(crate) fn predict(
    engine: (&str, &str),
    command: Isolated,
    arguments: &[String],
) -> Result<(Outcome, Value), String> {
    let mut command = Isolated { program: airtight().to_owned(), offline: false, ..command }.arguments([
        "check",
        "--engine",
        engine.0,
        "--engine-version",
        engine.1,
        "--cli-config",
        "inherited",
        "--format",
        "json",
        ".",
    ]);
    if !arguments.is_empty() {
        command = command.arguments(["--"]).arguments(arguments);
    }
    let output = command.run();
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text).map_err(|error| {
        format!("no report ({error}), {}: {}", output.status, String::from_utf8_lossy(&output.stderr))
    })?;
    let expected = if report["verdict"] == "refused" { 100 } else { 0 };
    if output.status.code() != Some(expected) {
        return Err(format!("{} with the verdict {}", output.status, report["verdict"]));
    }
    Ok((outcome_of(&report), report))
}

/// Failures that name providers for another reason than that they cannot be installed.
const NOT_ABOUT_INSTALLING: &[&str] =
    &["constraint-invalid", "lock-file-readonly", "provider-address-invalid", "state-invalid"];

fn outcome_of(report: &Value) -> Outcome {
    let prediction = &report["prediction"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut outcome = Outcome::nothing();
    outcome.init = serde_json::from_value(prediction["init"].clone()).unwrap();
    outcome.lock_after = text(&prediction["lock_after"]);
    let mut assumptions = prediction["assumptions"].as_array().unwrap().iter();
    outcome.has_unseen_state = assumptions.any(|assumption| assumption["code"] == "state-unseen");
    let reasons = prediction["reasons"].as_array().unwrap();
    // The engine stops before it comes to the hidden ones.
    for reason in reasons.iter().filter(|reason| reason["hidden"] == false) {
        let code = reason["code"].as_str().unwrap();
        outcome.errors.push(reason["summary"].as_str().unwrap().to_owned());
        if !NOT_ABOUT_INSTALLING.contains(&code) {
            outcome.failed.extend(reason["providers"].as_array().unwrap().iter().filter_map(text));
        }
    }
    for provider in report["providers"].as_array().unwrap() {
        if let (Some(version), Some(by)) = (text(&provider["version"]), text(&provider["install"])) {
            outcome.installed.insert(text(&provider["address"]).unwrap(), Installed { version, by: Some(by) });
        }
    }
    outcome
}

#[test]
fn an_error_names_its_provider_in_each_of_the_engines_words() {
    let cases = [
        (
            "Failed to install provider Error while installing hashicorp/null v3.2.1: the local package",
            "hashicorp/null",
        ),
        (
            "Failed to query available provider packages Could not retrieve the list of available versions for \
             provider example.com/acme/dog: no available releases match",
            "example.com/acme/dog",
        ),
        ("Failed to resolve provider packages Could not resolve provider acme/dog: cannot search", "acme/dog"),
        (
            "Incompatible provider version Provider registry.terraform.io/acme/dog v1.0.0 does not have a package \
             available for your current platform, linux_amd64.",
            "registry.terraform.io/acme/dog",
        ),
    ];
    for (error, address) in cases {
        assert_eq!(failed_provider(error), Some(address), "{error}");
    }
    assert_eq!(failed_provider("Provider dependency changes detected Changes to the required"), None);
}

#[test]
fn errors_are_read_whole_and_warnings_are_not_errors() {
    let stderr = "\nWarning: one\n\nbecause\n\nError: two\n\nover\nlines\n\nError: three\n";
    assert_eq!(errors(stderr), ["two over lines", "three"]);
}
