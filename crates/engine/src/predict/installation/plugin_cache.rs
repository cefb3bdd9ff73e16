//! Installing through a plugin cache: into the cache first, then a link to it.

use super::super::{Install, PluginCache};
use super::{Done, Installation, LockUpdate, Stop, entry_at_place, entry_for, existing_directory};
use airtight_finding::Code;
use airtight_provider::installed::{InstalledEntry, InstalledKind};

impl Installation<'_> {
    pub(super) fn through_plugin_cache(
        &self,
        cache: &PluginCache,
        target: Option<&InstalledEntry>,
    ) -> Result<Done, Stop> {
        let cached = entry_for(self.facts, &cache.entries, self.selected);
        let from_cache = match cached {
            Some(entry) if self.facts.engine.installs_one_directory_at_a_time() => self.match_cached(cache, entry)?,
            Some(entry) => self.accept_cached(cache, entry)?,
            None => None,
        };
        let done = match from_cache {
            Some(done) => done,
            None => self.add_to_cache(cache)?,
        };
        if let Some(entry) = target
            && entry.kind == InstalledKind::Directory
            && cache.entries.real_base.is_some()
            && cache.entries.real_base == self.facts.installed.real_base
        {
            let text = format!("cannot install existing provider directory {} to itself", entry.path);
            return Err(Stop::fails(Code::PackageCacheConflict, text));
        }
        Ok(done)
    }

    /// OpenTofu from 1.10: what the cache holds is used where it matches the lock file, or where nothing is locked and
    /// the cache may break it.
    fn match_cached(&self, cache: &PluginCache, entry: &InstalledEntry) -> Result<Option<Done>, Stop> {
        let Some(directory) = existing_directory(entry, self.selected) else { return Ok(None) };
        if let Some(proven_by) = self.match_existing(entry)? {
            self.require_executable(self.contents_of(&directory)?)
                .map_err(|stop| stop.shared().proven(Some(proven_by.clone())))?;
            return Ok(Some(Done {
                install: Install::Link,
                h1: proven_by.clone(),
                proven_by: Some(proven_by),
                lock: LockUpdate::Refreshed,
            }));
        }
        let is_trusted = cache.may_break_lock && self.selected.locked_hashes.is_empty();
        if !is_trusted || self.contents_of(&directory)?.executable.is_none() {
            return Ok(None);
        }
        let h1 = self.h1_of_directory(&directory)?.map_err(|error| self.uncomputable(&error))?;
        Ok(Some(Done { install: Install::Link, proven_by: None, h1, lock: LockUpdate::Rewritten }))
    }

    /// Terraform, and OpenTofu before 1.10.
    fn accept_cached(&self, cache: &PluginCache, entry: &InstalledEntry) -> Result<Option<Done>, Stop> {
        let Some(directory) = existing_directory(entry, self.selected) else { return Ok(None) };
        let proven_by = self.match_existing(entry)?;
        if proven_by.is_none() && !cache.may_break_lock {
            return Ok(None);
        }
        self.require_executable(self.contents_of(&directory)?)
            .map_err(|stop| stop.shared().proven(proven_by.clone()))?;
        if proven_by.is_none() && !self.selected.locked_hashes.is_empty() {
            let id = &self.selected.id;
            // It names the directory that it would link from.
            let text = format!(
                "the provider cache at .terraform/providers has a copy of {} {} that doesn't match any of the checksums \
                 recorded in the dependency lock file",
                id.address, id.version
            );
            return Err(Stop::fails(Code::PackageMismatch, text).shared());
        }
        let h1 = self.h1_of_directory(&directory)?.map_err(|error| self.uncomputable(&error).shared())?;
        Ok(Some(Done { install: Install::Link, proven_by, h1, lock: LockUpdate::Rewritten }))
    }

    fn add_to_cache(&self, cache: &PluginCache) -> Result<Done, Stop> {
        // The cache may be the mirror itself, where the package is found in its own place.
        let placed = self.place_in(&cache.entries, entry_at_place(&cache.entries, self.selected))?;
        if !cache.can_add(&self.selected.id) {
            let directory = cache.path.join(self.selected.id.unpacked_path());
            let text = format!("failed to create parent directories leading to {directory}: permission denied");
            return Err(Stop::fails(Code::PackageCacheConflict, text).proven(placed.proven_by));
        }
        let h1 = match self.shadow(&self.facts.installed) {
            Some(shadow) => self.h1_of_shadow(shadow)?,
            None => placed.h1,
        };
        Ok(Done { install: Install::Link, proven_by: placed.proven_by, h1, lock: LockUpdate::Rewritten })
    }
}
