use proptest::prelude::*;

use super::*;
use airtight_provider::Version;

fn engine(name: EngineName, minor: u64) -> Engine {
    Engine::new(name, Version::release(1, minor, 0))
}

fn terraform() -> Engine {
    engine(EngineName::Terraform, 11)
}

fn tofu() -> Engine {
    engine(EngineName::Tofu, 12)
}

/// The effects, the messages, and what is left of the methods.
fn outcome(text: &str, engine: &Engine) -> (Vec<Effect>, String, Option<Vec<String>>) {
    let config = parse("rc".into(), text, engine);
    let effects = config.problems.iter().map(|problem| problem.effect).collect();
    let messages = config.problems.iter().map(|CliConfigProblem { problem, .. }| match problem.detail.as_str() {
        "" => problem.summary.clone(),
        detail => detail.to_owned(),
    });
    let methods = config.installation.map(|installation| {
        let name = |method: &Method| match &method.kind {
            MethodKind::Direct => "direct".to_owned(),
            MethodKind::FilesystemMirror { path } => path.clone(),
            MethodKind::NetworkMirror { url } => url.clone(),
            MethodKind::OciMirror { repository } => repository.clone(),
        };
        installation.methods.iter().map(name).collect()
    });
    (effects, messages.collect::<Vec<_>>().join("\n"), methods)
}

fn in_block(methods: &str) -> String {
    format!("provider_installation {{\n{methods}\n}}\n")
}

#[test]
fn a_mistake_in_the_syntax_drops_the_file() {
    let cases = [
        (
            "provider_installation {\n  filesystem_mirror {\n    path = \"/m\"\n",
            "At 4:2: object expected closing RBRACE got: EOF",
        ),
        (
            "provider_installation {\n  filesystem_mirror {\n    path = pathexpand(\"/m\")\n  }\n}\n",
            "At 3:12: Unknown token: 3:12 IDENT",
        ),
        (
            "provider_installation {\n  filesystem_mirror {\n    path = /m\n  }\n}\n",
            "At 3:12: expected '/' for comment",
        ),
        ("provider_installation {\n  filesystem_mirror {\n    path = '/m'\n  }\n}\n", "At 3:12: illegal char"),
        ("\u{FEFF}provider_installation {\n}\n", "At 1:1: illegal char"),
        (
            "provider_installation {\n  filesystem_mirror {\n    path = \"C:\\providers\"\n  }\n}\n",
            "At 3:16: illegal char escape",
        ),
        ("a", "At 1:3: key expected start of object ('{') or assignment ('=')"),
        ("a \"b\" = {}", "At 1:7: nested object expected: LBRACE got: ASSIGN"),
        ("{\"a\": nope}", "1:10: illegal char"),
        ("plugin_cache_dir = true", "At 1:20: root.plugin_cache_dir: unknown type for string *ast.LiteralType"),
        ("PLUGIN_CACHE_DIR = true", "At 1:20: root.plugin_cache_dir: unknown type for string *ast.LiteralType"),
        ("host = \"x\"", "At 1:8: root.host: not an object type for map (*ast.LiteralType)"),
        (
            "credentials { token = \"s3cret\" }",
            "At 1:23: root.credentials.token: not an object type for map (*ast.LiteralType)",
        ),
    ];
    for (text, message) in cases {
        let expected = (vec![Effect::FileDropped], format!("Error parsing rc: {message}"), None);
        assert_eq!(outcome(text, &terraform()), expected, "{text}");
    }
}

#[test]
fn a_mistake_in_a_block_drops_the_block_or_the_method() {
    use Effect::{BlockDropped, MethodDropped, None as Survives};
    let good = "  filesystem_mirror {\n    path = \"/m\"\n  }\n";
    let left = Some(vec!["/m".to_owned()]);
    let nothing_left = Some(Vec::new());
    let cases = [
        (
            "provider_installation = {\n  filesystem_mirror = {\n    path = \"/m\"\n  }\n}\n".to_owned(),
            BlockDropped,
            "The provider_installation block at 1:1 must not be introduced with an equals sign.",
            None,
        ),
        (
            in_block("  filesystem_mirror = {\n    path = \"/m\"\n  }"),
            MethodDropped,
            "The items inside the provider_installation block at 1:1 must all be blocks.",
            nothing_left.clone(),
        ),
        (
            format!("provider_installation \"x\" {{\n{good}}}\n"),
            Survives,
            "The provider_installation block at 1:1 must not have any labels.",
            left.clone(),
        ),
        (
            in_block("  filesystem_mirror \"x\" {\n    path = \"/m\"\n  }"),
            Survives,
            "The blocks inside the provider_installation block at 1:1 may not have any labels.",
            left.clone(),
        ),
        (
            in_block(&format!("  file_mirror {{\n  }}\n{good}")),
            MethodDropped,
            "Unknown provider installation method \"file_mirror\" at 2:3.",
            left.clone(),
        ),
        (
            in_block("  filesystem_mirror {\n    paths = \"/m\"\n  }"),
            MethodDropped,
            "Invalid filesystem_mirror block at 1:1: \"path\" argument is required.",
            nothing_left.clone(),
        ),
        (
            in_block("  filesystem_mirror {\n    path = \"/m\"\n    include = \"hashicorp/null\"\n  }"),
            MethodDropped,
            "Invalid filesystem_mirror block at 1:1: At 4:15: unknown slice type: *ast.LiteralType.",
            nothing_left.clone(),
        ),
        (
            in_block(&format!("{good}  dev_overrides {{\n    \"hashicorp/null\" = \"/dev\"\n  }}\n")),
            MethodDropped,
            "The dev_overrides block at 5:3 must appear before all other installation methods, because development \
             overrides always have the highest priority.",
            left.clone(),
        ),
        (
            in_block(&format!("  network_mirror {{\n    url = \"http://u:s3cret@h/\"\n  }}\n{good}")),
            MethodDropped,
            "Cannot use \"http://...@h/\" as a URL for a network provider mirror: the mirror must be at an https: URL.",
            left.clone(),
        ),
        (
            in_block(&format!("  oci_mirror {{\n  }}\n{good}")),
            MethodDropped,
            "Unknown provider installation method \"oci_mirror\" at 2:3.",
            left.clone(),
        ),
        (
            format!("{}{}", in_block(good), in_block("  direct {}")),
            BlockDropped,
            "No more than one provider_installation block may be specified",
            left.clone(),
        ),
    ];
    for (text, effect, message, methods) in cases {
        assert_eq!(outcome(&text, &terraform()), (vec![effect], message.to_owned(), methods), "{text}");
    }
}

#[test]
fn a_wrong_pattern_drops_its_method() {
    for pattern in ["bad", "a/b/c/d", "*", "*/hashicorp/null", "registry.terraform.io/*/null", "hashi_corp/*"] {
        let text = in_block(&format!(
            "  filesystem_mirror {{\n path = \"/n\"\n include = [\"{pattern}\"]\n}}\n direct {{ exclude = [\"a/b\"] }}"
        ));
        let (effects, message, methods) = outcome(&text, &terraform());
        assert_eq!((effects, methods), (vec![Effect::MethodDropped], Some(vec!["direct".to_owned()])), "{pattern}");
        assert!(message.starts_with("CLI config specifies invalid provider inclusion patterns: "), "{message}");
    }
}

#[test]
fn what_the_engine_reads_without_a_word_is_no_problem() {
    let cases = [
        ("provider_installation { filesystem_mirror { path = \"/m\" } }".to_owned(), Some(vec!["/m"])),
        (
            "# a\n// b\n/* c */\r\nprovider_installation {\r\n  filesystem_mirror {\r\n path = \"/m\" }\r\n}"
                .to_owned(),
            Some(vec!["/m"]),
        ),
        ("\"provider_installation\" { \"filesystem_mirror\" { \"path\" = \"/m\", }, }".to_owned(), Some(vec!["/m"])),
        ("foo = \"bar\"\nbaz { a = 1 }\n".to_owned() + &in_block("direct { includes = [] }"), Some(vec!["direct"])),
        ("{\"provider_installation\": [{\"filesystem_mirror\": [{\"path\": \"/m\"}]}]}".to_owned(), Some(vec!["/m"])),
        ("{\"foo\": {\"a\": 1".to_owned(), None),
        (in_block("filesystem_mirror { path = <<EOF\n/m\nEOF\n}"), Some(vec!["/m\n"])),
        (in_block("filesystem_mirror { path = <<-EOF\n    /m\n    EOF\n}"), Some(vec!["/m\n"])),
        (in_block("filesystem_mirror { path = 7 }"), Some(vec!["7"])),
        (in_block(""), Some(vec![])),
        ("Provider_Installation { direct {} }".to_owned(), None),
        ("credentials \"app.terraform.io\" { token = \"x\" }".to_owned(), None),
        (String::new(), None),
        ("a = ".to_owned(), None),
    ];
    for (text, methods) in cases {
        let methods = methods.map(|methods| methods.iter().map(ToString::to_string).collect());
        for engine in [terraform(), tofu()] {
            assert_eq!(outcome(&text, &engine), (Vec::new(), String::new(), methods.clone()), "{text}");
        }
    }
}

#[test]
fn an_argument_that_is_set_twice_drops_the_file_for_tofu_since_1_12() {
    let text = in_block("  filesystem_mirror {\n    path = \"/nope\"\n    path = \"/m\"\n  }");
    for engine in [terraform(), engine(EngineName::Tofu, 11)] {
        assert_eq!(outcome(&text, &engine), (Vec::new(), String::new(), Some(vec!["/m".to_owned()])));
    }
    let message =
        "Error parsing rc: The argument \"path\" at 4:5 was already set. Each argument can only be defined once";
    assert_eq!(outcome(&text, &tofu()), (vec![Effect::FileDropped], message.to_owned(), None));
}

#[test]
fn an_error_at_a_closing_brace_drops_one_item_for_all_but_tofu_since_1_12() {
    let text = in_block("filesystem_mirror { path = \"/m\" }\ndirect { include = [\"a/b\" }\n}");
    assert_eq!(outcome(&text, &terraform()), (vec![], String::new(), Some(vec!["/m".to_owned(), "direct".to_owned()])));
    assert_eq!(outcome(&text, &tofu()).0, [Effect::FileDropped]);
}

#[test]
fn keys_of_the_other_engine_are_not_looked_at() {
    let checkpoint = "disable_checkpoint = \"yes\"\n";
    let message = "Error parsing rc: At 1:22: root.disable_checkpoint: unknown type *ast.LiteralType";
    assert_eq!(outcome(checkpoint, &terraform()), (vec![Effect::FileDropped], message.to_owned(), None));
    assert_eq!(outcome(checkpoint, &tofu()), (Vec::new(), String::new(), None));

    let trust = in_block("network_mirror {\n url = \"https://h/\"\n trust_all_hashes = \"yes\"\n}");
    assert_eq!(outcome(&trust, &terraform()).0, []);
    assert_eq!(outcome(&trust, &tofu()).0, [Effect::MethodDropped]);

    let oci = in_block("oci_mirror { repository_template = \"h/${hostname}/${namespace}/${type}\" }");
    assert_eq!(outcome(&oci, &tofu()).0, []);
}

#[test]
fn json_objects_in_place_of_arrays_are_labels() {
    let text =
        "{\"provider_installation\": {\"filesystem_mirror\": {\"path\": \"/m\", \"include\": [\"hashicorp/*\"]}}}";
    let message = "The items inside the provider_installation block at - must all be blocks.";
    let expected = (vec![Effect::MethodDropped; 2], format!("{message}\n{message}"), Some(Vec::new()));
    assert_eq!(outcome(text, &terraform()), expected);
}

#[test]
fn reads_what_stands_beside_the_methods() {
    let text = "plugin_cache_dir = \"$HOME/cache\"\nplugin_cache_may_break_dependency_lock_file = true\n\
                host \"a.example\" { services = {} }\nhost \"b.example\" {}\n\
                provider_installation {\n dev_overrides {\n \"hashicorp/null\" = \"/dev\"\n }\n direct {}\n}\n";
    let mut config = parse("rc".into(), text, &tofu());
    assert_eq!(config.problems, []);
    assert!(config.plugin_cache_may_break_lock);
    assert_eq!(config.host_blocks, ["a.example", "b.example"]);
    let overrides = config.installation.clone().unwrap().dev_overrides;
    assert_eq!(overrides[0].0.to_string(), "registry.opentofu.org/hashicorp/null");

    let home = [("HOME".into(), "/home/x".into())];
    config.apply_environment(&Environment::from_vars(home.clone()).unwrap());
    assert_eq!(config.plugin_cache_dir.as_deref(), Some("/home/x/cache"));
    let own = home.into_iter().chain([("TF_PLUGIN_CACHE_DIR".into(), "$X".into())]);
    config.apply_environment(&Environment::from_vars(own).unwrap());
    assert_eq!(config.plugin_cache_dir.as_deref(), Some("$X"));
}

#[test]
fn carries_every_block_but_ours_byte_for_byte() {
    let credentials = "credentials \"app.example\" {\r\n  # which team\r\n  token = \"s3cret\"\r\n}";
    let helper = "credentials_helper \"x\" {\n  args = [\"a\", \"${b}\"]\n}";
    let text = format!(
        "# before\r\n{credentials}\r\n\r\nplugin_cache_dir = \"/c\"\nPlugin_Cache_May_Break_Dependency_Lock_File = true\n\
         {}{helper}, disable_checkpoint = true # after",
        in_block("direct {}")
    );
    let carried = carried_blocks("rc".into(), &text, &terraform()).unwrap();
    let texts: Vec<_> = carried.iter().map(|block| (block.text.as_str(), block.is_argument)).collect();
    assert_eq!(texts, [(credentials, false), (helper, false), ("disable_checkpoint = true", true)]);
    assert!(!format!("{carried:?}").contains("s3cret"));
}

#[test]
fn carries_json_as_native_text_of_the_same_tree() {
    let text = r#"{"credentials": {"a.example": {"token": "q\"${x\n"}}, "host": [{"h": {"services": {"modules.v1": null}}}],
        "provider_installation": [{"direct": [{}]}], "disable_checkpoint": true, "true": [1, {"a": 2.5}, "b"]}"#;
    let carried = carried_blocks("rc".into(), text, &terraform()).unwrap();
    let texts: Vec<_> = carried.iter().map(|block| block.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "credentials \"a.example\" {\n  token = \"q\\\"\\x24{x\\n\"\n}",
            "host \"h\" \"services\" {\n  \"modules.v1\" = \"\"\n}",
            "disable_checkpoint = true",
            "\"true\" = [1, {\n  a = 2.5\n}, \"b\"]",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_carries_nothing_and_tells_no_secret() {
    let cases = [
        "credentials \"h\" {\n  token = s3cret\n}\n",
        "credentials \"h\" {\n  token \"s3cret\"\n}\n",
        "credentials \"h\" {\n  token = \"x\" \"s3cret\"\n}\n",
        "credentials \"h\" {\n  token = \"s3cret\n}\n",
        "credentials = \"s3cret\"",
        "{\"credentials\": \"s3cret\"}",
        "{\"credentials\": s3cret}",
        "\"s3cret\" = 1\n\"s3cret\" = 2\n",
    ];
    for text in cases {
        let problem = carried_blocks("rc".into(), text, &tofu()).unwrap_err();
        assert!(!format!("{problem:?}").contains("s3cret"), "{problem:?}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    for text in [format!("a = {}", "[".repeat(100_000)), "a {".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(outcome(&text, &tofu()).0, [Effect::FileDropped]);
    }
}

#[test]
fn bytes_that_are_no_text_drop_the_file() {
    let config = parse_bytes("rc".into(), b"# a\n \xff", &tofu());
    assert_eq!(config.problems[0].problem.summary, "Error parsing rc: At 2:2: illegal UTF-8 encoding");
}

proptest! {
    #[test]
    fn never_panics(text in "(provider_installation|direct|path|[{}=\\[\\],\"\\\\$<>#/*\r\n ]|EOF|<<EOF\n|[a-zé0-9.x-]|\\PC){0,40}") {
        for engine in [terraform(), tofu()] {
            let _ = parse("rc".into(), &text, &engine);
            let _ = parse("rc".into(), &format!("{{{text}"), &engine);
            let _ = carried_blocks("rc".into(), &text, &engine);
        }
    }

    #[test]
    fn what_is_carried_reads_back_as_itself(value in any::<String>(), name in "[a-z_]{1,9}") {
        prop_assume!(!matches!(name.as_str(), "host" | "credentials" | "providers" | "provisioners" | "true" | "false"));
        let text = format!("/* x */ {name} \"l\" {{\n  v = {}\n}} # y\r\n", quote(&value));
        let carried = carried_blocks("rc".into(), &text, &terraform()).unwrap();
        let again = carried_blocks("rc".into(), &carried[0].text, &terraform()).unwrap();
        prop_assert_eq!(carried, again);
    }
}

mod inherited_files {
    use super::*;

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    fn write(path: &Utf8Path, mirror: &str) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, in_block(&format!("filesystem_mirror {{ path = \"{mirror}\" }}"))).unwrap();
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::from_vars(variables.iter().map(|(name, value)| (name.into(), value.into()))).unwrap()
    }

    fn mirrors(inherited: &Inherited) -> Vec<String> {
        let methods = inherited.config.installation.iter().flat_map(|installation| &installation.methods);
        methods
            .filter_map(|method| match &method.kind {
                MethodKind::FilesystemMirror { path } => Some(path.clone()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn tofu_prefers_its_own_file_and_terraform_never_reads_it() {
        let (_keep, root) = directory();
        let variables = [("HOME", root.as_str()), ("XDG_CONFIG_HOME", "/nowhere")];
        let read = |engine: &Engine| mirrors(&read_inherited(&environment(&variables), engine, &root));
        write(&root.join(".tofurc"), "/tofu");
        assert_eq!((read(&tofu()), read(&terraform())), (vec!["/tofu".to_owned()], vec![]));
        write(&root.join(".terraformrc"), "/terraform");
        assert_eq!((read(&tofu()), read(&terraform())), (vec!["/tofu".to_owned()], vec!["/terraform".to_owned()]));
        fs_err::remove_file(root.join(".tofurc")).unwrap();
        assert_eq!(read(&tofu()), ["/terraform"]);
    }

    #[test]
    fn the_first_of_several_blocks_counts_and_the_variable_replaces_all() {
        let (_keep, root) = directory();
        write(&root.join(".terraformrc"), "/home");
        write(&root.join(".terraform.d/a.tfrc"), "/a");
        write(&root.join("named"), "/named");
        let home = read_inherited(&environment(&[("HOME", root.as_str())]), &terraform(), &root);
        assert_eq!(mirrors(&home), ["/home"]);
        assert_eq!(home.files.len(), 2);
        assert_eq!(home.config.problems[0].effect, Effect::BlockDropped);

        let variables = [("HOME", root.as_str()), ("TF_CLI_CONFIG_FILE", "named")];
        let named = read_inherited(&environment(&variables), &terraform(), &root);
        assert_eq!((mirrors(&named), named.files.len()), (vec!["/named".to_owned()], 1));
    }

    #[test]
    fn a_file_that_is_not_there_leaves_the_defaults() {
        let (_keep, root) = directory();
        for (name, outcome) in [("missing", FileOutcome::Missing), (".", FileOutcome::IsDirectory)] {
            let inherited = read_inherited(&environment(&[("TF_CLI_CONFIG_FILE", name)]), &tofu(), &root);
            assert_eq!(inherited.files[0].outcome, outcome);
            assert_eq!(inherited.config.problems[0].effect, Effect::FileDropped);
            assert_eq!(inherited.config.installation, None);
        }
        let home = read_inherited(&environment(&[("HOME", root.as_str())]), &tofu(), &root);
        assert_eq!((home.files, home.config.problems), (vec![], vec![]));
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn lists_the_implied_mirrors_in_the_order_of_search() {
        let (_keep, root) = directory();
        fs_err::create_dir_all(root.join("terraform.d/plugins")).unwrap();
        let variables = [("HOME", "/home/x"), ("XDG_DATA_HOME", "/data"), ("XDG_DATA_DIRS", "/s:relative")];
        let implied = read_inherited(&environment(&variables), &tofu(), &root).implied_mirrors;
        let expected = [
            (root.join("terraform.d/plugins"), true),
            ("/home/x/.terraform.d/plugins".into(), false),
            ("/data/opentofu/plugins".into(), false),
            ("/data/terraform/plugins".into(), false),
            ("/s/terraform/plugins".into(), false),
        ];
        let found: Vec<_> = implied.into_iter().map(|mirror| (mirror.path, mirror.exists)).collect();
        assert_eq!(found, expected);
        let implied = read_inherited(&environment(&[("HOME", "/home/x")]), &terraform(), &root).implied_mirrors;
        assert_eq!(implied.len(), 5);
        assert_eq!(implied[2].path, "/home/x/.local/share/terraform/plugins");
        assert!(implied[0].moves_with_chdir);
    }
}
