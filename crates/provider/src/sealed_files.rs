//! Whether the contents of a mirror match its seal: names, sizes, permissions and owners.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use crate::Layout;
use crate::listing::{Lister, open_directory};
use crate::owner::is_root_or_outside;
use crate::seal::{SealedFile, SealedPackage};

/// Whether files have to be root's, as they are in an image, or anybody's, as they are while it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    Roots,
    Anybodys,
}

/// Which directories have to list what is sealed and nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Listings<'a> {
    /// All from the mirror's own down to the packages of some providers.
    Complete { all: &'a [&'a str], addresses: &'a BTreeSet<String> },
    /// Those within packages.
    OfPackages,
}

/// How a mirror differs from its seal, as far as some packages go.
pub fn differences(
    base: &Utf8Path,
    packages: &[SealedPackage],
    listings: &Listings<'_>,
    ownership: Ownership,
) -> Vec<String> {
    let mut look = Look { base, ownership, directories: BTreeMap::new(), differences: Vec::new() };
    let is_complete = match listings {
        Listings::Complete { all, addresses } => {
            look.expect_addresses(all, addresses);
            true
        }
        Listings::OfPackages => false,
    };
    for package in packages {
        look.expect_package(package);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = match openat(CWD, base.as_std_path(), flags, Mode::empty()) {
        Ok(handle) => handle,
        Err(error) => return vec![format!("`{base}`: {}", io::Error::from(error))],
    };
    let mut lister = Lister::new();
    for (path, directory) in std::mem::take(&mut look.directories) {
        look.directory(&handle, path, &directory, is_complete, &mut lister);
    }
    look.differences
}

/// A directory by the seal.
#[derive(Default)]
struct Expected<'a> {
    names: BTreeMap<&'a str, Option<&'a SealedFile>>,
    is_in_package: bool,
}

struct Look<'a> {
    base: &'a Utf8Path,
    ownership: Ownership,
    /// By path below the mirror.
    directories: BTreeMap<&'a str, Expected<'a>>,
    differences: Vec<String>,
}

impl<'a> Look<'a> {
    /// The hosts, namespaces and types on the way to some providers.
    fn expect_addresses(&mut self, all: &[&'a str], addresses: &BTreeSet<String>) {
        let ends = addresses.iter().flat_map(|address| address.match_indices('/').map(|(end, _)| &address[..end]));
        let on_the_way: BTreeSet<&str> = ends.collect();
        self.directories.entry("").or_default();
        for address in all {
            let mut above = "";
            for part in address.split('/') {
                if above.is_empty() || on_the_way.contains(above) {
                    self.directories.entry(above).or_default().names.insert(part, None);
                }
                above = &address[..above.len() + usize::from(!above.is_empty()) + part.len()];
            }
        }
    }

    fn expect_package(&mut self, package: &'a SealedPackage) {
        let package_path = (package.layout() == Layout::Unpacked).then_some(&*package.path);
        for file in &package.files {
            let (directory, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            self.expect(directory, package_path).insert(name, Some(file));
            let mut below = directory;
            while !below.is_empty() {
                let (above, name) = below.rsplit_once('/').unwrap_or(("", below));
                self.expect(above, package_path).entry(name).or_default();
                below = above;
            }
        }
    }

    /// The names of a directory, which may be one of an unpacked package.
    fn expect(&mut self, directory: &'a str, package: Option<&str>) -> &mut BTreeMap<&'a str, Option<&'a SealedFile>> {
        let expected = self.directories.entry(directory).or_default();
        expected.is_in_package |= package.is_some_and(|package| directory.len() >= package.len());
        &mut expected.names
    }

    /// A directory, and the files in it.
    fn directory(
        &mut self,
        base: &OwnedFd,
        path: &str,
        expected: &Expected<'_>,
        is_complete: bool,
        lister: &mut Lister,
    ) {
        let place = if path.is_empty() { self.base.to_owned() } else { self.base.join(path) };
        let name = if path.is_empty() { "." } else { path };
        let is_listed = is_complete || expected.is_in_package;
        let opened = if is_listed { open_directory(base, name) } else { Err(Errno::NOTDIR) };
        let status = match &opened {
            Ok(handle) => fstat(handle),
            Err(_) => statat(base, name, AtFlags::SYMLINK_NOFOLLOW),
        };
        let Some(status) = self.judged(&place, status) else { return };
        if FileType::from_raw_mode(status.st_mode) != FileType::Directory {
            self.differences.push(format!("`{place}` is no directory"));
            return;
        }
        let files = expected.names.iter().filter_map(|(name, file)| Some((*name, (*file)?)));
        if !is_listed {
            for (name, file) in files {
                self.file(base.as_fd(), &file.path, &place.join(name), file);
            }
            return;
        }
        let (handle, entries) = match opened.and_then(|handle| Ok((lister.list(&handle)?, handle))) {
            Ok((entries, handle)) => (handle, entries),
            Err(error) => {
                self.differences.push(format!("`{place}`: {}", io::Error::from(error)));
                return;
            }
        };
        let is_passed_over = |name: &str| {
            let is_index = [".json", ".lock"].iter().any(|end| name.ends_with(end));
            !expected.is_in_package && (name.starts_with('.') || is_index)
        };
        let names = entries.iter().map(|(name, _)| name.to_string_lossy());
        let mut unsealed: Vec<_> =
            names.filter(|name| !expected.names.contains_key(&**name) && !is_passed_over(name)).collect();
        unsealed.sort();
        self.differences.extend(unsealed.iter().map(|name| format!("`{}` is not sealed", place.join(&**name))));
        for (name, file) in files {
            self.file(handle.as_fd(), name, &place.join(name), file);
        }
    }

    fn file(&mut self, directory: BorrowedFd<'_>, name: &str, place: &Utf8Path, sealed: &SealedFile) {
        let status = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        let Some(status) = self.judged(place, status) else { return };
        let (found, size) = (octal(status.st_mode), u64::try_from(status.st_size).unwrap_or_default());
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            self.differences.push(format!("`{place}` is no ordinary file"));
        } else if size != sealed.size {
            self.differences.push(format!("`{place}` has {size} bytes, sealed with {}", sealed.size));
        } else if found != sealed.mode {
            self.differences.push(format!("`{place}` has the permissions {found}, sealed with {}", sealed.mode));
        }
    }

    /// Who could replace what is at a place that is there.
    fn judged(&mut self, place: &Utf8Path, status: Result<Stat, Errno>) -> Option<Stat> {
        match status {
            Ok(status) => {
                let is_roots = self.ownership == Ownership::Roots;
                let why = is_roots.then(|| why_others_can_write(place, status.st_mode, status.st_uid));
                self.differences.extend(why.flatten());
                Some(status)
            }
            Err(Errno::NOENT) => {
                self.differences.push(format!("`{place}` is sealed and not there"));
                None
            }
            Err(error) => {
                self.differences.push(format!("`{place}`: {}", io::Error::from(error)));
                None
            }
        }
    }
}

/// Octal, as the manifest has them.
pub fn permissions(metadata: &Metadata) -> String {
    octal(metadata.mode())
}

fn octal(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

/// Why, according to owner and permissions, another user than root could replace the file at a path. Access control lists show
/// in the group's permissions.
pub fn why_writable(path: &Utf8Path, metadata: &Metadata) -> Option<String> {
    why_others_can_write(path, metadata.mode(), metadata.uid())
}

fn why_others_can_write(path: &Utf8Path, mode: u32, owner: u32) -> Option<String> {
    if FileType::from_raw_mode(mode) == FileType::Symlink {
        Some(format!("`{path}` is a symbolic link"))
    } else if !is_root_or_outside(owner) {
        Some(format!("`{path}` does not belong to root"))
    } else if mode & 0o022 != 0 {
        Some(format!("`{path}` can be written by others than root"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const PACKAGE: &str = "host/a/x/1.0.0/linux_amd64";

    fn package() -> SealedPackage {
        let file = |path: &str| SealedFile { mode: "0644".to_owned(), path: format!("{PACKAGE}/{path}"), size: 3 };
        SealedPackage {
            address: "host/a/x".to_owned(),
            evidence: Vec::new(),
            executable: None,
            extracted: None,
            files: vec![file("docs/y"), file("x")],
            h1: String::new(),
            layout: "unpacked".to_owned(),
            path: PACKAGE.to_owned(),
            platform: "linux_amd64".to_owned(),
            version: "1.0.0".to_owned(),
            zh: None,
        }
    }

    /// How the mirror differs after a change, with all listings and with those of packages.
    fn after(change: impl Fn(&Utf8Path)) -> [String; 2] {
        let scratch = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(scratch.path()).unwrap().canonicalize_utf8().unwrap();
        fs::create_dir_all(base.join(PACKAGE).join("docs")).unwrap();
        for name in ["x", "docs/y"] {
            fs::write(base.join(PACKAGE).join(name), "abc").unwrap();
            fs::set_permissions(base.join(PACKAGE).join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        change(&base);
        let addresses = BTreeSet::from(["host/a/x".to_owned()]);
        let complete = Listings::Complete { all: &["host/a/x"], addresses: &addresses };
        [complete, Listings::OfPackages].map(|listings| {
            let differences = differences(&base, &[package()], &listings, Ownership::Anybodys);
            differences.join("; ").replace(&format!("{base}/"), "").replace(PACKAGE, "P")
        })
    }

    #[test]
    fn each_difference_from_the_seal_is_seen() {
        let in_package = |path: &str| format!("{PACKAGE}/{path}");
        let both = |text: &str| [text.to_owned(), text.to_owned()];
        assert_eq!(after(|_| ()), both(""));
        assert_eq!(after(|base| fs::write(base.join(in_package("new")), "").unwrap()), both("`P/new` is not sealed"));
        assert_eq!(
            after(|base| fs::write(base.join(in_package("docs/.z")), "").unwrap()),
            both("`P/docs/.z` is not sealed")
        );
        assert_eq!(
            after(|base| fs::write(base.join(in_package("x")), "four").unwrap()),
            both("`P/x` has 4 bytes, sealed with 3")
        );
        assert_eq!(
            after(|base| fs::set_permissions(base.join(in_package("x")), fs::Permissions::from_mode(0o4755)).unwrap()),
            both("`P/x` has the permissions 4755, sealed with 0644")
        );
        assert_eq!(
            after(|base| fs::remove_file(base.join(in_package("x"))).unwrap()),
            both("`P/x` is sealed and not there")
        );
        assert_eq!(
            after(|base| {
                fs::rename(base.join(in_package("x")), base.join("elsewhere")).unwrap();
                symlink(base.join("elsewhere"), base.join(in_package("x"))).unwrap();
            })[1],
            "`P/x` is no ordinary file"
        );
        let planted = after(|base| fs::create_dir(base.join("host/a/x/2.0.0")).unwrap());
        assert_eq!(planted, ["`host/a/x/2.0.0` is not sealed", ""]);
    }

    #[test]
    fn a_link_above_a_package_is_seen() {
        let linked = after(|base| {
            fs::rename(base.join("host/a"), base.join("host/.a")).unwrap();
            symlink(".a", base.join("host/a")).unwrap();
        });
        assert_eq!(linked, ["`host/a` is no directory", "`host/a` is no directory"]);
    }

    #[test]
    fn the_files_of_an_image_are_roots() {
        let scratch = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(scratch.path()).unwrap().canonicalize_utf8().unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o777)).unwrap();
        let differences = differences(&base, &[package()], &Listings::OfPackages, Ownership::Roots).join("; ");
        let is_said = ["can be written by others than root", "does not belong to root"];
        assert!(is_said.iter().any(|said| differences.contains(said)), "{differences}");
    }
}
