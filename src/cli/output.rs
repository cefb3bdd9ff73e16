//! The two streams: stdout is data, stderr is for people.

use std::io::{self, Write};

use super::Stop;

/// Writes data to stdout. A reader that has gone away is no error.
pub(super) fn data(text: &str) -> Result<(), Stop> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(anyhow::Error::new(error).context("stdout cannot be written").into()),
    }
}

/// Writes to stderr; where that fails there is nobody left to tell.
pub(super) fn people(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// One line on stderr that says who speaks.
pub(super) fn error_line(text: &str) {
    people(&format!("airtight: {text}\n"));
}
