//! `airtight mirror seal`, and the gate behind a seal: in a mount namespace with an `/etc` of its own, as the user of a
//! run, because only the image's settings make a seal count.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::support::isolation::{Isolated, UNPRIVILEGED_USER, has_own_etc};
use crate::support::lock_file::{Lock, text};
use crate::support::package::Package;
use crate::support::runner::ignored;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    the_same_packages_have_the_same_seal_anywhere_and_others_another,
    a_mirror_with_something_that_cannot_be_sealed_gets_no_seal,
    behind_a_seal_nothing_is_hashed_and_everything_else_is_seen,
    a_seal_that_nobody_vouches_for_is_refused_and_everything_is_hashed,
    a_signature_vouches_for_a_seal_as_cosign_makes_it,
    an_older_mirror_with_its_own_valid_signature_is_refused,
    a_mirror_that_the_runs_user_can_write_is_hashed_in_spite_of_its_seal,
    a_mirror_behind_a_link_is_hashed_in_spite_of_its_seal,
    a_key_that_is_away_none_or_the_users_own_makes_no_seal_count,
    a_file_with_its_size_and_modification_time_put_back_is_hashed_again,
}

const PACKED: &str = "registry.opentofu.org/hashicorp/null";
const UNPACKED: &str = "registry.opentofu.org/hashicorp/random";
const NAME: &str = "terraform-provider-random_v3.2.1";

fn package(address: &str) -> Package {
    Package::fake(address, "3.2.1", "linux_amd64", "a")
}

fn mirror(tree: &mut Tree) {
    let (packed, unpacked) = (package(PACKED), package(UNPACKED));
    tree.file(format!("mirror/{}", packed.packed_path()), packed.archive());
    tree.file(format!("mirror/{}/{NAME}", unpacked.unpacked_path()), unpacked.files[NAME].clone());
    tree.file("mirror/.airtight/evidence/x", "");
}

fn seal(workspace: &Workspace, more: &[&str]) -> Output {
    Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), workspace.root())
        .arguments(["mirror", "seal", "--mirror", "mirror"].iter().chain(more).copied())
        .run()
}

fn digest(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

fn the_same_packages_have_the_same_seal_anywhere_and_others_another() {
    let sealed = |change: &dyn Fn(&Workspace)| {
        let mut tree = Tree::default();
        mirror(&mut tree);
        let workspace = Workspace::holding(&tree, false);
        change(&workspace);
        let digest = digest(&seal(&workspace, &[]));
        let sum = Command::new("sha256sum").arg(workspace.path("mirror/.airtight/seal.json")).output().unwrap();
        assert_eq!(digest, format!("sha256:{}", &String::from_utf8(sum.stdout).unwrap()[..64]));
        digest
    };
    let file = format!("mirror/{}/{NAME}", package(UNPACKED).unpacked_path());
    let first = sealed(&|_| {});
    assert_eq!(sealed(&|_| std::thread::sleep(std::time::Duration::from_millis(20))), first);
    assert_ne!(sealed(&|workspace| fs::write(workspace.path(&file), "x").unwrap()), first);
    assert_ne!(
        sealed(&|workspace| fs::set_permissions(workspace.path(&file), PermissionsExt::from_mode(0o700)).unwrap()),
        first
    );
}

fn a_mirror_with_something_that_cannot_be_sealed_gets_no_seal() {
    for (path, reason) in [
        ("mirror/README.md", "the engine ignores everything at this directory level"),
        (
            "mirror/registry.opentofu.org/HashiCorp/dog/1.0/linux_amd64/terraform-provider-dog",
            "write `registry.opentofu.org/hashicorp/dog/1.0.0/linux_amd64`",
        ),
        ("mirror/registry.opentofu.org/hashicorp/null/3.2.1/linux_amd64/terraform-provider-null", "is there twice"),
    ] {
        let mut tree = Tree::default();
        mirror(&mut tree);
        tree.file(path, "x");
        let workspace = Workspace::holding(&tree, false);
        let output = seal(&workspace, &[]);
        assert_eq!(output.status.code(), Some(100));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(reason), "{said}");
        assert!(!workspace.path("mirror/.airtight/seal.json").exists());
    }
    let mut tree = Tree::default();
    mirror(&mut tree);
    tree.link(format!("mirror/{}/link", package(UNPACKED).unpacked_path()), NAME);
    let output = seal(&Workspace::holding(&tree, false), &[]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("could become another one unseen"));
}

/// A run's user in an image whose `/etc/airtight` is ours.
struct Image {
    workspace: Workspace,
}

impl Image {
    fn new() -> Self {
        let mut tree = Tree::default();
        mirror(&mut tree);
        let locks = [PACKED, UNPACKED].map(|address| {
            let package = package(address);
            Lock {
                address: package.address.clone(),
                version: package.version.clone(),
                constraints: None,
                hashes: vec![package.h1()],
            }
        });
        tree.file("stack/.terraform.lock.hcl", text(&locks));
        tree.file(
            "stack/main.tf",
            "terraform {\n  required_providers {\n    null = { source = \"hashicorp/null\" }\n    random = { source = \"hashicorp/random\" }\n  }\n}\n",
        );
        tree.directory("etc/airtight");
        tree.directory("home");
        let workspace = Workspace::holding(&tree, false);
        fs::copy(env!("CARGO_BIN_EXE_airtight"), workspace.path("airtight")).unwrap();
        for path in ["home", "stack", "stack/main.tf", "stack/.terraform.lock.hcl"] {
            std::os::unix::fs::chown(workspace.path(path), Some(UNPRIVILEGED_USER), Some(UNPRIVILEGED_USER)).unwrap();
        }
        Self { workspace }
    }

    fn path(&self, path: &str) -> Utf8PathBuf {
        self.workspace.path(path)
    }

    fn file(&self) -> Utf8PathBuf {
        self.path("mirror").join(package(UNPACKED).unpacked_path()).join(NAME)
    }

    /// Seals the mirror, and has the settings say what vouches for the seal.
    fn sealed(&self, vouching: impl FnOnce(&str) -> String) {
        let digest = digest(&seal(&self.workspace, &[]));
        let text = format!("mirror: {}\nseal:\n  {}\n", self.path("mirror"), vouching(&digest));
        fs::write(self.path("etc/airtight/settings.yml"), text).unwrap();
    }

    fn pinned(&self) {
        self.sealed(|digest| format!("digest: {digest}"));
    }

    fn make_key(&self) {
        self.openssl(
            "openssl ecparam -name prime256v1 -genkey -noout -out private.pem\n\
             openssl ec -in private.pem -pubout -out etc/seal.pem",
        );
    }

    /// As `cosign sign-blob --key` does: ECDSA over the SHA-256 of the bytes, DER, base64.
    fn sign(&self) {
        self.openssl(
            "openssl dgst -sha256 -sign private.pem mirror/.airtight/seal.json | base64 -w0 > mirror/.airtight/seal.sig",
        );
    }

    fn openssl(&self, script: &str) {
        let output = Command::new("sh").args(["-ec", script]).current_dir(self.workspace.root()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn signed(&self) {
        self.make_key();
        self.sealed(|_| "public_key: /etc/seal.pem".to_owned());
        self.sign();
    }

    fn check(&self, user: u32) -> serde_json::Value {
        let user = user.to_string();
        let output = Command::new("unshare")
            .args(["-m", "-n", "--", "sh", "-c", "mount --bind \"$0\" /etc && exec \"$@\"", self.path("etc").as_str()])
            .args(["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups", "env", "-i"])
            .arg(format!("HOME={}", self.path("home")))
            .arg(format!("XDG_RUNTIME_DIR={}", self.path("home")))
            .arg(self.path("airtight").as_str())
            .args(["check", "--engine", "tofu", "--engine-version", "1.12.6", "--platform", "linux_amd64"])
            .args(["--format", "json"])
            .current_dir(self.path("stack"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// The verdict, and the codes that are about the seal or the packages' contents.
    fn judged(&self) -> (String, Vec<String>) {
        judgement(&self.check(UNPRIVILEGED_USER))
    }
}

fn judgement(report: &serde_json::Value) -> (String, Vec<String>) {
    let codes =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
    let codes = codes.filter(|code| code.starts_with("seal-") || code == "package-mismatch").collect();
    (report["verdict"].as_str().unwrap().to_owned(), codes)
}

fn cleared(codes: &[&str]) -> (String, Vec<String>) {
    ("cleared".to_owned(), codes.iter().map(ToString::to_string).collect())
}

fn refused(codes: &[&str]) -> (String, Vec<String>) {
    ("refused".to_owned(), codes.iter().map(ToString::to_string).collect())
}

/// Another script of the same size and permissions: what a `stat` cannot see.
fn tamper(path: &Utf8Path) {
    let script = fs::read_to_string(path).unwrap();
    fs::write(path, script.replace("exit 1", "exit 2")).unwrap();
}

fn behind_a_seal_nothing_is_hashed_and_everything_else_is_seen() {
    if !has_own_etc() {
        return ignored("only root can mount an /etc");
    }
    let image = Image::new();
    image.pinned();
    let report = image.check(UNPRIVILEGED_USER);
    assert_eq!(judgement(&report), cleared(&[]), "{report}");
    for provider in report["providers"].as_array().unwrap() {
        assert_eq!(provider["status"], "proven", "{provider}");
    }
    // This is what shows that it is not hashed; the docs say that it is not seen.
    tamper(&image.file());
    assert_eq!(image.judged(), cleared(&[]));

    for change in [
        &(|image: &Image| fs::write(image.file(), "shorter").unwrap()) as &dyn Fn(&Image),
        &|image| fs::set_permissions(image.file(), PermissionsExt::from_mode(0o700)).unwrap(),
        &|image| fs::remove_file(image.file()).unwrap(),
        &|image| fs::write(image.file().with_file_name("more"), "").unwrap(),
        &|image| fs::create_dir(image.file().with_file_name("more")).unwrap(),
        &|image| fs::create_dir_all(image.path("mirror").join(package(PACKED).unpacked_path())).unwrap(),
        &|image| fs::create_dir(image.path("mirror").join(UNPACKED).join("3.3.0")).unwrap(),
        &|image| fs::create_dir(image.path("mirror/registry.opentofu.org/HashiCorp")).unwrap(),
        &|image| fs::create_dir(image.path("mirror/Registry.opentofu.org")).unwrap(),
        &|image| {
            let path = image.path("mirror").join(package(PACKED).packed_path());
            fs::rename(&path, image.path("moved")).unwrap();
            fs::os::unix::fs::symlink(image.path("moved"), &path).unwrap();
        },
        &|image| std::os::unix::fs::chown(image.file(), Some(UNPRIVILEGED_USER), None).unwrap(),
    ] {
        let image = Image::new();
        image.pinned();
        change(&image);
        let (verdict, codes) = image.judged();
        assert_eq!(verdict, "refused", "{codes:?}");
        assert!(codes.contains(&"seal-differs".to_owned()), "{codes:?}");
    }
}

fn a_seal_that_nobody_vouches_for_is_refused_and_everything_is_hashed() {
    if !has_own_etc() {
        return ignored("only root can mount an /etc");
    }
    let image = Image::new();
    image.sealed(|_| format!("digest: sha256:{}", "0".repeat(64)));
    assert_eq!(image.judged(), refused(&["seal-invalid"]));
    tamper(&image.file());
    let (_, codes) = image.judged();
    assert!(codes.contains(&"seal-invalid".to_owned()) && codes.contains(&"package-mismatch".to_owned()), "{codes:?}");
    fs::remove_file(image.path("mirror/.airtight/seal.json")).unwrap();
    assert!(image.judged().1.contains(&"seal-invalid".to_owned()));
}

fn a_signature_vouches_for_a_seal_as_cosign_makes_it() {
    if !has_own_etc() || Command::new("openssl").arg("version").output().is_err() {
        return ignored("only root can mount an /etc, and openssl has to be here");
    }
    let image = Image::new();
    image.make_key();
    image.sealed(|_| "public_key: /etc/seal.pem".to_owned());
    assert_eq!(image.judged(), refused(&["seal-invalid"]));
    image.sign();
    assert_eq!(image.judged(), cleared(&[]));
    tamper(&image.file());
    assert_eq!(image.judged(), cleared(&[]));
    // Another seal under the old signature.
    image.sealed(|_| "public_key: /etc/seal.pem".to_owned());
    assert!(image.judged().1.contains(&"seal-invalid".to_owned()));
    image.sign();
    // The lock file has the last word: what was sealed is not what was locked.
    assert_eq!(image.judged(), refused(&["package-mismatch"]));
}

fn an_older_mirror_with_its_own_valid_signature_is_refused() {
    if !has_own_etc() || Command::new("openssl").arg("version").output().is_err() {
        return ignored("only root can mount an /etc, and openssl has to be here");
    }
    let image = Image::new();
    image.make_key();
    image.sealed(|_| "public_key: /etc/seal.pem\n  minimum: 7".to_owned());
    for (serial, expected) in [
        (&["--serial", "6"][..], refused(&["seal-invalid"])),
        (&["--serial", "7"], cleared(&[])),
        (&["--serial", "8"], cleared(&[])),
        (&[], refused(&["seal-invalid"])),
    ] {
        digest(&seal(&image.workspace, serial));
        image.openssl(
            "openssl dgst -sha256 -sign private.pem -out mirror/.airtight/seal.sig mirror/.airtight/seal.json",
        );
        assert_eq!(image.judged(), expected, "{serial:?}");
        let verify = ["mirror", "verify", "--mirror", "mirror", "--settings", "etc/airtight/settings.yml"];
        let verified = Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), image.workspace.root())
            .arguments(verify.into_iter().chain(["--seal-key", "etc/seal.pem"]))
            .run();
        assert_eq!(verified.status.success(), expected.0 == "cleared", "{serial:?}: {verified:?}");
    }
}

fn a_mirror_that_the_runs_user_can_write_is_hashed_in_spite_of_its_seal() {
    if !has_own_etc() {
        return ignored("only root can mount an /etc");
    }
    for change in [
        &(|image: &Image| {
            std::os::unix::fs::chown(image.path("mirror"), Some(UNPRIVILEGED_USER), None).unwrap();
        }) as &dyn Fn(&Image),
        &|image| fs::set_permissions(image.path("mirror"), PermissionsExt::from_mode(0o777)).unwrap(),
        &|image| fs::set_permissions(image.path("mirror"), PermissionsExt::from_mode(0o1777)).unwrap(),
        &|image| fs::set_permissions(image.path("mirror/.airtight"), PermissionsExt::from_mode(0o775)).unwrap(),
        &|image| {
            fs::set_permissions(image.path("mirror/.airtight/seal.json"), PermissionsExt::from_mode(0o666)).unwrap();
        },
        &|image| fs::set_permissions(image.workspace.root(), PermissionsExt::from_mode(0o757)).unwrap(),
    ] {
        let image = Image::new();
        image.pinned();
        change(&image);
        assert_eq!(image.judged(), cleared(&["seal-unprotected"]));
        tamper(&image.file());
        assert_eq!(image.judged(), refused(&["package-mismatch", "seal-unprotected"]));
    }
    let image = Image::new();
    image.pinned();
    assert_eq!(judgement(&image.check(0)), cleared(&["seal-unprotected"]));
}

fn a_mirror_behind_a_link_is_hashed_in_spite_of_its_seal() {
    if !has_own_etc() {
        return ignored("only root can mount an /etc");
    }
    let image = Image::new();
    image.pinned();
    fs::rename(image.path("mirror"), image.path("elsewhere")).unwrap();
    fs::os::unix::fs::symlink("elsewhere", image.path("mirror")).unwrap();
    assert_eq!(image.judged(), cleared(&["seal-unprotected"]));
    tamper(&image.path("elsewhere").join(package(UNPACKED).unpacked_path()).join(NAME));
    assert_eq!(image.judged(), refused(&["package-mismatch", "seal-unprotected"]));
}

fn a_key_that_is_away_none_or_the_users_own_makes_no_seal_count() {
    if !has_own_etc() || Command::new("openssl").arg("version").output().is_err() {
        return ignored("only root can mount an /etc, and openssl has to be here");
    }
    let cases: [(fn(&Image), &str); 6] = [
        (|image| fs::remove_file(image.path("etc/seal.pem")).unwrap(), "seal-invalid"),
        (|image| fs::write(image.path("etc/seal.pem"), "").unwrap(), "seal-invalid"),
        (|image| fs::remove_file(image.path("mirror/.airtight/seal.sig")).unwrap(), "seal-invalid"),
        (|image| fs::write(image.path("mirror/.airtight/seal.sig"), "AAAA").unwrap(), "seal-invalid"),
        (
            |image| {
                std::os::unix::fs::chown(image.path("etc/seal.pem"), Some(UNPRIVILEGED_USER), None).unwrap();
            },
            "seal-unprotected",
        ),
        (
            |image| {
                fs::set_permissions(image.path("mirror/.airtight/seal.sig"), PermissionsExt::from_mode(0o666)).unwrap();
            },
            "seal-unprotected",
        ),
    ];
    for (change, code) in cases {
        let image = Image::new();
        image.signed();
        assert_eq!(image.judged(), cleared(&[]));
        change(&image);
        assert_eq!(image.judged().1, [code]);
    }
}

/// The hashes of an unprotected mirror are remembered, also by the change time, which nobody can put back.
fn a_file_with_its_size_and_modification_time_put_back_is_hashed_again() {
    if !has_own_etc() {
        return ignored("only root can mount an /etc");
    }
    let image = Image::new();
    image.pinned();
    std::os::unix::fs::chown(image.path("mirror"), Some(UNPRIVILEGED_USER), None).unwrap();
    assert_eq!(image.judged(), cleared(&["seal-unprotected"]));
    let modified = fs::metadata(image.file()).unwrap().modified().unwrap();
    tamper(&image.file());
    fs::OpenOptions::new().write(true).open(image.file()).unwrap().file().set_modified(modified).unwrap();
    assert_eq!(fs::metadata(image.file()).unwrap().modified().unwrap(), modified);
    assert_eq!(image.judged(), refused(&["package-mismatch", "seal-unprotected"]));
}
