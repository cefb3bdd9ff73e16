//! Which modules repositories call.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use airtight_engine::configuration::ModuleSource;
use airtight_engine::configuration::calls::{self, Call};
use airtight_hcl::{Place, Sources};
use airtight_provider::Engine;
use airtight_provider::modules::{source_name, split_subdirectory};

/// Test files of a root module are here, if nothing else is said to the engine.
const TEST_DIRECTORY: &str = "tests";

/// A module that somebody wants: the builder's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// By the engine's rules.
    pub source: ModuleSource,
    /// A constraint, for a registry's module.
    pub version: Option<String>,
    /// Repositories, by name.
    pub needed_by: BTreeSet<String>,
}

/// What of the repositories' calls is no package to fetch, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    pub at: String,
    pub why: UnreadWhy,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnreadWhy {
    /// Only the engine can evaluate the source.
    Unevaluated { call: String },
    /// It means nothing that is known here.
    Unknown { call: String, source: String },
    /// A file that cannot be read.
    File { summary: String },
    /// A path that leads out of the package that the calling module is in, or nowhere.
    LocalPath { call: String, path: String },
    /// A module from the network names a path of this machine.
    ThisMachine { call: String },
}

/// What is called from the directories below the given ones, and from what these call by local paths.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub wanted: Vec<Wanted>,
    pub unread: BTreeSet<Unread>,
    /// The repositories that were searched, whether they call anything or not.
    pub repositories: BTreeSet<String>,
}

/// Searches directories for configurations. Links are not followed, nor is what engines and version control keep there.
///
/// # Errors
/// A directory that cannot be read.
pub fn of_directories(directories: &[Utf8PathBuf], engine: &Engine) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut by_call: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    let mut visited = BTreeSet::new();
    for directory in directories {
        let real = directory.canonicalize_utf8()?;
        let mut places = Vec::new();
        search(&real, None, &mut places)?;
        for (place, repository) in places {
            let name = name_of(&real, repository.as_deref());
            found.repositories.insert(name.clone());
            found.directory(&place, &name, engine, &mut visited, &mut by_call);
        }
    }
    Ok(found)
}

impl Found {
    /// Adds a module that a list names as a call would.
    pub fn wanted(
        &mut self,
        text: &str,
        version: Option<String>,
        needed_by: BTreeSet<String>,
        list: &Utf8Path,
        engine: &Engine,
    ) {
        let source = calls::module_source(text, version.is_some(), engine);
        if normalized(&source).is_some() {
            // Somebody needs it, or it would not be in the list.
            let needed_by = if needed_by.is_empty() { BTreeSet::from([list.to_string()]) } else { needed_by };
            self.repositories.extend(needed_by.iter().cloned());
            self.wanted.push(Wanted { source, version, needed_by });
        } else {
            let why = UnreadWhy::Unknown { call: "?".to_owned(), source: source_name(text) };
            self.unread.insert(Unread { at: list.to_string(), why });
        }
    }

    fn directory(
        &mut self,
        directory: &Utf8Path,
        repository: &str,
        engine: &Engine,
        visited: &mut BTreeSet<(Utf8PathBuf, String)>,
        by_call: &mut BTreeMap<(String, Option<String>), usize>,
    ) {
        if !visited.insert((directory.to_owned(), repository.to_owned())) {
            return;
        }
        let read = calls::read(directory, Some(TEST_DIRECTORY), engine, &mut Sources::default());
        for problem in &read.not_understood {
            let why = UnreadWhy::File { summary: problem.summary.clone() };
            self.unread.insert(Unread { at: place_text(&problem.place), why });
        }
        for call in read.calls {
            let at = place_text(&call.place);
            match &call.source {
                ModuleSource::Local(path) => match directory.join(path).canonicalize_utf8() {
                    Ok(next) if next.is_dir() => self.directory(&next, repository, engine, visited, by_call),
                    _ => {
                        let why = UnreadWhy::LocalPath { call: call.name, path: path.clone() };
                        self.unread.insert(Unread { at, why });
                    }
                },
                ModuleSource::Unknown => drop(self.unread.insert(unknown(&call))),
                source => {
                    let Some(normalized) = normalized(source) else { continue };
                    let key = (normalized.to_owned(), call.version.clone());
                    let place = *by_call.entry(key).or_insert_with(|| {
                        let (source, version) = (call.source.clone(), call.version.clone());
                        self.wanted.push(Wanted { source, version, needed_by: BTreeSet::new() });
                        self.wanted.len() - 1
                    });
                    self.wanted[place].needed_by.insert(repository.to_owned());
                }
            }
        }
    }
}

/// Why a call names nothing to fetch.
pub(super) fn unknown(call: &Call) -> Unread {
    let name = call.name.clone();
    let why = match &call.text {
        None => UnreadWhy::Unevaluated { call: name },
        Some(text) => UnreadWhy::Unknown { call: name, source: source_name(text) },
    };
    Unread { at: place_text(&call.place), why }
}

/// The engine's normalised address, with the directory.
pub(super) fn normalized(source: &ModuleSource) -> Option<&str> {
    match source {
        ModuleSource::Registry { normalized, .. }
        | ModuleSource::Remote { normalized, .. }
        | ModuleSource::LocalCopy(normalized) => Some(normalized),
        ModuleSource::Local(_) | ModuleSource::Unknown => None,
    }
}

/// The name of a package in the manifest.
pub(super) fn package_name(normalized: &str) -> String {
    source_name(&split_subdirectory(normalized).0)
}

pub(super) fn place_text(place: &Place) -> String {
    let line = place.position.as_ref().map(|position| format!(":{}", position.line)).unwrap_or_default();
    format!("{}{line}", place.path)
}

/// Directories with configuration, each with the repository that it is in: the nearest one above with `.git`.
fn search(
    directory: &Utf8Path,
    repository: Option<&Utf8Path>,
    found: &mut Vec<(Utf8PathBuf, Option<Utf8PathBuf>)>,
) -> anyhow::Result<()> {
    let is_repository = directory.join(".git").exists();
    let repository = if is_repository { Some(directory) } else { repository };
    let (mut below, mut has_configuration) = (Vec::new(), false);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        if kind.is_dir() && !matches!(name.as_str(), ".terraform" | ".git") {
            below.push(name);
        } else if !kind.is_dir() {
            has_configuration |= [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|ending| name.ends_with(ending));
        }
    }
    if has_configuration {
        found.push((directory.to_owned(), repository.map(Utf8Path::to_owned)));
    }
    below.sort();
    below.iter().try_for_each(|name| search(&directory.join(name), repository, found))
}

/// A name that is the same on every machine: the repository's below the given directory, or the directory's own.
fn name_of(directory: &Utf8Path, repository: Option<&Utf8Path>) -> String {
    let below = repository.and_then(|repository| repository.strip_prefix(directory).ok());
    let name = below.map(Utf8Path::as_str).filter(|name| !name.is_empty());
    name.or(directory.file_name()).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use airtight_provider::{EngineName, Version};

    use super::*;

    #[test]
    fn calls_are_gathered_with_the_repositories_that_make_them() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let module = |name: &str, source: &str| format!("module \"{name}\" {{\n  source = {source}\n}}\n");
        for (path, text) in [
            ("repos/one/main.tf", module("a", "\"h.example/a/b/c\"") + &module("own", "\"./own\"")),
            ("repos/one/own/main.tf", module("g", "\"git::https://t0ken@h.example/g.git//d?ref=v1\"")),
            ("repos/one/.terraform/modules/x/main.tf", module("no", "\"h.example/n/o/n\"")),
            ("repos/two/stack/main.tf", module("a", "\"h.example/a/b/c\"") + &module("shared", "\"../../../shared\"")),
            ("shared/main.tf", module("s", "\"https://h.example/s.zip\"") + &module("gone", "\"./gone\"")),
            (
                "repos/two/stack/tests/x.tftest.hcl",
                "run \"r\" {\n  module {\n    source = \"h.example/t/e/st\"\n  }\n}\n".to_owned(),
            ),
            ("repos/two/stack/odd.tf", module("v", "var.source") + &module("x", "\"x/y\"")),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        for name in ["one", "two"] {
            fs::create_dir(root.join("repos").join(name).join(".git")).unwrap();
        }
        let engine = Engine::new(EngineName::Terraform, Version::release(1, 11, 0));
        let found = of_directories(&[root.join("repos")], &engine).unwrap();
        let mut wanted: Vec<_> = found
            .wanted
            .iter()
            .map(|wanted| {
                let by: Vec<_> = wanted.needed_by.iter().map(String::as_str).collect();
                (package_name(normalized(&wanted.source).unwrap()), by.join(" "))
            })
            .collect();
        wanted.sort();
        let expected = [
            ("git::https://h.example/g.git?ref=v1", "one"),
            ("h.example/a/b/c", "one two"),
            ("h.example/t/e/st", "two"),
            ("https://h.example/s.zip", "two"),
        ];
        assert_eq!(wanted, expected.map(|(name, by)| (name.to_owned(), by.to_owned())));
        let unread: Vec<_> = found.unread.iter().map(|unread| &unread.why).collect();
        let text = |text: &str| text.to_owned();
        assert_eq!(unread.len(), 3, "{unread:?}");
        assert!(unread.contains(&&UnreadWhy::Unevaluated { call: text("v") }));
        assert!(unread.contains(&&UnreadWhy::Unknown { call: text("x"), source: text("x/y") }));
        assert!(unread.contains(&&UnreadWhy::LocalPath { call: text("gone"), path: text("./gone") }));
    }
}
