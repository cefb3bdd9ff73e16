use std::os::unix::fs::{PermissionsExt as _, symlink};

use fs_err as std_fs;

use super::*;

/// `inside`, and next to it `outside` with a file, to which links lead.
fn laid_out() -> (tempfile::TempDir, Directory, Utf8PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap().to_owned();
    std_fs::create_dir_all(root.join("outside/below")).unwrap();
    std_fs::write(root.join("outside/file"), "kept").unwrap();
    std_fs::create_dir_all(root.join("inside/real")).unwrap();
    symlink(root.join("outside"), root.join("inside/link")).unwrap();
    symlink(root.join("outside/file"), root.join("inside/real/file")).unwrap();
    symlink(root.join("outside/new"), root.join("inside/real/dangling")).unwrap();
    let inside = Directory::open(&root.join("inside")).unwrap();
    (directory, inside, root)
}

fn is_link_error(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<LinkInTheWay>()).is_some()
}

#[test]
fn nothing_below_a_link_is_reached() {
    let (_directory, inside, root) = laid_out();
    let path = |text: &'static str| Utf8Path::new(text);
    let results = [
        inside.subdirectory(path("link")).map(drop),
        inside.subdirectory(path("link/below")).map(drop),
        inside.make(path("link/new")).map(drop),
        inside.file_type(path("link/file")).map(drop),
        inside.has_file(path("real/file")).map(drop),
        inside.names(path("link")).map(drop),
        inside.open_file(path("link/file")).map(drop),
        inside.read(path("real/file"), 10).map(drop),
        inside.create(path("link/new"), 0o644).map(drop),
        inside.open_or_create(path("real/file"), 0o644).map(drop),
        inside.open_or_create(path("real/dangling"), 0o644).map(drop),
        inside.replace(path("link/file"), b"x", 0o644, Durability::Synced),
        inside.rename(path("link/file"), path("moved")),
        inside.rename(path("real/file"), path("link/moved")),
        inside.exchange(path("real"), path("link/below")),
        inside.remove(path("link/file")),
        inside.remove(path("link/below")),
        inside.remove_if_empty(path("link/below")).map(drop),
    ];
    for (number, result) in results.into_iter().enumerate() {
        assert!(is_link_error(&result.unwrap_err()), "{number}");
    }
    let error = inside.subdirectory(path("link")).unwrap_err().to_string();
    assert!(error.contains(&format!("`{root}/inside/link` is a symbolic link")), "{error}");
    assert_eq!(std_fs::read_to_string(root.join("outside/file")).unwrap(), "kept");
    assert_eq!(root.join("outside").read_dir_utf8().unwrap().count(), 2);
}

#[test]
fn a_path_leads_only_downwards() {
    let (_directory, inside, _) = laid_out();
    for text in ["../outside/file", "/etc/passwd", "real/../../outside/file", "..", ""] {
        assert!(inside.read(Utf8Path::new(text), 10).is_err(), "{text}");
        assert!(inside.remove(Utf8Path::new(text)).is_err(), "{text}");
    }
}

#[test]
fn links_are_removed_renamed_and_replaced_themselves() {
    let (_directory, inside, root) = laid_out();
    inside.replace(Utf8Path::new("real/file"), b"own", 0o600, Durability::Synced).unwrap();
    assert_eq!(std_fs::read_to_string(root.join("inside/real/file")).unwrap(), "own");
    inside.rename(Utf8Path::new("link"), Utf8Path::new("real/moved")).unwrap();
    inside.remove(Utf8Path::new("real")).unwrap();
    inside.remove(Utf8Path::new("real")).unwrap();
    assert_eq!(root.join("inside").read_dir_utf8().unwrap().count(), 0);
    assert_eq!(std_fs::read_to_string(root.join("outside/file")).unwrap(), "kept");
    assert!(root.join("outside/below").is_dir());
}

#[test]
fn what_is_made_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap();
    let made = Directory::open_or_make(&root.join("a/b")).unwrap();
    let here = tempfile::tempdir_in(".").unwrap();
    let name = Utf8Path::from_path(std::path::Path::new(here.path().file_name().unwrap())).unwrap().join("new");
    assert_eq!(Directory::open_or_make(&name).unwrap().path_of(Utf8Path::new("x")), name.join("x"));
    made.make(Utf8Path::new("c/d")).unwrap();
    for path in ["a", "a/b", "a/b/c", "a/b/c/d"] {
        assert_eq!(std_fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777, 0o755, "{path}");
    }
    made.create(Utf8Path::new("c/program"), 0o755).unwrap().write_all(b"x").unwrap();
    assert_eq!(std_fs::metadata(root.join("a/b/c/program")).unwrap().permissions().mode() & 0o777, 0o755);
    assert!(made.create(Utf8Path::new("c/program"), 0o755).is_err());
    assert_eq!(made.read(Utf8Path::new("c/program"), 1).unwrap().unwrap(), b"x");
    assert_eq!(made.read(Utf8Path::new("c/program"), 0).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(made.read(Utf8Path::new("none/program"), 1).unwrap(), None);
    assert_eq!(made.names(Utf8Path::new("c")).unwrap(), ["d", "program"]);
    assert!(!made.remove_if_empty(Utf8Path::new("c")).unwrap());
    assert!(made.remove_if_empty(Utf8Path::new("c/d")).unwrap());
    made.create(Utf8Path::new("other"), 0o644).unwrap();
    made.exchange(Utf8Path::new("c"), Utf8Path::new("other")).unwrap();
    assert!(root.join("a/b/c").is_file() && root.join("a/b/other/program").is_file());
}

#[test]
fn a_pipe_is_no_file_and_nobody_waits_for_it() {
    let (_directory, inside, root) = laid_out();
    fs::mknodat(fs::CWD, root.join("inside/pipe").as_std_path(), FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert!(inside.read(Utf8Path::new("pipe"), 1).unwrap_err().to_string().contains("is no plain file"));
    assert!(inside.open_or_create(Utf8Path::new("pipe"), 0o600).is_err());
}

/// What a killed process with the same number left beside the file, or somebody put there.
#[test]
fn what_lies_beside_a_replaced_file_is_no_obstacle_and_not_followed() {
    let (_directory, inside, root) = laid_out();
    symlink(root.join("outside/file"), root.join(format!("inside/.new.{}", std::process::id()))).unwrap();
    inside.replace(Utf8Path::new("new"), b"own", 0o600, Durability::Unsynced).unwrap();
    assert_eq!(std_fs::read_to_string(root.join("inside/new")).unwrap(), "own");
    assert_eq!(std_fs::read_to_string(root.join("outside/file")).unwrap(), "kept");
}
