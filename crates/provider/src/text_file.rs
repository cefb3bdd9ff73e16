//! Reading a file with a limit: every reader's first step, and its refusals.

// Not `fs_err`: the engines' texts need the number of the error, which it hides.
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use camino::Utf8Path;

use crate::unlikely_text::UnlikelyText;

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum TextFileError {
    #[error("the file does not exist")]
    Missing,
    #[error("it is a directory")]
    Directory,
    #[error("it is no regular file")]
    NotRegular,
    #[error("a link leads out of the repository")]
    LeadsOut,
    #[error("it is larger than {}", size(*limit_bytes))]
    TooLarge { limit_bytes: u64 },
    #[error("it is not UTF-8 (byte {offset})")]
    NotUtf8 { offset: usize },
    #[error("it {0}")]
    Unlikely(UnlikelyText),
    #[error("{}", crate::digest::os_error::reason(.0))]
    Unreadable(io::Error),
}

impl TextFileError {
    /// Whether only we refuse the file: an engine follows every link, reads what is large, and waits on a pipe.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::NotRegular | Self::LeadsOut | Self::TooLarge { .. })
    }

    /// What fixes it, if the cause is known.
    pub fn fix(&self, path: &Utf8Path) -> Option<String> {
        match self {
            Self::Unlikely(unlikely) => Some(unlikely.fix(path.as_str())),
            _ => None,
        }
    }
}

fn size(bytes: u64) -> String {
    const KIBIBYTE: u64 = 1024;
    const MEBIBYTE: u64 = 1024 * KIBIBYTE;
    if bytes.is_multiple_of(MEBIBYTE) {
        format!("{} MiB", bytes / MEBIBYTE)
    } else {
        format!("{} KiB", bytes / KIBIBYTE)
    }
}

/// Reads a whole file as UTF-8, by the rules of [`read_bytes`].
///
/// # Errors
/// Each refusal is a variant, with a text that fits after the file's name.
pub fn read(path: &Utf8Path, limit_bytes: u64) -> Result<String, TextFileError> {
    decode(read_bytes(path, limit_bytes)?)
}

/// The same for a file that people write: what got into its place is named.
///
/// # Errors
/// Those of [`read`], and [`TextFileError::Unlikely`].
pub fn read_document(path: &Utf8Path, limit_bytes: u64) -> Result<String, TextFileError> {
    let bytes = read_bytes(path, limit_bytes)?;
    UnlikelyText::of(&bytes).map_or_else(|| decode(bytes), |unlikely| Err(TextFileError::Unlikely(unlikely)))
}

fn decode(bytes: Vec<u8>) -> Result<String, TextFileError> {
    String::from_utf8(bytes).map_err(|error| TextFileError::NotUtf8 { offset: error.utf8_error().valid_up_to() })
}

/// Reads a whole file. Never reads more than the limit, never waits on a pipe; `/dev/null`, which people name to say
/// "none", is an empty file.
///
/// # Errors
/// Each refusal is a variant, with a text that fits after the file's name.
pub fn read_bytes(path: &Utf8Path, limit_bytes: u64) -> Result<Vec<u8>, TextFileError> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TextFileError::Missing,
        _ => TextFileError::Unreadable(error),
    })?;
    if metadata.is_dir() {
        return Err(TextFileError::Directory);
    }
    if is_null(&metadata) {
        return Ok(Vec::new());
    }
    if !metadata.is_file() {
        return Err(TextFileError::NotRegular);
    }
    if metadata.len() > limit_bytes {
        return Err(TextFileError::TooLarge { limit_bytes });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    fs::File::open(path)
        .and_then(|file| file.take(limit_bytes + 1).read_to_end(&mut bytes))
        .map_err(TextFileError::Unreadable)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(TextFileError::TooLarge { limit_bytes });
    }
    Ok(bytes)
}

/// Reads a whole file by the rules of [`read_bytes`], but through no link that leads out of the repository.
///
/// What such a link leads to may be a secret of the run's user, and an error would show it. A file outside the repository
/// may be named by its path, but not by a link at that path. The link `/dev/null` is the exception: it holds nothing.
///
/// # Errors
/// Those of [`read_bytes`], and [`TextFileError::LeadsOut`].
pub fn read_inside(path: &Utf8Path, repository: &Utf8Path, limit_bytes: u64) -> Result<Vec<u8>, TextFileError> {
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => TextFileError::Missing,
        _ => TextFileError::Unreadable(error),
    };
    let real = fs::canonicalize(path).map_err(missing)?;
    let repository = fs::canonicalize(repository).map_err(missing)?;
    if !real.starts_with(&repository) && !fs::metadata(&real).is_ok_and(|metadata| is_null(&metadata)) {
        let directory = path.parent().map(Utf8Path::as_std_path).filter(|parent| !parent.as_os_str().is_empty());
        let directory = fs::canonicalize(directory.unwrap_or_else(|| ".".as_ref())).map_err(missing)?;
        let is_named = path.file_name().is_some_and(|name| directory.join(name) == real);
        if !is_named || is_below(path, &repository) {
            return Err(TextFileError::LeadsOut);
        }
    }
    read_bytes(path, limit_bytes)
}

/// Whether the path's longest part without links is in the repository: then a link in it led out.
fn is_below(path: &Utf8Path, repository: &std::path::Path) -> bool {
    let mut ancestors = path.ancestors().skip(1).filter(|ancestor| !ancestor.as_str().is_empty());
    ancestors.any(|ancestor| fs::canonicalize(ancestor).is_ok_and(|real| real == *repository))
}

fn is_null(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_a_file_and_names_what_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::write(root.join("text"), "text").unwrap();
        fs::write(root.join("bytes"), [b'a', 0xff]).unwrap();
        fs::File::create(root.join("large")).unwrap().set_len(100 << 20).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("pipe").as_std_path(),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
        std::os::unix::fs::symlink("/dev/null", root.join("null")).unwrap();
        let read = |name: &str| read(&root.join(name), 1 << 20).map_err(|error| error.to_string());
        for (name, expected) in [
            ("text", Ok("text")),
            ("null", Ok("")),
            ("none", Err("the file does not exist")),
            ("dangling", Err("the file does not exist")),
            ("", Err("it is a directory")),
            ("pipe", Err("it is no regular file")),
            ("large", Err("it is larger than 1 MiB")),
            ("bytes", Err("it is not UTF-8 (byte 1)")),
            ("text/x", Err("not a directory")),
        ] {
            assert_eq!(read(name), expected.map(str::to_owned).map_err(str::to_owned), "{name}");
        }
    }

    #[test]
    fn no_link_leads_out_of_the_repository() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(directory.path()).unwrap();
        let root = top.join("source");
        fs::create_dir_all(root.join("sub")).unwrap();
        for name in ["secret", "source/text", "source/sub/text"] {
            fs::write(top.join(name), "text").unwrap();
        }
        symlink("../secret", root.join("out")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("sub/text", root.join("in")).unwrap();
        symlink("sub", root.join("dir")).unwrap();
        symlink("/dev/null", root.join("null")).unwrap();
        symlink("secret", top.join("link")).unwrap();
        symlink("source", top.join("alias")).unwrap();
        let read = |path: &str| {
            let read = read_inside(&top.join(path), &root, 100).map_err(|error| error.to_string());
            read.map(|bytes| String::from_utf8(bytes).unwrap())
        };
        let leads_out = "a link leads out of the repository";
        for (path, expected) in [
            ("source/text", Ok("text")),
            ("source/in", Ok("text")),
            ("source/dir/text", Ok("text")),
            ("source/null", Ok("")),
            ("source/none", Err("the file does not exist")),
            ("source/out", Err(leads_out)),
            ("source/up/secret", Err(leads_out)),
            ("source/sub/../../secret", Err(leads_out)),
            ("alias/out", Err(leads_out)),
            ("alias/text", Ok("text")),
            // Outside, a file may be named, and a link may not.
            ("secret", Ok("text")),
            ("link", Err(leads_out)),
        ] {
            assert_eq!(read(path), expected.map(str::to_owned).map_err(str::to_owned), "{path}");
        }
    }
}
