//! `airtight doctor`, as the last step of images that are fit and of others: each with its own `/etc` and `PATH`.

use std::process::Command;

use fs_err as fs;
use serde_json::Value;

use crate::support::isolation::{airtight, has_namespaces, is_root};
use crate::support::package::Package;
use crate::support::runner::ignored;
use crate::support::stack::stdout;
use crate::support::tree::{Content, Entry, Tree, Workspace};

crate::tests! {
    each_fault_of_an_image_is_one_line_and_a_fit_image_has_none,
    an_image_is_sealed_as_its_dockerfile_does_it,
}

fn package() -> Package {
    let platform = if cfg!(target_arch = "aarch64") { "linux_arm64" } else { "linux_amd64" };
    Package::fake("registry.opentofu.org/acme/dog", "1.0.0", platform, "")
}

fn provider() -> String {
    format!("mirror/{}/terraform-provider-dog_v1.0.0", package().unpacked_path())
}

fn program(tree: &mut Tree, path: &str, bytes: impl Into<Vec<u8>>, mode: u32) {
    tree.insert(path, Entry { content: Content::Bytes(bytes.into()), mode: Some(mode), is_roots: true });
}

/// An image that is fit.
fn fit() -> Tree {
    let mut tree = Tree::default();
    tree.file("passwd", "root:x:0:0::/root:/bin/sh\nspacelift:x:1983:1983::$ROOT/home:/bin/sh\n")
        .file("settings.yml", "mirror: $ROOT/mirror\n")
        .directory("home/");
    for name in ["sh", "ps", "git"] {
        program(&mut tree, &format!("bin/{name}"), "#!/bin/sh\n", 0o755);
    }
    // An executable that says it is an engine.
    program(&mut tree, "bin/tofu", "#!/bin/sh\necho OpenTofu v1.12.6\n", 0o755);
    program(&mut tree, &provider(), package().files.into_values().next().unwrap(), 0o755);
    tree
}

/// With airtight as a link to the one under test, or a copy by another process: what is written here may still be open in
/// what another test starts meanwhile, and would not start.
fn laid_out(tree: &Tree, unprivileged: bool) -> Workspace {
    let workspace = Workspace::holding(tree, unprivileged);
    let place = workspace.path("bin/airtight");
    if std::fs::hard_link(airtight(), &place).is_err() {
        assert!(Command::new("cp").args([airtight(), &place]).status().unwrap().success());
    }
    workspace
}

/// What is special about an image, and the one check that says so: name, outcome, a part of the text.
struct Case {
    arrange: fn(&mut Tree),
    name: &'static str,
    outcome: &'static str,
    text: &'static str,
}

/// The list as name, outcome and text, and the exit code.
fn examine(workspace: &Workspace) -> (i32, Vec<[String; 3]>) {
    let root = workspace.root();
    // An `/etc` of the image's own, in a mount namespace of the command's own, without what only this machine holds: the
    // command looks at every file from where a program may start.
    let script = "mkdir etc && cp -r /etc/ssl etc/ && cp passwd etc/ && mkdir etc/airtight && \
                  cp settings.yml etc/airtight/ && mount --bind etc /etc && \
                  for place in /*/ /usr/include/ /usr/local/ /usr/share/ /usr/lib/*-sdk/; do [ -d $place ] || continue; \
                  case $place in /bin/|/dev/|/etc/|/lib*/|/proc/|/sbin/|/sys/|/usr/) ;; \
                  *) case $PWD/ in $place*) ;; *) mount -t tmpfs -o mode=755 none $place || exit 77 ;; esac ;; esac; done; \
                  exec \"$@\"";
    let airtight = root.join("bin/airtight");
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh", "env", "-i"])
        .args([&format!("PATH={root}/bin"), "HOME=/root", airtight.as_str(), "doctor", "--format", "json"])
        .args(["--mirror", root.join("mirror").as_str()])
        .current_dir(root)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat())));
    assert_eq!(report["schema"], "airtight/doctor/1");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let check = |check: &Value| {
        assert_eq!(check["outcome"] == "passed", check["fix"].is_null(), "{check}");
        [text(&check["name"]), text(&check["outcome"]), text(&check["text"])]
    };
    let code = output.status.code().unwrap();
    assert_eq!(report["fit"], code == 0);
    (code, report["checks"].as_array().unwrap().iter().map(check).collect())
}

fn each_fault_of_an_image_is_one_line_and_a_fit_image_has_none() {
    if !is_root() || !has_namespaces() {
        return ignored("an image's /etc can be put in place by root only");
    }
    let workspace = laid_out(&fit(), false);
    let (code, checks) = examine(&workspace);
    assert_eq!(code, 0, "{checks:?}");
    // A test binary is not static, and nothing else is to be said.
    let odd: Vec<_> = checks.iter().filter(|[name, outcome, _]| outcome != "passed" && name != "airtight").collect();
    assert_eq!(odd, [] as [&[String; 3]; 0]);

    let cases = [
        Case {
            arrange: |tree| {
                tree.file("passwd", "root:x:0:0::/root:/bin/sh\n");
            },
            name: "user",
            outcome: "failed",
            text: "no user 1983",
        },
        Case { arrange: |tree| program(tree, "bin/ps", "", 0o644), name: "ps", outcome: "failed", text: "not on PATH" },
        Case {
            arrange: |tree| program(tree, "bin/git", "", 0o644),
            name: "git",
            outcome: "warning",
            text: "not on PATH",
        },
        Case {
            arrange: |tree| program(tree, "bin/tofu", "#!/bin/sh\necho OpenTofu v1.12.6\n", 0o750),
            name: "engine",
            outcome: "failed",
            text: "may not read and execute",
        },
        Case {
            arrange: |tree| program(tree, "bin/tofu", "#!/bin/sh\necho something else\n", 0o755),
            name: "engine",
            outcome: "failed",
            text: "did not name OpenTofu or Terraform",
        },
        Case {
            arrange: |tree| {
                tree.file("settings.yml", "mirrors: x\n");
            },
            name: "settings",
            outcome: "failed",
            text: "did you mean `mirror`",
        },
        Case {
            arrange: |tree| {
                tree.file("home/.tofurc", "");
            },
            name: "cli-config",
            outcome: "warning",
            text: "hides the worker's",
        },
        Case {
            arrange: |tree| program(tree, &provider(), "#!/bin/sh\n", 0o754),
            name: "mirror",
            outcome: "failed",
            text: "user 1983 cannot read or run",
        },
        Case {
            arrange: |tree| program(tree, &provider(), "#!/bin/sh\n", 0o644),
            name: "mirror",
            outcome: "failed",
            text: "without execute permission",
        },
        Case {
            arrange: |tree| program(tree, &provider(), "#!/nowhere/sh\n", 0o755),
            name: "mirror",
            outcome: "failed",
            text: "(`/nowhere/sh`) has an executable whose interpreter is not in this image",
        },
        Case {
            arrange: |tree| program(tree, &provider(), "#!/bin/sh\n", 0o777),
            name: "mirror",
            outcome: "warning",
            text: "user 1983 can replace",
        },
        Case {
            arrange: |tree| {
                tree.file("mirror/registry.opentofu.org/acme/dog/misplaced.txt", "");
            },
            name: "mirror",
            outcome: "warning",
            text: "1 entries that no engine sees",
        },
        Case {
            arrange: |tree| {
                tree.file(
                    "settings.yml",
                    format!("mirror: $ROOT/mirror\nseal: {{digest: 'sha256:{}'}}\n", "0".repeat(64)),
                );
            },
            name: "seal",
            outcome: "failed",
            text: "the mirror has none",
        },
        Case {
            arrange: |tree| {
                tree.file("mirror/.airtight/seal.json", "{}");
            },
            name: "seal",
            outcome: "warning",
            text: "everything is hashed",
        },
    ];
    for case in cases {
        let mut tree = fit();
        (case.arrange)(&mut tree);
        let (code, checks) = examine(&laid_out(&tree, false));
        let odd: Vec<_> =
            checks.iter().filter(|[name, outcome, _]| outcome != "passed" && name != "airtight").collect();
        let [[name, outcome, text]] = odd.as_slice() else { panic!("{}: {odd:?}", case.text) };
        assert_eq!((name.as_str(), outcome.as_str()), (case.name, case.outcome), "{text}");
        assert!(text.contains(case.text), "{text}");
        assert_eq!(code == 0, case.outcome == "warning");
    }
}

/// By the step of the rendered Dockerfile itself.
fn an_image_is_sealed_as_its_dockerfile_does_it() {
    if !is_root() || !has_namespaces() {
        return ignored("an image's /etc can be put in place by root only");
    }
    let workspace = laid_out(&fit(), false);
    let root = workspace.root();
    let render = ["render", "dockerfile", "--engine", "tofu"];
    let rendered = assert_cmd::Command::new(airtight()).args(render).assert().success();
    let rendered = stdout(rendered.get_output());
    let step =
        rendered.lines().find_map(|line| line.strip_prefix("RUN ").filter(|step| step.contains("seal"))).unwrap();
    let step = step
        .replace("/providers", root.join("mirror").as_str())
        .replace("/etc/airtight/settings.yml", root.join("settings.yml").as_str());
    let path = format!("{root}/bin:/usr/bin:/bin");
    let run = |script: &str| Command::new("/bin/sh").args(["-ec", script]).env("PATH", &path).status().unwrap();
    assert!(run(&step).success(), "{step}");
    let seal = |workspace: &Workspace| {
        let (code, checks) = examine(workspace);
        let [_, outcome, text] = checks.into_iter().find(|[name, _, _]| name == "seal").unwrap();
        fs::remove_dir_all(workspace.path("etc")).unwrap();
        (code, outcome, text)
    };
    let (code, outcome, text) = seal(&workspace);
    assert_eq!((code, outcome.as_str()), (0, "passed"), "{text}");
    assert!(text.contains("as it was sealed, sha256:"), "{text}");
    assert!(run(&format!("echo >> {root}/{}", provider())).success());
    let (code, outcome, text) = seal(&workspace);
    assert_eq!((code, outcome.as_str()), (100, "failed"), "{text}");
    assert!(text.contains("the mirror differs from its seal"), "{text}");
}
