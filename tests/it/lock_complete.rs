//! `airtight lock complete`: what proves a hash, and that real engines take the result.

use std::process::Output;

use camino::Utf8Path;
use fs_err as fs;

use crate::support::engines::{Engine, engines};
use crate::support::isolation::Isolated;
use crate::support::lock_file::{Lock, text};
use crate::support::package::Package;
use crate::support::publisher::Publisher;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    a_link_that_leaves_the_repository_is_refused_and_one_within_it_is_kept,
    engines_take_what_the_kept_archive_proves(engine),
    a_tampered_package_is_refused_where_the_engines_bless_it,
    a_signed_list_proves_what_the_lock_file_does_not_know,
    an_archive_with_directory_entries_needs_both_of_its_hashes,
    what_stands_in_the_way_is_usage,
}

const PLATFORM: &str = "linux_amd64";

fn package(address: &str) -> Package {
    Package::fake(address, "3.2.1", PLATFORM, "genuine")
}

fn lock(package: &Package, mut hashes: Vec<String>) -> Lock {
    hashes.sort();
    Lock { address: package.address.clone(), version: package.version.clone(), constraints: None, hashes }
}

fn zh_of_another_platform() -> String {
    format!("zh:{}", "5".repeat(64))
}

fn complete(workspace: &Workspace, arguments: &[&str]) -> Output {
    Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), &workspace.path("stack"))
        .arguments(["lock", "complete", "--mirror", workspace.path("mirror").as_str(), "--platform", PLATFORM])
        .arguments(arguments.iter().copied())
        .environment("HOME", workspace.root().as_str())
        .run()
}

fn report(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn lock_text(workspace: &Workspace) -> String {
    fs::read_to_string(workspace.path("stack/.terraform.lock.hcl")).unwrap()
}

fn init(engine: &Engine, workspace: &Workspace, arguments: &[&str]) -> Output {
    Isolated::new(&engine.path, &workspace.path("stack"))
        .arguments(arguments.iter().copied())
        .environment("HOME", workspace.root().as_str())
        .environment("CHECKPOINT_DISABLE", "1")
        .environment("TF_CLI_CONFIG_FILE", workspace.path("tofurc").as_str())
        .run()
}

/// A mirror with the package unpacked, and a lock file that only its archive's `zh:` stands in.
fn workspace(package: &Package, hashes: Vec<String>) -> Tree {
    let mut tree = Tree::default();
    for (name, bytes) in &package.files {
        tree.file(format!("mirror/{}/{name}", package.unpacked_path()), bytes.clone());
    }
    tree.file("tofurc", "provider_installation {\n  filesystem_mirror {\n    path = \"$ROOT/mirror\"\n  }\n}\n");
    tree.file(
        "stack/main.tf",
        format!("terraform {{\n  required_providers {{\n    x = {{ source = \"{}\" }}\n  }}\n}}\n", package.address),
    );
    tree.file("stack/.terraform.lock.hcl", text(&[lock(package, hashes)]));
    tree
}

fn a_link_that_leaves_the_repository_is_refused_and_one_within_it_is_kept() {
    let null = package("registry.opentofu.org/hashicorp/null");
    let tree = || {
        let mut tree = Tree::default();
        tree.file(format!("mirror/{}", null.packed_path()), null.archive());
        tree.file("stack/main.tf", "");
        tree
    };
    let locked = text(&[lock(&null, vec![null.zh()])]);
    let mut outside = tree();
    outside.file("home/lock", locked.clone()).link("stack/.terraform.lock.hcl", "../home/lock");
    let workspace = Workspace::holding(&outside, false);
    for arguments in [&[][..], &["--diff"]] {
        let output = complete(&workspace, arguments);
        assert_eq!(output.status.code(), Some(100), "{output:?}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let (link, end) = (".terraform.lock.hcl` is a link that leads to", workspace.path("home/lock"));
        assert!(said.contains(link) && said.contains(end.as_str()) && !said.contains("h1:"), "{said}");
    }
    assert_eq!(fs::read_to_string(workspace.path("home/lock")).unwrap(), locked);

    let mut inside = tree();
    inside.directory("stack/.git/").file("stack/shared/lock", locked).link("stack/.terraform.lock.hcl", "shared/lock");
    let workspace = Workspace::holding(&inside, false);
    assert_eq!(complete(&workspace, &[]).status.code(), Some(0));
    assert!(fs::symlink_metadata(workspace.path("stack/.terraform.lock.hcl")).unwrap().is_symlink());
    assert!(fs::read_to_string(workspace.path("stack/shared/lock")).unwrap().contains(&null.h1()));
}

fn engines_take_what_the_kept_archive_proves(engine: &'static Engine) {
    let package = package(&format!("{}/hashicorp/null", engine.default_host()));
    let mut tree = workspace(&package, vec![package.zh(), zh_of_another_platform()]);
    tree.file(format!("mirror/.airtight/archives/{}", package.packed_path()), package.archive());
    let workspace = Workspace::holding(&tree, false);
    let before = lock_text(&workspace);

    let shown = complete(&workspace, &["--diff"]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("\n+    \"{}\",\n", package.h1())) && shown.contains(&package.zh()), "{shown}");
    assert_eq!(lock_text(&workspace), before);

    let done = complete(&workspace, &["--format", "json"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(report(&done)["providers"][0]["hashes"], serde_json::json!([package.h1()]));
    let after = lock_text(&workspace);
    assert_eq!(after.replace(&format!("    \"{}\",\n", package.h1()), ""), before);

    let output = init(engine, &workspace, &["init", "-no-color", "-lockfile=readonly"]);
    assert!(output.status.success(), "{} {output:?}", engine.name);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("Warning"), "{} {said}", engine.name);
    assert_eq!(lock_text(&workspace), after);

    let again = complete(&workspace, &["--format", "json"]);
    assert_eq!(report(&again)["providers"][0]["outcome"], "present");
    assert_eq!(lock_text(&workspace), after);
}

/// The engines' own command records the tampered package's hash beside the publisher's `zh:`.
fn a_tampered_package_is_refused_where_the_engines_bless_it() {
    for packed in [false, true] {
        for engine in engines() {
            let address = format!("{}/hashicorp/null", engine.default_host());
            let (genuine, tampered) = (package(&address), Package::fake(&address, "3.2.1", PLATFORM, "tampered"));
            let mut tree = workspace(&tampered, vec![genuine.zh(), zh_of_another_platform()]);
            if packed {
                tree = tree.without("mirror/");
                tree.file(format!("mirror/{}", tampered.packed_path()), tampered.archive());
            }
            let workspace = Workspace::holding(&tree, false);
            let before = lock_text(&workspace);

            let output = complete(&workspace, &["--format", "json"]);
            assert_eq!(output.status.code(), Some(100), "{output:?}");
            let reason = report(&output)["providers"][0]["reason"].as_str().unwrap().to_owned();
            assert!(
                reason.contains(if packed { "is not the archive that was locked" } else { "is unpacked" }),
                "{reason}"
            );
            assert_eq!(lock_text(&workspace), before);

            let mirror = format!("-fs-mirror={}", workspace.path("mirror"));
            let platform = format!("-platform={PLATFORM}");
            let blessed = init(engine, &workspace, &["providers", "lock", &mirror, &platform]);
            assert!(blessed.status.success(), "{} {blessed:?}", engine.name);
            assert!(lock_text(&workspace).contains(&tampered.h1()), "{}", engine.name);
        }
    }
}

fn a_signed_list_proves_what_the_lock_file_does_not_know() {
    let package = package("registry.opentofu.org/hashicorp/null");
    let (trusted, other) = (Publisher::new("registry"), Publisher::new("other"));
    let evidence = format!("mirror/.airtight/evidence/{}/3.2.1", package.address);
    let name = package.packed_path().rsplit('/').next().unwrap().to_owned();
    let sums = format!("{}  {name}\n{}  other.zip\n", package.zh().replace("zh:", ""), "a".repeat(64));
    let wrong = sums.replace(&package.zh().replace("zh:", ""), &"b".repeat(64));
    for (sums, signed, key, expected) in [
        (&sums, &sums, Some(&trusted), None),
        (&sums, &sums, Some(&other), Some("none of the keys that count")),
        (&sums, &sums, None, Some("no trusted key is given")),
        (&sums, &wrong, Some(&trusted), Some("not the bytes that were signed")),
        (&wrong, &wrong, Some(&trusted), Some("SHA256SUMS` says zh:bbb")),
    ] {
        let mut tree = workspace(&package, vec![]);
        tree.file(format!("mirror/.airtight/archives/{}", package.packed_path()), package.archive());
        tree.file(format!("{evidence}/SHA256SUMS"), sums.as_str());
        tree.file(format!("{evidence}/SHA256SUMS.sig"), trusted.sign(signed.as_bytes()));
        tree.file("key.asc", key.map(Publisher::public_key).unwrap_or_default());
        let workspace = Workspace::holding(&tree, false);
        let key_path = workspace.path("key.asc");
        let mut arguments = vec!["--format", "json"];
        if key.is_some() {
            arguments.extend(["--allow-key", key_path.as_str()]);
        }
        let output = complete(&workspace, &arguments);
        let reason = report(&output)["providers"][0]["reason"].as_str().unwrap().to_owned();
        match expected {
            None => {
                assert_eq!(output.status.code(), Some(0), "{reason}");
                assert!(lock_text(&workspace).contains(&format!("  hashes = [\n    \"{}\",\n  ]\n", package.h1())));
            }
            Some(expected) => {
                assert_eq!(output.status.code(), Some(100), "{reason}");
                assert!(reason.contains(expected), "{reason}");
                assert!(!lock_text(&workspace).contains("h1:"));
            }
        }
    }
}

fn an_archive_with_directory_entries_needs_both_of_its_hashes() {
    use sha2::Digest as _;
    let package = package("registry.opentofu.org/hashicorp/null");
    let archive = package.archive_with_directory("docs/");
    let digits: String = sha2::Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut tree = workspace(&package, vec![format!("zh:{digits}")]).without("mirror/");
    tree.file(format!("mirror/{}", package.packed_path()), archive);
    let workspace = Workspace::holding(&tree, false);
    let output = complete(&workspace, &["--format", "json"]);
    let hashes = report(&output)["providers"][0]["hashes"].as_array().unwrap().clone();
    assert_eq!(hashes.len(), 2, "{hashes:?}");
    assert!(hashes.contains(&package.h1().into()), "{hashes:?}");
    for engine in engines().iter().filter(|engine| engine.name == "tofu") {
        for arguments in [&["init", "-no-color", "-lockfile=readonly"][..], &["providers", "schema", "-json"]] {
            let output = init(engine, &workspace, arguments);
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("checksum") && !said.contains("Warning"), "{said}");
        }
    }
}

fn what_stands_in_the_way_is_usage() {
    let package = package("registry.opentofu.org/hashicorp/null");
    let workspace = Workspace::holding(&workspace(&package, vec![]), false);
    for arguments in [&["--platform", "linux"][..], &["--allow-key", "main.tf"], &["missing"]] {
        assert_eq!(complete(&workspace, arguments).status.code(), Some(96), "{arguments:?}");
    }
    fs::remove_file(workspace.path("stack/.terraform.lock.hcl")).unwrap();
    assert_eq!(complete(&workspace, &[]).status.code(), Some(100));
}
