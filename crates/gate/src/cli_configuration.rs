//! The one CLI configuration of a run: what the worker and the stack wrote, with our provider installation.
//!
//! `TF_CLI_CONFIG_FILE` replaces, it does not merge: pointing it at a file of our own hides the worker's
//! `~/.terraformrc` and with it the credentials of Spacelift's registry. So every block of that file, then of the file
//! that the variable named before we changed it, is carried over as text; `provider_installation` and the plugin cache
//! are ours.

use camino::{Utf8Path, Utf8PathBuf};

use super::context::real;
use super::runtime_directory::RuntimeDirectory;
use crate::check;
use airtight_engine::cli_config::{self, CarriedBlock, LIMIT_BYTES};
use airtight_engine::environment::Environment;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::text_file::{self, TextFileError};
use airtight_provider::{Engine, EngineName, atomic_file};

/// What is carried over, and from where.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    pub blocks: Vec<CarriedBlock>,
    pub findings: Vec<Finding>,
    /// What `TF_CLI_CONFIG_FILE` named before us, to be kept in `AIRTIGHT_CLI_CONFIG_SOURCE`.
    pub source: Option<String>,
}

/// Collects the blocks of the worker's home file, then of the file that the variable named.
///
/// `repository` is the root of the checked-out source: a file below it gives nothing.
pub fn carried(
    environment: &Environment,
    engine: &Engine,
    launch_directory: &Utf8Path,
    repository: &Utf8Path,
) -> Carried {
    let mut carried = Carried::default();
    if let Some(home) = &environment.home {
        let path = launch_directory.join(home).join(".terraformrc");
        carried.add_file(&path, NamedBy::Home, repository, engine);
    }
    carried.source = source(environment, launch_directory);
    if let Some(source) = carried.source.clone() {
        carried.add_file(&launch_directory.join(source), NamedBy::Variable, repository, engine);
    }
    carried
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NamedBy {
    Home,
    Variable,
}

/// The variable's value before we changed it; a path of ours counts as unset.
fn source(environment: &Environment, launch_directory: &Utf8Path) -> Option<String> {
    let ours = RuntimeDirectory::place(environment);
    [&environment.cli_config_file, &environment.cli_config_source]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty() && !launch_directory.join(text).starts_with(&ours))
        .cloned()
}

impl Carried {
    fn add_file(&mut self, path: &Utf8Path, named_by: NamedBy, repository: &Utf8Path, engine: &Engine) {
        let bytes = match text_file::read_bytes(path, LIMIT_BYTES) {
            Err(TextFileError::Missing) if named_by == NamedBy::Home => return,
            _ if is_below(path, repository) => return self.findings.push(in_repository(path, named_by)),
            Ok(bytes) => bytes,
            Err(TextFileError::Missing) => {
                return self.findings.push(
                    Finding::new(
                        Code::CliConfigMissing,
                        Severity::Error,
                        Owner::Administrator,
                        "TF_CLI_CONFIG_FILE names a file that does not exist",
                    )
                    .detail("The engine only warns about this, and then uses the internet.")
                    .help("Mount the file, or remove TF_CLI_CONFIG_FILE from the stack's environment.")
                    .at(Place::file(path), ""),
                );
            }
            Err(error) => return self.findings.push(unreadable(path, &error.to_string())),
        };
        match cli_config::carried_blocks(path, &bytes, engine) {
            Ok(blocks) => self.blocks.extend(blocks),
            Err(problem) => self
                .findings
                .push(check::cli_config::finding(&problem, not_carried(&problem.kind.to_string())).detail(DROPPED)),
        }
    }

    /// The blocks' texts. Of arguments that come twice the last one counts, as if the files were read one after the other;
    /// OpenTofu from 1.12 refuses a file that holds both.
    pub fn texts(&self) -> Vec<String> {
        let is_replaced = |index: usize, block: &CarriedBlock| {
            block.is_argument
                && self.blocks[index + 1..].iter().any(|later| later.is_argument && later.name == block.name)
        };
        let blocks = self.blocks.iter().enumerate().filter(|(index, block)| !is_replaced(*index, block));
        blocks.map(|(_, block)| block.text.clone()).collect()
    }
}

/// Whether the file, or the link that leads to it, is in the repository.
fn is_below(path: &Utf8Path, repository: &Utf8Path) -> bool {
    let repository = real(repository);
    let of_directory = path.parent().zip(path.file_name()).map(|(directory, name)| real(directory).join(name));
    real(path).starts_with(&repository) || of_directory.is_some_and(|path| path.starts_with(&repository))
}

fn in_repository(path: &Utf8Path, named_by: NamedBy) -> Finding {
    let (summary, help) = match named_by {
        NamedBy::Home => (
            "HOME is in the repository: its `.terraformrc` is not used",
            "Remove HOME from the stack's environment and from `.spacelift/config.yml`; for credentials or `host` blocks, \
             mount a file whose name ends in `.terraformrc` outside the repository.",
        ),
        NamedBy::Variable => (
            "TF_CLI_CONFIG_FILE points into the repository; airtight ignores that file",
            "Remove TF_CLI_CONFIG_FILE from the stack; for credentials or `host` blocks, mount a file whose name ends in \
             `.terraformrc` outside the repository.",
        ),
    };
    Finding::new(Code::CliConfigInRepository, Severity::Warning, Owner::Administrator, summary)
        .detail("Anyone who can open a pull request can change that file, so none of its blocks is copied.")
        .help(help)
        .at(Place::file(path), "")
}

const DROPPED: &str =
    "The engine would print an error, ignore the whole file with its credentials, and use the internet.";

fn not_carried(reason: &str) -> String {
    format!("this CLI configuration cannot be carried over: {reason}")
}

fn unreadable(path: &Utf8Path, reason: &str) -> Finding {
    Finding::new(Code::CliConfigBroken, Severity::Error, Owner::Administrator, not_carried(reason))
        .detail(DROPPED)
        .help("Make the file readable for the run's user, or remove it.")
        .at(Place::file(path), "")
}

/// A `~/.tofurc`, which OpenTofu alone would read instead of the worker's `~/.terraformrc`; we carry the latter.
pub fn shadowed(environment: &Environment, engine: &Engine) -> Option<Finding> {
    let home = environment.home.as_ref()?;
    let shadow = home.join(".tofurc");
    (engine.name == EngineName::Tofu && shadow.exists()).then(|| {
        Finding::new(
            Code::CliConfigShadowed,
            Severity::Warning,
            Owner::Image,
            "`~/.tofurc` hides the worker's `~/.terraformrc` from OpenTofu",
        )
        .detail(
            "Without airtight OpenTofu would read only `~/.tofurc`, without the credentials that the worker writes. airtight \
             carries over `~/.terraformrc` and nothing of this file.",
        )
        .help("Remove `~/.tofurc` from the image; put its other blocks into a mounted `*.terraformrc` file.")
        .at(Place::file(shadow), "")
    })
}

/// The settings' `also` names an OCI mirror, and the engine knows none.
pub fn method_unknown(engine: &Engine) -> Finding {
    Finding::new(
        Code::CliConfigMethodDropped,
        Severity::Warning,
        Owner::Image,
        format!(
            "`also` of the settings names an `oci_mirror`, which {} {} does not know",
            engine.name.title(),
            engine.version
        ),
    )
    .detail("The engine would print an error with every command and drop the method, so it is left out.")
    .help("Use OpenTofu 1.10 or later, or a `network_mirror`.")
}

/// Writes the file for one root module: mode 0600, outside the workspace, whole or not at all.
///
/// # Errors
/// A finding that refuses: without this file the engine would go to the internet.
pub fn write(runtime: &RuntimeDirectory, root_module: &Utf8Path, text: &str) -> Result<Utf8PathBuf, Box<Finding>> {
    let path = runtime.file_for(&real(root_module), "cli-config.tfrc");
    atomic_file::write_for_now(&path, text.as_bytes(), 0o600)
        .map_err(|error| Box::new(unwritable(&path, &error.to_string())))?;
    Ok(path)
}

/// The finding for a CLI configuration that cannot be written.
pub fn unwritable(path: &Utf8Path, reason: &str) -> Finding {
    Finding::new(
        Code::CliConfigUnwritable,
        Severity::Error,
        Owner::Administrator,
        format!("the CLI configuration cannot be written: {reason}"),
    )
    .detail("Without it the engine would use its defaults and ask the internet.")
    .help("Make room under /tmp, or set XDG_RUNTIME_DIR to a directory that belongs to the run's user alone.")
    .at(Place::file(path), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_the_repository_wherever_its_name_or_its_target_is() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (source, home) = (root.join("source"), root.join("home"));
        for directory in [&source, &home] {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("rc"), "").unwrap();
        }
        std::os::unix::fs::symlink("../source/rc", home.join("link")).unwrap();
        std::os::unix::fs::symlink("../home/rc", source.join("link")).unwrap();
        for path in ["source/rc", "source/link", "home/link", "home/../source/rc"] {
            assert!(is_below(&root.join(path), &source), "{path}");
        }
        for path in ["home/rc", "source/../home/rc", "home/none"] {
            assert!(!is_below(&root.join(path), &source), "{path}");
        }
    }
}
