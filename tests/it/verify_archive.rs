//! `airtight verify-archive`: our signatures and GnuPG's.

use std::process::Command;

use fs_err as fs;
use sha2::{Digest as _, Sha256};

use crate::support::isolation::{Isolated, airtight};
use crate::support::publisher::Publisher;
use crate::support::runner::ignored;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    an_archive_is_what_its_publisher_signed_or_it_is_refused,
    a_file_is_extracted_only_from_a_verified_archive,
    gnupg_s_own_keys_and_signatures_are_understood,
}

fn verify(workspace: &Workspace, arguments: &str) -> (i32, String, String) {
    let output = Isolated::new(airtight(), workspace.root())
        .arguments(["verify-archive", "tofu.zip"])
        .arguments(arguments.split_whitespace())
        .run();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn an_archive_is_what_its_publisher_signed_or_it_is_refused() {
    let (publisher, other) = (Publisher::new("publisher"), Publisher::new("other"));
    let archive = b"an archive".as_slice();
    let digest: String = Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let sums = format!("{digest}  tofu.zip\n{}  wrong.zip\n", "0".repeat(64));
    let mut tree = Tree::default();
    tree.file("tofu.zip", archive)
        .file("wrong.zip", archive)
        .file("unlisted.zip", archive)
        .file("tofu.zip.sig", publisher.sign(archive))
        .file("SUMS", sums.clone())
        .file("SUMS.sig", publisher.sign(sums.as_bytes()))
        .file("key.asc", publisher.public_key())
        .file("other.asc", other.public_key())
        .file("nonsense", "nonsense");
    let workspace = Workspace::holding(&tree, false);
    let (right, wrong) = (publisher.fingerprint(), other.fingerprint());
    for (arguments, code, expected) in [
        ("--signature tofu.zip.sig --key key.asc", 0, "signed by"),
        ("--signature tofu.zip.sig --key other.asc --key key.asc", 0, "publisher@example.com"),
        (&format!("--signature tofu.zip.sig --key key.asc --fingerprint {}", right.to_lowercase()), 0, "signed by"),
        ("--checksums SUMS --signature SUMS.sig --key key.asc", 0, "signed by"),
        (&format!("--signature tofu.zip.sig --key key.asc --fingerprint {wrong}"), 100, "no key of the key files"),
        ("--signature tofu.zip.sig --key other.asc", 100, "none of the keys that count"),
        ("--signature SUMS.sig --key key.asc", 100, "not the bytes that were signed"),
        ("--signature nonsense --key key.asc", 100, "no OpenPGP signature"),
        ("--signature tofu.zip.sig --key nonsense", 100, "no OpenPGP public key"),
        ("--signature nowhere --key key.asc", 96, "nowhere"),
        ("--signature tofu.zip.sig --key key.asc --fingerprint 12345678", 96, "too short to identify a key"),
    ] {
        let (found, stdout, stderr) = verify(&workspace, arguments);
        let text = stdout.clone() + &stderr;
        assert!(found == code && text.contains(expected), "{arguments}: {found} {text}");
        assert_eq!(stdout.is_empty(), code != 0, "{arguments}: {stdout}");
    }
    fs::write(workspace.path("tofu.zip"), "another archive").unwrap();
    let (code, _, stderr) = verify(&workspace, "--checksums SUMS --signature SUMS.sig --key key.asc");
    assert!(code == 100 && stderr.contains("is not what `SUMS` lists"), "{stderr}");
    fs::write(workspace.path("SUMS"), sums.replace("tofu.zip", "else.zip")).unwrap();
    fs::write(workspace.path("SUMS.sig"), publisher.sign(sums.replace("tofu.zip", "else.zip").as_bytes())).unwrap();
    let (code, _, stderr) = verify(&workspace, "--checksums SUMS --signature SUMS.sig --key key.asc");
    assert!(code == 100 && stderr.contains("has no SHA-256 of `tofu.zip`"), "{stderr}");
}

/// What `gpg` makes, with the kinds of keys that publishers have, and what it thinks of them, we agree with.
fn a_file_is_extracted_only_from_a_verified_archive() {
    let (publisher, other) = (Publisher::new("publisher"), Publisher::new("other"));
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in [("LICENSE", "text"), ("tofu", "#!/bin/sh\n")] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, bytes.as_bytes()).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    let mut tree = Tree::default();
    tree.file("tofu.zip", archive.clone())
        .file("tofu.zip.sig", publisher.sign(&archive))
        .file("key.asc", publisher.public_key())
        .file("other.asc", other.public_key());
    let workspace = Workspace::holding(&tree, false);
    let to = workspace.root().join("bin-tofu");
    let (code, ..) = verify(&workspace, "--signature tofu.zip.sig --key other.asc --extract tofu --to bin-tofu");
    assert!(code == 100 && !to.exists());
    let (code, _, stderr) =
        verify(&workspace, "--signature tofu.zip.sig --key key.asc --extract nothing --to bin-tofu");
    assert!(code == 100 && stderr.contains("does not hold exactly one `nothing`") && !to.exists(), "{stderr}");
    let (code, _, stderr) = verify(&workspace, "--signature tofu.zip.sig --key key.asc --extract tofu --to bin-tofu");
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(fs::read_to_string(&to).unwrap(), "#!/bin/sh\n");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&to).unwrap().permissions()) & 0o777, 0o755);
    assert!(
        fs::read_dir(workspace.root()).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".new"))
    );
}

fn gnupg_s_own_keys_and_signatures_are_understood() {
    let workspace = Workspace::holding(Tree::default().file("tofu.zip", "an archive"), false);
    let home = workspace.path("gnupg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let gpg = |arguments: &[&str]| {
        let mut command = Command::new("gpg");
        command.args([
            "--homedir",
            home.as_str(),
            "--batch",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]);
        command.args(arguments).current_dir(workspace.root()).output()
    };
    if !gpg(&["--version"]).is_ok_and(|output| output.status.success()) {
        return ignored("no gpg is here");
    }
    for (name, algorithm) in [("rsa", "rsa2048"), ("ed", "ed25519"), ("nist", "nistp256")] {
        let user = format!("{name}@example.com");
        let made = gpg(&["--quick-generate-key", &user, algorithm, "sign", "1d"]).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for (armour, key, signature) in [("--armor", "key.asc", "sig.asc"), ("--no-armor", "key.gpg", "sig.bin")] {
            assert!(gpg(&[armour, "--output", key, "--export", &user]).unwrap().status.success());
            let signed =
                gpg(&[armour, "--local-user", &user, "--output", signature, "--detach-sign", "tofu.zip"]).unwrap();
            assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
            let (code, stdout, stderr) = verify(&workspace, &format!("--signature {signature} --key {key}"));
            assert!(code == 0 && stdout.contains(&user), "{name} {armour}: {stdout}{stderr}");
        }
        let late = gpg(&[
            "--no-armor",
            "--local-user",
            &user,
            "--digest-algo",
            "SHA1",
            "--output",
            "weak.sig",
            "--detach-sign",
            "tofu.zip",
        ]);
        if late.unwrap().status.success() {
            let (code, _, stderr) = verify(&workspace, "--signature weak.sig --key key.gpg");
            assert_eq!(code, 100, "{name}: {stderr}");
        }
    }
    let _ = Command::new("gpgconf").args(["--homedir", home.as_str(), "--kill", "all"]).output();
}
