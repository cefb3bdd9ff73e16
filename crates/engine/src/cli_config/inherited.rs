//! Which CLI configuration an engine reads by itself in an environment, and the mirrors that it implies.
//!
//! Source: OpenTofu `internal/command/cliconfig/cliconfig.go` `LoadConfig`, `config_unix.go`;
//! `cmd/tofu/provider_source.go` `implicitProviderSource`; apparentlymart/go-userdirs.

use camino::{Utf8Path, Utf8PathBuf};

use super::CliConfig;
use crate::environment::Environment;
use airtight_provider::text_file::{self, TextFileError};
use airtight_provider::{Engine, EngineName};

/// A larger file is not read as a CLI configuration.
pub const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// What an engine would use by itself.
#[derive(Clone, Debug)]
pub struct Inherited {
    /// In the order of reading. A home file that does not exist is not here.
    pub files: Vec<InheritedFile>,
    /// All files and the environment together, with the problems of all of them.
    pub config: CliConfig,
    /// In the order in which they are asked; used only if `config` has no installation block. The engine then adds
    /// `direct` for every provider that none of them holds.
    pub implied_mirrors: Vec<ImpliedMirror>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InheritedFile {
    pub path: Utf8PathBuf,
    pub outcome: FileOutcome,
}

/// If the file is not read, the engine prints a warning or an error and uses its defaults, which is the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOutcome {
    Read,
    Missing,
    /// The text is the reason.
    Unreadable(String),
    IsDirectory,
    /// Only airtight refuses it, so nothing can be said of the engine; the text is the reason.
    NotRead(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImpliedMirror {
    pub path: Utf8PathBuf,
    /// A directory; the engine passes over anything else without a word.
    pub exists: bool,
}

/// Reads what the engine would read, started in `launch_dir`, before any `-chdir`.
pub fn read_inherited(environment: &Environment, engine: &Engine, launch_dir: &Utf8Path) -> Inherited {
    let variable = environment.cli_config_file.as_deref();
    let paths = match variable {
        // It replaces all others.
        Some(path) => vec![launch_dir.join(path)],
        None => home_file(environment, engine.name)
            .map(|path| launch_dir.join(path))
            .into_iter()
            .chain(directory_files(environment, engine.name, launch_dir))
            .collect(),
    };
    let mut files = Vec::new();
    let mut config = CliConfig::default();
    for path in paths {
        let (read, outcome) = read_file(&path, engine);
        if outcome != FileOutcome::Missing || variable.is_some() {
            files.push(InheritedFile { path, outcome });
            config.merge(read);
        }
    }
    config.apply_environment(environment);
    Inherited { files, config, implied_mirrors: implied_mirrors(environment, engine.name, launch_dir) }
}

/// Reads one file as the engine does when a variable names it: whatever is wrong, there is a configuration.
pub fn read_file(path: &Utf8Path, engine: &Engine) -> (CliConfig, FileOutcome) {
    let outcome = match text_file::read_bytes(path, LIMIT_BYTES) {
        Ok(bytes) => return (super::parse_bytes(path, &bytes, engine), FileOutcome::Read),
        Err(TextFileError::Missing) => FileOutcome::Missing,
        Err(TextFileError::Directory) => FileOutcome::IsDirectory,
        Err(error) if error.is_ours() => FileOutcome::NotRead(error.to_string()),
        Err(error) => FileOutcome::Unreadable(error.to_string()),
    };
    (CliConfig::of(path), outcome)
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

/// The directories in which an engine looks by itself, if there is no `provider_installation`.
pub fn implied_mirrors(environment: &Environment, engine: EngineName, launch_dir: &Utf8Path) -> Vec<ImpliedMirror> {
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
    paths.into_iter().map(|path| ImpliedMirror { exists: launch_dir.join(&path).is_dir(), path }).collect()
}

fn below_terraform(data: impl Into<Utf8PathBuf>) -> Utf8PathBuf {
    data.into().join("terraform/plugins")
}
