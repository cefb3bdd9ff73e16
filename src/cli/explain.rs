//! `airtight explain`.

use super::arguments::ExplainArguments;
use super::{ExitCode, Stop};

pub(super) fn run(_arguments: &ExplainArguments) -> Result<ExitCode, Stop> {
    Err(Stop::Usage("not there yet".to_owned()))
}
