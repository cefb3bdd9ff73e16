//! `airtight mirror unpack`: the same contents in the other layout, or nothing at all.

use std::io::{Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use camino::Utf8Path;
use fs_err as fs;
use zip::write::SimpleFileOptions;

use crate::support::engines::engines;
use crate::support::isolation::Isolated;
use crate::support::package::Package;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    a_package_changes_its_layout_and_nothing_else,
    engines_take_the_unpacked_package_by_the_locked_hash_of_the_archive,
    a_hostile_archive_stays_where_it_is,
    two_layouts_side_by_side_are_one_package_or_a_conflict,
    a_mirror_that_cannot_be_written_keeps_every_package_whole,
    a_full_disk_leaves_the_archive_and_nothing_else,
    killed_at_any_moment_it_leaves_whole_packages_and_can_go_on,
}

const NAME: &str = "terraform-provider-null_v3.2.1";

fn package(host: &str) -> Package {
    Package::fake(&format!("{host}/hashicorp/null"), "3.2.1", "linux_amd64", "a")
}

fn unpack(workspace: &Workspace, arguments: &[&str]) -> Output {
    Isolated::new(Utf8Path::new(env!("CARGO_BIN_EXE_airtight")), workspace.root())
        .arguments(["mirror", "unpack", "--mirror", "mirror", "--format", "json"])
        .arguments(arguments.iter().copied())
        .run()
}

fn report(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Every path below the mirror but airtight's own bookkeeping.
fn paths(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![workspace.path("mirror")];
    while let Some(place) = waiting.pop() {
        for entry in place.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path.strip_prefix(workspace.root()).unwrap().to_string());
            }
        }
    }
    found.retain(|path| !path.ends_with("/hold.lock"));
    found.sort();
    found
}

fn a_package_changes_its_layout_and_nothing_else() {
    let mut package = package("registry.opentofu.org");
    package.files.insert("docs/index.md".to_owned(), b"text".to_vec());
    for (arguments, kept) in [(&[][..], true), (&["--discard-archives"], false)] {
        let mut tree = Tree::default();
        tree.file(format!("mirror/{}", package.packed_path()), package.archive());
        let workspace = Workspace::holding(&tree, false);
        let output = unpack(&workspace, arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(report(&output)["packages"][0]["h1"], package.h1());
        let directory = format!("mirror/{}", package.unpacked_path());
        let archive = format!("mirror/.airtight/archives/{}", package.packed_path());
        let mut expected = vec![format!("{directory}/{NAME}"), format!("{directory}/docs/index.md")];
        expected.extend(kept.then(|| archive.clone()));
        expected.sort();
        assert_eq!(paths(&workspace), expected);
        for (name, bytes) in &package.files {
            assert_eq!(fs::read(workspace.path(&format!("{directory}/{name}"))).unwrap(), *bytes);
        }
        let mode = |path: &str| fs::metadata(workspace.path(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&directory), mode(&format!("{directory}/{NAME}"))), (0o755, 0o755));
        assert_eq!(fs::read(workspace.path(&archive)).is_ok_and(|bytes| bytes == package.archive()), kept);
        // Nothing is left to do.
        let again = unpack(&workspace, arguments);
        assert_eq!((again.status.code(), report(&again)["packages"].as_array().unwrap().len()), (Some(0), 0));
    }
}

fn engines_take_the_unpacked_package_by_the_locked_hash_of_the_archive() {
    for engine in engines() {
        let package = package(engine.default_host());
        let mut tree = Tree::default();
        tree.file(format!("mirror/{}", package.packed_path()), package.archive());
        tree.file("tofurc", "provider_installation {\n  filesystem_mirror {\n    path = \"$ROOT/mirror\"\n  }\n}\n");
        tree.file(
            "stack/main.tf",
            "terraform {\n  required_providers {\n    null = { source = \"hashicorp/null\" }\n  }\n}\n",
        );
        let lock = crate::support::lock_file::Lock {
            address: package.address.clone(),
            version: package.version.clone(),
            constraints: None,
            hashes: vec![package.h1()],
        };
        tree.file("stack/.terraform.lock.hcl", crate::support::lock_file::text(&[lock]));
        let workspace = Workspace::holding(&tree, false);
        assert_eq!(unpack(&workspace, &[]).status.code(), Some(0));
        let output = Isolated::new(&engine.path, &workspace.path("stack"))
            .arguments(["init", "-no-color", "-lockfile=readonly"])
            .environment("HOME", workspace.root().as_str())
            .environment("CHECKPOINT_DISABLE", "1")
            .environment("TF_CLI_CONFIG_FILE", workspace.path("tofurc").as_str())
            .run();
        assert!(output.status.success(), "{} {output:?}", engine.name);
        let installed = workspace.path(&format!("stack/.terraform/providers/{}", package.unpacked_path()));
        assert_eq!(fs::read_link(installed).unwrap(), workspace.path("mirror").join(package.unpacked_path()));
    }
}

/// An archive of one sound entry and another one.
fn archive_with(name: &str, add: impl FnOnce(&mut zip::ZipWriter<Cursor<Vec<u8>>>, SimpleFileOptions)) -> Vec<u8> {
    let options = SimpleFileOptions::default().unix_permissions(0o755);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, options).unwrap();
    writer.write_all(b"x").unwrap();
    add(&mut writer, options);
    writer.finish().unwrap().into_inner()
}

fn with_file(name: &str) -> Vec<u8> {
    archive_with(NAME, |writer, options| {
        writer.start_file(name, options).unwrap();
        writer.write_all(b"y").unwrap();
    })
}

/// The same archive with one name in place of another of the same length.
fn renamed(archive: &[u8], from: &str, to: &str) -> Vec<u8> {
    replaced(archive, from.as_bytes(), to.as_bytes())
}

fn replaced(archive: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut archive = archive.to_vec();
    for start in 0..=archive.len() - from.len() {
        if archive[start..].starts_with(from) {
            archive[start..start + from.len()].copy_from_slice(to);
        }
    }
    archive
}

fn a_hostile_archive_stays_where_it_is() {
    let zeros = archive_with(NAME, |writer, options| {
        writer.start_file("zeros", options).unwrap();
        writer.write_all(&vec![0; 3 * 1024 * 1024]).unwrap();
    });
    let lying = replaced(&zeros, &(3_u32 * 1024 * 1024).to_le_bytes(), &5_u32.to_le_bytes());
    let set_user_id =
        replaced(&with_file("tool"), &(0o100_755_u32 << 16).to_le_bytes(), &(0o104_755_u32 << 16).to_le_bytes());
    let other = NAME.replace("3.2.1", "3.2.2");
    let cases = [
        (renamed(&with_file("aaaoutside"), "aaaoutside", "../outside"), "`..` parts"),
        (renamed(&with_file("aoutside"), "aoutside", "/outside"), "is absolute"),
        (renamed(&with_file("aaaoutside"), "aaaoutside", "..\\outside"), "back-slash"),
        (renamed(&with_file("a-b"), "a-b", "a\nb"), "control character"),
        (renamed(&with_file("docs-a"), "docs-a", "docs//"), ""),
        (renamed(&with_file(&other), &other, NAME), "twice"),
        (renamed(&with_file(&format!("{NAME}xb")), &format!("{NAME}xb"), &format!("{NAME}/b")), "below another one"),
        (archive_with(NAME, |writer, options| writer.add_directory("docs", options).unwrap()), "is a directory"),
        (
            archive_with(NAME, |writer, options| writer.add_symlink("link", "/etc/passwd", options).unwrap()),
            "is a link",
        ),
        (set_user_id, "special permissions"),
        (zeros, "more than the limit"),
        (lying, ""),
        (b"no archive".to_vec(), "not a valid zip file"),
        (Vec::new(), "not a valid zip file"),
    ];
    let package = package("registry.opentofu.org");
    for (index, (archive, reason)) in cases.into_iter().enumerate() {
        let path = format!("mirror/{}", package.packed_path());
        let mut tree = Tree::default();
        tree.file(path.as_str(), archive.clone());
        let workspace = Workspace::holding(&tree, false);
        let output = unpack(&workspace, &["--limit-mb", "1"]);
        assert_eq!(output.status.code(), Some(100), "{index}: {output:?}");
        let said = report(&output)["packages"][0]["reason"].as_str().unwrap().to_owned();
        assert!(said.contains(reason), "{index}: {said}");
        assert_eq!(paths(&workspace), [path.as_str()], "{index}");
        assert_eq!(fs::read(workspace.path(&path)).unwrap(), archive);
        assert!(!workspace.path("outside").exists() && !workspace.path("mirror/outside").exists());
    }
}

fn two_layouts_side_by_side_are_one_package_or_a_conflict() {
    let package = package("registry.opentofu.org");
    for (content, code) in [(package.files[NAME].clone(), 0), (b"other".to_vec(), 100)] {
        let mut tree = Tree::default();
        tree.file(format!("mirror/{}", package.packed_path()), package.archive());
        tree.file(format!("mirror/{}/{NAME}", package.unpacked_path()), content.clone());
        let workspace = Workspace::holding(&tree, false);
        assert_eq!(unpack(&workspace, &[]).status.code(), Some(code));
        assert_eq!(workspace.path("mirror").join(package.packed_path()).exists(), code != 0);
        assert_eq!(fs::read(workspace.path("mirror").join(package.unpacked_path()).join(NAME)).unwrap(), content);
    }
}

fn a_mirror_that_cannot_be_written_keeps_every_package_whole() {
    if !crate::support::isolation::is_root() {
        return crate::support::runner::ignored("only root can lay it out");
    }
    let package = package("registry.opentofu.org");
    let mut tree = Tree::default();
    tree.file(format!("mirror/{}", package.packed_path()), package.archive());
    let workspace = Workspace::holding(&tree, false);
    let airtight = Utf8Path::new(env!("CARGO_BIN_EXE_airtight"));
    let command = Isolated::new(airtight, workspace.root()).arguments(["mirror", "unpack", "--mirror", "mirror"]);
    let output = Isolated { unprivileged: true, ..command }.run();
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    assert_eq!(paths(&workspace), [format!("mirror/{}", package.packed_path())]);
}

/// A package that takes a while, of zeros.
fn large() -> Package {
    let mut package = package("registry.opentofu.org");
    package.files.insert("zeros".to_owned(), vec![0; 8 * 1024 * 1024]);
    package
}

fn a_full_disk_leaves_the_archive_and_nothing_else() {
    if !crate::support::isolation::is_root() {
        return crate::support::runner::ignored("only root can mount a small disk");
    }
    let package = large();
    let mut tree = Tree::default();
    tree.file(format!("packed/{}", package.packed_path()), package.archive());
    tree.directory("mirror/");
    let workspace = Workspace::holding(&tree, false);
    let script = "\"$0\" mirror unpack --mirror mirror; code=$?; find mirror -type f; exit $code";
    let mut command =
        Isolated::new("/bin/sh".into(), workspace.root()).arguments(["-c", script, env!("CARGO_BIN_EXE_airtight")]);
    command.before = Some("mount -t tmpfs -o size=6m none mirror && cp -r packed/. mirror/".to_owned());
    let output = command.run();
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("mirror/{}\n", package.packed_path()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
}

fn killed_at_any_moment_it_leaves_whole_packages_and_can_go_on() {
    let package = large();
    let airtight = Utf8Path::new(env!("CARGO_BIN_EXE_airtight"));
    for milliseconds in (0..400).step_by(40) {
        let mut tree = Tree::default();
        tree.file(format!("mirror/{}", package.packed_path()), package.archive());
        let workspace = Workspace::holding(&tree, false);
        let mut child = std::process::Command::new(airtight)
            .args(["mirror", "unpack", "--mirror", workspace.path("mirror").as_str()])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let verified = Isolated::new(airtight, workspace.root())
            .arguments(["mirror", "verify", "--mirror", "mirror", "--format", "json"])
            .run();
        let found = report(&verified)["packages"].as_array().unwrap().clone();
        assert!(!found.is_empty(), "{milliseconds}");
        assert!(found.iter().all(|found| found["h1"] == package.h1()), "{milliseconds}: {found:?}");
        assert_eq!(unpack(&workspace, &[]).status.code(), Some(0), "{milliseconds}");
        let left = paths(&workspace);
        assert!(left.iter().all(|path| !path.contains("scratch")), "{milliseconds}: {left:?}");
        assert!(workspace.path("mirror").join(package.unpacked_path()).join(NAME).exists());
    }
}
