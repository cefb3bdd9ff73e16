//! The gate before a phase behind a seal, against the engine alone, and what the kernel's limit (`execute: image`) costs in it:
//! `cargo bench --bench gate`. Needs root, for an `/etc` of its own and the user 1983, and a kernel with Landlock.
//!
//! 1,000 packages are sealed, 50 providers are locked. The engine is a script that does nothing. Each round runs every
//! command once, so that a machine whose speed drifts does not decide. The minimum says most on a busy machine. Nothing here
//! fails: it measures. `AIRTIGHT_UNDER_TEST` names another binary than this build's.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be laid out has nothing to measure")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PROVIDERS: usize = 50;
const VERSIONS: usize = 20;
const ROUNDS: usize = 100;

/// Set inside, to the scene's directory.
const SCENE: &str = "AIRTIGHT_BENCH_SCENE";

fn main() {
    if let Ok(scene) = std::env::var(SCENE) {
        return measure(Path::new(&scene));
    }
    if !rustix::process::geteuid().is_root() {
        println!("only root can measure the gate: it needs an /etc of its own and the user 1983");
        return;
    }
    let scene = tempfile::tempdir().unwrap();
    lay_out(scene.path());
    let inside = "mount --bind \"$0/etc\" /etc && chown -R 1983:1983 \"$0/stack\" \"$0/run\" \"$0/home\" && cd \"$0/stack\" && \
                  exec setpriv --reuid 1983 --regid 1983 --clear-groups env -i PATH=\"$0/bin:/usr/bin:/bin\" HOME=\"$0/home\" \
                  XDG_RUNTIME_DIR=\"$0/run\" AIRTIGHT_BENCH_SCENE=\"$0\" \"$0/bin/bench\"";
    let status = Command::new("unshare").args(["-m", "--", "sh", "-c", inside]).arg(scene.path()).status().unwrap();
    assert!(status.success());
}

fn lay_out(root: &Path) {
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    for directory in ["bin", "etc/airtight", "home", "run", "stack"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let executable = |path: &Path, bytes: &[u8]| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    for provider in 0..PROVIDERS {
        for version in 0..VERSIONS {
            let name = format!("terraform-provider-p{provider:02}_v1.{version}.0");
            let package = root.join(package(&address(provider), version));
            executable(&package.join(&name), name.as_bytes());
            fs::write(package.join("LICENSE.txt"), "x").unwrap();
        }
    }
    executable(&root.join("bin/tofu"), b"#!/bin/sh\n[ \"$1\" = version ] && echo 'OpenTofu v1.12.6'\nexit 0\n");
    executable(&root.join("bin/airtight"), &fs::read(airtight()).unwrap());
    executable(&root.join("bin/bench"), &fs::read(std::env::current_exe().unwrap()).unwrap());
    let mut seal = Command::new(airtight());
    let sealed = seal.args(["mirror", "seal", "--mirror"]).arg(root.join("mirror")).output().unwrap();
    assert!(sealed.status.success(), "{}", String::from_utf8_lossy(&sealed.stderr));
    let digest = String::from_utf8(sealed.stdout).unwrap();
    let settings = format!("mirror: {}\nseal:\n  digest: {digest}", root.join("mirror").display());
    fs::write(root.join("etc/airtight/settings.yml"), settings).unwrap();
    let seal: serde_json::Value =
        serde_json::from_slice(&fs::read(root.join("mirror/.airtight/seal.json")).unwrap()).unwrap();
    let mut lock = String::new();
    for provider in 0..PROVIDERS {
        let (address, version) = (address(provider), VERSIONS - 1);
        let packages = seal["packages"].as_array().unwrap();
        let wanted = format!("1.{version}.0");
        let sealed =
            packages.iter().find(|sealed| sealed["address"] == address && sealed["version"] == wanted).unwrap();
        let h1 = sealed["h1"].as_str().unwrap();
        write!(lock, "provider \"{address}\" {{\n  version = \"{wanted}\"\n  hashes = [\n    \"{h1}\",\n  ]\n}}\n\n")
            .unwrap();
        let installed = root.join(format!("stack/.terraform/providers/{address}/{wanted}"));
        fs::create_dir_all(&installed).unwrap();
        symlink(root.join(package(&address, version)), installed.join(platform())).unwrap();
    }
    fs::write(root.join("stack/.terraform.lock.hcl"), lock).unwrap();
    fs::write(root.join("stack/main.tf"), "").unwrap();
}

/// This build's, or the one that `AIRTIGHT_UNDER_TEST` names.
fn airtight() -> String {
    std::env::var("AIRTIGHT_UNDER_TEST").unwrap_or_else(|_| env!("CARGO_BIN_EXE_airtight").to_owned())
}

fn address(provider: usize) -> String {
    format!("registry.opentofu.org/bench/p{provider:02}")
}

fn package(address: &str, version: usize) -> String {
    format!("mirror/{address}/1.{version}.0/{}", platform())
}

fn platform() -> &'static str {
    if cfg!(target_arch = "aarch64") { "linux_arm64" } else { "linux_amd64" }
}

/// As user 1983, with the scene's settings as the image's.
fn measure(scene: &Path) {
    for execute in ["anything", "image"] {
        fs::write(scene.join("run").join(execute), format!("execute: {execute}\n")).unwrap();
    }
    let gate = |execute: &str| {
        let mut command = Command::new("airtight");
        command.args(["run", "plan", "--lock=true", "--refresh=true", "--out=p"]);
        command.env("AIRTIGHT_SETTINGS", scene.join("run").join(execute));
        command
    };
    let engine = || {
        let mut command = Command::new("tofu");
        command.arg("plan");
        command
    };
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([run(engine()), run(gate("anything")), run(gate("image"))]);
    }
    let of = |index: usize| rounds.iter().map(|round| round[index]).collect::<Vec<_>>();
    println!("{:<52} {:>9} {:>9}", "milliseconds", "minimum", "median");
    row("the engine alone", &of(0));
    row("gate and engine", &of(1));
    row("gate and engine, execute: image", &of(2));
    row("the gate over the engine", &rounds.iter().map(|round| round[1] - round[0]).collect::<Vec<_>>());
    let (without, with) = (minimum(&of(1)), minimum(&of(2)));
    println!("{:<52} {:>9.2}", "execute: image over none, of the minima", with - without);
}

fn run(mut command: Command) -> f64 {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let elapsed = started.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    elapsed.as_secs_f64() * 1000.0
}

fn row(name: &str, values: &[f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    println!("{name:<52} {:>9.2} {:>9.2}", sorted[0], sorted[sorted.len() / 2]);
}

fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
