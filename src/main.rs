//! The `airtight` binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    airtight::cli::main()
}
