//! Output of `init` for people, without colours.
//!
//! Source: OpenTofu and Terraform `internal/command/format/diagnostic.go`.

use super::answer::{EngineDiagnostic, EnginePlace};
use super::words::{self, Heading, Transcript};

pub(super) fn read(stdout: &[u8], stderr: &[u8]) -> Transcript {
    let mut transcript = Transcript::default();
    // Each stream on its own: the two are not in order.
    add(&mut transcript, &String::from_utf8_lossy(stdout));
    add(&mut transcript, &String::from_utf8_lossy(stderr));
    transcript
}

/// Adds what a stream says.
pub(super) fn add(transcript: &mut Transcript, text: &str) {
    let mut current: Option<Unread> = None;
    for line in text.lines().map(without_box) {
        let heading = words::heading(line);
        if heading.is_some() || words::is_progress(line) {
            transcript.diagnostics.extend(current.take().map(Unread::read));
        }
        match (heading, &mut current) {
            (Some(heading), _) => current = Some(Unread { heading, body: Vec::from_iter(heading.detail) }),
            (None, Some(unread)) => unread.body.push(line),
            (None, None) if line.is_empty() => {}
            (None, None) => transcript.lines.push(line.to_owned()),
        }
    }
    transcript.diagnostics.extend(current.map(Unread::read));
}

/// Without the frame that some versions draw at the left.
fn without_box(line: &str) -> &str {
    let line = line.trim_end();
    match line.strip_prefix(['│', '╷', '╵']) {
        Some(rest) => rest.strip_prefix(' ').unwrap_or(rest),
        None => line,
    }
}

/// A diagnostic as its lines.
struct Unread<'a> {
    heading: Heading<'a>,
    body: Vec<&'a str>,
}

impl Unread<'_> {
    fn read(self) -> EngineDiagnostic {
        let mut body = self.body.iter().copied().skip_while(|line| line.is_empty()).peekable();
        // A block of indented lines before the text names the object, the place, and quotes the source.
        let mut place = None;
        while body.peek().is_some_and(|line| words::is_about_place(line)) {
            for line in body.by_ref().take_while(|line| !line.is_empty()) {
                place = place.or_else(|| read_place(line));
            }
        }
        let detail = unwrapped(body);
        EngineDiagnostic { severity: self.heading.severity, summary: self.heading.summary.to_owned(), detail, place }
    }
}

/// `  on child/main.tf line 5, in resource "x":`
fn read_place(line: &str) -> Option<EnginePlace> {
    let rest = words::after_on(line)?;
    let (number_at, file) = rest.match_indices(words::LINE).find_map(|(at, word)| {
        let number_at = at + word.len();
        rest[number_at..].starts_with(|first: char| first.is_ascii_digit()).then_some((number_at, &rest[..at]))
    })?;
    let digits = rest[number_at..].split(|c: char| !c.is_ascii_digit()).next()?;
    Some(EnginePlace { file: file.into(), line: digits.parse().ok()?, column: None, bytes: None })
}

/// Paragraphs as they were before the engine wrapped them. Indented lines were not wrapped.
fn unwrapped<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut is_wrapped = false;
    for line in lines {
        let is_flowing = !line.is_empty() && !line.starts_with(' ');
        if is_wrapped && is_flowing {
            text.push(' ');
        } else if !text.is_empty() {
            text.push('\n');
        }
        text += line;
        is_wrapped = is_flowing;
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_whatever_the_file_is_called() {
        let place = |line: &str| read_place(line).map(|place| (place.file.into_string(), place.line));
        assert_eq!(place("  on main.tf line 1, in terraform:"), Some(("main.tf".to_owned(), 1)));
        assert_eq!(place("  on a line b/main.tf line 12:"), Some(("a line b/main.tf".to_owned(), 12)));
        assert_eq!(place("  on main.tf:"), None);
    }

    #[test]
    fn frames_and_wrapped_lines_are_undone() {
        let text = "╷\n│ Error: It\n│ \n│   on a.tf line 2:\n│    2: x\n│ \n│ One\n│ two.\n│ \n│   - three\n╵\n";
        let transcript = read(b"", text.as_bytes());
        let [diagnostic] = &transcript.diagnostics[..] else { panic!("{:?}", transcript.diagnostics) };
        assert_eq!(diagnostic.detail, "One two.\n\n  - three");
        assert_eq!(diagnostic.place.as_ref().map(|place| place.line), Some(2));
    }
}
