//! Installing through a plugin cache: into the cache first, then a link to it.
//!
//! Only the plain cases are predicted: a cached package that the lock file has, and an empty place in the cache. What an
//! engine does with another package there depends on its version and on settings of the cache.

use super::super::{Install, PluginCache};
use super::{Done, Installation, LockUpdate, Stop, entry_for, existing_directory};
use airtight_finding::Code;

impl Installation<'_> {
    pub(super) fn through_plugin_cache(&self, cache: &PluginCache) -> Result<Done, Stop> {
        let id = &self.selected.id;
        if cache.entries.real_base.is_some() && cache.entries.real_base == self.facts.installed.real_base {
            return Err(self.not_judged("it is where providers are installed"));
        }
        if let Some(entry) = entry_for(self.facts, &cache.entries, self.selected) {
            let Some(proven_by) = self.match_existing(entry)? else {
                // What the lock file does not prove is not taken from the cache, and the mirror's package may not be right either.
                if !self.selected.locked_hashes.is_empty() {
                    self.place(None)?;
                }
                return Err(self.not_judged("it holds another package"));
            };
            if let Some(directory) = existing_directory(entry, self.selected) {
                self.require_executable(self.contents_of(&directory)?)
                    .map_err(|stop| stop.shared().proven(Some(proven_by.clone())))?;
            }
            let lock = self.linked_lock();
            return Ok(Done { install: Install::Link, h1: proven_by.clone(), proven_by: Some(proven_by), lock });
        }
        let placed = self.place(None)?;
        if !cache.can_add(id) {
            let directory = cache.path.join(id.unpacked_path());
            let text = format!("failed to create parent directories leading to {directory}: permission denied");
            return Err(Stop::fails(Code::PackageCacheConflict, text).proven(placed.proven_by));
        }
        Ok(Done { install: Install::Link, proven_by: placed.proven_by, h1: placed.h1, lock: LockUpdate::Rewritten })
    }

    fn not_judged(&self, why: &str) -> Stop {
        let text = format!(
            "what `init` does with the plugin cache for `{}` is not predicted: {why}",
            self.selected.id.address
        );
        Stop::Unseen(Code::PluginCacheBesideMirror, text)
    }

    /// What a package that the cache has does to its lock entry.
    fn linked_lock(&self) -> LockUpdate {
        if self.facts.engine.installs_one_directory_at_a_time() { LockUpdate::Refreshed } else { LockUpdate::Rewritten }
    }
}
