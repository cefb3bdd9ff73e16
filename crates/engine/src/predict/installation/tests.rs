//! Tables of the recorded runs: what is accepted, with which words it is refused, what the lock file says afterwards.

use super::super::testing::*;
use super::super::*;
use airtight_finding::Code;
use airtight_provider::installed::InstalledKind;
use airtight_provider::{DigestKind, PackageContents};
use airtight_provider::{Hash, Layout, PackageProblem};

const LOCAL: &str = "Error while installing hashicorp/null v3.2.1: the local package for \
    registry.terraform.io/hashicorp/null 3.2.1 doesn't match any of the checksums previously recorded in the dependency \
    lock file (this might be because the available checksums are for packages targeting different platforms); for more \
    information: \
    https://developer.hashicorp.com/terraform/language/files/dependency-lock#checksum-verification";
const CURRENT: &str = "Error while installing hashicorp/null v3.2.1: the current package for \
    registry.terraform.io/hashicorp/null 3.2.1 doesn't match any of the checksums previously recorded in the dependency \
    lock file; for more information: \
    https://developer.hashicorp.com/terraform/language/files/dependency-lock#checksum-verification";

/// A provider that OpenTofu does not adopt from its predecessor.
const ACME: &str = "example.com/acme/null";

/// `Ok` holds the hash that proves the package and the hashes that are written, if the lock file is.
type Expected<'a> = Result<(Option<&'a str>, Option<&'a [&'a str]>), &'a str>;

fn assert_case(name: &str, case: &Case, expected: Expected) {
    let prediction = case.predict();
    let provider = &prediction.providers[0];
    match expected {
        Ok((proven_by, written)) => {
            assert_eq!(prediction.init, Outcome::Success, "{name}: {:?}", prediction.failures);
            assert_eq!(provider.proven_by.as_ref().map(Hash::as_str), proven_by, "{name}");
            let lock = written.map(|hashes| lock_text(&case.facts.engine, "3.2.1", hashes));
            assert_eq!(prediction.lock_after, lock, "{name}");
        }
        Err(detail) => {
            assert_eq!(prediction.init, Outcome::Failure, "{name}");
            assert_eq!(prediction.lock_after, None, "{name}");
            assert_eq!(case.failures(), [detail], "{name}");
        }
    }
}

fn lock_text(engine: &Engine, version: &str, hashes: &[&str]) -> String {
    let lines = hashes.iter().map(|hash| format!("    \"{hash}\",\n")).collect::<Vec<_>>().concat();
    format!(
        "# This file is maintained automatically by \"{} init\".\n# Manual edits may be lost in future updates.\n\n\
         provider \"{NULL}\" {{\n  version = \"{version}\"\n  hashes = [\n{lines}  ]\n}}\n",
        engine.name
    )
}

#[test]
fn an_unpacked_package_is_compared_with_locked_h1_hashes_alone() {
    let cases: &[(&str, &[&str], Expected)] = &[
        ("right h1", &[A], Ok((Some(A), None))),
        ("another platform's h1", &[B], Err(LOCAL)),
        ("no hashes", &[], Ok((None, Some(&[A])))),
        ("any zh alone is accepted unchecked", &[OTHER_ZIP], Ok((None, Some(&[A, OTHER_ZIP])))),
        ("zh and a wrong h1", &[OTHER_ZIP, B], Err(LOCAL)),
        ("wrong h1 beside the right one stays", &[A, B], Ok((Some(A), None))),
        ("an unknown scheme alone is dropped", &["h2:abcd"], Ok((None, Some(&[A])))),
        ("an unknown scheme beside the right h1 is dropped", &["h2:abcd", A], Ok((Some(A), Some(&[A])))),
        ("an unknown scheme and zh", &["h2:abcd", OTHER_ZIP], Ok((None, Some(&[A, OTHER_ZIP])))),
        ("a scheme in upper case is unknown", &["H1:AAAA"], Ok((None, Some(&[A])))),
    ];
    for (name, locked, expected) in cases {
        let mut case = Case::null_locked("3.2.1", locked);
        case.unpacked(NULL, "3.2.1", Ok(A));
        assert_case(name, &case, *expected);
    }
}

#[test]
fn a_packed_package_is_compared_with_any_locked_hash() {
    let cases: &[(&str, &[&str], Expected)] = &[
        ("right h1", &[A], Ok((Some(A), None))),
        ("wrong h1", &[B], Err(CURRENT)),
        ("right zh, h1 is added", &[ZIP], Ok((Some(ZIP), Some(&[A, ZIP])))),
        ("wrong zh", &[OTHER_ZIP], Err(CURRENT)),
        ("right zh and wrong h1", &[ZIP, B], Ok((Some(ZIP), Some(&[A, B, ZIP])))),
        ("wrong zh and right h1", &[OTHER_ZIP, A], Ok((Some(A), Some(&[A, OTHER_ZIP])))),
        ("h1 is named before zh", &[ZIP, A], Ok((Some(A), Some(&[A, ZIP])))),
        ("no hashes", &[], Ok((None, Some(&[A])))),
        ("only an unknown scheme", &["h9:x"], Ok((None, Some(&[A])))),
    ];
    for (name, locked, expected) in cases {
        let mut case = Case::null_locked("3.2.1", locked);
        case.packed(NULL, "3.2.1", Ok(A), ZIP);
        assert_case(name, &case, *expected);
    }
}

#[test]
fn an_archive_that_is_none_fails_in_the_words_of_the_first_thing_that_reads_it() {
    let not_zip = "zip: not a valid zip file";
    let checksum = "Error while installing hashicorp/null v3.2.1: failed to calculate checksum for \
        registry.terraform.io/hashicorp/null 3.2.1 package at \
        /mirror/registry.terraform.io/hashicorp/null/terraform-provider-null_3.2.1_linux_amd64.zip: \
        zip: not a valid zip file";
    let cases: &[(&[&str], &str)] = &[
        (&[], "Error while installing hashicorp/null v3.2.1: zip: not a valid zip file"),
        (&[A], checksum),
        (&[ZIP], CURRENT),
        (&[ZIP, A], checksum),
    ];
    for (locked, expected) in cases {
        let mut case = Case::null_locked("3.2.1", locked);
        let path = case.packed(NULL, "3.2.1", Err(not_zip), OTHER_ZIP);
        *case.contents(&path) =
            PackageContents { problem: Some(PackageProblem::Truncated), ..PackageContents::default() };
        assert_case(&format!("{locked:?}"), &case, Err(expected));
    }
}

#[test]
fn an_archive_that_cannot_be_extracted_fails_after_its_hash_was_accepted() {
    for (problem, error) in [
        (PackageProblem::Empty("/mirror/x.zip".into()), "empty archive: /mirror/x.zip"),
        (PackageProblem::Climbs { name: "../evil".to_owned() }, "entry contains '..': ../evil"),
    ] {
        let mut case = Case::null_locked("3.2.1", &[A]);
        let path = case.packed(NULL, "3.2.1", Ok(A), ZIP);
        *case.contents(&path) = PackageContents { problem: Some(problem.clone()), ..PackageContents::default() };
        assert_case(error, &case, Err(&format!("Error while installing hashicorp/null v3.2.1: {error}")));
        assert_eq!(case.predict().providers[0].status, Status::Proven);
        assert_eq!(case.predict().failures[0].code, Code::PackageUnreadable);
        assert_eq!(case.predict().failures[0].cause, Some(Cause::Package(problem)));
    }
}

#[test]
fn an_archive_with_directory_entries_records_the_extracted_tree_and_then_never_matches_it() {
    let mut case = Case::null();
    let path = case.packed(NULL, "3.2.1", Ok(A), ZIP);
    case.contents(&path).extracts_to_same_hash = false;
    case.digest(&path, Layout::Packed, DigestKind::Extracted { over: None }, Ok(B));
    assert_case("no lock file", &case, Ok((None, Some(&[B]))));
    case.lock(NULL, "3.2.1", "", &[B]);
    assert_case("clean second run", &case, Err(CURRENT));
    case.installed(NULL, "3.2.1", B);
    assert_case("second run in place", &case, Ok((Some(B), None)));
    assert_eq!(case.predict().providers[0].install, Some(Install::Reuse));
}

#[test]
fn an_executable_must_exist_and_the_installed_directory_must_be_hashable() {
    let mut case = Case::null();
    let path = case.unpacked(NULL, "3.2.1", Ok(A));
    case.contents(&path).executable = None;
    assert_case(
        "no executable",
        &case,
        Err("Error while installing hashicorp/null v3.2.1: provider binary not found: could not find executable file \
             starting with terraform-provider-null"),
    );
    assert_eq!(case.predict().failures[0].code, Code::PackageExecutableMissing);

    let mut case = Case::null();
    case.unpacked(NULL, "3.2.1", Err("open /mirror/x: permission denied"));
    assert_case(
        "unreadable file, no hashes locked",
        &case,
        Err("Error while installing hashicorp/null v3.2.1: after installing registry.terraform.io/hashicorp/null, \
             failed to compute a checksum for it: open /mirror/x: permission denied"),
    );
}

#[test]
fn what_is_installed_and_matches_is_used_whatever_the_mirror_holds_instead() {
    let mut case = Case::null_locked("3.2.1", &[A]);
    case.unpacked(NULL, "3.2.1", Ok(B));
    assert_case("mirror alone", &case, Err(LOCAL));
    case.installed(NULL, "3.2.1", A);
    assert_case("installed", &case, Ok((Some(A), None)));
    assert_eq!(case.predict().providers[0].install, Some(Install::Reuse));

    let mut case = Case::null_locked("3.2.1", &[A]);
    let id = Case::id(NULL, "3.2.1", "darwin_arm64");
    case.package(&id, Layout::Unpacked, Ok(B), "");
    assert_eq!(case.predict().failures[0].code, Code::ProviderPlatformMissing);
    case.installed(NULL, "3.2.1", A);
    assert_case("installed, and the mirror has the version for another platform", &case, Ok((Some(A), None)));
}

#[test]
fn reuse_leaves_the_entry_to_terraform_and_refreshes_it_in_tofu_without_writing_for_it() {
    for engine in [terraform("1.11.4"), tofu("1.12.6")] {
        let mut case = Case::new(engine);
        case.require("null", Some(ACME), None);
        case.lock(ACME, "3.2.1", "", &[A, "h2:abcd"]);
        let path = case.unpacked(ACME, "3.2.1", Ok(A));
        case.installed_link(ACME, "3.2.1", path.as_str(), Some("/elsewhere"));
        assert_case("unknown schemes stay", &case, Ok((Some(A), None)));
        assert_eq!(case.predict().providers[0].install, Some(Install::Reuse));
    }
}

#[test]
fn hashes_out_of_order_are_written_in_order_even_where_nothing_is_installed() {
    let mut case = Case::null_locked("3.2.1", &[ZIP, A]);
    case.unpacked(NULL, "3.2.1", Ok(A));
    case.installed(NULL, "3.2.1", A);
    assert_case("unsorted", &case, Ok((Some(A), Some(&[A, ZIP]))));
}

#[test]
fn an_archive_is_extracted_over_what_is_there_or_refused_by_engine() {
    let differing = |engine: Engine| {
        let mut case = Case::null_locked("3.2.1", &[A]);
        case.facts.engine = engine;
        case.require("null", Some(NULL), None);
        let archive = case.packed(NULL, "3.2.1", Ok(A), ZIP);
        let there = case.installed(NULL, "3.2.1", B);
        case.digest(&archive, Layout::Packed, DigestKind::Extracted { over: Some(there) }, Ok(B));
        case
    };
    assert_case("terraform keeps extra files", &differing(terraform("1.11.4")), Ok((Some(A), Some(&[A, B]))));
    let refusal = "Error while installing registry.terraform.io/hashicorp/null v3.2.1: existing cached package at \
        /conf/.terraform/providers/registry.terraform.io/hashicorp/null/3.2.1/linux_amd64 does not match the content of \
        the downloaded package; does it contain local modifications?";
    assert_case("tofu 1.12 refuses", &differing(tofu("1.12.6")), Err(refusal));
    assert_case("tofu 1.10.9 keeps extra files", &differing(tofu("1.10.9")), Ok((Some(A), Some(&[A, B]))));
    assert_case("tofu 1.10.10 refuses", &differing(tofu("1.10.10")), Err(refusal));
}

#[test]
fn an_archive_over_a_link_depends_on_the_engine_and_on_whether_it_dangles() {
    let linked = |engine: Engine, resolved: Option<&str>| {
        let mut case = Case::null_locked("3.2.1", &[A]);
        case.facts.engine = engine;
        let archive = case.packed(NULL, "3.2.1", Ok(A), ZIP);
        case.installed_link(NULL, "3.2.1", "/old", resolved);
        case.contents.insert("/old".into(), PackageContents::default());
        case.digest("/old".into(), Layout::Unpacked, DigestKind::H1, Ok(B));
        case.digest(&archive, Layout::Packed, DigestKind::Extracted { over: Some("/old".into()) }, Ok(B));
        case
    };
    assert_case("through the link", &linked(terraform("1.11.4"), Some("/old")), Ok((Some(A), Some(&[A, B]))));
    let at = "/conf/.terraform/providers/registry.terraform.io/hashicorp/null/3.2.1/linux_amd64";
    assert_case(
        "dangling",
        &linked(terraform("1.11.4"), None),
        Err(&format!("Error while installing hashicorp/null v3.2.1: mkdir {at}: file exists")),
    );
    assert_case(
        "refused since 1.15.4",
        &linked(terraform("1.15.5"), Some("/old")),
        Err(&format!(
            "Error while installing hashicorp/null v3.2.1: cannot install package into target directory {at} because it \
             is a symlink."
        )),
    );
}

#[test]
fn a_file_where_an_archive_would_be_extracted_fails_and_is_replaced_by_a_link() {
    let at = "/conf/.terraform/providers/registry.terraform.io/hashicorp/null/3.2.1/linux_amd64";
    let mut case = Case::null_locked("3.2.1", &[A]);
    case.installed_link(NULL, "3.2.1", "", None);
    case.facts.installed.entries[0].kind = InstalledKind::Other;
    case.packed(NULL, "3.2.1", Ok(A), ZIP);
    let text = format!("Error while installing hashicorp/null v3.2.1: mkdir {at}: not a directory");
    assert_case("terraform", &case, Err(&text));
    case.facts.engine = tofu("1.12.6");
    case.require("null", Some(NULL), None);
    let text = format!(
        "Error while installing {NULL} v3.2.1: failed to calculate checksum for existing cached provider package at {at}: \
         {at} is not a directory"
    );
    assert_case("tofu", &case, Err(&text));
    case.facts.engine = terraform("1.11.4");
    case.last_mirror().packages.clear();
    case.unpacked(NULL, "3.2.1", Ok(A));
    assert_case("a link", &case, Ok((Some(A), None)));
}

#[test]
fn a_mirror_that_is_the_install_directory_works_only_where_nothing_is_to_be_installed() {
    let mut case = Case::null();
    case.facts.sources.methods.clear();
    case.mirror("/conf/.terraform/providers");
    let path = case.unpacked(NULL, "3.2.1", Ok(A));
    case.installed(NULL, "3.2.1", A);
    assert_case(
        "nothing locked",
        &case,
        Err(&format!(
            "Error while installing hashicorp/null v3.2.1: cannot install existing provider directory {path} to itself"
        )),
    );
    case.lock(NULL, "3.2.1", "", &[A]);
    assert_case("locked", &case, Ok((Some(A), None)));
}

#[test]
fn a_closed_data_directory_fails_terraform_and_is_not_judged_for_tofu() {
    let mut case = Case::null();
    case.unpacked(NULL, "3.2.1", Ok(A));
    case.facts.installed.error = Some("permission denied".to_owned());
    assert_eq!(case.predict().failures[0].code, Code::PackageCacheConflict);
    case.facts.engine = tofu("1.12.6");
    case.require("null", Some(NULL), None);
    assert_eq!(case.predict().init, Outcome::Unknown);
}

#[test]
fn only_the_hashes_that_the_engine_would_need_are_wanted() {
    let mut case = Case::null_locked("3.2.1", &[A, ZIP]);
    let path = case.packed(NULL, "3.2.1", Ok(A), ZIP);
    let selection = select(&case.facts);
    let first = selection.wanted_digests(&case.facts, &case.contents, &Digests::new());
    let h1 = DigestRequest { path, layout: Layout::Packed, kind: DigestKind::H1 };
    assert_eq!(first, std::slice::from_ref(&h1));
    let matching = Digests::from([(h1.clone(), Ok(A.parse().unwrap()))]);
    assert_eq!(selection.wanted_digests(&case.facts, &case.contents, &matching), []);
    let differing = Digests::from([(h1, Ok(B.parse().unwrap()))]);
    let second = selection.wanted_digests(&case.facts, &case.contents, &differing);
    assert!(matches!(second.as_slice(), [DigestRequest { kind: DigestKind::Zh, .. }]));
}

#[test]
fn a_link_above_the_package_directory_makes_the_outcome_unknown() {
    let mut case = Case::null();
    case.unpacked(NULL, "3.2.1", Ok(A));
    case.facts.installed.strange.push("/conf/.terraform/providers/registry.terraform.io/hashicorp".into());
    let prediction = case.predict();
    assert_eq!(prediction.init, Outcome::Unknown);
    assert_eq!(prediction.assumptions[0].code, Code::PackagePlanted);
}

mod through_a_plugin_cache {
    use super::*;
    use airtight_provider::installed::InstalledEntry;

    fn cache(case: &mut Case, entry: Option<&str>) {
        let mut entries = Installed::default();
        if let Some(h1) = entry {
            let id = Case::id(NULL, "3.2.1", "linux_amd64");
            let path = camino::Utf8PathBuf::from("/cache").join(id.unpacked_path());
            let executable = Some("terraform-provider-null".to_owned());
            case.contents.insert(path.clone(), PackageContents { executable, ..PackageContents::default() });
            case.digest(&path, Layout::Unpacked, DigestKind::H1, Ok(h1));
            entries.entries.push(InstalledEntry { id, path, kind: InstalledKind::Directory });
        }
        case.facts.plugin_cache = Some(PluginCache {
            path: "/cache".into(),
            setting: None,
            entries,
            directories: [("".into(), true)].into(),
        });
    }

    #[test]
    fn an_empty_cache_changes_nothing_but_that_archives_are_linked_too() {
        let mut case = Case::null();
        case.packed(NULL, "3.2.1", Ok(A), ZIP);
        cache(&mut case, None);
        assert_case("packed", &case, Ok((None, Some(&[A]))));
        assert_eq!(case.predict().providers[0].install, Some(Install::Link));
    }

    #[test]
    fn a_cached_package_counts_if_the_lock_file_has_it_and_is_not_judged_otherwise() {
        for (locked, expected) in [(&[B][..], Some(B)), (&[A], None), (&[], None)] {
            let mut case = if locked.is_empty() { Case::null() } else { Case::null_locked("3.2.1", locked) };
            case.unpacked(NULL, "3.2.1", Ok(A));
            cache(&mut case, Some(B));
            if let Some(hash) = expected {
                assert_case("locked as in the cache", &case, Ok((Some(hash), None)));
            } else {
                let prediction = case.predict();
                assert_eq!((prediction.init, prediction.failures), (Outcome::Unknown, vec![]), "{locked:?}");
                assert_eq!(prediction.assumptions[0].code, Code::PluginCacheBesideMirror);
            }
        }
    }

    #[test]
    fn only_tofu_from_1_12_does_without_the_mirror() {
        let mut case = Case::null_locked("3.2.1", &[A]);
        case.require("null", Some(NULL), None);
        cache(&mut case, Some(A));
        // As a file that is written again with the same bytes.
        case.facts.lock.text = lock_text(&tofu("1.12.0"), "3.2.1", &[A]).into();
        assert_eq!(case.predict().failures[0].code, Code::ProviderMissing);
        case.facts.engine = tofu("1.11.9");
        assert_eq!(case.predict().failures[0].code, Code::ProviderMissing);
        case.facts.engine = tofu("1.12.0");
        assert_case("1.12", &case, Ok((Some(A), None)));
    }

    #[test]
    fn a_planted_package_in_another_spelling_is_not_judged() {
        let mut case = Case::null();
        case.unpacked(NULL, "3.2.1", Ok(A));
        cache(&mut case, None);
        let id = Case::id(NULL, "3.2.1", "linux_amd64");
        let path = camino::Utf8PathBuf::from("/conf/.terraform/providers")
            .join(id.unpacked_path().replace("hashicorp", "HashiCorp"));
        case.contents.insert(path.clone(), PackageContents::default());
        case.facts.installed.entries.push(InstalledEntry { id, path, kind: InstalledKind::Directory });
        let planted = case.facts.installed.entries.clone();
        assert_eq!(case.predict().assumptions[0].code, Code::PackagePlanted);
        case.facts.installed.entries.clear();
        case.facts.plugin_cache.as_mut().unwrap().entries.entries = planted;
        assert_eq!(case.predict().assumptions[0].code, Code::PackagePlanted);
    }
}
