//! The two streams: stdout is data, stderr is for people.

use std::io::{self, Write};

use super::Stop;
use airtight_finding::escape;
use airtight_finding::secrets::without_credentials;
use airtight_provider::atomic_file;
use camino::Utf8Path;
use serde::Serialize;

/// Columns to wrap texts at: the terminal's, from 40 to 120; 100 if the stream is no terminal.
pub(super) fn width(stream: &(impl io::IsTerminal + std::os::fd::AsFd)) -> usize {
    if !stream.is_terminal() {
        return 100;
    }
    match rustix::termios::tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col).clamp(40, 120),
        _ => 100,
    }
}

/// Writes data to stdout. A reader that has gone away is no error.
pub(super) fn data(text: &str) -> Result<(), Stop> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(anyhow::Error::new(error).context("stdout cannot be written").into()),
    }
}

/// One object, indented, harmless on a terminal.
pub(super) fn json(report: &impl Serialize) -> Result<String, Stop> {
    let text = serde_json::to_string_pretty(report).map_err(anyhow::Error::new)?;
    Ok(escape::json(&text) + "\n")
}

/// Writes a file that was asked for, such as `the report`.
pub(super) fn file(what: &str, path: &Utf8Path, text: &str) -> Result<(), Stop> {
    atomic_file::write(path, text.as_bytes(), 0o644)
        .map_err(|error| anyhow::Error::new(error).context(format!("{what} `{path}` cannot be written")).into())
}

/// Writes to stderr; where that fails there is nobody left to tell.
pub(super) fn people(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// On stderr, behind our name, without the credentials of addresses. Further lines start with a mark, so that none
/// starts with text from outside.
pub(super) fn error_line(text: &str) {
    let text = &without_credentials(text.to_owned());
    let (first, rest) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
    people(&format!("airtight: {}\n{}", escape::line(first.trim_end_matches('\r')), escape::indented(rest, "  ")));
}

/// What the parser of the command line says, which quotes what was typed.
pub(super) fn usage(text: &str) {
    let line = |line: &str| {
        let mark = if line.trim_start().starts_with([':', '#']) { escape::MARK } else { "" };
        format!("{mark}{}\n", escape::line(line))
    };
    people(&text.lines().map(line).collect::<String>());
}

/// A line of the log on stderr. Paths and errors in it may hold text from outside.
pub(super) struct LogLine;

impl io::Write for LogLine {
    /// One event at a time.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = without_credentials(text.strip_suffix('\n').unwrap_or(&text).to_owned());
        writeln!(io::stderr(), "{}", escape::line(&line))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
