//! Root modules below directories: those with a configuration that no other one calls as a module.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use fs_err as fs;

use airtight_provider::lock_file::FILE_NAME;
use airtight_provider::text_file;

/// More of a file is not searched for module calls.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// What engines, git and Terragrunt keep there is no root module.
const PASSED_OVER: [&str; 4] = [".terraform", ".git", ".terragrunt-cache", "node_modules"];

/// A directory that is probably a root module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootModule {
    pub directory: Utf8PathBuf,
    pub has_lock: bool,
}

/// Directories below the given ones, and these themselves, that have a configuration which no other configuration there calls as
/// a module by a local path, or a lock file beside it. Sorted, each once. Links are not followed. It is a guess.
///
/// # Errors
/// A directory that cannot be read.
pub fn below(directories: &[Utf8PathBuf]) -> io::Result<Vec<RootModule>> {
    let mut found = Found::default();
    for directory in directories.iter().filter(|directory| directory.is_dir()) {
        found.search(directory)?;
    }
    let Found { configured, called } = found;
    let is_root = |(directory, has_lock): &(Utf8PathBuf, bool)| *has_lock || !called.contains(directory);
    let roots = configured.into_iter().filter(is_root);
    Ok(roots.map(|(directory, has_lock)| RootModule { directory, has_lock }).collect())
}

#[derive(Default)]
struct Found {
    configured: BTreeMap<Utf8PathBuf, bool>,
    called: BTreeSet<Utf8PathBuf>,
}

impl Found {
    fn search(&mut self, directory: &Utf8Path) -> io::Result<()> {
        let mut has_configuration = false;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = directory.join(&name);
            let file_type = entry.file_type()?;
            if file_type.is_dir() && !PASSED_OVER.contains(&name.as_str()) {
                self.search(&path)?;
            } else if file_type.is_file()
                // The engines read no hidden file, such as `._main.tf` of macOS.
                && !name.starts_with('.')
                && [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|ending| name.ends_with(ending))
            {
                has_configuration = true;
                let text = text_file::read(&path, LIMIT_BYTES).unwrap_or_default();
                self.called.extend(local_sources(&text).map(|source| joined(directory, source)));
            }
        }
        if has_configuration {
            self.configured.insert(joined(directory, ""), directory.join(FILE_NAME).exists());
        }
        Ok(())
    }
}

/// Every text in quotation marks that is a local path: `"./modules/network"`.
fn local_sources(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|text| text.starts_with("./") || text.starts_with("../"))
}

/// Without `.` and with `..` taken back, as far as that is possible.
fn joined(directory: &Utf8Path, source: &str) -> Utf8PathBuf {
    let mut path = Utf8PathBuf::new();
    for component in directory.join(source).components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if path.file_name().is_some() => drop(path.pop()),
            component => path.push(component),
        }
    }
    if path.as_str().is_empty() { ".".into() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_that_are_called_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        for (path, text) in [
            ("locked/main.tf", "module \"a\" {\n  source = \"../modules/a\"\n}\n"),
            ("locked/.terraform.lock.hcl", ""),
            ("locked/.terraform/modules/x/main.tf", ""),
            ("modules/a/main.tf", "module \"b\" { source = \"./nested/../b/\" }"),
            ("modules/a/b/main.tf.json", "{}"),
            ("forgotten/main.tofu", ""),
            ("notes/README.md", ""),
            ("hidden/._main.tf", ""),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let root_module = |name: &str, has_lock| RootModule { directory: root.join(name), has_lock };
        assert_eq!(below(&[root.to_owned()]).unwrap(), [root_module("forgotten", false), root_module("locked", true)]);
        assert_eq!(below(&[root.join("forgotten/.")]).unwrap(), [root_module("forgotten", false)]);
        assert!(below(&[root.join("missing")]).unwrap().is_empty());
    }
}
