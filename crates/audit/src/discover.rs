//! Root modules below directories: by their lock files, else by their configuration.
//!
//! Nothing in a repository says which directory is a stack. A directory with a lock file is one, unless another configuration calls
//! it as a module and it configures no provider. Of the others with a configuration, those that somebody calls, that nobody could
//! start, or that are named as examples and tests, are left out, each with the reason.

use std::collections::BTreeMap;
use std::fs::FileType;

use airtight_provider::lock_file;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// A directory with configuration files.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a directory")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Below the directory that was given, as it was given.
    pub directory: Utf8PathBuf,
    /// The nearest directory with `.git`, else the one that was given.
    pub repository: Utf8PathBuf,
    pub has_lock: bool,
    /// It is the very directory that was given.
    pub is_named: bool,
    /// One of the names on the way says that it is an example or a test.
    pub by_name: Option<LeftOutReason>,
    /// A directory `modules` is on the way.
    pub is_among_modules: bool,
    /// It has a directory `examples`, as published modules have.
    pub has_examples: bool,
}

/// A directory that is not audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub directory: Utf8PathBuf,
    pub why: LeftOutReason,
}

/// Why a directory is not audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOutReason {
    /// Another configuration calls it as a module.
    Called {
        by: Utf8PathBuf,
    },
    Example,
    Test,
    /// What an engine or Terragrunt installed: copies.
    Vendored,
    /// It configures no provider and no backend, nobody calls it, and it is where modules are kept.
    Module,
    /// It is a link; what it leads to is found at its own place.
    Link,
}

impl LeftOutReason {
    /// For people: the directory is...
    pub fn text(&self) -> String {
        match self {
            Self::Called { by } => format!("a module that `{by}` calls"),
            Self::Example => "an example".to_owned(),
            Self::Test => "a test".to_owned(),
            Self::Vendored => "a copy that an engine installed".to_owned(),
            Self::Module => "a module: it configures no provider and no backend".to_owned(),
            Self::Link => "a link".to_owned(),
        }
    }

    /// For programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Called { .. } => "called",
            Self::Example => "example",
            Self::Test => "test",
            Self::Vendored => "vendored",
            Self::Module => "module",
            Self::Link => "link",
        }
    }
}

/// What a search has found, in the order of the directories.
#[derive(Debug, Default)]
pub struct Found {
    pub candidates: Vec<Candidate>,
    pub left_out: Vec<LeftOut>,
}

/// Searches directories. Links are not followed.
///
/// # Errors
/// A directory that cannot be read.
pub fn search(directories: &[Utf8PathBuf]) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for directory in directories {
        let repository = directory
            .canonicalize_utf8()
            .ok()
            .and_then(|real| real.ancestors().find(|above| above.join(".git").exists()).map(Utf8Path::to_owned));
        let way = Way { repository: repository.unwrap_or_else(|| directory.clone()), ..Way::default() };
        found.visit(directory, &way, true)?;
    }
    found.candidates.sort_by(|left, right| left.directory.cmp(&right.directory));
    found.candidates.dedup_by(|second, first| first.directory == second.directory);
    found.left_out.sort_by(|left, right| left.directory.cmp(&right.directory));
    found.left_out.dedup();
    Ok(found)
}

/// What the names on the way to a directory say.
#[derive(Clone, Default)]
struct Way {
    repository: Utf8PathBuf,
    by_name: Option<LeftOutReason>,
    is_among_modules: bool,
}

impl Found {
    fn visit(&mut self, directory: &Utf8Path, way: &Way, is_named: bool) -> anyhow::Result<()> {
        let mut way = way.clone();
        let mut names: BTreeMap<String, FileType> = BTreeMap::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            // No engine and no Spacelift can name what is not text.
            let Ok(name) = entry.file_name().into_string() else { continue };
            names.insert(name, entry.file_type()?);
        }
        if names.contains_key(".git") {
            way.repository = directory.to_owned();
        }
        let has_lock = names.contains_key(lock_file::FILE_NAME);
        if has_lock || names.iter().any(|(name, kind)| !kind.is_dir() && is_configuration(name)) {
            self.candidates.push(Candidate {
                directory: directory.to_owned(),
                repository: way.repository.clone(),
                has_lock,
                is_named,
                by_name: way.by_name.clone(),
                is_among_modules: way.is_among_modules,
                has_examples: names.contains_key("examples"),
            });
        }
        for (name, kind) in names {
            let path = directory.join(&name);
            if kind.is_symlink() && path.is_dir() {
                self.left_out.push(LeftOut { directory: path, why: LeftOutReason::Link });
            } else if kind.is_dir() {
                match name.as_str() {
                    ".git" => {}
                    ".terraform" | ".terragrunt-cache" | "node_modules" => {
                        self.left_out.push(LeftOut { directory: path, why: LeftOutReason::Vendored });
                    }
                    name => {
                        let below = Way {
                            repository: way.repository.clone(),
                            by_name: way.by_name.clone().or_else(|| by_name(name)),
                            is_among_modules: way.is_among_modules || matches!(name, "modules" | "module"),
                        };
                        self.visit(&path, &below, false)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn by_name(name: &str) -> Option<LeftOutReason> {
    match name {
        "example" | "examples" => Some(LeftOutReason::Example),
        "test" | "tests" | "testdata" | "fixtures" => Some(LeftOutReason::Test),
        _ => None,
    }
}

fn is_configuration(name: &str) -> bool {
    !name.starts_with('.') && [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_found_with_what_their_names_say() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        for file in [
            "one/.git/config",
            "one/prod/main.tf",
            "one/prod/.terraform.lock.hcl",
            "one/prod/.terraform/modules/x/main.tf",
            "one/modules/net/main.tf.json",
            "one/examples/simple/main.tofu",
            "two/tests/a/main.tf",
            "two/README.md",
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "").unwrap();
        }
        fs::os::unix::fs::symlink("one", root.join("link")).unwrap();
        let found = search(&[root.to_owned(), root.join("one/prod")]).unwrap();
        let seen: Vec<_> = found
            .candidates
            .iter()
            .map(|candidate| {
                let name = |path: &Utf8Path| path.strip_prefix(root).unwrap().to_string();
                let why = candidate.by_name.as_ref().map_or("", LeftOutReason::name);
                (
                    name(&candidate.directory),
                    name(&candidate.repository),
                    candidate.has_lock,
                    why,
                    candidate.is_among_modules,
                )
            })
            .collect();
        let row = |directory: &str, repository: &str, has_lock, why, among| {
            (directory.to_owned(), repository.to_owned(), has_lock, why, among)
        };
        assert_eq!(
            seen,
            [
                row("one/examples/simple", "one", false, "example", false),
                row("one/modules/net", "one", false, "", true),
                row("one/prod", "one", true, "", false),
                row("two/tests/a", "", false, "test", false),
            ]
        );
        let left_out: Vec<_> = found.left_out.iter().map(|left_out| left_out.why.name()).collect();
        assert_eq!(left_out, ["link", "vendored"]);
    }
}
