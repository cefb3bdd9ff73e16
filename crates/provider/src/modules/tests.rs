use std::os::unix::fs::{PermissionsExt as _, symlink};

use fs_err as fs;

use super::manifest::{ManifestError, Reference, ReferenceKind, TreeKind};
use super::tree::{Contents, Difference};
use super::*;

fn tree(path: &str) -> StoredTree {
    StoredTree {
        contents: Contents::of(&[]),
        id: None,
        kind: TreeKind::Git,
        origin: "https://h.example/x.git".to_owned(),
        path: path.to_owned(),
        time: Some("2026-11-30T00:00:00Z".to_owned()),
    }
}

fn source(name: &str, version: Option<&str>) -> StoredSource {
    StoredSource {
        needed_by: vec!["stack".to_owned()],
        reference: Some(Reference { kind: ReferenceKind::Tag, name: "v1".to_owned() }),
        source: name.to_owned(),
        subdirectory: String::new(),
        tree: "git/a".to_owned(),
        version: version.map(str::to_owned),
    }
}

fn store(manifest: Manifest) -> ModuleStore {
    ModuleStore::new("/modules".into(), manifest, String::new())
}

#[test]
fn what_is_printed_is_read_again() {
    let mut manifest = Manifest {
        serial: Some(7),
        sources: vec![
            source("h/a/b/c", Some("1.10.0")),
            source("h/a/b/c", Some("1.9.0")),
            source("git::https://h.example/x.git?ref=v1", None),
        ],
        trees: vec![tree("git/b"), tree("git/a")],
    };
    manifest.sort();
    let text = manifest.print().unwrap();
    assert_eq!(Manifest::parse(&text).unwrap(), manifest);
    assert_eq!(text.lines().count(), 8, "{text}");
    let keys = |row: &serde_json::Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(keys(&value).is_sorted() && keys(&value["sources"][0]).is_sorted() && keys(&value["trees"][0]).is_sorted());
    let empty = Manifest::default();
    assert_eq!(Manifest::parse(&empty.print().unwrap()).unwrap(), empty);
}

#[test]
fn a_manifest_that_is_not_ours_is_refused() {
    let text =
        |sources: Vec<StoredSource>, trees: Vec<StoredTree>| Manifest { serial: None, sources, trees }.print().unwrap();
    let sound = text(vec![source("s", None)], vec![tree("git/a")]);
    assert!(Manifest::parse(&sound).is_ok());
    let newer = sound.replace("modules/1", "modules/2").replace("\"id\"", "\"identity\"");
    assert_eq!(Manifest::parse(&newer), Err(ManifestError::Schema("airtight/modules/2".to_owned())));
    for unreadable in ["", "[]", "{}", &sound.replace("\"id\"", "\"identity\""), &sound.replace("\"tag\"", "\"x\"")] {
        assert!(matches!(Manifest::parse(unreadable), Err(ManifestError::Syntax(_))), "{unreadable}");
    }
    for (sources, trees, expected) in [
        (vec![source("s", None)], vec![], "names the tree `git/a`, which is not listed"),
        (vec![source("s", None), source("s", None)], vec![tree("git/a")], "listed twice"),
        (vec![], vec![tree("git/b"), tree("git/a")], "not in order"),
        (vec![], vec![tree("../x")], "not a path below the store"),
        (vec![], vec![tree("/x")], "not a path below the store"),
        (vec![], vec![tree("git//x")], "not a path below the store"),
        (
            vec![StoredSource { subdirectory: "../x".to_owned(), ..source("s", None) }],
            vec![tree("git/a")],
            "not one of a tree",
        ),
    ] {
        let error = Manifest::parse(&text(sources, trees)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_newest_version_that_is_allowed_is_found() {
    let versions = ["1.9.0", "1.10.0", "2.0.0-beta"].map(|version| source("h/a/b/c", Some(version)));
    let mut manifest = Manifest { serial: None, sources: versions.to_vec(), trees: vec![tree("git/a")] };
    manifest.sources.push(source("git::https://h.example/x.git", None));
    manifest.sort();
    let store = store(manifest);
    let find = |source: &str, constraint: Option<&str>| {
        let constraint = constraint.map(|text| CoreConstraints::parse(text).unwrap());
        match store.find(source, constraint.as_ref()) {
            Stored::Found(found) => found.version.clone().unwrap_or_else(|| "none".to_owned()),
            Stored::OtherVersions(others) => format!("{} others", others.len()),
            Stored::Missing => "missing".to_owned(),
        }
    };
    for (source, constraint, expected) in [
        ("h/a/b/c", None, "1.10.0"),
        ("h/a/b/c", Some("~> 1.9.0"), "1.9.0"),
        ("h/a/b/c", Some("2.0.0-beta"), "2.0.0-beta"),
        ("h/a/b/c", Some(">= 2.0.0-beta"), "3 others"),
        ("h/a/b/c", Some("> 3"), "3 others"),
        ("h/a/b/d", None, "missing"),
        ("git::https://h.example/x.git", None, "none"),
    ] {
        assert_eq!(find(source, constraint), expected, "{source} {constraint:?}");
    }
}

#[test]
fn a_tree_is_checked_whole() {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap();
    let place = root.join("git/a");
    fs::create_dir_all(place.join("sub")).unwrap();
    fs::write(place.join("main.tf"), "a").unwrap();
    fs::write(place.join("sub/run.sh"), "b").unwrap();
    fs::set_permissions(place.join("sub/run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../main.tf", place.join("sub/link.tf")).unwrap();
    let contents = Contents::of(&tree::entries(&place).unwrap());
    let line = |text: &str, name: &str| format!("{}  {name}\n", tree::hexadecimal(&Sha256::digest(text)));
    let expected = Sha256::digest(line("a", "main.tf") + &line("b", "sub/run.sh"));
    assert_eq!(contents.h1, crate::Hash::h1(expected.into()).as_str());
    assert_eq!((contents.files, contents.bytes), (2, 2));
    let measured = StoredTree::measure(root, "git/a", TreeKind::Git, "https://h.example/a").unwrap();
    assert_eq!(measured.contents, contents);
    Manifest { serial: None, trees: vec![measured], sources: Vec::new() }.write(root).unwrap();
    let store = ModuleStore::read(root).unwrap().unwrap();
    let stored = store.tree("git/a").unwrap();
    store.check_tree(stored).unwrap();
    let differs = || match store.check_tree(stored) {
        Err(TreeProblem::Differs { difference, .. }) => difference,
        other => panic!("{other:?}"),
    };
    fs::write(place.join("more.tf"), "").unwrap();
    assert!(matches!(differs(), Difference::Files { .. }));
    fs::remove_file(place.join("more.tf")).unwrap();
    fs::set_permissions(place.join("main.tf"), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(differs(), Difference::Mode("main.tf".to_owned()));
    fs::set_permissions(place.join("main.tf"), std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink("/etc/passwd", place.join("new")).unwrap();
    assert_eq!(differs(), Difference::Link("new".to_owned()));
    fs::remove_file(place.join("new")).unwrap();
    fs::remove_file(place.join("sub/link.tf")).unwrap();
    assert_eq!(differs(), Difference::Link("sub/link.tf".to_owned()));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.join("pipe").as_std_path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    assert!(matches!(store.check_tree(stored), Err(TreeProblem::Special(_))));
    assert!(ModuleStore::read(&root.join("git")).unwrap().is_none());
}
