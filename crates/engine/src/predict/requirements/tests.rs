//! Which addresses are required, by what.

use std::collections::BTreeMap;

use super::super::testing::*;
use super::super::*;
use crate::configuration::{
    Backend, ChildModule, MissingModule, Module, ModuleCall, ModuleSource, NetworkNeed, ProviderBlock, ProviderUse,
    RequiredProvider,
};
use airtight_hcl::{Problem, ProblemKind};

fn needed(case: &Case) -> Vec<String> {
    let requirements = select(&case.facts).requirements;
    requirements.iter().filter(|requirement| requirement.is_needed).map(|found| found.address.to_string()).collect()
}

fn child(source: ModuleSource, module: Option<Module>) -> ChildModule {
    let call = ModuleCall {
        name: "a".to_owned(),
        source: Some("./a".to_owned()),
        source_place: place("main.tf", 20),
        version: None,
    };
    ChildModule {
        call,
        source,
        module,
        missing: None,
        misfit: None,
        record: crate::configuration::InstallationRecord::Installed,
        is_served: false,
    }
}

fn add_child(case: &mut Case, module: Module) {
    let child = child(ModuleSource::Local("./a".to_owned()), Some(module));
    case.facts.configuration.children.insert("a".to_owned(), child);
}

#[test]
fn every_module_has_its_own_local_names() {
    let mut case = Case::new(terraform("1.11.4"));
    case.require("dog", Some("acme/dog"), None);
    case.uses("dog");
    let uses =
        ProviderUse { local_name: "dog".to_owned(), what: "resource.dog_house.h".to_owned(), place: place("a.tf", 1) };
    add_child(&mut case, Module { uses: vec![uses], ..Module::default() });
    assert_eq!(needed(&case), ["registry.terraform.io/acme/dog", "registry.terraform.io/hashicorp/dog"]);
}

#[test]
fn constraints_of_all_modules_and_blocks_are_joined() {
    let mut case = Case::new(terraform("1.11.4"));
    case.require("a", Some("hashicorp/null"), Some(">= 1.0"));
    case.require("b", Some("hashicorp/null"), Some("!= 1.5"));
    let block =
        ProviderBlock { local_name: "null".to_owned(), version: Some("< 3".to_owned()), place: place("main.tf", 8) };
    case.facts.configuration.root.provider_blocks.push(block);
    let entry = RequiredProvider {
        local_name: "null".to_owned(),
        source: None,
        source_place: place("a.tf", 1),
        version: Some("< 2.0".to_owned()),
        version_place: place("a.tf", 1),
        place: place("a.tf", 1),
    };
    add_child(
        &mut case,
        Module { required_providers: BTreeMap::from([("null".to_owned(), entry)]), ..Module::default() },
    );
    let requirements = select(&case.facts).requirements;
    assert_eq!(requirements[0].constraints.to_string(), ">= 1.0.0, != 1.5.0, < 2.0.0, < 3.0.0");
    assert_eq!(requirements[0].origins.len(), 4);
}

#[test]
fn blocks_of_test_files_use_the_root_modules_names() {
    let mut case = Case::new(tofu("1.12.6"));
    case.require("r", Some("acme/random"), None);
    for local_name in ["r", "tls"] {
        let block = ProviderBlock { local_name: local_name.to_owned(), version: None, place: place("a.tftest.hcl", 1) };
        case.facts.configuration.tests.provider_blocks.push(block);
    }
    assert_eq!(needed(&case), ["registry.opentofu.org/acme/random", "registry.opentofu.org/hashicorp/tls"]);
}

#[test]
fn built_in_providers_need_nothing_and_take_no_version() {
    let mut case = Case::new(terraform("1.11.4"));
    case.uses("terraform");
    case.need_in_state("terraform.io/builtin/terraform");
    assert_eq!(needed(&case), [""; 0]);
    assert_eq!(case.predict().init, Outcome::Success);

    case.require("terraform", Some("terraform.io/builtin/terraform"), Some("~> 1.0"));
    assert_eq!(
        case.failures(),
        ["Cannot use terraform.io/builtin/terraform: built-in providers do not support explicit version constraints."]
    );
    case.require("terraform", Some("terraform.io/builtin/other"), None);
    assert_eq!(
        case.failures(),
        ["Cannot use terraform.io/builtin/other: this Terraform release has no built-in provider named \"other\"."]
    );
    case.require("terraform", Some("hashicorp/terraform"), None);
    assert_eq!(case.predict().failures[0].code, Code::ProviderMissing);
}

#[test]
fn legacy_addresses_stop_the_engine_before_any_query() {
    let mut case = Case::null();
    case.need_in_state("registry.terraform.io/-/aws");
    let prediction = case.predict();
    let address = address("registry.terraform.io/-/aws");
    assert_eq!(prediction.failures[0].code, Code::StateInvalid);
    assert_eq!(prediction.failures[0].cause, Some(Cause::LegacyInState(address)));
    assert!(prediction.failures[0].detail.contains("unqualified provider \"aws\""));
    assert!(!select(&case.facts).reaches_providers);
    // An engine that was asked has seen the state only if it is no backend's.
    case.facts.asked = Some(Loaded::default());
    assert!(case.predict().failures.is_empty());
    case.facts.configuration.root.backend = Some(Backend {
        kind: "local".to_owned(),
        path: None,
        workspace_dir: None,
        hostname: None,
        is_unevaluated: false,
        expressions: Vec::new(),
        place: place("main.tf", 1),
    });
    assert_eq!(case.predict().failures[0].code, Code::StateInvalid);
    case.facts.asked = None;
    case.require("aws", Some("-/aws"), None);
    assert_eq!(case.predict().failures[0].code, Code::ProviderAddressInvalid);
}

#[test]
fn tofu_reads_state_addresses_of_its_predecessor_as_its_own_unless_they_are_configured() {
    let mut case = Case::new(tofu("1.12.6"));
    case.require("random", Some("registry.terraform.io/hashicorp/random"), None);
    case.need_in_state("registry.terraform.io/hashicorp/random");
    case.need_in_state("registry.terraform.io/acme/dog");
    case.need_in_state("example.com/acme/dog");
    let translated =
        ["example.com/acme/dog", "registry.opentofu.org/acme/dog", "registry.terraform.io/hashicorp/random"];
    assert_eq!(needed(&case), translated);
    case.facts.state_translation_off = true;
    assert_eq!(
        needed(&case),
        ["example.com/acme/dog", "registry.terraform.io/acme/dog", "registry.terraform.io/hashicorp/random"]
    );
    case.facts.state_translation_off = false;
    case.facts.engine = terraform("1.11.4");
    assert!(needed(&case).contains(&"registry.terraform.io/acme/dog".to_owned()));
}

#[test]
fn a_source_or_a_constraint_that_is_not_understood_is_no_failure() {
    for (source, constraint) in
        [(Some("hashicorp/null_x"), None), (Some("a b"), None), (None, Some("latest")), (Some("a_b/c"), None)]
    {
        let mut case = Case::new(terraform("1.11.4"));
        case.unpacked("registry.terraform.io/hashicorp/a", "1.0.0", Ok(A));
        case.require("a", source, constraint);
        let prediction = case.predict();
        assert_eq!((prediction.init, prediction.failures.len()), (Outcome::Unknown, 0), "{source:?} {constraint:?}");
        assert_eq!(prediction.assumptions[0].code, Code::ConfigurationNotUnderstood);
    }
    let mut case = Case::new(terraform("1.16.0"));
    case.require("a", Some("a_b/c"), None);
    assert_eq!(needed(&case), ["registry.terraform.io/a_b/c"]);
}

#[test]
fn what_a_module_that_was_not_read_fully_seems_to_imply_is_no_failure() {
    let mut case = Case::null();
    case.unpacked(NULL, "1.0.0", Ok(A));
    case.uses("dog");
    case.facts.configuration.root.not_understood.push(Problem::new(
        ProblemKind::Syntax,
        "expected an expression",
        "",
        place("main.tf", 30),
    ));
    let prediction = case.predict();
    assert_eq!(prediction.init, Outcome::Unknown, "{:?}", prediction.failures);
    assert_eq!(prediction.assumptions[0].text, "main.tf:30: expected an expression");
    // What is declared stays certain.
    case.facts.sources.methods.clear();
    assert_eq!(case.predict().init, Outcome::Failure);
}

#[test]
fn a_directory_without_configuration_is_done_at_once() {
    let mut case = Case::null_locked("1.0.0", &[]);
    case.need_in_state("registry.terraform.io/-/aws");
    case.facts.configuration.root.files.clear();
    let prediction = case.predict();
    assert_eq!((prediction.init, prediction.lock_after), (Outcome::Success, None));
    assert_eq!(prediction.providers.len(), 1);
    assert!(!prediction.providers[0].requirement.is_needed);
}

#[test]
fn terraform_from_1_15_leaves_overridden_providers_out() {
    let mut case = Case::null();
    case.facts.sources.dev_overrides.push(address(NULL));
    assert_eq!(case.predict().failures[0].code, Code::ProviderMissing);
    case.facts.engine = terraform("1.15.5");
    case.lock(NULL, "1.0.0", "", &[]);
    let prediction = case.predict();
    assert_eq!(prediction.init, Outcome::Success);
    assert!(!prediction.lock_after.unwrap().contains(NULL));
    case.facts.engine = terraform("1.16.0");
    assert_eq!(case.predict().lock_after, None);
}

mod modules {
    use super::*;
    use crate::state::Unseen;

    fn registry() -> ModuleSource {
        ModuleSource::Registry { host: "registry.terraform.io".to_owned(), normalized: "x".to_owned() }
    }

    #[test]
    fn a_module_behind_the_network_is_a_failure_unless_its_host_is_reachable() {
        let mut case = Case::null();
        case.facts.lock.errors.push(Problem::new(
            ProblemKind::Invalid,
            "Invalid provider hash string",
            "",
            place(".terraform.lock.hcl", 1),
        ));
        let mut called = child(registry(), None);
        let host = Some("registry.terraform.io".to_owned());
        called.missing = Some(MissingModule::NeedsNetwork { host, why: NetworkNeed::NotInstalled });
        case.facts.configuration.children.insert("a".to_owned(), called);
        let prediction = case.predict();
        let codes: Vec<_> = prediction.failures.iter().map(|failure| failure.code).collect();
        assert_eq!(codes, [Code::ModuleNeedsNetwork, Code::LockFileInvalid, Code::ProviderMissing]);
        assert!(!select(&case.facts).reaches_providers);

        case.facts.reachable.push("registry.terraform.io".to_owned());
        case.facts.lock.errors.clear();
        case.unpacked(NULL, "1.0.0", Ok(A));
        assert_eq!(case.predict().init, Outcome::Unknown);
    }

    #[test]
    fn upgrade_fetches_vendored_modules_again_and_leaves_local_ones() {
        let mut case = Case::new(terraform("1.11.4"));
        case.facts.configuration.children.insert("a".to_owned(), child(registry(), Some(Module::default())));
        assert_eq!(case.predict().init, Outcome::Success);
        case.facts.init.upgrade = true;
        assert_eq!(case.predict().failures[0].code, Code::ModuleNeedsNetwork);
        case.facts.init.get = false;
        assert_eq!(case.predict().init, Outcome::Success);
        case.facts.init.get = true;
        add_child(&mut case, Module::default());
        assert_eq!(case.predict().init, Outcome::Success);
    }

    #[test]
    fn required_version_is_checked_in_every_module_by_the_engines_own_rules() {
        use crate::configuration::CoreVersion;
        let versions = |text: &str, is_for_tofu| {
            vec![CoreVersion { text: text.to_owned(), is_for_tofu, place: place("versions.tf", 2) }]
        };
        let mut case = Case::new(terraform("1.11.4"));
        for (text, is_met) in [
            ("= 1.11.4", true),
            ("~> 1.11.0", true),
            ("v1.11.4", true),
            ("1.11.4.0", true),
            ("1.11", false),
            ("< 1.11.4", false),
            (">= 1.11.4-beta", false),
        ] {
            case.facts.configuration.root.core_versions = versions(text, false);
            let prediction = case.predict();
            assert_eq!(prediction.failures.is_empty(), is_met, "{text}");
            assert!(is_met || prediction.failures[0].code == Code::EngineVersionRefused);
        }
        case.facts.configuration.root.core_versions.clear();
        add_child(&mut case, Module { core_versions: versions(">= 99.0", false), ..Module::default() });
        assert_eq!(case.failures(), ["`required_version` is \">= 99.0\", and this is Terraform 1.11.4."]);
        case.facts.engine = tofu("1.11.9");
        assert_eq!(case.predict().failures[0].code, Code::EngineVersionRefused);
        case.facts.engine = tofu("1.12.6");
        assert_eq!(case.predict().init, Outcome::Success);
        add_child(&mut case, Module { core_versions: versions(">= 99.0", true), ..Module::default() });
        assert_eq!(case.predict().failures[0].code, Code::EngineVersionRefused);
    }

    #[test]
    fn an_unseen_state_is_an_assumption_behind_success_and_behind_failure() {
        let mut case = Case::null();
        case.facts.state.unseen = Some(Unseen::Backend { kind: "s3".to_owned() });
        assert_eq!(case.predict().init, Outcome::Failure);
        case.unpacked(NULL, "1.0.0", Ok(A));
        let prediction = case.predict();
        assert_eq!(prediction.init, Outcome::Success);
        assert_eq!(prediction.assumptions[0].code, Code::StateUnseen);
        assert!(prediction.lock_after.is_some(), "filled as if the state added nothing");
    }

    #[test]
    fn odd_arguments_are_assumptions_and_upgrade_conflicts_with_readonly() {
        let mut case = Case::null_locked("1.0.0", &[A]);
        case.unpacked(NULL, "1.0.0", Ok(A));
        case.facts.init = InitArguments::parse(None, None, &["-of-the-future".to_owned()]);
        let prediction = case.predict();
        assert_eq!((prediction.init, prediction.failures), (Outcome::Unknown, vec![]));
        assert_eq!(prediction.assumptions[0].code, Code::InitArgumentsInvalid);
        case.facts.init = InitArguments::default();
        case.facts.init.upgrade = true;
        case.facts.init.lockfile_readonly = true;
        let prediction = case.predict();
        assert_eq!(prediction.failures[0].summary, "The -upgrade flag conflicts with -lockfile=readonly.");
    }
}

#[test]
fn the_derivation_says_where_a_requirement_comes_from_and_how_it_ends() {
    let mut case = Case::new(terraform("1.11.4"));
    case.require("random", None, Some("~> 3.6"));
    let random = "registry.terraform.io/hashicorp/random";
    case.need_in_state(random);
    case.lock(random, "3.7.2", "~> 3.6", &[]);
    case.unpacked(random, "3.6.3", Ok(A));
    case.unpacked(random, "3.6.0", Ok(A));
    case.package(&Case::id(random, "3.5.0", "darwin_arm64"), Layout::Unpacked, Ok(B), "");
    let prediction = case.predict();
    assert_eq!(
        derivation(&case.facts, &prediction, &prediction.providers[0]),
        "`registry.terraform.io/hashicorp/random` is required by `main.tf:3` (`~> 3.6`) and the state (`x.y`). The lock \
         file selects 3.7.2. `/mirror` holds 3.6.0 and 3.6.3 for linux_amd64, and 3.5.0 for other platforms only. init \
         would fail with `Failed to query available provider packages`."
    );
    case.facts.lock.locks.clear();
    let prediction = case.predict();
    let text = derivation(&case.facts, &prediction, &prediction.providers[0]);
    let package = "/mirror/registry.terraform.io/hashicorp/random/3.6.3/linux_amd64";
    assert!(
        text.ends_with(&format!("init selects 3.6.3 and links `{package}`, without comparing any hash.")),
        "{text}"
    );
}
