//! `airtight render`.

use super::arguments::RenderArguments;
use super::{ExitCode, Stop};

pub(super) fn run(_arguments: &RenderArguments) -> Result<ExitCode, Stop> {
    Err(Stop::Usage("not there yet".to_owned()))
}
