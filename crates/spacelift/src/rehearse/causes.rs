//! Why a script of the repository was not started, though it is there: the shell says "not found" of the file when its
//! interpreter is what is missing. And programs of the image that are not there, or closed to the phase's user.
//!
//! Source: execve(2), "Interpreter scripts".

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};

/// Of a file; the kernel reads no more of the first line.
const FIRST_LINE_BYTES: u64 = 256;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// As the command names it.
    pub file: String,
    pub kind: CauseKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CauseKind {
    /// Its lines end with carriage return and line feed. The interpreter that its first line names, if it names one.
    CarriageReturns {
        interpreter: Option<String>,
    },
    NoInterpreter {
        interpreter: String,
    },
    NotExecutable,
    /// It is in the directory of the command, which is not on `PATH`.
    NotOnPath,
    /// A program of the image that the phase's user finds nowhere on `PATH`.
    NotInImage,
}

/// Where a phase finds programs.
pub(super) struct Search<'a> {
    /// The value of `PATH`.
    pub path: &'a OsStr,
    /// The phase runs as another user, for whom only the permissions of others count.
    pub is_other_user: bool,
}

/// Programs that a stack's commands start by name, and that belong into the image.
const OF_THE_IMAGE: [&str; 3] = ["airtight", "tofu", "terraform"];

impl Search<'_> {
    fn finds(&self, program: &str) -> bool {
        std::env::split_paths(self.path).any(|directory| self.can_run(&directory.join(program)))
    }

    fn can_run(&self, path: &Path) -> bool {
        let Ok(real) = path.canonicalize() else { return false };
        if !self.is_other_user {
            return rustix::fs::access(&real, rustix::fs::Access::EXEC_OK).is_ok();
        }
        let is_open = |part: &Path| fs::metadata(part).is_ok_and(|part| part.permissions().mode() & 0o001 != 0);
        real.ancestors().all(is_open)
    }
}

/// Looks at the files below the workspace that a command's text names.
pub(super) fn of_command(text: &str, directory: &Utf8Path, workspace: &Utf8Path, search: &Search<'_>) -> Vec<Cause> {
    let is_separator = |character: char| character.is_whitespace() || ";|&(){}'\"<>`".contains(character);
    let mut causes: Vec<Cause> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|character| !is_separator(character)) {
        let between = if rest.len() == text.len() { ";" } else { &rest[..start] };
        let end = rest[start..].find(is_separator).map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        // Where a shell expects the name of a program.
        let is_program = between.contains(['\n', ';', '|', '&', '(', '{', '`']);
        let known = causes.iter().any(|cause| cause.file == word);
        let is_missing = is_program && OF_THE_IMAGE.contains(&word) && !search.finds(word);
        let kind = is_missing.then_some(CauseKind::NotInImage);
        if let Some(kind) = kind.or_else(|| of_file(word, is_program, directory, workspace)).filter(|_| !known) {
            causes.push(Cause { file: word.to_owned(), kind });
        }
        rest = &rest[end..];
    }
    causes
}

fn of_file(word: &str, is_program: bool, directory: &Utf8Path, workspace: &Utf8Path) -> Option<CauseKind> {
    let path = directory.join(word);
    // What a link leads to elsewhere is not quoted.
    let real = path.canonicalize_utf8().ok().filter(|real| real.starts_with(workspace) && real.is_file())?;
    let mut bytes = Vec::new();
    fs::File::open(&real).ok()?.take(FIRST_LINE_BYTES).read_to_end(&mut bytes).ok()?;
    let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let interpreter = first.strip_prefix(b"#!").and_then(|rest| {
        let rest = String::from_utf8_lossy(rest).into_owned();
        rest.split_whitespace().next().map(str::to_owned)
    });
    if first.ends_with(b"\r\n") {
        return Some(CauseKind::CarriageReturns { interpreter });
    }
    // A name without a slash is an argument, or looked for on PATH.
    let is_started = word.contains('/');
    let is_executable = fs::metadata(&real).ok()?.permissions().mode() & 0o111 != 0;
    match interpreter {
        _ if !is_started => is_program.then_some(CauseKind::NotOnPath),
        Some(_) if !is_executable => Some(CauseKind::NotExecutable),
        Some(interpreter) if !Utf8PathBuf::from(&interpreter).exists() => {
            Some(CauseKind::NoInterpreter { interpreter })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_cannot_start_has_a_cause() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(root.path()).unwrap().canonicalize_utf8().unwrap();
        let outside = Utf8Path::from_path(outside.path()).unwrap();
        for (path, text, mode) in [
            (directory.join("windows.sh"), "#!/bin/sh\r\necho\r\n", 0o755),
            (directory.join("plain.txt"), "a\r\nb\r\n", 0o644),
            (directory.join("bash.sh"), "#!/nonexistent/bash -e\n", 0o755),
            (directory.join("closed.sh"), "#!/bin/sh\n", 0o644),
            (directory.join("good.sh"), "#!/bin/sh\n", 0o755),
            (outside.join("other.sh"), "#!/secret\r\n", 0o755),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::os::unix::fs::symlink(outside.join("other.sh"), directory.join("link.sh")).unwrap();
        let search = |path: &'static str| Search { path: OsStr::new(path), is_other_user: true };
        let kinds = |text: &str| of_command(text, &directory, &directory, &search("/usr/bin:/bin"));
        let cause = |file: &str, kind| vec![Cause { file: file.to_owned(), kind }];
        let windows = CauseKind::CarriageReturns { interpreter: Some("/bin/sh".to_owned()) };
        assert_eq!(kinds("set -e; ./windows.sh && ./windows.sh"), cause("./windows.sh", windows));
        assert_eq!(kinds(". plain.txt"), cause("plain.txt", CauseKind::CarriageReturns { interpreter: None }));
        let missing = CauseKind::NoInterpreter { interpreter: "/nonexistent/bash".to_owned() };
        assert_eq!(kinds("(./bash.sh)"), cause("./bash.sh", missing));
        assert_eq!(kinds("./closed.sh"), cause("./closed.sh", CauseKind::NotExecutable));
        for command in ["good.sh", "cd . && good.sh x", "(good.sh)"] {
            assert_eq!(kinds(command), cause("good.sh", CauseKind::NotOnPath), "{command}");
        }
        assert_eq!(kinds("x && airtight run init"), cause("airtight", CauseKind::NotInImage));
        assert_eq!(kinds("echo airtight"), []);
        assert!(search("/nonexistent:/bin").finds("sh") && !search("/nonexistent").finds("sh"));
        for harmless in ["sh closed.sh", "./good.sh", "./link.sh", "./none.sh", "../x", ""] {
            assert_eq!(kinds(harmless), [], "{harmless}");
        }
    }
}
