//! `airtight audit`: a monorepo and two others against one image.

use std::process::Output;

use camino::Utf8Path;
use fs_err as fs;
use serde_json::{Value, json};

use crate::modules_build::configuration;
use crate::support::isolation::Isolated;
use crate::support::lock_file::{Lock, text};
use crate::support::package::Package;
use crate::support::repository::Repository;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    stacks_are_found_and_what_is_left_out_has_a_reason,
    what_fails_what_is_unused_and_what_could_go_is_said,
    a_seal_alone_says_the_same_as_its_mirror,
    a_new_image_is_compared_with_the_old_one,
    the_manifest_builds_the_mirror_and_the_modules_that_are_missing,
    the_nightly_script_of_the_docs_opens_the_next_build_when_something_is_lacking,
    rules_and_the_provider_policy_decide_the_exit_code,
    every_format_prints_names_that_mean_harm_as_text,
}

const NULL: &str = "registry.opentofu.org/hashicorp/null";
const DOG: &str = "registry.opentofu.org/acme/dog";

fn package(address: &str, version: &str) -> Package {
    let mut package = Package::fake(address, version, "linux_amd64", "a");
    package.files.insert("LICENSE".to_owned(), b"Mozilla Public License Version 2.0".to_vec());
    package
}

fn lock(packages: &[Package]) -> String {
    let locks: Vec<Lock> = packages
        .iter()
        .map(|package| Lock {
            address: package.address.clone(),
            version: package.version.clone(),
            constraints: None,
            hashes: vec![package.h1()],
        })
        .collect();
    text(&locks)
}

fn requires(providers: &[(&str, &str)]) -> String {
    let entries = providers.iter().map(|(address, constraint)| {
        let name = address.rsplit('/').next().unwrap();
        let source = address.strip_prefix("registry.opentofu.org/").unwrap();
        format!("    {name} = {{\n      source  = \"{source}\"\n      version = \"{constraint}\"\n    }}\n")
    });
    format!("terraform {{\n  required_providers {{\n{}  }}\n}}\n", entries.collect::<String>())
}

fn unpacked(tree: &mut Tree, mirror: &str, packages: &[Package]) {
    for package in packages {
        for (name, bytes) in &package.files {
            tree.file(format!("{mirror}/{}/{name}", package.unpacked_path()), bytes.clone());
        }
    }
}

/// An image with two versions of one provider, three of another; and stacks of which one is well, one behind, one broken.
fn fleet() -> Workspace {
    let mut tree = Tree::default();
    let image = [
        package(NULL, "3.1.0"),
        package(NULL, "3.2.0"),
        package(DOG, "1.0.0"),
        package(DOG, "1.1.0"),
        package(DOG, "2.0.0"),
    ];
    unpacked(&mut tree, "mirror", &image);
    for (path, configuration, locked) in [
        ("mono/stacks/well", requires(&[(NULL, "~> 3.0")]), Some(vec![package(NULL, "3.2.0")])),
        (
            "mono/stacks/behind",
            requires(&[(NULL, "~> 3.0"), (DOG, "~> 1.0")]),
            Some(vec![package(NULL, "3.1.0"), package(DOG, "1.0.0")]),
        ),
        ("mono/stacks/broken", requires(&[(DOG, ">= 1.0")]), Some(vec![package(DOG, "1.5.0")])),
        ("other", requires(&[(DOG, "1.1.0")]), None),
    ] {
        tree.file(format!("repositories/{path}/main.tf"), configuration.into_bytes());
        if let Some(locked) = locked {
            tree.file(format!("repositories/{path}/.terraform.lock.hcl"), lock(&locked).into_bytes());
        }
    }
    let calls = "\nmodule \"net\" {\n  source = \"../../modules/net\"\n}\n";
    tree.file("repositories/mono/stacks/well/net.tf", calls.as_bytes().to_vec());
    for path in ["mono/modules/net", "mono/modules/nobody", "mono/examples/x", "mono/stacks/well/.terraform/modules/y"]
    {
        tree.file(format!("repositories/{path}/main.tf"), b"resource \"null_resource\" \"x\" {}\n".to_vec());
    }
    tree.file("repositories/mono/.git/HEAD", b"ref\n".to_vec());
    let workspace = Workspace::new();
    tree.write_to(workspace.root(), false);
    workspace
}

fn airtight(workspace: &Workspace, arguments: &[&str]) -> Output {
    let engine = ["--engine", "tofu", "--engine-version", "1.12.6", "--platform", "linux_amd64"];
    let engine = if arguments[0] == "audit" { &engine[..] } else { &[] };
    Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), workspace.root())
        .arguments(arguments.iter().chain(engine).copied())
        .run()
}

fn report(workspace: &Workspace, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = airtight(workspace, &[&["audit", "--format", "json", "repositories"], arguments].concat());
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

const MIRROR: [&str; 2] = ["--mirror", "mirror"];

fn states(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let stacks = report["stacks"].as_array().unwrap();
    stacks.iter().map(|stack| (text(&stack["path"]), text(&stack["state"]))).collect()
}

fn stacks_are_found_and_what_is_left_out_has_a_reason() {
    let workspace = fleet();
    let (code, report) = report(&workspace, &MIRROR);
    assert_eq!(code, Some(100));
    let row = |path: &str, state: &str| (path.to_owned(), state.to_owned());
    assert_eq!(
        states(&report),
        [
            row("repositories/mono/stacks/behind", "works"),
            row("repositories/mono/stacks/broken", "fails"),
            row("repositories/mono/stacks/well", "works"),
            row("repositories/other", "refused"),
        ]
    );
    assert_eq!(report["stacks"][1]["reasons"], json!(["provider-version-missing"]));
    assert_eq!(report["stacks"][3]["reasons"], json!(["provider-not-locked"]));
    let left_out: Vec<_> =
        report["left_out"].as_array().unwrap().iter().map(|out| (&out["path"], &out["why"])).collect();
    assert_eq!(
        left_out,
        [
            (&json!("repositories/mono/examples/x"), &json!("example")),
            (&json!("repositories/mono/modules/net"), &json!("called")),
            (&json!("repositories/mono/modules/nobody"), &json!("module")),
            (&json!("repositories/mono/stacks/well/.terraform"), &json!("vendored")),
        ]
    );
}

fn what_fails_what_is_unused_and_what_could_go_is_said() {
    let workspace = fleet();
    let (_, report) = report(&workspace, &MIRROR);
    let providers = report["providers"].as_array().unwrap();
    let [dog, null] = providers.as_slice() else { panic!("{providers:#?}") };
    let used: Vec<_> = dog["versions"].as_array().unwrap().iter().map(|version| &version["used_by"]).collect();
    assert_eq!(used, [&json!(["repositories/mono/stacks/behind"]), &json!(["repositories/other"]), &json!([])]);
    assert_eq!(dog["versions"][1]["removal_breaks"], json!(["repositories/other"]), "1.1.0 alone is accepted");
    assert_eq!(null["upgrade"]["keep"], json!(["3.2.0"]));
    assert_eq!(null["upgrade"]["drop"], json!(["3.1.0"]));
    assert_eq!(null["upgrade"]["moves"], json!(["repositories/mono/stacks/behind"]));
    assert_eq!(report["stacks"][0]["providers"][1]["newer"], "3.2.0");
    let [lacking] = report["lacking"].as_array().unwrap().as_slice() else { panic!("{:#}", report["lacking"]) };
    assert_eq!((&lacking["address"], &lacking["version"]), (&json!(DOG), &json!("1.5.0")));
    let codes: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    for code in ["package-unused", "provider-version-behind", "provider-version-missing", "provider-not-locked"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    assert_eq!(report["assumptions"][0]["code"], "configuration-not-asked");
}

fn a_seal_alone_says_the_same_as_its_mirror() {
    let workspace = fleet();
    let (_, of_packages) = report(&workspace, &MIRROR);
    assert!(airtight(&workspace, &["mirror", "seal", "--mirror", "mirror"]).status.success());
    let (_, of_sealed) = report(&workspace, &MIRROR);
    fs::rename(workspace.path("mirror/.airtight/seal.json"), workspace.path("seal.json")).unwrap();
    fs::remove_dir_all(workspace.path("mirror")).unwrap();
    let (_, of_seal) = report(&workspace, &["--seal", "seal.json"]);
    for other in [of_sealed, of_seal] {
        for key in ["stacks", "providers", "lacking"] {
            assert_eq!(of_packages[key], other[key], "{key}");
        }
    }
}

fn a_new_image_is_compared_with_the_old_one() {
    let workspace = fleet();
    airtight(&workspace, &["mirror", "seal", "--mirror", "mirror"]);
    fs::rename(workspace.path("mirror/.airtight/seal.json"), workspace.path("old.json")).unwrap();
    fs::remove_dir_all(workspace.path(format!("mirror/{NULL}/3.1.0").as_str())).unwrap();
    let (_, report) = report(&workspace, &["--mirror", "mirror", "--baseline", "old.json"]);
    let [change] = report["changes"].as_array().unwrap().as_slice() else { panic!("{:#}", report["changes"]) };
    assert_eq!(change["path"], "repositories/mono/stacks/behind");
    assert_eq!((&change["before"], &change["after"]), (&json!("success"), &json!("failure")));
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["code"] == "image-change-breaks" && finding["stack"] == change["path"])
    );
}

fn the_manifest_builds_the_mirror_and_the_modules_that_are_missing() {
    let workspace = fleet();
    let mut tree = Tree::default();
    unpacked(&mut tree, "upstream", &[package(DOG, "1.5.0")]);
    let (outer, inner) =
        (Repository::new(&workspace.path("origin/outer")), Repository::new(&workspace.path("origin/inner")));
    inner.write("main.tf", "").commit();
    let address = |name: &str| format!("git::https://git.example.com/{name}");
    outer.write("main.tf", &configuration(&[("inner", &address("inner"), None)])).commit();
    tree.file("repositories/calling/main.tf", configuration(&[("outer", &address("outer"), None)]));
    tree.write_to(workspace.root(), false);
    report(&workspace, &["--mirror", "mirror", "--emit-manifest", "next.json"]);
    let manifest: Value = serde_json::from_str(&fs::read_to_string(workspace.path("next.json")).unwrap()).unwrap();
    assert_eq!(manifest["schema"], "airtight/manifest/1");
    assert_eq!(manifest["modules"][0]["needed_by"], json!(["repositories/calling"]));
    let sources = ["--source", "upstream", "--source", "mirror", "--platform", "linux_amd64"];
    let unlocked =
        airtight(&workspace, &[&["mirror", "build", "--manifest", "next.json"], &sources[..], &["next"]].concat());
    assert_eq!(unlocked.status.code(), Some(96), "one stack has no lock file");
    fs::remove_dir_all(workspace.path("repositories/other")).unwrap();
    report(&workspace, &["--mirror", "mirror", "--emit-manifest", "next.json"]);
    let built =
        airtight(&workspace, &[&["mirror", "build", "--manifest", "next.json"], &sources[..], &["next"]].concat());
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let built = Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), workspace.root())
        .arguments(["modules", "build", "--manifest", "next.json", "store"])
        .environment("GIT_CONFIG_COUNT", "1")
        .environment("GIT_CONFIG_KEY_0", format!("url.file://{}/.insteadOf", workspace.path("origin")))
        .environment("GIT_CONFIG_VALUE_0", "https://git.example.com/")
        .run();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let after = |modules: &str| report(&workspace, &["--mirror", "next", "--modules", modules]).1;
    let report = after("store");
    assert_eq!((&report["lacking"], &report["lacking_modules"]), (&json!([]), &json!([])));
    assert_eq!(report["states"]["fails"], 0);
    for module in report["modules"].as_array().unwrap() {
        let by = json!(["repositories/calling"]);
        assert_eq!((&module["used_by"], &module["removal_breaks"]), (&by, &by));
    }
    assert_eq!(report["modules"].as_array().unwrap().len(), 2, "what the called module calls, too");
    fs::remove_dir_all(workspace.path("repositories/calling")).unwrap();
    let unused = after("store");
    let unused = unused["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "module-unused");
    assert_eq!(unused.count(), 2);
    let unused =
        report["providers"].as_array().unwrap().iter().flat_map(|provider| provider["versions"].as_array().unwrap());
    assert!(unused.into_iter().all(|version| version["used_by"] != json!([])), "nothing that nobody uses");
}

/// The script as the docs have it; only its container runtime, git and the forge are stand-ins.
fn the_nightly_script_of_the_docs_opens_the_next_build_when_something_is_lacking() {
    let workspace = fleet();
    airtight(&workspace, &["mirror", "seal", "--mirror", "mirror"]);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md")).unwrap();
    let script = page.split_once("```bash\n").unwrap().1.split_once("```").unwrap().0;
    fs::create_dir(workspace.path("bin")).unwrap();
    fs::os::unix::fs::symlink(env!("CARGO_BIN_EXE_airtight"), workspace.path("bin/airtight")).unwrap();
    let stand_ins = "podman() { cat mirror/.airtight/seal.json; }\ngit() { echo \"git $*\"; }\n\
                     open_pull_request() { echo \"opened with $(grep -c 1.5.0 \"$1\")\"; }\n";
    let night = || {
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("{stand_ins}{script}")])
            .env("PATH", format!("{}:/usr/bin:/bin", workspace.path("bin")))
            .env("IMAGE", "registry.example.com/runner")
            .current_dir(workspace.root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let opened = night();
    assert!(opened.starts_with("git add next.json\ngit commit -m The next mirror\nopened with "), "{opened}");
    assert!(!opened.ends_with("with 0\n"), "{opened}");
    for stack in ["repositories/mono/stacks/broken", "repositories/other"] {
        fs::remove_dir_all(workspace.path(stack)).unwrap();
    }
    assert_eq!(night(), "");
}

fn rules_and_the_provider_policy_decide_the_exit_code() {
    let workspace = fleet();
    fs::remove_dir_all(workspace.path("repositories/other")).unwrap();
    fs::remove_dir_all(workspace.path("repositories/mono/stacks/broken")).unwrap();
    assert_eq!(report(&workspace, &MIRROR).0, Some(0));
    for (settings, expected) in [
        ("rules: {package-unused: deny}", "package-unused"),
        ("providers: {allow: [registry.opentofu.org/hashicorp/*]}", "provider-not-allowed"),
        (
            "providers: {deny: [{provider: registry.opentofu.org/hashicorp/null, licenses: [MPL-2.0]}]}",
            "provider-not-allowed",
        ),
    ] {
        fs::write(workspace.path("settings.yml"), settings).unwrap();
        let (code, report) = report(&workspace, &["--mirror", "mirror", "--settings", "settings.yml"]);
        assert_eq!(code, Some(100), "{settings}");
        let is_it = |finding: &&Value| finding["severity"] == "error" && finding["code"] == expected;
        assert!(report["findings"].as_array().unwrap().iter().any(|finding| is_it(&finding)), "{settings}");
    }
    let verify = ["mirror", "verify", "--mirror", "mirror", "--settings", "settings.yml"];
    let verified = airtight(&workspace, &verify);
    assert!(String::from_utf8_lossy(&verified.stdout).contains("error[provider-not-allowed]"));
    // An exception that helps nobody, and the repository's own policy.
    fs::write(workspace.path("settings.yml"), "rules: {package-mismatch: {level: warn, reason: old}}").unwrap();
    fs::create_dir_all(workspace.path("repositories/mono/.spacelift")).unwrap();
    fs::write(workspace.path("repositories/mono/.spacelift/airtight.yml"), format!("providers: {{deny: [{DOG}]}}"))
        .unwrap();
    let (code, report) = report(&workspace, &["--mirror", "mirror", "--settings", "settings.yml"]);
    assert_eq!(code, Some(100));
    let found = report["findings"].as_array().unwrap();
    assert!(found.iter().any(|finding| finding["code"] == "rule-unmatched" && finding["severity"] == "warning"));
    let denied: Vec<_> = found.iter().filter(|finding| finding["code"] == "provider-not-allowed").collect();
    assert!(denied.len() == 1 && denied[0]["stack"] == "repositories/mono/stacks/behind", "{denied:#?}");
}

fn every_format_prints_names_that_mean_harm_as_text() {
    let workspace = Workspace::new();
    let mut tree = Tree::default();
    unpacked(&mut tree, "mirror", &[package(NULL, "3.2.0")]);
    let name = "=cmd|x<script>alert(1)<\u{1b}[31m>";
    tree.file(format!("repositories/{name}/main.tf"), requires(&[(DOG, "1.0")]).into_bytes());
    tree.write_to(workspace.root(), false);
    for format in ["human", "json", "csv", "markdown", "sarif"] {
        let page = format!("{format}.html");
        let output =
            airtight(&workspace, &["audit", "repositories", "--mirror", "mirror", "--format", format, "--html", &page]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains("cmd") && !printed.contains('\u{1b}'), "{format}: {printed}");
        assert!(!printed.lines().any(|line| line.starts_with("=cmd")), "{format}");
        let page = fs::read_to_string(workspace.path(&page)).unwrap();
        assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert"), "{format}");
    }
}
