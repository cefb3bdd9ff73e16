//! `airtight completions` and `airtight man`, made from the command line itself.

use clap::CommandFactory as _;

use super::arguments::Arguments;
use super::{ExitCode, Stop, output};

pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Stop> {
    let mut buffer = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "airtight", &mut buffer);
    output::data(&String::from_utf8_lossy(&buffer))?;
    Ok(ExitCode::Cleared)
}

pub(super) fn manual_page() -> Result<ExitCode, Stop> {
    let mut buffer = Vec::new();
    clap_mangen::Man::new(Arguments::command()).render(&mut buffer).map_err(anyhow::Error::new)?;
    output::data(&String::from_utf8_lossy(&buffer))?;
    Ok(ExitCode::Cleared)
}
