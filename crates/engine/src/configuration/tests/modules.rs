//! The tree of modules: what is followed, what is recorded, what only the network has.

use super::*;
use crate::module_stores::ModuleStores;
use crate::module_stores::testing;
use crate::modules_manifest;

#[test]
fn modules_are_followed_to_any_depth_and_through_links() {
    let layout = Layout::of(&[
        ("main.tf", "module \"a\" {\n  source = \"./a\"\n}\nmodule \"l\" {\n  source = \"./linked\"\n}\n"),
        ("a/main.tf", "module \"b\" {\n  source = \"../b\"\n}\n"),
        ("b/main.tf", "resource \"dog_x\" \"y\" {}\n"),
        ("real/inner/main.tf", "module \"s\" {\n  source = \"../sibling\"\n}\n"),
        ("real/sibling/main.tf", "resource \"cat_x\" \"y\" {}\n"),
    ])
    .link("real/inner", "linked");
    let configuration = layout.read(&terraform());
    let keys: Vec<_> = configuration.children.keys().map(String::as_str).collect();
    assert_eq!(keys, ["a", "a.b", "l", "l.s"]);
    assert!(configuration.children.values().all(|child| child.missing.is_none()));
    let module = |key: &str| configuration.children[key].module.as_ref().unwrap();
    assert_eq!(module("a.b").directory, layout.path().join("b"));
    assert_eq!(local_names(module("a.b")), ["dog"]);
    assert_eq!(local_names(module("l.s")), ["cat"]);
}

#[test]
fn a_module_that_is_not_there_says_why() {
    use MissingModule as M;
    let cases = [
        ("source = \"./\"", M::Cycle),
        ("source = \"x/y\"", M::Unevaluated),
        ("source = \"./m\"\n  version = \"1.0\"", M::Unevaluated),
        ("source = \"a/b/c\"\n  version = \"latest\"", M::Unevaluated),
        ("source = \"foo://h/x\"", M::Unevaluated),
        ("source = \"/nowhere/at/all\"", M::PathMissing),
    ];
    for engine in [terraform(), tofu()] {
        let missing = |arguments: &str| {
            let text = format!("module \"a\" {{\n  {arguments}\n}}\n");
            Layout::of(&[("main.tf", &text), ("m/x.tf", "")]).read(&engine).children["a"].missing.clone()
        };
        for (arguments, expected) in &cases {
            assert_eq!(missing(arguments).as_ref(), Some(expected), "{arguments}");
        }
        for source in ["./nowhere", "./main.tf"] {
            assert!(matches!(missing(&format!("source = \"{source}\"")), Some(M::Unreadable { .. })), "{source}");
        }
    }
}

#[test]
fn the_path_of_a_module_is_at_most_as_long_as_a_file_s_name() {
    for (length, expected) in [(255, None), (256, Some(MissingModule::NameTooLong))] {
        let name = "a".repeat(length);
        let text = format!("module \"{name}\" {{\n  source = \"./m\"\n}}\n");
        let configuration = Layout::of(&[("main.tf", &text), ("m/x.tf", "")]).read(&terraform());
        assert_eq!(configuration.children[&name].missing, expected, "{length}");
    }
}

#[test]
fn modules_nest_as_deep_as_their_path_is_long() {
    let texts: Vec<_> = (0..400)
        .map(|level| (format!("m{level}/x.tf"), format!("module \"n\" {{\n  source = \"../m{}\"\n}}\n", level + 1)))
        .chain([("main.tf".to_owned(), "module \"n\" {\n  source = \"./m0\"\n}\n".to_owned())])
        .collect();
    let files: Vec<_> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let configuration = Layout::of(&files).read(&terraform());
    assert_eq!(configuration.children.len(), 129);
    let missing = configuration.children.values().filter_map(|child| child.missing.clone());
    assert_eq!(missing.collect::<Vec<_>>(), [MissingModule::NameTooLong]);
}

#[test]
fn what_only_the_network_or_the_engine_has_is_told_apart() {
    let missing = |source: &str, engine: &Engine| {
        let text = format!("module \"a\" {{\n  source = {source}\n}}\n");
        Layout::of(&[("main.tf", &text)]).read(engine).children["a"].missing.clone()
    };
    let host = |source: &str, engine: &Engine| match missing(source, engine) {
        Some(MissingModule::NeedsNetwork { host, .. }) => host,
        other => panic!("{source}: {other:?}"),
    };
    assert_eq!(host("\"a/b/c\"", &terraform()).as_deref(), Some("registry.terraform.io"));
    assert_eq!(host("\"a/b/c\"", &tofu()).as_deref(), Some("registry.opentofu.org"));
    assert_eq!(host("\"github.com/a/b\"", &tofu()).as_deref(), Some("github.com"));
    assert_eq!(host("\"bitbucket.org/a/b\"", &terraform()).as_deref(), Some("bitbucket.org"));
    assert_eq!(host("\"bitbucket.org/a/b\"", &tofu()).as_deref(), Some("api.bitbucket.org"));
    assert_eq!(host("\"oci://h.example/x\"", &tofu()).as_deref(), Some("h.example"));
    assert_eq!(missing("\"oci://h.example/x\"", &terraform()), Some(MissingModule::Unevaluated));
    assert_eq!(missing("var.x", &tofu()), Some(MissingModule::Unevaluated));
    assert_eq!(missing("\"./${var.x}\"", &tofu()), Some(MissingModule::Unevaluated));
}

#[test]
fn directories_of_this_machine_are_read_where_they_are() {
    let elsewhere = Layout::of(&[
        ("main.tf", "module \"b\" {\n  source = \"./b\"\n}\n"),
        ("b/x.tf", "resource \"dog_x\" \"y\" {}\n"),
    ]);
    for prefix in ["", "file://"] {
        let text = format!("module \"a\" {{\n  source = \"{prefix}{}\"\n}}\n", elsewhere.path());
        let configuration = Layout::of(&[("main.tf", &text)]).read(&terraform());
        assert_eq!(local_names(configuration.children["a.b"].module.as_ref().unwrap()), ["dog"]);
    }
    let text = format!("module \"a\" {{\n  source = \"git::file://{}\"\n}}\n", elsewhere.path());
    let child = Layout::of(&[("main.tf", &text)]).read(&terraform()).children["a"].clone();
    assert!(child.module.is_none() && child.missing.is_none());
}

#[test]
fn vendored_modules_need_a_current_record() {
    use InstallationRecord as R;
    let call = "module \"a\" {\n  source = \"ns/name/sys\"\n  version = \"~> 5.0\"\n}\n";
    let git = "module \"a\" {\n  source = \"github.com/o/r//sub?ref=v1\"\n}\n";
    let slash = "module \"a\" {\n  source = \"github.com/o/r?ref=tags/0.2.2\"\n}\n";
    let local = "module \"a\" {\n  source = \"./m\"\n}\n";
    let current = "\"Source\":\"registry.terraform.io/ns/name/sys\",\"Version\":\"5.1.0\",\"Dir\":\"v\"";
    let cases = [
        (call, current, R::Installed, true),
        (call, "\"Source\":\"ns/name/sys\",\"Version\":\"5.1.0\",\"Dir\":\"v\"", R::Installed, true),
        (
            call,
            "\"Source\":\"registry.opentofu.org/ns/name/sys\",\"Version\":\"5.1.0\",\"Dir\":\"v\"",
            R::SourceChanged,
            false,
        ),
        (call, "\"Source\":\"ns/name/sys\",\"Version\":\"4.0.0\",\"Dir\":\"v\"", R::VersionChanged, false),
        (call, "\"Source\":\"ns/name/sys\",\"Version\":\"5.1.0\",\"Dir\":\"nowhere\"", R::DirectoryMissing, false),
        (call, "\"Source\":\"ns/name/sys\",\"Dir\":\"v\"", R::VersionUnrecorded, false),
        (git, "\"Source\":\"git::https://github.com/o/r.git//sub?ref=v1\",\"Dir\":\"v\"", R::Installed, true),
        (slash, "\"Source\":\"git::https://github.com/o/r.git?ref=tags/0.2.2\",\"Dir\":\"v\"", R::Installed, true),
        (git, "\"Source\":\"git::https://github.com/o/r.git//sub?ref=v2\",\"Dir\":\"v\"", R::SourceChanged, false),
        (local, "\"Source\":\"./m\",\"Dir\":\"m\"", R::Installed, true),
        (local, "\"Source\":\"./other\",\"Dir\":\"other\"", R::SourceChanged, true),
    ];
    for (call, record, expected, is_loaded) in cases {
        let manifest =
            format!("{{\"Modules\":[{{\"Key\":\"\",\"Source\":\"\",\"Dir\":\".\"}},{{\"Key\":\"a\",{record}}}]}}");
        let layout = Layout::of(&[
            ("main.tf", call),
            ("v/x.tf", ""),
            ("m/x.tf", ""),
            (".terraform/modules/modules.json", &manifest),
        ]);
        let child = layout.read(&terraform()).children["a"].clone();
        assert_eq!((child.record, child.module.is_some()), (expected, is_loaded), "{record}");
    }
}

#[test]
fn reinstalling_a_module_drops_the_records_below_it() {
    let manifest = "{\"Modules\":[{\"Key\":\"a.b\",\"Source\":\"ns/name/sys\",\"Version\":\"1.0.0\",\"Dir\":\"v\"}]}";
    let with_parent = manifest.replace("[{", "[{\"Key\":\"a\",\"Source\":\"./a\",\"Dir\":\"a\"},{");
    for (manifest, expected) in [(manifest, InstallationRecord::None), (&with_parent, InstallationRecord::Installed)] {
        let layout = Layout::of(&[
            ("main.tf", "module \"a\" {\n  source = \"./a\"\n}\n"),
            ("a/x.tf", "module \"b\" {\n  source = \"ns/name/sys\"\n}\n"),
            ("v/x.tf", ""),
            (".terraform/modules/modules.json", manifest),
        ]);
        assert_eq!(layout.read(&terraform()).children["a.b"].record, expected);
    }
}

#[test]
fn modules_that_call_each_other_end_the_tree() {
    let layout = Layout::of(&[
        ("main.tf", "module \"a\" {\n  source = \"./a\"\n}\n"),
        ("a/x.tf", "module \"b\" {\n  source = \"../b\"\n}\n"),
        ("b/x.tf", "module \"c\" {\n  source = \"../a\"\n}\n"),
    ]);
    let configuration = layout.read(&tofu());
    assert_eq!(configuration.children.len(), 3);
    assert_eq!(configuration.children["a.b.c"].missing, Some(MissingModule::Cycle));
}

#[test]
fn a_tree_that_grows_without_measure_is_cut_off() {
    let mut files: Vec<(String, String)> = (0..14)
        .map(|level| {
            let call = |name: &str| format!("module \"{name}\" {{\n  source = \"../m{}\"\n}}\n", level + 1);
            (format!("m{level}/x.tf"), call("a") + &call("b"))
        })
        .collect();
    files.push(("m14/x.tf".to_owned(), String::new()));
    files.push(("main.tf".to_owned(), "module \"a\" {\n  source = \"./m0\"\n}\n".to_owned()));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let configuration = Layout::of(&files).read(&tofu());
    assert_eq!(kinds(&configuration.root.not_understood), [ProblemKind::Limit]);
}

#[test]
fn a_broken_manifest_stops_the_engine() {
    for text in ["{", "[]", "{\"Modules\":[{\"Key\":\"a\"},{\"Key\":\"a\"}]}", "{\"Modules\":[{\"Version\":\"x\"}]}"] {
        let layout = Layout::of(&[("main.tf", ""), (".terraform/modules/modules.json", text)]);
        let errors = layout.read(&terraform()).manifest_errors;
        assert_eq!(kinds(&errors), [ProblemKind::Invalid], "{text}");
    }
    let layout = Layout::of(&[("main.tf", ""), (".terraform/modules/modules.json", "")]);
    assert_eq!(layout.read(&terraform()).manifest_errors, []);
}

#[test]
fn a_module_that_could_not_be_installed_is_recorded_nowhere() {
    let record = "{\"Modules\":[{\"Key\":\"a\",\"Source\":\"./a\",\"Dir\":\"\"}]}";
    let call = "module \"a\" {\n  source = \"./a\"\n}\n";
    let layout = Layout::of(&[("main.tf", call), (".terraform/modules/modules.json", record)]);
    let child = &layout.read(&tofu()).children["a"];
    assert_eq!(child.record, InstallationRecord::DirectoryMissing);
    assert!(matches!(child.missing, Some(MissingModule::Unreadable { .. })), "{child:?}");
}

#[test]
fn what_a_run_calls_may_call_the_root_module() {
    let layout = Layout::of(&[
        ("main.tf", "resource \"dog_x\" \"y\" {}\n"),
        ("main.tftest.hcl", "run \"a\" {\n  module {\n    source = \"./harness\"\n  }\n}\n"),
        ("harness/x.tf", "module \"main\" {\n  source = \"../\"\n}\n"),
    ]);
    let configuration = layout.read(&tofu());
    assert_eq!(local_names(configuration.children["test.main.a.main"].module.as_ref().unwrap()), ["dog"]);
}

fn store(layout: &Layout, rows: &[testing::Row<'_>]) -> ModuleStores {
    testing::store(&layout.path().join("store"), rows)
}

fn read_with_stores(layout: &Layout, stores: &ModuleStores, data_dir: &str) -> Configuration {
    let (root, data_dir) = (layout.path().join("ws"), Utf8Path::new(data_dir));
    let surroundings = Surroundings { variables: GivenVariables::default(), modules: stores, data_dir };
    read_with(&root, &root.join(data_dir), "tests", &terraform(), &surroundings, &mut Sources::default())
}

fn called() -> Layout {
    Layout::of(&[
        (
            "ws/main.tf",
            "module \"net\" {\n  source = \"h.example/a/net/aws\"\n  version = \"~> 1.0\"\n}\nmodule \"local\" {\n  \
             source = \"./local\"\n}\n",
        ),
        ("ws/local/main.tf", "module \"g\" {\n  source = \"git::https://h.example/g.git//m/a?ref=v1&depth=1\"\n}\n"),
        ("store/net/main.tf", "module \"own\" {\n  source = \"./link\"\n}\nresource \"dog_x\" \"y\" {}\n"),
        ("store/net/own/main.tf", "resource \"cat_x\" \"y\" {}\n"),
        ("store/g/m/a/main.tf", "module \"b\" {\n  source = \"../b\"\n}\n"),
        ("store/g/m/b/main.tf", ""),
    ])
    .link("own", "store/net/link")
}

const ROWS: &[testing::Row<'_>] = &[
    ("h.example/a/net/aws", Some("1.2.0"), "", "net"),
    ("h.example/a/net/aws", Some("2.0.0"), "", "g"),
    ("git::https://h.example/g.git?ref=v1&depth=1", None, "", "g"),
];

#[test]
fn what_a_store_has_is_recorded_as_the_engine_would_have_installed_it() {
    let layout = called();
    let configuration = read_with_stores(&layout, &store(&layout, ROWS), ".terraform");
    assert_eq!(configuration.children["net.own"].missing, None);
    let found = modules_manifest::text(&configuration.placement.records);
    assert_eq!(
        found,
        r#"{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"local","Source":"./local","Dir":"local"},{"Key":"local.g","Source":"git::https://h.example/g.git//m/a?ref=v1\u0026depth=1","Dir":".terraform/modules/local.g/m/a"},{"Key":"local.g.b","Source":"../b","Dir":".terraform/modules/local.g/m/b"},{"Key":"net","Source":"h.example/a/net/aws","Version":"1.2.0","Dir":".terraform/modules/net"},{"Key":"net.own","Source":"./link","Dir":".terraform/modules/net/own"}]}"#
    );
    let copies = configuration.placement.copies.iter();
    let copies: Vec<_> =
        copies.map(|copy| (copy.key.as_str(), copy.directory.as_str(), copy.tree.file_name().unwrap())).collect();
    assert_eq!(copies, [("net", ".terraform/modules/net", "net"), ("local.g", ".terraform/modules/local.g", "g")]);
}

#[test]
fn the_data_directory_is_named_as_the_engine_names_it() {
    let layout = called();
    let configuration = read_with_stores(&layout, &store(&layout, ROWS), "/data/./x");
    assert_eq!(configuration.placement.copies[0].directory, "/data/x/modules/net");
}

#[test]
fn what_is_installed_stays_and_what_a_store_lacks_needs_the_network() {
    let layout = called();
    let records = r#"{"Modules":[{"Key":"net","Source":"h.example/a/net/aws","Version":"1.0.5","Dir":"vendored"},{"Key":"net.own","Source":"./link","Dir":"vendored"},{"Key":"gone","Source":"./gone","Dir":"gone"},{"Key":"local.g.b","Source":"../b","Dir":"vendored"}]}"#;
    fs_err::create_dir_all(layout.path().join("ws/.terraform/modules")).unwrap();
    fs_err::create_dir_all(layout.path().join("ws/vendored")).unwrap();
    fs_err::write(layout.path().join("ws/.terraform/modules/modules.json"), records).unwrap();
    let configuration = read_with_stores(&layout, &store(&layout, ROWS), ".terraform");
    let keys: Vec<_> = configuration.placement.records.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(keys, ["", "gone", "local", "local.g", "local.g.b", "net", "net.own"]);
    assert_eq!(configuration.placement.records[4].directory, ".terraform/modules/local.g/m/b");
    assert_eq!(configuration.placement.records[5].version.as_deref(), Some("1.0.5"));
    assert_eq!(configuration.placement.copies.len(), 1);

    let configuration = read_with_stores(&layout, &store(&layout, &ROWS[1..2]), ".terraform");
    assert!(matches!(configuration.children["local.g"].missing, Some(MissingModule::NeedsNetwork { .. })));
    assert_eq!(configuration.placement, Placement::default());
}

#[test]
fn a_link_out_of_a_stored_tree_is_not_followed() {
    let layout = called().link("../../ws/local", "store/net/own/out");
    fs_err::write(layout.path().join("store/net/own/main.tf"), "module \"out\" {\n  source = \"./out\"\n}\n").unwrap();
    let configuration = read_with_stores(&layout, &store(&layout, ROWS), ".terraform");
    assert!(matches!(configuration.children["net.own.out"].missing, Some(MissingModule::Unreadable { .. })));
}
