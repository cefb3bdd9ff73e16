//! Sentences on a terminal: wrapped at spaces, never inside a command, a path or an address.

use unicode_width::UnicodeWidthStr as _;

/// `1 error`, `3 errors`. Regular nouns only.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Breaks a text into lines of at most `width` columns.
///
/// Line breaks of the text stay. A line indented by four spaces or more is a command and is left alone; elsewhere
/// spaces collapse. Text between backticks is one word, so that it can be pasted; a word that is wider than
/// `width` has a line of its own and is left as it is.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        if paragraph.starts_with("    ") {
            lines.push(paragraph.trim_end().to_owned());
            continue;
        }
        let mut line = String::new();
        for word in words(paragraph) {
            if line.is_empty() {
                line.push_str(word);
            } else if line.width() + 1 + word.width() <= width {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            }
        }
        lines.push(line);
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// Splits at spaces that are not between backticks. A backtick without a partner is a letter.
fn words(paragraph: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut skip_until = 0;
    for (index, character) in paragraph.char_indices() {
        if index < skip_until {
            continue;
        }
        if character == '`'
            && let Some(length) = paragraph[index + 1..].find('`')
        {
            skip_until = index + 1 + length + 1;
        }
        if character == ' ' {
            words.extend(start.take().map(|start| &paragraph[start..index]));
        } else if start.is_none() {
            start = Some(index);
        }
    }
    words.extend(start.map(|start| &paragraph[start..]));
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_singular_only_for_one() {
        assert_eq!([plural(0, "error"), plural(1, "error"), plural(2, "error")], ["0 errors", "1 error", "2 errors"]);
    }

    #[test]
    fn wraps_prose_and_leaves_commands_in_one_piece() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("one two three four five six", &["one two three four", "five six"]),
            (
                "run `tofu init -upgrade` where there is network",
                &["run", "`tofu init -upgrade`", "where there is", "network"],
            ),
            ("see /a/path/that/is/too/long/to/fit here", &["see", "/a/path/that/is/too/long/to/fit", "here"]),
            ("first\n\nsecond\n", &["first", "", "second"]),
            ("run\n    tofu init -input=false -upgrade", &["run", "    tofu init -input=false -upgrade"]),
            ("a lone ` is a letter like others", &["a lone ` is a letter", "like others"]),
            ("東京東京 東京東京 東京東京", &["東京東京 東京東京", "東京東京"]),
        ];
        for (text, expected) in cases {
            assert_eq!(wrap(text, 20), *expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[a-z `/東\n]{0,200}", width in 0..60_usize) {
            let without_spaces = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(without_spaces(&wrap(&text, width).join("\n")), without_spaces(&text));
        }

        #[test]
        fn lines_fit_where_the_words_do(text in "([a-z]{1,10} ){0,40}", width in 10..60_usize) {
            prop_assert!(wrap(&text, width).iter().all(|line| line.len() <= width));
        }
    }
}
