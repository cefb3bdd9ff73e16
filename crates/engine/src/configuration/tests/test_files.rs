//! What `init` counts of the root module's test files.

use super::*;

fn at(engine: &str) -> Engine {
    let (name, version) = engine.split_once(' ').unwrap();
    Engine::new(name.parse().unwrap(), version.parse().unwrap())
}

const TERRAFORM: &str = "terraform 1.11.4";
const TOFU: &str = "tofu 1.12.6";

#[test]
fn test_files_bring_providers_and_modules() {
    let text = "
        provider \"dog\" {\n version = \"1.0\"\n }
        mock_provider \"cat\" {}
        variables {\n x = 1\n }
        run \"setup\" {\n module {\n source = \"./setup\"\n }\n }
        run \"plain\" {\n banana = 1\n }
        banana {}
    ";
    let files = [("main.tf", ""), ("tests/main.tftest.hcl", text), ("setup/x.tf", "resource \"bird_x\" \"y\" {}\n")];
    let layout = Layout::of(&files);
    for (engine, expected) in [
        (TOFU, vec!["dog"]),
        (TERRAFORM, vec![]),
        ("terraform 1.8.4", vec!["dog", "cat"]),
        ("terraform 1.6.6", vec!["dog"]),
    ] {
        let configuration = layout.read(&at(engine));
        let blocks = configuration.tests.provider_blocks.iter();
        assert_eq!(blocks.map(|block| block.local_name.as_str()).collect::<Vec<_>>(), expected, "{engine}");
        assert_eq!(kinds(&configuration.tests.not_understood), [], "{engine}");
        let keys: Vec<_> = configuration.children.keys().collect();
        assert_eq!(keys, ["test.tests.main.setup"]);
        assert_eq!(local_names(configuration.children["test.tests.main.setup"].module.as_ref().unwrap()), ["bird"]);
    }
    let json = r#"{"provider": {"dog": {}}, "run": {"a": {"module": {"source": "./setup"}}}, "x": 1}"#;
    let configuration = Layout::of(&[files[0], ("x.tftest.json", json), files[2]]).read(&tofu());
    assert_eq!(configuration.tests.provider_blocks[0].local_name, "dog");
    assert_eq!(configuration.children.keys().collect::<Vec<_>>(), ["test.x.tftest.json.a"]);
    assert_eq!(layout.read(&at("terraform 1.5.7")).children.len(), 0);
}

#[test]
fn nothing_but_test_files_is_a_configuration_to_later_terraform() {
    let layout = Layout::of(&[("tests/a.tftest.hcl", "")]);
    for (engine, expected) in [(TOFU, true), (TERRAFORM, true), ("terraform 1.12.0", false)] {
        assert_eq!(layout.read(&at(engine)).is_empty_to(&at(engine)), expected, "{engine}");
    }
}

#[test]
fn of_two_provider_blocks_in_a_test_file_the_later_one_counts() {
    let text = "provider \"a\" {\n  version = \"1.0.0\"\n}\nprovider \"a\" {\n  version = \"2.0.0\"\n}\n";
    let layout = Layout::of(&[("main.tf", ""), ("a.tftest.hcl", text)]);
    for (engine, expected) in [(TOFU, Some("2.0.0")), ("terraform 1.6.6", Some("2.0.0")), (TERRAFORM, None)] {
        let versions = layout.read(&at(engine)).tests.provider_blocks;
        assert_eq!(versions.first().and_then(|block| block.version.as_deref()), expected, "{engine}");
        assert!(versions.len() < 2, "{engine}");
    }
}
