//! ZIP archives with the eyes of Go's `archive/zip`, which the engines hash and extract with.
//!
//! The index of the `zip` crate keeps one entry per name and trusts other fields; here every entry of the central
//! directory counts, in its order, names are bytes, and each failure has the engine's text. Nothing is believed of the
//! sizes that an archive claims: entries are streamed. The `rawzip` crate reads the directory in other bounds than Go
//! does: of 3,004 archives with changed header bytes it accepted 476 that Go refuses, and refused 309 that Go accepts.
//!
//! Source: Go `archive/zip` `reader.go`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::os_error;

mod directory;
mod entry_reader;
pub mod extraction;

pub use entry_reader::EntryReader;

/// Why an archive or an entry cannot be read, in the engine's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("zip: not a valid zip file")]
    Format,
    #[error("zip: unsupported compression algorithm")]
    Algorithm,
    #[error("zip: checksum error")]
    Checksum,
    #[error("unexpected EOF")]
    UnexpectedEnd,
    #[error("EOF")]
    End,
    /// The offset is zlib-rs's, which may notice later than Go.
    #[error("flate: corrupt input before offset {0}")]
    Corrupt(u64),
    #[error("{0}")]
    Io(String),
    /// Refused here: all entries together are longer than the file.
    #[error("its entries overlap, so it is not read")]
    Overlapping,
    /// Refused here, by what the entries claim.
    #[error("it claims to hold more than {} GiB, so it is not read", LIMIT_BYTES >> 30)]
    TooLarge,
}

/// What all entries together may claim to hold: ten times what the largest providers do. Hashing it takes seconds.
pub const LIMIT_BYTES: u64 = 8 << 30;

/// An open archive with its central directory.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    pub entries: Vec<Entry>,
}

/// One entry of the central directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As stored; a trailing `/` makes it a directory.
    pub name: Vec<u8>,
    /// What the archive claims.
    pub uncompressed_bytes: u64,
    compressed_bytes: u64,
    /// Signed, and summed without checks, as in Go: nonsense must fail where Go fails.
    header_offset: i64,
    creator: u16,
    flags: u16,
    method: u16,
    checksum: u32,
    external_attributes: u32,
}

impl Entry {
    /// The Unix mode that extraction gives the file, file type bits included; archives made elsewhere have 0666 at best.
    ///
    /// Source: Go `archive/zip` `FileHeader.Mode`.
    pub fn unix_mode(&self) -> u32 {
        const DIRECTORY: u32 = 0o040_000;
        let mode = match self.creator >> 8 {
            3 | 19 => self.external_attributes >> 16,
            0 | 11 | 14 => {
                let is_directory = self.external_attributes & 0x10 != 0;
                let is_read_only = self.external_attributes & 0x01 != 0;
                let permissions = if is_directory { DIRECTORY | 0o777 } else { 0o666 };
                if is_read_only { permissions & !0o222 } else { permissions }
            }
            _ => 0,
        };
        if self.name.ends_with(b"/") { mode & 0o7777 | DIRECTORY } else { mode }
    }

    /// Whether its header says that it is encrypted, which no engine looks at.
    pub(crate) const fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether it can be decompressed: stored or deflated.
    pub(super) const fn has_known_method(&self) -> bool {
        matches!(self.method, entry_reader::METHOD_STORED | entry_reader::METHOD_DEFLATED)
    }

    /// Whether extraction makes a directory of it.
    pub fn is_directory(&self) -> bool {
        self.unix_mode() & 0o170_000 == 0o040_000
    }
}

impl Archive {
    /// Opens an archive and reads its central directory.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let failed = |operation, error: &io::Error| ArchiveError::Io(os_error::describe(operation, path, error));
        // Opening a pipe would wait for its other end.
        let is_special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        if is_special {
            return Err(ArchiveError::Io(format!("open {}: not a regular file", path.display())));
        }
        let file = File::open(path).map_err(|error| failed("open", &error))?;
        let size = file.metadata().map_err(|error| failed("stat", &error))?.len();
        let mut archive = Self { path: path.to_owned(), file, entries: Vec::new() };
        archive.entries = archive.read_entries(size)?;
        // Many entries over the same bytes would be read once for each of them.
        let total = |bytes: fn(&Entry) -> u64| {
            archive.entries.iter().fold(0_u64, |total, entry| total.saturating_add(bytes(entry)))
        };
        if total(|entry| entry.compressed_bytes) > size {
            return Err(ArchiveError::Overlapping);
        }
        if total(|entry| entry.uncompressed_bytes) > LIMIT_BYTES {
            return Err(ArchiveError::TooLarge);
        }
        Ok(archive)
    }

    /// The open file's metadata.
    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    fn read_at(&self, buffer: &mut [u8], offset: i64) -> Result<usize, ArchiveError> {
        let Ok(offset) = u64::try_from(offset) else {
            return Err(ArchiveError::Io(format!("readat {}: negative offset", self.path.display())));
        };
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    return result.map_err(|error| ArchiveError::Io(os_error::describe("read", &self.path, &error)));
                }
            }
        }
    }

    /// As many bytes as there are.
    fn read_up_to(&self, buffer: &mut [u8], mut offset: i64) -> Result<usize, ArchiveError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset)? {
                0 => break,
                count => {
                    filled += count;
                    offset = offset.wrapping_add_unsigned(count as u64);
                }
            }
        }
        Ok(filled)
    }

    fn read_exact(&self, buffer: &mut [u8], offset: i64) -> Result<(), ArchiveError> {
        if self.read_up_to(buffer, offset)? == buffer.len() { Ok(()) } else { Err(ArchiveError::End) }
    }

    /// The bytes that Go reads a whole record with: nothing at all is another error than a part.
    fn read_record(&self, buffer: &mut [u8], offset: i64) -> Result<(), ArchiveError> {
        match self.read_up_to(buffer, offset)? {
            count if count == buffer.len() => Ok(()),
            0 => Err(ArchiveError::End),
            _ => Err(ArchiveError::UnexpectedEnd),
        }
    }
}

fn u16_at(bytes: &[u8], place: usize) -> u16 {
    bytes[place..].first_chunk().map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    bytes[place..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], place: usize) -> u64 {
    bytes[place..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
