use super::*;
use fs_err as fs;
use proptest::prelude::*;

/// Findings by line, as the fixtures state them.
type Stated = Vec<(usize, String)>;

fn read_text(bytes: &[u8], engine: EngineName) -> LockFile {
    let directory = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(directory.path()).unwrap();
    fs::write(directory.join(FILE_NAME), bytes).unwrap();
    read(directory, engine, &mut Sources::default())
}

fn stated(text: &str) -> Stated {
    let mut stated = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for marker in ["ERROR: ", "WARNING: ", "NOT UNDERSTOOD: "] {
            stated.extend(line.match_indices(marker).map(|(at, _)| {
                let rest = &line[at + marker.len()..];
                let end = rest.find(';').unwrap_or(rest.len());
                (index + 1, format!("{marker}{}", rest[..end].trim_end()))
            }));
        }
        if line.contains("# LOCK") {
            stated.push((index + 1, "LOCK".to_owned()));
        }
    }
    stated.sort();
    stated
}

fn found(lock_file: &LockFile) -> Stated {
    let line = |place: &Place| place.position.as_ref().map_or(0, |position| position.line as usize);
    let of = |marker: &str, problems: &[Problem]| -> Stated {
        problems.iter().map(|problem| (line(&problem.place), format!("{marker}{}", problem.summary))).collect()
    };
    let mut found = of("ERROR: ", &lock_file.errors);
    found.extend(of("WARNING: ", &lock_file.warnings));
    found.extend(of("NOT UNDERSTOOD: ", &lock_file.not_understood));
    found.extend(lock_file.locks.iter().map(|lock| (line(&lock.place), "LOCK".to_owned())));
    found.sort();
    found
}

#[test]
fn something_else_in_its_place_is_the_only_error() {
    use UnlikelyText::{GitLfsPointer, LinkAsText, MergeMarkers, Utf16};
    let utf16 = "\u{feff}provider \"a/b\" {\r\n}\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let merge = b"provider \"a/b\" {\n<<<<<<< HEAD\n=======\n>>>>>>> main\n}\n";
    for (bytes, expected) in [
        (&utf16[..], Utf16),
        (pointer, GitLfsPointer),
        (merge, MergeMarkers { line: 2 }),
        (b"../../.terraform.lock.hcl", LinkAsText),
    ] {
        let lock_file = read_text(bytes, EngineName::Tofu);
        assert_eq!((lock_file.unlikely, lock_file.errors.len()), (Some(expected), 1));
    }
}

#[test]
fn a_lock_file_that_lost_its_name_is_found_beside() {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap().join("source");
    std::fs::create_dir(&root).unwrap();
    let misnamed = || read(&root, EngineName::Tofu, &mut Sources::default()).misnamed;
    assert_eq!(misnamed(), None);
    let text = "provider \"registry.opentofu.org/a/b\" {\n}\n";
    for name in ["../.terraform.lock.hcl", ".terraform.lock.hcl.txt", "terraform.lock.hcl"] {
        std::fs::write(root.join(name), "nothing of the kind").unwrap();
        let before = misnamed();
        std::fs::write(root.join(name), text).unwrap();
        assert_eq!(misnamed(), Some(root.join(name)), "{before:?}");
    }
    std::fs::write(root.join(FILE_NAME), text).unwrap();
    assert_eq!(misnamed(), None);
}

#[test]
fn a_link_out_of_the_repository_is_not_quoted() {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap();
    let source = root.join("source");
    std::fs::create_dir(&source).unwrap();
    let secret = "machine git.example.com login bob password s3cret\n\nprovider \"s3cret/a/b/c/d\" {\n";
    std::fs::write(root.join("netrc"), secret).unwrap();
    std::os::unix::fs::symlink("../netrc", source.join(FILE_NAME)).unwrap();
    for mut sources in [Sources::default(), Sources::of_repository(&source)] {
        let lock_file = read(&source, EngineName::Tofu, &mut sources);
        assert!(!lock_file.errors.is_empty());
        let said = format!("{:?} {sources:?}", lock_file.errors);
        assert!(!said.contains("s3cret") && !said.contains("bob") && said.contains("outside the repository"), "{said}");
    }
    // The same text in a file of the repository is quoted.
    let mut sources = Sources::of_repository(root);
    read(&source, EngineName::Tofu, &mut sources);
    assert!(format!("{sources:?}").contains("s3cret"));
}

#[test]
fn every_fixture_has_exactly_the_findings_that_its_comments_state() {
    let directory = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/lock");
    let (mut count, mut differing) = (0, String::new());
    for entry in fs::read_dir(&directory).unwrap() {
        let path = Utf8PathBuf::from_path_buf(entry.unwrap().path()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let lock_file = read_text(&bytes, EngineName::Terraform);
        let (found, stated) = (found(&lock_file), stated(&String::from_utf8_lossy(&bytes)));
        if found != stated {
            differing.push_str(&format!("{path}\n  found {found:?}\n stated {stated:?}\n"));
        }
        count += 1;
    }
    assert_eq!(differing, "");
    assert!(count > 20, "only {count} fixtures");
}

#[test]
fn byte_order_marks_and_windows_line_ends_change_nothing() {
    let text = "provider \"example.com/a/b\" {\n  version = \"1.2.3\"\n  hashes = [\n    \"zh:1\",\n  ]\n}\n";
    for text in [text.to_owned(), format!("\u{feff}{text}"), text.replace('\n', "\r\n")] {
        let lock_file = read_text(text.as_bytes(), EngineName::Tofu);
        assert_eq!(lock_file.errors, []);
        assert_eq!(lock_file.locks[0].version, Version::release(1, 2, 3));
        assert_eq!(lock_file.locks[0].hashes[0].as_str(), "zh:1");
        assert_eq!(lock_file.locks[0].place.position.as_ref().unwrap().line, 1);
    }
}

#[test]
fn hashes_are_held_sorted_and_once() {
    let text =
        "provider \"example.com/a/b\" {\n version = \"1.0.0\"\n hashes = [\"zh:2\", \"x:1\", \"h1:3\", \"zh:2\"]\n}";
    let lock_file = read_text(text.as_bytes(), EngineName::Tofu);
    let hashes: Vec<_> = lock_file.locks[0].hashes.iter().map(Hash::as_str).collect();
    assert_eq!(hashes, ["h1:3", "x:1", "zh:2"]);
}

#[test]
fn the_default_host_is_the_engines() {
    let text = "provider \"registry.opentofu.org/hashicorp/null\" {\n version = \"1.0.0\"\n}\n";
    assert_eq!(read_text(text.as_bytes(), EngineName::Tofu).errors, []);
    assert_eq!(read_text(text.as_bytes(), EngineName::Terraform).errors, []);
    let short = text.replace("registry.opentofu.org/", "");
    let detail = |engine| read_text(short.as_bytes(), engine).errors[0].detail.clone();
    assert!(detail(EngineName::Tofu).contains("\"registry.opentofu.org/hashicorp/null\""));
    assert!(detail(EngineName::Terraform).contains("\"registry.terraform.io/hashicorp/null\""));
}

#[test]
fn bytes_that_are_not_utf8_are_an_error_only_outside_comments() {
    let sound = b"# \xff\nprovider \"example.com/a/b\" {\n version = \"1.0.0\"\n}\n";
    assert_eq!(read_text(sound, EngineName::Tofu).errors, []);
    let broken = b"provider \"example.com/a/b\" {\n version = \"1.0.0\xff\"\n}\n";
    assert_eq!(read_text(broken, EngineName::Tofu).errors[0].summary, "Invalid character encoding");
}

#[test]
fn a_missing_or_dangling_file_holds_no_locks_and_a_directory_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(directory.path()).unwrap();
    let sources = &mut Sources::default();
    let missing = read(directory, EngineName::Tofu, sources);
    assert!(!missing.exists && missing.errors.is_empty());
    std::os::unix::fs::symlink("nowhere", directory.join(FILE_NAME)).unwrap();
    assert!(!read(directory, EngineName::Tofu, sources).exists);
    fs::remove_file(directory.join(FILE_NAME)).unwrap();
    fs::create_dir(directory.join(FILE_NAME)).unwrap();
    let found = read(directory, EngineName::Tofu, sources);
    assert_eq!(found.errors[0].summary, "Failed to read file");
}

#[test]
fn a_huge_file_is_not_read_and_no_error_of_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(directory.path()).unwrap();
    fs::File::create(directory.join(FILE_NAME)).unwrap().set_len(LIMIT_BYTES + 1).unwrap();
    let lock_file = read(directory, EngineName::Tofu, &mut Sources::default());
    assert_eq!(lock_file.errors, []);
    assert!(lock_file.not_understood[0].detail.contains("it is larger than 2 MiB"), "{lock_file:?}");
    assert!(lock_file.exists && lock_file.text.is_empty());
}

const SOUND: &str = "provider \"example.com/a/b\" {\n  version     = \"1.2.3\"\n  constraints = \">= 1.0.0\"\n  hashes = [\n    \"h1:x\",\n  ]\n}\n";

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_text(&bytes, EngineName::Tofu);
    }

    #[test]
    fn no_mutation_makes_the_reader_panic(at in 0..SOUND.len(), count in 0..20_usize, insert in "[\"${}%\\[\\]<E\n\\\\=é]{0,6}") {
        let mut bytes = SOUND.as_bytes().to_vec();
        let end = (at + count).min(bytes.len());
        bytes.splice(at..end, insert.into_bytes());
        read_text(&bytes, EngineName::Tofu);
    }
}
