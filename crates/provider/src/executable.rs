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
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    struct Scratch {
        _guard: tempfile::TempDir,
        path: Utf8PathBuf,
    }

    impl Scratch {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
            Self { _guard: guard, path }
        }

        fn write(&self, name: &str, content: &[u8], mode: u32) {
            let path = self.path.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }

        fn find(&self) -> Option<Executable> {
            find(&self.path, Layout::Unpacked, "null").unwrap()
        }
    }

    fn find_packed(path: &Utf8Path) -> Option<Executable> {
        find(path, Layout::Packed, "null").unwrap()
    }

    /// A 64-bit little-endian file for a machine, with an interpreter if there is one.
    fn elf(machine: u16, interpreter: &str) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64 + 2 * 56, 0);
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 2;
        if !interpreter.is_empty() {
            let segment = 64 + 56;
            bytes[segment] = 3;
            bytes[segment + 8] = 64 + 2 * 56;
            bytes[segment + 32] = u8::try_from(interpreter.len() + 1).unwrap();
            bytes.extend_from_slice(interpreter.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    fn name(executable: Option<Executable>) -> Option<String> {
        executable.and_then(|executable| executable.path.file_name().map(str::to_owned))
    }

    #[test]
    fn the_first_right_name_by_bytes_is_the_executable() {
        for (names, expected) in [
            (&["terraform-provider-null_v3.2.1", "LICENSE"][..], Some("terraform-provider-null_v3.2.1")),
            (&["terraform-provider-null"], Some("terraform-provider-null")),
            (&["terraform-provider-null.exe"], Some("terraform-provider-null.exe")),
            (&["terraform-provider-null_"], Some("terraform-provider-null_")),
            (
                &["terraform-provider-null_v3.2.1", "terraform-provider-null_3.2.1_linux_amd64.zip"],
                Some("terraform-provider-null_3.2.1_linux_amd64.zip"),
            ),
            (&["terraform-provider-nullx", "terraform-provider-null-v3", "terraform-provider-Null_v3"], None),
            (&["opentofu-provider-null", "terraform-provider-nul"], None),
            (&[], None),
        ] {
            let scratch = Scratch::new();
            for name in names {
                scratch.write(name, b"x", 0o755);
            }
            fs::create_dir(scratch.path.join("terraform-provider-null_dir")).unwrap();
            assert_eq!(name(scratch.find()).as_deref(), expected, "{names:?}");

            let archive = Scratch::new();
            let path = archive.path.join("package.zip");
            let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
            for name in names {
                writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            }
            writer.add_directory("terraform-provider-null_", zip::write::SimpleFileOptions::default()).unwrap();
            writer.start_file("bin/terraform-provider-null", zip::write::SimpleFileOptions::default()).unwrap();
            writer.finish().unwrap();
            assert_eq!(name(find_packed(&path)).as_deref(), expected, "{names:?}");
        }
    }

    #[test]
    fn reads_what_the_file_is() {
        let present = |path: &str| Interpreter { path: path.to_owned(), is_present: true };
        let loader = "/lib/ld-none.so.1";
        let missing = Interpreter { path: loader.to_owned(), is_present: false };
        let header = |interpreter| Elf { class_bits: 64, is_little_endian: true, machine: 62, interpreter };
        for (content, expected) in [
            (Vec::new(), ExecutableKind::Empty),
            (b"#! /bin/sh -e\nexit".to_vec(), ExecutableKind::Script(present("/bin/sh"))),
            (b"#!".to_vec(), ExecutableKind::Script(Interpreter { path: String::new(), is_present: false })),
            (b"MZ windows".to_vec(), ExecutableKind::Other),
            (b"\x7fELF\x09".to_vec(), ExecutableKind::Other),
            (elf(62, ""), ExecutableKind::Elf(header(None))),
            (elf(62, "/bin/sh"), ExecutableKind::Elf(header(Some(present("/bin/sh"))))),
            (elf(62, loader), ExecutableKind::Elf(header(Some(missing)))),
        ] {
            let scratch = Scratch::new();
            scratch.write("terraform-provider-null", &content, 0o755);
            assert_eq!(scratch.find().unwrap().kind, expected);

            let path = scratch.path.join("package.zip");
            let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
            writer.start_file("terraform-provider-null", zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(&content).unwrap();
            writer.finish().unwrap();
            assert_eq!(find_packed(&path).unwrap().kind, expected);
        }
    }

    #[test]
    fn knows_this_very_test() {
        let scratch = Scratch::new();
        fs::copy(std::env::current_exe().unwrap(), scratch.path.join("terraform-provider-null")).unwrap();
        let executable = scratch.find().unwrap();
        assert!(executable.mode_allows && !executable.mount_forbids);
        let ExecutableKind::Elf(elf) = executable.kind else { panic!("{executable:?}") };
        assert_eq!(elf.fits(&Platform::current()), Some(true));
        assert!(elf.interpreter.is_none_or(|interpreter| interpreter.is_present));
    }

    #[test]
    fn a_machine_fits_its_platform_and_no_other() {
        let parse = |bytes: Vec<u8>| parse_elf(&bytes, &|_, _| None).unwrap();
        for (machine, platform, expected) in [
            (62, "linux_amd64", Some(true)),
            (183, "linux_amd64", Some(false)),
            (183, "linux_arm64", Some(true)),
            (62, "linux_arm64", Some(false)),
            (21, "linux_ppc64le", Some(true)),
            (21, "linux_ppc64", Some(false)),
            (62, "linux_mips", None),
        ] {
            assert_eq!(parse(elf(machine, "")).fits(&platform.parse().unwrap()), expected, "{machine} {platform}");
        }
    }

    #[test]
    fn modes_decide_who_may_execute() {
        for (mode, expected) in [(0o755, true), (0o100, true), (0o644, false), (0o600, false)] {
            let scratch = Scratch::new();
            scratch.write("terraform-provider-null", b"x", mode | 0o400);
            assert_eq!(scratch.find().unwrap().mode_allows, expected, "{mode:o}");
            let path = scratch.path.join("package.zip");
            let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
            let options = zip::write::SimpleFileOptions::default().unix_permissions(mode);
            writer.start_file("terraform-provider-null", options).unwrap();
            writer.finish().unwrap();
            assert_eq!(find_packed(&path).unwrap().mode_allows, expected, "{mode:o}");
        }
    }

    #[test]
    fn links_are_followed_and_those_to_nowhere_cannot_be_read() {
        let scratch = Scratch::new();
        scratch.write("real", b"", 0o755);
        std::os::unix::fs::symlink("real", scratch.path.join("terraform-provider-null")).unwrap();
        assert_eq!(scratch.find().unwrap().kind, ExecutableKind::Empty);
        for target in ["nowhere", "."] {
            let link = scratch.path.join("terraform-provider-null");
            fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink(target, link).unwrap();
            assert!(matches!(scratch.find().unwrap().kind, ExecutableKind::Unreadable(_)), "{target}");
        }
    }

    #[test]
    fn a_package_that_cannot_be_read_is_an_error() {
        let scratch = Scratch::new();
        let missing = scratch.path.join("missing");
        let expected = format!("could not read package directory: open {missing}: no such file or directory");
        assert_eq!(find(&missing, Layout::Unpacked, "null"), Err(expected));
        scratch.write("package.zip", b"no archive", 0o644);
        let archive = scratch.path.join("package.zip");
        assert_eq!(find(&archive, Layout::Packed, "null"), Err("zip: not a valid zip file".to_owned()));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(damage in prop::collection::vec((0_usize..240, any::<u8>()), 0..12)) {
            let mut bytes = elf(62, "/lib64/ld-linux-x86-64.so.2");
            for (place, byte) in damage {
                if let Some(found) = bytes.get_mut(place) {
                    *found = byte;
                }
            }
            let _ = kind_of(&|offset, length| {
                let start = usize::try_from(offset).ok()?;
                Some(bytes.get(start..)?.iter().take(length).copied().collect())
            });
        }
    }
}
