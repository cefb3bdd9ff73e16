//! Splitting `TF_CLI_ARGS` and `TF_CLI_ARGS_init` into words, as the engines do.

/// Splits a line into words; null if the line is invalid. Words end at an unquoted `;`, `&`, `|`, `<` or `>`, and
/// what follows is dropped.
///
/// Source: mattn/go-shellwords `Parse`, with neither variables nor backticks.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Quote {
        Single,
        Double,
        Back,
        Dollar,
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut has_word = false;
    let mut is_escaped = false;
    let mut quote: Option<Quote> = None;
    for character in line.chars() {
        if is_escaped {
            word.push(character);
            is_escaped = false;
            has_word = true;
            continue;
        }
        match (character, quote) {
            ('\\', Some(Quote::Single)) | (' ' | '\t' | '\r' | '\n', Some(_)) => {
                word.push(character);
                continue;
            }
            ('\\', _) => {
                is_escaped = true;
                continue;
            }
            (' ' | '\t' | '\r' | '\n', None) => {
                if has_word {
                    words.push(std::mem::take(&mut word));
                    has_word = false;
                }
                continue;
            }
            ('`', None) => quote = Some(Quote::Back),
            (')', None) => quote = Some(Quote::Dollar),
            ('`', Some(Quote::Back)) | (')', Some(Quote::Dollar)) => quote = None,
            ('(', None) if word.ends_with('$') => {
                word.push('(');
                quote = Some(Quote::Dollar);
                continue;
            }
            ('(', None | Some(Quote::Dollar)) => return None,
            ('"', None) => {
                quote = Some(Quote::Double);
                continue;
            }
            ('\'', None) => {
                quote = Some(Quote::Single);
                continue;
            }
            ('"', Some(Quote::Double)) | ('\'', Some(Quote::Single)) => {
                quote = None;
                has_word = true;
                continue;
            }
            (';' | '&' | '|' | '<' | '>', None) => {
                // `2>` redirects, so the number is no word.
                if character == '>' && word.starts_with(|first: char| first.is_ascii_digit()) {
                    has_word = false;
                }
                break;
            }
            _ => {}
        }
        word.push(character);
        has_word = true;
    }
    if has_word {
        words.push(word);
    }
    (quote.is_none() && !is_escaped).then_some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_words_as_the_library_does() {
        let cases: [(&str, Option<&[&str]>); 12] = [
            ("", Some(&[])),
            (" -a  -b=c\t", Some(&["-a", "-b=c"])),
            ("-a='b c' \"d\"'e'", Some(&["-a=b c", "de"])),
            ("a\\ b '\\'", Some(&["a b", "\\"])),
            ("''", Some(&[""])),
            ("-a; rm", Some(&["-a"])),
            ("a 2> b", Some(&["a"])),
            ("$(a b)", Some(&["$(a b)"])),
            ("a(", None),
            ("'a", None),
            ("a\\", None),
            ("`a b`", Some(&["`a b`"])),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|words| words.iter().map(ToString::to_string).collect());
            assert_eq!(split(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[^']{0,9}", 0..4)) {
            let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split(&line), Some(words));
        }
    }
}
