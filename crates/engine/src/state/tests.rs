use fs_err as fs;
use proptest::prelude::*;

use super::*;
use airtight_provider::Version;
use airtight_provider::unlikely_text::UnlikelyText;

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
    assert_eq!((state.problems, state.unseen), (vec![], None));
}

#[test]
fn a_provider_that_cannot_be_read_is_for_the_engine_to_judge() {
    for provider in ["providers.null", r#"module.a[0].provider[\"hashicorp/null\"]"#, ""] {
        let text = state_with(&format!(
            r#"{{"mode": "managed", "type": "null_resource", "name": "x", "provider": "{provider}", "instances": [{{}}]}}"#
        ));
        for engine in [terraform(), tofu()] {
            let state = parse_text(&text, &engine);
            let unseen = Some(Unseen::Provider { resource: "null_resource.x".to_owned() });
            assert_eq!((state.needs, state.problems, state.unseen), (vec![], vec![], unseen), "{provider}");
        }
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
    let random = "random_id.x: registry.opentofu.org/hashicorp/random";
    let same = text(r#"provider[\"hashicorp/random\"].by_region[\"eu\"]"#);
    assert_eq!(needs(&parse_text(&same, &tofu())), [random]);
    assert_eq!(needs(&parse_text(&same, &terraform())), [] as [&str; 0]);
    let other = parse_text(&text(r#"provider[\"hashicorp/null\"]"#), &tofu());
    assert_eq!(needs(&other), [random, "random_id.x: registry.opentofu.org/hashicorp/null"]);
}

#[test]
fn an_address_without_namespace_is_legacy_and_on_another_host_unreadable_to_tofu() {
    let text = state_with(
        r#"{"mode": "managed", "type": "null_resource", "name": "x",
            "provider": "provider[\"registry.terraform.io/-/null\"]", "instances": [{}]}"#,
    );
    assert_eq!(needs(&parse_text(&text, &terraform())), ["null_resource.x: registry.terraform.io/-/null"]);
    let expected = StateProblemKind::LegacyOnOtherHost {
        resource: "null_resource.x".to_owned(),
        provider_type: "null".to_owned(),
    };
    assert_eq!(parse_text(&text, &tofu()).problems[0].kind, expected);
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
    assert_eq!(state.problems, []);
    let text = state_with(r#"{"mode": "managed", "type": "null_resource", "name": "x", "provider": "provider.null"}"#);
    assert_eq!(needs(&parse_text(&text, &tofu())), ["null_resource.x: registry.opentofu.org/-/null"]);
}

#[test]
fn what_is_no_state_is_refused_by_both_engines() {
    use StateProblemKind::{Newer, NotAState, NotJson, Unlikely};
    for (text, expected) in [
        ("{bad", NotJson { line: 1 }),
        ("\u{feff}{}", Unlikely(UnlikelyText::ByteOrderMark)),
        ("{\n \"version\": 4,\n}", NotJson { line: 3 }),
        ("{} more", NotJson { line: 1 }),
        ("tfstate\u{1}", NotJson { line: 1 }),
        ("{}", NotAState),
        ("null", NotAState),
        ("[]", NotAState),
        (r#"{"version": null}"#, NotAState),
        (r#"{"version": "4"}"#, NotAState),
        (r#"{"version": -4}"#, NotAState),
        (r#"{"version": 0}"#, NotAState),
        (r#"{"version": 4, "resources": 7}"#, NotAState),
        (r#"{"version": 5, "resources": 7}"#, Newer { format: 5 }),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00", Unlikely(UnlikelyText::GitLfsPointer)),
        ("{\n<<<<<<< a\n=======\n>>>>>>> b\n}", Unlikely(UnlikelyText::MergeMarkers { line: 2 })),
    ] {
        for engine in [terraform(), tofu()] {
            let state = parse_text(text, &engine);
            let kinds = state.problems.iter().map(|problem| problem.kind.clone()).collect::<Vec<_>>();
            assert_eq!(kinds, std::slice::from_ref(&expected), "{text}");
            assert_eq!(kinds[0].engine_summary(), "Error refreshing state");
        }
    }
}

#[test]
fn an_encrypted_state_is_unseen_only_if_something_says_how_it_is_encrypted() {
    let text = r#"{"serial": 1, "lineage": "a", "meta": {}, "encrypted_data": "AAAA", "encryption_version": "v0"}"#;
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap();
    fs::write(root.join("terraform.tfstate"), text).unwrap();
    let read = |engine: &Engine, has_encryption: bool, backend: bool| {
        let init = InitArguments { backend, ..InitArguments::default() };
        let state = read(&StateQuestion { has_encryption, init: &init, ..question(root, &init, engine) });
        (state.problems.into_iter().map(|problem| problem.kind).collect::<Vec<_>>(), state.unseen)
    };
    let refused = (vec![StateProblemKind::Encrypted], None);
    for (engine, has_encryption, backend, expected) in [
        (tofu(), true, true, (vec![], Some(Unseen::Encrypted))),
        (tofu(), false, true, refused.clone()),
        (tofu(), false, false, refused.clone()),
        (Engine::new(EngineName::Tofu, Version::release(1, 13, 0)), false, false, (vec![], None)),
        (terraform(), true, true, refused.clone()),
        (terraform(), false, false, refused),
    ] {
        assert_eq!(read(&engine, has_encryption, backend), expected, "{engine} {has_encryption} {backend}");
    }
}

/// The question about a directory without anything special.
fn question<'a>(root: &'a Utf8Path, init: &'a InitArguments, engine: &'a Engine) -> StateQuestion<'a> {
    StateQuestion {
        root_module: root,
        data_dir: Utf8Path::new("/nowhere"),
        repository: root,
        workspace: None,
        backend: None,
        has_encryption: false,
        init,
        engine,
    }
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
    assert_eq!(state.unseen, Some(Unseen::Provider { resource: "module.a.module.b.x.y".to_owned() }));
    let none = parse_text(r#"{"format_version": "1.0"}"#, &terraform());
    assert_eq!((none.needs, none.problems, none.unseen), (vec![], vec![], None));
}

#[test]
fn the_engine_does_not_take_the_output_of_show_for_a_state() {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap();
    let path = root.join("terraform.tfstate");
    let (init, engine) = (InitArguments::default(), terraform());
    let read = || read(&question(root, &init, &engine));
    let missing = read();
    assert_eq!((missing.path, missing.problems), (None, vec![]));
    fs::write(&path, "").unwrap();
    let empty = read();
    assert_eq!((empty.problems, empty.unseen), (vec![], None));
    fs::write(&path, r#"{"format_version": "1.0"}"#).unwrap();
    assert_eq!(read().problems[0].kind, StateProblemKind::NotAState);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(read().problems[0].kind, StateProblemKind::Unreadable("it is a directory".to_owned()));
    fs::remove_dir(&path).unwrap();
    fs::os::unix::fs::symlink("/proc/self/environ", &path).unwrap();
    let state = read();
    assert_eq!(state.problems, []);
    assert!(state.unseen.unwrap().to_string().ends_with("is not read: a link leads out of the repository"));
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
