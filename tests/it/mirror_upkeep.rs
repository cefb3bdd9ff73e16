//! `airtight mirror verify`, `prune`, `list` and `sbom`.

use std::process::Output;

use camino::Utf8Path;
use fs_err as fs;

use airtight_provider::modules::manifest::{Manifest, StoredSource, StoredTree, TreeKind};

use crate::support::isolation::Isolated;
use crate::support::lock_file::{Lock, text};
use crate::support::package::Package;
use crate::support::publisher::Publisher;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    a_mirror_that_nobody_speaks_of_is_sound_and_unproven,
    what_lies_where_no_engine_looks_is_an_error,
    a_seal_is_compared_both_ways,
    lock_files_have_to_find_what_they_lock,
    kept_archives_and_signed_lists_prove_what_is_unpacked,
    evidence_of_packages_that_are_not_there_is_told,
    a_signed_list_proves_a_package_by_keys_that_somebody_names,
    index_files_have_to_fit_the_archives,
    prune_keeps_what_is_locked_and_takes_the_rest_with_its_evidence,
    list_says_what_is_there_and_what_no_engine_takes,
    the_bill_of_materials_is_valid_and_complete,
    what_something_speaks_against_is_not_proven_by_anything_else,
    names_in_capitals_that_the_engines_read_are_no_error,
    a_program_of_another_machine_is_refused,
    prune_says_that_the_seal_no_longer_matches_and_whom_it_keeps_nothing_for,
    index_files_of_a_mirror_that_was_copied_in_part_are_a_warning,
}

const PACKED: &str = "registry.opentofu.org/hashicorp/null";
const UNPACKED: &str = "registry.opentofu.org/hashicorp/random";

fn package(address: &str, version: &str) -> Package {
    Package::fake(address, version, "linux_amd64", "a")
}

fn lock(package: &Package, hash: String) -> String {
    text(&[Lock {
        address: package.address.clone(),
        version: package.version.clone(),
        constraints: None,
        hashes: vec![hash],
    }])
}

fn unpacked(tree: &mut Tree, package: &Package) {
    for (name, bytes) in &package.files {
        tree.file(format!("mirror/{}/{name}", package.unpacked_path()), bytes.clone());
    }
}

fn mirror() -> Tree {
    let mut tree = Tree::default();
    let packed = package(PACKED, "3.2.1");
    tree.file(format!("mirror/{}", packed.packed_path()), packed.archive());
    unpacked(&mut tree, &package(UNPACKED, "3.6.0"));
    tree
}

fn airtight(workspace: &Workspace, arguments: &[&str]) -> Output {
    Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), workspace.root())
        .arguments(["mirror"])
        .arguments(arguments.iter().copied())
        .arguments(["--mirror", "mirror"])
        .run()
}

/// Code, findings and report; without the warnings that there is nothing to compare a package with.
fn verify(workspace: &Workspace, arguments: &[&str]) -> (Option<i32>, Vec<String>, serde_json::Value) {
    let mut all = vec!["verify", "--format", "json", "--platform", "linux_amd64"];
    all.extend(arguments);
    let output = airtight(workspace, &all);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let mut codes: Vec<_> = (report["findings"].as_array().unwrap().iter())
        .map(|finding| format!("{}: {}", finding["code"].as_str().unwrap(), finding["summary"].as_str().unwrap()))
        .collect();
    codes.retain(|code: &String| !code.starts_with("package-unverified"));
    codes.sort();
    (output.status.code(), codes, report)
}

/// The one error that a changed mirror has.
fn only(workspace: &Workspace, arguments: &[&str], expected: &str) {
    let (code, codes, _) = verify(workspace, arguments);
    assert_eq!(code, Some(100), "{expected}: {codes:?}");
    assert!(codes.iter().all(|found| found.contains(expected)) && !codes.is_empty(), "{expected}: {codes:?}");
}

fn a_mirror_that_nobody_speaks_of_is_sound_and_unproven() {
    let workspace = Workspace::holding(&mirror(), false);
    let (code, codes, report) = verify(&workspace, &[]);
    assert_eq!((code, codes), (Some(0), vec![]));
    let packages = report["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 2);
    assert!(packages.iter().all(|package| package["proven_by"].as_array().unwrap().is_empty()));
    assert_eq!(packages[0]["h1"], package(PACKED, "3.2.1").h1());
    let unverified = |report: &serde_json::Value| {
        let findings = report["findings"].as_array().unwrap().iter();
        findings.filter(|finding| finding["code"] == "package-unverified" && finding["severity"] == "warning").count()
    };
    assert_eq!(unverified(&report), 1, "one finding names both");
    let said = String::from_utf8(airtight(&workspace, &["verify"]).stdout).unwrap();
    assert!(said.contains("verified: there is nothing to compare them with"), "{said}");
    assert!(said.ends_with("airtight: 2 packages hashed, 0 proven, 1 warning\n"), "{said}");
    let mut tree = Tree::default();
    let random = package(UNPACKED, "3.6.0");
    tree.file("stack/.terraform.lock.hcl", lock(&random, random.h1()));
    tree.write_to(workspace.root(), false);
    let (code, _, report) = verify(&workspace, &["--lock", "stack"]);
    assert_eq!((code, unverified(&report)), (Some(0), 1));
    assert_eq!(report["packages"][1]["proven_by"].as_array().unwrap().len(), 1);
}

fn what_something_speaks_against_is_not_proven_by_anything_else() {
    let random = package(UNPACKED, "3.6.0");
    let mut tree = mirror();
    let name = random.files.keys().next().unwrap();
    tree.file(format!("mirror/{}/{name}", random.unpacked_path()), "#!/bin/sh\n# tampered\n");
    // The archive is genuine, and locked; what lies unpacked is not what it holds.
    tree.file(format!("mirror/.airtight/archives/{}", random.packed_path()), random.archive());
    tree.file("stack/.terraform.lock.hcl", lock(&random, random.zh()));
    let workspace = Workspace::holding(&tree, false);
    let (code, codes, report) = verify(&workspace, &["--lock", "stack"]);
    assert_eq!(code, Some(100));
    assert!(codes.iter().any(|code| code.starts_with("package-mismatch")), "{codes:?}");
    assert!(report["packages"][1]["proven_by"].as_array().unwrap().is_empty(), "{report}");
}

fn names_in_capitals_that_the_engines_read_are_no_error() {
    let random = package(UNPACKED, "3.6.0");
    let mut tree = Tree::default();
    for (name, bytes) in &random.files {
        tree.file(format!("mirror/Registry.OpenTofu.org/HashiCorp/Random/3.6.0/linux_amd64/{name}"), bytes.clone());
    }
    tree.file("stack/.terraform.lock.hcl", lock(&random, random.h1()));
    let (code, codes, report) = verify(&Workspace::holding(&tree, false), &["--lock", "stack"]);
    assert_eq!((code, codes), (Some(0), vec![]));
    assert_eq!(report["packages"][0]["proven_by"].as_array().unwrap().len(), 1);
}

fn a_program_of_another_machine_is_refused() {
    let mut elf = vec![0_u8; 64];
    elf[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    elf[16] = 2;
    elf[18..20].copy_from_slice(&183_u16.to_le_bytes());
    let mut package = package(UNPACKED, "3.6.0");
    for bytes in package.files.values_mut() {
        bytes.clone_from(&elf);
    }
    let mut tree = Tree::default();
    unpacked(&mut tree, &package);
    tree.file("stack/.terraform.lock.hcl", lock(&package, package.h1()));
    tree.file(format!("source/{}", package.packed_path()), package.archive());
    let workspace = Workspace::holding(&tree, false);
    only(&workspace, &["--lock", "stack"], "package-wrong-machine");
    let output = Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), workspace.root())
        .arguments(["mirror", "build", "--from", "stack", "--source", "source", "--platform", "linux_amd64", "out"])
        .run();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(100) && said.contains("is not made for linux_amd64"), "{said}");
    assert!(!workspace.path("out").join(package.unpacked_path()).exists());
}

fn prune_says_that_the_seal_no_longer_matches_and_whom_it_keeps_nothing_for() {
    let packed = package(PACKED, "3.2.1");
    let mut tree = mirror();
    tree.file("a/stack/.terraform.lock.hcl", lock(&packed, packed.h1()));
    tree.file("a/forgotten/main.tf", "");
    let workspace = Workspace::holding(&tree, false);
    assert!(airtight(&workspace, &["seal"]).status.success());
    for (arguments, verb) in [(&["--dry-run"][..], "would no longer match"), (&[], "no longer matches")] {
        let output = airtight(&workspace, &[&["prune", "--keep-for", "a"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(verb) && said.contains("airtight mirror seal --mirror mirror"), "{said}");
        assert!(said.contains("`a/forgotten` has a configuration and no lock file"), "{said}");
    }
}

fn what_lies_where_no_engine_looks_is_an_error() {
    let mut tree = mirror();
    tree.file("mirror/registry.opentofu.org/hashicorp/null/3.2.1/terraform-provider-null_3.2.1_linux_amd64.zip", "x");
    only(&Workspace::holding(&tree, false), &[], "mirror-entry-ignored");
    let mut tree = mirror();
    unpacked(&mut tree, &package(PACKED, "3.2.1"));
    only(&Workspace::holding(&tree, false), &[], "is there twice");
}

fn a_seal_is_compared_both_ways() {
    let sealed = || {
        let workspace = Workspace::holding(&mirror(), false);
        assert!(airtight(&workspace, &["seal"]).status.success());
        workspace
    };
    let workspace = sealed();
    let (code, codes, report) = verify(&workspace, &[]);
    assert_eq!((code, codes), (Some(0), vec![]));
    let digest = report["seal"].as_str().unwrap().to_owned();
    let (code, _, report) = verify(&workspace, &["--seal-digest", &digest]);
    assert_eq!(code, Some(0));
    assert_eq!(report["packages"][0]["proven_by"][0], format!("the seal {digest}"));
    only(&workspace, &["--seal-digest", "sha256:0"], "seal-invalid");

    let file = format!("mirror/{}", package(UNPACKED, "3.6.0").unpacked_path());
    let name = format!("{file}/terraform-provider-random_v3.6.0");
    for change in [
        &(|workspace: &Workspace| {
            let bytes = fs::read(workspace.path(&name)).unwrap();
            fs::write(workspace.path(&name), vec![b'#'; bytes.len()]).unwrap();
        }) as &dyn Fn(&Workspace),
        &|workspace| fs::remove_dir_all(workspace.path(&file)).unwrap(),
        &|workspace| {
            let mut tree = Tree::default();
            unpacked(&mut tree, &package(UNPACKED, "3.7.0"));
            tree.write_to(workspace.root(), false);
        },
    ] {
        let workspace = sealed();
        change(&workspace);
        only(&workspace, &[], "seal-differs");
    }
}

fn lock_files_have_to_find_what_they_lock() {
    let (packed, random) = (package(PACKED, "3.2.1"), package(UNPACKED, "3.6.0"));
    for (text, expected) in [
        (lock(&packed, packed.zh()), None),
        (lock(&packed, packed.h1()), None),
        (lock(&random, random.h1()), None),
        (lock(&random, random.zh()), Some("provider-not-locked")),
        (lock(&packed, "h1:other".to_owned()), Some("package-mismatch")),
        (lock(&random, "h1:other".to_owned()), Some("package-mismatch")),
        (lock(&package(UNPACKED, "3.6.1"), random.h1()), Some("provider-version-missing")),
        (lock(&package("registry.opentofu.org/hashicorp/dog", "1.0.0"), random.h1()), Some("provider-missing")),
        ("provider {".to_owned(), Some("lock-file-invalid")),
    ] {
        let mut tree = mirror();
        tree.file("repositories/one/stack/.terraform.lock.hcl", text.as_str());
        let workspace = Workspace::holding(&tree, false);
        match expected {
            None => assert_eq!(verify(&workspace, &["--lock", "repositories"]).1, [] as [&str; 0], "{text}"),
            Some(expected) => only(&workspace, &["--lock", "repositories"], expected),
        }
    }
}

fn kept_archives_and_signed_lists_prove_what_is_unpacked() {
    let random = package(UNPACKED, "3.6.0");
    let archive = format!("mirror/.airtight/archives/{}", random.packed_path());
    let with_archive = |package: &Package| {
        let mut tree = mirror();
        tree.file(archive.as_str(), package.archive());
        tree.file("stack/.terraform.lock.hcl", lock(&random, "h1:other".to_owned()));
        tree
    };
    let other = Package::fake(UNPACKED, "3.6.0", "linux_amd64", "b");
    assert_eq!(verify(&Workspace::holding(&with_archive(&random), false), &[]).0, Some(0));
    only(&Workspace::holding(&with_archive(&other), false), &[], "package-mismatch");
    let mut tree = mirror();
    tree.file(
        "mirror/.airtight/archives/registry.opentofu.org/hashicorp/dog/terraform-provider-dog_1.0.0_linux_amd64.zip",
        "x",
    );
    let (code, codes, _) = verify(&Workspace::holding(&tree, false), &[]);
    assert_eq!(code, Some(0));
    assert!(codes[0].contains("belongs to no package"), "{codes:?}");

    let record = |h1: String, zh: String| {
        serde_json::json!({
            "schema": "airtight/evidence/1",
            "address": UNPACKED,
            "version": "3.6.0",
            "signed_by": null,
            "packages": {"linux_amd64": {"h1": h1, "zh": zh, "source": "x", "fetched": "2026-01-01T00:00:00Z"}},
        })
        .to_string()
    };
    for (record, expected) in [
        (record(random.h1(), random.zh()), None),
        (record(other.h1(), random.zh()), Some("package-mismatch")),
        (record(random.h1(), other.zh()), Some("package-mismatch")),
        (record(random.h1(), random.zh()).replace("evidence/1", "evidence/2"), Some("evidence-invalid")),
        (record(random.h1(), random.zh()).replace("\"signed_by\":null", &signed_by("A")), Some("evidence-invalid")),
        ("{".to_owned(), Some("evidence-invalid")),
    ] {
        let mut tree = with_archive(&random);
        tree.file(format!("mirror/.airtight/evidence/{UNPACKED}/3.6.0/evidence.json"), record);
        let workspace = Workspace::holding(&tree, false);
        match expected {
            None => assert_eq!(verify(&workspace, &[]).1, [] as [&str; 0]),
            Some(expected) => only(&workspace, &[], expected),
        }
    }
}

fn signed_by(fingerprint: &str) -> String {
    format!("\"signed_by\":{{\"fingerprint\":\"{fingerprint}\",\"user_id\":null,\"signed\":\"2026-01-01T00:00:00Z\"}}")
}

fn evidence_of_packages_that_are_not_there_is_told() {
    let mut tree = mirror();
    tree.file(format!("mirror/.airtight/evidence/{UNPACKED}/3.5.0/SHA256SUMS"), "");
    let (code, codes, _) = verify(&Workspace::holding(&tree, false), &[]);
    assert_eq!((code, codes.len()), (Some(0), 1));
    assert!(codes[0].contains("belongs to no package"), "{codes:?}");
}

fn a_signed_list_proves_a_package_by_keys_that_somebody_names() {
    let random = package(UNPACKED, "3.6.0");
    let other = Package::fake(UNPACKED, "3.6.0", "linux_amd64", "b");
    let (trusted, stranger) = (Publisher::new("registry"), Publisher::new("stranger"));
    let name = random.packed_path().rsplit('/').next().unwrap().to_owned();
    let evidence = format!("mirror/.airtight/evidence/{UNPACKED}/3.6.0");
    let tree = |listed: &Package, is_kept: bool, kept_key: &Publisher| {
        let sums = format!("{}  {name}\n", listed.zh().replace("zh:", ""));
        let mut tree = mirror();
        if is_kept {
            tree.file(format!("mirror/.airtight/archives/{}", random.packed_path()), random.archive());
        }
        tree.file(format!("{evidence}/SHA256SUMS"), sums.as_str());
        tree.file(format!("{evidence}/SHA256SUMS.sig"), trusted.sign(sums.as_bytes()));
        tree.file(format!("{evidence}/keys.asc"), kept_key.public_key());
        tree.file("trusted.asc", trusted.public_key());
        tree.file("stranger.asc", stranger.public_key());
        Workspace::holding(&tree, false)
    };
    let proven = |workspace: &Workspace, arguments: &[&str]| {
        let (code, codes, report) = verify(workspace, arguments);
        assert_eq!((code, codes), (Some(0), vec![]));
        report["packages"][1]["proven_by"].as_array().unwrap().len()
    };
    let kept = tree(&random, true, &trusted);
    assert_eq!(proven(&kept, &["--allow-key", "trusted.asc"]), 1);
    // Keys of the mirror itself, and a list of archives that are not there, prove nothing.
    assert_eq!(proven(&kept, &[]), 0);
    assert_eq!(proven(&tree(&random, false, &trusted), &["--allow-key", "trusted.asc"]), 0);
    only(&kept, &["--allow-key", "stranger.asc"], "evidence-invalid");
    only(&tree(&random, true, &stranger), &[], "evidence-invalid");
    only(&tree(&other, true, &trusted), &["--allow-key", "trusted.asc"], "package-mismatch");
    let record = format!("{{\"schema\":\"airtight/evidence/1\",\"address\":\"{UNPACKED}\",\"version\":\"3.6.0\",");
    for (fingerprint, is_sound) in [(trusted.fingerprint(), true), (stranger.fingerprint(), false)] {
        let record = format!("{record}{},\"packages\":{{}}}}", signed_by(&fingerprint));
        fs::write(kept.path(&format!("{evidence}/evidence.json")), record).unwrap();
        if is_sound {
            assert_eq!(proven(&kept, &["--allow-key", "trusted.asc"]), 1);
        } else {
            only(&kept, &["--allow-key", "trusted.asc"], "evidence-invalid");
        }
    }
}

fn index_files_of_a_mirror_that_was_copied_in_part_are_a_warning() {
    let packed = package(PACKED, "3.2.1");
    let name = packed.packed_path().rsplit('/').next().unwrap().to_owned();
    let archive = format!("{{\"hashes\":[\"{}\"],\"url\":\"{name}\"}}", packed.h1());
    for (index, archives, expected) in [
        (
            "{\"versions\":{\"3.2.1\":{}}}",
            format!("\"linux_arm64\":{archive}"),
            "a package for linux_arm64, which is not",
        ),
        ("{\"versions\":{}}", format!("\"linux_amd64\":{archive}"), "does not name the version 3.2.1"),
        ("{\"versions\":{\"3.2.1\":{},\"3.3.0\":{}}}", format!("\"linux_amd64\":{archive}"), "the version 3.3.0"),
    ] {
        let mut tree = mirror();
        tree.file(format!("mirror/{PACKED}/index.json"), index);
        tree.file(format!("mirror/{PACKED}/3.2.1.json"), format!("{{\"archives\":{{{archives}}}}}"));
        let (code, codes, _) = verify(&Workspace::holding(&tree, false), &[]);
        assert_eq!(code, Some(0), "{codes:?}");
        assert!(codes.iter().any(|found| found.contains(expected)), "{expected}: {codes:?}");
    }
}

fn index_files_have_to_fit_the_archives() {
    let packed = package(PACKED, "3.2.1");
    let name = packed.packed_path().rsplit('/').next().unwrap().to_owned();
    let version = |platform: &str, hash: &str, name: &str| {
        format!("{{\"archives\":{{\"{platform}\":{{\"hashes\":[\"{hash}\"],\"url\":\"{name}\"}}}}}}")
    };
    let index = "{\"versions\":{\"3.2.1\":{}}}";
    for (index, version, expected) in [
        (index, version("linux_amd64", &packed.h1(), &name), None),
        (index, version("linux_amd64", &packed.zh(), &name), None),
        (index, version("linux_amd64", "h1:other", &name), Some("it says h1:other")),
        (index, version("linux_amd64", &packed.h1(), "other.zip"), Some("`other.zip`")),
        (index, format!("{{\"archives\":{{\"linux_amd64\":{{\"hashes\":null,\"url\":\"{name}\"}}}}}}"), None),
        ("<html>", version("linux_amd64", &packed.h1(), &name), Some("no index of versions")),
    ] {
        let mut tree = mirror();
        tree.file(format!("mirror/{PACKED}/index.json"), index);
        tree.file(format!("mirror/{PACKED}/3.2.1.json"), version);
        let workspace = Workspace::holding(&tree, false);
        match expected {
            None => assert_eq!(verify(&workspace, &[]).1, [] as [&str; 0]),
            Some(expected) => only(&workspace, &[], expected),
        }
    }
}

fn prune_keeps_what_is_locked_and_takes_the_rest_with_its_evidence() {
    let (packed, random) = (package(PACKED, "3.2.1"), package(UNPACKED, "3.6.0"));
    let old = package(UNPACKED, "3.5.0");
    let layout = || {
        let mut tree = mirror();
        unpacked(&mut tree, &old);
        tree.file(format!("mirror/.airtight/archives/{}", old.packed_path()), old.archive());
        tree.file(format!("mirror/.airtight/archives/{}", random.packed_path()), random.archive());
        tree.file(format!("mirror/.airtight/evidence/{UNPACKED}/3.5.0/SHA256SUMS"), "");
        // OpenTofu reads such an entry as its own registry's provider.
        let predecessor = package("registry.terraform.io/hashicorp/null", "3.2.1");
        tree.file("a/stack/.terraform.lock.hcl", lock(&predecessor, packed.h1()));
        tree.file("b/.terraform.lock.hcl", lock(&random, random.h1()));
        Workspace::holding(&tree, false)
    };
    let workspace = layout();
    let there = |path: String| workspace.path("mirror").join(path).exists();
    let dry = airtight(&workspace, &["prune", "--keep-for", "a", "--keep-for", "b", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{dry:?}");
    let said = String::from_utf8(dry.stdout).unwrap();
    assert!(said.contains("would remove: ") && said.contains(": for b/.terraform.lock.hcl\n"), "{said}");
    assert!(said.contains("1 package would be removed") && !said.contains("removed: "), "{said}");
    assert!(there(old.unpacked_path()));

    let output = airtight(&workspace, &["prune", "--keep-for", "a", "--keep-for", "b", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(there(packed.packed_path()) && there(random.unpacked_path()));
    assert!(there(format!(".airtight/archives/{}", random.packed_path())));
    assert!(!there(format!("{UNPACKED}/3.5.0")) && there(UNPACKED.to_owned()));
    assert!(!there(format!(".airtight/archives/{}", old.packed_path())));
    assert!(!there(format!(".airtight/evidence/{UNPACKED}")));

    for (path, content, code) in [("c/main.tf", "", 100), ("c/.terraform.lock.hcl", "provider {", 100)] {
        let workspace = layout();
        let mut tree = Tree::default();
        tree.file(path, content);
        tree.write_to(workspace.root(), false);
        assert_eq!(airtight(&workspace, &["prune", "--keep-for", "c"]).status.code(), Some(code));
        assert!(workspace.path("mirror").join(old.unpacked_path()).exists());
    }
    assert_eq!(airtight(&workspace, &["prune", "--keep-for", "missing"]).status.code(), Some(96));
}

fn list_says_what_is_there_and_what_no_engine_takes() {
    let mut tree = mirror();
    unpacked(&mut tree, &package(PACKED, "3.2.1"));
    let workspace = Workspace::holding(&tree, false);
    let output = airtight(&workspace, &["list"]);
    let table = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "provider version platform layout size program evidence",
            &format!("{PACKED} 3.2.1 linux_amd64 unpacked 0.0 MB script"),
            &format!("{PACKED} 3.2.1 linux_amd64 packed 0.0 MB script (not used: there twice)"),
            &format!("{UNPACKED} 3.6.0 linux_amd64 unpacked 0.0 MB script"),
        ]
    );
    let output = airtight(&workspace, &["list", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "airtight/mirror-list/1");
    assert_eq!(report["packages"][1]["is_shadowed"], true);
}

/// The bill of materials' schema refers to two others by their names.
struct Schemas;

impl jsonschema::Retrieve for Schemas {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.path().as_str().rsplit('/').next().unwrap_or_default().to_owned();
        Ok(schema(&name))
    }
}

fn schema(name: &str) -> serde_json::Value {
    let directory = Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cyclonedx"));
    serde_json::from_str(&fs::read_to_string(directory.join(name)).unwrap()).unwrap()
}

fn the_bill_of_materials_is_valid_and_complete() {
    let mut tree = mirror();
    let random = package(UNPACKED, "3.6.0");
    tree.file(format!("mirror/.airtight/archives/{}", random.packed_path()), random.archive());
    tree.file("tofu", "#!/bin/sh\necho OpenTofu v1.12.6\n");
    let workspace = Workspace::holding(&tree, false);
    std::fs::set_permissions(workspace.path("tofu"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let store = workspace.path("modules");
    fs::create_dir_all(store.join("git/h.example/net/c0ffee")).unwrap();
    fs::write(store.join("git/h.example/net/c0ffee/main.tf"), "").unwrap();
    let tree =
        StoredTree::measure(&store, "git/h.example/net/c0ffee", TreeKind::Git, "https://h.example/net.git").unwrap();
    let source = StoredSource {
        needed_by: Vec::new(),
        reference: None,
        source: "registry.example/acme/net/aws".to_owned(),
        subdirectory: String::new(),
        tree: tree.path.clone(),
        version: Some("1.2.0".to_owned()),
    };
    let tree = StoredTree { id: Some("c0ffee".to_owned()), ..tree };
    Manifest { serial: None, sources: vec![source], trees: vec![tree] }.write(&store).unwrap();
    let print = || airtight(&workspace, &["sbom", "--engine", "./tofu", "--modules", "modules"]);
    let output = print();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(print().stdout, output.stdout);

    let validator = jsonschema::options().with_retriever(Schemas).build(&schema("bom-1.6.schema.json")).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut broken = document.clone();
    broken["components"][0]["hashes"][0]["content"] = "short".into();
    assert!(!validator.is_valid(&broken));

    let components = document["components"].as_array().unwrap();
    assert_eq!(components.len(), 5);
    let module = (&components[3]["name"], &components[3]["version"], &components[3]["bom-ref"]);
    assert_eq!(module, (&"registry.example/acme/net/aws".into(), &"1.2.0".into(), &"git/h.example/net/c0ffee".into()));
    assert_eq!(components[4]["bom-ref"], "modules");
    assert_eq!((&components[0]["name"], &components[0]["version"]), (&"OpenTofu".into(), &"1.12.6".into()));
    assert_eq!(
        components[2]["purl"],
        "pkg:generic/hashicorp/terraform-provider-random@3.6.0?platform=linux_amd64&repository_url=registry.opentofu.org"
    );
    for (component, package) in components[1..3].iter().zip([package(PACKED, "3.2.1"), random]) {
        assert_eq!(component["hashes"][0]["content"], package.zh().replace("zh:", ""));
        assert!(component["properties"].to_string().contains(&package.h1()));
    }
}
