//! Which engine it is, and what it says of itself: asked once per container.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::runtime_directory::RuntimeDirectory;
use airtight_provider::atomic_file;
use airtight_provider::text_file;
use airtight_provider::{Engine, EngineName, Version};

/// Of what is remembered; more was not written by us.
const LIMIT_BYTES: u64 = 1024 * 1024;

/// An engine's executable and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEngine {
    pub program: Utf8PathBuf,
    pub engine: Engine,
}

/// Why no engine can be used. The first becomes exit code 127, the second 126.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("no engine: {0}")]
    NotFound(String),
    #[error("the engine `{program}` cannot be executed: {reason}")]
    NotExecutable { program: Utf8PathBuf, reason: String },
}

/// Finds the engine: the one asked for, by name or path, else the only one on `PATH`, else `tofu` of both.
///
/// # Errors
/// Fails if there is none, or if it does not print its version.
pub fn find(
    asked_for: Option<&str>,
    path_variable: Option<&str>,
    runtime: Option<&RuntimeDirectory>,
) -> Result<FoundEngine, EngineError> {
    identify(&locate(asked_for, path_variable)?, runtime)
}

/// The executable that [`find`] finds; it is not started.
///
/// # Errors
/// Fails if there is none.
pub fn locate(asked_for: Option<&str>, path_variable: Option<&str>) -> Result<Utf8PathBuf, EngineError> {
    match asked_for {
        Some(text) if text.contains('/') => Ok(Utf8PathBuf::from(text)),
        Some(name) => on_path(name, path_variable),
        None => on_path("tofu", path_variable).or_else(|_| on_path("terraform", path_variable)).map_err(|_| {
            EngineError::NotFound(
                "neither `tofu` nor `terraform` is on PATH; name one with --engine tofu|terraform".to_owned(),
            )
        }),
    }
}

fn on_path(name: &str, path_variable: Option<&str>) -> Result<Utf8PathBuf, EngineError> {
    let path = path_variable.unwrap_or_default();
    let candidates =
        path.split(':').filter(|directory| !directory.is_empty()).map(|directory| Utf8Path::new(directory).join(name));
    let mut present = None;
    for candidate in candidates {
        if candidate.is_file() {
            if rustix::fs::access(candidate.as_std_path(), rustix::fs::Access::EXEC_OK).is_ok() {
                return Ok(candidate);
            }
            present.get_or_insert(candidate);
        }
    }
    match present {
        Some(program) => Err(EngineError::NotExecutable { program, reason: "it has no execute permission".to_owned() }),
        None => Err(EngineError::NotFound(format!("`{name}` is not on PATH ({path})"))),
    }
}

/// What was learned of executables, by path; a changed file is asked again.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    engines: BTreeMap<Utf8PathBuf, KnownEngine>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct KnownEngine {
    stamp: [i64; 7],
    name: String,
    version: String,
}

fn stamp(program: &Utf8Path) -> Option<[i64; 7]> {
    let metadata = fs::metadata(program).ok()?;
    Some([
        i64::try_from(metadata.dev()).ok()?,
        i64::try_from(metadata.ino()).ok()?,
        i64::try_from(metadata.size()).ok()?,
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ])
}

fn identify(program: &Utf8Path, runtime: Option<&RuntimeDirectory>) -> Result<FoundEngine, EngineError> {
    let cache_path = runtime.map(|runtime| runtime.path().join("engines.json"));
    let mut known: Known = cache_path
        .as_ref()
        .and_then(|path| text_file::read_bytes(path, LIMIT_BYTES).ok())
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let stamp = stamp(program);
    if let Some(entry) = known.engines.get(program)
        && Some(entry.stamp) == stamp
        && let (Ok(name), Ok(version)) = (entry.name.parse(), entry.version.parse())
    {
        let engine = Engine::new(name, version);
        tracing::debug!(%program, %engine, "engine known from an earlier command");
        return Ok(FoundEngine { program: program.to_owned(), engine });
    }
    let engine = ask(program)?;
    tracing::debug!(%program, %engine, "engine asked for its version");
    if let (Some(path), Some(stamp)) = (cache_path, stamp) {
        let entry = KnownEngine { stamp, name: engine.name.to_string(), version: engine.version.to_string() };
        known.engines.insert(program.to_owned(), entry);
        // Without the file the engine is asked again next time.
        if let Ok(text) = serde_json::to_vec(&known) {
            let _ = atomic_file::write(&path, &text, 0o600);
        }
    }
    Ok(FoundEngine { program: program.to_owned(), engine })
}

/// Runs `version`, away from the repository, its variables and any CLI configuration.
fn ask(program: &Utf8Path) -> Result<Engine, EngineError> {
    let not_executable = |reason: String| EngineError::NotExecutable { program: program.to_owned(), reason };
    let output = Command::new(program)
        .arg("version")
        .env_clear()
        .env("CHECKPOINT_DISABLE", "1")
        .env("HOME", "/")
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .current_dir("/")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !program.exists() => {
            return Err(EngineError::NotFound(format!("`{program}` does not exist")));
        }
        Err(error) => return Err(not_executable(error.to_string())),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default();
    parse_version(first).ok_or_else(|| {
        not_executable(format!(
            "`{program} version` ended with {} and did not name OpenTofu or Terraform",
            output.status
        ))
    })
}

/// Reads `OpenTofu v1.12.6` or `Terraform v1.11.4`.
fn parse_version(line: &str) -> Option<Engine> {
    let (title, version) = line.trim().split_once(" v")?;
    let name = [EngineName::Tofu, EngineName::Terraform].into_iter().find(|name| name.title() == title)?;
    let version: Version = version.parse().ok()?;
    Some(Engine::new(name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_first_line_of_both_engines() {
        for (line, name, version) in [
            ("OpenTofu v1.12.6", EngineName::Tofu, "1.12.6"),
            ("Terraform v1.11.4", EngineName::Terraform, "1.11.4"),
            ("Terraform v1.17.0-dev", EngineName::Terraform, "1.17.0-dev"),
        ] {
            let engine = parse_version(line).unwrap();
            assert_eq!((engine.name, engine.version.to_string().as_str()), (name, version));
        }
        for line in ["", "Terraform", "Pulumi v3.0.0", "OpenTofu vX"] {
            assert_eq!(parse_version(line), None, "{line}");
        }
    }
}
