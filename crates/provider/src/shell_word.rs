//! Words in commands that people paste.

/// One word of a POSIX shell: quoted only if that is needed.
pub fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@,=".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn commands_can_be_pasted() {
        for (text, expected) in
            [("a/b-c_1", "a/b-c_1"), ("a b", "'a b'"), ("a'b", "'a'\\''b'"), ("", "''"), ("$x", "'$x'")]
        {
            assert_eq!(shell_word(text), expected);
        }
    }
}
