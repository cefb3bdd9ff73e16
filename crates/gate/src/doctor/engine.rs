//! The engine: there, executable for the run's user, with its libraries.

use camino::Utf8Path;

use super::permission::{EXECUTE, READ, allows, barrier};
use super::user::User;
use super::{Check, Image};
use crate::cli_configuration;
use crate::engine::{EngineError, FoundEngine};
use airtight_provider::Platform;
use airtight_provider::executable;
use airtight_provider::executable::ExecutableKind;

const NAME: &str = "engine";

pub(super) fn check(found: Result<&FoundEngine, &EngineError>, user: &User) -> Vec<Check> {
    let FoundEngine { program, engine } = match found {
        Ok(found) => found,
        Err(error @ EngineError::NotFound(_)) => {
            let fix = "Copy `tofu` or `terraform` into a directory on PATH, verified with `airtight verify-archive`";
            return vec![Check::failed(NAME, error.to_string(), fix)];
        }
        Err(EngineError::NotExecutable { program, reason }) => return vec![not_executable(program, reason)],
    };
    if let Some(check) = closed(NAME, program, user) {
        return vec![check];
    }
    let linkage = match executable::kind_of_file(program) {
        ExecutableKind::Elf(elf) => elf
            .interpreter
            .map_or("static".to_owned(), |interpreter| format!("dynamic, loaded by {}", interpreter.path)),
        ExecutableKind::Script(interpreter) => format!("a script for {}", interpreter.path),
        _ => "of an unknown form".to_owned(),
    };
    vec![Check::passed(NAME, format!("{} {} at {program}, {linkage}", engine.name.title(), engine.version))]
}

/// Why an existing engine does not start, as far as its file shows.
fn not_executable(program: &Utf8Path, reason: &str) -> Check {
    let text = format!("{program}: {reason}");
    match executable::kind_of_file(program) {
        ExecutableKind::Elf(elf) if elf.fits(&Platform::current()) == Some(false) => Check::failed(
            NAME,
            format!("{text}: it is built for another processor"),
            format!("Use the {} archive", Platform::current()),
        ),
        ExecutableKind::Elf(elf) => match elf.interpreter.filter(|interpreter| !interpreter.is_present) {
            Some(interpreter) => Check::failed(
                NAME,
                format!("{text}: it needs {}, which is not in this image", interpreter.path),
                "Use a static build (OpenTofu's and HashiCorp's own are), or install that loader (Alpine: `apk add gcompat`)",
            ),
            None => Check::failed(
                NAME,
                text,
                format!("`chmod 0755 {program}`, then run `{program} version` to see what it says"),
            ),
        },
        _ => Check::failed(
            NAME,
            text,
            format!("Replace it with the executable from the {} archive", Platform::current()),
        ),
    }
}

/// A program that the run's user cannot start.
pub(super) fn closed(name: &'static str, program: &Utf8Path, user: &User) -> Option<Check> {
    let real = program.canonicalize_utf8().unwrap_or_else(|_| program.to_owned());
    if let Some(directory) = barrier(&real, user) {
        let fix = format!("`chmod a+x {directory}`");
        return Some(Check::failed(name, format!("user {} cannot pass through {directory} to {real}", user.id), fix));
    }
    let metadata = fs_err::metadata(&real).ok()?;
    (!allows(&metadata, user, READ | EXECUTE)).then(|| {
        Check::failed(name, format!("user {} may not read and execute {real}", user.id), format!("`chmod a+rx {real}`"))
    })
}

/// A `~/.tofurc` of the run's user, which hides what the worker writes.
pub(super) fn check_shadow(image: &Image<'_>, user: &User) -> Option<Check> {
    let mut environment = image.environment.clone();
    environment.home.clone_from(&user.home);
    let found = cli_configuration::shadowed(&environment, &image.engine.ok()?.engine)?;
    Some(Check::warning("cli-config", found.summary, found.help))
}
