//! Which addresses are required, by what.

use std::collections::BTreeMap;

use super::super::testing::*;
use super::super::*;
use crate::configuration::{
    ChildModule, MissingModule, Module, ModuleCall, ModuleSource, ProviderBlock, ProviderUse, RequiredProvider,
};
use airtight_hcl::Problem;

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
    ChildModule { call, source, module, missing: None, record: crate::configuration::InstallationRecord::Installed }
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
    let visible: Vec<_> = prediction.failures.iter().filter(|failure| !failure.hidden).collect();
    assert_eq!(visible.len(), 1);
    assert_eq!(visible[0].summary, "Invalid legacy provider address");
    assert!(visible[0].detail.contains("unqualified provider \"aws\""));
    assert!(prediction.failures[1].hidden && prediction.failures[1].code == Code::ProviderMissing);
    assert!(!select(&case.facts).reaches_providers);
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
fn wrong_sources_and_constraints_are_reported_once_each_at_its_own_step() {
    let mut case = Case::new(terraform("1.11.4"));
    case.require("a", Some("hashicorp/null_x"), None);
    case.require("b", None, Some("latest"));
    case.require("c", None, Some(">= v1.0"));
    let failures = case.predict().failures;
    let found: Vec<_> = failures.iter().map(|failure| (failure.code, failure.step)).collect();
    assert!(found.contains(&(Code::ProviderAddressInvalid, Step::RootModule)));
    assert!(found.contains(&(Code::ConstraintInvalid, Step::RootModule)));
    assert!(found.contains(&(Code::ConstraintInvalid, Step::Requirements)));

    case.facts.configuration.root.errors = [4, 5]
        .map(|line| Problem { summary: "told".to_owned(), detail: String::new(), place: place("main.tf", line) })
        .to_vec();
    let failures = case.predict().failures;
    let mended = [Code::ProviderAddressInvalid, Code::ConstraintInvalid];
    assert!(failures.iter().all(|failure| !mended.contains(&failure.code)), "{failures:?}");
}

#[test]
fn what_a_module_that_was_not_read_fully_seems_to_imply_is_no_failure() {
    let mut case = Case::null();
    case.unpacked(NULL, "1.0.0", Ok(A));
    case.uses("dog");
    case.facts.configuration.root.not_understood.push(Problem {
        summary: "expected an expression".to_owned(),
        detail: String::new(),
        place: place("main.tf", 30),
    });
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

    fn registry() -> ModuleSource {
        ModuleSource::Registry { host: "registry.terraform.io".to_owned(), normalized: "x".to_owned() }
    }

    #[test]
    fn a_module_behind_the_network_hides_providers_and_lock_unless_its_host_is_reachable() {
        let mut case = Case::null();
        case.facts.lock.errors.push(Problem {
            summary: "Invalid provider hash string".to_owned(),
            detail: String::new(),
            place: place(".terraform.lock.hcl", 1),
        });
        let mut called = child(registry(), None);
        let host = Some("registry.terraform.io".to_owned());
        called.missing = Some(MissingModule::NeedsNetwork { host, why: "not installed".to_owned() });
        case.facts.configuration.children.insert("a".to_owned(), called);
        let prediction = case.predict();
        let shown: Vec<_> = prediction.failures.iter().map(|failure| (failure.code, failure.hidden)).collect();
        let order = [(Code::ModuleNeedsNetwork, false), (Code::LockFileInvalid, true), (Code::ProviderMissing, true)];
        assert_eq!(shown, order);
        assert_eq!(prediction.failures[1].summary, "failed to read dependency lock file: Invalid provider hash string");

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
    fn a_directory_that_cannot_be_read_is_named_by_what_comes_to_it_first() {
        let mut case = Case::new(terraform("1.11.4"));
        let mut called = child(ModuleSource::Local("./a".to_owned()), None);
        called.missing = Some(MissingModule::Unreadable("a".into()));
        case.facts.configuration.children.insert("a".to_owned(), called);
        assert_eq!(case.predict().failures[0].summary, "Failed to read module directory");
        case.facts.init.upgrade = true;
        assert_eq!(case.predict().failures[0].summary, "Unreadable module directory");
        case.facts.init.get = false;
        assert_eq!(case.predict().failures[0].summary, "Failed to read module directory");
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
        assert!(
            case.failures()[0].starts_with("Module module.a (from ./a) does not support Terraform version 1.11.4.")
        );
        case.facts.engine = tofu("1.11.9");
        assert_eq!(case.predict().failures[0].summary, "Unsupported OpenTofu Core version");
        case.facts.engine = tofu("1.12.6");
        assert_eq!(case.predict().init, Outcome::Success);
        add_child(&mut case, Module { core_versions: versions(">= 99.0", true), ..Module::default() });
        assert_eq!(case.predict().failures[0].summary, "Incompatible module");
    }

    #[test]
    fn an_unseen_state_leaves_a_certain_failure_and_makes_success_unknown() {
        let mut case = Case::null();
        case.facts.state.unseen = Some("the backend `s3` is remote".to_owned());
        assert_eq!(case.predict().init, Outcome::Failure);
        case.unpacked(NULL, "1.0.0", Ok(A));
        let prediction = case.predict();
        assert_eq!(prediction.init, Outcome::Unknown);
        assert_eq!(prediction.assumptions[0].code, Code::StateUnseen);
        assert!(prediction.lock_after.is_some(), "filled as if the state added nothing");
    }

    /// What is wrong in a configuration whose root module, state and lock file are all broken.
    fn shown(case: &Case) -> Vec<Code> {
        let failures = case.predict().failures;
        failures.iter().filter(|failure| !failure.hidden).map(|failure| failure.code).collect()
    }

    #[test]
    fn a_state_is_read_only_where_the_backend_can_be_opened() {
        use crate::configuration::Backend;
        let problem =
            |path: &str| Problem { summary: "broken".to_owned(), detail: String::new(), place: place(path, 1) };
        let mut case = Case::new(terraform("1.11.4"));
        case.facts.state.errors.push(problem("terraform.tfstate"));
        case.facts.lock.errors.push(problem(".terraform.lock.hcl"));
        assert_eq!(shown(&case), [Code::LockFileInvalid]);
        case.facts.init.backend = false;
        assert_eq!(shown(&case), [Code::StateInvalid]);
        case.facts.init.backend = true;
        case.facts.lock.errors.clear();
        assert_eq!(shown(&case), [Code::StateInvalid]);
        case.facts.configuration.root.errors.push(problem("main.tf"));
        assert_eq!(shown(&case), [Code::ConfigurationInvalid]);
        case.facts.configuration.root.backend = Some(Backend {
            kind: "local".to_owned(),
            path: None,
            workspace_dir: None,
            errors: Vec::new(),
            place: place("main.tf", 1),
        });
        assert_eq!(shown(&case), [Code::StateInvalid]);
        case.facts.engine = tofu("1.12.6");
        assert_eq!(shown(&case), [Code::ConfigurationInvalid]);
    }

    #[test]
    fn a_broken_root_module_is_reported_with_its_modules_where_they_are_installed() {
        let problem = || Problem { summary: "broken".to_owned(), detail: String::new(), place: place("main.tf", 1) };
        let mut case = Case::new(terraform("1.11.4"));
        case.facts.configuration.root.errors.push(problem());
        add_child(&mut case, Module { errors: vec![problem()], ..Module::default() });
        assert_eq!(shown(&case), [Code::ConfigurationInvalid, Code::ConfigurationInvalid]);
        case.facts.engine = tofu("1.12.6");
        assert_eq!(shown(&case), [Code::ConfigurationInvalid]);
    }

    #[test]
    fn wrong_arguments_come_before_everything_and_upgrade_conflicts_with_readonly() {
        let mut case = Case::null();
        case.facts.init.errors.push("flag provided but not defined: -get-plugins".to_owned());
        assert_eq!(case.failures(), ["flag provided but not defined: -get-plugins"]);
        case.facts.init.errors.clear();
        case.facts.init.upgrade = true;
        case.facts.init.lockfile_readonly = true;
        let prediction = case.predict();
        assert_eq!(prediction.failures[0].summary, "The -upgrade flag conflicts with -lockfile=readonly.");
        assert!(prediction.failures[1].hidden);
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
         file selects 3.7.2. `/mirror` holds 3.6.0 and 3.6.3 for linux_amd64, and 3.5.0 for other platforms only. init would fail with: Failed to query available provider packages: Could not retrieve the list \
         of available versions for provider hashicorp/random: the previously-selected version 3.7.2 is no longer \
         available"
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
