//! What an engine's `init` did.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::process::Output;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::engines::Engine;
use super::isolation::Isolated;
use super::tree::{Tree, Workspace};

crate::tests! {
    an_error_names_its_provider_in_each_of_the_engines_words,
    errors_are_read_whole_and_warnings_are_not_errors,
    a_diagnostic_has_its_file_and_line,
    requirements_are_read_in_each_of_the_engines_words,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Init {
    Success,
    Failure,
    Unknown,
}

/// How a provider's package came to be installed.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Installed {
    pub version: String,
    /// `link`, `extract` or `reuse`; none where it is not to be compared.
    pub by: Option<String>,
}

/// What `init` did, without an order that chance decides.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    pub init: Init,
    /// The summaries of its errors.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub errors: BTreeSet<String>,
    /// The providers that its errors name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failed: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub installed: BTreeMap<String, Installed>,
    /// The lock file's new text; none on failure and where its bytes stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_after: Option<String>,
}

/// What an engine says of a configuration: its answer when it is asked for it alone.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Configuration {
    /// The constraints of each provider that it needs; none for any version.
    Loads(BTreeMap<String, Option<String>>),
    Refused(BTreeSet<Diagnostic>),
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub(crate) struct Diagnostic {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    pub summary: String,
}

impl Outcome {
    /// Whether it came as far as providers, and failed there.
    pub(crate) fn fails_at_providers(&self) -> bool {
        const AT_PROVIDERS: [&str; 6] = [
            "Failed to install provider",
            "Failed to query available provider packages",
            "Failed to resolve provider packages",
            "Failed to validate installed provider",
            "Incompatible provider version",
            "Provider dependency changes detected",
        ];
        self.init == Init::Failure
            && (!self.failed.is_empty() || self.errors.iter().any(|error| AT_PROVIDERS.contains(&error.as_str())))
    }
}

const EMPTY_MIRROR: &str = "empty-mirror.tfrc";

/// A CLI configuration with one mirror.
pub(crate) fn filesystem_mirror(path: &str) -> String {
    format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{path}\"\n  }}\n}}\n")
}

/// The tree without what `init` counts beside the configuration: the lock file, the state, what is installed; and an empty
/// mirror.
pub(crate) fn configuration_alone(tree: &Tree, root_module: &str) -> Tree {
    let mut alone = tree.clone();
    for path in [
        ".terraform.lock.hcl",
        "terraform.tfstate",
        ".terraform/environment",
        ".terraform/providers",
        ".terraform/terraform.tfstate",
    ] {
        alone = alone.without(&format!("{root_module}/{path}"));
    }
    alone.directory("empty-mirror/");
    alone.file(EMPTY_MIRROR, filesystem_mirror("$ROOT/empty-mirror"));
    alone
}

/// Asks an engine for what [`configuration_alone`] left. The arguments that decide what is read are kept.
pub(crate) fn ask(engine: &Engine, command: Isolated, alone: &Workspace, arguments: &[String]) -> Configuration {
    const KEPT: [&str; 5] = ["-var=", "-var-file=", "-test-directory=", "-get=", "-from-module="];
    let mut command = command.environment("TF_CLI_CONFIG_FILE", alone.path(EMPTY_MIRROR).as_str());
    for name in ["TF_PLUGIN_CACHE_DIR", "TF_CLI_ARGS", "TF_CLI_ARGS_init", "TF_REATTACH_PROVIDERS"] {
        command.environment.remove(name);
    }
    let kept = arguments.iter().filter(|argument| KEPT.iter().any(|kept| argument.starts_with(kept))).cloned();
    let kept: Vec<String> = ["-backend=false".to_owned()].into_iter().chain(kept).collect();
    let output = init(command, arguments.iter().filter(|argument| argument.starts_with("-chdir=")), &kept);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_empty = stdout.contains(" initialized in an empty directory!");
    if output.status.success() || is_empty || stdout.contains("Initializing provider plugins...") {
        let needs = stdout.lines().filter_map(required);
        return Configuration::Loads(
            needs
                .map(|(address, text)| (full_address(engine.default_host(), address), text.map(str::to_owned)))
                .collect(),
        );
    }
    Configuration::Refused(errors(&stderr).iter().map(diagnostic).collect())
}

/// The provider in a line of `init`, and its constraints.
fn required(line: &str) -> Option<(&str, Option<&str>)> {
    let rest = line.strip_prefix("- Finding ")?;
    if let Some(address) = rest.strip_prefix("latest version of ") {
        return Some((address.strip_suffix("...")?, None));
    }
    let (address, constraints) = rest.split_once(" versions matching \"")?;
    Some((address, Some(constraints.strip_suffix("\"...")?)))
}

fn is_global(argument: &str) -> bool {
    argument.starts_with("-chdir")
}

/// Runs the engine's `init`. The command has the engine's environment and directory.
pub(crate) fn observe(
    engine: &Engine,
    command: Isolated,
    arguments: &[String],
    root_module: &Utf8Path,
) -> (Outcome, Output) {
    let lock_file = root_module.join(".terraform.lock.hcl");
    let before = fs_err::read(&lock_file).ok();
    let (global, of_init): (Vec<_>, Vec<_>) = arguments.iter().cloned().partition(|text| is_global(text));
    let config = command.environment.get("TF_CLI_CONFIG_FILE").and_then(|path| fs_err::read_to_string(path).ok());
    let has_cache = command.environment.contains_key("TF_PLUGIN_CACHE_DIR")
        || config.is_some_and(|config| config.contains("plugin_cache_dir"));
    let data_dir = command
        .environment
        .get("TF_DATA_DIR")
        .map_or(root_module.join(".terraform"), |directory| root_module.join(directory));
    let packages = data_dir.join("providers");
    let links_before = links(&packages);
    let output = init(command, &global, &of_init);
    let after = fs_err::read(&lock_file).ok();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let host = engine.default_host();
    let mut outcome = Outcome {
        init: if output.status.success() { Init::Success } else { Init::Failure },
        errors: BTreeSet::new(),
        failed: BTreeSet::new(),
        installed: BTreeMap::new(),
        lock_after: None,
    };
    if outcome.init == Init::Failure {
        for error in errors(&stderr) {
            outcome.failed.extend(failed_provider(&error.text).map(|address| full_address(host, address)));
            outcome.errors.insert(error.summary);
        }
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

/// Global arguments stand first.
fn init<'a>(command: Isolated, global: impl IntoIterator<Item = &'a String>, arguments: &[String]) -> Output {
    command
        .arguments(global)
        .arguments(["init", "-no-color", "-input=false"])
        .arguments(arguments)
        .environment("CHECKPOINT_DISABLE", "1")
        .environment("TF_REGISTRY_DISCOVERY_RETRY", "0")
        // It does not run for long: a sixth of its time goes into collecting garbage.
        .environment("GOGC", "off")
        .run()
}

/// The links among installed packages, and which ones they are: an archive that is extracted through a link leaves it,
/// an unpacked package gets a new one.
fn links(packages: &Utf8Path) -> BTreeSet<(Utf8PathBuf, u64, i64, i64)> {
    // HOST/NAMESPACE/TYPE/VERSION/PLATFORM; below there may be names that nothing can read.
    const DEPTH: usize = 5;
    let mut links = BTreeSet::new();
    let mut waiting = vec![(packages.to_owned(), DEPTH)];
    while let Some((directory, depth)) = waiting.pop() {
        let Ok(entries) = directory.read_dir_utf8() else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.into_path())) {
            let metadata = fs_err::symlink_metadata(&path).unwrap();
            if metadata.is_symlink() {
                links.insert((path, metadata.ino(), metadata.ctime(), metadata.ctime_nsec()));
            } else if metadata.is_dir() && depth > 1 {
                waiting.push((path, depth - 1));
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

/// An error on stderr.
#[derive(Debug)]
struct EngineError {
    /// Its first line.
    summary: String,
    /// All of it in one line.
    text: String,
    /// `FILE line NUMBER`, with the words behind them.
    place: Option<String>,
}

fn errors(stderr: &str) -> Vec<EngineError> {
    let mut errors = Vec::<EngineError>::new();
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
            let summary = summary.trim_start().to_owned();
            errors.push(EngineError { text: summary.clone(), summary, place: None });
            is_inside = true;
        } else if line.starts_with("Warning: ") {
            is_inside = false;
        } else if is_inside && !line.is_empty() {
            let error = errors.last_mut().unwrap();
            if error.place.is_none() && error.text == error.summary {
                error.place = line.strip_prefix("on ").filter(|place| place.contains(" line ")).map(str::to_owned);
            }
            error.text.push(' ');
            error.text.push_str(line);
        }
    }
    // What Terraform prints before the errors of a configuration is none.
    errors.retain(|error| !error.summary.starts_with("Terraform encountered problems during initialisation"));
    errors
}

fn diagnostic(error: &EngineError) -> Diagnostic {
    let place = error.place.as_deref().and_then(|place| place.split_once(" line "));
    let (file, line) = place.map_or((None, None), |(file, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (Some(file.to_owned()), digits.parse().ok())
    });
    Diagnostic { file, line, summary: error.summary.clone() }
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

fn errors_are_read_whole_and_warnings_are_not_errors() {
    let stderr = "\nWarning: one\n\nbecause\n\nError: two\n\nover\nlines\n\nError: three\n";
    let texts: Vec<String> = errors(stderr).into_iter().map(|error| error.text).collect();
    assert_eq!(texts, ["two over lines", "three"]);
}

fn a_diagnostic_has_its_file_and_line() {
    let stderr =
        "Error: Unsupported block type\n\n  on main.tf line 12, in resource \"a\" \"b\":\n  12: x {\n\nError: Other\n";
    let found: Vec<_> = errors(stderr).iter().map(diagnostic).collect();
    let summary = |text: &str| text.to_owned();
    assert_eq!(
        found,
        [
            Diagnostic { file: Some("main.tf".to_owned()), line: Some(12), summary: summary("Unsupported block type") },
            Diagnostic { file: None, line: None, summary: summary("Other") },
        ]
    );
}

fn requirements_are_read_in_each_of_the_engines_words() {
    let line = "- Finding hashicorp/aws versions matching \"~> 5.0, != 5.4.0\"...";
    assert_eq!(required(line), Some(("hashicorp/aws", Some("~> 5.0, != 5.4.0"))));
    assert_eq!(required("- Finding latest version of example.com/a/b..."), Some(("example.com/a/b", None)));
    assert_eq!(required("- Installing hashicorp/aws v5.0.0..."), None);
}
