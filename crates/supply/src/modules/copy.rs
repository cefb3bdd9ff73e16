//! A directory of this machine, copied.

use std::fs;

use camino::Utf8Path;

use super::archive::{ExtractError, TreeLimits};

/// Copies files and links; what is neither is refused.
pub(super) fn copy(from: &Utf8Path, to: &Utf8Path, limits: TreeLimits) -> Result<(), ExtractError> {
    fn level(from: &Utf8Path, to: &Utf8Path, left: &mut TreeLimits, limits: TreeLimits) -> Result<(), ExtractError> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name().into_string();
            let name = name
                .map_err(|_| ExtractError::Entry { name: from.to_string(), why: "holds a name that is not UTF-8" })?;
            let (kind, source, target) = (entry.file_type()?, from.join(&name), to.join(&name));
            left.files = left.files.checked_sub(1).ok_or(ExtractError::TooMany(limits.files))?;
            if matches!(name.as_str(), ".git" | ".terraform") {
            } else if kind.is_dir() {
                level(&source, &target, left, limits)?;
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
            } else if kind.is_file() {
                let size = entry.metadata()?.len();
                left.bytes = left.bytes.checked_sub(size).ok_or(ExtractError::TooLarge(limits.bytes))?;
                fs::copy(&source, &target)?;
            } else {
                return Err(ExtractError::Entry { name: source.into_string(), why: "is a device or a pipe" });
            }
        }
        Ok(())
    }
    level(from, to, &mut { limits }, limits)
}
