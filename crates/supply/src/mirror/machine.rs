//! Whether a package's program is made for the platform that the package is named for.
//!
//! `zh:` hashes of all platforms are in one list of a lock file, so the package of another platform matches it too.

use camino::Utf8Path;

use airtight_provider::executable::{self, ExecutableKind};
use airtight_provider::{Layout, PackageId};

/// Refuses a program of another machine. A package without a program passes; scripts run everywhere.
///
/// # Errors
/// Says which package it is, and that its program does not fit.
pub(crate) fn check(path: &Utf8Path, layout: Layout, id: &PackageId) -> Result<(), String> {
    let Some(executable) = executable::find(path, layout, id.address.provider_type())? else { return Ok(()) };
    let fits = match executable.kind {
        ExecutableKind::Elf(elf) if id.platform.os() == "linux" => elf.fits(&id.platform) != Some(false),
        ExecutableKind::Elf(_) => !matches!(id.platform.os(), "darwin" | "windows"),
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("the program in `{path}` is not made for {}", id.platform)) }
}
