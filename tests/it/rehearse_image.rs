//! A rehearsal in a runner image: a root of its own with the user 1983, `/providers` and settings of root's, entered as a
//! container is, with namespaces permitted and without.

use std::process::{Command, Stdio};

use airtight_provider::Layout;
use camino::Utf8Path;
use fs_err as fs;
use serde_json::Value;

use crate::support::engines::Engine;
use crate::support::isolation::{UNPRIVILEGED_USER, airtight, is_root};
use crate::support::lock_file;
use crate::support::real_package::real_packages;
use crate::support::runner::ignored;
use crate::support::stack::{CONFIGURATION, any_real_engine};
use crate::support::tree::Workspace;

crate::tests! {
    a_run_is_rehearsed_inside_its_image,
    an_execution_that_the_image_would_deny_is_named,
}

/// A root file system; programs are this machine's own, by `/usr`.
fn image(engine: &Engine) -> Workspace {
    let image = Workspace::new();
    let path = |path: &str| image.path(path);
    for directory in [
        "dev",
        "etc/airtight",
        "home/spacelift",
        "mnt",
        "opt/runner",
        "proc",
        "providers",
        "repository",
        "run",
        "tmp",
        "usr",
        "var/tmp",
    ] {
        fs::create_dir_all(path(directory)).unwrap();
    }
    for directory in ["tmp", "var/tmp"] {
        fs::set_permissions(path(directory), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    }
    for name in ["bin", "lib", "lib64", "sbin"] {
        fs::os::unix::fs::symlink(format!("usr/{name}"), path(name)).unwrap();
    }
    let link = |from: &Utf8Path, to: &str| {
        if std::fs::hard_link(from, path(to)).is_err() {
            fs::copy(from, path(to)).unwrap();
        }
    };
    link(airtight(), "opt/runner/airtight");
    link(&engine.path, &format!("opt/runner/{}", engine.name));
    let user = UNPRIVILEGED_USER;
    fs::write(
        path("etc/passwd"),
        format!("root:x:0:0::/root:/bin/sh\nspacelift:x:{user}:{user}::/home/spacelift:/bin/sh\n"),
    )
    .unwrap();
    fs::write(path("etc/airtight/settings.yml"), "mirror: [/providers]\n").unwrap();
    fs::write(path("etc/resolv.conf"), "nameserver 127.0.0.53\nsearch example.com\noptions ndots:5\n").unwrap();
    for package in real_packages() {
        package.write_to(&path("providers"), engine, Layout::Unpacked);
    }
    fs::write(path("repository/main.tf"), CONFIGURATION).unwrap();
    let locks: Vec<_> = real_packages().iter().map(|package| package.lock(engine)).collect();
    fs::write(path("repository/.terraform.lock.hcl"), lock_file::text(&locks)).unwrap();
    std::os::unix::fs::lchown(path("home/spacelift"), Some(user), Some(user)).unwrap();
    image
}

/// Enters the image without a network, as a container's runtime does, or by `chroot`, where no namespaces can be made.
fn rehearse(image: &Workspace, enter: &str, user: u32, options: &str) -> (Option<i32>, Value, String) {
    let script = format!(
        "set -e; mount --make-rprivate /; R={root}; mount --bind $R $R; mount --rbind /usr $R/usr; mount -t proc proc $R/proc; \
         mount --rbind /dev $R/dev; ip link set lo up; cd $R; {enter} \
         setpriv --reuid {user} --regid {user} --clear-groups env -i PATH=/opt/runner:/usr/bin:/usr/sbin CHECKPOINT_DISABLE=1 \
         airtight rehearse --format json {options}",
        root = image.root()
    );
    let output = Command::new("unshare")
        .args(["-m", "-n", "-p", "-f", "--", "sh", "-c", &script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|parse| panic!("{parse}: {error}"));
    (output.status.code(), report, error)
}

/// With a part of `/proc` covered, as container runtimes do, so that no new one may be mounted.
const CONTAINER: &str =
    "mkdir -p old; pivot_root . old; umount -l /old; cd /; mount --bind /dev/null /proc/cpuinfo; exec";
const NO_NAMESPACES: &str = "exec chroot .";

fn a_run_is_rehearsed_inside_its_image() {
    if !is_root() {
        return ignored("only root can enter a root file system as a container's runtime does");
    }
    if !cfg!(target_feature = "crt-static") {
        return ignored("this build is not static");
    }
    let Some(engine) = any_real_engine() else { return };
    let image = image(engine);
    let workflow = assert_cmd::Command::new(airtight()).args(["render", "workflow"]).assert().success();
    fs::write(image.path("opt/workflow.yml"), &workflow.get_output().stdout).unwrap();
    for (enter, kind) in [(CONTAINER, "namespaces"), (NO_NAMESPACES, "surroundings")] {
        for user in [0, UNPRIVILEGED_USER] {
            let what = format!("{kind} {user}");
            let options = "--pause --workflow /opt/workflow.yml /repository";
            let (code, report, error) = rehearse(&image, enter, user, options);
            assert_eq!((code, report["verdict"].as_str()), (Some(0), Some("cleared")), "{what}: {report}\n{error}");
            assert_eq!(report["isolation"]["kind"], kind, "{what}: {report}");
            assert_eq!(report["isolation"]["witnessed"], kind == "namespaces");
            assert_eq!(report["phases"].as_array().unwrap().len(), 8, "{what}");
            assert_eq!(report["phases"][0]["findings"].as_array().unwrap().len(), 0, "{what}: {report}");
            // The image stays as it is.
            assert!(!image.path("repository/.terraform").exists(), "{what}");
            assert_eq!(fs::read_dir(image.path("home/spacelift")).unwrap().count(), 0, "{what}");
            // The settings are the image's, also where a lone user's namespace does not have their owner.
            assert!(!error.contains("setting-refused"), "{what}: {error}");
        }
    }
    // Without its providers: the witness sees whom it asks for; where nothing can be witnessed, no host is guessed.
    fs::remove_dir_all(image.path("providers")).unwrap();
    fs::create_dir(image.path("providers")).unwrap();
    for enter in [CONTAINER, NO_NAMESPACES] {
        let (code, report, error) = rehearse(&image, enter, 0, "/repository");
        assert_eq!((code, report["verdict"].as_str()), (Some(100), Some("refused")), "{report}\n{error}");
        let notes = report["notes"].as_array().unwrap();
        let has_note = notes.iter().any(|note| note.as_str().unwrap().contains("/proc"));
        assert_eq!(has_note, enter == CONTAINER, "{report}");
        if enter == NO_NAMESPACES {
            assert_eq!(report["hosts"].as_array().unwrap().len(), 0, "{report}\n{error}");
            assert_eq!(report["phases"][1]["findings"][0]["code"], "phase-failed", "{report}\n{error}");
            continue;
        }
        let host = &report["hosts"][0];
        let asked = (host["host"].as_str(), host["port"].as_u64(), host["protocol"].as_str(), host["process"].as_str());
        let expected = (Some(engine.default_host()), Some(443), Some("tcp"), Some(engine.name));
        assert_eq!(asked, expected, "{report}\n{error}");
    }
}

/// `execute: image`: which file, in which phase, and which program wanted it.
fn an_execution_that_the_image_would_deny_is_named() {
    if !is_root() || airtight_gate::exec::guard::check_kernel().is_err() {
        return ignored("only root can enter a root file system, or the kernel has no Landlock");
    }
    if !cfg!(target_feature = "crt-static") {
        return ignored("this build is not static");
    }
    let Some(engine) = any_real_engine() else { return };
    for (command, denied) in [("./tool.sh", true), ("sh tool.sh", false)] {
        let image = image(engine);
        fs::write(image.path("etc/airtight/settings.yml"), "mirror: [/providers]\nexecute: image\n").unwrap();
        let workflow = assert_cmd::Command::new(airtight()).args(["render", "workflow"]).assert().success();
        fs::write(image.path("opt/workflow.yml"), &workflow.get_output().stdout).unwrap();
        let tool = "resource \"terraform_data\" \"tool\" {\n  provisioner \"local-exec\" {\n    command = \"COMMAND\"\n  }\n}\n";
        let configuration = format!("{CONFIGURATION}{}", tool.replace("COMMAND", command));
        fs::write(image.path("repository/main.tf"), configuration).unwrap();
        fs::write(image.path("repository/tool.sh"), "#!/bin/sh\ntrue\n").unwrap();
        fs::set_permissions(image.path("repository/tool.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let (code, report, error) = rehearse(&image, CONTAINER, 0, "--workflow /opt/workflow.yml /repository");
        assert_eq!(code, Some(if denied { 100 } else { 0 }), "{report}\n{error}");
        let phases = report["phases"].as_array().unwrap().iter();
        let named = phases.filter(|phase| phase.to_string().contains("`sh` was not allowed to start `./tool.sh`"));
        let in_phases: Vec<_> = named.map(|phase| phase["name"].as_str().unwrap()).collect();
        assert_eq!(in_phases, if denied { vec!["apply"] } else { vec![] }, "{report}");
    }
}
