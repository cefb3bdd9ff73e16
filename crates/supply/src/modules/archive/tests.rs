use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use fs_err as fs;
use zip::write::SimpleFileOptions;

use super::*;

/// A tar.xz archive of `x-1/main.tf` and the executable `x-1/run.sh`, made by Python's `tarfile` and `lzma`.
const XZ: &str = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4Cf/AI1dADwLQiMSeQy5HQ25f8XetUL6vewCacFXgAaO5XGYf3noBY3mVLszba+WuPUnVxtJxJBu2ECjgAWU7gXnXn7JxAuxmeeT8VDhG+ObpBjCAgbvqSMykBYUgrjnkk7TsJukzDW03mmWGomicz6oRnGE5W4yAHiKJzo0We4xkoaODMdd8/IbpBJ7MLcZ79pkAAAAAACwMkq56T4m9wABqQGAUAAAwCXDQbHEZ/sCAAAAAARZWg==";

struct Case {
    directory: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).unwrap().join(name)
    }

    fn extract(&self, bytes: &[u8], format: ArchiveFormat, limits: TreeLimits) -> Result<Option<u64>, ExtractError> {
        fs::write(self.path("archive"), bytes).unwrap();
        let target = Directory::open_or_make(&self.path("tree")).unwrap();
        extract(&self.path("archive"), format, &target, limits)
    }

    /// Of a tar archive, gzipped.
    fn tar(&self, build: impl Fn(&mut tar::Builder<Vec<u8>>)) -> Result<Option<u64>, ExtractError> {
        self.extract(&tar_gz(build), ArchiveFormat::TarGz, TreeLimits::default())
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path("tree").join(path)).unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::symlink_metadata(self.path("tree").join(path)).unwrap().permissions().mode()
    }
}

fn tar_gz(build: impl Fn(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    build(&mut builder);
    gzip(&builder.into_inner().unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// An entry whose name is written as it is, which the library refuses to do for hostile ones.
fn entry(builder: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, bytes: &[u8], mode: u32) {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(1_700_000_000);
    header.set_entry_type(kind);
    if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

fn file(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    entry(builder, name, tar::EntryType::Regular, bytes, 0o644);
}

#[test]
fn every_format_gives_the_same_files() {
    let tar = tar_gz(|builder| {
        file(builder, "x-1/main.tf", b"# main\n");
        entry(builder, "x-1/run.sh", tar::EntryType::Regular, b"#!/bin/sh\n", 0o755);
    });
    let xz = base64::engine::general_purpose::STANDARD.decode(XZ).unwrap();
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.start_file("x-1/main.tf", SimpleFileOptions::default().unix_permissions(0o600)).unwrap();
    zip.write_all(b"# main\n").unwrap();
    zip.start_file("x-1/run.sh", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(b"#!/bin/sh\n").unwrap();
    let zip = zip.finish().unwrap().into_inner();
    for (bytes, format, time) in [
        (&tar, ArchiveFormat::TarGz, Some(1_700_000_000)),
        (&xz, ArchiveFormat::TarXz, Some(1_700_000_000)),
        (&zip, ArchiveFormat::Zip, None),
    ] {
        let case = Case::new();
        assert_eq!(case.extract(bytes, format, TreeLimits::default()).unwrap(), time, "{format:?}");
        assert_eq!(sniff(&case.path("archive")).unwrap(), Some(format));
        assert_eq!((case.text("x-1/main.tf"), case.mode("x-1/main.tf") & 0o777), ("# main\n".to_owned(), 0o644));
        assert_eq!((case.text("x-1/run.sh"), case.mode("x-1/run.sh") & 0o777), ("#!/bin/sh\n".to_owned(), 0o755));
    }
}

#[test]
fn what_leads_out_or_is_no_file_is_refused() {
    use tar::EntryType::{Block, Char, Fifo};
    type Build = fn(&mut tar::Builder<Vec<u8>>);
    let cases: [(Build, &str); 9] = [
        (|builder| file(builder, "../x", b""), "\"../x\" leads out of the archive"),
        (|builder| file(builder, "a/../../x", b""), "leads out of the archive"),
        (|builder| file(builder, "a\\..\\x", b""), "leads out of the archive"),
        (|builder| file(builder, "a\nb", b""), "has a control character"),
        (|builder| entry(builder, "x", Char, b"", 0o644), "is a device or a pipe"),
        (|builder| entry(builder, "x", Block, b"", 0o644), "is a device or a pipe"),
        (|builder| entry(builder, "x", Fifo, b"", 0o644), "is a device or a pipe"),
        (
            |builder| {
                file(builder, "x", b"");
                file(builder, "x/y", b"");
            },
            "is a directory in the place of a file",
        ),
        (
            |builder| {
                file(builder, "x/y", b"");
                file(builder, "x", b"");
            },
            "is a file in the place of a directory",
        ),
    ];
    for (build, expected) in cases {
        let case = Case::new();
        let error = case.tar(build).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!case.path("x").exists(), "{expected}");
    }
    assert!(matches!(Case::new().tar(|_| ()), Err(ExtractError::Empty)));
    for (bytes, format) in [
        (&b"PK nothing"[..], ArchiveFormat::Zip),
        (b"\x1f\x8bnothing", ArchiveFormat::TarGz),
        (b"\xfd7zXZ\0nothing", ArchiveFormat::TarXz),
    ] {
        let error = Case::new().extract(bytes, format, TreeLimits::default()).unwrap_err();
        assert!(matches!(error, ExtractError::Broken(_)), "{error}");
    }
}

#[test]
fn links_become_plain_files_as_the_engines_make_them() {
    let case = Case::new();
    let built = case.tar(|builder| {
        entry(builder, "link", tar::EntryType::Symlink, b"", 0o777);
        entry(builder, "hard", tar::EntryType::Link, b"", 0o644);
        file(builder, "link2/main.tf", b"x");
    });
    built.unwrap();
    assert_eq!((case.text("link"), case.mode("link")), (String::new(), 0o100_755));
    assert_eq!((case.text("hard"), case.mode("hard")), (String::new(), 0o100_644));

    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let case = Case::new();
    case.extract(&zip.finish().unwrap().into_inner(), ArchiveFormat::Zip, TreeLimits::default()).unwrap();
    assert_eq!((case.text("link"), case.mode("link") & 0o170_000), ("/etc/passwd".to_owned(), 0o100_000));
}

#[test]
fn names_are_cleaned_and_the_last_entry_of_one_wins() {
    let case = Case::new();
    let built = case.tar(|builder| {
        file(builder, "/etc/main.tf", b"absolute");
        file(builder, "./a//b/x", b"first");
        entry(builder, "a/b/x", tar::EntryType::Regular, b"last", 0o755);
        file(builder, "A/b/x", b"another case");
        file(builder, ".git/hooks/post-checkout", b"git's");
        file(builder, "sub/.GIT/config", b"git's");
        entry(builder, "empty/", tar::EntryType::Directory, b"", 0o700);
    });
    built.unwrap();
    assert_eq!(case.text("etc/main.tf"), "absolute");
    assert_eq!((case.text("a/b/x"), case.mode("a/b/x") & 0o777), ("last".to_owned(), 0o755));
    assert_eq!(case.text("A/b/x"), "another case");
    assert!(case.path("tree/empty").is_dir());
    assert!(!case.path("tree/.git").exists() && !case.path("tree/sub").exists());
}

#[test]
fn bombs_end_at_the_limits() {
    let limits = TreeLimits { bytes: 1_000_000, files: 50 };
    let zeros = vec![0; 4_000_000];
    let tar = tar_gz(|builder| file(builder, "zeros", &zeros));
    assert!(tar.len() < 20_000);
    let extract = |bytes: &[u8], format| Case::new().extract(bytes, format, limits).unwrap_err();
    assert!(matches!(extract(&tar, ArchiveFormat::TarGz), ExtractError::TooLarge(1_000_000)));
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.start_file("zeros", SimpleFileOptions::default()).unwrap();
    zip.write_all(&zeros).unwrap();
    assert!(matches!(extract(&zip.finish().unwrap().into_inner(), ArchiveFormat::Zip), ExtractError::TooLarge(_)));
    let many = tar_gz(|builder| (0..60).for_each(|number| file(builder, &format!("f{number}"), b"")));
    assert!(matches!(extract(&many, ArchiveFormat::TarGz), ExtractError::TooMany(50)));
    // A stream that is no archive and never ends.
    let endless = gzip(&vec![b'x'; 4_000_000]);
    assert!(matches!(extract(&endless, ArchiveFormat::TarGz), ExtractError::TooLarge(_) | ExtractError::Broken(_)));
    let error = extract(&tar, ArchiveFormat::TarGz).to_string();
    assert_eq!(error, "it would unpack to more than 1 MB, the limit (--limit-mb)");
}
