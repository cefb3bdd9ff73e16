//! The central directory, found from the file's end.

use super::{Archive, ArchiveError, Entry, u16_at, u32_at, u64_at};

const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64_SIGNATURE: &[u8] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
const LOCATOR64_SIGNATURE: &[u8] = b"PK\x06\x07";
const LOCATOR64_BYTES: u8 = 20;
const CENTRAL_SIGNATURE: &[u8] = b"PK\x01\x02";
const CENTRAL_BYTES: u8 = 46;
const ZIP64_EXTRA: u16 = 1;

impl Archive {
    pub(super) fn read_entries(&self, size: u64) -> Result<Vec<Entry>, ArchiveError> {
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
        // An archive may follow something else, such as a script; its offsets then count from its own start.
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
    /// What offsets count from; negative if they are too large.
    base: i64,
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
