//! `airtight` alone: what to do next, for what is in the working directory.

use std::fmt::Write as _;

use airtight_finding::shell_word;
use camino::{Utf8Path, Utf8PathBuf};
use clap::CommandFactory as _;

use super::arguments::Arguments;
use super::{ExitCode, output};

/// What a directory is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// The image's settings are here, so this is a runner image.
    Image,
    /// Configuration files: a root module.
    Stack {
        has_lock: bool,
    },
    /// A filesystem mirror, or a directory that holds one.
    Mirror(Utf8PathBuf),
    /// A store of module sources.
    Modules,
    /// Root modules below it, by the first one.
    Repository(Utf8PathBuf),
    Nothing,
}

/// Nothing was checked, so this is no success: usage, as without a command.
pub(super) fn run() -> ExitCode {
    let here = Utf8Path::new(".");
    let image = Utf8Path::new(airtight_gate::settings::IMAGE_PATH);
    output::people(&text(&place(here, image)));
    ExitCode::Usage
}

fn place(here: &Utf8Path, image: &Utf8Path) -> Place {
    if is_root_module(here) {
        return Place::Stack { has_lock: here.join(".terraform.lock.hcl").exists() };
    }
    for name in ["", "providers"] {
        let directory = here.join(name);
        if is_mirror(&directory) {
            return Place::Mirror(if name.is_empty() { ".".into() } else { name.into() });
        }
    }
    if here.join(airtight_provider::modules::MANIFEST).exists() {
        return Place::Modules;
    }
    if let Some(found) = root_module_below(here, 3) {
        return Place::Repository(found.strip_prefix(here).map(Utf8Path::to_owned).unwrap_or(found));
    }
    if image.exists() { Place::Image } else { Place::Nothing }
}

fn text(place: &Place) -> String {
    let mut text = String::new();
    let steps: Vec<(String, &str)> = match place {
        Place::Image => {
            text.push_str("This is a runner image with airtight's settings.\n\n");
            vec![
                ("airtight doctor".into(), "can this image run jobs offline?"),
                ("airtight mirror list --mirror /providers".into(), "the packages in it"),
            ]
        }
        Place::Stack { has_lock } => {
            text.push_str("This directory is a root module.\n\n");
            let mut steps = Vec::new();
            if !has_lock {
                let lock = "tofu providers lock -platform=linux_amd64";
                steps.push((lock.into(), "it has no lock file yet: write one, with network access, and commit it"));
            }
            steps.extend([
                (
                    "airtight check --mirror /providers".into(),
                    "will `init` work offline, and is every provider proven?",
                ),
                ("airtight mirror build --from . providers".into(), "with network access: the mirror that it needs"),
                ("airtight rehearse --mirror providers".into(), "a whole Spacelift run, here, without network"),
            ]);
            steps
        }
        Place::Mirror(path) => {
            let path = shell_word(path.as_str());
            text.push_str("There is a filesystem mirror here.\n\n");
            vec![
                (format!("airtight mirror list --mirror {path}"), "the packages in it"),
                (format!("airtight mirror verify --mirror {path}"), "hash everything and compare it with the evidence"),
                (format!("airtight check --mirror {path} path/to/stack"), "does it hold what a stack needs?"),
                ("airtight render dockerfile > Dockerfile".into(), "the runner image around it"),
            ]
        }
        Place::Modules => {
            text.push_str("There is a store of module sources here.\n\n");
            vec![
                ("airtight modules list --modules .".into(), "the sources in it"),
                ("airtight modules verify --modules .".into(), "hash everything and compare it with the manifest"),
                ("airtight check --modules . path/to/stack".into(), "does it hold what a stack needs?"),
            ]
        }
        Place::Repository(first) => {
            text.push_str("There are root modules below this directory.\n\n");
            vec![
                (format!("airtight check --mirror /providers {}", shell_word(first.as_str())), "check one of them"),
                ("airtight audit --mirror /providers .".into(), "all of them against one image"),
                ("airtight mirror build --from . providers".into(), "with network access: the mirror for all of them"),
            ]
        }
        Place::Nothing => {
            text.push_str(
                "airtight runs OpenTofu and Terraform in air-gapped Spacelift. There is no configuration here.\n\n",
            );
            vec![
                ("cd path/to/stack && airtight".into(), "start from a root module"),
                ("airtight render dockerfile > Dockerfile".into(), "or from the runner image"),
            ]
        }
    };
    let steps: Vec<_> = steps.into_iter().filter(|(step, _)| is_here(step)).collect();
    let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, what) in steps {
        let _ = writeln!(text, "  {command:width$}  {what}");
    }
    text.push_str("\n`airtight --help` lists all commands, `airtight explain` all findings.\n");
    text
}

/// Whether this binary has the command: the gate alone lacks some.
fn is_here(step: &str) -> bool {
    let Some(ours) = step.strip_prefix("airtight ") else { return true };
    let name = ours.split(' ').next().unwrap_or_default();
    Arguments::command().find_subcommand(name).is_some()
}

/// Files that an engine would read as configuration.
fn is_root_module(directory: &Utf8Path) -> bool {
    let ends = [".tf", ".tofu", ".tf.json", ".tofu.json"];
    names(directory).iter().any(|name| ends.iter().any(|end| name.len() > end.len() && name.ends_with(end)))
}

/// `HOST/NAMESPACE/TYPE`, with a dot in the host.
fn is_mirror(directory: &Utf8Path) -> bool {
    let is_host = |name: &String| name.contains('.') && !name.starts_with('.');
    names(directory).iter().filter(|name| is_host(name)).take(20).any(|host| {
        let host = directory.join(host);
        let namespace = names(&host).into_iter().find(|name| host.join(name).is_dir());
        namespace.is_some_and(|name| {
            let namespace = host.join(name);
            names(&namespace).iter().any(|name| namespace.join(name).is_dir())
        })
    })
}

/// The first root module at most so many levels below, by name. Links and hidden directories are passed over.
fn root_module_below(directory: &Utf8Path, levels: usize) -> Option<Utf8PathBuf> {
    let below = names(directory).into_iter().filter(|name| !name.starts_with('.')).take(50);
    below.map(|name| directory.join(name)).filter(|path| path.is_dir() && !path.is_symlink()).find_map(|path| {
        if is_root_module(&path) {
            return Some(path);
        }
        (levels > 1).then(|| root_module_below(&path, levels - 1)).flatten()
    })
}

/// The names in a directory, sorted; none if it cannot be read.
fn names(directory: &Utf8Path) -> Vec<String> {
    let Ok(entries) = directory.read_dir_utf8() else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().take(10_000).map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn at(files: &[&str]) -> Place {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        for file in files {
            fs_err::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs_err::write(root.join(file), "").unwrap();
        }
        place(root, &root.join("etc/settings.yml"))
    }

    #[test]
    fn a_directory_is_recognised() {
        let package = "registry.opentofu.org/hashicorp/null/3.2.1/linux_amd64/x";
        let cases: [(&[&str], Place); 8] = [
            (&[".airtight/modules.json", "git/example.com/a/main.tf"], Place::Modules),
            (&["main.tf"], Place::Stack { has_lock: false }),
            (&["main.tofu.json", ".terraform.lock.hcl"], Place::Stack { has_lock: true }),
            (&[package], Place::Mirror(".".into())),
            (&["providers/registry.opentofu.org/hashicorp/null/x.zip"], Place::Mirror("providers".into())),
            (&["infra/prod/main.tf", ".hidden/main.tf"], Place::Repository("infra/prod".into())),
            (&["etc/settings.yml"], Place::Image),
            (&[".tf", "notes.txt"], Place::Nothing),
        ];
        for (files, expected) in cases {
            assert_eq!(at(files), expected, "{files:?}");
        }
    }

    /// Every command that is shown is one that this very binary understands.
    #[test]
    fn the_steps_can_be_run() {
        let places = [
            Place::Image,
            Place::Stack { has_lock: false },
            Place::Mirror("my providers".into()),
            Place::Modules,
            Place::Repository("infra".into()),
            Place::Nothing,
        ];
        for place in places {
            let text = text(&place);
            let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  airtight ")).collect();
            assert!(!commands.is_empty() && text.lines().all(|line| line.chars().count() <= 120), "{text}");
            for command in commands {
                let command =
                    command.split("  ").next().unwrap().split(" > ").next().unwrap().replace("'my providers'", "x");
                let words = std::iter::once("airtight").chain(command.split(' '));
                assert!(crate::Arguments::try_parse_from(words).is_ok(), "{command}");
            }
        }
    }
}
