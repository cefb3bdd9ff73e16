//! What repositories need: the union of their lock files.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use airtight_engine::state;
use airtight_hcl::Sources;
use airtight_provider::lock_file;
use airtight_provider::lock_file::FILE_NAME;
use airtight_provider::manifest::Manifest;
use airtight_provider::{Engine, EngineName, Hash, ProviderAddress, Version, VersionConstraints};

/// Versions of providers, each with who needs it.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    pub versions: BTreeMap<(ProviderAddress, Version), Vec<Need>>,
}

/// A lock file's word on a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub root_module: Utf8PathBuf,
    /// False if the version was chosen because there is no lock file.
    pub is_locked: bool,
    /// Those that engines use; never of unknown schemes.
    pub hashes: Vec<Hash>,
}

/// A directory to search that has no lock file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlocked {
    pub directory: Utf8PathBuf,
    /// It is a root module by itself.
    pub has_configuration: bool,
    /// Directories below it are locked.
    pub has_locks_below: bool,
}

impl Demand {
    /// Searches directories for root modules with lock files, and reads these. Symbolic links are not followed.
    ///
    /// The second part names those of the directories that a lock file is missing in: with neither a lock file below,
    /// nor one of their own next to their configuration.
    ///
    /// # Errors
    /// A lock file that an engine refuses, or that we cannot read whole: a mirror
    /// that lacks what one of them needs would be found out only behind the gap.
    pub fn of_directories(directories: &[Utf8PathBuf], engine: EngineName) -> anyhow::Result<(Self, Vec<Unlocked>)> {
        let (mut demand, mut without) = (Self::default(), Vec::new());
        for directory in directories {
            let mut root_modules = Vec::new();
            search(directory, &mut root_modules)?;
            let has_own = root_modules.first() == Some(directory);
            let unlocked = Unlocked {
                directory: directory.clone(),
                has_configuration: has_configuration(directory)?,
                has_locks_below: !root_modules.is_empty(),
            };
            if !has_own && (unlocked.has_configuration || !unlocked.has_locks_below) {
                without.push(unlocked);
            }
            for root_module in &root_modules {
                demand.add(root_module, engine)?;
            }
        }
        Ok((demand, without))
    }

    fn add(&mut self, root_module: &Utf8Path, engine: EngineName) -> anyhow::Result<()> {
        let lock_file = lock_file::read(root_module, engine, &mut Sources::default());
        if let Some(problem) = lock_file.errors.iter().chain(&lock_file.not_understood).next() {
            let line =
                problem.place.position.as_ref().map(|position| format!(":{}", position.line)).unwrap_or_default();
            anyhow::bail!("`{}`{line}: {}: {}", lock_file.path, problem.summary, problem.detail);
        }
        for lock in lock_file.locks {
            let hashes = lock.hashes.into_iter().filter(Hash::is_preferred).collect();
            let need = Need { root_module: root_module.to_owned(), is_locked: true, hashes };
            let needs = self.versions.entry((lock.address, lock.version)).or_default();
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        Ok(())
    }

    /// Adds what a manifest names a version of, and gives back what it names none of, with the constraints and who needs it.
    ///
    /// # Errors
    /// An entry that is no provider, version, constraint or hash.
    pub fn add_manifest(
        &mut self,
        path: &Utf8Path,
        manifest: &Manifest,
    ) -> anyhow::Result<Vec<(ProviderAddress, VersionConstraints, Utf8PathBuf)>> {
        let mut unlocked = Vec::new();
        for provider in &manifest.providers {
            let wrong = |what: &str, text: &str, error: &dyn std::fmt::Display| {
                anyhow::anyhow!("the manifest `{path}`: provider `{}`, {what} `{text}`: {error}", provider.address)
            };
            let address: ProviderAddress =
                provider.address.parse().map_err(|error| wrong("address", &provider.address, &error))?;
            let root_modules: Vec<Utf8PathBuf> = match provider.needed_by.as_slice() {
                [] => vec![path.to_owned()],
                named => named.iter().map(Utf8PathBuf::from).collect(),
            };
            let Some(version) = &provider.version else {
                let constraints = if provider.constraints.is_empty() {
                    VersionConstraints::default()
                } else {
                    VersionConstraints::parse_requirement(&provider.constraints)
                        .map_err(|error| wrong("constraints", &provider.constraints, &error))?
                };
                unlocked.push((address, constraints, root_modules[0].clone()));
                continue;
            };
            let version: Version = version.parse().map_err(|error| wrong("version", version, &error))?;
            let mut hashes = Vec::new();
            for text in &provider.hashes {
                hashes.push(text.parse::<Hash>().map_err(|error| wrong("hash", text, &error))?);
            }
            hashes.retain(Hash::is_preferred);
            let needs = self.versions.entry((address, version)).or_default();
            needs.extend(root_modules.into_iter().map(|root_module| Need {
                root_module,
                is_locked: !hashes.is_empty(),
                hashes: hashes.clone(),
            }));
        }
        Ok(unlocked)
    }

    /// Providers that a state needs and no lock file has a version of: `init` would look for them too.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn unlocked_of_state(&self, path: &Utf8Path, engine: &Engine) -> anyhow::Result<Vec<ProviderAddress>> {
        let state = state::read_given(path, engine)?;
        if let Some(problem) = state.problems.first() {
            anyhow::bail!("`{path}`: {}", problem.kind);
        }
        let locked: BTreeSet<&ProviderAddress> = self.versions.keys().map(|(address, _)| address).collect();
        let needed = state.needs.iter().map(|need| &need.address);
        let missing: BTreeSet<ProviderAddress> =
            needed.filter(|address| !address.is_built_in() && !locked.contains(address)).cloned().collect();
        Ok(missing.into_iter().collect())
    }
}

/// Whether an engine would find configuration right in a directory.
fn has_configuration(directory: &Utf8Path) -> anyhow::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|ending| name.ends_with(ending)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Directories with a lock file, parents before what is below them.
fn search(directory: &Utf8Path, found: &mut Vec<Utf8PathBuf>) -> anyhow::Result<()> {
    if directory.join(FILE_NAME).is_file() {
        found.push(directory.to_owned());
    }
    let mut below = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What engines and version control keep there are copies.
        if entry.file_type()?.is_dir() && !matches!(name.as_str(), ".terraform" | ".git") {
            below.push(directory.join(name));
        }
    }
    below.sort();
    below.iter().try_for_each(|directory| search(directory, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "provider \"e.com/acme/dog\" {\n  version = \"1.2.3\"\n  hashes = [\"h1:a\", \"zz:b\"]\n}\n";

    #[test]
    fn every_root_module_below_is_found_and_copies_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        for path in ["b", "b/c", "a", "a/.terraform/modules/x", ".git/x"] {
            fs::create_dir_all(root.join(path)).unwrap();
            fs::write(root.join(path).join(FILE_NAME), LOCK).unwrap();
        }
        fs::create_dir(root.join("without")).unwrap();
        let directories = [root.to_owned(), root.join("b"), root.join("without")];
        let (demand, without) = Demand::of_directories(&directories, EngineName::Tofu).unwrap();
        let unlocked = |directory: Utf8PathBuf, has_configuration, has_locks_below| Unlocked {
            directory,
            has_configuration,
            has_locks_below,
        };
        assert_eq!(without, [unlocked(root.join("without"), false, false)]);
        fs::write(root.join("main.tf"), "").unwrap();
        let (_, without) = Demand::of_directories(&[root.to_owned()], EngineName::Tofu).unwrap();
        assert_eq!(without, [unlocked(root.to_owned(), true, true)]);
        let needs: Vec<_> = demand.versions.values().flatten().map(|need| need.root_module.clone()).collect();
        assert_eq!(needs, ["a", "b", "b/c"].map(|path| root.join(path)));
        assert_eq!(demand.versions.values().next().unwrap()[0].hashes, ["h1:a".parse::<Hash>().unwrap()]);
    }

    #[test]
    fn a_manifest_is_a_demand_of_its_own() {
        let manifest = |entry: &str| {
            let text = format!(r#"{{"schema": "airtight/manifest/1", "providers": [{entry}]}}"#);
            let mut demand = Demand::default();
            let unlocked = demand.add_manifest("next.json".into(), &Manifest::parse(&text).unwrap());
            unlocked.map(|unlocked| (demand, unlocked)).map_err(|error| error.to_string())
        };
        let locked =
            r#"{"address": "e.com/acme/dog", "version": "1.2.3", "hashes": ["h1:a", "zz:b"], "needed_by": ["a", "b"]}"#;
        let (demand, unlocked) = manifest(locked).unwrap();
        assert!(unlocked.is_empty());
        let [needs] = demand.versions.values().collect::<Vec<_>>()[..] else { panic!("{demand:?}") };
        assert_eq!(needs.iter().map(|need| need.root_module.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(needs[0].is_locked && needs[0].hashes == ["h1:a".parse::<Hash>().unwrap()]);
        let (demand, unlocked) = manifest(r#"{"address": "e.com/acme/dog", "constraints": "~> 1.2"}"#).unwrap();
        assert!(demand.versions.is_empty());
        assert_eq!(unlocked[0].1.to_string(), "~> 1.2");
        let error = manifest(r#"{"address": "e.com/acme/dog", "version": "one"}"#).unwrap_err();
        assert!(error.starts_with("the manifest `next.json`: provider `e.com/acme/dog`, version `one`: "), "{error}");
    }

    #[test]
    fn a_lock_file_that_is_wrong_stops_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::write(root.join(FILE_NAME), format!("{LOCK}\nprovider \"e.com/acme/dog\" {{\n  version = 1\n}}\n"))
            .unwrap();
        let error = Demand::of_directories(&[root.to_owned()], EngineName::Tofu).unwrap_err().to_string();
        assert!(error.contains(".terraform.lock.hcl`:"), "{error}");
    }
}
