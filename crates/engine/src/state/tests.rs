//! Texts of errors are what Terraform 1.11.4 and OpenTofu 1.12.6 print.

use fs_err as fs;
use proptest::prelude::*;

use super::*;
use airtight_provider::Version;

fn terraform() -> Engine {
    Engine::new(EngineName::Terraform, Version::release(1, 11, 4))
}

fn tofu() -> Engine {
    Engine::new(EngineName::Tofu, Version::release(1, 12, 6))
}

fn parse_text(text: &str, engine: &Engine) -> State {
    parse(Utf8Path::new("terraform.tfstate"), text.as_bytes(), engine)
}

/// `resource: address`.
fn needs(state: &State) -> Vec<String> {
    state.needs.iter().map(|need| format!("{}: {}", need.resource, need.address)).collect()
}

fn state_with(resources: &str) -> String {
    format!(
        r#"{{"version": 4, "terraform_version": "1.99.0", "serial": 3, "lineage": "a", "outputs": {{}},
            "resources": [{resources}], "check_results": null}}"#
    )
}

const RANDOM: &str = r#"provider[\"registry.terraform.io/hashicorp/random\"]"#;

#[test]
fn every_resource_names_its_provider() {
    let state = state_with(&format!(
        r#"{{"mode": "managed", "type": "random_id", "name": "x", "provider": "{RANDOM}",
             "instances": [{{"schema_version": 0, "attributes": {{"id": "1", "deep": [[{{}}]]}}}}]}},
           {{"module": "module.a[0].module.b", "mode": "data", "type": "http", "name": "y",
             "provider": "module.a.provider[\"example.com/Acme/HTTP\"].west", "instances": []}}"#
    ));
    let state = parse_text(&state, &terraform());
    assert_eq!(
        needs(&state),
        [
            "random_id.x: registry.terraform.io/hashicorp/random",
            "module.a[0].module.b.data.http.y: example.com/acme/http",
        ]
    );
    assert_eq!((state.errors, state.unseen), (vec![], None));
}

#[test]
fn only_tofu_refuses_a_provider_that_cannot_be_read() {
    for provider in ["providers.null", r#"module.a[0].provider[\"hashicorp/null\"]"#, ""] {
        let text = state_with(&format!(
            r#"{{"mode": "managed", "type": "null_resource", "name": "x", "provider": "{provider}", "instances": [{{}}]}}"#
        ));
        let ignored = parse_text(&text, &terraform());
        assert_eq!((ignored.needs, ignored.errors), (vec![], vec![]), "{provider}");
        let refused = parse_text(&text, &tofu());
        assert_eq!(refused.errors.len(), 1, "{provider}");
        assert_eq!(refused.errors[0].summary, "Error refreshing state");
    }
}

#[test]
fn an_instance_may_name_the_provider() {
    let text = |second: &str| {
        state_with(&format!(
            r#"{{"mode": "managed", "type": "random_id", "name": "x", "instances": [
                 {{"provider": "provider[\"hashicorp/random\"].by_region[\"us\"]"}}, {{"provider": "{second}"}}]}}"#
        ))
    };
    let same = text(r#"provider[\"hashicorp/random\"].by_region[\"eu\"]"#);
    assert_eq!(needs(&parse_text(&same, &tofu())), ["random_id.x: registry.opentofu.org/hashicorp/random"]);
    assert_eq!(needs(&parse_text(&same, &terraform())), [] as [&str; 0]);
    for (second, expected) in [
        (r#"provider[\"hashicorp/null\"]"#, "Provider instance field conflict in state: "),
        ("", "Provider field missing state: Resource random_id.x is missing a provider address, both "),
    ] {
        let state = parse_text(&text(second), &tofu());
        assert!(state.errors[0].detail.starts_with(expected), "{:?}", state.errors);
    }
}

#[test]
fn a_resource_without_any_provider_fails_in_tofu() {
    let text = state_with(r#"{"mode": "managed", "type": "a_b", "name": "x", "instances": []}"#);
    assert_eq!(parse_text(&text, &tofu()).errors.len(), 1);
    assert_eq!(parse_text(&text, &terraform()).errors, []);
}

#[test]
fn old_states_name_legacy_providers() {
    let text = r#"{"version": 3, "terraform_version": "0.11.14", "serial": 1, "modules": [
        {"path": ["root"], "resources": {
            "random_id.x": {"type": "random_id", "provider": "provider.random"},
            "aws_vpc.y": {"type": "aws_vpc", "provider": "aws.west"},
            "data.terraform_remote_state.z": {"type": "terraform_remote_state"}}},
        {"path": ["root", "a"], "resources": {"tls_key.k": {"type": "tls_key", "provider": "module.a.provider.tls"}}}]}"#;
    let state = parse_text(text, &terraform());
    assert_eq!(
        needs(&state),
        [
            "aws_vpc.y: registry.terraform.io/-/aws",
            "data.terraform_remote_state.z: terraform.io/builtin/terraform",
            "random_id.x: registry.terraform.io/-/random",
            "module.a.tls_key.k: registry.terraform.io/-/tls",
        ]
    );
    assert_eq!(state.errors, []);
    let text = state_with(r#"{"mode": "managed", "type": "null_resource", "name": "x", "provider": "provider.null"}"#);
    assert_eq!(needs(&parse_text(&text, &tofu())), ["null_resource.x: registry.opentofu.org/-/null"]);
}

#[test]
fn what_is_no_state_is_refused_with_the_words_of_the_engine() {
    let format = "Unsupported state file format: ";
    let missing = format!(
        "{format}The state file does not have a \"version\" attribute, which is required to identify the format version."
    );
    let syntax = |offset: usize| {
        format!(
            "2 problems:\n\n- {format}The state file could not be parsed as JSON: syntax error at byte offset {offset}.\n- {missing}"
        )
    };
    for (text, expected) in [
        ("{bad", syntax(2)),
        ("\u{feff}{}", syntax(1)),
        ("{\n \"version\": 4,\n}", syntax(18)),
        ("{}", missing.clone()),
        ("null", missing.clone()),
        (r#"{"version": null}"#, missing.clone()),
        (
            "[]",
            format!(
                "2 problems:\n\n- {format}The version in the state file is array. A positive whole number is required.\n- {missing}"
            ),
        ),
        (
            r#"{"version": "4"}"#,
            format!("{format}The version in the state file is string. A positive whole number is required."),
        ),
        (
            r#"{"version": -4}"#,
            format!("{format}The version in the state file is number -4. A positive whole number is required."),
        ),
        (
            r#"{"version": 5, "resources": 7}"#,
            format!(
                "{format}The state file uses format version 5, which is not supported by Terraform 1.11.4. This state file may have been created by a newer version of Terraform."
            ),
        ),
        (
            r#"{"version": 5, "terraform_version": "2.0.0"}"#,
            format!(
                "{format}The state file uses format version 5, which is not supported by Terraform 1.11.4. This state file was created by Terraform 2.0.0."
            ),
        ),
    ] {
        let state = parse_text(text, &terraform());
        assert_eq!(state.errors[0].summary, "Error refreshing state");
        assert_eq!(state.errors[0].detail, expected);
    }
    for text in ["{} more", r#"{"version": 4, "resources": 7}"#, r#"{"version": 0}"#, "tfstate\u{1}"] {
        assert_eq!(parse_text(text, &tofu()).errors.len(), 1, "{text}");
    }
    let mode = state_with(r#"{"mode": "ephemeral", "type": "a", "name": "b", "provider": "provider.a"}"#);
    let expected = "Invalid resource mode in state: State contains a resource with mode \"ephemeral\" (\"a\" \"b\") which is not supported.";
    assert_eq!(parse_text(&mode, &terraform()).errors[0].detail, expected);
}

#[test]
fn an_encrypted_state_is_unseen_by_tofu_and_none_to_terraform() {
    let text = r#"{"serial": 1, "lineage": "a", "meta": {}, "encrypted_data": "AAAA", "encryption_version": "v0"}"#;
    assert_eq!(parse_text(text, &tofu()).unseen.as_deref(), Some("the state file is encrypted"));
    assert_eq!(parse_text(text, &terraform()).errors.len(), 1);
}

#[test]
fn reads_the_output_of_show() {
    let text = r#"{"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": {
        "resources": [{"address": "null_resource.x", "provider_name": "registry.terraform.io/hashicorp/null"}],
        "child_modules": [{"address": "module.a", "resources": [
            {"address": "module.a.random_id.y[0]", "provider_name": "registry.terraform.io/hashicorp/random"}],
            "child_modules": [{"resources": [{"address": "module.a.module.b.x.y", "provider_name": "_"}]}]}]}}}"#;
    let state = parse_text(text, &terraform());
    assert_eq!(
        needs(&state),
        [
            "module.a.random_id.y[0]: registry.terraform.io/hashicorp/random",
            "null_resource.x: registry.terraform.io/hashicorp/null",
        ]
    );
    assert_eq!(state.unseen.as_deref(), Some("`module.a.module.b.x.y` names no provider that can be read"));
    let none = parse_text(r#"{"format_version": "1.0"}"#, &terraform());
    assert_eq!((none.needs, none.errors, none.unseen), (vec![], vec![], None));
}

#[test]
fn the_engine_does_not_take_the_output_of_show_for_a_state() {
    let directory = tempfile::tempdir().unwrap();
    let root_module = Utf8Path::from_path(directory.path()).unwrap();
    let read = |text: Option<&str>| {
        let path = root_module.join("terraform.tfstate");
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        read(root_module, &root_module.join(".terraform"), None, None, &InitArguments::default(), &terraform())
    };
    let missing = read(None);
    assert_eq!((missing.path, missing.errors), (None, vec![]));
    let empty = read(Some(""));
    assert_eq!((empty.errors, empty.unseen), (vec![], None));
    assert_eq!(read(Some(r#"{"format_version": "1.0"}"#)).errors.len(), 1);
    fs::remove_file(root_module.join("terraform.tfstate")).unwrap();
    fs::create_dir(root_module.join("terraform.tfstate")).unwrap();
    assert!(read(None).errors[0].detail.ends_with("terraform.tfstate: is a directory"));
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC*", cut in 0_usize..300) {
        let _ = parse_text(&text, &tofu());
        let state = state_with(&format!(r#"{{"mode": "managed", "type": "a_b", "name": "x", "provider": "{RANDOM}"}}"#));
        let bytes = &state.as_bytes()[..cut.min(state.len())];
        let _ = parse(Utf8Path::new("terraform.tfstate"), bytes, &tofu());
    }
}
