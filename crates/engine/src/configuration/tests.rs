use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use airtight_provider::{EngineName, Version};

mod files;
mod modules;
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

fn summaries(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.summary.as_str()).collect()
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
        ("a = { source = \"x/y\", configuration_aliases = [a.b, a] }", Some("x/y"), None),
        // What the texts say is judged elsewhere.
        ("a = { source = \"a b c\", version = \"latest\" }", Some("a b c"), Some("latest")),
    ];
    for engine in [terraform(), tofu()] {
        for (entry, source, version) in cases {
            let module = read_text(&required(entry), &engine);
            assert_eq!((summaries(&module.errors), summaries(&module.not_understood)), (vec![], vec![]), "{entry}");
            let found = &module.required_providers["a"];
            assert_eq!((found.source.as_deref(), found.version.as_deref()), (source, version), "{entry}");
            assert_eq!(found.place.position.as_ref().unwrap().line, 3, "{entry}");
        }
    }
}

#[test]
fn required_providers_are_refused_as_the_engines_refuse_them() {
    let cases = [
        ("a = null", "Invalid required_providers object"),
        ("a = []", "Invalid required_providers object"),
        ("a = ({})", "Invalid required_providers object"),
        ("a = var.x", "Invalid required_providers object"),
        ("a = { sources = \"x/y\" }", "Invalid required_providers object"),
        ("a = { source = null }", "Invalid source"),
        ("a = { source = var.x }", "Invalid source"),
        ("a = { source = 1 }", "Invalid source"),
        ("a = { version = 1 }", "Invalid version constraint"),
        ("a = { version = var.x }", "Invalid version constraint"),
        ("a = { version = format(\"1\") }", "Invalid version constraint"),
        ("a = { (var.x) = 1 }", "Variables not allowed"),
        ("A = {}", "Invalid provider local name"),
        ("a_b = {}", "Invalid provider local name"),
        ("a {\n}", "Unexpected \"a\" block"),
        ("a = { configuration_aliases = a.b }", "Invalid expression"),
        ("a = { configuration_aliases = [b.c] }", "Invalid configuration_aliases value"),
        ("a = { configuration_aliases = [\"a.c\"] }", "Invalid expression"),
    ];
    for engine in [terraform(), tofu()] {
        for (entry, summary) in cases {
            let module = read_text(&required(entry), &engine);
            assert_eq!(summaries(&module.errors), [summary], "{entry}");
            assert!(module.required_providers.is_empty(), "{entry}");
        }
    }
}

#[test]
fn what_both_engines_refuse_in_a_module_is_an_error() {
    let cases = [
        ("banana {}\n", "Unsupported block type"),
        ("a = 1\n", "Unsupported argument"),
        ("terraform {\n  banana = 1\n}\n", "Unsupported argument"),
        ("terraform {\n  banana {}\n}\n", "Unsupported block type"),
        ("terraform \"x\" {}\n", "Extraneous label for terraform"),
        ("required_providers {}\n", "Invalid required_providers block"),
        ("resource \"a\" {}\n", "Missing name for resource"),
        ("resource \"a b\" \"c\" {}\n", "Invalid resource type name"),
        ("resource \"a_b\" \"1c\" {}\n", "Invalid resource name"),
        ("resource \"a_b\" \"c\" {}\nresource \"a_b\" \"c\" {}\n", "Duplicate resource \"a_b\" configuration"),
        ("data \"a_b\" \"c\" {}\ndata \"a_b\" \"c\" {}\n", "Duplicate data \"a_b\" configuration"),
        ("resource \"a_b\" \"c\" {\n  provider = \"x y\"\n}\n", "Invalid provider configuration reference"),
        ("resource \"a_b\" \"c\" {\n  provider = A.b\n}\n", "Invalid provider local name"),
        ("resource \"a_b\" \"c\" {\n  lifecycle {\n    x = 1\n  }\n}\n", "Unsupported argument"),
        (
            "resource \"a_b\" \"c\" {\n  count = 1\n  for_each = {}\n}\n",
            "Invalid combination of \"count\" and \"for_each\"",
        ),
        ("resource \"a_b\" \"c\" {\n  locals {}\n}\n", "Reserved block type name in resource block"),
        (
            "resource \"a_b\" \"c\" {\n  provisioner \"chef\" {\n    d = 1\n  }\n}\n",
            "The \"chef\" provisioner has been removed",
        ),
        ("resource \"a_b\" \"c\" {\n  provisioner \"x\" {\n    when = update\n  }\n}\n", "Invalid \"when\" keyword"),
        ("provider \"a\" {}\nprovider \"a\" {}\n", "Duplicate provider configuration"),
        (
            "provider \"a\" {\n  alias = \"b\"\n}\nprovider \"a\" {\n  alias = \"b\"\n}\n",
            "Duplicate provider configuration",
        ),
        ("provider \"a\" {\n  count = 1\n}\n", "Reserved argument name in provider block"),
        ("provider \"A\" {}\n", "Invalid provider local name"),
        ("provider \"a\" {\n  version = var.b\n}\n", "Variables not allowed"),
        ("module \"a\" {}\n", "Missing required argument"),
        ("module \"a\" {\n  source = \"./a\"\n  provider \"x\" {}\n}\n", "Reserved block type name in module block"),
        ("module \"a b\" {\n  source = \"./a\"\n}\n", "Invalid module instance name"),
        ("variable \"a\" {\n  banana = 1\n}\n", "Unsupported argument"),
        ("variable \"source\" {}\n", "Invalid variable name"),
        ("variable \"a\" {}\nvariable \"a\" {}\n", "Duplicate variable declaration"),
        ("variable \"a\" {\n  default = var.b\n}\n", "Variables not allowed"),
        ("variable \"a\" {\n  type = number\n  default = \"x\"\n}\n", "Invalid default value for variable"),
        ("variable \"a\" {\n  type = banana\n}\n", "Invalid type specification"),
        ("variable \"a\" {\n  type = \"string\"\n}\n", "Invalid quoted type constraints"),
        ("variable \"a\" {\n  sensitive = \"x\"\n}\n", "Unsuitable value type"),
        ("variable \"a\" {\n  nullable = false\n  default = null\n}\n", "Invalid default value for variable"),
        ("locals {\n  a = 1\n}\nlocals {\n  a = 1\n}\n", "Duplicate local value definition"),
        ("locals {\n  b {}\n}\n", "Unexpected \"b\" block"),
        ("output \"a\" {}\n", "Missing required argument"),
        ("output \"a\" {\n  value = 1\n}\noutput \"a\" {\n  value = 1\n}\n", "Duplicate output definition"),
        ("check \"a\" {}\n", "Zero assert blocks"),
        ("removed {}\n", "Missing required argument"),
        ("terraform {\n  backend \"local\" {}\n  backend \"s3\" {}\n}\n", "Duplicate backend configuration"),
        ("terraform {\n  backend {}\n}\n", "Missing type for backend"),
        (
            "terraform {\n  required_providers {}\n}\nterraform {\n  required_providers {}\n}\n",
            "Duplicate required providers configuration",
        ),
        ("resource \"a_b\" \"c\" {\n", "Unclosed configuration block"),
        ("resource \"a_b\" \"c\" {\n  d = \n}\n", "Invalid expression"),
    ];
    for engine in [terraform(), tofu()] {
        for (text, summary) in cases {
            let module = read_text(text, &engine);
            assert_eq!(
                (summaries(&module.errors), summaries(&module.not_understood)),
                (vec![summary], vec![]),
                "{text}"
            );
        }
    }
}

#[test]
fn a_provisioner_for_destroying_refers_to_its_resource_alone() {
    const SUMMARY: &str = "Invalid reference from destroy provisioner";
    let cases: &[(&str, &[&str])] = &[
        ("command = \"${self.id} ${count.index} ${each.key} ${path.module}\"", &[]),
        ("command = \"${[for v in self.x : v.y][0]}%{ for w in self.x }${w}%{ endfor }\"", &[]),
        ("command = { a = self.b }", &[]),
        ("command = var.x", &[SUMMARY]),
        ("command = \"a ${f(local.x)}\"", &[SUMMARY]),
        ("command = self.x[count.y]", &[SUMMARY]),
        ("command = each.value", &[SUMMARY]),
        ("command = [for v in a_b.d : v]", &[SUMMARY]),
        ("connection {\n      host = a_b.d.ip\n    }", &[SUMMARY]),
    ];
    for engine in [terraform(), tofu()] {
        for (text, expected) in cases {
            for (when, expected) in [("when = destroy", *expected), ("when = \"destroy\"", *expected), ("", &[])] {
                let block = format!("provisioner \"local-exec\" {{\n    {when}\n    {text}\n  }}");
                let module = read_text(&format!("resource \"a_b\" \"c\" {{\n  {block}\n}}\n"), &engine);
                assert_eq!(summaries(&module.errors), expected, "{block}");
                assert_eq!(module.not_understood, [], "{block}");
            }
        }
    }
}

#[test]
fn a_default_converts_to_the_type_of_its_variable() {
    const DEFAULT: &str = "Invalid default value for variable";
    const TYPE: &str = "Invalid type specification";
    let cases: &[(&str, &str, &[&str])] = &[
        ("string", "1", &[]),
        ("string", "[]", &[DEFAULT]),
        ("number", "\"1.5\"", &[]),
        ("number", "true", &[DEFAULT]),
        ("bool", "\"1\"", &[]),
        ("bool", "1", &[DEFAULT]),
        ("any", "[1, {}]", &[]),
        ("list", "[\"a\"]", &[]),
        ("list(string)", "[1, null, true]", &[]),
        ("list(string)", "\"a\"", &[DEFAULT]),
        ("list(number)", "[\"a\"]", &[DEFAULT]),
        ("list(any)", "[1, \"a\"]", &[]),
        ("list(any)", "[1, {}]", &[DEFAULT]),
        ("set(string)", "{}", &[DEFAULT]),
        ("map(number)", "{ a = \"1\", \"b\" = 2 }", &[]),
        ("map(number)", "{ a = {} }", &[DEFAULT]),
        ("map(any)", "[]", &[DEFAULT]),
        ("object({ a = number, b = optional(string) })", "{ a = 1, c = [] }", &[]),
        ("object({ a = number })", "{}", &[DEFAULT]),
        ("object({ a = optional(number, \"x\") })", "{}", &["Invalid default value for optional attribute"]),
        ("map(object({ a = bool }))", "{ k = { a = \"x\" } }", &[DEFAULT]),
        ("tuple([string, number])", "[\"a\", 1]", &[]),
        ("tuple([string, number])", "[\"a\"]", &[DEFAULT]),
        ("object({ a = number })", "null", &[]),
        ("strin", "1", &[TYPE]),
        ("list(strin)", "1", &[TYPE]),
        ("set", "[]", &[TYPE]),
        ("list(string, string)", "[]", &[TYPE]),
        ("lists(string)", "[]", &[TYPE]),
        ("string()", "\"a\"", &[TYPE]),
        ("object({ \"a\" = string })", "{}", &[TYPE]),
        ("optional(string)", "\"a\"", &[TYPE]),
        ("tuple(string)", "[]", &[TYPE]),
        ("[string]", "[]", &[TYPE]),
    ];
    for engine in [terraform(), tofu()] {
        for (wanted, default, expected) in cases {
            let module =
                read_text(&format!("variable \"x\" {{\n  type = {wanted}\n  default = {default}\n}}\n"), &engine);
            assert_eq!(summaries(&module.errors), *expected, "{wanted}, {default}");
            assert_eq!(module.not_understood, [], "{wanted}, {default}");
        }
    }
}

#[test]
fn files_with_values_of_variables_stop_the_engines_that_read_them() {
    let cases = [
        ("terraform.tfvars", "a = 1\n", None),
        ("terraform.tfvars", "\0GITCRYPT\0\u{1}", Some("Invalid character")),
        ("terraform.tfvars.json", "{", Some("Root value must be object")),
        ("b.auto.tfvars", "variable \"a\" {}\n", Some("Variable declaration in .tfvars file")),
        ("b.auto.tfvars", "c {}\n", Some("Unexpected \"c\" block")),
        ("b.auto.tfvars.json", "[]", Some("Incorrect JSON value type")),
        ("b.tfvars", "c {}\n", None),
    ];
    for (name, text, expected) in cases {
        let layout = Layout::of(&[("main.tf", ""), (name, text)]);
        assert_eq!(summaries(&layout.read(&tofu()).variables_errors).first().copied(), expected, "{name}: {text}");
        assert_eq!(layout.read(&terraform()).variables_errors, [], "{name}: {text}");
    }
    let dangling = Layout::of(&[("main.tf", "")]).link("nowhere", "b.auto.tfvars").link("nowhere", "terraform.tfvars");
    assert_eq!(summaries(&dangling.read(&tofu()).variables_errors), ["Failed to read variables file"]);
}

#[test]
fn what_only_some_engines_know_is_refused_by_the_others() {
    use EngineName::{Terraform, Tofu};
    type Releases = &'static [(EngineName, u64)];
    let cases: &[(&str, Releases, Releases)] = &[
        ("ephemeral \"a_b\" \"c\" {}\n", &[(Terraform, 10), (Tofu, 11)], &[(Terraform, 9), (Tofu, 10)]),
        ("removed {\n  from = a.b\n}\n", &[(Terraform, 7), (Tofu, 7)], &[(Terraform, 6), (Tofu, 6)]),
        ("removed {\n  from = a.b\n  lifecycle {}\n}\n", &[(Terraform, 7), (Tofu, 10)], &[(Tofu, 9)]),
        ("action \"a_b\" \"c\" {}\n", &[(Terraform, 14)], &[(Terraform, 13), (Tofu, 12)]),
        ("language {}\n", &[(Tofu, 12)], &[(Tofu, 11), (Terraform, 14)]),
        ("terraform {\n  encryption {}\n}\n", &[(Tofu, 7)], &[(Tofu, 6), (Terraform, 14)]),
        ("variable \"a\" {\n  ephemeral = true\n}\n", &[(Terraform, 10), (Tofu, 11)], &[(Terraform, 9), (Tofu, 10)]),
        ("variable \"a\" {\n  deprecated = \"x\"\n}\n", &[(Tofu, 10), (Terraform, 15)], &[(Terraform, 14), (Tofu, 9)]),
        ("output \"a\" {\n  value = 1\n  type = number\n}\n", &[(Terraform, 15)], &[(Terraform, 14), (Tofu, 12)]),
        ("terraform {\n  unknown = 1\n}\n", &[], &[(Terraform, 15), (Terraform, 16), (Tofu, 12)]),
        ("provider \"a\" {\n  alias = \"b\"\n  for_each = {}\n}\n", &[(Tofu, 9)], &[(Terraform, 11), (Tofu, 8)]),
        ("terraform {\n  experiments = [x]\n}\n", &[(Tofu, 12)], &[(Terraform, 11)]),
        (
            "resource \"a_b\" \"c\" {\n  lifecycle {\n    prevent_destroy = var.x\n  }\n}\n",
            &[(Tofu, 12)],
            &[(Tofu, 11), (Terraform, 14)],
        ),
        (
            "import {\n  to = a_b.c\n  identity = {}\n}\n",
            &[(Terraform, 12), (Tofu, 12)],
            &[(Terraform, 11), (Tofu, 11)],
        ),
        ("module \"a\" {\n  source = var.x\n}\n", &[(Tofu, 8), (Terraform, 15)], &[(Tofu, 7), (Terraform, 14)]),
    ];
    for (text, knowing, refusing) in cases {
        for (name, minor) in *knowing {
            let module = read_text(text, &of(*name, *minor));
            assert_eq!(summaries(&module.errors), [""; 0], "{name} 1.{minor}: {text}");
            assert_eq!(summaries(&module.not_understood), [""; 0], "{name} 1.{minor}: {text}");
        }
        for (name, minor) in *refusing {
            assert!(!read_text(text, &of(*name, *minor)).errors.is_empty(), "{name} 1.{minor}: {text}");
        }
    }
}

#[test]
fn what_an_engine_newer_than_known_may_accept_is_not_understood() {
    for engine in [of(EngineName::Terraform, 17), of(EngineName::Tofu, 14)] {
        for text in ["banana {}\n", "terraform {\n  banana = 1\n}\n", "variable \"a\" {\n  banana = 1\n}\n"] {
            let module = read_text(text, &engine);
            assert_eq!((module.errors.len(), module.not_understood.len()), (0, 1), "{engine}: {text}");
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
        assert_eq!(summaries(&module.errors), [""; 0]);
        let expected = ["dog", "cat", "plain", "google-beta", "null", "quoted", "bird", "fish", "horse", "snake"];
        assert_eq!(local_names(&module), expected);
        assert_eq!(module.uses[0].what, "resource.dog_house.a");
        assert_eq!(module.uses[8].what, "data.horse_box.j");
    }
}

#[test]
fn an_import_into_a_declared_resource_or_a_module_is_a_use_to_opentofu_alone() {
    let text = "
        resource \"terraform_data\" \"x\" {}
        import {\n to = terraform_data.x\n id = \"1\"\n }
        import {\n to = module.m.foo_bar.x\n id = \"1\"\n }
    ";
    assert_eq!(local_names(&read_text(text, &terraform())), ["terraform"]);
    assert_eq!(local_names(&read_text(text, &tofu())), ["terraform", "terraform", "foo"]);
    let text =
        "resource \"terraform_data\" \"x\" {}\nimport {\n  to = terraform_data.x\n  id = \"1\"\n  provider = foo\n}\n";
    for engine in [terraform(), tofu()] {
        assert_eq!(summaries(&read_text(text, &engine).requirement_errors), ["Invalid import provider argument"]);
    }
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
    let module = read_text("terraform {\n  backend \"local\" {\n    path = \"x/y.tfstate\"\n  }\n}\n", &terraform());
    let backend = module.backend.unwrap();
    assert_eq!((backend.kind.as_str(), backend.path.as_deref()), ("local", Some("x/y.tfstate")));
    let module = read_text("terraform {\n  backend \"local\" {\n    path = var.x\n  }\n}\n", &tofu());
    assert_eq!(summaries(&module.not_understood), ["Backend configuration not understood"]);
    let module = read_text("terraform {\n  backend \"s3\" {\n    bucket = var.x\n  }\n}\n", &tofu());
    assert_eq!(module.backend.unwrap().kind, "s3");
    assert_eq!(read_text("terraform {\n  cloud {}\n}\n", &terraform()).backend.unwrap().kind, "cloud");
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
    assert_eq!(found(&tofu()), [true]);
    let module = read_text("language {\n  compatible_with {\n    opentofu = \">= 1.12\"\n  }\n}\n", &tofu());
    assert_eq!(module.core_versions[0].text, ">= 1.12");
    assert!(module.core_versions[0].is_for_tofu);
    let not_constant = "terraform {\n  required_version = var.x\n}\n";
    assert_eq!(summaries(&read_text(not_constant, &terraform()).errors), ["Variables not allowed"]);
    assert_eq!(summaries(&read_text(not_constant, &tofu()).errors), [""; 0]);
}

#[test]
fn json_says_the_same_as_native_syntax() {
    let cases = [
        (r#"{"terraform": {"required_providers": {"a": {"source": "x/y", "version": "1.0"}}}}"#, "a", "x/y"),
        (r#"{"terraform": [{"required_providers": [{"a": {"source": "x/y"}}]}]}"#, "a", "x/y"),
        (r#"[{"terraform": {"required_providers": {"//": "z", "a": {"source": "x/y"}}}}, {"//": {}}]"#, "a", "x/y"),
        (r#"{"terraform": {"required_providers": {"a": {"source": "${x}/y"}}}}"#, "a", "${x}/y"),
        (
            r#"{"terraform": {"required_version": "> 0"}, "terraform": {"required_providers": {"a": {"source": "x/y"}}}}"#,
            "a",
            "x/y",
        ),
    ];
    for engine in [terraform(), tofu()] {
        for (text, name, source) in cases {
            let module = Layout::of(&[("main.tf.json", text)]).read(&engine).root;
            assert_eq!(summaries(&module.errors), [""; 0], "{text}");
            assert_eq!(module.required_providers[name].source.as_deref(), Some(source), "{text}");
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
        assert_eq!(summaries(&configuration.root.errors), [""; 0]);
        assert_eq!(local_names(&configuration.root), ["dog", "cat", "fish", "bird", "snake"]);
        assert_eq!(configuration.root.provider_blocks.len(), 2);
        assert!(configuration.children["m"].module.is_some());
    }
}

#[test]
fn json_is_refused_as_the_engines_refuse_it() {
    let cases = [
        ("", "Missing value"),
        ("\u{feff}{}", "Invalid start of value"),
        ("{ // x\n}", "Root value must be object"),
        ("{\"a\": 1,}", "Root value must be object"),
        ("1", "Root value must be object"),
        ("null", "Root value must be object"),
        ("{\"resource\": {\"a_b\": null}}", "Missing block label"),
        ("{\"banana\": {}}", "Extraneous JSON object property"),
        ("{\"resource\": {\"a_b\": 1}}", "Incorrect JSON value type"),
        ("{\"resource\": {\"a_b\": {}}}", "Missing block label"),
        ("{\"terraform\": {\"required_providers\": {\"a\": {}, \"a\": {}}}}", "Duplicate attribute definition"),
        ("{\"terraform\": {\"required_providers\": 1}}", "Incorrect JSON value type"),
        ("{\"terraform\": {\"required_providers\": {\"a\": null}}}", "Invalid required_providers object"),
        ("{\"module\": {\"m\": {\"source\": \"./m\", \"source\": \"./m\"}}}", "Duplicate argument"),
    ];
    for engine in [terraform(), tofu()] {
        for (text, summary) in cases {
            let module = Layout::of(&[("main.tf.json", text)]).read(&engine).root;
            assert_eq!(summaries(&module.errors).first(), Some(&summary), "{text}");
        }
    }
}

#[test]
fn the_structure_survives_expressions_that_cannot_be_read() {
    let hard = "{\n    for k, v in x : k => v &&\n    w\n  }";
    let module = read_text(&format!("locals {{\n  a = {hard}\n}}\nresource \"dog_x\" \"y\" {{}}\n"), &tofu());
    assert_eq!((module.errors.len(), module.not_understood.len()), (0, 0));
    assert_eq!(local_names(&module), ["dog"]);
    let module = read_text(&required(&format!("a = {hard}")), &tofu());
    assert_eq!((module.errors.len(), module.not_understood.len()), (0, 1));
}

#[test]
fn a_missing_root_module_is_an_error_and_an_empty_one_is_not() {
    let layout = Layout::of(&[("x/main.tf", "")]);
    assert_eq!(layout.read(&tofu()).root.errors, []);
    let missing = layout.path().join("nowhere");
    let configuration = read(&missing, &missing, "tests", &tofu(), &mut Sources::default());
    assert_eq!(summaries(&configuration.root.errors), ["Failed to read module directory"]);
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
