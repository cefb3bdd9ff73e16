//! What a user may do with a file, by owner, group and mode.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;

use super::user::User;

/// Bits of a mode's last digit.
pub(super) const READ: u32 = 4;
pub(super) const WRITE: u32 = 2;
pub(super) const EXECUTE: u32 = 1;

/// Whether the mode gives a user these bits. Access lists beyond the mode are not looked at.
pub(super) fn allows(metadata: &Metadata, user: &User, bits: u32) -> bool {
    let shift = if metadata.uid() == user.id {
        6
    } else if user.groups.contains(&metadata.gid()) {
        3
    } else {
        0
    };
    metadata.mode() >> shift & bits == bits
}

/// The first directory above a path that the user cannot pass through.
pub(super) fn barrier<'a>(path: &'a Utf8Path, user: &User) -> Option<&'a Utf8Path> {
    let above: Vec<&Utf8Path> = path.ancestors().skip(1).collect();
    let is_closed = |directory: &&&Utf8Path| {
        fs_err::metadata(directory.as_std_path()).is_ok_and(|metadata| !allows(&metadata, user, EXECUTE))
    };
    above.iter().rev().find(is_closed).copied()
}
