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
