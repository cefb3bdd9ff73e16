//! One entry's contents, inflated and checked as they are read.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::super::stream::Progress;
use super::{Archive, ArchiveError, Entry, u16_at, u32_at};

const LOCAL_SIGNATURE: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: u8 = 30;
pub(super) const METHOD_STORED: u16 = 0;
pub(super) const METHOD_DEFLATED: u16 = 8;
const FLAG_DESCRIPTOR: u16 = 0x8;
const DESCRIPTOR_SIGNATURE: &[u8] = b"PK\x07\x08";
const INPUT_BYTES: usize = 64 * 1024;

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

impl Archive {
    /// Opens an entry's contents. `progress` gets the number of compressed bytes.
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
