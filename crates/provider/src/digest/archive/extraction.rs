//! What extracting an archive comes to, entry after entry, without extracting it.
//!
//! The engines extract in the archive's order into a directory that is new: parents are made as needed (mode 0755,
//! whatever their own entries say), a later file of one name is written over the earlier one, links become plain files
//! that hold their target, and the first entry that the file system refuses ends it. Time and memory are linear in the
//! length of the names.
//!
//! Source: hashicorp/go-getter `decompress_zip.go`; Go `os.MkdirAll`, `path/filepath` `Join`. Each kind was tried on
//! Terraform 1.11.4 and OpenTofu 1.12.6.

use std::collections::HashMap;

use super::{Archive, Entry};
use crate::PackageProblem;

/// Of a component of a path, as nearly all file systems of Linux have it.
const NAME_BYTES: usize = 255;

/// What is left of a name that is longer.
const SHOWN_CHARACTERS: usize = 60;

/// The tree that extraction leaves.
#[derive(Debug)]
pub struct Extraction {
    /// What ends it, if anything does.
    pub problem: Option<PackageProblem>,
    /// The longest path in the tree, in bytes, `/` included.
    pub longest_path_bytes: usize,
    /// The tree has the archive's own `h1:`: no entries for directories, no name twice, no name that changes on its way.
    pub is_plain: bool,
}

/// The user that extracts: root is not kept from writing by a file's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extractor {
    Root,
    Ordinary,
}

/// Extracts an archive into an empty tree of names. The contents of entries are read only where a header says that they
/// are encrypted.
pub fn extract(archive: &Archive, extractor: Extractor) -> Extraction {
    let mut tree = Tree { nodes: vec![Node::directory()] };
    let mut extraction = Extraction { problem: None, longest_path_bytes: 0, is_plain: true };
    for entry in &archive.entries {
        extraction.is_plain &= !entry.is_directory() && clean(&entry.name).eq(entry.name.split(|byte| *byte == b'/'));
        let length = clean(&entry.name).map(|part| part.len() + 1).sum::<usize>().saturating_sub(1);
        extraction.longest_path_bytes = extraction.longest_path_bytes.max(length);
        match tree.add(archive, entry, extractor) {
            Ok(Written::New) => {}
            Ok(Written::Over) => extraction.is_plain = false,
            Err(problem) => {
                extraction.problem = Some(problem);
                break;
            }
        }
    }
    extraction
}

/// The components of a name as joining it to the target directory leaves them: no empty and no `.` parts.
pub fn clean(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

enum Node<'a> {
    Directory(HashMap<&'a [u8], usize>),
    /// Whether its owner may write it.
    File { is_writable: bool },
}

impl Node<'_> {
    fn directory() -> Self {
        Self::Directory(HashMap::new())
    }
}

enum Written {
    New,
    Over,
}

impl<'a> Tree<'a> {
    fn add(&mut self, archive: &Archive, entry: &'a Entry, extractor: Extractor) -> Result<Written, PackageProblem> {
        let name = &entry.name;
        if name.split(|byte| matches!(byte, b'/' | b'\\')).any(|part| part == b"..") {
            return Err(PackageProblem::Climbs { name: shown(name) });
        }
        let mut parts = clean(name).collect::<Vec<_>>();
        if entry.is_directory() {
            self.directory(&parts, name)?;
            return Ok(Written::New);
        }
        let Some(last) = parts.pop() else {
            return Err(PackageProblem::DirectoryInTheWay { name: shown(name) });
        };
        let parent = self.directory(&parts, name)?;
        // The contents are opened before the file is.
        if !entry.has_known_method() {
            return Err(PackageProblem::Compression { name: shown(name), method: entry.method });
        }
        if entry.is_encrypted() && !is_readable(archive, entry) {
            return Err(PackageProblem::Encrypted { name: shown(name) });
        }
        check_part(last, name)?;
        let file = Node::File { is_writable: entry.unix_mode() & 0o200 != 0 };
        let next = self.nodes.len();
        let Node::Directory(children) = &mut self.nodes[parent] else {
            return Err(PackageProblem::FileInTheWay { name: shown(name) });
        };
        let place = *children.entry(last).or_insert(next);
        if place == next {
            self.nodes.push(file);
            return Ok(Written::New);
        }
        match &self.nodes[place] {
            Node::Directory(_) => Err(PackageProblem::DirectoryInTheWay { name: shown(name) }),
            Node::File { is_writable: false } if extractor == Extractor::Ordinary => {
                Err(PackageProblem::ReadOnlyTwice { name: shown(name) })
            }
            Node::File { .. } => {
                self.nodes[place] = file;
                Ok(Written::Over)
            }
        }
    }

    /// Makes a directory and those above it.
    fn directory(&mut self, parts: &[&'a [u8]], name: &[u8]) -> Result<usize, PackageProblem> {
        let mut place = 0;
        for part in parts {
            check_part(part, name)?;
            let next = self.nodes.len();
            let Node::Directory(children) = &mut self.nodes[place] else {
                return Err(PackageProblem::FileInTheWay { name: shown(name) });
            };
            place = *children.entry(part).or_insert(next);
            if place == next {
                self.nodes.push(Node::directory());
            }
        }
        match self.nodes[place] {
            Node::Directory(_) => Ok(place),
            Node::File { .. } => Err(PackageProblem::FileInTheWay { name: shown(name) }),
        }
    }
}

fn check_part(part: &[u8], name: &[u8]) -> Result<(), PackageProblem> {
    if part.contains(&0) {
        return Err(PackageProblem::ZeroByte { name: shown(name) });
    }
    if part.len() > NAME_BYTES {
        return Err(PackageProblem::NameTooLong { name: shown(name) });
    }
    Ok(())
}

/// The engines ignore that an entry is marked as encrypted, and stumble over what they read.
fn is_readable(archive: &Archive, entry: &Entry) -> bool {
    const BUFFER_BYTES: usize = 64 * 1024;
    let Ok(mut reader) = archive.read(entry, &|_| {}) else { return false };
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut shown = text.chars().take(SHOWN_CHARACTERS).collect::<String>();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}
