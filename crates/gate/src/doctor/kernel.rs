//! Whether the kernel can limit runs to the image's own programs, and whether these are the image's alone.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::permission::{WRITE, allows};
use super::{Check, User};
use crate::exec::guard;
use airtight_provider::protection::Protection;

const NAME: &str = "kernel";

/// So many places are named.
const SHOWN: usize = 3;

pub(super) fn check(user: &User) -> Vec<Check> {
    if let Err(reason) = guard::check_kernel() {
        return vec![Check::warning(
            NAME,
            format!("`execute: image` cannot be enforced here: {reason}"),
            "use workers with Linux 5.19 or later and Landlock, whose seccomp profile allows it; see `airtight explain \
             execution-not-enforced`",
        )];
    }
    let mut writable = Vec::new();
    for directory in guard::system_directories(&mut Protection::by_mode()) {
        visit(&directory, user, &mut writable);
    }
    if writable.is_empty() {
        let text = format!("Landlock works, and user {} cannot write where programs may start", user.id);
        return vec![Check::passed(NAME, text)];
    }
    let shown = writable.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = writable.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let text = format!("user {} can write {shown}{more}: with `execute: image` files from there still start", user.id);
    vec![Check::warning(NAME, text, "`chown root:root` and `chmod go-w` them, or move them to /var or /home")]
}

/// Directories and executables that the user could write; links are not followed.
fn visit(path: &Utf8Path, user: &User, found: &mut Vec<Utf8PathBuf>) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    let is_directory = metadata.is_dir();
    let is_executable = metadata.is_file() && metadata.mode() & 0o111 != 0;
    if (is_directory || is_executable) && (metadata.uid() == user.id || allows(&metadata, user, WRITE)) {
        found.push(path.to_owned());
    }
    if is_directory {
        for entry in path.read_dir_utf8().into_iter().flatten().flatten() {
            // `d_type` saves looking at each file of /usr, of which there are many.
            if entry.file_type().is_ok_and(|file_type| !file_type.is_symlink()) {
                visit(entry.path(), user, found);
            }
        }
    }
}
