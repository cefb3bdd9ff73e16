//! `airtight hook`.

use super::arguments::HookArguments;
use super::{ExitCode, Stop};

pub(super) fn run(_arguments: &HookArguments) -> Result<ExitCode, Stop> {
    Err(Stop::Usage("not there yet".to_owned()))
}
