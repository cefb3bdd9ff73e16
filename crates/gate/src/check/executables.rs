//! Failures that `init` hides: it runs no provider, so what is not executable here fails at the first plan.

use camino::Utf8Path;

use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::executable::{Executable, ExecutableKind};
use airtight_provider::{Platform, ProviderAddress};

/// The selected package of a provider with what it would run.
#[derive(Clone, Debug)]
pub struct SelectedExecutable {
    pub address: ProviderAddress,
    pub executable: Executable,
}

/// Judges the executables of the selected packages. `runs_here`: the platform is this machine's, so that interpreters and
/// mounts that are looked for here say something.
pub fn check(executables: &[SelectedExecutable], platform: &Platform, runs_here: bool) -> Vec<Finding> {
    executables.iter().flat_map(|selected| check_one(selected, platform, runs_here)).collect()
}

fn check_one(selected: &SelectedExecutable, platform: &Platform, runs_here: bool) -> Vec<Finding> {
    let SelectedExecutable { address, executable } = selected;
    let path = &executable.path;
    let mut findings = Vec::new();
    if !executable.mode_allows {
        findings.push(error(
            Code::PackageNotExecutable,
            path,
            format!("the executable of `{address}` has no execute permission"),
            "permission denied",
            "Restore the execute permission when you build the image: `chmod a+x` on this file.",
        ));
    }
    if runs_here && executable.mount_forbids {
        findings.push(error(
            Code::PackageNotExecutable,
            path,
            format!("the executable of `{address}` is on a file system that is mounted noexec"),
            "permission denied",
            "Mount the mirror with `exec`, or put it into the image.",
        ));
    }
    let other_machine = |what: &str| {
        error(
            Code::PackageWrongMachine,
            path,
            format!("the executable of `{address}` {what}, and cannot run on {platform}"),
            "exec format error",
            "Replace the package with the one for the right platform.",
        )
    };
    let interpreter = match &executable.kind {
        ExecutableKind::Empty => {
            findings.push(other_machine("is empty"));
            None
        }
        ExecutableKind::Other => {
            findings.push(other_machine("is not an executable for this system"));
            None
        }
        ExecutableKind::Unreadable(reason) => {
            findings.push(error(
                Code::PackageUnreadable,
                path,
                format!("the executable of `{address}` cannot be read: {reason}"),
                "permission denied",
                "Make it readable for the run's user.",
            ));
            None
        }
        ExecutableKind::Elf(elf) => {
            if elf.fits(platform) == Some(false) {
                findings.push(other_machine("is built for another processor"));
            }
            elf.interpreter.as_ref()
        }
        ExecutableKind::Script(interpreter) => Some(interpreter),
    };
    if let Some(interpreter) = interpreter.filter(|interpreter| runs_here && !interpreter.is_present) {
        findings.push(error(
            Code::PackageInterpreterMissing,
            path,
            format!("the executable of `{address}` needs `{}`, which is not in this image", interpreter.path),
            "no such file or directory",
            "Use a statically linked build of the provider, or an image with that loader (on Alpine: `apk add gcompat`).",
        ));
    }
    findings
}

fn error(code: Code, path: &Utf8Path, summary: String, engine_says: &str, help: &str) -> Finding {
    Finding::new(code, Severity::Error, Owner::Image, summary)
        .detail(format!(
            "`init` passes; the first command that runs the provider ends with `fork/exec {path}: {engine_says}`."
        ))
        .help(help)
        .at(Place::file(path), "")
}
