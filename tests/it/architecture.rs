//! The house: one arrow between its rooms, and no file too long to read.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

crate::tests! {
    a_room_uses_only_rooms_below_it,
    the_map_shows_every_room,
    every_way_to_name_a_room_is_seen,
    no_file_is_too_long_to_read,
}

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
const LINES: usize = 460;

/// Lowest first, as the map in `src/lib.rs` has them.
fn rooms() -> Vec<String> {
    let map = fs::read_to_string(Utf8Path::new(SOURCE).join("lib.rs")).unwrap();
    let names = map.lines().filter_map(|line| line.strip_prefix("//! - [`")?.split_once("`]"));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// Every source file, its path from `src` on.
fn files() -> Vec<(Utf8PathBuf, String)> {
    let mut files = Vec::new();
    let mut waiting = vec![Utf8PathBuf::from(SOURCE)];
    while let Some(place) = waiting.pop() {
        if place.is_dir() {
            waiting.extend(place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
        } else if place.extension() == Some("rs") {
            let text = fs::read_to_string(&place).unwrap();
            files.push((place.strip_prefix(SOURCE).unwrap().to_owned(), text));
        }
    }
    files.sort();
    files
}

/// The rooms that a text names: by `crate::ROOM`, in the braces of `crate::{...}`, or by `super::` beyond its own room.
fn named_rooms(path: &Utf8Path, text: &str) -> BTreeSet<String> {
    // Words of comments are not code, and spaces do not matter.
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join(" ");
    let code = code.split_whitespace().collect::<Vec<_>>().join("");
    let mut named = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        named.extend(names_at(&code[start + "crate::".len()..]));
    }
    // How many `super::` lead to the crate; inside `mod tests` one more, which then leads there just as well.
    let depth = path.components().count() - usize::from(path.file_name() == Some("mod.rs"));
    for depth in [depth, depth + 1] {
        let up = "super::".repeat(depth);
        for (start, _) in code.match_indices(&up) {
            if !code[..start].ends_with("super::") {
                named.extend(names_at(&code[start + up.len()..]));
            }
        }
    }
    named.remove("super");
    named
}

/// The first segments of a path, or of every path in braces.
fn names_at(code: &str) -> Vec<String> {
    let segment = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let Some(group) = code.strip_prefix('{') else { return vec![segment(code)] };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(segment(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(segment(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn a_room_uses_only_rooms_below_it() {
    let rooms = rooms();
    let rank = |name: &str| rooms.iter().position(|room| room == name);
    let mut wrong = Vec::new();
    for (path, text) in files() {
        let room = path.components().next().unwrap().as_str().trim_end_matches(".rs").to_owned();
        // The crate's root and `main` are above every room.
        let Some(own) = rank(&room) else { continue };
        for other in named_rooms(&path, &text) {
            if rank(&other).is_some_and(|other| other > own) {
                wrong.push(format!("src/{path}: `{room}` uses `{other}`, which stands above it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn the_map_shows_every_room() {
    let mut shown = rooms();
    let mut there: Vec<String> = files()
        .iter()
        .filter(|(path, _)| path.components().count() > 1)
        .map(|(path, _)| path.components().next().unwrap().as_str().to_owned())
        .collect();
    there.dedup();
    shown.sort();
    assert_eq!(shown, there);
}

fn every_way_to_name_a_room_is_seen() {
    let named = |path: &str, text: &str| named_rooms(path.into(), text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(named("domain/hash.rs", "use crate::cli::x;\nlet a = crate :: gate::b();"), "cli gate");
    assert_eq!(
        named("domain/hash.rs", "use crate::{\n    cli::{self, run},\n    gate,\n    read::x as y,\n};"),
        "cli gate read"
    );
    assert_eq!(named("domain/hash.rs", "// crate::cli\n//! [`crate::gate`]"), "");
    assert_eq!(named("domain/hash.rs", "use super::super::cli::x;"), "cli");
    assert_eq!(named("domain/mod.rs", "use super::cli;"), "cli");
    assert_eq!(named("domain/hash.rs", "mod tests { use super::super::super::cli; }"), "cli");
    assert_eq!(named("domain/hash.rs", "fn x() -> airtight::cli::Y {}"), "");
}

fn no_file_is_too_long_to_read() {
    let long: Vec<_> = (files().iter())
        .filter(|(path, _)| !path.as_str().ends_with("tests.rs"))
        // Tests at a file's end are read on their own.
        .map(|(path, text)| (text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().lines().count(), path.clone()))
        .filter(|(lines, _)| *lines > LINES)
        .map(|(lines, path)| format!("src/{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {LINES}:\n{}", long.join("\n"));
}
