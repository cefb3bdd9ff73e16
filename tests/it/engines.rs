//! The real engines and providers that the other tests use.

use crate::support::engines::{engine, engines, providers};
use crate::support::isolation::{Isolated, has_namespaces};
use crate::support::runner::ignored;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    an_engine_is_here_where_the_tests_have_to_be_whole,
    a_namespace_has_no_network,
    real_providers_work_in_a_real_engine_without_network,
}

fn an_engine_is_here_where_the_tests_have_to_be_whole() {
    for engine in engines() {
        println!("{} {}: {}", engine.name, engine.version, engine.path);
    }
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        assert!(!engines().is_empty(), "CI=true, and neither tofu nor terraform is here, nor a go that can build tofu");
        assert!(has_namespaces(), "CI=true, and `unshare -n` does not work here");
    }
}

fn a_namespace_has_no_network() {
    if !has_namespaces() {
        return ignored("no network namespace can be made here");
    }
    let listed = |offline: bool| {
        let run = Isolated { offline, ..Isolated::new("cat".into(), "/".into()) }.arguments(["/proc/net/dev"]).run();
        assert!(run.status.success());
        String::from_utf8(run.stdout).unwrap().lines().skip(2).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let inside = listed(true);
    assert!(inside.iter().all(|line| line.starts_with("lo:") && line.ends_with(" 0")), "{inside:?}");
    assert_ne!(inside, listed(false), "the namespace is the machine's own");
}

/// Real providers in a mirror of our making: the whole way to outputs, without network.
fn real_providers_work_in_a_real_engine_without_network() {
    let Some(engine) = engine("tofu") else { return };
    if providers().is_empty() || !has_namespaces() {
        return ignored("no real provider can be built, or no network namespace be made here");
    }
    let mut tree = Tree::default();
    for provider in providers() {
        tree.link(
            format!(
                "mirror/{}/hashicorp/{}/{}/{}/{}",
                engine.default_host(),
                provider.name,
                provider.version,
                airtight_provider::Platform::current(),
                provider.executable.file_name().unwrap()
            ),
            provider.executable.as_str(),
        );
    }
    tree.file("tofurc", "provider_installation {\n  filesystem_mirror {\n    path = \"$ROOT/mirror\"\n  }\n}\n");
    tree.file(
        "stack/main.tf",
        "resource \"random_pet\" \"name\" {}\n\
         resource \"null_resource\" \"one\" {\n  triggers = { name = random_pet.name.id }\n}\n\
         output \"name\" {\n  value = random_pet.name.id\n}\n",
    );
    let workspace = Workspace::holding(&tree, false);
    let run = |arguments: &[&str]| {
        let output = Isolated::new(&engine.path, &workspace.path("stack"))
            .arguments(arguments.iter().copied())
            .environment("HOME", workspace.root().as_str())
            .environment("TF_CLI_CONFIG_FILE", workspace.path("tofurc").as_str())
            .run();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["init", "-no-color"]);
    run(&["apply", "-no-color", "-auto-approve"]);
    let outputs: serde_json::Value = serde_json::from_str(&run(&["output", "-json"])).unwrap();
    assert!(outputs["name"]["value"].as_str().is_some_and(|name| name.contains('-')), "{outputs}");
}
