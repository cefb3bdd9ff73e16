//! Looking into packages and hashing them, each file once.

use std::io::Read as _;
use std::time::Instant;

use camino::Utf8Path;

use crate::digest;
use crate::digest::archive::extraction::{self, Extractor};
use crate::digest::archive::{self, Archive, ArchiveError};
use crate::digest::is_leftover;
use crate::digest::{Cache, Content, Progress, Subject};
use crate::executable;
use crate::unlikely_text::UnlikelyText;
use crate::{Contents, ContentsRequest, DigestKind, DigestRequest, Digests, Layout, PackageContents, PackageProblem};

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
        DigestKind::WithoutLeftovers => Content::WithoutLeftovers,
        DigestKind::Extracted { over } => Content::Extracted { over: over.clone() },
    };
    Subject { path: request.path.clone(), layout: request.layout, content }
}

/// Looks into packages, without reading their files' contents.
pub fn contents(wanted: &[ContentsRequest]) -> Contents {
    wanted.iter().map(|request| (request.path.clone(), look_into(request))).collect()
}

fn look_into(request: &ContentsRequest) -> PackageContents {
    match request.layout {
        Layout::Packed => look_into_archive(request),
        Layout::Unpacked => {
            let mut contents = PackageContents { extracts_to_same_hash: true, ..PackageContents::default() };
            match executable::find(&request.path, request.layout, &request.provider_type) {
                Ok(executable) => {
                    contents.executable =
                        executable.and_then(|executable| executable.path.file_name().map(str::to_owned));
                }
                Err(reason) => contents.problem = Some(PackageProblem::Unreadable(reason)),
            }
            contents.leftovers = leftovers_of_directory(&request.path);
            contents
        }
    }
}

fn look_into_archive(request: &ContentsRequest) -> PackageContents {
    let path = &request.path;
    let archive = match Archive::open(path.as_std_path()) {
        Ok(archive) => archive,
        Err(error) => return PackageContents { problem: Some(not_opened(path, error)), ..PackageContents::default() },
    };
    let extractor = if rustix::process::geteuid().is_root() { Extractor::Root } else { Extractor::Ordinary };
    let extraction = extraction::extract(&archive, extractor);
    let is_empty = archive.entries.is_empty();
    PackageContents {
        executable: executable::name_in_archive(&archive, &request.provider_type),
        executable_below: executable::below_in_archive(&archive, &request.provider_type),
        problem: if is_empty { Some(PackageProblem::Empty(path.clone())) } else { extraction.problem },
        extracts_to_same_hash: extraction.is_plain,
        longest_path_bytes: extraction.longest_path_bytes,
        leftovers: archive
            .entries
            .iter()
            .map(|entry| &entry.name[..])
            .filter(|name| is_leftover(name))
            .map(shown)
            .collect(),
    }
}

/// What is in the place of an archive, by its first bytes.
fn not_opened(path: &Utf8Path, error: ArchiveError) -> PackageProblem {
    const HEAD_BYTES: u64 = 1024;
    match error {
        ArchiveError::Overlapping => PackageProblem::Overlapping,
        ArchiveError::TooLarge => PackageProblem::TooLarge { limit_bytes: archive::LIMIT_BYTES },
        ArchiveError::Format => {
            let mut head = Vec::new();
            let file = std::fs::File::open(path);
            if file.and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head)).is_err() {
                return PackageProblem::NotAnArchive(None);
            }
            if head.starts_with(b"PK\x03\x04") {
                return PackageProblem::Truncated;
            }
            PackageProblem::NotAnArchive(UnlikelyText::of_archive(&head))
        }
        error => PackageProblem::Unreadable(error.to_string()),
    }
}

/// Of a package's top level; more is not looked for.
fn leftovers_of_directory(path: &Utf8Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name()).filter(|name| is_leftover(name.as_encoded_bytes()));
    let mut names = names.map(|name| shown(name.as_encoded_bytes())).collect::<Vec<_>>();
    names.sort();
    names
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
