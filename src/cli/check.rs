//! `airtight check`.

use super::arguments::CheckArguments;
use super::{ExitCode, Stop};

pub(super) fn run(_arguments: &CheckArguments) -> Result<ExitCode, Stop> {
    Err(Stop::Usage("not there yet".to_owned()))
}
