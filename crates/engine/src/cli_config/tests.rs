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

/// The problems by name with their lines and effects, and what is left of the methods.
fn outcome(text: &str, engine: &Engine) -> (Vec<String>, Option<Vec<String>>) {
    let config = parse("rc".into(), text, engine);
    let shown = |problem: &CliConfigProblem| {
        let kind = format!("{:?}", problem.kind);
        let kind = kind.split(['{', ' ', '(']).next().unwrap_or_default().to_owned();
        let line = problem.place.position.as_ref().map_or(0, |position| position.line);
        format!("{line} {:?} {kind}", problem.effect)
    };
    let methods = config.installation.map(|installation| {
        let name = |method: &Method| match &method.kind {
            MethodKind::Direct => "direct".to_owned(),
            MethodKind::FilesystemMirror { path } => path.clone(),
            MethodKind::NetworkMirror { url } => url.clone(),
            MethodKind::OciMirror { repository } => repository.clone(),
        };
        installation.methods.iter().map(name).collect()
    });
    (config.problems.iter().map(shown).collect(), methods)
}

/// Each case of `tests/fixtures/cli_config` states its outcome: `terraform: 3 MethodDropped Pattern; [/m, direct]` has the
/// line, effect and kind of each problem, and what is left of the methods.
#[test]
fn each_fixture_has_the_outcome_that_it_states() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/cli_config");
    let mut wrong = Vec::new();
    let mut names: Vec<_> = fs_err::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() > 3, "{names:?}");
    for path in names {
        let text = fs_err::read_to_string(&path).unwrap();
        for case in text.split("#### ").skip(1) {
            let (name, rest) = case.split_once('\n').unwrap();
            let (expected, input) = rest.split_once("----\n").unwrap();
            let input = unescaped(input.strip_suffix('\n').unwrap_or(input));
            for (engine, key) in [(terraform(), "terraform"), (tofu(), "tofu")] {
                let line = |key: &str| expected.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
                let expected = line(key).or_else(|| line("both")).unwrap_or_else(|| panic!("{name}: no `{key}:`"));
                let (problems, methods) = outcome(&input, &engine);
                let methods = methods.map_or_else(|| "none".to_owned(), |methods| format!("[{}]", methods.join(", ")));
                let problems = problems.iter().map(ToString::to_string);
                let found = problems.chain([methods]).collect::<Vec<_>>().join("; ");
                if found != expected {
                    wrong.push(format!("{name} {key}:\n  expected {expected}\n  found    {found}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a text file cannot show: `<CR>`, `<BOM>`.
fn unescaped(text: &str) -> String {
    text.replace("<CR>", "\r").replace("<BOM>", "\u{FEFF}")
}

fn in_block(methods: &str) -> String {
    format!("provider_installation {{\n{methods}\n}}\n")
}

#[test]
fn reads_what_is_beside_the_methods() {
    let text = "plugin_cache_dir = \"$HOME/cache\"\nplugin_cache_may_break_dependency_lock_file = true\n\
                provider_installation {\n dev_overrides {\n \"hashicorp/null\" = \"/dev\"\n }\n direct {}\n}\n";
    let mut config = parse("rc".into(), text, &tofu());
    assert_eq!(config.problems, []);
    let line = |place: &Place| place.position.as_ref().unwrap().line;
    let [entry] = &config.installation.as_ref().unwrap().dev_overrides[..] else { panic!("{config:?}") };
    assert_eq!((entry.address.to_string().as_str(), line(&entry.place)), ("registry.opentofu.org/hashicorp/null", 5));

    let home = [("HOME".into(), "/home/x".into())];
    config.apply_environment(&Environment::from_vars(home.clone()).unwrap());
    let cache = config.plugin_cache.clone().unwrap();
    assert_eq!((cache.directory.as_str(), cache.place.as_ref().map(line)), ("/home/x/cache", Some(1)));
    let own = home.into_iter().chain([("TF_PLUGIN_CACHE_DIR".into(), "$X".into())]);
    config.apply_environment(&Environment::from_vars(own).unwrap());
    assert_eq!(config.plugin_cache, Some(PluginCacheDir { directory: "$X".to_owned(), place: None }));
}

#[test]
fn strings_have_the_values_that_the_library_gives_them() {
    for (written, value) in [
        (r#""/tmp/m\x24{x}/q\"\\é\u0041\101""#, "/tmp/m${x}/q\"\\éAA"),
        (r#""zz${x"y\t}\t""#, "zz${x\"y\\t}\t"),
        (r#""${a{b}c}d""#, "${a{b}c}d"),
        ("<<EOF\n/m\n  EOF\n", "/m\n  "),
        ("<<-EOF\n    /m\n    EOF\n", "/m\n"),
        ("<<EOF\r\n/m\r\nEOF\r\n", "/m\n"),
    ] {
        let (problems, methods) = outcome(&in_block(&format!("filesystem_mirror {{ path = {written}\n}}")), &tofu());
        assert_eq!((problems.as_slice(), methods), (&[][..], Some(vec![value.to_owned()])), "{written}");
    }
    for wrong in [r#""\'""#, r#""\400""#, r#""\ud83d""#, "\"${x\"", "\"a", "<<EOF\n/m"] {
        let (problems, methods) = outcome(&in_block(&format!("filesystem_mirror {{ path = {wrong}\n}}")), &tofu());
        assert!(
            problems.len() == 1 && problems[0].contains("FileDropped") && methods.is_none(),
            "{wrong} {problems:?}"
        );
    }
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
    let carried = carried_blocks("rc".into(), text.as_bytes(), &terraform()).unwrap();
    let texts: Vec<_> = carried.iter().map(|block| (block.text.as_str(), block.is_argument)).collect();
    assert_eq!(texts, [(credentials, false), (helper, false), ("disable_checkpoint = true", true)]);
    assert!(!format!("{carried:?}").contains("s3cret"));
}

#[test]
fn carries_json_as_native_text_of_the_same_tree() {
    let text = r#"{"credentials": {"a.example": {"token": "q\"${x\n"}}, "host": [{"h": {"services": {"modules.v1": null}}}],
        "provider_installation": [{"direct": [{}]}], "disable_checkpoint": true, "true": [1, {"a": 2.5}, "b"]}"#;
    let carried = carried_blocks("rc".into(), text.as_bytes(), &terraform()).unwrap();
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
fn both_syntaxes_name_host_and_token() {
    let expected = [("a.example".to_owned(), "x".to_owned()), ("b.example".to_owned(), "y".to_owned())];
    let native = "credentials \"a.example\" {\n token = \"x\"\n}\ncredentials \"b.example\" {\n token = \"y\"\n}\n\
                  credentials \"c.example\" {}\nhost \"d\" { token = \"z\" }\n";
    let json =
        r#"{"credentials": {"a.example": {"token": "x"}, "b.example": {"token": "y"}, "c.example": {"token": true}}}"#;
    assert_eq!(tokens(native, &tofu()), expected);
    assert_eq!(tokens(json, &tofu()), expected);
    for text in ["", "credentials {", "credentials = 1", "credentials { token = \"x\" }"] {
        assert_eq!(tokens(text, &tofu()), [], "{text}");
    }
}

#[test]
fn both_syntaxes_name_host_and_services() {
    let expected =
        [("a.example".to_owned(), vec![("providers.v1".to_owned(), "https://mirror.example/v1/".to_owned())])];
    let native = "host \"a.example\" {\n services = {\n  \"providers.v1\" = \"https://mirror.example/v1/\"\n  \
                  \"modules.v1\" = 1\n }\n}\nhost \"b.example\" {}\ncredentials \"c\" { token = \"z\" }\n";
    let json = r#"{"host": {"a.example": {"services": {"providers.v1": "https://mirror.example/v1/"}}}}"#;
    assert_eq!(host_services(native, &tofu()), expected);
    assert_eq!(host_services(json, &tofu()), expected);
    let list = r#"{"host": [{"a.example": {"services": {"providers.v1": "https://mirror.example/v1/", "x": 1}}}]}"#;
    assert_eq!(host_services(list, &tofu()), expected);
    let none = [("a.example".to_owned(), Vec::new())];
    assert_eq!(host_services("host \"a.example\" {\n services = {}\n}\n", &tofu()), none);
    for text in ["", "host {", "host = 1"] {
        assert_eq!(host_services(text, &tofu()), [], "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_read_carries_nothing_and_tells_no_secret() {
    for text in [
        "credentials \"h\" {\n  token = s3cret\n}\n",
        "credentials \"h\" {\n  token \"s3cret\"\n}\n",
        "credentials \"h\" {\n  token = \"x\" \"s3cret\"\n}\n",
        "credentials \"h\" {\n  token = \"s3cret\n}\n",
        "credentials \"h\" {\n  token = \"a\\_s3cret\"\n}\n",
        "credentials = \"s3cret\"",
        "{\"credentials\": \"s3cret\"}",
        "{\"credentials\": s3cret}",
        "\"s3cret\" = 1\n\"s3cret\" = 2\n",
    ] {
        let problem = carried_blocks("rc".into(), text.as_bytes(), &tofu()).unwrap_err();
        assert!(!format!("{problem:?} {}", problem.kind).contains("s3cret"), "{problem:?}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    for text in [format!("a = {}", "[".repeat(100_000)), "a {".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(outcome(&text, &tofu()).0, ["1 FileDropped TooDeep"]);
    }
}

#[test]
fn bytes_that_are_no_text_drop_the_file() {
    for (bytes, kind, line) in [(&b"# a\n \xff"[..], ProblemKind::NotUtf8, 2), (b"\xff\xfea\0", ProblemKind::Utf16, 1)]
    {
        let problem = parse_bytes("rc".into(), bytes, &tofu()).problems.remove(0);
        assert_eq!((problem.kind, problem.place.position.unwrap().line), (kind, line));
    }
}

proptest! {
    #[test]
    fn never_panics(text in "(provider_installation|direct|path|[{}=\\[\\],\"\\\\$<>#/*\r\n ]|EOF|<<EOF\n|[a-zé0-9.x-]|\\PC){0,40}") {
        for engine in [terraform(), tofu()] {
            let _ = parse("rc".into(), &text, &engine);
            let _ = parse("rc".into(), &format!("{{{text}"), &engine);
            let _ = carried_blocks("rc".into(), text.as_bytes(), &engine);
        }
    }

    #[test]
    fn what_is_carried_reads_back_as_itself(value in any::<String>(), name in "[a-z_]{1,9}") {
        prop_assume!(!matches!(name.as_str(), "host" | "credentials" | "providers" | "provisioners" | "true" | "false"));
        let text = format!("/* x */ {name} \"l\" {{\n  v = {}\n}} # y\r\n", quote(&value));
        let carried = carried_blocks("rc".into(), text.as_bytes(), &terraform()).unwrap();
        let again = carried_blocks("rc".into(), carried[0].text.as_bytes(), &terraform()).unwrap();
        prop_assert_eq!(carried, again);
    }

    #[test]
    fn a_quoted_value_reads_back_as_itself(value in any::<String>()) {
        prop_assume!(!value.contains(['\0', '\u{E123}']));
        let text = format!("plugin_cache_dir = {}", quote(&value));
        let read = parse("rc".into(), &text, &tofu()).plugin_cache.map(|cache| cache.directory).unwrap_or_default();
        prop_assert_eq!(read, value);
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
            assert_eq!(inherited.config.problems, []);
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
    }
}
