//! How deep a YAML text nests in brackets. `serde_yaml` takes quadratic time for deep ones before it refuses them.

/// More levels than any file of Spacelift or airtight has.
pub(crate) const MAXIMUM_DEPTH: usize = 64;

/// The offset of the bracket that opens one level too many.
///
/// Brackets are counted as YAML reads them: not in quotes, comments, block scalars, nor within plain text of block style. Where
/// the rules of plain text are unclear a bracket is counted.
pub(crate) fn too_deep(text: &str) -> Option<usize> {
    // Most files have too few brackets to be looked at.
    text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).nth(MAXIMUM_DEPTH)?;
    let mut scan = Scan { depth: 0, quote: None };
    // The column that the lines of a block scalar are behind.
    let mut scalar: Option<usize> = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_blank = line.trim().is_empty();
        if scalar.is_none_or(|header| !is_blank && indent <= header) {
            scalar = None;
            match scan.line(line) {
                Line::TooDeep(at) => return Some(offset + at),
                Line::BlockScalar => scalar = Some(header_column(line)),
                Line::Other => {}
            }
        }
        offset += line.len();
    }
    None
}

/// Of the key whose value a block scalar is, or of the dash.
fn header_column(line: &str) -> usize {
    let content = line.trim_start_matches([' ', '-', '?']);
    let prefix = &line[..line.len() - content.len()];
    if content.starts_with(['|', '>', '!', '&']) { prefix.rfind('-').unwrap_or_default() } else { prefix.len() }
}

struct Scan {
    depth: usize,
    quote: Option<u8>,
}

enum Line {
    TooDeep(usize),
    /// Its text is in the lines below.
    BlockScalar,
    Other,
}

impl Scan {
    fn line(&mut self, line: &str) -> Line {
        let bytes = line.as_bytes();
        // Whether a value may begin here: at the start of a line, behind `- `, `? `, `: `, a bracket or a comma.
        let mut may_begin = true;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let next = bytes.get(at + 1).copied();
            let is_blank_next = matches!(next, None | Some(b' ' | b'\t' | b'\r' | b'\n'));
            if let Some(quote) = self.quote {
                match byte {
                    b'\\' if quote == b'"' => at += 1,
                    b'\'' if quote == b'\'' && next == Some(b'\'') => at += 1,
                    _ if byte == quote => self.quote = None,
                    _ => {}
                }
                at += 1;
                continue;
            }
            let is_behind_blank = at == 0 || matches!(bytes[at - 1], b' ' | b'\t');
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'#' if is_behind_blank => return Line::Other,
                b'"' | b'\'' if may_begin => {
                    self.quote = Some(byte);
                    may_begin = false;
                }
                b'{' | b'[' if may_begin || self.depth > 0 => {
                    self.depth += 1;
                    if self.depth > MAXIMUM_DEPTH {
                        return Line::TooDeep(at);
                    }
                    may_begin = true;
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    may_begin = false;
                }
                b',' if self.depth > 0 => may_begin = true,
                b'-' | b'?' if may_begin && is_blank_next => {}
                b':' if is_blank_next || (self.depth > 0 && at > 0 && matches!(bytes[at - 1], b'"' | b'\'')) => {
                    may_begin = true;
                }
                b'|' | b'>' if may_begin && self.depth == 0 && is_header(&line[at + 1..]) => return Line::BlockScalar,
                // A tag or an anchor: the value is behind it.
                b'!' | b'&' if may_begin => {
                    let rest = &line[at..];
                    at += rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len());
                    continue;
                }
                _ => may_begin = false,
            }
            at += 1;
        }
        Line::Other
    }
}

/// What may be behind the sign of a block scalar.
fn is_header(rest: &str) -> bool {
    let rest = rest.trim_start_matches(['+', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let rest = rest.trim_end();
    rest.is_empty() || rest.trim_start().starts_with('#') && rest.starts_with([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_brackets_that_yaml_counts() {
        let many = |text: &str| text.repeat(MAXIMUM_DEPTH + 1);
        for deep in [
            many("{a: "),
            many("["),
            many("[\n"),
            format!("a:\n  - b: {}", many("[")),
            format!("a: &anchor {}", many("[")),
            format!("a: !tag {}", many("[")),
            format!("a: |\n  text\nb: {}", many("[")),
            format!("- a: |\n    text\n  b: {}", many("[")),
            format!("a: \"{{\"\nb: {}", many("[ ")),
            // The text that is taken for quoted must not hide brackets.
            format!("a: it's\nb: {}", many("[")),
            format!("{{a: it's, b: {}", many("[")),
        ] {
            assert!(too_deep(&deep).is_some(), "{deep}");
        }
        for flat in [
            many("- [a, {b: c}]\n"),
            format!("a: |\n  {}\n", many("{ ")),
            format!("- >-\n  {}\n\n  {}\n", many("["), many("[")),
            format!("a: echo {}\n", many("{")),
            format!("a: \"{}\"\nb: '{}'\n", many("{"), many("'' [")),
            format!("a: b # {}\n", many("[")),
            format!("- a: |\n    {}\n", many("[")),
            format!("{{\"a\":\"{}\"}}\n", many("[")),
        ] {
            assert_eq!(too_deep(&flat), None, "{flat}");
        }
    }

    #[test]
    fn names_the_place() {
        assert_eq!(too_deep(&format!("a: b\nc: {}", "[".repeat(100))), Some(8 + MAXIMUM_DEPTH));
    }
}
