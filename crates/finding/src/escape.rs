//! Text from outside is data: what a terminal, a log or a reader's eye would obey is shown, not sent.
//!
//! A worker reads what we print: a line that starts with `::add-mask` or `##[command]`, even after spaces, is a
//! command to it. So each line starts with words of ours, or with a [`MARK`] ([`indented`]).

use std::borrow::Cow;
use std::fmt::Write as _;

/// Starts each line that would otherwise start with text from outside.
pub const MARK: &str = "| ";

/// Whether a character is printed as its escape: controls (C0, DEL, C1), line separators, what turns the direction of
/// text, and what cannot be seen and so makes two names look alike.
pub fn is_escaped(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One line: line breaks are shown as `\n`.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.contains(is_escaped) {
        let mut escaped = String::with_capacity(text.len() + 8);
        text.chars().for_each(|character| push(&mut escaped, character));
        Cow::Owned(escaped)
    } else {
        Cow::Borrowed(text)
    }
}

/// Appends one character, escaped where [`is_escaped`] says so: `\n`, `\r`, `\t`, `\0`, else `\u{1b}`.
pub fn push(escaped: &mut String, character: char) {
    match character {
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        '\0' => escaped.push_str("\\0"),
        _ if is_escaped(character) => escaped.extend(character.escape_unicode()),
        _ => escaped.push(character),
    }
}

/// Several lines, each escaped and behind the indentation and the [`MARK`], each ended by a line break. Lines without
/// text stay empty.
pub fn indented(text: &str, indentation: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + indentation.len() + MARK.len());
    for text in text.lines() {
        if !text.is_empty() {
            escaped.push_str(indentation);
            escaped.push_str(MARK);
            escaped.push_str(&line(text));
        }
        escaped.push('\n');
    }
    escaped
}

/// JSON text with everything that [`is_escaped`] names, line breaks between tokens excepted, as `\uXXXX`: the same
/// value, harmless on a terminal. Such characters are only in strings, where the escape means the character.
pub fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_escaped(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("writing to a String does not fail");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_what_is_obeyed_and_keeps_what_is_read() {
        let cases = [
            ("terraform.tfvars", "terraform.tfvars"),
            ("größe 東京 ~> 1.2", "größe 東京 ~> 1.2"),
            ("C:\\temp", "C:\\temp"),
            ("red \u{1b}[31m", "red \\u{1b}[31m"),
            ("csi \u{9b}2J", "csi \\u{9b}2J"),
            ("a\nb\r\nc\td\0", "a\\nb\\r\\nc\\td\\0"),
            ("\u{7f}", "\\u{7f}"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
            ("hashi\u{200b}corp", "hashi\\u{200b}corp"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("para\u{2029}graph", "para\\u{2029}graph"),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_worker_command_is_never_at_the_start_of_a_line() {
        assert_eq!(indented("::add-mask::x\n\n::b\r\n", "  "), "  | ::add-mask::x\n\n  | ::b\n");
    }

    #[test]
    fn a_lone_carriage_return_does_not_start_a_line() {
        assert_eq!(indented("fine\r::add-mask::x", "  "), "  | fine\\r::add-mask::x\n");
    }

    proptest! {
        #[test]
        fn no_escaped_character_is_left_in_a_line(text in any::<String>()) {
            prop_assert!(!line(&text).contains(is_escaped));
        }

        #[test]
        fn each_indented_line_is_empty_or_starts_with_the_mark(text in "(::|[\r\n\u{2028}\u{85}]|\\PC)*") {
            let indented = indented(&text, "  ");
            prop_assert!(indented.split('\n').all(|line| line.is_empty() || line.starts_with("  | ")));
            prop_assert!(!indented.replace('\n', "").contains(is_escaped));
        }

        #[test]
        fn escaped_json_is_the_same_value(text in any::<String>()) {
            let value = serde_json::json!({ "text": text, "list": [1, 2] });
            let escaped = json(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!escaped.replace('\n', "").contains(is_escaped));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }
}
