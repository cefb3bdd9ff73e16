//! Archives: the files that an engine would have extracted.
//!
//! Links in archives become plain files, as the engines make them: an empty one of a tar archive's, one with the target's
//! text of a zip archive's. So nothing here ever follows a link.
//!
//! Source: hashicorp/go-getter `decompress_tar.go`, `decompress_zip.go`.

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::address::ArchiveFormat;
use airtight_provider::digest::archive::Archive;
use airtight_provider::directory::Directory;

/// What an archive or a repository may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeLimits {
    /// Of all files together.
    pub bytes: u64,
    pub files: usize,
}

impl Default for TreeLimits {
    /// Sources of modules have some megabytes.
    fn default() -> Self {
        Self { bytes: 1_000_000_000, files: 100_000 }
    }
}

const BUFFER_BYTES: usize = 64 * 1024;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    #[error("the archive is empty")]
    Empty,
    #[error("the archive cannot be read: {0}")]
    Broken(String),
    #[error("the archive's entry {name:?} {why}")]
    Entry { name: String, why: &'static str },
    #[error("it would unpack to more than {} MB, the limit (--limit-mb)", .0 / 1_000_000)]
    TooLarge(u64),
    #[error("it has more than {0} files, the limit")]
    TooMany(usize),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Extracts to a directory that is new and empty. Gives the time of the newest file, if the archive has times.
pub(super) fn extract(
    archive: &Utf8Path,
    format: ArchiveFormat,
    target: &Directory,
    limits: TreeLimits,
) -> Result<Option<u64>, ExtractError> {
    let mut extraction = Extraction { target, limits, bytes: 0, entries: 0, newest: None };
    match format {
        ArchiveFormat::Zip => extraction.zip(archive)?,
        ArchiveFormat::TarBz2 => extraction.tar(bzip2::bufread::MultiBzDecoder::new(open(archive)?))?,
        ArchiveFormat::TarGz => extraction.tar(flate2::read::MultiGzDecoder::new(open(archive)?))?,
        ArchiveFormat::TarXz => {
            // The memory that an archive asks for is only touched as it is filled, and that ends at the limits.
            extraction.tar(lzma_rust2::XzReader::new(open(archive)?, true))?;
        }
    }
    if extraction.entries == 0 { Err(ExtractError::Empty) } else { Ok(extraction.newest) }
}

/// What an archive is by its first bytes, for servers that do not say.
pub(super) fn sniff(file: &Utf8Path) -> io::Result<Option<ArchiveFormat>> {
    let mut start = Vec::new();
    File::open(file)?.take(6).read_to_end(&mut start)?;
    Ok(match start.as_slice() {
        [b'P', b'K', ..] => Some(ArchiveFormat::Zip),
        [b'B', b'Z', b'h', ..] => Some(ArchiveFormat::TarBz2),
        [0x1f, 0x8b, ..] => Some(ArchiveFormat::TarGz),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Some(ArchiveFormat::TarXz),
        _ => None,
    })
}

fn open(archive: &Utf8Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(BUFFER_BYTES, File::open(archive)?))
}

struct Extraction<'a> {
    target: &'a Directory,
    limits: TreeLimits,
    bytes: u64,
    entries: usize,
    newest: Option<u64>,
}

impl Extraction<'_> {
    fn zip(&mut self, path: &Utf8Path) -> Result<(), ExtractError> {
        let broken = |error: airtight_provider::digest::archive::ArchiveError| ExtractError::Broken(error.to_string());
        let archive = Archive::open(path.as_std_path()).map_err(broken)?;
        for entry in &archive.entries {
            let Some(place) = self.begin(&entry.name)? else { continue };
            if entry.is_directory() {
                self.directory(&place, &entry.name)?;
                continue;
            }
            let mode = entry.unix_mode();
            check_kind(mode, &entry.name)?;
            let mut reader = archive.read(entry, &|_| {}).map_err(broken)?;
            self.file(&place, &entry.name, mode & 0o100 != 0, |buffer| {
                reader.read(buffer).map_err(|error| ExtractError::Broken(error.to_string()))
            })?;
        }
        Ok(())
    }

    fn tar(&mut self, reader: impl Read) -> Result<(), ExtractError> {
        use tar::EntryType;
        let broken = |error: io::Error| ExtractError::Broken(error.to_string());
        // A decompressed stream that never ends is cut off behind what files may have, with room for headers.
        let limit = self.limits.bytes.saturating_add(self.limits.files as u64 * 2048);
        let mut archive = tar::Archive::new(Limited { reader, left: limit });
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(|error| self.of_stream(&error))?;
            let kind = entry.header().entry_type();
            if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
                continue;
            }
            let name = entry.path_bytes().into_owned();
            let Some(place) = self.begin(&name)? else { continue };
            let mode = entry.header().mode().unwrap_or(0o644);
            if kind.is_dir() || name.ends_with(b"/") {
                self.directory(&place, &name)?;
                continue;
            }
            match kind {
                EntryType::Char | EntryType::Block | EntryType::Fifo => return Err(special(&name)),
                EntryType::Symlink | EntryType::Link => {
                    self.file(&place, &name, mode & 0o100 != 0, |_| Ok(0))?;
                    continue;
                }
                _ => {}
            }
            let time = entry.header().mtime().unwrap_or_default();
            self.newest = self.newest.max(Some(time));
            let limit = self.limits.bytes;
            self.file(&place, &name, mode & 0o100 != 0, |buffer| {
                entry.read(buffer).map_err(|error| of_stream(&error, limit))
            })?;
        }
        Ok(())
    }

    fn of_stream(&self, error: &io::Error) -> ExtractError {
        of_stream(error, self.limits.bytes)
    }

    /// Where an entry belongs; nowhere if it is git's own, which no engine needs.
    fn begin(&mut self, name: &[u8]) -> Result<Option<Utf8PathBuf>, ExtractError> {
        self.entries += 1;
        if self.entries > self.limits.files {
            return Err(ExtractError::TooMany(self.limits.files));
        }
        let entry = |why| ExtractError::Entry { name: shown(name), why };
        let text = str::from_utf8(name).map_err(|_| entry("is not UTF-8"))?;
        if text.chars().any(char::is_control) {
            return Err(entry("has a control character in its name"));
        }
        if text.split(['/', '\\']).any(|part| part == "..") {
            return Err(entry("leads out of the archive"));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
            return Ok(None);
        }
        Ok(Some(parts.join("/").into()))
    }

    fn directory(&self, place: &Utf8Path, name: &[u8]) -> Result<(), ExtractError> {
        match self.target.make(place) {
            Ok(_) => Ok(()),
            Err(error) if is_in_the_way(&error) => {
                Err(ExtractError::Entry { name: shown(name), why: "is a directory in the place of a file" })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn file(
        &mut self,
        place: &Utf8Path,
        name: &[u8],
        is_executable: bool,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, ExtractError>,
    ) -> Result<(), ExtractError> {
        let entry = |why| ExtractError::Entry { name: shown(name), why };
        if place.as_str().is_empty() {
            return Err(entry("is a file in the place of the whole archive"));
        }
        self.directory(place.parent().unwrap_or(Utf8Path::new("")), name)?;
        match self.target.file_type(place)? {
            // The last of several entries wins, as when the engines write one over the other.
            Some(rustix::fs::FileType::RegularFile) => self.target.remove(place)?,
            Some(_) => return Err(entry("is a file in the place of a directory")),
            None => {}
        }
        let mut file = self.target.create(place, if is_executable { 0o755 } else { 0o644 })?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.bytes += count as u64;
            if self.bytes > self.limits.bytes {
                return Err(ExtractError::TooLarge(self.limits.bytes));
            }
            file.write_all(&buffer[..count])?;
        }
    }
}

fn is_in_the_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists)
}

/// Refuses what a zip archive calls a device or a pipe.
fn check_kind(mode: u32, name: &[u8]) -> Result<(), ExtractError> {
    match mode & 0o170_000 {
        // None given, a file, a link.
        0 | 0o100_000 | 0o120_000 => Ok(()),
        _ => Err(special(name)),
    }
}

fn special(name: &[u8]) -> ExtractError {
    ExtractError::Entry { name: shown(name), why: "is a device or a pipe" }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(100).collect()
}

/// The error of a stream: cut off here, or broken.
fn of_stream(error: &io::Error, limit: u64) -> ExtractError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        ExtractError::TooLarge(limit)
    } else {
        ExtractError::Broken(error.to_string())
    }
}

struct Limited<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
