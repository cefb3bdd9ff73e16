//! The file of a package that the engines will run, and what the kernel would make of it.
//!
//! `init` runs no provider and looks at nothing but the name; everything else here is about the first command that
//! does: `fork/exec ...: permission denied`, `exec format error`, `no such file or directory`.
//!
//! Source: OpenTofu `internal/providercache/cached_provider.go` `ExecutableFile`; `elf(5)`; Linux `binfmt_elf`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Access, StatVfsMountFlags};

use crate::digest::archive::extraction::clean;
use crate::digest::archive::{Archive, Entry};
use crate::digest::os_error;
use crate::{Layout, Platform};

/// What a package would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The file itself; for a packed package its name in the archive's root.
    pub path: Utf8PathBuf,
    /// Whether this user may execute it by its mode; for a packed package, whether extraction gives its owner that bit.
    pub mode_allows: bool,
    /// Whether its file system is mounted `noexec`; never for a packed package.
    pub mount_forbids: bool,
    pub kind: ExecutableKind,
}

/// What the file's first bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutableKind {
    Empty,
    Elf(Elf),
    /// `#!` and the interpreter.
    Script(Interpreter),
    /// Another system's executable, or none.
    Other,
    /// It cannot be read, and why.
    Unreadable(String),
}

/// An ELF header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// 32 or 64.
    pub class_bits: u8,
    pub is_little_endian: bool,
    /// `e_machine`, such as 62 for x86-64.
    pub machine: u16,
    /// The dynamic loader, where the file asks for one (`PT_INTERP`). For packed packages it is only looked for in the
    /// first mebibyte.
    pub interpreter: Option<Interpreter>,
}

/// The program that the kernel starts in a file's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    pub path: String,
    /// Whether it is there on this machine.
    pub is_present: bool,
}

impl Elf {
    /// Whether a processor of this platform runs it; null if airtight does not know what the platform needs.
    ///
    /// 32-bit x86 counts as fit for `amd64`, whose kernels usually run it.
    pub fn fits(&self, platform: &Platform) -> Option<bool> {
        let wanted: &[(u16, u8, bool)] = match platform.arch() {
            "386" => &[(3, 32, true)],
            "amd64" => &[(62, 64, true), (62, 32, true), (3, 32, true)],
            "arm" => &[(40, 32, true)],
            "arm64" => &[(183, 64, true)],
            "loong64" => &[(258, 64, true)],
            "ppc64" => &[(21, 64, false)],
            "ppc64le" => &[(21, 64, true)],
            "riscv64" => &[(243, 64, true)],
            "s390x" => &[(22, 64, false)],
            _ => return None,
        };
        Some(wanted.contains(&(self.machine, self.class_bits, self.is_little_endian)))
    }
}

/// Finds what a package would run; null if it has nothing of the right name, which fails `init`.
///
/// # Errors
/// The engine's text where the package itself cannot be read.
pub fn find(path: &Utf8Path, layout: Layout, provider_type: &str) -> Result<Option<Executable>, String> {
    let name_prefix = format!("terraform-provider-{provider_type}");
    match layout {
        Layout::Packed => in_archive(path, &name_prefix),
        Layout::Unpacked => in_directory(path, &name_prefix),
    }
}

/// The message with which the engine misses the executable.
pub fn missing_text(provider_type: &str) -> String {
    format!("could not find executable file starting with terraform-provider-{provider_type}")
}

/// Whether nothing can be executed below a path because of its mount. A path that cannot be asked forbids nothing.
pub fn mount_forbids_execution(path: &Utf8Path) -> bool {
    rustix::fs::statvfs(path.as_std_path()).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// The prefix alone, or followed by `_` or `.`; no version, no mode, no case folding.
fn is_executable_name(name: &[u8], prefix: &str) -> bool {
    name.strip_prefix(prefix.as_bytes()).is_some_and(|rest| matches!(rest.first(), None | Some(b'_' | b'.')))
}

fn in_directory(directory: &Utf8Path, prefix: &str) -> Result<Option<Executable>, String> {
    let failed =
        |error: io::Error| format!("could not read package directory: {}", describe("open", directory, &error));
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A symbolic link is no directory here, wherever it leads.
        if !entry.file_type().map_err(failed)?.is_dir()
            && is_executable_name(entry.file_name().as_encoded_bytes(), prefix)
        {
            names.push(entry.file_name());
        }
    }
    let Some(name) = names.into_iter().min() else { return Ok(None) };
    let path = directory.join(name.to_string_lossy().as_ref());
    let (kind, mode) = match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => (kind_of_file(&path), metadata.mode()),
        // Opening a pipe would wait for its other end.
        Ok(metadata) => (ExecutableKind::Unreadable(format!("{path} is no regular file")), metadata.mode()),
        Err(error) => (ExecutableKind::Unreadable(describe("stat", &path, &error)), 0),
    };
    let mount_forbids = mount_forbids_execution(&path);
    // On such a mount `access` refuses whatever the mode is.
    let mode_allows =
        if mount_forbids { mode & 0o111 != 0 } else { rustix::fs::access(path.as_std_path(), Access::EXEC_OK).is_ok() };
    Ok(Some(Executable { path, mode_allows, mount_forbids, kind }))
}

fn in_archive(path: &Utf8Path, prefix: &str) -> Result<Option<Executable>, String> {
    let archive = Archive::open(path.as_std_path()).map_err(|error| error.to_string())?;
    let Some((name, entry)) = entry_in_archive(&archive, prefix) else { return Ok(None) };
    Ok(Some(Executable {
        path: String::from_utf8_lossy(name).into_owned().into(),
        mode_allows: entry.unix_mode() & 0o100 != 0,
        mount_forbids: false,
        kind: match head_of_entry(&archive, entry) {
            Ok(head) => kind_of(&|offset, length| {
                let start = usize::try_from(offset).ok()?;
                Some(head.get(start..)?.iter().take(length).copied().collect())
            }),
            Err(error) => ExecutableKind::Unreadable(error),
        },
    }))
}

/// The entry that lands in the package's root under the first name, and that name. A later entry of one name overwrites
/// the earlier one.
fn entry_in_archive<'a>(archive: &'a Archive, prefix: &str) -> Option<(&'a [u8], &'a Entry)> {
    let mut first: Option<(&[u8], &Entry)> = None;
    for entry in archive.entries.iter().filter(|entry| !entry.is_directory()) {
        let mut parts = clean(&entry.name);
        if let (Some(name), None) = (parts.next(), parts.next())
            && is_executable_name(name, prefix)
            && first.is_none_or(|(first_name, _)| name <= first_name)
        {
            first = Some((name, entry));
        }
    }
    first
}

/// The name of an archive's executable, without a look into it.
pub fn name_in_archive(archive: &Archive, provider_type: &str) -> Option<String> {
    let prefix = format!("terraform-provider-{provider_type}");
    entry_in_archive(archive, &prefix).map(|(name, _)| String::from_utf8_lossy(name).into_owned())
}

/// An executable in a directory of the archive, where no engine finds it.
pub fn below_in_archive(archive: &Archive, provider_type: &str) -> Option<String> {
    let prefix = format!("terraform-provider-{provider_type}");
    let mut entries = archive.entries.iter().filter(|entry| !entry.is_directory());
    let entry = entries.find(|entry| {
        // Archivers on Windows write back-slashes, which are letters of the name here.
        let mut parts = entry.name.rsplit(|byte| matches!(byte, b'/' | b'\\'));
        parts.next().is_some_and(|name| is_executable_name(name, &prefix)) && parts.next().is_some()
    })?;
    Some(String::from_utf8_lossy(&entry.name).into_owned())
}

fn head_of_entry(archive: &Archive, entry: &Entry) -> Result<Vec<u8>, String> {
    const HEAD_BYTES: usize = 1024 * 1024;
    let mut reader = archive.read(entry, &|_| {}).map_err(|error| error.to_string())?;
    let mut head = vec![0; HEAD_BYTES];
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(&mut head[filled..]).map_err(|error| error.to_string())? {
            0 => break,
            count => filled += count,
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// What the first bytes of a file say, whatever its name.
pub fn kind_of_file(path: &Utf8Path) -> ExecutableKind {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return ExecutableKind::Unreadable(describe("open", path, &error)),
    };
    if let Err(error) = file.read_at(&mut [0], 0) {
        return ExecutableKind::Unreadable(describe("read", path, &error));
    }
    kind_of(&|offset, length| {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset.checked_add(filled as u64)?).ok()? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Some(bytes)
    })
}

/// Reads up to so many bytes from an offset.
type ReadAt<'a> = &'a dyn Fn(u64, usize) -> Option<Vec<u8>>;

/// A kernel reads the first 256 bytes to choose how to start a file.
const PROBE_BYTES: usize = 256;

fn kind_of(read_at: ReadAt<'_>) -> ExecutableKind {
    let probe = read_at(0, PROBE_BYTES).unwrap_or_default();
    if probe.is_empty() {
        return ExecutableKind::Empty;
    }
    if let Some(line) = probe.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        return ExecutableKind::Script(interpreter(line.split_ascii_whitespace().next().unwrap_or_default()));
    }
    parse_elf(&probe, read_at).map_or(ExecutableKind::Other, ExecutableKind::Elf)
}

fn parse_elf(header: &[u8], read_at: ReadAt<'_>) -> Option<Elf> {
    const INTERPRETER_SEGMENT: u64 = 3;
    const MAXIMUM_SEGMENTS: u64 = 4096;
    const MAXIMUM_PATH_BYTES: u64 = 4096;
    let class_bits = match header.strip_prefix(b"\x7fELF")?.first()? {
        1 => 32,
        2 => 64,
        _ => return None,
    };
    let is_little_endian = match header.get(5)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let number = |bytes: &[u8], place: usize, width: usize| -> Option<u64> {
        let digits = bytes.get(place..place + width)?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if is_little_endian { digits.iter().rev().fold(0, join) } else { digits.iter().fold(0, join) })
    };
    // Places of: the table of segments, an entry's size, their count; in an entry: a segment's offset and its size.
    let (table, size, count, offset, length, word) =
        if class_bits == 64 { (32, 54, 56, 8, 32, 8) } else { (28, 42, 44, 4, 16, 4) };
    let machine = u16::try_from(number(header, 18, 2)?).ok()?;
    let find_interpreter = || {
        let table = number(header, table, word)?;
        let size = number(header, size, 2)?;
        for index in 0..number(header, count, 2)?.min(MAXIMUM_SEGMENTS) {
            let segment = read_at(table.checked_add(index * size)?, usize::try_from(size).ok()?)?;
            if number(&segment, 0, 4)? == INTERPRETER_SEGMENT {
                let length = number(&segment, length, word)?.min(MAXIMUM_PATH_BYTES);
                let path = read_at(number(&segment, offset, word)?, usize::try_from(length).ok()?)?;
                let path = path.split(|byte| *byte == 0).next().filter(|path| !path.is_empty())?;
                return Some(interpreter(&String::from_utf8_lossy(path)));
            }
        }
        None
    };
    Some(Elf { class_bits, is_little_endian, machine, interpreter: find_interpreter() })
}

fn interpreter(path: &str) -> Interpreter {
    Interpreter { path: path.to_owned(), is_present: !path.is_empty() && fs::metadata(path).is_ok() }
}

fn describe(operation: &str, path: &Utf8Path, error: &io::Error) -> String {
    os_error::describe(operation, path.as_std_path(), error)
}

#[cfg(test)]
mod tests;
