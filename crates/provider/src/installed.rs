//! The contents of the data directory's `providers`: links into a mirror, extracted copies, or something planted.
//!
//! The engines look at it in two ways, and this reader hides nothing from either:
//!
//! - Terraform (and OpenTofu once) walks it like a mirror: `providers` itself may be a symbolic link, host, namespace,
//!   type and version directories may not, names are normalised (`HashiCorp`, `3.2`), archives are passed over.
//! - OpenTofu 1.12 asks `stat` for the canonical path of the very package that it wants, so that a symbolic link at any
//!   level leads it elsewhere.
//!
//! Sources: OpenTofu `internal/providercache/dir.go` `ProviderVersion`; Terraform the same file, `fillMetaCache`.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io::ErrorKind;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fd::OwnedFd;
use rustix::fs::{Access, CWD, FileType, Mode, OFlags};

use crate::directory_access::nearest;
use crate::listing::{Lister, open_directory};
use crate::{EngineName, PackageId, Platform, ProviderAddress};

#[derive(Clone, Debug, Default)]
pub struct Installed {
    /// By path.
    pub entries: Vec<InstalledEntry>,
    /// Anything that is no `HOST/NAMESPACE/TYPE/VERSION/TARGET` (the engines' own `.lock` files excepted), such as a
    /// link above that level; `providers` itself where it is no plain directory. By path.
    pub strange: Vec<Utf8PathBuf>,
    /// The directory that was read, without symbolic links; null if it is not there, or closed.
    pub real_base: Option<Utf8PathBuf>,
    /// Why it, or a directory in it, cannot be read; its contents are then unknown.
    pub error: Option<String>,
}

/// Something at the place of a package. Its path may spell the identity in another way than the engine writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledEntry {
    pub id: PackageId,
    pub path: Utf8PathBuf,
    pub kind: InstalledKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstalledKind {
    Directory,
    /// With the target as written.
    Link {
        target: Utf8PathBuf,
        resolved: Resolved,
    },
    /// A file, which no engine takes for a package.
    Other,
}

/// Where a link leads in the end. It is looked up when it is asked for, as the target's text usually says enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    link: Utf8PathBuf,
    real: OnceLock<Option<Utf8PathBuf>>,
}

impl Resolved {
    fn of(link: &Utf8Path) -> Self {
        Self { link: link.to_owned(), real: OnceLock::new() }
    }

    /// Null if the link dangles, or leads to a path that is no text.
    pub fn get(&self) -> Option<&Utf8PathBuf> {
        self.real.get_or_init(|| self.link.canonicalize_utf8().ok()).as_ref()
    }
}

impl From<Option<Utf8PathBuf>> for Resolved {
    fn from(real: Option<Utf8PathBuf>) -> Self {
        Self { link: Utf8PathBuf::new(), real: real.into() }
    }
}

/// Reads `providers` below the data directory; missing is empty.
///
/// # Errors
/// Fails if a directory cannot be read, where Terraform fails too.
pub fn read(data_dir: &Utf8Path, engine: EngineName) -> anyhow::Result<Installed> {
    read_directory(&data_dir.join("providers"), engine)
}

/// The same where a directory that cannot be read is a fact like others.
pub fn read_as_far_as_possible(data_dir: &Utf8Path, engine: EngineName) -> Installed {
    let directory = data_dir.join("providers");
    read_directory(&directory, engine).unwrap_or_else(|error| Installed {
        real_base: directory.canonicalize_utf8().ok().filter(|base| base.read_dir_utf8().is_ok()),
        error: Some(format!("{error:#}")),
        ..Installed::default()
    })
}

/// Reads a directory of installed packages, such as a plugin cache; missing is empty.
///
/// # Errors
/// Fails if a directory cannot be read.
pub fn read_directory(directory: &Utf8Path, engine: EngineName) -> anyhow::Result<Installed> {
    let mut installed = Installed { real_base: directory.canonicalize_utf8().ok(), ..Installed::default() };
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(installed),
        Err(error) => return Err(error.into()),
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            installed.strange.push(directory.to_owned());
            // If it is a link to a directory, its packages are still found.
            if !directory.is_dir() {
                return Ok(installed);
            }
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(CWD, directory.as_std_path(), flags, Mode::empty());
    let handle = handle.map_err(|error| unreadable(directory, error))?;
    installed.visit(&handle, directory, &mut Vec::new(), engine, &mut Lister::new())?;
    installed.entries.sort_by(|left, right| left.path.as_str().cmp(right.path.as_str()));
    installed.strange.sort();
    Ok(installed)
}

/// The directories of a plugin cache that packages are put into, down to those of versions, and whether this process
/// can add to each. By their paths relative to the cache; the empty one means the cache, or the directory that
/// it would be made in.
pub fn directories(cache: &Utf8Path) -> BTreeMap<Utf8PathBuf, bool> {
    let can_add = |directory: &Utf8Path| {
        directory.is_dir() && rustix::fs::access(directory.as_std_path(), Access::WRITE_OK | Access::EXEC_OK).is_ok()
    };
    let nearest = nearest(cache);
    let mut directories = BTreeMap::from([(Utf8PathBuf::new(), can_add(nearest))]);
    let mut waiting = vec![(Utf8PathBuf::new(), 0)];
    while let Some((relative, depth)) = waiting.pop() {
        let Ok(entries) = cache.join(&relative).read_dir_utf8() else { continue };
        for entry in entries.flatten() {
            let path = relative.join(entry.file_name());
            directories.insert(path.clone(), can_add(entry.path()));
            if depth < 3 && entry.file_type().is_ok_and(|file_type| file_type.is_dir()) {
                waiting.push((path, depth + 1));
            }
        }
    }
    directories
}

impl Installed {
    /// `names` are those of the directories from `providers` down to this one.
    fn visit(
        &mut self,
        handle: &OwnedFd,
        directory: &Utf8Path,
        names: &mut Vec<String>,
        engine: EngineName,
        lister: &mut Lister,
    ) -> anyhow::Result<()> {
        for (file_name, file_type) in lister.list(handle).map_err(|error| unreadable(directory, error))? {
            let path = directory.join(file_name.to_string_lossy().as_ref());
            let is_at_package = names.len() == 4;
            if is_at_package && file_type == FileType::RegularFile && file_name.to_bytes().ends_with(b".lock") {
                continue;
            }
            let Ok(name) = file_name.to_str() else {
                self.strange.push(path);
                continue;
            };
            if is_at_package {
                match identify(engine, names, name) {
                    Some(id) => {
                        let kind = kind(handle, &file_name, file_type, &path)?;
                        self.entries.push(InstalledEntry { id, path, kind });
                    }
                    None => self.strange.push(path),
                }
            } else if file_type == FileType::Directory {
                let below = open_directory(handle, &*file_name).map_err(|error| unreadable(&path, error))?;
                names.push(name.to_owned());
                self.visit(&below, &path, names, engine, lister)?;
                names.pop();
            } else {
                self.strange.push(path);
            }
        }
        Ok(())
    }
}

fn unreadable(directory: &Utf8Path, error: rustix::io::Errno) -> anyhow::Error {
    anyhow::anyhow!("failed to read directory `{directory}`: {}", std::io::Error::from(error))
}

fn identify(engine: EngineName, names: &[String], platform: &str) -> Option<PackageId> {
    let [host, namespace, provider_type, version] = names else { return None };
    Some(PackageId {
        address: ProviderAddress::from_directories(engine, host, namespace, provider_type).ok()?,
        version: version.parse().ok()?,
        platform: platform.parse::<Platform>().ok()?,
    })
}

fn kind(handle: &OwnedFd, name: &CStr, file_type: FileType, path: &Utf8Path) -> anyhow::Result<InstalledKind> {
    Ok(match file_type {
        FileType::Directory => InstalledKind::Directory,
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(handle, name, Vec::new())
                .map_err(|error| anyhow::anyhow!("failed to read link `{path}`: {}", std::io::Error::from(error)))?;
            // A target that is no text cannot be the place of a package of ours.
            match target.into_string() {
                Ok(target) => InstalledKind::Link { target: target.into(), resolved: Resolved::of(path) },
                Err(_) => InstalledKind::Other,
            }
        }
        _ => InstalledKind::Other,
    })
}

#[cfg(test)]
mod tests {
    use fs_err::os::unix::fs::symlink;

    use super::*;

    const PACKAGE: &str = "providers/registry.opentofu.org/hashicorp/null/3.2.1/linux_amd64";

    struct Scratch {
        _guard: tempfile::TempDir,
        path: Utf8PathBuf,
    }

    impl Scratch {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
            Self { _guard: guard, path }
        }

        fn directory(&self, path: &str) -> Utf8PathBuf {
            let path = self.path.join(path);
            fs::create_dir_all(&path).unwrap();
            path
        }

        fn link(&self, target: &str, path: &str) {
            let path = self.path.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        }

        fn read(&self) -> Installed {
            read(&self.path, EngineName::Tofu).unwrap()
        }

        fn strange(&self) -> Vec<String> {
            self.read().strange.iter().map(|path| path.strip_prefix(&self.path).unwrap().to_string()).collect()
        }
    }

    #[test]
    fn a_data_directory_without_providers_is_empty() {
        let scratch = Scratch::new();
        let installed = scratch.read();
        assert_eq!((installed.entries, installed.strange), (vec![], vec![]));
        assert!(read(&scratch.path.join("missing"), EngineName::Tofu).unwrap().entries.is_empty());
    }

    #[test]
    fn tells_copies_links_and_files_apart() {
        let scratch = Scratch::new();
        let mirror = scratch.directory("mirror");
        scratch.directory(&format!("{PACKAGE}/docs"));
        scratch.link("../../../../../mirror", &PACKAGE.replace("3.2.1", "3.2.2"));
        scratch.link("/nowhere", &PACKAGE.replace("3.2.1", "3.2.3"));
        scratch.directory(&PACKAGE.replace("3.2.1/linux_amd64", "3.2.4"));
        fs::write(scratch.path.join(PACKAGE.replace("3.2.1", "3.2.4")), "").unwrap();
        fs::write(scratch.path.join(format!("{PACKAGE}.lock")), "").unwrap();
        let installed = scratch.read();
        let kinds: Vec<_> = installed.entries.iter().map(|entry| &entry.kind).collect();
        let [
            InstalledKind::Directory,
            InstalledKind::Link { target, resolved },
            InstalledKind::Link { target: nowhere, resolved: none },
            InstalledKind::Other,
        ] = kinds[..]
        else {
            panic!("{kinds:?}");
        };
        assert_eq!((target.as_str(), resolved.get()), ("../../../../../mirror", Some(&mirror)));
        assert_eq!((nowhere.as_str(), none.get()), ("/nowhere", None));
        assert_eq!(installed.strange, [] as [&str; 0]);
    }

    #[test]
    fn every_spelling_of_a_package_is_an_entry() {
        let scratch = Scratch::new();
        for path in [
            "providers/Registry.OpenTofu.org/HashiCorp/NULL/3.2/linux_amd64",
            "providers/registry.opentofu.org/hashicorp/null/3.2.0/linux_amd64",
        ] {
            scratch.directory(path);
        }
        let installed = scratch.read();
        let ids: Vec<_> = installed.entries.iter().map(|entry| entry.id.to_string()).collect();
        assert_eq!(ids, ["registry.opentofu.org/hashicorp/null 3.2.0 (linux_amd64)"; 2]);
        assert_ne!(installed.entries[0].path, installed.entries[1].path);
    }

    #[test]
    fn a_link_at_any_level_is_strange() {
        let parts: Vec<_> = PACKAGE.split('/').collect();
        for depth in 1..parts.len() {
            let scratch = Scratch::new();
            let planted = scratch.directory("planted");
            fs::create_dir_all(planted.join(parts[depth..].join("/"))).unwrap();
            let link = parts[..depth].join("/");
            scratch.link(planted.as_str(), &link);
            assert_eq!(scratch.strange(), [link.as_str()]);
            assert_eq!(scratch.read().entries.len(), usize::from(depth == 1), "{link}");
        }
    }

    #[test]
    fn whatever_is_no_package_is_strange() {
        for (path, is_file) in [
            ("providers/README", true),
            ("providers/registry.opentofu.org/hashicorp/null/terraform-provider-null_3.2.1_linux_amd64.zip", true),
            ("providers/registry.opentofu.org/hashicorp/null/3.2.1.lock", true),
            ("providers/registry.opentofu.org/hashicorp/null/v3.2.1/linux_amd64", false),
            ("providers/a_b/hashicorp/null/3.2.1/linux_amd64", false),
            ("providers/registry.opentofu.org/hashicorp/null/3.2.1/linux", false),
        ] {
            let scratch = Scratch::new();
            if is_file {
                scratch.directory(Utf8Path::new(path).parent().unwrap().as_str());
                fs::write(scratch.path.join(path), "").unwrap();
            } else {
                scratch.directory(path);
            }
            assert_eq!(scratch.strange(), [path]);
        }
        let scratch = Scratch::new();
        fs::write(scratch.path.join("providers"), "").unwrap();
        assert_eq!(scratch.strange(), ["providers"]);
    }

    #[test]
    fn a_lock_that_is_no_file_is_not_passed_over() {
        let scratch = Scratch::new();
        scratch.link("/etc/passwd", &format!("{PACKAGE}.lock"));
        assert_eq!(scratch.read().entries.len(), 1);
    }
}
