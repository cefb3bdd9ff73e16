//! `airtight modules verify`, `list` and `prune`.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use fs_err as fs;
use serde_json::Value;

use crate::modules_build::{Case, configuration, ended};
use crate::support::isolation::Isolated;

crate::tests! {
    verify_names_each_difference,
    the_list_says_what_it_is_and_who_needs_it,
    prune_keeps_what_is_called_and_what_that_calls,
    a_directory_that_is_no_store_is_said,
    a_mirror_is_built_for_the_providers_of_stored_modules_too,
}

/// A store of one module that calls another, and the sources of both.
fn two() -> (Case, String, String) {
    let case = Case::new();
    let (outer, inner) = (case.repository("outer"), case.repository("inner"));
    inner.write("main.tf", "# inner\n").commit();
    outer.write("main.tf", &configuration(&[("inner", &inner.source(), None)])).commit();
    case.calls("stack", &[("outer", &outer.source(), None)]);
    case.built(&[]);
    (case, outer.source(), inner.source())
}

fn verify(case: &Case, arguments: &[&str]) -> (i32, String) {
    ended(case.command(&["verify", "--any-owner", "--modules", "store"]).arguments(arguments.iter().copied()))
}

fn verify_names_each_difference() {
    let (case, outer, _) = two();
    let (code, text) = verify(&case, &[]);
    assert_eq!(code, 0, "{text}");
    let digest = text.rsplit(' ').next().unwrap().trim().to_owned();
    assert_eq!(verify(&case, &["--digest", &digest]).0, 0);
    let (code, text) = verify(&case, &["--digest", "sha256:00"]);
    assert!(code == 100 && text.contains(&format!("its digest is {digest}, not sha256:00")), "{text}");
    let tree = case.tree(&outer);
    let check = |expected: &str| {
        let (code, text) = verify(&case, &[]);
        assert_eq!(code, 100, "{expected}: {text}");
        assert!(text.contains(expected), "{expected}: {text}");
    };
    fs::write(tree.join("more.tf"), "").unwrap();
    check("its files have the hash h1:");
    fs::remove_file(tree.join("more.tf")).unwrap();
    fs::set_permissions(tree.join("main.tf"), std::fs::Permissions::from_mode(0o777)).unwrap();
    check("can be written by everybody");
    fs::set_permissions(tree.join("main.tf"), std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink("/etc", tree.join("out")).unwrap();
    check("the link `out` is missing, is new, or leads elsewhere");
    fs::remove_file(tree.join("out")).unwrap();
    fs::create_dir_all(case.path("store/git/h.example/stray")).unwrap();
    check("`git/h.example` is not in the manifest");
    fs::remove_dir_all(case.path("store/git/h.example")).unwrap();
    fs::write(case.path("store/.airtight/x"), "").unwrap();
    check("`.airtight/x` is not in the manifest");
    fs::remove_file(case.path("store/.airtight/x")).unwrap();
    assert_eq!(verify(&case, &[]).0, 0);
    let (code, text) = verify(&case, &["--format", "json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["is_whole"], &report["digest"]), (0, &Value::Bool(true), &Value::String(digest)));
    fs::remove_dir_all(&tree).unwrap();
    check("no such file or directory");
}

fn the_list_says_what_it_is_and_who_needs_it() {
    let (case, outer, inner) = two();
    let (code, text) = ended(case.command(&["list", "--modules", "store"]));
    assert_eq!(code, 0, "{text}");
    for expected in [&outer, &inner, "  needed by from\n", ", of 2026-01-02T03:04:05Z", "2 module sources in 2 trees"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let (code, text) = ended(case.command(&["list", "--modules", "store", "--format", "json"]));
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, list["sources"].as_array().unwrap().len()), (0, 2));
    assert_eq!(list["sources"][0]["reference"]["name"], "HEAD");
}

fn prune_keeps_what_is_called_and_what_that_calls() {
    let (case, outer, inner) = two();
    let alone = case.repository("alone");
    alone.write("main.tf", "").commit();
    case.calls("other", &[("a", &alone.source(), None)]);
    case.built(&[]);
    let prune = |arguments: &[&str]| {
        let all = [&["prune", "--modules", "store", "--keep-for", "from/stack"], arguments].concat();
        ended(case.command(&all))
    };
    let (code, text) = prune(&["--dry-run"]);
    assert!(code == 0 && text.contains(&format!("would remove: {}", alone.source())), "{text}");
    assert_eq!(case.stored().len(), 3);
    let (code, text) = prune(&[]);
    assert!(code == 0 && text.contains("1 module source removed, 2 kept"), "{text}");
    assert_eq!(case.stored().into_keys().collect::<Vec<_>>(), [inner.as_str(), outer.as_str()]);
    assert_eq!(case.manifest()["sources"][0]["needed_by"].to_string(), r#"["stack"]"#);
    assert!(!case.path(&format!("store/git/localhost{}", alone.path)).exists());
    assert_eq!(verify(&case, &[]).0, 0);
}

fn a_directory_that_is_no_store_is_said() {
    let case = Case::new();
    for what in ["list", "verify"] {
        let (code, text) = ended(case.command(&[what, "--modules", "from"]));
        assert!(code == 96 && text.contains("is no store of modules"), "{text}");
        let (code, text) = ended(case.command(&[what, "--modules", "none"]));
        assert!(code == 96 && text.contains("is no directory"), "{text}");
    }
    fs::create_dir_all(case.path("from/.airtight")).unwrap();
    fs::write(case.path("from/.airtight/modules.json"), "{\"schema\":\"airtight/modules/9\"}").unwrap();
    let (code, text) = ended(case.command(&["list", "--modules", "from"]));
    assert!(code == 100 && text.contains("its schema is `airtight/modules/9`"), "{text}");
}

fn a_mirror_is_built_for_the_providers_of_stored_modules_too() {
    let case = Case::new();
    let repository = case.repository("r");
    repository
        .write(
            "main.tf",
            "terraform {\n  required_providers {\n    dog = {\n      source = \"e.com/acme/dog\"\n    }\n  }\n}\n",
        )
        .commit();
    case.calls("stack", &[("m", &repository.source(), None)]);
    case.built(&[]);
    fs::create_dir(case.path("empty")).unwrap();
    let build = |arguments: &[&str]| {
        let all =
            ["mirror", "build", "--from", "from/stack", "--resolve", "--engine", "terraform", "--source", "empty"];
        let command = case.command(&[]);
        let arguments = all.iter().chain(arguments).map(ToString::to_string).chain(["out".to_owned()]).collect();
        ended(Isolated { arguments, ..command })
    };
    let (code, text) = build(&[]);
    assert!(code == 100 && text.contains("name a store that has its modules by --modules"), "{text}");
    // The fix that the message gives: now it is the provider that nobody has.
    let (code, text) = build(&["--modules", "store"]);
    assert!(code == 100 && text.contains("e.com/acme/dog"), "{text}");
}
