//! What a server may do to `mirror build`: send without an end, ask for patience, let links expire.

use std::time::Duration;

use camino::Utf8Path;
use fs_err as fs;

use crate::support::isolation::{Isolated, airtight};
use crate::support::lock_file::{Lock, text};
use crate::support::package::Package;
use crate::support::publisher::Publisher;
use crate::support::registry::{Answer, Registry};
use crate::support::tree::{Tree, Workspace};

const PLATFORM: &str = "linux_amd64";

fn published(names: &[&str]) -> (Registry, Vec<Package>, Workspace) {
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let mut tree = Tree::default();
    let packages: Vec<Package> =
        names.iter().map(|name| Package::fake(&registry.address(name), "1.2.3", PLATFORM, "")).collect();
    let mut locks = Vec::new();
    for package in &packages {
        registry.publish(package, &publisher, &[&publisher]);
        locks.push(Lock {
            address: package.address.clone(),
            version: package.version.clone(),
            constraints: None,
            hashes: vec![package.h1(), package.zh()],
        });
    }
    tree.file("from/.terraform.lock.hcl", text(&locks));
    tree.file("ca.pem", registry.authority.clone());
    (registry, packages, Workspace::holding(&tree, false))
}

fn build(workspace: &Workspace, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Isolated { offline: false, ..Isolated::new(airtight(), workspace.root()) }
        .arguments(["mirror", "build", "--from", "from", "--platform", PLATFORM, "--timeout", "5"])
        .arguments(arguments.iter().copied())
        .environment("SSL_CERT_FILE", workspace.path("ca.pem"))
        .environment("HOME", workspace.root().as_str())
        .run();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn partial_bytes(directory: &Utf8Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(directory) else { return 0 };
    if metadata.is_file() {
        return metadata.len();
    }
    directory.read_dir_utf8().into_iter().flatten().map(|entry| partial_bytes(entry.unwrap().path())).sum()
}

#[test]
fn a_body_without_an_end_is_given_up_at_the_limit() {
    let (registry, packages, workspace) = published(&["acme/dog"]);
    registry.interfere(|request, _| {
        let is_endless = request.path.ends_with(".zip");
        is_endless.then(|| Answer { is_endless, ..Answer::ok(vec![0; 65_536]) })
    });
    let (code, said) = build(&workspace, &["--limit-mb", "3", "out"]);
    assert_eq!(code, Some(100), "{said}");
    let host = registry.host();
    assert!(said.contains(&format!("{host} sends more than 3 MB, the limit for a package (--limit-mb)")), "{said}");
    assert_eq!(registry.requests().iter().filter(|request| request.path.ends_with(".zip")).count(), 1);
    assert_eq!(partial_bytes(&workspace.path("out/.airtight/partial")), 0);
    assert!(!workspace.path("out").join(packages[0].unpacked_path()).exists());
}

#[test]
fn a_length_above_the_limit_is_not_even_begun() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    registry.interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::ok(vec![0; 2_000_001])));
    let (code, said) = build(&workspace, &["--limit-mb", "2", "out"]);
    assert!(code == Some(100) && said.contains("2 MB, the limit for a package"), "{said}");
}

#[test]
fn documents_and_heads_have_limits_too() {
    for (path, answer, expected) in [
        ("SHA256SUMS", Answer { is_endless: true, ..Answer::ok(vec![b'a'; 65_536]) }, "16 MB, the limit for an answer"),
        (
            "terraform.json",
            Answer { headers: vec![("X-Large".to_owned(), "a".repeat(100_000))], ..Answer::ok("{}") },
            "the head of its answer is too large",
        ),
        ("terraform.json", Answer::redirect("/.well-known/terraform.json"), "more than 10 redirects"),
    ] {
        let (registry, _, workspace) = published(&["acme/dog"]);
        registry.interfere(move |request, _| request.path.ends_with(path).then(|| answer.clone()));
        let (code, said) = build(&workspace, &["--tries", "1", "out"]);
        assert!(code == Some(100) && said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn what_a_server_asks_one_request_to_wait_holds_for_all_to_its_host() {
    let (registry, _, workspace) = published(&["acme/cat", "acme/cow", "acme/dog", "acme/owl"]);
    let (started, seen) = (std::time::Instant::now(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
    let log = seen.clone();
    registry.interfere(move |request, count| {
        if !request.path.ends_with(".zip") {
            return None;
        }
        log.lock().unwrap().push((started.elapsed(), count));
        let headers = vec![("Retry-After".to_owned(), "2".to_owned())];
        (count == 1).then(|| Answer { headers, ..Answer::status(429) })
    });
    let (code, said) = build(&workspace, &["out"]);
    assert_eq!(code, Some(0), "{said}");
    let seen = seen.lock().unwrap();
    let first = seen.iter().map(|(at, _)| *at).min().unwrap();
    // Nobody asks again before the time is over, and whoever had not asked yet waits too.
    for (at, count) in seen.iter().filter(|(_, count)| *count > 1) {
        assert!(*at >= first + Duration::from_secs(2), "try {count} after {at:?}, the first at {first:?}");
    }
}

#[test]
fn a_wait_of_an_hour_is_told_instead_of_waited() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    registry.interfere(|request, _| {
        let headers = vec![("Retry-After".to_owned(), "3600".to_owned())];
        request.path.contains("/download/").then(|| Answer { headers, ..Answer::status(503) })
    });
    let (code, said) = build(&workspace, &["out"]);
    assert!(code == Some(100) && said.contains("answered 503 and asks to wait 3600 s"), "{said}");
}

#[test]
fn a_link_that_expires_during_the_download_is_asked_for_again() {
    let (registry, packages, workspace) = published(&["acme/dog"]);
    let package = &packages[0];
    let archive = package.archive();
    let file = format!("/files/acme/dog/1.2.3/{}", package.packed_path().rsplit('/').next().unwrap());
    let answer = |registry: &Registry, number: usize| {
        let sum = package.zh().trim_start_matches("zh:").to_owned();
        serde_json::json!({
            "protocols": ["5.0"], "os": "linux", "arch": "amd64",
            "filename": package.packed_path().rsplit('/').next().unwrap(),
            "download_url": format!("{file}?signature={number}"), "shasum": sum,
            "shasums_url": registry.url("/files/acme/dog/1.2.3/SHA256SUMS"),
            "shasums_signature_url": registry.url("/files/acme/dog/1.2.3/SHA256SUMS.sig"),
        })
        .to_string()
    };
    let answers: Vec<String> = (0..4).map(|number| answer(&registry, number)).collect();
    registry.interfere(move |request, count| {
        if request.path.contains("/download/linux") {
            return Some(Answer::ok(answers[count.min(answers.len()) - 1].clone()));
        }
        let query = request.path.strip_prefix(file.as_str())?;
        let half = archive.len() / 2;
        match (query, count) {
            // The first link breaks half way and has then expired; the second continues.
            ("?signature=0", 1) => Some(Answer { breaks_after: Some(half), ..Answer::ok(archive.clone()) }),
            ("?signature=0", _) => Some(Answer::status(403)),
            _ => {
                let is_continued = request.headers.get("range") == Some(&format!("bytes={half}-"));
                let range = format!("bytes {half}-{}/{}", archive.len() - 1, archive.len());
                Some(if is_continued {
                    Answer {
                        status: 206,
                        headers: vec![("Content-Range".to_owned(), range)],
                        ..Answer::ok(archive[half..].to_vec())
                    }
                } else {
                    Answer::status(500)
                })
            }
        }
    });
    let (code, said) = build(&workspace, &["out"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(workspace.path("out").join(package.unpacked_path()).is_dir());
}

#[test]
fn a_store_that_refuses_is_not_a_wrong_token() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    registry.interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::status(403)));
    let (_, said) = build(&workspace, &["out"]);
    assert!(said.contains("answered 403: it refuses this file") && !said.contains("TF_TOKEN"), "{said}");
    registry.interfere(|request, _| request.path.contains("/v1/").then(|| Answer::status(401)));
    let (_, said) = build(&workspace, &["out"]);
    assert!(said.contains("no credentials are known for it") && said.contains("TF_TOKEN"), "{said}");
}

#[test]
fn each_way_that_is_closed_is_named_with_what_opens_it() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    let stranger = Registry::start();
    fs::write(workspace.path("ca.pem"), &stranger.authority).unwrap();
    let (_, said) = build(&workspace, &["--tries", "1", "out"]);
    let expected = "its certificate is signed by an authority that is not trusted here: airtight test";
    assert!(said.contains(expected) && said.contains("SSL_CERT_FILE"), "{said}");
    drop(registry);
}

#[test]
fn which_part_of_a_package_is_missing_is_told() {
    let (registry, packages, _) = published(&["acme/dog"]);
    let locked = |version: &str, platform: &str, name: &str| {
        let mut tree = Tree::default();
        let lock = Lock {
            address: registry.address(name),
            version: version.to_owned(),
            constraints: None,
            hashes: vec![packages[0].zh()],
        };
        tree.file("from/.terraform.lock.hcl", text(&[lock]));
        tree.file("ca.pem", registry.authority.clone());
        let workspace = Workspace::holding(&tree, false);
        build(&workspace, &["--platform", platform, "out"]).1
    };
    let said = locked("2.9.9", PLATFORM, "acme/dog");
    assert!(said.contains("has no version 2.9.9 of") && said.contains("its newest is 1.2.3"), "{said}");
    let said = locked("1.2.3", "linux_riscv64", "acme/dog");
    assert!(said.contains("for linux_riscv64; it has that version for linux_amd64"), "{said}");
    let said = locked("1.2.3", PLATFORM, "acme/unicorn");
    assert!(said.contains("has no provider") && said.contains("acme/unicorn"), "{said}");
}

#[test]
fn a_host_block_leads_to_another_registry() {
    let (registry, packages, workspace) = published(&["acme/dog"]);
    let elsewhere = "registry.elsewhere.example";
    let services = format!(
        "host \"{elsewhere}\" {{\n  services = {{\n    \"providers.v1\" = \"{}\"\n  }}\n}}\n",
        registry.url("/v1/providers/")
    );
    fs::write(workspace.path("rc"), services).unwrap();
    let address = format!("{elsewhere}/acme/dog");
    let lock = Lock {
        address,
        version: "1.2.3".to_owned(),
        constraints: None,
        hashes: vec![packages[0].h1(), packages[0].zh()],
    };
    fs::write(workspace.path("from/.terraform.lock.hcl"), text(&[lock])).unwrap();
    let output = Isolated { offline: false, ..Isolated::new(airtight(), workspace.root()) }
        .arguments(["mirror", "build", "--from", "from", "--platform", PLATFORM, "out"])
        .environment("SSL_CERT_FILE", workspace.path("ca.pem"))
        .environment("HOME", workspace.root().as_str())
        .environment("TF_CLI_CONFIG_FILE", workspace.path("rc"))
        .run();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(workspace.path(&format!("out/{elsewhere}/acme/dog/1.2.3/{PLATFORM}")).is_dir());
    assert!(registry.requests().iter().all(|request| !request.path.contains("well-known")));
}
