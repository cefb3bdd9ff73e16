//! Reading a text file with a limit: every reader's first step, and its refusals.

use std::io::{self, Read};

use camino::Utf8Path;
use fs_err as fs;

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum TextFileError {
    #[error("the file does not exist")]
    Missing,
    #[error("it is a directory")]
    Directory,
    #[error("it is no regular file")]
    NotRegular,
    #[error("it is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("it is not UTF-8 (byte {offset})")]
    NotUtf8 { offset: usize },
    #[error("{0}")]
    Unreadable(io::Error),
}

/// Reads a whole file as UTF-8. Never reads more than the limit, never waits on a pipe.
///
/// # Errors
/// Each refusal is a variant, with a text that fits after the file's name.
pub fn read(path: &Utf8Path, limit_bytes: u64) -> Result<String, TextFileError> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TextFileError::Missing,
        _ => TextFileError::Unreadable(error),
    })?;
    if metadata.is_dir() {
        return Err(TextFileError::Directory);
    }
    if !metadata.is_file() {
        return Err(TextFileError::NotRegular);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(limit_bytes + 1).read_to_end(&mut bytes))
        .map_err(TextFileError::Unreadable)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(TextFileError::TooLarge { limit_bytes });
    }
    String::from_utf8(bytes).map_err(|error| TextFileError::NotUtf8 { offset: error.utf8_error().valid_up_to() })
}
