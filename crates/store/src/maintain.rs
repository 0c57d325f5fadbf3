//! Upkeep: merging small parts, building the vector index, purging what no reader can see any more.

use std::sync::atomic::Ordering;

use docent_core::Result;

use crate::{
    fault::{self, Point},
    locks::held_versions,
    writer::StoreWriter,
};

/// Commits after which Lance's small fragments are merged.
const COMPACT_EVERY: u64 = 32;

impl StoreWriter {
    /// Merges fragments when enough commits have come together, then purges old versions. With `always`, nothing that
    /// was deleted is left on the disk, except what a reader still holds.
    ///
    /// # Errors
    /// A store cannot be written; nothing that was published is lost.
    pub fn maintain_now(&self, always: bool) -> Result<()> {
        let mut guard = self.opened()?;
        if always && let Some(open) = guard.take() {
            // Merges under way would get in the way of the purge.
            open.words.close()?;
            self.ensure_open(&mut guard)?;
        }
        // As in a step: whatever fails or panics half way, the next use opens the stores again.
        let Some(mut open) = guard.take() else {
            return Ok(());
        };
        let store = &self.store;
        let mut checkpointed = false;
        if always || self.commits.load(Ordering::Relaxed) >= COMPACT_EVERY {
            if let Some(version) = store.vectors.compact(always)? {
                fault::pass(Point::CompactPublish)?;
                let payload = open.payload.next_upkeep(version);
                open.words.commit(&payload)?;
                open.payload = payload;
            }
            self.commits.store(0, Ordering::Relaxed);
        }
        if always {
            open.words.purge()?;
            fault::pass(Point::PurgeCatalog)?;
            checkpointed = store.catalog.checkpoint()?;
        }
        let mut keep = held_versions(&store.home, open.payload.generation)?;
        keep.insert(open.payload.vectors);
        fault::pass(Point::PruneVersions)?;
        store.vectors.prune(&keep)?;
        fault::pass(Point::PruneFiles)?;
        open.words.clean_up()?;
        if checkpointed {
            fault::pass(Point::PurgeNote)?;
            store.catalog.purged()?;
        }
        *guard = Some(open);
        Ok(())
    }
}
