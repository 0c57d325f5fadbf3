//! What an indexing run says while it works, how it is stopped, and what it did.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use docent_core::{ErrorReport, Failure, FileCounts, Generation, IndexReport, OcrCost, RootId, RootReport};
use serde::{Deserialize, Serialize};

/// What an indexing run says while it works. It goes over the socket as it is, so paths are text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Progress {
    /// Folders are being walked.
    Scanning {
        /// Files seen until now.
        seen: u64,
    },
    /// Files are being read, parsed and cut.
    Reading {
        /// Files done.
        done: u64,
        /// Files to do.
        total: u64,
        /// The one that was done last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// Passages are being embedded; everything that was read is findable by its words.
    Embedding {
        /// Passages done.
        done: u64,
        /// Passages to do.
        total: u64,
        /// Passages per second, lately.
        per_second: f64,
        /// Seconds left at that rate.
        seconds_left: f64,
    },
    /// Scans are being read by OCR; everything else is found by words and by meaning.
    Recognising {
        /// Pages done.
        done: u64,
        /// Pages to do.
        total: u64,
        /// Seconds a page, on the average of this run; 0 before the first one.
        seconds_per_page: f64,
        /// Seconds left at that rate.
        seconds_left: f64,
        /// The file that is at work on.
        path: String,
    },
    /// A batch was published.
    Committed {
        /// The generation that it made.
        generation: Generation,
    },
    /// A file or folder could not be read; the run goes on.
    Failed {
        /// Absolute path.
        path: String,
        /// Why.
        reason: String,
    },
    /// A root cannot be reached; its documents are kept.
    RootUnavailable {
        /// Absolute path.
        path: String,
        /// Why.
        reason: String,
    },
    /// A root that could not be reached is there again.
    RootReturned {
        /// Absolute path.
        path: String,
    },
    /// A watched root gives no events and is looked at from time to time instead.
    Polling {
        /// Absolute path.
        path: String,
        /// Why, and what helps.
        reason: String,
        /// How often, in seconds.
        seconds: u64,
    },
    /// A watched set of roots is in step, by words and by vectors, until something changes.
    Idle {
        /// The last generation that this process published, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<Generation>,
    },
    /// A watching process could not do its work (a full disk, a missing model); it tries again.
    Trouble {
        /// What went wrong.
        error: ErrorReport,
    },
}

/// A function that is told about progress, from several threads.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);

/// Asks a run to stop. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop soon, with what is finished published.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The most failures that a report lists.
const LISTED: usize = 100;

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The last generation that the run published; `None` when there was nothing to publish.
    pub generation: Option<Generation>,
    /// Files seen under the roots.
    pub seen: u64,
    /// New documents that were indexed.
    pub added: u64,
    /// Documents that were indexed again because their bytes changed.
    pub changed: u64,
    /// Documents that only changed their place.
    pub moved: u64,
    /// Documents whose stamp changed and whose bytes did not.
    pub touched: u64,
    /// Documents that are gone.
    pub removed: u64,
    /// Files that are left out now and were not before, or for another reason.
    pub skipped: u64,
    /// Files that could not be read this time.
    pub failed: u64,
    /// Files that kept changing while they were read, and are left for the next run.
    pub busy: u64,
    /// Passages that went through the embedder.
    pub passages_embedded: u64,
    /// Passages whose vector was known from an equal text.
    pub passages_known: u64,
    /// Pages that were found to need OCR.
    pub scanned: u64,
    /// Pages that OCR read.
    pub ocr_pages: u64,
    /// Seconds that they took.
    pub ocr_seconds: f64,
    /// Files and folders that could not be read this time (the first hundred).
    pub failures: Vec<Failure>,
    /// Roots that cannot be reached.
    pub unavailable: Vec<RootReport>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Whether it was stopped before it was done.
    pub interrupted: bool,
    /// The files that kept changing.
    #[serde(skip)]
    pub(crate) busy_paths: Vec<(RootId, PathBuf)>,
}

impl RunReport {
    pub(crate) fn fail(&mut self, path: String, reason: String) {
        if self.failures.len() < LISTED {
            self.failures.push(Failure { path, reason });
        }
    }

    /// Adds what another part of the same run did.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.generation = other.generation.max(self.generation);
        self.seen += other.seen;
        self.added += other.added;
        self.changed += other.changed;
        self.moved += other.moved;
        self.touched += other.touched;
        self.removed += other.removed;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.busy += other.busy;
        self.busy_paths.extend(other.busy_paths);
        self.passages_embedded += other.passages_embedded;
        self.passages_known += other.passages_known;
        self.scanned += other.scanned;
        self.ocr_pages += other.ocr_pages;
        self.ocr_seconds += other.ocr_seconds;
        for failure in other.failures {
            self.fail(failure.path, failure.reason);
        }
        self.unavailable.extend(other.unavailable);
        self.interrupted |= other.interrupted;
    }

    /// The report that `add` and `index` print, given what the store says after the run.
    pub fn into_report(self, generation: Generation, documents: FileCounts) -> IndexReport {
        IndexReport {
            generation,
            documents,
            added: self.added,
            changed: self.changed,
            moved: self.moved,
            removed: self.removed,
            failed: self.failed,
            passages_embedded: self.passages_embedded,
            ocr: (self.ocr_pages > 0).then(|| OcrCost {
                pages: self.ocr_pages,
                seconds_per_page: self.ocr_seconds / self.ocr_pages as f64,
            }),
            seconds: self.seconds,
            unavailable_roots: self.unavailable,
            failures: self.failures,
        }
    }
}
