//! Adding hashes to a lock file's text, with every other byte as it is: comments, order, indentation, line endings.

use std::collections::BTreeMap;

use hcl::edit::Span as _;
use hcl::edit::expr::{Array, Expression};
use hcl::edit::structure::Block;

use airtight_hcl::NativeFile;
use airtight_provider::{Hash, ProviderAddress};

/// Hashes to add, by provider.
pub(super) type Additions = BTreeMap<ProviderAddress, Vec<Hash>>;

/// A text to insert at a byte offset.
type Insertion = (usize, String);

/// The text with the hashes, each where the engines would sort it.
///
/// # Errors
/// Says which entry is written in a way that hashes cannot be added to without rewriting it.
pub(super) fn with_hashes(text: &str, additions: &Additions) -> Result<String, String> {
    let file = NativeFile::parse(text.as_bytes());
    let body = file.hcl_body();
    let body = body.as_ref().ok_or_else(|| "the lock file cannot be read".to_owned())?;
    let mut insertions = Vec::new();
    for (address, hashes) in additions.iter().filter(|(_, hashes)| !hashes.is_empty()) {
        let name = address.to_string();
        let block = body
            .blocks()
            .find(|block| {
                block.has_ident("provider") && block.labels.first().is_some_and(|label| label.as_str() == name)
            })
            .ok_or_else(|| format!("the lock file has no entry for {name}"))?;
        let mut hashes: Vec<&str> = hashes.iter().map(Hash::as_str).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let added = match block.body.get_attribute("hashes").map(|attribute| &attribute.value) {
            Some(Expression::Array(array)) => into_list(text, array, &hashes),
            Some(_) => None,
            None => new_list(text, block, &hashes),
        };
        insertions.extend(added.ok_or_else(|| {
            format!("the entry for {name} is written in an unusual way; let the engine's `init` rewrite it first")
        })?);
    }
    // Stable: of several at one place the first stays first.
    insertions.sort_by_key(|(offset, _)| *offset);
    let mut edited = String::with_capacity(text.len() + insertions.len() * 80);
    let mut done = 0;
    for (offset, insertion) in insertions {
        edited.push_str(&text[done..offset]);
        edited.push_str(&insertion);
        done = offset;
    }
    edited.push_str(&text[done..]);
    Ok(edited)
}

/// Each new hash before the first element that sorts behind it.
fn into_list(text: &str, array: &Array, hashes: &[&str]) -> Option<Vec<Insertion>> {
    let mut elements = Vec::with_capacity(array.len());
    for element in array {
        let Expression::String(value) = element else { return None };
        elements.push((value.value().as_str(), element.span()?));
    }
    let (_, last) = elements.last()?;
    let (_, first) = elements.first()?;
    let mut insertions = Vec::new();
    let mut behind_all = Vec::new();
    for hash in hashes {
        let Some(place) = elements.iter().position(|(element, _)| element > hash) else {
            behind_all.push(*hash);
            continue;
        };
        let at = elements[place].1.start;
        // Comment lines belong to the element below them.
        let earliest = if place == 0 { array.span()?.start + 1 } else { elements[place - 1].1.end };
        insertions.push(match own_line(text, at) {
            Some(line) => {
                let start = above_comments(text, line, earliest);
                (start, format!("{}\"{hash}\",{}", &text[line..at], line_break(text, at)))
            }
            None => (at, format!("\"{hash}\", ")),
        });
    }
    if behind_all.is_empty() {
        return Some(insertions);
    }
    let rest = &text[last.end..array.span()?.end];
    let comma = rest.find(|character: char| !character.is_whitespace()).filter(|at| rest[*at..].starts_with(','));
    let mut at = comma.map_or(last.end, |comma| last.end + comma + 1);
    if comma.is_none() {
        insertions.push((last.end, ",".to_owned()));
    }
    let indent = own_line(text, first.start).map(|line| &text[line..first.start]);
    let line_end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let behind = text[at..line_end].trim();
    if indent.is_some() && (behind.is_empty() || behind.starts_with('#') || behind.starts_with("//")) {
        // A comment behind the last element stays behind it.
        at = if text[..line_end].ends_with('\r') { line_end - 1 } else { line_end };
    }
    let quoted: Vec<String> = behind_all
        .iter()
        .map(|hash| match indent {
            Some(indent) => format!("{}{indent}\"{hash}\"", line_break(text, last.end)),
            None => format!(" \"{hash}\""),
        })
        .collect();
    insertions.push((at, quoted.join(",") + if comma.is_some() { "," } else { "" }));
    Some(insertions)
}

/// A list where the entry has none: before the line of the closing brace.
fn new_list(text: &str, block: &Block, hashes: &[&str]) -> Option<Vec<Insertion>> {
    let end = block.span()?.end;
    let brace = text[..end].rfind('}')?;
    let line = own_line(text, brace)?;
    let version = block.body.get_attribute("version")?;
    let at = version.key.span()?.start;
    let indent = &text[own_line(text, at)?..at];
    let line_break = line_break(text, at);
    let mut list = format!("{indent}hashes = [{line_break}");
    for hash in hashes {
        list.push_str(&format!("{indent}  \"{hash}\",{line_break}"));
    }
    list.push_str(&format!("{indent}]{line_break}"));
    Some(vec![(line, list)])
}

/// Where the line starts, if only blanks are before the offset.
fn own_line(text: &str, offset: usize) -> Option<usize> {
    let line = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..offset].bytes().all(|byte| matches!(byte, b' ' | b'\t')).then_some(line)
}

/// The start of the comment lines right above a line, not before `earliest`.
fn above_comments(text: &str, mut line: usize, earliest: usize) -> usize {
    while let Some(above) = text[..line].strip_suffix('\n') {
        let start = above.rfind('\n').map_or(0, |newline| newline + 1);
        let is_comment = ["#", "//"].iter().any(|mark| above[start..].trim_start().starts_with(mark));
        if start < earliest || !is_comment {
            break;
        }
        line = start;
    }
    line
}

/// How the line ends that holds the offset.
fn line_break(text: &str, offset: usize) -> &'static str {
    let newline = text[offset..].find('\n').map(|newline| offset + newline);
    if newline.is_some_and(|newline| text[..newline].ends_with('\r')) { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use fs_err as fs;
    use proptest::prelude::*;

    use super::*;
    use airtight_hcl::Sources;
    use airtight_provider::EngineName;
    use airtight_provider::lock_file;

    const ADDRESS: &str = "registry.opentofu.org/hashicorp/null";

    fn additions(hashes: &[&str]) -> Additions {
        Additions::from([(ADDRESS.parse().unwrap(), hashes.iter().map(|hash| hash.parse().unwrap()).collect())])
    }

    fn entry(body: &str) -> String {
        format!("# kept\nprovider \"{ADDRESS}\" {{\n{body}}}\n\n# the end")
    }

    #[test]
    fn a_hash_goes_where_it_sorts_and_nothing_else_changes() {
        for (before, hashes, after) in [
            (
                "  version = \"3.2.1\"\n  hashes = [\n    \"h1:b\", # b\n    \"zh:a\",\n  ]\n",
                &["h1:a", "h1:c"][..],
                "  version = \"3.2.1\"\n  hashes = [\n    \"h1:a\",\n    \"h1:b\", # b\n    \"h1:c\",\n    \"zh:a\",\n  ]\n",
            ),
            (
                "  version = \"3.2.1\"\n  hashes = [ # ours\n\t# of the release\n\t\"zh:a\"\n\t]\n",
                &["h1:a"],
                "  version = \"3.2.1\"\n  hashes = [ # ours\n\t\"h1:a\",\n\t# of the release\n\t\"zh:a\"\n\t]\n",
            ),
            (
                "  version = \"3.2.1\"\n  hashes  = [\"zh:a\"]\n",
                &["h1:a", "h1:b"],
                "  version = \"3.2.1\"\n  hashes  = [\"h1:a\", \"h1:b\", \"zh:a\"]\n",
            ),
            (
                "  version = \"3.2.1\"\n  hashes = [\"h1:a\"]\n",
                &["h1:b", "h1:c"],
                "  version = \"3.2.1\"\n  hashes = [\"h1:a\", \"h1:b\", \"h1:c\"]\n",
            ),
            (
                "  version = \"3.2.1\"\n  hashes = [\n    \"h1:a\", # last\n  ]\n",
                &["h1:b"],
                "  version = \"3.2.1\"\n  hashes = [\n    \"h1:a\", # last\n    \"h1:b\",\n  ]\n",
            ),
            (
                "  version = \"3.2.1\"\n  hashes = [\n    \"h1:a\"\n  ]\n",
                &["h1:b"],
                "  version = \"3.2.1\"\n  hashes = [\n    \"h1:a\",\n    \"h1:b\"\n  ]\n",
            ),
            (
                "  version = \"3.2.1\"\r\n  hashes = [\r\n    \"zh:a\",\r\n  ]\r\n",
                &["h1:a"],
                "  version = \"3.2.1\"\r\n  hashes = [\r\n    \"h1:a\",\r\n    \"zh:a\",\r\n  ]\r\n",
            ),
            (
                "  version     = \"3.2.1\"\n  constraints = \"3.2.1\" # c\n",
                &["h1:b", "h1:a"],
                "  version     = \"3.2.1\"\n  constraints = \"3.2.1\" # c\n  hashes = [\n    \"h1:a\",\n    \"h1:b\",\n  ]\n",
            ),
        ] {
            assert_eq!(with_hashes(&entry(before), &additions(hashes)), Ok(entry(after)));
        }
    }

    #[test]
    fn what_cannot_be_added_to_is_refused() {
        for text in [
            format!("provider \"{ADDRESS}\" {{ version = \"3.2.1\" }}\n"),
            entry("  version = \"3.2.1\"\n  hashes = (null)\n"),
            "provider {".to_owned(),
            String::new(),
        ] {
            assert!(with_hashes(&text, &additions(&["h1:a"])).is_err(), "{text}");
            assert!(
                text.is_empty()
                    || with_hashes(&text, &Additions::new()).is_ok_and(|same| same == text)
                    || text == "provider {"
            );
        }
    }

    fn hashes_of(text: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        fs::write(directory.join(lock_file::FILE_NAME), text).unwrap();
        let lock_file = lock_file::read(directory, EngineName::Tofu, &mut Sources::default());
        assert!(lock_file.errors.is_empty(), "{:?}\n{text}", lock_file.errors);
        assert!(lock_file.locks[0].hashes_are_sorted, "{text}");
        lock_file.locks[0].hashes.iter().map(ToString::to_string).collect()
    }

    proptest! {
        #[test]
        fn a_sorted_list_stays_sorted_and_holds_both(
            before in prop::collection::btree_set("(h1|zh):[a-z]{1,3}", 1..6),
            new in prop::collection::btree_set("h1:[a-z]{1,3}", 1..4),
            is_on_one_line: bool,
            has_comments: bool,
        ) {
            let new: Vec<_> = new.difference(&before).cloned().collect();
            let comment = if has_comments { " # why" } else { "" };
            let list = if is_on_one_line {
                format!("[{}]", before.iter().map(|hash| format!("\"{hash}\"")).collect::<Vec<_>>().join(", "))
            } else {
                let lines: Vec<_> = before.iter().map(|hash| format!("    \"{hash}\",{comment}\n")).collect();
                format!("[\n{}  ]", lines.concat())
            };
            let text = entry(&format!("  version = \"3.2.1\"\n  hashes = {list}\n"));
            let edited = with_hashes(&text, &additions(&new.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
            let mut expected: Vec<_> = before.iter().chain(&new).cloned().collect();
            expected.sort();
            prop_assert_eq!(hashes_of(&edited), expected);
        }
    }
}
