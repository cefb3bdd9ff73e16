//! The lines of a text that findings point at, escaped, with the byte ranges moved along.

use std::ops::Range;

use super::{escape, secrets};
use airtight_hcl::Position;

/// From the first line that a position touches to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub text: String,
    /// The number of its first line.
    pub first_line: usize,
    /// One range of bytes of `text` per position, none beyond the end of the line where it starts.
    pub spans: Vec<Range<usize>>,
}

/// Cuts the lines out of the text. Positions outside the text are moved to its end; none at all is an empty excerpt.
pub(super) fn excerpt(text: &str, positions: &[&Position]) -> Excerpt {
    let ranges: Vec<Range<usize>> = positions.iter().map(|position| first_line_of(text, position)).collect();
    let first = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let last = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[last..].find('\n').map_or(text.len(), |length| last + length);
    let shown = masked(&text[start..end]);
    let moved = |offset: usize| escaped(&shown[..offset - start]).len();
    Excerpt {
        text: escaped(&shown),
        first_line: text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1,
        spans: ranges.iter().map(|range| moved(range.start)..moved(range.end)).collect(),
    }
}

/// The text with asterisks for the values of arguments that are named like secrets, and for credentials in addresses: the same bytes long.
fn masked(text: &str) -> String {
    const NAMES: [&str; 8] =
        ["token", "secret", "password", "passphrase", "access_key", "private_key", "api_key", "credential"];
    let mut masked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        let named = NAMES.iter().filter_map(|name| lower.find(name)).min();
        let value = named.and_then(|start| Some(start + line[start..].find(['=', ':'])? + 1));
        let value = value.unwrap_or(line.len())..line.len();
        let hidden: Vec<_> = secrets::credentials(line).into_iter().chain([value]).collect();
        for (index, character) in line.char_indices() {
            let is_shown = matches!(character, ' ' | '\t' | '\r' | '\n' | '"');
            if is_shown || !hidden.iter().any(|range| range.contains(&index)) {
                masked.push(character);
            } else {
                masked.extend(std::iter::repeat_n('*', character.len_utf8()));
            }
        }
    }
    masked
}

/// The part of a position on its first line: what is wrong with a block is said at its head.
fn first_line_of(text: &str, position: &Position) -> Range<usize> {
    let boundary = |offset: usize| (0..=offset.min(text.len())).rev().find(|offset| text.is_char_boundary(*offset));
    let start = boundary(position.start).unwrap_or(0);
    let end = boundary(position.end).unwrap_or(0).max(start);
    let line = text[start..end].split('\n').next().unwrap_or_default();
    start..start + line.trim_end_matches('\r').len()
}

/// Line breaks and tabs stay, for the renderer to lay out; a carriage return before a line break goes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => escaped.push(character),
            '\r' if characters.peek().is_none_or(|next| *next == '\n') => {}
            _ => escape::push(&mut escaped, character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use airtight_hcl::Place;

    fn position(text: &str, range: Range<usize>) -> Position {
        Place::in_text("main.tf".into(), text, range).position.unwrap()
    }

    #[test]
    fn values_of_secrets_are_asterisks() {
        for (text, expected) in [
            ("  secret_key = \"s3cr\u{e9}t\"\n", "  secret_key = \"*******\"\n"),
            ("  \"TOKEN\": \"x\",\n  \"a\": \"b\"", "  \"TOKEN\": \"*\"*\n  \"a\": \"b\""),
            ("{\"a\": {\"token\": \"x\"}}", "{\"a\": {\"token\": \"*\"**"),
            ("version = \"1.2.3\"", "version = \"1.2.3\""),
            ("token", "token"),
            ("source = \"git::https://u:p@h/x\"", "source = \"git::https://***@h/x\""),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(text).len(), text.len());
        }
    }

    #[test]
    fn cuts_out_the_lines_from_the_first_to_the_last() {
        let text = "one\r\ntwo \u{1b} three\r\nfour {\r\n  five\r\n}\r\n";
        let three = position(text, text.find("three").unwrap()..text.find("three").unwrap() + 5);
        let four = position(text, text.find("four").unwrap()..text.len());
        let excerpt = excerpt(text, &[&four, &three]);
        assert_eq!(excerpt.text, "two \\u{1b} three\nfour {");
        assert_eq!(excerpt.first_line, 2);
        let marked: Vec<&str> = excerpt.spans.iter().map(|span| &excerpt.text[span.clone()]).collect();
        assert_eq!(marked, ["four {", "three"]);
    }

    proptest! {
        #[test]
        fn spans_are_inside_the_excerpt_and_on_one_line(
            text in "([a-z \t\r\n東\u{1b}\u{202e}]){0,60}",
            ranges in proptest::collection::vec((0..80_usize, 0..80_usize), 0..4),
        ) {
            let positions: Vec<Position> = ranges
                .into_iter()
                .map(|(start, end)| Position { line: 1, column: 1, start, end })
                .collect();
            let excerpt = excerpt(&text, &positions.iter().collect::<Vec<_>>());
            prop_assert_eq!(excerpt.spans.len(), positions.len());
            for span in excerpt.spans {
                prop_assert!(!excerpt.text[span].contains('\n'));
            }
        }
    }
}
