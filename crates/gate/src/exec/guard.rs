//! The kernel lets an engine start only the image's programs (`execute: image`).
//!
//! The engine runs in a Landlock domain whose one right is to execute files below certain directories: those that root owns
//! and the run's user cannot write. So an engine cannot start, as a plugin, a file that a repository or an earlier
//! command put somewhere: not a copy in `.terraform/providers`, not `terraform-provisioner-NAME`, and not a file that is
//! swapped after our check. The domain is inherited by everything that the engine starts and cannot be left.
//!
//! What this costs:
//! - An executable file of the repository does not start (`permission denied`); `sh script` does.
//! - `sudo`, `ping` and other set-user-id programs do not gain their user (`no_new_privs`).
//!
//! What it does not prevent:
//! - A program of the image may run whatever it is given: `sh`, `python3`, or the dynamic loader with a file as argument
//!   (`ld-linux.so FILE`) only read that file. Engines start plugins by their path alone.
//! - A file in a directory of the run's user below a directory of root's, `/usr/share/x` for example. `/opt`, `/usr` and
//!   `/usr/local` are looked at one level deep, mount points at any depth; `airtight doctor` looks at everything.
//! - The copy of a packed provider belongs to the run's user. The rule names its very file (inode), so that no other
//!   file can take its place; a process of the same user could still write into the file after it was hashed. A link
//!   into an unpacked mirror has no such gap.
//! - A process of the same domain may offer an anonymous file (`/proc/PID/fd/N` of a `memfd`), which the kernel does not count as part of a
//!   file system. A process that an earlier phase left behind cannot: it is in another domain, which hides it.
//! - What a worker's shell runs outside `airtight run`: hooks, and the engine itself after `airtight hook`.
//!
//! Source: Linux `Documentation/userspace-api/landlock.rst`, `security/landlock/fs.c` (`hook_file_open`,
//! `is_nouser_or_private`), `security/landlock/task.c` (`hook_ptrace_access_check`).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;

use camino::{Utf8Path, Utf8PathBuf};
use landlock::{
    AccessError, AccessFs, CompatError, CompatLevel, Compatible as _, HandleAccessError, HandleAccessesError,
    PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus,
};

use airtight_provider::digest::Stamp;
use airtight_provider::protection::{self, Protection, Unprotected};

/// Where images have their programs and libraries. A program elsewhere does not start; `airtight rehearse` shows which.
const SYSTEM: [&str; 10] = ["/bin", "/gnu", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/opt", "/sbin", "/usr"];

/// Directories whose subdirectories often have owners of their own.
const SHARED: [&str; 3] = ["/opt", "/usr", "/usr/local"];

/// The one program that no run can do without.
const SHELL: &str = "/bin/sh";

/// What may be executed besides the system's directories.
#[derive(Clone, Copy, Debug)]
pub struct Programs<'a> {
    pub engine: &'a Utf8Path,
    /// airtight itself, which runs between this process and its child.
    pub airtight: &'a Utf8Path,
    /// Directories with unpacked packages, which only root may be able to write.
    pub mirrors: &'a [Utf8PathBuf],
}

/// An executable in the data directory that was extracted from a packed mirror and whose package was hashed.
#[derive(Clone, Debug)]
pub struct VerifiedCopy {
    path: Utf8PathBuf,
    /// As it was before it was hashed.
    stamp: Stamp,
}

impl VerifiedCopy {
    /// Looks at a file that is to be hashed.
    ///
    /// # Errors
    /// Fails if it is not there.
    pub(crate) fn before_hashing(path: &Utf8Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), stamp: Stamp::of(&fs::metadata(path)?) })
    }
}

/// Why the kernel cannot enforce it here.
#[derive(Debug, thiserror::Error)]
pub enum NotEnforceable {
    #[error("the kernel has no Landlock, does not enable it, or a seccomp profile hides it")]
    NoLandlock,
    #[error("the kernel is older than Linux 5.19: its Landlock would also forbid renaming files between directories")]
    KernelTooOld,
    #[error("the run's user is root, who can replace every program of the image")]
    RunsAsRoot,
    #[error("{0}")]
    Unprotected(#[from] Unprotected),
    #[error("{0}")]
    Failed(String),
}

/// Proof that this thread, and what it starts, executes the image's programs only.
#[derive(Debug)]
pub struct Enforced(());

/// A domain that is ready and not yet entered.
#[derive(Debug)]
pub struct Guard {
    ruleset: RulesetCreated,
}

impl Guard {
    /// Makes the domain; nothing is restricted yet.
    ///
    /// # Errors
    /// Fails if the kernel cannot enforce the rule, or if the engine, a mirror or the shell is not protected: then the
    /// domain would forbid what the run needs.
    pub fn prepare(programs: &Programs<'_>) -> Result<Self, NotEnforceable> {
        if rustix::process::geteuid().is_root() {
            return Err(NotEnforceable::RunsAsRoot);
        }
        let ruleset = empty_ruleset()?;
        let granted = granted(programs)?;
        let mut guard = Self { ruleset };
        for path in granted {
            guard.allow(&path, AccessFs::Execute)?;
        }
        // Without this right files could not be renamed from one directory to another.
        guard.allow("/".into(), AccessFs::Refer)?;
        Ok(guard)
    }

    /// The same domain, for a further thread.
    ///
    /// # Errors
    /// Fails if this process may not open any more files.
    pub fn try_clone(&self) -> Result<Self, NotEnforceable> {
        let ruleset = self.ruleset.try_clone().map_err(|error| NotEnforceable::Failed(error.to_string()))?;
        Ok(Self { ruleset })
    }

    /// Lets the very files of verified copies start, and no other file in their places.
    ///
    /// # Errors
    /// Fails if a file is not the one that was hashed, or has been written since.
    pub fn allow_copies(&mut self, copies: &[VerifiedCopy]) -> Result<(), NotEnforceable> {
        for VerifiedCopy { path, stamp } in copies {
            let place = open(path)?;
            let file = std::fs::File::from(place.as_fd().try_clone_to_owned().map_err(|error| failed(path, &error))?);
            let now = file.metadata().map_err(|error| failed(path, &error))?;
            if Stamp::of(&now) != *stamp {
                return Err(failed(path, &"it has changed since it was hashed"));
            }
            self.add(path, place, AccessFs::Execute)?;
        }
        Ok(())
    }

    fn allow(&mut self, path: &Utf8Path, access: AccessFs) -> Result<(), NotEnforceable> {
        let place = open(path)?;
        self.add(path, place, access)
    }

    fn add(&mut self, path: &Utf8Path, place: PathFd, access: AccessFs) -> Result<(), NotEnforceable> {
        (&mut self.ruleset).add_rule(PathBeneath::new(place, access)).map_err(|error| failed(path, &error))?;
        Ok(())
    }

    /// Restricts the calling thread for good. Call it right before the engine's start, on the thread that starts it.
    ///
    /// # Errors
    /// Fails if the kernel refuses; then nothing may be started.
    pub fn enter(self) -> Result<Enforced, NotEnforceable> {
        let status = self.ruleset.restrict_self().map_err(|error| NotEnforceable::Failed(error.to_string()))?;
        match status.ruleset {
            RulesetStatus::FullyEnforced if status.no_new_privs => Ok(Enforced(())),
            other => Err(NotEnforceable::Failed(format!("the kernel answered {other:?}"))),
        }
    }
}

fn open(path: &Utf8Path) -> Result<PathFd, NotEnforceable> {
    PathFd::new(path).map_err(|error| failed(path, &error))
}

fn failed(path: &Utf8Path, reason: &dyn std::fmt::Display) -> NotEnforceable {
    NotEnforceable::Failed(format!("`{path}`: {reason}"))
}

fn unsupported(error: RulesetError) -> NotEnforceable {
    match error {
        RulesetError::HandleAccesses(HandleAccessesError::Fs(HandleAccessError::Compat(CompatError::Access(
            access,
        )))) => match access {
            AccessError::PartiallyCompatible { .. } => NotEnforceable::KernelTooOld,
            _ => NotEnforceable::NoLandlock,
        },
        error => NotEnforceable::Failed(error.to_string()),
    }
}

/// Whether the kernel can enforce such a domain at all; nothing is restricted.
///
/// # Errors
/// Says what is missing.
pub fn check_kernel() -> Result<(), NotEnforceable> {
    empty_ruleset().map(drop)
}

/// Whether a program is the image's, before it is started for the first time; the rest is checked by [`Guard::prepare`].
///
/// # Errors
/// Says which place the run's user could change. What is not there is no error.
pub fn check_program(path: &Utf8Path) -> Result<(), NotEnforceable> {
    match path.canonicalize_utf8() {
        // For root everything is writable, and that is an error of its own.
        Ok(real) if rustix::process::geteuid().is_root() => Ok(protection::check_by_mode(&real)?),
        Ok(real) => Ok(protection::check(&real)?),
        Err(_) => Ok(()),
    }
}

fn empty_ruleset() -> Result<RulesetCreated, NotEnforceable> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Execute | AccessFs::Refer)
        .map_err(unsupported)?
        .create()
        .map_err(|error| NotEnforceable::Failed(error.to_string()))
}

/// The protected directories and files that may be executed from, none below another one.
fn granted(programs: &Programs<'_>) -> Result<Vec<Utf8PathBuf>, NotEnforceable> {
    let real =
        |path: &Utf8Path| path.canonicalize_utf8().map_err(|error| Unprotected::Unreadable(path.to_owned(), error));
    let mut protection = Protection::here();
    let mut granted = system_directories(&mut protection);
    for path in programs.mirrors.iter().map(Utf8PathBuf::as_path).chain([programs.engine, programs.airtight]) {
        let real = real(path)?;
        protection.check(&real)?;
        granted.insert(real);
    }
    // Without it nothing would work, and the reason would be hard to find.
    let shell = real(SHELL.into())?;
    if !granted.iter().any(|directory| shell.starts_with(directory)) {
        protection.check(&shell)?;
        granted.insert(shell);
    }
    let mut outermost: Vec<Utf8PathBuf> = Vec::new();
    for path in granted {
        // In order, a directory comes before its contents.
        if outermost.last().is_none_or(|above| !path.starts_with(above)) {
            outermost.push(path);
        }
    }
    Ok(outermost)
}

/// The image's directories (and files) with programs: protected, and without what is mounted there and is not.
pub(crate) fn system_directories(protection: &mut Protection) -> BTreeSet<Utf8PathBuf> {
    let mut found = BTreeSet::new();
    let mounts: Vec<Utf8PathBuf> =
        mount_points().into_iter().filter(|mount| is_of_system(mount) && protection.check(mount).is_err()).collect();
    let mut waiting: Vec<Utf8PathBuf> = SYSTEM.iter().map(Utf8PathBuf::from).collect();
    while let Some(path) = waiting.pop() {
        let is_protected =
            path.symlink_metadata().is_ok_and(|metadata| !metadata.is_symlink()) && protection.check(&path).is_ok();
        if !is_protected {
            continue;
        }
        if SHARED.contains(&path.as_str()) || mounts.iter().any(|mount| mount.starts_with(&path)) {
            waiting.extend(children(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

fn is_of_system(path: &Utf8Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// Files too: a program may lie right in `/opt`.
fn children(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.path()).ok()).collect()
}

/// Where something is mounted in this mount namespace; none if `/proc` does not say.
fn mount_points() -> Vec<Utf8PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped).collect()
}

/// The kernel writes spaces, tabs, line breaks and backslashes as three octal digits.
fn unescaped(text: &str) -> Utf8PathBuf {
    let mut path = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        path.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code.filter(u8::is_ascii) {
            path.push(char::from(code));
            rest = &rest[at + 4..];
        } else {
            path.push('\\');
            rest = &rest[at + 1..];
        }
    }
    path.push_str(rest);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_as_the_kernel_writes_them() {
        for (text, expected) in [
            ("/mnt/workspace", "/mnt/workspace"),
            ("/a\\040b\\011c\\134d", "/a b\tc\\d"),
            ("/a\\x", "/a\\x"),
            ("/a\\", "/a\\"),
        ] {
            assert_eq!(unescaped(text), expected);
        }
        assert!(mount_points().contains(&"/".into()));
    }

    #[test]
    fn only_protected_directories_of_the_system_are_granted() {
        let found = system_directories(&mut Protection::by_mode());
        assert!(found.iter().any(|path| path.starts_with("/usr")), "{found:?}");
        for path in found {
            assert!(is_of_system(&path), "{path}");
            assert!(protection::check_by_mode(&path).is_ok(), "{path}");
        }
    }
}
