//! Repositories and archives that mean harm, and `modules build`.

use std::os::unix::fs::symlink;

use fs_err as fs;

use crate::modules_build::{Case, configuration, serve};
use crate::support::registry::Answer;
use crate::support::repository::Repository;

crate::tests! {
    no_hook_filter_or_transport_of_a_repository_runs,
    references_and_addresses_that_look_like_options_are_none,
    links_that_lead_out_are_left_out_and_named,
    a_local_call_cannot_leave_its_package,
    modules_that_call_each_other_end,
    a_page_leads_to_no_file_of_this_machine,
}

fn marker(case: &Case) -> String {
    format!("touch {}", case.path("marker"))
}

fn assert_unharmed(case: &Case, text: &str) {
    assert!(!case.path("marker").exists(), "{text}");
}

fn no_hook_filter_or_transport_of_a_repository_runs() {
    let case = Case::new();
    let repository = case.repository("r");
    repository.write("main.tf", "").write(".gitattributes", "* filter=evil\n");
    repository
        .write(".gitmodules", &format!("[submodule \"x\"]\n\tpath = x\n\turl = \"ext::sh -c '{}'\"\n", marker(&case)));
    repository.git(&["add", "--all"]);
    let head = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},x")]);
    repository.git(&["commit", "--quiet", "--message", "x"]);
    // A template of the user's with a hook, which `git clone` would install.
    let template = case.path("template/hooks");
    fs::create_dir_all(&template).unwrap();
    for name in ["post-checkout", "post-merge", "reference-transaction"] {
        fs::write(template.join(name), format!("#!/bin/sh\n{}\n", marker(&case))).unwrap();
        fs::set_permissions(template.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    fs::write(case.path("home/.gitconfig"), format!("[init]\n\ttemplateDir = {}\n", case.path("template"))).unwrap();
    case.calls("stack", &[("a", &repository.source(), None)]);
    let (code, text) = case.build(&[]);
    assert_unharmed(&case, &text);
    assert_eq!(code, 100, "{text}");
    assert!(text.contains("transport 'ext' not allowed"), "{text}");

    let plain = case.repository("plain");
    plain.write("main.tf", "").commit();
    case.calls("stack", &[("a", &plain.source(), None)]);
    let text = case.built(&[]);
    assert_unharmed(&case, &text);
}

fn references_and_addresses_that_look_like_options_are_none() {
    let case = Case::new();
    let repository = case.repository("r");
    repository.write("main.tf", "").commit();
    let option = format!("--upload-pack={}", marker(&case)).replace(' ', "%20");
    let sources = [
        format!("{}?ref={option}", repository.source()),
        format!("{}?depth=1&ref={option}", repository.source()),
        "git::ssh://-oProxyCommand=touch%20marker/x.git".to_owned(),
        format!("git::ext::{}", marker(&case)),
    ];
    let names = ["a", "b", "c", "d"];
    let calls: Vec<_> = names.iter().zip(&sources).map(|(name, source)| (*name, source.as_str(), None)).collect();
    case.calls("stack", &calls);
    let (code, text) = case.build(&[]);
    assert_unharmed(&case, &text);
    assert_eq!(code, 100, "{text}");
    assert!(text.contains("nothing called `--upload-pack="), "{text}");
    assert!(text.contains("begins with `-`"), "{text}");
}

fn links_that_lead_out_are_left_out_and_named() {
    let case = Case::new();
    let repository = case.repository("r");
    repository.write("main.tf", "").write("sub/x.tf", "");
    for (target, path) in [("/etc/passwd", "absolute"), ("../../../etc/passwd", "sub/up"), ("../main.tf", "sub/in")] {
        symlink(target, repository.path.join(path)).unwrap();
    }
    repository.commit();
    case.calls("stack", &[("a", &repository.source(), None)]);
    let text = case.built(&[]);
    for link in ["absolute", "sub/up"] {
        assert!(text.contains(&format!("leads out of the package: the link {link}\n")), "{text}");
        assert!(case.tree(&repository.source()).join(link).symlink_metadata().is_err());
    }
    assert_eq!(case.manifest()["trees"][0]["contents"]["links"].to_string(), r#"{"sub/in":"../main.tf"}"#);
}

fn a_local_call_cannot_leave_its_package() {
    let case = Case::new();
    let repository = case.repository("r");
    repository.write("main.tf", "module \"x\" {\n  source = \"../../../../../from/stack\"\n}\n").commit();
    case.calls("stack", &[("a", &repository.source(), None)]);
    let text = case.built(&[]);
    assert!(text.contains("is no directory in the same package"), "{text}");
}

fn modules_that_call_each_other_end() {
    let case = Case::new();
    let (one, two) = (case.repository("one"), case.repository("two"));
    let call = |repository: &Repository| format!("module \"x\" {{\n  source = \"{}\"\n}}\n", repository.source());
    one.write("main.tf", &call(&two)).commit();
    two.write("main.tf", &call(&one)).commit();
    case.calls("stack", &[("a", &one.source(), None)]);
    let text = case.built(&[]);
    assert!(text.contains("2 module packages: 2 fetched"), "{text}");
}

fn a_page_leads_to_no_file_of_this_machine() {
    let case = Case::new();
    let registry = serve(&case);
    let secret = case.path("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "s3cret").unwrap();
    let caller = case.repository("caller");
    let of_machine = [secret.to_string(), format!("file://{secret}"), format!("git::file://{}", caller.path)];
    let calls: Vec<_> =
        ["a", "b", "c"].into_iter().zip(&of_machine).map(|(name, source)| (name, source.as_str(), None)).collect();
    caller.write("main.tf", &configuration(&calls)).commit();
    registry.serve_git(case.workspace.root());
    registry.publish_module("acme/direct/aws", &[("1.0.0", "")]);
    let of_network = caller.path.clone();
    registry.interfere(move |request, _| {
        let place = match request.path.split('?').next()? {
            "/directory" => format!("file://{secret}"),
            "/archive" => format!("file://{secret}/x.zip"),
            "/up" => format!("git::file://{secret}//../.."),
            "/repository" => format!("git::file://{of_network}"),
            "/plain" => "git::http://user:s3cret@h.example/x.git".to_owned(),
            path if path.ends_with("/download") => {
                let place = format!("{{\"location\":\"file://{secret}/x.tar.gz\",\"use_registry_credentials\":true}}");
                return Some(Answer::ok(place));
            }
            _ => return None,
        };
        Some(Answer { headers: vec![("X-Terraform-Get".to_owned(), place)], ..Answer::ok("") })
    });
    let mut sources: Vec<_> =
        ["/directory", "/archive", "/up", "/repository", "/plain"].map(|path| registry.url(path)).into();
    sources.push(registry.address("acme/direct/aws"));
    // A module from the network that calls what only this machine has.
    sources.push(format!("git::{}", registry.url("/git/caller/.git")));
    let names: Vec<String> = (0..sources.len()).map(|number| format!("m{number}")).collect();
    let calls: Vec<_> =
        names.iter().zip(&sources).map(|(name, source)| (name.as_str(), source.as_str(), None)).collect();
    case.calls("stack", &calls);
    let (code, text) = case.build(&[]);
    assert_eq!(code, 100, "{text}");
    assert_eq!(
        text.matches("a path of this machine, which only your own configurations may name, for from").count(),
        3,
        "{text}"
    );
    assert_eq!(
        text.matches("is a path of this machine, which only your own configurations may name;").count(),
        3,
        "{text}"
    );
    assert!(text.contains("`location` is no https URL") && text.contains("without encryption"), "{text}");
    let manifest = case.manifest().to_string();
    assert!(text.contains("1 fetched, 6 failed") && !case.path("store/local").exists(), "{text}");
    assert!(!manifest.contains("s3cret") && !text.contains("s3cret"), "{text}");
}
