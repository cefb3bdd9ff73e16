//! The documentation: what is generated is in step with the binary, commands are run by a test, links lead somewhere.
//!
//! `AIRTIGHT_UPDATE_DOCS=1 cargo test --test it -- docs::` writes the generated pages again.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use airtight_finding::{Code, catalogue};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::bad_input::{Scene, run};

crate::tests! {
    generated_pages_are_in_step_with_the_binary,
    every_page_is_in_the_navigation_and_every_link_leads_somewhere,
    yaml_of_settings_is_accepted,
}

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages of `docs/`, by name.
pub(crate) fn pages() -> Vec<(String, String)> {
    let mut names: Vec<Utf8PathBuf> = root()
        .join("docs")
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension() == Some("md"))
        .collect();
    names.sort();
    names.into_iter().map(|path| (path.file_name().unwrap().to_owned(), fs::read_to_string(&path).unwrap())).collect()
}

pub(crate) const GENERATED: [&str; 3] = ["findings.md", "reference.md", "troubleshooting.md"];

fn generated_pages_are_in_step_with_the_binary() {
    let scene = Scene::new();
    for (name, text) in GENERATED.into_iter().zip([findings(), reference(&scene), troubleshooting()]) {
        let path = root().join("docs").join(name);
        if std::env::var_os("AIRTIGHT_UPDATE_DOCS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "docs/{name} is not what the binary says: run scripts/docs");
    }
}

/// Every page of `airtight explain`.
fn findings() -> String {
    let mut text = "# Every finding\n\nThe pages of `airtight explain`, which also work offline.\n".to_owned();
    for code in Code::ALL {
        for line in code.page().lines() {
            let _ = match line.strip_prefix("## ") {
                Some(heading) => writeln!(text, "**{heading}**"),
                None if line.starts_with("# ") => writeln!(text, "\n#{line}"),
                None => writeln!(text, "{line}"),
            };
        }
    }
    text
}

/// The help of every command.
fn reference(scene: &Scene) -> String {
    let mut text = "# Commands\n\nThe help of every command, as the binary prints it.\n".to_owned();
    let mut left = vec![Vec::<String>::new()];
    while let Some(words) = left.pop() {
        let mut command = scene.airtight([]).arguments(words.iter().map(String::as_str)).arguments(["--help"]);
        command.environment.retain(|name, _| !name.starts_with("AIRTIGHT_"));
        let help = run(&command).stdout;
        let name = [&["airtight".to_owned()], words.as_slice()].concat().join(" ");
        let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end());
        let below = help.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        let names = below.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
        let names = names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help");
        let mut below: Vec<Vec<String>> = names.map(|name| [words.as_slice(), &[name.to_owned()]].concat()).collect();
        below.reverse();
        left.extend(below);
    }
    text
}

/// What engines say, and the page for it.
fn troubleshooting() -> String {
    let mut text =
        "# By the engine's error\n\nSearch this page for a part of the error, or run `airtight explain \"PART OF \
                    THE ERROR\"`. Words in capitals stand for anything.\n"
            .to_owned();
    for code in Code::ALL {
        let says = code.page().split("\n## ").find_map(|section| section.strip_prefix("The engine says\n"));
        let blocks: Vec<&str> = says.unwrap_or_default().split("```").skip(1).step_by(2).collect();
        if !blocks.is_empty() {
            let _ = write!(text, "\n## {}\n", catalogue::sentence(*code));
            for block in blocks {
                let _ = write!(text, "\n```text\n{}\n```\n", block.trim_matches('\n'));
            }
            let _ = write!(text, "\nSee [{code}](findings.md#{code}).\n");
        }
    }
    text
}

fn every_page_is_in_the_navigation_and_every_link_leads_somewhere() {
    let navigation = fs::read_to_string(root().join("mkdocs.yml")).unwrap();
    let mut names = BTreeSet::new();
    for (name, text) in pages() {
        assert!(navigation.contains(&format!(": {name}\n")), "docs/{name} is not in mkdocs.yml");
        names.insert(name.clone());
        let mut documents = vec![(format!("docs/{name}"), text)];
        if name == "index.md" {
            documents.push(("README.md".to_owned(), fs::read_to_string(root().join("README.md")).unwrap()));
        }
        for (path, text) in documents {
            let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for target in targets.filter(|target| !target.contains("://") && !target.contains(' ')) {
                let file = target.split('#').next().unwrap();
                let from = root().join(&path);
                let file = if file.is_empty() { from.clone() } else { from.parent().unwrap().join(file) };
                assert!(file.exists(), "{path}: the link to {target} leads nowhere");
            }
        }
    }
    for line in navigation.lines().filter(|line| line.ends_with(".md")) {
        let name = line.rsplit(' ').next().unwrap();
        assert!(names.contains(name), "mkdocs.yml names {name}, which does not exist");
    }
}

/// Blocks of YAML that are settings are ones that airtight reads.
fn yaml_of_settings_is_accepted() {
    let scene = Scene::new();
    let mut count = 0;
    for (name, text) in pages() {
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            if ["rules:", "policy:", "execute:"].iter().any(|key| block.lines().any(|line| line.starts_with(key))) {
                let settings = scene.write("settings.yml", format!("{block}\n"));
                let arguments = ["check", "--engine", "tofu", "--engine-version", "1.12.6", "--settings"];
                let done = run(&scene.airtight(arguments).arguments([settings.as_str()]));
                assert!(matches!(done.code, Some(0 | 100)), "docs/{name}: {block}: {done:?}");
                count += 1;
            }
        }
    }
    assert!(count >= 2);
}
