//! `airtight mirror build`: from lock files to a mirror that engines install from, whatever the network does.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::Duration;

use camino::Utf8Path;
use fs_err as fs;

use crate::support::engines::Engine;
use crate::support::isolation::{Isolated, airtight, has_namespaces, is_root};
use crate::support::lock_file::{self, Lock};
use crate::support::package::{Package, zh_of};
use crate::support::publisher::Publisher;
use crate::support::registry::{Answer, Registry, start_proxy};
use crate::support::runner::ignored;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    each_package_is_fetched_once_and_kept_the_next_time,
    the_evidence_verifies_again_without_the_registry,
    what_does_not_match_is_refused_and_nothing_of_it_stays,
    what_goes_wrong_once_is_tried_again,
    a_download_that_was_begun_with_other_bytes_begins_anew,
    a_token_goes_to_its_host_and_into_no_text,
    only_an_allowed_key_counts_where_keys_are_given,
    mirrors_are_sources_too_and_a_tampered_one_is_passed_over,
    a_packed_mirror_is_a_network_mirror_for_the_next,
    a_state_s_providers_must_be_locked,
    versions_are_chosen_where_nothing_is_locked_only_when_asked_for,
    a_proxy_is_used_and_left_out,
    two_builds_of_one_mirror_do_not_meet,
    a_killed_build_leaves_whole_packages_and_goes_on,
    a_full_disk_is_told_and_harms_nothing,
    what_cannot_be_used_is_said_before_anything_is_done,
    the_archives_are_those_of_the_engine_s_own_mirror_and_init_works_from_ours(engine),
    an_archive_that_is_no_package_is_refused_whoever_vouches_for_it,
    a_package_is_never_put_beside_itself_in_the_other_layout,
    the_dry_run_says_how_much_and_for_whom_and_every_host_is_named,
    a_redirect_to_another_host_takes_no_token_along_and_none_leads_out_of_tls,
    what_was_resolved_is_not_downloaded_again,
    the_commands_of_the_readme_build_a_mirror,
    a_silent_server_does_not_make_us_silent,
    everybody_may_read_what_was_built_whatever_the_umask,
}

const PLATFORM: &str = "linux_amd64";

fn package(registry: &Registry, provider: &str, version: &str, flavour: &str) -> Package {
    Package::fake(&registry.address(provider), version, PLATFORM, flavour)
}

/// A lock of one package with the hashes that `providers lock` would have found.
fn lock(package: &Package) -> Lock {
    lock_with(package, vec![package.h1(), package.zh()])
}

fn lock_with(package: &Package, hashes: Vec<String>) -> Lock {
    Lock { address: package.address.clone(), version: package.version.clone(), constraints: None, hashes }
}

/// Root modules by their paths, with what they lock.
fn repositories(modules: &[(&str, &[Lock])], registry: &Registry) -> Workspace {
    let mut tree = Tree::default();
    for (path, locks) in modules {
        let required: String = (locks.iter().enumerate())
            .map(|(number, lock)| format!("    p{number} = {{\n      source = \"{}\"\n    }}\n", lock.address))
            .collect();
        let text = format!("terraform {{\n  required_providers {{\n{required}  }}\n}}\n");
        tree.file(format!("from/{path}/main.tf"), text);
        tree.file(format!("from/{path}/.terraform.lock.hcl"), lock_file::text(locks));
    }
    tree.file("ca.pem", registry.authority.clone());
    Workspace::holding(&tree, false)
}

fn command(workspace: &Workspace, arguments: &[&str]) -> Isolated {
    Isolated { offline: false, ..Isolated::new(airtight(), workspace.root()) }
        .arguments(["mirror", "build", "--from", "from", "--platform", PLATFORM, "--timeout", "2", "--tries", "4"])
        .arguments(arguments.iter().copied())
        .environment("SSL_CERT_FILE", workspace.path("ca.pem"))
        .environment("HOME", workspace.root().as_str())
}

fn build(workspace: &Workspace, arguments: &[&str]) -> (i32, String) {
    ended(&command(workspace, arguments).run())
}

/// Code, and both streams.
fn ended(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
}

/// Every file below a directory but what is below `.airtight`, with its contents.
fn files(directory: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(place) = waiting.pop() {
        for entry in place.read_dir_utf8().into_iter().flatten().map(Result::unwrap) {
            let path = entry.into_path();
            let name = path.strip_prefix(directory).unwrap().to_string();
            if path.is_dir() && name != ".airtight" {
                waiting.push(path);
            } else if path.is_file() {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What an unpacked mirror of these packages holds.
fn unpacked(packages: &[&Package]) -> BTreeMap<String, Vec<u8>> {
    let files = packages.iter().flat_map(|package| {
        package.files.iter().map(|(name, bytes)| (format!("{}/{name}", package.unpacked_path()), bytes.clone()))
    });
    files.collect()
}

/// A registry with one signed provider, and a repository that locks it.
fn one() -> (Registry, Publisher, Package, Workspace) {
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let dog = package(&registry, "acme/dog", "1.2.3", "good");
    registry.publish(&dog, &publisher, &[&publisher]);
    let workspace = repositories(&[("a", &[lock(&dog)])], &registry);
    (registry, publisher, dog, workspace)
}

fn downloads(registry: &Registry) -> usize {
    registry.requests().iter().filter(|request| request.path.ends_with(".zip")).count()
}

fn each_package_is_fetched_once_and_kept_the_next_time() {
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let dog = package(&registry, "acme/dog", "1.2.3", "");
    let newer = package(&registry, "acme/dog", "2.0.0", "");
    let cat = package(&registry, "acme/cat", "1.0.0", "");
    for published in [&dog, &newer, &cat] {
        registry.publish(published, &publisher, &[&publisher]);
    }
    let only_zh = lock_with(&cat, vec![cat.zh()]);
    let workspace =
        repositories(&[("a", &[lock(&dog), only_zh]), ("b", &[lock(&dog)]), ("b/c", &[lock(&newer)])], &registry);

    let (code, text) = build(&workspace, &["--dry-run", "out"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("to be fetched from localhost") && text.contains("3 missing"), "{text}");
    assert!(!workspace.path("out").exists());
    registry.requests();

    let (code, text) = build(&workspace, &["out"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(downloads(&registry), 3);
    assert_eq!(files(&workspace.path("out")), unpacked(&[&dog, &newer, &cat]));
    assert!(text.contains(&format!("signed by {}", publisher.fingerprint())), "{text}");
    assert!(text.contains("3 packages: 3 fetched"), "{text}");
    let warnings: Vec<&str> = text.lines().filter(|line| line.contains("lock complete")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("`from/a` has no h1:"), "{text}");
    let kept = workspace.path("out/.airtight/archives").join(cat.packed_path());
    assert_eq!(fs::read(kept).unwrap(), cat.archive());
    let evidence = workspace.path(&format!("out/.airtight/evidence/{}/1.2.3", dog.address));
    for name in ["SHA256SUMS", "SHA256SUMS.sig", "keys.asc", "evidence.json"] {
        assert!(evidence.join(name).is_file(), "{name}");
    }
    let record: serde_json::Value = serde_json::from_slice(&fs::read(evidence.join("evidence.json")).unwrap()).unwrap();
    assert_eq!(record["signed_by"]["fingerprint"], publisher.fingerprint());
    assert_eq!(record["packages"][PLATFORM]["h1"], dog.h1());
    assert_eq!(record["packages"][PLATFORM]["zh"], dog.zh());
    for left in ["scratch", "partial", "hold.lock"] {
        assert!(!workspace.path("out/.airtight").join(left).exists(), "{left}");
    }

    let (code, text) = build(&workspace, &["out"]);
    assert!(code == 0 && text.contains("3 packages: 3 kept"), "{text}");
    assert!(registry.requests().is_empty());

    let executable = workspace.path(&format!("out/{}/terraform-provider-dog_v1.2.3", dog.unpacked_path()));
    fs::write(&executable, "damaged").unwrap();
    let (code, text) = build(&workspace, &["out"]);
    assert!(code == 0 && text.contains("2 kept, 1 replaced"), "{text}");
    assert_eq!(files(&workspace.path("out")), unpacked(&[&dog, &newer, &cat]));
}

/// Evidence is worth something only if it verifies again with what is in the mirror.
fn the_evidence_verifies_again_without_the_registry() {
    let (_registry, publisher, dog, workspace) = one();
    assert_eq!(build(&workspace, &["--keep-archives", "out"]).0, 0);
    let evidence = format!("out/.airtight/evidence/{}/1.2.3", dog.address);
    let output = Isolated::new(airtight(), workspace.root())
        .arguments(["verify-archive", &format!("out/.airtight/archives/{}", dog.packed_path())])
        .arguments(["--checksums", &format!("{evidence}/SHA256SUMS"), "--key", &format!("{evidence}/keys.asc")])
        .arguments(["--signature", &format!("{evidence}/SHA256SUMS.sig"), "--fingerprint", &publisher.fingerprint()])
        .run();
    assert_eq!(ended(&output).0, 0, "{:?}", ended(&output));
}

fn what_does_not_match_is_refused_and_nothing_of_it_stays() {
    type Arrange = fn(&Registry, &Package, &Publisher);
    let cases: [(&str, Arrange); 12] = [
        ("matches no hash in the lock file", |registry, dog, publisher| {
            let other = Package::fake(&dog.address, &dog.version, PLATFORM, "another release");
            registry.publish(&other, publisher, &[publisher]);
        }),
        ("is not the one that SHA256SUMS lists", |registry, dog, _| {
            let other = Package::fake(&dog.address, &dog.version, PLATFORM, "planted").archive();
            registry.interfere(move |request, _| request.path.ends_with(".zip").then(|| Answer::ok(other.clone())));
        }),
        ("another SHA-256 of terraform-provider-dog", |registry, dog, publisher| {
            let sums = format!("{}  {}\n", "0".repeat(64), dog.packed_path().rsplit('/').next().unwrap());
            registry.file("/files/acme/dog/1.2.3/SHA256SUMS.sig", publisher.sign(sums.as_bytes()));
            registry.file("/files/acme/dog/1.2.3/SHA256SUMS", sums);
        }),
        ("does not list", |registry, _, publisher| {
            registry.file("/files/acme/dog/1.2.3/SHA256SUMS.sig", publisher.sign(b""));
            registry.file("/files/acme/dog/1.2.3/SHA256SUMS", "");
        }),
        ("these are not the bytes that were signed", |registry, _, publisher| {
            registry.file("/files/acme/dog/1.2.3/SHA256SUMS.sig", publisher.sign(b"something else"));
        }),
        ("none of the keys that count", |registry, dog, publisher| {
            registry.publish(dog, &Publisher::new("thief"), &[publisher]);
        }),
        ("had expired on", |registry, dog, _| {
            let expired = Publisher::new("old").expired();
            registry.publish(dog, &expired, &[&expired]);
        }),
        ("no OpenPGP signature", |registry, _, _| {
            registry.file("/files/acme/dog/1.2.3/SHA256SUMS.sig", "<html>");
        }),
        ("answered 500", |registry, _, _| {
            registry.interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::status(500)));
        }),
        ("answered 401: no credentials are known for it", |registry, _, _| {
            registry.interfere(|request, _| request.path.contains("/v1/").then(|| Answer::status(401)));
        }),
        ("not as the protocol has it", |registry, _, _| {
            registry.interfere(|request, _| request.path.contains("/download/").then(|| Answer::ok("<html>")));
        }),
        ("names no `providers.v1`", |registry, _, _| registry.file("/.well-known/terraform.json", "{}")),
    ];
    for (expected, arrange) in cases {
        let (registry, publisher, dog, workspace) = one();
        arrange(&registry, &dog, &publisher);
        let (code, text) = build(&workspace, &["out"]);
        assert!(code == 100 && text.contains(expected), "{expected}: {code} {text}");
        assert_eq!(files(&workspace.path("out")), BTreeMap::new(), "{expected}");
    }
}

fn what_goes_wrong_once_is_tried_again() {
    type Interfere = fn(&str, usize) -> Option<Answer>;
    let cases: [(&str, Interfere); 4] = [
        ("500 twice", |_, count| (count <= 2).then(|| Answer::status(500))),
        ("429", |_, count| (count == 1).then(|| Answer::status(429))),
        ("a redirect", |path, count| (count == 1 && path.ends_with(".zip")).then(|| Answer::redirect(path))),
        ("a server that stalls", |path, count| {
            (count == 1 && path.ends_with(".zip"))
                .then(|| Answer { delay: Duration::from_secs(4), ..Answer::ok("too late") })
        }),
    ];
    for (name, interfere) in cases {
        let (registry, _, dog, workspace) = one();
        registry.interfere(move |request, count| interfere(&request.path, count));
        let (code, text) = build(&workspace, &["out"]);
        assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{name}: {text}");
    }
    let (registry, _, dog, workspace) = one();
    let archive = dog.archive();
    registry.interfere(move |request, count| {
        let breaks = Answer { breaks_after: Some(100), ..Answer::ok(archive.clone()) };
        (count == 1 && request.path.ends_with(".zip")).then_some(breaks)
    });
    let (code, text) = build(&workspace, &["out"]);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    let continued = registry
        .requests()
        .iter()
        .any(|request| request.headers.get("range").is_some_and(|range| range == "bytes=100-"));
    assert!(continued, "a broken download goes on where it broke");
}

fn a_download_that_was_begun_with_other_bytes_begins_anew() {
    let (registry, _, dog, workspace) = one();
    let partial = workspace.path(&format!("out/.airtight/partial/{}.part", dog.packed_path()));
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    fs::write(&partial, "other bytes").unwrap();
    let (code, text) = build(&workspace, &["out"]);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    assert_eq!(downloads(&registry), 2);
}

fn a_token_goes_to_its_host_and_into_no_text() {
    let (registry, _, dog, workspace) = one();
    registry.interfere(|request, _| {
        let is_open = !request.path.contains("/v1/")
            || request.headers.get("authorization").is_some_and(|token| token == "Bearer s3cret");
        (!is_open).then(|| Answer::status(401))
    });
    let config = format!("credentials \"{}\" {{\n  token = \"s3cret\"\n}}\n", registry.host());
    fs::write(workspace.path(".tofurc"), config).unwrap();
    let output = command(&workspace, &["out"]).environment("AIRTIGHT_LOG", "trace").run();
    let (code, text) = ended(&output);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    assert!(!text.contains("s3cret"));
    let archives = registry.requests().into_iter().filter(|request| request.path.starts_with("/files/"));
    assert!(archives.into_iter().all(|request| !request.headers.contains_key("authorization")));
}

fn only_an_allowed_key_counts_where_keys_are_given() {
    let (registry, publisher, dog, workspace) = one();
    fs::write(workspace.path("right.asc"), publisher.public_key()).unwrap();
    fs::write(workspace.path("wrong.asc"), Publisher::new("other").public_key()).unwrap();
    let (code, text) = build(&workspace, &["--allow-key", "wrong.asc", "out"]);
    assert!(code == 100 && text.contains("none of the keys that count"), "{text}");
    let (code, text) = build(&workspace, &["--allow-key", "right.asc", "out"]);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    registry.requests();
    let (code, text) = build(&workspace, &["--allow-key", "right.asc", "out"]);
    assert!(code == 0 && text.contains("1 kept") && registry.requests().is_empty(), "{text}");
    let (code, text) = build(&workspace, &["--allow-key", "wrong.asc", "out"]);
    assert!(code == 100 && text.contains("none of the keys that count"), "{text}");
    let (code, text) = build(&workspace, &["--allow-key", "wrong.asc", "--source", "out", "no"]);
    assert!(code == 100 && text.contains("none of the keys that count"), "{text}");
    // A registry that gives no key is one of OpenTofu's habits: the lock file proves the package, or nothing does.
    registry.publish(&dog, &publisher, &[]);
    let (code, text) = build(&workspace, &["out2"]);
    assert!(code == 0 && !text.contains("signed by"), "{text}");
    let bare = repositories(&[("a", &[lock_with(&dog, Vec::new())])], &registry);
    let (code, text) = build(&bare, &["out"]);
    assert!(code == 100 && text.contains("has no hash of it"), "{text}");
}

fn mirrors_are_sources_too_and_a_tampered_one_is_passed_over() {
    let (registry, _, dog, workspace) = one();
    let planted = Package::fake(&dog.address, &dog.version, PLATFORM, "planted");
    let mut tree = Tree::default();
    tree.file(format!("packed/{}", dog.packed_path()), dog.archive());
    tree.file(format!("tampered/{}", planted.packed_path()), planted.archive());
    tree.directory("empty/");
    for (path, bytes) in unpacked(&[&dog]) {
        tree.file(format!("unpacked/{path}"), bytes);
    }
    tree.write_to(workspace.root(), false);
    for source in ["packed", "unpacked"] {
        let out = format!("from-{source}");
        let (code, text) = build(&workspace, &["--source", "empty", "--source", source, &out]);
        assert_eq!((code, files(&workspace.path(&out))), (0, unpacked(&[&dog])), "{source}: {text}");
    }
    let (code, text) = build(&workspace, &["--source", "unpacked", "--layout", "packed", "no"]);
    assert!(code == 100 && text.contains("does not make the release's archive again"), "{text}");
    assert!(registry.requests().is_empty());
    let (code, text) = build(&workspace, &["--source", "tampered", "no"]);
    assert!(code == 100 && text.contains("matches no hash"), "{text}");
    let (code, text) = build(&workspace, &["--source", "tampered", "--source", "origin", "out"]);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    assert!(text.contains("was passed over: tampered: it matches no hash"), "{text}");
}

fn a_packed_mirror_is_a_network_mirror_for_the_next() {
    let (registry, _, dog, workspace) = one();
    let (code, text) = build(&workspace, &["--layout", "packed", "packed"]);
    assert_eq!(code, 0, "{text}");
    for (path, bytes) in files(&workspace.path("packed")) {
        registry.file(&format!("/m/{path}"), bytes);
    }
    registry.requests();
    let source = registry.url("/m");
    let (code, text) = build(&workspace, &["--source", &source, "out"]);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    assert!(registry.requests().iter().all(|request| request.path.starts_with("/m/")));
    let index = format!("/m/{}/1.2.3.json", dog.address);
    registry.file(&index, r#"{"archives":{"linux_amd64":{"url":"x.zip","hashes":["zh:00"]}}}"#);
    registry.file(&format!("/m/{}/x.zip", dog.address), dog.archive());
    let (code, text) = build(&workspace, &["--source", &source, "no"]);
    assert!(code == 100 && text.contains("no hash of the mirror's own index"), "{text}");
}

fn a_state_s_providers_must_be_locked() {
    let (registry, _, dog, workspace) = one();
    let state = |address: &str| {
        serde_json::json!({"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "x", "outputs": {},
            "resources": [{"mode": "managed", "type": "x_y", "name": "z", "provider": format!("provider[\"{address}\"]"),
            "instances": []}]})
        .to_string()
    };
    fs::write(workspace.path("good.json"), state(&dog.address)).unwrap();
    fs::write(workspace.path("bad.json"), state(&registry.address("acme/cat"))).unwrap();
    assert_eq!(build(&workspace, &["--state", "good.json", "out"]).0, 0);
    let (code, text) = build(&workspace, &["--state", "bad.json", "out"]);
    assert!(code == 100 && text.contains("acme/cat, of which no lock file has a version"), "{text}");
}

fn versions_are_chosen_where_nothing_is_locked_only_when_asked_for() {
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let dog = package(&registry, "acme/dog", "1.9.0", "");
    registry.publish(&dog, &publisher, &[&publisher]);
    let versions = ["1.9.0", "1.2.0", "2.0.0", "1.10.0-beta", "nonsense"];
    let versions = versions.map(|version| serde_json::json!({"version": version, "protocols": ["5.0"]}));
    registry.file("/v1/providers/acme/dog/versions", serde_json::json!({"versions": versions}).to_string());
    let text = format!(
        "terraform {{\n  required_providers {{\n    dog = {{\n      source = \"{}\"\n      version = \"~> 1.0\"\n    }}\n  }}\n}}\n",
        dog.address
    );
    let mut tree = Tree::default();
    tree.file("from/main.tf", text).file("ca.pem", registry.authority.clone());
    let workspace = Workspace::holding(&tree, false);
    let (code, text) = build(&workspace, &["out"]);
    assert!(code == 100 && text.contains("or let --resolve choose versions"), "{text}");
    let (code, text) = build(&workspace, &["--resolve", "out"]);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    assert!(text.contains("acme/dog 1.9.0 for `from`"), "{text}");
    // A root module without a lock file is not forgotten for one below it that has one.
    let below = workspace.path("from/below/.terraform.lock.hcl");
    fs::create_dir(below.parent().unwrap()).unwrap();
    fs::write(&below, "").unwrap();
    let (code, text) = build(&workspace, &["none"]);
    assert!(code == 0 && text.contains("`from` has a configuration and no lock file of its own"), "{text}");
    let (code, text) = build(&workspace, &["--resolve", "out"]);
    assert!(code == 0 && text.contains("1 package: 1 kept"), "{text}");
    fs::remove_file(&below).unwrap();
    registry.publish(&dog, &publisher, &[]);
    let (code, text) = build(&workspace, &["--resolve", "unsigned"]);
    assert!(code == 100 && text.contains("has no hash of it"), "{text}");
    registry.file("/v1/providers/acme/dog/versions", r#"{"versions":[{"version":"2.0.0"}]}"#);
    let (code, text) = build(&workspace, &["--resolve", "no"]);
    assert!(code == 100 && text.contains("accepts: ~> 1.0"), "{text}");
    fs::write(workspace.path("from/main.tf"), "module \"x\" {\n  source = \"./missing\"\n}\n").unwrap();
    assert_eq!(build(&workspace, &["--resolve", "no"]).0, 100);
}

/// Names come from `/etc/hosts` here, by our own resolver; a proxy is asked for names and not for addresses.
fn a_proxy_is_used_and_left_out() {
    if !is_root() || !has_namespaces() {
        return ignored("an /etc/hosts can be put in place by root only");
    }
    let (registry, publisher) = (Registry::named("registry.test"), Publisher::new("acme"));
    let dog = package(&registry, "acme/dog", "1.2.3", "");
    registry.publish(&dog, &publisher, &[&publisher]);
    let workspace = repositories(&[("a", &[lock(&dog)])], &registry);
    fs::write(workspace.path("hosts"), "127.0.0.1 other registry.test\n").unwrap();
    fs::write(workspace.path("nowhere"), "127.0.0.1 other\n").unwrap();
    fs::write(workspace.path("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    let (proxy, asked) = start_proxy();
    for (hosts, no_proxy, code, connections) in [
        ("hosts", "", 0, true),
        ("hosts", "registry.test", 0, false),
        ("nowhere", "", 0, true),
        ("nowhere", ".test", 100, false),
    ] {
        let _ = fs::remove_dir_all(workspace.path("out"));
        let isolated =
            command(&workspace, &["out"]).environment("HTTPS_PROXY", &proxy).environment("NO_PROXY", no_proxy);
        let script =
            format!("mount --bind {hosts} /etc/hosts && mount --bind resolv.conf /etc/resolv.conf && exec \"$@\"");
        let output = Command::new("unshare")
            .args(["-m", "sh", "-c", &script, "sh", isolated.program.as_str()])
            .args(&isolated.arguments)
            .current_dir(&isolated.directory)
            .envs(&isolated.environment)
            .output()
            .unwrap();
        let (found, text) = ended(&output);
        assert_eq!(found, code, "{hosts} {no_proxy:?}: {text}");
        assert!(
            code == 0 || text.contains("registry.test") && text.contains("cannot be reached: no name server"),
            "{text}"
        );
        assert!(!text.contains("s3cret"));
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(!asked.is_empty(), connections, "{hosts} {no_proxy:?}");
        let is_right = |head: &String| {
            head.starts_with(&format!("CONNECT registry.test:{}", registry.port))
                && head.to_lowercase().contains("proxy-authorization: basic")
        };
        assert!(asked.iter().all(is_right), "{asked:?}");
    }
}

fn two_builds_of_one_mirror_do_not_meet() {
    let (registry, _, dog, workspace) = one();
    let archive = dog.archive();
    registry.interfere(move |request, _| {
        let slow = Answer { delay: Duration::from_millis(1500), ..Answer::ok(archive.clone()) };
        request.path.ends_with(".zip").then_some(slow)
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| build(&workspace, &["out"]));
        while !workspace.path("out/.airtight/hold.lock").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        let (code, text) = build(&workspace, &["out"]);
        assert!(code == 100 && text.contains("another airtight"), "{text}");
        assert_eq!(first.join().unwrap().0, 0);
    });
}

/// Kills at random points. `AIRTIGHT_TEST_KILLS=200 cargo test --test it killed` does it more often.
fn a_killed_build_leaves_whole_packages_and_goes_on() {
    let kills: u32 = std::env::var("AIRTIGHT_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let mut packages = Vec::new();
    for number in 0..6 {
        let mut package = package(&registry, &format!("acme/p{number}"), "1.0.0", "");
        package.files.insert("docs/README".to_owned(), format!("{number}").repeat(3000).into_bytes());
        registry.publish(&package, &publisher, &[&publisher]);
        packages.push(package);
    }
    let locks: Vec<Lock> = packages.iter().map(lock).collect();
    let workspace = repositories(&[("a", &locks)], &registry);
    let archives = packages.iter().map(|package| (package.packed_path(), package.archive())).collect();
    let whole = [("unpacked", unpacked(&packages.iter().collect::<Vec<_>>())), ("packed", archives)];
    // Spread over the time that a whole build takes, and a little more.
    let started = std::time::Instant::now();
    assert_eq!(build(&workspace, &["first"]).0, 0);
    let time = started.elapsed();
    let mut interrupted = 0;
    for kill in 0..kills {
        let (layout, whole) = &whole[kill as usize % 2];
        let out = workspace.path(layout);
        let isolated = command(&workspace, &["--jobs", "2", "--layout", layout, layout]);
        let mut child = Command::new(&isolated.program)
            .args(&isolated.arguments)
            .current_dir(&isolated.directory)
            .env_clear()
            .envs(&isolated.environment)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(time * (kill * 37 % 150) / 100);
        interrupted += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        for (path, bytes) in files(&out) {
            if path.ends_with(".json") {
                let index: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
                assert!(index.is_ok(), "after kill {kill}: {path}");
            } else {
                assert_eq!(Some(&bytes), whole.get(&path), "after kill {kill}: {path}");
            }
        }
        for package in &packages {
            let there =
                package.files.keys().filter(|name| out.join(package.unpacked_path()).join(name).exists()).count();
            assert!(there == 0 || there == package.files.len(), "after kill {kill}: half of {}", package.address);
        }
        if kill % 5 == 4 {
            let _ = fs::remove_dir_all(&out);
        }
    }
    println!("{interrupted} of {kills} kills met a build that ran");
    assert!(interrupted > 0);
    for (layout, whole) in &whole {
        let (code, text) = build(&workspace, &["--layout", layout, layout]);
        assert_eq!(code, 0, "{text}");
        let out = workspace.path(layout);
        let packages = files(&out).into_iter().filter(|(path, _)| !path.ends_with(".json")).collect();
        assert_eq!(*whole, packages, "{text}");
        for left in ["scratch", "partial", "hold.lock"] {
            assert!(!out.join(".airtight").join(left).exists(), "{left}");
        }
    }
}

fn a_full_disk_is_told_and_harms_nothing() {
    if !is_root() || !has_namespaces() {
        return ignored("a file system can be mounted by root only");
    }
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let mut large = package(&registry, "acme/large", "1.0.0", "");
    // Bytes that no archive makes smaller.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    })
    .take(600_000)
    .collect();
    large.files.insert("noise".to_owned(), noise);
    registry.publish(&large, &publisher, &[&publisher]);
    let workspace = repositories(&[("a", &[lock(&large)])], &registry);
    fs::create_dir(workspace.path("out")).unwrap();
    let isolated = command(&workspace, &["out"]);
    for size in [100, 900] {
        let script = format!(
            "mount -t tmpfs -o size={size}k none out && \"$@\"; code=$?; find out -name noise -path '*localhost*' -not -path '*.airtight*'; exit $code"
        );
        let output = Command::new("unshare")
            .args(["-m", "sh", "-c", &script, "sh", isolated.program.as_str()])
            .args(&isolated.arguments)
            .current_dir(&isolated.directory)
            .envs(&isolated.environment)
            .output()
            .unwrap();
        let (code, text) = ended(&output);
        assert!(code == 100 && text.contains("No space left on device"), "{size}: {code} {text}");
        let left = text.lines().any(|line| line.starts_with("out/localhost"));
        assert!(!left, "{text}");
    }
}

fn what_cannot_be_used_is_said_before_anything_is_done() {
    let (_registry, _, _, workspace) = one();
    for (arguments, code, expected) in [
        (vec!["--source", "http://m.example/", "out"], 96, "by https only"),
        (vec!["--source", "nowhere", "out"], 96, "neither `origin`"),
        (vec!["--platform", "linux", "out"], 96, "--platform `linux`"),
        (vec!["--allow-key", "ca.pem", "out"], 96, "no OpenPGP public key"),
        (vec!["--from", "nowhere", "out"], 96, "`nowhere` is no directory"),
        (vec!["--from", ".", "--engine", "pulumi", "out"], 96, "--engine `pulumi`"),
        (vec!["ca.pem"], 96, "is no directory"),
    ] {
        let (found, text) = build(&workspace, &arguments);
        assert!(found == code && text.contains(expected), "{arguments:?}: {found} {text}");
        assert!(!workspace.path("out").exists());
    }
    let output = command(&workspace, &["out"])
        .environment("SSL_CERT_FILE", "/nonexistent")
        .environment("SSL_CERT_DIR", "/nonexistent")
        .run();
    let (code, text) = ended(&output);
    assert!(code == 100 && text.contains("certificate"), "{text}");
}

fn the_archives_are_those_of_the_engine_s_own_mirror_and_init_works_from_ours(engine: &'static Engine) {
    let (_registry, _, dog, workspace) = one();
    let root = workspace.path("from/a");
    let run = |arguments: &[&str], offline: bool| {
        let isolated = Isolated { offline, ..Isolated::new(&engine.path, &root) }
            .arguments(arguments.iter().copied())
            .environment("HOME", workspace.root().as_str())
            .environment("SSL_CERT_FILE", workspace.path("ca.pem"))
            .environment("TF_CLI_CONFIG_FILE", workspace.path("cli.tfrc"))
            .environment("CHECKPOINT_DISABLE", "1");
        ended(&isolated.run())
    };
    fs::write(workspace.path("cli.tfrc"), "").unwrap();
    let theirs = workspace.path("theirs");
    let (code, text) = run(&["providers", "mirror", &format!("-platform={PLATFORM}"), theirs.as_str()], false);
    assert_eq!(code, 0, "{} {text}", engine.name);
    let (code, text) = build(&workspace, &["--layout", "packed", "packed"]);
    assert_eq!(code, 0, "{text}");
    let (ours, theirs) = (files(&workspace.path("packed")), files(&theirs));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (path, bytes) in &ours {
        let is_index = path.ends_with(".json") && !path.ends_with("index.json");
        if !is_index {
            assert_eq!(bytes, &theirs[path], "{path}");
            continue;
        }
        let hashes = |bytes: &[u8]| {
            let index: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            index["archives"][PLATFORM]["hashes"].as_array().unwrap().clone()
        };
        let ours = hashes(bytes);
        assert!(hashes(&theirs[path]).iter().all(|hash| ours.contains(hash)), "{path}");
    }
    let (code, text) = build(&workspace, &["out"]);
    assert_eq!(code, 0, "{text}");
    for mirror in ["packed", "out"] {
        let _ = fs::remove_dir_all(root.join(".terraform"));
        let path = workspace.path(mirror);
        let config = format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{path}\"\n  }}\n}}\n");
        fs::write(workspace.path("cli.tfrc"), config).unwrap();
        let (code, text) = run(&["init", "-input=false", "-lockfile=readonly"], has_namespaces());
        assert_eq!(code, 0, "{} {mirror}: {text}", engine.name);
    }
    let installed = root.join(".terraform/providers").join(dog.unpacked_path());
    assert!(fs::symlink_metadata(installed).unwrap().is_symlink());
    let executable = workspace.path("out").join(dog.unpacked_path()).join("terraform-provider-dog_v1.2.3");
    assert_eq!(fs::metadata(executable).unwrap().permissions().mode() & 0o777, 0o755);
}

type Build = fn(&mut zip::ZipWriter<std::io::Cursor<Vec<u8>>>);

/// What the publisher signed and a lock file has is still no package when it would not become plain files below its
/// directory, in either layout; nothing is written anywhere else.
fn an_archive_that_is_no_package_is_refused_whoever_vouches_for_it() {
    use std::io::Write as _;
    use zip::write::SimpleFileOptions;
    fn file(writer: &mut zip::ZipWriter<std::io::Cursor<Vec<u8>>>, name: &str) {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(b"x").unwrap();
    }
    let cases: [(&str, Build); 7] = [
        ("not below the package", |writer| file(writer, "../../../../escaped")),
        ("not below the package", |writer| file(writer, "/tmp/airtight-escaped")),
        ("is a link", |writer| writer.add_symlink("docs", "/tmp", SimpleFileOptions::default()).unwrap()),
        ("is a directory", |writer| writer.add_directory("docs", SimpleFileOptions::default()).unwrap()),
        ("below another one", |writer| ["docs", "docs/x"].iter().for_each(|name| file(writer, name))),
        ("would unpack to", |writer| {
            let mut zeros = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            zeros.start_file("zeros", SimpleFileOptions::default()).unwrap();
            zeros.write_all(&vec![0; 64 << 20]).unwrap();
            let mut zeros = zeros.finish_into_readable().unwrap();
            for number in 0..66 {
                writer.raw_copy_file_rename(zeros.by_index(0).unwrap(), format!("bomb{number}")).unwrap();
            }
        }),
        // Two entries of one name, made by renaming the second in the bytes.
        ("twice", |writer| ["sameA", "sameB"].iter().for_each(|name| file(writer, name))),
    ];
    for (expected, build_archive) in cases {
        let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
        let dog = package(&registry, "acme/dog", "1.2.3", "");
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        file(&mut writer, "terraform-provider-dog_v1.2.3");
        build_archive(&mut writer);
        let mut bytes = writer.finish().unwrap().into_inner();
        if expected == "twice" {
            for at in 0..bytes.len() - 4 {
                if &bytes[at..at + 5] == b"sameB" {
                    bytes[at + 4] = b'A';
                }
            }
        }
        let locked = lock_with(&dog, vec![zh_of(&bytes)]);
        registry.publish_archive(&dog, &bytes, &publisher, &[&publisher]);
        let workspace = repositories(&[("a", &[locked])], &registry);
        for layout in ["packed", "unpacked"] {
            let (code, text) = build(&workspace, &["--layout", layout, "out"]);
            assert!(code == 100 && text.contains(expected), "{expected} {layout}: {code} {text}");
            let left: Vec<_> = files(&workspace.path("out")).into_keys().collect();
            assert_eq!(left, [] as [String; 0], "{expected} {layout}");
        }
        let beside: Vec<_> =
            workspace.root().read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
        assert!(beside.iter().all(|path| !path.as_str().contains("escaped")), "{beside:?}");
        assert!(!Utf8Path::new("/tmp/airtight-escaped").exists());
    }
}

/// Engines take the unpacked one of both, and never fall back.
fn a_package_is_never_put_beside_itself_in_the_other_layout() {
    let (registry, _, dog, workspace) = one();
    for (layout, other) in [("packed", "unpacked"), ("unpacked", "packed")] {
        let out = format!("out-{layout}");
        assert_eq!(build(&workspace, &["--layout", layout, &out]).0, 0);
        let before = files(&workspace.path(&out));
        registry.requests();
        for more in [&[][..], &["--dry-run"]] {
            let (code, text) = build(&workspace, &[&["--layout", other, &out], more].concat());
            assert!(code == 100 && text.contains(&format!("use `--layout {layout}`")), "{code} {text}");
        }
        assert_eq!(files(&workspace.path(&out)), before);
        assert!(registry.requests().is_empty());
    }
    // The way that it names.
    let (code, text) = build(&workspace, &["--source", "out-packed", "converted"]);
    assert_eq!((code, files(&workspace.path("converted"))), (0, unpacked(&[&dog])), "{text}");
}

fn the_dry_run_says_how_much_and_for_whom_and_every_host_is_named() {
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let dog = package(&registry, "acme/dog", "1.2.3", "");
    let cat = package(&registry, "acme/cat", "1.0.0", "");
    for published in [&dog, &cat] {
        registry.publish(published, &publisher, &[&publisher]);
    }
    let locks = [lock(&dog)];
    let workspace =
        repositories(&[("a", &locks), ("b", &locks), ("c", &locks), ("d", &locks), ("e", &[lock(&cat)])], &registry);
    let (code, text) = build(&workspace, &["--dry-run", "out"]);
    assert_eq!(code, 0, "{text}");
    let size = dog.archive().len();
    let line = format!(", {size} bytes; needed by `from/a`, `from/b`, `from/c`, 1 more\n");
    assert!(text.contains(&line), "{text}");
    let all = format!("2 packages: 2 missing, {} bytes to be fetched\n", size + cat.archive().len());
    assert!(text.contains(&all), "{text}");
    assert!(text.contains(&format!("airtight: asked {}\n", registry.host())), "{text}");
    // What will not work is found out before, from the host of the archives too.
    registry.interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::status(403)));
    let (code, text) = build(&workspace, &["--dry-run", "out"]);
    assert!(code == 100 && text.contains("answered 403"), "{text}");
    assert!(!workspace.path("out").exists());
}

/// Credentials are for the host that they are for, and nothing ever goes on without TLS.
fn a_redirect_to_another_host_takes_no_token_along_and_none_leads_out_of_tls() {
    let (registry, _, dog, workspace) = one();
    let other = Registry::start();
    other.take_over(&registry);
    let host = other.host();
    registry.interfere(move |request, _| {
        request.path.contains("/download/").then(|| Answer::redirect(&format!("https://{host}{}", request.path)))
    });
    let config = format!("credentials \"{}\" {{\n  token = \"s3cret\"\n}}\n", registry.host());
    fs::write(workspace.path(".tofurc"), config).unwrap();
    fs::write(workspace.path("ca.pem"), format!("{}{}", registry.authority, other.authority)).unwrap();
    let (code, text) = build(&workspace, &["out"]);
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    assert!(
        text.contains("airtight: asked ") && text.contains(&registry.host()) && text.contains(&other.host()),
        "{text}"
    );
    let (first, second) = (registry.requests(), other.requests());
    assert!(
        first.iter().any(|request| request.headers.get("authorization").is_some_and(|text| text.ends_with("s3cret")))
    );
    assert!(!second.is_empty() && second.iter().all(|request| !request.headers.contains_key("authorization")));
    registry
        .interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::redirect("http://localhost:1/x.zip")));
    let (code, text) = build(&workspace, &["no"]);
    assert!(code == 100 && text.contains("only https"), "{text}");
    registry.interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::redirect(&request.path)));
    let (code, text) = build(&workspace, &["no"]);
    assert!(code == 100 && text.contains("more than 10 redirects"), "{text}");
}

/// Chosen versions are not locked: what proves them is fetched again, and compared with what is there.
fn what_was_resolved_is_not_downloaded_again() {
    let (registry, publisher, dog, workspace) = one();
    fs::remove_file(workspace.path("from/a/.terraform.lock.hcl")).unwrap();
    let (code, text) = build(&workspace, &["--resolve", "no"]);
    assert!(code == 100 && text.contains("name each root module"), "{text}");
    fs::rename(workspace.path("from/a/main.tf"), workspace.path("from/main.tf")).unwrap();
    for (out, layout) in [("out", "unpacked"), ("packed", "packed")] {
        let (code, text) = build(&workspace, &["--resolve", "--layout", layout, out]);
        assert_eq!(code, 0, "{text}");
        assert_eq!(downloads(&registry), 1);
        let (code, text) = build(&workspace, &["--resolve", "--layout", layout, out]);
        assert!(code == 0 && text.contains("1 package: 1 kept"), "{text}");
        let (code, text) = build(&workspace, &["--resolve", "--layout", layout, "--dry-run", out]);
        assert!(code == 0 && text.contains("1 package: 1 kept"), "{text}");
        assert_eq!(downloads(&registry), 0);
    }
    assert_eq!(files(&workspace.path("out")), unpacked(&[&dog]));
    // Evidence that is kept vouches only for keys that somebody names.
    fs::write(workspace.path("key.asc"), publisher.public_key()).unwrap();
    let requests = || registry.requests().len();
    requests();
    let (code, text) = build(&workspace, &["--resolve", "--source", "packed", "again"]);
    assert!(code == 100 && text.contains("has no hash of it"), "{text}");
    let (code, text) = build(&workspace, &["--resolve", "--source", "packed", "--allow-key", "key.asc", "again"]);
    assert_eq!((code, files(&workspace.path("again"))), (0, unpacked(&[&dog])), "{text}");
    fs::write(workspace.path("other.asc"), Publisher::new("other").public_key()).unwrap();
    let (code, text) = build(&workspace, &["--resolve", "--source", "packed", "--allow-key", "other.asc", "no"]);
    assert!(code == 100 && text.contains("none of the keys that count"), "{text}");
    assert_eq!(requests(), 0);
}

/// The README's own commands.
fn the_commands_of_the_readme_build_a_mirror() {
    let (_registry, _, dog, workspace) = one();
    let commands = crate::readme::commands();
    let commands: Vec<_> =
        commands.iter().filter(|command| command.starts_with("airtight mirror build --from ")).collect();
    assert!(!commands.is_empty());
    for line in commands {
        let here = line.replace("path/to/repositories", "from");
        let here = here.replacen("airtight", airtight().as_str(), 1);
        let mut shell = command(&workspace, &[]);
        shell.program = "/bin/sh".into();
        shell.arguments = vec!["-c".to_owned(), here.clone()];
        let before = files(&workspace.path("providers"));
        let (code, text) = ended(&shell.run());
        assert_eq!(code, 0, "{here}: {text}");
        let expected = if here.contains("--dry-run") { before } else { unpacked(&[&dog]) };
        assert_eq!(files(&workspace.path("providers")), expected, "{here}");
    }
}

/// A job that prints nothing for minutes is taken for dead.
fn a_silent_server_does_not_make_us_silent() {
    let (registry, _, dog, workspace) = one();
    let archive = dog.archive();
    registry.interfere(move |request, count| {
        let slow = Answer { delay: Duration::from_secs(12), ..Answer::ok(archive.clone()) };
        (count == 1 && request.path.ends_with(".zip")).then_some(slow)
    });
    let mut patient = command(&workspace, &["out"]);
    let timeout = patient.arguments.iter().position(|argument| argument == "--timeout").unwrap();
    "20".clone_into(&mut patient.arguments[timeout + 1]);
    let (code, text) = ended(&patient.run());
    assert_eq!((code, files(&workspace.path("out"))), (0, unpacked(&[&dog])), "{text}");
    assert!(text.contains("airtight: 0 of 1 packages, fetched 0 bytes, hashed 0 bytes: localhost"), "{text}");
}

/// An engine that may not enter one directory of a mirror finds no provider in it.
fn everybody_may_read_what_was_built_whatever_the_umask() {
    let (registry, _, dog, workspace) = one();
    for layout in ["packed", "unpacked"] {
        let isolated = command(&workspace, &["--keep-archives", "--layout", layout, layout]);
        let mut shell = Isolated { program: "/bin/sh".into(), ..isolated.clone() };
        shell.arguments = ["-c", "umask 077 && exec \"$@\"", "sh", isolated.program.as_str()].map(str::to_owned).into();
        shell.arguments.extend(isolated.arguments);
        let (code, text) = ended(&shell.run());
        assert_eq!(code, 0, "{text}");
        let mut waiting = vec![workspace.path(layout)];
        while let Some(path) = waiting.pop() {
            let metadata = fs::metadata(&path).unwrap();
            let expected = if metadata.is_dir() { 0o755 } else { 0o644 };
            assert_eq!(metadata.permissions().mode() & expected, expected, "{path}");
            if metadata.is_dir() {
                waiting.extend(path.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
            }
        }
    }
    // A failed download leaves its beginning, and the mirror as usable as before.
    let archive = dog.archive();
    registry.interfere(move |request, _| {
        let breaks = Answer { breaks_after: Some(0), ..Answer::ok(archive.clone()) };
        request.path.ends_with(".zip").then_some(breaks)
    });
    let (code, text) = build(&workspace, &["new"]);
    assert!(code == 100 && text.contains("the download"), "{text}");
}
