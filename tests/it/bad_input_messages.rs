//! What people read when something is wrong, as they read it.

use fs_err as fs;

use crate::bad_input::{ADDRESS, Scene, lock, run};
use crate::support::engines::Engine;
use crate::support::lock_file::{self, Lock};
use crate::support::package::Package;

crate::tests! {
    a_provider_that_the_mirror_lacks,
    a_provider_that_the_mirror_has_for_the_other_registry,
    a_provider_for_another_platform,
    a_lock_file_with_hashes_of_archives_only,
    no_lock_file,
    a_package_that_is_not_the_locked_one,
    a_provider_that_only_the_state_needs,
    a_planted_provider,
    an_archive_with_a_wrong_name,
    no_mirror,
    a_module_from_a_registry,
    a_cli_configuration_in_the_repository,
    an_inherited_cli_configuration_that_reaches_out,
    an_engine_of_the_wrong_version,
    a_broken_configuration_and_a_missing_provider,
    fifty_providers_for_one_cause_are_not_fifty_pages,
    a_file_in_utf_16_is_one_error(engine),
}

const TOFU: [(&str, &str); 2] = [("AIRTIGHT_ENGINE", "tofu"), ("AIRTIGHT_ENGINE_VERSION", "1.12.6")];

/// The output with the scene's directory and the time taken out.
fn said(scene: &Scene, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command =
        scene.airtight(["check"]).arguments(["--platform", "linux_amd64"]).arguments(arguments.iter().copied());
    for (name, value) in TOFU.iter().chain(environment) {
        command = command.environment(name, *value);
    }
    let done = run(&command);
    assert_eq!(done.stderr, "");
    let text = done.stdout.replace(scene.path("").as_str().trim_end_matches('/'), "/ROOT");
    let lines = text.lines().map(|line| match line.split_once(" in ") {
        Some((before, after)) if line.starts_with("airtight: ") => {
            let rest = after.find(" ms").map_or("", |at| &after[at + 3..]);
            format!("{before} in TIME{rest}")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn requiring(addresses: &[&str]) -> String {
    let lines =
        addresses.iter().enumerate().map(|(index, source)| format!("    p{index} = {{ source = \"{source}\" }}\n"));
    format!("terraform {{\n  required_providers {{\n{}  }}\n}}\n", lines.collect::<String>())
}

fn add(scene: &Scene, package: &Package) {
    for (name, bytes) in &package.files {
        let path = scene.write(&format!("mirror/{}/{name}", package.unpacked_path()), bytes);
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
}

fn a_provider_that_the_mirror_lacks() {
    let scene = Scene::new();
    scene.write("stack/main.tf", requiring(&[ADDRESS, "hashicorp/aws"]));
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_provider_that_the_mirror_has_for_the_other_registry() {
    let scene = Scene::new();
    scene.write("stack/main.tf", requiring(&[ADDRESS, "hashicorp/aws"]));
    add(&scene, &Package::fake("registry.terraform.io/hashicorp/aws", "5.0.0", "linux_amd64", ""));
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_provider_for_another_platform() {
    let scene = Scene::new();
    scene.write("stack/main.tf", requiring(&[ADDRESS, "example.com/acme/cat"]));
    add(&scene, &Package::fake("example.com/acme/cat", "1.0.0", "darwin_arm64", ""));
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_lock_file_with_hashes_of_archives_only() {
    let scene = Scene::new();
    let zh = format!("zh:{}", "0".repeat(64));
    scene.write("stack/.terraform.lock.hcl", lock_file::text(&[Lock { hashes: vec![zh], ..lock() }]));
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn no_lock_file() {
    let scene = Scene::new();
    fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_package_that_is_not_the_locked_one() {
    let scene = Scene::new();
    let h1 = format!("h1:{}=", "A".repeat(43));
    scene.write("stack/.terraform.lock.hcl", lock_file::text(&[Lock { hashes: vec![h1], ..lock() }]));
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_provider_that_only_the_state_needs() {
    let scene = Scene::new();
    let resource = |name: &str| {
        format!(
            r#"{{"mode": "managed", "type": "cat_tail", "name": "{name}", "provider": "provider[\"example.com/acme/cat\"]", "instances": []}}"#
        )
    };
    let resources = ["a", "b"].map(resource).join(",");
    scene.write("stack/terraform.tfstate", format!(r#"{{"version": 4, "resources": [{resources}]}}"#));
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_planted_provider() {
    let scene = Scene::new();
    scene.write("stack/.terraform/providers/example.com/acme/cat/1.0.0/linux_amd64/terraform-provider-cat", "");
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn an_archive_with_a_wrong_name() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.path("mirror")).unwrap();
    scene.write("mirror/example.com/acme/dog/terraform-provider-dog_v1.0.0_linux_amd64.zip", "");
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn no_mirror() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.path("mirror")).unwrap();
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_module_from_a_registry() {
    let scene = Scene::new();
    scene.write(
        "stack/module.tf",
        "module \"vpc\" {\n  source  = \"terraform-aws-modules/vpc/aws\"\n  version = \"5.0.0\"\n}\n",
    );
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn a_cli_configuration_in_the_repository() {
    let scene = Scene::new();
    scene.write("stack/mine.tfrc", "");
    insta::assert_snapshot!(said(&scene, &[], &[("TF_CLI_CONFIG_FILE", "mine.tfrc")]));
}

fn an_inherited_cli_configuration_that_reaches_out() {
    let scene = Scene::new();
    let config = scene.write("direct.tfrc", "provider_installation {\n  direct {}\n}\n");
    insta::assert_snapshot!(said(&scene, &["--cli-config", "inherited"], &[("TF_CLI_CONFIG_FILE", config.as_str())]));
}

fn an_engine_of_the_wrong_version() {
    let scene = Scene::new();
    scene.write("stack/versions.tf", "terraform {\n  required_version = \"< 1.0\"\n}\n");
    insta::assert_snapshot!(said(
        &scene,
        &[],
        &[("AIRTIGHT_ENGINE", "terraform"), ("AIRTIGHT_ENGINE_VERSION", "1.11.4")]
    ));
}

/// What stands behind the first error is said to be behind it.
fn a_broken_configuration_and_a_missing_provider() {
    let scene = Scene::new();
    scene.write("stack/more.tf", "resource \"cat_tail\" \"x\" {\n  a = = 1\n}\n");
    scene.write("stack/.terraform.lock.hcl", "provider \"x\" {\n");
    insta::assert_snapshot!(said(&scene, &[], &[]));
}

fn fifty_providers_for_one_cause_are_not_fifty_pages() {
    let scene = Scene::new();
    let addresses: Vec<_> = (0..50).map(|index| format!("example.com/acme/p{index:02}")).collect();
    scene.write("stack/main.tf", requiring(&addresses.iter().map(String::as_str).collect::<Vec<_>>()));
    fs::remove_file(scene.path("stack/.terraform.lock.hcl")).unwrap();
    let text = said(&scene, &[], &[]);
    assert!(text.lines().count() < 110, "{text}");
    insta::assert_snapshot!(text);
}

/// The engine reports each character of it.
fn a_file_in_utf_16_is_one_error(engine: &Engine) {
    let text = requiring(&[ADDRESS]);
    let bytes: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let scene = Scene::new();
    scene.write("stack/main.tf", &bytes);
    let command = scene.airtight(["check", "--format", "json"]).environment("AIRTIGHT_ENGINE", engine.path.as_str());
    let report = run(&command).report();
    let findings = report["findings"].as_array().unwrap().iter();
    let errors = findings.filter(|finding| finding["code"] == "configuration-invalid").collect::<Vec<_>>();
    assert_eq!(errors.len(), 1, "{}: {report}", engine.name);
    assert!(errors[0]["summary"].as_str().unwrap().contains("is UTF-16"), "{report}");
    assert!(errors[0]["help"].as_str().unwrap().contains("iconv -f UTF-16"), "{report}");
}
