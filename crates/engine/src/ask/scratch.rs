//! The scratch directory: a data directory, an empty mirror, a CLI configuration with nothing but that mirror.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::answer::Failure;
use super::question::Question;
use crate::{modules_manifest, state};
use airtight_provider::text_file;

/// Larger files of the data directory are not copied; the engine then sees no modules, and says so.
const COPIED_BYTES: u64 = 8 * 1024 * 1024;

/// The file of the data directory that names the selected workspace.
const WORKSPACE: &str = "environment";

/// How often another name is tried.
const ATTEMPTS: u32 = 64;

/// A private directory that is removed with this value.
#[derive(Debug)]
pub(super) struct Scratch {
    path: Utf8PathBuf,
    /// Directories of the root module that the engine makes. They are removed too: a second `init` would migrate them.
    made: Vec<Utf8PathBuf>,
}

impl Scratch {
    pub(super) fn create(question: &Question<'_>) -> Result<Self, Failure> {
        let fail = |error: io::Error| no_scratch(question, &error);
        let workspace = state::saved_workspace_name(&question.data_dir.join(WORKSPACE), question.repository);
        let made = directories_of_workspace(question, workspace.as_deref());
        let scratch = Self { path: make(question.temporary).map_err(fail)?, made };
        scratch.fill(question, workspace.as_deref()).map_err(fail)?;
        Ok(scratch)
    }

    fn fill(&self, question: &Question<'_>, workspace: Option<&str>) -> io::Result<()> {
        fs::create_dir_all(self.data_dir().join("modules"))?;
        fs::create_dir(self.mirror())?;
        self.write_cli_config("", &[])?;
        // The records' directories are relative to the root module, so they need no change. The selected workspace can
        // be part of a module's source.
        match question.module_records {
            Some(records) => write(&modules_manifest::path(&self.data_dir()), records.as_bytes())?,
            None => self.copy(question, "modules/modules.json")?,
        }
        workspace.map_or(Ok(()), |name| write(&self.data_dir().join(WORKSPACE), name.as_bytes()))
    }

    /// Records a local backend whose state does not exist, so that the engine reads no state file of the root module.
    pub(super) fn hide_state(&self, question: &Question<'_>) -> Result<(), Failure> {
        let path = self.path.join("none");
        let record = serde_json::json!({
            "version": 3, "serial": 1, "lineage": "00000000-0000-4000-8000-000000000000",
            "backend": {
                "type": "local", "config": {"path": path.join("terraform.tfstate"), "workspace_dir": path}, "hash": 0,
            },
        });
        write(&self.data_dir().join("terraform.tfstate"), record.to_string().as_bytes())
            .map_err(|error| no_scratch(question, &error))
    }

    /// Copies the recorded backend, and adds the credentials that a backend may need.
    pub(super) fn allow_backend(&self, question: &Question<'_>) -> Result<(), Failure> {
        self.copy(question, "terraform.tfstate")
            .and_then(|()| self.write_cli_config(question.cli_blocks, &[]))
            .map_err(|error| no_scratch(question, &error))
    }

    /// Has the engine pass over these providers: no version of them is looked for.
    pub(super) fn override_providers(&self, question: &Question<'_>, sources: &[String]) -> Result<(), Failure> {
        self.write_cli_config(question.cli_blocks, sources).map_err(|error| no_scratch(question, &error))
    }

    /// Copies a file of the real data directory, if it is there, can be read, and no link leads out of the repository: the
    /// engine may print of it.
    fn copy(&self, question: &Question<'_>, name: &str) -> io::Result<()> {
        match text_file::read_inside(&question.data_dir.join(name), question.repository, COPIED_BYTES) {
            Ok(bytes) => write(&self.data_dir().join(name), &bytes),
            Err(_) => Ok(()),
        }
    }

    fn write_cli_config(&self, blocks: &str, overridden: &[String]) -> io::Result<()> {
        let path = serde_json::to_string(self.mirror().as_str())?;
        let mut text = format!("{blocks}\nprovider_installation {{\n");
        if !overridden.is_empty() {
            text += "  dev_overrides {\n";
            for source in overridden {
                text += &format!("    {} = {path}\n", serde_json::to_string(source)?);
            }
            text += "  }\n";
        }
        text += &format!("  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n");
        write(&self.cli_config(), text.as_bytes())
    }

    pub(super) fn data_dir(&self) -> Utf8PathBuf {
        self.path.join("data")
    }

    pub(super) fn cli_config(&self) -> Utf8PathBuf {
        self.path.join("cli.tfrc")
    }

    fn mirror(&self) -> Utf8PathBuf {
        self.path.join("mirror")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, "the scratch directory is not removed");
        }
        for directory in &self.made {
            // Only an empty directory can be removed.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// What is not there yet of the selected workspace's directory and the one above it.
fn directories_of_workspace(question: &Question<'_>, saved: Option<&str>) -> Vec<Utf8PathBuf> {
    let mut variables = question.environment.iter().filter(|(name, _)| name == "TF_WORKSPACE");
    let named = variables.next_back().and_then(|(_, value)| value.to_str()).filter(|name| !name.is_empty());
    let Some(name) = named.or(saved).filter(|name| !name.contains('/')) else { return Vec::new() };
    let workspaces = state::workspaces_directory(question.root_module, question.workspace_dir);
    let mut directories = vec![workspaces.join(name), workspaces];
    directories.retain(|directory| fs::symlink_metadata(directory).is_err());
    directories
}

fn no_scratch(question: &Question<'_>, error: &io::Error) -> Failure {
    Failure::NoScratch {
        path: question.temporary.to_owned(),
        reason: airtight_provider::digest::os_error::reason(error),
    }
}

fn make(temporary: &Utf8Path) -> io::Result<Utf8PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..ATTEMPTS {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // A container may start each process with the same number, and share its temporary directory.
        let time = std::time::UNIX_EPOCH.elapsed().map(|elapsed| elapsed.subsec_nanos()).unwrap_or_default();
        let path = temporary.join(format!("airtight-ask-{}-{number}-{time:08x}", std::process::id()));
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return path.canonicalize_utf8(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn write(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    fs::OpenOptions::from_options(options).open(path)?.write_all(bytes)
}
