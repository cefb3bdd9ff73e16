//! Looking into packages and hashing them, each file once.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::Layout;
use crate::digest;
use crate::digest::archive::Archive;
use crate::digest::{Cache, Content, Progress, Subject};
use crate::executable;
use crate::{Contents, ContentsRequest, DigestKind, DigestRequest, Digests, PackageContents};

/// Computes digests; what two of them share is read once.
pub struct Hasher<'a> {
    cache: Cache,
    progress: Progress<'a>,
}

impl<'a> Hasher<'a> {
    pub fn new(progress: Progress<'a>) -> Self {
        Self { cache: Cache::default(), progress }
    }

    /// Adds the wanted digests that are not there yet.
    pub fn compute(&self, wanted: &[DigestRequest], digests: &mut Digests) {
        let wanted = wanted.iter().filter(|request| !digests.contains_key(request)).cloned().collect::<Vec<_>>();
        let subjects = wanted.iter().map(subject).collect::<Vec<_>>();
        let started = Instant::now();
        let results = digest::compute(&subjects, Some(&self.cache), self.progress);
        if !subjects.is_empty() {
            let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(packages = subjects.len(), elapsed_ms, "hashed");
        }
        digests.extend(wanted.into_iter().zip(results));
    }
}

fn subject(request: &DigestRequest) -> Subject {
    let content = match &request.kind {
        DigestKind::H1 => Content::H1,
        DigestKind::Zh => Content::Zh,
        DigestKind::Extracted { over } => Content::Extracted { over: over.clone() },
    };
    Subject { path: request.path.clone(), layout: request.layout, content }
}

/// Looks into packages, without reading their files' contents.
pub fn contents(wanted: &[ContentsRequest]) -> Contents {
    wanted.iter().map(|request| (request.path.clone(), look_into(request))).collect()
}

fn look_into(request: &ContentsRequest) -> PackageContents {
    let mut contents = PackageContents { extracts_to_same_hash: true, ..PackageContents::default() };
    if request.layout == Layout::Packed {
        match Archive::open(request.path.as_std_path()) {
            Ok(archive) => {
                contents.error = why_not_extracted(&archive, request);
                contents.extracts_to_same_hash = extracts_as_it_is(&archive);
            }
            Err(error) => contents.error = Some(error.to_string()),
        }
    }
    match executable::find(&request.path, request.layout, &request.provider_type) {
        Ok(executable) => {
            contents.executable = executable.and_then(|executable| executable.path.file_name().map(str::to_owned));
        }
        Err(error) => contents.error = contents.error.or(Some(error)),
    }
    contents
}

/// Source: hashicorp/go-getter `decompress_zip.go`.
fn why_not_extracted(archive: &Archive, request: &ContentsRequest) -> Option<String> {
    if archive.entries.is_empty() {
        return Some(format!("empty archive: {}", request.path));
    }
    let climbs = |name: &[u8]| name.split(|byte| matches!(byte, b'/' | b'\\')).any(|part| part == b"..");
    let entry = archive.entries.iter().find(|entry| climbs(&entry.name))?;
    Some(format!("entry contains '..': {}", String::from_utf8_lossy(&entry.name)))
}

fn extracts_as_it_is(archive: &Archive) -> bool {
    let mut names = BTreeSet::new();
    archive.entries.iter().all(|entry| {
        let is_clean = entry.name.split(|byte| *byte == b'/').all(|part| !part.is_empty() && part != b".");
        is_clean && !entry.is_directory() && names.insert(&entry.name)
    })
}
