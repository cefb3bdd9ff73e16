use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use airtight_hcl::ProblemKind;
use airtight_provider::{EngineName, Version};

mod files;
mod modules;
mod syntax;
mod test_files;

/// A root module in a directory that goes away.
struct Layout {
    directory: TempDir,
}

impl Layout {
    fn of(files: &[(&str, &str)]) -> Self {
        let layout = Self { directory: tempfile::tempdir().unwrap() };
        for (path, text) in files {
            let path = layout.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        layout
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    fn link(self, target: &str, path: &str) -> Self {
        fs_err::os::unix::fs::symlink(target, self.path().join(path)).unwrap();
        self
    }

    fn read(&self, engine: &Engine) -> Configuration {
        let root = self.path();
        read(root, &root.join(".terraform"), "tests", engine, &mut Sources::default())
    }
}

fn terraform() -> Engine {
    Engine::new(EngineName::Terraform, Version::release(1, 11, 4))
}

fn tofu() -> Engine {
    Engine::new(EngineName::Tofu, Version::release(1, 12, 6))
}

fn of(name: EngineName, minor: u64) -> Engine {
    Engine::new(name, Version::release(1, minor, 0))
}

fn read_text(text: &str, engine: &Engine) -> Module {
    Layout::of(&[("main.tf", text)]).read(engine).root
}

fn kinds(problems: &[Problem]) -> Vec<ProblemKind> {
    problems.iter().map(|problem| problem.kind).collect()
}

fn local_names(module: &Module) -> Vec<&str> {
    module.uses.iter().map(|used| used.local_name.as_str()).collect()
}

fn required(entry: &str) -> String {
    format!("terraform {{\n  required_providers {{\n    {entry}\n  }}\n}}\n")
}

#[test]
fn required_providers_are_read_in_every_form() {
    let cases = [
        ("a = {}", None, None),
        ("a = { source = \"x/y\" }", Some("x/y"), None),
        ("a = { source = \"x/y\", version = \"~> 1.0\" }", Some("x/y"), Some("~> 1.0")),
        ("a = {\n \"source\": \"x/y\"\n \"version\" = \"1\"\n}", Some("x/y"), Some("1")),
        ("a = { (\"source\") = \"x/y\" }", Some("x/y"), None),
        ("a = \"~> 1.0\"", None, Some("~> 1.0")),
        ("a = 1", None, Some("1")),
        ("a = 1.50", None, Some("1.5")),
        ("a = \"${\"1.0\"}\"", None, Some("1.0")),
        ("a = { version = true ? \"1.0.0\" : \"2.0.0\" }", None, Some("1.0.0")),
        ("a = { source = \"${\"x\"}/y\" }", Some("x/y"), None),
        // The last of two equal keys is used.
        ("a = { version = \"1\", source = \"x/z\", version = \"2\", source = \"x/y\" }", Some("x/y"), Some("2")),
        ("a = { # of x\n source = \"x/y\" // y\n version = /* 1 */ \"2\"\n}", Some("x/y"), Some("2")),
        ("a = { source = \"x/y\", configuration_aliases = [a.b, a] }", Some("x/y"), None),
        // What the texts say is judged elsewhere.
        ("a = { source = \"a b c\", version = \"latest\" }", Some("a b c"), Some("latest")),
    ];
    for engine in [terraform(), tofu()] {
        for (entry, source, version) in cases {
            let module = read_text(&required(entry), &engine);
            assert_eq!(kinds(&module.not_understood), [], "{entry}");
            let found = &module.required_providers["a"];
            assert_eq!((found.source.as_deref(), found.version.as_deref()), (source, version), "{entry}");
            assert_eq!(found.place.position.as_ref().unwrap().line, 3, "{entry}");
        }
    }
}

#[test]
fn every_block_that_needs_a_provider_is_a_use() {
    let text = "
        resource \"dog_house\" \"a\" {}
        resource \"Cat_house\" \"b\" {}
        resource \"plain\" \"c\" {}
        resource \"dog_house\" \"d\" {\n provider = google-beta\n }
        resource \"dog_house\" \"e\" {\n provider = null.west\n }
        resource \"dog_house\" \"f\" {\n provider = \"quoted.west\"\n }
        data \"bird_nest\" \"g\" {}
        ephemeral \"fish_bowl\" \"h\" {}
        check \"i\" {
          data \"horse_box\" \"j\" {}
          assert {\n condition = data.horse_box.j.x\n error_message = \"\"\n }
        }
        import {\n to = snake_pit.k[\"x\"]\n id = \"1\"\n }
        moved {\n from = x_y.a\n to = x_y.b\n }
    ";
    for engine in [terraform(), tofu()] {
        let module = read_text(text, &engine);
        assert_eq!(kinds(&module.not_understood), []);
        let expected = ["dog", "cat", "plain", "google-beta", "null", "quoted", "bird", "fish", "horse", "snake"];
        assert_eq!(local_names(&module), expected);
        assert_eq!(module.uses[0].what, "resource.dog_house.a");
        assert_eq!(module.uses[8].what, "data.horse_box.j");
    }
}

#[test]
fn what_is_not_constant_in_a_requirement_is_left_to_the_engine() {
    let cases = [
        ("a = var.x", false),
        ("a = null", false),
        ("a = { source = var.x }", false),
        ("a = { source = \"${local.x}/y\" }", false),
        ("a = { source = 1 }", false),
        ("a = { (var.x) = 1 }", false),
        ("a = { for k, v in x : k => v }", false),
        ("a = { source = \"x/y\", version = var.x }", true),
        ("a = { source = \"x/y\", version = format(\"1\") }", true),
        ("a = {\n version = <<EOT\n1\nEOT\n source = \"x/y\"\n}", true),
    ];
    for (entry, is_known) in cases {
        let module = read_text(&required(entry), &of(EngineName::Terraform, 17));
        assert_eq!(kinds(&module.not_understood)[0], ProblemKind::Unevaluated, "{entry}");
        assert_eq!(module.required_providers.contains_key("a"), is_known, "{entry}");
        assert!((3..5).contains(&module.not_understood[0].place.position.as_ref().unwrap().line), "{entry}");
    }
    let json = r#"{"terraform": {"required_providers": {"a": {"source": "${var.x}/y"}}}}"#;
    let module = Layout::of(&[("main.tf.json", json)]).read(&of(EngineName::Terraform, 17)).root;
    assert_eq!((kinds(&module.not_understood), module.required_providers.len()), (vec![ProblemKind::Unevaluated], 0));
}

#[test]
fn blocks_that_are_not_known_may_need_providers() {
    let texts = ["banana {}\n", "terraform {\n  state_store \"x\" {}\n}\n", "resource \"a\" {}\n"];
    for engine in [terraform(), of(EngineName::Terraform, 99), of(EngineName::Tofu, 99)] {
        for text in texts {
            assert_eq!(kinds(&read_text(text, &engine).not_understood), [ProblemKind::Unknown], "{text}");
        }
        let json = Layout::of(&[("main.tf.json", r#"{"banana": {}, "//": 1}"#)]).read(&engine).root;
        assert_eq!(kinds(&json.not_understood), [ProblemKind::Unknown]);
    }
}

#[test]
fn what_only_the_engine_judges_is_passed_over() {
    let text = "
        variable \"a\" {\n type = banana\n banana = 1\n const = true\n}
        resource \"a_b\" \"c\" {\n count = 1\n for_each = {}\n lifecycle {\n x = 1\n }\n }
        moved {}
        removed {\n from = 1\n }
        output \"a\" {}
        locals {\n a = f(<<EOT\nEOT\n)\n}
        language {\n edition = x\n }
        terraform {\n experiments = [x]\n provider_meta \"x\" {\n y = var.z\n }\n }
    ";
    for engine in [terraform(), tofu()] {
        let module = read_text(text, &engine);
        assert_eq!((kinds(&module.not_understood), local_names(&module)), (vec![], vec!["a"]));
    }
}

#[test]
fn an_import_into_a_declared_resource_or_a_module_is_a_use_to_opentofu_alone() {
    let text = "
        resource \"terraform_data\" \"x\" {}
        import {\n to = terraform_data.x\n id = \"1\"\n }
        import {\n to = module.m[each.key].foo_bar.x[0]\n id = \"1\"\n }
    ";
    assert_eq!(local_names(&read_text(text, &terraform())), ["terraform"]);
    assert_eq!(local_names(&read_text(text, &tofu())), ["terraform", "terraform", "foo"]);
    let data = "import {\n  to = data.foo_bar.x\n  id = \"1\"\n}\n";
    assert_eq!(local_names(&read_text(data, &tofu())), ["foo"]);
    let unread = read_text("import {\n  to = var.x ? a_b.c : a_b.d\n  id = \"1\"\n}\n", &tofu());
    assert_eq!(kinds(&unread.not_understood), [ProblemKind::Unevaluated]);
}

#[test]
fn an_import_needs_the_provider_of_its_target_s_type_in_some_versions() {
    let text = "import {\n  to = null_resource.x\n  id = \"1\"\n  provider = random\n}\n";
    for (engine, version, expected) in [
        (EngineName::Terraform, "1.6.6", &["null", "random"][..]),
        (EngineName::Terraform, "1.7.0", &["random"]),
        (EngineName::Tofu, "1.9.0", &["null", "random"]),
        (EngineName::Tofu, "1.9.1", &["random"]),
    ] {
        let module = read_text(text, &Engine::new(engine, version.parse().unwrap()));
        assert_eq!(local_names(&module), expected, "{engine} {version}");
    }
}

#[test]
fn provider_blocks_keep_their_versions() {
    let module =
        read_text("provider \"a\" {\n  version = \"~> 1.0\"\n}\nprovider \"a\" {\n  alias = \"b\"\n}\n", &tofu());
    let found: Vec<_> = module.provider_blocks.iter().map(|b| (b.local_name.as_str(), b.version.as_deref())).collect();
    assert_eq!(found, [("a", Some("~> 1.0")), ("a", None)]);
}

#[test]
fn backends_and_their_constant_paths_are_read() {
    let backend = |text: &str| read_text(&format!("terraform {{\n  {text}\n}}\n"), &tofu()).backend.unwrap();
    let local = backend("backend \"local\" {\n path = \"x/y.tfstate\"\n }");
    assert_eq!(
        (local.kind.as_str(), local.path.as_deref(), local.is_unevaluated),
        ("local", Some("x/y.tfstate"), false)
    );
    let local = backend("backend \"local\" {\n path = \"${var.x}.tfstate\"\n }");
    assert_eq!((local.path, local.is_unevaluated), (None, true));
    let remote = backend("backend \"s3\" {\n bucket = var.x\n }");
    assert_eq!((remote.kind.as_str(), remote.is_unevaluated), ("s3", false));
    assert_eq!(backend("cloud {}").kind, "cloud");
    assert!(read_text("terraform {\n  encryption {}\n}\n", &tofu()).has_encryption);
}

#[test]
fn required_versions_say_whether_they_are_meant_for_opentofu() {
    let text = "terraform {\n  required_version = \">= 1.6\"\n}\n";
    let layout = Layout::of(&[("a.tf", text), ("b.tofu", text)]);
    let found = |engine: &Engine| -> Vec<bool> {
        layout.read(engine).root.core_versions.iter().map(|version| version.is_for_tofu).collect()
    };
    assert_eq!(found(&terraform()), [false]);
    assert_eq!(found(&of(EngineName::Tofu, 8)), [false, true]);
    assert_eq!(found(&tofu()), [false, true]);
    let module = read_text("language {\n  compatible_with {\n    opentofu = \">= 1.12\"\n  }\n}\n", &tofu());
    assert_eq!(module.core_versions[0].text, ">= 1.12");
    assert!(module.core_versions[0].is_for_tofu);
}

#[test]
fn json_says_the_same_as_native_syntax() {
    let cases = [
        (r#"{"terraform": {"required_providers": {"a": {"source": "x/y", "version": "1.0"}}}}"#, "a", "x/y"),
        (r#"{"terraform": [{"required_providers": [{"a": {"source": "x/y"}}]}]}"#, "a", "x/y"),
        (r#"[{"terraform": {"required_providers": {"//": "z", "a": {"source": "x/y"}}}}, {"//": {}}]"#, "a", "x/y"),
        (
            r#"{"terraform": {"required_version": "> 0"}, "terraform": {"required_providers": {"a": {"source": "x/y"}}}}"#,
            "a",
            "x/y",
        ),
    ];
    for engine in [terraform(), tofu()] {
        for (text, name, source) in cases {
            let module = Layout::of(&[("main.tf.json", text)]).read(&engine).root;
            assert_eq!(kinds(&module.not_understood), [], "{text}");
            assert_eq!(module.required_providers[name].source.as_deref(), Some(source), "{text}");
            assert_eq!(module.required_providers[name].place, Place::file(&module.files[0]));
        }
        let text = r#"{
            "resource": {"dog_house": {"a": {}, "b": [{"provider": "cat.west", "//": 1}]}, "fish_x": [{"c": {}}]},
            "data": {"bird_nest": {"d": {}}},
            "module": {"m": {"source": "./m"}},
            "provider": {"null": [{}, {"alias": "x"}]},
            "variable": {"v": {"type": "string", "default": "${not.a.template}"}},
            "output": {"o": {"value": "${x.y}"}},
            "locals": {"l": 1},
            "import": [{"to": "snake_pit.x", "id": "1"}]
        }"#;
        let layout = Layout::of(&[("main.tf.json", text), ("m/x.tf", "")]);
        let configuration = layout.read(&engine);
        assert_eq!(kinds(&configuration.root.not_understood), []);
        assert_eq!(local_names(&configuration.root), ["dog", "cat", "fish", "bird", "snake"]);
        assert_eq!(configuration.root.provider_blocks.len(), 2);
        assert!(configuration.children["m"].module.is_some());
    }
}

#[test]
fn a_missing_root_module_is_noted_and_an_empty_one_is_not() {
    let layout = Layout::of(&[("x/main.tf", "")]);
    assert_eq!(layout.read(&tofu()).root.not_understood, []);
    let missing = layout.path().join("nowhere");
    let configuration = read(&missing, &missing, "tests", &tofu(), &mut Sources::default());
    assert_eq!(kinds(&configuration.root.not_understood), [ProblemKind::Unreadable]);
}

const SOUND: &str = "terraform {\n  required_providers {\n    a = { source = \"x/y\", version = \"1\" }\n  }\n  backend \"local\" {}\n}\nresource \"a_b\" \"c\" {\n  provider = a.b\n}\nmodule \"m\" {\n  source = \"./m\"\n}\nimport {\n  to = a_b.c\n  id = 1\n}\n";
const SOUND_JSON: &str = r#"{"terraform":{"required_providers":{"a":{"source":"x/y"}}},"resource":{"a_b":{"c":[{"provider":"a.b"}]}},"module":{"m":{"source":"./m"}},"provider":{"a":{}}}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_mutation_makes_the_reader_panic(
        at in 0..SOUND.len(), count in 0..20_usize, insert in "[\"${}a.\\[\\]=\n\\\\é]{0,4}"
    ) {
        let mut bytes = SOUND.as_bytes().to_vec();
        let end = (at + count).min(bytes.len());
        bytes.splice(at..end, insert.into_bytes());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        read_text(&text, &tofu());
        read_text(&text, &terraform());
    }

    #[test]
    fn no_mutation_of_json_makes_the_reader_panic(
        at in 0..SOUND_JSON.len(), count in 0..20_usize, insert in "[\"{}\\[\\]:,1n]{0,4}"
    ) {
        let mut bytes = SOUND_JSON.as_bytes().to_vec();
        let end = (at + count).min(bytes.len());
        bytes.splice(at..end, insert.into_bytes());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Layout::of(&[("main.tf.json", &text)]).read(&tofu());
    }
}

#[test]
fn no_line_of_a_module_outside_is_kept_if_a_link_leads_to_it() {
    let tree = Layout::of(&[
        ("repository/main.tf", "module \"m\" {\n  source = \"./m\"\n}\nmodule \"n\" {\n  source = \"../plain\"\n}\n"),
        ("outside/main.tf", "resource \"a_b\" \"x\" {}\n"),
        ("plain/main.tf", "resource \"c_d\" \"x\" {}\n"),
    ])
    .link("../outside", "repository/m");
    let root = tree.path().join("repository");
    let mut sources = Sources::of_repository(&root);
    let read = super::read(&root, &root.join(".terraform"), "tests", &tofu(), &mut sources);
    let text = |directory: &str| sources.get(&read.children[directory].module.as_ref().unwrap().files[0]);
    assert_eq!((text("m"), text("n")), (None, Some("resource \"c_d\" \"x\" {}\n")));
}
