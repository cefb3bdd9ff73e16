//! The house: the maps are whole, no file is too long to read, and nothing is public that nobody uses. Cargo itself keeps the
//! arrow between the crates.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

crate::tests! {
    each_map_shows_every_module,
    no_file_is_too_long_to_read,
    a_public_item_is_used_by_another_crate,
}

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LINES: usize = 460;

/// From the lowest to the highest, as CONTRIBUTING.md lists them.
const CRATES: [&str; 8] = ["hcl", "provider", "finding", "engine", "gate", "spacelift", "audit", "supply"];

/// Every Rust file below some directories, its path from the root on.
fn files(directories: &[String]) -> Vec<(Utf8PathBuf, String)> {
    let mut files = Vec::new();
    let mut waiting: Vec<_> = directories.iter().map(|directory| Utf8Path::new(ROOT).join(directory)).collect();
    while let Some(place) = waiting.pop() {
        if place.is_dir() {
            waiting.extend(place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
        } else if place.extension() == Some("rs") {
            let text = fs::read_to_string(&place).unwrap();
            files.push((place.strip_prefix(ROOT).unwrap().to_owned(), text));
        }
    }
    files.sort();
    files
}

fn sources() -> Vec<String> {
    CRATES.iter().map(|name| format!("crates/{name}/src")).chain(["src".to_owned()]).collect()
}

/// What a file holds before its tests.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap()
}

fn each_map_shows_every_module() {
    let mut missing = Vec::new();
    for name in CRATES {
        let path = Utf8Path::new(ROOT).join(format!("crates/{name}/src/lib.rs"));
        let text = fs::read_to_string(&path).unwrap();
        let map: String = text.lines().filter(|line| line.starts_with("//!")).collect();
        for module in text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
            if !map.contains(&format!("[`{module}`]")) {
                missing.push(format!("crates/{name}/src/lib.rs: its map does not show `{module}`"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn no_file_is_too_long_to_read() {
    let long: Vec<_> = (files(&sources()).iter())
        .filter(|(path, _)| !path.as_str().ends_with("tests.rs"))
        // Tests at a file's end are read on their own.
        .map(|(path, text)| (code(text).lines().count(), path.clone()))
        .filter(|(lines, _)| *lines > LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// The compiler sees what nobody uses only within a crate.
fn a_public_item_is_used_by_another_crate() {
    let users = ["benches", "fuzz/fuzz_targets", "fuzz/src", "fuzz/examples", "tests/it"];
    let others: Vec<String> = sources().into_iter().chain(users.map(str::to_owned)).collect();
    let words: BTreeMap<Utf8PathBuf, BTreeSet<String>> =
        files(&others).into_iter().map(|(path, text)| (path, words(&text))).collect();
    let mut unused = Vec::new();
    for name in CRATES {
        let own = format!("crates/{name}/src");
        for (path, text) in files(std::slice::from_ref(&own)) {
            for item in code(&text).lines().filter_map(public_item) {
                let is_used = words.iter().any(|(other, words)| !other.starts_with(&own) && words.contains(item));
                // A type may be named only by the public items of its own crate that hold it.
                let is_held = words.iter().any(|(other, words)| {
                    other.starts_with(&own)
                        && *other != path
                        && words.contains(item)
                        && item.starts_with(char::is_uppercase)
                });
                let is_held_here = item.starts_with(char::is_uppercase) && text.matches(item).count() > 1;
                if !is_used && !is_held && !is_held_here {
                    unused.push(format!("{path}: `{item}` is public and no other crate uses it"));
                }
            }
        }
    }
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

/// The name that a line makes public.
fn public_item(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub ")?;
    let rest = ["async ", "const "].iter().fold(rest, |rest, word| {
        if rest.starts_with("const fn") || *word == "async " { rest.strip_prefix(word).unwrap_or(rest) } else { rest }
    });
    let kinds = ["fn ", "struct ", "enum ", "const ", "type ", "trait ", "static "];
    let name = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    // In a macro it is a variable.
    name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().filter(|name| !name.is_empty())
}

fn words(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.split(|letter| !is_part(letter)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
