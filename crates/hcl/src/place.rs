//! Where something stands: a file, and in it a byte range, a line and a column.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// A file, or a part of one. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub path: Utf8PathBuf,
    pub position: Option<Position>,
}

/// A part of a text file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
    /// Byte offsets into the file's text.
    pub start: usize,
    pub end: usize,
}

impl Place {
    pub fn file(path: impl AsRef<Utf8Path>) -> Self {
        Self { path: shown(path.as_ref()), position: None }
    }

    /// A byte range of a text. Ranges outside the text are cut to it.
    pub fn in_text(path: &Utf8Path, text: &str, range: Range<usize>) -> Self {
        let start = floor_char_boundary(text, range.start);
        let end = floor_char_boundary(text, range.end).max(start);
        let before = &text[..start];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = text[line_start..start].chars().count() + 1;
        Self {
            path: shown(path),
            position: Some(Position {
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
                start,
                end,
            }),
        }
    }
}

/// The path without `.` parts: `modules/a/main.tf` is what people call it.
fn shown(path: &Utf8Path) -> Utf8PathBuf {
    let shown = path.components().filter(|part| !matches!(part, Utf8Component::CurDir)).collect::<Utf8PathBuf>();
    if shown.as_str().is_empty() { path.to_owned() } else { shown }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The texts that were read, kept so that findings can show their lines.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: BTreeMap<Utf8PathBuf, Arc<str>>,
    /// Files that a link leads to outside the repository, each with the sentence that is said instead of its text.
    withheld: BTreeMap<Utf8PathBuf, String>,
    /// Without links.
    repository: Option<Utf8PathBuf>,
    /// Directories whose own files are no links out of the repository.
    inside: BTreeSet<Utf8PathBuf>,
    /// Directories that a link leads to outside the repository, by the path that is used after the link is resolved.
    outside: Vec<Utf8PathBuf>,
}

impl Sources {
    /// Of one repository: links that lead out of it are known.
    pub fn of_repository(repository: &Utf8Path) -> Self {
        let real = repository.canonicalize_utf8().unwrap_or_else(|_| repository.to_owned());
        Self { repository: Some(real), ..Self::default() }
    }

    pub fn repository(&self) -> Option<&Utf8Path> {
        self.repository.as_deref()
    }

    /// Whether a directory is known to hold no file outside the repository but by links of its own.
    pub fn is_inside(&self, directory: &Utf8Path) -> bool {
        self.inside.contains(directory)
    }

    pub fn know_inside(&mut self, directory: &Utf8Path) {
        self.inside.insert(directory.to_owned());
    }

    fn is_outside(&self, path: &Utf8Path) -> bool {
        let path = shown(path);
        self.outside.iter().any(|directory| path.starts_with(directory))
    }

    /// No line of a file below this directory is shown.
    pub fn know_outside(&mut self, directory: &Utf8Path) {
        self.outside.push(shown(directory));
    }

    /// Nothing of this file is printed; `said` is what is printed instead.
    pub fn withhold(&mut self, path: &Utf8Path, said: String) {
        self.withheld.insert(shown(path), said);
    }

    /// What is said of a file whose text must not be printed.
    pub fn withheld(&self, path: &Utf8Path) -> Option<&str> {
        self.withheld.get(&shown(path)).map(String::as_str)
    }

    pub fn insert(&mut self, path: &Utf8Path, text: Arc<str>) {
        if self.withheld(path).is_none() && !self.is_outside(path) {
            self.texts.insert(shown(path), text);
        }
    }

    pub fn get(&self, path: &Utf8Path) -> Option<&str> {
        self.texts.get(&shown(path)).map(AsRef::as_ref)
    }
}
