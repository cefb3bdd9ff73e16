//! Expectations are computed from first principles: the lines of `dirhash`, hashed by hand.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

use super::*;
use crate::HashScheme;

const EMPTY: &str = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

struct Scratch {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        Self { _guard: guard, path }
    }

    fn directory(&self, files: &[(&str, &[u8])]) -> Utf8PathBuf {
        let directory = self.path.join("package");
        fs::create_dir_all(&directory).unwrap();
        for (name, content) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        directory
    }

    fn archive(&self, entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Utf8PathBuf {
        let path = self.path.join("package.zip");
        let mut writer = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, content) in entries {
            if name.ends_with('/') {
                writer.add_directory(*name, options).unwrap();
            } else {
                writer.start_file(*name, options).unwrap();
                writer.write_all(content).unwrap();
            }
        }
        writer.finish().unwrap();
        path
    }
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)
}

/// The hash of these lines, in the order given.
fn by_hand(lines: &[(&str, &[u8])]) -> String {
    let mut text = String::new();
    for (name, content) in lines {
        for byte in Sha256::digest(content) {
            write!(text, "{byte:02x}").unwrap();
        }
        writeln!(text, "  {name}").unwrap();
    }
    format!("h1:{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
}

fn digest(path: &Utf8Path, layout: Layout, content: Content) -> Result<String, String> {
    let subject = Subject { path: path.to_owned(), layout, content };
    compute(&[subject], None, &|_| {}).remove(0).map(|hash| hash.to_string())
}

fn h1_of_directory(path: &Utf8Path) -> Result<String, String> {
    digest(path, Layout::Unpacked, Content::H1)
}

fn h1_of_archive(path: &Utf8Path) -> Result<String, String> {
    digest(path, Layout::Packed, Content::H1)
}

/// Bytes that deflate neither to nothing nor not at all.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24).to_le_bytes()[0] & 0x3f
    })
    .take(length)
    .collect()
}

#[test]
fn an_empty_directory_has_the_known_hash() {
    let scratch = Scratch::new();
    let directory = scratch.directory(&[]);
    assert_eq!(h1_of_directory(&directory).unwrap(), EMPTY);
    fs::create_dir(directory.join("empty")).unwrap();
    assert_eq!(h1_of_directory(&directory).unwrap(), EMPTY);
}

#[test]
fn names_are_sorted_as_whole_paths_by_bytes() {
    let scratch = Scratch::new();
    let directory = scratch.directory(&[("ab", b"1"), ("a/b", b"2"), ("a-b", b"3"), ("Z", b"4"), ("a/B/c", b"5")]);
    let expected = by_hand(&[("Z", b"4"), ("a-b", b"3"), ("a/B/c", b"5"), ("a/b", b"2"), ("ab", b"1")]);
    assert_eq!(h1_of_directory(&directory).unwrap(), expected);
}

#[test]
fn modes_do_not_count_and_further_files_do() {
    let scratch = Scratch::new();
    let directory = scratch.directory(&[("terraform-provider-null", b"x")]);
    let before = h1_of_directory(&directory).unwrap();
    let path = directory.join("terraform-provider-null");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(h1_of_directory(&directory).unwrap(), before);
    fs::write(directory.join(".DS_Store"), "").unwrap();
    assert_eq!(h1_of_directory(&directory).unwrap(), by_hand(&[(".DS_Store", b""), ("terraform-provider-null", b"x")]));
}

#[test]
fn symbolic_links_count_as_the_files_they_lead_to() {
    let scratch = Scratch::new();
    let directory = scratch.directory(&[("a", b"content")]);
    fs::os::unix::fs::symlink("a", directory.join("b")).unwrap();
    let expected = by_hand(&[("a", b"content"), ("b", b"content")]);
    assert_eq!(h1_of_directory(&directory).unwrap(), expected);
    let link = scratch.path.join("link");
    fs::os::unix::fs::symlink(&directory, &link).unwrap();
    assert_eq!(h1_of_directory(&link).unwrap(), expected);
}

#[test]
fn what_cannot_be_hashed_fails_with_the_words_of_the_engine() {
    type Make = fn(&Utf8Path);
    let broken: [(&str, Make, &str); 5] = [
        ("link to a directory", |path| fs::os::unix::fs::symlink(".", path).unwrap(), "read P: is a directory"),
        ("dangling link", |path| fs::os::unix::fs::symlink("x", path).unwrap(), "open P: no such file or directory"),
        (
            "loop",
            |path| fs::os::unix::fs::symlink("entry\u{7f}", path).unwrap(),
            "open P: too many levels of symbolic links",
        ),
        (
            "newline",
            |path| fs::write(format!("{path}\n"), "").unwrap(),
            "dirhash: filenames with newlines are not supported",
        ),
        ("device", |path| fs::os::unix::fs::symlink("/dev/zero", path).unwrap(), "read P: not a regular file"),
    ];
    for (what, make, expected) in broken {
        let scratch = Scratch::new();
        let directory = scratch.directory(&[("a", b"sound"), ("z", b"sound")]);
        let path = directory.join("entry\u{7f}");
        make(&path);
        assert_eq!(h1_of_directory(&directory), Err(expected.replace('P', path.as_str())), "{what}");
    }
    let scratch = Scratch::new();
    let missing = scratch.path.join("missing");
    assert_eq!(h1_of_directory(&missing), Err(format!("lstat {missing}: no such file or directory")));
    let file = scratch.directory(&[("file", b"")]).join("file");
    assert_eq!(h1_of_directory(&file), Err(format!("{file} is not a directory")));
}

#[test]
fn the_first_error_by_name_is_the_one_reported() {
    let scratch = Scratch::new();
    let directory = scratch.directory(&[("m", b"sound")]);
    for name in ["z", "b"] {
        fs::os::unix::fs::symlink("nowhere", directory.join(name)).unwrap();
    }
    let expected = format!("open {directory}/b: no such file or directory");
    assert_eq!(h1_of_directory(&directory), Err(expected));
}

#[test]
fn names_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let scratch = Scratch::new();
    let directory = scratch.directory(&[]);
    std::fs::write(directory.as_std_path().join(std::ffi::OsStr::from_bytes(b"\xff")), b"x").unwrap();
    let mut line = by_hand_line(b"x");
    line.extend_from_slice(b"  \xff\n");
    let expected = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(line));
    assert_eq!(h1_of_directory(&directory).unwrap(), format!("h1:{expected}"));
}

fn by_hand_line(content: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for byte in Sha256::digest(content) {
        write!(text, "{byte:02x}").unwrap();
    }
    text.into_bytes()
}

#[test]
fn an_archive_hashes_as_the_directory_it_holds() {
    let large = noise(9 * 1024 * 1024);
    let files: [(&str, &[u8]); 4] = [("LICENSE", b"free"), ("docs/a", b""), ("large", &large), ("small", b"x")];
    for options in [deflated(), stored(), deflated().large_file(true)] {
        let scratch = Scratch::new();
        let directory = scratch.directory(&files);
        let archive = scratch.archive(&files, options);
        let expected = by_hand(&files);
        assert_eq!(h1_of_directory(&directory).unwrap(), expected);
        assert_eq!(h1_of_archive(&archive).unwrap(), expected);
    }
}

#[test]
fn a_directory_entry_changes_the_hash_of_an_archive() {
    let scratch = Scratch::new();
    let archive = scratch.archive(&[("docs/", b""), ("docs/a", b"1")], deflated());
    assert_eq!(h1_of_archive(&archive).unwrap(), by_hand(&[("docs/", b""), ("docs/a", b"1")]));
}

#[test]
fn of_equal_names_the_last_is_hashed_as_often_as_the_name_occurs() {
    let scratch = Scratch::new();
    let archive = scratch.archive(&[("a", b"first"), ("b", b"second"), ("c", b"third")], deflated());
    let mut bytes = fs::read(&archive).unwrap();
    let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let second = bytes[central..].iter().position(|byte| *byte == b'b').unwrap() + central;
    bytes[second] = b'a';
    fs::write(&archive, bytes).unwrap();
    assert_eq!(h1_of_archive(&archive).unwrap(), by_hand(&[("a", b"second"), ("a", b"second"), ("c", b"third")]));
}

#[test]
fn an_archive_may_stand_behind_a_script_and_before_a_comment() {
    let scratch = Scratch::new();
    let path = scratch.archive(&[("a", b"content")], deflated());
    let archive = fs::read(&path).unwrap();
    fs::write(&path, [b"#!/bin/sh\nexit\n".as_slice(), &archive].concat()).unwrap();
    assert_eq!(h1_of_archive(&path).unwrap(), by_hand(&[("a", b"content")]));
    let mut commented = archive;
    let length = commented.len();
    commented[length - 2..].copy_from_slice(&5000_u16.to_le_bytes());
    commented.extend_from_slice(&[b' '; 5000]);
    fs::write(&path, &commented).unwrap();
    assert_eq!(h1_of_archive(&path).unwrap(), by_hand(&[("a", b"content")]));
    fs::write(&path, &commented[..commented.len() - 1]).unwrap();
    assert_eq!(h1_of_archive(&path), Err("zip: not a valid zip file".to_owned()));
}

#[test]
fn a_broken_archive_fails_with_the_words_of_the_engine() {
    let content = noise(300_000);
    let scratch = Scratch::new();
    let archive = fs::read(scratch.archive(&[("a", &content)], stored())).unwrap();
    let central = archive.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let end = archive.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let changed = |place: usize, bytes: &[u8]| {
        let mut archive = archive.clone();
        archive[place..place + bytes.len()].copy_from_slice(bytes);
        archive
    };
    let cases = [
        ("no archive", b"<html>not found</html>".to_vec(), "zip: not a valid zip file"),
        ("empty", Vec::new(), "zip: not a valid zip file"),
        ("cut", archive[..archive.len() - 30].to_vec(), "zip: not a valid zip file"),
        ("content", changed(1000, b"\xff"), "zip: checksum error"),
        ("method", changed(central + 10, b"\x63"), "zip: unsupported compression algorithm"),
        ("local header", changed(0, b"X"), "zip: not a valid zip file"),
        ("claims less", changed(central + 24, &7_u32.to_le_bytes()), "zip: not a valid zip file"),
        ("claims more", changed(central + 24, &u32::MAX.to_le_bytes()), "unexpected EOF"),
        ("one entry less", changed(end + 10, &2_u16.to_le_bytes()), "unexpected EOF"),
        ("beyond the end", changed(central + 42, &0x7fff_ffff_u32.to_le_bytes()), "EOF"),
        ("deflated nonsense", changed(central + 10, b"\x08"), "flate: corrupt input before offset 0"),
    ];
    for (what, bytes, expected) in cases {
        let path = scratch.path.join("broken.zip");
        fs::write(&path, bytes).unwrap();
        assert_eq!(h1_of_archive(&path), Err(expected.to_owned()), "{what}");
    }
    let directory = scratch.directory(&[]);
    assert_eq!(h1_of_archive(&directory), Err(format!("read {directory}: is a directory")));
}

#[test]
fn a_deflated_entry_that_ends_early_is_refused() {
    let scratch = Scratch::new();
    let content = noise(300_000);
    let path = scratch.archive(&[("a", &content)], deflated());
    let mut archive = fs::read(&path).unwrap();
    let central = archive.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let compressed = u32::from_le_bytes(archive[central + 20..central + 24].try_into().unwrap());
    archive[central + 20..central + 24].copy_from_slice(&(compressed - 1).to_le_bytes());
    fs::write(&path, archive).unwrap();
    assert_eq!(h1_of_archive(&path), Err("unexpected EOF".to_owned()));
}

#[test]
fn a_data_descriptor_must_repeat_the_checksum() {
    let scratch = Scratch::new();
    let path = scratch.path.join("streamed.zip");
    let mut writer = zip::ZipWriter::new_stream(fs::File::create(&path).unwrap());
    writer.start_file("a", deflated()).unwrap();
    writer.write_all(b"content").unwrap();
    writer.finish().unwrap();
    assert_eq!(h1_of_archive(&path).unwrap(), by_hand(&[("a", b"content")]));
    let mut archive = fs::read(&path).unwrap();
    let descriptor = archive.windows(4).position(|window| window == b"PK\x07\x08").unwrap();
    archive[descriptor + 4] ^= 1;
    fs::write(&path, archive).unwrap();
    assert_eq!(h1_of_archive(&path), Err("zip: checksum error".to_owned()));
}

#[test]
fn zh_is_the_hash_of_the_file_itself() {
    let scratch = Scratch::new();
    let path = scratch.archive(&[("a", b"content")], deflated());
    let expected = String::from_utf8(by_hand_line(&fs::read(&path).unwrap())).unwrap();
    assert_eq!(digest(&path, Layout::Packed, Content::Zh).unwrap(), format!("zh:{expected}"));
    let link = scratch.path.join("link.zip");
    fs::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(digest(&link, Layout::Packed, Content::Zh).unwrap(), format!("zh:{expected}"));
    assert!(digest(&scratch.path, Layout::Unpacked, Content::Zh).is_err());
}

#[test]
fn results_stand_in_the_order_of_their_subjects_and_all_bytes_are_told() {
    let scratch = Scratch::new();
    let directory = scratch.directory(&[("a", &noise(70_000)), ("b", b"12345")]);
    let archive = scratch.archive(&[("a", &noise(70_000))], deflated());
    let subject = |path: &Utf8Path, layout, content| Subject { path: path.to_owned(), layout, content };
    let subjects = [
        subject(&archive, Layout::Packed, Content::Zh),
        subject(&directory, Layout::Unpacked, Content::H1),
        subject(&scratch.path.join("missing"), Layout::Unpacked, Content::H1),
    ];
    let told = AtomicU64::new(0);
    let results = compute(&subjects, None, &|count| {
        told.fetch_add(count, Ordering::Relaxed);
    });
    assert_eq!(results[0].as_ref().unwrap().scheme(), HashScheme::Zh);
    assert_eq!(results[1].as_ref().unwrap().scheme(), HashScheme::H1);
    assert!(results[2].is_err());
    assert_eq!(told.into_inner(), 70_005 + fs::metadata(&archive).unwrap().len());
}

/// Sets the modification time back; the change time stays the present, so the wait is for that.
fn let_it_age() {
    std::thread::sleep(std::time::Duration::from_millis(3100));
}

#[test]
fn a_remembered_sum_counts_until_the_file_changes() {
    let scratch = Scratch::new();
    let directory = scratch.directory(&[("a", b"1"), ("b", b"2")]);
    let archive = scratch.archive(&[("a", b"1"), ("b", b"2")], deflated());
    let_it_age();
    let subjects = [
        Subject { path: directory.clone(), layout: Layout::Unpacked, content: Content::H1 },
        Subject { path: archive.clone(), layout: Layout::Packed, content: Content::H1 },
        Subject { path: archive.clone(), layout: Layout::Packed, content: Content::Zh },
    ];
    let cache = Cache::default();
    let first = compute(&subjects, Some(&cache), &|_| {});
    let again = compute(&subjects, Some(&cache), &|_| {});
    assert_eq!(first, again);

    // Same size, and the modification time set back: the change time shows it.
    let modified = fs::metadata(directory.join("a")).unwrap().modified().unwrap();
    fs::write(directory.join("a"), b"9").unwrap();
    fs::File::options().write(true).open(directory.join("a")).unwrap().set_modified(modified).unwrap();
    fs::remove_file(directory.join("b")).unwrap();
    let changed = compute(&subjects[..1], Some(&cache), &|_| {});
    assert_eq!(changed[0].as_ref().unwrap().to_string(), by_hand(&[("a", b"9")]));
}

mod generated {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_damage_makes_an_archive_panic(place in 0_usize..200, byte: u8, cut in 0_usize..200) {
            let scratch = Scratch::new();
            let path = scratch.archive(&[("a", b"content"), ("docs/", b"")], deflated());
            let mut bytes = fs::read(&path).unwrap();
            let length = bytes.len();
            bytes[place % length] = byte;
            bytes.truncate(length - cut % (length / 4));
            fs::write(&path, bytes).unwrap();
            let _ = h1_of_archive(&path);
        }
    }
}
