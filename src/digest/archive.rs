//! ZIP archives with the eyes of Go's `archive/zip`, which the engines hash and extract with.
//!
//! The index of the `zip` crate keeps one entry per name and trusts other fields; here every entry of the central
//! directory counts, in its order, names are bytes, and each failure has the engine's text. Nothing is believed of the
//! sizes that an archive claims: entries are streamed.
//!
//! Source: Go `archive/zip` `reader.go`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::os_error;
use super::stream::Progress;

const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64_SIGNATURE: &[u8] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
const LOCATOR64_SIGNATURE: &[u8] = b"PK\x06\x07";
const LOCATOR64_BYTES: u8 = 20;
const CENTRAL_SIGNATURE: &[u8] = b"PK\x01\x02";
const CENTRAL_BYTES: u8 = 46;
const LOCAL_SIGNATURE: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: u8 = 30;
const DESCRIPTOR_SIGNATURE: &[u8] = b"PK\x07\x08";
const ZIP64_EXTRA: u16 = 1;
const METHOD_STORED: u16 = 0;
const METHOD_DEFLATED: u16 = 8;
const FLAG_DESCRIPTOR: u16 = 0x8;
const INPUT_BYTES: usize = 64 * 1024;

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
}

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
        Ok(archive)
    }

    /// The open file's metadata.
    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    /// Opens an entry's contents. `progress` is told of compressed bytes.
    pub fn read<'a>(&'a self, entry: &'a Entry, progress: Progress<'a>) -> Result<EntryReader<'a>, ArchiveError> {
        let mut header = [0; LOCAL_BYTES as usize];
        self.read_exact(&mut header, entry.header_offset)?;
        if !header.starts_with(LOCAL_SIGNATURE) {
            return Err(ArchiveError::Format);
        }
        let lengths = i64::from(u16_at(&header, 26)) + i64::from(u16_at(&header, 28));
        let body = entry.header_offset.wrapping_add(i64::from(LOCAL_BYTES) + lengths);
        let compressed_bytes = i64::try_from(entry.compressed_bytes).unwrap_or_default();
        let is_directory = entry.name.ends_with(b"/");
        if is_directory && entry.uncompressed_bytes != 0 {
            return Err(ArchiveError::Format);
        }
        let inflater = match entry.method {
            _ if is_directory => None,
            METHOD_STORED => None,
            METHOD_DEFLATED => Some(Decompress::new(false)),
            _ => return Err(ArchiveError::Algorithm),
        };
        Ok(EntryReader {
            archive: self,
            entry,
            progress,
            offset: body,
            compressed_left: if is_directory { 0 } else { compressed_bytes.unsigned_abs() },
            descriptor: (!is_directory && entry.flags & FLAG_DESCRIPTOR != 0)
                .then(|| body.wrapping_add(compressed_bytes)),
            checks_checksum: !is_directory && (entry.checksum != 0 || entry.flags & FLAG_DESCRIPTOR != 0),
            inflater,
            input: Vec::new(),
            input_start: 0,
            written: 0,
            checksum: Crc::new(),
            has_ended: false,
            is_done: false,
        })
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

    fn read_entries(&self, size: u64) -> Result<Vec<Entry>, ArchiveError> {
        let end = self.find_end(size)?;
        let mut entries = Vec::new();
        let mut offset = end.base.wrapping_add(end.directory_offset);
        // The count is kept in 16 bits, so headers are read until one is none, and only then is it compared.
        let stopped_by = loop {
            match self.read_entry(&mut offset, end.base) {
                Ok(entry) => entries.push(entry),
                Err(error @ (ArchiveError::Format | ArchiveError::UnexpectedEnd)) => break error,
                Err(error) => return Err(error),
            }
        };
        if entries.len() as u64 & 0xffff == end.records & 0xffff { Ok(entries) } else { Err(stopped_by) }
    }

    fn read_entry(&self, offset: &mut i64, base: i64) -> Result<Entry, ArchiveError> {
        let mut header = [0; CENTRAL_BYTES as usize];
        self.read_record(&mut header, *offset)?;
        if !header.starts_with(CENTRAL_SIGNATURE) {
            return Err(ArchiveError::Format);
        }
        let [name_bytes, extra_bytes, comment_bytes] = [28, 30, 32].map(|place| usize::from(u16_at(&header, place)));
        let mut texts = vec![0; name_bytes + extra_bytes + comment_bytes];
        self.read_record(&mut texts, offset.wrapping_add(i64::from(CENTRAL_BYTES)))?;
        *offset = offset.wrapping_add_unsigned(u64::from(CENTRAL_BYTES) + texts.len() as u64);

        let mut uncompressed_bytes = u64::from(u32_at(&header, 24));
        let mut compressed_bytes = u64::from(u32_at(&header, 20));
        let mut header_offset = u64::from(u32_at(&header, 42));
        read_zip64_extra(
            &texts[name_bytes..name_bytes + extra_bytes],
            &mut uncompressed_bytes,
            &mut compressed_bytes,
            &mut header_offset,
        )?;
        texts.truncate(name_bytes);
        Ok(Entry {
            name: texts,
            uncompressed_bytes,
            compressed_bytes,
            header_offset: header_offset.cast_signed().wrapping_add(base),
            creator: u16_at(&header, 4),
            flags: u16_at(&header, 8),
            method: u16_at(&header, 10),
            checksum: u32_at(&header, 16),
            external_attributes: u32_at(&header, 38),
        })
    }

    /// Finds the end of the central directory in the last kilobyte, else in the last 65.
    fn find_end(&self, size: u64) -> Result<DirectoryEnd, ArchiveError> {
        let size = i64::try_from(size).map_err(|_| ArchiveError::Format)?;
        for window in [1024, 65 * 1024] {
            let start = (size - window).max(0);
            let mut tail = vec![0; usize::try_from(size - start).unwrap_or_default()];
            let filled = self.read_up_to(&mut tail, start)?;
            tail.truncate(filled);
            if let Some(place) = find_end_signature(&tail) {
                return self.read_end(&tail[place..], start.wrapping_add_unsigned(place as u64), size);
            }
            if start == 0 {
                break;
            }
        }
        Err(ArchiveError::Format)
    }

    fn read_end(&self, record: &[u8], mut offset: i64, size: i64) -> Result<DirectoryEnd, ArchiveError> {
        let mut records = u64::from(u16_at(record, 10));
        let mut directory_bytes = u64::from(u32_at(record, 12));
        let mut directory_offset = u64::from(u32_at(record, 16));
        // Go compares the size with 16 bits of ones, although the field has 32.
        let may_be_zip64 = records == 0xffff || directory_bytes == 0xffff || directory_offset == 0xffff_ffff;
        if may_be_zip64 && let Some(end64) = self.find_end64(offset)? {
            let mut record = [0; END64_BYTES];
            self.read_exact(&mut record, end64)?;
            if !record.starts_with(END64_SIGNATURE) {
                return Err(ArchiveError::Format);
            }
            records = u64_at(&record, 32);
            directory_bytes = u64_at(&record, 40);
            directory_offset = u64_at(&record, 48);
            offset = end64;
        }
        let to_signed = |value: u64| i64::try_from(value).map_err(|_| ArchiveError::Format);
        let (directory_bytes, directory_offset) = (to_signed(directory_bytes)?, to_signed(directory_offset)?);
        // An archive may stand behind something else, such as a script; its offsets then count from its own start.
        let mut base = offset.wrapping_sub(directory_bytes).wrapping_sub(directory_offset);
        if !(0..size).contains(&base.wrapping_add(directory_offset)) {
            return Err(ArchiveError::Format);
        }
        // Where the plain offset leads to a header, the offsets count from the file's start after all.
        if base > 0 && self.read_entry(&mut directory_offset.clone(), 0).is_ok() {
            base = 0;
        }
        Ok(DirectoryEnd { records, directory_offset, base })
    }

    /// Where the locator before the directory's end says that the 64-bit record is.
    fn find_end64(&self, end: i64) -> Result<Option<i64>, ArchiveError> {
        let offset = end - i64::from(LOCATOR64_BYTES);
        if offset < 0 {
            return Ok(None);
        }
        let mut locator = [0; LOCATOR64_BYTES as usize];
        self.read_exact(&mut locator, offset)?;
        let is_locator =
            locator.starts_with(LOCATOR64_SIGNATURE) && u32_at(&locator, 4) == 0 && u32_at(&locator, 16) == 1;
        Ok(i64::try_from(u64_at(&locator, 8)).ok().filter(|_| is_locator))
    }
}

struct DirectoryEnd {
    records: u64,
    /// From `base`.
    directory_offset: i64,
    /// What offsets count from; negative where they are too large.
    base: i64,
}

/// The contents of an entry, checked as they are read.
pub struct EntryReader<'a> {
    archive: &'a Archive,
    entry: &'a Entry,
    progress: Progress<'a>,
    offset: i64,
    compressed_left: u64,
    descriptor: Option<i64>,
    checks_checksum: bool,
    inflater: Option<Decompress>,
    input: Vec<u8>,
    input_start: usize,
    written: u64,
    checksum: Crc,
    has_ended: bool,
    is_done: bool,
}

impl EntryReader<'_> {
    /// Fills the buffer's beginning; 0 is the end, after which size and checksum were right.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        if self.is_done || buffer.is_empty() {
            return Ok(0);
        }
        let count = if self.inflater.is_some() { self.inflate(buffer)? } else { self.read_compressed(buffer)? };
        self.checksum.update(&buffer[..count]);
        self.written += count as u64;
        if self.written > self.entry.uncompressed_bytes {
            return Err(ArchiveError::Format);
        }
        if count == 0 {
            self.finish()?;
            self.is_done = true;
        }
        Ok(count)
    }

    fn finish(&self) -> Result<(), ArchiveError> {
        if self.written != self.entry.uncompressed_bytes {
            return Err(ArchiveError::UnexpectedEnd);
        }
        if let Some(offset) = self.descriptor {
            self.check_descriptor(offset)?;
        }
        if self.checks_checksum && self.checksum.sum() != self.entry.checksum {
            return Err(ArchiveError::Checksum);
        }
        Ok(())
    }

    /// The descriptor behind the data, with or without its signature, repeats the checksum.
    fn check_descriptor(&self, offset: i64) -> Result<(), ArchiveError> {
        let mut descriptor = [0; 16];
        let filled = self.archive.read_up_to(&mut descriptor, offset)?;
        let start = if descriptor.starts_with(DESCRIPTOR_SIGNATURE) { 4 } else { 0 };
        if filled < start + 12 {
            return Err(ArchiveError::UnexpectedEnd);
        }
        if u32_at(&descriptor, start) == self.entry.checksum { Ok(()) } else { Err(ArchiveError::Checksum) }
    }

    fn read_compressed(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let length = buffer.len().min(usize::try_from(self.compressed_left).unwrap_or(usize::MAX));
        let count = if length == 0 { 0 } else { self.archive.read_at(&mut buffer[..length], self.offset)? };
        self.offset = self.offset.wrapping_add_unsigned(count as u64);
        self.compressed_left -= count as u64;
        (self.progress)(count as u64);
        Ok(count)
    }

    fn inflate(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut filled = 0;
        while !self.has_ended && filled < buffer.len() {
            if self.input_start == self.input.len() {
                let mut input = std::mem::take(&mut self.input);
                input.resize(INPUT_BYTES, 0);
                let count = self.read_compressed(&mut input)?;
                input.truncate(count);
                self.input = input;
                self.input_start = 0;
            }
            let Some(inflater) = self.inflater.as_mut() else { break };
            let (read_before, written_before) = (inflater.total_in(), inflater.total_out());
            let status =
                inflater.decompress(&self.input[self.input_start..], &mut buffer[filled..], FlushDecompress::None);
            let read = usize::try_from(inflater.total_in() - read_before).unwrap_or(usize::MAX);
            let written = usize::try_from(inflater.total_out() - written_before).unwrap_or(usize::MAX);
            self.input_start += read;
            filled += written;
            self.has_ended = matches!(status, Ok(Status::StreamEnd));
            let failure = match status {
                Err(_) => Some(ArchiveError::Corrupt(read_before)),
                Ok(Status::StreamEnd) => None,
                Ok(_) => (read == 0 && written == 0 && self.input.is_empty()).then_some(ArchiveError::UnexpectedEnd),
            };
            match failure {
                // What came before it may already be more than the archive claimed; the next call fails again.
                Some(_) if filled > 0 => break,
                Some(failure) => return Err(failure),
                None => {}
            }
        }
        Ok(filled)
    }
}

/// The sizes and the offset that did not fit in 32 bits.
fn read_zip64_extra(
    mut extra: &[u8],
    uncompressed_bytes: &mut u64,
    compressed_bytes: &mut u64,
    header_offset: &mut u64,
) -> Result<(), ArchiveError> {
    const OVERFLOW: u64 = 0xffff_ffff;
    let mut needs_uncompressed = *uncompressed_bytes == OVERFLOW;
    let mut needs_compressed = *compressed_bytes == OVERFLOW;
    let mut needs_offset = *header_offset == OVERFLOW;
    while extra.len() >= 4 {
        let tag = u16_at(extra, 0);
        let Some(mut field) = extra.get(4..4 + usize::from(u16_at(extra, 2))) else { break };
        extra = &extra[4 + field.len()..];
        if tag != ZIP64_EXTRA {
            continue;
        }
        for (needs, value) in [
            (&mut needs_uncompressed, &mut *uncompressed_bytes),
            (&mut needs_compressed, &mut *compressed_bytes),
            (&mut needs_offset, &mut *header_offset),
        ] {
            if std::mem::take(needs) {
                let (number, rest) = field.split_first_chunk::<8>().ok_or(ArchiveError::Format)?;
                *value = u64::from_le_bytes(*number);
                field = rest;
            }
        }
    }
    // An uncompressed size of just 2^32-1 may be meant so.
    if needs_compressed || needs_offset { Err(ArchiveError::Format) } else { Ok(()) }
}

/// The last end-of-directory record whose comment fits; a comment that is cut off ends the search.
fn find_end_signature(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_BYTES)?;
    let place = (0..=last).rev().find(|place| tail[*place..].starts_with(END_SIGNATURE))?;
    let comment_bytes = usize::from(u16_at(tail, place + 20));
    (place + END_BYTES + comment_bytes <= tail.len()).then_some(place)
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
