//! Installing a chosen package: what is checked, with which hash, and what is in the lock file afterwards.
//!
//! Source: OpenTofu `internal/providercache/installer.go` `ensureProviderVersionInstalled`,
//! `internal/getproviders/package_location_local_dir.go` and `package_location_local_archive.go`; Terraform
//! `internal/providercache/installer.go`, `package_install.go`.

mod archive;
mod plugin_cache;
mod stop;
#[cfg(test)]
mod tests;

use camino::{Utf8Path, Utf8PathBuf};

pub(super) use stop::Stop;

use super::{Cause, Facts, Install, Selected, SelectedPackage, Selection};
use airtight_finding::Code;
use airtight_provider::installed::{Installed, InstalledEntry, InstalledKind};
use airtight_provider::{Contents, ContentsRequest, DigestKind, DigestRequest, Digests, PackageContents};
use airtight_provider::{EngineName, Hash, HashScheme, Layout};

/// A package in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) install: Install,
    pub(super) proven_by: Option<Hash>,
    pub(super) h1: Hash,
    pub(super) lock: LockUpdate,
}

/// What becomes of the provider's lock entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LockUpdate {
    /// It stays as it is, its `constraints` too.
    Untouched,
    /// Its hashes stay, of every scheme; its `constraints` follow the configuration.
    Refreshed,
    /// The hashes that the installer saw, and the installed package's.
    Rewritten,
}

pub(super) fn install(
    facts: &Facts,
    selected: &Selected,
    contents: &Contents,
    digests: &Digests,
) -> Result<Done, Stop> {
    let installation = Installation { facts, selected, contents, digests };
    match installation.run() {
        // Nothing is known of the target of a link above the package's own directory.
        Ok(_) if installation.target_is_strange() => Err(Stop::Unseen(
            Code::PackagePlanted,
            format!("`{}`: its place below the data directory is not an ordinary one", selected.id),
        )),
        other => other,
    }
}

pub(super) fn wanted_digests(
    facts: &Facts,
    selection: &Selection,
    contents: &Contents,
    digests: &Digests,
) -> Vec<DigestRequest> {
    let mut wanted: Vec<_> = selection
        .selected
        .values()
        .filter_map(|selected| match install(facts, selected, contents, digests) {
            Err(Stop::Needs(request)) => Some(request),
            _ => None,
        })
        .collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

pub(super) fn wanted_contents(facts: &Facts, selection: &Selection) -> Vec<ContentsRequest> {
    let mut wanted = Vec::new();
    for selected in selection.selected.values() {
        let provider_type = selected.id.address.provider_type();
        if let Some(package) = &selected.package {
            wanted.push(ContentsRequest {
                path: package.path.clone(),
                layout: package.layout,
                provider_type: provider_type.to_owned(),
            });
        }
        let caches = facts.plugin_cache.iter().map(|cache| &cache.entries);
        let homes: Vec<_> = caches.chain([&facts.installed]).collect();
        let entries = homes.iter().flat_map(|installed| {
            [entry_for(facts, installed, selected), entry_at_place(installed, selected)].into_iter().flatten()
        });
        for entry in entries {
            wanted.extend(existing_directory(entry, selected).map(|path| ContentsRequest {
                path,
                layout: Layout::Unpacked,
                provider_type: provider_type.to_owned(),
            }));
        }
    }
    wanted.sort();
    wanted.dedup();
    wanted
}

/// What the engine finds of a package: Terraform walks, and takes it in any spelling; OpenTofu from 1.10 looks at the
/// package's own path.
fn entry_for<'a>(facts: &Facts, installed: &'a Installed, selected: &Selected) -> Option<&'a InstalledEntry> {
    if facts.engine.installs_one_directory_at_a_time() {
        return entry_at_place(installed, selected);
    }
    installed.entries.iter().find(|entry| entry.id == selected.id)
}

/// What is already at the place where the engine puts a package.
fn entry_at_place<'a>(installed: &'a Installed, selected: &Selected) -> Option<&'a InstalledEntry> {
    let place = selected.id.unpacked_path();
    installed.entries.iter().find(|entry| entry.id == selected.id && entry.path.ends_with(&place))
}

/// The directory behind an entry; a link to the selected package is that package, so that it is read once.
fn existing_directory(entry: &InstalledEntry, selected: &Selected) -> Option<Utf8PathBuf> {
    match &entry.kind {
        InstalledKind::Directory => Some(entry.path.clone()),
        InstalledKind::Link { target, resolved } => {
            let resolved = resolved.get()?;
            let package = selected.package.as_ref().filter(|package| package.layout == Layout::Unpacked);
            Some(match package {
                Some(package) if package.path == *target || package.path == *resolved => package.path.clone(),
                _ => resolved.clone(),
            })
        }
        InstalledKind::Other => None,
    }
}

/// One provider's installation.
#[derive(Clone, Copy)]
struct Installation<'a> {
    facts: &'a Facts,
    selected: &'a Selected,
    contents: &'a Contents,
    digests: &'a Digests,
}

/// What the directory of a package holds once it is installed there.
struct Placed {
    proven_by: Option<Hash>,
    h1: Hash,
    install: Install,
}

impl Installation<'_> {
    fn run(&self) -> Result<Done, Stop> {
        if let Some(error) = &self.facts.installed.error {
            return Err(self.closed(error));
        }
        if let Some(entry) = entry_for(self.facts, &self.facts.installed, self.selected)
            && let Some(proven_by) = self.match_existing(entry)?
        {
            return Ok(Done {
                install: Install::Reuse,
                h1: proven_by.clone(),
                proven_by: Some(proven_by),
                lock: self.kept_lock(),
            });
        }
        self.refuse_other_spellings()?;
        if let Some(cache) = &self.facts.plugin_cache {
            return self.through_plugin_cache(cache);
        }
        let placed = self.place(entry_at_place(&self.facts.installed, self.selected))?;
        Ok(Done { install: placed.install, proven_by: placed.proven_by, h1: placed.h1, lock: LockUpdate::Rewritten })
    }

    /// Terraform may come to an entry of another spelling first when it looks for what it has just installed.
    fn refuse_other_spellings(&self) -> Result<(), Stop> {
        let caches = self.facts.plugin_cache.iter().map(|cache| &cache.entries);
        for home in caches.chain([&self.facts.installed]) {
            if let Some(entry) = entry_for(self.facts, home, self.selected)
                && !entry.path.ends_with(self.selected.id.unpacked_path())
            {
                let text =
                    format!("`{}` spells the package in another way, which the engine may take for it", entry.path);
                return Err(Stop::Unseen(Code::PackagePlanted, text));
            }
        }
        Ok(())
    }

    /// Terraform walks all that is installed; OpenTofu only has to get to the package's own place.
    fn closed(&self, error: &str) -> Stop {
        let is_asked = self.facts.engine.name == EngineName::Terraform || self.facts.installed.real_base.is_none();
        if is_asked {
            Stop::fails(Code::PackageCacheConflict, error)
        } else {
            Stop::Unseen(Code::PackagePlanted, error.to_owned())
        }
    }

    /// What a package that is there already does to its lock entry.
    fn kept_lock(&self) -> LockUpdate {
        if self.facts.engine.installs_one_directory_at_a_time() { LockUpdate::Refreshed } else { LockUpdate::Untouched }
    }

    /// The locked hash that an installed directory matches, if any; one that cannot be hashed matches none.
    fn match_existing(&self, entry: &InstalledEntry) -> Result<Option<Hash>, Stop> {
        let Some(directory) = existing_directory(entry, self.selected) else { return Ok(None) };
        if !self.selected.locked_hashes.iter().any(|hash| hash.scheme() == HashScheme::H1) {
            return Ok(None);
        }
        Ok(match self.h1_of_directory(&directory)? {
            Ok(h1) => self.locked(&h1),
            Err(_) => None,
        })
    }

    fn locked(&self, hash: &Hash) -> Option<Hash> {
        self.selected.locked_hashes.iter().find(|locked| *locked == hash).cloned()
    }

    /// Installs the selected package in the place of `existing`.
    fn place(&self, existing: Option<&InstalledEntry>) -> Result<Placed, Stop> {
        let Some(package) = &self.selected.package else { return Err(Stop::PlatformMissing) };
        match package.layout {
            Layout::Unpacked => self.link(package, existing),
            Layout::Packed => self.extract(package, existing),
        }
    }

    fn link(&self, package: &SelectedPackage, existing: Option<&InstalledEntry>) -> Result<Placed, Stop> {
        if let Some(entry) = existing
            && entry.kind != InstalledKind::Other
            && self.is_itself(entry, &package.path)
        {
            let text = format!("cannot install existing provider directory {} to itself", entry.path);
            return Err(Stop::fails(Code::PackageCacheConflict, text));
        }
        let mut proven_by = None;
        if self.selected.locked_hashes.iter().any(|hash| hash.scheme() == HashScheme::H1) {
            let h1 = self.h1_of_directory(&package.path)?.map_err(|error| self.checksum_failure(package, &error))?;
            proven_by = Some(self.locked(&h1).ok_or_else(|| self.mismatch(package, "local", PLATFORMS))?);
        }
        let proof = proven_by.clone();
        self.require_executable(self.contents_of(&package.path)?).map_err(|stop| stop.proven(proof.clone()))?;
        let h1 = self.h1_of_directory(&package.path)?.map_err(|error| self.uncomputable(&error).proven(proof))?;
        Ok(Placed { proven_by, h1, install: Install::Link })
    }

    fn require_executable(&self, contents: &PackageContents) -> Result<(), Stop> {
        if contents.executable.is_some() {
            return Ok(());
        }
        if let Some(problem) = &contents.problem {
            let text = format!("provider binary not found: {problem}");
            return Err(Stop::fails(Code::PackageUnreadable, text).because(Cause::Package(problem.clone())));
        }
        let text = format!(
            "provider binary not found: could not find executable file starting with terraform-provider-{}",
            self.selected.id.address.provider_type()
        );
        let stop = Stop::fails(Code::PackageExecutableMissing, text);
        Err(match &contents.executable_below {
            Some(name) => stop.because(Cause::ExecutableBelow(name.clone())),
            None => stop,
        })
    }

    fn contents_of(&self, path: &Utf8Path) -> Result<&PackageContents, Stop> {
        self.contents
            .get(path)
            .ok_or_else(|| Stop::Unseen(Code::PackageUnreadable, format!("`{path}` was not looked into")))
    }

    fn h1_of_directory(&self, path: &Utf8Path) -> Result<Result<Hash, String>, Stop> {
        self.computed(DigestRequest { path: path.to_owned(), layout: Layout::Unpacked, kind: DigestKind::H1 })
    }

    fn digest(&self, package: &SelectedPackage, kind: DigestKind) -> Result<Result<Hash, String>, Stop> {
        self.computed(DigestRequest { path: package.path.clone(), layout: package.layout, kind })
    }

    fn computed(&self, request: DigestRequest) -> Result<Result<Hash, String>, Stop> {
        self.digests.get(&request).cloned().ok_or(Stop::Needs(request))
    }

    /// None of the locked hashes matches; files that an archiver left in the package may be the only reason.
    fn mismatch(&self, package: &SelectedPackage, which: &str, remark: &str) -> Stop {
        let leftovers = self.contents_of(&package.path).map(|contents| contents.leftovers.clone()).unwrap_or_default();
        let stop = self.mismatch_of(which, remark);
        if leftovers.is_empty() {
            return stop;
        }
        match self.digest(package, DigestKind::WithoutLeftovers) {
            Ok(Ok(h1)) if self.locked(&h1).is_some() => stop.because(Cause::Leftovers(leftovers)),
            Ok(_) => stop,
            Err(needs) => needs,
        }
    }

    fn mismatch_of(&self, which: &str, remark: &str) -> Stop {
        let id = &self.selected.id;
        let page = match self.facts.engine.name {
            EngineName::Tofu => "https://opentofu.org/docs/language/files/dependency-lock/#checksum-verification",
            EngineName::Terraform => {
                "https://developer.hashicorp.com/terraform/language/files/dependency-lock#checksum-verification"
            }
        };
        Stop::fails(
            Code::PackageMismatch,
            format!(
                "the {which} package for {} {} doesn't match any of the checksums previously recorded in the dependency \
                 lock file{remark}; for more information: {page}",
                id.address, id.version
            ),
        )
    }

    fn checksum_failure(&self, package: &SelectedPackage, error: &str) -> Stop {
        let id = &self.selected.id;
        let (address, version, path) = (&id.address, &id.version, &package.path);
        let text = format!("failed to calculate checksum for {address} {version} package at {path}: {error}");
        Stop::fails(Code::PackageUnreadable, text)
    }

    fn uncomputable(&self, error: &str) -> Stop {
        let address = &self.selected.id.address;
        let text = format!("after installing {address}, failed to compute a checksum for it: {error}");
        Stop::fails(Code::PackageUnreadable, text)
    }

    /// Whether a package of a mirror is already where it would be installed: in the data directory or the plugin cache.
    fn is_itself(&self, entry: &InstalledEntry, package: &Utf8Path) -> bool {
        let caches = self.facts.plugin_cache.iter().map(|cache| &cache.entries);
        let mut homes = caches.chain([&self.facts.installed]).filter(|installed| installed.entries.contains(entry));
        homes.any(|home| {
            home.real_base.as_ref().is_some_and(|base| base.join(self.selected.id.unpacked_path()) == package)
        })
    }

    fn target_is_strange(&self) -> bool {
        let place = self.selected.id.unpacked_path();
        self.facts.installed.strange.iter().any(|strange| {
            let strange = strange.components().map(|part| part.as_str()).collect::<Vec<_>>();
            (1..=4).any(|depth| {
                let above = place.split('/').take(depth).collect::<Vec<_>>();
                strange.ends_with(&above)
            })
        })
    }
}

const PLATFORMS: &str =
    " (this might be because the available checksums are for packages targeting different platforms)";
