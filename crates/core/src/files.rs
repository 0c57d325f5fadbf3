//! The files under the roots, and the state that each of them is in.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{ContentHash, DocId, Passage, RootId};

/// A folder, or a single file, that a collection watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Its number.
    pub id: RootId,
    /// The collection that it belongs to.
    pub collection: String,
    /// Absolute, with symbolic links resolved.
    pub path: PathBuf,
    /// Whether it is a single file. Its one document has an empty relative path.
    pub is_file: bool,
    /// Globs of which one must match a file's relative path; no limit when empty.
    pub include: Vec<String>,
    /// Globs of which none may match a file's relative path.
    pub exclude: Vec<String>,
    /// The device it was on when last seen, to tell an unmounted root from an emptied one.
    pub device: Option<u64>,
    /// Why it cannot be reached at present; `None` when it can.
    pub unavailable: Option<String>,
}

impl Root {
    /// The absolute path of the document at `relative`.
    pub fn absolute(&self, relative: &Path) -> PathBuf {
        if relative.as_os_str().is_empty() { self.path.clone() } else { self.path.join(relative) }
    }
}

/// What a file looked like from outside when it was last read. Equal stamps mean equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode number; 0 where the platform has none.
    pub inode: u64,
}

/// The state of a file. Each file under a root is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Found by its words and by its meaning.
    Searchable,
    /// Found by its words; its vectors follow.
    LexicalOnly,
    /// Seen, and not yet read.
    Pending,
    /// Left out by a rule.
    Skipped,
    /// Could not be read.
    Failed,
}

impl FileState {
    /// The name that the catalog and `--json` use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Searchable => "searchable",
            Self::LexicalOnly => "lexical_only",
            Self::Pending => "pending",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Searchable, Self::LexicalOnly, Self::Pending, Self::Skipped, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// How often a file is read whose parser breaks down on it. Then it waits for new bytes, or for another version of
/// docent.
pub const MOST_ATTEMPTS: u32 = 3;

/// What the catalog knows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    /// Its number.
    pub doc: DocId,
    /// The root it stands under.
    pub root: RootId,
    /// Its path relative to the root; empty where the root is the file.
    pub relative: PathBuf,
    /// What it looked like when last read; `None` when it never was.
    pub stamp: Option<Stamp>,
    /// The hash of its bytes when last read.
    pub hash: Option<ContentHash>,
    /// Its state.
    pub state: FileState,
    /// Why it is skipped or failed, or what it waits for.
    pub reason: Option<String>,
    /// Pages of it that OCR has not read yet.
    pub scanned: u32,
    /// It is to be read again although it looks as it did: its parser broke down and the time to try again has come,
    /// or another version of docent could not read it.
    pub is_due: bool,
}

/// What became of a file that was read, or looked at and left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUpdate {
    /// Its number, as [`crate::IndexStore::discover`] gave it.
    pub doc: DocId,
    /// What it looked like just before it was read.
    pub stamp: Stamp,
    /// The hash of its bytes; `None` when they were not read.
    pub hash: Option<ContentHash>,
    /// The result.
    pub outcome: Outcome,
}

/// The result of reading a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was parsed and cut into passages (none, if it holds no text).
    Indexed {
        /// Media type.
        mime: String,
        /// Title, or the file's name where the document has none.
        title: String,
        /// ISO 639-3 code.
        language: Option<String>,
        /// Number of pages.
        pages: Option<u32>,
        /// In reading order.
        passages: Vec<Passage>,
        /// Pages that only OCR can read.
        scanned: u32,
    },
    /// All of its text is for OCR to read.
    Scanned {
        /// Media type.
        mime: String,
        /// Number of pages.
        pages: Option<u32>,
        /// Pages that only OCR can read.
        scanned: u32,
        /// In words.
        reason: String,
        /// Whether OCR is on, and it waits for its turn; else it is left out.
        waits: bool,
    },
    /// A rule leaves it out.
    Skipped {
        /// Which rule, in words.
        rule: String,
    },
    /// It could not be read.
    Failed {
        /// Why, in words that a person understands.
        reason: String,
        /// Its parser died or took too long, which may have been the moment's fault: it is tried again, later each
        /// time, at most [`MOST_ATTEMPTS`] times in all.
        broke_down: bool,
    },
}

/// A change of the catalog alone: neither store is touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// Same bytes, new stamp.
    Touched {
        /// The document.
        doc: DocId,
        /// Its stamp now.
        stamp: Stamp,
    },
    /// Same bytes, new place; the old place is gone.
    Moved {
        /// The document.
        doc: DocId,
        /// The root it stands under now.
        root: RootId,
        /// Its path relative to that root.
        relative: PathBuf,
        /// Its stamp now.
        stamp: Stamp,
    },
    /// It has to be read again: its next plan is as for an edited file.
    Dirty {
        /// The document.
        doc: DocId,
    },
    /// It could not be read yet, and the next run tries again. Says nothing about a document that is known already.
    Waiting {
        /// The document.
        doc: DocId,
        /// Why, in words.
        reason: String,
    },
}

/// What [`crate::IndexStore::commit_words`] publishes in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordsBatch {
    /// Files that were read, or are left out.
    pub updates: Vec<FileUpdate>,
    /// Files that are gone, with all that is known of them.
    pub removed: Vec<DocId>,
}

impl WordsBatch {
    /// Whether there is nothing to publish.
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty() && self.removed.is_empty()
    }
}
