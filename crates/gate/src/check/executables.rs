//! Failures that `init` hides: it runs no provider, so what is not executable here fails at the first plan.

use camino::Utf8PathBuf;

use airtight_finding::{Claim, Code, Finding, Owner, Severity, shell_word};
use airtight_hcl::Place;
use airtight_provider::executable::{Executable, ExecutableKind, Interpreter};
use airtight_provider::{Platform, ProviderAddress};

/// The selected package of a provider with what it would run.
#[derive(Clone, Debug)]
pub struct SelectedExecutable {
    pub address: ProviderAddress,
    pub executable: Executable,
    /// The directory that `init` extracts it below, if nothing can be executed there.
    pub extracted_to_noexec: Option<Utf8PathBuf>,
}

/// Judges the executables of the selected packages. `runs_here`: the platform is this machine's, so that interpreters and
/// mounts that are looked for here say something.
pub fn check(executables: &[SelectedExecutable], platform: &Platform, runs_here: bool) -> Vec<Finding> {
    executables.iter().flat_map(|selected| check_one(selected, platform, runs_here)).collect()
}

fn check_one(selected: &SelectedExecutable, platform: &Platform, runs_here: bool) -> Vec<Finding> {
    let SelectedExecutable { address, executable, extracted_to_noexec } = selected;
    let is_interpreter_missing = |interpreter: &&Interpreter| runs_here && !interpreter.is_present;
    let mut findings = Vec::new();
    let mut found = |code, subject: String, claim, engine_says: &str, help: &str| {
        let finding = Finding::about(code, Severity::Error, Owner::Image, subject, claim);
        let detail = format!("`init` passes; the first command that runs the provider ends with `{engine_says}`.");
        findings.push(finding.detail(detail).help(help).at(Place::file(&executable.path), ""));
    };
    let subject = || format!("`{address}`");
    if !executable.mode_allows {
        let archive = executable.path.parent().filter(|path| path.extension() == Some("zip") && path.is_file());
        let help = match archive {
            Some(archive) => {
                let files = shell_word(&format!("{archive}.files"));
                let archive = shell_word(archive.as_str());
                format!(
                    "Give it the permission in the archive: `unzip -q {archive} -d {files} && chmod -R a+rX,a+x {files} && rm \
                     {archive} && zip -q -j {archive} {files}/* && rm -r {files}`. Its `zh:` hash changes with that, its `h1:` \
                     does not."
                )
            }
            None => format!(
                "Restore the execute permission when you build the image: `chmod a+x {}`",
                shell_word(executable.path.as_str())
            ),
        };
        found(Code::PackageNotExecutable, subject(), NO_PERMISSION, "permission denied", &help);
    }
    if runs_here && executable.mount_forbids {
        let help = "Mount the mirror with `exec`, or put it into the image.";
        found(Code::PackageNotExecutable, subject(), MOUNTED_NOEXEC, "permission denied", help);
    }
    if let (true, Some(directory)) = (runs_here, extracted_to_noexec) {
        let help = format!(
            "Mount `{directory}` with `exec`, or set TF_DATA_DIR to a directory elsewhere. Or unpack the mirror in the image's \
             build (`airtight mirror unpack`): then `init` makes links into it."
        );
        found(Code::PackageNotExecutable, subject(), EXTRACTED_NOEXEC, "permission denied", &help);
    }
    let unfit = match &executable.kind {
        ExecutableKind::Empty => Some(EMPTY),
        ExecutableKind::Other => Some(NO_EXECUTABLE),
        ExecutableKind::Elf(elf) => (elf.fits(platform) == Some(false)).then_some(OTHER_PROCESSOR),
        ExecutableKind::Script(_) | ExecutableKind::Unreadable(_) => None,
    };
    if let Some(claim) = unfit {
        let help = "Replace the package with the one for the right platform.";
        let subject = format!("`{address}` on {platform}");
        found(Code::PackageWrongMachine, subject, claim, "exec format error", help);
    }
    let interpreter = match &executable.kind {
        ExecutableKind::Elf(elf) => elf.interpreter.as_ref(),
        ExecutableKind::Script(interpreter) => Some(interpreter),
        ExecutableKind::Unreadable(reason) => {
            let subject = format!("`{address}` ({reason})");
            let help = "Make it readable for the run's user.";
            found(Code::PackageUnreadable, subject, UNREADABLE, "permission denied", help);
            None
        }
        ExecutableKind::Empty | ExecutableKind::Other => None,
    };
    if let Some(interpreter) = interpreter.filter(is_interpreter_missing) {
        let subject = format!("`{address}` (`{}`)", interpreter.path);
        let help = "Use a statically linked build of the provider, or an image with that loader (on Alpine: `apk add gcompat`).";
        let says = "no such file or directory";
        found(Code::PackageInterpreterMissing, subject, INTERPRETER_MISSING, says, help);
    }
    findings
}

/// What is said of one provider's executable, and of several.
const fn claim(of_one: &'static str, of_many: &'static str) -> Claim {
    Claim { noun: "provider", of_one, of_many }
}

const NO_PERMISSION: Claim =
    claim("has an executable without execute permission", "have executables without execute permission");
const MOUNTED_NOEXEC: Claim = claim(
    "has its executable on a file system that is mounted noexec",
    "have their executables on a file system that is mounted noexec",
);
const EXTRACTED_NOEXEC: Claim = claim(
    "is extracted to a file system that is mounted noexec",
    "are extracted to a file system that is mounted noexec",
);
const EMPTY: Claim = claim("cannot run: its executable is empty", "cannot run: their executables are empty");
const NO_EXECUTABLE: Claim = claim(
    "cannot run: its executable is not an executable for this system",
    "cannot run: their executables are not executables for this system",
);
const OTHER_PROCESSOR: Claim = claim(
    "cannot run: its executable is built for another processor",
    "cannot run: their executables are built for another processor",
);
const UNREADABLE: Claim = claim("has an executable that cannot be read", "have executables that cannot be read");
const INTERPRETER_MISSING: Claim = claim(
    "has an executable whose interpreter is not in this image",
    "have executables whose interpreters are not in this image",
);
