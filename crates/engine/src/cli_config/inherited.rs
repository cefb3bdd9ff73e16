//! Which CLI configuration an engine reads by itself in an environment, and the mirrors that it implies.
//!
//! Source: OpenTofu `internal/command/cliconfig/cliconfig.go` `LoadConfig`, `config_unix.go`;
//! `cmd/tofu/provider_source.go` `implicitProviderSource`; apparentlymart/go-userdirs.

use camino::{Utf8Path, Utf8PathBuf};

use super::{CliConfig, CliConfigProblem, Effect, Problem};
use crate::environment::Environment;
use airtight_hcl::Place;
use airtight_provider::text_file;
use airtight_provider::text_file::TextFileError;
use airtight_provider::{Engine, EngineName};

/// Larger files are no CLI configuration.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// What an engine would use without our doing.
#[derive(Clone, Debug)]
pub struct Inherited {
    /// In the order of reading. A home file that is not there is not here, unless the engine speaks of it.
    pub files: Vec<InheritedFile>,
    /// All files and the environment together, with the problems of all of them.
    pub config: CliConfig,
    /// In the order in which they are asked; used only where `config` has no installation block. The engine then adds
    /// `direct` for every provider that none of them holds.
    pub implied_mirrors: Vec<ImpliedMirror>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InheritedFile {
    pub path: Utf8PathBuf,
    pub named_by: NamedBy,
    pub outcome: FileOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `TF_CLI_CONFIG_FILE` or `TERRAFORM_CONFIG`.
    Variable,
    /// `~/.tofurc`, `~/.terraformrc` or `tofurc` below `XDG_CONFIG_HOME`.
    Home,
    /// A `*.tfrc` or `*.tfrc.json` of the configuration directory.
    Directory,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOutcome {
    Read,
    /// The engine warns (Terraform before 1.4 is silent) and uses its defaults, which is the registry.
    Missing,
    /// The same warning, in which the engine claims that the file does not exist; the text is the real reason.
    Unreadable(String),
    /// An error is printed, with the same consequence.
    IsDirectory,
    /// Only we refuse it, so nothing can be said of the engine; the text is the reason.
    NotRead(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImpliedMirror {
    pub path: Utf8PathBuf,
    /// A directory; anything else is passed over without a word.
    pub exists: bool,
    /// Terraform looks for it before `-chdir` and walks the relative path after it.
    pub moves_with_chdir: bool,
}

/// Reads what the engine would read, started in `launch_dir`, before any `-chdir`.
pub fn read_inherited(environment: &Environment, engine: &Engine, launch_dir: &Utf8Path) -> Inherited {
    let mut files = Vec::new();
    let mut config = CliConfig::default();
    let variable = environment.cli_config_file.as_deref();
    let main = match variable {
        Some(path) => Some((launch_dir.join(path), NamedBy::Variable)),
        None => home_file(environment, engine.name).map(|path| (launch_dir.join(path), NamedBy::Home)),
    };
    if let Some((path, named_by)) = main {
        add(&mut files, &mut config, path, named_by, engine);
    }
    if variable.is_none() {
        for path in directory_files(environment, engine.name, launch_dir) {
            add(&mut files, &mut config, path, NamedBy::Directory, engine);
        }
    }
    config.apply_environment(environment);
    let implied_mirrors = implied_mirrors(environment, engine.name, launch_dir);
    Inherited { files, config, implied_mirrors }
}

/// Reads one file as the engine does when a variable names it: whatever is wrong, there is a configuration.
pub fn read_file(path: &Utf8Path, engine: &Engine) -> (CliConfig, FileOutcome) {
    // The engine opens the file before it reads it, and opening a directory works.
    if path.is_dir() {
        let mut config = CliConfig { path: Some(path.to_owned()), ..CliConfig::default() };
        config.report(path, format!("Error reading {path}: read {path}: is a directory"), String::new());
        return (config, FileOutcome::IsDirectory);
    }
    match text_file::read_bytes(path, LIMIT_BYTES) {
        Ok(bytes) => (super::parse_bytes(path, &bytes, engine), FileOutcome::Read),
        Err(error) if error.is_ours() => {
            (CliConfig { path: Some(path.to_owned()), ..CliConfig::default() }, FileOutcome::NotRead(error.to_string()))
        }
        Err(error) => {
            let mut config = CliConfig { path: Some(path.to_owned()), ..CliConfig::default() };
            let detail = format!("The CLI configuration file at {:?} does not exist.", path.as_str());
            config.report(path, "Unable to open CLI configuration file".to_owned(), detail);
            let outcome = match error {
                TextFileError::Missing => FileOutcome::Missing,
                error => FileOutcome::Unreadable(error.to_string()),
            };
            (config, outcome)
        }
    }
}

impl CliConfig {
    fn report(&mut self, path: &Utf8Path, summary: String, detail: String) {
        let problem = Problem::new(airtight_hcl::ProblemKind::Invalid, summary, detail, Place::file(path));
        self.problems.push(CliConfigProblem { problem, effect: Effect::FileDropped });
    }
}

fn add(files: &mut Vec<InheritedFile>, merged: &mut CliConfig, path: Utf8PathBuf, named_by: NamedBy, engine: &Engine) {
    let (config, outcome) = read_file(&path, engine);
    if outcome == FileOutcome::Missing && named_by != NamedBy::Variable {
        return;
    }
    files.push(InheritedFile { path, named_by, outcome });
    merged.merge(config);
}

/// The one file of the home directory.
fn home_file(environment: &Environment, engine: EngineName) -> Option<Utf8PathBuf> {
    let home = environment.home.as_deref()?;
    let terraform = home.join(".terraformrc");
    if engine == EngineName::Terraform {
        return Some(terraform);
    }
    let tofu = home.join(".tofurc");
    match (&environment.xdg_config_home, tofu.exists(), terraform.exists()) {
        (Some(xdg), false, false) => Some(xdg.join("opentofu/tofurc")),
        (_, false, true) => Some(terraform),
        _ => Some(tofu),
    }
}

fn directory_files(environment: &Environment, engine: EngineName, launch_dir: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some(home) = environment.home.as_deref() else { return Vec::new() };
    let mut directory = home.join(".terraform.d");
    if let (EngineName::Tofu, Some(xdg), false) = (engine, &environment.xdg_config_home, directory.exists()) {
        directory = xdg.join("opentofu");
    }
    let Ok(entries) = launch_dir.join(directory).read_dir_utf8() else { return Vec::new() };
    let mut files: Vec<Utf8PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name().strip_suffix(".json").unwrap_or(entry.file_name());
            name.strip_suffix(".tfrc").is_some()
        })
        .map(camino::Utf8DirEntry::into_path)
        .collect();
    files.sort();
    files
}

fn implied_mirrors(environment: &Environment, engine: EngineName, launch_dir: &Utf8Path) -> Vec<ImpliedMirror> {
    let home = environment.home.as_deref();
    let mut paths = vec![launch_dir.join("terraform.d/plugins")];
    paths.extend(home.map(|home| home.join(".terraform.d/plugins")));
    if engine == EngineName::Tofu {
        paths.extend(environment.xdg_data_home.as_ref().map(|data| data.join("opentofu/plugins")));
    }
    if cfg!(target_os = "macos") {
        paths.extend(home.map(|home| home.join("Library/Application Support/io.terraform/plugins")));
        paths.push("/Library/Application Support/io.terraform/plugins".into());
    } else {
        let data_home = environment.xdg_data_home.clone().filter(|path| path.is_absolute());
        paths.extend(data_home.or_else(|| home.map(|home| home.join(".local/share"))).map(below_terraform));
        let data_dirs = environment.xdg_data_dirs.as_deref().unwrap_or("/usr/local/share:/usr/share");
        let data_dirs = data_dirs.split(':').map(Utf8PathBuf::from).filter(|path| path.is_absolute());
        paths.extend(data_dirs.map(below_terraform));
    }
    paths
        .into_iter()
        .enumerate()
        .map(|(index, path)| ImpliedMirror {
            exists: launch_dir.join(&path).is_dir(),
            moves_with_chdir: index == 0 && engine == EngineName::Terraform,
            path,
        })
        .collect()
}

fn below_terraform(data: impl Into<Utf8PathBuf>) -> Utf8PathBuf {
    data.into().join("terraform/plugins")
}
