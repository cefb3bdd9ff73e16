//! `airtight audit` of a thousand repositories against a thousand packages: `cargo bench --bench audit`.
//!
//! With `--generate DIR` after `--` it leaves the repositories, the mirror and two seals there, and measures nothing: the same
//! directories are good for looking at reports.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be laid out has nothing to measure")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use airtight_provider::seal::{self, SealedExecutable, SealedFile, SealedPackage};

const RUNS: usize = 7;
const REPOSITORIES: usize = 1000;
const PROVIDERS: usize = 100;
const VERSIONS: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--generate") {
        let root = PathBuf::from(&arguments[at + 1]);
        Fleet { root: &root, repositories: REPOSITORIES }.lay_out();
        println!("{}", root.display());
        return;
    }
    let root = tempfile::tempdir().unwrap();
    println!("{:<58} {:>10} {:>10}", "", "time", "memory");
    for repositories in [REPOSITORIES / 10, REPOSITORIES] {
        let directory = root.path().join(repositories.to_string());
        let fleet = Fleet { root: &directory, repositories };
        fleet.lay_out();
        fleet.measure("a seal alone", &["--seal", "seal.json"]);
        fleet.measure("a sealed mirror on the disk", &["--mirror", "mirror"]);
        fleet.measure(
            "a seal, with a baseline and a page",
            &["--seal", "seal.json", "--baseline", "old.json", "--html", "w.html"],
        );
    }
}

struct Fleet<'a> {
    root: &'a Path,
    repositories: usize,
}

impl Fleet<'_> {
    fn lay_out(&self) {
        let mut packages = Vec::new();
        for provider in 0..PROVIDERS {
            for version in 0..VERSIONS {
                let package = package(provider, version);
                for file in &package.files {
                    write(&self.root.join("mirror").join(&file.path), "#!/bin/sh\n");
                }
                packages.push(package);
            }
        }
        packages.sort_by(|left, right| left.path.cmp(&right.path));
        let sealed = seal::print(&packages, None).unwrap();
        write(&self.root.join("mirror/.airtight/seal.json"), &sealed);
        write(&self.root.join("seal.json"), &sealed);
        // Last month's image had one version less of some, and one more of others.
        packages.retain(|package| package.version != "1.9.0" && !package.address.ends_with("provider-7"));
        packages.push(package(3, VERSIONS));
        packages.sort_by(|left, right| left.path.cmp(&right.path));
        write(&self.root.join("old.json"), &seal::print(&packages, None).unwrap());
        for repository in 0..self.repositories {
            self.repository(repository);
        }
    }

    fn repository(&self, number: usize) {
        let root = self.root.join(format!("repositories/team-{:02}/service-{number:04}", number % 37));
        write(&root.join(".git/HEAD"), "ref: refs/heads/main\n");
        write(&root.join("modules/network/main.tf"), &module(number));
        write(&root.join("examples/simple/main.tf"), "module \"x\" {\n  source = \"../..\"\n}\n");
        for (stack, name) in ["prod", "stage"].iter().take(1 + number % 2).enumerate() {
            let directory = root.join(format!("stacks/{name}"));
            // Both call the module, which needs the first.
            let mut chosen = vec![choose(number, 0, 0)];
            chosen.extend((1..8).map(|index| choose(number, stack, index)));
            chosen.sort_unstable();
            chosen.dedup_by_key(|(provider, _)| *provider);
            write(&directory.join("main.tf"), &configuration(&chosen));
            // Some have no lock file.
            if number % 50 != 49 {
                write(&directory.join(".terraform.lock.hcl"), &lock(&chosen));
            }
        }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root).arg("audit").args(arguments).args([
            "--engine",
            "tofu",
            "--engine-version",
            "1.12.6",
            "--platform",
            "linux_amd64",
            "--format",
            "json",
            "repositories",
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn measure(&self, name: &str, arguments: &[&str]) {
        let airtight = env!("CARGO_BIN_EXE_airtight");
        let mut times: Vec<Duration> = (0..RUNS)
            .map(|_| {
                let started = Instant::now();
                let status = self.command(airtight, arguments).status().unwrap();
                assert!(matches!(status.code(), Some(0 | 100)), "{status}");
                started.elapsed()
            })
            .collect();
        times.sort();
        let time = times[RUNS / 2];
        println!(
            "{:<58} {:>7} ms {:>6} MiB",
            format!("{} repositories against {name}", self.repositories),
            time.as_millis(),
            self.peak(airtight, arguments).map_or("?".to_owned(), |kilobytes| (kilobytes / 1024).to_string())
        );
    }

    /// The peak of resident memory, as `time` of GNU tells it.
    fn peak(&self, airtight: &str, arguments: &[&str]) -> Option<u64> {
        let inner = self.command(airtight, arguments);
        let mut timed = Command::new("/usr/bin/time");
        timed.current_dir(self.root).args(["-f", "%M"]).arg(airtight).args(inner.get_args()).stdout(Stdio::null());
        let output = timed.output().ok()?;
        String::from_utf8_lossy(&output.stderr).lines().last()?.parse().ok()
    }
}

fn address(provider: usize) -> String {
    let namespace = ["hashicorp", "acme", "platform", "integrations"][provider % 4];
    format!("registry.opentofu.org/{namespace}/provider-{provider}")
}

fn h1(provider: usize, version: usize) -> String {
    let mut text = format!("{provider:02}{version:02}");
    while text.len() < 43 {
        text.push('A');
    }
    format!("h1:{text}=")
}

/// A deterministic mix: most stacks want a late version, some an early one, and a few one that the image lacks.
fn choose(number: usize, stack: usize, index: usize) -> (usize, usize) {
    let mixed = (number * 31 + stack * 17 + index * 7919) % 9973;
    let provider = (mixed * mixed) % PROVIDERS;
    let version = match mixed % 97 {
        0 => VERSIONS + 2,
        rest => (rest + mixed / 97) % VERSIONS,
    };
    (provider, version)
}

fn package(provider: usize, version: usize) -> SealedPackage {
    let address = address(provider);
    let path = format!("{address}/1.{version}.0/linux_amd64");
    let name = format!("terraform-provider-provider-{provider}_v1.{version}.0");
    let file = |name: &str| SealedFile { mode: "0644".to_owned(), path: format!("{path}/{name}"), size: 10 };
    SealedPackage {
        evidence: Vec::new(),
        executable: Some(SealedExecutable {
            class_bits: Some(64),
            interpreter: None,
            machine: Some(62),
            name: name.clone(),
        }),
        extracted: Some(h1(provider, version)),
        files: vec![file("LICENSE"), file(&name)],
        h1: h1(provider, version),
        layout: "unpacked".to_owned(),
        platform: "linux_amd64".to_owned(),
        version: format!("1.{version}.0"),
        zh: None,
        path,
        address,
    }
}

fn source(provider: usize) -> String {
    address(provider).trim_start_matches("registry.opentofu.org/").to_owned()
}

fn configuration(chosen: &[(usize, usize)]) -> String {
    let mut text = String::from("terraform {\n  required_providers {\n");
    for (provider, version) in chosen {
        let constraint = if version % 3 == 0 { "~> 1.0".to_owned() } else { format!(">= 1.{version}.0") };
        let _ = writeln!(
            text,
            "    provider-{provider} = {{\n      source  = \"{}\"\n      version = \"{constraint}\"\n    }}",
            source(*provider)
        );
    }
    text.push_str("  }\n}\n\nmodule \"network\" {\n  source = \"../../modules/network\"\n}\n");
    for (provider, _) in chosen {
        let _ = writeln!(
            text,
            "\nresource \"provider-{provider}_thing\" \"x\" {{\n  name = \"service ${{var.name}}\"\n  tags = {{\n    team = \"a\"\n  }}\n}}"
        );
    }
    text + "\nvariable \"name\" {\n  type    = string\n  default = \"x\"\n}\n"
}

fn module(number: usize) -> String {
    let provider = choose(number, 0, 0).0;
    format!(
        "terraform {{\n  required_providers {{\n    it = {{\n      source = \"{}\"\n    }}\n  }}\n}}\n\nresource \"it_subnet\" \"x\" {{\n  count = 3\n}}\n",
        source(provider)
    )
}

fn lock(chosen: &[(usize, usize)]) -> String {
    let mut text = String::from("# This file is maintained automatically by \"tofu init\".\n");
    for (provider, version) in chosen {
        let _ = write!(
            text,
            "\nprovider \"{}\" {{\n  version = \"1.{version}.0\"\n  hashes = [\n    \"{}\",\n  ]\n}}\n",
            address(*provider),
            h1(*provider, *version)
        );
    }
    text
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
