//! What can be asked of an index, as data: a command asks it of its own process, or of the one that watches.

use std::path::PathBuf;

use docent_core::{
    AskReport, CheckReport, CollectionReport, DryRunReport, FileReport, Filter, IndexReport, Mode,
    SearchReport, StatusReport,
};
use docent_indexer::Progress;
use docent_query::AskEvent;
use serde::{Deserialize, Serialize};

use crate::wire;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Watch these from now on, and index them.
    Add(AddRequest),
    /// What adding would cost.
    DryRun(AddRequest),
    /// Bring the index up to date once; all collections when empty.
    Index {
        /// Only this one.
        collection: Option<String>,
    },
    /// Find passages.
    Search(SearchRequest),
    /// Answer a question.
    Ask(AskRequest),
    /// The ledger in numbers.
    Status,
    /// One file's story.
    FileStatus {
        /// Absolute path.
        #[serde(with = "wire")]
        path: PathBuf,
    },
    /// Compare catalog, stores and disk.
    Check {
        /// Put right what differs.
        repair: bool,
    },
    /// Forget a root and its documents. The files are not touched.
    Remove {
        /// Absolute path.
        #[serde(with = "wire")]
        path: PathBuf,
    },
    /// The collections and their roots.
    Collections,
}

/// Folders and files to be watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AddRequest {
    /// Folders or single files.
    #[serde(with = "wire::list")]
    pub paths: Vec<PathBuf>,
    /// The collection they belong to; `default` when `None`.
    pub collection: Option<String>,
    /// Globs of which one must match; no limit when empty.
    pub include: Vec<String>,
    /// Globs of which none may match.
    pub exclude: Vec<String>,
}

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// Words, a phrase in quotes, a code, or a whole question.
    pub query: String,
    /// How many hits; the configured number when `None`.
    pub hits: Option<usize>,
    /// By words, by meaning, or both.
    pub mode: Mode,
    /// Which documents.
    pub filter: Filter,
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AskRequest {
    /// In any language that the generator speaks.
    pub question: String,
    /// From which documents.
    pub filter: Filter,
}

/// What happens while a request is worked on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// Of `Add`, `Index`, `Check` and of watching.
    Index(Progress),
    /// Of `Ask`.
    Ask(AskEvent),
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Of `Add` and `Index`.
    Index(IndexReport),
    /// Of `DryRun`.
    DryRun(DryRunReport),
    /// Of `Search`.
    Search(SearchReport),
    /// Of `Ask`.
    Ask(AskReport),
    /// Of `Status`.
    Status(StatusReport),
    /// Of `FileStatus`.
    FileStatus(FileReport),
    /// Of `Check`.
    Check(CheckReport),
    /// Of `Remove`.
    Removed(RemoveReport),
    /// Of `Collections`.
    Collections(Vec<CollectionReport>),
}

/// What `remove` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveReport {
    /// The root.
    pub path: String,
    /// Documents that were forgotten.
    pub removed: u64,
    /// The generation that the index is at now.
    pub generation: u64,
}
