//! The steps of a commit and of upkeep, by name. Tests make each fail or kill the process there; elsewhere passing one does
//! nothing.

use docent_core::Result;

/// Declares the points, each with what a reader finds after a kill there.
macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal, $after:ident;)+) => {
        /// A place that a fault can be put at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
        pub(crate) enum Point { $($(#[$doc])* $point,)+ }

        #[cfg(test)]
        impl Point {
            pub(crate) const ALL: &[Self] = &[$(Self::$point),+];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$point => $name),+ }
            }

            /// What stands in the index after a kill there.
            pub(crate) const fn after(self) -> After {
                match self { $(Self::$point => After::$after),+ }
            }
        }
    };
}

/// What a reader finds after a kill, and the next start with it.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// What stood there before: the step is undone.
    Old,
    /// What the step was to publish: it is finished.
    New,
    /// The same before and after: nothing that a search shows was under way.
    Same,
}

points! {
    /// A new home has a catalog, and nothing else.
    CreateVectors = "create.vectors", Old;
    /// It has an empty vector store as well.
    CreateWords = "create.words", Old;
    /// It has both stores, and nothing is published.
    CreatePublish = "create.publish", Old;

    /// Nothing of the step is written down.
    JournalWrite = "journal.write", Old;
    /// The step is in the journal; old vectors are to be deleted.
    VectorsDelete = "vectors.delete", Old;
    /// The step is in the journal; new vectors are to be added.
    VectorsAdd = "vectors.add", Old;
    /// Lance has written a version, which is not durable yet.
    VectorsSync = "vectors.sync", Old;
    /// A new passage's words are to be added.
    WordsAdd = "words.add", Old;
    /// All is with tantivy; it writes its segments next.
    WordsPrepare = "words.prepare", Old;
    /// Its segments are durable; `meta.json` is replaced next.
    WordsPublish = "words.publish", Old;
    /// Published; the folder's entry is not durable yet.
    WordsSync = "words.sync", New;
    /// Published and durable; the catalog does not know.
    CatalogFinish = "catalog.finish", New;
    /// The catalog knows; the caller does not.
    CatalogFinished = "catalog.finished", New;

    /// A start finishes in the catalog what was published.
    RecoverFinish = "recover.finish", New;
    /// A start forgets a step that was not published.
    RecoverDrop = "recover.drop", Old;
    /// A start removes the manifest of a version that was not published.
    RecoverManifest = "recover.manifest", Old;
    /// It has removed them, and their folder is not durable yet.
    RecoverSync = "recover.sync", Old;

    /// Small fragments are to be merged.
    CompactFragments = "compact.fragments", Same;
    /// Merged; the vector index is to be built or extended.
    CompactIndex = "compact.index", Same;
    /// A new version lies there, durable; an empty commit names it next.
    CompactPublish = "compact.publish", Same;
    /// Segments that hold deleted text are to be rewritten.
    PurgeSegment = "purge.segment", Same;
    /// Rewritten; their old files are to be removed.
    PurgeFiles = "purge.files", Same;
    /// SQLite's log is to be emptied.
    PurgeCatalog = "purge.catalog", Same;
    /// Old versions of the vectors are to be removed.
    PruneVersions = "prune.versions", Same;
    /// They are; files that nothing names are left.
    PruneFiles = "prune.files", Same;
    /// All that was deleted is off the disk, and the catalog says that it is not.
    PurgeNote = "purge.note", Same;

    /// A root's documents are gone; the root is to be forgotten.
    RootDelete = "root.delete", Same;
}

/// Passes a point.
///
/// # Errors
/// A test has put one here.
#[cfg(not(test))]
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
pub(crate) fn pass(_: Point) -> Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use armed::{Fault, Kind, arm, fired, pass};

#[cfg(test)]
mod armed {
    use std::sync::Mutex;

    use docent_core::{Error, ErrorKind};
    use serde::{Deserialize, Serialize};

    use super::{Point, Result};

    /// What happens at a point.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) enum Kind {
        /// The process ends there, with nothing tidied up.
        Kill,
        /// The step fails as with a full disk.
        DiskFull,
        /// The step fails as with a bad disk.
        Io,
        /// The thread panics.
        Panic,
    }

    /// A fault that strikes the `nth` time that a point is passed, once.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct Fault {
        pub(crate) point: Point,
        /// From 1.
        pub(crate) nth: u32,
        pub(crate) kind: Kind,
    }

    static ARMED: Mutex<(Vec<Fault>, u32)> = Mutex::new((Vec::new(), 0));

    /// Puts faults in this process's way.
    pub(crate) fn arm(faults: Vec<Fault>) {
        *lock() = (faults, 0);
    }

    /// How many have struck.
    pub(crate) fn fired() -> u32 {
        lock().1
    }

    pub(crate) fn pass(point: Point) -> Result<()> {
        let mut armed = lock();
        let (faults, fired) = &mut *armed;
        for fault in faults.iter_mut().filter(|fault| fault.point == point) {
            fault.nth = fault.nth.saturating_sub(1);
        }
        let Some(at) = faults.iter().position(|fault| fault.point == point && fault.nth == 0) else {
            return Ok(());
        };
        let kind = faults.remove(at).kind;
        *fired += 1;
        drop(armed);
        let error = |kind, what| Err(Error::new(kind, format!("{what} at {}", point.name())));
        match kind {
            Kind::Kill => {
                #[cfg(unix)]
                {
                    use rustix::process::{Signal, getpid, kill_process};
                    let _ = kill_process(getpid(), Signal::KILL);
                }
                std::process::abort()
            }
            Kind::DiskFull => error(ErrorKind::DiskFull, "no space left"),
            Kind::Io => error(ErrorKind::Io, "the disk failed"),
            Kind::Panic => panic!("a fault at {}", point.name()),
        }
    }

    fn lock() -> std::sync::MutexGuard<'static, (Vec<Fault>, u32)> {
        ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
