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

crate::tests! {
    a_body_without_an_end_is_given_up_at_the_limit,
    a_length_above_the_limit_is_not_even_begun,
    documents_and_heads_have_limits_too,
    what_a_server_asks_one_request_to_wait_holds_for_all_to_its_host,
    a_wait_of_an_hour_is_told_instead_of_waited,
    a_link_that_expires_during_the_download_is_asked_for_again,
    a_store_that_refuses_is_not_a_wrong_token,
    each_way_that_is_closed_is_named_with_what_opens_it,
    which_part_of_a_package_is_missing_is_told,
    a_host_block_leads_to_another_registry,
    each_platforms_own_list_of_sums_is_kept_and_verifies_again,
    a_package_that_does_not_match_is_replaced_and_the_word_says_so,
    nothing_is_fetched_if_not_every_version_can_be_chosen,
}

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

fn a_length_above_the_limit_is_not_even_begun() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    registry.interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::ok(vec![0; 2_000_001])));
    let (code, said) = build(&workspace, &["--limit-mb", "2", "out"]);
    assert!(code == Some(100) && said.contains("2 MB, the limit for a package"), "{said}");
}

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

fn a_wait_of_an_hour_is_told_instead_of_waited() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    registry.interfere(|request, _| {
        let headers = vec![("Retry-After".to_owned(), "3600".to_owned())];
        request.path.contains("/download/").then(|| Answer { headers, ..Answer::status(503) })
    });
    let (code, said) = build(&workspace, &["out"]);
    assert!(code == Some(100) && said.contains("answered 503 and asks to wait 3600 s"), "{said}");
}

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

fn a_store_that_refuses_is_not_a_wrong_token() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    registry.interfere(|request, _| request.path.ends_with(".zip").then(|| Answer::status(403)));
    let (_, said) = build(&workspace, &["out"]);
    assert!(said.contains("answered 403: it refuses this file") && !said.contains("TF_TOKEN"), "{said}");
    registry.interfere(|request, _| request.path.contains("/v1/").then(|| Answer::status(401)));
    let (_, said) = build(&workspace, &["out"]);
    assert!(said.contains("no credentials are known for it") && said.contains("TF_TOKEN"), "{said}");
}

fn each_way_that_is_closed_is_named_with_what_opens_it() {
    let (registry, _, workspace) = published(&["acme/cat", "acme/cow", "acme/dog"]);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "somebody else");
    fs::write(workspace.path("ca.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    let (_, said) = build(&workspace, &["--tries", "1", "out"]);
    let expected = "its certificate is signed by an authority that is not trusted here: airtight test";
    assert!(said.contains(expected) && said.contains("SSL_CERT_FILE"), "{said}");
    let proxied = |proxy: &str| {
        let output = Isolated { offline: false, ..Isolated::new(airtight(), workspace.root()) }
            .arguments(["mirror", "build", "--from", "from", "--tries", "1", "--timeout", "2", "--jobs", "1"])
            .arguments(["--platform", PLATFORM, "--source", "https://mirror.example/", "out"])
            .environment("SSL_CERT_FILE", workspace.path("ca.pem"))
            .environment("HOME", workspace.root().as_str())
            .environment("HTTPS_PROXY", proxy)
            .run();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    // Nothing listens there, and the registry is not to blame.
    let said = proxied("http://127.0.0.1:1");
    assert!(said.contains("the proxy itself, 127.0.0.1:1: 127.0.0.1:1 refuses the connection"), "{said}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = connections.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut buffer = [0; 4096];
            let _ = std::io::Read::read(&mut &client, &mut buffer);
            let answer = "HTTP/1.1 407 Who Are You\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
            let _ = std::io::Write::write_all(&mut &client, answer.as_bytes());
        }
    });
    let said = proxied(&format!("http://{address}"));
    assert!(said.contains("answers 407") && said.contains("put user and password into the proxy"), "{said}");
    // One try, and one to say what is closed: the other packages need not find it out again.
    assert_eq!(said.matches("answers 407").count(), 3, "{said}");
    assert_eq!(connections.load(std::sync::atomic::Ordering::Relaxed), 2);
    drop(registry);
}

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

/// Two platforms of a version, each with a list of sums of its own, as some registries have it.
fn each_platforms_own_list_of_sums_is_kept_and_verifies_again() {
    let (registry, publisher) = (Registry::start(), Publisher::new("acme"));
    let platforms = ["linux_amd64", "linux_arm64"];
    let mut hashes = Vec::new();
    for platform in platforms {
        let package = Package::fake(&registry.address("acme/dog"), "1.2.3", platform, "");
        let (name, sum) = (package.packed_path(), package.zh().trim_start_matches("zh:").to_owned());
        let name = name.rsplit('/').next().unwrap();
        let files = format!("/files/{platform}");
        let sums = format!("{sum}  {name}\n");
        registry.file(&format!("{files}/SHA256SUMS.sig"), publisher.sign(sums.as_bytes()));
        registry.file(&format!("{files}/SHA256SUMS"), sums);
        registry.file(&format!("{files}/{name}"), package.archive());
        let (os, arch) = platform.split_once('_').unwrap();
        let answer = serde_json::json!({
            "os": os, "arch": arch, "filename": name, "download_url": format!("{files}/{name}"), "shasum": sum,
            "shasums_url": format!("{files}/SHA256SUMS"), "shasums_signature_url": format!("{files}/SHA256SUMS.sig"),
            "signing_keys": {"gpg_public_keys": [{"ascii_armor": publisher.public_key()}]},
        });
        registry.file(&format!("/v1/providers/acme/dog/1.2.3/download/{os}/{arch}"), answer.to_string());
        hashes.extend([package.h1(), package.zh()]);
    }
    let address = registry.address("acme/dog");
    let mut tree = Tree::default();
    let lock = Lock { address: address.clone(), version: "1.2.3".to_owned(), constraints: None, hashes };
    tree.file("from/.terraform.lock.hcl", text(&[lock]));
    tree.file("ca.pem", registry.authority.clone());
    tree.file("keys.asc", publisher.public_key());
    let workspace = Workspace::holding(&tree, false);
    let airtight = |arguments: &[&str]| {
        let output = Isolated { offline: false, ..Isolated::new(airtight(), workspace.root()) }
            .arguments(["mirror"])
            .arguments(arguments.iter().copied())
            .environment("SSL_CERT_FILE", workspace.path("ca.pem"))
            .environment("HOME", workspace.root().as_str())
            .run();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let both = ["--platform", "linux_amd64", "--platform", "linux_arm64"];
    airtight(&[&["build", "--from", "from", "--keep-archives"], &both[..], &["out"]].concat());
    let verify = ["verify", "--mirror", "out", "--allow-key", "keys.asc"];
    assert!(airtight(&verify).contains("2 packages hashed, 2 proven"));
    // Again, and one after the other: what is there is kept.
    for platform in platforms {
        let said = airtight(&["build", "--from", "from", "--platform", platform, "--allow-key", "keys.asc", "out"]);
        assert!(said.contains("1 kept"), "{said}");
    }
    // The bill of materials has the archives' digests from the evidence, with and without the archives themselves.
    for is_kept in [true, false] {
        let document: serde_json::Value = serde_json::from_str(&airtight(&["sbom", "--mirror", "out"])).unwrap();
        for (component, platform) in document["components"].as_array().unwrap().iter().zip(platforms) {
            let package = Package::fake(&address, "1.2.3", platform, "");
            assert_eq!(component["hashes"][0]["content"], package.zh().replace("zh:", ""), "{platform} {is_kept}");
        }
        fs::remove_dir_all(workspace.path("out/.airtight/archives")).ok();
    }
    // Removing one platform takes its own list along.
    airtight(&["prune", "--mirror", "out", "--keep-for", "from", "--platform", "linux_amd64"]);
    let evidence = workspace.path(&format!("out/.airtight/evidence/{address}/1.2.3"));
    assert!(evidence.join("SHA256SUMS").is_file() && !evidence.join("linux_arm64").exists());
    assert!(airtight(&verify).contains("1 package hashed"));
}

fn a_package_that_does_not_match_is_replaced_and_the_word_says_so() {
    let (_, packages, workspace) = published(&["acme/dog"]);
    let (code, said) = build(&workspace, &["out"]);
    assert!(code == Some(0) && said.contains("1 fetched"), "{said}");
    let program =
        workspace.path("out").join(packages[0].unpacked_path()).join(packages[0].files.keys().next().unwrap());
    fs::write(&program, "tampered").unwrap();
    let (code, said) = build(&workspace, &["out"]);
    assert!(code == Some(0) && said.contains("replaced ") && said.contains("what was there did not match"), "{said}");
    assert_eq!(fs::read(&program).unwrap(), *packages[0].files.values().next().unwrap());
}

fn nothing_is_fetched_if_not_every_version_can_be_chosen() {
    let (registry, _, workspace) = published(&["acme/dog"]);
    let address = registry.address("acme/dog");
    for (name, constraint) in [("good", ">= 1.0.0"), ("bad", ">= 9.0.0"), ("worse", "< 1.0.0")] {
        let text = format!(
            "terraform {{\n  required_providers {{\n    dog = {{\n      source  = \"{address}\"\n      version = \
             \"{constraint}\"\n    }}\n  }}\n}}\n"
        );
        fs::create_dir_all(workspace.path(name)).unwrap();
        fs::write(workspace.path(name).join("main.tf"), text).unwrap();
    }
    let all = ["--from", "good", "--from", "bad", "--from", "worse", "--resolve", "out"];
    let (code, said) = build(&workspace, &all);
    assert_eq!(code, Some(100), "{said}");
    assert!(said.contains("`bad` accepts: >= 9.0.0") && said.contains("`worse` accepts: < 1.0.0"), "{said}");
    assert!(registry.requests().iter().all(|request| !request.path.ends_with(".zip")));
}
