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

const OWNER_READS: u32 = 0o400;
const OWNER_WRITES: u32 = 0o200;

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
                return extraction;
            }
        }
    }
    extraction.problem = tree.not_readable(extractor);
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
    /// Of the entry that was written last.
    File {
        entry: &'a Entry,
    },
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
        let file = Node::File { entry };
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
            Node::File { entry: earlier }
                if extractor == Extractor::Ordinary && earlier.unix_mode() & OWNER_WRITES == 0 =>
            {
                Err(PackageProblem::ReadOnlyTwice { name: shown(name) })
            }
            Node::File { .. } => {
                self.nodes[place] = file;
                Ok(Written::Over)
            }
        }
    }

    /// The hash that goes into the lock file is computed from the extracted files.
    fn not_readable(&self, extractor: Extractor) -> Option<PackageProblem> {
        self.nodes.iter().find_map(|node| match node {
            Node::File { entry } if extractor == Extractor::Ordinary && entry.unix_mode() & OWNER_READS == 0 => {
                Some(PackageProblem::NotReadable { name: shown(&entry.name) })
            }
            _ => None,
        })
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// One stored entry: its name, what it holds, its Unix mode, the flags and the method of its header.
    struct Made<'a>(&'a [u8], &'a [u8], u32, u16, u16);

    const FILE: u32 = 0o100_755;
    const DIRECTORY: u32 = 0o040_755;

    fn file(name: &str) -> Made<'_> {
        Made(name.as_bytes(), b"x", FILE, 0, 0)
    }

    fn mode(name: &str, mode: u32) -> Made<'_> {
        Made(name.as_bytes(), b"x", mode, 0, 0)
    }

    fn directory(name: &str) -> Made<'_> {
        Made(name.as_bytes(), b"", DIRECTORY, 0, 0)
    }

    fn zip(entries: &[Made<'_>]) -> Vec<u8> {
        let (mut body, mut central) = (Vec::new(), Vec::new());
        for Made(name, data, mode, flags, method) in entries {
            let mut crc = flate2::Crc::new();
            crc.update(data);
            let length = u32::try_from(data.len()).unwrap().to_le_bytes();
            let fields = [
                &20_u16.to_le_bytes()[..],
                &flags.to_le_bytes(),
                &method.to_le_bytes(),
                &[0; 4],
                &crc.sum().to_le_bytes(),
                &length,
                &length,
                &u16::try_from(name.len()).unwrap().to_le_bytes(),
                &[0; 2],
            ]
            .concat();
            let offset = u32::try_from(body.len()).unwrap().to_le_bytes();
            body.extend([b"PK\x03\x04", &fields[..], name, data].concat());
            let rest = [&[0; 6][..], &(mode << 16).to_le_bytes(), &offset, name].concat();
            central.extend([b"PK\x01\x02\x14\x03", &fields[..], &rest[..]].concat());
        }
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let size = u32::try_from(central.len()).unwrap().to_le_bytes();
        let start = u32::try_from(body.len()).unwrap().to_le_bytes();
        let end = [b"PK\x05\x06", &[0; 4][..], &count, &count, &size, &start, &[0; 2]].concat();
        [body, central, end].concat()
    }

    fn extracted(entries: &[Made<'_>], extractor: Extractor) -> Extraction {
        let mut scratch = tempfile::NamedTempFile::new().unwrap();
        scratch.write_all(&zip(entries)).unwrap();
        extract(&Archive::open(scratch.path()).unwrap(), extractor)
    }

    /// The words of both engines, without the directory that they extract to. Every kind is in the recordings.
    #[test]
    fn ends_where_the_engines_end() {
        let long = "a".repeat(256);
        let cut = "a".repeat(60) + "...";
        let cases: [(&[Made<'_>], Option<String>); 20] = [
            (&[file("a"), file("b/c")], None),
            (&[file("a"), file("a/b")], Some("mkdir a/b: not a directory".to_owned())),
            (&[file("a"), directory("a/")], Some("mkdir a/: not a directory".to_owned())),
            (&[file("a/b"), file("a")], Some("open a: is a directory".to_owned())),
            (&[directory("a/"), file("a")], Some("open a: is a directory".to_owned())),
            (&[directory("a/"), directory("a//")], None),
            (&[mode("a/", 0o040_000), file("a/b")], None),
            (&[file("")], Some("open : is a directory".to_owned())),
            (&[file(".")], Some("open .: is a directory".to_owned())),
            (&[directory("./"), directory("/"), mode("", DIRECTORY)], None),
            (&[file("a\0b")], Some("open a\0b: invalid argument".to_owned())),
            (&[file("a\nb")], None),
            (&[file("a\\..\\b")], Some("entry contains '..': a\\..\\b".to_owned())),
            (&[file("a..b"), file("...")], None),
            (&[file(&long)], Some(format!("open {cut}: file name too long"))),
            (&[file(&long[1..])], None),
            (&[Made(b"a", b"x", FILE, 0, 14)], Some("zip: unsupported compression algorithm".to_owned())),
            (&[Made(b"a/", b"", DIRECTORY, 0, 99)], None),
            (&[Made(b"a", b"x", FILE, 1, 0)], None),
            (&[mode("l", 0o120_777), file("l/x")], Some("mkdir l/x: not a directory".to_owned())),
        ];
        for (entries, expected) in cases {
            let names = entries.iter().map(|entry| String::from_utf8_lossy(entry.0)).collect::<Vec<_>>();
            let problem = extracted(entries, Extractor::Ordinary).problem.map(|problem| problem.to_string());
            assert_eq!(problem, expected, "{names:?}");
        }
    }

    #[test]
    fn modes_stop_every_user_but_root() {
        for (entries, expected) in [
            (&[mode("a", 0o100_444), file("a")][..], Some(PackageProblem::ReadOnlyTwice { name: "a".to_owned() })),
            (&[mode("a", 0o100_000)], Some(PackageProblem::NotReadable { name: "a".to_owned() })),
            (&[mode("a", 0o100_200), file("a")], None),
        ] {
            assert_eq!(extracted(entries, Extractor::Ordinary).problem, expected);
            assert_eq!(extracted(entries, Extractor::Root).problem, None);
        }
    }

    #[test]
    fn only_plain_names_once_leave_the_archives_own_hash() {
        for (entries, expected) in [
            (&[file("a"), file("b/c")][..], true),
            (&[file("a"), file("a")], false),
            (&[directory("b/"), file("b/c")], false),
            (&[file("/a")], false),
            (&[file("b//c")], false),
        ] {
            assert_eq!(extracted(entries, Extractor::Ordinary).is_plain, expected);
        }
        assert_eq!(extracted(&[file("b//c"), file("./dd/e")], Extractor::Root).longest_path_bytes, "dd/e".len());
    }

    #[test]
    fn many_names_take_linear_time() {
        // Paths of 1,000 directories each: a quadratic walk would compare 250 million names.
        let deep = (0..1000).map(|_| "d/").collect::<String>();
        let names = (0..500).map(|number| format!("{deep}{number}")).collect::<Vec<_>>();
        let entries = names.iter().map(|name| file(name)).collect::<Vec<_>>();
        assert_eq!(extracted(&entries, Extractor::Ordinary).problem, None);
    }

    #[test]
    fn entries_over_the_same_bytes_are_refused() {
        let mut bytes = zip(&[Made(b"a", &[0; 1000], FILE, 0, 0), Made(b"b", &[0; 1000], FILE, 0, 0)]);
        let first = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        // The first entry claims the bytes of both.
        bytes[first + 20..first + 24].copy_from_slice(&2000_u32.to_le_bytes());
        let mut scratch = tempfile::NamedTempFile::new().unwrap();
        scratch.write_all(&bytes).unwrap();
        assert_eq!(Archive::open(scratch.path()).unwrap_err(), super::super::ArchiveError::Overlapping);
    }
}
