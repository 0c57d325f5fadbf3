//! The words of docent as types and traits: documents, passages, locations, filters, reports, errors and
//! configuration. No heavy dependency: everything else stands on this crate.

mod config;
mod document;
mod error;
mod files;
mod filter;
mod fold;
mod home;
mod ids;
mod location;
pub mod paths;
mod report;
mod traits;

pub use config::{AskConfig, Config, IndexConfig, ModelsConfig, SearchConfig, WatchConfig};
pub use document::{
    Block, BlockKind, DocumentBuilder, MOST_BLOCKS, ParsedDocument, Passage, embedded_text, heading_words,
};
pub use error::{Error, ErrorKind, ErrorReport, IoContext, Result};
pub use files::{
    FileChange, FileRecord, FileState, FileUpdate, MOST_ATTEMPTS, Outcome, Root, Stamp, WordsBatch,
};
pub use filter::Filter;
pub use fold::{fold, fold_text, is_han, is_hangul, is_kana, is_unspaced};
pub use home::{Home, make_private_dir, models_folder};
pub use ids::{ContentHash, DocId, EmbedKey, Generation, Hash128, PassageId, RootId};
pub use location::{Location, around, cell_name};
pub use report::{
    AskReport, CheckReport, Citation, CollectionReport, Difference, DryRunReport, Failure, FileCounts,
    FileReport, Hit, IndexReport, Mode, OcrCost, RootReport, SearchReport, Signals, SkippedCount,
    StatusReport, StoreParts, Timings,
};
pub use traits::{
    DocumentInfo, Embedder, GenerateRequest, Generated, Generator, IndexStore, ParseError, ParseErrorKind,
    Parser, PassageVector, PendingPassage, RecognisedPage, Recogniser, ScannedFile, Scored, SearchIndex,
    Snapshot, StoredPassage,
};
