//! Each rule has a mirror that keeps it and a broken twin.

use fs_err as fs;
use fs_err::os::unix::fs::symlink;

use super::*;

struct Scratch {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Scratch {
    /// A trailing `/` makes a directory, everything else an empty file.
    fn with(entries: &[&str]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let scratch =
            Self { path: Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap(), _guard: guard };
        for entry in entries {
            let path = scratch.path.join(entry);
            if entry.ends_with('/') {
                fs::create_dir_all(&path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, "").unwrap();
            }
        }
        scratch
    }

    fn walk(&self) -> Mirror {
        walk(&self.path, EngineName::Terraform)
    }
}

/// `address version platform layout path`, the path from the base on.
fn packages(mirror: &Mirror) -> Vec<String> {
    let describe = |package: &MirrorPackage| {
        let PackageId { address, version, platform } = &package.id;
        let path = package.path.strip_prefix(&mirror.base).unwrap();
        format!("{address} {version} {platform} {} {path}", package.layout.as_str())
    };
    mirror.packages.iter().map(describe).collect()
}

fn ignored(mirror: &Mirror) -> Vec<(&str, &Ignored)> {
    mirror.ignored.iter().map(|entry| (entry.path.strip_prefix(&mirror.base).unwrap().as_str(), &entry.why)).collect()
}

const NULL: &str = "registry.terraform.io/hashicorp/null";

#[test]
fn sees_both_layouts_and_lets_the_directory_win() {
    let zip = format!("{NULL}/terraform-provider-null_3.2.1_linux_amd64.zip");
    let directory = format!("{NULL}/3.2.1/linux_amd64/terraform-provider-null");
    let mirror = Scratch::with(&[&zip, &directory]).walk();
    assert_eq!(
        packages(&mirror),
        [
            format!("{NULL} 3.2.1 linux_amd64 unpacked {NULL}/3.2.1/linux_amd64"),
            format!("{NULL} 3.2.1 linux_amd64 packed {zip}"),
        ]
    );
    assert_eq!(ignored(&mirror), []);
    assert_eq!(mirror.error, None);
}

#[test]
fn accepts_names_that_the_engine_normalises() {
    for (entry, expected) in [
        ("Registry.Terraform.IO/HashiCorp/Null/3.2/linux_amd64/", "3.2.0 linux_amd64 unpacked"),
        ("registry.terraform.io:443/hashicorp/null/03.2.1/linux_amd64/", "3.2.1 linux_amd64 unpacked"),
        (&format!("{NULL}/1.2.3-/Linux_AMD64/"), "1.2.3 Linux_AMD64 unpacked"),
        (&format!("{NULL}/Terraform-Provider-NULL_1.0.0_Linux_amd64.ZIP"), "1.0.0 linux_amd64 packed"),
        (&format!("{NULL}/terraform-provider-null_1.0.0_linux_amd64_extra.zip"), "1.0.0 linux_amd64 packed"),
        (&format!("{NULL}/terraform-provider-null_1.0.0+a_linux_amd64.zip"), "1.0.0+a linux_amd64 packed"),
    ] {
        let mirror = Scratch::with(&[entry]).walk();
        assert_eq!(packages(&mirror), [format!("{NULL} {expected} {}", entry.trim_end_matches('/'))]);
        assert_eq!(ignored(&mirror), [], "{entry}");
    }
}

#[test]
fn says_why_an_entry_does_not_count() {
    let misplaced = "Misplaced";
    for (entry, at, why) in [
        ("lost+found/a/b/", "lost+found", "InvalidName { level: \"host\""),
        ("xn--nxasmq6b.com/a/b/1.0.0/linux_amd64/", "xn--nxasmq6b.com", "InvalidName { level: \"host\""),
        ("example.com/a_/c/", "example.com/a_", "InvalidName { level: \"namespace\""),
        ("example.com/-/c/", "example.com/-", "InvalidName { level: \"namespace\""),
        ("example.com/a/c--d/", "example.com/a/c--d", "InvalidName { level: \"type\""),
        ("example.com/a/b/v1.0.0/linux_amd64/", "example.com/a/b/v1.0.0", "DirectoryName(\"`v1.0.0` is no version"),
        ("example.com/a/b/linux_amd64/1.0.0/", "example.com/a/b/linux_amd64", "DirectoryName(\"`linux_amd64`"),
        ("example.com/a/b/1.0.0/linux/", "example.com/a/b/1.0.0/linux", "DirectoryName(\"`linux` is no platform"),
        (
            "example.com/a/b/terraform-provider-b_v1.0.0_linux_amd64.zip",
            "example.com/a/b/terraform-provider-b_v1.0.0_linux_amd64.zip",
            "ArchiveName(\"`v1.0.0` is no version",
        ),
        (
            "example.com/a/b/b_1.0.0_linux_amd64.zip",
            "example.com/a/b/b_1.0.0_linux_amd64.zip",
            "ArchiveName(\"the name",
        ),
        (
            "example.com/a/b/terraform-provider-b_1.0.0_linux.zip",
            "example.com/a/b/terraform-provider-b_1.0.0_linux.zip",
            "ArchiveName(\"the name does not include",
        ),
        (
            "example.com/a/b/terraform-provider-b_1.0.0_linux_amd64 (1).zip",
            "example.com/a/b/terraform-provider-b_1.0.0_linux_amd64 (1).zip",
            "ArchiveName(\"`linux_amd64 (1)` is no platform",
        ),
        ("example.com/a/b/terraform-provider-b", "example.com/a/b/terraform-provider-b", misplaced),
        ("example.com/a/b/1.0.0/b.zip", "example.com/a/b/1.0.0/b.zip", misplaced),
        ("terraform-provider-b_1.0.0_linux_amd64.zip", "terraform-provider-b_1.0.0_linux_amd64.zip", misplaced),
        ("example.com/a/README.md", "example.com/a/README.md", misplaced),
    ] {
        let mirror = Scratch::with(&[entry]).walk();
        assert_eq!(packages(&mirror), [] as [&str; 0], "{entry}");
        let [(path, reason)] = ignored(&mirror)[..] else { panic!("{entry}: {:?}", mirror.ignored) };
        assert_eq!(path, at);
        assert!(format!("{reason:?}").starts_with(why), "{entry}: {reason:?}");
        assert_eq!(mirror.error, None);
    }
}

#[test]
fn keeps_quiet_about_what_belongs_beside_packages() {
    let mirror = Scratch::with(&[
        ".airtight/seal.json",
        ".git/objects/ab/cd/ef",
        &format!("{NULL}/index.json"),
        &format!("{NULL}/3.2.1.json"),
        &format!("{NULL}/.terraform-provider-null_3.2.1_linux_amd64.zip"),
        &format!("{NULL}/3.2.1/linux_amd64.lock"),
        &format!("{NULL}/3.2.1/linux_amd64/docs/README.md"),
        &format!("{NULL}/3.2.1/linux_amd64/terraform-provider-null.zip"),
    ])
    .walk();
    assert_eq!(packages(&mirror).len(), 1);
    assert_eq!(ignored(&mirror), []);
}

#[test]
fn follows_symbolic_links_only_where_the_engine_does() {
    let real = Scratch::with(&["p/example.com/a/b/1.0.0/linux_amd64/", "zip"]);
    let target = |path: &str| real.path.join(path);
    let followed = "1.0.0 linux_amd64";
    for (link, to, layout) in [
        ("example.com/a/b/1.0.0/linux_amd64", "p/example.com/a/b/1.0.0/linux_amd64", "unpacked"),
        ("example.com/a/b/terraform-provider-b_1.0.0_linux_amd64.zip", "zip", "packed"),
    ] {
        let scratch = Scratch::with(&["example.com/a/b/1.0.0/"]);
        symlink(target(to), scratch.path.join(link)).unwrap();
        assert_eq!(packages(&scratch.walk()), [format!("example.com/a/b {followed} {layout} {link}")]);
    }
    for (parent, link) in [
        ("./", "example.com"),
        ("example.com/", "example.com/a"),
        ("example.com/a/", "example.com/a/b"),
        ("example.com/a/b/", "example.com/a/b/1.0.0"),
    ] {
        let scratch = Scratch::with(&[parent]);
        symlink(target(&format!("p/{link}")), scratch.path.join(link)).unwrap();
        let mirror = scratch.walk();
        assert_eq!(packages(&mirror), [] as [&str; 0], "{link}");
        assert_eq!(ignored(&mirror), [(link, &Ignored::SymbolicLink)]);
    }
    let base = Scratch::with(&[]);
    symlink(target("p"), base.path.join("link")).unwrap();
    let mirror = walk(&base.path.join("link"), EngineName::Terraform);
    assert_eq!(mirror.base, target("p"));
    assert_eq!(mirror.packages[0].path, target("p/example.com/a/b/1.0.0/linux_amd64"));
}

#[test]
fn ignores_links_that_lead_nowhere() {
    let scratch = Scratch::with(&["example.com/a/b/1.0.0/"]);
    let archive = "example.com/a/b/terraform-provider-b_1.0.0_linux_amd64.zip";
    for link in ["example.com/a/b/1.0.0/linux_amd64", archive] {
        symlink("nowhere", scratch.path.join(link)).unwrap();
    }
    let mirror = scratch.walk();
    assert_eq!(packages(&mirror), [] as [&str; 0]);
    let reasons: Vec<_> = mirror.ignored.iter().map(|entry| entry.why.clone()).collect();
    let stat = |path: &str| Ignored::Unreadable(format!("stat {}/{path}: no such file or directory", mirror.base));
    assert_eq!(reasons, [stat("example.com/a/b/1.0.0/linux_amd64"), stat(archive)]);
}

#[test]
fn the_first_spelling_by_bytes_wins_and_versions_are_sorted() {
    let mirror = Scratch::with(&[
        &format!("{NULL}/10.0.0/linux_amd64/"),
        &format!("{NULL}/3.2.0/linux_amd64/"),
        &format!("{NULL}/3.2/linux_amd64/"),
        &format!("{NULL}/3.2.0/darwin_arm64/"),
        "registry.terraform.io/HashiCorp/null/3.2.0/linux_amd64/",
    ])
    .walk();
    let paths: Vec<_> =
        mirror.packages.iter().map(|package| package.path.strip_prefix(&mirror.base).unwrap().as_str()).collect();
    assert_eq!(
        paths,
        [
            &format!("{NULL}/3.2.0/darwin_arm64"),
            "registry.terraform.io/HashiCorp/null/3.2.0/linux_amd64",
            &format!("{NULL}/3.2/linux_amd64"),
            &format!("{NULL}/3.2.0/linux_amd64"),
            &format!("{NULL}/10.0.0/linux_amd64"),
        ]
    );
}

#[test]
fn a_missing_base_fails_and_a_file_or_dangling_link_does_not() {
    let scratch = Scratch::with(&["file"]);
    let missing = scratch.path.join("missing");
    let expected = format!("cannot search {missing}: lstat {missing}: no such file or directory");
    assert_eq!(walk(&missing, EngineName::Tofu).error, Some(expected));
    symlink("nowhere", scratch.path.join("dangling")).unwrap();
    for path in ["file", "dangling"] {
        let mirror = walk(&scratch.path.join(path), EngineName::Tofu);
        assert_eq!((mirror.packages.len(), mirror.error), (0, None));
    }
}

#[test]
fn a_legacy_namespace_counts_on_the_default_host_of_the_engine() {
    let scratch = Scratch::with(&["registry.opentofu.org/-/null/1.0.0/linux_amd64/"]);
    assert_eq!(walk(&scratch.path, EngineName::Tofu).packages.len(), 1);
    assert_eq!(walk(&scratch.path, EngineName::Terraform).packages.len(), 0);
}

#[test]
fn a_name_that_is_no_text_does_not_count() {
    use std::os::unix::ffi::OsStrExt as _;
    let scratch = Scratch::with(&[]);
    let name = OsStr::from_bytes(b"example.\xff");
    fs::create_dir(scratch.path.as_std_path().join(name)).unwrap();
    let mirror = scratch.walk();
    assert!(matches!(mirror.ignored[0].why, Ignored::DirectoryName(_)));
    assert_eq!(mirror.ignored[0].path, mirror.base.join("example.\u{fffd}"));
}
