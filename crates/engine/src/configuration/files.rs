//! The files of a module: which count, and in which order.
//!
//! Source: OpenTofu `internal/configs/parser_config_dir.go` `dirFiles`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::body::ParsedFile;
use airtight_hcl::{Place, Problem, ProblemKind, Sources};
use airtight_provider::{Engine, outside, text_file};

/// A larger file is not read, so that a planted one cannot fill the memory.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Files in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModuleFiles {
    pub primary: Vec<Utf8PathBuf>,
    pub overrides: Vec<Utf8PathBuf>,
    pub tests: Vec<Utf8PathBuf>,
}

impl ModuleFiles {
    /// Those of the module itself, each with whether it is an override file.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&Utf8PathBuf, bool)> {
        let primary = self.primary.iter().map(|path| (path, false));
        primary.chain(self.overrides.iter().map(|path| (path, true)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Configuration,
    Test,
}

/// Suffixes, with their kind; those of OpenTofu alone come after [`TOFU_SUFFIXES_FROM`].
const SUFFIXES: &[(&str, Kind)] = &[
    (".tf", Kind::Configuration),
    (".tf.json", Kind::Configuration),
    (".tftest.hcl", Kind::Test),
    (".tftest.json", Kind::Test),
    (".tofu", Kind::Configuration),
    (".tofu.json", Kind::Configuration),
    (".tofutest.hcl", Kind::Test),
    (".tofutest.json", Kind::Test),
];

const TOFU_SUFFIXES_FROM: usize = 4;

/// Lists a module's directory and, if one is named, its directory of tests. Symbolic links are listed as files.
pub(super) fn list(
    directory: &Utf8Path,
    test_directory: Option<&str>,
    engine: &Engine,
    problems: &mut Vec<Problem>,
) -> ModuleFiles {
    let mut files = ModuleFiles::default();
    if let Some(test_directory) = test_directory {
        let path = directory.join(test_directory);
        match names(&path) {
            Ok(names) => {
                files.tests.extend(names.iter().filter(|n| kind(n, engine) == Some(Kind::Test)).map(|n| path.join(n)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => {
                problems.push(unreadable("Failed to read test directory", &path));
                return files;
            }
        }
    }
    let Ok(names) = names(directory) else {
        problems.push(unreadable("Failed to read module directory", directory));
        return files;
    };
    for name in names {
        let path = directory.join(&name);
        match kind(&name, engine) {
            Some(Kind::Test) if test_directory.is_some() => files.tests.push(path),
            Some(Kind::Configuration) if is_override(&name) => files.overrides.push(path),
            Some(Kind::Configuration) => files.primary.push(path),
            Some(Kind::Test) | None => {}
        }
    }
    for paths in [&mut files.primary, &mut files.overrides, &mut files.tests] {
        hide_alternatives(paths);
    }
    files
}

/// The names in a directory but those of directories, in byte order. Names that are no text count for no engine here.
fn names(directory: &Utf8Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let (false, Ok(name)) = (entry.file_type()?.is_dir(), entry.file_name().into_string()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn suffix(name: &str, engine: &Engine) -> Option<(&'static str, Kind)> {
    let known = if engine.reads_tofu_files() { SUFFIXES } else { &SUFFIXES[..TOFU_SUFFIXES_FROM] };
    known.iter().copied().find(|(suffix, _)| name.ends_with(suffix))
}

fn kind(name: &str, engine: &Engine) -> Option<Kind> {
    let is_ignored = name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'));
    suffix(name, engine).filter(|_| !is_ignored).map(|(_, kind)| kind)
}

fn is_override(name: &str) -> bool {
    let stem = SUFFIXES.iter().find_map(|(suffix, _)| name.strip_suffix(suffix)).unwrap_or(name);
    stem == "override" || stem.ends_with("_override")
}

/// Drops `.tf` files that OpenTofu replaces with a `.tofu` file of the same stem.
fn hide_alternatives(paths: &mut Vec<Utf8PathBuf>) {
    let all = paths.clone();
    paths.retain(|path| {
        let alternative = SUFFIXES[..TOFU_SUFFIXES_FROM].iter().find_map(|(suffix, _)| {
            let stem = path.as_str().strip_suffix(suffix)?;
            Some(format!("{stem}{}", suffix.replace(".tf", ".tofu")))
        });
        alternative.is_none_or(|alternative| !all.contains(&Utf8PathBuf::from(alternative)))
    });
}

fn unreadable(summary: &str, path: &Utf8Path) -> Problem {
    Problem::new(ProblemKind::Unreadable, summary, "It does not exist or cannot be read.", Place::file(path))
}

/// Reads and parses one file.
pub(super) fn parse(path: &Utf8Path, sources: &mut Sources, problems: &mut Vec<Problem>) -> Option<ParsedFile> {
    outside::withhold(path, sources);
    let bytes = match text_file::read_bytes(path, LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            let (kind, summary) = if error.is_ours() {
                (ProblemKind::Limit, "File not read")
            } else {
                (ProblemKind::Unreadable, "Failed to read file")
            };
            problems.push(Problem::new(
                kind,
                summary,
                format!("airtight does not read it: {error}."),
                Place::file(path),
            ));
            return None;
        }
    };
    let (file, text, problem) = ParsedFile::parse(path, &bytes);
    sources.insert(path, text);
    problems.extend(problem);
    Some(file)
}
