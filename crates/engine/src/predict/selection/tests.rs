//! Which version is chosen, and in which words the engine says that none is.

use super::super::testing::*;
use super::super::*;
use crate::cli_config::MethodKind;
use airtight_provider::mirror::Mirror;
use airtight_provider::{AddressPattern, EngineName};

fn selected_version(case: &Case) -> Option<String> {
    case.predict().providers[0].selected.as_ref().map(|selected| selected.id.version.to_string())
}

/// The only visible failure's code and detail.
fn failure(case: &Case) -> (Code, String) {
    let prediction = case.predict();
    assert_eq!(prediction.init, Outcome::Failure);
    let [failure] = prediction.failures.as_slice() else { panic!("{:?}", prediction.failures) };
    (failure.code, failure.detail.clone())
}

#[test]
fn the_newest_acceptable_release_is_chosen_unless_one_is_locked() {
    let held = ["3.2.0", "3.10.0", "3.2.1", "4.0.0-beta1", "2.0.0", "0.0.0"];
    // Constraint, lock, -upgrade, what is chosen.
    let cases = [
        (None, None, false, Some("3.10.0")),
        (Some("~> 3.2.0"), None, false, Some("3.2.1")),
        (Some("4.0.0-beta1"), None, false, Some("4.0.0-beta1")),
        (Some(">= 4.0.0-beta1"), None, false, None),
        (None, Some("3.2.0"), false, Some("3.2.0")),
        (None, Some("3.2.0"), true, Some("3.10.0")),
        (Some("< 3.0"), Some("3.2.0"), true, Some("2.0.0")),
        (Some("0.0.0"), None, false, None),
    ];
    for (constraint, locked, upgrade, expected) in cases {
        let mut case = Case::new(terraform("1.11.4"));
        case.require("null", Some("hashicorp/null"), constraint);
        for version in held {
            case.unpacked(NULL, version, Ok(A));
        }
        if let Some(locked) = locked {
            case.lock(NULL, locked, "", &[A]);
        }
        case.facts.init.upgrade = upgrade;
        assert_eq!(selected_version(&case).as_deref(), expected, "{constraint:?} {locked:?} {upgrade}");
    }
}

#[test]
fn a_version_that_cannot_be_had_fails_in_the_engines_words() {
    let mut case = Case::null();
    let not_found = |display: &str| {
        format!(
            "Could not retrieve the list of available versions for provider {display}: provider {NULL} was not found in \
             any of the search locations\n\n  - /mirror"
        )
    };
    assert_eq!(failure(&case), (Code::ProviderMissing, not_found("hashicorp/null")));

    case.unpacked(NULL, "3.2.2", Ok(A));
    case.lock(NULL, "3.2.1", "", &[]);
    let gone = "Could not retrieve the list of available versions for provider hashicorp/null: the previously-selected \
                version 3.2.1 is no longer available";
    assert_eq!(failure(&case), (Code::ProviderVersionMissing, gone.to_owned()));

    case.facts.lock.locks.clear();
    case.require("null", Some("hashicorp/null"), Some("~>3.3"));
    let none = "Could not retrieve the list of available versions for provider hashicorp/null: no available releases \
                match the given constraints ~> 3.3";
    assert_eq!(failure(&case), (Code::ProviderVersionMissing, none.to_owned()));

    case.lock(NULL, "3.2.1", "~> 3.2", &[]);
    let outside = "Could not retrieve the list of available versions for provider hashicorp/null: locked provider \
                   registry.terraform.io/hashicorp/null 3.2.1 does not match configured version constraint ~> 3.3; must \
                   use terraform init -upgrade to allow selection of new versions";
    assert_eq!(failure(&case), (Code::ProviderVersionUnlocked, outside.to_owned()));

    case.facts.engine = tofu("1.12.6");
    case.require("null", Some(NULL), Some("~>3.3"));
    let prediction = case.predict();
    assert_eq!(prediction.failures[0].summary, "Failed to resolve provider packages");
    assert!(prediction.failures[0].detail.starts_with(
        "Could not resolve provider registry.terraform.io/hashicorp/null: locked provider registry.terraform.io/"
    ));
    assert!(prediction.failures[0].detail.contains("must use tofu init -upgrade"));
}

#[test]
fn the_version_is_chosen_over_all_platforms_and_the_platform_looked_at_afterwards() {
    let mut case = Case::null();
    case.unpacked(NULL, "3.2.0", Ok(A));
    case.package(&Case::id(NULL, "3.2.1", "darwin_arm64"), Layout::Unpacked, Ok(B), "");
    let (code, detail) = failure(&case);
    assert_eq!(code, Code::ProviderPlatformMissing);
    assert!(detail.starts_with(
        "Provider registry.terraform.io/hashicorp/null v3.2.1 does not have a package available for your current \
         platform, linux_amd64.\n\nProvider releases are separate from Terraform CLI releases"
    ));
    let prediction = case.predict();
    assert_eq!(prediction.providers[0].status, Status::Missing);
    assert_eq!(prediction.providers[0].selected.as_ref().unwrap().package, None);
}

#[test]
fn versions_that_differ_in_metadata_alone_are_a_toss_up_unless_locked_or_asked_for() {
    let mut case = Case::null();
    for version in ["1.0.0+a", "1.0.0+b", "0.9.0"] {
        case.unpacked(NULL, version, Ok(A));
    }
    let prediction = case.predict();
    assert_eq!(prediction.init, Outcome::Unknown);
    assert_eq!(prediction.assumptions[0].code, Code::ProviderVersionUnlocked);
    case.require("null", Some("hashicorp/null"), Some("1.0.0+a"));
    assert_eq!(selected_version(&case).as_deref(), Some("1.0.0+a"));
    case.require("null", Some("hashicorp/null"), None);
    case.lock(NULL, "1.0.0+b", "", &[A]);
    assert_eq!(selected_version(&case).as_deref(), Some("1.0.0+b"));
    case.facts.lock.locks[0].version = version("1.0.0");
    assert_eq!(failure(&case).0, Code::ProviderVersionMissing);
}

#[test]
fn versions_are_united_over_methods_and_the_first_with_the_package_gives_it() {
    let mut case = Case::null();
    case.unpacked(NULL, "1.0.0", Ok(A));
    case.package(&Case::id(NULL, "2.0.0", "darwin_arm64"), Layout::Unpacked, Ok(A), "");
    case.mirror("/second");
    let second = case.unpacked(NULL, "2.0.0", Ok(B));
    case.mirror("/third");
    let third = case.unpacked(NULL, "2.0.0", Ok(A));
    let prediction = case.predict();
    let selected = prediction.providers[0].selected.as_ref().unwrap();
    assert_eq!(selected.package.as_ref().unwrap().path, second);
    assert_eq!(selected.shadowed, [third]);

    // A hash that does not match is no reason to go on to the next.
    case.lock(NULL, "2.0.0", "", &[A]);
    assert_eq!(failure(&case).0, Code::PackageMismatch);
}

#[test]
fn unpacked_wins_over_packed_and_is_not_given_up_for_it() {
    let mut case = Case::null_locked("3.2.1", &[A]);
    case.unpacked(NULL, "3.2.1", Ok(B));
    let archive = case.packed(NULL, "3.2.1", Ok(A), ZIP);
    assert_eq!(failure(&case).0, Code::PackageMismatch);
    assert_eq!(case.predict().providers[0].selected.as_ref().unwrap().shadowed, [archive]);
}

#[test]
fn one_mirror_that_cannot_be_searched_fails_every_provider_that_it_is_asked_for() {
    let missing = || Mirror {
        path: "/nope".into(),
        base: "/nope".into(),
        error: Some("cannot search /nope: lstat /nope: no such file or directory".to_owned()),
        is_missing: true,
        ..Mirror::default()
    };
    let mut case = Case::null();
    case.require("random", None, None);
    case.unpacked(NULL, "1.0.0", Ok(A));
    case.method(MethodKind::FilesystemMirror { path: "/nope".to_owned() }, Some(missing()));
    let prediction = case.predict();
    assert_eq!(prediction.failures.len(), 2);
    assert!(prediction.failures.iter().all(|failure| failure.code == Code::MirrorMissing));

    let other = AddressPattern::parse("example.com/*/*", EngineName::Terraform).unwrap();
    case.facts.sources.methods[1].method.include = vec![other];
    let codes: Vec<Code> = case.predict().failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [Code::ProviderMissing], "`random` is missing, `null` is not affected");

    case.facts.sources.methods[1].method.include.clear();
    case.last_mirror().is_missing = false;
    case.last_mirror().error = Some("cannot search /nope/x: open /nope/x: permission denied".to_owned());
    assert_eq!(case.predict().failures[0].code, Code::MirrorUnreadable);
}

#[test]
fn a_method_that_asks_the_network_fails_whatever_the_mirror_has_and_the_lock_pins() {
    let mut case = Case::null_locked("1.0.0", &[A]);
    case.unpacked(NULL, "1.0.0", Ok(A));
    case.method(MethodKind::Direct, None);
    let (code, detail) = failure(&case);
    assert_eq!(code, Code::CliConfigReachesOut);
    assert!(detail.contains("could not connect to registry.terraform.io"));

    case.facts.reachable.push("registry.terraform.io".to_owned());
    assert_eq!(case.predict().init, Outcome::Unknown);

    case.facts.sources.methods[1].method.exclude = vec![AddressPattern::parse("*/*/*", EngineName::Terraform).unwrap()];
    assert_eq!(case.predict().init, Outcome::Success);

    case.method(MethodKind::NetworkMirror { url: "https://user@mirror.example:8443/p/".to_owned() }, None);
    assert_eq!(failure(&case).0, Code::CliConfigReachesOut);
    case.facts.reachable.push("mirror.example".to_owned());
    assert_eq!(case.predict().init, Outcome::Unknown);
}

#[test]
fn without_any_method_nothing_is_available_rather_than_not_found() {
    let mut case = Case::null();
    case.facts.sources.methods.clear();
    let (code, detail) = failure(&case);
    assert_eq!(code, Code::CliConfigMethodDropped);
    assert!(detail.ends_with("no available releases match the given constraints "));
}

#[test]
fn failures_of_all_providers_are_reported_as_one_set() {
    let mut case = Case::null_locked("3.2.1", &[B]);
    case.unpacked(NULL, "3.2.1", Ok(A));
    case.require("random", None, None);
    case.require("terraform", None, Some("~> 1.0"));
    let prediction = case.predict();
    let mut codes: Vec<Code> = prediction.failures.iter().map(|failure| failure.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Code::ConstraintInvalid, Code::PackageMismatch, Code::ProviderMissing]);
    assert_eq!(prediction.lock_after, None);
}

#[test]
fn a_host_is_reachable_by_its_name_or_with_its_port() {
    for (entry, url, expected) in [
        ("m.example.com", "https://m.example.com/p/", true),
        ("m.example.com", "https://m.example.com:8443/p/", true),
        ("m.example.com:8443", "https://m.example.com:8443/p/", true),
        ("m.example.com:443", "https://user@m.example.com/p/", true),
        ("m.example.com:443", "https://m.example.com:8443/p/", false),
        ("m.example.com", "https://m.example.com.evil.com/p/", false),
        ("oci.example.com", "oci.example.com/a/b", true),
    ] {
        assert_eq!(super::is_reachable(&[entry.to_owned()], super::authority_of(url)), expected, "{entry} {url}");
    }
}
