//! The seams: what the indexer and the query engine ask of the crates that they do not know.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    ContentHash, DocId, EmbedKey, FileChange, FileRecord, Filter, Generation, Location, ParsedDocument,
    PassageId, Result, Root, RootId, WordsBatch,
};

/// Bytes to a document.
pub trait Parser: Send + Sync {
    /// Parses `bytes`, the content of the file called `path`. The name is a hint only; the content decides.
    ///
    /// # Errors
    /// What is wrong with the file. It never panics, whatever the bytes are.
    fn parse(&self, path: &Path, bytes: &[u8]) -> Result<ParsedDocument, ParseError>;
}

/// Reads what is there as a picture only: scans, photographs of pages. It takes seconds a page.
pub trait Recogniser: Send + Sync {
    /// Parses `bytes` as a [`Parser`] does, and reads what that counts as [`ParsedDocument::scanned`]. The pages that need
    /// it are numbered from 0 as they are met. `known` are pages that were read before, as `on_page` was given them: they
    /// are not read again. `on_page` is told each new page, as soon as it is read, and may stop the work; the result is
    /// `None` then.
    ///
    /// # Errors
    /// What is wrong with the file, or the model is not there.
    fn recognise(
        &self,
        path: &Path,
        bytes: &[u8],
        known: &[RecognisedPage],
        on_page: &mut dyn FnMut(RecognisedPage) -> ControlFlow<()>,
    ) -> Result<Option<ParsedDocument>, ParseError>;
}

/// A page that OCR has read, in a form that only a [`Recogniser`] understands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecognisedPage {
    /// Its number among the pages of its file that need OCR, from 0.
    pub number: u32,
    /// What it says.
    pub content: String,
}

/// A file that holds pages which OCR has not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedFile {
    /// What the catalog knows of it.
    pub record: FileRecord,
    /// How many such pages.
    pub pages: u32,
}

/// Why a file gave no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParseErrorKind {
    /// A password is needed.
    Encrypted,
    /// The file is cut off or not what its type says.
    Damaged,
    /// No parser reads this type: the file is skipped, not failed.
    Unsupported,
    /// There is no text in it: the file is skipped, not failed.
    Empty,
    /// A limit on size, depth or number was passed.
    TooLarge,
    /// It took too long.
    Timeout,
    /// The parser broke down.
    Crashed,
    /// A library that is needed is not installed.
    Unavailable,
}

impl ParseErrorKind {
    /// The name that `docent extract --json` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Damaged => "damaged",
            Self::Unsupported => "unsupported",
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Crashed => "crashed",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the file is left out by rule rather than counted as a failure.
    pub fn is_skip(self) -> bool {
        matches!(self, Self::Unsupported | Self::Empty)
    }
}

/// Why a file gave no document, in words that a person understands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseError {
    /// The class.
    pub kind: ParseErrorKind,
    /// The reason: `password needed`, `damaged: no end-of-file mark`.
    pub reason: String,
}

impl ParseError {
    /// A reason of `kind`.
    pub fn new(kind: ParseErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ParseError {}

/// Text to unit vectors. Loaded when first used.
pub trait Embedder: Send + Sync {
    /// Its name in the model catalogue; part of every [`EmbedKey`].
    fn id(&self) -> &str;

    /// Numbers per vector.
    fn dimensions(&self) -> usize;

    /// The most tokens that it reads of one text, its own marks included; the rest is ignored.
    fn max_tokens(&self) -> usize;

    /// Where each token of `text` ends, in bytes, in order; their number is the text's length in tokens.
    /// No marks are added and nothing is cut off.
    ///
    /// # Errors
    /// The model is not installed or cannot be loaded.
    fn token_ends(&self, text: &str) -> Result<Vec<usize>>;

    /// Embeds a question.
    ///
    /// # Errors
    /// The model is not installed, cannot be loaded, or failed.
    fn embed_query(&self, text: &str) -> Result<Vec<f32>>;

    /// Embeds passages, a vector each. A vector does not depend on what else is in the list.
    ///
    /// # Errors
    /// The model is not installed, cannot be loaded, or failed.
    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>>;

    /// Lets the model go; the next use loads it again.
    fn unload(&self);
}

/// A prompt, in the parts that matter for reuse.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateRequest {
    /// The system message. Its state, with that of the examples, is kept and restored.
    pub system: String,
    /// Example exchanges: a user's message and the answer to it.
    pub examples: Vec<(String, String)>,
    /// The message to answer. Markup of the model in it has no effect.
    pub user: String,
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// 0 takes the likeliest token always.
    pub temperature: f32,
    /// For temperatures above 0.
    pub seed: u32,
}

/// What a generation cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// The whole text.
    pub text: String,
    /// Tokens of the prompt, all parts together.
    pub prompt_tokens: usize,
    /// Of those, how many were restored rather than computed.
    pub reused_tokens: usize,
    /// Milliseconds to load the model; 0 when it was warm.
    pub load_ms: f64,
    /// Milliseconds to read the prompt.
    pub prefill_ms: f64,
    /// Milliseconds from the call to the first token.
    pub first_token_ms: f64,
    /// Tokens generated.
    pub generated_tokens: usize,
    /// Milliseconds of generation after the first token.
    pub decode_ms: f64,
    /// Whether it was stopped by the caller or by `max_tokens` rather than by the model.
    pub cut_short: bool,
}

/// A local language model. Loaded when first used.
pub trait Generator: Send + Sync {
    /// Its name in the model catalogue.
    fn id(&self) -> &str;

    /// Tokens that prompt and answer may have together.
    fn context_tokens(&self) -> usize;

    /// The number of tokens in `text`.
    ///
    /// # Errors
    /// The model is not installed or cannot be loaded.
    fn count_tokens(&self, text: &str) -> Result<usize>;

    /// Answers `request`, giving each piece of text to `on_text` as it comes. Pieces end on character
    /// boundaries; an empty one says only that it is still at work, reading the prompt say. `on_text` may stop
    /// it.
    ///
    /// # Errors
    /// The model is not installed, cannot be loaded, or failed; the prompt does not fit the context.
    fn generate(
        &self,
        request: &GenerateRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated>;

    /// Lets the model go; the next use loads it again.
    fn unload(&self);
}

/// The write side of the index, held by one process.
pub trait IndexStore: Send + Sync {
    /// The roots, all collections together.
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn roots(&self) -> Result<Vec<Root>>;

    /// Records that `root` cannot be reached (`Some(why)`), or can; and the device it is on.
    ///
    /// # Errors
    /// The catalog cannot be written.
    fn set_root_state(&self, root: RootId, unavailable: Option<&str>, device: Option<u64>) -> Result<()>;

    /// What is known of the files of `root` at or below `under` (relative; empty for all).
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn files(&self, root: RootId, under: &Path) -> Result<Vec<FileRecord>>;

    /// The files whose bytes had this hash when last read.
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn files_with_hash(&self, hash: ContentHash) -> Result<Vec<FileRecord>>;

    /// Enters new files, in state `pending`, and numbers them in the same order. A path that is known
    /// keeps its number.
    ///
    /// # Errors
    /// The catalog cannot be written.
    fn discover(&self, root: RootId, relative: &[PathBuf]) -> Result<Vec<DocId>>;

    /// Applies changes that touch neither store, in one transaction.
    ///
    /// # Errors
    /// The catalog cannot be written.
    fn change_files(&self, changes: &[FileChange]) -> Result<()>;

    /// The published generation.
    ///
    /// # Errors
    /// The full-text store cannot be read.
    fn published(&self) -> Result<Generation>;

    /// Publishes words: the documents become findable by full text, or vanish. Where no text comes or goes, the
    /// generation stays.
    ///
    /// # Errors
    /// A store cannot be written. Nothing of the batch is then visible.
    fn commit_words(&self, batch: WordsBatch) -> Result<Generation>;

    /// Passages that have no vector yet, newest documents first, at most `limit`, leaving out `except`.
    ///
    /// # Errors
    /// A store cannot be read.
    fn passages_without_vector(&self, limit: usize, except: &[PassageId]) -> Result<Vec<PendingPassage>>;

    /// How many passages have no vector yet.
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn count_without_vector(&self) -> Result<u64>;

    /// Publishes vectors. Those whose passage is no more are dropped.
    ///
    /// # Errors
    /// A store cannot be written. Nothing of the batch is then visible.
    fn commit_vectors(&self, vectors: Vec<PassageVector>) -> Result<Generation>;

    /// The files with pages for OCR, fewest pages first, at most `limit`, leaving out `except` and what cannot be reached.
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn scanned_files(&self, limit: usize, except: &[DocId]) -> Result<Vec<ScannedFile>>;

    /// How many pages wait for OCR.
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn count_scanned(&self) -> Result<u64>;

    /// The pages of the file with these bytes that OCR has read until now.
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn recognised(&self, hash: ContentHash) -> Result<Vec<RecognisedPage>>;

    /// Keeps a page that OCR has read, and what it cost, until the document is published; `false` where no file with these
    /// bytes waits for it any more.
    ///
    /// # Errors
    /// The catalog cannot be written.
    fn keep_recognised(&self, hash: ContentHash, page: &RecognisedPage, milliseconds: u64) -> Result<bool>;

    /// Compacts, builds the vector index when it pays, and purges what no reader holds, if it is due.
    ///
    /// # Errors
    /// A store cannot be written.
    fn maintain(&self) -> Result<()>;
}

/// A passage that waits for its vector.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingPassage {
    /// Its name.
    pub id: PassageId,
    /// What its vector is known by.
    pub key: EmbedKey,
    /// What is to be embedded.
    pub text: String,
    /// The vector of an equal text, if the index has one: it need not be embedded again.
    pub known: Option<Vec<f32>>,
}

/// A passage's vector.
#[derive(Clone, Debug, PartialEq)]
pub struct PassageVector {
    /// The passage.
    pub id: PassageId,
    /// Of unit length.
    pub vector: Vec<f32>,
}

/// The read side of the index.
pub trait SearchIndex: Send + Sync {
    /// Pins one generation of both stores, limited to what `filter` lets through.
    ///
    /// # Errors
    /// A store cannot be read, or the filter is malformed.
    fn snapshot(&self, filter: &Filter) -> Result<Box<dyn Snapshot>>;
}

/// One generation of both stores, pinned.
pub trait Snapshot: Send + Sync {
    /// Which one.
    fn generation(&self) -> Generation;

    /// The best `limit` passages by BM25, best first. No word of the query is required, except that every
    /// phrase in `must` has to stand in the passage, word for word.
    ///
    /// # Errors
    /// The full-text store cannot be read.
    fn lexical(&self, query: &str, must: &[String], limit: usize) -> Result<Vec<Scored>>;

    /// The best `limit` passages by cosine, best first.
    ///
    /// # Errors
    /// The vector store cannot be read, or was built with another embedder.
    fn vector(&self, query: &[f32], limit: usize) -> Result<Vec<Scored>>;

    /// The cosine of each of `ids` with `query`, for those that have a vector, in no particular order.
    ///
    /// # Errors
    /// The vector store cannot be read.
    fn cosines(&self, query: &[f32], ids: &[PassageId]) -> Result<Vec<Scored>>;

    /// The passages called `ids`, in that order; those that the snapshot does not have are left out.
    ///
    /// # Errors
    /// The full-text store cannot be read.
    fn passages(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>>;

    /// The passages of a document whose position is within `from..=to`, in order.
    ///
    /// # Errors
    /// The full-text store cannot be read.
    fn passages_at(&self, doc: DocId, from: u32, to: u32) -> Result<Vec<StoredPassage>>;

    /// The share of the query's words that stand in the passage, each weighted by its rarity (IDF): 0 to 1.
    /// Words that stand nowhere in the index weigh the most.
    ///
    /// # Errors
    /// The full-text store cannot be read.
    fn coverage(&self, query: &str, id: PassageId) -> Result<f32>;

    /// What the catalog knows of the documents, in that order; those that are gone are left out.
    ///
    /// # Errors
    /// The catalog cannot be read.
    fn documents(&self, docs: &[DocId]) -> Result<Vec<DocumentInfo>>;
}

/// A passage and how well it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The passage.
    pub id: PassageId,
    /// The document it stands in.
    pub doc: DocId,
    /// BM25 (no upper bound) or cosine (-1 to 1).
    pub score: f32,
}

/// A passage as the index keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPassage {
    /// Its name.
    pub id: PassageId,
    /// The document it stands in.
    pub doc: DocId,
    /// Its position among the document's passages, from 0.
    pub position: u32,
    /// The text as it stands in the document.
    pub text: String,
    /// Where it stands.
    pub location: Location,
}

/// A document as the catalog knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentInfo {
    /// Its number.
    pub doc: DocId,
    /// Its collection.
    pub collection: String,
    /// Absolute path.
    pub path: PathBuf,
    /// Path relative to its root; the file's name where the root is the file.
    pub relative: PathBuf,
    /// Its title.
    pub title: String,
    /// Media type.
    pub mime: String,
    /// ISO 639-3 code.
    pub language: Option<String>,
    /// Modification time when last read, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Size when last read.
    pub size: u64,
    /// The hash of its bytes when last read.
    pub hash: Option<ContentHash>,
    /// Why its root cannot be reached at present.
    pub unavailable: Option<String>,
}
