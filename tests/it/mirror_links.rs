//! The commands that change a mirror never reach out of it, and leave whole packages when they are killed.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::support::isolation::{Isolated, airtight};
use crate::support::lock_file::{Lock, text};
use crate::support::package::Package;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    no_command_reaches_through_a_link,
    what_a_source_keeps_behind_a_link_is_not_taken_over,
    a_package_is_removed_at_once_even_if_prune_is_killed,
}

const HOST: &str = "registry.opentofu.org";

fn widget() -> Package {
    Package::fake(&format!("{HOST}/acme/widget"), "1.0.0", "linux_amd64", "")
}

/// Where a link may be put into a mirror, to `outside`.
const PLACES: [&str; 14] = [
    ".airtight",
    ".airtight/hold.lock",
    ".airtight/scratch",
    ".airtight/partial",
    ".airtight/evidence",
    ".airtight/evidence/registry.opentofu.org",
    ".airtight/evidence/registry.opentofu.org/acme/widget",
    ".airtight/evidence/registry.opentofu.org/acme/widget/1.0.0",
    ".airtight/archives",
    ".airtight/archives/registry.opentofu.org/acme/widget",
    ".airtight/seal.json",
    "registry.opentofu.org",
    "registry.opentofu.org/acme",
    "registry.opentofu.org/acme/widget/1.0.0",
];

/// A mirror with a link at a place, and `outside` with what a command could mistake for its own.
fn laid_out(place: &str, is_packed: bool) -> Workspace {
    let (mut tree, widget) = (Tree::default(), widget());
    let is_above_package = widget.unpacked_path().starts_with(place);
    if is_packed && !is_above_package {
        tree.file(format!("mirror/{}", widget.packed_path()), widget.archive());
    } else if !is_above_package {
        for (name, bytes) in &widget.files {
            tree.file(format!("mirror/{}/{name}", widget.unpacked_path()), bytes.clone());
        }
    }
    for below in [
        "",
        "scratch/",
        "partial/",
        "evidence/",
        "archives/",
        &format!("{HOST}/acme/widget/"),
        "acme/widget/",
        "widget/",
    ] {
        tree.file(format!("outside/{below}1.0.0/file"), "keep");
        tree.file(format!("outside/{below}terraform-provider-widget_1.0.0_linux_amd64.zip"), "keep");
        tree.file(format!("outside/{below}SHA256SUMS"), "keep");
    }
    tree.file("outside/seal.json", "keep");
    let target = if place.ends_with("hold.lock") { "outside/new" } else { "outside" };
    tree.link(format!("mirror/{place}"), format!("$ROOT/{target}"));
    let other = Lock { version: "9.0.0".to_owned(), ..lock(&widget) };
    tree.file("keep/.terraform.lock.hcl", text(&[other]));
    tree.file("from/.terraform.lock.hcl", text(&[lock(&widget)]));
    tree.file(format!("source/{}", widget.packed_path()), widget.archive());
    tree.file(
        format!("source/.airtight/evidence/{}/1.0.0/SHA256SUMS", widget.address),
        format!("{}  a.zip\n", "0".repeat(64)),
    );
    Workspace::holding(&tree, false)
}

fn lock(package: &Package) -> Lock {
    Lock {
        address: package.address.clone(),
        version: package.version.clone(),
        constraints: None,
        hashes: vec![package.h1(), package.zh()],
    }
}

fn contents(directory: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(place) = waiting.pop() {
        for entry in place.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.into_path());
            } else {
                drop(found.insert(entry.path().to_owned(), fs::read(entry.path()).unwrap_or_default()));
            }
        }
    }
    found
}

fn no_command_reaches_through_a_link() {
    let commands: [(&str, bool, &[&str]); 6] = [
        ("prune", false, &["prune", "--mirror", "mirror", "--keep-for", "keep"]),
        ("prune", true, &["prune", "--mirror", "mirror", "--keep-for", "keep"]),
        ("seal", false, &["seal", "--mirror", "mirror"]),
        ("unpack", true, &["unpack", "--mirror", "mirror"]),
        (
            "build",
            false,
            &[
                "build",
                "--from",
                "from",
                "--source",
                "source",
                "--platform",
                "linux_amd64",
                "--keep-archives",
                "mirror",
            ],
        ),
        (
            "build",
            true,
            &[
                "build",
                "--from",
                "from",
                "--source",
                "source",
                "--platform",
                "linux_amd64",
                "--layout",
                "packed",
                "mirror",
            ],
        ),
    ];
    let mut refused = Vec::new();
    for place in PLACES {
        for (name, is_packed, arguments) in commands {
            let workspace = laid_out(place, is_packed);
            let before = contents(&workspace.path("outside"));
            let mut all = vec!["mirror"];
            all.extend(arguments);
            let output = Isolated::new(airtight(), workspace.root()).arguments(all).run();
            assert_eq!(contents(&workspace.path("outside")), before, "{name} {place}: {output:?}");
            let said = String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap();
            if output.status.code() == Some(100) && said.contains("is a symbolic link") {
                assert!(said.contains(&format!("mirror/{place}`")), "{name} {place}: {said}");
                refused.push((place, name));
            }
        }
    }
    // Those that every command needs.
    for place in [".airtight", ".airtight/hold.lock"] {
        let count = refused.iter().filter(|(refused, _)| *refused == place).count();
        assert_eq!(count, commands.len(), "{place}: {refused:?}");
    }
    for expected in [
        (".airtight/evidence", "prune"),
        (".airtight/evidence/registry.opentofu.org/acme/widget", "prune"),
        (".airtight/evidence", "seal"),
        (".airtight/evidence", "build"),
        (".airtight/archives", "unpack"),
        (".airtight/archives/registry.opentofu.org/acme/widget", "unpack"),
        ("registry.opentofu.org", "build"),
        ("registry.opentofu.org/acme", "build"),
        ("registry.opentofu.org/acme/widget/1.0.0", "build"),
    ] {
        assert!(refused.contains(&expected), "{expected:?}: {refused:?}");
    }
}

fn what_a_source_keeps_behind_a_link_is_not_taken_over() {
    let widget = widget();
    let mut tree = Tree::default();
    tree.file(format!("source/{}", widget.packed_path()), widget.archive());
    tree.file("secret", "s3cret");
    tree.link(format!("source/.airtight/evidence/{}/1.0.0/SHA256SUMS", widget.address), "$ROOT/secret");
    tree.file("from/.terraform.lock.hcl", text(&[lock(&widget)]));
    let workspace = Workspace::holding(&tree, false);
    let output = Isolated::new(airtight(), workspace.root())
        .arguments(["mirror", "build", "--from", "from", "--source", "source", "--platform", "linux_amd64", "out"])
        .run();
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    assert!(contents(&workspace.path("out")).values().all(|bytes| bytes != b"s3cret"));
}

fn a_package_is_removed_at_once_even_if_prune_is_killed() {
    const FILES: usize = 20_000;
    let widget = widget();
    let mut tree = Tree::default();
    let package = format!("mirror/{}", widget.unpacked_path());
    for (name, bytes) in &widget.files {
        tree.file(format!("{package}/{name}"), bytes.clone());
    }
    tree.file("keep/.terraform.lock.hcl", text(&[Lock { version: "9.0.0".to_owned(), ..lock(&widget) }]));
    let workspace = Workspace::holding(&tree, false);
    for number in 0..FILES {
        std::fs::File::create(workspace.path(&package).join(format!("f{number}"))).unwrap();
    }
    let arguments = ["mirror", "prune", "--mirror", "mirror", "--keep-for", "keep"];
    let mut child = Command::new(airtight())
        .args(arguments)
        .current_dir(workspace.root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Until the removal has begun, wherever it does.
    let scratch = workspace.path("mirror/.airtight/scratch");
    let has_begun = || {
        scratch.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some())
            || std::fs::read_dir(workspace.path(&package)).map_or(0, Iterator::count) <= FILES
    };
    while !has_begun() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    let left = std::fs::read_dir(workspace.path(&package)).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{ended}: part of a package is left where engines look");
    let output = Isolated::new(airtight(), workspace.root()).arguments(arguments).run();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!scratch.exists(), "what the killed command left is still there");
}
