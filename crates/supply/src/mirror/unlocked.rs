//! Root modules without a lock file, which are easily passed over among others that have one.

use std::collections::BTreeSet;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use fs_err as fs;

use airtight_provider::lock_file::FILE_NAME;
use airtight_provider::text_file;

/// More of a file is not searched for module calls.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Directories below the given ones with a configuration and no lock file, which no other configuration there calls as a
/// module by a local path. Links are not followed. It is a guess, good enough for a warning.
///
/// # Errors
/// A directory that cannot be read.
pub fn below(directories: &[Utf8PathBuf]) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let mut found = Found::default();
    for directory in directories.iter().filter(|directory| directory.is_dir()) {
        found.search(directory)?;
    }
    Ok(found.unlocked.difference(&found.called).cloned().collect())
}

#[derive(Default)]
struct Found {
    unlocked: BTreeSet<Utf8PathBuf>,
    called: BTreeSet<Utf8PathBuf>,
}

impl Found {
    fn search(&mut self, directory: &Utf8Path) -> anyhow::Result<()> {
        let mut has_configuration = false;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = directory.join(&name);
            let file_type = entry.file_type()?;
            if file_type.is_dir() && !matches!(name.as_str(), ".terraform" | ".git") {
                self.search(&path)?;
            } else if file_type.is_file()
                && [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|ending| name.ends_with(ending))
            {
                has_configuration = true;
                let text = text_file::read(&path, LIMIT_BYTES).unwrap_or_default();
                self.called.extend(local_sources(&text).map(|source| joined(directory, source)));
            }
        }
        if has_configuration && !directory.join(FILE_NAME).exists() {
            self.unlocked.insert(joined(directory, ""));
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
    fn modules_that_are_called_and_those_with_a_lock_file_are_left_out() {
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
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        assert_eq!(below(&[root.to_owned()]).unwrap(), [root.join("forgotten")]);
        assert_eq!(below(&[root.join("forgotten/.")]).unwrap(), [root.join("forgotten")]);
        assert!(below(&[root.join("missing")]).unwrap().is_empty());
    }
}
