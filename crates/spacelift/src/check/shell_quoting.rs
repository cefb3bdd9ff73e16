//! How a shell would read a place in a command: bare, or inside which quotes.
//!
//! Knows quotes, backslashes, comments, `$( )` and backquotes; here-documents count as bare text.

/// What surrounds a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Spaces split, and every special character counts.
    Bare,
    /// `"…"`: `$`, backquotes and double quotes count.
    Double,
    /// `'…'`: only a single quote counts.
    Single,
    /// Behind a `#`: nothing counts, and nothing reaches the command.
    Comment,
}

/// What surrounds each occurrence of a word; and what the text ends in, [`Quoting::Bare`] where all quotes are closed.
pub(super) fn around(text: &str, word: &str) -> (Vec<Quoting>, Quoting) {
    let mut found = Vec::new();
    let mut within = vec![Frame { opened_by: ' ', quoting: Quoting::Bare }];
    let mut characters = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((index, character)) = characters.next() {
        let top = within.last().map_or(Quoting::Bare, |frame| frame.quoting);
        if text[index..].starts_with(word) {
            found.push(top);
        }
        match (top, character) {
            (Quoting::Comment, '\n') | (Quoting::Single, '\'') | (Quoting::Double, '"') => drop(within.pop()),
            (Quoting::Comment | Quoting::Single, _) => {}
            (Quoting::Bare | Quoting::Double, '\\') => drop(characters.next()),
            (Quoting::Bare, '"') => within.push(Frame { opened_by: '"', quoting: Quoting::Double }),
            (Quoting::Bare, '\'') => within.push(Frame { opened_by: '\'', quoting: Quoting::Single }),
            (Quoting::Bare, '#') if before.is_whitespace() || ";&|(".contains(before) => {
                within.push(Frame { opened_by: '#', quoting: Quoting::Comment });
            }
            (_, '$') if characters.peek().is_some_and(|(_, next)| *next == '(') => {
                characters.next();
                within.push(Frame { opened_by: '(', quoting: Quoting::Bare });
            }
            (Quoting::Bare, '(') => within.push(Frame { opened_by: '(', quoting: Quoting::Bare }),
            (Quoting::Bare, ')') if within.last().is_some_and(|frame| frame.opened_by == '(') => drop(within.pop()),
            (_, '`') if within.last().is_some_and(|frame| frame.opened_by == '`') => drop(within.pop()),
            (_, '`') => within.push(Frame { opened_by: '`', quoting: Quoting::Bare }),
            _ => {}
        }
        before = character;
    }
    let end = within.iter().map(|frame| frame.quoting).find(|quoting| *quoting != Quoting::Bare);
    (found, end.unwrap_or(Quoting::Bare))
}

struct Frame {
    opened_by: char,
    quoting: Quoting,
}

#[cfg(test)]
mod tests {
    use super::Quoting::{Bare, Comment, Double, Single};
    use super::*;

    #[test]
    fn tells_what_surrounds_a_word() {
        for (text, expected, end) in [
            ("a W b", &[Bare][..], Bare),
            ("a 'W' \"W\" W", &[Single, Double, Bare], Bare),
            (r#"a "it's W" 'W"'"#, &[Double, Single], Bare),
            (r#"a \" W "\" W""#, &[Bare, Double], Bare),
            (r"a '\' W", &[Bare], Bare),
            ("a 'b'W'c'", &[Bare], Bare),
            ("a # 'W\nW", &[Comment, Bare], Bare),
            ("a#'W'", &[Single], Bare),
            ("a \"$(b W)\" \"W\"", &[Bare, Double], Bare),
            ("a \"$(b 'W' (W))W\"", &[Single, Bare, Double], Bare),
            ("a \"`b W`\" W", &[Bare, Bare], Bare),
            ("a 'W", &[Single], Single),
            ("a \"W", &[Double], Double),
            ("a ) W", &[Bare], Bare),
            ("", &[], Bare),
            ("a\\", &[], Bare),
        ] {
            assert_eq!(around(text, "W"), (expected.to_vec(), end), "{text}");
        }
    }
}
