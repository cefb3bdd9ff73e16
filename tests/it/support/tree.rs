//! Files to lay out, and a temporary directory for them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use tempfile::TempDir;

use super::isolation::UNPRIVILEGED_USER;

/// What stands for the directory that a tree lies in, in texts and in links.
pub(crate) const ROOT: &str = "$ROOT";

/// Files by their paths; a path that ends with `/` is a directory, which is only needed where it is empty or special.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub content: Content,
    /// Without one, 755 for directories and providers, else 644.
    pub mode: Option<u32>,
    /// Stays root's where the rest belongs to the unprivileged user.
    pub is_roots: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Directory,
    Bytes(Vec<u8>),
    Link(String),
}

impl Tree {
    /// What a directory holds.
    pub(crate) fn of(directory: &Utf8Path) -> Self {
        let mut tree = Self::default();
        let mut waiting = vec![directory.to_owned()];
        while let Some(place) = waiting.pop() {
            let path = place.strip_prefix(directory).unwrap().to_string();
            let metadata = fs::symlink_metadata(&place).unwrap();
            if metadata.is_symlink() {
                tree.link(path, place.read_link_utf8().unwrap());
            } else if metadata.is_dir() {
                waiting.extend(place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
            } else {
                let mode = Some(metadata.permissions().mode() & 0o777);
                tree.insert(path, Entry { content: Content::Bytes(fs::read(&place).unwrap()), mode, is_roots: false });
            }
        }
        tree
    }

    pub(crate) fn insert(&mut self, path: impl Into<String>, entry: Entry) -> &mut Self {
        self.entries.insert(path.into(), entry);
        self
    }

    pub(crate) fn file(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.insert(path, Entry { content: Content::Bytes(bytes.into()), mode: None, is_roots: false })
    }

    pub(crate) fn link(&mut self, path: impl Into<String>, target: impl Into<String>) -> &mut Self {
        self.insert(path, Entry { content: Content::Link(target.into()), mode: None, is_roots: false })
    }

    pub(crate) fn directory(&mut self, path: impl Into<String>) -> &mut Self {
        self.insert(path, Entry { content: Content::Directory, mode: None, is_roots: false })
    }

    /// The same tree without what lies below a path.
    pub(crate) fn without(mut self, prefix: &str) -> Self {
        self.entries.retain(|path, _| !path.starts_with(prefix));
        self
    }

    pub(crate) fn contains(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// Whether something lies below a path.
    pub(crate) fn holds_below(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.entries.keys().any(|entry| entry.starts_with(&below) && entry.len() > below.len())
    }

    /// Changes the bytes of every file whose name ends in `.zip`.
    pub(crate) fn change_archives(&mut self, change: impl Fn(&mut Vec<u8>)) {
        for (path, entry) in &mut self.entries {
            if let Content::Bytes(bytes) = &mut entry.content
                && path.ends_with(".zip")
            {
                change(bytes);
            }
        }
    }

    /// Every text that the tree holds, with its path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|(path, entry)| match &entry.content {
            Content::Bytes(bytes) => Some((path.as_str(), std::str::from_utf8(bytes).ok()?)),
            _ => None,
        })
    }

    /// The same tree with a text replaced everywhere: in paths, contents and links.
    pub(crate) fn replace(&self, from: &str, to: &str) -> Self {
        let entries = self.entries.iter().map(|(path, entry)| {
            let content = match &entry.content {
                Content::Directory => Content::Directory,
                Content::Bytes(bytes) => Content::Bytes(match std::str::from_utf8(bytes) {
                    Ok(text) => text.replace(from, to).into_bytes(),
                    Err(_) => bytes.clone(),
                }),
                Content::Link(target) => Content::Link(target.replace(from, to)),
            };
            (path.replace(from, to), Entry { content, ..entry.clone() })
        });
        Self { entries: entries.collect() }
    }

    /// Writes everything below a directory. Modes of directories come last, so that closed ones can be filled.
    pub(crate) fn write_to(&self, root: &Utf8Path, unprivileged: bool) {
        for (path, entry) in &self.entries {
            let place = root.join(path.trim_end_matches('/'));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            match &entry.content {
                Content::Directory => fs::create_dir_all(&place).unwrap(),
                Content::Bytes(bytes) => {
                    let bytes = match std::str::from_utf8(bytes) {
                        Ok(text) => text.replace(ROOT, root.as_str()).into_bytes(),
                        Err(_) => bytes.clone(),
                    };
                    fs::write(&place, bytes).unwrap();
                    let is_provider = place.file_name().unwrap().contains("terraform-provider-")
                        && !place.as_str().to_lowercase().ends_with(".zip");
                    let mode = entry.mode.unwrap_or(if is_provider { 0o755 } else { 0o644 });
                    fs::set_permissions(&place, PermissionsExt::from_mode(mode)).unwrap();
                }
                Content::Link(target) => {
                    fs::os::unix::fs::symlink(target.replace(ROOT, root.as_str()), &place).unwrap();
                }
            }
        }
        if unprivileged {
            self.give_away(root);
        }
        for (path, entry) in self.entries.iter().rev() {
            if let (Content::Directory, Some(mode)) = (&entry.content, entry.mode) {
                fs::set_permissions(root.join(path), PermissionsExt::from_mode(mode)).unwrap();
            }
        }
    }

    fn give_away(&self, root: &Utf8Path) {
        let roots: Vec<Utf8PathBuf> = (self.entries.iter())
            .filter(|(_, entry)| entry.is_roots)
            .map(|(path, _)| root.join(path.trim_end_matches('/')))
            .collect();
        let mut waiting = vec![root.to_owned()];
        while let Some(place) = waiting.pop() {
            if !roots.contains(&place) {
                std::os::unix::fs::lchown(&place, Some(UNPRIVILEGED_USER), Some(UNPRIVILEGED_USER)).unwrap();
            }
            if fs::symlink_metadata(&place).unwrap().is_dir() {
                waiting.extend(place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
            }
        }
    }
}

/// A temporary directory that every user may enter.
pub(crate) struct Workspace {
    root: Utf8PathBuf,
    _directory: TempDir,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("airtight-test-").tempdir().unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let root = Utf8PathBuf::try_from(directory.path().canonicalize().unwrap()).unwrap();
        Self { root, _directory: directory }
    }

    pub(crate) fn holding(tree: &Tree, unprivileged: bool) -> Self {
        let workspace = Self::new();
        tree.write_to(&workspace.root, unprivileged);
        workspace
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path)
    }
}
