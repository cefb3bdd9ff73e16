//! `airtight run`.

use super::arguments::RunArguments;
use super::{ExitCode, Stop};

pub(super) fn run(_arguments: &RunArguments) -> Result<ExitCode, Stop> {
    Err(Stop::Usage("not there yet".to_owned()))
}
